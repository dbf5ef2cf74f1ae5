"""Where the blocks of the network's figure stand; painting is another matter.

Every map is a slab seen from the front right: as high as its H, as wide as its C, and its W runs
back into the depth. All three on scales that grow slower than the numbers, since 224 and 7, or 3
and 512, shall be seen side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF

from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vggscope.vgg.network import Layer, Network

CLASSIFIER: Final = 0
"""Number of the group of fully connected layers; the blocks before it are 1, 2, …"""
_CLASSIFYING: Final = "fc"
"""What the names of its layers begin with; those of a compact VGG are convolutions."""

_POOLING: Final = frozenset({Kind.MAX_POOLING, Kind.AVERAGE_POOLING})
_GLYPHS: Final = frozenset({Kind.INPUT, Kind.FLATTEN})
# All in logical pixels, before the figure is stretched to its width.
_GLYPH_WIDTH: Final = 14.0
_VECTOR_WIDTH: Final = 15.0
_GAP: Final = 6.0
_VECTOR_GAP: Final = 13.0
_GROUP_GAP: Final = 16.0
_NARROWEST: Final = 9.0
_LOWEST: Final = 7.0
_MOST_STRETCH: Final = 1.8
_MOST_GAP: Final = 16.0
_MOST_GROUP_GAP: Final = 48.0
_DEPTH_SHARE: Final = 0.16
_SLANT: Final = 0.5
_VECTOR_SHARE: Final = 0.82
_LEAST_VECTOR: Final = 2
_LARGEST_VECTOR: Final = 17
_OVERHANG: Final = 10.0
"""What names may stand out at both ends."""


class Look(Enum):
    """How a layer is drawn."""

    MAP = auto()
    VECTOR = auto()
    GLYPH = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One layer in the figure.

    Attributes:
        layer: which one.
        look: how it is drawn.
        front: the face towards the viewer: as wide as the layer has channels.
        depth: how far its top and its right side run back: to the right, and up.
        group: index into the figure's groups; -1 for the input, which stands before them.
    """

    layer: Layer
    look: Look
    front: QRectF
    depth: QPointF
    group: int

    @property
    def bounds(self) -> QRectF:
        """All that is painted of it."""
        return self.front.adjusted(0, -self.depth.y(), self.depth.x(), 0)


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that belong together.

    Attributes:
        number: 1, 2, … for the blocks that end with a pooling, ``CLASSIFIER`` for the classifier.
        first: index of its first layer.
        last: index of its last layer, inclusive.
    """

    number: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole figure.

    Attributes:
        blocks: one for each layer, from left to right.
        groups: from left to right.
        width: from the left end to the right one; more than was offered if blocks would have
            become too narrow.
    """

    blocks: tuple[Block, ...]
    groups: tuple[Group, ...]
    width: float

    def span(self, group: Group) -> tuple[float, float]:
        """Left and right end of a group."""
        return self.blocks[group.first].front.left(), self.blocks[group.last].bounds.right()

    def at(self, x: float) -> int | None:
        """Index of the layer whose column ``x`` is in, with half the gaps beside it."""
        for index, block in enumerate(self.blocks):
            bounds = block.bounds
            if bounds.left() - _GAP / 2 <= x <= bounds.right() + _GAP / 2:
                return index
        return None


def groups_of(layers: Sequence[Layer]) -> tuple[Group, ...]:
    """Blocks that end with a pooling, then the classifier; the input is in none.

    The classifier begins with the vectors at the end, or with the first layer that is called so.
    """
    head = len(layers)
    while head > 1 and len(layers[head - 1].output_shape) == 1:
        head -= 1
    called = (i for i, layer in enumerate(layers) if i and layer.name.startswith(_CLASSIFYING))
    head = min(head, next(called, head))
    groups: list[Group] = []
    first = 1
    for index in range(1, head):
        if layers[index].kind in _POOLING or index == head - 1:
            groups.append(Group(len(groups) + 1, first, index))
            first = index + 1
    if head < len(layers):
        groups.append(Group(CLASSIFIER, head, len(layers) - 1))
    return tuple(groups)


def plan_figure(network: Network, width: float, height: float) -> Plan:
    """Place the layers of ``network`` from (0, 0) on, all standing on the line y = ``height``.

    Args:
        network: at least an input.
        width: room for all of them; the figure is stretched or narrowed to it within limits.
        height: of the highest block with its top.
    """
    layers, groups = network.layers, groups_of(network.layers)
    group_of = [-1] * len(layers)
    for number, group in enumerate(groups):
        for index in range(group.first, group.last + 1):
            group_of[index] = number
    maps = [layer.output_shape for layer in layers if _look(layer) is Look.MAP]
    highest = max((shape[0] for shape in maps), default=1)
    widest = max((shape[1] for shape in maps), default=1)
    looks = [_look(layer) for layer in layers]
    fronts = [_front_width(layer, look) for layer, look in zip(layers, looks, strict=True)]
    depths = [
        _DEPTH_SHARE * height * _share(layer.output_shape[1], widest) if look is Look.MAP else 0.0
        for layer, look in zip(layers, looks, strict=True)
    ]
    starts = [group.first for group in groups if group.first > 0]
    gaps = [0.0] + [
        _GROUP_GAP if i in starts else _VECTOR_GAP if looks[i] is Look.VECTOR else _GAP
        for i in range(1, len(layers))
    ]
    stretch = _stretch(fronts, looks, sum(depths) + sum(gaps), width)
    fronts = [
        max(front * min(stretch, _MOST_STRETCH if look is Look.MAP else 1.0), _NARROWEST)
        for front, look in zip(fronts, looks, strict=True)
    ]
    spare = width - sum(fronts) - (sum(depths) + sum(gaps)) * stretch
    if spare > 0:
        gaps = _widened(gaps, spare / stretch)
    tallest_top = _SLANT * _DEPTH_SHARE * height
    blocks, x = [], 0.0
    for index, (layer, look) in enumerate(zip(layers, looks, strict=True)):
        x += gaps[index] * stretch
        wide = fronts[index]
        tall = _front_height(layer, look, height - tallest_top, highest)
        blocks.append(
            Block(
                layer=layer,
                look=look,
                front=QRectF(x, height - tall, wide, tall),
                depth=QPointF(depths[index] * stretch, depths[index] * _SLANT),
                group=group_of[index],
            )
        )
        x += wide + depths[index] * stretch
    return Plan(blocks=tuple(blocks), groups=groups, width=x)


def place_names(
    plan: Plan, widths: Sequence[float], current: int | None, *, apart: float = 5.0
) -> list[tuple[float, float] | None]:
    """Where the names beneath the blocks stand: left and right end, None for those without room.

    The current layer's name is always there; glyphs come last.

    Args:
        plan: the figure.
        widths: of the names.
        current: index of the current layer.
        apart: pixels between two names.
    """
    places: list[tuple[float, float] | None] = [None] * len(plan.blocks)
    taken: list[tuple[float, float]] = []
    order = [] if current is None else [current]
    for glyphs in (False, True):
        order += [i for i, b in enumerate(plan.blocks) if (b.look is Look.GLYPH) is glyphs]
    for index in dict.fromkeys(order):
        middle, half = plan.blocks[index].front.center().x(), widths[index] / 2
        left = max(min(middle - half, plan.width + _OVERHANG - 2 * half), -_OVERHANG)
        right = left + 2 * half
        if all(right + apart <= other[0] or left >= other[1] + apart for other in taken):
            places[index] = (left, right)
            taken.append((left, right))
    return places


def _look(layer: Layer) -> Look:
    if layer.kind in _GLYPHS:
        return Look.GLYPH
    return Look.MAP if len(layer.output_shape) == 3 else Look.VECTOR


def _share(side: int, largest: int) -> float:
    return math.sqrt(max(side, 1) / max(largest, 1))


def _front_width(layer: Layer, look: Look) -> float:
    if look is Look.GLYPH:
        return _GLYPH_WIDTH
    if look is Look.VECTOR:
        return _VECTOR_WIDTH
    return 7.0 + 3.8 * math.log2(1 + layer.output_shape[-1])


def _stretch(fronts: Sequence[float], looks: Sequence[Look], others: float, width: float) -> float:
    """Factor for all that is horizontal: ``fronts``, and ``others`` between and behind them."""
    maps = [front for front, look in zip(fronts, looks, strict=True) if look is Look.MAP]
    least = _NARROWEST / min(maps, default=_VECTOR_WIDTH)
    stretch = min(width / (sum(fronts) + others), _MOST_STRETCH)
    # Slim ones, which are narrowed no further, take their part off the others' room.
    slim = [front for front in fronts if front * stretch < _NARROWEST]
    rest = sum(fronts) - sum(slim) + others
    if slim and rest > 0:
        stretch = (width - len(slim) * _NARROWEST) / rest
    return max(stretch, least)


def _front_height(layer: Layer, look: Look, room: float, highest: int) -> float:
    if look is Look.GLYPH:
        return min(_GLYPH_WIDTH, room)
    if look is Look.VECTOR:
        share = (_LEAST_VECTOR + math.log2(1 + layer.output_shape[0])) / _LARGEST_VECTOR
        return max(_VECTOR_SHARE * room * min(share, 1.0), _LOWEST)
    return max(room * _share(layer.output_shape[0], highest), _LOWEST)


def _widened(gaps: Sequence[float], spare: float) -> list[float]:
    """``gaps`` that share ``spare`` pixels among them, within limits."""
    room = [
        (_MOST_GROUP_GAP if gap == _GROUP_GAP else _MOST_GAP) - gap if gap else 0.0 for gap in gaps
    ]
    part = min(spare / sum(room), 1.0) if any(room) else 0.0
    return [gap + part * more for gap, more in zip(gaps, room, strict=True)]
