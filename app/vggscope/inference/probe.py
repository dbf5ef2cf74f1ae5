"""Trying a device: does it compute what the CPU computes, and how fast?

Every device is tried in a child process with the sample photos. What it answers is compared with
the answers of the CPU provider for the same model; the tolerances were measured on 150 photos
with OpenVINO's bf16 and 8-bit arithmetic (docs/adr/0006).
"""

from __future__ import annotations

import logging
import sys
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

    from vggscope.inference.runtime import Cancellation
    from vggscope.zoo.normal_form import Model

TIMEOUT: Final = 60.0
"""Seconds after which a device has failed: compiling a network for a GPU can take many of them."""
_WARM_RUNS: Final = 3
_LEAST_RUNS: Final = 5
_MOST_RUNS: Final = 40
_RUN_SECONDS: Final = 1.0

_LARGEST_DIFFERENCE: Final = 0.02
"""Of any probability, from that of the CPU, where a model computes in floating point."""
_QUANTIZED_DIFFERENCE: Final = 0.05
"""Of the top-1 class' probability, on average, where a model computes in 8 bits: providers round
differently, and a step of the last layers is some hundredths."""
_QUANTIZED_CLEAR: Final = 0.2
"""By how much the top-1 class of an 8-bit model must lead to be the same everywhere."""
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
    reason = _compare_quantized(expected, actual, same) if quantized else _compare(difference)
    if reason:
        error = WrongResultError(device=device.name, reason=reason)
        return Verdict.of_error(Status.REFUSED, error, **figures)
    return Verdict(Status.VERIFIED, **figures)  # type: ignore[arg-type]


def _compare(difference: float) -> str:
    """What is wrong with the answers of a floating-point model; "" if nothing is.

    Where no probability moves by more than that, a top-1 class that leads by more than twice as
    much stays the top-1 class; two that are closer have no order to keep.
    """
    # Written so that "not a number" is no small difference.
    if not difference <= _LARGEST_DIFFERENCE:
        return f"a probability differs by {difference:.3f} from the CPU's"
    return ""


def _compare_quantized(
    expected: NDArray[np.float32], actual: NDArray[np.float32], same: NDArray[np.bool_]
) -> str:
    """The same for a model in 8 bits: answers [photos, classes], and where the top-1 agrees."""
    clear = _lead(expected) > _QUANTIZED_CLEAR
    if wrong := int((clear & ~same).sum()):
        return f"another top-1 class than the CPU's on {wrong} of {len(same)} photos"
    best = expected.argmax(axis=1)[:, np.newaxis]
    of_best = [np.take_along_axis(rows, best, axis=1) for rows in (expected, actual)]
    difference = np.abs(of_best[0] - of_best[1]).mean()
    if not difference <= _QUANTIZED_DIFFERENCE:
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
    _let_others_go_first()
    try:
        return _measure(model, asked.device)
    except NoProbabilitiesError as error:
        raise WrongResultError(device=asked.device.name, reason=error.details["reason"]) from error
    except InferenceError as error:
        raise DeviceUnsupportedError(
            device=asked.device.name, model=model.name, reason=error.details["reason"]
        ) from error


def _let_others_go_first() -> None:
    """The window is working meanwhile, for somebody who waits."""
    import psutil  # noqa: PLC0415 (in the child alone)

    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        psutil.Process().nice(10)


def _measure(model: Model, device: Device) -> Measurement:
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415 (it imports this module)
    from vggscope.sources.stills import read_still  # noqa: PLC0415 (Pillow, in the child alone)

    classifier = Classifier(model, device)
    samples = sorted(paths.resource("samples").glob("*.jpg"))
    frames = [read_still(path, enough=classifier.enough) for path in samples]
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
