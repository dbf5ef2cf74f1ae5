"""Print the licences of VGGscope and of all that it comes with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vggscope import notices
from vggscope.cli.main import ALL_DONE

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: there are none."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Print them; the exit status."""
    del arguments
    sys.stdout.write(notices.all_licences())
    return ALL_DONE
