"""The child process in which a file of weights is read for the first time.

The library that reads HDF5 was not made for files of strangers: what would make it crash, or take
all memory, does that here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from vggscope.errors import WeightsUnreadableError
from vggscope.zoo.examiner import limit_memory
from vggscope.zoo.weights import read_through

if TYPE_CHECKING:
    from vggscope.errors import ModelError

SECONDS: Final = 120.0
"""Time that it may take; the 550 MB of VGG16 take two seconds from a fast disk."""
_MEMORY: Final = 4 * 2**30


class Request(msgspec.Struct, frozen=True):
    """Which file, as the system writes it: its name may be no text."""

    path: bytes

    @classmethod
    def of(cls, path: Path) -> Request:
        """A request for the file at ``path``."""
        return cls(os.fsencode(path.absolute()))


class Outcome(msgspec.Struct, frozen=True):
    """That it was read; what is in it, whoever asked finds out again."""

    numbers: int


def work(request: bytes) -> Outcome:
    """The job of the child: read all that the file holds.

    Raises:
        ModelError: it cannot be read.
    """
    path = Path(os.fsdecode(msgspec.json.decode(request, type=Request).path))
    limit_memory(_MEMORY)
    try:
        return Outcome(read_through(path))
    except MemoryError as error:
        raise broken(path, "it takes too much memory") from error


def broken(path: Path, reason: str) -> ModelError:
    """The error that tells why the child did not come to an end."""
    return WeightsUnreadableError(name=path.name, reason=reason)
