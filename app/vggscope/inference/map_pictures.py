"""Feature maps as pictures of 8 bits: in which order, on which scale, side by side.

Colours come later, from a table (``colour_maps``): a new one costs no new picture. Levels 0..254
stand for values; ``GAP`` for what has none, the gaps between maps and numbers that are not finite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.inference.feature_maps import FeatureMaps

    Floats: TypeAlias = NDArray[np.float64]

Order: TypeAlias = Literal["index", "mean", "max", "zeros"]
Normalisation: TypeAlias = Literal["channel", "layer", "fixed"]

GAP: Final = 255
"""The level of what has no value."""
_TOP: Final = GAP - 1
_BLOCK: Final = 1 << 16
"""Values that are turned into levels at once: so many stay in a core's cache from step to step."""
_LARGEST: Final = float(np.finfo(np.float32).max)
_SMALLEST: Final = 2.0**-149
"""What float32 can tell from 0."""
_MODERATE: Final = (1e-30, 1e30)
"""Widths of ranges that can be divided by in float32."""
_STEPS_AWAY: Final = 1e3
"""How many times its width from 0 a range may begin, so that rounding by float32 moves no value by
more than a fiftieth of a level."""
_SIDE_PER_GAP: Final = 64
"""Maps this large, and smaller ones, stand one pixel apart; larger ones in proportion."""


def channel_order(maps: FeatureMaps, by: Order, *, alive_only: bool = False) -> NDArray[np.intp]:
    """The channels as they are to be shown.

    Args:
        maps: of which layer.
        by: "index": as the network numbers them. "mean", "max": the strongest first. "zeros":
            those with the most zeros first. Equals stay in the order of their numbers; channels
            without any finite value come last.
        alive_only: leave out those without any finite value other than 0. What a ReLU lets through
            is positive, what it gets may be negative: both are alive.
    """
    order: NDArray[np.intp]
    if by == "index":
        order = np.arange(len(maps.values))
    else:
        key = _figures_to_sort_by(maps, by)
        # NaN, of channels without values, is sorted to the end.
        order = np.argsort(-key, kind="stable")
    if not alive_only:
        return order
    low, high = _extremes(maps)
    # NaN differs from 0 as well.
    alive = ((low != 0) | (high != 0)) & np.isfinite(high)
    alive_ones: NDArray[np.intp] = order[alive[order]]
    return alive_ones


def strongest_channel(maps: FeatureMaps) -> int:
    """The channel with the largest value, the first of equals; 0 if none has a finite value."""
    _, high = _extremes(maps)
    return int(np.argmax(np.nan_to_num(high, nan=-np.inf)))


@overload
def value_range(
    maps: FeatureMaps,
    normalisation: Normalisation,
    *,
    channel: None = None,
    fixed: tuple[float, float] = ...,
    symmetric: bool = ...,
) -> tuple[Floats, Floats]: ...


@overload
def value_range(
    maps: FeatureMaps,
    normalisation: Normalisation,
    *,
    channel: int,
    fixed: tuple[float, float] = ...,
    symmetric: bool = ...,
) -> tuple[float, float]: ...


def value_range(
    maps: FeatureMaps,
    normalisation: Normalisation,
    *,
    channel: int | None = None,
    fixed: tuple[float, float] = (0.0, 1.0),
    symmetric: bool = False,
) -> tuple[Floats, Floats] | tuple[float, float]:
    """The values that levels 0 and 254 stand for.

    Args:
        maps: of which layer.
        normalisation: "channel": from the smallest to the largest value of each channel; units
            that have one value alone are compared with each other, as by "layer". "layer": of all
            channels. "fixed": ``fixed``.
        channel: which one; None for all.
        fixed: (low, high).
        symmetric: widen the range so that 0 lies in its middle.

    Returns:
        (low, high): two numbers for one channel, two arrays [C] for all. Both 0 where there is no
        finite value.

    Raises:
        ValueError: ``fixed`` is no range.
    """
    count = len(maps.values)
    if normalisation == "fixed":
        first, last = fixed
        if not (first >= -_LARGEST and last <= _LARGEST and last - first >= _SMALLEST):
            raise ValueError(f"no range of float32: {fixed}")
        low, high = np.full(count, float(first)), np.full(count, float(last))
    else:
        low, high = _extremes(maps)
        if normalisation == "layer" or maps.values[0].size == 1:
            known = np.isfinite(low)
            low = np.full(count, low[known].min() if known.any() else 0.0)
            high = np.full(count, high[known].max() if known.any() else 0.0)
        low, high = np.nan_to_num(low, nan=0.0), np.nan_to_num(high, nan=0.0)
    if symmetric:
        high = np.maximum(abs(low), abs(high))
        low = -high
    return (low, high) if channel is None else (float(low[channel]), float(high[channel]))


def levels(
    maps: FeatureMaps,
    normalisation: Normalisation,
    *,
    channel: int | None = None,
    fixed: tuple[float, float] = (0.0, 1.0),
    symmetric: bool = False,
) -> NDArray[np.uint8]:
    """Values as levels: uint8 [C, H, W], 0..254, or ``GAP`` where a value is not finite.

    Of one channel, [1, H, W]. The arguments are those of ``value_range``; what lies outside of the
    range gets its first or last level. Where all values are the same, they are level 0; if
    ``symmetric``, the level of their sign: 0 is always level 127.

    Raises:
        ValueError: ``fixed`` is no range.
    """
    ranges = value_range(maps, normalisation, fixed=fixed, symmetric=symmetric)
    order = np.arange(len(maps.values)) if channel is None else np.array([channel])
    return _quantised(maps.values, order, ranges, is_centred=symmetric)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Grid:
    """Maps side by side, row after row.

    Attributes:
        pixels: levels and gaps, uint8 [h, w], contiguous; (0, 0) if no channel is shown.
        order: the channels shown, [C shown].
        columns: how many maps stand in a row.
        tile: (width, height) of a map in pixels, one for each of its positions.
        gap: pixels between maps; 0 between units, which are single pixels.
        low, high: what levels 0 and 254 of each map stand for, float64 [C shown].
    """

    pixels: NDArray[np.uint8]
    order: NDArray[np.intp]
    columns: int
    tile: tuple[int, int]
    gap: int
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def cell_at(self, x: float, y: float) -> tuple[int, int, int] | None:
        """What lies at a point of the picture: (channel, row, column), None in a gap."""
        width, height = self.tile
        across, column = divmod(math.floor(x), width + self.gap)
        down, row = divmod(math.floor(y), height + self.gap)
        position = down * self.columns + across
        # One behind the last column would be the first of the next row.
        is_inside = 0 <= across < self.columns and 0 <= position < len(self.order)
        if not is_inside or column >= width or row >= height:
            return None
        return int(self.order[position]), row, column

    def tile_box(self, position: int) -> tuple[int, int, int, int]:
        """Where the map at ``position`` of ``order`` lies: (x, y, width, height).

        Raises:
            IndexError: there is no such position.
        """
        if not 0 <= position < len(self.order):
            raise IndexError(position)
        width, height = self.tile
        down, across = divmod(position, self.columns)
        return across * (width + self.gap), down * (height + self.gap), width, height


def grid(  # noqa: PLR0913 (what the user can choose)
    maps: FeatureMaps,
    *,
    order: NDArray[np.intp],
    normalisation: Normalisation = "channel",
    fixed: tuple[float, float] = (0.0, 1.0),
    symmetric: bool = False,
    aspect: float = 1.0,
) -> Grid:
    """The channels ``order`` (see ``channel_order``) as one picture.

    Args:
        maps: of which layer.
        order: which channels, and where: in reading order.
        normalisation: see ``value_range``.
        fixed: likewise.
        symmetric: likewise.
        aspect: width ÷ height that the whole should have; a whole number of maps in each row
            comes as close to it as it can.
    """
    _, height, width = maps.values.shape
    side = max(height, width)
    gap = 0 if side == 1 else max(1, side // _SIDE_PER_GAP)
    columns = _columns(len(order), (width + gap, height + gap), aspect)
    ranges = value_range(maps, normalisation, fixed=fixed, symmetric=symmetric)
    shown = _quantised(maps.values, order, ranges, is_centred=symmetric)
    return Grid(
        pixels=_tiled(shown, columns, gap),
        order=order,
        columns=columns,
        tile=(width, height),
        gap=gap,
        low=ranges[0][order],
        high=ranges[1][order],
    )


# --- help -------------------------------------------------------------------------------------


def _extremes(maps: FeatureMaps) -> tuple[Floats, Floats]:
    """Smallest and largest finite value of each channel, [C]; NaN where there is none."""
    flat = maps.values.reshape(len(maps.values), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        figures = maps.statistics
        return figures.minimum, figures.maximum
    return low.astype(np.float64), high.astype(np.float64)


def _figures_to_sort_by(maps: FeatureMaps, by: Order) -> Floats:
    """One of ``FeatureMaps.statistics`` [C]; where all is finite, without working out the rest."""
    flat = maps.values.reshape(len(maps.values), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        figures = maps.statistics
        return {"mean": figures.mean, "max": figures.maximum, "zeros": figures.zeros}[by]
    found: Floats
    if by == "max":
        found = high.astype(np.float64)
    elif by == "mean":
        found = flat.mean(axis=1, dtype=np.float64)
    else:
        found = 1 - np.count_nonzero(flat, axis=1) / flat.shape[1]
    return found


def _quantised(
    values: NDArray[np.float32],
    order: NDArray[np.intp],
    ranges: tuple[Floats, Floats],
    *,
    is_centred: bool,
) -> NDArray[np.uint8]:
    """Levels of the channels ``order``, whose ranges are those of ``value_range``."""
    channels, height, width = values.shape
    flat = values.reshape(channels, height * width)
    result = np.empty((len(order), height, width), np.uint8)
    rows = result.reshape(len(order), height * width)
    low, high = (bound[order] for bound in ranges)
    # Where all values are one number there is nothing to divide by. Around 0 that number can only
    # be 0, which belongs in the middle also then.
    single = low == high
    start = np.where(single & is_centred, -0.5, low)
    span = np.where(single, 1.0, high - low)
    number: type[np.floating] = np.float32 if _suits_float32(start, span) else np.float64
    first_value: NDArray[np.floating] = start.astype(number)[:, None]
    scale: NDArray[np.floating] = (_TOP / span).astype(number)[:, None]
    block = max(1, _BLOCK // (height * width))
    # Values far outside of a fixed range become infinite on the way to its end.
    with np.errstate(over="ignore"):
        for first in range(0, len(order), block):
            part = slice(first, first + block)
            numbers: NDArray[np.floating] = flat[order[part]].astype(number, copy=False)
            finite = np.isfinite(numbers)
            is_whole = finite.all()
            if not is_whole:
                numbers[~finite] = 0
            numbers -= first_value[part]
            numbers *= scale[part]
            # Rounded by what the cast cuts off.
            numbers += 0.5
            np.clip(numbers, 0, _TOP, out=numbers)
            rows[part] = numbers
            if not is_whole:
                rows[part][~finite] = GAP
    return result


def _suits_float32(start: Floats, span: Floats) -> bool:
    """Whether float32 can tell the levels of these ranges apart; float64 always can."""
    is_moderate = (span > _MODERATE[0]) & (span < _MODERATE[1])
    return bool((is_moderate & (abs(start) < _STEPS_AWAY * span)).all())


def _tiled(tiles: NDArray[np.uint8], columns: int, gap: int) -> NDArray[np.uint8]:
    """``tiles`` [C, H, W] side by side, ``columns`` in a row."""
    count, height, width = tiles.shape
    if not count:
        return np.empty((0, 0), np.uint8)
    full, rest = divmod(count, columns)
    rows = full + (rest > 0)
    y_step, x_step = height + gap, width + gap
    pixels = np.full((rows * y_step - gap, columns * x_step - gap), GAP, np.uint8)
    y_stride, x_stride = pixels.strides
    # The same memory as [down, across, row, column]: one copy for all maps.
    view = np.lib.stride_tricks.as_strided(
        pixels,
        (rows, columns, height, width),
        (y_stride * y_step, x_stride * x_step, y_stride, x_stride),
    )
    view[:full] = tiles[: full * columns].reshape(full, columns, height, width)
    if rest:
        view[full, :rest] = tiles[full * columns :]
    return pixels


def _columns(count: int, step: tuple[int, int], aspect: float) -> int:
    """How many of ``count`` maps, each ``step`` (width, height) from the next, make a row."""
    if not count:
        return 0
    columns = np.arange(1, count + 1)
    rows = -(-count // columns)
    found = columns * step[0] / (rows * step[1])
    # Twice as wide is as far off as half as wide.
    return int(columns[np.argmin(abs(np.log(found / aspect)))])
