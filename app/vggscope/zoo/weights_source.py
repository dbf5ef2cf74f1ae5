"""What all files of weights have in common: named tensors, read a few units at a time."""

from __future__ import annotations

import math
import stat
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vggscope.errors import WeightsFormatError, WeightsUnreadableError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Self

    from numpy.typing import NDArray

FLOATS: Final = frozenset({"float16", "bfloat16", "float32", "float64"})
"""Types of numbers that weights are taken from."""
MOST_TENSORS: Final = 10_000
"""In one file; VGG19 with batch normalisation has 118."""
MOST_AXES: Final = 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a file.

    Attributes:
        name: in the file.
        shape: of it.
        type: of its numbers, in NumPy's words (or "bfloat16"); of others, any word that tells.
    """

    name: str
    shape: tuple[int, ...]
    type: str

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


class Source(ABC):
    """An open file of weights; a context manager that closes it.

    Attributes:
        path: of the file.
        tensors: by name, in the order of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tensors: dict[str, Tensor] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def read(self, tensor: Tensor, first: int, end: int, *, axis: int) -> NDArray[Any]:
        """Positions ``first`` to ``end`` of an axis of a tensor, as floating-point numbers.

        Args:
            tensor: one of ``FLOATS``.
            first: position along ``axis``.
            end: likewise, exclusive.
            axis: 0, or -1 for the last one.

        Raises:
            WeightsUnreadableError: the file does not hold them.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file; may be called twice."""

    def unreadable(self, reason: object) -> WeightsUnreadableError:
        """The error that tells why the file cannot be read."""
        return unreadable(self.path, reason)


def check_is_file(path: Path) -> None:
    """See that ``path`` is a file: devices and pipes never end, or never begin.

    Raises:
        WeightsUnreadableError: it is none, or it may not be looked at.
    """
    try:
        mode = path.stat().st_mode
    # ValueError: a name that no file can have.
    except (OSError, ValueError) as error:
        raise unreadable(path, getattr(error, "strerror", None) or error) from error
    if not stat.S_ISREG(mode):
        what = "it is a folder" if stat.S_ISDIR(mode) else "it is no file"
        raise WeightsFormatError(name=path.name, reason=what)


def unreadable(path: Path, reason: object) -> WeightsUnreadableError:
    """The error that tells why ``path`` cannot be read, maybe in a library's words."""
    text = " ".join(str(reason).split()).rstrip(".")
    return WeightsUnreadableError(name=path.name, reason=text[:300] or type(reason).__name__)
