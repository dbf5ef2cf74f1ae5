"""The inference thread: it alone owns the model's session.

The window talks to it through three wishes (load a model, classify photos, stop) and hears of
results through signals. Every model that it loads makes a new generation; what it answers
carries the generation that it was computed in, and the window drops what is of an older one.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QThread, Signal

from vggscope.errors import Cancelled, EngineMissingError, InferenceError, VggscopeError
from vggscope.ui.images import image_of, read_photo, thumbnail_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from PySide6.QtGui import QImage

    from vggscope.inference.classifier import Classification, Classifier
    from vggscope.inference.runtime import Cancellation
    from vggscope.sources.frame import Frame
    from vggscope.ui.photos import Photo
    from vggscope.zoo.normal_form import Fit

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What the thread runs now.

    Attributes:
        name, title: of the model.
        device: the device's name for people.
        fit: the chosen fit, None for the published one.
        generation: of all answers from now on.
    """

    name: str
    title: str
    device: str
    fit: Fit | None
    generation: int


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What became of a photo.

    Attributes:
        generation: of the model that it was given to.
        outcome: the classification, or why there is none.
        thumbnail, size: of the photo; None where it could not be read.
    """

    photo: Photo
    generation: int
    outcome: Classification | VggscopeError
    thumbnail: QImage | None = None
    size: tuple[int, int] | None = None


class InferenceThread(QThread):
    """Loads models and classifies photos, one at a time.

    Signals:
        model_loaded: a ``LoadedModel``: all results from now on are its.
        model_failed: a ``VggscopeError``: the model in use before stays in use.
        answered: an ``Answer``.
    """

    model_loaded = Signal(object)
    model_failed = Signal(object)
    answered = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inference")
        self._changed = threading.Condition()
        self._pending: dict[int, Photo] = {}
        self._taken: dict[int, Photo] = {}
        self._urgent: int | None = None
        self._wanted: tuple[str, Fit | None] | None = None
        self._ending = False
        self._cancellation: Cancellation | None = None
        # Of the thread itself:
        self._classifier: Classifier | None = None
        self._generation = 0

    def load(self, model: str, fit: Fit | None) -> None:
        """Change to another model or another fit at once; what waits is given to the new one."""
        with self._changed:
            self._wanted = (model, fit)
            if self._cancellation is not None:
                self._cancellation.cancel()
            self._changed.notify()

    def classify(self, photos: Iterable[Photo]) -> None:
        """Queue photos; one that is queued already keeps its place."""
        with self._changed:
            self._pending.update((photo.key, photo) for photo in photos)
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

    def stop(self) -> None:
        """End the thread and wait for it."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self.withdraw_all()
        self.wait()

    def _load(self, name: str, fit: Fit | None) -> None:
        try:
            # Engines are imported here: the window is on the screen by now.
            from vggscope.inference.classifier import Classifier  # noqa: PLC0415

            if self._classifier is not None and self._classifier.model.name == name:
                self._classifier.use_fit(fit)
            else:
                # The new one is complete before the old one is let go.
                self._classifier = Classifier.load(name, fit=fit)
        except VggscopeError as error:
            _log.warning("%s", error)
            self.model_failed.emit(error)
            return
        except Exception as error:  # noqa: BLE001 (logged and answered)
            _log.exception("The model %s could not be loaded", name)
            reason = f"{type(error).__name__}: {error}"
            self.model_failed.emit(EngineMissingError(reason=reason))
            return
        self._generation += 1
        model, device = self._classifier.model, self._classifier.device
        self.model_loaded.emit(
            LoadedModel(model.name, model.title, device.name, fit, self._generation)
        )

    def _classify_pending(self, classifier: Classifier) -> None:
        from vggscope.inference.runtime import Cancellation  # noqa: PLC0415
        from vggscope.inference.stream import classify_stream  # noqa: PLC0415

        with self._changed:
            self._cancellation = cancellation = Cancellation()

        def read(photo: Photo) -> Frame:
            return read_photo(photo, classifier.enough)

        try:
            for result in classify_stream(
                classifier, self._take(), read, cancellation=cancellation
            ):
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
            failure = InferenceError(
                model=classifier.model.name,
                device=classifier.device.name,
                reason=type(error).__name__,
            )
            for photo in list(self._taken.values()):
                self._answer(Answer(photo, self._generation, failure))

    def _take(self) -> Iterator[Photo]:
        """The waiting photos, the preferred one first, until something else is to be done."""
        while True:
            with self._changed:
                if not self._pending or self._wanted is not None or self._ending:
                    return
                key = self._urgent if self._urgent in self._pending else next(iter(self._pending))
                photo = self._taken[key] = self._pending.pop(key)
            yield photo

    def _answer(self, answer: Answer) -> None:
        with self._changed:
            if self._taken.pop(answer.photo.key, None) is None:
                return
        self.answered.emit(answer)

    # Qt overrides

    def run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: (
                        self._ending
                        or self._wanted is not None
                        or (self._pending and self._classifier is not None)
                    )
                )
                if self._ending:
                    return
                wanted, self._wanted = self._wanted, None
            if wanted is not None:
                self._load(*wanted)
            elif self._classifier is not None:
                self._classify_pending(self._classifier)
