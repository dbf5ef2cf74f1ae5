"""``vggscope models create``: a network of the VGG family with random weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vggscope.cli.main import ALL_DONE
from vggscope.cli.options import add_action, count_up_to, line
from vggscope.cli.progress_bars import BytesBar
from vggscope.inference.report import as_json
from vggscope.sources.finding import display_name
from vggscope.vgg import configs
from vggscope.zoo.choices import IMAGENET_LABELS
from vggscope.zoo.class_labels import NUMBERS
from vggscope.zoo.creating import LARGEST_SIZE, MOST_CLASSES, create_model
from vggscope.zoo.installing import sweep
from vggscope.zoo.meter import size_text

if TYPE_CHECKING:
    from vggscope.cli.options import Actions
    from vggscope.zoo.class_labels import Naming
    from vggscope.zoo.normal_form import Model

IMAGENET: Final = "imagenet"
"""What users may call ImageNet's labels."""


def add_create(actions: Actions) -> None:
    """Declare the action."""
    about = "make a VGG network with random weights, for lessons and benchmarks"
    parser = add_action(actions, "create", about, _create)
    letters = ", ".join(config.letter for config in configs.FAMILY.values())
    parser.add_argument(
        "--config",
        required=True,
        metavar="NET",
        help=f"a column of the paper's table 1 ({letters}), or one of: "
        f"{', '.join(configs.CONFIGS)}",
    )
    parser.add_argument(
        "--classes",
        type=count_up_to(MOST_CLASSES),
        default=1000,
        metavar="N",
        help="units of the last layer (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=count_up_to(LARGEST_SIZE),
        default=224,
        metavar="N",
        help="side of the pictures that go in, in pixels (default: %(default)s)",
    )
    parser.add_argument(
        "--width",
        type=_width,
        default=1.0,
        metavar="X",
        help="factor for the channels and units of the hidden layers; a fraction such as 1/8 "
        "makes a network that is quick (default: 1)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the random numbers; the same one makes the same weights (default: %(default)s)",
    )
    parser.add_argument("--name", help="of the new model (default: NET-untrained)")
    parser.add_argument("--title", type=line, help="of the new model, as the window shows it")
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help=f"names of the classes: text with one per line, CSV or JSON; or “{IMAGENET}”, or "
        f"“{NUMBERS}” (default: ImageNet's for 1000 classes, else numbers)",
    )
    parser.add_argument(
        "--replace", action="store_true", help="take the place of a model that has the name"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.epilog = "What it answers is random: wherever its predictions are shown, they say so."


def naming_of(text: str | None) -> Naming:
    """What was said of labels, as the zoo takes it."""
    if text is None or text == NUMBERS:
        return None if text is None else NUMBERS
    return IMAGENET_LABELS if text in {IMAGENET, IMAGENET_LABELS} else Path(text)


def _width(text: str) -> float:
    numerator, _, denominator = text.partition("/")
    try:
        return float(numerator) / float(denominator or 1)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"“{text}” is no number such as 0.25 or 1/4") from None


def _create(arguments: argparse.Namespace) -> int:
    sweep()
    with BytesBar(arguments.name or arguments.config) as bar:
        model = create_model(
            arguments.config,
            classes=arguments.classes,
            size=arguments.size,
            seed=arguments.seed,
            width=arguments.width,
            name=arguments.name,
            title=arguments.title,
            labels=naming_of(arguments.labels),
            replace=arguments.replace,
            progress=bar,
        )
    if arguments.format == "json":
        sys.stdout.write(as_json(_as_json_object(model)))
    else:
        sys.stdout.write(_as_text(model))
    return ALL_DONE


def _as_json_object(model: Model) -> dict[str, Any]:
    network = model.anatomy().network
    return {
        "model": model.name,
        "title": model.title,
        "folder": str(model.folder),
        "megabytes": round(model.bytes / 1e6, 3),
        "parameters": network.parameters,
        "trainable": network.trainable,
        "macs": network.macs,
        "classes": network.layers[-1].output_shape[-1],
        "untrained": model.description.untrained,
    }


def _as_text(model: Model) -> str:
    network = model.anatomy().network
    height, width, _ = network.input_shape
    return (
        f"{model.name} is installed: {network.parameters:,} parameters, random and untrained; "
        f"{network.layers[-1].output_shape[-1]:,} classes, {height} × {width}, "
        f"{size_text(model.bytes)}\n"
        f"{display_name(str(model.folder))}\n"
    )
