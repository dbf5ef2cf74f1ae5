"""Archives and HDF5 files that are damaged, or were made to do harm."""

from __future__ import annotations

import struct
import time
import zipfile
from typing import TYPE_CHECKING

import h5py
import numpy as np
import psutil
import pytest

from vggscope.errors import (
    WeightsElsewhereError,
    WeightsFormatError,
    WeightsTypeError,
    WeightsUnreadableError,
)
from vggscope.zoo.weights import read_weights
from zoo.refusals import refused
from zoo.vgg_files import (
    classic_arrays,
    keras_layers,
    write_old_keras,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("nothing_installed")


# --- archives ---------------------------------------------------------------------------------


def array_bytes(shape: tuple[int, ...], data: bytes, dtype: str = "<f4") -> bytes:
    """A ``.npy`` file whose header promises ``shape``."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def archive(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def memory_of(work: Callable[[], object]) -> int:
    """Bytes by which this process has grown."""
    before = psutil.Process().memory_info().rss
    work()
    return int(psutil.Process().memory_info().rss - before)


def test_an_archive_that_grows_a_thousandfold(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "bomb.npz",
        ("conv1_1_W.npy", array_bytes((1 << 26,), bytes(1 << 28))),
        method=zipfile.ZIP_DEFLATED,
    )
    assert path.stat().st_size < 1 << 20
    begin = time.perf_counter()
    grown = memory_of(lambda: refused(path, WeightsUnreadableError))
    assert grown < 100 << 20
    assert time.perf_counter() - begin < 2
    assert "as no weights do" in refused(path, WeightsUnreadableError)


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.npz", ("conv1_1_W.npy", array_bytes((1 << 20, 1 << 20), bytes(64)))
    )
    assert "has 64 bytes instead of" in refused(path, WeightsUnreadableError)


def test_a_long_header(tmp_path: Path) -> None:
    content = b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 31) + b"{" * 1000
    path = archive(tmp_path / "a.npz", ("conv1_1_W.npy", content))
    assert memory_of(lambda: refused(path, WeightsUnreadableError)) < 100 << 20


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"(" * 3000,
        b"__import__('os').mkdir('/tmp/x')",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        b"{'descr': None, 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1), }",
        b"\xff\xfe",
    ],
)
def test_malformed_headers(header: bytes, tmp_path: Path) -> None:
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    path = archive(tmp_path / "a.npz", ("conv1_1_W.npy", content + bytes(4)))
    refused(path, WeightsUnreadableError)
    alone = tmp_path / "a.npy"
    alone.write_bytes(content)
    refused(alone, WeightsFormatError)


def test_a_cut_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **classic_arrays(keras_layers("vgg16")))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: len(content) // 2])
    refused(tmp_path / "a.npz", WeightsUnreadableError)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_with_a_wrong_bit(save: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save(path, **classic_arrays(keras_layers("vgg16")))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        member = file.getinfo("fc7_W.npy")
    content[member.header_offset + 5000] ^= 4
    path.write_bytes(content)
    assert "“fc7_W” is damaged" in refused(path, WeightsUnreadableError)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_strange_archives(tmp_path: Path) -> None:
    array = array_bytes((1,), bytes(4))
    twins = archive(tmp_path / "a.npz", ("conv1_1_W.npy", array), ("conv1_1_W.npy", array))
    assert "is in it twice" in refused(twins, WeightsUnreadableError)
    office = archive(tmp_path / "b.npz", ("word/document.xml", b"<w/>"))
    assert "is no array of NumPy" in refused(office, WeightsFormatError)
    unusual = archive(tmp_path / "c.npz", ("conv1_1_W.npy", array), method=zipfile.ZIP_LZMA)
    assert "packed in an unusual way" in refused(unusual, WeightsUnreadableError)
    locked = archive(tmp_path / "d.npz", ("conv1_1_W.npy", array))
    content = bytearray(locked.read_bytes())
    for place in (6, content.index(b"PK\x01\x02") + 8):
        content[place] |= 1
    locked.write_bytes(content)
    assert "is encrypted" in refused(locked, WeightsUnreadableError)
    outside = archive(tmp_path / "e.npz", ("../../conv1_1_W.npy", array))
    refused(outside, WeightsFormatError)


# --- HDF5 -------------------------------------------------------------------------------------


def keras_file(folder: Path) -> Path:
    return write_old_keras(folder / "a.h5", keras_layers("vgg16"))


KERNEL = "block1_conv1/block1_conv1_W_1:0"


def replaced(folder: Path, make: Callable[[h5py.File, np.ndarray], None]) -> Path:
    """A file in which ``make`` puts something else in the place of the first kernel."""
    path = keras_file(folder)
    with h5py.File(path, "r+") as file:
        value = file[KERNEL][:]
        del file[KERNEL]
        make(file, value)
    return path


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.zeros((3, 3, 3, 4), np.float32)
    outside = h5py.ExternalLink(str(secret), "kernel")
    inside = h5py.SoftLink("/block1_conv2/block1_conv2_W_1:0")
    for link in (outside, inside):
        path = replaced(tmp_path, lambda file, _, link=link: file.__setitem__(KERNEL, link))
        message = refused(path, WeightsElsewhereError)
        assert message.endswith(f"“{KERNEL}” is a link.")


def test_storage_in_other_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(432))

    def external(file: h5py.File, value: np.ndarray) -> None:
        file.create_dataset(KERNEL, value.shape, "f4", external=[(str(secret), 0, 432)])

    def virtual(file: h5py.File, value: np.ndarray) -> None:
        layout = h5py.VirtualLayout(value.shape, "f4")
        layout[:] = h5py.VirtualSource(str(secret), "x", value.shape)
        file.create_virtual_dataset(KERNEL, layout)

    for make in (external, virtual):
        message = refused(replaced(tmp_path, make), WeightsElsewhereError)
        assert message.endswith("is stored in another file.")


def test_a_group_within_itself(tmp_path: Path) -> None:
    path = keras_file(tmp_path)
    with h5py.File(path, "r+") as file:
        for number in range(10):
            file[f"block1_conv1/loop{number}"] = file["block1_conv1"]
    begin = time.perf_counter()
    refused(path, WeightsUnreadableError)
    assert time.perf_counter() - begin < 10


@pytest.mark.parametrize(
    ("dtype", "told"),
    [
        (np.dtype([("a", "f4"), ("b", "i4")]), "a structure"),
        (h5py.string_dtype(), "object"),
        (h5py.vlen_dtype(np.float32), "object"),
        (np.dtype("i4"), "int32"),
        (np.dtype("c8"), "complex64"),
        (h5py.ref_dtype, "object"),
    ],
)
def test_other_types(dtype: np.dtype, told: str, tmp_path: Path) -> None:
    path = replaced(tmp_path, lambda file, value: file.create_dataset(KERNEL, value.shape, dtype))
    message = refused(path, WeightsTypeError)
    assert message.endswith(f"for the layer conv1_1, is stored as {told}.")


def test_a_dataset_that_was_never_written(tmp_path: Path) -> None:
    # HDF5 would make up 4 TB of zeros.
    path = replaced(tmp_path, lambda file, _: file.create_dataset(KERNEL, (1 << 20, 1 << 20), "f4"))
    assert "has 0 bytes instead of 4,398,046,511,104" in refused(path, WeightsUnreadableError)


def test_pieces_that_were_never_written(tmp_path: Path) -> None:
    path = replaced(
        tmp_path,
        lambda file, value: file.create_dataset(KERNEL, value.shape, "f4", chunks=(1, 3, 3, 4)),
    )
    assert "was not written completely" in refused(path, WeightsUnreadableError)


def test_pieces_larger_than_any_memory(tmp_path: Path) -> None:
    path = replaced(
        tmp_path,
        lambda file, _: file.create_dataset(
            KERNEL, (1,), "f4", chunks=(1 << 29,), maxshape=(None,), compression="gzip"
        ),
    )
    assert "stored in 1 pieces of 2,147,483,648 bytes" in refused(path, WeightsUnreadableError)


def test_filters_that_are_no_part_of_hdf5(tmp_path: Path) -> None:
    path = replaced(
        tmp_path, lambda file, value: file.create_dataset(KERNEL, data=value, compression="lzf")
    )
    assert "packed by unknown means (HDF5's filter 32000)" in refused(path, WeightsUnreadableError)


def test_a_piece_that_grows_without_end(tmp_path: Path) -> None:
    import zlib  # noqa: PLC0415

    def bomb(file: h5py.File, value: np.ndarray) -> None:
        dataset = file.create_dataset(
            KERNEL, value.shape, "f4", chunks=value.shape, compression="gzip"
        )
        dataset.id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(1 << 28), 9))

    path = replaced(tmp_path, bomb)
    grown = memory_of(lambda: refused(path, WeightsUnreadableError))
    assert grown < 100 << 20


def test_a_cut_file_of_hdf5(tmp_path: Path) -> None:
    path = keras_file(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refused(path, WeightsUnreadableError)


def test_reading_leaves_the_file_alone(tmp_path: Path) -> None:
    path = write_old_keras(tmp_path / "a.h5", keras_layers("vgg16") | {"fc9": {}})
    before = path.read_bytes()
    assert read_weights(path).problem is None
    assert path.read_bytes() == before
    path.unlink()
