"""The screen as a source, in programs of their own: other windows, screens and platforms."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from PIL import Image

from e2e.desktop import PATIENCE, Desktop, wait_until
from support import environment
from vggscope import paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.desktop import Program

ZEBRA: Final = paths.resource("samples", "zebra.jpg")

WATCH: Final = r"""
import json, sys
from PySide6.QtCore import QCoreApplication, QRect, QTimer
from PySide6.QtWidgets import QApplication, QLabel

kind, wanted, region, report, shots = sys.argv[1:]
application = (QCoreApplication if kind == "core" else QApplication)([])
from vggscope.sources.live.base import State
from vggscope.sources.live.screen import ScreenSource

if kind != "core":
    own = QLabel("our own window")
    own.setWindowTitle("mine")
    own.show()
source, newest, told = ScreenSource(), [], []

def tell():
    image = newest[0].toImage() if newest and source.state is State.RUNNING else None
    if image is not None and source.region:
        image = image.copy(*source.region)
    told.append(1)
    if image is not None:
        image.save(f"{shots}/{len(told)}.png")
    error = source.error
    line = {
        "state": source.state.name,
        "error": error and error.as_json(),
        "size": image and [image.width(), image.height()],
        "region": source.region,
        "shot": f"{shots}/{len(told)}.png",
        "targets": [target.name for target in source.targets()],
    }
    with open(report, "a") as file:
        file.write(json.dumps(line) + "\n")

def take(frame):
    newest[:] = [frame]

def begin():
    found = [target for target in source.targets() if target.name == wanted]
    if wanted and not found:
        QTimer.singleShot(50, begin)
        return
    if found:
        source.use_target(found[0])
    if region:
        source.use_region(QRect(*map(int, region.split(","))))
    source.frame_ready.connect(take)
    source.state_changed.connect(lambda: QTimer.singleShot(100, tell))
    source.formats_changed.connect(lambda: QTimer.singleShot(100, tell))
    source.start()

begin()
application.exec()
"""
SHOW: Final = r"""
import sys
from PySide6.QtCore import QSize
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication, QLabel

application = QApplication([])
label = QLabel()
label.setWindowTitle("photo")
label.setPixmap(QPixmap(sys.argv[1]).scaled(480, 320))
label.setScaledContents(True)
label.setMinimumSize(1, 1)
label.show()
application.exec()
"""
MONITORS: Final = r"""
import ctypes as c, sys

class Info(c.Structure):
    _fields_ = [
        ("name", c.c_ulong), ("primary", c.c_int), ("automatic", c.c_int), ("outputs", c.c_int),
        ("x", c.c_int), ("y", c.c_int), ("width", c.c_int), ("height", c.c_int),
        ("mm_width", c.c_int), ("mm_height", c.c_int), ("ids", c.c_void_p),
    ]

x, r = c.CDLL("libX11.so.6"), c.CDLL("libXrandr.so.2")
x.XOpenDisplay.restype = c.c_void_p
x.XDefaultRootWindow.restype = x.XInternAtom.restype = c.c_ulong
x.XDefaultRootWindow.argtypes = [c.c_void_p]
x.XInternAtom.argtypes = [c.c_void_p, c.c_char_p, c.c_int]
x.XSync.argtypes = [c.c_void_p, c.c_int]
r.XRRAllocateMonitor.restype = c.POINTER(Info)
r.XRRAllocateMonitor.argtypes = [c.c_void_p, c.c_int]
r.XRRSetMonitor.argtypes = [c.c_void_p, c.c_ulong, c.POINTER(Info)]
r.XRRDeleteMonitor.argtypes = [c.c_void_p, c.c_ulong, c.c_ulong]
display = x.XOpenDisplay(None)
root = x.XDefaultRootWindow(display)
for action in sys.argv[1:]:
    name, *place = action.split(",")
    atom = x.XInternAtom(display, name.encode(), 0)
    if place:
        made = r.XRRAllocateMonitor(display, 0)
        made[0].name, made[0].primary = atom, 0
        made[0].x, made[0].y, made[0].width, made[0].height = map(int, place)
        made[0].mm_width = made[0].mm_height = 200
        r.XRRSetMonitor(display, root, made)
    else:
        r.XRRDeleteMonitor(display, root, atom)
x.XSync(display, 0)
"""


def run(desktop: Desktop, folder: Path, script: str, *words: str) -> Program:
    path = folder / f"script-{len(list(folder.iterdir()))}.py"
    path.write_text(script, encoding="utf-8")
    return desktop.start_script(path, *words)


def set_monitors(desktop: Desktop, folder: Path, *actions: str) -> None:
    """Make screens ("name,x,y,width,height") and take them away ("name")."""
    status, written = run(desktop, folder, MONITORS, *actions).wait()
    assert status == 0, written


class Watcher:
    """A ``ScreenSource`` in a program on a desktop."""

    def __init__(self, desktop: Desktop, folder: Path, wanted: str = "", region: str = "") -> None:
        self._report = folder / "report.jsonl"
        words = ("window", wanted, region, str(self._report), str(folder))
        self.program = run(desktop, folder, WATCH, *words)

    def lines(self) -> list[dict[str, Any]]:
        if not self._report.exists():
            return []
        text = self._report.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def wait_for(self, **wanted: object) -> dict[str, Any]:
        """Until the newest report says all of this."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            if self.program.process.poll() is not None:
                pytest.fail(f"the watching program ended: {self.program.wait()}")
            found[:] = self.lines()[-1:]
            return bool(found) and wanted.items() <= found[0].items()

        wait_until(look, f"{wanted}")
        return found[0]

    def wait_for_error(self, kind: str) -> dict[str, Any]:
        wait_until(
            lambda: [
                line for line in self.lines()[-1:] if (line["error"] or {}).get("kind") == kind
            ],
            f"the error {kind}",
        )
        assert self.program.process.poll() is None
        return self.lines()[-1]


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    if sys.platform != "linux":
        pytest.skip("makes an X server of its own")
    monkeypatch.setenv("XDG_SESSION_TYPE", "x11")
    made = Desktop(tmp_path)
    yield made
    made.shut_down()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "watcher"
    made.mkdir()
    return made


def shows(shot: str, desktop: Desktop, box: tuple[int, int, int, int]) -> bool:
    """Whether a file shows what is at this place (x, y, width, height) of the desktop."""
    x, y, width, height = box
    there = desktop.photo_of().crop((x, y, x + width, y + height))
    first, second = (np.asarray(i.convert("RGB"), np.int16) for i in (Image.open(shot), there))
    assert second.std() > 10  # there is something to be seen
    return first.shape == second.shape and bool(np.abs(first - second).mean() < 1)


def shot_shows_zebra(path: str) -> bool:
    shot = Image.open(path).convert("RGB")
    zebra = Image.open(ZEBRA).convert("RGB").resize(shot.size)
    # Qt's and Pillow's ways to make it smaller differ by less than the photo from any other.
    small = [
        np.asarray(i.resize((24, 16), Image.Resampling.BOX), np.float64) for i in (shot, zebra)
    ]
    return bool(np.abs(small[0] - small[1]).mean() < 8)


def test_a_window_from_its_opening_to_its_end(desktop: Desktop, folder: Path) -> None:
    if not desktop.has_manager:
        pytest.skip("without a window manager, nobody lists the windows")
    watcher = Watcher(desktop, folder, wanted="photo")
    shown = run(desktop, folder, SHOW, str(ZEBRA))
    window = desktop.window("photo", shown)
    line = watcher.wait_for(state="RUNNING", size=[480, 320])
    assert "photo" in line["targets"]
    assert "mine" not in line["targets"]
    assert shot_shows_zebra(line["shot"])

    desktop.xdotool("windowsize", window, 600, 300)
    line = watcher.wait_for(state="RUNNING", size=[600, 300])
    assert line["region"] is None

    desktop.xdotool("windowminimize", window)
    line = watcher.wait_for_error("window-hidden")
    assert line["error"]["message"] == "Nothing of the window “photo” is visible."
    desktop.xdotool("windowactivate", window)
    watcher.wait_for(state="RUNNING")

    shown.process.kill()
    shown.process.wait(PATIENCE)
    line = watcher.wait_for_error("window-closed")
    assert line["state"] == "FAILED"
    assert line["error"]["message"] == "The window “photo” was closed."
    assert "photo" not in line["targets"]


@pytest.mark.parametrize(
    ("region", "expected"), [("", (800, 0, 800, 1000)), ("50,100,500,400", (850, 100, 500, 400))]
)
def test_the_second_of_two_screens_until_it_is_unplugged(
    desktop: Desktop, folder: Path, region: str, expected: tuple[int, int, int, int]
) -> None:
    set_monitors(desktop, folder, "left,0,0,800,1000", "right,800,0,800,1000")
    window = desktop.window("photo", run(desktop, folder, SHOW, str(ZEBRA)))
    desktop.xdotool("windowmove", "--sync", window, 900, 200)
    watcher = Watcher(desktop, folder, wanted="right", region=region)
    line = watcher.wait_for(state="RUNNING")
    assert {"left", "right"} <= set(line["targets"])
    # Qt delivers all screens in one picture.
    assert line["region"] == list(expected)
    assert shows(line["shot"], desktop, expected)
    set_monitors(desktop, folder, "right")
    line = watcher.wait_for_error("screen-unplugged")
    assert line["error"]["message"] == "The screen “right” is not there any more."


@pytest.mark.parametrize(
    ("scale", "expected"), [("2", (160, 120, 640, 480)), ("1.5", (120, 90, 480, 360))]
)
def test_a_region_on_a_screen_whose_pixels_are_small(
    desktop: Desktop,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    scale: str,
    expected: tuple[int, int, int, int],
) -> None:
    window = desktop.window("photo", run(desktop, folder, SHOW, str(ZEBRA)))
    desktop.xdotool("windowmove", "--sync", window, 200, 150)
    monkeypatch.setenv("QT_SCALE_FACTOR", scale)
    line = Watcher(desktop, folder, region="80,60,320,240").wait_for(state="RUNNING")
    assert line["region"] == list(expected)
    assert shows(line["shot"], desktop, expected)


@pytest.mark.parametrize(
    ("kind", "platform", "session", "sentence"),
    [
        ("window", "minimal", "", "captured: Failed to grab the screen content."),
        ("window", "offscreen", "x11", "captured: Cannot open X11 display."),
        ("core", "offscreen", "", "There is no screen to look at."),
    ],
)
def test_platforms_without_a_screen_are_told(
    tmp_path: Path, kind: str, platform: str, session: str, sentence: str
) -> None:
    report = tmp_path / "report.jsonl"
    variables = {"QT_QPA_PLATFORM": platform, "XDG_SESSION_TYPE": session}
    process = subprocess.Popen(
        [sys.executable, "-c", WATCH, kind, "", "", str(report), str(tmp_path)],
        env=environment(**variables, DISPLAY=None, WAYLAND_DISPLAY=None),
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: report.exists() and "FAILED" in report.read_text("utf-8"), "the failure")
        line = json.loads(report.read_text("utf-8").splitlines()[-1])
        assert line["error"]["message"].endswith(sentence)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait(PATIENCE)
