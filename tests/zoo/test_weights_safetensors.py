"""Our reader of safetensors: what it reads is what the package wrote, and nothing surprises it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors.numpy import load, save

from vggscope.errors import WeightsUnreadableError
from vggscope.zoo.weights_safetensors import SafetensorsSource
from zoo.vgg_files import safetensors_bytes

if TYPE_CHECKING:
    from pathlib import Path

TYPES = ("<f2", "<f4", "<f8", "<i8", "|u1", "|b1")
ARRAYS = npst.arrays(
    st.sampled_from(TYPES).map(np.dtype),
    npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
FILES = st.dictionaries(
    st.text(max_size=8).filter(lambda n: n != "__metadata__"), ARRAYS, max_size=5
)
PLAIN = {
    "a": ("F32", (2, 2), bytes(range(16))),
    "b": ("F16", (3,), bytes(6)),
}
quickly = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("safetensors") / "a.safetensors"


def contents(path: Path) -> dict[str, np.ndarray]:
    """All that the reader reads, along the first axis and along the last."""
    found = {}
    with SafetensorsSource(path) as source:
        for name, tensor in source.tensors.items():
            first = source.read(tensor, 0, tensor.shape[0] if tensor.shape else 1, axis=0)
            if tensor.shape:
                last = source.read(tensor, 0, tensor.shape[-1], axis=-1)
                np.testing.assert_array_equal(first, last)
            found[name] = first.reshape(tensor.shape)
    return found


@quickly
@given(FILES)
def test_reads_what_the_package_writes(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.write_bytes(save(arrays, {"format": "pt"}))
    found = contents(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@quickly
@given(FILES, st.data())
def test_damage_is_refused_or_harmless(
    path: Path, arrays: dict[str, np.ndarray], data: st.DataObject
) -> None:
    content = bytearray(save(arrays))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        change = data.draw(st.sampled_from(["set", "cut", "grow"]))
        if change == "set":
            content[place] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del content[place + 1 :]
        else:
            content[place:place] = data.draw(st.binary(min_size=1, max_size=9))
    path.write_bytes(content)
    try:
        found = contents(path)
    except WeightsUnreadableError as error:
        assert "a.safetensors" in error.message  # noqa: PT017 (either is right)
        return
    # What it takes, the package takes too, and both read the same.
    reference = load(bytes(content))
    assert found.keys() == reference.keys()
    for name, array in reference.items():
        np.testing.assert_array_equal(found[name], array)


@quickly
@given(st.binary(max_size=64), st.integers(0, 2**64 - 1))
def test_any_bytes(path: Path, rest: bytes, length: int) -> None:
    path.write_bytes(length.to_bytes(8, "little") + rest)
    with pytest.raises(WeightsUnreadableError):
        contents(path)


def entry(**changes: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} | changes


LIES = {
    "nothing": (b"", "ends before its header"),
    "half a length": (b"\x01\x00\x00", "ends before its header"),
    "header beyond the end": (
        (1 << 40).to_bytes(8, "little") + b"{}",
        "ends before its header of 1,099,511,627,776 bytes",
    ),
    "header without an end": ((2**63 - 1).to_bytes(8, "little") + b"{", "ends before its header"),
    "no JSON": ((4).to_bytes(8, "little") + b"{,,}", "malformed"),
    "no UTF-8": ((4).to_bytes(8, "little") + b'{"\xff}', "malformed"),
    "a list": ((2).to_bytes(8, "little") + b"[]", "no JSON object"),
    "a deep list": ((100_000).to_bytes(8, "little") + b"[" * 100_000, "malformed"),
    "a long number": ((10_000).to_bytes(8, "little") + b"9" * 10_000, "malformed"),
    "not a number": (
        safetensors_bytes(PLAIN, a=entry(shape=[float("nan")])),
        "NaN is no number",
    ),
    "offsets beyond the end": (
        safetensors_bytes(PLAIN, b=entry(dtype="F16", shape=[3], data_offsets=[16, 1 << 40])),
        "bytes instead of 6",
    ),
    "all offsets beyond the end": (
        safetensors_bytes({"a": PLAIN["a"]}, a=entry(shape=[1 << 40], data_offsets=[0, 1 << 42])),
        "bytes instead of",
    ),
    "offsets backwards": (
        safetensors_bytes(
            {"a": PLAIN["a"]},
            a=entry(data_offsets=[0, 0]),
            b=entry(shape=[0], data_offsets=[0, -4]),
        ),
        "malformed",
    ),
    "offsets from the end": (
        safetensors_bytes({"a": PLAIN["a"]}, a=entry(data_offsets=[16, 0])),
        "follows a gap",
    ),
    "negative offsets": (safetensors_bytes(PLAIN, a=entry(data_offsets=[-16, 0])), "malformed"),
    "one over another": (
        safetensors_bytes(PLAIN, b=entry(data_offsets=[0, 16])),
        "lies over another",
    ),
    "one within another": (
        safetensors_bytes(PLAIN, b=entry(dtype="F16", shape=[3], data_offsets=[8, 14])),
        "lies over another",
    ),
    "a gap": (
        safetensors_bytes({"a": PLAIN["a"]}, a=entry(shape=[3], data_offsets=[4, 16])),
        "follows a gap",
    ),
    "bytes behind the end": (safetensors_bytes(PLAIN) + b"x", "instead of"),
    "another shape": (safetensors_bytes(PLAIN, a=entry(shape=[2, 3])), "16 bytes instead of 24"),
    "a shape that overflows": (
        safetensors_bytes(PLAIN, a=entry(shape=[1 << 40, 1 << 40])),
        "instead of",
    ),
    "a negative side": (safetensors_bytes(PLAIN, a=entry(shape=[-2, -2])), "malformed"),
    "many axes": (safetensors_bytes(PLAIN, a=entry(shape=[1] * 9)), "malformed"),
    "a truth for a side": (safetensors_bytes(PLAIN, a=entry(shape=[True, 4])), "malformed"),
    "an unknown type": (safetensors_bytes(PLAIN, a=entry(dtype="F4")), "unknown type 'F4'"),
    "a type with words": (safetensors_bytes(PLAIN, a=entry(dtype=7)), "malformed"),
    "unknown fields": (safetensors_bytes(PLAIN, a=entry(run="rm")), "malformed"),
    "strange metadata": (safetensors_bytes(PLAIN, __metadata__={"a": [1]}), "malformed"),
}


@pytest.mark.parametrize(("content", "reason"), LIES.values(), ids=LIES)
def test_lies(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "lie.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsUnreadableError) as caught:
        contents(path)
    assert "“lie.safetensors”" in caught.value.message
    assert reason in caught.value.message


def test_a_name_twice(tmp_path: Path) -> None:
    one = json.dumps({"a": entry()})[1:-1]
    header = f"{{{one}, {one}}}".encode()
    path = tmp_path / "twins.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(WeightsUnreadableError, match="a name comes twice"):
        contents(path)


def test_more_tensors_than_any_network(tmp_path: Path) -> None:
    path = tmp_path / "many.safetensors"
    path.write_bytes(safetensors_bytes({f"t{n}": ("U8", (0,), b"") for n in range(10_001)}))
    with pytest.raises(WeightsUnreadableError, match="10,001 tensors"):
        contents(path)


def test_a_header_longer_than_any_network_needs(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    with path.open("wb") as file:
        file.write((20 << 20).to_bytes(8, "little"))
        file.truncate(21 << 20)
    with pytest.raises(WeightsUnreadableError, match="more than any network needs"):
        contents(path)


def test_a_file_that_shrinks_while_it_is_read(path: Path) -> None:
    # Larger than what Python reads ahead.
    path.write_bytes(safetensors_bytes({"a": ("F32", (10_000,), bytes(40_000))}))
    with SafetensorsSource(path) as source:
        path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(WeightsUnreadableError, match="in the middle of “a”"):
            source.read(source.tensors["a"], 0, 10_000, axis=0)
