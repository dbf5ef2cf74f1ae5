"""The stage, and below it what comes and goes: each with a height of its own that it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

if TYPE_CHECKING:
    from PySide6.QtCore import QSettings
    from PySide6.QtWidgets import QWidget

_LOWEST_STAGE: Final = 230
"""Logical pixels that a new shelf leaves to the stage, if others can spare what it wants."""


class Shelves(QSplitter):
    """A splitter in which the stage takes what the shelves leave."""

    def __init__(self, stage: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.setChildrenCollapsible(False)
        self.addWidget(stage)
        self.setStretchFactor(0, 1)
        self._shelves: dict[str, QWidget] = {}
        self._lent: dict[QWidget, int] = {}
        self.splitterMoved.connect(self._lent.clear)

    def add(self, key: str, shelf: QWidget, height: int, *, at_end: bool) -> None:
        """Add a shelf.

        Args:
            key: names it in ``save``.
            shelf: what is added.
            height: in logical pixels; less if the stage would be too low.
            at_end: at the bottom, of a height that is its own; else right below the stage, which
                shares with it what a larger window brings.
        """
        self._shelves[key] = shelf
        sizes = self.sizes()
        place = self.count() if at_end else 1
        self.insertWidget(place, shelf)
        missing = wanted = max(height, shelf.minimumHeight())
        # From the stage, then from the other shelves; what none can spare is had from the stage.
        for number in (0, *range(len(sizes) - 1, 0, -1)):
            lowest = _LOWEST_STAGE if number == 0 else self._lowest(number, before=place)
            taken = min(max(0, sizes[number] - lowest), missing)
            sizes[number] -= taken
            missing -= taken
            self._lend(self._now_at(number, before=place), taken)
        got = max(wanted - missing, shelf.minimumHeight())
        self._lend(shelf, wanted - got)
        sizes[0] = max(1, sizes[0] - (got - wanted + missing))
        self.setSizes([*sizes[:place], got, *sizes[place:]])
        self.setStretchFactor(place, 0 if at_end else 1)

    def _lowest(self, number: int, *, before: int) -> int:
        widget = self._now_at(number, before=before)
        return 0 if widget is None else widget.minimumHeight()

    def _now_at(self, number: int, *, before: int) -> QWidget | None:
        """The widget that was at ``number`` before one came to ``before``."""
        return self.widget(number if number < before else number + 1)

    def _lend(self, widget: QWidget | None, height: int) -> None:
        """Note that ``widget`` has to do with less than the user wants it to have."""
        if widget is not None:
            self._lent[widget] = self._lent.get(widget, 0) + height

    def save(self, state: QSettings) -> None:
        """Remember the heights of those that are seen, with what they lent to others."""
        for key, shelf in self._shelves.items():
            if shelf.isVisible():
                state.setValue(_name(key), shelf.height() + self._lent.get(shelf, 0))


def kept_height(state: QSettings, key: str, default: int) -> int:
    """The height that the shelf ``key`` had; ``default`` if there was none."""
    height = state.value(_name(key), default, int)
    return height if isinstance(height, int) and height > 0 else default


def _name(key: str) -> str:
    return f"height_of_{key}"
