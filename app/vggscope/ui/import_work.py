"""What an import does behind its form: examine the file, try it on a photo, install it.

One thing at a time, because a draft belongs to one thread at a time; the newest comes next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from vggscope.errors import Cancelled
from vggscope.ui.long_job import LongJob
from vggscope.ui.model_jobs import as_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.errors import VggscopeError
    from vggscope.ui.long_job import Work


class ImportWork(QObject):
    """Does one thing after the other.

    Signals:
        progressed: the ``Progress`` of what is being done.
        changed: something else is being done, or nothing any more.
    """

    progressed = Signal(object)
    changed = Signal()

    def __init__(self, title: str, parent: QObject | None = None) -> None:
        """``title``: what is imported."""
        super().__init__(parent)
        self._title = title
        self._job: LongJob | None = None
        self._doing = ""
        self._next: tuple[str, Work, Callable[[Any], object], Callable[[Any], object]] | None = None
        self._is_stopped = False

    @property
    def doing(self) -> str:
        """What is being done, or will be next; "" for nothing."""
        return self._next[0] if self._next is not None else self._doing

    def run(
        self,
        doing: str,
        work: Work,
        deliver: Callable[[Any], object],
        failed: Callable[[VggscopeError], object],
    ) -> None:
        """Call ``deliver`` with what ``work`` returns; what is being done is stopped.

        Args:
            doing: names it, and the thread.
            work: gets ``progress`` and ``stop``.
            deliver: gets the result.
            failed: gets the ``VggscopeError``; of what was stopped nobody hears.
        """
        if self._is_stopped:
            return
        self._next = doing, work, deliver, failed
        if self._job is None:
            self._begin()
        else:
            self._job.stop()
        self.changed.emit()

    def cancel(self) -> None:
        """Do nothing any more."""
        self._next = None
        if self._job is not None:
            self._job.stop()

    def stop(self) -> None:
        """End the thread, and wait for it."""
        self._is_stopped = True
        self._next = None
        if self._job is not None:
            self._job.abandon()
            self._job.wait()
            self._job = None

    def _begin(self) -> None:
        if self._next is None:
            return
        (self._doing, work, deliver, failed), self._next = self._next, None
        job = self._job = LongJob(self._doing, work, self)
        job.progressed.connect(self.progressed)
        job.ended.connect(lambda result: self._on_end(job, result, deliver, failed))
        job.start()

    def _on_end(
        self,
        job: LongJob,
        result: Any,
        deliver: Callable[[Any], object],
        failed: Callable[[VggscopeError], object],
    ) -> None:
        if self._is_stopped:
            return
        self._job, self._doing = None, ""
        job.deleteLater()
        self._begin()
        # What came in spite of a wish to stop is a result all the same.
        if isinstance(result, Exception):
            if not isinstance(result, Cancelled):
                failed(as_error(result, self._title))
        else:
            deliver(result)
        self.changed.emit()
