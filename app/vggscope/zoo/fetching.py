"""One request for the rest of a file, by HTTPS: what may be answered, and what is wrong with it."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from vggscope import __version__
from vggscope.errors import (
    AccessDeniedError,
    CertificateError,
    CutOffError,
    DownloadError,
    InsecureAddressError,
    NotThereError,
    ProxyFailedError,
    RedirectsError,
    ServerBusyError,
    ServerFailedError,
    StalledError,
    UnreachableError,
    WrongFileError,
)
from vggscope.zoo.addresses import host_of, is_loopback, reason_against, without_secrets
from vggscope.zoo.choices import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import httpx

_MOST_REDIRECTS: Final = 10
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")
TRANSIENT: Final = (CutOffError, ServerBusyError, ServerFailedError, StalledError, UnreachableError)
"""What may be over in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The rest of a file.

    Attributes:
        address: where the file is.
        size: of the whole file.
        start: how many bytes of it are there already.
        etag: of the file that those are of, None if unknown.
        patience: seconds without a byte after which a server counts as silent.
    """

    address: str
    size: int
    start: int
    etag: str | None
    patience: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server is about to send.

    Attributes:
        start: position of the first byte; 0 where all has to come again.
        etag: of the whole file, None if it tells none that can be relied on.
    """

    start: int
    etag: str | None


def fetch(
    wanted: Wanted, *, connected: Callable[[httpx.Response], None]
) -> Generator[Answer | bytes]:
    """The answer, and then the bytes that follow.

    Args:
        wanted: what to ask for.
        connected: called with each response as soon as its head is there.

    Raises:
        DownloadError: why there are no more.
    """
    import httpx  # noqa: PLC0415 (100 ms, with truststore, that other work with models does not pay)

    received = wanted.start
    host = host_of(wanted.address)
    try:
        with (
            _client(wanted) as client,
            contextlib.closing(_open(client, wanted, connected)) as response,
        ):
            answer = _judge(response, wanted)
            received = answer.start
            yield answer
            # Raw: a file that was packed on the way would be another one.
            for block in response.iter_raw():
                received += len(block)
                if received > wanted.size:
                    raise WrongFileError(host=host, what="more bytes than the file has")
                yield block
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise _told(error, host, wanted.patience) from error
    if received < wanted.size:
        reason = f"{received:,} of {wanted.size:,} bytes came"
        raise CutOffError(host=host, reason=reason)


def _client(wanted: Wanted) -> httpx.Client:
    import ssl  # noqa: PLC0415
    from importlib import import_module  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    context = import_module("truststore").SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # With the proxies of the environment; certificates are the system's.
        return httpx.Client(
            verify=context,
            timeout=httpx.Timeout(wanted.patience),
            headers={"User-Agent": f"VGGscope/{__version__}", "Accept-Encoding": "identity"},
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise ProxyFailedError(host=host_of(wanted.address), reason=str(error)) from error


def _open(
    client: httpx.Client, wanted: Wanted, connected: Callable[[httpx.Response], None]
) -> httpx.Response:
    """The response to the request, after all redirects; its body is still to come."""
    import httpx  # noqa: PLC0415

    headers = {}
    if wanted.start:
        headers["Range"] = f"bytes={wanted.start}-"
        if wanted.etag is not None:
            headers["If-Range"] = wanted.etag
    url = httpx.URL(wanted.address)
    for _ in range(_MOST_REDIRECTS + 1):
        # A name that cannot be resolved and the like raise here.
        response = client.send(client.build_request("GET", url, headers=headers), stream=True)
        connected(response)
        if not response.has_redirect_location:
            return response
        following = url.join(response.headers["Location"])
        response.close()
        _check_redirect(url, following)
        url = following
    raise RedirectsError(host=host_of(wanted.address), count=_MOST_REDIRECTS)


def _check_redirect(url: httpx.URL, following: httpx.URL) -> None:
    """Encrypted, or on this computer; a server elsewhere has no business on this computer."""
    strays = is_loopback(following.host) and not is_loopback(url.host)
    if strays or reason_against(str(following)):
        raise InsecureAddressError(host=url.host, address=without_secrets(str(following)))


def _judge(response: httpx.Response, wanted: Wanted) -> Answer:
    """What the head of a response promises, if that is of use."""
    host = response.url.host
    if response.status_code not in {200, 206}:
        _refuse(response, wanted)
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/html"):
        raise WrongFileError(host=host, what="a web page")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise WrongFileError(host=host, what="a packed file")
    etag = response.headers.get("ETag")
    if etag is not None and (etag.startswith("W/") or not (etag.isascii() and etag.isprintable())):
        # Two files with the same weak one need not have the same bytes; and one that is no plain
        # text cannot be sent back.
        etag = None
    if response.status_code == 206:
        return _judge_rest(response, wanted, etag)
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) != wanted.size:
        what = f"a file of {int(length):,} bytes (it has {wanted.size:,})"
        raise WrongFileError(host=host, what=what)
    return Answer(0, etag)


def _judge_rest(response: httpx.Response, wanted: Wanted, etag: str | None) -> Answer:
    told = response.headers.get("Content-Range", "")
    found = _RANGE.match(told)
    start, total = (int(found[1]), found[3]) if found else (-1, "*")
    if start != wanted.start or total not in {"*", str(wanted.size)}:
        raise WrongFileError(host=response.url.host, what=f"another part (“{one_line(told)[:60]}”)")
    if wanted.etag is not None and etag is not None and etag != wanted.etag:
        raise WrongFileError(host=response.url.host, what="a part of another file")
    return Answer(start, etag)


def _refuse(response: httpx.Response, wanted: Wanted) -> NoReturn:
    host, status = response.url.host, response.status_code
    if status in {401, 403, 407, 451}:
        raise AccessDeniedError(host=host, status=status)
    if status in {404, 410}:
        raise NotThereError(host=host, file=without_secrets(str(response.url)))
    if status == 416:
        raise WrongFileError(host=host, what="nothing more of a shorter file")
    if status in {429, 503}:
        seconds = _retry_after(response.headers.get("Retry-After", ""))
        raise ServerBusyError(host=host, status=status, when=_when(seconds), seconds=seconds)
    raise ServerFailedError(host=host, status=status, address=wanted.address)


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "later"
    return f"in {seconds:.0f} seconds" if seconds < 120 else f"in {seconds / 60:,.0f} minutes"


def _retry_after(text: str) -> float | None:
    """Seconds to wait; the header holds them, or a date."""
    import email.utils  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    if text.isdecimal():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _told(error: Exception, host: str, patience: float) -> DownloadError:
    """An error of the network as one of ours."""
    import ssl  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    reason = str(error) or type(error).__name__
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateError(host=host, reason=cause.verify_message or reason)
    if isinstance(error, httpx.ProxyError):
        return ProxyFailedError(host=host, reason=reason)
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
        return StalledError(host=host, seconds=f"{patience:g}")
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return UnreachableError(host=host, reason=f"no answer for {patience:g} seconds")
    if isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol | httpx.InvalidURL):
        return UnreachableError(host=host, reason=reason)
    return CutOffError(host=host, reason=reason)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
