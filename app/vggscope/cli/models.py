"""Manage models.

Exit status: 0 done, 2 wrong usage or nothing could be done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vggscope.cli.models_quantize import add_quantize

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_ADDERS: Final = (add_quantize,)
"""What declares an action each, in the order of the help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's actions and their arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for add in _ADDERS:
        add(actions)


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says; the exit status."""
    action: Callable[[argparse.Namespace], int] = arguments.action
    return action(arguments)
