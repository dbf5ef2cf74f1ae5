"""Downloads from a real server on this computer that does all that servers do."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import ssl
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from vggscope import paths
from vggscope.errors import (
    AccessDeniedError,
    Cancelled,
    CertificateError,
    CutOffError,
    DownloadError,
    DownloadWriteError,
    InsecureAddressError,
    MirrorError,
    ModelBundledError,
    ModelBusyError,
    NoSpaceError,
    NotThereError,
    ProxyFailedError,
    RedirectsError,
    ServerBusyError,
    ServerFailedError,
    StalledError,
    UnreachableError,
    WrongFileError,
    WrongHashError,
)
from vggscope.zoo.addresses import MIRROR_VARIABLE
from vggscope.zoo.catalogue import find_entry
from vggscope.zoo.download import Download, Terms, alone_with
from zoo.server import (
    Request,
    Server,
    cut_after,
    hold_after,
    serving,
    silent_after,
    status,
    to,
)
from zoo.shop import HASTY, Log, entry_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vggscope.zoo.catalogue import Entry
    from zoo.server import Trick

CONTENT = random.Random(5).randbytes(1_000_003)
OTHER = random.Random(6).randbytes(len(CONTENT))
HALF = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", MIRROR_VARIABLE):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(CONTENT) as started:
        yield started


@pytest.fixture
def entry(server: Server) -> Entry:
    return entry_for(server)


def get(entry: Entry, *, mirror: str | None = None, terms: Terms = HASTY) -> Path:
    return Download(entry, mirror=mirror, terms=terms).run(
        progress=lambda _: None, stop=lambda: False
    )


def part(entry: Entry) -> Path:
    return paths.user_models() / f"{entry.name}.onnx.part"


def left() -> set[str]:
    """All files among the user's models."""
    return {path.name for path in paths.user_models().glob("*")}


def stopped_at(entry: Entry, count: int) -> None:
    """Leave a part of at least ``count`` bytes."""
    log = Log(at=count)
    with pytest.raises(Cancelled):
        Download(entry, terms=HASTY).run(progress=log, stop=log.stop)
    assert count <= part(entry).stat().st_size < entry.bytes


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


# --- what servers do ----------------------------------------------------------------------------


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


# --- redirects, certificates, proxies -------------------------------------------------------------


def test_redirected(server: Server, entry: Entry) -> None:
    with serving(CONTENT) as other:
        server.habit = to(f"{other.address}/there?signature=x", 307)
        other.tricks.append(cut_after(HALF))
        assert get(entry).read_bytes() == CONTENT
        assert len(server.requests) == 2
        assert other.ranges == [None, f"bytes={HALF}-"]


def test_redirected_to_a_relative_address(server: Server, entry: Entry) -> None:
    server.tricks.append(to("../other"))
    assert get(entry).read_bytes() == CONTENT
    assert server.requests[1][0] == "/other"


def test_redirected_in_circles(server: Server, entry: Entry) -> None:
    server.habit = to("/again")
    with pytest.raises(RedirectsError, match="10 times"):
        get(entry)
    assert len(server.requests) == 11


@pytest.mark.parametrize(
    "address", ["http://models.example/x?token=secret", "ftp://127.0.0.1/x", "file:///etc/passwd"]
)
def test_redirected_to_where_nobody_should_go(server: Server, entry: Entry, address: str) -> None:
    server.habit = to(address)
    with pytest.raises(InsecureAddressError) as caught:
        get(entry)
    assert "secret" not in caught.value.message
    assert len(server.requests) == 1
    assert left() == set()


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    return made


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving(CONTENT, tls=context) as started:
        yield started


def test_a_certificate_that_nobody_vouches_for(secure: Server) -> None:
    with pytest.raises(CertificateError, match="did not prove"):
        get(entry_for(secure))
    assert secure.requests == []
    assert left() == set()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system keeps a store")
def test_a_certificate_that_the_system_trusts(
    secure: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    secure.tricks.append(cut_after(HALF))
    assert get(entry_for(secure)).read_bytes() == CONTENT


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system keeps a store")
def test_from_an_encrypted_address_to_one_that_is_not(
    secure: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    secure.habit = to("http://models.example/")
    with pytest.raises(InsecureAddressError):
        get(entry_for(secure))


def test_a_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(CONTENT) as proxy:
        monkeypatch.setenv("http_proxy", proxy.address)
        entry = entry_for(server)
        assert get(entry).read_bytes() == CONTENT
        assert server.requests == []
        assert [path for path, _ in proxy.requests] == [entry.url]
        Download(entry).discard()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert get(entry).read_bytes() == CONTENT
        assert len(server.requests) == len(proxy.requests) == 1


def relay(gate: socket.socket, wished: list[tuple[str, int]]) -> None:
    """A SOCKS5 proxy, for one connection."""
    client, _ = gate.accept()
    with client:
        client.recv(1024)
        client.sendall(b"\x05\x00")
        ask = client.recv(1024)
        assert ask[3] == 1
        host, port = ".".join(map(str, ask[4:8])), int.from_bytes(ask[8:10])
        wished.append((host, port))
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        with socket.create_connection((host, port)) as wire:
            wire.sendall(client.recv(65536))
            while block := wire.recv(65536):
                client.sendall(block)


def test_a_socks_proxy(server: Server, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    wished: list[tuple[str, int]] = []
    with socket.create_server(("127.0.0.1", 0)) as gate:
        thread = threading.Thread(target=relay, args=(gate, wished))
        thread.start()
        monkeypatch.setenv("all_proxy", f"socks5://127.0.0.1:{gate.getsockname()[1]}")
        assert get(entry).read_bytes() == CONTENT
        thread.join()
    assert wished == [("127.0.0.1", server.server_port)]


@pytest.mark.parametrize("proxy", ["nonsense://proxy", "http://proxy:port"])
def test_a_proxy_that_is_none(
    server: Server, entry: Entry, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(ProxyFailedError):
        get(entry)
    assert server.requests == []


def test_a_proxy_that_wants_a_password(
    server: Server, secure: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.habit = status(407)
    monkeypatch.setenv("https_proxy", server.address)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1"):
        get(entry_for(secure))
    assert left() == set()


def test_nobody_is_there(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1 cannot be reached"):
        get(entry_for(server, url=f"http://127.0.0.1:{port}/x.onnx"))
    assert left() == set()


# --- other sources ----------------------------------------------------------------------------


@pytest.mark.parametrize("trick", [status(404), status(403), status(500), cut_after(0)])
def test_the_mirror_of_the_catalogue(server: Server, trick: Trick) -> None:
    server.habit = trick
    with serving(CONTENT) as other:
        entry = entry_for(server, mirror=f"{other.address}/mirror/m.onnx")
        assert get(entry).read_bytes() == CONTENT
        assert other.requests[0][0] == "/mirror/m.onnx"
        # The other server's ETag is its own affair.
        assert "If-Range" not in other.requests[0][1]


def test_both_fail(server: Server) -> None:
    server.habit = status(404)
    with serving(CONTENT) as other:
        other.habit = status(500)
        with pytest.raises(NotThereError):
            get(entry_for(server, mirror=f"{other.address}/m.onnx"))
        assert len(other.requests) == 4


def test_a_mirror_of_the_users(
    server: Server, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(CONTENT) as own:
        get(entry, mirror=f"{own.address}/hub/")
        Download(entry).discard()
        monkeypatch.setenv(MIRROR_VARIABLE, own.address + "/{name}.bin")
        get(entry)
        Download(entry).discard()
        # What is asked for at the moment is stronger than what was set once.
        get(entry, mirror=own.address)
        assert [path for path, _ in own.requests] == [
            "/hub/models/school.onnx",
            "/school.bin",
            "/models/school.onnx",
        ]
    assert server.requests == []


@pytest.mark.parametrize("mirror", ["http://models.example", "models.example", "ftp://x", "https:"])
def test_what_is_no_mirror(entry: Entry, mirror: str) -> None:
    with pytest.raises(MirrorError, match="it is"):
        Download(entry, mirror=mirror)


def test_a_bundled_model() -> None:
    bundled = find_entry("vgg16-compact")
    assert bundled is not None
    with pytest.raises(ModelBundledError):
        Download(bundled)


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
