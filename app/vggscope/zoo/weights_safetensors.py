"""Reads safetensors files: a length, that many bytes of JSON, then the tensors without gaps.

The format is that of https://github.com/huggingface/safetensors: the header names each tensor's
type, shape and place, and nothing in it can make a reader do more than read numbers.
"""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import msgspec

from vggscope.zoo.weights_source import MOST_AXES, MOST_TENSORS, Source, Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_LENGTH: Final = 8
_MOST_HEADER: Final = 16 << 20
"""The format allows 100 MB; the header of VGG19 takes 10 kB."""
_METADATA: Final = "__metadata__"
_TYPES: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "F64": ("float64", 8),
        "F32": ("float32", 4),
        "F16": ("float16", 2),
        "BF16": ("bfloat16", 2),
        "I64": ("int64", 8),
        "I32": ("int32", 4),
        "I16": ("int16", 2),
        "I8": ("int8", 1),
        "U64": ("uint64", 8),
        "U32": ("uint32", 4),
        "U16": ("uint16", 2),
        "U8": ("uint8", 1),
        "BOOL": ("bool", 1),
        "C64": ("complex64", 8),
        "F8_E4M3": ("float8_e4m3", 1),
        "F8_E5M2": ("float8_e5m2", 1),
        "F8_E8M0": ("float8_e8m0", 1),
    }
)
"""Type -> NumPy's name of it, and the bytes of one."""

_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 48)]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the header says of a tensor."""

    dtype: str
    shape: Annotated[tuple[_Count, ...], msgspec.Meta(max_length=MOST_AXES)]
    data_offsets: tuple[_Count, _Count]


class SafetensorsSource(Source):
    """An open safetensors file."""

    def __init__(self, path: Path) -> None:
        """Open the file and read its header.

        Raises:
            WeightsUnreadableError: it is no whole safetensors file.
        """
        super().__init__(path)
        self._places: dict[str, int] = {}
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise self.unreadable(error.strerror or error) from error
        try:
            self._read_header()
        except OSError as error:
            self.close()
            raise self.unreadable(error.strerror or error) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def read(self, tensor: Tensor, first: int, end: int, *, axis: int) -> NDArray[Any]:
        """As ``Source.read``; of the last axis, the whole tensor is read for it."""
        import numpy as np  # noqa: PLC0415 (the header needs none)

        count = tensor.shape[0] if tensor.shape else 1
        rows = (first, end) if axis == 0 else (0, count)
        # bfloat16 is the upper half of float32.
        is_half = tensor.type == "bfloat16"
        stored = np.dtype("<u2") if is_half else np.dtype(tensor.type).newbyteorder("<")
        row = stored.itemsize * (tensor.count // count if count else 0)
        values = np.empty((rows[1] - rows[0]) * row // stored.itemsize, stored)
        try:
            self._file.seek(self._places[tensor.name] + rows[0] * row)
            length = self._file.readinto(values.data.cast("B")) if values.size else 0
        except OSError as error:
            raise self.unreadable(error.strerror or error) from error
        if length != values.nbytes:
            raise self.unreadable(f"it ends in the middle of “{tensor.name}”")
        if is_half:
            values = (values.astype("<u4") << 16).view("<f4")
        values = values.reshape(rows[1] - rows[0], *tensor.shape[1:])
        return values if axis == 0 else values[..., first:end]

    def _read_header(self) -> None:
        size = self.path.stat().st_size
        length = int.from_bytes(self._file.read(_LENGTH), "little")
        begin = _LENGTH + length
        if size < _LENGTH or begin > size:
            raise self.unreadable(f"it ends before its header of {length:,} bytes does")
        if length > _MOST_HEADER:
            raise self.unreadable(f"its header has {length:,} bytes, more than any network needs")
        entries = self._decode(self._file.read(length))
        end = 0
        for name, entry in sorted(entries.items(), key=lambda e: e[1].data_offsets):
            end = self._check(name, entry, end)
            self._places[name] = begin + entry.data_offsets[0]
        if begin + end != size:
            raise self.unreadable(f"it has {size:,} bytes instead of {begin + end:,}")
        self.tensors = {
            name: Tensor(name, entry.shape, _TYPES[entry.dtype][0])
            for name, entry in entries.items()
        }

    def _decode(self, header: bytes) -> dict[str, _Entry]:
        try:
            content = json.loads(
                header.decode(), object_pairs_hook=_without_twins, parse_constant=_refuse
            )
            if not isinstance(content, dict):
                raise TypeError("the header is no JSON object")  # noqa: TRY301 (told below)
            msgspec.convert(content.pop(_METADATA, {}), dict[str, str])
            if len(content) > MOST_TENSORS:
                raise ValueError(f"{len(content):,} tensors")  # noqa: TRY301
            return msgspec.convert(content, dict[str, _Entry])
        # ValueError: no UTF-8, no JSON, numbers with more digits than Python takes.
        except (ValueError, TypeError, RecursionError) as error:
            raise self.unreadable(f"its header is malformed ({error})") from error

    def _check(self, name: str, entry: _Entry, begin: int) -> int:
        """Where ``entry`` ends; it has to begin at ``begin``, where the one before it ended."""
        if entry.dtype not in _TYPES:
            raise self.unreadable(f"“{name}” has the unknown type {entry.dtype[:40]!r}")
        first, end = entry.data_offsets
        if first != begin:
            what = "lies over another tensor" if first < begin else "follows a gap"
            raise self.unreadable(f"“{name}” {what}")
        needed = math.prod(entry.shape) * _TYPES[entry.dtype][1]
        if end - first != needed:
            raise self.unreadable(f"“{name}” has {end - first:,} bytes instead of {needed:,}")
        return end


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """What JSON's object becomes; a name that comes twice would hide one tensor."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
