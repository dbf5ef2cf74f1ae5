"""An ONNX file without its weights: read as protobuf's wire format, field by field.

A parser of protobuf holds the whole file, twice for a while. Here the structure is copied, and
where large tensors hold their data only the place in the file is noted: a file of half a gigabyte
is read in milliseconds, and what follows deals with kilobytes.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from vggscope.errors import DamagedModelError, InvalidGraphError, ModelTooLargeError
from vggscope.zoo.weights_file import STORED, inline_data, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    import numpy as np
    from numpy.typing import NDArray
    from onnx import ModelProto, TensorProto

_STRUCTURE: Final = 48 * 2**20
"""Bytes that a file may have beside its weights; large networks have some hundred kilobytes."""
_VERBATIM: Final = 16 * 2**10
"""Messages of up to so many bytes are copied without a look into them."""
_INLINE: Final = 1024
_CHUNK: Final = 4 * 2**20
_VARINT: Final = 10

# What a message is that is looked into: number of a field -> what its value is.
_DATA: Final[Mapping[int, Any]] = MappingProxyType({})
_TENSOR: Final[Mapping[int, Any]] = MappingProxyType(dict.fromkeys((4, 5, 7, 9, 10, 11), _DATA))
_ATTRIBUTE: Final[Mapping[int, Any]] = MappingProxyType({5: _TENSOR})
_NODE: Final[Mapping[int, Any]] = MappingProxyType({5: _ATTRIBUTE})
_GRAPH: Final[Mapping[int, Any]] = MappingProxyType({1: _NODE, 5: _TENSOR})
_MODEL: Final[Mapping[int, Any]] = MappingProxyType({7: _GRAPH})

_RAW: Final = 9
_FIELDS: Final[Mapping[str, int]] = MappingProxyType(
    {"float_data": 4, "int32_data": 5, "int64_data": 7, "double_data": 10, "uint64_data": 11}
)
_FIXED: Final = frozenset({"float_data", "double_data"})


@dataclass(frozen=True, slots=True)
class Span:
    """Where in the file a field of a tensor holds its data: number of the field, place, length."""

    field: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A model whose large tensors lack their data.

    Attributes:
        proto: the model; what was left out is marked in ``external_data``.
        spans: where it is.
        mark: the key of such an entry, another one each time: no file can have it by itself.
        name: of the file, for sentences.
    """

    proto: ModelProto
    spans: tuple[Span, ...]
    mark: str
    name: str

    def spans_of(self, tensor: TensorProto) -> list[Span]:
        """What was left out of ``tensor``."""
        return [self.spans[int(e.value)] for e in tensor.external_data if e.key == self.mark]

    def is_foreign(self, tensor: TensorProto) -> bool:
        """Whether ``tensor`` refers to another file."""
        return tensor.data_location != 0 or any(e.key != self.mark for e in tensor.external_data)

    def data(self, tensor: TensorProto, file: BinaryIO) -> Iterator[Any]:
        """The data of ``tensor`` in chunks, little endian.

        Args:
            tensor: of ``proto``.
            file: what the skeleton was read from.

        Raises:
            DamagedModelError: the file ends before they do.
            InvalidGraphError: they are not of the size or the kind that the tensor tells.
        """
        size = 0
        for chunk in self._chunks(tensor, file):
            size += memoryview(chunk).nbytes
            yield chunk
        if size != size_of(tensor):
            raise self._wrong(tensor, f"holds {size:,} bytes instead of {size_of(tensor):,}")

    def _chunks(self, tensor: TensorProto, file: BinaryIO) -> Iterator[Any]:
        spans = self.spans_of(tensor)
        if not spans:
            try:
                yield inline_data(tensor)
            except ValueError as error:
                raise self._wrong(tensor, str(error)) from error
            return
        if spans[-1].field == _RAW:
            # Of a field that is there twice, the last counts.
            yield from self._bytes_of(spans[-1], file)
            return
        field, kind = STORED.get(tensor.data_type, ("", ""))
        if not field or tensor.HasField("raw_data") or len(getattr(tensor, field)):
            raise self._wrong(tensor, "holds its values in more ways than one")
        for span in spans:
            if span.field != _FIELDS[field]:
                raise self._wrong(tensor, "holds its values in a field for another type")
            if field in _FIXED:
                yield from self._bytes_of(span, file)
            else:
                yield from self._varints_of(span, file, kind)

    def _bytes_of(self, span: Span, file: BinaryIO) -> Iterator[bytes]:
        file.seek(span.offset)
        left = span.length
        while left:
            chunk = file.read(min(left, _CHUNK))
            if not chunk:
                raise DamagedModelError(name=self.name, reason="it became shorter meanwhile")
            left -= len(chunk)
            yield chunk

    def _varints_of(self, span: Span, file: BinaryIO, kind: str) -> Iterator[memoryview]:
        import numpy as np  # noqa: PLC0415 (rare: most files hold raw data)

        rest = np.empty(0, np.uint8)
        for chunk in self._bytes_of(span, file):
            codes = np.concatenate([rest, np.frombuffer(chunk, np.uint8)])
            ends = np.flatnonzero(codes < 0x80)
            done = int(ends[-1]) + 1 if ends.size else 0
            codes, rest = codes[:done], codes[done:]
            if len(rest) > _VARINT:
                break
            if done:
                yield _decoded(codes, ends).astype(kind).data.cast("B")
        if len(rest):
            raise DamagedModelError(name=self.name, reason="a number in it has no end")

    def _wrong(self, tensor: TensorProto, reason: str) -> InvalidGraphError:
        return InvalidGraphError(name=self.name, reason=f"the tensor “{tensor.name}” {reason}")


def read_skeleton(file: BinaryIO, *, size: int, name: str) -> Skeleton:
    """Read all of an ONNX file but the data of its large tensors (imports ``onnx``, 162 ms).

    Args:
        file: positioned anywhere.
        size: of it, in bytes.
        name: of it, for sentences.

    Raises:
        DamagedModelError: it is no protobuf, or cut off.
        ModelTooLargeError: its structure alone is too large.
    """
    from google.protobuf.message import (  # type: ignore[import-untyped]  # noqa: PLC0415
        DecodeError,
    )
    from onnx import ModelProto  # noqa: PLC0415

    file.seek(0)
    scanner = _Scanner(file, name, f"vggscope:{secrets.token_hex(8)}")
    structure = bytearray()
    scanner.walk(size, _MODEL, structure)
    try:
        proto = ModelProto.FromString(bytes(structure))
    except DecodeError as error:
        raise DamagedModelError(name=name, reason="it is no valid protobuf") from error
    return Skeleton(proto, tuple(scanner.spans), scanner.mark, name)


class _Scanner:
    """Goes through a file once, from front to back."""

    def __init__(self, file: BinaryIO, name: str, mark: str) -> None:
        self.spans: list[Span] = []
        self.mark = mark
        self._file = file
        self._name = name
        self._at = 0
        self._kept = 0

    def walk(self, end: int, message: Mapping[int, Any], out: bytearray) -> None:
        """Copy the fields of a message, up to ``end``, to ``out``."""
        while self._at < end:
            tag = self._varint(end)
            number, wire = tag >> 3, tag & 7
            if not number:
                raise self._damaged(f"there is no field at byte {self._at:,}")
            if wire == 2:
                self._delimited(end, message, tag, out)
                continue
            out += _as_varint(tag)
            if wire == 0:
                out += _as_varint(self._varint(end))
            elif wire in {1, 5}:
                out += self._take(8 if wire == 1 else 4, end)
            else:
                raise self._damaged(f"there is no field at byte {self._at:,}")

    def _delimited(self, end: int, message: Mapping[int, Any], tag: int, out: bytearray) -> None:
        length = self._varint(end)
        if length > end - self._at:
            missing = length - (end - self._at)
            raise self._damaged(f"{missing:,} bytes are missing")
        number = tag >> 3
        part = message.get(number)
        if part is _DATA and length > _INLINE:
            out += self._mark(Span(number, self._at, length))
            self._at += length
            self._file.seek(self._at)
        elif part is None or part is _DATA or length <= _VERBATIM:
            out += _as_varint(tag) + _as_varint(length)
            out += self._take(length, end)
        else:
            inner = bytearray()
            self.walk(self._at + length, part, inner)
            out += _as_varint(tag) + _as_varint(len(inner))
            out += inner

    def _mark(self, span: Span) -> bytes:
        """An entry of ``external_data`` that stands for ``span``."""
        key, value = self.mark.encode(), str(len(self.spans)).encode()
        self.spans.append(span)
        entry = b"\x0a" + _as_varint(len(key)) + key + b"\x12" + _as_varint(len(value)) + value
        return b"\x6a" + _as_varint(len(entry)) + entry

    def _take(self, count: int, end: int) -> bytes:
        if count > end - self._at:
            raise self._damaged(f"{count - (end - self._at):,} bytes are missing")
        self._kept += count
        if self._kept > _STRUCTURE:
            raise ModelTooLargeError(
                name=self._name,
                reason=f"its structure alone is larger than {_STRUCTURE / 2**20:.0f} MB",
            )
        found = self._file.read(count)
        if len(found) != count:
            raise self._damaged("it became shorter meanwhile")
        self._at += count
        return found

    def _varint(self, end: int) -> int:
        value = shift = 0
        while shift < 7 * _VARINT:
            byte = self._take(1, end)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & (2**64 - 1)
            shift += 7
        raise self._damaged(f"a number at byte {self._at:,} has no end")

    def _damaged(self, reason: str) -> DamagedModelError:
        return DamagedModelError(name=self._name, reason=reason)


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _decoded(codes: NDArray[np.uint8], ends: NDArray[np.intp]) -> NDArray[np.int64]:
    """The numbers of which ``codes`` are the varints; ``ends`` are their last bytes."""
    import numpy as np  # noqa: PLC0415 (see above)

    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    values = np.zeros(len(ends), np.uint64)
    for place in range(min(int(lengths.max()), _VARINT)):
        has = lengths > place
        part = codes[starts[has] + place].astype(np.uint64) & np.uint64(0x7F)
        values[has] |= part << np.uint64(7 * place)
    return values.view(np.int64)
