"""Ctrl+C in the terminal, and the end of a session, as signals of Qt."""

from __future__ import annotations

import signal
from typing import Any, Final

from PySide6.QtCore import QObject, QSocketNotifier, Signal

# Windows has no hang-ups.
_WATCHED: Final = tuple(s for s in signal.Signals if s.name in {"SIGINT", "SIGTERM", "SIGHUP"})


class SignalWatch(QObject):
    """Tells of the system's wishes that this process end. To be made on the main thread.

    Python runs signal handlers between any two of its own instructions, and none at all while
    Qt waits for events. Within an import, say, closing a window would wait for a thread that waits
    for the import. So the handlers do nothing, and the event loop, which a signal wakes up through
    a socket, tells of it.

    Signals:
        signalled: number of the system's signal.
    """

    signalled = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        import socket  # noqa: PLC0415 (4 ms that the window's first paint does not wait for)

        self._ours, self._theirs = socket.socketpair()
        for end in (self._ours, self._theirs):
            end.setblocking(False)
        self._former_fd = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._ours.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)
        self._former: dict[int, Any] = {}
        for number in _WATCHED:
            # Under nohup we outlive the terminal.
            if number.name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN:
                self._former[number] = signal.signal(number, lambda *_: None)

    def end(self) -> None:
        """Let signals mean again what they meant before."""
        self._notifier.setEnabled(False)
        for number, handler in self._former.items():
            # None: it was not Python's.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._former_fd)
        self._ours.close()
        self._theirs.close()

    def _read(self) -> None:
        if numbers := self._ours.recv(64):
            self.signalled.emit(numbers[0])
