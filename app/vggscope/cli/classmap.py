"""Show where in a picture the network sees a class.

Exit status: 0 done, 2 wrong usage or nothing could be done.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from vggscope.cli.devices import tell_failures, tell_progress
from vggscope.cli.main import ALL_DONE
from vggscope.cli.options import add_model_options
from vggscope.errors import OutputError
from vggscope.inference.protocols import LARGEST_SCALE, Quantity

if TYPE_CHECKING:
    from vggscope.inference.class_map import ClassMap
    from vggscope.sources.frame import Frame

_SUFFIXES: Final = {".png": "png", ".npy": "npy", ".json": "json"}
_SMALLEST: Final = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("image", metavar="IMAGE", help="a picture")
    parser.add_argument(
        "--class",
        dest="label",
        metavar="LABEL",
        help="a class: its name, the beginning or a part of it, its wnid, or its number from 0 "
        "(default: the most probable one)",
    )
    add_model_options(parser)
    parser.add_argument(
        "--scale",
        type=_scale,
        metavar="Q",
        help="shorter side in pixels at which the network sees the picture: the larger, the more "
        "positions, and the less of the picture each of them sees (default: twice the size that "
        "the model's centre crop is cut from, 512 for VGG)",
    )
    parser.add_argument(
        "--quantity",
        choices=get_args(Quantity),
        default="probability",
        help="what is told of the class at each position (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=sorted(_SUFFIXES.values()),
        help="png: the picture with the map over it; npy: the numbers, [row, column] in float32; "
        "json: the numbers, and where they are (default: by the name of the output, else png)",
    )
    parser.add_argument(
        "--colours", choices=("viridis", "inferno", "gray"), default="viridis", help="of png"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="replaced if it is there (default: a file in the current folder that is named after "
        "the picture and the class; for json, stdout)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compute and write as the arguments say; the exit status."""
    # Engines are imported here, so that "--help" and a wrong option answer at once.
    from vggscope.inference.class_names import find_class  # noqa: PLC0415
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415
    from vggscope.sources.stills import read_still  # noqa: PLC0415

    classifier = Classifier.load(arguments.model, device=arguments.device, progress=tell_progress)
    # What is wrong with the model or the class is told before anything is computed.
    enough = classifier.dense.enough(arguments.scale or classifier.dense.map_scale)
    if arguments.label is not None:
        find_class(classifier.labels, arguments.label, model=classifier.model.name)
    picture = read_still(arguments.image, enough=enough)
    label = arguments.label
    if label is None:
        label = classifier.classify(picture, top=1).predictions[0].index
    found = classifier.class_map(picture, label, scale=arguments.scale, quantity=arguments.quantity)
    output: Path | None = arguments.output
    suffix = "" if output is None else output.suffix.lower()
    form = arguments.format or _SUFFIXES.get(suffix, "png")
    if form == "json" and output is None:
        sys.stdout.write(_json(found, arguments.image))
    else:
        path = output or _default_path(arguments.image, found, form)
        _write(found, picture, path, form, arguments)
        sys.stdout.write(f"{path}\n")
    tell_failures(classifier)
    return ALL_DONE


def _scale(text: str) -> int:
    """The type of an option that is a number of pixels."""
    if not text.isdecimal() or not _SMALLEST <= int(text) <= LARGEST_SCALE:
        reason = f"“{text}” is no number from {_SMALLEST} to {LARGEST_SCALE}"
        raise argparse.ArgumentTypeError(reason)
    return int(text)


def _default_path(image: str, found: ClassMap, form: str) -> Path:
    from vggscope.inference.capture_files import words_for_name  # noqa: PLC0415 (as above)

    name = words_for_name(found.label.label) or str(found.index)
    return Path(f"{Path(image).stem} {name}.{form}")


def _json(found: ClassMap, image: str) -> str:
    from vggscope.inference.class_map_export import as_record  # noqa: PLC0415 (as above)
    from vggscope.inference.report import as_json  # noqa: PLC0415

    return as_json(as_record(found, path=image))


def _write(
    found: ClassMap, picture: Frame, path: Path, form: str, arguments: argparse.Namespace
) -> None:
    """Write ``found`` to ``path``.

    Raises:
        OutputError: it cannot be written, or is the picture itself.
    """
    from vggscope.inference.class_map_export import (  # noqa: PLC0415 (as above)
        overlay_png,
        save_values,
    )
    from vggscope.inference.map_export import save_png, staged  # noqa: PLC0415

    if path.exists() and path.samefile(arguments.image):
        raise OutputError(name=path, reason="it is the picture itself")
    match form:
        case "npy":
            save_values(found, path)
        case "json":
            with staged(path) as stream:
                stream.write(_json(found, arguments.image).encode("utf-8", "backslashreplace"))
        case _:
            save_png(overlay_png(found, picture, colours=arguments.colours), path)
