"""The application around the window: start, end, and what happens when something breaks."""

from __future__ import annotations

import gc
import logging
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QSettings, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from vggscope import __version__, paths
from vggscope.diagnostics import CrashGuard, log_uncaught, start_logging
from vggscope.ui.application import Application
from vggscope.ui.display import has_display
from vggscope.ui.folders import open_logs
from vggscope.ui.main_window import MainWindow
from vggscope.ui.settings import THEME, Settings
from vggscope.ui.signal_watch import SignalWatch
from vggscope.ui.single_instance import Request, SingleInstance
from vggscope.ui.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vggscope.ui.live_request import LiveRequest

NO_DISPLAY = 2


def run_window(
    files: Sequence[str], *, verbose: bool = False, live: LiveRequest | None = None
) -> int:
    """Open the window, then ``files`` in it, and run until it is closed; the exit status.

    Where there is a window already, it gets them instead.

    Args:
        files: pictures, folders, a video.
        verbose: show the log on stderr.
        live: a moving picture to begin with.
    """
    start_logging(verbose=verbose)
    log_uncaught(lambda: None)
    if not has_display():
        sys.stderr.write(
            "vggscope: there is no display to open a window on. "
            "“vggscope classify PATH…” works in a terminal.\n"
        )
        return NO_DISPLAY
    # Qt's file dialog keeps its own settings, the folders that were visited among them.
    QSettings.setPath(
        QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(paths.config_dir())
    )
    application = Application()
    application.setApplicationName("VGGscope")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("vggscope")
    application.setWindowIcon(QIcon(str(paths.resource("icons", "vggscope.svg"))))
    wish = _request(files, live)
    instance = SingleInstance(application)
    if instance.hand_over(wish):
        return 0
    reception = _Reception(wish)
    instance.asked.connect(reception.take)
    application.opened.connect(lambda file: reception.take(Request(files=(file,))))
    guard = CrashGuard()
    crashes = guard.start()
    settings = Settings(application)
    theme = Theme(application)
    theme.use(settings.text(THEME))
    window = MainWindow(settings, theme)
    log_uncaught(window.uncaught.emit)
    # Starts from now on open a window of their own, which this one could not be any more.
    window.closing.connect(instance.close)
    window.painted.connect(lambda: _begin(window, reception), Qt.ConnectionType.QueuedConnection)
    window.show()
    if crashes:
        window.messages.tell(
            QCoreApplication.translate(
                "app",
                "VGGscope stopped unexpectedly last time. A report was kept in the log folder.",
            ),
            QCoreApplication.translate("app", "Open log folder"),
            open_logs,
        )
    status = application.exec()
    instance.close()
    guard.stop()
    if window.hangs:
        # Python would wait for the thread that waits for the device.
        logging.shutdown()
        os._exit(status)
    return status


def _begin(window: MainWindow, reception: _Reception) -> None:
    """What can wait until the window is on the screen."""
    # Nearly all that is there by now stays: nothing to look through again and again.
    gc.freeze()
    gc.enable()
    SignalWatch(window).signalled.connect(window.close)
    window.begin()
    reception.begin(window)


class _Reception:
    """Has the window serve all requests in the order in which they came.

    Those of other starts, and documents that the system wants to be opened, may come while the
    window is not on the screen yet.
    """

    def __init__(self, first: Request) -> None:
        """``first``: what this start itself wants to see."""
        self._first = first
        self._early: list[Request] = []
        self._window: MainWindow | None = None

    def take(self, request: Request) -> None:
        """Serve ``request``, now or later."""
        if self._window is None:
            self._early.append(request)
        else:
            _serve(self._window, request)

    def begin(self, window: MainWindow) -> None:
        """Serve what has come so far in ``window``."""
        self._window = window
        _open(window, self._first)
        early, self._early = self._early, []
        for request in early:
            _serve(window, request)


def _request(files: Sequence[str], live: LiveRequest | None) -> Request:
    """What another process understands, whatever its current folder."""
    if live is not None and live.path is not None:
        live = replace(live, path=os.path.abspath(live.path))  # noqa: PTH100 (keeps the link's name)
    # Addresses of web pages are refused in words, there as here.
    whole = (file if "://" in file else os.path.abspath(file) for file in files)  # noqa: PTH100
    return Request(files=tuple(whole), live=live)


def _open(window: MainWindow, request: Request) -> None:
    window.open_paths(list(request.files))
    if request.live is not None and (live := window.live) is not None:
        live.open(request.live)


def _serve(window: MainWindow, request: Request) -> None:
    """Come to the front with what another start, or the system, wants to be shown."""
    if window.is_closed:
        # Nothing can be shown any more; the system opens what it has in a new start.
        return
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    if request.activation:
        # Where Qt looks for it on Wayland.
        os.environ["XDG_ACTIVATION_TOKEN"] = request.activation
    window.activateWindow()
    # Where the system lets nobody take the front, it lets the window ask for attention.
    QApplication.alert(window)
    _open(window, request)
    # A dialog that waits for an answer must not end up behind what it blocks.
    if (dialog := QApplication.activeModalWidget()) is not None:
        dialog.raise_()
        dialog.activateWindow()
