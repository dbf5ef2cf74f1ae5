"""Feature maps as pictures: order, scale, and what lies where."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inference.maps import maps_of
from vggscope.inference.colour_maps import COLOUR_MAPS, LEVELS, table
from vggscope.inference.map_pictures import (
    GAP,
    Grid,
    Normalisation,
    Order,
    channel_order,
    grid,
    levels,
    value_range,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.inference.feature_maps import FeatureMaps


def column(*rows: list[float]) -> FeatureMaps:
    """Channels of one row each."""
    return maps_of(np.array(rows, np.float32)[:, None, :])


SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 5))
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
MODEST = st.one_of(st.floats(-100, 100, width=32), st.just(0.0))
NUMBERS = arrays.arrays(np.float32, SHAPES, elements=FINITE)
USUAL = arrays.arrays(np.float32, SHAPES, elements=MODEST)
ANYTHING = arrays.arrays(np.float32, SHAPES, elements=st.floats(width=32))
ORDERS = st.sampled_from(["index", "mean", "max", "zeros"])
NORMALISATIONS = st.sampled_from(["channel", "layer", "fixed"])


# --- order ------------------------------------------------------------------------------------


@given(values=ANYTHING, by=ORDERS)
def test_an_order_has_every_channel_once(values: NDArray[np.float32], by: Order) -> None:
    assert sorted(channel_order(maps_of(values), by)) == list(range(len(values)))


@given(values=ANYTHING, by=ORDERS)
def test_alive_channels_keep_their_order(values: NDArray[np.float32], by: Order) -> None:
    maps = maps_of(values)
    alive = {c for c, one in enumerate(values) if (one[np.isfinite(one)] != 0).any()}
    everyone = channel_order(maps, by)
    assert list(channel_order(maps, by, alive_only=True)) == [c for c in everyone if c in alive]


@given(values=USUAL)
def test_the_strongest_come_first(values: NDArray[np.float32]) -> None:
    maps = maps_of(values)
    for by, figure in (
        ("mean", maps.statistics.mean),
        ("max", maps.statistics.maximum),
        ("zeros", maps.statistics.zeros),
    ):
        found = figure[channel_order(maps, by)]  # type: ignore[arg-type]
        assert (np.diff(found) <= 0).all()


def test_equals_stay_in_the_order_of_their_numbers_and_the_unknown_come_last() -> None:
    maps = column([1, 2], [math.nan, math.nan], [0, 0], [3, 0], [2, 1], [0, 0])
    assert list(channel_order(maps, "mean")) == [0, 3, 4, 2, 5, 1]
    assert list(channel_order(maps, "max")) == [3, 0, 4, 2, 5, 1]
    assert list(channel_order(maps, "zeros")) == [2, 5, 3, 0, 4, 1]
    assert list(channel_order(maps, "index", alive_only=True)) == [0, 3, 4]


@pytest.mark.parametrize("by", ["mean", "max", "zeros"])
def test_many_equals_stay_in_order(by: Order) -> None:
    """Sorting is done otherwise where there is more to sort."""
    values = np.zeros((300, 1, 1), np.float32)
    values[::3] = 1
    order = channel_order(maps_of(values), by)
    first, second = np.arange(0, 300, 3), np.flatnonzero(np.arange(300) % 3)
    expected = [*second, *first] if by == "zeros" else [*first, *second]
    assert order.tolist() == expected


def test_what_a_relu_gets_is_alive_below_0() -> None:
    assert list(channel_order(column([-1, -2], [0, 0]), "index", alive_only=True)) == [0]


# --- ranges and levels ------------------------------------------------------------------------


def test_ranges() -> None:
    maps = column([0, 4], [-1, 1], [2, 2])
    low, high = value_range(maps, "channel")
    assert (list(low), list(high)) == ([0, -1, 2], [4, 1, 2])
    low, high = value_range(maps, "layer")
    assert (list(low), list(high)) == ([-1] * 3, [4] * 3)
    low, high = value_range(maps, "channel", symmetric=True)
    assert (list(low), list(high)) == ([-4, -1, -2], [4, 1, 2])
    assert value_range(maps, "fixed", channel=1, fixed=(-2, 3)) == (-2, 3)
    assert value_range(maps, "fixed", channel=1, fixed=(-2, 3), symmetric=True) == (-3, 3)
    assert value_range(maps, "channel", channel=0) == (0, 4)


def test_units_are_compared_with_each_other() -> None:
    maps = maps_of(np.array([1, 2, 5], np.float32).reshape(3, 1, 1), "fc6")
    assert value_range(maps, "channel", channel=1) == (1, 5)
    assert levels(maps, "channel").ravel().tolist() == [0, 64, 254]


@pytest.mark.parametrize(
    "fixed", [(1, 0), (1, 1), (math.nan, 1), (0, math.inf), (-1e300, 1e300), (0, 1e-320)]
)
def test_what_is_no_range(fixed: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="no range"):
        value_range(column([0, 1]), "fixed", fixed=fixed)


@given(values=NUMBERS, normalisation=NORMALISATIONS, symmetric=st.booleans())
def test_levels_rise_with_values(
    values: NDArray[np.float32], normalisation: Normalisation, symmetric: bool
) -> None:
    shown = levels(maps_of(values), normalisation, symmetric=symmetric)
    assert shown.shape == values.shape
    assert shown.max() < GAP
    whole = normalisation != "channel"
    for one, its in [(values, shown)] if whole else zip(values, shown, strict=True):
        order = np.argsort(one.ravel(), kind="stable")
        assert (np.diff(its.ravel()[order].astype(int)) >= 0).all()


@given(values=NUMBERS, normalisation=NORMALISATIONS, symmetric=st.booleans())
def test_levels_are_equal_steps_of_the_range(
    values: NDArray[np.float32], normalisation: Normalisation, symmetric: bool
) -> None:
    """Against the same in float64, one value at a time."""
    maps = maps_of(values)
    low, high = value_range(maps, normalisation, symmetric=symmetric)
    shown = levels(maps, normalisation, symmetric=symmetric)
    for (channel, row, position), value in np.ndenumerate(values.astype(float)):
        span = high[channel] - low[channel]
        if span:
            exact = min(max((value - low[channel]) / span, 0), 1) * 254
        else:
            exact = 127 if symmetric else 0
        # Half a level is what rounding takes; float32 may decide a tie otherwise.
        assert abs(int(shown[channel, row, position]) - exact) <= 0.53


@given(values=NUMBERS, normalisation=NORMALISATIONS)
def test_0_is_in_the_middle_of_a_symmetric_range(
    values: NDArray[np.float32], normalisation: Normalisation
) -> None:
    values[0, 0, 0] = 0
    shown = levels(maps_of(values), normalisation, symmetric=True)
    assert (shown[values == 0] == 127).all()


@given(values=ANYTHING, normalisation=NORMALISATIONS, symmetric=st.booleans())
def test_what_is_no_number_is_a_gap(
    values: NDArray[np.float32], normalisation: Normalisation, symmetric: bool
) -> None:
    maps = maps_of(values)
    shown = levels(maps, normalisation, symmetric=symmetric)
    assert ((shown == GAP) == ~np.isfinite(values)).all()
    # One channel alone looks as among the others.
    alone = levels(maps, normalisation, symmetric=symmetric, channel=len(values) - 1)
    assert np.array_equal(alone, shown[-1:])


@pytest.mark.parametrize("value", [0.0, 7.0, -3.5, 1e30, 1e-40])
def test_maps_of_one_value(value: float) -> None:
    maps = maps_of(np.full((3, 4, 4), value, np.float32))
    assert (levels(maps, "channel") == 0).all()
    middle = 127 if value == 0 else 254 if value > 0 else 0
    assert (levels(maps, "layer", symmetric=True) == middle).all()


@pytest.mark.parametrize("width", [1e-40, 1e-20, 1.0, 1e30])
def test_values_far_outside_of_a_fixed_range(width: float) -> None:
    values = np.array([[[-3.4e38, 3.4e38]]], np.float32)
    assert levels(maps_of(values), "fixed", fixed=(0, width)).ravel().tolist() == [0, 254]


def test_values_that_are_close_together_far_from_0() -> None:
    """Where float32 has only eight values left, they still get levels of equal distance."""
    values = (2.0**24 + 2 * np.arange(8)).astype(np.float32)
    shown = levels(maps_of(values.reshape(1, 2, 4)), "channel")
    assert shown.ravel().tolist() == [round(254 * step / 7) for step in range(8)]


# --- the grid ---------------------------------------------------------------------------------


@st.composite
def grids(draw: st.DrawFn) -> tuple[FeatureMaps, Grid]:
    maps = maps_of(draw(USUAL))
    order = draw(st.permutations(range(len(maps.values))))
    shown = draw(st.integers(1, len(order)))
    return maps, grid(
        maps,
        order=np.array(order[:shown], np.intp),
        normalisation=draw(NORMALISATIONS),
        symmetric=draw(st.booleans()),
        aspect=draw(st.floats(0.05, 20)),
    )


@given(drawn=grids())
def test_every_pixel_is_a_value_or_a_gap(drawn: tuple[FeatureMaps, Grid]) -> None:
    _, made = drawn
    inside = np.zeros(made.pixels.shape, bool)
    for position, channel in enumerate(made.order):
        x, y, width, height = made.tile_box(position)
        assert not inside[y : y + height, x : x + width].any()
        inside[y : y + height, x : x + width] = True
        for row in range(height):
            for across in range(width):
                assert made.cell_at(x + across, y + row) == (channel, row, across)
                assert made.cell_at(x + across + 0.99, y + row + 0.99) == (channel, row, across)
    assert made.pixels.flags.c_contiguous
    assert made.pixels.dtype == np.uint8
    assert ((made.pixels == GAP) == ~inside).all()
    for y, x in np.argwhere(~inside):
        assert made.cell_at(x, y) is None


@given(drawn=grids())
def test_outside_of_the_grid_is_nothing(drawn: tuple[FeatureMaps, Grid]) -> None:
    _, made = drawn
    height, width = made.pixels.shape
    for x, y in ((-1, 0), (0, -1), (-0.5, 0), (width + made.gap, 0), (0, height + made.gap)):
        assert made.cell_at(x, y) is None
    for position in (-1, len(made.order)):
        with pytest.raises(IndexError):
            made.tile_box(position)


@given(values=ANYTHING, normalisation=NORMALISATIONS, symmetric=st.booleans())
def test_a_grid_shows_levels(
    values: NDArray[np.float32], normalisation: Normalisation, symmetric: bool
) -> None:
    maps = maps_of(values)
    order = channel_order(maps, "max")
    made = grid(maps, order=order, normalisation=normalisation, fixed=(-2, 5), symmetric=symmetric)
    expected = levels(maps, normalisation, fixed=(-2, 5), symmetric=symmetric)
    low, high = value_range(maps, normalisation, fixed=(-2, 5), symmetric=symmetric)
    assert np.array_equal(made.low, low[order])
    assert np.array_equal(made.high, high[order])
    for position, channel in enumerate(order):
        x, y, width, height = made.tile_box(position)
        assert np.array_equal(made.pixels[y : y + height, x : x + width], expected[channel])


@pytest.mark.parametrize(("aspect", "columns"), [(0.01, 1), (1, 8), (4, 16), (1000, 64)])
def test_a_grid_has_the_shape_that_was_asked_for(aspect: float, columns: int) -> None:
    maps = maps_of(np.zeros((64, 14, 14), np.float32))
    made = grid(maps, order=channel_order(maps, "index"), aspect=aspect)
    assert (made.columns, made.tile, made.gap) == (columns, (14, 14), 1)
    assert made.pixels.shape == (64 // columns * 15 - 1, columns * 15 - 1)


def test_units_stand_without_gaps() -> None:
    maps = maps_of(np.arange(4096, dtype=np.float32).reshape(-1, 1, 1), "fc6")
    made = grid(maps, order=channel_order(maps, "index"))
    assert made.pixels.shape == (64, 64)
    assert made.gap == 0
    assert (made.pixels.max(), made.cell_at(63, 63)) == (254, (4095, 0, 0))


def test_no_channel_no_picture() -> None:
    maps = maps_of(np.zeros((4, 3, 3), np.float32))
    made = grid(maps, order=channel_order(maps, "index", alive_only=True))
    assert made.pixels.shape == (0, 0)
    assert made.cell_at(0, 0) is None


@pytest.mark.parametrize("shape", [(64, 224, 224), (512, 14, 14)])
def test_a_grid_is_ready_at_once(shape: tuple[int, int, int]) -> None:
    """Measured 4 and 0.3 ms: the bound is for machines that are busy with something else."""
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    maps = maps_of(np.maximum(values, 0))
    order = channel_order(maps, "index")

    def seconds() -> float:
        started = time.perf_counter()
        grid(maps, order=order)
        return time.perf_counter() - started

    assert min(seconds() for _ in range(7)) < 0.03


# --- colours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colour_maps_have_a_colour_for_each_level(name: str) -> None:
    colours = table(name)
    assert (colours.shape, colours.dtype) == ((LEVELS, 3), np.uint8)
    assert not colours.flags.writeable
    # Small steps everywhere: no line appears where values change slowly.
    assert abs(np.diff(colours.astype(int), axis=0)).max() <= 8


def _lightness(colours: NDArray[np.uint8]) -> NDArray[Any]:
    """CIE L*, 0..100."""
    linear = np.where(
        colours <= 10, colours / 255 / 12.92, ((colours / 255 + 0.055) / 1.055) ** 2.4
    )
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


@pytest.mark.parametrize("name", [name for name in COLOUR_MAPS if name != "diverging"])
def test_larger_is_lighter(name: str) -> None:
    lightness = _lightness(table(name))
    # Colours of 8 bits are as far off as this.
    assert np.diff(lightness).min() > -0.2
    assert lightness[-1] - lightness[0] > 70


def test_the_diverging_map_is_blue_below_0_and_red_above() -> None:
    colours = table("diverging").astype(int)
    assert (colours[127] == 247).all()
    assert (colours[:127, 2] > colours[:127, 0]).all()
    assert (colours[128:, 0] > colours[128:, 2]).all()
    lightness = _lightness(table("diverging"))
    assert np.argmax(lightness) == 127


def test_known_colours() -> None:
    """Ends as published; the middle between the two middle ones of 256."""
    assert table("viridis")[[0, 127, 254]].tolist() == [[68, 1, 84], [33, 144, 140], [253, 231, 37]]
    assert table("inferno")[[0, 254]].tolist() == [[0, 0, 4], [252, 255, 164]]
    assert table("gray")[[0, 254]].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_no_such_colour_map() -> None:
    with pytest.raises(ValueError, match="jet"):
        table("jet")
