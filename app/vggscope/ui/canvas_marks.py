"""What is marked on the picture: what the network sees, what units see, what lies over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPainterPath, QPen, QTransform

from vggscope.ui.chips import chip_around, paint_chip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vggscope.inference.preprocessing import CropBox

_STRONG: Final = QColor(255, 213, 79)
_QUIET: Final = QColor(255, 213, 79, 150)
_SHADOW: Final = QColor(0, 0, 0, 150)
# On photos of any brightness: white between black hairlines.
_BOX_LINE: Final = QColor(255, 255, 255, 235)
_BOX_SHADOW: Final = QColor(0, 0, 0, 140)
_OUTSIDE: Final = QColor(0, 0, 0, 92)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A box on the picture.

    Attributes:
        box: in the picture's pixels.
        text: beside it, "" for none.
        quiet: one of several.
    """

    box: QRectF
    text: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A picture over the picture.

    Attributes:
        image: see-through where nothing is to be seen.
        box: the place of it in the picture's pixels; may reach beyond the picture.
        opacity: 0..1.
        is_alone: what the network sees for a classification is not marked meanwhile.
    """

    image: QImage
    box: QRectF
    opacity: float
    is_alone: bool = False


class Markings:
    """What is marked by whom. An overlay hides those that were laid before it."""

    def __init__(self) -> None:
        self._marks: dict[str, tuple[tuple[Mark, ...], str]] = {}
        self._overlays: dict[str, Overlay] = {}

    @property
    def marks(self) -> tuple[Mark, ...]:
        """All marks."""
        return tuple(mark for marks, _ in self._marks.values() for mark in marks)

    @property
    def texts(self) -> list[str]:
        """What is said of them."""
        return [text for _, text in self._marks.values() if text]

    @property
    def overlay(self) -> Overlay | None:
        """What lies on top."""
        return next(reversed(self._overlays.values()), None)

    def mark(self, owner: str, marks: tuple[Mark, ...], text: str) -> bool:
        """Replace the marks of ``owner``; whether that changes anything."""
        before = self._marks.pop(owner, ((), ""))
        if marks or text:
            self._marks[owner] = marks, text
        return before != (marks, text)

    def lay(self, owner: str, overlay: Overlay | None) -> bool:
        """Replace the overlay of ``owner``; whether that may change anything."""
        before = self._overlays.get(owner)
        if overlay is None:
            self._overlays.pop(owner, None)
        else:
            self._overlays[owner] = overlay
        return before is not None or overlay is not None

    def clear(self) -> None:
        """Nothing is marked any more."""
        self._marks.clear()
        self._overlays.clear()


def on_canvas(box: CropBox, mirrored_in: float | None) -> QRectF:
    """A box of the picture as it is shown: mirrored within ``mirrored_in`` pixels, or not."""
    left, top, right, bottom = box
    if mirrored_in is not None:
        left, right = mirrored_in - right, mirrored_in - left
    return QRectF(QPointF(left, top), QPointF(right, bottom))


def overlay_on(
    image: QImage,
    extent: CropBox,
    mirrored_in: float | None,
    *,
    opacity: float,
    is_alone: bool = False,
) -> Overlay:
    """``image`` of what lies in ``extent`` of the picture, as it is shown; see ``on_canvas``."""
    if mirrored_in is not None:
        image = image.transformed(QTransform.fromScale(-1, 1))
    box = on_canvas(extent, mirrored_in)
    return Overlay(image=image, box=box, opacity=opacity, is_alone=is_alone)


def paint_boxes(
    painter: QPainter,
    boxes: Sequence[QRectF],
    photo: QRectF,
    to_screen: Callable[[QPointF], QPointF],
) -> None:
    """Mark the parts of the picture that the network sees, by darkening the rest."""
    seen = [
        QRectF(to_screen(box.topLeft()), to_screen(box.bottomRight())).intersected(photo)
        for box in boxes
    ]
    outside, inside = QPainterPath(), QPainterPath()
    outside.addRect(photo)
    for each in seen:
        part = QPainterPath()
        part.addRect(each)
        inside = inside.united(part)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.fillPath(outside.subtracted(inside), _OUTSIDE)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(_BOX_SHADOW, 3), QPen(_BOX_LINE, 1)):
        painter.setPen(pen)
        for each in seen:
            painter.drawRect(each)


def paint_overlay(
    painter: QPainter, overlay: Overlay, photo: QRectF, to_screen: Callable[[QPointF], QPointF]
) -> None:
    """Paint ``overlay`` where it lies on the picture, which fills ``photo`` on the screen."""
    box = overlay.box
    painter.save()
    painter.setClipRect(photo)
    painter.setOpacity(overlay.opacity)
    # Values of positions, not of pixels: there are no edges between them to be shown.
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    target = QRectF(to_screen(box.topLeft()), to_screen(box.bottomRight()))
    painter.drawImage(target, overlay.image, QRectF(overlay.image.rect()))
    painter.restore()


def paint_marks(
    painter: QPainter,
    marks: tuple[Mark, ...],
    photo: QRectF,
    to_screen: Callable[[QPointF], QPointF],
) -> None:
    """Paint boxes on the picture, which fills ``photo`` on the screen."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    metrics = QFontMetricsF(painter.font())
    # The strong ones last, on top.
    for mark in sorted(marks, key=lambda each: not each.quiet):
        area = QRectF(to_screen(mark.box.topLeft()), to_screen(mark.box.bottomRight()))
        seen = area.intersected(photo)
        painter.setPen(QPen(_SHADOW, 4 if not mark.quiet else 3))
        painter.drawRect(seen)
        painter.setPen(QPen(_QUIET if mark.quiet else _STRONG, 2 if not mark.quiet else 1))
        painter.drawRect(seen)
        if mark.text:
            chip = chip_around(mark.text, metrics)
            chip.moveBottomLeft(seen.topLeft())
            if chip.top() < photo.top():
                chip.moveTopLeft(seen.topLeft())
            paint_chip(painter, chip, mark.text)
    painter.restore()
