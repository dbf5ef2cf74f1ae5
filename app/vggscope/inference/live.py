"""Moving pictures: the newest frame in, calm predictions out.

Nothing here knows where frames come from: the platform's frame is opaque, and whoever has one
also has the function that opens it as a ``Picture``. Cheap to import (no numpy, no engine): frames
are numbered on the window's thread.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from vggscope.inference.report import DEFAULT_TOP
from vggscope.inference.smoothing import Smoother

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from vggscope.inference.classification import Classification, Prediction
    from vggscope.inference.classifier import Classifier
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.smoothing import Smoothing
    from vggscope.sources.frame import Picture

PlatformFrame = TypeVar("PlatformFrame")

Region: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in pixels of the source's picture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveFrame(Generic[PlatformFrame]):
    """A frame of a source, as it came.

    Attributes:
        frame: the platform's own, not yet converted.
        number: 1 for the first since the source began.
        captured: when it came, with a time zone (UTC).
        arrived: the same by ``time.perf_counter()``.
        seconds: where it lies in the video; of other sources, since the source began.
        epoch: the number of the source that it came from: answers of former ones are dropped.
        region: the part of it that counts; None for all of it.
    """

    frame: PlatformFrame
    number: int
    captured: datetime
    arrived: float
    seconds: float
    epoch: int
    region: Region | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveResult:
    """What a network thinks of one frame.

    Attributes:
        number, captured, seconds, epoch: of the frame, see ``LiveFrame``.
        latency: milliseconds from the frame's arrival to the answer, waiting included.
        classification: what the network answered to this frame alone.
        shown: what to show: the same after smoothing; the very same object where that is off.
        smoothing: how much of it there is in ``shown``.
        size: (width, height) of the picture, in whose pixels the crop box is.
        maps: what the layer that the classifier taps made of it; None if it taps none.
    """

    number: int
    captured: datetime
    seconds: float
    epoch: int
    latency: float
    classification: Classification
    shown: Classification
    smoothing: Smoothing
    size: tuple[int, int]
    maps: FeatureMaps | None = None

    def top(self, count: int) -> tuple[Prediction, ...]:
        """The ``count`` most probable classes after smoothing; ties by index."""
        return self.shown.top(count)


class LiveClassifier(Generic[PlatformFrame]):
    """Classifies frames, one at a time; owned by the thread that owns the classifier.

    Attributes:
        classifier: may be replaced between two frames. Smoothing starts anew with another model,
            but not with another device: every device computes the same.
        smoothing: how calmly predictions move; may be set from any thread.
    """

    def __init__(
        self,
        classifier: Classifier,
        open_picture: Callable[[LiveFrame[PlatformFrame]], AbstractContextManager[Picture]],
        *,
        smoothing: Smoothing = "off",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Classify with ``classifier``.

        Args:
            classifier: owned by the calling thread.
            open_picture: makes a frame's pixels readable for as long as its context lasts.
            smoothing: how calmly predictions move.
            clock: the one that ``LiveFrame.arrived`` is of.
        """
        self.classifier = classifier
        self.smoothing: Smoothing = smoothing
        self._open_picture = open_picture
        self._clock = clock
        self._smoother = Smoother()

    def reset(self) -> None:
        """Let smoothing start anew: what comes next has nothing to do with what was before."""
        self._smoother.reset()

    def classify(
        self,
        live_frame: LiveFrame[PlatformFrame],
        cancellation: Cancellation | None = None,
        *,
        top: int = DEFAULT_TOP,
    ) -> LiveResult:
        """Classify a frame.

        Smoothing starts anew with another epoch, model, region or crop box.

        Args:
            live_frame: converted here, and only the part that the network sees.
            cancellation: ends it, in mid-network if need be.
            top: how many predictions.

        Raises:
            FrameUnreadableError: ``open_picture`` could not read it (or whatever else it raises).
            InferenceError: the network failed.
            Cancelled: ``cancellation`` was asked for.
        """
        classifier = self.classifier
        with self._open_picture(live_frame) as picture:
            size = picture.size
            answer, maps = classifier.classify_tapped(picture, top=top, cancellation=cancellation)
        # Read once: another thread may set it at any time.
        smoothing = self._smoother.strength = self.smoothing
        stream = (live_frame.epoch, classifier.model.identity, live_frame.region, answer.crop)
        smoothed = self._smoother.smooth(answer.probabilities, live_frame.arrived, stream=stream)
        shown = answer
        if smoothed is not answer.probabilities:
            shown = dataclasses.replace(answer, probabilities=smoothed)
            shown = dataclasses.replace(shown, predictions=shown.top(len(answer.predictions)))
        return LiveResult(
            number=live_frame.number,
            captured=live_frame.captured,
            seconds=live_frame.seconds,
            epoch=live_frame.epoch,
            latency=(self._clock() - live_frame.arrived) * 1000,
            classification=answer,
            shown=shown,
            smoothing=smoothing,
            size=size,
            maps=maps,
        )
