"""Devices in the program as a process: what is killed, what is remembered, what crashed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from e2e.desktop import Program, wait_until
from imaginary import CARD, CARD_NAME, DOUBLES, busy_model
from support import command, environment
from vggscope import paths
from vggscope.inference.devices import DEVICE_VARIABLE, cpu_device
from vggscope.inference.ledger import FILE
from vggscope.inference.packages import is_importable
from vggscope.inference.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    Start = Callable[..., Program]

SAMPLES = paths.resource("samples")
BUSY = "busy"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="its devices are those of Linux")


@pytest.fixture
def start(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts the program on a computer with the card beside the CPU.

    Its model is one that the card is sure to be faster with. Other plugins that are installed here
    cannot be loaded.
    """
    for provider in PROVIDERS.values():
        if provider.key != "webgpu" and provider.module and is_importable(provider.module):
            (tmp_path / f"{provider.module}.py").write_text("raise ImportError('not in here')\n")
    path = [str(DOUBLES), str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("VGGSCOPE_DOUBLE", "good")
    monkeypatch.delenv(DEVICE_VARIABLE)
    busy_model(data_dir / "data" / "models" / BUSY)
    (data_dir / "config").mkdir()
    # The layer browser opens sessions of its own; here those that classify are counted.
    settings = {"model": BUSY, "layers": False}
    (data_dir / "config" / "settings.json").write_text(json.dumps(settings))
    programs: list[Program] = []

    def open_one(*words: str | Path) -> Program:
        programs.append(Program(command(*words), environment()))
        return programs[-1]

    yield open_one
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
        program.process.communicate()


def log(data_dir: Path) -> str:
    file = data_dir / "log" / "vggscope.log"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def opened_on(data_dir: Path) -> list[str]:
    """The devices on which the program opened the model, in this order."""
    return re.findall(r" vggscope\.inference\.runtime: Opened .* on (\S+) \(", log(data_dir))


def verdicts(data_dir: Path) -> dict[str, Any]:
    """Device -> what came of trying it with the only model that there is."""
    file = data_dir / "cache" / FILE
    if not file.exists():
        return {}
    found = json.loads(file.read_bytes())["verdicts"]
    return dict(next(iter(found.values()), {}))


def children_of(program: Program) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(program.process.pid).children():
        with contextlib.suppress(psutil.Error):  # it may have ended meanwhile
            if paths.CHILD in child.cmdline():
                found.append(child)
    return found


def classified(data_dir: Path) -> int:
    """How many photos were classified, as ``--verbose`` tells."""
    return log(data_dir).count(": Classified 1, ")


def assert_clean_end(program: Program, data_dir: Path) -> None:
    children = children_of(program)
    status, _ = program.end()
    assert status == 0
    assert not any(child.is_running() for child in children)
    assert "CRITICAL" not in log(data_dir)
    assert list((data_dir / "cache").glob("in-use/*")) == []
    assert list((data_dir / "log").glob("running-*")) == []


def test_killing_the_process_of_a_trial_leaves_the_window_on_the_cpu(
    start: Start, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        (tmp_path / f"{number}.jpg").symlink_to(SAMPLES / "zebra.jpg")
    monkeypatch.setenv("VGGSCOPE_DOUBLE", "hang:1")
    program = start("--verbose", tmp_path)
    # The CPU comes first: whatever is tried after it is the card.
    wait_until(lambda: "cpu" in verdicts(data_dir) and children_of(program), "the card's trial")
    [trial] = children_of(program)
    trial.send_signal(signal.SIGKILL)
    wait_until(lambda: CARD in verdicts(data_dir), "the end of the trial")
    verdict = verdicts(data_dir)[CARD]
    assert verdict["status"] == "crashed"
    assert verdict["problem"]["reason"] == "SIGKILL"
    wait_until(lambda: classified(data_dir) == 100, "all photos")
    assert_clean_end(program, data_dir)
    assert opened_on(data_dir) == ["cpu"]


def test_ending_in_the_middle_of_a_trial_ends_its_process(
    start: Start, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VGGSCOPE_DOUBLE", "hang:1")
    program = start()
    wait_until(lambda: "cpu" in verdicts(data_dir) and children_of(program), "the card's trial")
    assert_clean_end(program, data_dir)
    assert CARD not in verdicts(data_dir), "it is tried at the next start"


def test_the_second_start_tries_nothing(start: Start, data_dir: Path) -> None:
    program = start()
    wait_until(lambda: opened_on(data_dir) == ["cpu", CARD], "the move to the card")
    assert_clean_end(program, data_dir)
    known = (data_dir / "cache" / FILE).stat().st_mtime_ns
    program = start("--verbose", SAMPLES / "zebra.jpg")
    seen: list[psutil.Process] = []

    def is_done() -> bool:
        seen.extend(children_of(program))
        return classified(data_dir) == 1

    wait_until(is_done, "the photo")
    assert_clean_end(program, data_dir)
    assert opened_on(data_dir) == ["cpu", CARD, CARD]
    assert seen == []
    assert (data_dir / "cache" / FILE).stat().st_mtime_ns == known


TELL = """
import json, sys
from PySide6.QtCore import QTimer
from vggscope.ui.app import run_window
from vggscope.ui.device_button import DeviceButton
from vggscope.ui.main_window import MainWindow

begin = MainWindow.begin

def tell_and_close(window):
    begin(window)
    timer = QTimer(window)

    def look():
        bench = window.workbench
        if bench.model is not None and not bench.roster.is_busy:
            timer.stop()
            bar = window.messages
            told = bar.text if bar.isVisible() else ""
            devices = [button.text() for button in window.findChildren(DeviceButton)]
            print(json.dumps({"told": told, "devices": devices}))
            window.close()

    timer.timeout.connect(look)
    timer.start(20)

MainWindow.begin = tell_and_close
sys.exit(run_window([]))
"""


def what_the_next_start_says() -> tuple[str, list[str]]:
    """The message and the device buttons, when devices are known."""
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = json.loads(done.stdout)
    return found["told"], found["devices"]


def test_after_a_crash_in_use_of_the_card_the_cpu_is_used(
    start: Start, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = start()
    wait_until(lambda: opened_on(data_dir) == ["cpu", CARD], "the move to the card")
    assert_clean_end(program, data_dir)
    monkeypatch.setenv("VGGSCOPE_DOUBLE", "crash:2")
    program = start(SAMPLES / "zebra.jpg", SAMPLES / "pizza.jpg")
    status, _ = program.wait()
    assert status == -signal.SIGSEGV
    monkeypatch.setenv("VGGSCOPE_DOUBLE", "good")
    told, devices = what_the_next_start_says()
    assert "stopped unexpectedly" in told
    assert opened_on(data_dir) == ["cpu", CARD, CARD, "cpu"]
    assert all(cpu_device().name in device for device in devices)
    assert f"VGGscope stopped unexpectedly while it used {CARD_NAME}." in log(data_dir)
    verdict = verdicts(data_dir)[CARD]
    assert (verdict["status"], verdict["problem"]["kind"]) == ("crashed", "crashed-in-use")
    # Told once; the CPU stays.
    told, devices = what_the_next_start_says()
    assert told == ""
    assert all(cpu_device().name in device for device in devices)


def test_a_card_that_hangs_in_use_does_not_keep_the_window_from_closing(
    start: Start, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = start()
    wait_until(lambda: opened_on(data_dir) == ["cpu", CARD], "the move to the card")
    assert_clean_end(program, data_dir)
    monkeypatch.setenv("VGGSCOPE_DOUBLE", "hang:1")
    program = start(SAMPLES / "zebra.jpg")
    wait_until(lambda: opened_on(data_dir) == ["cpu", CARD, CARD], "the card")
    program.process.send_signal(signal.SIGTERM)
    assert program.process.wait(60) == 0
    # It is not chosen again until it is probed.
    assert verdicts(data_dir)[CARD]["status"] == "timed-out"
    monkeypatch.setenv("VGGSCOPE_DOUBLE", "good")
    program = start()
    wait_until(lambda: opened_on(data_dir)[3:] == ["cpu"], "the CPU")
    assert_clean_end(program, data_dir)
