"""The one form in which pictures travel through the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a frame came from.

    Attributes:
        name: what to call it in front of a user (a file name, "Pasted picture 2").
        path: the file, where there is one.
    """

    name: str
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """An upright sRGB picture, ready for the network and for the screen.

    Attributes:
        pixels: uint8 [H, W, 3], RGB, C-contiguous. May hold fewer pixels than the picture has,
            where the reader was told how many are enough.
        size: (width, height) in pixels of the whole upright picture; crop boxes are in these
            coordinates.
        origin: where it came from.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    origin: Origin
