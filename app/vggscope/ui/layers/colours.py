"""Levels of feature maps as images of Qt."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QImage, qBlue, qGreen, qRed, qRgb, qRgba

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_VALUE: Final = qRgb(154, 160, 166)
"""Of gaps, and of what is no finite number: no colour map begins or ends with it."""


@cache
def colour_table(name: str) -> tuple[int, ...]:
    """The colours of levels 0..255 of the colour map ``name``, as Qt has them."""
    from vggscope.inference.colour_maps import table  # noqa: PLC0415 (numpy, when a layer is shown)

    return (*(qRgb(*map(int, colour)) for colour in table(name)), NO_VALUE)


def indexed_image(pixels: NDArray[np.uint8], colours: str) -> QImage:
    """Levels [h, w] as an image of one byte per pixel, of its own; a null image of none.

    Another colour map needs no other image: ``image.setColorTable(colour_table(name))``.
    """
    height, width = pixels.shape
    if not pixels.size:
        return QImage()
    # Copied: QImage does not keep what it looks at alive.
    image = QImage(pixels.data, width, height, width, QImage.Format.Format_Indexed8).copy()
    image.setColorTable(colour_table(colours))
    return image


def overlay_image(pixels: NDArray[np.uint8], colours: str) -> QImage:
    """Levels [h, w] as an image that lies over another: the less there is, the less it hides."""
    image = indexed_image(pixels, colours)
    image.setColorTable(_see_through(colours))
    return image


@cache
def _see_through(name: str) -> tuple[int, ...]:
    *table, _ = colour_table(name)
    # Around a middle of 0, both ends are much.
    middle = len(table) // 2 if name == "diverging" else 0
    most = len(table) - 1 - middle
    colours = [
        qRgba(qRed(c), qGreen(c), qBlue(c), 255 * abs(level - middle) // most)
        for level, c in enumerate(table)
    ]
    return (*colours, qRgba(0, 0, 0, 0))
