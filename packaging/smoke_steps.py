"""What the smoke tests of both installers share: steps that can fail, and a screen for windows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

TOP: Final = Path(__file__).resolve().parents[1]
SAMPLES: Final = TOP / "resources" / "samples"
OLDER: Final = "0.0.1"
"""The version that is upgraded from."""
ODD_NAME: Final = "Ünïcode & 写真 アルバム"
"""Of a folder."""


class FailedError(Exception):
    """A step did not do what it should."""


def check(true: object, otherwise: object) -> None:
    """Raise FailedError unless ``true``."""
    if not true:
        raise FailedError(str(otherwise).strip()[-2000:])


def wait(until: Callable[[], bool], otherwise: Callable[[], str], seconds: float = 120) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not until():
        check(time.monotonic() < deadline, otherwise())
        time.sleep(0.2)


def foreign_model() -> bytes:
    """An ONNX file as somebody else makes them."""
    sys.path.insert(0, str(TOP / "tests"))
    from support import tiny_proto  # noqa: PLC0415 (the tests' own model)

    return tiny_proto().SerializeToString()


class Screen:
    """An X server that windows are seen on, and pictures are taken of.

    Attributes:
        display: what DISPLAY has to be for its programs; "" while there is none.
    """

    def __init__(self, folder: Path) -> None:
        """See the class; ``folder`` is for the pictures."""
        self.display = ""
        self._folder = folder

    @contextmanager
    def on(self) -> Iterator[None]:
        """Have it there; it lets every user in."""
        end, theirs = os.pipe()
        options = ["-screen", "0", "1400x900x24", "-ac", "-noreset"]
        command = ["Xvfb", "-displayfd", str(theirs), *options]
        server = subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL)
        os.close(theirs)
        with os.fdopen(end) as told:
            self.display = f":{told.readline().strip()}"
        try:
            yield
        finally:
            server.terminate()
            server.wait()

    def windows(self) -> set[str]:
        """The main windows that can be seen."""
        search = ("xdotool", "search", "--onlyvisible", "--name", "^VGGscope$| VGGscope$")
        return set(self._output(*search).split())

    def titles(self) -> list[str]:
        """What these windows are called."""
        return sorted(self.title(window) for window in self.windows())

    def title(self, window: str) -> str:
        """What one of them is called; "" if it has gone."""
        return self._output("xdotool", "getwindowname", window).rstrip("\n")

    def press(self, keys: str) -> None:
        """Press ``keys`` ("ctrl+b") in the only window."""
        (window,) = self.windows()
        # Nobody else gives windows the keyboard here.
        self._output("xdotool", "windowfocus", "--sync", window, "key", keys)

    def picture(self, name: str, seconds: float = 4) -> Path:
        """Leave a picture of it in the folder, once it has had time to settle."""
        time.sleep(seconds)
        file = self._folder / f"{name}.png"
        self._output("import", "-window", "root", str(file))
        return file

    def pixels(self, picture: Path) -> str:
        """The same text for the same picture, whenever it was taken."""
        return self._output("identify", "-format", "%#", str(picture))

    def _output(self, *command: str) -> str:
        made = {**os.environ, "DISPLAY": self.display}
        done = subprocess.run(command, env=made, capture_output=True, encoding="utf-8", check=False)
        return done.stdout


def add_only(parser: argparse.ArgumentParser, steps: Sequence[Callable[..., str]]) -> None:
    """Declare the option ``--only``, which names some of ``steps``."""
    names = [step.__name__ for step in steps]
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="STEP", help=f"of {', '.join(names)}"
    )


def run_steps(
    steps: Sequence[Callable[..., str]], *arguments: object, ends_at_failure: bool = False
) -> int:
    """Call ``steps`` with ``arguments``, a line about each; 0 if all went well.

    Args:
        steps: each returns what is worth knowing, or raises.
        arguments: of every step.
        ends_at_failure: whether what follows a step that failed could only fail, too.
    """
    passed = 0
    for step in steps:
        started = time.monotonic()
        try:
            fact, state = step(*arguments), "ok    "
            passed += 1
        except (FailedError, subprocess.SubprocessError, OSError) as error:
            fact, state = str(error), "FAILED"
        took = time.monotonic() - started
        print(f"{state} {step.__name__:<18} {took:5.1f} s  {fact}", flush=True)
        if ends_at_failure and state == "FAILED":
            break
    print(f"{passed} of {len(steps)} steps passed")
    return int(passed < len(steps))
