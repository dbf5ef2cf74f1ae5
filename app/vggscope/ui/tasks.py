"""Short tasks off the UI thread: decoding for the screen, listing folders, writing files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

from vggscope.errors import VggscopeError

if TYPE_CHECKING:
    from collections.abc import Callable

_FOREGROUND: Final = 2**30
_ages = count()


class Tasks(QObject):
    """A pool whose results, errors among them, arrive on the UI thread.

    A task that is no longer wanted is forgotten by its key: its result is dropped.
    """

    _finished = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        # One core is the network's, one the window's; a third thread may wait for a child process.
        self._pool.setMaxThreadCount(3)
        self._wanted: dict[str, _Ticket] = {}
        self._is_stopped = False
        self._finished.connect(self._deliver)

    def run(  # noqa: PLR0913 (all but three are options)
        self,
        key: str,
        work: Callable[[], Any],
        deliver: Callable[[Any], None],
        failed: Callable[[VggscopeError], None] | None = None,
        *,
        in_background: bool = False,
        promised: bool = False,
    ) -> None:
        """Call ``deliver(work())`` on the UI thread, ``work`` being called on another.

        A newer task of the same ``key`` replaces this one. Tasks ``in_background`` come after all
        others, the newest of them first.

        Args:
            key: names the task.
            work: runs on a thread of the pool.
            deliver: gets its result.
            failed: gets its ``VggscopeError``. Any other exception is raised on the UI thread,
                where it is logged and told like every other surprise.
            in_background: nobody waits for it.
            promised: it is done even if the window is closed before its turn.
        """
        if self._is_stopped:
            # Signals that were under way when the window was closed may still ask for something.
            return
        ticket = self._wanted[key] = _Ticket(key, deliver, failed, promised)
        priority = next(_ages) if in_background else _FOREGROUND
        self._pool.start(_Task(self, ticket, work), priority)

    def is_pending(self, key: str) -> bool:
        """Whether a task ``key`` has not delivered yet."""
        return key in self._wanted

    def forget(self, key: str) -> None:
        """Drop the result of the task ``key``."""
        self._wanted.pop(key, None)

    def is_wanted(self, ticket: _Ticket) -> bool:
        """Whether the result of this very task is still wanted. May be called on any thread."""
        return self._wanted.get(ticket.key) is ticket

    def stop(self) -> None:
        """Forget everything; wait for what runs and what was promised. Nothing runs after that."""
        self._is_stopped = True
        self._wanted.clear()
        self._pool.waitForDone()

    @Slot(object, object)
    def _deliver(self, ticket: _Ticket, result: Any) -> None:
        if not self.is_wanted(ticket):
            return
        del self._wanted[ticket.key]
        if isinstance(result, VggscopeError) and ticket.failed is not None:
            ticket.failed(result)
        elif isinstance(result, Exception):
            raise result
        else:
            ticket.deliver(result)


@dataclass(frozen=True, slots=True, eq=False)
class _Ticket:
    """One task, and who is to hear of its end."""

    key: str
    deliver: Callable[[Any], None]
    failed: Callable[[VggscopeError], None] | None
    promised: bool


class _Task(QRunnable):
    def __init__(self, tasks: Tasks, ticket: _Ticket, work: Callable[[], Any]) -> None:
        super().__init__()
        self._tasks, self._ticket, self._work = tasks, ticket, work

    def run(self) -> None:
        if not self._ticket.promised and not self._tasks.is_wanted(self._ticket):
            return
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 (told on the UI thread)
            result = error
        self._tasks._finished.emit(self._ticket, result)
