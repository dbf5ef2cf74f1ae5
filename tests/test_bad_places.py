"""Homes that cannot be written and disks that are full: the program works, and says what it cannot.

Both are real ones, mounted for the program alone, which takes root's rights.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support import command, environment
from vggscope import paths
from vggscope.inference.devices import DEVICE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT = 120
SAMPLE = str(paths.resource("samples", "zebra.jpg"))
CLASSIFY = ("classify", SAMPLE, "--model", "vgg16-compact-int8", "--format", "json")
SMALL = "256k"

WINDOW = """
import json, sys
from PySide6.QtCore import QTimer
from vggscope.ui.app import run_window
from vggscope.ui.main_window import MainWindow
from vggscope.ui.settings import MODEL, TOP, WNIDS

begin = MainWindow.begin
told = []

def use_and_close(window):
    begin(window)
    settings = window._settings
    for value in (7, 8):
        settings.set(TOP, value)
        told.append(window.messages.text)
        window.messages.hide()
    told.append(window.messages.isVisible())
    window.workbench.current_updated.connect(lambda: QTimer.singleShot(0, look))

    def look():
        classification = window.workbench.current.classification
        if classification is not None and classification.predictions:
            told.append(classification.predictions[0].label)
            told.append(settings.number(TOP))
            window.close()

MainWindow.begin = use_and_close
status = run_window(sys.argv[1:])
print(json.dumps(told))
sys.exit(status)
"""


class Place:
    """A home folder, and how it is spoilt for the processes that are started in it."""

    def __init__(self, home: Path, runtime: Path, spoil: str) -> None:
        self.home, self._runtime, self._spoil = home, runtime, spoil

    def run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        script = f'set -e; {self._spoil}; shift; exec "$@"'
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", str(self.home), *words],
            env=environment(
                HOME=str(self.home),
                XDG_RUNTIME_DIR=str(self._runtime),
                QT_QPA_PLATFORM="offscreen",
                **{
                    DEVICE_VARIABLE: "cpu",
                    paths.DATA_DIR_VARIABLE: None,
                    "XDG_CACHE_HOME": None,
                    "XDG_CONFIG_HOME": None,
                    "XDG_DATA_HOME": None,
                    "XDG_STATE_HOME": None,
                },
            ),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=TIMEOUT,
        )

    def window(self) -> list[Any]:
        """What a window says that is used and closed."""
        done = self.run([sys.executable, "-c", WINDOW, SAMPLE])
        assert (done.returncode, done.stderr) == (0, "")
        return list(json.loads(done.stdout))

    def config(self) -> Path:
        return self.home / ".config" / "vggscope"


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A home and a runtime folder."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("only Linux can spoil a disk for one process alone")
    probe = ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs none {tmp_path}"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here: no root, or a container that forbids it")
    home, runtime = tmp_path / "home", tmp_path / "run"
    (home / ".config" / "vggscope").mkdir(parents=True)
    runtime.mkdir(mode=0o700)
    return home, runtime


@pytest.fixture
def read_only(places: tuple[Path, Path]) -> Place:
    home, runtime = places
    return Place(home, runtime, 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"')


@pytest.fixture
def full(places: tuple[Path, Path]) -> Iterator[Place]:
    """A disk of its own without a free byte. What is written stays to be looked at."""
    home, runtime = places
    config = home / ".config" / "vggscope"
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", str(home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        config.mkdir(parents=True)
        (config / "settings.json").write_text('{"model": "vgg16-compact-int8", "top": 3}')
        (config / "window.ini").write_text("[General]\nas_table=true\n")
        with (home / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        yield Place(home, runtime, ":")
    finally:
        subprocess.run(["umount", str(home)], check=True)


def prediction(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return str(json.loads(done.stdout)[0]["predictions"][0]["label"])


# --- a home that cannot be written ------------------------------------------------------------


def test_read_only_commands(read_only: Place) -> None:
    assert prediction(read_only.run(command(*CLASSIFY))) == "zebra"
    doctor = read_only.run(command("doctor"))
    assert "Traceback" not in doctor.stderr
    assert "settings" in doctor.stdout
    made = read_only.run(command("models", "create", "--config", "A", "--name", "mine"))
    assert made.returncode == 2
    assert made.stderr.startswith("vggscope: ")
    assert made.stderr.count("\n") == 1
    assert "Read-only file system" in made.stderr
    assert "did not expect" not in made.stderr


def test_read_only_window(read_only: Place) -> None:
    (read_only.config() / "settings.json").write_text('{"model": "vgg16-compact-int8"}')
    first, second, is_repeated, label, top = read_only.window()
    assert "Your settings could not be kept: " in first
    assert "is not writable. They last" in first
    assert "until you close VGGscope." in first
    assert str(read_only.config()) in first
    assert second == first
    assert not is_repeated
    assert (label, top) == ("zebra", 8)
    stored = (read_only.config() / "settings.json").read_text()
    assert stored == '{"model": "vgg16-compact-int8"}'


# --- a full disk ------------------------------------------------------------------------------


def everything(place: Place) -> dict[str, bytes]:
    """Path -> content of the files that have any."""
    files = (path for path in place.home.rglob("*") if path.is_file() and path.stat().st_size)
    return {str(path.relative_to(place.home)): path.read_bytes() for path in files}


def test_full_disk_commands(full: Place) -> None:
    before = everything(full)
    assert prediction(full.run(command(*CLASSIFY))) == "zebra"
    written = full.run(command(*CLASSIFY, "-o", str(full.home / "result.json")))
    assert written.returncode == 2
    assert "No space left" in written.stderr
    made = full.run(command("models", "create", "--config", "A", "--name", "mine"))
    assert made.returncode == 2
    assert "did not expect" not in made.stderr
    assert made.stderr.count("\n") == 1
    assert everything(full) == before


def test_full_disk_window(full: Place) -> None:
    before = everything(full)
    first, _, is_repeated, label, top = full.window()
    assert "Your settings could not be kept: No space left on device." in first
    assert not is_repeated
    assert (label, top) == ("zebra", 8)
    assert everything(full) == before, "nothing is lost of what was there, and nothing is left over"
    (full.home / "filler").unlink()
    first = full.window()[0]
    assert "settings" not in first
    assert json.loads((full.config() / "settings.json").read_text())["top"] == 8
    assert "geometry" in (full.config() / "window.ini").read_text()
