"""A computer with Windows, as far as Wine is one, on which the installed program is used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import installer

sys.path.append(str(installer.TOP / "packaging"))
from smoke_steps import ODD_NAME, SAMPLES, Screen, check, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wine import Wine

WORK: Final = installer.TOP / "build" / "windows-smoke"
_OF_WINE: Final = re.compile(r"^(windows|ProgramData/Microsoft|users/[^/]+/Temp)(/|$)")
"""What Wine changes in its drive by itself."""
_OF_OURS: Final = re.compile("vggscope|qtproject", re.IGNORECASE)
"""What must not be left in the registry; Qt keeps there which folders its dialogs have shown."""


class Machine:
    """The computer, with what is installed on it."""

    def __init__(self, wine: Wine, screen: Screen) -> None:
        """See the class; ``make`` makes it."""
        self.wine = wine
        self.screen = screen
        self.before: set[str] = set()

    def make(self) -> None:
        """A fresh one, with photos in a folder with a difficult name."""
        self.wine.make()
        self.home = next(p for p in (self.wine.drive / "users").iterdir() if p.name != "Public")
        self.local = self.home / "AppData" / "Local"
        self.program = self.local / "Programs" / "VGGscope"
        self.data = self.local / "vggscope"
        self.photos = self.wine.drive / ODD_NAME
        shutil.copytree(SAMPLES, self.photos)

    def run(self, *words: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a program; paths among the words are named as Windows names them."""
        named = [self.named(word) if isinstance(word, Path) else word for word in words]
        return self.wine.run(named, timeout=timeout, variables={"DISPLAY": self.screen.display})

    def named(self, path: Path) -> str:
        """``path`` as Windows names it."""
        return self.wine.windows_path(path)

    def vggscope(self, *words: str | Path) -> str:
        """What the installed command prints; its status has to be 0."""
        done = self.run(self.program / "vggscope.com", *words)
        check(done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}")
        return done.stdout

    def setup(self, path: Path, *words: str) -> int:
        """Run an installer silently; its status."""
        # NSIS wants the folder of /D= without quotes, which words with spaces would get.
        bare = [part for word in words for part in word.split(" ")]
        return self.run(path, "/S", *bare, timeout=600).returncode

    def uninstall(self, *words: str) -> None:
        """Run the uninstaller silently, to its end: it goes on in a copy of itself."""
        self.run(self.program / "uninstall.exe", "/S", *words)
        program = self.program / "uninstall.exe"
        wait(lambda: not program.exists(), lambda: f"{program.name} is still there", 60)
        self.wine.wait()

    def files(self) -> set[str]:
        """All files and folders on the drive but Wine's own."""
        found = (str(path.relative_to(self.wine.drive)) for path in self.wine.drive.rglob("*"))
        return {name for name in found if not _OF_WINE.match(name)}

    def registry(self) -> list[str]:
        """The lines of the registry that tell of VGGscope, or of what Qt did in it."""
        self.wine.wait()
        lines: list[str] = []
        for name in ("system.reg", "user.reg", "userdef.reg"):
            text = (self.wine.prefix / name).read_text(encoding="utf-8", errors="replace")
            lines += [line for line in text.splitlines() if _OF_OURS.search(line)]
        return lines

    @contextmanager
    def window(self, file: Path, *, ends_well: bool = True) -> Iterator[subprocess.Popen[bytes]]:
        """A window of the installed program that shows a photo or a video; closed at the end.

        Args:
            file: the photo or the video.
            ends_well: False if it is going to crash.
        """
        program = self.named(self.program / "VGGscope.exe")
        with (
            (WORK / "window.log").open("ab") as log,
            # Wine's Python takes no file for its output.
            subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log) as pipe,
        ):
            process = subprocess.Popen(
                self.wine.command([program, self.named(file)]),
                env={**self.wine.environment(), "DISPLAY": self.screen.display},
                stdin=subprocess.DEVNULL,
                stdout=pipe.stdin,
                stderr=pipe.stdin,
            )
            try:
                self.wait_for_window(f"{file.name} — VGGscope")
                yield process
                if ends_well:
                    check(process.poll() is None, f"the window ended by itself: {process.poll()}")
                    # As its cross does.
                    self.run("taskkill", "/im", "VGGscope.exe")
                    process.wait(30)
                    check(process.returncode == 0, f"the window ended with {process.returncode}")
            finally:
                if process.poll() is None:
                    process.kill()
                    self.run("taskkill", "/f", "/im", "VGGscope.exe")

    def wait_for_window(self, title: str) -> str:
        """Wait until exactly one window has ``title``; its number."""
        found: list[str] = []

        def is_there() -> bool:
            found[:] = self.tool(
                "xdotool", "search", "--onlyvisible", "--name", f"^{title}$"
            ).split()
            return len(found) == 1

        wait(is_there, lambda: f"{len(found)} windows are called “{title}”", 60)
        return found[0]

    def moves(self) -> bool:
        """Whether what is on the screen changes by itself."""
        pictures = []
        for _ in range(2):
            pictures.append(self.tool("import", "-window", "root", "rgb:-"))
            time.sleep(2)
        return pictures[0] != pictures[1]

    def tool(self, *words: str) -> str:
        """What a program of this computer prints that looks at the screen, or types."""
        variables = {**os.environ, "DISPLAY": self.screen.display}
        done = subprocess.run(words, env=variables, capture_output=True, check=False)
        return done.stdout.decode("latin-1")
