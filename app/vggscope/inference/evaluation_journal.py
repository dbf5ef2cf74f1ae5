"""What an evaluation has found so far, in a file that survives whatever ends the program.

The first line tells of which evaluation; each further one holds a picture's best classes, or why
there are none. A line is written as soon as it is known; one that was cut off is done again.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final

import msgspec

from vggscope.errors import JournalBusyError, JournalError
from vggscope.sources.finding import display_name
from vggscope.zoo.locking import LockedError, locked

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

_FORMAT: Final = 1


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an evaluation depends on, apart from the pictures.

    Attributes:
        model: its name.
        identity: of its bytes, see ``Model.identity``.
        device: key of the device.
        protocol: see ``protocols``.
        format: of the journal.
    """

    model: str
    identity: str
    device: str
    protocol: str
    format: int = _FORMAT


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was found for one picture.

    Attributes:
        name: see ``Sample.name``.
        bytes: size of its file: another one is another picture.
        top: indices of the most probable classes, best first.
        milliseconds: what that took.
    """

    name: str
    bytes: int
    top: tuple[int, ...]
    milliseconds: float


class Journal:
    """The file, as a context: while it is open, it grows, and is nobody else's."""

    def __init__(self, path: Path, subject: Subject) -> None:
        """Nothing is read yet.

        Args:
            path: of the file; it is made if it is missing.
            subject: what is evaluated.
        """
        self.path, self._subject = path, subject
        self.entries: dict[str, Entry] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Read what is there.

        Raises:
            JournalError: it belongs to another evaluation, is no journal, or cannot be written.
            JournalBusyError: another evaluation is writing it.
        """
        with self._stack:
            self._open()
            # Held from now on.
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, entry: Entry) -> None:
        """Keep what was found for a picture.

        Raises:
            JournalError: it cannot be written.
        """
        self.entries[entry.name] = entry
        self._write(entry)

    def _open(self) -> None:
        try:
            self._stack.enter_context(locked(self.path.with_name(f"{self.path.name}.lock")))
            content = self._content()
            # What was cut off by the end of the program is written anew.
            whole = content.rfind(b"\n") + 1
            if not whole and not _line(self._subject).startswith(content):
                raise self._refusal("it is none, or was damaged")
            self._take(content[:whole].splitlines())
            mode = "r+b" if content else "w+b"
            self._stream = self._stack.enter_context(self.path.open(mode))
            self._stream.truncate(whole)
            self._stream.seek(whole)
        except LockedError as error:
            raise JournalBusyError(name=display_name(self.path)) from error
        # ValueError: a name that no file can have.
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise self._refusal(reason) from error
        if not whole:
            self._write(self._subject)

    def _content(self) -> bytes:
        if not self.path.exists():
            return b""
        # Devices never end, and other files may be larger than the memory.
        if not self.path.is_file():
            raise self._refusal("it is no file")
        with self.path.open("rb") as file:
            begin = file.read(1)
            if begin not in {b"", b"{"}:
                raise self._refusal("it is none, or was damaged")
            return begin + file.read()

    def _take(self, lines: list[bytes]) -> None:
        if not lines:
            return
        try:
            # Not msgspec's decoder: it takes no names that are no UTF-8.
            first, *others = map(json.loads, lines)
            found = msgspec.convert(first, Subject)
            entries = [msgspec.convert(each, Entry) for each in others]
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._refusal("it is none, or was damaged") from error
        for field in Subject.__struct_fields__:
            kept, wanted = getattr(found, field), getattr(self._subject, field)
            if kept != wanted:
                raise self._refusal(
                    f"it is of another evaluation (its {field} is “{kept}”, not “{wanted}”)"
                )
        self.entries = {entry.name: entry for entry in entries}

    def _write(self, record: Subject | Entry) -> None:
        try:
            self._stream.write(_line(record))
            self._stream.flush()
        except OSError as error:
            raise self._refusal(error.strerror or str(error)) from error

    def _refusal(self, reason: str) -> JournalError:
        return JournalError(name=display_name(self.path), reason=reason)


def _line(record: Subject | Entry) -> bytes:
    # ASCII, so that names which are no UTF-8 can be written, too.
    return json.dumps(msgspec.to_builtins(record), separators=(",", ":")).encode() + b"\n"
