"""What a window shows of a layer and of a channel, worked out where it may take its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vggscope.inference.map_pictures import (
    channel_order,
    grid,
    levels,
    strongest_channel,
    value_range,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vggscope.inference.feature_maps import FeatureMaps, Figures, Histogram, Position
    from vggscope.inference.map_pictures import Grid, Normalisation, Order
    from vggscope.inference.preprocessing import CropBox

_SPOTS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How maps are to be shown; ``map_pictures`` says what the choices mean.

    Attributes:
        normalisation, fixed, symmetric: what the colours go from and to.
        order, alive_only: which channels come first, and which are left out.
        aspect: width ÷ height of the room for the grid.
    """

    normalisation: Normalisation = "channel"
    fixed: tuple[float, float] = (0.0, 1.0)
    symmetric: bool = False
    order: Order = "index"
    alive_only: bool = False
    aspect: float = 1.5


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
    """

    maps: FeatureMaps
    look: Look
    grid: Grid
    histogram: Histogram
    zeros: float
    strongest: int


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
        spots: its strongest positions, the strongest first.
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
        maps,
        order=order,
        normalisation=look.normalisation,
        fixed=look.fixed,
        symmetric=look.symmetric,
        aspect=look.aspect,
    )
    return MapsPicture(
        maps=maps,
        look=look,
        grid=shown,
        histogram=maps.histogram(),
        zeros=maps.zeros,
        strongest=strongest_channel(maps),
    )


def channel_picture(maps: FeatureMaps, channel: int, look: Look) -> ChannelPicture:
    """The channel ``channel`` of ``maps``, as ``look`` has it.

    Raises:
        IndexError: there is no such channel.
    """
    low, high = value_range(
        maps, look.normalisation, channel=channel, fixed=look.fixed, symmetric=look.symmetric
    )
    [pixels] = levels(
        maps, look.normalisation, channel=channel, fixed=look.fixed, symmetric=look.symmetric
    )
    return ChannelPicture(
        maps=maps,
        channel=channel,
        look=look,
        pixels=pixels,
        low=low,
        high=high,
        histogram=maps.histogram(channel),
        figures=maps.figures(channel),
        spots=tuple(spot_at(maps, each) for each in maps.strongest(channel, _SPOTS)),
    )


def spot_at(maps: FeatureMaps, position: Position) -> Spot:
    """What a position of ``maps`` sees."""
    field = maps.receptive_field(position.row, position.column)
    return Spot(position=position, field=field, on_picture=maps.on_picture(field))
