"""Looking into layers: asked on the UI thread, answered on the inference thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vggscope.inference.tap import Tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.errors import VggscopeError
    from vggscope.inference.classifier import Classifier
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.layer_times import LayerTimes
    from vggscope.inference.readers import Readers
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.subject import Subject
    from vggscope.inference.weight_views import PassThrough, UnitWeights
    from vggscope.ui.errands import Errands

    Failed = Callable[[VggscopeError], None]

_TIMES: Final = "times"


class Looking:
    """Errands that look into layers. A newer question replaces one of the same use."""

    def __init__(self, errands: Errands) -> None:
        self._errands = errands
        # Of the inference thread:
        self._readers: Readers | None = None

    def run(
        self,
        use: str,
        work: Callable[[Readers, Cancellation], Any],
        deliver: Callable[[Any], None],
        failed: Failed | None,
        *,
        in_background: bool = False,
    ) -> None:
        """Deliver what ``work`` makes of the readers; see ``Errands.run``."""
        self._errands.run(
            use,
            lambda _classifier, cancellation: work(self._eyes(), cancellation),
            deliver,
            failed,
            in_background=in_background,
        )

    def look(
        self,
        use: str,
        subject: Subject,
        tap: Tap,
        deliver: Callable[[FeatureMaps], None],
        failed: Failed,
    ) -> None:
        """Deliver what the layer ``tap`` makes of ``subject``; see ``Readers.look``."""
        self.run(
            use,
            lambda eyes, cancellation: eyes.look(use, subject, tap, cancellation),
            deliver,
            failed,
        )

    def weigh(
        self,
        use: str,
        subject: Subject,
        unit: tuple[str, int],
        deliver: Callable[[UnitWeights | PassThrough], None],
        failed: Failed,
    ) -> None:
        """Deliver what a unit (layer, number) multiplies by, and what of ``subject``."""

        def work(eyes: Readers, cancellation: Cancellation) -> UnitWeights | PassThrough:
            from vggscope.inference.weight_views import (  # noqa: PLC0415 (numpy)
                source_of,
                unit_weights_view,
            )

            layer, number = unit
            reader = eyes.reader(use, subject)
            source = source_of(reader.anatomy, layer)
            before = position = None
            if subject.read is not None and source is not None:
                before = eyes.look(use, subject, Tap(source.name), cancellation)
                maps = eyes.look(use, subject, Tap(layer), cancellation)
                position = next(iter(maps.strongest(number, 1)), None)
            return unit_weights_view(reader, layer, number, maps_before=before, position=position)

        self.run(_weights(use), work, deliver, failed)

    def measure(self, deliver: Callable[[LayerTimes], None], failed: Failed, *, now: bool) -> None:
        """Deliver the time of each layer of the model in use, on its device.

        Args:
            deliver: gets the times.
            failed: gets the error.
            now: the user waits for it.
        """

        def work(classifier: Classifier, cancellation: Cancellation) -> LayerTimes:
            from vggscope.inference.layer_times import measure_layers  # noqa: PLC0415

            anatomy = classifier.layers.anatomy
            return measure_layers(
                classifier.model, anatomy, classifier.device, cancellation=cancellation
            )

        self._errands.run(_TIMES, work, deliver, failed, in_background=not now)

    def forget(self, use: str) -> None:
        """No answer for ``use`` is wanted any more."""
        self._errands.forget(use)
        self._errands.forget(_weights(use))

    def let_go(self, use: str) -> None:
        """No answer for ``use`` is wanted any more, and nothing is kept in memory for it."""
        self.forget(use)
        self.run(f"{use} let go", lambda eyes, _: eyes.forget(use), lambda _: None, None)

    @property
    def is_measuring(self) -> bool:
        """Whether times are on their way."""
        return self._errands.is_pending(_TIMES)

    def is_weighing(self, use: str) -> bool:
        """Whether weights for ``use`` are on their way."""
        return self._errands.is_pending(_weights(use))

    def is_pending(self, use: str) -> bool:
        """Whether an answer for ``use`` is on its way."""
        return self._errands.is_pending(use)

    def _eyes(self) -> Readers:
        from vggscope.inference.readers import Readers  # noqa: PLC0415 (the engine)

        if self._readers is None:
            self._readers = Readers()
        return self._readers


def _weights(use: str) -> str:
    return f"{use} weights"
