#!/usr/bin/env python3
"""Make the screenshots of the documentation from the real window.

    python tools/screenshots.py [FOLDER] [--all] [--story window|layers]

Needs no display. Without --all only the pictures that docs/images holds are made.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from typing import TYPE_CHECKING

from PIL import Image, ImageOps
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent
from PySide6.QtWidgets import QApplication

from layer_screenshots import shoot_layers
from vggscope import paths
from vggscope.ui.application import Application
from vggscope.ui.device_roster import device_choices
from vggscope.ui.devices_dialog import DevicesDialog
from vggscope.ui.dialogs import AboutDialog, SettingsDialog, ShortcutsDialog
from vggscope.ui.import_preview import PreviewPane
from vggscope.ui.main_window import MainWindow
from vggscope.ui.model_card import ModelCard
from vggscope.ui.settings import COMPARE, DEVICE, LAYERS, MODEL, Settings
from vggscope.ui.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.ui.actions import Actions

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = paths.resource("samples")
FILM = SAMPLES / "slideshow.webm"
PUBLISHED = (
    "empty",
    "photo",
    "photo-dark",
    "where",
    "where-2",
    "compare",
    "models",
    "import",
    "many",
    "devices",
    "live",
    "live-2",
    "live-3",
    "frozen",
    "layers-weights",
    "layers-overlay",
    "layers-patches",
    "layers-compare",
    "layers-live-dark",
)


class Studio:
    """A window that is told what to show, and photographed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._application = Application()
        self.settings = Settings(self._application)
        self.theme = Theme(self._application)
        self.theme.use("light")
        self.window = MainWindow(self.settings, self.theme)
        self.window.resize(1280, 800)
        self.window.show()
        self.window.begin()

    def wait(self, until: Callable[[], bool], seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() > deadline:
                sys.exit("the window did not get ready")
            self._application.processEvents()
            time.sleep(0.01)

    def settle(self) -> None:
        """Wait until devices are tried, everything is classified and nothing moves any more."""
        bench = self.window.workbench
        self.wait(lambda: bench.model is not None and not bench.roster.is_busy)
        self.wait(lambda: not bench.is_busy and not bench.is_listing)
        pause = time.monotonic() + 0.8
        self.wait(lambda: time.monotonic() > pause)

    def shoot(self, name: str, widget: object = None) -> None:
        target = widget or self.window
        target.grab().save(str(self._folder / f"{name}.png"))  # type: ignore[attr-defined]
        sys.stdout.write(f"{name}.png\n")

    def open(self, *names: str) -> None:
        self.window.open_paths([str(SAMPLES / n) if "/" not in n else n for n in names])
        self.settle()

    def close(self) -> None:
        self.window.close()


def make(studio: Studio, wanted: Callable[[str], bool]) -> None:
    """All pictures of the window, one story."""
    window, bench = studio.window, studio.window.workbench
    # The layer browser has a story of its own, and these pictures need the room.
    studio.settings.set(LAYERS, value=False)
    studio.settle()
    studio.shoot("empty")
    studio.open("cat-chelsea.jpg")
    studio.shoot("photo")
    studio.theme.use("dark")
    studio.settle()
    studio.shoot("photo-dark")
    _devices(studio, wanted)
    if wanted("zoomed"):
        window.canvas.zoom_by(6)
        studio.settle()
        studio.shoot("zoomed")
        window.resize(900, 600)
        window.canvas.fit()
        studio.settle()
        studio.shoot("narrow-dark")
    _live(studio, wanted)
    studio.theme.use("light")
    with tempfile.TemporaryDirectory() as scratch:
        broken = Path(scratch) / "holiday.jpg"
        broken.write_bytes((SAMPLES / "coffee.jpg").read_bytes()[:9000])
        window.resize(1280, 800)
        bench.remove_all()
        names = sorted(p.name for p in SAMPLES.glob("*.jpg"))
        studio.open(*names[:3], str(broken), *names[3:])
        bench.choose(bench.photos.at(0).key)
        studio.settle()
        studio.shoot("many")
        if not wanted("table"):
            return
        bench.choose(bench.photos.at(3).key)
        studio.settle()
        studio.shoot("error")
        window.actions_by_key["as_table"].trigger()
        studio.settle()
        studio.shoot("table")
        window.resize(2560, 1440)
        studio.settle()
        studio.shoot("large")
        window.actions_by_key["as_table"].trigger()
        studio.theme.use("dark")
        studio.settle()
        studio.shoot("large-dark")
        window.resize(900, 600)
        studio.settle()
        studio.shoot("narrow-many-dark")
        _drags(studio)
        _dialogs(studio)


def insights(studio: Studio) -> None:
    """Where a class is, and what a second model says."""
    window = studio.window
    window.resize(1280, 800)
    studio.theme.use("light")
    window.workbench.remove_all()
    with tempfile.TemporaryDirectory() as scratch:
        pair = Path(scratch) / "zebra-and-cat.jpg"
        _side_by_side("zebra", "cat-chelsea").save(pair, quality=95)
        studio.open(str(pair))
        window.messages.hide()
        # The classes of both animals, by their numbers in ImageNet: zebra, Egyptian cat.
        for name, number in (("where", 340), ("where-2", 285)):
            window.predictions.where_wanted.emit(number)
            studio.wait(lambda: window.canvas.overlay is not None)
            studio.settle()
            studio.shoot(name)
    window.insights.hide_where()
    window.workbench.remove_all()
    studio.open("steam-train.jpg")
    studio.settings.set(COMPARE, "vgg16-compact-int8")
    studio.wait(lambda: window.insights.second is not None)
    second = window.insights.second
    studio.wait(lambda: second is not None and second.pane.summary != "")
    studio.settle()
    studio.shoot("compare")
    studio.settings.set(COMPARE, "")
    studio.settle()


def models(studio: Studio) -> None:
    """The models of a computer, and one that is about to come in."""
    import onnx  # noqa: PLC0415 (only for this)

    from vggscope.zoo.creating import create_model  # noqa: PLC0415
    from vggscope.zoo.models import find_model  # noqa: PLC0415

    window = studio.window
    window.workbench.remove_all()
    create_model("E", classes=10, width=0.25, name="lesson", title="VGG19 for a lesson")
    window.models.show()
    dialog = window.models.dialog
    dialog.resize(820, 680)
    studio.wait(lambda: len(dialog.findChildren(ModelCard)) > 3)
    studio.settle()
    studio.shoot("models", dialog)
    dialog.close()
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "vgg16-from-a-friend.onnx"
        network = onnx.load(find_model("vgg16-compact").graph_path)
        # Who wrote a file tells how pictures are prepared.
        network.producer_name = "onnx-caffe2"
        onnx.save(network, file)
        window.models.import_files([str(file)])
        (form,) = window.models.imports
        form.resize(900, 640)
        studio.wait(lambda: any(pane.model.rowCount() for pane in form.findChildren(PreviewPane)))
        studio.settle()
        studio.shoot("import", form)
        form.close()
    studio.settle()


def _side_by_side(*names: str) -> Image.Image:
    """Sample photos, the middle square of each, as one."""
    side = 440
    both = Image.new("RGB", (side * len(names), side))
    for place, name in enumerate(names):
        with Image.open(SAMPLES / f"{name}.jpg") as photo:
            both.paste(ImageOps.fit(photo.convert("RGB"), (side, side)), (side * place, 0))
    return both


def _devices(studio: Studio, wanted: Callable[[str], bool]) -> None:
    window = studio.window
    for name, scheme in (("devices", "light"), ("devices-dark", "dark")):
        if wanted(name):
            studio.theme.use(scheme)
            dialog = DevicesDialog(window.workbench, studio.settings, window)
            dialog.show()
            studio.settle()
            studio.shoot(name, dialog)
            dialog.close()


def _live(studio: Studio, wanted: Callable[[str], bool]) -> None:
    """The sample video, playing, frozen, and what is told where there is no camera."""
    window = studio.window
    window.resize(1280, 800)
    window.open_paths([str(FILM)])
    if (live := window.live) is None:
        sys.exit("there is no live mode here")
    session = live.session

    def until(seconds: float) -> None:
        studio.wait(lambda: session.result is not None and session.result.seconds > seconds)

    for name, scheme, seconds in (
        ("live", "dark", 1.6),
        ("live-2", "light", 2.8),
        ("live-3", "dark", 4.0),
        ("live-4", "light", 5.4),
    ):
        if wanted(name):
            studio.theme.use(scheme)
            until(seconds)
            studio.shoot(name)
    until(6.4)
    window.actions_by_key["freeze"].trigger()
    window.canvas.zoom_by(1.6)
    studio.wait(lambda: not session.is_stale)
    studio.settle()
    studio.shoot("frozen")
    if wanted("camera"):
        window.actions_by_key["source_camera"].trigger()
        studio.settle()
        studio.shoot("camera")
        window.resize(900, 600)
        window.open_paths([str(FILM)])
        until(3.6)
        studio.shoot("narrow-live")
        window.resize(2560, 1440)
        until(6.6)
        studio.shoot("large-live")
    window.actions_by_key["source_photos"].trigger()
    window.resize(1280, 800)
    studio.settle()


def _drags(studio: Studio) -> None:
    for name, file in (("drop", "zebra.jpg"), ("refuse", "notes.txt")):
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(SAMPLES / file))])
        event = QDragEnterEvent(
            QPoint(300, 300),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(studio.window, event)
        studio.shoot(name)
        studio.window.drag_overlay.hide()


def _dialogs(studio: Studio) -> None:
    window = studio.window
    titles = {"vgg16-compact": "VGG16 compact", "vgg16-compact-int8": "VGG16 compact (fast)"}
    devices = device_choices(window.workbench.roster, studio.settings)
    choices = {MODEL.key: titles, DEVICE.key: devices}
    actions: Actions = window.actions_by_key
    for scheme in ("light", "dark"):
        studio.theme.use(scheme)
        for name, dialog in (
            ("settings", SettingsDialog(studio.settings, choices, window)),
            ("shortcuts", ShortcutsDialog(actions, window)),
            ("about", AboutDialog(studio.theme, window.workbench.tasks, window)),
        ):
            dialog.show()
            studio.settle()
            studio.shoot(f"{name}-{scheme}", dialog)
            dialog.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--all", action="store_true", help="every state of the window")
    parser.add_argument("--story", choices=("window", "layers"), help="only the pictures of one")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        paths.use_data_dir(Path(data))
        studio = Studio(arguments.folder)

        def wanted(name: str) -> bool:
            return arguments.all or name in PUBLISHED

        if arguments.story != "layers":
            make(studio, wanted)
            insights(studio)
            models(studio)
        if arguments.story != "window":
            shoot_layers(studio, wanted, FILM)
        studio.close()


if __name__ == "__main__":
    main()
