"""Work that takes seconds or minutes, on a thread of its own: it tells how far it is, and stops."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from PySide6.QtCore import QObject, Signal

from vggscope.errors import VggscopeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.zoo.meter import Progress

    Work: TypeAlias = Callable[[Callable[[Progress], None], Callable[[], bool]], Any]

_FAREWELL: Final = 8.0
"""Seconds that closing waits: whatever asks ``stop`` asks it several times a second."""
_log = logging.getLogger(__name__)


class LongJob(QObject):
    """One call of a function that takes ``progress`` and ``stop``.

    Tasks of the pool are for short work: closing the window waits for those.

    Signals:
        progressed: the ``Progress``.
        ended: what the function returned, or the exception that it raised.
    """

    progressed = Signal(object)
    ended = Signal(object)

    def __init__(self, name: str, work: Work, parent: QObject | None = None) -> None:
        """``name``: of the thread."""
        super().__init__(parent)
        self._work = work
        self._stopped = threading.Event()
        self._forgotten = False
        # A daemon: whatever hangs in the system does not keep the program; a download that was cut
        # off in the middle goes on where it was.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Have it end soon; ``ended`` tells when it has."""
        self._stopped.set()

    def abandon(self) -> None:
        """Have it end soon; nobody hears of it any more."""
        self._forgotten = True
        self._stopped.set()

    def wait(self, seconds: float = _FAREWELL) -> None:
        """Wait for the end of the thread."""
        if self._thread.is_alive():
            self._thread.join(seconds)
        if self._thread.is_alive():
            _log.error("The thread “%s” does not end", self._thread.name)

    def _run(self) -> None:
        try:
            result = self._work(self._tell, self._stopped.is_set)
        except VggscopeError as error:
            # Without the frames that it came through: they would keep a network in memory.
            result = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 (told on the UI thread)
            result = error
        if not self._forgotten:
            self.ended.emit(result)

    def _tell(self, progress: Progress) -> None:
        if not self._stopped.is_set():
            self.progressed.emit(progress)
