"""Work that is asked for faster than it can be done: only the newest is of interest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.ui.tasks import Tasks


class Latest:
    """Does one piece of work at a time, and after it the newest that was asked for meanwhile.

    With ``Tasks`` alone every newer piece would replace the one that is being done, and at the
    rate of a video nothing would ever be delivered.
    """

    def __init__(self, tasks: Tasks, key: str, deliver: Callable[[Any], object]) -> None:
        """``deliver`` gets the results of ``key``, on the UI thread."""
        self._tasks, self._key, self._deliver = tasks, key, deliver
        self._next: Callable[[], Any] | None = None

    def __call__(self, work: Callable[[], Any]) -> None:
        """Deliver ``work()``, unless newer work comes before its turn."""
        if self._tasks.is_pending(self._key):
            self._next = work
        else:
            # What waited for work that failed has waited in vain.
            self._next = None
            self._tasks.run(self._key, work, self._on_done)

    def forget(self) -> None:
        """Nothing of what was asked for is of interest any more."""
        self._next = None
        self._tasks.forget(self._key)

    @property
    def is_busy(self) -> bool:
        """Whether something is to be delivered."""
        return self._tasks.is_pending(self._key)

    def _on_done(self, result: Any) -> None:
        work, self._next = self._next, None
        if work is not None:
            self._tasks.run(self._key, work, self._on_done)
        self._deliver(result)
