"""Opening a file that is said to hold a model: what it is, before anybody tries to parse it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
from typing import TYPE_CHECKING, Final

from vggscope.errors import (
    BareWeightsError,
    ModelTooLargeError,
    ModelUnreadableError,
    NotOnnxError,
    PickledModelError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

LARGEST: Final = 2**31
"""Bytes: protobuf takes no more."""
_SNIFFED: Final = 512
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_BINARY: Final = getattr(os, "O_BINARY", 0)

_BEGINNINGS: Final[Mapping[bytes, str]] = {
    b"\x1f\x8b": "compressed with gzip",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"Rar!": "a RAR archive",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"GGUF": "a language model (GGUF)",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"version https://git-lfs": "a pointer to a file in Git LFS, not the file itself",
}
_WEIGHTS: Final[Mapping[bytes, str]] = {
    b"\x89HDF\r\n\x1a\n": "HDF5 (Keras)",
    b"\x93NUMPY": "a NumPy array",
}


@contextlib.contextmanager
def open_model_file(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file, open for reading, and its size.

    Raises:
        ModelUnreadableError: it cannot be opened, or is a folder, a pipe, a device.
        ModelTooLargeError: it is too large for an ONNX file.
        NotOnnxError, PickledModelError, BareWeightsError: it begins like something else.
    """
    name = path.name or str(path)
    try:
        # A pipe into which nobody writes would be waited for otherwise.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except (OSError, ValueError) as error:
        raise ModelUnreadableError(name=name, reason=_reason(path, error)) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
        raise ModelUnreadableError(name=name, reason=f"it is {what}")
    with _Reader(io.FileIO(descriptor), name) as file:
        if found.st_size > LARGEST:
            raise ModelTooLargeError(name=name, reason=f"it has {found.st_size / 1e9:.1f} GB")
        _refuse_others(file, name)
        yield file, found.st_size


class _Reader(io.BufferedReader):
    """A file that tells itself what is wrong with its disk: others may be written meanwhile."""

    def __init__(self, raw: io.FileIO, name: str) -> None:
        super().__init__(raw)
        self._name = name

    def read(self, size: int | None = -1, /) -> bytes:
        """As any file does, or raise ``ModelUnreadableError``."""
        try:
            return super().read(size)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ModelUnreadableError(name=self._name, reason=reason) from error


def _reason(path: Path, error: Exception) -> str:
    if not isinstance(error, OSError):
        return "no file can have that name"
    with contextlib.suppress(OSError):
        if path.is_dir():
            return "it is a folder"
    return error.strerror or str(error)


def _refuse_others(file: BinaryIO, name: str) -> None:
    """Tell what it is, if its first bytes do.

    Raises:
        NotOnnxError, PickledModelError, BareWeightsError: it is something else than ONNX.
    """
    head = file.read(_SNIFFED)
    if head.startswith(b"PK\x03\x04"):
        _refuse_archive(file, name)
    if head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
        raise PickledModelError(name=name)
    if weights := _weights_in(head):
        raise BareWeightsError(name=name, what=weights)
    if other := _other_in(head):
        raise NotOnnxError(name=name, what=other)


def _weights_in(head: bytes) -> str:
    """What sort of weights begin like that; "" if none do."""
    # Length of the header, and the JSON that it is.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < LARGEST:
        return "safetensors"
    return next((what for start, what in _WEIGHTS.items() if head.startswith(start)), "")


def _other_in(head: bytes) -> str:
    """What else begins like that; "" if it may be ONNX."""
    if not head.strip(b"\0"):
        return "nothing but zeros" if head else "empty"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model"
    known = next((what for start, what in _BEGINNINGS.items() if head.startswith(start)), "")
    if known or _CONTROL.search(head) or not head.isascii():
        return known
    text = head.strip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page"
    return "a text"


def _refuse_archive(file: BinaryIO, name: str) -> None:
    import zipfile  # noqa: PLC0415 (rare)

    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        names = []
    if any(member.endswith("data.pkl") for member in names):
        raise PickledModelError(name=name)
    if any(member.endswith(".npy") for member in names):
        raise BareWeightsError(name=name, what="NumPy arrays (.npz)")
    raise NotOnnxError(name=name, what="a ZIP archive")
