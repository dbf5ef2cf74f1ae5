"""What was found out about the devices of this computer: a file, so that it is found out once.

Everything in it is void as soon as a driver, a package or the hardware is another
(``discovery.fingerprint``), and the verdicts on a model as soon as the model is.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from vggscope import paths
from vggscope.inference.discovery import Inventory, fingerprint
from vggscope.inference.probe import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vggscope.zoo.normal_form import Model

FORMAT: Final = 1
FILE: Final = "devices.json"
_log = logging.getLogger(__name__)


class _Content(msgspec.Struct):
    format: int
    machine: str
    inventory: Inventory | None = None
    verdicts: dict[str, dict[str, Verdict]] = {}


class Ledger:
    """The file. Several processes may write it: each adds what it found out to what is there.

    Where it cannot be written, what was found out lasts as long as this process.
    """

    _unwritten: ClassVar[dict[Path, _Content]] = {}

    def __init__(self) -> None:
        self._path = paths.cache_dir() / FILE
        self._content = self._read()

    @property
    def inventory(self) -> Inventory | None:
        """The devices of this computer; None if nobody has looked yet."""
        return self._content.inventory

    def verdicts(self, model: Model) -> Mapping[str, Verdict]:
        """Device key -> what came of trying it with ``model``."""
        return self._content.verdicts.get(model.identity, {})

    def keep_inventory(self, inventory: Inventory) -> None:
        """Remember what devices there are."""
        self._content = self._read()
        self._content.inventory = inventory
        self._write()

    def keep_verdict(self, model: Model, device: str, verdict: Verdict) -> None:
        """Remember what came of trying ``device``."""
        self._content = self._read()
        self._content.verdicts.setdefault(model.identity, {})[device] = verdict
        self._write()

    def forget(self) -> None:
        """Everything is to be found out anew."""
        self._content = self._empty()
        self._write()

    def _empty(self) -> _Content:
        return _Content(FORMAT, fingerprint())

    def _read(self) -> _Content:
        fresh = self._empty()
        unwritten = self._unwritten.get(self._path)
        if unwritten is not None and unwritten.machine == fresh.machine:
            return unwritten
        try:
            content = msgspec.json.decode(self._path.read_bytes(), type=_Content)
            _check(content)
        except FileNotFoundError:
            return fresh
        # ValueError: bytes that are no UTF-8. The others: errors or devices that we do not know.
        except (OSError, msgspec.MsgspecError, ValueError, LookupError, TypeError) as error:
            _log.warning("%s is ignored: %s", self._path, error)
            return fresh
        return content if (content.format, content.machine) == (FORMAT, fresh.machine) else fresh

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _replace(self._path, msgspec.json.encode(self._content))
        except OSError as error:
            _log.warning("What was found out about devices is not kept: %s", error)
            self._unwritten[self._path] = self._content
        else:
            self._unwritten.pop(self._path, None)


def _replace(path: Path, content: bytes) -> None:
    """Give the file ``path`` another content: whoever reads meanwhile gets the old or the new one.

    Raises:
        OSError: it is as it was.
    """
    new = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=FILE, delete=False) as file:
            new = Path(file.name)
            file.write(content)
        new.replace(path)
    except OSError:
        if new is not None:
            # A disk that was full gets back what was taken of it.
            new.unlink(missing_ok=True)
        raise


def _check(content: _Content) -> None:
    """Raise where an error or a device of ``content`` is none of ours."""
    inventory = content.inventory or Inventory((), {})
    for device in inventory.devices:
        device.precision  # noqa: B018 (looks up its provider and variant)
    for provider in inventory.absences:
        inventory.why_not(provider)
    for verdicts in content.verdicts.values():
        for verdict in verdicts.values():
            verdict.error  # noqa: B018 (makes it)
