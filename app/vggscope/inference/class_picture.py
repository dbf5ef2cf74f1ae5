"""A class map as a window shows it: levels for colours, where they lie, and what can be read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vggscope.inference.colour_maps import LEVELS

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from vggscope.inference.class_map import ClassMap
    from vggscope.inference.classifier import Classifier
    from vggscope.inference.preprocessing import CropBox
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.subject import Subject
    from vggscope.sources.frame import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place of the picture.

    Attributes:
        box: the cell there, or the window of a position, in the picture's pixels.
        value: of the class.
    """

    box: CropBox
    value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassPicture:
    """What is seen of a class map.

    Attributes:
        map: what is shown.
    """

    map: ClassMap

    @property
    def label(self) -> str:
        """The class."""
        return self.map.label.label

    @property
    def positions(self) -> tuple[int, int]:
        """(columns, rows) of positions that were looked at."""
        rows, columns = self.map.values.shape
        return columns, rows

    @property
    def is_probability(self) -> bool:
        """Whether values are 0..1, and compare with those of other classes."""
        return self.map.quantity == "probability"

    @property
    def time(self) -> tuple[float, str]:
        """(milliseconds, device for people)."""
        return self.map.milliseconds, self.map.device_name

    @property
    def extent(self) -> CropBox:
        """Where the levels lie, in the picture's pixels."""
        return self.map.crop

    @cached_property
    def strongest(self) -> Place:
        """The window that answers most."""
        peak = self.map.peak
        return Place(box=self.map.box(peak.row, peak.column), value=peak.value)

    @property
    def low(self) -> float:
        """The value of the first colour: no probability, or the lowest value that is shown."""
        return 0.0 if self.is_probability else float(self.map.cells.min())

    def high(self, *, whole: bool) -> float:
        """The value of the last colour: 1 for the ``whole`` range, or the highest that is shown."""
        return 1.0 if whole and self.is_probability else float(self.map.cells.max())

    def levels(self, *, whole: bool) -> NDArray[np.uint8]:
        """Levels 0..254 of all cells, from ``low`` to ``high``: [down, across], contiguous."""
        low, high = self.low, self.high(whole=whole)
        span = high - low if high > low else 1.0
        shares = np.clip((self.map.cells.astype(np.float64) - low) / span, 0.0, 1.0)
        return np.ascontiguousarray(np.rint(shares * (LEVELS - 1)), np.uint8)

    def at(self, x: float, y: float) -> Place | None:
        """The cell at a place of the picture; None where nothing was looked at."""
        found = self.map.cell(x, y)
        if found is None:
            return None
        (row, column), (down, across) = found, self.map.cells.shape
        left, top, right, bottom = self.map.crop
        width, height = (right - left) / across, (bottom - top) / down
        box = type(self.map.crop)(
            left + column * width,
            top + row * height,
            left + (column + 1) * width,
            top + (row + 1) * height,
        )
        return Place(box=box, value=float(self.map.cells[row, column]))


class ClassFinder:
    """Keeps the picture that was looked at last: its other classes then need no other run.

    Owned by one thread.
    """

    def __init__(self) -> None:
        self._kept: tuple[Hashable, Frame] | None = None

    def find(
        self, classifier: Classifier, subject: Subject, index: int, cancellation: Cancellation
    ) -> ClassPicture:
        """Where ``classifier`` sees the class ``index`` on the picture of ``subject``.

        Raises:
            ValueError: there is no picture.
            ImageError: the picture cannot be read.
            NotConvolutionalError: the network can look at single crops only.
            InferenceError: the network failed.
            Cancelled: ``cancellation`` was asked for.
        """
        if subject.read is None:
            raise ValueError(f"{subject.model} looks at no picture")
        dense = classifier.dense
        if self._kept is None or self._kept[0] != subject.key:
            self._kept = subject.key, subject.read(dense.enough(dense.map_scale))
        cancellation.check()
        found = classifier.class_map(self._kept[1], index, cancellation=cancellation)
        return ClassPicture(map=found)
