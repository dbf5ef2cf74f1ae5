"""The region picker: the user draws a rectangle on a still of the whole screen."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from vggscope.ui.chips import chip_around, paint_chip

if TYPE_CHECKING:
    from PySide6.QtGui import QScreen

_SMALLEST: Final = 32
"""Pixels of the screen, each way: less shows a network nothing."""
_STEP: Final = 10
_FINE_STEP: Final = 1
_GAP: Final = 8
_DARK: Final = QColor(0, 0, 0, 128)
# Where there is no still, the screen shows through; what is wholly transparent gets no mouse.
_CLEAR: Final = QColor(0, 0, 0, 1)
# As on the canvas.
_BOX_LINE: Final = QColor(255, 255, 255, 235)
_BOX_SHADOW: Final = QColor(0, 0, 0, 140)
_MOVES: Final = {
    Qt.Key.Key_Left: QPoint(-1, 0),
    Qt.Key.Key_Right: QPoint(1, 0),
    Qt.Key.Key_Up: QPoint(0, -1),
    Qt.Key.Key_Down: QPoint(0, 1),
}


class RegionPicker(QWidget):
    """Covers a screen until a part of it is chosen, or none; then it closes and deletes itself.

    Arrow keys move the rectangle, with Shift its lower right corner; with Ctrl by single pixels.

    Attributes:
        region: the rectangle so far, in logical pixels of the screen; None before there is one.

    Signals:
        region_chosen: a ``QRect`` in logical pixels, relative to the screen's corner.
        cancelled: the user wants none, or the screen has gone.
    """

    region_chosen = Signal(QRect)
    cancelled = Signal()

    def __init__(
        self, screen: QScreen, region: QRect | None = None, parent: QWidget | None = None
    ) -> None:
        """Take the still; ``region`` is where the rectangle begins."""
        super().__init__(
            parent,
            Qt.WindowType.Window
            | Qt.WindowType.FramelessWindowHint
            | Qt.WindowType.WindowStaysOnTopHint,
        )
        self._over = screen
        self._answered = False
        self._drag_from: QPoint | None = None
        self._before_drag: QRect | None = None
        # Before the window is shown: it would be in it.
        self._still = screen.grabWindow(0)
        self._darkened = _darkened(self._still)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._still.isNull():
            self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setWindowTitle(self.tr("Choose a part of the screen"))
        self.setAccessibleName(self.tr("Part of the screen"))
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setScreen(screen)
        self.setGeometry(screen.geometry())
        self.region = None if region is None else self._kept_inside(region)
        self._describe()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.screenRemoved.connect(self._screen_gone)

    def ask(self) -> None:
        """Cover the screen, and take the keyboard."""
        self.showFullScreen()
        self.activateWindow()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _instruction(self) -> str:
        return self.tr(
            "Draw the part that the network should look at · Enter takes it · Esc cancels"
        )

    def _smallest(self) -> int:
        """In logical pixels."""
        return ceil(_SMALLEST / self.devicePixelRatioF())

    def _pixels(self, region: QRect) -> QSize:
        """The size in pixels of the screen: what a network gets to see."""
        return region.size() * self.devicePixelRatioF()

    def _kept_inside(self, region: QRect) -> QRect:
        """``region``, large enough, moved and cut so that it lies on the screen."""
        kept = QRect(region)
        kept.setWidth(min(max(kept.width(), self._smallest()), self.width()))
        kept.setHeight(min(max(kept.height(), self._smallest()), self.height()))
        kept.moveLeft(min(max(kept.left(), 0), self.width() - kept.width()))
        kept.moveTop(min(max(kept.top(), 0), self.height() - kept.height()))
        return kept

    def _use(self, region: QRect | None) -> None:
        if region != self.region:
            self.region = region
            self._describe()
            self.update()

    def _describe(self) -> None:
        text = self._instruction()
        if self.region is not None:
            size = self._pixels(self.region)
            text += self.tr(" · {width} × {height} pixels at {x}, {y}").format(
                width=size.width(), height=size.height(), x=self.region.x(), y=self.region.y()
            )
        self.setAccessibleDescription(text)

    def _use_middle(self) -> None:
        """Where who does not draw begins."""
        middle = QRect(0, 0, self.width() // 2, self.height() // 2)
        middle.moveCenter(self.rect().center())
        self._use(self._kept_inside(middle))

    def _drawn(self, to: QPoint) -> QRect:
        """The rectangle between where the mouse was pressed and ``to``, as far as on the screen."""
        start = self._drag_from if self._drag_from is not None else to
        left, right = sorted((start.x(), to.x()))
        top, bottom = sorted((start.y(), to.y()))
        return QRect(left, top, right - left, bottom - top).intersected(self.rect())

    def _screen_gone(self, screen: QScreen) -> None:
        if screen is self._over:
            self.close()

    def _take(self) -> None:
        if self.region is None:
            self._use_middle()  # to be seen before it is taken
            return
        chosen = QRect(self.region)
        self._answered = True
        # Closed first: it shall not be in the pictures that are taken from now on.
        self.close()
        self.region_chosen.emit(chosen)

    def _paint_region(self, painter: QPainter, region: QRect) -> None:
        if self._still.isNull():
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            painter.fillRect(region, _CLEAR)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        else:
            painter.save()
            painter.setClipRect(region)
            painter.drawPixmap(self.rect(), self._still)
            painter.restore()
        around = region.adjusted(-1, -1, 0, 0)
        painter.setPen(QPen(_BOX_SHADOW, 3))
        painter.drawRect(around)
        painter.setPen(QPen(_BOX_LINE, 1))
        painter.drawRect(around)

    def _paint_size(self, painter: QPainter, region: QRect) -> None:
        size = self._pixels(region)
        chip, text = self._chip(f"{size.width()} × {size.height()}")
        chip.moveTopRight(QPointF(region.right(), region.bottom() + _GAP))
        if chip.bottom() > self.height() - _GAP:
            chip.moveBottom(region.bottom() - _GAP)
        chip.moveLeft(max(chip.left(), float(_GAP)))
        paint_chip(painter, chip, text)

    def _paint_instruction(self, painter: QPainter) -> None:
        chip, text = self._chip(self._instruction())
        chip.moveCenter(QPointF(self.width() / 2, 0))
        chip.moveTop(3 * _GAP)
        paint_chip(painter, chip, text)

    def _chip(self, text: str) -> tuple[QRectF, str]:
        """The room that ``text`` needs, and as much of it as fits on the screen."""
        metrics = QFontMetricsF(self.font())
        room = self.width() - 4 * _GAP - 24
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        return chip_around(text, metrics), text

    # Qt overrides

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._still.isNull():
            painter.fillRect(self.rect(), _DARK)
        else:
            painter.drawPixmap(self.rect(), self._darkened)
        if self.region is not None and not self.region.isEmpty():
            self._paint_region(painter, self.region)
            self._paint_size(painter, self.region)
        self._paint_instruction(painter)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.region is not None:
            self._use(self._kept_inside(self.region))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag_from = event.position().toPoint()
            self._before_drag = self.region

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag_from is None:
            return
        to = event.position().toPoint()
        far = (to - self._drag_from).manhattanLength() >= QApplication.startDragDistance()
        # A click with a trembling hand leaves what was drawn before.
        self._use(self._drawn(to) if far else self._before_drag)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._drag_from is not None:
            self._drag_from = None
            if self.region is not None:
                self._use(self._kept_inside(self.region))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            self.close()
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            if self._drag_from is None:
                self._take()
        elif key in _MOVES:
            self._move(_MOVES[key], event.modifiers())
        else:
            super().keyPressEvent(event)

    def _move(self, way: QPoint, modifiers: Qt.KeyboardModifier) -> None:
        if self.region is None:
            self._use_middle()
            return
        fine = modifiers & Qt.KeyboardModifier.ControlModifier
        step = way * (_FINE_STEP if fine else _STEP)
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            # The corner stops at the screen's edge, and does not push the rectangle.
            larger = self.region.adjusted(0, 0, step.x(), step.y()).intersected(self.rect())
            self._use(self._kept_inside(larger))
        else:
            self._use(self._kept_inside(self.region.translated(step)))

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        if not self._answered:
            self._answered = True
            self.cancelled.emit()


def _darkened(still: QPixmap) -> QPixmap:
    """Made once: large screens would be darkened anew with each movement of the mouse."""
    darkened = QPixmap(still)
    if not darkened.isNull():
        painter = QPainter(darkened)
        painter.fillRect(QRectF(QPointF(0, 0), darkened.deviceIndependentSize()), _DARK)
        painter.end()
    return darkened
