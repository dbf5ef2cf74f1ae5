"""Short texts on pictures of any brightness."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

_GROUND: Final = QColor(0, 0, 0, 178)
_TEXT: Final = QColor(245, 245, 247)
_ROOM: Final = (20, 10)
_RADIUS: Final = 6


def chip_around(text: str, metrics: QFontMetricsF) -> QRectF:
    """A rectangle at the origin in which ``text`` has room."""
    return QRectF(0, 0, metrics.horizontalAdvance(text) + _ROOM[0], metrics.height() + _ROOM[1])


def paint_chip(painter: QPainter, chip: QRectF, text: str) -> None:
    """``text`` on a dark ground with round corners."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_GROUND)
    painter.drawRoundedRect(chip, _RADIUS, _RADIUS)
    painter.setPen(_TEXT)
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()
