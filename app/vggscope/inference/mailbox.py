"""One slot between a producer that never waits and a consumer that wants only the newest."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """A slot for one item: what is put replaces what nobody has taken. For any threads.

    Nothing is ever queued, and ``put`` waits for nobody but another thread that is just putting
    or taking. Whoever waits for several things at once hands in the condition that it waits on,
    and asks ``is_empty`` in its predicate::

        with changed:
            changed.wait_for(lambda: ending or not mailbox.is_empty)
            frame = mailbox.take(timeout=0)
    """

    def __init__(self, condition: threading.Condition | None = None) -> None:
        """Make an empty one.

        Args:
            condition: notified of every item and of the closing. Its lock must be one that a
                thread may take twice, as that of ``threading.Condition()`` is.
        """
        self._changed = threading.Condition() if condition is None else condition
        self._item: Item | None = None
        self._closed = False
        self._dropped = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take; at once, with or without the condition."""
        return self._item is None

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    @property
    def dropped(self) -> int:
        """How many items were replaced by newer ones since the beginning."""
        return self._dropped

    def put(self, item: Item) -> bool:
        """Leave ``item`` (anything but None); True if an older one was dropped for it.

        A closed mailbox keeps nothing.
        """
        # The older item is let go after the lock: freeing a large frame takes its time.
        with self._changed:
            if self._closed:
                return False
            older, self._item = self._item, item
            self._dropped += older is not None
            # Others may wait on the same condition for other things.
            self._changed.notify_all()
        return older is not None

    def take(self, timeout: float | None = None) -> Item | None:
        """The newest item, which is then nobody else's.

        Args:
            timeout: seconds to wait for one; 0 for not at all, None for ever.

        Returns:
            None if none came in time, and for ever after ``close``.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._item is not None, timeout)
            item, self._item = self._item, None
            return item

    def clear(self) -> None:
        """Forget what nobody has taken: it is of no use any more, and not counted as dropped."""
        with self._changed:
            item, self._item = self._item, None
        del item  # let go after the lock, see `put`

    def close(self) -> None:
        """Forget what nobody has taken, take nothing more, and let nobody wait."""
        with self._changed:
            item, self._item = self._item, None
            self._closed = True
            self._changed.notify_all()
        del item  # let go after the lock, see `put`
