"""How fast a model runs on a device: every figure from a fresh process of its own."""

from __future__ import annotations

import re
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

import msgspec

from vggscope.errors import DeviceCrashedError, DeviceTimedOutError
from vggscope.inference.children import ChildCrashedError, ChildTimedOutError, ask_child
from vggscope.inference.devices import Device
from vggscope.inference.probe import sample_frames
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vggscope.zoo.normal_form import Model

BATCHES: Final = (1, 8, 32)
_TIMEOUT: Final = 1800.0
_WARM_RUNS: Final = 2
_LEAST_RUNS: Final = 3
_SECONDS: Final = 4.0
_BATCH_SECONDS: Final = 3.0
_MEGABYTE: Final = 1e6


class Figures(msgspec.Struct, frozen=True):
    """What a device does with a model. Times in milliseconds, from frame to probabilities.

    Attributes:
        load: opening the model: checksums, the engine's own preparation.
        first: the first picture, for which engines choose algorithms and compile.
        median, p95: of one picture at a time.
        bare: median of ONNX Runtime's ``session.run`` alone, on the same session, in turns.
        images_per_second: batch size -> pictures per second.
        bare_images_per_second: the same of ``session.run`` alone.
        peak_memory: of the process until here, before larger batches, in megabytes (10^6 bytes).
        runs: how many pictures were timed for ``median``.
    """

    load: float
    first: float
    median: float
    p95: float
    bare: float
    images_per_second: dict[str, float]
    bare_images_per_second: dict[str, float]
    peak_memory: float
    runs: int

    @property
    def overhead(self) -> float:
        """What all of our work beside the network costs: median ÷ bare."""
        return self.median / self.bare


class _Request(msgspec.Struct, frozen=True):
    model: str
    device: Device
    batches: tuple[int, ...]


def bench(model: Model, device: Device, *, batches: Sequence[int] = BATCHES) -> Figures:
    """Measure ``model`` on ``device`` in a child process.

    Raises:
        ModelError: the model is broken.
        DeviceError: the device cannot run it, crashed, or took more than half an hour.
    """
    request = _Request(str(model.folder), device, tuple(batches))
    try:
        return ask_child("bench", request, Figures, timeout=_TIMEOUT)
    except ChildCrashedError as error:
        raise DeviceCrashedError(device=device.name, reason=str(error)) from error
    except ChildTimedOutError as error:
        raise DeviceTimedOutError(device=device.name, seconds=f"{_TIMEOUT:.0f}") from error


# --- in the child -------------------------------------------------------------------------------


def work(request: bytes) -> Figures:
    """The job of the child: time everything.

    Raises:
        ModelError, DeviceError: see ``bench``.
    """
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415 (in the child alone)

    asked = msgspec.json.decode(request, type=_Request)
    model = find_model(asked.model)
    started = time.perf_counter()
    classifier = Classifier(model, asked.device)
    load = _since(started)
    frames = sample_frames(classifier)
    started = time.perf_counter()
    classifier.classify(frames[0])
    first = _since(started)
    ours, bare = _in_turns(
        partial(classifier.classify, frames[0]), classifier.bare_run(frames[:1]), _SECONDS
    )
    peak_memory = _peak_memory()
    rates, bare_rates = {}, {}
    for batch in asked.batches:
        session = classifier
        if asked.device.made_by.fixed_shapes and batch > 1:
            session = Classifier(model, asked.device, batch=batch)
        pictures = [frames[i % len(frames)] for i in range(batch)]
        both = _in_turns(
            partial(session.classify_batch, pictures),
            session.bare_run(pictures),
            _BATCH_SECONDS,
        )
        rates[str(batch)], bare_rates[str(batch)] = (batch * 1000 / median(t) for t in both)
    return Figures(
        load=load,
        first=first,
        median=median(ours),
        p95=quantiles(ours, n=20, method="inclusive")[-1],
        bare=median(bare),
        images_per_second=rates,
        bare_images_per_second=bare_rates,
        peak_memory=peak_memory,
        runs=len(ours),
    )


def _in_turns(
    ours: Callable[[], object], bare: Callable[[], object], seconds: float
) -> tuple[list[float], list[float]]:
    """Milliseconds of both, called in turns for about ``seconds``."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_WARM_RUNS):
        ours()
        bare()
    deadline = time.perf_counter() + seconds
    while len(times[0]) < _LEAST_RUNS or time.perf_counter() < deadline:
        for call, took in zip((ours, bare), times, strict=True):
            started = time.perf_counter()
            call()
            took.append(_since(started))
    return times


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _peak_memory() -> float:
    """Of this process, in megabytes."""
    import psutil  # noqa: PLC0415 (20 ms)

    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset / _MEGABYTE)
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux' ru_maxrss would be that of our parent, if that was larger when it started us.
        [peak] = re.findall(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"), re.M)
        return int(peak) * 1024 / _MEGABYTE
    import resource  # noqa: PLC0415 (Windows has none)

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE
