"""What is asked for only when its page is seen: the weights of a unit, the time of each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from vggscope.ui.texts import explanation_of, message_of

if TYPE_CHECKING:
    from vggscope.errors import VggscopeError
    from vggscope.inference.layer_times import LayerTimes
    from vggscope.inference.subject import Subject
    from vggscope.inference.weight_views import PassThrough, UnitWeights
    from vggscope.ui.inference_messages import LoadedModel
    from vggscope.ui.layers.figure import NetworkFigure
    from vggscope.ui.layers.layer_table import LayerTable
    from vggscope.ui.layers.looking import Looking
    from vggscope.ui.layers.weights_panel import WeightsPanel


class WeightsPage:
    """Fills a ``WeightsPanel``."""

    def __init__(self, panel: WeightsPanel, looking: Looking, use: str) -> None:
        """``use``: whose picture the weights are multiplied with."""
        self._panel, self._looking, self._use = panel, looking, use
        self._asked: tuple[Subject, str, int] | None = None
        self._is_answered = False

    def forget(self) -> None:
        """What is shown is of another network."""
        self._asked = None

    def show(self, subject: Subject, layer: str, unit: int) -> None:
        """Show what a unit multiplies by, and what of ``subject``."""
        asked = subject, layer, unit
        # An answer may have been called off, when the browser was hidden or another model came.
        if asked == self._asked and (self._is_answered or self._looking.is_weighing(self._use)):
            return
        self._asked, self._is_answered = asked, False
        text = QCoreApplication.translate("layers", "Reading weights…")
        self._panel.show_reason(text, busy=True)
        self._looking.weigh(self._use, subject, (layer, unit), self._on_weights, self._on_failure)

    def _on_weights(self, weights: UnitWeights | PassThrough) -> None:
        self._is_answered = True
        self._panel.show_weights(weights)

    def _on_failure(self, error: VggscopeError) -> None:
        self._is_answered = True
        self._panel.show_reason(explanation_of(error))


class Times:
    """Fills the times of a figure and a table: once for each model and device."""

    def __init__(self, figure: NetworkFigure, table: LayerTable, looking: Looking) -> None:
        self._figure, self._table, self._looking = figure, table, looking
        self._known: dict[tuple[str, str], LayerTimes] = {}
        self._shown: LayerTimes | None = None
        self._model: LoadedModel | None = None
        table.times_wanted.connect(self._measure_now)

    def follow(self, model: LoadedModel) -> None:
        """Show the times of ``model`` on its device; measure them when there is nothing to do."""
        self._model = model
        known = self._known.get((model.name, model.device_key))
        if known is None:
            self._show(None)
            if not self._looking.is_measuring:
                self._measure(model, now=False)
        elif known is not self._shown:
            self._show(known)

    def forget(self) -> None:
        """The figure and the table show another network."""
        self._shown = None

    def _measure_now(self) -> None:
        if self._model is not None:
            self._measure(self._model, now=True)

    def _measure(self, model: LoadedModel, *, now: bool) -> None:
        key = model.name, model.device_key

        def deliver(times: LayerTimes) -> None:
            self._known[key] = times
            self._table.set_measuring(False)
            # Meanwhile it may be another model, or another device.
            if self._model is not None:
                self.follow(self._model)

        def fail(error: VggscopeError) -> None:
            self._table.set_measuring(False)
            self._table.show_times(None, note=message_of(error))

        self._table.set_measuring(now)
        self._looking.measure(deliver, fail, now=now)

    def _show(self, times: LayerTimes | None) -> None:
        if times is self._shown:
            return
        self._shown = times
        if times is None:
            self._figure.show_times(None)
            self._table.show_times(None)
            return
        note = QCoreApplication.translate(
            "layers", "This device runs the network as one piece: the CPU was measured instead."
        )
        milliseconds = dict(times.milliseconds)
        self._figure.show_times(milliseconds, times.device)
        self._table.show_times(milliseconds, times.device, note if times.is_substitute else "")
