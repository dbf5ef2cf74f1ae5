"""The canvas: the picture with the box that the network sees, zoomed and panned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from vggscope.ui.canvas_marks import (
    Mark,
    Markings,
    Overlay,
    paint_boxes,
    paint_marks,
    paint_overlay,
)
from vggscope.ui.chips import chip_around, paint_chip
from vggscope.ui.theme import picture
from vggscope.ui.viewport import Viewport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QEvent

    from vggscope.inference.preprocessing import CropBox
    from vggscope.ui.images import Levels
    from vggscope.ui.theme import Theme

_BY_KEY: Final = frozenset(
    {
        Qt.FocusReason.TabFocusReason,
        Qt.FocusReason.BacktabFocusReason,
        Qt.FocusReason.ShortcutFocusReason,
    }
)
_MARGIN: Final = 18
_LARGEST_FIT: Final = 4.0
_WHEEL_STEP: Final = 1.0015
_KEY_STEP: Final = 1.25
_PAN_STEP: Final = 40
_FOCUS: Final = 2
_AROUND: Final = 64
"""Pixels around what is seen of a moving picture that are at hand when it is moved by the mouse."""


class Canvas(QWidget):
    """Shows one picture, a photo or the present one of those that move.

    Zooms by wheel (around the mouse) and keys, pans by mouse and arrows.

    Signals:
        zoom_changed: pixels of the screen per pixel of the picture.
        view_changed: another part of the picture is seen, or in another size.
        pointed_at: a ``QPointF`` in the picture's pixels is under the mouse; None for nothing.
    """

    zoom_changed = Signal(float)
    view_changed = Signal()
    pointed_at = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._levels: list[QImage] = []
        self._picture_size = QSize()
        self._part = QRectF()
        self._name = ""
        self._reason = ""
        self._sign = ""
        self._caption = ""
        self._readout = ""
        self._badge = ""
        self._markings = Markings()
        self._boxes: list[QRectF] = []
        self._box_visible = True
        self._view = Viewport(margin=_MARGIN, largest_fit=_LARGEST_FIT)
        self._came_by_key = False
        self._drag_from: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # Low enough for the smallest window with all its parts.
        self.setMinimumSize(240, 72)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Photo"))
        theme.changed.connect(self.update)

    @property
    def zoom(self) -> float:
        """Logical pixels of the screen per pixel of the photo."""
        return self._view.zoom

    @property
    def box(self) -> QRectF | None:
        """What the network sees, in the photo's pixels: around all of ``boxes``."""
        if not self._boxes:
            return None
        box = self._boxes[0]
        for each in self._boxes[1:]:
            box = box.united(each)
        return box

    @property
    def boxes(self) -> list[QRectF]:
        """The parts that the network sees, each of them."""
        return list(self._boxes)

    def show_photo(self, levels: Levels, name: str) -> None:
        """Show a photo; ``name`` is for the caption."""
        size = QSize(*levels.size)
        changed = size != self._picture_size
        self._levels, self._picture_size = levels.images, size
        self._part = QRectF(QPointF(0, 0), size.toSizeF())
        self._name = name
        self.setAccessibleName(self.tr("Photo"))
        self._make_caption()
        self._view.show(size.toSizeF())
        if changed or self._view.fitted:
            self.fit()
        self.update()

    def show_moving(self, image: QImage, part: QRectF, size: QSize, name: str) -> None:
        """Show the next of the pictures that move.

        Args:
            image: ``part`` of it, at the size of ``scale`` and ``room`` if that is at hand.
            part: in the picture's pixels.
            size: of the whole picture in its own pixels.
            name: of the source.
        """
        changed = (size, name) != (self._picture_size, self._name) or not self._levels
        self._levels, self._picture_size, self._name = [image], size, name
        self._part = part
        if changed:
            self.setAccessibleName(self.tr("Moving picture"))
            self._reason = ""
            self._make_caption()
            self._view.show(size.toSizeF())
            if self._view.fitted:
                self.fit()
        self.update()

    @property
    def has_picture(self) -> bool:
        """Whether a picture is shown."""
        return bool(self._levels)

    @property
    def scale(self) -> float | None:
        """Pixels of the screen per pixel of the picture; None if it is fitted to ``room``."""
        return None if self._view.fitted else self.zoom * self.devicePixelRatioF()

    @property
    def part(self) -> tuple[float, float, float, float] | None:
        """The part that is seen, and a little around it, in the picture's pixels; None for all.

        Left, top, right, bottom.
        """
        if self._view.fitted or self._picture_size.isEmpty():
            return None
        around = QPointF(_AROUND, _AROUND)
        first = self.to_photo(QPointF(self.rect().topLeft()) - around)
        last = self.to_photo(QPointF(self.rect().bottomRight()) + around)
        whole = QRectF(QPointF(0, 0), self._picture_size.toSizeF())
        seen = QRectF(first, last).intersected(whole)
        return None if seen == whole else (seen.left(), seen.top(), seen.right(), seen.bottom())

    @property
    def room(self) -> tuple[int, int]:
        """(width, height) that a fitted picture may fill, in pixels of the screen."""
        ratio = self.devicePixelRatioF()
        width, height = (
            max(1, round((side - 2 * _MARGIN) * ratio)) for side in (self.width(), self.height())
        )
        return width, height

    def show_readout(self, text: str) -> None:
        """Show figures in the corner; "" for none."""
        if text != self._readout:
            self._readout = text
            self.update()

    def show_badge(self, text: str) -> None:
        """Show in what state the moving picture is ("Frozen"); "" for nothing special."""
        if text != self._badge:
            self._badge = text
            self._make_caption()
            self.update()

    def show_marks(self, marks: tuple[Mark, ...], text: str = "", *, owner: str = "layers") -> None:
        """Mark places on the picture, and tell in the corner what they are.

        ``owner``: who marks them; what others have marked stays.
        """
        if self._markings.mark(owner, marks, text):
            self.update()

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What is marked."""
        return self._markings.marks

    def show_overlay(self, overlay: Overlay | None, *, owner: str = "layers") -> None:
        """Show something over the picture; of several owners, that of the last one is seen."""
        if self._markings.lay(owner, overlay):
            self._make_caption()
            self.update()

    @property
    def overlay(self) -> Overlay | None:
        """What is shown over the picture."""
        return self._markings.overlay

    def clear(self, reason: str = "", sign: str = "warning") -> None:
        """Show no picture, but ``reason`` why there is none, below the icon ``sign``."""
        self._reason, self._sign = reason, sign
        self.setAccessibleDescription(reason)
        self._levels, self._picture_size, self._boxes = [], QSize(), []
        self._readout = self._badge = ""
        self._markings.clear()
        self._view.show(QSizeF())
        self._view.fitted = True
        self.update()

    def show_box(self, box: CropBox | None) -> None:
        """Mark what the network sees."""
        self.show_boxes([] if box is None else [box])

    def show_boxes(self, boxes: Sequence[CropBox]) -> None:
        """Mark all that the network sees, where it looks more than once."""
        wanted: list[QRectF] = []
        for left, top, right, bottom in boxes:
            box = QRectF(QPointF(left, top), QPointF(right, bottom))
            # A crop and its mirror image are one place.
            if box not in wanted:
                wanted.append(box)
        if wanted != self._boxes:
            self._boxes = wanted
            self._make_caption()
            self.update()

    def set_box_visible(self, visible: bool) -> None:
        """Show or hide the box."""
        self._box_visible = visible
        self._make_caption()
        self.update()

    def fit(self) -> None:
        """Show the whole photo; small ones are enlarged, but not beyond four times."""
        if self._view.fit():
            self._on_zoom()

    def show_actual_size(self) -> None:
        """One pixel of the photo is one pixel of the screen."""
        self._zoom_to(1.0 / self.devicePixelRatioF())

    def zoom_by(self, factor: float, about: QPointF | None = None) -> None:
        """Zoom around a point of the widget, or around its middle."""
        self._zoom_to(self.zoom * factor, about)

    def zoom_in(self) -> None:
        """One step closer."""
        self.zoom_by(_KEY_STEP)

    def zoom_out(self) -> None:
        """One step back."""
        self.zoom_by(1 / _KEY_STEP)

    def to_screen(self, point: QPointF) -> QPointF:
        """Widget coordinates of a point of the photo."""
        return self._view.to_screen(point)

    def to_photo(self, point: QPointF) -> QPointF:
        """The photo's coordinates of a point of the widget."""
        return self._view.to_picture(point)

    def _zoom_to(self, zoom: float, about: QPointF | None = None) -> None:
        if self._view.zoom_to(zoom, about):
            self._on_zoom()

    def _on_zoom(self) -> None:
        self.zoom_changed.emit(self.zoom)
        self.view_changed.emit()
        self.update()

    def _pan(self, by: QPointF) -> None:
        self._view.pan(by)
        self.view_changed.emit()
        self.update()

    @property
    def _are_boxes_seen(self) -> bool:
        overlay = self.overlay
        return bool(self._boxes) and self._box_visible and not (overlay and overlay.is_alone)

    def _make_caption(self) -> None:
        if self._picture_size.isEmpty():
            return
        size = self._picture_size
        parts = [f"{size.width()} × {size.height()}"]
        if self._are_boxes_seen:
            parts.append(
                self.tr("the frame is what the network sees")
                if len(self._boxes) == 1
                else self.tr("the frames are what the network sees")
            )
        self._caption = " · ".join(parts)
        spoken = [self._name, self._caption, self._badge]
        self.setAccessibleDescription(" · ".join(filter(None, spoken)))

    def _paint_reason(self, painter: QPainter) -> None:
        if not self._reason:
            return
        colours = self._theme.colours
        middle = self.rect().center()
        painter.drawPixmap(middle.x() - 24, middle.y() - 56, picture(self._sign, colours.muted, 48))
        painter.setPen(QColor(colours.muted))
        area = QRectF(self.rect()).adjusted(_MARGIN, 0, -_MARGIN, 0)
        area.setTop(middle.y() + 4)
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(area, flags, self._reason)

    def _paint_photo(self, painter: QPainter) -> None:
        part = self._part
        device_zoom = self.zoom * self.devicePixelRatioF()
        # The smallest level that still has a pixel for every pixel of the screen.
        level = next(
            (i for i in reversed(self._levels) if i.width() / part.width() >= device_zoom),
            self._levels[0],
        )
        target = QRectF(self.to_screen(part.topLeft()), self.to_screen(part.bottomRight()))
        # Enlarged pixels are shown as pixels once they are large enough to be meant.
        smooth = level.width() / part.width() > device_zoom / 6
        ratio = self.devicePixelRatioF()
        exact = QSize(round(target.width() * ratio), round(target.height() * ratio))
        if abs(exact.width() - level.width()) <= 1 and abs(exact.height() - level.height()) <= 1:
            # Made for this very place: painting it there as it is takes a tenth of the time.
            corner = QPointF(round(target.x() * ratio) / ratio, round(target.y() * ratio) / ratio)
            target = QRectF(corner, level.size().toSizeF() / ratio)
            smooth = False
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(target, level, QRectF(level.rect()))

    @property
    def _on_screen(self) -> QRectF:
        """Where the whole picture lies, in the widget's coordinates."""
        size = self._picture_size
        last = self.to_screen(QPointF(size.width(), size.height()))
        return QRectF(self.to_screen(QPointF(0, 0)), last)

    def _paint_caption(self, painter: QPainter) -> None:
        metrics = QFontMetricsF(self.font())
        room = self.width() - 2 * _MARGIN - 24
        tail = f" · {self._caption}"
        name_room = max(80.0, room - metrics.horizontalAdvance(tail))
        name = metrics.elidedText(self._name, Qt.TextElideMode.ElideMiddle, name_room)
        text = metrics.elidedText(name + tail, Qt.TextElideMode.ElideRight, room)
        chip = chip_around(text, metrics)
        chip.moveBottomLeft(QPointF(12, self.height() - 10))
        paint_chip(painter, chip, text)

    def _paint_state(self, painter: QPainter) -> None:
        """The badge and the readout, in the upper corners."""
        metrics = QFontMetricsF(self.font())
        if self._badge:
            chip = chip_around(self._badge, metrics)
            chip.moveTopLeft(QPointF(12, 10))
            paint_chip(painter, chip, self._badge)
        corner = QPointF(self.width() - 12, 10)
        for text in filter(None, (self._readout, *self._markings.texts)):
            chip = chip_around(text, metrics)
            chip.moveTopRight(corner)
            paint_chip(painter, chip, text)
            corner = QPointF(corner.x(), chip.bottom() + 6)

    def _paint_focus(self, painter: QPainter) -> None:
        """The frame that the views have from the style sheet."""
        whole = QRectF(self.rect())
        inside = whole.adjusted(_FOCUS, _FOCUS, -_FOCUS, -_FOCUS)
        for side in _frame_around(whole, inside):
            painter.fillRect(side, QColor(self._theme.colours.accent))

    # Qt overrides

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.colours.canvas))
        if self._levels:
            self._paint_photo(painter)
            if (overlay := self.overlay) is not None:
                paint_overlay(painter, overlay, self._on_screen, self.to_screen)
            if self._are_boxes_seen:
                paint_boxes(painter, self._boxes, self._on_screen, self.to_screen)
            paint_marks(painter, self.marks, self._on_screen, self.to_screen)
            self._paint_caption(painter)
            self._paint_state(painter)
        else:
            self._paint_reason(painter)
        if self.hasFocus() and self._came_by_key:
            self._paint_focus(painter)

    def focusInEvent(self, event: QFocusEvent) -> None:
        # Who uses the mouse knows where they are, and sees the photo without a frame.
        self._came_by_key = event.reason() in _BY_KEY
        super().focusInEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._view.resize(self.size().toSizeF())
        if self._view.fitted:
            self.fit()
        else:
            self.view_changed.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._pan(QPointF(turn) / 2)
        elif turn.y():  # touchpads also send turns that are merely sideways
            self.zoom_by(_WHEEL_STEP ** turn.y(), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._levels:
            self._drag_from = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag_from is not None:
            self._pan(event.position() - self._drag_from)
            self._drag_from = event.position()
        on_picture = bool(self._levels) and self._on_screen.contains(event.position())
        self.pointed_at.emit(self.to_photo(event.position()) if on_picture else None)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed_at.emit(None)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._drag_from = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        if self._view.fitted:
            self.show_actual_size()
        else:
            self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: QPointF(_PAN_STEP, 0),
            Qt.Key.Key_Right: QPointF(-_PAN_STEP, 0),
            Qt.Key.Key_Up: QPointF(0, _PAN_STEP),
            Qt.Key.Key_Down: QPointF(0, -_PAN_STEP),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None or not self._levels:
            super().keyPressEvent(event)
        else:
            self._pan(step)


def _frame_around(outer: QRectF, inner: QRectF) -> list[QRectF]:
    """The four rectangles of ``outer`` around ``inner``."""
    return [
        QRectF(outer.topLeft(), QPointF(outer.right(), inner.top())),
        QRectF(QPointF(outer.left(), inner.bottom()), outer.bottomRight()),
        QRectF(QPointF(outer.left(), inner.top()), QPointF(inner.left(), inner.bottom())),
        QRectF(QPointF(inner.right(), inner.top()), QPointF(outer.right(), inner.bottom())),
    ]
