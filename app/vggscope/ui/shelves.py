"""The stage, and below it what comes and goes: each with a height of its own that it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

if TYPE_CHECKING:
    from PySide6.QtCore import QSettings
    from PySide6.QtWidgets import QWidget

_LOWEST_STAGE: Final = 200
"""Logical pixels that a new shelf leaves to the stage, if it can."""


class Shelves(QSplitter):
    """A splitter that gives and takes room for shelves at the cost of the stage alone."""

    def __init__(self, stage: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.setChildrenCollapsible(False)
        self.addWidget(stage)
        self.setStretchFactor(0, 1)
        self._shelves: dict[str, QWidget] = {}

    def add(self, key: str, shelf: QWidget, height: int, *, at_end: bool) -> None:
        """Add a shelf, as high as it was when it was last seen, or ``height`` at first.

        Args:
            key: names it in ``save``.
            shelf: what is added.
            height: in logical pixels; less if the stage would be too low.
            at_end: at the bottom; else right below the stage.
        """
        self._shelves[key] = shelf
        sizes = self.sizes()
        place = self.count() if at_end else 1
        self.insertWidget(place, shelf)
        room = max(shelf.minimumHeight(), sizes[0] - _LOWEST_STAGE)
        sizes.insert(place, min(max(height, shelf.minimumHeight()), room))
        sizes[0] -= sizes[place]
        self.setSizes([max(1, size) for size in sizes])

    def save(self, state: QSettings) -> None:
        """Remember the heights of those that are seen."""
        for key, shelf in self._shelves.items():
            if shelf.isVisible():
                state.setValue(_name(key), shelf.height())


def kept_height(state: QSettings, key: str, default: int) -> int:
    """The height that the shelf ``key`` had; ``default`` if there was none."""
    height = state.value(_name(key), default, int)
    return height if isinstance(height, int) and height > 0 else default


def _name(key: str) -> str:
    return f"height_of_{key}"
