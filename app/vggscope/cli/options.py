"""Options that several commands have in common."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, get_args

from vggscope.inference.protocols import CENTRE, PROTOCOLS
from vggscope.inference.report import DEFAULT_TOP
from vggscope.zoo.models import DEFAULT_MODEL
from vggscope.zoo.normal_form import Fit

if TYPE_CHECKING:
    from collections.abc import Callable

    Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_MOST_CLASSES: Final = 1000


def add_model_options(parser: argparse._ActionsContainer) -> None:
    """Declare what runs on what: ``model`` and ``device`` of the parsed arguments."""
    parser.add_argument("--model", default=DEFAULT_MODEL, help="default: %(default)s")
    parser.add_argument(
        "--device",
        default="auto",
        help="see “vggscope devices” (default: %(default)s, the fastest verified one)",
    )


def add_classifier_options(parser: argparse._ActionsContainer) -> None:
    """Declare what runs on what, how it sees a picture, and how much is told of it.

    They become ``model``, ``device``, ``exact``, ``top`` and ``fit`` of the parsed arguments.
    """
    add_model_options(parser)
    parser.add_argument("--exact", action="store_true", help="compute in fp32 only")
    parser.add_argument(
        "--top",
        type=count_up_to(_MOST_CLASSES),
        default=DEFAULT_TOP,
        metavar="K",
        help=f"how many classes (1-{_MOST_CLASSES}, default: %(default)s)",
    )
    parser.add_argument(
        "--fit",
        choices=get_args(Fit),
        help="how a picture becomes the square of the single centre crop (default: as the model "
        "was published)",
    )


def add_protocol_option(parser: argparse._ActionsContainer) -> None:
    """Declare how often and how large pictures are looked at: ``protocol`` of the arguments."""
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default=CENTRE,
        help="centre: the crop in the middle; 10-crop: the corners, too, and all of them as in a "
        "mirror, 10 times the work; dense: all of the picture at three sizes, and as in a mirror, "
        "about 25 times the work for a photo of 4:3 (default: %(default)s)",
    )


def count_up_to(most: int) -> Callable[[str], int]:
    """The type of an option that is a whole number from 1 to ``most``."""

    def count(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"“{text}” is no number from 1 to {most}")
        return int(text)

    return count


def line(text: str) -> str:
    """The type of an option that is a text for people: not empty, and on one line."""
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("it has to be a line of text")
    return text


def add_action(
    actions: Actions, name: str, about: str, action: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """Declare ``name``, an action of a command, which ``action`` does; its parser.

    Args:
        actions: those of the command.
        name: what the user types.
        about: one sentence without capital and full stop.
        action: called with the parsed arguments; returns the exit status.
    """
    parser = actions.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    # The options of all commands are taken after the action, too; before it they are in the help.
    parser.add_argument("--data-dir", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument(
        "--verbose", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    parser.set_defaults(action=action)
    return parser
