"""What is drawn of a layer at once: all channels, one of them, and both of a pinned picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.map_views import ChannelPicture, Look, MapsPicture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawing:
    """Pictures of one layer.

    Attributes:
        maps, channel: of what is looked at.
        pinned_maps, pinned_channel: of what it is compared with; None if there is no such thing.
    """

    maps: MapsPicture
    channel: ChannelPicture
    pinned_maps: MapsPicture | None = None
    pinned_channel: ChannelPicture | None = None


def draw(maps: FeatureMaps, look: Look, channel: int | None, pinned: FeatureMaps | None) -> Drawing:
    """Draw ``maps`` and its channel ``channel``, the strongest one if None; and ``pinned``.

    The two are drawn on one scale: what has the same colour has the same value.
    """
    from vggscope.inference.map_views import (  # noqa: PLC0415 (numpy)
        channel_picture,
        maps_picture,
        shared_look,
    )

    if pinned is not None:
        look = shared_look(look, maps, pinned)
    own = maps_picture(maps, look)
    count = len(maps.values)
    shown = own.strongest if channel is None or channel >= count else channel
    one = channel_picture(maps, shown, look)
    if pinned is None:
        return Drawing(maps=own, channel=one)
    # What is compared stands in the same place.
    order = own.grid.order if len(pinned.values) == count else None
    return Drawing(
        maps=own,
        channel=one,
        pinned_maps=maps_picture(pinned, look, order=order),
        pinned_channel=channel_picture(pinned, shown, look) if shown < len(pinned.values) else None,
    )
