"""Which device was in use when this program crashed: a driver may take the whole process with it.

While a device other than the CPU is in use, a small file says so. It goes when the session does.
One that is found without its process tells of a crash, if the process left a crash report, or died
while the device was being opened or gave its first answer, which is when drivers crash in ways that
leave no report. Other ends (the battery, the task manager) are not the device's fault.
"""

from __future__ import annotations

import contextlib
import logging
import os
import weakref
from itertools import count
from typing import TYPE_CHECKING, Final

import msgspec

from vggscope import paths
from vggscope.diagnostics import crash_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vggscope.inference.devices import Device

_FOLDER: Final = "in-use"
_serials = count(1)
_log = logging.getLogger(__name__)


class Fallen(msgspec.Struct, frozen=True):
    """A device in whose use the program crashed.

    Attributes:
        model: folder of the model that ran on it.
        device: its key.
        name: for people.
        began: when its process was started; numbers of processes come again.
        is_suspect: whether it was doing something that crashes without a report.
    """

    model: str
    device: str
    name: str
    began: float
    is_suspect: bool = True


class CrashMarker:
    """The file of one session; removed with ``owner``, and when the program ends in good order."""

    def __init__(self, owner: object, model: Path, device: Device) -> None:
        self._path = _folder() / f"{os.getpid()}-{next(_serials)}.json"
        self._content = Fallen(str(model), device.key, device.name, _began(os.getpid()))
        self._write()
        self.remove = weakref.finalize(owner, _remove, self._path)

    def relax(self) -> None:
        """From now on only a crash report speaks against the device."""
        self._rewrite(is_suspect=False)

    def suspect(self) -> None:
        """From now on any end speaks against the device."""
        self._rewrite(is_suspect=True)

    def _rewrite(self, *, is_suspect: bool) -> None:
        self._content = msgspec.structs.replace(self._content, is_suspect=is_suspect)
        self._write()

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(msgspec.json.encode(self._content))
        except OSError as error:
            _log.warning("No crash marker: %s", error)


def collect_fallen() -> Iterator[Fallen]:
    """The devices that crashed this program, each told once."""
    for path in sorted(_folder().glob("*.json")):
        pid = path.stem.partition("-")[0]
        if not pid.isdecimal():
            continue
        try:
            fallen = msgspec.json.decode(path.read_bytes(), type=Fallen)
        # ValueError: bytes that are no UTF-8.
        except (OSError, msgspec.MsgspecError, ValueError):
            _remove(path)
            continue
        if _began(int(pid)) == fallen.began:
            continue
        if fallen.is_suspect or _crashed(int(pid), path):
            yield fallen
        _remove(path)


def _crashed(pid: int, marker: Path) -> bool:
    report = crash_report(pid)
    # An older one is of another process of that number.
    return report is not None and report.stat().st_mtime >= marker.stat().st_mtime


def _began(pid: int) -> float:
    """When the process ``pid`` was started, in seconds; 0 if there is none."""
    import psutil  # noqa: PLC0415 (20 ms, where there is a marker at all)

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def _folder() -> Path:
    return paths.cache_dir() / _FOLDER


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
