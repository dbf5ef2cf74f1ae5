"""Work on other threads, whose results arrive on the UI thread as long as somebody wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from vggscope.errors import Cancelled, VggscopeError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A piece of work, and who is to hear of its end.

    Attributes:
        key: names the work: a newer one of the same key replaces it.
        deliver: gets its result.
        failed: gets its ``VggscopeError``. Any other exception is raised on the UI thread, where
            it is logged and told like every other surprise.
    """

    key: str
    deliver: Callable[[Any], None]
    failed: Callable[[VggscopeError], None] | None


class Deliveries(QObject):
    """Hands results over to whoever still wants them; the rest is dropped."""

    _finished = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted: dict[str, Ticket] = {}
        self._finished.connect(self._deliver)

    def is_pending(self, key: str) -> bool:
        """Whether the work ``key`` has not delivered yet."""
        return key in self._wanted

    def forget(self, key: str) -> None:
        """Drop the result of the work ``key``."""
        self._wanted.pop(key, None)

    def is_wanted(self, ticket: Ticket) -> bool:
        """Whether the result of this very work is still wanted. May be called on any thread."""
        return self._wanted.get(ticket.key) is ticket

    def finish(self, ticket: Ticket, result: object) -> None:
        """The work is done; what it raised is a result as well. May be called on any thread."""
        self._finished.emit(ticket, result)

    @Slot(object, object)
    def _deliver(self, ticket: Ticket, result: Any) -> None:
        if not self.is_wanted(ticket):
            return
        del self._wanted[ticket.key]
        if isinstance(result, Cancelled):
            return
        if isinstance(result, VggscopeError) and ticket.failed is not None:
            ticket.failed(result)
        elif isinstance(result, Exception):
            raise result
        else:
            ticket.deliver(result)
