"""Calls that come faster than anybody can see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QElapsedTimer, QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable


class Throttle(QObject):
    """Calls a function at once, and then with the latest arguments at most every so often."""

    def __init__(self, call: Callable[..., object], milliseconds: int, parent: QObject) -> None:
        """``milliseconds``: between two calls, at least."""
        super().__init__(parent)
        self._call = call
        self._waiting: tuple[Any, ...] | None = None
        self._since = QElapsedTimer()
        self._pause = milliseconds
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._release)

    def __call__(self, *arguments: Any) -> None:
        """Call the function with ``arguments``, now or, if nothing newer comes, in a moment."""
        self._waiting = arguments
        if self._timer.isActive():
            return
        passed = self._since.elapsed() if self._since.isValid() else self._pause
        if passed >= self._pause:
            self._release()
        else:
            self._timer.start(self._pause - passed)

    def forget(self) -> None:
        """Drop what waits."""
        self._waiting = None
        self._timer.stop()

    def _release(self) -> None:
        if self._waiting is None:
            return
        arguments, self._waiting = self._waiting, None
        self._since.start()
        self._call(*arguments)
