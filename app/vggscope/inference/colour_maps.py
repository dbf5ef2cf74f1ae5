"""Colour maps: which colour stands for which level of a feature map."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from vggscope import paths

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS: Final = 255
"""How many levels there are: one less than 8 bits can tell apart, which is for gaps."""
COLOUR_MAPS: Final = ("viridis", "inferno", "gray", "diverging")
"""The names. All but the last one grow lighter from the lowest level to the highest; the last one
goes from blue over white, level 127, to red, and wants a range that is symmetric about 0."""


def table(name: str) -> NDArray[np.uint8]:
    """The colours of levels 0..254: RGB, uint8 [255, 3], read-only.

    Raises:
        ValueError: there is no such colour map.
    """
    if name not in COLOUR_MAPS:
        raise ValueError(f"no colour map is called {name}")
    return _tables()[name]


@cache
def _tables() -> dict[str, NDArray[np.uint8]]:
    # Where the colours come from, and under which licence, is said in the file itself.
    record = json.loads(paths.resource("colour_maps.json").read_text(encoding="utf-8"))
    tables = {}
    for name in COLOUR_MAPS:
        colours = np.frombuffer(bytes.fromhex("".join(record["maps"][name]["colours"])), np.uint8)
        # Of immutable bytes, and therefore read-only itself.
        tables[name] = colours.reshape(LEVELS, 3)
    return tables
