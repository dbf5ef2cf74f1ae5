"""One picture's part of the maps: its grid, the names of its strongest units, what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, QSizeF, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from vggscope.ui.layers.elided import Elided
from vggscope.ui.layers.maps_grid import MapsGrid
from vggscope.ui.layers.unit_list import UnitList

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.inference.map_views import MapsPicture
    from vggscope.ui.theme import Theme

INSET: Final = 6
"""Margin of a grid: texts begin where its maps do."""
_SPACING: Final = 3
_WITH_LIST: Final = 270
"""Width from which names stand beside the grid."""
_LIST: Final = (136, 300)
_LIST_SHARE: Final = 0.42


class MapsSide(QWidget):
    """The maps of one picture.

    Attributes:
        title: of what picture they are.
        grid: the maps.
        units: the strongest, if the layer has units.
        reason: why there are no maps.

    Signals:
        unit_chosen: the number of the unit that the user chose by its name.
    """

    unit_chosen = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = Elided(Qt.TextElideMode.ElideMiddle)
        self.grid = MapsGrid(theme)
        self.units = UnitList(theme, INSET)
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.reason.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for label in (self.title, self.reason):
            label.setProperty("muted", True)
            label.setContentsMargins(INSET, 0, INSET, 0)
            label.hide()
        self.units.hide()
        self.units.unit_chosen.connect(self.grid.choose)
        self.units.unit_chosen.connect(self.unit_chosen)
        across = QHBoxLayout()
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(self.grid, 1)
        across.addWidget(self.units)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(_SPACING)
        column.addWidget(self.title)
        column.addLayout(across, 1)
        column.addWidget(self.reason, 1)

    @property
    def picture(self) -> MapsPicture | None:
        """What is shown."""
        return self.grid.picture

    @property
    def names_units(self) -> bool:
        """Whether the strongest units are named."""
        return not self.units.isHidden()

    def show_picture(self, picture: MapsPicture | None) -> None:
        """Show the maps of a layer; None: no maps."""
        self.units.show_picture(picture)
        self._fit(self.width())
        # Now: the maps are arranged in the room that they have from now on.
        if (layout := self.layout()) is not None:
            layout.activate()
        self.grid.show_picture(picture)

    def choose(self, channel: int | None) -> None:
        """Mark a channel."""
        self.grid.choose(channel)
        self.units.choose(channel)

    def set_stale(self, text: str) -> None:
        """Show all of it paler, and why; "" if it is what it should be."""
        self.grid.set_faded(bool(text))
        self.grid.set_note(text)
        self.units.set_faded(bool(text))

    def room_for_grid(self, room: QSizeF) -> QSizeF:
        """What the maps themselves would have of ``room``."""
        width = room.width() - 2 * INSET
        if list_width := self._list_width(round(room.width())):
            width -= list_width + INSET
        return QSizeF(max(width, 1.0), max(room.height() - 2 * INSET, 1.0))

    def _list_width(self, width: int) -> int:
        """What names take of ``width``; 0 for none."""
        if not self.units.count() or width < _WITH_LIST:
            return 0
        least, most = _LIST
        return min(max(least, round(width * _LIST_SHARE)), most)

    def _fit(self, width: int) -> None:
        room = self._list_width(width)
        self.units.setVisible(room > 0)
        if room:
            self.units.setFixedWidth(room)

    # Qt overrides

    def minimumSizeHint(self) -> QSize:
        # Names go where they have no room.
        return QSize(self.grid.minimumWidth(), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit(event.size().width())
        super().resizeEvent(event)
