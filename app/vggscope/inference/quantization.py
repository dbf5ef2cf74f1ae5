"""An 8-bit variant of a floating-point model, and how far the two agree.

The variant is made by ``quantization_graph``, measured against its model on photos, and installed
among the user's models with what was measured in its description.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

import msgspec
import numpy as np

from vggscope.errors import (
    AlreadyQuantizedError,
    CalibrationError,
    EngineMissingError,
    ImageError,
    ModelNotReplaceableError,
    NotQuantizableError,
    VggscopeError,
)
from vggscope.inference.classifier import Classifier
from vggscope.inference.preprocessing import Preprocessor
from vggscope.inference.quantization_graph import (
    has_int8_weights,
    is_quantized,
    layers_after,
    quantize_graph,
)
from vggscope.inference.runtime import Cancellation, reason_of
from vggscope.sources.stills import read_still
from vggscope.zoo.models import place_for, staged
from vggscope.zoo.normal_form import Model, change_facts, read_model, write_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from onnx import ModelProto

    from vggscope.inference.classification import Classification
    from vggscope.sources.frame import Frame

SOURCE: Final = "vggscope models quantize"
_TIMED: Final = 7
"""Runs of each model that a median takes at least; few photos are run again."""
_log = logging.getLogger(__name__)

Step: TypeAlias = Literal["calibrating", "comparing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be made.

    Attributes:
        model: the floating-point model.
        calibration: photos to calibrate with, of which ``calibration_photos`` are used, evenly
            spread; those that cannot be read are passed over.
        comparison: photos to compare on, of which ``comparison_photos`` are used. If there are
            none, those of ``calibration`` that were not calibrated with; if none are left, all.
        name, title: of the new model; the given one's with "int8" if None.
        replace: whether a model of the user that has the name may be replaced.
    """

    model: Model
    calibration: Sequence[Path]
    comparison: Sequence[Path] = ()
    calibration_photos: int
    comparison_photos: int
    name: str | None = None
    title: str | None = None
    replace: bool = False

    @property
    def new_name(self) -> str:
        """Of the new model."""
        return f"{self.model.name}-int8" if self.name is None else self.name

    @property
    def new_title(self) -> str:
        """Of the new model."""
        return f"{self.model.title} (int8)" if self.title is None else self.title


class Progress(Protocol):
    """Who is told how far it is."""

    def begin(self, step: Step, total: int) -> None:
        """``step`` begins and takes ``total`` photos (fewer, if some cannot be read)."""

    def advance(self) -> None:
        """One more photo is done."""

    def left_out(self, path: Path, error: ImageError) -> None:
        """A photo cannot be used."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the answers of two models differ, photo by photo.

    Attributes:
        photos: how many.
        agreement: percent for which both name the same class first, rounded down to a tenth: 100
            means all.
        mean_change: of the probability of the class that the first model names, without sign.
        largest_change: of any class's probability.
        milliseconds: of either model: median of runs in turns, one picture each.
    """

    photos: int
    agreement: float
    mean_change: float
    largest_change: float
    milliseconds: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Quantization:
    """What was made.

    Attributes:
        source: the floating-point model.
        model: the new one, installed.
        calibrated: how many photos it was calibrated with.
        comparison: of both, on the CPU.
        known: how many of the compared photos it was calibrated with.
    """

    source: Model
    model: Model
    calibrated: int
    comparison: Comparison
    known: int


@dataclass(slots=True)
class _Run:
    """The state of one quantization.

    Attributes:
        calibrated, compared: the photos that were used.
        broken: those that could not be read.
    """

    request: Request
    progress: Progress
    cancellation: Cancellation
    calibrated: list[Path] = field(default_factory=list)
    compared: list[Path] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)

    def for_calibration(self, enough: int) -> Iterator[Frame]:
        """The photos to calibrate with; ``enough`` as for ``read_still``."""
        request = self.request
        self.progress.begin(
            "calibrating", min(request.calibration_photos, len(request.calibration))
        )
        yield from self._read(
            request.calibration, request.calibration_photos, enough, self.calibrated
        )

    def for_comparison(self, paths: Sequence[Path], enough: int) -> Iterator[Frame]:
        """Those of ``paths`` to compare on."""
        count = self.request.comparison_photos
        self.progress.begin("comparing", min(count, len(paths)))
        yield from self._read(paths, count, enough, self.compared)

    def _read(
        self, paths: Sequence[Path], count: int, enough: int, used: list[Path]
    ) -> Iterator[Frame]:
        """``count`` photos, those that cannot be read replaced by others; noted in ``used``."""
        for path in spread(paths, count):
            if len(used) == count:
                return
            if path in self.broken:
                continue
            self.cancellation.check()
            try:
                frame = read_still(path, enough=enough)
            except ImageError as error:
                self.broken.add(path)
                self.progress.left_out(path, error)
                continue
            used.append(path)
            yield frame
            self.progress.advance()


def quantize(
    request: Request, progress: Progress, cancellation: Cancellation | None = None
) -> Quantization:
    """Make, measure and install an 8-bit variant of a model.

    Raises:
        AlreadyQuantizedError, NotQuantizableError: it cannot be made of this model.
        CalibrationError: no photo can be read.
        ModelError: the model is damaged, or the new one's name cannot be had.
        OutputError: the new model cannot be written.
        EngineMissingError: this ONNX Runtime comes without its tools.
        Cancelled: ``cancellation`` was asked for; as after an error, nothing is left behind.
    """
    run = _Run(request, progress, cancellation or Cancellation())
    place = _checked_place(request)
    with staged(place, replace=request.replace) as folder:
        proto = _quantized(run)
        made = _written(proto, request, folder)
        del proto
        comparison = _compared(run, made)
        seen = {path.resolve() for path in run.calibrated}
        known = sum(path.resolve() in seen for path in run.compared)
        _describe(made, request, comparison, known)
    return Quantization(
        source=request.model,
        model=read_model(place),
        calibrated=len(run.calibrated),
        comparison=comparison,
        known=known,
    )


def spread(paths: Sequence[Path], count: int) -> list[Path]:
    """``paths`` in another order: first ``count`` that lie evenly among all, then the others.

    Folders of photos are often sorted by class, so that their first photos are all of one.
    """
    count = min(count, len(paths))
    chosen = [(2 * position + 1) * len(paths) // (2 * count) for position in range(count)]
    rest = sorted(set(range(len(paths))) - set(chosen))
    return [paths[index] for index in (*chosen, *rest)]


def compare(
    reference: Classifier, other: Classifier, frames: Iterable[Frame], cancellation: Cancellation
) -> Comparison | None:
    """How ``other`` differs from ``reference`` on ``frames``; None if there are none.

    Raises:
        InferenceError: one of them failed.
        Cancelled: ``cancellation`` was asked for.
    """
    agreed: list[bool] = []
    changes: list[tuple[float, float]] = []
    times: list[tuple[float, float]] = []

    def answers(frame: Frame) -> tuple[Classification, Classification]:
        first = reference.classify(frame, top=1, cancellation=cancellation)
        second = other.classify(frame, top=1, cancellation=cancellation)
        times.append((first.milliseconds, second.milliseconds))
        return first, second

    for frame in frames:
        if not times:
            # The first run of a session takes longer than all others.
            answers(frame)
            times.clear()
        first, second = answers(frame)
        top = first.predictions[0].index
        agreed.append(second.predictions[0].index == top)
        change = np.abs(second.probabilities - first.probabilities)
        changes.append((float(change[top]), float(change.max())))
    if not agreed:
        return None
    while len(times) < _TIMED:
        answers(frame)
    of_top, largest = np.array(changes).T
    return Comparison(
        photos=len(agreed),
        agreement=1000 * sum(agreed) // len(agreed) / 10,
        mean_change=float(of_top.mean()),
        largest_change=float(largest.max()),
        milliseconds=(median(t[0] for t in times), median(t[1] for t in times)),
    )


def _checked_place(request: Request) -> Path:
    """Where the new model goes, once all that can be seen at once has been seen."""
    model = request.model
    if model.description.precision == "int8" or is_quantized(model.graph().graph):
        raise AlreadyQuantizedError(model=model.name)
    if request.new_name == model.name:
        raise ModelNotReplaceableError(model=model.name, reason="the new one is made of it")
    place = place_for(request.new_name, replace=request.replace)
    if not request.calibration:
        raise CalibrationError(count=0)
    model.labels()
    model.check_sizes()
    model.check_content()
    return place


def _quantized(run: _Run) -> ModelProto:
    model = run.request.model
    try:
        proto = quantize_graph(
            model.graph_path,
            _pictures(run),
            probabilities=model.description.output.probabilities,
        )
    except (VggscopeError, OSError):
        raise
    except ImportError as error:
        raise EngineMissingError(reason=reason_of(error)) from error
    # ONNX, ONNX Runtime and its tools raise whatever they like.
    except Exception as error:
        _log.exception("%s could not be quantized", model.graph_path)
        raise NotQuantizableError(model=model.name, reason=reason_of(error)) from error
    if not has_int8_weights(proto.graph):
        reason = "it has no convolution and no matrix of weights"
        raise NotQuantizableError(model=model.name, reason=reason)
    return proto


def _pictures(run: _Run) -> Iterator[NDArray[np.float32]]:
    """The tensors to calibrate with."""
    preprocessor = Preprocessor(run.request.model.description.input)
    for frame in run.for_calibration(preprocessor.enough):
        yield preprocessor.tensor(frame).values
    if not run.calibrated:
        raise CalibrationError(count=len(run.request.calibration))


def _written(proto: ModelProto, request: Request, folder: Path) -> Model:
    """The new model in ``folder``, not measured yet."""
    model = request.model
    facts = msgspec.to_builtins(model.description)
    del facts["format"], facts["files"]
    facts |= {
        "name": request.new_name,
        "title": request.new_title,
        "precision": "int8",
        "accuracy": [],
        "quantized": None,
        "layers": layers_after(model.description.layers, model.graph().graph, proto.graph),
    }
    made = write_model(proto, folder, **facts)
    labels = model.folder / model.description.labels
    if labels.is_file():
        shutil.copy(labels, folder)
    return made


def _compared(run: _Run, made: Model) -> Comparison:
    request = run.request
    reference = Classifier.load(request.model, device="cpu")
    other = Classifier.load(made, device="cpu")
    used = set(run.calibrated)
    unseen = [path for path in request.calibration if path not in used]
    for paths in [request.comparison] if request.comparison else [unseen, run.calibrated]:
        frames = run.for_comparison(paths, reference.enough)
        comparison = compare(reference, other, frames, run.cancellation)
        if comparison is not None:
            return comparison
    raise CalibrationError(count=len(request.comparison))


def _describe(made: Model, request: Request, comparison: Comparison, known: int) -> None:
    """Write what was measured into the description of the new model."""
    photos, agreement = comparison.photos, comparison.agreement
    note = (
        f"{request.model.title} in 8-bit integers: the same top-1 on {agreement:g} % of "
        f"{photos} photos"
    )
    if known:
        note += f", {known} of which it was calibrated with"
    change_facts(
        made,
        note=f"{note}.",
        quantized={
            "of": request.model.name,
            "agreement": agreement,
            "photos": photos,
            "source": SOURCE,
        },
    )
