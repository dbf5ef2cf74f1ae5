"""Reads HDF5 files of Keras: ``.h5`` of old and ``.weights.h5`` of new.

HDF5 can do much that weights have no need of, and that a reader of strange files has to fear:
links to other files, data in other files, filters that are programs. All of that is refused.
"""

from __future__ import annotations

import contextlib
import math
import zlib
from typing import TYPE_CHECKING, Any, Final

from vggscope.errors import VggscopeError, WeightsElsewhereError
from vggscope.zoo.weights_source import FLOATS, MOST_AXES, MOST_TENSORS, Source, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

HDF5: Final = b"\x89HDF\r\n\x1a\n"
_MOST_DEPTH: Final = 16
_MOST_CHUNK: Final = 1 << 29
_MOST_CHUNKS: Final = 1_000_000
_DEFLATE: Final = 1
_FILTERS: Final = frozenset({_DEFLATE, 2, 3})
"""By HDF5's numbers: deflate, shuffle, and checksums by Fletcher."""
_PASSED_OVER: Final = frozenset({"optimizer", "optimizer_weights"})
"""What training needs; it has tensors of the shapes of the weights."""
# The library, and h5py between, raise whatever they like when a file is malformed.
_FAULTS: Final = (
    OSError,
    zlib.error,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)


class Hdf5Source(Source):
    """An open HDF5 file."""

    def __init__(self, path: Path) -> None:
        """Open the file and list what is in it.

        Raises:
            WeightsUnreadableError: it is no whole HDF5 file.
            WeightsElsewhereError: it refers to something outside.
        """
        import h5py  # noqa: PLC0415 (100 ms that only files of Keras need)

        super().__init__(path)
        self._inflated: set[str] = set()
        self._met = 0
        self._datasets: dict[str, Any] = {}
        try:
            self._file = h5py.File(path, "r", locking=False)
        except _FAULTS as error:
            raise self.unreadable(error) from error
        try:
            for name, dataset in self._walk(self._file, ""):
                self._datasets[name] = dataset
                self.tensors[name] = self._described(name, dataset)
        except VggscopeError:
            self.close()
            raise
        except _FAULTS as error:
            self.close()
            raise self.unreadable(error) from error

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._datasets.clear()
        with contextlib.suppress(*_FAULTS):
            self._file.close()

    def read(self, tensor: Tensor, first: int, end: int, *, axis: int) -> NDArray[Any]:
        """As ``Source.read``."""
        dataset = self._datasets[tensor.name]
        try:
            self._check_inflated(tensor.name, dataset)
            values: NDArray[Any] = dataset[first:end] if axis == 0 else dataset[..., first:end]
        except _FAULTS as error:
            raise self.unreadable(f"“{tensor.name}” is damaged ({error})") from error
        return values

    def _walk(self, group: Any, above: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
        """The datasets below ``group``, with their paths."""
        import h5py  # noqa: PLC0415

        if depth > _MOST_DEPTH:
            raise self.unreadable("its groups are nested too deeply")
        for key in group:
            name = f"{above}{key}"
            # Groups may hold one another: what is counted ends.
            self._met += 1
            if self._met > MOST_TENSORS:
                raise self.unreadable(f"it holds more than {MOST_TENSORS:,} things")
            if depth == 0 and key in _PASSED_OVER:
                continue
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise self._elsewhere(name, "a link")
            found = group[key]
            if isinstance(found, h5py.Group):
                yield from self._walk(found, f"{name}/", depth + 1)
            elif isinstance(found, h5py.Dataset):
                yield name, found

    def _described(self, name: str, dataset: Any) -> Tensor:
        if dataset.is_virtual or dataset.external:
            raise self._elsewhere(name, "stored in another file")
        shape = tuple(map(int, dataset.shape or ()))
        if len(shape) > MOST_AXES:
            raise self.unreadable(f"“{name}” has {len(shape)} axes")
        dtype = dataset.dtype
        if dtype.name not in FLOATS:
            return Tensor(name, shape, "a structure" if dtype.fields else str(dtype)[:40])
        self._check_storage(name, dataset, math.prod(shape) * dtype.itemsize)
        return Tensor(name, shape, dtype.name)

    def _check_storage(self, name: str, dataset: Any, size: int) -> None:
        """See that the file holds the ``size`` bytes of a dataset, in a way that is safe to read.

        HDF5 makes up values that were never written, as many as the shape promises.
        """
        if strange := set(_filters_of(dataset)) - _FILTERS:
            numbers = ", ".join(map(str, sorted(strange)))
            raise self.unreadable(f"“{name}” is packed by unknown means (HDF5's filter {numbers})")
        if dataset.chunks is None:
            stored = dataset.id.get_storage_size()
            if stored < size:
                raise self.unreadable(f"“{name}” has {stored:,} bytes instead of {size:,}")
            return
        chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
        whole = math.prod(-(-a // b) for a, b in zip(dataset.shape, dataset.chunks, strict=True))
        if chunk > _MOST_CHUNK or whole > _MOST_CHUNKS:
            raise self.unreadable(f"“{name}” is stored in {whole:,} pieces of {chunk:,} bytes")
        if dataset.id.get_num_chunks() != whole:
            raise self.unreadable(f"“{name}” was not written completely")

    def _check_inflated(self, name: str, dataset: Any) -> None:
        """See that no piece of a packed dataset grows beyond its size.

        HDF5 itself goes on until the memory ends.
        """
        if name in self._inflated or dataset.chunks is None:
            return
        filters = _filters_of(dataset)
        chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
        # Checksums lie behind the numbers, or behind what deflate made of them.
        limit = chunk + 4
        for index in range(dataset.id.get_num_chunks() if _DEFLATE in filters else 0):
            place = dataset.id.get_chunk_info(index)
            if place.filter_mask & 1 << filters.index(_DEFLATE):
                # This one was left as it was.
                continue
            if place.size > 2 * limit:
                raise self.unreadable(f"“{name}” is larger packed than unpacked")
            _, data = dataset.id.read_direct_chunk(place.chunk_offset)
            inflater = zlib.decompressobj()
            grown = len(inflater.decompress(data, limit + 1))
            if grown > limit:
                raise self.unreadable(f"“{name}” grows beyond its size when it is unpacked")
        self._inflated.add(name)

    def _elsewhere(self, name: str, reason: str) -> WeightsElsewhereError:
        return WeightsElsewhereError(name=self.path.name, tensor=name[:200], reason=reason)


def _filters_of(dataset: Any) -> list[int]:
    """What a dataset is packed by, in the order in which that is done."""
    pipeline = dataset.id.get_create_plist()
    return [pipeline.get_filter(index)[0] for index in range(pipeline.get_nfilters())]
