"""The hands and eyes of a user on the real window: what the tests of this folder share."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QMimeData,
    QPoint,
    QPointF,
    Qt,
    QThread,
    QThreadPool,
    QTimer,
    QUrl,
)
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLabel,
    QListView,
    QPushButton,
    QTableView,
    QToolButton,
)

from vggscope import paths
from vggscope.ui.browser import PhotoBrowser
from vggscope.ui.device_button import DeviceButton
from vggscope.ui.main_window import MainWindow
from vggscope.ui.settings import THEME, Settings
from vggscope.ui.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from PySide6.QtCore import QAbstractItemModel
    from PySide6.QtWidgets import QWidget
    from pytestqt.qtbot import QtBot

    from vggscope.ui.photos import Photo, State
    from vggscope.ui.workbench import Workbench

FAST: Final = "vgg16-compact-int8"
SLOW: Final = "vgg16-compact"
SAMPLES: Final = paths.resource("samples")
PATIENCE: Final = 30_000
"""Milliseconds to wait for what must happen: a busy machine takes half a second per photo."""

REPORT: Final[list[str]] = []
"""What is printed at the end of the run: things that are measured, but not judged."""


def sample(name: str) -> str:
    """The path of the sample photo ``name``, without its suffix."""
    return str(SAMPLES / f"{name}.jpg")


def write_settings(**values: object) -> None:
    """Prepare the settings of the next window."""
    paths.config_dir().mkdir(parents=True, exist_ok=True)
    (paths.config_dir() / "settings.json").write_text(json.dumps(values), encoding="utf-8")


def stored_settings() -> dict[str, Any]:
    """What the window wrote."""
    file = paths.config_dir() / "settings.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def mime_of(
    *, files: Iterable[str | Path] = (), urls: Iterable[str] = (), text: str = "", image: Any = None
) -> QMimeData:
    """What a drag or a clipboard carries."""
    mime = QMimeData()
    addresses = [QUrl.fromLocalFile(str(f)) for f in files] + [QUrl(u) for u in urls]
    if addresses:
        mime.setUrls(addresses)
    if text:
        mime.setText(text)
    if image is not None:
        mime.setImageData(image)
    return mime


def texts_in(widget: QWidget) -> list[str]:
    """All texts that can be read on a widget's labels, and on the buttons that name devices."""
    readable = [*widget.findChildren(QLabel), *widget.findChildren(DeviceButton)]
    labels = [label for label in readable if label.isVisible()]
    # Long names may be broken into lines at zero-width spaces.
    return [label.text().replace("\u200b", "") for label in labels if label.text()]


class Driver:
    """Uses one window."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self.settings = Settings(application)
        self.theme = Theme(application)
        self.theme.use(self.settings.text(THEME))
        self.window = MainWindow(self.settings, self.theme)
        self._mime: QMimeData | None = None

    # What there is

    @property
    def bench(self) -> Workbench:
        return self.window.workbench

    @property
    def photos(self) -> list[Photo]:
        return list(self.bench.photos)

    @property
    def current(self) -> Photo:
        photo = self.bench.current
        assert photo is not None
        return photo

    @property
    def strip(self) -> QListView:
        return next(
            v for v in self.window.browser.findChildren(QListView) if v.accessibleName() == "Photos"
        )

    @property
    def table(self) -> QTableView:
        return self.window.browser.findChildren(QTableView)[0]

    def button(self, text: str, inside: QWidget | None = None) -> QPushButton | QToolButton:
        """The visible button that shows ``text`` or is called so."""
        root = inside or self.window
        buttons = [*root.findChildren(QPushButton), *root.findChildren(QToolButton)]
        [found] = [
            b
            for b in buttons
            if b.isVisible() and text in {b.text(), b.toolTip(), b.accessibleName()}
        ]
        return found

    def shown_predictions(self) -> list[tuple[str, str]]:
        """(label, percentage) of the bars, as a screen reader has them."""
        return [
            (text.split(". ", 1)[1].rsplit(", ", 1)[0], text.rsplit(", ", 1)[1])
            for text in self.spoken_predictions()
        ]

    def spoken_predictions(self) -> list[str]:
        """The bars, as a screen reader has them."""
        model = self.window.predictions.model
        return [
            str(model.index(row).data(Qt.ItemDataRole.AccessibleTextRole))
            for row in range(model.rowCount())
        ]

    def pane_texts(self) -> list[str]:
        return texts_in(self.window.predictions)

    def browser_texts(self) -> list[str]:
        return texts_in(self.window.browser)

    def table_texts(self, row: int) -> list[str]:
        return row_texts(self.table.model(), row)

    def is_browser_visible(self) -> bool:
        """Asking for ``window.browser`` would make it."""
        return any(browser.isVisible() for browser in self.window.findChildren(PhotoBrowser))

    # Waiting

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=PATIENCE)

    def wait_for_model(self, name: str | None = None) -> None:
        bench = self.bench
        self.wait(lambda: bench.model is not None and name in {None, bench.model.name})

    def settle(self) -> None:
        """Until every photo is done or has failed, and the canvas has its pixels."""
        bench = self.bench
        self.wait_for_model()
        self.wait(lambda: not bench.is_listing and not bench.is_busy)
        self.wait(lambda: not bench.tasks.is_pending("pixels"))

    # Doing

    def show(self) -> None:
        self.window.resize(1280, 800)
        self.window.show()
        self.qtbot.waitExposed(self.window)
        self.activate()

    def activate(self) -> None:
        self.window.activateWindow()
        self.wait(self.window.isActiveWindow)

    def close(self) -> None:
        self.window.close()

    def key(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier, on: QWidget | None = None) -> None:
        combined = Qt.KeyboardModifier.NoModifier
        for modifier in modifiers:
            combined |= modifier
        QTest.keyClick(on or QApplication.focusWidget() or self.window, key, combined)

    def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        QTest.mouseClick(
            widget,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            at or widget.rect().center(),
        )

    def wheel(self, widget: QWidget, at: QPointF, steps: int, *, sideways: int = 0) -> None:
        event = QWheelEvent(
            at,
            widget.mapToGlobal(at),
            QPoint(),
            QPoint(120 * sideways, 120 * steps),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)

    def drag_over(self, mime: QMimeData, at: QPointF = QPointF(400, 300)) -> bool:  # noqa: B008
        """Enter the window and move a little; whether the window would take it."""
        self._mime = mime  # Qt does not own it
        arguments = (
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self.window, QDragEnterEvent(at.toPoint(), *arguments))
        move = QDragMoveEvent(at.toPoint() + QPoint(5, 5), *arguments)
        QApplication.sendEvent(self.window, move)
        return move.isAccepted()

    def leave(self) -> None:
        QApplication.sendEvent(self.window, QDragLeaveEvent())

    def drop(self, mime: QMimeData) -> None:
        at = QPointF(405, 305)
        self.drag_over(mime, at)
        event = QDropEvent(
            at,
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self.window, event)
        assert event.isAccepted()

    def drop_files(self, *files: str | Path) -> None:
        self.drop(mime_of(files=files))

    def paste(self, mime: QMimeData) -> None:
        QGuiApplication.clipboard().setMimeData(mime)
        self.key(Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)

    def open(self, *names: str) -> None:
        """Drop samples, and wait until they are classified."""
        self.drop_files(*map(sample, names))
        self.wait(lambda: {f"{n}.jpg" for n in names} <= {p.name for p in self.photos})
        self.settle()

    def trigger(self, action: str) -> None:
        assert self.window.actions_by_key[action].isEnabled(), action
        self.window.actions_by_key[action].trigger()

    def while_dialog_is_open(
        self, open_it: Callable[[], object], work: Callable[[QDialog], object]
    ) -> list[object]:
        """Open a modal dialog, ``work`` on it, close it with Esc; what ``work`` returned."""
        results: list[object] = []

        def when_open() -> None:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, QDialog) or not dialog.isVisible():
                QTimer.singleShot(10, when_open)
                return
            try:
                results.append(work(dialog))
            finally:
                QTest.keyClick(dialog, Qt.Key.Key_Escape)

        QTimer.singleShot(0, when_open)
        open_it()
        return results

    def states(self) -> list[State]:
        return [photo.state for photo in self.photos]


def row_texts(model: QAbstractItemModel, row: int) -> list[str]:
    return [str(model.index(row, c).data() or "") for c in range(model.columnCount())]


def dismantle(drivers: list[Driver]) -> None:
    """Close windows, and see that nothing of them lives on."""
    windows = [driver.window for driver in drivers]
    threads = [thread for window in windows for thread in window.findChildren(QThread)]
    pools = [pool for window in windows for pool in window.findChildren(QThreadPool)]
    names = [thread.objectName() for thread in threads]
    assert names.count("inference") == len(pools) == len(windows), "each has a thread and a pool"
    for driver in drivers:
        driver.close()
    alive = [t.objectName() for t in threads if t.isRunning()]
    alive += [f"pool of {p.activeThreadCount()}" for p in pools if p.activeThreadCount()]
    alive += [t.name for t in threading.enumerate() if t.name.startswith(_OURS)]
    for driver in drivers:
        for thing in (driver.window, driver.theme, driver.settings):
            thing.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    # The offscreen platform deletes what it holds after Python has gone, which crashes.
    QGuiApplication.clipboard().clear()
    assert alive == []


_OURS: Final = (
    *("decode", "inference", "checksum", "record"),
    *("download", "verify", "discard", "remove", "examine", "preview", "import"),
)
