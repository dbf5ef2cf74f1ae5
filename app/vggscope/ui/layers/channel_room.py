"""How the room of a channel's panel is shared between its map and its figures."""

from __future__ import annotations

from typing import Final, NamedTuple

_EDGE: Final = 12
_BETWEEN: Final = 12
_BETWEEN_MAPS: Final = 8
_CAPTION: Final = 18
_LEAST_BESIDE: Final = 380
_ALWAYS_BESIDE: Final = 560
_FIGURES: Final = (226, 640)
"""Least and most width of the figures beside a map."""
_COMFORTABLE: Final = 240
"""Their width up to which the map has to do without."""
_LOW_MAP: Final = 80
_LEAST_MAP: Final = 120
"""Width that a map needs, whatever its height."""
_ENOUGH: Final = 120
"""A map of this side may share what is in sight with more than its value."""
_MOST_LOW: Final = 150


class Room(NamedTuple):
    """How the panel is arranged.

    Attributes:
        beside: the figures stand beside the map; otherwise below it.
        map_height: that the map, with what is above it, has at least.
        figures_width: of the figures beside it; 0 below it.
    """

    beside: bool
    map_height: int
    figures_width: int


def share_room(width: int, height: int, *, value: int, more: int, pinned: bool) -> Room:
    """The arrangement in which the map is the larger, and with it what is to be seen always.

    Args:
        width: of the panel.
        height: of the panel below its header.
        value: height of the line that says the value under the mouse.
        more: height of all else that belongs to the map and stands below it, if figures do.
        pinned: two maps stand side by side, with captions above.
    """
    maps = 2 if pinned else 1
    above = _CAPTION if pinned else 0
    between = _BETWEEN_MAPS * (maps - 1)

    def side(room: int, high: int) -> int:
        return min((room - between) // maps, high - above)

    high = height - value - more
    below = side(width - 2 * _EDGE, high)
    high_beside = height - value
    room = width - 2 * _EDGE - _BETWEEN
    wanted = maps * (high_beside - above) + between
    least, most = _FIGURES
    # However low the panel is, the map keeps its least width.
    most = max(least, min(most, room - _LEAST_MAP * maps))
    figures = min(max(room - wanted, min(_COMFORTABLE, room // 2 + _EDGE), least), most)
    beside = side(room - figures, high_beside)
    if width >= _ALWAYS_BESIDE or (width >= _LEAST_BESIDE and beside >= below):
        return Room(True, _LOW_MAP, figures)
    if below < _ENOUGH:
        # Then only its value is always in sight with it.
        high = min(max(height - value, _LOW_MAP), max(_MOST_LOW, high))
        return Room(False, high, 0)
    return Room(False, below + above, 0)
