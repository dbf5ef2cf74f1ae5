"""What part of a picture a widget shows, and how large: zooming, panning, fitting."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QSizeF

_MOST: Final = 32.0
_FIRST: Final = 64
"""Logical pixels that the longer side of a picture keeps at least."""


class Viewport:
    """Maps a picture's pixels to a widget's logical pixels.

    Attributes:
        zoom: logical pixels per pixel of the picture.
        fitted: whether the whole picture is shown, whatever the size of the widget.
    """

    def __init__(self, *, margin: float, largest_fit: float, largest: float = _MOST) -> None:
        """Nothing is shown at first.

        Args:
            margin: around a fitted picture.
            largest_fit: how many times a fitted picture is enlarged at most.
            largest: how many times any picture is.
        """
        self._margin, self._largest_fit, self._largest = margin, largest_fit, largest
        self._picture = QSizeF()
        self._view = QSizeF()
        self._centre = QPointF()
        self.zoom = 1.0
        self.fitted = True

    @property
    def picture(self) -> QSizeF:
        """Size of the picture in its own pixels; empty if there is none."""
        return self._picture

    @property
    def centre(self) -> QPointF:
        """The point of the picture that is in the middle of the widget."""
        return QPointF(self._centre)

    def show(self, picture: QSizeF) -> None:
        """Show a picture of this size from now on."""
        self._picture = picture

    def resize(self, view: QSizeF) -> None:
        """The widget has this size now; what was in its middle stays there."""
        self._view = view

    def to_screen(self, point: QPointF) -> QPointF:
        """The widget's coordinates of a point of the picture."""
        return self._middle + (point - self._centre) * self.zoom

    def to_picture(self, point: QPointF) -> QPointF:
        """The picture's coordinates of a point of the widget."""
        return self._centre + (point - self._middle) / self.zoom

    def fit(self) -> bool:
        """Show the whole picture; False if there is none."""
        self.fitted = True
        if self._picture.isEmpty():
            return False
        width = max(1.0, self._view.width() - 2 * self._margin) / self._picture.width()
        height = max(1.0, self._view.height() - 2 * self._margin) / self._picture.height()
        self._centre = QPointF(self._picture.width() / 2, self._picture.height() / 2)
        self.zoom = min(width, height, self._largest_fit)
        return True

    def zoom_to(self, zoom: float, about: QPointF | None = None) -> bool:
        """Show the picture in another size; False if there is none.

        Args:
            zoom: kept within sensible bounds.
            about: the point of the widget that keeps its place; None for the middle.
        """
        if self._picture.isEmpty():
            return False
        smallest = min(1.0, _FIRST / max(self._picture.width(), self._picture.height()))
        zoom = min(self._largest, max(smallest, zoom))
        fixed = self._middle if about is None else about
        anchor = self.to_picture(fixed)
        self.fitted = False
        self._centre = anchor - (fixed - self._middle) / zoom
        self._keep_in_sight()
        self.zoom = zoom
        return True

    def look_at(self, centre: QPointF, zoom: float) -> bool:
        """Show this point of the picture in the middle; False if there is no picture."""
        self._centre = QPointF(centre)
        return self.zoom_to(zoom)

    def pan(self, by: QPointF) -> None:
        """Move the picture by so many logical pixels."""
        self.fitted = False
        self._centre -= by / self.zoom
        self._keep_in_sight()

    @property
    def _middle(self) -> QPointF:
        # In whole pixels: a picture in the middle is not to be smeared over two of them.
        return QPointF(int(self._view.width() - 1) // 2, int(self._view.height() - 1) // 2)

    def _keep_in_sight(self) -> None:
        """The middle of the widget stays on the picture."""
        self._centre = QPointF(
            min(max(self._centre.x(), 0.0), self._picture.width()),
            min(max(self._centre.y(), 0.0), self._picture.height()),
        )
