"""Writes what the layer browser shows to files, as ``vggscope activations`` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication

from vggscope.sources.finding import display_name
from vggscope.ui.file_dialogs import ask_for_export
from vggscope.ui.settings import MAP_COLOURS

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.inference.map_views import ChannelPicture, MapsPicture
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.settings import Settings
    from vggscope.ui.tasks import Tasks

_KEY: Final = "layer export"


class Exporter:
    """Asks where to, and writes off the UI thread."""

    def __init__(self, window: MainWindow, tasks: Tasks, settings: Settings) -> None:
        self._window, self._tasks, self._settings = window, tasks, settings

    def export_maps(self, picture: MapsPicture, form: str) -> None:
        """Write all channels that are shown: "png", "npy", or statistics as "csv"."""
        colours = self._settings.text(MAP_COLOURS)

        def write(path: Path) -> None:
            from vggscope.inference import map_export  # noqa: PLC0415 (Pillow, when it is needed)

            maps, look = picture.maps, picture.look
            if form == "png":
                image = map_export.grid_png(
                    maps, picture.grid, colours=colours, normalisation=look.normalisation
                )
                map_export.save_png(image, path)
            elif form == "npy":
                map_export.save_npy(maps, path)
            else:
                map_export.save_csv([maps], path)

        self._ask_and_write(picture.maps.layer.name, form, write)

    def export_channel(self, picture: ChannelPicture, form: str) -> None:
        """Write one channel: "png", "npy", or statistics as "csv"."""
        colours = self._settings.text(MAP_COLOURS)

        def write(path: Path) -> None:
            from vggscope.inference import map_export  # noqa: PLC0415 (Pillow, when it is needed)

            maps, look, channel = picture.maps, picture.look, picture.channel
            if form == "png":
                image = map_export.channel_png(
                    maps,
                    channel,
                    colours=colours,
                    normalisation=look.normalisation,
                    fixed=look.fixed,
                    symmetric=look.symmetric,
                )
                map_export.save_png(image, path)
            elif form == "npy":
                map_export.save_npy(maps, path, channels=[channel])
            else:
                map_export.save_csv([maps], path, channels=[channel])

        self._ask_and_write(f"{picture.maps.layer.name} channel {picture.channel}", form, write)

    def _ask_and_write(self, what: str, form: str, write: Callable[[Path], None]) -> None:
        from vggscope.inference.capture_files import words_for_name  # noqa: PLC0415

        title = QCoreApplication.translate("layers", "Export {0}").format(what)
        chosen = ask_for_export(self._window, form, title=title, name=words_for_name(what))
        if not chosen:
            return
        path = Path(chosen)
        text = QCoreApplication.translate("layers", "Saved {0}").format(display_name(path))
        self._tasks.run(
            f"{_KEY} {path}",
            lambda: write(path),
            lambda _: self._window.tell_briefly(text),
            self._window.messages.tell_error,
            promised=True,
        )
