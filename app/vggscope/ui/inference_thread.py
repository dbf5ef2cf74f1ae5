"""The inference thread: it alone owns the model's session.

The window tells it its wishes (load a model, move it to a device, classify photos, look at the
newest frame of a camera, stop) and hears of results through signals. Every model that it loads
makes a new generation; what it answers carries the generation that it was computed in, and the
window drops what is of an older one. Another device makes no new generation: every device computes
the same, or is not used.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QDeadlineTimer, QObject, QThread, Signal, SignalInstance

from vggscope.errors import (
    Cancelled,
    DeviceError,
    EngineMissingError,
    InferenceError,
    VggscopeError,
)
from vggscope.inference.mailbox import Mailbox
from vggscope.inference.protocols import CENTRE
from vggscope.ui.errands import Errands
from vggscope.ui.images import image_of, read_photo, thumbnail_of
from vggscope.ui.inference_messages import Answer, LiveAnswer, LoadedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from PySide6.QtMultimedia import QVideoFrame

    from vggscope.errors import DenseOnCpuError, DeviceLostError
    from vggscope.inference.classifier import Classifier
    from vggscope.inference.devices import Device
    from vggscope.inference.live import LiveClassifier, LiveFrame, LiveResult
    from vggscope.inference.protocols import Protocol
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.smoothing import Smoothing
    from vggscope.inference.tap import Tap
    from vggscope.sources.frame import Frame
    from vggscope.ui.inference_messages import Wanted
    from vggscope.ui.photos import Photo
    from vggscope.zoo.normal_form import Fit

_PATIENCE: Final = 10
"""Seconds that closing waits for a run: a run that was told to stop ends within a layer."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Destination:
    model: str
    device: Device


class InferenceThread(QThread):
    """Loads models and classifies one picture at a time: live frames before photos.

    Attributes:
        errands: what else is to be done with the model.

    Signals:
        model_loaded: a ``LoadedModel``: all results from now on are its.
        model_failed: a ``VggscopeError``: the model in use before stays in use.
        moved: a ``LoadedModel``: the same model runs on another device now.
        device_failed: a ``DeviceError``: a device cannot be used, another one is.
        answered: an ``Answer``.
        live_answered: a ``LiveAnswer``.
        tap_failed: a ``VggscopeError``: why live frames come without the layer that was wanted.
    """

    model_loaded = Signal(object)
    model_failed = Signal(object)
    moved = Signal(object)
    device_failed = Signal(object)
    answered = Signal(object)
    live_answered = Signal(object)
    tap_failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inference")
        self._changed = threading.Condition()
        self.errands = Errands(self._changed, self)
        self._pending: dict[int, Photo] = {}
        self._taken: dict[int, Photo] = {}
        self._urgent: int | None = None
        self._wanted: Wanted | None = None
        self._destination: _Destination | None = None
        self._ending = False
        self._cancellation: Cancellation | None = None
        self._mailbox: Mailbox[LiveFrame[QVideoFrame]] = Mailbox(self._changed)
        self._smoothing: Smoothing = "off"
        self._tap: Tap | None = None
        # Of the thread itself:
        self._classifier: Classifier | None = None
        self._generation = 0
        self._protocol: Protocol = CENTRE
        self._loaded: LoadedModel | None = None
        self._told: DeviceLostError | None = None
        self._told_of_dense: DenseOnCpuError | None = None
        self._live: LiveClassifier[QVideoFrame] | None = None
        self._tried: tuple[Classifier, Tap | None] | None = None

    @property
    def seconds_in_run(self) -> float:
        """How long the present run of the network lasts; 0 between runs."""
        classifier = self._classifier
        return 0.0 if classifier is None else classifier.seconds_in_run

    def load(self, wanted: Wanted) -> None:
        """Change to another model, fit or protocol at once; what waits is given to the new one.

        It starts on the device that is known to be the right one, or else on the CPU.
        """
        with self._changed:
            self._wanted, self._destination = wanted, None
            if self._cancellation is not None:
                self._cancellation.cancel()
            self.errands.interrupt()
            self._changed.notify()

    def move(self, model: str, device: Device) -> None:
        """Run ``model``, if it is still the one in use, on another device after the present run.

        The device must have been verified with that very model.
        """
        with self._changed:
            self._destination = _Destination(model, device)
            self._changed.notify()

    def classify(self, photos: Iterable[Photo]) -> None:
        """Queue photos; one that is queued already keeps its place."""
        with self._changed:
            self._pending.update((photo.key, photo) for photo in photos)
            if self._pending:
                self.errands.give_way()
            self._changed.notify()

    def prefer(self, key: int | None) -> None:
        """Take the photo ``key`` next: the user looks at it."""
        with self._changed:
            self._urgent = key

    def withdraw(self, key: int) -> None:
        """The photo ``key`` need not be classified; it is not answered any more."""
        with self._changed:
            self._pending.pop(key, None)
            self._taken.pop(key, None)

    def withdraw_all(self) -> None:
        """Nothing need be classified; the present run ends in mid-network."""
        with self._changed:
            self._pending.clear()
            self._taken.clear()
            if self._cancellation is not None:
                self._cancellation.cancel()

    def offer(self, frame: LiveFrame[QVideoFrame]) -> None:
        """Look at ``frame`` as soon as the network is free, unless a newer one comes before that.

        Every frame that is looked at is answered, unless the model is changed meanwhile.
        """
        self._mailbox.put(frame)
        self.errands.give_way()

    def withdraw_live(self) -> None:
        """The frame that waits, if any, need not be looked at."""
        self._mailbox.clear()

    def smooth(self, smoothing: Smoothing) -> None:
        """Move what is said of live frames so calmly from now on."""
        self._smoothing = smoothing

    def tap(self, tap: Tap | None) -> None:
        """Hand out a layer with every live answer from now on, or none any more.

        Only live frames pay for it: with the first one, the network is opened anew.
        """
        self._tap = tap

    def stop(self) -> bool:
        """End the thread and wait for it; False if it hangs in its device, which is noted."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self.errands.stop()
        self.withdraw_live()
        self.withdraw_all()
        if self.wait(QDeadlineTimer(_PATIENCE * 1000)):
            return True
        if self._classifier is not None:
            self._classifier.note_hung(_PATIENCE)
        _log.error("The inference thread does not end")
        return False

    def _load(self, wanted: Wanted) -> None:
        self._protocol = wanted.protocol
        classifier = self._attempt(lambda: self._open(wanted), self.model_failed)
        if classifier is None:
            return
        self._adopt(classifier)
        self._generation += 1
        self._note(classifier, wanted.fit)
        self.model_loaded.emit(self._loaded)
        self._tell_failure(classifier)

    def _attempt(
        self, opening: Callable[[], Classifier], failed: SignalInstance
    ) -> Classifier | None:
        """What ``opening`` returns; None if it fails, of which ``failed`` tells.

        The session in use is let go only when the new one is complete.
        """
        try:
            return opening()
        except VggscopeError as error:
            _log.warning("%s", error)
            failed.emit(error)
        except Exception as error:  # noqa: BLE001 (logged and answered)
            _log.exception("A model could not be opened")
            failed.emit(EngineMissingError(reason=f"{type(error).__name__}: {error}"))
        return None

    def _open(self, wanted: Wanted) -> Classifier:
        # Engines are imported here: the window is on the screen by now.
        from vggscope.inference.classifier import Classifier  # noqa: PLC0415
        from vggscope.inference.devices import cpu_device  # noqa: PLC0415
        from vggscope.inference.selection import known_choice  # noqa: PLC0415
        from vggscope.zoo.models import find_model  # noqa: PLC0415

        old = self._classifier
        if old is not None and old.model.name == wanted.model:
            old.use_fit(wanted.fit)
            return old
        model = find_model(wanted.model)
        try:
            device = known_choice(model, wanted.device, exact=wanted.exact)
        except DeviceError as error:
            # The roster will meet the same error, and tell it.
            _log.warning("%s", error)
            device = None
        return Classifier.load(model, device=device or cpu_device(), fit=wanted.fit)

    def _move(self, destination: _Destination, old: Classifier) -> None:
        from vggscope.inference.classifier import Classifier  # noqa: PLC0415 (see _open)
        from vggscope.inference.selection import is_lost  # noqa: PLC0415 (see _open)

        device = destination.device
        # It may have failed since the move was decided.
        if old.model.name != destination.model or old.device == device or is_lost(device):
            return
        fit = self._loaded.fit if self._loaded else None
        classifier = self._attempt(
            lambda: Classifier.load(old.model, device=device, fit=fit), self.device_failed
        )
        if classifier is None:
            return
        self._adopt(classifier)
        self._note(classifier, fit)
        self.moved.emit(self._loaded)
        self._tell_failure(classifier)

    def _follow_tap(self, classifier: Classifier) -> None:
        """Hand out the layer that is wanted; one that cannot be is not tried again."""
        tap = self._tap
        if self._tried == (classifier, tap):
            return
        self._tried = classifier, tap
        try:
            classifier.tap(tap)
        except VggscopeError as error:
            _log.warning("%s", error)
            self.tap_failed.emit(error)
        except Exception as error:  # noqa: BLE001 (logged and answered)
            _log.exception("A layer could not be tapped")
            self.tap_failed.emit(self._surprise(classifier, error))

    def _adopt(self, classifier: Classifier) -> None:
        """Use ``classifier`` from now on; nobody keeps the former one, nor its memory."""
        self._classifier, self._tried = classifier, None
        if self._live is not None:
            self._live.classifier = classifier

    def _note(self, classifier: Classifier, fit: Fit | None) -> None:
        model, device = classifier.model, classifier.device
        self._loaded = LoadedModel(
            *(model.name, model.title, device.name, device.key),
            fit,
            self._generation,
            self._protocol,
        )

    def _tell_failure(self, classifier: Classifier) -> None:
        """Tell once that the CPU has taken over from a device."""
        if (substituted := classifier.dense_failure) not in {None, self._told_of_dense}:
            self._told_of_dense = substituted
            self.device_failed.emit(substituted)
        failure, loaded = classifier.failure, self._loaded
        if failure is None or failure is self._told or loaded is None:
            return
        self._told = failure
        if classifier.device.key != loaded.device_key:
            self._note(classifier, loaded.fit)
            self.moved.emit(self._loaded)
        self.device_failed.emit(failure)

    def _classify_pending(self, classifier: Classifier) -> None:
        from vggscope.inference.runtime import Cancellation  # noqa: PLC0415
        from vggscope.inference.stream import classify_stream  # noqa: PLC0415

        with self._changed:
            self._cancellation = cancellation = Cancellation()
        protocol = self._protocol
        try:
            enough = classifier.enough_for(protocol)
        except VggscopeError:
            # Each photo will be told why the network cannot be asked so.
            enough = classifier.enough

        def read(photo: Photo) -> Frame:
            return read_photo(photo, enough)

        try:
            for result in classify_stream(
                classifier, self._take(), read, protocol=protocol, cancellation=cancellation
            ):
                self._tell_failure(classifier)
                photo, frame, outcome = result.item, result.frame, result.outcome
                if frame is None:
                    self._answer(Answer(photo, self._generation, outcome))
                else:
                    thumbnail = thumbnail_of(image_of(frame))
                    answer = Answer(photo, self._generation, outcome, thumbnail, frame.size)
                    self._answer(answer)
        except Cancelled:
            # What nobody withdrew is still wanted, if from another model.
            with self._changed:
                self._pending = {**self._taken, **self._pending}
                self._taken.clear()
        except Exception as error:  # noqa: BLE001 (logged and answered)
            # The thread outlives whatever a driver or a codec throws, and leaves nobody waiting.
            _log.exception("The inference thread failed")
            failure = self._surprise(classifier, error)
            for photo in list(self._taken.values()):
                self._answer(Answer(photo, self._generation, failure))

    def _look_at_newest(self, classifier: Classifier) -> None:
        """Classify the newest live frame."""
        # QtMultimedia is on board since the source of the frame was chosen.
        from vggscope.inference.live import LiveClassifier  # noqa: PLC0415 (see _open)
        from vggscope.inference.runtime import Cancellation  # noqa: PLC0415 (see _open)
        from vggscope.sources.live.mapping import picture_of  # noqa: PLC0415 (not for photos)

        if self._live is None:
            # Kept from frame to frame: smoothing remembers what came before.
            self._live = LiveClassifier(classifier, lambda f: picture_of(f.frame, f.region))
        live = self._live
        live.smoothing = self._smoothing
        self._follow_tap(classifier)
        with self._changed:
            self._cancellation = cancellation = Cancellation()
        frame = self._mailbox.take(timeout=0)
        if frame is None:
            return
        outcome: LiveResult | VggscopeError
        try:
            outcome = live.classify(frame, cancellation)
        except Cancelled:
            # Another model shall look at it, unless there is a newer one.
            with self._changed:
                if self._mailbox.is_empty:
                    self._mailbox.put(frame)
            return
        except VggscopeError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 (logged and answered)
            _log.exception("A live frame could not be classified")
            outcome = self._surprise(classifier, error)
        self._tell_failure(classifier)
        self.live_answered.emit(LiveAnswer(self._generation, frame, outcome))

    def _surprise(self, classifier: Classifier, error: Exception) -> InferenceError:
        """What a driver or a codec threw that nobody expected."""
        return InferenceError(
            model=classifier.model.name,
            device=classifier.device.name,
            reason=type(error).__name__,
        )

    def _take(self) -> Iterator[Photo]:
        """The waiting photos, the preferred one first, until something else is to be done."""
        while True:
            with self._changed:
                if not self._pending or self._is_called_away():
                    return
                key = self._urgent if self._urgent in self._pending else next(iter(self._pending))
                photo = self._taken[key] = self._pending.pop(key)
            yield photo

    def _is_called_away(self) -> bool:
        """Whether something comes before the photos."""
        if self._ending or self._wanted is not None:
            return True
        is_called = (
            self._destination is not None
            or not self._mailbox.is_empty
            or self.errands.waits(in_background=False)
        )
        return is_called and self._classifier is not None

    def _has_work(self) -> bool:
        if self._is_called_away():
            return True
        has_more = bool(self._pending) or self.errands.waits(in_background=True)
        return has_more and self._classifier is not None

    def _answer(self, answer: Answer) -> None:
        with self._changed:
            if self._taken.pop(answer.photo.key, None) is None:
                return
        self.answered.emit(answer)

    # Qt overrides

    def run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                if self._ending:
                    return
                wanted, self._wanted = self._wanted, None
                destination = None
                if wanted is None:
                    destination, self._destination = self._destination, None
            if wanted is not None:
                self._load(wanted)
            elif self._classifier is not None:
                self._work(self._classifier, destination)

    def _work(self, classifier: Classifier, destination: _Destination | None) -> None:
        """Do what comes first."""
        if destination is not None:
            self._move(destination, classifier)
        elif self.errands.waits(in_background=False):
            self.errands.do_next(classifier, in_background=False)
            self._tell_failure(classifier)
        elif not self._mailbox.is_empty:
            self._look_at_newest(classifier)
        elif self._pending:
            if self._tap is None:
                self._follow_tap(classifier)
            self._classify_pending(classifier)
        else:
            self.errands.do_next(classifier, in_background=True)
