"""Short tasks off the UI thread: decoding for the screen, listing folders, writing files."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QRunnable, QThreadPool

from vggscope.ui.deliveries import Deliveries, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.errors import VggscopeError

_FOREGROUND: Final = 2**30
_ages = count()


class Tasks(Deliveries):
    """A pool whose results, errors among them, arrive on the UI thread.

    A task that is no longer wanted is forgotten by its key: its result is dropped.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        # One core is the network's, one the window's; a third thread may wait for a child process.
        self._pool.setMaxThreadCount(3)
        self._is_stopped = False

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
            failed: gets its ``VggscopeError``, see ``Ticket``.
            in_background: nobody waits for it.
            promised: it is done even if the window is closed before its turn.
        """
        if self._is_stopped:
            # Signals that were under way when the window was closed may still ask for something.
            return
        ticket = self._wanted[key] = Ticket(key, deliver, failed)
        priority = next(_ages) if in_background else _FOREGROUND
        self._pool.start(_Task(self, ticket, work, is_promised=promised), priority)

    def stop(self) -> None:
        """Forget everything; wait for what runs and what was promised. Nothing runs after that."""
        self._is_stopped = True
        self._wanted.clear()
        self._pool.waitForDone()


class _Task(QRunnable):
    def __init__(
        self, tasks: Tasks, ticket: Ticket, work: Callable[[], Any], *, is_promised: bool
    ) -> None:
        super().__init__()
        self._tasks, self._ticket, self._work = tasks, ticket, work
        self._is_promised = is_promised

    def run(self) -> None:
        if not self._is_promised and not self._tasks.is_wanted(self._ticket):
            return
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 (told on the UI thread)
            result = error
        self._tasks.finish(self._ticket, result)
