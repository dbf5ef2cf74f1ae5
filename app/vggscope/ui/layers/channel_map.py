"""One feature map, large, with the cell under the mouse; and the bar that explains colours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from vggscope.ui.chips import chip_around, paint_chip
from vggscope.ui.layers.colours import colour_table, indexed_image
from vggscope.ui.layers.histogram import value_text

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent

    from vggscope.inference.map_views import ChannelPicture
    from vggscope.ui.theme import Theme

_GAP: Final = 8
_CAPTION: Final = 18
_WHOLE_ZOOM: Final = 4
"""From here on cells are enlarged by a whole number: unequal ones would be seen."""
_SMALLEST_OUTLINE: Final = 6.0
# On colours of any brightness: white between black hairlines.
_LINE: Final = QColor(255, 255, 255, 240)
_SHADOW: Final = QColor(0, 0, 0, 170)
_HAIR: Final = QColor(255, 255, 255, 110)
_CHOSEN: Final = QColor(255, 214, 90)
_STALE: Final = 0.45
_TOP: Final = 254


class ChannelMap(QWidget):
    """One channel as a picture, with that of a pinned picture beside it.

    Signals:
        cell_changed: (row, column) under the mouse, or that the arrow keys went to; None for none.
        cell_chosen: (row, column), by a click, Enter or Space.
        choice_dropped: the user pressed Escape.
    """

    cell_changed = Signal(object)
    cell_chosen = Signal(int, int)
    choice_dropped = Signal()

    def __init__(self, theme: Theme, colours: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._colours = theme, colours
        self._image, self._pinned = QImage(), QImage()
        self._title = self._model = self._pinned_model = ""
        self._cell: tuple[int, int] | None = None
        self._chosen: tuple[int, int] | None = None
        self._stale = False
        self._came_by_key = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(100, 80)
        self.setAccessibleName(self.tr("Map of the channel"))
        self.setToolTip(self.tr("Point at a cell to read its value; click to mark what it sees"))
        theme.changed.connect(self.update)

    @property
    def cell(self) -> tuple[int, int] | None:
        """(row, column) of the cell that is read."""
        return self._cell

    @property
    def pinned_size(self) -> QSize:
        """(columns, rows) of the map beside it; empty if there is none."""
        return self._pinned.size()

    def show_map(self, picture: ChannelPicture) -> None:
        """Show a channel; the cell stays where it is, if there is such a one."""
        self._image = indexed_image(picture.pixels, self._colours)
        self._model = picture.maps.model
        if self._cell is not None and not self._is_inside(*self._cell):
            self._cell = None
        self.update()

    def show_pinned(self, picture: ChannelPicture | None, title: str) -> None:
        """Show another picture's map beside it; None for none."""
        self._pinned = QImage() if picture is None else indexed_image(picture.pixels, self._colours)
        self._title = title
        self._pinned_model = "" if picture is None else picture.maps.model
        self.update()

    def set_colours(self, colours: str) -> None:
        """Use another colour map."""
        self._colours = colours
        for image in (self._image, self._pinned):
            if not image.isNull():
                image.setColorTable(colour_table(colours))
        self.update()

    def set_chosen(self, cell: tuple[int, int] | None) -> None:
        """Mark a cell for good."""
        self._chosen = cell
        self.update()

    def set_stale(self, stale: bool) -> None:
        """Show it paler, until it is replaced."""
        self._stale = stale
        self.update()

    def map_box(self) -> QRectF:
        """Where the map is painted."""
        return self._boxes()[0]

    def cell_box(self, row: int, column: int) -> QRectF:
        """Where a cell of the map is painted."""
        return _cell_box(self.map_box(), self._image.size(), row, column)

    def pinned_cell(self, row: int, column: int) -> tuple[int, int]:
        """The (row, column) of the pinned map that lies where this one's does."""
        own, other = self._image.size(), self._pinned.size()
        return row * other.height() // own.height(), column * other.width() // own.width()

    def _is_inside(self, row: int, column: int) -> bool:
        return 0 <= row < self._image.height() and 0 <= column < self._image.width()

    def _boxes(self) -> tuple[QRectF, QRectF]:
        """Where the map and the pinned one are painted."""
        area = QRectF(self.rect())
        if self._pinned.isNull():
            return self._fitted(area, self._image.size()), QRectF()
        area.setTop(_CAPTION)
        half = (area.width() - _GAP) / 2
        left = QRectF(area.left(), area.top(), half, area.height())
        right = left.translated(half + _GAP, 0)
        own = self._fitted(left, self._image.size())
        return own, self._fitted(right, self._pinned.size())

    def _fitted(self, area: QRectF, size: QSize) -> QRectF:
        if size.isEmpty() or area.isEmpty():
            return QRectF()
        ratio = self.devicePixelRatioF()
        zoom = min(area.width() / size.width(), area.height() / size.height()) * ratio
        if zoom >= _WHOLE_ZOOM:
            zoom = math.floor(zoom)
        width, height = (
            max(1, round(side * zoom)) / ratio for side in (size.width(), size.height())
        )
        x = area.left() + (area.width() - width) / 2
        y = area.top() + (area.height() - height) / 2
        return QRectF(round(x * ratio) / ratio, round(y * ratio) / ratio, width, height)

    def _cell_at(self, point: QPointF) -> tuple[int, int] | None:
        size = self._image.size()
        for box in self._boxes():
            if not box.isEmpty() and box.contains(point):
                row = int((point.y() - box.top()) / box.height() * size.height())
                column = int((point.x() - box.left()) / box.width() * size.width())
                return min(row, size.height() - 1), min(column, size.width() - 1)
        return None

    def _go_to(self, cell: tuple[int, int] | None) -> None:
        if cell != self._cell:
            self._cell = cell
            self.cell_changed.emit(cell)
            self.update()

    def _paint_map(self, painter: QPainter, image: QImage, box: QRectF) -> None:
        # Large maps lose rows where they are made smaller; enlarged cells have sharp edges.
        is_smaller = image.width() > box.width() * self.devicePixelRatioF()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smaller)
        painter.drawImage(box, image, QRectF(image.rect()))

    def _pinned_caption(self, metrics: QFontMetricsF, room: float) -> str:
        """What the pinned picture is; in little room, what it differs in: photo or model."""
        photo, _, model = self._title.rpartition(" · ")
        if not photo or metrics.horizontalAdvance(self._title) <= room:
            return self._title
        return photo if self._model == self._pinned_model else model

    def _paint_caption(
        self, painter: QPainter, box: QRectF, text: str, mode: Qt.TextElideMode
    ) -> None:
        metrics = QFontMetricsF(self.font())
        half = (self.width() - _GAP) / 2
        place = QRectF(box.center().x() - half / 2, box.top() - _CAPTION, half, _CAPTION - 2)
        elided = metrics.elidedText(text, mode, half)
        painter.setPen(QColor(self._theme.colours.muted))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, elided)

    # Qt overrides

    def sizeHint(self) -> QSize:
        # As high as whoever lays it out says; more if there is room.
        return QSize(200, self.minimumHeight())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        own, beside = self._boxes()
        if own.isEmpty():
            return
        painter.setOpacity(_STALE if self._stale else 1.0)
        self._paint_map(painter, self._image, own)
        marked = [(own, self._image.size(), self._chosen, self._cell)]
        if not beside.isEmpty():
            self._paint_map(painter, self._pinned, beside)
            chosen, cell = (
                None if cell is None else self.pinned_cell(*cell)
                for cell in (self._chosen, self._cell)
            )
            marked.append((beside, self._pinned.size(), chosen, cell))
        painter.setOpacity(1.0)
        if not beside.isEmpty():
            room = (self.width() - _GAP) / 2
            caption = self._pinned_caption(QFontMetricsF(self.font()), room)
            elide = Qt.TextElideMode
            self._paint_caption(painter, own, self.tr("shown now"), elide.ElideRight)
            self._paint_caption(painter, beside, caption, elide.ElideMiddle)
        for box, size, chosen, cell in marked:
            if chosen is not None:
                _paint_outline(painter, _cell_box(box, size, *chosen), _CHOSEN)
            if cell is not None:
                _paint_cross(painter, box, _cell_box(box, size, *cell))
        if self._stale:
            text = self.tr("Out of date")
            chip = chip_around(text, QFontMetricsF(self.font()))
            chip.moveCenter(own.center())
            paint_chip(painter, chip, text)
        if self.hasFocus() and self._came_by_key:
            painter.setPen(QPen(QColor(self._theme.colours.accent), 2))
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._go_to(self._cell_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and cell is not None:
            self._go_to(cell)
            self.cell_chosen.emit(*cell)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._go_to(None)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # Who uses the mouse knows where they are.
        self._came_by_key = event.reason() != Qt.FocusReason.MouseFocusReason
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if not self.underMouse():
            self._go_to(None)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: QPoint(-1, 0),
            Qt.Key.Key_Right: QPoint(1, 0),
            Qt.Key.Key_Up: QPoint(0, -1),
            Qt.Key.Key_Down: QPoint(0, 1),
        }
        key = Qt.Key(event.key())
        if self._image.isNull():
            super().keyPressEvent(event)
        elif step := steps.get(key):
            row, column = self._cell or self._chosen or (0, 0)
            if self._cell is not None:
                row, column = row + step.y(), column + step.x()
            self._go_to(
                (
                    min(max(row, 0), self._image.height() - 1),
                    min(max(column, 0), self._image.width() - 1),
                )
            )
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space} and self._cell:
            self.cell_chosen.emit(*self._cell)
        elif key == Qt.Key.Key_Escape and self._chosen is not None:
            self.choice_dropped.emit()
        else:
            super().keyPressEvent(event)


class ColourBar(QWidget):
    """The colours from the lowest value to the highest, with their numbers, and a mark on it."""

    def __init__(self, theme: Theme, colours: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._colours = theme, colours
        self._low = self._high = 0.0
        self._mark: float | None = None
        self.setFixedHeight(28)
        self.setToolTip(self.tr("The values that the first and the last colour stand for"))
        self.setAccessibleName(self.tr("Scale of the colours"))
        theme.changed.connect(self.update)

    def show_range(self, low: float, high: float) -> None:
        """The values of the first and the last colour."""
        self._low, self._high = low, high
        self.setAccessibleDescription(
            self.tr("{0} to {1}").format(value_text(low), value_text(high))
        )
        self.update()

    def set_mark(self, value: float | None) -> None:
        """Mark a value; None for none."""
        self._mark = value
        self.update()

    def set_colours(self, colours: str) -> None:
        """Use another colour map."""
        self._colours = colours
        self.update()

    # Qt overrides

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        bar = QRectF(0.5, 1.5, self.width() - 1, 9)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        table = colour_table(self._colours)
        for level in range(0, _TOP + 1, 2):
            gradient.setColorAt(level / _TOP, QColor.fromRgb(table[level]))
        painter.setPen(QPen(QColor(self._theme.colours.border), 1))
        painter.setBrush(gradient)
        painter.drawRect(bar)
        if self._mark is not None and math.isfinite(self._mark) and self._high > self._low:
            share = (self._mark - self._low) / (self._high - self._low)
            x = bar.left() + min(max(share, 0.0), 1.0) * bar.width()
            _paint_outline(painter, QRectF(x - 1.5, 1, 3, 10), _LINE)
        painter.setPen(QColor(self._theme.colours.muted))
        texts = QRectF(0, 12, self.width(), self.height() - 12)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(texts, Qt.AlignmentFlag.AlignLeft | middle, value_text(self._low))
        painter.drawText(texts, Qt.AlignmentFlag.AlignRight | middle, value_text(self._high))


def _cell_box(box: QRectF, size: QSize, row: int, column: int) -> QRectF:
    """Where a cell is painted, of a map of ``size`` cells in ``box``."""
    width, height = box.width() / size.width(), box.height() / size.height()
    return QRectF(box.left() + column * width, box.top() + row * height, width, height)


def _paint_outline(painter: QPainter, cell: QRectF, colour: QColor) -> None:
    """A frame around a cell; never so small that it cannot be seen."""
    more = max(0.0, (_SMALLEST_OUTLINE - min(cell.width(), cell.height())) / 2)
    frame = cell.adjusted(-more, -more, more, more)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(_SHADOW, 3))
    painter.drawRect(frame)
    painter.setPen(QPen(colour, 1))
    painter.drawRect(frame)


def _paint_cross(painter: QPainter, box: QRectF, cell: QRectF) -> None:
    """Hairlines through the map that meet at a cell, and a frame around it."""
    middle = cell.center()
    painter.setPen(QPen(_HAIR, 1))
    for first, last in (
        (QPointF(box.left(), middle.y()), QPointF(cell.left(), middle.y())),
        (QPointF(cell.right(), middle.y()), QPointF(box.right(), middle.y())),
        (QPointF(middle.x(), box.top()), QPointF(middle.x(), cell.top())),
        (QPointF(middle.x(), cell.bottom()), QPointF(middle.x(), box.bottom())),
    ):
        painter.drawLine(first, last)
    _paint_outline(painter, cell, _LINE)
