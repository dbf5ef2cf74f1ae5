"""Marks on the canvas what the layer browser speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QPointF, QRectF

from vggscope.ui.canvas_marks import Mark, Overlay
from vggscope.ui.layers.colours import overlay_image
from vggscope.ui.settings import MAP_COLOURS

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.inference.map_views import ChannelPicture, Spot
    from vggscope.inference.preprocessing import CropBox
    from vggscope.ui.canvas import Canvas
    from vggscope.ui.settings import Settings


class CanvasMarker:
    """Boxes of receptive fields, and a channel over the picture.

    Attributes:
        hovered: what the mouse is over, in the browser.
        chosen: what stays marked.
        shows_all: whether all strongest positions of the channel are marked.
        opacity: of the channel over the picture; 0 for none.
    """

    def __init__(
        self,
        canvas: Canvas,
        settings: Settings,
        mirrored_in: Callable[[], float | None],
    ) -> None:
        """``mirrored_in``: the width of the picture if the canvas shows it mirrored, else None."""
        self._canvas, self._settings, self._mirrored_in = canvas, settings, mirrored_in
        self.hovered: Spot | None = None
        self.chosen: Spot | None = None
        self.shows_all = False
        self.opacity = 0.0

    def show(self, picture: ChannelPicture | None) -> None:
        """Mark what belongs to the channel that is shown; None if none is."""
        if picture is None:
            self._canvas.show_marks(())
            self._canvas.show_overlay(None)
            return
        marks = []
        if self.shows_all:
            marks = [
                Mark(box=self._on_canvas(spot.on_picture), text=str(rank), quiet=True)
                for rank, spot in enumerate(picture.spots, start=1)
            ]
        spot = self.hovered or self.chosen
        text = ""
        if spot is not None:
            marks.append(Mark(box=self._on_canvas(spot.on_picture)))
            text = self._words(picture, spot)
        self._canvas.show_marks(tuple(marks), text)
        self._show_overlay(picture)

    def _show_overlay(self, picture: ChannelPicture) -> None:
        if not self.opacity or picture.maps.is_vector:
            self._canvas.show_overlay(None)
            return
        image = overlay_image(picture.pixels, self._settings.text(MAP_COLOURS))
        if self._mirrored_in() is not None:
            image = image.mirrored(True, False)
        box = self._on_canvas(picture.maps.extent)
        self._canvas.show_overlay(Overlay(image=image, box=box, opacity=self.opacity))

    def _words(self, picture: ChannelPicture, spot: Spot) -> str:
        layer = picture.maps.layer
        field = spot.field
        width, height = round(field.right - field.left), round(field.bottom - field.top)
        size = f"{width} × {height}"
        if picture.maps.is_vector:
            text = QCoreApplication.translate("layers", "receptive field of {0}: {1} px")
            return text.format(layer.name, size)
        text = (
            QCoreApplication.translate("layers", "receptive field of {0} at ({1}, {2}): {3} px")
            if layer.exact
            else QCoreApplication.translate(
                "layers", "receptive field of {0} at ({1}, {2}): at most {3} px"
            )
        )
        return text.format(layer.name, spot.position.row, spot.position.column, size)

    def _on_canvas(self, box: CropBox) -> QRectF:
        left, top, right, bottom = box
        width = self._mirrored_in()
        if width is not None:
            left, right = width - right, width - left
        return QRectF(QPointF(left, top), QPointF(right, bottom))
