"""What the layer browser marks on the picture: what units see, and what a channel answers to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen

from vggscope.ui.chips import chip_around, paint_chip

if TYPE_CHECKING:
    from collections.abc import Callable

_STRONG: Final = QColor(255, 213, 79)
_QUIET: Final = QColor(255, 213, 79, 150)
_SHADOW: Final = QColor(0, 0, 0, 150)


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
    """

    image: QImage
    box: QRectF
    opacity: float


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
