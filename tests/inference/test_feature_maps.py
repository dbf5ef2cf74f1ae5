"""Figures of feature maps, and where on the picture a position looks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inference.maps import layer, maps_of
from vggscope.inference.preprocessing import CropBox
from vggscope.vgg.network import Kind, Operation, build_network, receptive_field_box

if TYPE_CHECKING:
    from numpy.typing import NDArray


FLOATS = st.floats(-1e6, 1e6, width=32)
VALUES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)),
    elements=st.one_of(FLOATS, st.just(0.0)),
)
BROKEN = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    elements=st.one_of(FLOATS, st.sampled_from([np.nan, np.inf, -np.inf])),
)


@given(values=VALUES)
def test_statistics_are_those_of_each_channel(values: NDArray[np.float32]) -> None:
    found = maps_of(values).statistics
    for channel, one in enumerate(values.astype(float)):
        assert found.minimum[channel] == one.min()
        assert found.maximum[channel] == one.max()
        assert found.mean[channel] == pytest.approx(one.mean(), abs=1e-3, rel=1e-5)
        assert found.std[channel] == pytest.approx(one.std(), abs=1e-3, rel=1e-5)
        assert found.zeros[channel] == np.count_nonzero(one == 0) / one.size
        assert found.missing[channel] == 0


@given(values=BROKEN)
def test_what_is_no_number_is_left_out(values: NDArray[np.float32]) -> None:
    maps = maps_of(values)
    found = maps.statistics
    for channel, one in enumerate(values):
        finite = one[np.isfinite(one)]
        assert np.isnan(found.maximum[channel]) == (finite.size == 0)
        assert found.missing[channel] == pytest.approx(1 - finite.size / one.size)
        if finite.size:
            assert found.maximum[channel] == finite.max()
        positions = maps.strongest(channel, 99)
        assert len(positions) == finite.size
        assert maps.histogram(channel).counts.sum() == finite.size


@given(values=VALUES, bins=st.integers(1, 20))
def test_a_histogram_counts_every_value(values: NDArray[np.float32], bins: int) -> None:
    maps = maps_of(values)
    whole = maps.histogram(bins=bins)
    assert whole.counts.shape == (bins,)
    assert whole.counts.sum() == values.size
    assert (whole.low, whole.high) == (values.min(), values.max())
    assert sum(maps.histogram(c).counts.sum() for c in range(len(values))) == values.size


@given(values=VALUES, count=st.integers(0, 12))
def test_the_strongest_positions(values: NDArray[np.float32], count: int) -> None:
    found = maps_of(values).strongest(0, count)
    assert len(found) == min(count, values[0].size)
    assert len({(p.row, p.column) for p in found}) == len(found)
    assert [p.value for p in found] == sorted(values[0].ravel(), reverse=True)[:count]
    assert all(values[0, p.row, p.column] == p.value for p in found)


@given(row=st.integers(0, 55), column=st.integers(0, 55))
def test_receptive_fields_end_at_the_borders(row: int, column: int) -> None:
    maps = maps_of(np.zeros((256, 56, 56), np.float32))
    box = maps.receptive_field(row, column)
    left, top, right, bottom = receptive_field_box(layer("conv3_3"), row, column)
    assert box == (max(left, 0), max(top, 0), min(right, 224), min(bottom, 224))
    assert 0 <= box.left < box.right <= 224
    assert box.right - box.left <= 40
    maps = replace(maps, crop=CropBox(100, 50, 548, 498), picture_size=(640, 548))
    on_picture = maps.on_picture(box)
    # Two pixels of the picture for each of the network.
    assert on_picture.left == 100 + 2 * box.left
    assert on_picture.bottom == 50 + 2 * box.bottom


@given(row=st.integers(0, 18), column=st.integers(0, 18))
def test_a_value_of_a_shrunk_map_sees_what_all_its_positions_see(row: int, column: int) -> None:
    """56 positions, three by three: the last square holds two in each direction."""
    maps = replace(maps_of(np.zeros((256, 19, 19), np.float32)), shrunk=3)
    whole = maps_of(np.zeros((256, 56, 56), np.float32))
    boxes = [
        whole.receptive_field(r, c)
        for r in range(3 * row, min(3 * row + 3, 56))
        for c in range(3 * column, min(3 * column + 3, 56))
    ]
    assert maps.receptive_field(row, column) == (
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def test_the_last_value_of_a_shrunk_map_sees_no_more_than_the_last_position() -> None:
    """Nine windows of three leave the last one of twenty pixels alone."""
    window = Operation(name="conv", kind=Kind.CONVOLUTION, kernel=(3, 3), stride=(2, 2), units=1)
    network = build_network(name="n", title="N", input_shape=(20, 20, 3), operations=[window])
    maps = replace(
        maps_of(np.zeros((1, 5, 5), np.float32)),
        layer=network.layers[1],
        input_size=(20, 20),
        shrunk=2,
    )
    assert maps.receptive_field(4, 4) == (16, 16, 19, 19)
    assert maps.receptive_field(0, 3) == (12, 0, 17, 5)


def test_a_fully_connected_unit_sees_everything() -> None:
    maps = maps_of(np.zeros((4096, 1, 1), np.float32), "fc6")
    assert maps.is_vector
    assert maps.receptive_field(0, 0) == (0, 0, 224, 224)
    assert maps.on_picture(maps.receptive_field(0, 0)) == maps.crop


def test_borders_around_a_picture_are_not_of_it() -> None:
    """Letterboxed, the network sees more than there is."""
    maps = maps_of(
        np.zeros((64, 224, 224), np.float32),
        "conv1_1",
        crop=CropBox(0, -112, 448, 336),
        picture_size=(448, 224),
    )
    assert maps.on_picture(CropBox(0, 0, 224, 224)) == (0, 0, 448, 224)


def test_values_that_no_float_can_tell_apart() -> None:
    values = np.full((1, 2, 2), 1e30, np.float32)
    values[0, 0, 0] = np.nextafter(np.float32(1e30), np.float32(2e30))
    assert maps_of(values).histogram(0).counts.sum() == 4
