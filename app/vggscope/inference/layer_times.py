"""How long each layer takes, by ONNX Runtime's own profiler.

The profiler tells of the nodes that a session really runs: after fusion, a convolution and its
ReLU are one. It names them after a node or a tensor of the graph, with a suffix.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from vggscope.errors import Cancelled
from vggscope.inference.devices import cpu_device
from vggscope.inference.opening import run_failure
from vggscope.inference.preprocessing import Preprocessor
from vggscope.inference.runtime import Cancellation, Session
from vggscope.inference.shared_weights import shared_weights
from vggscope.sources.frame import Frame, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vggscope.inference.devices import Device
    from vggscope.vgg.anatomy import Anatomy
    from vggscope.zoo.normal_form import Model

_RUNS: Final = 5
_KERNEL: Final = "_kernel_time"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTimes:
    """What a run of a network spends its time on.

    Attributes:
        device: that it was measured on, for people.
        is_substitute: whether that is the CPU in place of a device that runs the network as one
            piece, of whose parts nothing is known.
        milliseconds: layer -> median of the runs; layers that cost nothing (a ReLU that is part of
            its convolution, a Flatten) may be missing.
        other: milliseconds of what belongs to no layer: copies from one memory layout to another,
            quantising the input.
        total: milliseconds of the whole run, profiling included.
        runs: how many were measured, after one to warm up.
    """

    device: str
    is_substitute: bool
    milliseconds: Mapping[str, float]
    other: float
    total: float
    runs: int


class _Event(msgspec.Struct, rename={"start": "ts", "duration": "dur", "category": "cat"}):
    """One entry of the trace: microseconds."""

    name: str
    start: int = 0
    duration: int = 0
    category: str = ""


def measure_layers(
    model: Model,
    anatomy: Anatomy,
    device: Device,
    *,
    runs: int = _RUNS,
    cancellation: Cancellation | None = None,
) -> LayerTimes:
    """Run ``model`` some times in a session of its own, and see where the time goes.

    Args:
        model: what to run, on noise: no layer of a classifier takes longer for one picture than
            for another.
        anatomy: of that model.
        device: where. If it tells nothing of the layers, the CPU is measured instead.
        runs: how many.
        cancellation: ends it, in mid-network if need be.

    Raises:
        InferenceError: the device failed.
        Cancelled: ``cancellation`` was asked for.
    """
    cancellation = cancellation or Cancellation()
    rounds, total = _profile(model, anatomy, device, runs, cancellation)
    is_substitute = not device.is_cpu and not any(set(each) - {""} for each in rounds)
    if is_substitute:
        device = cpu_device()
        rounds, total = _profile(model, anatomy, device, runs, cancellation)
    layers = {name: median(r.get(name, 0) for r in rounds) / 1000 for name in set().union(*rounds)}
    other = layers.pop("", 0.0)
    order = [layer.name for layer in anatomy.network.layers if layer.name in layers]
    return LayerTimes(
        device=device.name,
        is_substitute=is_substitute,
        milliseconds={name: layers[name] for name in order},
        other=other,
        total=total,
        runs=runs,
    )


def _profile(
    model: Model, anatomy: Anatomy, device: Device, runs: int, cancellation: Cancellation
) -> tuple[list[dict[str, int]], float]:
    """For each run, layer ("" for none) -> microseconds; and milliseconds of the median run."""
    spec = model.description.input
    pixels = np.random.default_rng(0).integers(0, 256, (spec.height, spec.width, 3), np.uint8)
    noise = Frame(pixels=pixels, size=(spec.width, spec.height), origin=Origin(name="noise"))
    values = Preprocessor(spec, fit="stretch").tensor(noise).values[np.newaxis]
    try:
        with TemporaryDirectory(prefix="vggscope-", ignore_cleanup_errors=True) as folder:
            session = Session(
                model.graph_path,
                device,
                shape=values.shape,
                identity=model.identity,
                shared=shared_weights(model, device),
                profile=Path(folder),
            )
            output = [model.description.output.probabilities]
            for _ in range(runs + 1):
                session.run(output, {spec.name: values}, cancellation)
            trace = msgspec.json.decode(session.profiled(), type=list[_Event])
    except Cancelled:
        raise
    except Exception as error:
        _log.exception("%s could not be profiled on %s", model.name, device.key)
        raise run_failure(model, device, error) from error
    layer_of = _layers_by_name(anatomy)
    nodes = [event for event in trace if event.category == "Node" and event.name.endswith(_KERNEL)]
    whole = [event for event in trace if event.name == "model_run"][1:]
    rounds = []
    for run in whole:
        spent: dict[str, int] = {}
        for node in nodes:
            if run.start <= node.start < run.start + run.duration:
                layer = _layer_called(node.name.removesuffix(_KERNEL), layer_of)
                spent[layer] = spent.get(layer, 0) + node.duration
        rounds.append(spent)
    return rounds, median(run.duration for run in whole) / 1000


def _layers_by_name(anatomy: Anatomy) -> dict[str, str]:
    return {name: site.layer.name for site in anatomy.sites for name in site.nodes}


def _layer_called(name: str, layer_of: Mapping[str, str]) -> str:
    """The layer whose node or tensor ``name`` begins with, the longest one; "" if there is none."""
    for end in range(len(name), 0, -1):
        # "conv1_10" is no other form of "conv1_1", but "conv1_1_nchwc" is.
        if (end == len(name) or not name[end].isalnum()) and name[:end] in layer_of:
            return layer_of[name[:end]]
    return ""
