"""The application around the window: start, end, and what happens when something breaks."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, QSettings, QSocketNotifier, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from vggscope import __version__, paths
from vggscope.diagnostics import CrashGuard, log_uncaught, start_logging
from vggscope.ui.display import has_display
from vggscope.ui.main_window import MainWindow, open_logs
from vggscope.ui.settings import THEME, Settings
from vggscope.ui.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_DISPLAY = 2


def run_window(files: Sequence[str], *, verbose: bool = False) -> int:
    """Open the window with ``files`` and run until it is closed; the exit status.

    Args:
        files: pictures and folders.
        verbose: show the log on stderr.
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
    application = QApplication(["vggscope"])
    application.setApplicationName("VGGscope")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("vggscope")
    application.setWindowIcon(QIcon(str(paths.resource("icons", "vggscope.svg"))))
    guard = CrashGuard()
    crashes = guard.start()
    settings = Settings(application)
    theme = Theme(application)
    theme.use(settings.text(THEME))
    window = MainWindow(settings, theme)
    log_uncaught(window.uncaught.emit)
    window.painted.connect(lambda: _begin(window), Qt.ConnectionType.QueuedConnection)
    window.show()
    window.open_paths(list(files))
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
    guard.stop()
    if window.hangs:
        # Python would wait for the thread that waits for the device.
        logging.shutdown()
        os._exit(status)
    return status


def _begin(window: MainWindow) -> None:
    """What can wait until the window is on the screen."""
    _SignalWatch(window)
    window.begin()


class _SignalWatch(QObject):
    """Closes the window in good order on Ctrl+C in the terminal and at the end of a session.

    Python runs signal handlers between any two of its own instructions. Within an import, say,
    closing would wait for a thread that waits for the import. So the handlers do nothing, and
    the event loop, which a signal wakes up through a socket, closes the window.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        import socket  # noqa: PLC0415 (4 ms that the first paint does not wait for)

        self._window = window
        self._ours, self._theirs = socket.socketpair()
        for end in (self._ours, self._theirs):
            end.setblocking(False)
        signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        notifier = QSocketNotifier(self._ours.fileno(), QSocketNotifier.Type.Read, self)
        notifier.activated.connect(self._close)
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            # Windows has no hang-ups.
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda *_: None)

    def _close(self) -> None:
        self._ours.recv(64)
        self._window.close()
