"""The forms in which pictures travel through the program.

Cheap to import (no Pillow, no numpy): the window needs the names before its engine is loaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

REDUCING_GAP: Final = 2.0
"""Pillow's ratio between the cheap box reduction and the exact filter after it. Of a 1080p frame,
2 takes 3 ms and moves a probability by 0.01 (at most 0.04); 3 takes 4.5 ms and moves none."""

Box = tuple[float, float, float, float]
"""left, top, right, bottom: edges, not centres."""


class Picture(Protocol):
    """Whatever a network can look at."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels of the whole upright picture."""
        ...

    def resample(self, box: Box, size: tuple[int, int]) -> NDArray[np.uint8]:
        """A part of the picture, with its details averaged: uint8 [height, width, 3], sRGB.

        Args:
            box: the part, in the coordinates of ``self.size``; not beyond the picture.
            size: (width, height) of the result.
        """
        ...


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

    def resample(self, box: Box, size: tuple[int, int]) -> NDArray[np.uint8]:
        """As ``Picture.resample`` says."""
        import numpy as np  # noqa: PLC0415 (see the module's docstring)
        from PIL import Image  # noqa: PLC0415

        rows, columns = self.pixels.shape[:2]
        x_scale, y_scale = columns / self.size[0], rows / self.size[1]
        left, right = max(box[0] * x_scale, 0.0), min(box[2] * x_scale, columns)
        top, bottom = max(box[1] * y_scale, 0.0), min(box[3] * y_scale, rows)
        # Pillow copies what it is given: hand over the box and what its filter reads around it.
        x_margin = math.ceil(4 * max(1.0, (right - left) / size[0]))
        y_margin = math.ceil(4 * max(1.0, (bottom - top) / size[1]))
        x0, y0 = max(0, math.floor(left) - x_margin), max(0, math.floor(top) - y_margin)
        x1, y1 = math.ceil(right) + x_margin, math.ceil(bottom) + y_margin
        source = Image.fromarray(self.pixels[y0:y1, x0:x1])
        shifted = (
            left - x0,
            top - y0,
            min(right - x0, source.width),
            min(bottom - y0, source.height),
        )
        bilinear = Image.Resampling.BILINEAR
        return np.asarray(source.resize(size, bilinear, box=shifted, reducing_gap=REDUCING_GAP))
