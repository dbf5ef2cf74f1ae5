"""Which device a model runs on: all that is known of the devices, and the choice among them.

*Auto* is the fastest device that was verified with the model. What was never tried is tried
first; the answers are kept in the ``Ledger``, so that this happens once per computer and model.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vggscope.errors import (
    CrashedInUseError,
    DeviceError,
    DeviceLostError,
    DeviceTimedOutError,
    InexactDeviceError,
    ModelError,
    UnknownDeviceError,
)
from vggscope.inference.crash_marker import collect_fallen
from vggscope.inference.devices import AUTO, DEVICE_VARIABLE, EXACT, Device, cpu_device
from vggscope.inference.discovery import discover
from vggscope.inference.ledger import Ledger
from vggscope.inference.packages import runtime_clash
from vggscope.inference.probe import Measurement, Status, Verdict, judge, measure
from vggscope.inference.providers import PROVIDERS, Provider
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vggscope.errors import RuntimeClashError
    from vggscope.inference.discovery import Inventory
    from vggscope.inference.runtime import Cancellation
    from vggscope.zoo.normal_form import Model

    Progress = Callable[[Device, int, int], object]

_lost: dict[str, DeviceLostError] = {}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A device or, where a provider has none, the provider.

    Attributes:
        provider: its provider.
        device: None if there is none.
        status: what is known of it.
        problem: why it is not used.
        verdict: what came of trying it; None if it was not tried.
        ratio: its milliseconds ÷ those of the CPU.
    """

    provider: Provider
    device: Device | None
    status: Status
    problem: DeviceError | None
    verdict: Verdict | None
    ratio: float | None

    @property
    def key(self) -> str:
        """The device's, or the provider's."""
        return self.device.key if self.device else self.provider.key

    @property
    def milliseconds(self) -> float | None:
        """Median from frame to probabilities, batch 1, where it was measured."""
        return self.verdict.milliseconds if self.verdict else None

    def as_json_object(self) -> dict[str, Any]:
        """For ``vggscope devices --format json``."""
        verdict, device = self.verdict, self.device
        return {
            "device": device and device.key,
            "name": device.name if device else self.provider.title,
            "provider": self.provider.name,
            "precision": device and device.precision,
            "status": str(self.status),
            "milliseconds": self.milliseconds,
            "ratio_to_cpu": self.ratio,
            "largest_difference": verdict and verdict.difference,
            "same_top1": verdict and verdict.agreeing,
            "photos": verdict and verdict.photos,
            "operators_on_cpu": verdict and verdict.on_cpu,
            "error": self.problem and self.problem.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Survey:
    """All that is known of the devices of this computer with one model.

    Attributes:
        model: its name.
        rows: the CPU first, then in the order of ``PROVIDERS``.
        clash: several ONNX Runtime packages in each other's way.
    """

    model: str
    rows: tuple[Row, ...]
    clash: RuntimeClashError | None

    @property
    def devices(self) -> list[Device]:
        """Those that there are."""
        return [row.device for row in self.rows if row.device is not None]

    @property
    def untried(self) -> list[Device]:
        """Those that *Auto* could take, and of which nothing is known yet."""
        untried = (row.device for row in self.rows if row.status is Status.UNTRIED)
        return [device for device in untried if device and not device.is_by_hand]

    def to_try(self, only: str = "") -> list[Device]:
        """``untried``, or the device of the key ``only`` alone, if nothing is known of it."""
        if not only:
            return self.untried
        untried = (row.device for row in self.rows if row.status is Status.UNTRIED)
        return [device for device in untried if device and device.key == only]

    def best(self, *, exact: bool = False) -> Row | None:
        """The fastest verified device; None if there is none."""
        verified = [
            (row.milliseconds, row)
            for row in self.rows
            if row.status is Status.VERIFIED
            and row.device is not None
            and row.milliseconds is not None
            and not row.device.is_by_hand
            and (not exact or row.device.precision == EXACT)
        ]
        return min(verified, key=lambda entry: entry[0])[1] if verified else None

    def find(self, key: str, *, exact: bool = False) -> Row:
        """The device called ``key``, or the first one whose key begins so ("openvino").

        Raises:
            DeviceError: there is none; tells why, or which there are.
        """
        named = [row for row in self.rows if row.device and row.device.is_called(key)]
        usable = [r for r in named if r.device and (not exact or r.device.precision == EXACT)]
        # One that was refused only if there is no other.
        for row in sorted(usable, key=lambda row: row.problem is not None):
            return row
        if named and named[0].device is not None:
            device = named[0].device
            raise InexactDeviceError(device=device.name, precision=device.precision)
        for row in self.rows:
            if row.device is None and row.provider.key == key.partition(":")[0] and row.problem:
                raise row.problem
        known = ", ".join([AUTO, *(device.key for device in self.devices)])
        raise UnknownDeviceError(device=key, known=known)


def survey(model: Model, cancellation: Cancellation | None = None) -> Survey:
    """What is known of the devices with ``model``; nothing is tried, but devices are looked for.

    Raises:
        EngineMissingError: ONNX Runtime cannot be loaded.
        Cancelled: ``cancellation`` was asked for.
    """
    return _survey(model, *_open_ledger(cancellation))


def known_survey(model: Model) -> Survey | None:
    """``survey``, if devices were looked for before: takes milliseconds."""
    ledger = Ledger()
    return None if ledger.inventory is None else _survey(model, ledger, ledger.inventory)


def probe(
    model: Model,
    *,
    again: bool = False,
    only: str = "",
    progress: Progress = lambda _device, _number, _count: None,
    cancellation: Cancellation | None = None,
) -> Survey:
    """Try the devices of which nothing is known yet with ``model``; the survey after that.

    Args:
        model: what they are to run.
        again: forget what is known, look for devices anew and try all.
        only: key of one device that is to be tried, beside the CPU, instead of all.
        progress: called before each device with its number, from 0, and how many there are.
        cancellation: ends the present trial at once; what was found out until then is kept.

    Raises:
        ModelError: the model is broken.
        EngineMissingError: ONNX Runtime cannot be loaded.
        Cancelled: ``cancellation`` was asked for.
    """
    if again:
        Ledger().forget()
        forget_lost()
    ledger, inventory = _open_ledger(cancellation)
    before = _survey(model, ledger, inventory)
    cpu = cpu_device()
    devices = [d for d in before.to_try(only) if d != cpu]
    if not devices and cpu not in before.untried:
        return before
    progress(cpu, 0, len(devices) + 1)
    reference = measure(model, cpu, cancellation)
    if isinstance(reference, Verdict):
        # A computer that is too busy now need not be so the next time.
        if reference.status is not Status.TIMED_OUT:
            ledger.keep_verdict(model, cpu.key, reference)
        return _survey(model, ledger, inventory)
    quantized = model.description.precision == "int8"
    ledger.keep_verdict(model, cpu.key, judge(cpu, reference, reference, quantized=quantized))
    for number, device in enumerate(devices, start=1):
        progress(device, number, len(devices) + 1)
        answer = measure(model, device, cancellation)
        if isinstance(answer, Measurement):
            answer = judge(device, answer, reference, quantized=quantized)
        ledger.keep_verdict(model, device.key, answer)
    return _survey(model, ledger, inventory)


def known_choice(model: Model, key: str = AUTO, *, exact: bool = False) -> Device | None:
    """The device that ``select`` would return, as far as that is known without trying anything.

    None if something must be tried first. Takes milliseconds.

    Raises:
        DeviceError: as ``select``.
    """
    key = _requested(key)
    if names_cpu(key):
        return cpu_device()
    ledger = Ledger()
    _note_fallen(ledger)
    if (inventory := ledger.inventory) is None:
        return None
    return _choice(_survey(model, ledger, inventory), key, exact=exact)


def select(
    model: Model,
    key: str = AUTO,
    *,
    exact: bool = False,
    progress: Progress = lambda _device, _number, _count: None,
    cancellation: Cancellation | None = None,
) -> Device:
    """The device to run ``model`` on. Devices that were never tried with it are tried now.

    Args:
        model: what is to run.
        key: a device's key, or the beginning of one ("cuda"), or "auto" for the fastest one.
        exact: only devices that compute in fp32.
        progress: see ``probe``.
        cancellation: likewise.

    Raises:
        DeviceError: there is no such device, or it is not to be trusted with this model.
        ModelError: the model is broken.
        Cancelled: ``cancellation`` was asked for.
    """
    key = _requested(key)
    if names_cpu(key):
        return cpu_device()
    found = survey(model, cancellation)
    chosen = _choice(found, key, exact=exact)
    if chosen is None:
        row = None if key == AUTO else found.find(key, exact=exact)
        only = row.device.key if row and row.device else ""
        found = probe(model, only=only, progress=progress, cancellation=cancellation)
        chosen = _choice(found, key, exact=exact)
    if chosen is None and key != AUTO and (problem := found.rows[0].problem):
        # Without the CPU's answers there is nothing to compare with.
        raise problem
    return chosen or cpu_device()


def devices() -> list[Device]:
    """All devices of this computer, the CPU first, whether they were verified or not."""
    return list(_open_ledger(None)[1].devices)


def is_lost(device: Device) -> bool:
    """Whether ``device`` failed in use, and nobody has asked for it since."""
    return device.key in _lost


def note_hung(model: Model, device: Device, seconds: float) -> None:
    """``device`` did not come back from a run: it is not to be used again until it is probed."""
    error = DeviceTimedOutError(device=device.name, seconds=f"{seconds:.0f}")
    Ledger().keep_verdict(model, device.key, Verdict.of_error(Status.TIMED_OUT, error))


def note_lost(device: Device, error: DeviceLostError) -> None:
    """``device`` failed in use: nobody is to choose it in this process, unless asked to."""
    _lost[device.key] = error


def forget_lost() -> None:
    """Let devices that failed in use be tried again: the user asked for it."""
    _lost.clear()


def names_cpu(key: str) -> bool:
    """Whether ``key`` is the CPU's, which is there without looking for it."""
    return _requested(key) == cpu_device().key


def _requested(key: str) -> str:
    return (os.environ.get(DEVICE_VARIABLE) or AUTO) if key == AUTO else key


def _choice(found: Survey, key: str, *, exact: bool) -> Device | None:
    """The device for ``key``; None if something must be tried to know."""
    if key != AUTO:
        row = found.find(key, exact=exact)
        if row.problem is not None:
            raise row.problem
        return None if row.status is Status.UNTRIED else row.device
    candidates = [
        device
        for device in found.devices
        if not device.is_by_hand and (not exact or device.precision == EXACT)
    ]
    if len(candidates) > 1 and any(device in found.untried for device in candidates):
        return None
    best = found.best(exact=exact)
    return cpu_device() if best is None else best.device


def _open_ledger(cancellation: Cancellation | None) -> tuple[Ledger, Inventory]:
    """The ledger, with all crashes noted, and its inventory."""
    ledger = Ledger()
    _note_fallen(ledger)
    inventory = ledger.inventory
    if inventory is None:
        inventory = discover(cancellation)
        ledger.keep_inventory(inventory)
    return ledger, inventory


def _note_fallen(ledger: Ledger) -> None:
    for fallen in collect_fallen():
        error = CrashedInUseError(device=fallen.name)
        _log.warning("%s", error)
        try:
            model = find_model(fallen.model)
        except ModelError:
            continue
        ledger.keep_verdict(model, fallen.device, Verdict.of_error(Status.CRASHED, error))


def _survey(model: Model, ledger: Ledger, inventory: Inventory) -> Survey:
    verdicts = ledger.verdicts(model)
    rows: list[Row] = []
    for provider in PROVIDERS.values():
        if provider.key in inventory.absences:
            problem = inventory.why_not(provider.key)
            rows.append(Row(provider, None, Status.UNAVAILABLE, problem, None, None))
        of_it = (device for device in inventory.devices if device.provider == provider.key)
        rows += _rows(provider, of_it, verdicts)
    return Survey(model.name, tuple(rows), runtime_clash())


def _rows(
    provider: Provider, devices: Iterable[Device], verdicts: Mapping[str, Verdict]
) -> Iterator[Row]:
    for device in devices:
        verdict = verdicts.get(device.key)
        if lost := _lost.get(device.key):
            yield Row(provider, device, Status.LOST, lost, verdict, None)
        elif verdict is None:
            yield Row(provider, device, Status.UNTRIED, None, None, None)
        else:
            ratio = _ratio(verdict, verdicts.get(cpu_device().key))
            yield Row(provider, device, verdict.status, verdict.error, verdict, ratio)


def _ratio(verdict: Verdict, cpu: Verdict | None) -> float | None:
    if cpu is None or not cpu.milliseconds or verdict.milliseconds is None:
        return None
    return verdict.milliseconds / cpu.milliseconds
