"""Reads ``.npz`` archives of NumPy arrays, and tells what ``.npy`` files are.

Arrays of objects are pickles: to open one is to run it, so none is. What an archive promises is
compared with what it takes on disk before a byte is unpacked.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from vggscope.errors import VggscopeError, WeightsFormatError, WeightsPickledError
from vggscope.zoo.weights_source import MOST_AXES, MOST_TENSORS, Source, Tensor

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NPY: Final = b"\x93NUMPY"
_SUFFIX: Final = ".npy"
_LENGTHS: Final = MappingProxyType({b"\x01\x00": 2, b"\x02\x00": 4})
"""Version of the format -> bytes of the length of the header."""
_HEADER: Final = re.compile(
    rb"\{'descr': ?(?P<type>'[<>|=][a-zA-Z]\d*(?:\[\w+\])?'|\[[ -~]*\]), ?"
    rb"'fortran_order': ?(?P<order>True|False), ?"
    rb"'shape': ?\((?P<shape>(?:\d{1,18}, ?)*\d{0,18})\),? ?\}\s*"
)
_FLOAT: Final = re.compile(r"[<>|=]f[248]")
MOST_HEADER: Final = 1 << 16
"""Bytes of the begin of an array that can be its header."""
_PIECE: Final = 1 << 20
_SLACK: Final = 1 << 20
_MOST_PACKED: Final = 50
"""How many times its stored size an array may have: weights are nearly random, and shrink little.
Small ones (``_SLACK``) may be all zeros."""
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_FAULTS: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class NpzSource(Source):
    """An open ``.npz`` archive."""

    def __init__(self, path: Path) -> None:
        """Open the archive, and look at the header of each array.

        Raises:
            WeightsUnreadableError: it is no whole archive of arrays.
            WeightsPickledError: an array holds objects.
        """
        super().__init__(path)
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._headers: dict[str, _Header] = {}
        self._kept: tuple[str, NDArray[Any]] | None = None
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, ValueError, *_FAULTS) as error:
            raise self.unreadable(getattr(error, "strerror", None) or error) from error
        try:
            self._index()
        except (OSError, ValueError, *_FAULTS) as error:
            self.close()
            raise self.unreadable(getattr(error, "strerror", None) or error) from error
        except VggscopeError:
            self.close()
            raise

    def close(self) -> None:
        """Close the archive; may be called twice."""
        self._archive.close()
        self._kept = None

    def read(self, tensor: Tensor, first: int, end: int, *, axis: int) -> NDArray[Any]:
        """As ``Source.read``; the whole array is unpacked, and kept for the next call."""
        if self._kept is None or self._kept[0] != tensor.name:
            # The former one first: there are never two.
            self._kept = None
            self._kept = (tensor.name, self._unpacked(tensor))
        values = self._kept[1]
        return values[first:end] if axis == 0 else values[..., first:end]

    def _unpacked(self, tensor: Tensor) -> NDArray[Any]:
        import numpy as np  # noqa: PLC0415 (116 ms that the headers do not need)

        header = self._headers[tensor.name]
        values = np.empty(tensor.shape[::-1] if header.is_fortran else tensor.shape, header.type)
        rest = values.data.cast("B") if values.size else memoryview(b"")
        try:
            with self._archive.open(self._members[tensor.name]) as member:
                member.read(header.length)
                # In pieces, which ``readinto`` of an archive would copy as one.
                while rest and (piece := member.read(_PIECE)):
                    rest[: len(piece)] = piece
                    rest = rest[len(piece) :]
                # The checksum is looked at when there is no more.
                is_whole = not rest and not member.read(1)
        except (OSError, ValueError, *_FAULTS) as error:
            reason = f"“{tensor.name}” is damaged ({error})"
            raise self.unreadable(reason) from error
        if not is_whole:
            raise self.unreadable(f"“{tensor.name}” is damaged")
        return values.T if header.is_fortran else values

    def _index(self) -> None:
        members = self._archive.infolist()
        if len(members) > MOST_TENSORS:
            raise self.unreadable(f"it holds {len(members):,} files")
        for member in members:
            if member.filename.endswith("data.pkl"):
                raise WeightsPickledError(name=self.path.name, reason="of PyTorch")
        for member in members:
            if not member.filename.endswith(_SUFFIX):
                raise WeightsFormatError(
                    name=self.path.name,
                    reason=f"“{member.filename[:80]}” in it is no array of NumPy",
                )
            self._check(member)
            name = member.filename.removesuffix(_SUFFIX)
            if name in self._members:
                raise self.unreadable(f"“{name}” is in it twice")
            with self._archive.open(member) as file:
                header = _header(file.read(MOST_HEADER))
            self._members[name], self._headers[name] = member, header
            self.tensors[name] = self._described(name, header, member.file_size)

    def _check(self, member: zipfile.ZipInfo) -> None:
        """See that a member is what it takes on disk."""
        if member.flag_bits & 1:
            raise self.unreadable(f"“{member.filename}” is encrypted")
        if member.compress_type not in _METHODS:
            raise self.unreadable(f"“{member.filename}” is packed in an unusual way")
        if member.file_size > _SLACK + _MOST_PACKED * member.compress_size:
            raise self.unreadable(
                f"“{member.filename}” would grow from {member.compress_size:,} to "
                f"{member.file_size:,} bytes, as no weights do"
            )

    def _described(self, name: str, header: _Header, size: int) -> Tensor:
        """The tensor of ``header``; weights have to fill ``size`` bytes with it."""
        if header.has_objects:
            raise WeightsPickledError(name=self.path.name, reason=f"“{name}” holds objects")
        kind = header.float
        if kind is None:
            return Tensor(name, header.shape, header.type[:40])
        needed = math.prod(header.shape) * int(header.type[2:])
        if header.length + needed != size:
            held = size - header.length
            raise self.unreadable(f"“{name}” has {held:,} bytes instead of {needed:,}")
        return Tensor(name, header.shape, kind)


def refuse_npy(path: Path, begin: bytes) -> WeightsPickledError | WeightsFormatError:
    """Why the ``.npy`` file ``path``, which begins so, holds no network: one array is none."""
    try:
        header = _header(begin)
    except ValueError as error:
        return WeightsFormatError(name=path.name, reason=str(error))
    if header.has_objects:
        return WeightsPickledError(name=path.name, reason="an array of objects of NumPy")
    sides = " × ".join(map(str, header.shape)) or "1"
    return WeightsFormatError(name=path.name, reason=f"it is a single array of {sides} numbers")


@dataclass(frozen=True, slots=True)
class _Header:
    """What the begin of a ``.npy`` file tells.

    Attributes:
        type: of the numbers, as NumPy writes it: "<f4".
        is_fortran: whether the first axis is the one whose elements lie side by side.
        shape: of the array.
        length: of the header, in bytes.
    """

    type: str
    is_fortran: bool
    shape: tuple[int, ...]
    length: int

    @property
    def has_objects(self) -> bool:
        """Whether the array, or a field of its elements, is a pickle."""
        return "O" in self.type

    @property
    def float(self) -> str | None:
        """NumPy's name of the type, if that is one of ``FLOATS``."""
        return f"float{8 * int(self.type[2:])}" if _FLOAT.fullmatch(self.type) else None


def _header(content: bytes) -> _Header:
    """The header at the begin of ``content``.

    It is written as an expression of Python; NumPy has Python parse it, and this does not.

    Raises:
        ValueError: it is malformed, or longer than that of any tensor.
    """
    version, begin = content[len(NPY) : len(NPY) + 2], 0
    if content.startswith(NPY) and version in _LENGTHS:
        begin = len(NPY) + 2 + _LENGTHS[version]
    length = int.from_bytes(content[len(NPY) + 2 : begin], "little")
    match = _HEADER.fullmatch(content[begin : begin + length])
    if not begin or begin + length > len(content) or match is None:
        raise ValueError("the header of an array is malformed")
    sides = [side for side in match["shape"].decode().replace(" ", "").split(",") if side]
    if len(sides) > MOST_AXES:
        raise ValueError(f"an array has {len(sides)} axes")
    return _Header(
        type=match["type"].decode().strip("'"),
        is_fortran=match["order"] == b"True",
        shape=tuple(map(int, sides)),
        length=begin + length,
    )
