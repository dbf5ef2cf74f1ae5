"""A request on a thread of its own: whoever waits for its bytes can stop at any moment."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

from vggscope.errors import Cancelled
from vggscope.zoo.fetching import Answer, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from vggscope.zoo.fetching import Wanted

_AHEAD: Final = 64
"""Blocks (64 KiB at most) that may wait to be written."""
_GLANCE: Final = 0.1
"""Seconds between two looks at whether to stop."""
_FAREWELL: Final = 1.0
"""Seconds that the thread gets to end; one that looks up a name cannot be woken, and ends alone."""


class Transfer:
    """The answer to a request, and its bytes.

    Use it as a context: when the block ends, so does the connection.
    """

    def __init__(self, wanted: Wanted, *, stop: Callable[[], bool]) -> None:
        self._wanted = wanted
        self._stop = stop
        self._items: queue.Queue[Answer | bytes | Exception | None] = queue.Queue(_AHEAD)
        self._over = threading.Event()
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._work, name="download", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._hang_up()
        self._thread.join(_FAREWELL)

    def answer(self) -> Answer:
        """What the server is about to send.

        Raises:
            Cancelled: it was to stop.
            DownloadError: there is no answer of use.
        """
        item = self._next()
        if not isinstance(item, Answer):
            raise TypeError("the answer was taken already")
        return item

    def blocks(self) -> Iterator[bytes]:
        """The bytes as they come.

        Raises:
            Cancelled: it was to stop.
            DownloadError: there were fewer or more than promised.
        """
        while isinstance(item := self._next(), bytes):
            yield item

    def _next(self) -> Answer | bytes | None:
        while True:
            if self._stop():
                raise Cancelled
            with contextlib.suppress(queue.Empty):
                item = self._items.get(timeout=_GLANCE)
                if isinstance(item, Exception):
                    raise item
                return item

    def _work(self) -> None:
        try:
            with contextlib.closing(fetch(self._wanted, connected=self._connected)) as items:
                for item in items:
                    self._put(item)
            self._put(None)
        except Exception as error:  # noqa: BLE001 (raised where its bytes are waited for)
            self._put(error)

    def _connected(self, response: httpx.Response) -> None:
        self._response = response
        if self._over.is_set():
            raise Cancelled

    def _put(self, item: Answer | bytes | Exception | None) -> None:
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                self._items.put(item, timeout=_GLANCE)
                return
        if not isinstance(item, Exception):
            raise Cancelled

    def _hang_up(self) -> None:
        """Wake the thread if it waits for bytes."""
        response = self._response
        stream = response.extensions.get("network_stream") if response is not None else None
        wire = stream.get_extra_info("socket") if stream is not None else None
        if wire is not None:
            # OSError: it is closed already.
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
