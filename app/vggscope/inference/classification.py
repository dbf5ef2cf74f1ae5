"""What a network answers: probabilities of the classes, and the most probable ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vggscope.inference.protocols import CENTRE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vggscope.inference.preprocessing import CropBox
    from vggscope.inference.protocols import Protocol
    from vggscope.zoo.normal_form import Label


@dataclass(frozen=True, slots=True)
class Prediction:
    """One of the top-k classes.

    Attributes:
        rank: 1 for the most probable.
        index: of the class in the model's output.
        wnid: WordNet id, "" where the labels have none.
        label: English name.
        probability: 0..1.
    """

    rank: int
    index: int
    wnid: str
    label: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """What a network thinks of one picture.

    Attributes:
        probabilities: float32 [classes], summing to 1.
        labels: of the classes, in the same order.
        predictions: the top-k that were asked for.
        crop: what part of the picture the network saw, in the picture's pixels.
        model, device: name of the model and key of the device that computed it.
        device_name: the device's name for people.
        milliseconds: from picture to probabilities (decoding a file is not in it; in a batch, the
            picture's share).
        untrained: the model's weights are random numbers, and so are these probabilities.
        protocol: how the picture was looked at.
        crops: each part of the picture that was looked at, where that was more than ``crop``:
            then that is all of them together. Mirror images are not counted apart.
    """

    probabilities: NDArray[np.float32]
    labels: Sequence[Label]
    predictions: tuple[Prediction, ...]
    crop: CropBox
    model: str
    device: str
    device_name: str
    milliseconds: float
    untrained: bool = False
    protocol: Protocol = CENTRE
    crops: tuple[CropBox, ...] = ()

    def top(self, count: int) -> tuple[Prediction, ...]:
        """The ``count`` most probable classes (all, if there are fewer); ties by index."""
        return top_predictions(self.probabilities, self.labels, count)


def top_predictions(
    probabilities: NDArray[np.float32], labels: Sequence[Label], count: int
) -> tuple[Prediction, ...]:
    """The ``count`` most probable of ``probabilities`` [classes], best first, ties by index."""
    count = min(count, len(labels))
    order = np.argsort(-probabilities, kind="stable")[:count]
    return tuple(
        Prediction(
            rank=rank,
            index=int(index),
            wnid=labels[index].wnid,
            label=labels[index].label,
            probability=float(probabilities[index]),
        )
        for rank, index in enumerate(order, start=1)
    )
