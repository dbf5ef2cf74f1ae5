"""What the window knows of the devices: it has them tried, and says which one is to be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QCoreApplication, QObject, Signal

from vggscope.errors import DeviceError, VggscopeError
from vggscope.ui.settings import DEVICE, EXACT, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.inference.devices import Device
    from vggscope.inference.proposal import Proposal
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.selection import Survey
    from vggscope.ui.tasks import Tasks

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
        """Fill ``survey``, if nothing does so already; nothing is tried."""
        if self.survey is None and not self.is_busy and self.model:
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
        self._tasks.run(_TASK, self._work, self._on_decision, self._on_failure)
        self.changed.emit()

    def _on_progress(self, entry: tuple[_Work, Trial]) -> None:
        work, trial = entry
        # One that was stopped may have one more to tell.
        if self.is_busy and work is self._work:
            self.trial = trial
            self.changed.emit()

    def _on_decision(self, decision: _Decision) -> None:
        self.trial = None
        if decision.survey is not None:
            self.survey = decision.survey
        is_new = decision.proposal is not None and decision.proposal != self.proposal
        self.proposal = decision.proposal
        if decision.device is not None:
            self.decided.emit(decision.device)
        self.changed.emit()
        if decision.problem is not None:
            self.failed.emit(decision.problem)
        if is_new:
            self.proposed.emit()

    def _on_failure(self, error: VggscopeError) -> None:
        self.trial = None
        self.changed.emit()
        self.failed.emit(error)


def device_choices(roster: DeviceRoster, chosen: str) -> dict[str, str]:
    """Value of the setting ``DEVICE`` -> title: what a user can choose now, ``chosen`` among it."""
    rows = roster.survey.rows if roster.survey else ()
    usable = {row.device.key: row.device.name for row in rows if row.device and not row.problem}
    automatic = QCoreApplication.translate("devices", "Auto: the fastest verified device")
    choices: dict[str, str] = {AUTO: automatic} | (usable or {"cpu": "CPU"})
    return choices if chosen in choices else choices | {chosen: chosen}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
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
        self._order, self._tell = order, tell
        self._cancellation: Cancellation | None = None
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        if self._cancellation is not None:
            self._cancellation.cancel()

    def __call__(self) -> _Decision:
        # Engines are imported here, on a worker thread.
        from vggscope.inference import selection  # noqa: PLC0415
        from vggscope.inference.proposal import propose  # noqa: PLC0415
        from vggscope.inference.runtime import Cancellation  # noqa: PLC0415
        from vggscope.zoo.models import find_model  # noqa: PLC0415

        order, self._cancellation = self._order, Cancellation()
        if self._stopped:
            self._cancellation.cancel()
        control: dict[str, Any] = {
            "progress": self._progress,
            "cancellation": self._cancellation,
        }
        model = find_model(order.model)
        if order.only_look:
            return _Decision(survey=selection.survey(model, self._cancellation))
        if order.forgives:
            selection.forget_lost()
        if order.again:
            selection.probe(model, again=True, **control)
        device, problem = None, None
        try:
            device = selection.select(model, order.key, exact=order.exact, **control)
        except DeviceError as error:
            problem = error
        if selection.names_cpu(order.key) and not order.again:
            # Looking for the others takes half a second that nobody asked for.
            return _Decision(survey=selection.known_survey(model), device=device)
        found = selection.survey(model, self._cancellation)
        proposal = None
        if order.key == AUTO and not order.exact:
            proposal = propose(model, found, **control)
            found = selection.survey(model, self._cancellation)
        return _Decision(survey=found, device=device, problem=problem, proposal=proposal)

    def _progress(self, device: Device, number: int, count: int) -> None:
        self._tell((self, Trial(device.name, number + 1, count)))
