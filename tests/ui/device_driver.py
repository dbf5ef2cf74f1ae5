"""What tests of devices in the window share: a computer with a card, and what the window says."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Final

import psutil
from PySide6.QtWidgets import QMenu, QTableWidget

from imaginary import busy_model
from support import tiny_model
from ui.window_driver import row_texts, write_settings
from vggscope import paths
from vggscope.inference import proposal, selection
from vggscope.inference.devices import cpu_device
from vggscope.inference.ledger import FILE
from vggscope.paths import CHILD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QDialog

    from imaginary import Card
    from ui.window_driver import Driver

CPU_NAME: Final = cpu_device().name
CPU_KEY: Final = "cpu"
TABLE: Final = "All devices, and why they are or are not used"
MENU: Final = "Choose the device"
BUSY: Final = "busy"
_ledger: list[bytes] = []


def above(user: Driver) -> str:
    """What the toolbar says of the device."""
    return user.button(MENU).text()


def below(user: Driver) -> str:
    """What the status bar says of it."""
    return user.button(TABLE).text()


def spoken(user: Driver) -> tuple[str, str]:
    """What a screen reader says of both."""
    return user.button(MENU).accessibleName(), user.button(TABLE).accessibleName()


def device_in_use(user: Driver) -> str | None:
    """Key of the device that the model runs on."""
    return user.bench.model and user.bench.model.device_key


def wait_for_device(user: Driver, key: str) -> None:
    """Until the model runs on the device and nothing is tried any more."""
    user.wait(lambda: device_in_use(user) == key and not user.bench.roster.is_busy)


def run_of_devices(user: Driver) -> list[tuple[str, str]]:
    """(model, device) of everything that is in use from now on."""
    seen: list[tuple[str, str]] = []

    def note() -> None:
        model = user.bench.model
        if model and (model.name, model.device_key) not in seen[-1:]:
            seen.append((model.name, model.device_key))

    note()
    user.bench.model_changed.connect(note)
    return seen


def devices_of_photos(user: Driver) -> list[str]:
    """Key of the device that classified each photo."""
    return [p.classification.device for p in user.photos if p.classification and not p.stale]


def offered_devices(user: Driver) -> dict[str, QAction]:
    """The entries of the toolbar's menu."""
    menu = user.button(MENU).menu()  # type: ignore[union-attr]
    assert isinstance(menu, QMenu)
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions() if action.text()}


def table_of(dialog: QDialog) -> QTableWidget:
    [table] = dialog.findChildren(QTableWidget)
    return table


def rows_of(dialog: QDialog) -> list[list[str]]:
    """All cells of the device table."""
    model = table_of(dialog).model()
    return [row_texts(model, row) for row in range(model.rowCount())]


class Children:
    """The child processes that the program starts from now on.

    Attributes:
        started: all of them.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._free: float = float("inf")
        note = self._note

        class Noted(subprocess.Popen):  # type: ignore[type-arg]
            def __init__(self, arguments: Any, **options: Any) -> None:
                super().__init__(arguments, **options)
                if CHILD in arguments:
                    note(self)

        monkeypatch.setattr(subprocess, "Popen", Noted)

    @property
    def jobs(self) -> list[str]:
        """What they were started for."""
        words = [list(map(str, child.args)) for child in self.started]  # type: ignore[arg-type]
        return [line[line.index(CHILD) + 1] for line in words]

    @property
    def alive(self) -> list[subprocess.Popen[bytes]]:
        """Those that nobody has seen the end of."""
        return [child for child in self.started if child.returncode is None]

    def hold_after(self, count: int) -> None:
        """Let ``count`` of them work; later ones do nothing before ``release``."""
        self._free = count

    def release(self) -> None:
        """Let all of them work."""
        with self._lock:
            self._free = float("inf")
            for child in self.alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(child.pid).resume()

    def _note(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self.started.append(child)
            if len(self.started) > self._free:
                # It waits for its request, which it gets only after this.
                psutil.Process(child.pid).suspend()


class Computer:
    """A computer with a CPU, the imaginary card, and a model that the card is faster with.

    Attributes:
        card: what it does can be changed.
        children: the child processes of the program.
        models: the folder of the user's models.
    """

    def __init__(
        self,
        card: Card,
        data_dir: Path,
        new_window: Callable[..., Driver],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.card, self.children = card, Children(monkeypatch)
        self.models = data_dir / "data" / "models"
        self._new_window, self._monkeypatch = new_window, monkeypatch
        self._model = busy_model(self.models / BUSY)
        write_settings(model=BUSY, theme="light")

    def start(self, device: str = "") -> Driver:
        """Open a window, and wait until its model runs: on ``device``, if one is named."""
        user = self._new_window()
        user.wait_for_model()
        if device:
            wait_for_device(user, device)
        return user

    def know_devices(self) -> None:
        """As if its devices had been tried with the model before.

        They are, but once per run of the tests: the card is good, and the model always the same.
        """
        file = paths.cache_dir() / FILE
        if _ledger:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_ledger[0])
        assert selection.probe(self._model).untried == []
        _ledger[:] = [file.read_bytes()]
        self.children.started.clear()

    def lose_card(self) -> None:
        """There is the CPU alone, and nobody finds it fast enough; its model has a fast variant."""
        self.card.does("empty")
        self._monkeypatch.setattr(proposal, "FAST_ENOUGH", 0)
        quantized = {"of": BUSY, "agreement": 98.0, "photos": 150, "source": "tests"}
        tiny_model(self.models / "swift", title="Swift", precision="int8", quantized=quantized)
