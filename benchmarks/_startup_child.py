"""A process of startup.py: opens a window, tells when it was painted, and ends.

    python _startup_child.py bare|window|prediction SPAWNED [FILE]
    python _startup_child.py stay

``SPAWNED`` is the monotonic clock, which is the whole computer's, when this process was started.
The program under test is not touched: its window is found when the event loop begins. ``stay`` is
the bare window for those who look from outside.
"""

import os
import sys
import time

# The bare window is to stay bare: nothing may be imported here that would slow it down. The
# namespace `Qt` alone takes 14 ms.
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel


def main() -> None:
    """Open the window that the first argument names."""
    if sys.argv[1] == "stay":
        _open_bare_window()
        return
    kind, spawned, *files = sys.argv[1:]
    enter = QApplication.exec

    def run(*_: object) -> int:
        window = next(w for w in QApplication.topLevelWidgets() if w.isVisible())
        if kind == "bare":
            timer = _tell_when_exposed(window, float(spawned))
        else:
            # A photo's bars are painted when their page is turned up for the first time.
            timer = _tell_when_painted(
                window if kind == "window" else _bars(window), float(spawned)
            )
        status = enter()
        del timer
        return status

    QApplication.exec = run
    if kind == "bare":
        _open_bare_window()
    else:
        sys.argv = ["vggscope", *files]
        from vggscope.cli.main import main as vggscope  # noqa: PLC0415

        vggscope()


def _open_bare_window():
    application = QApplication(sys.argv[:1])
    label = QLabel("hello")
    label.resize(1280, 800)
    label.show()
    application.exec()


def _bars(window):
    from PySide6.QtWidgets import QListView  # noqa: PLC0415

    return window.predictions.findChild(QListView).viewport()


def _tell_when_exposed(window, spawned):
    """A window is painted in the moment in which it is exposed."""
    timer = QTimer()
    timer.timeout.connect(lambda: window.windowHandle().isExposed() and _tell(spawned))
    timer.start(0)
    return timer


def _tell_when_painted(widget, spawned):
    """A timer would be late here: the program has more to do as soon as its window is painted."""
    from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt  # noqa: PLC0415

    class Watch(QObject):
        def eventFilter(self, _watched, event):  # noqa: N802 (Qt's name)
            if event.type() == QEvent.Type.Paint:
                # The children are painted next; this comes first of all that waits behind them.
                urgent = Qt.EventPriority.HighEventPriority.value
                QCoreApplication.postEvent(self, QEvent(QEvent.Type.User), urgent)
            return False

        def event(self, event):
            if event.type() == QEvent.Type.User:
                _tell(spawned)
            return super().event(event)

    watch = Watch()
    widget.installEventFilter(watch)
    return watch


def _tell(spawned):
    sys.stdout.write(f"{time.monotonic() - spawned}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
