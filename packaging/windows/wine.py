"""A Wine of our own in which the Windows program is frozen and tried, on Debian's wine 8.

Its registry, its home and its drive C lie in one folder, and nothing of it touches the user's. What
Windows 10 has and Wine 8 lacks is made from ``wine/*.c`` (see there): with it the very packages run
that the installer brings to real Windows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOOLS: Final = {
    "/usr/lib/wine/wine64": "wine64",
    "wine": "wine",
    "makensis": "nsis",
    "osslsigncode": "osslsigncode",
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64-win32",
    "xvfb-run": "xvfb",
}
"""What building and trying takes -> the Debian package of it (tools/bootstrap.sh installs them)."""
_COMPILER: Final = "x86_64-w64-mingw32-gcc"
_BUILTIN: Final = Path("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows")
_LOADER: Final = Path("/usr/lib/wine/wine64")
_FONTS: Final = Path("/usr/share/fonts/truetype/dejavu")
_SIGNATURE: Final = b"Wine builtin DLL"
_SOURCES: Final = Path(__file__).parent / "wine"


class Wine:
    """One Wine prefix.

    Attributes:
        folder: that everything of it lies in.
        drive: what its programs call ``C:``.
    """

    def __init__(self, folder: Path, *, user: int | None = None) -> None:
        """See the class; ``make`` makes it.

        Args:
            folder: for all of it.
            user: number of the user that its programs belong to, which only root can choose.
        """
        self.folder = folder.absolute()
        self.prefix = self.folder / "prefix"
        self.home = self.folder / "home"
        self.drive = self.prefix / "drive_c"
        self._as_user = (
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        )
        self._user = user

    def make(self) -> None:
        """Make it as new as a fresh Windows, with a Windows 10 inside."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.home.mkdir(parents=True)
        if self._user:
            for path in (self.folder, self.home):
                os.chown(path, self._user, self._user)
        for words in (["wineboot", "-i"], ["winecfg", "/v", "win10"]):
            done = self.run(words, screen=True, shims=False)
            if done.returncode:
                raise SystemExit(f"wine {' '.join(words)} failed: {done.stdout}")
        self.wait()
        for place in (self.drive / "users").glob("*/*"):
            # Desktop, Documents ...: Wine has them lead to the home outside.
            if place.is_symlink():
                place.unlink()
                place.mkdir()
                if self._user:
                    os.chown(place, self._user, self._user)
        fonts = self.drive / "windows" / "Fonts"
        fonts.mkdir(exist_ok=True)
        for font in _FONTS.glob("*.ttf"):
            shutil.copy(font, fonts)
        self._complete(self.drive / "windows" / "system32")

    def environment(self, *, shims: bool = True) -> dict[str, str]:
        """What a program of Windows runs with; ``QT_…`` would not get through."""
        # No menus and file types of Wine's among the user's own; no offers to download Mono, Gecko.
        overrides = "mscoree,mshtml,winemenubuilder.exe="
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "USER": "tester",
            "WINEPREFIX": str(self.prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": f"{overrides};ucrtbase,ucrtwine,icuuc=n" if shims else overrides,
        }

    def command(self, words: Sequence[str | Path], *, screen: bool = False) -> list[str]:
        """How to start a program of Windows from here."""
        virtual = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24"] if screen else []
        return [*self._as_user, *virtual, str(_LOADER), *map(str, words)]

    def run(
        self,
        words: Sequence[str | Path],
        *,
        timeout: float = 300,
        screen: bool = False,
        shims: bool = True,
        variables: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of Windows to its end; what it prints comes as ``stdout``.

        Args:
            words: the program and its arguments.
            timeout: seconds, after which it is an error.
            screen: give it a virtual X display; there is none otherwise.
            shims: use what ``make`` has added.
            variables: further environment variables.
        """
        return subprocess.run(
            self.command(words, screen=screen),
            env={**self.environment(shims=shims), **(variables or {})},
            # Wine's console takes hold of a terminal, and Wine of a closed stdin.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def wait(self) -> None:
        """Until the last program has ended and the registry is written."""
        subprocess.run(
            [*self._as_user, _LOADER.with_name("wineserver"), "-w"],
            env=self.environment(),
            check=False,
            timeout=60,
        )

    def windows_path(self, path: Path) -> str:
        r"""``path`` as a program of Windows names it: ``C:\…`` inside, else ``Z:\…``."""
        path = path.absolute()
        if path.is_relative_to(self.drive):
            return "C:\\" + str(path.relative_to(self.drive)).replace("/", "\\")
        return "Z:" + str(path).replace("/", "\\")

    def _complete(self, system: Path) -> None:
        """Add what Wine 8 lacks to its system folder."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            build_icu(folder / "icuuc.dll")
            build_runtime(_BUILTIN / "ucrtbase.dll", folder)
            for name in ("icuuc.dll", "ucrtbase.dll", "ucrtwine.dll"):
                (system / name).unlink(missing_ok=True)
                shutil.copyfile(folder / name, system / name)


def build_icu(target: Path) -> None:
    """A stand-in for ICU, which Qt wants to be there."""
    _compile("-shared", "-s", "-o", str(target), str(_SOURCES / "icuuc.c"))


def build_runtime(original: Path, folder: Path) -> None:
    """A C runtime with all functions, before Wine's ``original``, which becomes ucrtwine.dll."""
    content = original.read_bytes()
    # Without its mark Wine takes it for anybody's library, which may have another name.
    place = content.index(_SIGNATURE)
    blank = bytes(len(_SIGNATURE))
    unmarked = content[:place] + blank + content[place + len(_SIGNATURE) :]
    (folder / "ucrtwine.dll").write_bytes(unmarked)
    names = exports(_output("objdump", "-p", str(original)))
    compiled = folder / "ucrtbase.o"
    _compile("-O2", "-Wall", "-c", "-o", str(compiled), str(_SOURCES / "ucrtbase.c"))
    own = own_functions(_output("nm", str(compiled)))
    definition = folder / "ucrtbase.def"
    definition.write_text(forwarding(names, own), encoding="ascii")
    import_library = folder / "libucrtwine.a"
    (folder / "ucrtwine.def").write_text(
        "\n".join(["LIBRARY ucrtwine.dll", "EXPORTS", *names, ""]), encoding="ascii"
    )
    _output("dlltool", "-d", str(folder / "ucrtwine.def"), "-l", str(import_library))
    target = str(folder / "ucrtbase.dll")
    _compile("-shared", "-s", "-o", target, *map(str, (compiled, definition, import_library)))


def exports(listing: str) -> list[str]:
    """The names that a library exports, from what ``objdump -p`` tells."""
    _, _, table = listing.partition("[Ordinal/Name Pointer] Table")
    names = []
    for line in table.splitlines()[1:]:
        if not line.startswith("\t["):
            break
        names.append(line.split()[-1])
    return names


def own_functions(listing: str) -> set[str]:
    """The functions that ``wine/ucrtbase.c`` has code for, from what ``nm`` tells."""
    symbols = [line.split() for line in listing.splitlines()]
    return {
        words[2].removeprefix("shim_")
        for words in symbols
        if len(words) == 3 and words[1] == "T" and words[2].startswith("shim_")
    }


def forwarding(names: Sequence[str], own: set[str]) -> str:
    """The linker's definition of a library that has ``own`` and passes on the other ``names``."""
    lines = [f"{name} = {f'shim_{name}' if name in own else f'ucrtwine.{name}'}" for name in names]
    return "\n".join(["LIBRARY ucrtbase.dll", "EXPORTS", *lines, ""])


def _compile(*arguments: str) -> None:
    subprocess.run([_COMPILER, *arguments], check=True)


def _output(tool: str, *arguments: str) -> str:
    command = [_COMPILER.replace("gcc", tool), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def require_tools() -> None:
    """See that everything is there.

    Raises:
        SystemExit: something is not; the message has the command.
    """
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if missing:
        raise SystemExit(
            "Building for Windows takes Windows, or Debian with Wine. Missing here: "
            f"apt-get install --no-install-recommends {' '.join(missing)}"
        )
