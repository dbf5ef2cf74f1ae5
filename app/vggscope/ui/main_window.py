"""The main window: the composition of the views, and what the actions do."""

from __future__ import annotations

import html
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
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QMainWindow,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope import paths
from vggscope.sources.finding import SUFFIXES
from vggscope.ui.actions import Actions
from vggscope.ui.browser import PhotoBrowser
from vggscope.ui.canvas import Canvas
from vggscope.ui.dialogs import AboutDialog, SettingsDialog, ShortcutsDialog
from vggscope.ui.images import Levels
from vggscope.ui.incoming import has_pasteable, may_hold_photos
from vggscope.ui.menus import Menus
from vggscope.ui.messages import MessageBar
from vggscope.ui.photos import State
from vggscope.ui.predictions import PredictionsPane
from vggscope.ui.recent import RecentFiles
from vggscope.ui.settings import CROP_BOX, MODEL, THEME, TOP, WNIDS, Settings, window_state
from vggscope.ui.welcome import DropOverlay, Welcome
from vggscope.ui.workbench import Workbench

if TYPE_CHECKING:
    from PySide6.QtCore import QSettings

    from vggscope.ui.theme import Theme


class MainWindow(QMainWindow):
    """Shows a workbench.

    Attributes:
        workbench: what is worked on.
        actions_by_key: the registry of actions.
        welcome, canvas, predictions, browser, messages, drag_overlay: its parts.

    Signals:
        uncaught: an error that nobody expected was logged (may be emitted on any thread).
    """

    uncaught = Signal()

    def __init__(self, settings: Settings, theme: Theme) -> None:
        super().__init__()
        self._settings, self._theme = settings, theme
        self._titles: dict[str, str] = {}
        self.workbench = Workbench(settings, self)
        self.actions_by_key = Actions(self, theme)
        self._recent = RecentFiles(window_state())
        self.setWindowTitle("VGGscope")
        self.setMinimumSize(900, 600)
        self.setAcceptDrops(True)
        self.welcome = Welcome(theme, self.actions_by_key)
        self.canvas = Canvas(theme)
        self.predictions = PredictionsPane(theme, self.actions_by_key)
        self.browser = PhotoBrowser(self.workbench.photos, theme, self.actions_by_key)
        self.messages = MessageBar(theme)
        self._build_centre()
        menus = Menus(self, self.actions_by_key, settings, self._recent, self.open_paths)
        self._build_toolbar(menus)
        self._build_status_bar()
        self.drag_overlay = DropOverlay(theme, self)
        self._connect()
        self._restore()
        self._show_current()
        self._show_progress()

    def begin(self) -> None:
        """Load what the window was shown without: the models' titles, then the model itself."""
        self._titles = _model_titles()
        self._show_model()
        self.workbench.start()

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
        self._down.addWidget(self.browser)
        self._down.setStretchFactor(0, 1)
        self._down.setChildrenCollapsible(False)
        self._down.setSizes([600, self.browser.minimumHeight()])
        self.browser.hide()
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.messages)
        layout.addWidget(self._down, 1)
        self.setCentralWidget(centre)

    def _build_toolbar(self, menus: Menus) -> None:
        bar = QToolBar(self.tr("Toolbar"))
        bar.setObjectName("toolbar")
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.setIconSize(QSize(18, 18))
        open_button = self._tool_button(self.tr("Open"), self.tr("Open photos"))
        open_button.setProperty("primary", True)
        open_button.clicked.connect(self.actions_by_key["open"].trigger)
        self._model_button = self._tool_button("", self.tr("Model"))
        self._model_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._model_button.setMenu(menus.models)
        self._device = QLabel()
        self._device.setProperty("chip", True)
        self._device.setAccessibleName(self.tr("Device"))
        self._top_button = self._tool_button("", self.tr("How many predictions (top-k)"))
        self._top_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._top_button.setMenu(menus.tops)
        spacer = QWidget()
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        for widget in (open_button, self._model_button, self._device, spacer, self._top_button):
            bar.addWidget(widget)
        self.addToolBar(bar)

    def _build_status_bar(self) -> None:
        self._status = QLabel()
        self._zoom = QLabel()
        promise = QLabel(self.tr("Images never leave this computer"))
        for label in (self._status, self._zoom, promise):
            label.setProperty("muted", True)
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        bar.setContentsMargins(10, 3, 12, 3)
        bar.addWidget(self._status, 1)
        self._zoom.setContentsMargins(0, 0, 18, 0)
        for label in (self._zoom, promise):
            bar.addPermanentWidget(label)

    def _tool_button(self, text: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button

    # Behaviour

    def _connect(self) -> None:
        bench = self.workbench
        bench.current_changed.connect(self._show_current)
        bench.current_updated.connect(self._show_outcome)
        bench.pixels_ready.connect(self._show_pixels)
        bench.progress_changed.connect(self._show_progress)
        bench.model_changed.connect(self._show_model)
        bench.failed.connect(self.messages.tell_error)
        bench.said.connect(lambda text: self.statusBar().showMessage(text, 6000))
        self.browser.photo_chosen.connect(bench.choose)
        self.browser.thumbnail_wanted.connect(bench.want_thumbnail)
        self.welcome.sample_chosen.connect(lambda path: bench.open_paths([path]))
        self.canvas.zoom_changed.connect(
            lambda zoom: self._zoom.setText(f"{zoom * self.devicePixelRatioF():.0%}")
        )
        self._theme.changed.connect(self._show_device)
        self.uncaught.connect(self._tell_uncaught)
        self._settings.changed.connect(self._on_setting)
        self.actions_by_key.connect_to(
            {
                "open": self._choose_files,
                "open_folder": self._choose_folder,
                "export_csv": lambda: self._export(as_json=False),
                "export_json": lambda: self._export(as_json=True),
                "quit": self.close,
                "paste": self._paste,
                "copy_text": lambda: self._copy("text"),
                "copy_csv": lambda: self._copy("csv"),
                "copy_json": lambda: self._copy("json"),
                "settings": lambda: _show(SettingsDialog(self._settings, _model_titles(), self)),
                "zoom_fit": self.canvas.fit,
                "zoom_actual": self.canvas.show_actual_size,
                "zoom_in": self.canvas.zoom_in,
                "zoom_out": self.canvas.zoom_out,
                "crop_box": lambda: self._settings.set(
                    CROP_BOX, self.actions_by_key["crop_box"].isChecked()
                ),
                "as_table": lambda: self.browser.set_as_table(
                    self.actions_by_key["as_table"].isChecked()
                ),
                "full_screen": self._toggle_full_screen,
                "previous": lambda: bench.step(-1),
                "next": lambda: bench.step(1),
                "stop": bench.halt,
                "again": bench.classify_again,
                "remove": bench.remove_current,
                "remove_all": bench.remove_all,
                "shortcuts": lambda: _show(ShortcutsDialog(self.actions_by_key, self)),
                "open_logs": open_logs,
                "about": lambda: _show(AboutDialog(self._theme, bench.tasks, self)),
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
            self._top_button.setText(self.tr("Top {0}").format(top))
            self.predictions.set_top(top)
        elif key == CROP_BOX.key:
            visible = self._settings.flag(CROP_BOX)
            self.actions_by_key["crop_box"].setChecked(visible)
            self.canvas.set_box_visible(visible)
        elif key == WNIDS.key:
            self.predictions.set_wnids(self._settings.flag(WNIDS))
        elif key == MODEL.key:
            self._show_model()

    def _show_model(self) -> None:
        model, wanted = self.workbench.model, self._settings.text(MODEL)
        self._model_button.setText(self._titles.get(wanted, wanted))
        if model is None or model.name != wanted:
            self._device.setText(self.tr("Loading the model…"))
        else:
            self._show_device()

    def _show_device(self) -> None:
        model, photo = self.workbench.model, self.workbench.current
        if model is None:
            return
        dot = f"<span style='color:{self._theme.colours.good}'>●</span>"
        text = f"{dot}&nbsp; {html.escape(model.device)}"
        if photo is not None and photo.classification is not None and not photo.stale:
            text += f"&nbsp; <b>{photo.classification.milliseconds:.0f} ms</b>"
        self._device.setText(text)

    def _show_current(self) -> None:
        photo = self.workbench.current
        has_photo = photo is not None
        self._stage.setCurrentWidget(self.canvas if has_photo else self.welcome)
        for key in ("zoom_fit", "zoom_actual", "zoom_in", "zoom_out", "remove", "again"):
            self.actions_by_key[key].setEnabled(has_photo)
        self.canvas.clear()
        self._zoom.setVisible(False)
        self.browser.mark(photo)
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
        model = self.workbench.model
        if photo is None:
            self.predictions.show_idle()
        elif photo.error is not None:
            self.predictions.show_failure(photo.error)
            self.canvas.clear(self.tr("There is no picture to show."))
        elif done is not None:
            device = model.device if model else done.device
            stopped = photo.state is State.STOPPED
            self.predictions.show_classification(done, device, stale=photo.stale, stopped=stopped)
        elif photo.state is State.STOPPED:
            self.predictions.show_stopped()
        else:
            self.predictions.show_working()
        self._show_device()

    def _show_pixels(self, levels: Levels) -> None:
        photo = self.workbench.current
        if photo is not None:
            self.canvas.show_photo(levels, photo.name)
            self._zoom.setVisible(True)

    def _show_progress(self) -> None:
        bench = self.workbench
        done, total = bench.progress
        failed, stopped = bench.photos.count(State.FAILED), bench.photos.count(State.STOPPED)
        self.browser.setVisible(total > 1)
        self.browser.show_progress(done, total, failed=failed, stopped=stopped)
        self.actions_by_key["stop"].setEnabled(bench.is_busy or bench.is_listing)
        self.actions_by_key["remove_all"].setEnabled(total > 0)
        for key in ("previous", "next", "as_table"):
            self.actions_by_key[key].setEnabled(total > 1)
        for key in ("export_csv", "export_json"):
            self.actions_by_key[key].setEnabled(done > 0)
        if bench.is_listing:
            self._status.setText(self.tr("Looking for pictures…"))
        elif done < total:
            self._status.setText(self.tr("Classifying {0} of {1}").format(done + 1, total))
        else:
            self._status.setText(self.tr("Ready"))

    def _choose_files(self) -> None:
        patterns = " ".join(f"*{s}" for s in sorted(SUFFIXES))
        kinds = self.tr("Pictures ({0})").format(patterns) + ";;" + self.tr("All files (*)")
        files, _ = QFileDialog.getOpenFileNames(self, self.tr("Open photos"), "", kinds)
        self.open_paths(files)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Open a folder of photos"))
        self.open_paths([folder] if folder else [])

    def _export(self, *, as_json: bool) -> None:
        suffix = "json" if as_json else "csv"
        path, _ = QFileDialog.getSaveFileName(
            self,
            self.tr("Export the results"),
            f"vggscope.{suffix}",
            f"{suffix.upper()} (*.{suffix})",
        )
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
        self.statusBar().showMessage(self.tr("Copied"), 3000)

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
        for name, splitter in (("across", self._across), ("down", self._down)):
            splitter.restoreState(_bytes(state, name))
        as_table = state.value("as_table", defaultValue=False, type=bool)
        self.actions_by_key["as_table"].setChecked(bool(as_table))
        self.browser.set_as_table(bool(as_table))

    def _save(self) -> None:
        state = window_state()
        state.setValue("geometry", self.saveGeometry())
        for name, splitter in (("across", self._across), ("down", self._down)):
            state.setValue(name, splitter.saveState())
        state.setValue("as_table", self.actions_by_key["as_table"].isChecked())

    # Qt overrides

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        # Accepted either way: a refused drag would not tell us when it leaves.
        self.drag_overlay.show_for(welcome=may_hold_photos(event.mimeData()))
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

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.drag_overlay.setGeometry(self.rect())

    def closeEvent(self, event: QCloseEvent) -> None:
        self._save()
        self.workbench.stop()
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
