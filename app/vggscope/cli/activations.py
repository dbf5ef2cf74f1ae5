"""Write what layers of a network make of a picture: all numbers, or statistics of each channel.

Exit status: 0 all written, 1 some layers could not be computed (the others are written), 2 wrong
usage or nothing could be done.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import numpy as np

from vggscope.cli.devices import tell_progress
from vggscope.cli.main import ALL_DONE, SOME_FAILED
from vggscope.cli.options import add_model_options
from vggscope.errors import (
    ChannelNotFoundError,
    InferenceError,
    NoReluError,
    VggscopeError,
)
from vggscope.inference.capture_files import make_folder, words_for_name
from vggscope.inference.colour_maps import COLOUR_MAPS
from vggscope.inference.map_export import (
    channel_png,
    grid_png,
    save_csv,
    save_npy,
    save_npz,
    save_png,
)
from vggscope.inference.map_pictures import Order, channel_order
from vggscope.inference.map_pictures import grid as grid_of
from vggscope.zoo.normal_form import Fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vggscope.inference.classifier import Classifier
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.map_pictures import Normalisation

    _Writer = Callable[[Iterable[FeatureMaps], "_Names", argparse.Namespace], Iterator[Path]]
    from vggscope.sources.frame import Frame

_ALL: Final = "all"
_ASPECT: Final = 4 / 3
"""Of pictures: width ÷ height."""
_LARGEST: Final = 3e38
"""What float32 can hold."""
_MOST_CHANNELS: Final = 1_000_000
"""Of a range: far more than any layer has, far fewer than a list of them takes memory for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("image", metavar="IMAGE", help="a picture")
    parser.add_argument(
        "--layer",
        action="append",
        required=True,
        metavar="L",
        help=f"name of a layer, see “vggscope layers”; may be given several times; “{_ALL}” is "
        "every layer",
    )
    parser.add_argument(
        "--channels",
        type=_channels,
        metavar="C",
        help="only these, counted from 0, in this order: 0,5,7-9 (default: all)",
    )
    parser.add_argument(
        "--before-relu",
        action="store_true",
        help=f"what the ReLU of a layer gets; with “{_ALL}”, of those that have one",
    )
    add_model_options(parser)
    parser.add_argument(
        "--fit",
        choices=get_args(Fit),
        help="how a picture becomes a square (default: as the model was published)",
    )
    parser.add_argument(
        "--format",
        choices=sorted(_WRITERS),
        default="png",
        help="png: a picture of all channels for each layer; npy: the numbers, a file for each "
        "layer, [channel, row, column] in float32; npz: all layers in one file; csv: statistics of "
        "each channel, all layers in one file (default: %(default)s)",
    )
    pictures = parser.add_argument_group("pictures")
    pictures.add_argument(
        "--colours", choices=COLOUR_MAPS, default=COLOUR_MAPS[0], help="default: %(default)s"
    )
    pictures.add_argument(
        "--range",
        type=_range,
        default=("channel", (0.0, 1.0)),
        metavar="R",
        help="what the colours go from and to: of each “channel”, of the whole “layer”, or two "
        "numbers as LO:HI, written --range=LO:HI if the first is negative (default: channel)",
    )
    pictures.add_argument(
        "--sort",
        choices=get_args(Order),
        default="index",
        help="which channels come first: the strongest by mean or max, or those with the most "
        "zeros (default: by their numbers)",
    )
    pictures.add_argument(
        "--alive-only", action="store_true", help="leave out channels that are 0 everywhere"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where the files go; it is made if it is missing, files of the same names are "
        "replaced (default: the current folder)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compute and write as the arguments say, and print the files' names; the exit status."""
    # Engines are imported here, so that "--help" and a wrong option answer at once.
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415
    from vggscope.sources.stills import read_still  # noqa: PLC0415

    classifier = Classifier.load(
        arguments.model, device=arguments.device, fit=arguments.fit, progress=tell_progress
    )
    layers = _chosen_layers(
        classifier, arguments.layer, arguments.channels, before_relu=arguments.before_relu
    )
    picture = read_still(arguments.image, enough=classifier.enough)
    folder: Path = arguments.output
    make_folder(folder)
    suffix = " before ReLU" if arguments.before_relu else ""
    names = _Names(folder, Path(arguments.image).stem, suffix)
    failures: list[InferenceError] = []
    results = _computed(
        classifier,
        picture,
        layers,
        before_relu=arguments.before_relu,
        failures=failures,
    )
    for path in _WRITERS[arguments.format](results, names, arguments):
        sys.stdout.write(f"{path}\n")
        sys.stdout.flush()
    for failure in failures:
        _tell(failure)
    if classifier.failure is not None:
        _tell(classifier.failure)
    return SOME_FAILED if failures else ALL_DONE


def _channels(text: str) -> list[int]:
    """The type of an option like "0,5,7-9"."""
    chosen: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 0 <= last - first < _MOST_CHANNELS:
            raise argparse.ArgumentTypeError(f"“{text}” is no list of channels such as 0,5,7-9")
        chosen += range(first, last + 1)
    return list(dict.fromkeys(chosen))


def _range(text: str) -> tuple[Normalisation, tuple[float, float]]:
    """The type of an option that is "channel", "layer" or two numbers."""
    match text.split(":"):
        case ["channel"]:
            return "channel", (0.0, 1.0)
        case ["layer"]:
            return "layer", (0.0, 1.0)
        case [low, high]:
            with contextlib.suppress(ValueError):
                fixed = float(low), float(high)
                if fixed[0] < fixed[1] and all(abs(bound) < _LARGEST for bound in fixed):
                    return "fixed", fixed
    raise argparse.ArgumentTypeError(f"“{text}” is neither channel nor layer nor LO:HI")


def _chosen_layers(
    classifier: Classifier,
    wanted: Sequence[str],
    channels: Sequence[int] | None,
    *,
    before_relu: bool,
) -> list[str]:
    """The names of the layers in question, each once: nothing is computed if one is wrong.

    Raises:
        LayerError: there is no such layer, or it lacks a ReLU or a channel that was asked for.
    """
    reader = classifier.layers
    with_relu = [site.layer.name for site in reader.anatomy.sites if site.before is not None]
    every = with_relu if before_relu else [site.layer.name for site in reader.anatomy.sites]
    names: list[str] = []
    for name in wanted:
        names += every if name == _ALL and reader.anatomy.find(_ALL) is None else [name]
    names = list(dict.fromkeys(names))
    for name in names:
        layer = reader.site(name).layer
        if before_relu and name not in with_relu:
            raise NoReluError(layer=name, known=", ".join(with_relu))
        last = layer.output_shape[-1] - 1
        if channels is not None and max(channels) > last:
            raise ChannelNotFoundError(layer=name, channel=max(channels), last=last)
    return names


def _computed(
    classifier: Classifier,
    picture: Frame,
    layers: Sequence[str],
    *,
    before_relu: bool,
    failures: list[InferenceError],
) -> Iterator[FeatureMaps]:
    """Layer after layer; those that the device cannot compute go to ``failures``.

    Raises:
        InferenceError: not one could be computed.
    """
    done = False
    for layer in layers:
        try:
            maps = classifier.activations(picture, layer, before_relu=before_relu)
        except InferenceError as error:
            failures.append(error)
            continue
        done = True
        yield maps
    if failures and not done:
        raise failures[-1]


# --- files ------------------------------------------------------------------------------------


class _Names:
    """Names for the files of one picture."""

    def __init__(self, folder: Path, stem: str, suffix: str) -> None:
        self._folder, self._stem, self._suffix = folder, stem, suffix
        self._taken: set[str] = set()

    def path(self, what: str, extension: str) -> Path:
        """The path of a file about ``what``: another one each time."""
        fit = candidate = words_for_name(what)
        number = 1
        # Two layers may differ by a slash alone, or, for some file systems, by capitals.
        while candidate.casefold() in self._taken:
            number += 1
            candidate = f"{fit} {number}"
        self._taken.add(candidate.casefold())
        return self._folder / f"{self._stem} {candidate}{self._suffix}.{extension}"


def _write_png(
    results: Iterable[FeatureMaps], names: _Names, arguments: argparse.Namespace
) -> Iterator[Path]:
    normalisation, fixed = arguments.range
    symmetric = arguments.colours == "diverging"
    for maps in results:
        order = channel_order(maps, arguments.sort, alive_only=arguments.alive_only)
        if arguments.channels is not None:
            chosen = np.array(arguments.channels, np.intp)
            alive = chosen[np.isin(chosen, order)]
            # As they were named, unless they are to be sorted.
            order = alive if arguments.sort == "index" else order[np.isin(order, alive)]
        if len(order) == 1:
            picture = channel_png(
                maps,
                int(order[0]),
                colours=arguments.colours,
                normalisation=normalisation,
                fixed=fixed,
                symmetric=symmetric,
            )
        else:
            grid = grid_of(
                maps,
                order=order,
                normalisation=normalisation,
                fixed=fixed,
                symmetric=symmetric,
                aspect=_ASPECT,
            )
            picture = grid_png(maps, grid, colours=arguments.colours, normalisation=normalisation)
        path = names.path(maps.layer.name, "png")
        save_png(picture, path)
        yield path


def _write_npy(
    results: Iterable[FeatureMaps], names: _Names, arguments: argparse.Namespace
) -> Iterator[Path]:
    for maps in results:
        path = names.path(maps.layer.name, "npy")
        save_npy(maps, path, channels=arguments.channels)
        yield path


def _write_together(
    save: Callable[..., None],
    what: str,
    extension: str,
) -> _Writer:
    """A writer of one file about all layers."""

    def write(
        results: Iterable[FeatureMaps], names: _Names, arguments: argparse.Namespace
    ) -> Iterator[Path]:
        path = names.path(what, extension)
        save(results, path, channels=arguments.channels)
        yield path

    return write


_WRITERS: Final[dict[str, _Writer]] = {
    "csv": _write_together(save_csv, "statistics", "csv"),
    "npy": _write_npy,
    "npz": _write_together(save_npz, "activations", "npz"),
    "png": _write_png,
}


def _tell(error: VggscopeError) -> None:
    sys.stderr.write(f"vggscope: {error.message} {error.remedy}\n")
