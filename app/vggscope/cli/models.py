"""Manage models.

Exit status: 0 done, 2 wrong usage or nothing could be done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vggscope.cli.models_catalogue import (
    add_download,
    add_list,
    add_path,
    add_remove,
    add_verify,
)
from vggscope.cli.models_create import add_create
from vggscope.cli.models_import import add_import
from vggscope.cli.models_quantize import add_quantize

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_ADDERS: Final = (
    add_list,
    add_download,
    add_verify,
    add_remove,
    add_path,
    add_import,
    add_create,
    add_quantize,
)
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
