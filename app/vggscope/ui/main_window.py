"""The main window: the composition of the views, and what the actions do."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, QEvent, QSettings, QSize, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QKeyEvent,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QMainWindow,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from vggscope.sources.finding import is_video
from vggscope.ui.actions import LIVE_ACTIONS, SOURCES, Actions
from vggscope.ui.canvas import Canvas
from vggscope.ui.copying import copy
from vggscope.ui.device_presenter import DevicePresenter
from vggscope.ui.dialog_openers import Dialogs, model_titles
from vggscope.ui.drop_target import DropTarget
from vggscope.ui.file_dialogs import ask_for_export, ask_for_folder, ask_for_pictures, ask_for_video
from vggscope.ui.folders import open_captures, open_logs
from vggscope.ui.insights import Insights
from vggscope.ui.layers_switch import LayersSwitch
from vggscope.ui.live_switch import LiveSwitch
from vggscope.ui.menus import Menus
from vggscope.ui.messages import MessageBar
from vggscope.ui.models_presenter import ModelsPresenter
from vggscope.ui.page_stack import PageStack
from vggscope.ui.photo_presenter import PhotoPresenter
from vggscope.ui.plain_keys import is_for_control
from vggscope.ui.predictions import PredictionsPane
from vggscope.ui.recent import RecentFiles
from vggscope.ui.settings import (
    CROP_BOX,
    DEVICE,
    LAYERS,
    LOOP,
    MIRROR,
    MODEL,
    READOUT,
    THEME,
    TOP,
    WNIDS,
    Setting,
    Settings,
    window_state,
)
from vggscope.ui.shelves import Shelves, kept_height
from vggscope.ui.status_bar import StatusBar
from vggscope.ui.toolbar import ToolBar
from vggscope.ui.welcome import Welcome
from vggscope.ui.workbench import Workbench

if TYPE_CHECKING:
    from vggscope.ui.browser import PhotoBrowser
    from vggscope.ui.layers.presenter import LayersPresenter
    from vggscope.ui.live.presenter import LivePresenter
    from vggscope.ui.theme import Theme

_FLAGS: Final = {setting.key: setting for setting in (CROP_BOX, LAYERS, READOUT, MIRROR, LOOP)}
"""Settings that an action of the same name switches."""
_FILMSTRIP: Final = "filmstrip"
_log = logging.getLogger(__name__)


class MainWindow(QMainWindow):
    """Shows a workbench.

    Attributes:
        workbench: what is worked on.
        actions_by_key: the registry of actions.
        welcome, canvas, predictions, browser, messages, drag_overlay: its parts.
        hangs: it was closed, but a device does not come back from a run.

    Signals:
        painted: the window is on the screen for the first time.
        closing: it takes nothing more.
        uncaught: an error that nobody expected was logged (may be emitted on any thread).
    """

    painted = Signal()
    closing = Signal()
    uncaught = Signal()

    def __init__(self, settings: Settings, theme: Theme) -> None:
        super().__init__()
        self._settings, self._theme = settings, theme
        self._titles: dict[str, str] = {}
        self._is_painted = self._is_closed = False
        self.hangs = False
        self.workbench = Workbench(settings, self)
        self.actions_by_key = Actions(self, theme)
        self._recent = RecentFiles(window_state())
        self.setWindowTitle("VGGscope")
        self.setMinimumSize(900, 600)
        self.welcome = Welcome(theme, self.actions_by_key)
        self.canvas = Canvas(theme)
        self.predictions = PredictionsPane(theme, self.actions_by_key)
        self._live = LiveSwitch(self, settings, theme)
        self.messages = MessageBar(theme)
        self._build_centre()
        self._layers = LayersSwitch(self, self._shelves, settings, theme)
        menus = Menus(self, self.actions_by_key, settings, self._recent, self.workbench.roster)
        menus.recent_chosen.connect(lambda path: self.open_paths([path]))
        self._bar = ToolBar(theme, self.actions_by_key, menus)
        self.addToolBar(self._bar)
        self._line = StatusBar(theme)
        self.setStatusBar(self._line)
        self.devices = DevicePresenter(
            self.workbench, settings, self.messages, (self._bar.device, self._line.device)
        )
        self._photos = PhotoPresenter(self, theme)
        self.insights = Insights(self, settings, theme)
        self.models = ModelsPresenter(self, settings, theme)
        self._drops = DropTarget(self, theme)
        self.drag_overlay = self._drops.overlay
        self._connect()
        self._restore()
        self.show_mode()

    @property
    def browser(self) -> PhotoBrowser:
        """The filmstrip and the table of the photos."""
        return self._photos.browser

    @property
    def is_live(self) -> bool:
        """Whether a moving picture is shown instead of photos."""
        return self._live.is_on

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, for good: its threads have ended, or are about to."""
        return self._is_closed

    @property
    def live(self) -> LivePresenter | None:
        """Live mode, made when it is first asked for; None, and a message, if it cannot be had."""
        return self._live.presenter if self._is_closed else self._live.enter()

    def follow_live(self, live: LivePresenter) -> None:
        """There is live mode, too, from now on."""
        self._layers.follow_live(live)
        self.insights.follow_live(live)

    @property
    def layers(self) -> LayersPresenter | None:
        """The layer browser, made when there is something to show in it; None before."""
        return self._layers.presenter

    def begin(self) -> None:
        """Bring what the window was painted without: the model, icons, the samples' pictures."""
        if self._is_closed:
            # Before it was on the screen.
            return
        self._layers.expect()
        self.workbench.start()
        self.actions_by_key.show_icons()
        self.welcome.show_samples()
        self.models.begin()
        self._show_titles()

    def _show_titles(self) -> None:
        self._titles = model_titles()
        self._show_model()

    def open_paths(self, files: list[str]) -> None:
        """Add pictures and folders, or play a video, and remember them; import models."""
        if self._is_closed:
            return
        files = self.models.take(files)
        self._recent.add(files)
        videos = [file for file in files if is_video(file) and not Path(file).is_dir()]
        pictures = [file for file in files if file not in videos]
        self.workbench.open_paths(pictures)
        if videos:
            # After the photos: the video is to have the stage.
            self._live.play(videos)

    # What the presenters show

    def mark_source(self) -> None:
        """Mark what is shown among the sources: a button that was pressed may have led nowhere."""
        kind = self._live.kind
        for key in SOURCES:
            self.actions_by_key[key].setChecked(key == kind)
        self._photos.show_progress()

    def show_mode(self) -> None:
        """Show photos or a moving picture: from now on it is the other."""
        self.mark_source()
        self._layers.follow()
        if not self.is_live:
            for key in LIVE_ACTIONS:
                self.actions_by_key[key].setEnabled(False)
            self.devices.live_time = None
            self._photos.show()
            self.insights.refresh()
            return
        self._photos.rest()
        for key in ("zoom_fit", "zoom_actual", "zoom_in", "zoom_out", "readout"):
            self.actions_by_key[key].setEnabled(True)

    def show_state(self, text: str) -> None:
        """Tell below what is being done."""
        self._line.show_state(text)

    def show_work(self, text: str) -> None:
        """Tell below what is done with models meanwhile; "" for nothing."""
        self._line.show_work(text)

    def show_zoom(self, zoom: float | None) -> None:
        """Tell below how large the picture is shown: logical pixels per pixel; None for none."""
        self._line.show_zoom(None if zoom is None else zoom * self.devicePixelRatioF())

    def tell_briefly(self, text: str) -> None:
        """Say something below that nobody need act upon."""
        self._line.showMessage(text, 6000)

    def title_of(self, model: str) -> str:
        """The title of a model that was installed when the window was opened, or its name."""
        return self._titles.get(model, model)

    def enable_copying(self, can_copy: bool) -> None:
        """Whether there are predictions to copy."""
        for key in ("copy_text", "copy_csv", "copy_json"):
            self.actions_by_key[key].setEnabled(can_copy)

    def add_to_stage(self, page: QWidget, below: QWidget) -> None:
        """Add a page to the canvas's place, and a bar below it."""
        self.stage.addWidget(page)
        self.add_below_stage(below)

    def add_below_stage(self, bar: QWidget) -> None:
        """Add a bar below the canvas."""
        self._under_stage.addWidget(bar)

    def add_pane(self, pane: QWidget) -> None:
        """Add a pane beside the predictions, as wide as they are: the canvas gives it room."""
        canvas, predictions = self._across.sizes()
        self._across.addWidget(pane)
        self._across.setSizes([max(1, canvas - predictions), predictions, predictions])

    def add_filmstrip(self, browser: QWidget) -> None:
        """Add the photos, at the bottom."""
        height = kept_height(window_state(), _FILMSTRIP, browser.minimumHeight())
        self._shelves.add(_FILMSTRIP, browser, height, at_end=True)

    # Composition

    def _build_centre(self) -> None:
        self.stage = PageStack()
        self.stage.addWidget(self.welcome)
        self.stage.addWidget(self.canvas)
        area = QWidget()
        self._under_stage = QVBoxLayout(area)
        self._under_stage.setContentsMargins(0, 0, 0, 0)
        self._under_stage.setSpacing(0)
        self._under_stage.addWidget(self.stage, 1)
        self._across = QSplitter(Qt.Orientation.Horizontal)
        self._across.addWidget(area)
        self._across.addWidget(self.predictions)
        self._across.setStretchFactor(0, 1)
        self._across.setChildrenCollapsible(False)
        self._across.setSizes([980, 300])
        self._shelves = Shelves(self._across)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.messages)
        layout.addWidget(self._shelves, 1)
        self.setCentralWidget(centre)

    # Behaviour

    def _connect(self) -> None:
        bench, photos = self.workbench, self._photos
        dialogs = Dialogs(self, self._settings, self._theme)
        bench.model_changed.connect(self._show_model)
        bench.failed.connect(self.messages.tell_error)
        self.models.models_changed.connect(self._show_titles)
        self._line.work_clicked.connect(self.models.show)
        bench.said.connect(self.tell_briefly)
        bench.added.connect(self._show_photos)
        bench.current_changed.connect(self._layers.follow)
        self._line.device.clicked.connect(self.actions_by_key["devices"].trigger)
        self.welcome.sample_chosen.connect(self._open_sample)
        self.canvas.zoom_changed.connect(self.show_zoom)
        self.uncaught.connect(self._tell_uncaught)
        self._settings.changed.connect(self._on_setting)
        self._settings.failed.connect(self.messages.tell_error)
        self.actions_by_key.connect_to(
            {
                "open": lambda: self.open_paths(ask_for_pictures(self)),
                "open_folder": lambda: self.open_paths(ask_for_folder(self)),
                "export_csv": lambda: self._export(as_json=False),
                "export_json": lambda: self._export(as_json=True),
                "quit": self.close,
                "paste": self._drops.paste,
                "copy_text": lambda: self._copy("text"),
                "copy_csv": lambda: self._copy("csv"),
                "copy_json": lambda: self._copy("json"),
                "settings": dialogs.show_settings,
                "zoom_fit": self.canvas.fit,
                "zoom_actual": self.canvas.show_actual_size,
                "zoom_in": self.canvas.zoom_in,
                "zoom_out": self.canvas.zoom_out,
                "crop_box": lambda: self._set_flag(CROP_BOX),
                "where": self.insights.toggle_where,
                "find_class": self.predictions.search.focus,
                "as_table": lambda: self.browser.set_as_table(self._as_table()),
                "layers": lambda: self._set_flag(LAYERS),
                "layer_before": lambda: self._layers.step(-1),
                "layer_behind": lambda: self._layers.step(1),
                "full_screen": self._toggle_full_screen,
                "previous": lambda: photos.step(-1),
                "next": lambda: photos.step(1),
                "stop": bench.halt,
                "again": bench.classify_again,
                "remove": photos.remove,
                "remove_all": photos.remove_all,
                "source_photos": self._show_photos,
                "source_camera": lambda: self._live.go(lambda live: live.open_camera()),
                "source_video": self._choose_video,
                "source_screen": lambda: self._live.go(lambda live: live.open_screen()),
                "freeze": lambda: self._live.act(lambda live: live.toggle_frozen()),
                "snapshot": lambda: self._live.act(lambda live: live.take_snapshot()),
                "record": lambda: self._live.act(lambda live: live.toggle_recording()),
                "region": lambda: self._live.act(lambda live: live.pick_region()),
                "captures": open_captures,
                "readout": lambda: self._set_flag(READOUT),
                "mirror": lambda: self._set_flag(MIRROR),
                "loop": lambda: self._set_flag(LOOP),
                "models": self.models.show,
                "import_model": self.models.ask_for_import,
                "devices": dialogs.show_devices,
                "shortcuts": dialogs.show_shortcuts,
                "open_logs": open_logs,
                "new_version": dialogs.show_new_version,
                "about": dialogs.show_about,
            }
        )
        for setting in (TOP, CROP_BOX, WNIDS, LAYERS, READOUT, MIRROR, LOOP):
            self._on_setting(setting.key)
        self._show_model()

    def _on_setting(self, key: str) -> None:
        if key == THEME.key:
            self._theme.use(self._settings.text(THEME))
        elif key == TOP.key:
            top = self._settings.number(TOP)
            self._bar.show_top(top)
            self.predictions.set_top(top)
        elif key in _FLAGS:
            self.actions_by_key[key].setChecked(self._settings.flag(_FLAGS[key]))
            self.canvas.set_box_visible(self._settings.flag(CROP_BOX))
            if key == LAYERS.key:
                self._layers.follow()
        elif key == WNIDS.key:
            self.predictions.set_wnids(self._settings.flag(WNIDS))
        elif key in {MODEL.key, DEVICE.key}:
            self._show_model()

    def _open_sample(self, path: str) -> None:
        """Open what ships with the program: not what the user would look for again."""
        if is_video(path):
            self._live.go(lambda live: live.open_video(path))
        else:
            self.workbench.open_paths([path])

    def _set_flag(self, setting: Setting) -> None:
        """Choose what the user has just switched with the action of the same name."""
        self._settings.set(setting, self.actions_by_key[setting.key].isChecked())

    def _show_photos(self) -> None:
        self._live.leave()

    def _choose_video(self) -> None:
        # Whatever its suffix, it was chosen as a video.
        if file := ask_for_video(self):
            self._recent.add([file])
            self._live.go(lambda live: live.open_video(file))
        self.mark_source()

    def _show_model(self) -> None:
        model, wanted = self.workbench.model, self._settings.text(MODEL)
        if model is not None and model.name == wanted:
            self._bar.show_model(model.title)
        elif self.workbench.broken is None:
            self._bar.show_model(self._titles.get(wanted, wanted))
        self.devices.show()

    def _export(self, *, as_json: bool) -> None:
        path = ask_for_export(self, "json" if as_json else "csv")
        if path:
            self.workbench.export(path, as_json)

    def _copy(self, form: str) -> None:
        shown = self._live.presenter if self.is_live else self._photos
        if shown is not None and shown.classification is not None:
            copy(shown.name, shown.classification, self._settings.number(TOP), form)
            self._line.showMessage(self.tr("Copied"), 3000)

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _tell_uncaught(self) -> None:
        self.messages.tell(
            self.tr("Something went wrong that VGGscope did not expect. The log has the details."),
            self.tr("Open log folder"),
            open_logs,
        )

    # Window state

    def _restore(self) -> None:
        state = window_state()
        if not self.restoreGeometry(_bytes(state, "geometry")):
            self.resize(QSize(1360, 900).boundedTo(self.screen().availableSize() * 0.95))
        self._across.restoreState(_bytes(state, "across"))
        as_table = state.value("as_table", defaultValue=False, type=bool)
        self.actions_by_key["as_table"].setChecked(bool(as_table))

    def _save(self) -> None:
        state = window_state()
        state.setValue("geometry", self.saveGeometry())
        state.setValue("across", self._across.saveState())
        self._shelves.save(state)
        state.setValue("as_table", self._as_table())
        state.sync()
        if state.status() is not QSettings.Status.NoError:
            _log.warning("The places of things are not kept: %s", state.status())

    def _as_table(self) -> bool:
        return self.actions_by_key["as_table"].isChecked()

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            event.setAccepted(is_for_control(QApplication.focusWidget(), event))
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Esc stops what is being done, if anything is: then it is a shortcut, and not seen here.
        if event.key() != Qt.Key.Key_Escape or not self.insights.hide_where():
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.WindowStateChange:
            self.actions_by_key["full_screen"].setChecked(self.isFullScreen())
            if self._live.presenter is not None:
                self._live.presenter.follow_window()
            self._layers.follow()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._is_painted:
            self._is_painted = True
            self.painted.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._is_closed = True
        self.closing.emit()
        self._save()
        if self._live.presenter is not None:
            self._live.presenter.stop()
        self.insights.stop()
        self.models.stop()
        self.hangs = not self.workbench.stop()
        super().closeEvent(event)


def _bytes(state: QSettings, key: str) -> QByteArray:
    value = state.value(key)
    return value if isinstance(value, QByteArray) else QByteArray()
