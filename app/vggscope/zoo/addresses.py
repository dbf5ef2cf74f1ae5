"""Addresses that files are downloaded from: which are allowed, and what a mirror makes of them."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from vggscope.errors import MirrorError

if TYPE_CHECKING:
    from vggscope.zoo.catalogue import Entry

MIRROR_VARIABLE: Final = "VGGSCOPE_MIRROR"
_NAME: Final = "{name}"


def addresses_of(entry: Entry, mirror: str | None = None) -> tuple[str, ...]:
    """Where the file of ``entry`` is, in the order to try.

    Args:
        entry: one that can be downloaded.
        mirror: takes the place of all hosts that the catalogue names; of the variable
            ``VGGSCOPE_MIRROR`` if None or empty. See ``mirrored``.

    Raises:
        MirrorError: ``mirror`` is no address, or none that is allowed.
    """
    chosen = mirror or os.environ.get(MIRROR_VARIABLE)
    if chosen and entry.url is not None:
        return (mirrored(entry, chosen),)
    return tuple(address for address in (entry.url, entry.mirror) if address is not None)


def mirrored(entry: Entry, mirror: str) -> str:
    """The address of the file of ``entry`` on ``mirror``.

    ``https://host/folder`` takes the place of scheme and host in the catalogue's address, whose
    path stays: ``https://host/folder/onnxmodelzoo/vgg16-12/resolve/main/vgg16-12.onnx``. Where
    it holds ``{name}``, it is the address of the file itself, once the name is filled in:
    ``https://host/models/{name}.onnx``.

    Raises:
        MirrorError: it is no address, or none that is allowed.
    """
    mirror = mirror.strip()
    address = mirror.replace(_NAME, entry.name)
    if reason := reason_against(address):
        raise MirrorError(mirror=without_secrets(mirror), reason=reason)
    if _NAME in mirror:
        return address
    base = urlsplit(address)
    if base.query or base.fragment:
        raise MirrorError(mirror=without_secrets(mirror), reason="must end with its host or folder")
    path = base.path.rstrip("/") + urlsplit(entry.url or "").path
    return urlunsplit((base.scheme, base.netloc, path, "", ""))


def reason_against(address: str) -> str | None:
    """Why nothing may be downloaded from ``address``; None if it may be."""
    parts = _split(address)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        return "is no web address that begins with https://"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return "is not encrypted: it has to begin with https://"
    return None


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this computer: what is sent to it cannot be read on the way."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(address: str) -> str:
    """The host of ``address``, for sentences."""
    parts = _split(address)
    return (parts.hostname if parts else None) or address


def without_secrets(address: str) -> str:
    """``address`` as it may be shown: without user, password and what is asked for."""
    parts = _split(address)
    if parts is None:
        return address
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _split(address: str) -> SplitResult | None:
    # Python looks at the port when it is asked for it.
    with contextlib.suppress(ValueError):
        parts = urlsplit(address)
        if parts.port != 0:
            return parts
    return None
