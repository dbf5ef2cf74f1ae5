"""Trying a model that was just imported: does it run, and are its answers probabilities?

In a child process, with the weights mapped from their file: half a gigabyte of them takes little
more memory than it takes room on the disk.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from vggscope import paths
from vggscope.errors import TrialError
from vggscope.inference.contract import are_probabilities
from vggscope.inference.devices import cpu_device
from vggscope.inference.preprocessing import Preprocessor
from vggscope.inference.runtime import Cancellation, Session, reason_of
from vggscope.sources.frame import Frame, Origin
from vggscope.sources.stills import read_still
from vggscope.zoo.examiner import limit_memory
from vggscope.zoo.importing import Trial
from vggscope.zoo.normal_form import read_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vggscope.sources.frame import Picture
    from vggscope.zoo.normal_form import Model

SECONDS: Final = 180.0
"""Time that a trial may take; VGG19 takes two seconds."""
_MEMORY: Final = 8 * 2**30


class Request(msgspec.Struct, frozen=True):
    """The folder of a model, as the system writes it."""

    folder: bytes

    @classmethod
    def of(cls, model: Model) -> Request:
        """A request for ``model``."""
        return cls(os.fsencode(model.folder))


def work(request: bytes) -> Trial:
    """The job of the child.

    Raises:
        TrialError: it does not run.
    """
    asked = msgspec.json.decode(request, type=Request)
    limit_memory(_MEMORY)
    model = read_model(Path(os.fsdecode(asked.folder)))
    started = time.perf_counter()
    try:
        answers = _answers(model)
    # ONNX Runtime raises whatever it likes.
    except Exception as error:
        raise TrialError(name=model.title, reason=reason_of(error)) from error
    return _judged(model, answers, (time.perf_counter() - started) * 1000)


def _answers(model: Model) -> list[list[NDArray[np.float32]]]:
    """Of each output that the description names, picture by picture."""
    spec, output = model.description.input, model.description.output
    session = Session(
        model.graph_path,
        cpu_device(),
        shape=spec.shape(1),
        identity=model.identity,
        prepack=False,
        reorder=False,
        thrifty=True,
    )
    names = [name for name in (output.probabilities, output.logits) if name is not None]
    found: list[list[NDArray[np.float32]]] = [[] for _ in names]
    preprocessor = Preprocessor(spec)
    for picture in _pictures(preprocessor.enough):
        values = preprocessor.tensor(picture).values
        batch = np.broadcast_to(values, (session.inputs[spec.name][0] or 1, *values.shape))
        feeds = {spec.name: np.ascontiguousarray(batch)}
        for rows, answer in zip(found, session.run(names, feeds, Cancellation()), strict=True):
            rows.append(answer)
    return found


def _pictures(enough: int) -> Iterator[Picture]:
    """A photo, and one that is nothing but white: few networks give the same answer to both."""
    sample = min(paths.resource("samples").glob("*.jpg"), default=None)
    if sample is not None:
        yield read_still(sample, enough=enough)
    white = np.full((64, 64, 3), 255, np.uint8)
    yield Frame(pixels=white, size=(64, 64), origin=Origin(name="white"))


def _judged(model: Model, answers: list[list[NDArray[np.float32]]], milliseconds: float) -> Trial:
    probabilities, *logits = answers
    first = probabilities[0]
    problem = ""
    if any(rows.ndim != 2 or rows.shape[1] < 2 for rows in probabilities):
        problem = f"its answer has the shape {list(first.shape)}"
    elif not all(np.isfinite(rows).all() for rows in probabilities):
        problem = "its answer holds what is no number"
    elif not all(map(are_probabilities, probabilities)):
        sums = ", ".join(f"{rows[0].sum():.3g}" for rows in probabilities)
        problem = f"its answers are no probabilities: they sum to {sums}"
    added = model.description.output.logits is not None
    return Trial(
        classes=int(first.shape[-1]) if first.ndim else 0,
        problem=problem,
        is_doubled=added and not problem and all(map(are_probabilities, logits[0])),
        milliseconds=milliseconds,
    )
