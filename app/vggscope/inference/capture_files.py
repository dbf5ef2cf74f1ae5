"""Files for what the network did: names that every system takes, all of the content or none."""

from __future__ import annotations

import contextlib
import re
from itertools import count
from typing import TYPE_CHECKING, Final

from vggscope.errors import OutputError
from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from io import FileIO
    from pathlib import Path

_UNFIT: Final = re.compile(r'[\s<>:"/\\|?*\x00-\x1f]+')
"""What some file system does not allow in names, and the spaces around it."""
_WORDS: Final = 100
"""Bytes of foreign words in a name: the narrowest file systems (encrypted homes) take 143."""


def make_folder(folder: Path) -> None:
    """Make ``folder``, and those that it lies in.

    Raises:
        OutputError: it cannot be made, or something else has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(name=display_name(folder), reason=reason_of(error)) from error


def capture_name(moment: datetime, label: str, suffix: str) -> str:
    """A file's name, which may be taken: "VGGscope 2026-11-25 14.03.07 tabby cat.png"."""
    # In local time, as the clock on the wall; without colons, which Windows does not allow.
    stem = f"VGGscope {moment.astimezone():%Y-%m-%d %H.%M.%S}"
    words = words_for_name(label)
    return f"{stem} {words}{suffix}" if words else f"{stem}{suffix}"


def words_for_name(text: str) -> str:
    """``text`` as a part of a file's name: labels and layers come with models from anywhere."""
    words = _UNFIT.sub(" ", text.encode("utf-8", "replace").decode()).strip(" .")
    return words.encode()[:_WORDS].decode("utf-8", "ignore").strip(" .")


def numbered(path: Path) -> Iterator[Path]:
    """``path``, and what to try if that is taken: "a.png", "a 2.png", "a 3.png", for ever."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem} {number}{path.suffix}")


def write_new(path: Path, content: bytes | memoryview) -> None:
    """Create a file with ``content``: all of it, or no file.

    Raises:
        FileExistsError: there is one already. Looking for it before would help nobody: another
            thread, another program may look at the same moment.
        OSError: it cannot be written.
    """
    file = path.open("xb", buffering=0)
    try:
        with file:
            write_all(file, content)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def write_all(file: FileIO, content: bytes | memoryview) -> None:
    """Append ``content``.

    Raises:
        OSError: a part of it may have been written.
    """
    data, written = memoryview(content), 0
    # A disk that is nearly full takes a part of it, and complains of the rest.
    while written < len(data):
        written += file.write(data[written:])


def reason_of(error: OSError | ValueError) -> str:
    """Why something could not be written, as ``OutputError`` has it."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
