"""How the answers of two networks to one picture agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vggscope.inference.classification import Classification
    from vggscope.zoo.normal_form import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A second answer compared with the first one.

    Attributes:
        first, second: the most probable class of each.
        same_best: whether that is the same class.
        comparable: whether the two know a class in common at all.
        ranks: class of the second answer's top-k (its index there) -> its rank in the first one;
            None where the first network does not know it.
    """

    first: str
    second: str
    same_best: bool
    comparable: bool
    ranks: Mapping[int, int | None]


def compare(first: Classification, second: Classification, top: int) -> Agreement:
    """How ``second`` differs from ``first`` in its ``top`` most probable classes.

    Classes are the same if their WordNet ids are, or, where either has none, their names.
    """
    theirs = second.top(top)
    best = first.top(1)[0]
    known = _places(first.labels)
    places = {p.index: _place(known, second.labels[p.index]) for p in theirs}
    ranks = _ranks(first)
    comparable = any(place is not None for place in places.values()) or any(
        _place(known, label) is not None for label in second.labels
    )
    return Agreement(
        first=best.label,
        second=theirs[0].label,
        same_best=places[theirs[0].index] == best.index,
        comparable=comparable,
        ranks={
            index: None if place is None else int(ranks[place]) for index, place in places.items()
        },
    )


def _ranks(answer: Classification) -> Sequence[int]:
    """Of all classes by index, from 1; ties by index."""
    order = np.argsort(-answer.probabilities, kind="stable")
    ranks = np.empty(len(order), np.intp)
    ranks[order] = np.arange(1, len(order) + 1)
    return list(map(int, ranks))


def _places(labels: Sequence[Label]) -> dict[str, int]:
    """Id, and name, of each class -> its index."""
    names = {f"name {label.label.casefold()}": index for index, label in enumerate(labels)}
    return names | {label.wnid: index for index, label in enumerate(labels) if label.wnid}


def _place(known: dict[str, int], label: Label) -> int | None:
    """Where a class of another network is."""
    found = known.get(label.wnid) if label.wnid else None
    return known.get(f"name {label.label.casefold()}") if found is None else found
