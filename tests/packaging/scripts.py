"""The scripts in ``packaging/``, which are no package's modules."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

TOP = Path(__file__).parents[2]


def script(name: str, *folders: str) -> ModuleType:
    """A module of ``packaging/`` and of ``folders`` in it, whose modules find each other."""
    for folder in ("", *folders):
        place = str(TOP / "packaging" / folder)
        if place not in sys.path:
            sys.path.append(place)
    return importlib.import_module(name)
