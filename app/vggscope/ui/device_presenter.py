"""Shows in the window what device is in use, and tells what happens to devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer

from vggscope.errors import (
    CrashedInUseError,
    DenseOnCpuError,
    DeviceHangsError,
    DeviceLostError,
    RuntimeClashError,
)
from vggscope.ui.settings import DEVICE, MODEL, Settings, window_state
from vggscope.ui.texts import explanation_of, proposal_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vggscope.errors import DeviceError
    from vggscope.ui.device_button import DeviceButton
    from vggscope.ui.inference_messages import LoadedModel
    from vggscope.ui.messages import MessageBar
    from vggscope.ui.workbench import Workbench

_PROPOSED = "proposed"
_CRASHES = "crashes"
_HANGS: Final = 30.0
"""Seconds after which a run is no slow run any more: verified devices take less than one."""
_GLANCE_MS: Final = 5000


class DevicePresenter(QObject):
    """Keeps the window's device buttons true, and its message bar informed.

    Attributes:
        live_time: (device, milliseconds) of the moving picture that is shown; None for photos.
    """

    def __init__(
        self,
        workbench: Workbench,
        settings: Settings,
        messages: MessageBar,
        buttons: Sequence[DeviceButton],
    ) -> None:
        """``buttons``: the first one also tells that the device was chosen by *Auto*."""
        super().__init__(workbench)
        self._bench, self._settings = workbench, settings
        self._messages, self._buttons = messages, buttons
        self.live_time: tuple[str, float] | None = None
        self._is_clash_told = False
        self._watch = QTimer(self)
        self._watch.setInterval(_GLANCE_MS)
        self._watch.timeout.connect(self._look_after_run)
        workbench.progress_changed.connect(self._watch_over)
        workbench.device_failed.connect(self._tell)
        workbench.roster.changed.connect(self.show)
        workbench.roster.changed.connect(self._explain)
        workbench.roster.proposed.connect(self._propose)

    def show(self) -> None:
        """Name the device in use and its latency, or why there is none."""
        model, roster = self._bench.model, self._bench.roster
        if self._bench.broken is not None:
            self._show_text(self.tr("No model"))
        elif model is None or model.name != self._settings.text(MODEL):
            self._show_text(self.tr("Loading the model…"))
        else:
            milliseconds = self._latency(model)
            is_auto = self._settings.text(DEVICE) == DEVICE.default
            first, *others = self._buttons
            first.show_device(model.device, milliseconds, is_auto=is_auto)
            for button in others:
                button.show_device(model.device, milliseconds, trial=roster.trial)

    def _show_text(self, text: str) -> None:
        for button in self._buttons:
            button.tell(text)

    def _latency(self, model: LoadedModel) -> float | None:
        """Of the photo that is shown, or else what was measured when the device was tried."""
        if self.live_time is not None and self.live_time[0] == model.device_key:
            return self.live_time[1]
        photo = self._bench.current
        done = None if photo is None or photo.stale else photo.classification
        if done is not None and done.device == model.device_key:
            return done.milliseconds
        return self._bench.roster.milliseconds_of(model.name, model.device_key)

    def _tell(self, error: DeviceError) -> None:
        text, roster = explanation_of(error), self._bench.roster
        if isinstance(error, RuntimeClashError):
            self._messages.tell(text)
        elif isinstance(error, DenseOnCpuError):
            self._messages.tell(text, is_problem=False)
        elif isinstance(error, DeviceLostError):
            self._messages.tell(text, self.tr("Try again"), roster.retry)
        else:
            self._messages.tell(text, self.tr("Probe again"), roster.probe_again)

    def _watch_over(self) -> None:
        """Look after runs as long as there are any: an idle window has no timers."""
        if not (self._bench.is_busy or self._bench.is_live):
            self._watch.stop()
        elif not self._watch.isActive():
            self._watch.start()

    def _look_after_run(self) -> None:
        model, seconds = self._bench.model, self._bench.seconds_in_run
        # Nothing takes over from the CPU, however slow it is.
        if model is None or model.device_key == "cpu" or seconds < _HANGS:
            return
        # Once for this run: a photo that is answered starts the watch anew.
        self._watch.stop()
        self._messages.tell_error(DeviceHangsError(device=model.device, seconds=f"{seconds:.0f}"))

    def _explain(self) -> None:
        """Tell once of runtimes that are in each other's way, and of a device that crashed us."""
        survey = self._bench.roster.survey
        if survey is None:
            return
        if survey.clash is not None and not self._is_clash_told:
            self._is_clash_told = True
            self._tell(survey.clash)
        crashes = {
            row.device.key: row.problem
            for row in survey.rows
            if row.device is not None and isinstance(row.problem, CrashedInUseError)
        }
        state = window_state()
        told = str(state.value(_CRASHES, "")).split()
        state.setValue(_CRASHES, " ".join(crashes))
        for key, error in crashes.items():
            if key not in told:
                self._tell(error)

    def _propose(self) -> None:
        """Propose a faster model, once on this computer, and not over another message."""
        proposal, state = self._bench.roster.proposal, window_state()
        told = str(state.value(_PROPOSED, "")).split()
        if proposal is None or self._messages.isVisible() or proposal.model in told:
            return
        state.setValue(_PROPOSED, " ".join([*told, proposal.model]))
        self._messages.tell(
            proposal_text(proposal),
            self.tr("Use it"),
            lambda: self._settings.set(MODEL, proposal.model),
            is_problem=False,
        )
