"""What the window knows of the devices: it has them tried, and says which one is to be used."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QCoreApplication, QObject, Signal

from vggscope.errors import DeviceError, DeviceLostError, VggscopeError
from vggscope.ui.settings import DEVICE, EXACT, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.inference.devices import Device
    from vggscope.inference.proposal import Proposal
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.selection import Survey
    from vggscope.ui.tasks import Tasks
    from vggscope.zoo.normal_form import Model

_TASK: Final = "devices"
AUTO: Final[str] = str(DEVICE.default)


@dataclass(frozen=True, slots=True)
class Trial:
    """A device that is being tried.

    Attributes:
        name: of the device, for people.
        number: from 1.
        count: how many are to be tried.
    """

    name: str
    number: int
    count: int


class DeviceRoster(QObject):
    """The devices of this computer with the model in use. Works off the UI thread.

    Attributes:
        model: name of the model that is asked about.
        survey: all that is known; None until somebody looked.
        trial: the device that is being tried now, None if none is.
        proposal: a faster variant of the model, where no device is fast enough for it.

    Signals:
        changed: one of the attributes is another.
        decided: the ``Device`` to use.
        failed: the ``VggscopeError`` for which the wanted one cannot be used.
        proposed: there is a ``proposal``.
    """

    changed = Signal()
    decided = Signal(object)
    failed = Signal(object)
    proposed = Signal()
    _progressed = Signal(object)

    def __init__(self, settings: Settings, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings, self._tasks = settings, tasks
        self.model = ""
        self._work: _Work | None = None
        self.survey: Survey | None = None
        self.trial: Trial | None = None
        self.proposal: Proposal | None = None
        self._progressed.connect(self._on_progress)

    @property
    def is_busy(self) -> bool:
        """Whether devices are being looked for or tried."""
        return self._tasks.is_pending(_TASK)

    def decide(self, model: str = "") -> None:
        """Find the device for ``model`` (the former one if ""), trying what was never tried."""
        if model and model != self.model:
            self.model, self.survey, self.proposal = model, None, None
        self._run(_Order(self.model, *self._wanted()))

    def probe_again(self) -> None:
        """Look for devices anew and try all of them."""
        self._run(_Order(self.model, *self._wanted(), again=True))

    def retry(self) -> None:
        """Give devices that failed in use another chance."""
        self._run(_Order(self.model, *self._wanted(), forgives=True))

    def look(self) -> None:
        """Bring ``survey`` up to date, unless that is being done; nothing is tried."""
        if not self.is_busy:
            self._run(_Order(self.model, *self._wanted(), only_look=True))

    def milliseconds_of(self, model: str, device: str) -> float | None:
        """Median of a device, by key, as it was measured when it was tried with ``model``."""
        rows = self.survey.rows if self.survey and model == self.model else ()
        return next((r.milliseconds for r in rows if r.device and r.device.key == device), None)

    def stop(self) -> None:
        """End the present trial."""
        if self._work is not None:
            self._work.stop()

    def _wanted(self) -> tuple[str, bool]:
        return self._settings.text(DEVICE), self._settings.flag(EXACT)

    def _run(self, order: _Order) -> None:
        self.stop()
        if not order.model:
            # The first model is still being loaded: it asks as soon as it is there.
            return
        self._work = _Work(order, self._progressed.emit)
        self._tasks.run(_TASK, self._work, self._on_end, self._on_failure)
        self.changed.emit()

    def _on_progress(self, entry: tuple[_Work, _Finding]) -> None:
        work, finding = entry
        # One that was stopped may have one more to tell.
        if self.is_busy and work is self._work:
            self._take(finding)

    def _on_end(self, finding: _Finding) -> None:
        self._take(finding)
        if self._work is None or self._work.order.only_look:
            return
        is_new = finding.proposal is not None and finding.proposal != self.proposal
        self.proposal = finding.proposal
        self.changed.emit()
        if is_new:
            self.proposed.emit()

    def _take(self, finding: _Finding) -> None:
        self.trial = finding.trial
        if finding.survey is not None:
            self.survey = finding.survey
        if finding.device is not None:
            self.decided.emit(finding.device)
        self.changed.emit()
        if finding.problem is not None:
            self.failed.emit(finding.problem)

    def _on_failure(self, error: VggscopeError) -> None:
        self.trial = None
        self.changed.emit()
        self.failed.emit(error)


def device_choices(roster: DeviceRoster, settings: Settings) -> dict[str, str]:
    """Value of the setting ``DEVICE`` -> title: what a user can choose now."""
    chosen, exact = settings.text(DEVICE), settings.flag(EXACT)
    devices = [
        row.device for row in (roster.survey.rows if roster.survey else ()) if not row.problem
    ]
    usable = {d.key: d.name for d in devices if d and (not exact or d.precision == "fp32")}
    automatic = QCoreApplication.translate("devices", "Auto: the fastest verified device")
    choices: dict[str, str] = {AUTO: automatic} | (usable or {"cpu": "CPU"})
    return choices if chosen in choices else choices | {chosen: chosen}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """What was found out by now; see ``DeviceRoster`` for all but ``problem``."""

    trial: Trial | None = None
    survey: Survey | None = None
    device: Device | None = None
    problem: DeviceError | None = None
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be found out.

    Attributes:
        model, key, exact: see ``inference.selection.select``.
        again: try all devices anew.
        forgives: failures of devices in use are to be forgotten.
        only_look: nothing is tried or decided.
    """

    model: str
    key: str
    exact: bool
    again: bool = False
    forgives: bool = False
    only_look: bool = False


class _Work:
    """Finds it out, on a thread of the pool."""

    def __init__(self, order: _Order, tell: Callable[[Any], object]) -> None:
        self.order, self._tell = order, tell
        self._cancellation: Cancellation | None = None
        self._model: Model | None = None
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        if self._cancellation is not None:
            self._cancellation.cancel()

    def __call__(self) -> _Finding:
        # Engines are imported here, on a worker thread.
        from vggscope.inference import selection  # noqa: PLC0415
        from vggscope.inference.proposal import propose  # noqa: PLC0415
        from vggscope.inference.runtime import Cancellation  # noqa: PLC0415
        from vggscope.zoo.models import find_model  # noqa: PLC0415

        order, self._cancellation = self.order, Cancellation()
        if self._stopped:
            self._cancellation.cancel()
        control: dict[str, Any] = {
            "progress": self._progress,
            "cancellation": self._cancellation,
        }
        model = self._model = find_model(order.model)
        if order.only_look:
            return _Finding(survey=selection.survey(model, self._cancellation))
        if order.forgives:
            selection.forget_lost()
        if order.again:
            selection.probe(model, again=True, **control)
        device, problem = self._select(model, control)
        if selection.names_cpu(order.key) and not order.again:
            # Looking for the others takes half a second that nobody asked for.
            return _Finding(survey=selection.known_survey(model), device=device, problem=problem)
        found = selection.survey(model, self._cancellation)
        if order.key != AUTO or order.exact:
            return _Finding(survey=found, device=device, problem=problem)
        # Told at once: a variant may have to be tried before it can be proposed.
        self._tell((self, _Finding(survey=found, device=device, problem=problem)))
        proposal = propose(model, found, **control)
        return _Finding(survey=selection.survey(model, self._cancellation), proposal=proposal)

    def _select(self, model: Model, control: dict[str, Any]) -> tuple[Device, DeviceError | None]:
        """The device to use, and why it is not the wanted one."""
        from vggscope.inference.devices import cpu_device  # noqa: PLC0415 (see __call__)
        from vggscope.inference.selection import known_choice, select  # noqa: PLC0415

        order = self.order
        try:
            return select(model, order.key, exact=order.exact, **control), None
        except DeviceError as error:
            # Of what failed in use the inference thread has told.
            problem = None if isinstance(error, DeviceLostError) else error
        # What was wanted must not stay in use either.
        with contextlib.suppress(DeviceError):
            return known_choice(model, exact=order.exact) or cpu_device(), problem
        return cpu_device(), problem

    def _progress(self, device: Device, number: int, count: int) -> None:
        from vggscope.inference.selection import known_survey  # noqa: PLC0415 (see __call__)

        survey = known_survey(self._model) if self._model else None
        trial = Trial(device.name, number + 1, count)
        self._tell((self, _Finding(trial=trial, survey=survey)))
