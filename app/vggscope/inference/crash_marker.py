"""Which device was in use when this program crashed: a driver may take the whole process with it.

While a device other than the CPU is in use, a small file says so. It goes when the session does.
One that is found without its process tells of a crash, if the process left a crash report or
died before the device had given its first answer; other ends (the battery, the task manager)
are not the device's fault.
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
        answered: whether it had given an answer before.
    """

    model: str
    device: str
    name: str
    answered: bool = False


class CrashMarker:
    """The file of one session; removed with ``owner``, and when the program ends in good order."""

    def __init__(self, owner: object, model: Path, device: Device) -> None:
        self._path = _folder() / f"{os.getpid()}-{next(_serials)}.json"
        self._content = Fallen(str(model), device.key, device.name)
        self._write()
        self.remove = weakref.finalize(owner, _remove, self._path)

    def note_answer(self) -> None:
        """The device works: from now on only a crash report speaks against it."""
        if not self._content.answered:
            self._content = msgspec.structs.replace(self._content, answered=True)
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
        if not pid.isdecimal() or int(pid) == os.getpid() or _is_running(int(pid)):
            continue
        with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
            fallen = msgspec.json.decode(path.read_bytes(), type=Fallen)
            if not fallen.answered or _crashed(int(pid), path):
                yield fallen
        _remove(path)


def _crashed(pid: int, marker: Path) -> bool:
    report = crash_report(pid)
    # An older one is of another process of that number.
    return report is not None and report.stat().st_mtime >= marker.stat().st_mtime


def _is_running(pid: int) -> bool:
    import psutil  # noqa: PLC0415 (20 ms, where there is a marker at all)

    return bool(psutil.pid_exists(pid))


def _folder() -> Path:
    return paths.cache_dir() / _FOLDER


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
