"""Short tasks off the UI thread: decoding for the screen, listing folders, writing files."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

_FOREGROUND: Final = 2**30
_ages = count()


class Tasks(QObject):
    """A pool whose results, errors among them, arrive on the UI thread.

    A task that is no longer wanted is forgotten by its key: its result is dropped.
    """

    _finished = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        # One core is the network's, one the window's.
        self._pool.setMaxThreadCount(2)
        self._wanted: dict[str, object] = {}
        self._finished.connect(self._deliver)

    def run(
        self,
        key: str,
        work: Callable[[], Any],
        deliver: Callable[[Any], None],
        *,
        in_background: bool = False,
    ) -> None:
        """Call ``deliver(work())`` on the UI thread, ``work`` being called on another.

        An exception is delivered like a result. A newer task of the same ``key`` replaces this
        one. Tasks ``in_background`` come after all others, the newest of them first.
        """
        ticket = object()
        self._wanted[key] = ticket
        priority = next(_ages) if in_background else _FOREGROUND
        self._pool.start(_Task(self, key, ticket, work, deliver), priority)

    def is_pending(self, key: str) -> bool:
        """Whether a task ``key`` has not delivered yet."""
        return key in self._wanted

    def forget(self, key: str) -> None:
        """Drop the result of the task ``key``."""
        self._wanted.pop(key, None)

    def is_wanted(self, key: str, ticket: object) -> bool:
        """Whether the result of this very task is still wanted. May be called on any thread."""
        return self._wanted.get(key) is ticket

    def stop(self) -> None:
        """Forget everything, and wait for what runs."""
        self._wanted.clear()
        self._pool.clear()
        self._pool.waitForDone()

    @Slot(object, object, object)
    def _deliver(self, identity: tuple[str, object], deliver: Any, result: Any) -> None:
        if self.is_wanted(*identity):
            del self._wanted[identity[0]]
            deliver(result)


class _Task(QRunnable):
    def __init__(
        self,
        tasks: Tasks,
        key: str,
        ticket: object,
        work: Callable[[], Any],
        deliver: Callable[[Any], None],
    ) -> None:
        super().__init__()
        self._tasks, self._key, self._ticket = tasks, key, ticket
        self._work, self._deliver = work, deliver

    def run(self) -> None:
        if not self._tasks.is_wanted(self._key, self._ticket):
            return
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 (delivered like a result)
            result = error
        self._tasks._finished.emit((self._key, self._ticket), self._deliver, result)
