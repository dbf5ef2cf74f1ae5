"""Errands: what else the inference thread does for the window, such as looking into a layer.

Whoever looks at something waits for it: an errand comes before live frames and photos. Those in
the background come last.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vggscope.errors import Cancelled, VggscopeError
from vggscope.ui.deliveries import Deliveries, Ticket

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from PySide6.QtCore import QObject

    from vggscope.inference.classifier import Classifier
    from vggscope.inference.runtime import Cancellation


@dataclass(slots=True, eq=False)
class _Errand:
    ticket: Ticket
    work: Callable[[Classifier, Cancellation], Any]
    in_background: bool
    cancellation: Cancellation | None = None
    gives_way: bool = False


class Errands(Deliveries):
    """Work for the inference thread, one piece at a time."""

    def __init__(self, changed: threading.Condition, parent: QObject) -> None:
        """``changed``: notified of every errand; the one that the inference thread waits on."""
        super().__init__(parent)
        self._changed = changed
        self._queue: OrderedDict[str, _Errand] = OrderedDict()
        self._running: _Errand | None = None
        self._is_stopped = False

    def run(
        self,
        key: str,
        work: Callable[[Classifier, Cancellation], Any],
        deliver: Callable[[Any], None],
        failed: Callable[[VggscopeError], None] | None = None,
        *,
        in_background: bool = False,
    ) -> None:
        """Call ``deliver(work(classifier, cancellation))``, ``work`` on the inference thread.

        A newer errand of the same ``key`` replaces this one. Nothing is delivered of one that was
        cancelled, as all are when another model is loaded.

        Args:
            key: names the errand.
            work: gets the classifier in use.
            deliver: gets its result, on the UI thread.
            failed: gets its ``VggscopeError``, see ``Ticket``.
            in_background: nobody waits for it: it comes after all photos.
        """
        if self._is_stopped:
            return
        with self._changed:
            ticket = self._wanted[key] = Ticket(key, deliver, failed)
            self._queue.pop(key, None)
            self._queue[key] = _Errand(ticket, work, in_background)
            if not in_background:
                self.give_way()
            self._changed.notify_all()

    def forget(self, key: str) -> None:
        """Drop the errand ``key``; if it is being done, it ends in mid-network."""
        with self._changed:
            super().forget(key)
            self._queue.pop(key, None)
            if self._running is not None and self._running.ticket.key == key:
                self._cancel(self._running)

    def give_way(self) -> None:
        """Somebody waits for the inference thread: what is done in the background begins anew."""
        with self._changed:
            if self._running is not None and self._running.in_background:
                self._running.gives_way = True
                self._cancel(self._running)

    def interrupt(self) -> None:
        """End what is being done, in mid-network; nothing is delivered of it."""
        with self._changed:
            if self._running is not None:
                self._running.gives_way = False
                self._cancel(self._running)

    def stop(self) -> None:
        """Forget everything, now and later."""
        with self._changed:
            self._is_stopped = True
            self._queue.clear()
            self._wanted.clear()
            self.interrupt()

    # On the inference thread

    def waits(self, *, in_background: bool) -> bool:
        """Whether there is something to do, before the live frames or ``in_background``."""
        return any(errand.in_background is in_background for errand in self._queue.values())

    def do_next(self, classifier: Classifier, *, in_background: bool) -> None:
        """Do the errand that waits longest, if there is one."""
        from vggscope.inference.runtime import Cancellation  # noqa: PLC0415 (the engine)

        with self._changed:
            key = next((k for k, e in self._queue.items() if e.in_background is in_background), "")
            if not key:
                return
            errand = self._running = self._queue.pop(key)
            errand.cancellation, errand.gives_way = Cancellation(), False
        try:
            result = errand.work(classifier, errand.cancellation)
        except VggscopeError as error:
            # Without the frames that it came through: they would keep a network in memory.
            result = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 (told on the UI thread)
            result = error
        with self._changed:
            self._running = None
            if errand.gives_way and isinstance(result, Cancelled) and self.is_wanted(errand.ticket):
                # Unless there is a newer one, which is in the queue.
                self._queue[key] = errand
                return
        self.finish(errand.ticket, result)
        # An exception knows this frame, which must not know it as well.
        del result

    @staticmethod
    def _cancel(errand: _Errand) -> None:
        if errand.cancellation is not None:
            errand.cancellation.cancel()
