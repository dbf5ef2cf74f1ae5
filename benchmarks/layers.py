#!/usr/bin/env python3
"""What it costs to look into a layer: of moving pictures, and of a photo.

python benchmarks/layers.py [--model NAME …] [--device KEY …] [--quick] [--json FILE]

For conv1_1, conv3_3, conv5_3, fc6 and prob, on each device:
- a frame that is classified and whose layer is handed out (``Classifier.tap``) ÷ one that is only
  classified; and with the picture of all maps made after every frame, too, which the window does
  on another core, and not more than 15 times a second;
- from a click on a layer to its picture: of the photo that is shown, whose layers are all known
  by then, and of a new one, beside ``Classifier.classify`` on the device. Layers of photos are
  computed by the CPU, in fp32, also where another device classifies (docs/adr/0008).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from _harness import Report, add_models, alternate, classifiers, parser, timed
from _photos import samples
from vggscope import Classifier
from vggscope.errors import LayerNotFoundError
from vggscope.inference.devices import cpu_device
from vggscope.inference.layer_reader import LayerReader
from vggscope.inference.map_views import Look, channel_picture, maps_picture
from vggscope.inference.tap import Tap
from vggscope.sources.stills import read_still

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.sources.frame import Frame

LAYERS = ("conv1_1", "conv3_3", "conv5_3", "fc6", "prob")
REACH = 0.35
REST = 0.03
SLACK = 50
LOOK = Look(order="mean")


def main() -> None:
    """Measure and print."""
    options = parser(__doc__)
    add_models(options)
    arguments = options.parse_args()
    report = Report("layers", arguments)
    rounds = 6 if arguments.quick else 20
    frame = read_still(samples()[0])
    for model in arguments.model:
        for lean in classifiers(model, arguments.device):
            name = f"{model} on {lean.device.name}"
            of_moving_pictures(report, name, lean, frame, rounds)
            of_a_photo(report, name, lean, frame, rounds)
    report.finish()


def of_moving_pictures(
    report: Report, name: str, lean: Classifier, frame: Frame, rounds: int
) -> None:
    """A layer from the run that classifies."""
    tapped = Classifier.load(lean.model, device=lean.device)

    def drawn() -> None:
        _, maps = tapped.classify_tapped(frame)
        if maps is not None:
            draw(maps)

    for layer in chosen(lean):
        tapped.tap(Tap(layer))
        rivals = {
            "classified": partial(lean.classify_tapped, frame),
            "handed out": partial(tapped.classify_tapped, frame),
            "handed out and drawn": drawn,
        }
        times = alternate(
            {what: timed(run) for what, run in rivals.items()}, rounds=rounds, warm=2, rest=REST
        )
        for what in [key for key in times if key != "classified"]:
            extra = [
                max(0.0, more - less)
                for more, less in zip(times[what], times["classified"], strict=True)
            ]
            report.ratio(
                f"{name}: {layer}, {what}: extra time ÷ a frame that is only classified",
                extra,
                times["classified"],
                at_most=REACH if what == "handed out" else None,
            )


def of_a_photo(report: Report, name: str, lean: Classifier, known: Frame, rounds: int) -> None:
    """From a click on a layer to its picture, as the window has it: on the CPU, in fp32."""
    reader = LayerReader(lean.model, cpu_device())
    for layer in chosen(lean):
        rivals: dict[str, Callable[[], object]] = {
            "classify": partial(lean.classify, known),
            f"{layer} of a new photo": lambda layer=layer: draw(reader.look(replace(known), layer)),
        }
        fresh = alternate(
            {what: timed(work) for what, work in rivals.items()}, rounds=rounds, warm=2, rest=REST
        )
        # Apart from the others: with each new photo, the reader forgets the one before.
        reader.look(known, layer)
        again = f"{layer} of a known photo"
        click = timed(lambda layer=layer: draw(reader.look(known, layer)))
        times = fresh | alternate({again: click}, rounds=rounds, warm=2, rest=REST)
        report.times(f"{name}, {layer}", times)
        clicks = 1000 * median(times[again])
        report.fact(
            f"{name}: from a click on {layer}, of the photo that is shown, to its picture",
            round(clicks, 1),
            f"{clicks:.1f} ms, to reach ≤ {SLACK}"
            + (": reached" if clicks <= SLACK else ": MISSED"),
        )
        waits = [
            1000 * (new - less)
            for new, less in zip(times[f"{layer} of a new photo"], times["classify"], strict=True)
        ]
        report.fact(
            f"{name}: {layer} of a new photo, beyond classify",
            round(median(waits), 1),
            f"{median(waits):.1f} ms, to reach ≤ {SLACK}"
            + (": reached" if median(waits) <= SLACK else ": MISSED"),
        )


def draw(maps: FeatureMaps) -> object:
    """What the window shows of a layer: all maps, and one of them."""
    return maps_picture(maps, LOOK), channel_picture(maps, 0, LOOK)


def chosen(classifier: Classifier) -> list[str]:
    """The layers in question, as far as the network has them."""
    names = []
    for layer in LAYERS:
        try:
            names.append(classifier.layers.site(layer).layer.name)
        except LayerNotFoundError:
            print(f"{classifier.model.name} has no {layer}")
    return names


if __name__ == "__main__":
    main()
