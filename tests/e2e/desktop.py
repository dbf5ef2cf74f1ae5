"""A desktop of its own for the program: an X server, a window manager, a mouse, a keyboard."""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from PIL import Image

from support import command, environment
from vggscope import paths

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE: Final = 60.0
"""Seconds to wait for what must happen."""

_NEEDED: Final = ("Xvfb", "xdotool", "import")


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE:.0f} s in vain: {what}")
        time.sleep(0.05)


class Program:
    """A running process of the program under test."""

    def __init__(self, arguments: list[str], variables: dict[str, str]) -> None:
        self._logs = Path(variables[paths.DATA_DIR_VARIABLE]) / "log"
        self.process = subprocess.Popen(
            arguments, env=variables, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; the exit status and everything that was written to the terminal."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        try:
            written = "".join(self.process.communicate(timeout=PATIENCE))
        except subprocess.TimeoutExpired:
            # Its crash guard writes where every thread was.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(PATIENCE)
            reports = [p.read_text(encoding="utf-8") for p in self._logs.glob("running-*")]
            pytest.fail("the program did not end\n" + "\n".join(reports))
        return self.process.returncode, written


class Desktop:
    """An X server with a window manager, if there is one."""

    def __init__(self, home: Path) -> None:
        missing = [tool for tool in _NEEDED if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")
        self.home = home
        self._programs: list[Program] = []
        self._server = subprocess.Popen(
            [
                "Xvfb",
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1600x1000x24",
                "-nolisten",
                "tcp",
                "-noreset",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._server.stdout is not None
        self.display = f":{self._server.stdout.readline().strip()}"
        self._manager: subprocess.Popen[bytes] | None = None
        if shutil.which("openbox"):
            self._manager = subprocess.Popen(
                ["openbox", "--sm-disable"],
                env=self.variables(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def variables(self, **changes: str | None) -> dict[str, str]:
        desktop = {"DISPLAY": self.display, "HOME": str(self.home), "QT_QPA_PLATFORM": "xcb"}
        return environment(**(desktop | {"WAYLAND_DISPLAY": None} | changes))

    @property
    def has_manager(self) -> bool:
        """Whether windows have frames, and Alt+F4 closes them."""
        return self._manager is not None

    def start(self, *words: str | Path) -> Program:
        """Start ``vggscope`` with arguments."""
        return self._started(command(*words))

    def start_script(self, path: Path, *words: str) -> Program:
        return self._started([sys.executable, str(path), *words])

    def _started(self, arguments: list[str]) -> Program:
        program = Program(arguments, self.variables())
        self._programs.append(program)
        return program

    def xdotool(self, *words: str | int) -> str:
        done = subprocess.run(
            ["xdotool", *map(str, words)],
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        return done.stdout.strip()

    def window(self, title: str, of: Program) -> int:
        """Wait for the visible window of a program whose title is ``title``."""
        found: list[int] = []

        def look() -> bool:
            if of.process.poll() is not None:
                pytest.fail(f"the program ended instead of showing “{title}”: {of.wait()}")
            # --sync waits for ever, and windows of programs that just ended are found as well.
            seen = self.xdotool("search", "--onlyvisible", "--name", f"^{title}$").split()
            pid = str(of.process.pid)
            found[:] = [int(w) for w in seen if self.xdotool("getwindowpid", w) == pid]
            return bool(found)

        wait_until(look, f"a window called {title}")
        return found[0]

    def title(self, window: int) -> str:
        return self.xdotool("getwindowname", window)

    def focus(self, window: int) -> None:
        self.xdotool("windowfocus", window)
        wait_until(lambda: self.xdotool("getwindowfocus") == str(window), f"the focus on {window}")

    def key(self, window: int, keys: str) -> None:
        self.focus(window)
        self.xdotool("key", keys)

    def place(self, window: int, x: int, y: int, width: int, height: int) -> None:
        """Move and resize a window, and wait until it is there: the window manager takes its time.

        The manager places its frame: what the window itself has, may lie a title bar lower.
        """
        self.xdotool("windowsize", window, width, height, "windowmove", window, x, y)

        def is_there() -> bool:
            lines = self.xdotool("getwindowgeometry", "--shell", window).splitlines()
            now = dict(line.split("=", 1) for line in lines if "=" in line)
            size = (now.get("WIDTH"), now.get("HEIGHT"))
            near = abs(int(now.get("X", -999)) - x) <= 40 and abs(int(now.get("Y", -999)) - y) <= 60
            return size == (str(width), str(height)) and near

        wait_until(is_there, f"window {window} at {x}, {y}")

    def photo_of(self, window: int | str = "root") -> Image.Image:
        shot = subprocess.run(
            ["import", "-window", str(window), "png:-"],
            env=self.variables(),
            capture_output=True,
            check=True,
            timeout=PATIENCE,
        )
        return Image.open(io.BytesIO(shot.stdout)).convert("RGB")

    def tidy(self) -> None:
        """End the programs that a test left running, and let go of the mouse."""
        self.xdotool("mouseup", 1)
        for program in self._programs:
            if program.process.poll() is None:
                program.process.kill()
            program.process.communicate()
        self._programs.clear()

    def shut_down(self) -> None:
        self.tidy()
        for process in (self._manager, self._server):
            if process is not None:
                process.terminate()
                process.wait(PATIENCE)
        assert self._server.stdout is not None
        self._server.stdout.close()
