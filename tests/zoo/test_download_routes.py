"""The ways to a file: redirects, certificates, proxies, mirrors."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import trustme

from vggscope.errors import (
    CertificateError,
    DownloadError,
    InsecureAddressError,
    MirrorError,
    ModelBundledError,
    NotThereError,
    ProxyFailedError,
    RedirectsError,
    UnreachableError,
)
from vggscope.zoo.addresses import MIRROR_VARIABLE
from vggscope.zoo.catalogue import find_entry
from vggscope.zoo.download import Download
from zoo.downloads import CONTENT, HALF, get, left
from zoo.server import Server, cut_after, serving, status, to
from zoo.shop import entry_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vggscope.zoo.catalogue import Entry
    from zoo.server import Trick

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
