"""Print versions, engines, devices, models and folders: what a bug report needs.

Exit status: 0 all is well, 1 something should be mended.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from vggscope.cli.main import ALL_DONE, SOME_FAILED
from vggscope.doctor import diagnose

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(arguments: argparse.Namespace) -> int:
    """Print the diagnosis; the exit status."""
    diagnosis = diagnose()
    if arguments.format == "json":
        sys.stdout.write(json.dumps(diagnosis.as_json_object(), indent=1) + "\n")
    else:
        sys.stdout.write(diagnosis.as_text())
    return SOME_FAILED if diagnosis.problems else ALL_DONE
