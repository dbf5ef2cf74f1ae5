"""A real HTTP server on this computer, as well-behaved as servers are, or as badly.

It serves one file, honours Range and If-Range, and plays a trick for each request for which one
was put in ``tricks``: a function that gets the `Request` and answers it.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    Trick = Callable[["Request"], None]

_BLOCK = 2**16
_WAIT = 60


class Request(BaseHTTPRequestHandler):
    """One request; ``self.server`` is the `Server`."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        server = self.server
        server.requests.append((self.path, dict(self.headers.items())))
        trick = server.tricks.popleft() if server.tricks else server.habit
        with contextlib.suppress(ConnectionError):
            trick(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (so it is called)
        pass

    def serve(self, *, upto: int | None = None, **headers: str | None) -> None:
        """Answer as a good server does, with only ``upto`` bytes of the answer sent.

        ``headers`` are added, None takes one out; "_" stands for "-".
        """
        server = self.server
        start, wanted = 0, self.headers.get("Range")
        valid = self.headers.get("If-Range") in {None, server.etag}
        if wanted is not None and valid:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        size = server.size
        told: dict[str, str | None] = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size - start),
            "ETag": server.etag,
            "Content-Range": f"bytes {start}-{size - 1}/{size}" if start else None,
        }
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.send_response(206 if start else 200)
        self.send_headers(told)
        self.send_file(start, upto)

    def send_headers(self, told: dict[str, str | None]) -> None:
        for name, value in told.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def send_file(self, start: int = 0, upto: int | None = None) -> None:
        """The bytes from ``start``, ``upto`` of them."""
        left = self.server.size - start if upto is None else upto
        for block in self.server.blocks(start):
            self.wfile.write(block[:left])
            left -= len(block)
            if left <= 0:
                return

    def send_all(self, status: int, body: bytes, **headers: str) -> None:
        """An answer of its own."""
        self.send_response(status)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.send_headers({"Content-Length": str(len(body))} | told)
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Attributes:
    content: what it serves, bytes or a file.
    etag: of it.
    tricks: what to do for the next requests; after those comes ``habit``.
    requests: path and headers of those that came.
    gate: tricks that wait do so until it is set.
    """

    daemon_threads = True

    def __init__(self, content: bytes | Path, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.content = content
        self.etag: str | None = '"one"'
        self.tricks: deque[Trick] = deque()
        self.habit: Trick = Request.serve
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.gate = threading.Event()
        self.reached = threading.Event()
        self._tls = tls
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def address(self) -> str:
        """Without a path."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.server_port}"

    @property
    def size(self) -> int:
        content = self.content
        return content.stat().st_size if isinstance(content, Path) else len(content)

    @property
    def ranges(self) -> list[str | None]:
        """What the requests asked for."""
        return [headers.get("Range") for _, headers in self.requests]

    def blocks(self, start: int) -> Iterator[bytes]:
        if isinstance(self.content, Path):
            with self.content.open("rb") as file:
                file.seek(start)
                while block := file.read(2**20):
                    yield block
        else:
            for position in range(start, len(self.content), _BLOCK):
                yield self.content[position : position + _BLOCK]

    def handle_error(self, *_: Any) -> None:
        """Clients that leave, or do not trust our certificate."""


@contextlib.contextmanager
def serving(content: bytes | Path, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(content, tls=tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


# --- tricks -----------------------------------------------------------------------------------


def cut_after(count: int) -> Trick:
    """Break the connection off after ``count`` bytes."""
    return lambda request: request.serve(upto=count)


def silent_after(count: int) -> Trick:
    """Send ``count`` bytes and then nothing, with the connection open, until the gate opens."""

    def trick(request: Request) -> None:
        request.serve(upto=count)
        request.wfile.flush()
        request.server.reached.set()
        request.server.gate.wait(_WAIT)

    return trick


def hold_after(count: int) -> Trick:
    """Send ``count`` bytes, and the rest when the gate opens."""

    def trick(request: Request) -> None:
        request.serve(upto=count)
        request.wfile.flush()
        request.server.reached.set()
        request.server.gate.wait(_WAIT)
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        request.send_file(start + count)

    return trick


def status(code: int, **headers: str) -> Trick:
    return lambda request: request.send_all(code, b"no", **headers)


def to(address: str, code: int = 302) -> Trick:
    """Redirect."""
    return lambda request: request.send_all(code, b"", Location=address)
