"""The picture of a grid of maps, painted exactly when enlarged and averaged when made smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from vggscope.ui.layers.colours import NO_VALUE, colour_table, indexed_image

if TYPE_CHECKING:
    from vggscope.inference.map_pictures import Grid
    from vggscope.inference.map_views import MapsPicture
    from vggscope.ui.layers.grid_viewport import GridViewport

_GAP: Final = 255
_SHADOW: Final = QColor(0, 0, 0, 170)
_SHINE: Final = QColor(255, 255, 255, 235)
_MIDDLE: Final = 140
"""Lightness, 0..255."""


class GridImage:
    """Levels with colours, and what is kept of them from one painting to the next."""

    def __init__(self) -> None:
        self._image = QImage()
        self._smaller: QImage | None = None
        self._colours = "viridis"
        self._ground = self._between = QColor()
        self._rest = QRect()
        self._is_whole = True

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to paint."""
        return self._image.isNull()

    @property
    def size(self) -> QSize:
        """(width, height) in values; empty if there is nothing to paint."""
        return QSize() if self._image.isNull() else self._image.size()

    def show_picture(self, picture: MapsPicture | None, ground: QColor, between: QColor) -> None:
        """Paint these maps from now on; the colours are those of ``set_grounds``."""
        self._image, self._smaller = QImage(), None
        if picture is not None:
            self._image = indexed_image(picture.grid.pixels, self._colours)
            self._is_whole = int(picture.histogram.counts.sum()) == picture.maps.values.size
            self._rest = _rest(picture.grid)
        self.set_grounds(ground, between)

    def set_colours(self, name: str) -> None:
        """Use another colour map."""
        if name != self._colours:
            self._colours = name
            if not self._image.isNull():
                self._image.setColorTable(colour_table(name))
            self.set_grounds(self._ground, self._between)

    def set_grounds(self, ground: QColor, between: QColor) -> None:
        """The colours around maps and between them; where values are missing gaps are like them."""
        self._ground, self._between, self._smaller = ground, between, None
        if not self._image.isNull():
            self._image.setColor(_GAP, between.rgb() if self._is_whole else NO_VALUE)

    def paint(self, painter: QPainter, view: GridViewport, room: QSize) -> None:
        """Paint what can be seen in a widget of the size ``room``."""
        self._paint_maps(painter, view, room)
        if not self._rest.isEmpty():
            opacity = painter.opacity()
            painter.setOpacity(1.0)
            painter.fillRect(view.box_on_screen(QRectF(self._rest)), self._ground)
            painter.setOpacity(opacity)

    def _paint_maps(self, painter: QPainter, view: GridViewport, room: QSize) -> None:
        origin, zoom, ratio = view.origin, view.zoom, view.ratio
        if zoom * ratio < 1:
            size = self._image.size().toSizeF() * zoom * ratio
            painter.drawImage(origin, self._made_smaller(size, ratio))
            return
        seen_part = view.seen(room.toSizeF()).toAlignedRect().adjusted(-1, -1, 1, 1)
        part = seen_part.intersected(self._image.rect())
        if part.isEmpty():
            return
        # Only what is seen: enlarged, those are few pixels.
        seen = self._image.copy(part).convertToFormat(QImage.Format.Format_RGB32)
        is_exact = zoom * ratio == round(zoom * ratio)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not is_exact)
        target = QRectF(origin + QPointF(part.topLeft()) * zoom, part.size().toSizeF() * zoom)
        painter.drawImage(target, seen, QRectF(seen.rect()))

    def _made_smaller(self, size: QSizeF, ratio: float) -> QImage:
        """The whole picture with averages of values: panning costs no more than copying it."""
        exact = QSize(max(1, round(size.width())), max(1, round(size.height())))
        if self._smaller is None or self._smaller.size() != exact:
            self._smaller = self._image.convertToFormat(QImage.Format.Format_RGB32).scaled(
                exact,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        self._smaller.setDevicePixelRatio(ratio)
        return self._smaller


def paint_outline(
    painter: QPainter, box: QRectF, colour: QColor, width: int, device_pixel: float
) -> None:
    """A frame around ``box`` that can be told from any colour.

    Args:
        painter: of the widget.
        box: its edges are on device pixels.
        colour: of the frame; its edge is dark if it is light, and light if it is dark.
        width: of the frame, in logical pixels.
        device_pixel: the logical size of one.
    """
    edge = _SHADOW if colour.lightness() > _MIDDLE else _SHINE
    for by, pen in (
        (width + device_pixel / 2, QPen(edge, device_pixel)),
        (width / 2, QPen(colour, width)),
    ):
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.drawRect(box.adjusted(-by, -by, by, by))


def _rest(grid: Grid) -> QRect:
    """What the maps of the last row leave free, with the gap before it."""
    in_last = len(grid.order) % max(1, grid.columns)
    if not in_last:
        return QRect()
    left, top, width, height = grid.tile_box(len(grid.order) - 1)
    return QRect(left + width, top, grid.pixels.shape[1] - left - width, height)
