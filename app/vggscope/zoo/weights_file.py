"""``weights.bin``: tensors one after another, hashed while they are written.

What is written is never in memory as a whole: tensors come in chunks. Each begins at a multiple of
64 bytes, so that a processor can read the mapped file with its widest instructions.
"""

from __future__ import annotations

import hashlib
import math
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from vggscope.zoo.normal_form import WEIGHTS, FileEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Any, Self

    from onnx import TensorProto

_ALIGNED: Final = 64
_SMALL: Final = 1024
_OVERHEAD: Final = sys.getsizeof(b"")

# Numbers of TensorProto.DataType -> bits of an element: importing onnx takes 162 ms.
BITS: Final[Mapping[int, int]] = MappingProxyType(
    {
        **dict.fromkeys((11, 7, 13, 14), 64),  # double, int64, uint64, complex64
        **dict.fromkeys((1, 6, 12), 32),  # float, int32, uint32
        **dict.fromkeys((10, 16, 4, 5), 16),  # float16, bfloat16, uint16, int16
        **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),  # uint8, int8, bool, float8
        **dict.fromkeys((21, 22, 23), 4),  # uint4, int4, float4
        15: 128,  # complex128
    }
)
"""Types that a weight may have; strings are not among them."""


class WeightsFile:
    """The file while it is written.

    Use it as a context manager; ``entry`` is what ``model.json`` says of it.
    """

    def __init__(self, folder: Path, *, advance: Callable[[int], object] = lambda _count: None):
        """Begin the file in ``folder``.

        Args:
            folder: of the model.
            advance: is told of every piece that is written, in bytes; may raise.
        """
        self._file = (folder / WEIGHTS).open("wb")
        self._digest = hashlib.sha256()
        self._end = 0
        self._advance = advance

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, chunks: Iterable[Any]) -> tuple[int, int]:
        """Append a tensor; its offset and length in bytes.

        Args:
            chunks: buffers that hold it, in ONNX's (little endian) order of bytes.
        """
        self._write(bytes(-self._end % _ALIGNED))
        offset = self._end
        for chunk in chunks:
            self._write(chunk)
            self._advance(memoryview(chunk).nbytes)
        return offset, self._end - offset

    def move(self, tensor: TensorProto, chunks: Iterable[Any]) -> None:
        """Append ``chunks``, the data of ``tensor``, which refers to this file from now on."""
        offset, length = self.add(chunks)
        for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data"):
            tensor.ClearField(field)
        tensor.ClearField("uint64_data")
        del tensor.external_data[:]
        # 1 is TensorProto.EXTERNAL.
        tensor.data_location = 1  # type: ignore[assignment]
        for key, value in (("location", WEIGHTS), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))

    @property
    def entry(self) -> FileEntry:
        """Size and SHA-256 of what was written."""
        return FileEntry(bytes=self._end, sha256=self._digest.hexdigest())

    def _write(self, chunk: Any) -> None:
        self._file.write(chunk)
        self._digest.update(chunk)
        self._end += memoryview(chunk).nbytes


def size_of(tensor: TensorProto) -> int | None:
    """Bytes that a tensor takes by its type and its dims; None if they are no tensor's."""
    bits = BITS.get(tensor.data_type)
    if bits is None or any(dim < 0 for dim in tensor.dims):
        return None
    return int(math.prod(tensor.dims) * bits + 7) // 8


def is_large(tensor: TensorProto) -> bool:
    """Whether it belongs into the file: smaller ones stay in the graph."""
    size = size_of(tensor)
    # As onnx.save counts, which takes the Python object for the tensor.
    return size is not None and size + _OVERHEAD >= _SMALL


def inline_data(tensor: TensorProto) -> bytes | memoryview:
    """The data of a tensor that holds them itself.

    Raises:
        ValueError: they are in a field that is not for its type.
    """
    if tensor.HasField("raw_data"):
        return tensor.raw_data
    import numpy as np  # noqa: PLC0415 (most tensors have raw data)

    stored = STORED.get(tensor.data_type)
    if stored is None:
        raise ValueError(f"a tensor of type {tensor.data_type} cannot be stored")
    field, kind = stored
    values = np.array(getattr(tensor, field), _WIDEST[field]).astype(kind)
    return values.data.cast("B") if values.size else b""


_WIDEST: Final[Mapping[str, str]] = MappingProxyType(
    {
        "float_data": "<f4",
        "double_data": "<f8",
        "int32_data": "<i8",
        "int64_data": "<i8",
        "uint64_data": "<u8",
    }
)
STORED: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        1: ("float_data", "<f4"),
        14: ("float_data", "<f4"),
        11: ("double_data", "<f8"),
        15: ("double_data", "<f8"),
        6: ("int32_data", "<i4"),
        5: ("int32_data", "<i2"),
        4: ("int32_data", "<u2"),
        10: ("int32_data", "<u2"),
        16: ("int32_data", "<u2"),
        3: ("int32_data", "<i1"),
        **dict.fromkeys((2, 9, 17, 18, 19, 20, 21, 22, 23, 24), ("int32_data", "<u1")),
        7: ("int64_data", "<i8"),
        12: ("uint64_data", "<u4"),
        13: ("uint64_data", "<u8"),
    }
)
"""Type -> the field other than ``raw_data`` that holds its values, and what they become."""
