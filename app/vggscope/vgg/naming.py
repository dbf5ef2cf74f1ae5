"""Classic layer names (conv1_1, pool1, fc6, prob) for graphs that use names of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vggscope.vgg.network import Layer

_POOLINGS: Final = frozenset({Kind.MAX_POOLING, Kind.AVERAGE_POOLING})
_CLASSIC: Final = {
    # A fully connected layer may be stored as a convolution with a 1 × 1 kernel.
    Kind.CONVOLUTION: re.compile(r"(?:^|[/.])(conv\d+_\d+|fc\d+)(?![0-9A-Za-z])"),
    Kind.FULLY_CONNECTED: re.compile(r"(?:^|[/.])(fc\d+)(?![0-9A-Za-z])"),
    Kind.MAX_POOLING: re.compile(r"(?:^|[/.])(pool\d+)(?![0-9A-Za-z])"),
    Kind.AVERAGE_POOLING: re.compile(r"(?:^|[/.])(pool\d+)(?![0-9A-Za-z])"),
}


def classic_names(layers: Sequence[Layer], hints: Sequence[Sequence[str]]) -> list[str]:
    """One distinct name for each of ``layers``, without the input.

    A graph's own names are taken where all layers of a sort have classic ones; half of them
    would collide with those that the structure suggests.

    Args:
        layers: in order.
        hints: for each layer, the graph's names of the node and of its tensors.
    """
    names = _structural_names(layers)
    for sort in ({Kind.CONVOLUTION, Kind.FULLY_CONNECTED}, _POOLINGS):
        members = [index for index, layer in enumerate(layers) if layer.kind in sort]
        found = [_classic_hint(layers[index].kind, hints[index]) for index in members]
        own = [name for name in found if name is not None]
        if len(own) == len(set(own)) == len(members):
            for index, name in zip(members, own, strict=True):
                names[index] = name
    return distinct(names)


def _classic_hint(kind: Kind, hints: Iterable[str]) -> str | None:
    matches = (_CLASSIC[kind].search(hint) for hint in hints)
    return next((match[1] for match in matches if match), None)


def _structural_names(layers: Sequence[Layer]) -> list[str]:
    """Names by place: block b ends with pool b, the fully connected layers count on from there."""
    names = []
    block, position = 1, 0
    connected = 0
    suffix = "0"
    for layer in layers:
        match layer.kind:
            case _ if _is_fully_connected(layer):
                # In VGG the number after pool5: fc6.
                connected = connected + 1 if connected else block + (position > 0)
                suffix = f"{connected}"
                names.append(f"fc{suffix}")
            case Kind.CONVOLUTION:
                position += 1
                suffix = f"{block}_{position}"
                names.append(f"conv{suffix}")
            case Kind.MAX_POOLING | Kind.AVERAGE_POOLING:
                names.append(f"pool{block}")
                block, position = block + 1, 0
            case Kind.LOCAL_RESPONSE_NORMALIZATION:
                names.append(f"norm{block}")
            case Kind.BATCH_NORMALIZATION:
                names.append(f"bn{suffix}")
            case Kind.SOFTMAX:
                names.append("prob")
            case _:
                names.append(layer.type.lower())
    return names


def _is_fully_connected(layer: Layer) -> bool:
    if layer.kind is Kind.CONVOLUTION:
        return layer.output_shape[:2] == (1, 1)
    return layer.kind is Kind.FULLY_CONNECTED


def distinct(names: Iterable[str]) -> list[str]:
    """``names``, of which equal ones get numbers: a, a_2, a_3."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        candidate, count = name, 1
        while candidate in taken:
            count += 1
            candidate = f"{name}_{count}"
        taken.add(candidate)
        distinct.append(candidate)
    return distinct
