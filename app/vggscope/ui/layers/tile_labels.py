"""Numbers and names on the tiles of a grid of maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPixmap
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from PySide6.QtCore import QSize

    from vggscope.inference.map_pictures import Grid
    from vggscope.ui.layers.grid_viewport import GridViewport

_GROUND: Final = QColor(0, 0, 0, 150)
_TEXT: Final = QColor(255, 255, 255)
_SMALL: Final = 8
_NAMED: Final = 64
"""Logical pixels of a tile in which the name of a class has room."""
_KEPT: Final = 4096


class TileLabels:
    """Paints labels; those of hundreds of tiles take no time, since each is drawn but once."""

    def __init__(self) -> None:
        self._drawn: dict[Hashable, QPixmap] = {}

    def paint(
        self,
        painter: QPainter,
        grid: Grid,
        names: Sequence[str] | None,
        view: GridViewport,
        room: QSize,
    ) -> None:
        """Paint the labels of the tiles that are seen.

        Args:
            painter: of the widget.
            grid: the tiles.
            names: of all channels, if they have any.
            view: where the tiles are.
            room: the size of the widget.
        """
        ratio = painter.device().devicePixelRatioF()
        width, height = (side + grid.gap for side in grid.tile)
        seen = view.seen(room.toSizeF())
        first, last = max(0, math.floor(seen.left() / width)), math.ceil(seen.right() / width)
        top, bottom = max(0, math.floor(seen.top() / height)), math.ceil(seen.bottom() / height)
        # By plain numbers: a thousand tiles, and the time of one painting.
        x_start, y_start, zoom = view.origin.x(), view.origin.y(), view.zoom
        across, down = grid.tile[0] * zoom, grid.tile[1] * zoom
        order = grid.order.tolist()
        for row in range(top, bottom):
            y = y_start + row * height * zoom
            start = row * grid.columns
            end = min(start + min(grid.columns, last), len(order))
            for place in range(start + first, end):
                channel = order[place]
                name = "" if names is None else names[channel]
                at = QPointF(x_start + (place - start) * width * zoom, y)
                painter.drawPixmap(at, self._label(across, down, channel, name, ratio))

    def _label(self, width: float, height: float, channel: int, name: str, ratio: float) -> QPixmap:
        """The number of a channel, or its name if there is room."""
        if name and width >= _NAMED:
            return self._name(name, int(width), int(height), ratio)
        return self._number(channel, ratio)

    def _number(self, channel: int, ratio: float) -> QPixmap:
        key = (channel, ratio)
        if key not in self._drawn:
            text, font = str(channel), _font()
            metrics = QFontMetricsF(font)
            width, height = metrics.horizontalAdvance(text) + 5, metrics.height()
            self._keep(key, _drawn(text, font, QRectF(0, 0, width, height), ratio))
        return self._drawn[key]

    def _name(self, name: str, width: int, height: int, ratio: float) -> QPixmap:
        key = (name, width, height, ratio)
        if key not in self._drawn:
            font = _font()
            metrics = QFontMetricsF(font)
            lines = _lines(name, metrics, width - 8, max(1, int(height / metrics.height())))
            ground = QRectF(0, 0, width, metrics.height() * len(lines) + 2)
            self._keep(key, _drawn("\n".join(lines), font, ground, ratio))
        return self._drawn[key]

    def _keep(self, key: Hashable, label: QPixmap) -> None:
        if len(self._drawn) >= _KEPT:
            self._drawn.clear()
        self._drawn[key] = label


def _font() -> QFont:
    font = QFont(QApplication.font())
    font.setPointSizeF(_SMALL)
    return font


def _lines(text: str, metrics: QFontMetricsF, width: float, most: int) -> list[str]:
    """``text`` in at most ``most`` lines, the last of them cut if there are more."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and metrics.horizontalAdvance(longer) > width and len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = longer
    return [metrics.elidedText(line, Qt.TextElideMode.ElideRight, width) for line in lines]


def _drawn(text: str, font: QFont, ground: QRectF, ratio: float) -> QPixmap:
    pixmap = QPixmap(round(ground.width() * ratio), round(ground.height() * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.fillRect(ground, _GROUND)
    painter.setFont(font)
    painter.setPen(_TEXT)
    painter.drawText(ground, Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
    return pixmap
