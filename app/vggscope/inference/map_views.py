"""What a window shows of a layer and of a channel, worked out where it may take its time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vggscope.inference.map_pictures import (
    channel_order,
    grid,
    levels,
    strongest_channel,
    value_range,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.inference.feature_maps import FeatureMaps, Figures, Histogram, Position
    from vggscope.inference.map_pictures import Grid, Normalisation, Order
    from vggscope.inference.preprocessing import CropBox

_SPOTS: Final = 9
_UNITS: Final = 10
_BLOCK: Final = 1 << 16
"""Values that are worked on at once: so many stay in a core's cache from step to step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranges:
    """The values that the first and the last colour of each channel stand for.

    Attributes:
        low, high: float64 [C].
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How maps are to be shown; ``map_pictures`` says what the choices mean.

    Attributes:
        normalisation, fixed, symmetric: what the colours go from and to.
        order, alive_only: which channels come first, and which are left out.
        aspect: width ÷ height of the room for the grid.
        shared: ranges for pictures that are compared, instead of those that ``normalisation``
            gives each of them; see ``shared_look``.
    """

    normalisation: Normalisation = "channel"
    fixed: tuple[float, float] = (0.0, 1.0)
    symmetric: bool = False
    order: Order = "index"
    alive_only: bool = False
    aspect: float = 1.5
    shared: Ranges | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapsPicture:
    """All channels of a layer.

    Attributes:
        maps: what is shown.
        look: how.
        grid: the channels side by side.
        histogram: of all values of the layer.
        zeros: share of all values that are exactly 0, 0..1.
        strongest: the channel with the largest value.
        top_units: those with the largest values, the largest first, if the layer has one value for
            each channel; otherwise none.
    """

    maps: FeatureMaps
    look: Look
    grid: Grid
    histogram: Histogram
    zeros: float
    strongest: int
    top_units: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A position of a map, and what it sees.

    Attributes:
        position: where, and the value there.
        field: its receptive field in the network's pixels, within its input.
        on_picture: the same in the picture's pixels.
    """

    position: Position
    field: CropBox
    on_picture: CropBox


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChannelPicture:
    """One channel of a layer.

    Attributes:
        maps: of which layer.
        channel: which one.
        look: how it is shown.
        pixels: its levels, uint8 [H, W], contiguous: see ``map_pictures``.
        low, high: the values that levels 0 and 254 stand for.
        histogram: of its values.
        figures: likewise.
        spots: its strongest positions, the strongest first; none if it is 0 everywhere.
    """

    maps: FeatureMaps
    channel: int
    look: Look
    pixels: NDArray[np.uint8]
    low: float
    high: float
    histogram: Histogram
    figures: Figures
    spots: tuple[Spot, ...]


def maps_picture(
    maps: FeatureMaps, look: Look, *, order: NDArray[np.intp] | None = None
) -> MapsPicture:
    """All channels of ``maps``, as ``look`` has them; or the channels ``order`` in this order."""
    if order is None:
        order = channel_order(maps, look.order, alive_only=look.alive_only)
    shown = grid(
        maps if look.shared is None else _scaled(maps, look.shared, look),
        order=order,
        normalisation=look.normalisation if look.shared is None else "fixed",
        fixed=look.fixed if look.shared is None else (0.0, 1.0),
        symmetric=look.symmetric and look.shared is None,
        aspect=look.aspect,
    )
    if look.shared is not None:
        shown = replace(shown, low=look.shared.low[order], high=look.shared.high[order])
    top = channel_order(maps, "max")[:_UNITS] if has_one_value_each(maps) else ()
    return MapsPicture(
        maps=maps,
        look=look,
        grid=shown,
        histogram=maps.histogram(),
        zeros=maps.zeros,
        strongest=strongest_channel(maps),
        top_units=tuple(map(int, top)),
    )


def channel_picture(maps: FeatureMaps, channel: int, look: Look) -> ChannelPicture:
    """The channel ``channel`` of ``maps``, as ``look`` has it.

    Raises:
        IndexError: there is no such channel.
    """
    if look.shared is None:
        low, high = value_range(
            maps, look.normalisation, channel=channel, fixed=look.fixed, symmetric=look.symmetric
        )
        [pixels] = levels(
            maps, look.normalisation, channel=channel, fixed=look.fixed, symmetric=look.symmetric
        )
    else:
        low, high = float(look.shared.low[channel]), float(look.shared.high[channel])
        own = Ranges(low=np.array([low]), high=np.array([high]))
        alone = replace(maps, values=maps.values[channel : channel + 1])
        [pixels] = levels(_scaled(alone, own, look), "fixed", channel=0)
    figures = maps.figures(channel)
    # Where all is 0, nothing is stronger than anything else.
    is_silent = figures.minimum == figures.maximum == 0
    strongest = [] if is_silent else maps.strongest(channel, _SPOTS)
    return ChannelPicture(
        maps=maps,
        channel=channel,
        look=look,
        pixels=pixels,
        low=low,
        high=high,
        histogram=maps.histogram(channel),
        figures=figures,
        spots=tuple(spot_at(maps, each) for each in strongest),
    )


def spot_at(maps: FeatureMaps, position: Position) -> Spot:
    """What a position of ``maps`` sees."""
    field = maps.receptive_field(position.row, position.column)
    return Spot(position=position, field=field, on_picture=maps.on_picture(field))


def has_one_value_each(maps: FeatureMaps) -> bool:
    """Whether there is nothing to see on a map: it has a single position, or there is none."""
    return bool(maps.values[0].size == 1)


def shared_look(look: Look, *all_maps: FeatureMaps) -> Look:
    """``look`` with ranges that hold for all of ``all_maps``: equal colours are equal values.

    The range of a channel covers what ``look.normalisation`` gives it in each of them; a channel
    that only some have, in those. A fixed range is one already.
    """
    if look.normalisation == "fixed":
        return look
    count = max(len(maps.values) for maps in all_maps)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    for maps in all_maps:
        lows, highs = value_range(
            maps, look.normalisation, fixed=look.fixed, symmetric=look.symmetric
        )
        part = slice(len(lows))
        low[part], high[part] = np.minimum(low[part], lows), np.maximum(high[part], highs)
    return replace(look, shared=Ranges(low=low, high=high))


def _scaled(maps: FeatureMaps, ranges: Ranges, look: Look) -> FeatureMaps:
    """``maps`` with values of which 0..1 is what was in ``ranges``."""
    count = len(maps.values)
    flat = maps.values.reshape(count, -1)
    low, high = (bound[:count, None] for bound in (ranges.low, ranges.high))
    # Where all values are the same they have the first colour. Around 0 they can only be 0, which
    # belongs in the middle also then.
    single = low == high
    start = np.where(single, low - 0.5 * look.symmetric, low)
    span = np.where(single, 1.0, high - low)
    result = np.empty_like(flat)
    block = max(1, _BLOCK // flat.shape[1])
    for first in range(0, count, block):
        part = slice(first, first + block)
        np.divide(flat[part] - start[part], span[part], out=result[part], casting="same_kind")
    return replace(maps, values=result.reshape(maps.values.shape))
