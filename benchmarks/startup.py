#!/usr/bin/env python3
"""From process start to the first painted window and to the first prediction.

Compared with a bare PySide6 window of the same size. Each start is a process of its own, with warm
disk caches, on the display that there is; else on Xvfb, which is started; else offscreen.
"""

from __future__ import annotations

import compileall
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
    from collections.abc import Iterator

CHILD = Path(__file__).with_name("_startup_child.py")
SECONDS_TO_WAIT = 60


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__).parse_args()
    report = Report("startup", arguments)
    photo = str(samples()[-1])
    with environment() as variables:
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
    # A process that is killed leaves an empty crash report, which the next one would clear away,
    # and the mark of its device, for which the next one would use another.
    for left in ("log", "cache/in-use"):
        shutil.rmtree(Path(variables["VGGSCOPE_DATA_DIR"]) / left, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, str(CHILD), kind, str(time.monotonic()), *files],
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS_TO_WAIT,
        check=True,
    )
    return float(done.stdout)


@contextmanager
def environment() -> Iterator[dict[str, str]]:
    """Variables for the processes: a display, and a folder of their own for what they write."""
    # As an installation has it; a checkout in which bytecode is not written would compile anew.
    compileall.compile_dir(Path(vggscope.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory(prefix="vggscope-startup-") as folder, display() as variables:
        made = {**os.environ, **variables, "VGGSCOPE_DATA_DIR": folder}
        # As at every start but the first, in which devices are tried beside the work.
        probe = [sys.executable, "-m", "vggscope", "devices", "--probe"]
        subprocess.run(probe, env=made, capture_output=True, check=True)
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
