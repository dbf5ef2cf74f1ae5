"""Writes what the layer browser shows to files, as ``vggscope activations`` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication

from vggscope.inference.tap import Tap
from vggscope.sources.finding import display_name
from vggscope.ui.file_dialogs import ask_for_export
from vggscope.ui.settings import MAP_COLOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vggscope.inference.map_views import ChannelPicture, MapsPicture
    from vggscope.inference.readers import Readers
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.subject import Subject
    from vggscope.ui.layers.looking import Looking
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

    def export_all(
        self, use: str, subject: Subject, layers: Sequence[str], looking: Looking
    ) -> None:
        """Write the numbers of ``layers`` of ``subject`` into one file, "npz"."""
        path = self._ask(QCoreApplication.translate("layers", "all layers"), "npz")
        if path is None:
            return

        def write(eyes: Readers, cancellation: Cancellation) -> None:
            from vggscope.inference.map_export import save_npz  # noqa: PLC0415 (when it is needed)

            save_npz((eyes.look(use, subject, Tap(layer), cancellation) for layer in layers), path)

        looking.run(
            f"{_KEY} {path}", write, lambda _: self._tell(path), self._window.messages.tell_error
        )

    def _ask_and_write(self, what: str, form: str, write: Callable[[Path], None]) -> None:
        path = self._ask(what, form)
        if path is not None:
            self._tasks.run(
                f"{_KEY} {path}",
                lambda: write(path),
                lambda _: self._tell(path),
                self._window.messages.tell_error,
                promised=True,
            )

    def _ask(self, what: str, form: str) -> Path | None:
        from vggscope.inference.capture_files import words_for_name  # noqa: PLC0415

        title = QCoreApplication.translate("layers", "Export {0}").format(what)
        chosen = ask_for_export(self._window, form, title=title, name=words_for_name(what))
        return Path(chosen) if chosen else None

    def _tell(self, path: Path) -> None:
        text = QCoreApplication.translate("layers", "Saved {0}")
        self._window.tell_briefly(text.format(display_name(path)))
