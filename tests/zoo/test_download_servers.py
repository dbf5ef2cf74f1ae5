"""What servers do, and what is made of it: wrong files, refusals, silence."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING

import pytest

from vggscope.errors import (
    AccessDeniedError,
    Cancelled,
    CutOffError,
    DownloadError,
    NotThereError,
    ServerBusyError,
    ServerFailedError,
    StalledError,
    WrongFileError,
    WrongHashError,
)
from vggscope.zoo.download import Download, Terms
from zoo.downloads import CONTENT, HALF, OTHER, get, left, part
from zoo.server import Request, Server, cut_after, silent_after, status
from zoo.shop import HASTY

if TYPE_CHECKING:
    from vggscope.zoo.catalogue import Entry
    from zoo.server import Trick


def test_another_file_of_the_same_size(server: Server, entry: Entry) -> None:
    server.content = OTHER
    with pytest.raises(WrongHashError, match="Nothing of it was kept") as caught:
        get(entry)
    assert hashlib.sha256(OTHER).hexdigest() in caught.value.message
    assert entry.sha256 in caught.value.message
    assert left() == set()


@pytest.mark.parametrize(
    ("trick", "told"),
    [
        (
            lambda r: r.send_all(200, b"<html>", Content_Type="text/html; charset=utf-8"),
            "a web page",
        ),
        (lambda r: r.send_all(200, b"short"), "a file of 5 bytes"),
        (lambda r: r.serve(Content_Encoding="gzip"), "a packed file"),
        (lambda r: (r.serve(Content_Length=None), r.wfile.write(b"more")), "more bytes than"),
    ],
)
def test_not_the_file(server: Server, entry: Entry, trick: Trick, told: str) -> None:
    server.habit = trick
    with pytest.raises(WrongFileError, match=rf"^127\.0\.0\.1 sent {told}"):
        get(entry)


@pytest.mark.parametrize("told", ["bytes 0-9/10", "bytes 7-9/1000003", "nonsense", None])
def test_another_part_than_asked_for(server: Server, entry: Entry, told: str | None) -> None:
    def other_part(request: Request) -> None:
        request.serve(Content_Range=told)

    server.tricks.extend([cut_after(HALF), other_part])
    # The whole file is asked for then.
    assert get(entry).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-", None]


def test_no_length(server: Server, entry: Entry) -> None:
    server.tricks.append(lambda request: request.serve(Content_Length=None))
    assert get(entry).read_bytes() == CONTENT


def test_no_length_and_too_little(server: Server, entry: Entry) -> None:
    server.habit = lambda request: (
        request.serve(Content_Length=None, upto=HALF)
        if "Range" not in request.headers
        else request.send_all(500, b"")
    )
    with pytest.raises(ServerFailedError, match="status 500"):
        get(entry)
    assert part(entry).stat().st_size == HALF


def test_too_little_for_ever(server: Server, entry: Entry) -> None:
    server.habit = lambda request: (
        request.serve(upto=HALF) if "Range" not in request.headers else request.serve(upto=0)
    )
    with pytest.raises(CutOffError):
        get(entry)
    assert part(entry).read_bytes() == CONTENT[:HALF]
    assert len(server.requests) == 1 + len(HASTY.pauses)
    server.habit = Request.serve
    assert get(entry).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("code", "error", "tries"),
    [
        (401, AccessDeniedError, 1),
        (403, AccessDeniedError, 1),
        (404, NotThereError, 1),
        (410, NotThereError, 1),
        (418, ServerFailedError, 4),
        (500, ServerFailedError, 4),
        (502, ServerFailedError, 4),
        (429, ServerBusyError, 4),
        (503, ServerBusyError, 4),
    ],
)
def test_statuses(
    server: Server, entry: Entry, code: int, error: type[DownloadError], tries: int
) -> None:
    server.habit = status(code)
    with pytest.raises(error, match=r"^127\.0\.0\.1 "):
        get(entry)
    assert len(server.requests) == tries
    assert left() == set()


@pytest.mark.parametrize("code", [429, 500, 503])
def test_what_is_over_in_a_moment(server: Server, entry: Entry, code: int) -> None:
    server.tricks.extend([status(code), cut_after(HALF), status(code, Retry_After="0")])
    assert get(entry).read_bytes() == CONTENT
    assert len(server.requests) == 4


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("when", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_server_that_asks_to_come_back_much_later(
    server: Server, entry: Entry, code: int, when: str
) -> None:
    server.tricks.append(cut_after(HALF))
    server.habit = status(code, Retry_After=when)
    with pytest.raises(ServerBusyError, match=r"asks to come back in [\d,]+ minutes"):
        get(entry)
    assert len(server.requests) == 2
    assert part(entry).stat().st_size == HALF


def test_a_pause_that_a_server_asks_for_can_be_stopped(server: Server, entry: Entry) -> None:
    server.habit = status(503, Retry_After="50")
    start = time.monotonic()
    with pytest.raises(Cancelled):
        Download(entry).run(progress=lambda _: None, stop=lambda: bool(server.requests))
    assert time.monotonic() - start < 20


def test_416(server: Server, entry: Entry) -> None:
    """The server's file is shorter than what is there already."""
    server.tricks.extend([cut_after(HALF), status(416)])
    assert get(entry).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-", None]


def test_silence(server: Server, entry: Entry) -> None:
    server.habit = silent_after(HALF)
    with pytest.raises(StalledError, match=r"sent nothing for 0\.3 seconds"):
        get(entry, terms=Terms(patience=0.3, pauses=()))
    assert part(entry).read_bytes() == CONTENT[:HALF]


def test_silence_can_be_stopped_at_once(server: Server, entry: Entry) -> None:
    server.habit = silent_after(HALF)
    start = time.monotonic()
    with pytest.raises(Cancelled):
        Download(entry).run(
            progress=lambda _: None,
            stop=lambda: server.reached.is_set() and part(entry).stat().st_size == HALF,
        )
    # Not the patience of half a minute.
    assert time.monotonic() - start < 20
    assert not [t for t in threading.enumerate() if t.name == "download"]
