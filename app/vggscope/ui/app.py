"""The application around the window: start, end, and what happens when something breaks."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from vggscope import __version__, paths
from vggscope.diagnostics import CrashGuard, log_uncaught, start_logging
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
    if not _has_display():
        sys.stderr.write(
            "vggscope: there is no display to open a window on. "
            "“vggscope classify PATH…” works in a terminal.\n"
        )
        return NO_DISPLAY
    guard = CrashGuard()
    crashes = guard.start()
    application = QApplication(["vggscope"])
    application.setApplicationName("VGGscope")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("vggscope")
    application.setWindowIcon(QIcon(str(paths.resource("icons", "vggscope.svg"))))
    settings = Settings(application)
    theme = Theme(application)
    theme.use(settings.text(THEME))
    window = MainWindow(settings, theme)
    log_uncaught(window.uncaught.emit)
    window.painted.connect(lambda: _begin(window, verbose), Qt.ConnectionType.QueuedConnection)
    window.show()
    window.open_paths(list(files))
    if crashes:
        window.messages.tell(
            window.tr(
                "VGGscope stopped unexpectedly last time. A report was kept in the log folder."
            ),
            window.tr("Open log folder"),
            open_logs,
        )
    status = application.exec()
    guard.stop()
    return status


def _begin(window: MainWindow, verbose: bool) -> None:
    """What can wait until the window is on the screen."""
    start_logging(verbose=verbose)
    _SignalWatch(window)
    window.begin()


def _has_display() -> bool:
    if sys.platform in {"win32", "darwin"} or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


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
