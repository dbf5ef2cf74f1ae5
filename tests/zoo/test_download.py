"""Downloads from a real server on this computer: whole, resumed, onto disks that are full."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vggscope import paths
from vggscope.errors import (
    Cancelled,
    CutOffError,
    DownloadWriteError,
    ModelBusyError,
    NoSpaceError,
    WrongFileError,
)
from vggscope.zoo.download import Download, Terms, alone_with
from zoo.downloads import CONTENT, HALF, OTHER, get, left, part, stopped_at
from zoo.server import Request, Server, cut_after, hold_after, serving, silent_after
from zoo.shop import Log, entry_for

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.catalogue import Entry

# --- as it should be --------------------------------------------------------------------------


def test_all_of_it(server: Server, entry: Entry) -> None:
    log = Log()
    download = Download(entry)
    assert download.part_bytes == 0
    path = download.run(progress=log, stop=log.stop)
    assert path == part(entry)
    assert path.read_bytes() == CONTENT
    assert download.part_bytes == len(CONTENT)
    assert server.ranges == [None]
    assert server.requests[0][1]["User-Agent"].startswith("VGGscope/")
    assert [step.done for step in log.steps] == sorted(step.done for step in log.steps)
    first, last = log.steps[0], log.steps[-1]
    assert (first.step, first.done, first.total, first.rate) == (
        "downloading",
        0,
        entry.bytes,
        None,
    )
    assert (last.done, last.seconds_left) == (entry.bytes, 0)
    assert last.rate is not None
    assert last.rate > 0
    assert left() == {"school.onnx.part", "school.onnx.part.json"}
    download.discard()
    assert left() == set()


def test_what_is_there_is_not_downloaded_again(server: Server, entry: Entry) -> None:
    get(entry)
    log = Log()
    assert Download(entry).run(progress=log, stop=log.stop).read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert {step.step for step in log.steps} == {"verifying"}


def test_stopped_and_resumed(server: Server, entry: Entry) -> None:
    server.tricks.append(hold_after(HALF))
    stopped_at(entry, HALF)
    there = part(entry).stat().st_size
    log = Log()
    assert Download(entry).run(progress=log, stop=log.stop).read_bytes() == CONTENT
    assert server.requests[1][1]["Range"] == f"bytes={there}-"
    assert server.requests[1][1]["If-Range"] == server.etag
    first = log.steps[0]
    assert (first.step, first.total) == ("verifying", there)
    assert next(s.done for s in log.steps if s.step == "downloading") == there


@settings(max_examples=25)
@given(st.lists(st.integers(0, len(CONTENT) - 1), max_size=6))
def test_cut_off_anywhere(cuts: list[int]) -> None:
    with serving(CONTENT) as server:
        entry = entry_for(server)
        server.tricks.extend(
            lambda request, cut=cut: request.serve(
                upto=min(cut, len(CONTENT) - int(request.headers.get("Range", "bytes=0-")[6:-1]))
            )
            for cut in cuts
        )
        terms = Terms(patience=20, pauses=(0.0,) * 7)
        assert get(entry, terms=terms).read_bytes() == CONTENT
        starts = [int((wanted or "bytes=0-")[6:-1]) for wanted in server.ranges]
        assert starts == sorted(starts)
        Download(entry).discard()


def test_a_server_that_always_breaks_off_comes_to_its_end(server: Server, entry: Entry) -> None:
    """Whatever brings something on is no failed try."""
    server.habit = lambda request: request.serve(
        upto=min(90_000, server.size - int(request.headers.get("Range", "bytes=0-")[6:-1]))
    )
    assert get(entry, terms=Terms(pauses=(0.0, 0.0))).read_bytes() == CONTENT
    assert len(server.requests) == 12


def test_two_at_once_do_not_disturb_each_other(server: Server, entry: Entry) -> None:
    server.tricks.append(hold_after(HALF))
    done: list[Path] = []
    thread = threading.Thread(target=lambda: done.append(get(entry)))
    thread.start()
    assert server.reached.wait(20)
    with pytest.raises(ModelBusyError, match="school"):
        get(entry)
    with pytest.raises(ModelBusyError):
        Download(entry).discard()
    server.gate.set()
    thread.join()
    assert done[0].read_bytes() == CONTENT
    with alone_with("school"), alone_with("other"):
        pass


# --- what is there may be another file --------------------------------------------------------


def test_another_etag(server: Server, entry: Entry) -> None:
    server.content, server.etag = OTHER, '"old"'
    server.tricks.append(hold_after(HALF))
    stopped_at(entry, HALF)
    server.content, server.etag = CONTENT, '"new"'
    assert get(entry).read_bytes() == CONTENT
    assert server.requests[-1][1]["If-Range"] == '"old"'
    assert len(server.requests) == 2


def test_a_server_that_knows_no_if_range(server: Server, entry: Entry) -> None:
    server.content, server.etag = OTHER, '"old"'
    server.tricks.append(hold_after(HALF))
    stopped_at(entry, HALF)
    server.content, server.etag = CONTENT, '"new"'

    def careless(request: Request) -> None:
        del request.headers["If-Range"]
        request.serve()

    server.tricks.append(careless)
    assert get(entry).read_bytes() == CONTENT
    assert server.ranges[-1] is None


@pytest.mark.parametrize("etag", [None, 'W/"weak"', '"\xe9"'])
def test_no_etag_to_rely_on(server: Server, entry: Entry, etag: str | None) -> None:
    server.etag = etag
    server.tricks.append(cut_after(HALF))
    assert get(entry).read_bytes() == CONTENT
    assert "If-Range" not in server.requests[1][1]
    assert server.ranges == [None, f"bytes={HALF}-"]
    Download(entry).discard()
    # Half of it of another file: only the hash tells, and then all of it comes again.
    server.content = OTHER
    server.tricks.append(hold_after(HALF))
    stopped_at(entry, HALF)
    server.content = CONTENT
    assert get(entry).read_bytes() == CONTENT
    assert server.ranges[-1] is None


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are followed there")
def test_a_part_that_is_a_link(entry: Entry, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    paths.user_models().mkdir(parents=True)
    part(entry).symlink_to(precious)
    with pytest.raises(DownloadWriteError):
        get(entry)
    assert precious.read_bytes() == b"precious"


def test_what_a_server_says_is_shown_as_text(server: Server, entry: Entry) -> None:
    server.tricks.append(cut_after(HALF))
    server.habit = lambda request: request.serve(Content_Range="bytes \x1b[31m 1-2/3")
    server.tricks.append(server.habit)
    stopped = Terms(patience=20, pauses=())
    with pytest.raises(CutOffError):
        get(entry, terms=stopped)
    server.habit = lambda request: request.send_all(206, b"", Content_Range="\x1b[31mred")
    with pytest.raises(WrongFileError, match="another part") as caught:
        get(entry, terms=stopped)
    assert caught.value.message.isprintable()


def test_a_damaged_part(server: Server, entry: Entry) -> None:
    server.tricks.append(hold_after(HALF))
    stopped_at(entry, HALF)
    with part(entry).open("r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    assert get(entry).read_bytes() == CONTENT
    assert server.ranges[2:] == [None]


@pytest.mark.parametrize("facts", [None, b"", b"{", b'{"sha256": 7}', b"\xff"])
def test_a_part_of_which_nothing_is_known(entry: Entry, facts: bytes | None) -> None:
    paths.user_models().mkdir(parents=True)
    part(entry).write_bytes(CONTENT[:HALF])
    if facts is not None:
        part(entry).with_suffix(".part.json").write_bytes(facts)
    assert get(entry).read_bytes() == CONTENT


def test_a_part_of_what_the_catalogue_named_before(server: Server, entry: Entry) -> None:
    server.tricks.append(hold_after(HALF))
    stopped_at(entry, HALF)
    server.content = OTHER
    assert get(entry_for(server)).read_bytes() == OTHER
    assert server.ranges == [None, None]


def test_a_part_that_is_too_long(server: Server, entry: Entry) -> None:
    paths.user_models().mkdir(parents=True)
    part(entry).write_bytes(CONTENT + b"more")
    assert get(entry).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_server_without_ranges(server: Server, entry: Entry) -> None:
    def whole(request: Request) -> None:
        del request.headers["Range"]
        request.serve()

    server.tricks.append(cut_after(HALF))
    server.tricks.append(whole)
    assert get(entry).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


# --- disks ------------------------------------------------------------------------------------


def test_no_room(server: Server, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the file and for the model, before a byte is asked for."""
    usage = type("Usage", (), {"free": 0})()
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    for free, enough in ((2 * len(CONTENT), False), (2 * len(CONTENT) + 40_000_000, True)):
        usage.free = free
        if enough:
            assert get(entry).read_bytes() == CONTENT
            continue
        with pytest.raises(
            NoSpaceError, match=r"needs 34.\d MB more on the disk .* 2.\d MB are free"
        ):
            get(entry)
        assert server.requests == []
        assert left() == set()


@pytest.mark.skipif(os.name == "nt", reason="limits of processes are POSIX's")
def test_the_disk_is_full_in_between(entry: Entry) -> None:
    import resource  # noqa: PLC0415

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, before[1]))
    try:
        with pytest.raises(DownloadWriteError, match="could not be written"):
            get(entry)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert part(entry).read_bytes() == CONTENT[:HALF]
    assert get(entry).read_bytes() == CONTENT


def test_a_folder_in_the_way(entry: Entry) -> None:
    part(entry).mkdir(parents=True)
    with pytest.raises(DownloadWriteError, match=r"school\.onnx\.part"):
        get(entry)


def test_progress_is_not_told_too_often(entry: Entry) -> None:
    log = Log()
    start = time.monotonic()
    Download(entry).run(progress=log, stop=log.stop)
    assert len(log.steps) <= 3 + (time.monotonic() - start) * 10


def test_interrupted_while_the_server_is_silent(server: Server, entry: Entry) -> None:
    def interrupt() -> bool:
        if server.reached.is_set():
            raise KeyboardInterrupt
        return False

    server.tricks.append(silent_after(HALF))
    with pytest.raises(KeyboardInterrupt):
        Download(entry).run(progress=lambda _: None, stop=interrupt)
    assert not [t for t in threading.enumerate() if t.name == "download"]
    assert get(entry).read_bytes() == CONTENT


def test_silence_is_seen_in_the_progress(server: Server, entry: Entry) -> None:
    """The rate goes down, the time left up; nobody believes that it goes on as before."""
    server.tricks.append(silent_after(HALF))
    log = Log()

    def is_told() -> bool:
        rates = [step.rate for step in log.steps if step.done == HALF and step.rate is not None]
        return len(rates) > 3 and rates[-1] < rates[0]

    with pytest.raises(Cancelled):
        Download(entry).run(progress=log, stop=is_told)
