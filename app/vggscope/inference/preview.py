"""What a model that is not installed yet says to a photo, in a child process.

There, because nobody but its maker has seen it work, and because what it takes of memory is given
back with it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from vggscope.errors import TrialError

# msgspec reads the annotations.
from vggscope.inference.classification import Prediction
from vggscope.inference.importing import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.zoo.normal_form import Model

SECONDS: Final = 180.0
"""Time that it may take."""


class Request(msgspec.Struct, frozen=True):
    """What is to be looked at by what.

    Attributes:
        folder, photo: paths, as the system writes them: they may be no text.
        top: how many of the most probable classes are wanted.
    """

    folder: bytes
    photo: bytes
    top: int


class Preview(msgspec.Struct, frozen=True):
    """The answer.

    Attributes:
        predictions: the most probable classes.
        milliseconds: from the picture to the probabilities.
    """

    predictions: tuple[Prediction, ...]
    milliseconds: float


def preview(model: Model, photo: Path, top: int, *, stop: Callable[[], bool]) -> Preview:
    """Classify ``photo`` with a model that need not be installed.

    Args:
        model: of a draft.
        photo: a file of a picture.
        top: how many of the most probable classes are wanted.
        stop: asked now and then; True ends it.

    Raises:
        ImageError, ModelError, DeviceError: the photo or the model cannot be used.
        Cancelled: ``stop`` said so.
    """
    return ask(
        "preview",
        Request(os.fsencode(model.folder), os.fsencode(photo), top),
        Preview,
        seconds=SECONDS,
        stop=stop,
        refusal=lambda reason: TrialError(name=model.title, reason=reason),
    )


def work(request: bytes) -> Preview:
    """The job of the child."""
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415 (the engine)
    from vggscope.zoo.normal_form import read_model  # noqa: PLC0415

    asked = msgspec.json.decode(request, type=Request)
    model = read_model(Path(os.fsdecode(asked.folder)))
    classifier = Classifier.load(model, device="cpu")
    answer = classifier.classify(Path(os.fsdecode(asked.photo)), top=asked.top)
    return Preview(answer.predictions, answer.milliseconds)
