"""Trying a device: does it compute what the CPU computes, and how fast?

Every device is tried in a child process with the sample photos. What it answers is compared with
the answers of the CPU provider for the same model; the tolerances were measured on 150 photos
with OpenVINO's bf16 and 8-bit arithmetic (docs/adr/0006).
"""

from __future__ import annotations

import logging
import time
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from vggscope import paths
from vggscope.errors import (
    DeviceCrashedError,
    DeviceError,
    DeviceTimedOutError,
    DeviceUnsupportedError,
    InferenceError,
    ModelError,
    NoProbabilitiesError,
    WrongResultError,
    from_record,
)
from vggscope.inference.children import ChildCrashedError, ChildTimedOutError, ask_child
from vggscope.inference.devices import Device
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.inference.classifier import Classifier
    from vggscope.inference.runtime import Cancellation
    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model

TIMEOUT: Final = 60.0
"""Seconds after which a device has failed: compiling a network for a GPU can take many of them."""
_WARM_RUNS: Final = 3
_LEAST_RUNS: Final = 5
_MOST_RUNS: Final = 40
_RUN_SECONDS: Final = 1.0

_TOLERANCE: Final = 0.02
"""Of any probability, from that of the CPU, where a model computes in floating point."""
_SHARE: Final = 0.1
"""The tolerance is no more than this share of the top-1 class' probability: otherwise any answer
would do for a model that is never sure of anything."""
_QUANTIZED_TOLERANCE: Final = 0.05
"""Of the top-1 class' probability, on average, where a model computes in 8 bits: providers round
differently, and a step of the last layers is some hundredths."""
_QUANTIZED_CLEAR: Final = 0.2
"""By how much the top-1 class of an 8-bit model must lead to be the same everywhere."""
_QUANTIZED_SHARE: Final = 0.5
"""Of the top-1 class' probability, as the limit of both."""
_log = logging.getLogger(__name__)


class Status(StrEnum):
    """What is known of a device."""

    VERIFIED = "verified"
    REFUSED = "refused"
    CRASHED = "crashed"
    TIMED_OUT = "timed-out"
    UNSUPPORTED = "unsupported"
    LOST = "lost"
    UNTRIED = "untried"
    UNAVAILABLE = "unavailable"


class Verdict(msgspec.Struct, frozen=True):
    """What came of trying a device with a model.

    Attributes:
        status: ``VERIFIED``, or what was wrong.
        problem: record of the error that tells what was wrong.
        milliseconds: median from frame to probabilities, batch 1; None if it did not get so far.
        difference: largest difference of a probability from the CPU's.
        agreeing, photos: on how many of how many photos it has the CPU's top-1 class.
        on_cpu: operator -> number of nodes that the provider left to the CPU.
    """

    status: Status
    problem: dict[str, str] | None = None
    milliseconds: float | None = None
    difference: float | None = None
    agreeing: int = 0
    photos: int = 0
    on_cpu: dict[str, int] = {}

    @property
    def error(self) -> DeviceError | None:
        """What was wrong."""
        return None if self.problem is None else from_record(self.problem, DeviceError)

    @classmethod
    def of_error(cls, status: Status, error: DeviceError, **figures: object) -> Verdict:
        """A verdict that something was wrong."""
        return cls(status, error.as_record(), **figures)  # type: ignore[arg-type]


class Measurement(msgspec.Struct, frozen=True):
    """What a device answers.

    Attributes:
        probabilities: of each sample photo, float32 [photos, classes] row by row.
        classes: how many.
        milliseconds: median from frame to probabilities, batch 1.
        on_cpu: see ``Verdict``.
    """

    probabilities: bytes
    classes: int
    milliseconds: float
    on_cpu: dict[str, int]

    def rows(self) -> NDArray[np.float32]:
        """The probabilities, float32 [photos, classes]."""
        return np.frombuffer(self.probabilities, np.float32).reshape(-1, self.classes)


class _Request(msgspec.Struct, frozen=True):
    model: str
    device: Device


def measure(
    model: Model, device: Device, cancellation: Cancellation | None = None
) -> Measurement | Verdict:
    """Have ``device`` run ``model`` in a child process: what it answers, or why it does not.

    Raises:
        ModelError: it is the model that is broken.
        Cancelled: ``cancellation`` was asked for.
    """
    request = _Request(str(model.folder), device)
    try:
        return ask_child("probe", request, Measurement, timeout=TIMEOUT, cancellation=cancellation)
    except ChildCrashedError as error:
        crash = DeviceCrashedError(device=device.name, reason=str(error))
        return Verdict.of_error(Status.CRASHED, crash)
    except ChildTimedOutError:
        late = DeviceTimedOutError(device=device.name, seconds=f"{TIMEOUT:.0f}")
        return Verdict.of_error(Status.TIMED_OUT, late)
    except ModelError as error:
        if device.is_cpu:
            raise
        # The CPU has just run it: what the device's engine thinks of the file is about the engine.
        unable = DeviceUnsupportedError(
            device=device.name, model=model.name, reason=error.details.get("reason", error.kind)
        )
        return Verdict.of_error(Status.UNSUPPORTED, unable)
    except WrongResultError as error:
        return Verdict.of_error(Status.REFUSED, error)
    except DeviceError as error:
        return Verdict.of_error(Status.UNSUPPORTED, error)


def judge(
    device: Device, answer: Measurement, reference: Measurement, *, quantized: bool
) -> Verdict:
    """Compare what ``device`` answered with what the CPU did."""
    expected, actual = reference.rows(), answer.rows()
    figures = {"milliseconds": answer.milliseconds, "on_cpu": answer.on_cpu}
    same = expected.argmax(axis=1) == actual.argmax(axis=1)
    difference = float(np.abs(expected - actual).max())
    figures |= {"difference": difference, "agreeing": int(same.sum()), "photos": len(same)}
    compare = _compare_quantized if quantized else _compare
    if reason := compare(expected, actual):
        error = WrongResultError(device=device.name, reason=reason)
        return Verdict.of_error(Status.REFUSED, error, **figures)
    return Verdict(Status.VERIFIED, **figures)  # type: ignore[arg-type]


def _compare(expected: NDArray[np.float32], actual: NDArray[np.float32]) -> str:
    """What is wrong with the answers [photos, classes] of a floating-point model; "" if nothing.

    A top-1 class that leads by more than twice the tolerance is then the top-1 class of both; two
    that are closer have no order to keep.
    """
    differences = np.abs(expected - actual).max(axis=1)
    # Written so that "not a number" is no small difference.
    wrong = ~(differences <= np.minimum(_TOLERANCE, _SHARE * expected.max(axis=1)))
    if wrong.any():
        return f"a probability differs by {differences[wrong].max():.3f} from the CPU's"
    return ""


def _compare_quantized(expected: NDArray[np.float32], actual: NDArray[np.float32]) -> str:
    """The same for a model in 8 bits."""
    best, top = expected.argmax(axis=1), expected.max(axis=1)
    clear = _lead(expected) > np.minimum(_QUANTIZED_CLEAR, _QUANTIZED_SHARE * top)
    if wrong := int((clear & (actual.argmax(axis=1) != best)).sum()):
        return f"another top-1 class than the CPU's on {wrong} of {len(best)} photos"
    of_best = np.take_along_axis(actual, best[:, np.newaxis], axis=1)[:, 0]
    difference = np.abs(top - of_best).mean()
    if not difference <= min(_QUANTIZED_TOLERANCE, _QUANTIZED_SHARE * top.mean()):
        return f"the top-1 class' probability differs by {difference:.3f} on average"
    return ""


def _lead(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """By how much the most probable class of each row leads the next one."""
    ranked = np.sort(rows, axis=1)
    lead: NDArray[np.float32] = ranked[:, -1] - ranked[:, -2] if rows.shape[1] > 1 else ranked[:, 0]
    return lead


# --- in the child -------------------------------------------------------------------------------


def work(request: bytes) -> Measurement:
    """The job of the child: classify the sample photos, time it.

    Raises:
        ModelError: the model is broken.
        WrongResultError: what the device computes is no set of probabilities.
        DeviceUnsupportedError: the device cannot open or run the model, or leaves it to the CPU.
    """
    asked = msgspec.json.decode(request, type=_Request)
    model = find_model(asked.model)
    try:
        return _measure(model, asked.device)
    except NoProbabilitiesError as error:
        raise WrongResultError(device=asked.device.name, reason=error.details["reason"]) from error
    except InferenceError as error:
        raise DeviceUnsupportedError(
            device=asked.device.name, model=model.name, reason=error.details["reason"]
        ) from error


def _measure(model: Model, device: Device) -> Measurement:
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415 (it imports this module)

    classifier = Classifier(model, device)
    frames = sample_frames(classifier)
    rows = np.stack([classifier.classify(frame).probabilities for frame in frames])
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < _WARM_RUNS + _LEAST_RUNS or (
        len(times) < _WARM_RUNS + _MOST_RUNS and time.perf_counter() - started < _RUN_SECONDS
    ):
        times.append(classifier.classify(frames[len(times) % len(frames)]).milliseconds)
    return Measurement(
        probabilities=rows.astype(np.float32).tobytes(),
        classes=rows.shape[1],
        milliseconds=median(times[_WARM_RUNS:]),
        on_cpu=classifier.left_to_cpu(),
    )


def sample_frames(classifier: Classifier) -> list[Frame]:
    """The sample photos, as large as ``classifier`` needs them."""
    from vggscope.sources.stills import read_still  # noqa: PLC0415 (Pillow, in the child alone)

    samples = sorted(paths.resource("samples").glob("*.jpg"))
    return [read_still(path, enough=classifier.enough) for path in samples]
