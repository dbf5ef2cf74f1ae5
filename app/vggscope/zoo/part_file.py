"""What has come of a download: ``NAME.onnx.part``, and beside it what is known of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, BinaryIO, Final, Self

import msgspec

from vggscope.errors import DownloadWriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SUFFIX: Final = ".onnx.part"
_FACTS: Final = ".json"
_BLOCK: Final = 2**20
_BINARY: Final = getattr(os, "O_BINARY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``NAME.onnx.part.json``.

    Attributes:
        sha256: of the file that it is to become.
        etag: of that file where it came from.
        address: where that was.
    """

    sha256: str
    etag: str | None
    address: str


class PartFile:
    """The beginning of a file that is being downloaded, hashed as it comes.

    Use it as a context: it is open within, and stays on the disk whatever ends the block.

    Attributes:
        path: where it is.
        etag: of the whole file as its server has it, None if unknown.
        address: where it came from, "" if unknown.
        inherited: it was begun by an earlier download, or from another server: it may hold
            anything.
    """

    def __init__(self, path: Path, *, size: int, sha256: str) -> None:
        self.path = path
        self.etag: str | None = None
        self.address = ""
        self.inherited = False
        self._whole = size
        self._sha256 = sha256
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._size = 0

    def __enter__(self) -> Self:
        with self._told():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            facts = self._read_facts()
            if facts is not None and facts.sha256 != self._sha256:
                # The catalogue names another file by now.
                self.discard()
                facts = None
            # Neither "r+b" nor "w+b": it may be there or not, and what is there stays.
            # Nor is it a link: who knows to what.
            flags = os.O_RDWR | os.O_CREAT | _BINARY | _NO_LINK
            self._file = open(os.open(self.path, flags, 0o644), "r+b", buffering=0)  # noqa: PTH123
            self._size = self._file.seek(0, os.SEEK_END)
            self.inherited = self._size > 0
        if facts is not None:
            self.etag, self.address = facts.etag, facts.address
        if self._size > self._whole:
            self.restart(address="", etag=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            if self._size == 0:
                self.discard()

    @property
    def size(self) -> int:
        """How many bytes are there."""
        return self._size

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are there, right or wrong."""
        return self._size == self._whole

    def rehash(self, *, advance: Callable[[int], None], check: Callable[[], None]) -> None:
        """Read what is there, to go on hashing behind it.

        Args:
            advance: called with the number of bytes of each block read.
            check: called before each block; raises to end it.
        """
        self._hash = hashlib.sha256()
        with self._told():
            file = self._opened()
            file.seek(0)
            while True:
                check()
                block = file.read(_BLOCK)
                if not block:
                    break
                self._hash.update(block)
                advance(len(block))
            self._size = file.tell()

    def restart(self, *, address: str, etag: str | None) -> None:
        """Forget all bytes: those that follow are the first of what is at ``address``."""
        self._hash = hashlib.sha256()
        with self._told():
            self._opened().truncate(0)
            self._opened().seek(0)
            self._size = 0
            self.inherited = False
            self._write_facts(address, etag)

    def go_on(self, *, address: str, etag: str | None) -> None:
        """The bytes that follow come from ``address``."""
        # Without an ETag nobody promises that they are of the same file.
        self.inherited |= etag is None
        if (self.address, self.etag) != (address, etag):
            self.inherited = True
            with self._told():
                self._write_facts(address, etag)

    def write(self, block: bytes) -> None:
        """Append ``block``."""
        with self._told():
            rest = memoryview(block)
            while rest:
                written = self._opened().write(rest) or 0
                self._hash.update(rest[:written])
                self._size += written
                rest = rest[written:]

    def sha256(self) -> str:
        """Of all bytes; of those that were there before only after ``rehash``."""
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Delete it."""
        if self._file is not None:
            self._file.close()
            self._file = None
        with self._told():
            discard_part(self.path)
        self._size = 0

    @property
    def _facts_path(self) -> Path:
        return _facts_path(self.path)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("not open")
        return self._file

    def _read_facts(self) -> _Facts | None:
        """None if nothing is known: the hash of the whole file decides in the end."""
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
            return msgspec.json.decode(self._facts_path.read_bytes(), type=_Facts)
        return None

    def _write_facts(self, address: str, etag: str | None) -> None:
        self.address, self.etag = address, etag
        facts = _Facts(sha256=self._sha256, etag=etag, address=address)
        new = self._facts_path.with_name(self._facts_path.name + "~")
        new.write_bytes(msgspec.json.encode(facts))
        new.replace(self._facts_path)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DownloadWriteError(file=self.path, reason=error.strerror or str(error)) from error


def part_path(folder: Path, name: str) -> Path:
    """Where the model ``name`` is downloaded to, among the models in ``folder``."""
    return folder / f"{name}{SUFFIX}"


def part_bytes(path: Path) -> int:
    """How many bytes of a download are there, 0 if it was never begun."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def discard_part(path: Path) -> None:
    """Delete a download that nobody works on.

    Raises:
        OSError: it cannot be deleted.
    """
    path.unlink(missing_ok=True)
    _facts_path(path).unlink(missing_ok=True)


def _facts_path(path: Path) -> Path:
    return path.with_name(path.name + _FACTS)
