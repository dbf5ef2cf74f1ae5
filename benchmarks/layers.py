#!/usr/bin/env python3
"""What it costs to look into a layer: beside the probabilities of a frame, and of a photo.

python benchmarks/layers.py [--model NAME …] [--device KEY …] [--quick] [--json FILE]

Three things, for conv1_1, conv3_3, conv5_3, fc6 and prob, on each device:
- a run that hands out the layer as well ÷ one that hands out the probabilities alone: whole, and
  maps of more than 112 pixels as maxima of 4 × 4 blocks (what moving pictures will show);
- from a photo that was not looked at before to the picture of all its maps (``LayerReader`` and
  ``map_pictures``), beside ``Classifier.classify``: no more than 50 ms more;
- the picture alone: what another layer of the same photo takes on the CPU.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from _harness import Report, alternate, parser, timed
from _photos import samples
from vggscope import Classifier
from vggscope.errors import DeviceError, LayerNotFoundError
from vggscope.inference.map_pictures import channel_order, grid
from vggscope.inference.runtime import Cancellation, Session
from vggscope.sources.stills import read_still
from vggscope.vgg.surgery import Output, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.layer_reader import LayerReader
    from vggscope.sources.frame import Frame
    from vggscope.vgg.anatomy import Site

LAYERS = ("conv1_1", "conv3_3", "conv5_3", "fc6", "prob")
REACH = 0.35
SHRINK = 4
LARGE = 112
REST = 0.03
SLACK = 50


def main() -> None:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--model", nargs="+", default=["vgg16-compact", "vgg16-compact-int8"])
    options.add_argument("--device", nargs="+", default=["cpu", "openvino"])
    arguments = options.parse_args()
    report = Report("layers", arguments)
    rounds = 6 if arguments.quick else 20
    for model in arguments.model:
        for device in arguments.device:
            try:
                classifier = Classifier.load(model, device=device)
            except DeviceError as error:
                print(f"{model} on {device}: {error.message}")
                continue
            name = f"{model} on {classifier.device.name}"
            beside_the_probabilities(report, name, classifier, rounds)
            of_a_photo(report, name, classifier, rounds)
    report.finish()


def beside_the_probabilities(
    report: Report, name: str, classifier: Classifier, rounds: int
) -> None:
    """A layer as a second output."""
    reader = classifier.layers
    spec = classifier.model.description.input
    feeds = {spec.name: np.random.default_rng(0).uniform(-100, 100, spec.shape(1)).astype("f4")}
    graph = classifier.model.graph()
    prob = Output.of(reader.anatomy.sites[-1], name="probabilities")

    def running(*more: Output) -> Callable[[], object]:
        part = cut(graph, [prob, *more]).SerializeToString()
        session = Session(
            part,
            classifier.device,
            shape=spec.shape(1),
            identity=hashlib.sha256(part).hexdigest(),
            weights=classifier.model.folder,
        )
        outputs = [output.name for output in (prob, *more)]
        return partial(session.run, outputs, feeds, Cancellation())

    lean = running()
    for site in chosen(reader):
        rivals = {"alone": lean, "whole": running(Output.of(site, name="layer"))}
        height, width = (*site.layer.output_shape, 1)[:2]
        if max(height, width) > LARGE and len(site.layer.output_shape) == 3:
            rivals["maxima"] = running(Output.of(site, name="layer", shrink=SHRINK))
        times = alternate(
            {what: timed(run) for what, run in rivals.items()}, rounds=rounds, warm=2, rest=REST
        )
        shown = "maxima" if "maxima" in times else "whole"
        for what in [key for key in times if key != "alone"]:
            extra = [max(0.0, a - b) for a, b in zip(times[what], times["alone"], strict=True)]
            report.ratio(
                f"{name}: {site.layer.name}, {what}: extra time ÷ a run for the probabilities",
                extra,
                times["alone"],
                at_most=REACH if what == shown else None,
            )


def of_a_photo(report: Report, name: str, classifier: Classifier, rounds: int) -> None:
    """From a photo, or another layer of it, to the picture of all maps."""
    known = read_still(samples()[0])

    def frame() -> Frame:
        return replace(known)

    def pictured(maps: FeatureMaps) -> object:
        return grid(maps, order=channel_order(maps, "mean"), aspect=1.5)

    for site in chosen(classifier.layers):
        layer = site.layer.name
        maps = classifier.activations(known, layer)
        # Layer by layer: a reader keeps few sessions where it has to cut the graph.
        rivals: dict[str, Callable[[], object]] = {
            "classify": partial(classifier.classify, known),
            f"{layer} of a new photo": lambda layer=layer: pictured(
                classifier.activations(frame(), layer)
            ),
            f"{layer}: the picture alone": partial(pictured, maps),
        }
        measured = {what: timed(work) for what, work in rivals.items()}
        times = alternate(measured, rounds=rounds, warm=2, rest=REST)
        report.times(f"{name}, {layer}", times)
        waits = [
            1000 * (new - lean)
            for new, lean in zip(times[f"{layer} of a new photo"], times["classify"], strict=True)
        ]
        report.fact(
            f"{name}: {layer} of a new photo, beyond classify",
            round(median(waits), 1),
            f"{median(waits):.1f} ms, to reach ≤ {SLACK}"
            + (": reached" if median(waits) <= SLACK else ": MISSED"),
        )


def chosen(reader: LayerReader) -> list[Site]:
    """The layers in question, as far as the network has them."""
    sites = []
    for layer in LAYERS:
        try:
            sites.append(reader.site(layer))
        except LayerNotFoundError:
            print(f"{reader.model.name} has no {layer}")
    return sites


if __name__ == "__main__":
    main()
