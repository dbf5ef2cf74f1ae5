"""A viewport whose pictures are exact: each of their pixels is a square of whole device pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF

from vggscope.ui.viewport import Viewport

if TYPE_CHECKING:
    from PySide6.QtCore import QSizeF

_KEY_STEP: Final = 1.25
_ALMOST_ONE: Final = 1.2
"""Device pixels per pixel up to which pixels are shown as they are: sharp instead of larger."""
_SHARP: Final = 2
"""Device pixels per pixel from which each pixel is a square."""


class GridViewport(Viewport):
    """Zooms in whole steps where pixels are enlarged, and begins pictures on a device pixel.

    Attributes:
        ratio: device pixels per logical pixel.
    """

    def __init__(self, *, margin: float, largest_fit: float, largest: float) -> None:
        super().__init__(margin=margin, largest_fit=largest_fit, largest=largest)
        self.ratio = 1.0
        self._wish = 1.0

    @property
    def scale(self) -> float:
        """Device pixels per pixel of the picture."""
        return self.zoom * self.ratio

    @property
    def origin(self) -> QPointF:
        """Where the picture's corner is on the widget, on a device pixel."""
        corner = self.to_screen(QPointF(0, 0))
        return QPointF(self._whole(corner.x()), self._whole(corner.y()))

    def box_on_screen(self, box: QRectF) -> QRectF:
        """A part of the picture on the widget, its edges on device pixels."""
        origin = self.origin
        first = origin + box.topLeft() * self.zoom
        last = origin + box.bottomRight() * self.zoom
        return QRectF(
            QPointF(self._whole(first.x()), self._whole(first.y())),
            QPointF(self._whole(last.x()), self._whole(last.y())),
        )

    def exactly(self, point: QPointF) -> QPointF:
        """The picture's coordinates of a point of the widget, as the picture is painted."""
        return (point - self.origin) / self.zoom

    def seen(self, room: QSizeF) -> QRectF:
        """What part of the picture's plane a widget of this size shows."""
        corner = QPointF(room.width(), room.height())
        return QRectF(self.exactly(QPointF(0, 0)), self.exactly(corner))

    def zoom_by(self, factor: float, about: QPointF) -> bool:
        """Zoom around a point of the widget; False if there is no picture.

        Small factors add up, even if none of them is enough for another step.
        """
        return self._zoom_near(self._wish * factor, about)

    def step(self, direction: int) -> bool:
        """One step closer (1) or back (-1), never without effect; False if there is no picture."""
        wish = self.zoom * _KEY_STEP**direction
        if self._exact(wish) == self.zoom:
            wish = self.zoom + direction / self.ratio
        return self._zoom_near(wish, None)

    def follow(self, other: GridViewport) -> None:
        """Show the same part as another one, in the same size."""
        own, theirs = self.picture, other.picture
        if other.fitted or own.isEmpty() or theirs.isEmpty():
            self.fit()
            return
        across, down = own.width() / theirs.width(), own.height() / theirs.height()
        self.look_at(QPointF(other.centre.x() * across, other.centre.y() * down), other.zoom)
        self._wish = self.zoom

    def fit(self) -> bool:
        """Show the whole picture; False if there is none."""
        if not super().fit():
            return False
        self.zoom = self._wish = self._exact(self.zoom)
        return True

    def _zoom_near(self, wish: float, about: QPointF | None) -> bool:
        exact = self._exact(wish)
        if not self.zoom_to(exact, about):
            return False
        self._wish = wish if self.zoom == exact else self.zoom
        return True

    def _exact(self, zoom: float) -> float:
        """The largest zoom up to ``zoom`` that shows pixels sharp, if they are to be sharp."""
        scale = zoom * self.ratio
        if scale >= _SHARP:
            return math.floor(scale + 1e-6) / self.ratio
        return 1 / self.ratio if 1 <= scale < _ALMOST_ONE else zoom

    def _whole(self, side: float) -> float:
        return round(side * self.ratio) / self.ratio
