"""The main window: the composition of the views, and what the actions do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QMimeData, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QDialog,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from vggscope import paths
from vggscope.errors import ImageError
from vggscope.ui.actions import Actions
from vggscope.ui.canvas import Canvas
from vggscope.ui.device_presenter import DevicePresenter
from vggscope.ui.device_roster import device_choices
from vggscope.ui.file_dialogs import ask_for_export, ask_for_folder, ask_for_pictures
from vggscope.ui.images import Levels
from vggscope.ui.incoming import has_pasteable, refusal_of
from vggscope.ui.menus import Menus
from vggscope.ui.messages import MessageBar
from vggscope.ui.photos import State
from vggscope.ui.predictions import PredictionsPane
from vggscope.ui.recent import RecentFiles
from vggscope.ui.settings import CROP_BOX, DEVICE, MODEL, THEME, TOP, WNIDS, Settings, window_state
from vggscope.ui.status_bar import StatusBar
from vggscope.ui.texts import message_of
from vggscope.ui.toolbar import ToolBar
from vggscope.ui.welcome import DropOverlay, Welcome
from vggscope.ui.workbench import Workbench

if TYPE_CHECKING:
    from PySide6.QtCore import QSettings

    from vggscope.ui.browser import PhotoBrowser
    from vggscope.ui.theme import Theme


class MainWindow(QMainWindow):
    """Shows a workbench.

    Attributes:
        workbench: what is worked on.
        actions_by_key: the registry of actions.
        welcome, canvas, predictions, browser, messages, drag_overlay: its parts.
        hangs: it was closed, but a device does not come back from a run.

    Signals:
        painted: the window is on the screen for the first time.
        uncaught: an error that nobody expected was logged (may be emitted on any thread).
    """

    painted = Signal()
    uncaught = Signal()

    def __init__(self, settings: Settings, theme: Theme) -> None:
        super().__init__()
        self._settings, self._theme = settings, theme
        self._titles: dict[str, str] = {}
        self._is_painted = False
        self.hangs = False
        self.workbench = Workbench(settings, self)
        self.actions_by_key = Actions(self, theme)
        self._recent = RecentFiles(window_state())
        self.setWindowTitle("VGGscope")
        self.setMinimumSize(900, 600)
        self.setAcceptDrops(True)
        self.welcome = Welcome(theme, self.actions_by_key)
        self.canvas = Canvas(theme)
        self.predictions = PredictionsPane(theme, self.actions_by_key)
        self._browser: PhotoBrowser | None = None
        self.messages = MessageBar(theme)
        self._build_centre()
        menus = Menus(self, self.actions_by_key, settings, self._recent, self.workbench.roster)
        menus.recent_chosen.connect(lambda path: self.open_paths([path]))
        self._bar = ToolBar(theme, self.actions_by_key, menus)
        self.addToolBar(self._bar)
        self._line = StatusBar(theme)
        self.setStatusBar(self._line)
        self._devices = DevicePresenter(
            self.workbench, settings, self.messages, (self._bar.device, self._line.device)
        )
        self.drag_overlay = DropOverlay(theme, self)
        self._connect()
        self._restore()
        self._show_current()
        self._show_progress()

    @property
    def browser(self) -> PhotoBrowser:
        """The filmstrip and the table, made when the second photo comes."""
        if self._browser is None:
            self._browser = self._make_browser()
        return self._browser

    def begin(self) -> None:
        """Bring what the window was painted without: the model, icons, the samples' pictures."""
        self.workbench.start()
        self.actions_by_key.show_icons()
        self.welcome.show_samples()
        self._titles = _model_titles()
        self._show_model()

    def open_paths(self, files: list[str]) -> None:
        """Add pictures and folders, and remember them."""
        self._recent.add(files)
        self.workbench.open_paths(files)

    # Composition

    def _build_centre(self) -> None:
        self._stage = QStackedWidget()
        self._stage.addWidget(self.welcome)
        self._stage.addWidget(self.canvas)
        self._across = QSplitter(Qt.Orientation.Horizontal)
        self._across.addWidget(self._stage)
        self._across.addWidget(self.predictions)
        self._across.setStretchFactor(0, 1)
        self._across.setChildrenCollapsible(False)
        self._across.setSizes([980, 300])
        self._down = QSplitter(Qt.Orientation.Vertical)
        self._down.addWidget(self._across)
        self._down.setChildrenCollapsible(False)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.messages)
        layout.addWidget(self._down, 1)
        self.setCentralWidget(centre)

    def _make_browser(self) -> PhotoBrowser:
        # Not before the first paint: its classes take 12 ms to import.
        from vggscope.ui.browser import PhotoBrowser  # noqa: PLC0415

        browser = PhotoBrowser(self.workbench.photos, self._theme, self.actions_by_key)
        browser.photo_chosen.connect(self.workbench.choose)
        browser.thumbnail_wanted.connect(self.workbench.want_thumbnail)
        browser.set_as_table(self._as_table())
        browser.mark(self.workbench.current)
        self._down.addWidget(browser)
        self._down.setStretchFactor(0, 1)
        if not self._down.restoreState(_bytes(window_state(), "down")):
            height = browser.minimumHeight()
            self._down.setSizes([max(1, self._down.height() - height), height])
        return browser

    # Behaviour

    def _connect(self) -> None:
        bench = self.workbench
        bench.current_changed.connect(self._show_current)
        bench.current_updated.connect(self._show_outcome)
        bench.pixels_ready.connect(self._show_pixels)
        bench.pixels_failed.connect(lambda error: self.canvas.clear(message_of(error)))
        bench.progress_changed.connect(self._show_progress)
        bench.model_changed.connect(self._show_model)
        bench.failed.connect(self.messages.tell_error)
        bench.said.connect(lambda text: self._line.showMessage(text, 6000))
        self._line.device.clicked.connect(self.actions_by_key["devices"].trigger)
        self.welcome.sample_chosen.connect(lambda path: bench.open_paths([path]))
        self.canvas.zoom_changed.connect(
            lambda zoom: self._line.show_zoom(zoom * self.devicePixelRatioF())
        )
        self.uncaught.connect(self._tell_uncaught)
        self._settings.changed.connect(self._on_setting)
        self.actions_by_key.connect_to(
            {
                "open": lambda: self.open_paths(ask_for_pictures(self)),
                "open_folder": lambda: self.open_paths(ask_for_folder(self)),
                "export_csv": lambda: self._export(as_json=False),
                "export_json": lambda: self._export(as_json=True),
                "quit": self.close,
                "paste": self._paste,
                "copy_text": lambda: self._copy("text"),
                "copy_csv": lambda: self._copy("csv"),
                "copy_json": lambda: self._copy("json"),
                "settings": self._show_settings,
                "zoom_fit": self.canvas.fit,
                "zoom_actual": self.canvas.show_actual_size,
                "zoom_in": self.canvas.zoom_in,
                "zoom_out": self.canvas.zoom_out,
                "crop_box": lambda: self._settings.set(
                    CROP_BOX, self.actions_by_key["crop_box"].isChecked()
                ),
                "as_table": lambda: self.browser.set_as_table(self._as_table()),
                "full_screen": self._toggle_full_screen,
                "previous": lambda: self._step(-1),
                "next": lambda: self._step(1),
                "stop": bench.halt,
                "again": bench.classify_again,
                "remove": self._remove,
                "remove_all": self._remove_all,
                "devices": self._show_devices,
                "shortcuts": self._show_shortcuts,
                "open_logs": open_logs,
                "about": self._show_about,
            }
        )
        for setting in (TOP, CROP_BOX, WNIDS):
            self._on_setting(setting.key)
        self._show_model()

    def _on_setting(self, key: str) -> None:
        if key == THEME.key:
            self._theme.use(self._settings.text(THEME))
        elif key == TOP.key:
            top = self._settings.number(TOP)
            self._bar.show_top(top)
            self.predictions.set_top(top)
        elif key == CROP_BOX.key:
            visible = self._settings.flag(CROP_BOX)
            self.actions_by_key["crop_box"].setChecked(visible)
            self.canvas.set_box_visible(visible)
        elif key == WNIDS.key:
            self.predictions.set_wnids(self._settings.flag(WNIDS))
        elif key in {MODEL.key, DEVICE.key}:
            self._show_model()

    def _show_model(self) -> None:
        model, wanted = self.workbench.model, self._settings.text(MODEL)
        if model is not None and model.name == wanted:
            self._bar.show_model(model.title)
        elif self.workbench.broken is None:
            self._bar.show_model(self._titles.get(wanted, wanted))
        self._devices.show()

    def _show_current(self) -> None:
        photo = self.workbench.current
        has_photo = photo is not None
        self._stage.setCurrentWidget(self.canvas if has_photo else self.welcome)
        for key in ("zoom_fit", "zoom_actual", "zoom_in", "zoom_out", "remove", "again"):
            self.actions_by_key[key].setEnabled(has_photo)
        self.canvas.clear()
        self._line.show_zoom(None)
        if self._browser is not None:
            self._browser.mark(photo)
        self.setWindowTitle(f"{photo.name} — VGGscope" if photo else "VGGscope")
        if photo is not None and photo.thumbnail is not None and photo.size is not None:
            # Something to see until the pixels come.
            self._show_pixels(Levels([photo.thumbnail], photo.size))
        self._show_outcome()

    def _show_outcome(self) -> None:
        photo = self.workbench.current
        done = None if photo is None else photo.classification
        for key in ("copy_text", "copy_csv", "copy_json"):
            self.actions_by_key[key].setEnabled(done is not None)
        self.canvas.show_box(None if done is None else done.crop)
        if photo is None:
            self.predictions.show_idle()
        elif photo.error is not None:
            self.predictions.show_failure(photo.error)
            if isinstance(photo.error, ImageError):
                self.canvas.clear(self.tr("There is no picture to show."))
        elif done is not None:
            stopped = photo.state is State.STOPPED
            self.predictions.show_classification(done, stale=photo.stale, stopped=stopped)
        elif photo.state is State.STOPPED:
            self.predictions.show_stopped()
        else:
            self.predictions.show_working()
        self._devices.show()

    def _show_pixels(self, levels: Levels) -> None:
        photo = self.workbench.current
        if photo is not None:
            self.canvas.show_photo(levels, photo.name)
            self._line.show_zoom(self.canvas.zoom * self.devicePixelRatioF())

    def _show_progress(self) -> None:
        bench = self.workbench
        done, total = bench.progress
        failed, stopped = bench.photos.count(State.FAILED), bench.photos.count(State.STOPPED)
        if total > 1 or self._browser is not None:
            self.browser.setVisible(total > 1)
            self.browser.show_progress(done, total, failed=failed, stopped=stopped)
        self.actions_by_key["stop"].setEnabled(bench.is_busy or bench.is_listing)
        self.actions_by_key["remove_all"].setEnabled(total > 0)
        for key in ("previous", "next", "as_table"):
            self.actions_by_key[key].setEnabled(total > 1)
        for key in ("export_csv", "export_json"):
            self.actions_by_key[key].setEnabled(done > stopped)
        if bench.is_listing:
            self._line.show_state(self.tr("Looking for pictures…"))
        elif done < total:
            self._line.show_state(self.tr("Classifying {0} of {1}").format(done + 1, total))
        else:
            self._line.show_state(self.tr("Ready"))

    def _export(self, *, as_json: bool) -> None:
        path = ask_for_export(self, "json" if as_json else "csv")
        if path:
            self.workbench.export(path, as_json)

    def _paste(self) -> None:
        mime = QGuiApplication.clipboard().mimeData()
        if has_pasteable(mime):
            self._take(mime)
        else:
            self.messages.tell(self.tr("The clipboard holds neither a picture nor a file."))

    def _take(self, mime: QMimeData) -> None:
        self._recent.add([url.toLocalFile() for url in mime.urls() if url.isLocalFile()])
        self.workbench.take(mime)

    def _copy(self, form: str) -> None:
        from vggscope.inference import report  # noqa: PLC0415 (not needed to start)

        photo = self.workbench.current
        if photo is None or photo.classification is None:
            return
        entry, top = (photo.location, photo.classification), self._settings.number(TOP)
        text = {
            "text": lambda: report.as_text(*entry, top),
            "csv": lambda: report.as_csv([entry], top),
            "json": lambda: report.as_json(report.as_json_object(*entry, top)),
        }[form]()
        QGuiApplication.clipboard().setText(text)
        self._line.showMessage(self.tr("Copied"), 3000)

    def _step(self, by: int) -> None:
        photo = self.workbench.current
        if photo is not None and (key := self.browser.key_beside(photo, by)) is not None:
            self.workbench.choose(key)

    def _remove(self) -> None:
        photo = self.workbench.current
        if photo is not None:
            after, before = (self.browser.key_beside(photo, by) for by in (1, -1))
            self.workbench.remove_current(before if after is None else after)

    # Dialogs are imported when they are opened: the first paint does not wait for them.

    def _show_settings(self) -> None:
        from vggscope.ui.dialogs import SettingsDialog  # noqa: PLC0415

        devices = device_choices(self.workbench.roster, self._settings)
        choices = {MODEL.key: _model_titles(), DEVICE.key: devices}
        _show(SettingsDialog(self._settings, choices, self))

    def _show_devices(self) -> None:
        from vggscope.ui.devices_dialog import DevicesDialog  # noqa: PLC0415

        _show(DevicesDialog(self.workbench, self._settings, self))

    def _show_shortcuts(self) -> None:
        from vggscope.ui.dialogs import ShortcutsDialog  # noqa: PLC0415

        _show(ShortcutsDialog(self.actions_by_key, self))

    def _show_about(self) -> None:
        from vggscope.ui.dialogs import AboutDialog  # noqa: PLC0415

        _show(AboutDialog(self._theme, self.workbench.tasks, self))

    def _remove_all(self) -> None:
        bench, model = self.workbench, self.workbench.model
        removed = bench.remove_all()
        if len(removed) > 1:
            text = self.tr("%n photos were removed.", "", len(removed))
            self.messages.tell(
                text, self.tr("Undo"), lambda: bench.bring_back(removed, of_model=model)
            )

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
            self.resize(QSize(1280, 800).boundedTo(self.screen().availableSize() * 0.95))
        self._across.restoreState(_bytes(state, "across"))
        as_table = state.value("as_table", defaultValue=False, type=bool)
        self.actions_by_key["as_table"].setChecked(bool(as_table))

    def _save(self) -> None:
        state = window_state()
        state.setValue("geometry", self.saveGeometry())
        state.setValue("across", self._across.saveState())
        if self._browser is not None:
            state.setValue("down", self._down.saveState())
        state.setValue("as_table", self._as_table())

    def _as_table(self) -> bool:
        return self.actions_by_key["as_table"].isChecked()

    # Qt overrides

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        # Accepted either way: a refused drag would not tell us when it leaves.
        self.drag_overlay.show_for(refusal_of(event.mimeData()))
        event.accept()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.setDropAction(Qt.DropAction.CopyAction)
        event.setAccepted(self.drag_overlay.is_welcoming)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        self.drag_overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.drag_overlay.hide()
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self._take(event.mimeData())
        self.activateWindow()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.WindowStateChange:
            self.actions_by_key["full_screen"].setChecked(self.isFullScreen())
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._is_painted:
            self._is_painted = True
            self.painted.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.drag_overlay.setGeometry(self.rect())

    def closeEvent(self, event: QCloseEvent) -> None:
        self._save()
        self.hangs = not self.workbench.stop()
        super().closeEvent(event)


def open_logs() -> None:
    """Show the log folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths.log_dir())))


def _show(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.exec()


def _model_titles() -> dict[str, str]:
    """Name -> title of the installed models."""
    from vggscope.zoo.models import installed_models  # noqa: PLC0415 (msgspec, 20 ms)

    return {model.name: model.title for model in installed_models()}


def _bytes(state: QSettings, key: str) -> QByteArray:
    value = state.value(key)
    return value if isinstance(value, QByteArray) else QByteArray()
