"""All feature maps of a layer as one picture that is zoomed and panned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QApplication, QWidget

from vggscope.ui.chips import chip_around, paint_chip
from vggscope.ui.layers.colours import colour_table
from vggscope.ui.layers.grid_image import GridImage, paint_outline
from vggscope.ui.layers.grid_viewport import GridViewport
from vggscope.ui.layers.tile_labels import TileLabels

if TYPE_CHECKING:
    from PySide6.QtGui import (
        QFocusEvent,
        QKeyEvent,
        QMouseEvent,
        QPaintEvent,
        QResizeEvent,
        QWheelEvent,
    )

    from vggscope.inference.map_pictures import Grid
    from vggscope.inference.map_views import MapsPicture
    from vggscope.ui.theme import Theme

_MARGIN: Final = 6
_LARGEST_FIT: Final = 64.0
_LARGEST: Final = 192.0
"""Logical pixels per value: the name of a class has room in a cell this large."""
_WHEEL_STEP: Final = 1.0015
_PAN_STEP: Final = 40
_STALE: Final = 0.45
_SEEN_VALUE: Final = 5
"""Device pixels from which the value under the mouse is outlined."""
_LABELLED: Final = 28
_FOCUS: Final = 2
_TOO_BRIGHT: Final = 100
"""Lightness by which lines may differ from what surrounds most of them."""
_QUIET: Final = 0.35
_LIGHT: Final = QColor(255, 255, 255, 235)
_BY_KEY: Final = frozenset(
    {
        Qt.FocusReason.TabFocusReason,
        Qt.FocusReason.BacktabFocusReason,
        Qt.FocusReason.ShortcutFocusReason,
    }
)
_ARROWS: Final = {
    Qt.Key.Key_Left: QPoint(-1, 0),
    Qt.Key.Key_Right: QPoint(1, 0),
    Qt.Key.Key_Up: QPoint(0, -1),
    Qt.Key.Key_Down: QPoint(0, 1),
}


@dataclass(frozen=True)
class Cell:
    """A place on a map."""

    channel: int
    row: int
    column: int


class MapsGrid(QWidget):
    """Shows the maps of a layer side by side.

    Values are squares of whole device pixels where they are enlarged, averages where several of
    them share a pixel. Zooms by wheel (around the mouse) and keys, pans by dragging and Shift +
    wheel; a click or the arrow keys choose a channel.

    Signals:
        channel_chosen: the number of the channel that the user chose.
        hovered: the ``Cell`` under the mouse, None for none.
        view_changed: the user zoomed or panned.
    """

    channel_chosen = Signal(int)
    hovered = Signal(object)
    view_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._picture: MapsPicture | None = None
        self._places: dict[int, int] = {}
        self._image = GridImage()
        self._colours = "viridis"
        self._labels = TileLabels()
        self._labelled = self._faded = self._came_by_key = False
        self._note = ""
        self._chosen: int | None = None
        self._cell: Cell | None = None
        self._view = GridViewport(margin=_MARGIN, largest_fit=_LARGEST_FIT, largest=_LARGEST)
        self._mouse: QPointF | None = None
        self._pressed: QPointF | None = None
        self._dragged = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(120, 80)
        self.setAccessibleName(self.tr("Feature maps"))
        theme.changed.connect(self._on_theme)

    @property
    def picture(self) -> MapsPicture | None:
        """What is shown."""
        return self._picture

    @property
    def chosen(self) -> int | None:
        """The channel that is marked."""
        return self._chosen

    @property
    def cell(self) -> Cell | None:
        """What is under the mouse, here or in a grid beside this one."""
        return self._cell

    @property
    def fitted(self) -> bool:
        """Whether all maps are shown, whatever the size of the widget."""
        return self._view.fitted

    @property
    def zoom(self) -> float:
        """Logical pixels per value."""
        return self._view.zoom

    @property
    def has_room_for_labels(self) -> bool:
        """Whether tiles are large enough for their labels."""
        return self._grid is not None and self._grid.tile[0] * self.zoom >= _LABELLED

    def show_picture(self, picture: MapsPicture | None) -> None:
        """Show other maps; zoom and pan stay if they fill as many pixels as those before."""
        before = self._view.picture
        self._picture = picture
        self._image.show_picture(picture, *self._grounds)
        order = () if picture is None else picture.grid.order
        self._places = {int(channel): place for place, channel in enumerate(order)}
        size = self._image.size.toSizeF()
        self._view.show(size)
        if size != before or self._view.fitted:
            self.fit()
        self._hover()
        self._describe()
        self.update()

    def set_colours(self, name: str) -> None:
        """Use another colour map."""
        self._colours = name
        self._image.set_colours(name)
        self._image.set_grounds(*self._grounds)
        self.update()

    def set_labels(self, on: bool) -> None:
        """Show the number, or the class, of each channel where there is room for it."""
        self._labelled = on
        self.update()

    def set_faded(self, faded: bool) -> None:
        """Show the maps paler: they are stale."""
        self._faded = faded
        self.update()

    def set_note(self, text: str) -> None:
        """Show a few words on the maps; "" for none."""
        self._note = text
        self._describe()
        self.update()

    def choose(self, channel: int | None) -> None:
        """Mark a channel; another one than before is brought into sight."""
        if channel == self._chosen:
            return
        self._chosen = channel
        self._describe()
        box = self._tile(channel)
        if box is not None and not self._view.fitted:
            self._bring_into_sight(box)
        self.update()

    def mark(self, cell: Cell | None) -> None:
        """Outline what the mouse is over in a grid beside this one."""
        if cell != self._cell:
            self._cell = cell
            self.update()

    def tile_rect(self, channel: int) -> QRectF | None:
        """Where the map of a channel is on the widget; None if it is not shown."""
        box = self._tile(channel)
        return None if box is None else self._view.box_on_screen(QRectF(box))

    def follow(self, other: MapsGrid) -> None:
        """Show the same part as another grid, in the same size."""
        self._view.follow(other._view)
        self.update()

    def fit(self) -> None:
        """Show all maps."""
        if self._view.fit():
            self.update()

    def zoom_in(self) -> None:
        """One step closer."""
        self._on_view(self._view.step(1))

    def zoom_out(self) -> None:
        """One step back."""
        self._on_view(self._view.step(-1))

    @property
    def _grounds(self) -> tuple[QColor, QColor]:
        """Around the maps, and between them."""
        colours = self._theme.colours
        return QColor(colours.surface), _between(QColor(colours.border), self._colours)

    @property
    def _grid(self) -> Grid | None:
        return None if self._picture is None else self._picture.grid

    def _on_view(self, changed: bool) -> None:
        if changed:
            self._hover()
            self.update()
            self.view_changed.emit()

    def _pan(self, by: QPointF) -> None:
        if not self._image.is_empty:
            self._view.pan(by)
            self._on_view(True)

    def _tile(self, channel: int | None) -> QRect | None:
        """The map of a channel in the picture's pixels."""
        grid = self._grid
        place = None if channel is None else self._places.get(channel)
        return None if grid is None or place is None else QRect(*grid.tile_box(place))

    def _cell_at(self, point: QPointF) -> Cell | None:
        grid = self._grid
        if grid is None or self._image.is_empty:
            return None
        at = self._view.exactly(point)
        found = grid.cell_at(at.x(), at.y())
        return None if found is None else Cell(*found)

    def _hover(self) -> None:
        """See what is under the mouse now."""
        if self._mouse is None:
            return
        cell = self._cell_at(self._mouse)
        if cell != self._cell:
            self._cell = cell
            self.hovered.emit(cell)
            self.update()

    def _bring_into_sight(self, box: QRect) -> None:
        seen = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        tile = self._view.box_on_screen(QRectF(box))
        by = QPointF(
            _way_into(tile.left(), tile.right(), seen.left(), seen.right()),
            _way_into(tile.top(), tile.bottom(), seen.top(), seen.bottom()),
        )
        if not by.isNull():
            self._view.pan(by)
            self.view_changed.emit()

    def _go(self, step: QPoint) -> None:
        """Choose the tile beside the chosen one."""
        grid = self._grid
        if grid is None or not self._places:
            return
        place = None if self._chosen is None else self._places.get(self._chosen)
        if place is None:
            first = self._cell_at(QPointF(self.rect().center())) if not self.fitted else None
            place = 0 if first is None else self._places[first.channel]
        else:
            across = place % grid.columns + step.x()
            beside = place + step.x() + step.y() * grid.columns
            if not (0 <= across < grid.columns and 0 <= beside < len(grid.order)):
                return
            place = beside
        channel = int(grid.order[place])
        self.choose(channel)
        self.channel_chosen.emit(channel)

    def _describe(self) -> None:
        said = [self._note]
        if self._chosen is not None:
            said.append(self.tr("Channel {0} is chosen").format(self._chosen))
        self.setAccessibleDescription(" · ".join(filter(None, said)))

    def _on_theme(self) -> None:
        self._image.set_grounds(*self._grounds)
        self.update()

    def _outline(self, painter: QPainter, box: QRectF, colour: QColor, width: int) -> None:
        paint_outline(painter, box, colour, width, 1 / self.devicePixelRatioF())

    def _paint_marks(self, painter: QPainter) -> None:
        accent = QColor(self._theme.colours.accent)
        if (tile := self._tile(self._chosen)) is not None:
            self._outline(painter, self._view.box_on_screen(QRectF(tile)), accent, 2)
        cell = self._cell
        if cell is None or (tile := self._tile(cell.channel)) is None:
            return
        if cell.channel != self._chosen:
            self._outline(painter, self._view.box_on_screen(QRectF(tile)), _LIGHT, 1)
        if self._view.scale >= _SEEN_VALUE and tile.width() > 1:
            value = QRectF(tile.x() + cell.column, tile.y() + cell.row, 1, 1)
            self._outline(painter, self._view.box_on_screen(value), _LIGHT, 1)

    # Qt overrides

    def sizeHint(self) -> QSize:
        return QSize(480, 320)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.colours.surface))
        if (grid := self._grid) is not None and not self._image.is_empty:
            painter.setOpacity(_STALE if self._faded else 1.0)
            self._image.paint(painter, self._view, self.size())
            if self._labelled and self.has_room_for_labels and self._picture is not None:
                names = self._picture.maps.labels
                self._labels.paint(painter, grid, names, self._view, self.size())
            painter.setOpacity(1.0)
            self._paint_marks(painter)
        if self._note:
            metrics = QFontMetricsF(self.font())
            room = self.width() - 2 * _MARGIN - 24
            note = metrics.elidedText(self._note, Qt.TextElideMode.ElideRight, room)
            chip = chip_around(note, metrics)
            chip.moveTopRight(QPointF(self.width() - _MARGIN - 4, _MARGIN + 4))
            paint_chip(painter, chip, note)
        if self.hasFocus() and self._came_by_key:
            painter.setPen(QPen(QColor(self._theme.colours.accent), _FOCUS))
            half = _FOCUS / 2
            painter.drawRect(QRectF(self.rect()).adjusted(half, half, -half, -half))

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._came_by_key = event.reason() in _BY_KEY
        super().focusInEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._view.ratio = self.devicePixelRatioF()
        self._view.resize(self.size().toSizeF())
        if self._view.fitted:
            self.fit()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._view.ratio = self.devicePixelRatioF()
            if self._view.fitted:
                self.fit()
        super().changeEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._pan(QPointF(turn) / 2)
        elif turn.y():
            self._on_view(self._view.zoom_by(_WHEEL_STEP ** turn.y(), event.position()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._dragged = event.position(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._mouse = event.position()
        if self._pressed is None:
            self._hover()
            return
        by = self._mouse - self._pressed
        if not self._dragged and by.manhattanLength() < QApplication.startDragDistance():
            return
        if not self._dragged:
            self._dragged = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self._pressed = self._mouse
        self._pan(by)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        is_click = self._pressed is not None and not self._dragged
        self._pressed, self._dragged = None, False
        self.unsetCursor()
        cell = self._cell_at(event.position()) if is_click else None
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self.choose(cell.channel)
            self.channel_chosen.emit(cell.channel)

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        self.fit()
        self._hover()
        self.view_changed.emit()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        # What a grid beside this one has marked is not this one's to forget.
        was_here, self._mouse = self._mouse is not None, None
        if was_here and self._cell is not None:
            self._cell = None
            self.hovered.emit(None)
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in _ARROWS:
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._pan(-QPointF(_ARROWS[key]) * _PAN_STEP)
            else:
                self._go(_ARROWS[key])
        elif key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal}:
            self.zoom_in()
        elif key == Qt.Key.Key_Minus:
            self.zoom_out()
        elif key in {Qt.Key.Key_0, Qt.Key.Key_Home}:
            self.fit()
            self.view_changed.emit()
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self._chosen is not None:
            self.channel_chosen.emit(self._chosen)
        else:
            super().keyPressEvent(event)


def _between(border: QColor, colours: str) -> QColor:
    """The colour of gaps: that of borders, unless it would be seen before the maps are."""
    table = colour_table(colours)
    # Most values are 0.
    zero = QColor.fromRgb(table[127 if colours == "diverging" else 0])
    if abs(border.lightness() - zero.lightness()) <= _TOO_BRIGHT:
        return border
    red, green, blue = (
        round(_QUIET * ours + (1 - _QUIET) * theirs)
        for ours, theirs in (
            (border.red(), zero.red()),
            (border.green(), zero.green()),
            (border.blue(), zero.blue()),
        )
    )
    return QColor(red, green, blue)


def _way_into(first: float, last: float, start: float, end: float) -> float:
    """How far first..last must move to lie within start..end, or at least to begin there."""
    if first < start or last - first > end - start:
        return start - first
    return min(0.0, end - last)
