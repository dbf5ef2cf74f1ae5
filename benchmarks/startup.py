#!/usr/bin/env python3
"""From process start to the first painted window and to the first prediction.

Compared with a bare PySide6 window of the same size. Each start is a process of its own, with warm
disk caches, on the display that there is; else on Xvfb, which is started; else offscreen.

``--frozen PROGRAM`` measures an application without a Python of its own, dist/VGGscope/vggscope, on
Linux. Nothing can be put into that process: all windows are seen from outside, on an Xvfb of their
own, painted when the display is not black any more.
"""

from __future__ import annotations

import compileall
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import vggscope
from _harness import Report, alternate, parser
from _photos import samples

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

CHILD = Path(__file__).with_name("_startup_child.py")
OURS = [sys.executable, "-m", "vggscope"]
SECONDS_TO_WAIT = 60


def main() -> None:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--frozen", type=Path, metavar="PROGRAM", help="measure this program")
    arguments = options.parse_args()
    if arguments.frozen is not None:
        measure_frozen(arguments)
        return
    report = Report("startup", arguments)
    photo = str(samples()[-1])
    with environment(OURS) as variables:
        report.fact("display", variables["PLATFORM"], variables["PLATFORM"])
        results = alternate(
            {
                "bare window": partial(start, variables, "bare"),
                "VGGscope's window": partial(start, variables, "window"),
                "its first prediction": partial(start, variables, "prediction", photo),
            },
            rounds=7 if arguments.quick else 21,
            warm=2,
            rest=0.1,
        )
    report.times("from process start", results)
    bare, window, prediction = results.values()
    report.ratio("first window ÷ bare window", window, bare, at_most=1.5)
    report.ratio("first prediction ÷ bare window", prediction, bare, at_most=4.0)
    report.finish()


def start(variables: dict[str, str], kind: str, *files: str) -> float:
    """Seconds from the start of a process until what ``kind`` names is painted."""
    forget_kills(variables)
    done = subprocess.run(
        [sys.executable, str(CHILD), kind, str(time.monotonic()), *files],
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS_TO_WAIT,
        check=True,
    )
    return float(done.stdout)


def forget_kills(variables: dict[str, str]) -> None:
    """Take away what processes leave that are killed.

    That is an empty crash report, which the next one would clear away, and the mark of its device,
    for which the next one would use another.
    """
    for left in ("log", "cache/in-use"):
        shutil.rmtree(Path(variables["VGGSCOPE_DATA_DIR"]) / left, ignore_errors=True)


def measure_frozen(arguments: Namespace) -> None:
    """Measure and print what a frozen program takes."""
    report = Report("startup, seen from outside", arguments)
    program = [str(arguments.frozen.absolute())]
    os.environ.pop("DISPLAY", None)
    with environment(program) as variables:
        eye = Eye(variables["DISPLAY"])
        results = alternate(
            {
                "bare window": partial(eye.see, [sys.executable, str(CHILD), "stay"], variables),
                "VGGscope's window": partial(eye.see, OURS, variables),
                "the frozen program's": partial(eye.see, program, variables),
            },
            rounds=7 if arguments.quick else 21,
            warm=2,
            rest=0.3,
        )
    report.times("from process start", results)
    bare, _, frozen = results.values()
    report.ratio("frozen program's window ÷ bare window", frozen, bare, at_most=1.5)
    report.finish()


class Eye:
    """Looks at the middle of where windows open on an X display that has no window manager."""

    def __init__(self, display: str) -> None:
        self._x = ctypes.CDLL("libX11.so.6")
        self._x.XOpenDisplay.restype = self._x.XGetImage.restype = ctypes.c_void_p
        self._x.XDefaultRootWindow.restype = self._x.XGetPixel.restype = ctypes.c_ulong
        self._display = ctypes.c_void_p(self._x.XOpenDisplay(display.encode()))
        self._root = ctypes.c_ulong(self._x.XDefaultRootWindow(self._display))

    def see(self, command: list[str], variables: dict[str, str]) -> float:
        """Seconds from the start of ``command`` until its window is painted; then it is killed."""
        forget_kills(variables)
        self._wait(lambda: not self._pixel())
        started = time.monotonic()
        process = subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL)
        try:
            self._wait(self._pixel)
            return time.monotonic() - started
        finally:
            process.kill()
            process.wait()

    def _wait(self, until: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS_TO_WAIT
        while not until():
            if time.monotonic() > deadline:
                raise TimeoutError
            # Looking takes the display's time, too.
            time.sleep(0.001)

    def _pixel(self) -> int:
        """The colour of a point."""
        all_planes, pixmap = ctypes.c_ulong(0xFFFFFF), 2
        image = ctypes.c_void_p(
            self._x.XGetImage(self._display, self._root, 300, 100, 1, 1, all_planes, pixmap)
        )
        colour: int = self._x.XGetPixel(image, 0, 0) & 0xFFFFFF
        self._x.XDestroyImage(image)
        return colour


@contextmanager
def environment(program: list[str]) -> Iterator[dict[str, str]]:
    """Variables for the processes: a display, and a folder of their own for what they write."""
    # As an installation has it; a checkout in which bytecode is not written would compile anew.
    compileall.compile_dir(Path(vggscope.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory(prefix="vggscope-startup-") as folder, display() as variables:
        made = {**os.environ, **variables, "VGGSCOPE_DATA_DIR": folder}
        # As at every start but the first, in which devices are tried beside the work.
        subprocess.run([*program, "devices", "--probe"], env=made, capture_output=True, check=True)
        yield made


@contextmanager
def display() -> Iterator[dict[str, str]]:
    """The variables that lead to a display, and what to call it."""
    if os.environ.get("DISPLAY") or sys.platform in {"win32", "darwin"}:
        yield {"PLATFORM": "the one there is"}
    elif xvfb := shutil.which("Xvfb"):
        end, theirs = os.pipe()
        command = [xvfb, "-displayfd", str(theirs), "-screen", "0", "2560x1440x24"]
        server = subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL)
        os.close(theirs)
        with os.fdopen(end) as told:
            number = told.readline().strip()
        try:
            yield {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb", "PLATFORM": "Xvfb"}
        finally:
            server.terminate()
            server.wait()
    else:
        yield {"QT_QPA_PLATFORM": "offscreen", "PLATFORM": "offscreen"}


if __name__ == "__main__":
    main()
