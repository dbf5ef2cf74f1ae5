"""Marks on the canvas what the layer browser speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from vggscope.ui.canvas_marks import Mark, on_canvas, overlay_on
from vggscope.ui.layers.colours import overlay_image
from vggscope.ui.settings import MAP_COLOURS

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QRectF

    from vggscope.inference.map_views import ChannelPicture, Spot
    from vggscope.inference.preprocessing import CropBox
    from vggscope.ui.canvas import Canvas
    from vggscope.ui.layers.browser import LayerBrowser
    from vggscope.ui.layers.drawing import Drawing
    from vggscope.ui.layers.maps_grid import Cell
    from vggscope.ui.settings import Settings


class CanvasMarker:
    """Boxes of receptive fields, and a channel over the picture: what the browser points at."""

    def __init__(
        self,
        canvas: Canvas,
        browser: LayerBrowser,
        settings: Settings,
        mirrored_in: Callable[[], float | None],
    ) -> None:
        """``mirrored_in``: the width of the picture if the canvas shows it mirrored, else None."""
        self._canvas, self._browser = canvas, browser
        self._settings, self._mirrored_in = settings, mirrored_in
        self._drawing: Drawing | None = None
        self._hovered: Spot | None = None
        self._chosen: Spot | None = None
        self._shows_all = False
        browser.maps.hovered.connect(self._on_cell)
        channel = browser.channel
        channel.hovered.connect(self._on_hover)
        channel.spot_chosen.connect(self.choose)
        channel.spots_shown.connect(self._on_spots_shown)
        channel.overlay_changed.connect(self._mark)

    def forget(self) -> None:
        """Whatever was pointed at is no longer there."""
        self._hovered = self._chosen = None

    def choose(self, spot: Spot | None) -> None:
        """Mark ``spot`` until another one is chosen."""
        self._chosen = spot
        self._mark()

    def show(self, drawing: Drawing | None) -> None:
        """Mark what belongs to ``drawing``; None if what is drawn is of another picture."""
        self._drawing = drawing
        self._mark()

    def _on_cell(self, cell: Cell | None) -> None:
        from vggscope.inference.feature_maps import Position  # noqa: PLC0415 (maps are shown)
        from vggscope.inference.map_views import spot_at  # noqa: PLC0415 (likewise)

        self._hovered = None
        if cell is not None and self._drawing is not None:
            maps = self._drawing.maps.maps
            value = float(maps.values[cell.channel, cell.row, cell.column])
            self._hovered = spot_at(maps, Position(cell.row, cell.column, value))
        self._mark()

    def _on_hover(self, spot: Spot | None) -> None:
        self._hovered = spot
        self._mark()

    def _on_spots_shown(self, shown: bool) -> None:
        self._shows_all = shown
        self._mark()

    def _mark(self) -> None:
        if self._drawing is None:
            self._canvas.show_marks(())
            self._canvas.show_overlay(None)
            return
        picture = self._drawing.channel
        marks = []
        if self._shows_all:
            marks = [
                Mark(box=self._on_canvas(spot.on_picture), text=str(rank), quiet=True)
                for rank, spot in enumerate(picture.spots, start=1)
            ]
        spot = self._hovered or self._chosen
        text = ""
        if spot is not None:
            marks.append(Mark(box=self._on_canvas(spot.on_picture)))
            text = self._words(picture, spot)
        self._canvas.show_marks(tuple(marks), text)
        self._show_overlay(picture)

    def _show_overlay(self, picture: ChannelPicture) -> None:
        panel = self._browser.channel
        if not panel.overlay or picture.maps.is_vector:
            self._canvas.show_overlay(None)
            return
        image = overlay_image(picture.pixels, self._settings.text(MAP_COLOURS))
        self._canvas.show_overlay(
            overlay_on(image, picture.maps.extent, self._mirrored_in(), opacity=panel.opacity)
        )

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
        return on_canvas(box, self._mirrored_in())
