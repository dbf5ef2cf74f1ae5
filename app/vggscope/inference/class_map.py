"""Where in a picture a network sees a class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vggscope.inference.preprocessing import CropBox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.inference.protocols import Quantity
    from vggscope.vgg.axis import Axis
    from vggscope.zoo.normal_form import Label


@dataclass(frozen=True, slots=True)
class Peak:
    """The strongest position of a class map.

    Attributes:
        row, column: which one.
        value: there.
    """

    row: int
    column: int
    value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassMap:
    """What a network thinks of one class at every position of a picture.

    A position is a window of the size that the network was made for (224 × 224 for VGG), which
    slides over the picture in steps of its last pooling (32 pixels).

    Attributes:
        index: of the class in the model's output.
        label: its name.
        values: float32 [rows, columns], one for each position.
        quantity: what they are; probabilities are those among all classes, at each position alone.
        scale: shorter side of the whole picture in pixels, as the network saw it.
        crop: what part of the picture the windows cover together, in the picture's pixels.
        picture_size: (width, height) of the picture.
        input_size: (width, height) of what the network saw of it: of ``crop``, in its pixels.
        window: (width, height) of a position's window, in the network's pixels.
        rows, columns: what the positions depend on, in the network's pixels; a little more than
            the window, and beyond its edges padding in the ordinary form of the network.
        model, device: name of the model and key of the device that computed it.
        device_name: the device's name for people.
        milliseconds: from picture to values, for all classes at once.
        untrained: the model's weights are random numbers, and so are these values.
    """

    index: int
    label: Label
    values: NDArray[np.float32]
    quantity: Quantity
    scale: int
    crop: CropBox
    picture_size: tuple[int, int]
    input_size: tuple[int, int]
    window: tuple[int, int]
    rows: Axis
    columns: Axis
    model: str
    device: str
    device_name: str
    milliseconds: float
    untrained: bool = False

    @property
    def peak(self) -> Peak:
        """The strongest position; the first one of several."""
        row, column = np.unravel_index(int(np.argmax(self.values)), self.values.shape)
        return Peak(int(row), int(column), float(self.values[row, column]))

    def box(self, row: int, column: int) -> CropBox:
        """The window that the value at a position was given to, in the picture's pixels."""
        left, top = column * self.columns.stride, row * self.rows.stride
        return self._in_picture(left, top, left + self.window[0], top + self.window[1])

    def receptive_field(self, row: int, column: int) -> CropBox:
        """All that the value at a position depends on, in the picture's pixels.

        Cut off at the edges of ``crop``: beyond, the network sees nothing but padding.
        """
        left, right = self.columns.span(column)
        top, bottom = self.rows.span(row)
        width, height = self.input_size
        return self._in_picture(max(left, 0), max(top, 0), min(right, width), min(bottom, height))

    @cached_property
    def cells(self) -> NDArray[np.float32]:
        """The map laid over the picture: what to draw, and where.

        ``crop`` in equal cells, about as large as the windows' steps, float32 [down, across]. A
        cell's value is the mean of all positions whose window holds its centre: windows overlap,
        and a value stands for its whole window, not for the middle of it.
        """
        width, height = self.input_size
        down = _holding(self.values.shape[0], self.rows.stride, self.window[1], height)
        across = _holding(self.values.shape[1], self.columns.stride, self.window[0], width)
        sums = down @ self.values.astype(np.float64) @ across.T
        return (sums / np.outer(down.sum(axis=1), across.sum(axis=1))).astype(np.float32)

    def cell(self, x: float, y: float) -> tuple[int, int] | None:
        """(row, column) of the cell at a place of the picture; None outside of ``crop``."""
        left, top, right, bottom = self.crop
        if not (left <= x < right and top <= y < bottom):
            return None
        down, across = self.cells.shape
        row = int((y - top) / (bottom - top) * down)
        column = int((x - left) / (right - left) * across)
        return min(row, down - 1), min(column, across - 1)

    def at(self, x: float, y: float) -> float | None:
        """The value of the cell at a place of the picture; None outside of ``crop``."""
        found = self.cell(x, y)
        return None if found is None else float(self.cells[found])

    def _in_picture(self, left: float, top: float, right: float, bottom: float) -> CropBox:
        x_scale = (self.crop.right - self.crop.left) / self.input_size[0]
        y_scale = (self.crop.bottom - self.crop.top) / self.input_size[1]
        return CropBox(
            self.crop.left + left * x_scale,
            self.crop.top + top * y_scale,
            self.crop.left + right * x_scale,
            self.crop.top + bottom * y_scale,
        )


def _holding(positions: int, stride: int, window: int, size: int) -> NDArray[np.float64]:
    """[cells, positions]: 1 where the position's window holds the cell's centre, along one side."""
    cells = max(1, math.ceil(size / max(stride, 1) - 1e-9))
    centres = (np.arange(cells) + 0.5) * size / cells
    starts = np.arange(positions) * stride
    inside = (starts <= centres[:, None]) & (centres[:, None] < starts + max(window, stride))
    return inside.astype(np.float64)
