"""What a Linux bundle needs of the system: libraries by the linker's tables, packages by dpkg."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OPTIONAL: Final = re.compile(
    # Loaded where GTK runs the desktop, and silently left alone elsewhere.
    r"platformthemes/libqgtk3\.so$"
)
_NEEDED: Final = re.compile(r"^\s+NEEDED\s+(\S+)$", re.MULTILINE)
_GLIBC: Final = re.compile(r"\bGLIBC_(\d+)\.(\d+)\b")
_ELF: Final = b"\x7fELF"


@dataclass(frozen=True)
class Needs:
    """What a bundle needs of the system.

    Attributes:
        libraries: that it does not bring, sorted.
        glibc: the oldest that it runs with.
    """

    libraries: tuple[str, ...]
    glibc: tuple[int, int]


def needs_of(bundle: Path) -> Needs:
    """Read the tables of all programs and libraries in ``bundle``."""
    wanted: set[str] = set()
    versions = {(2, 0)}
    for file in elf_files(bundle):
        if not _OPTIONAL.search(str(file)):
            tables = _output("objdump", "-p", str(file))
            wanted |= set(_NEEDED.findall(tables))
            versions |= {(int(a), int(b)) for a, b in _GLIBC.findall(tables)}
    brought = {path.name for path in bundle.rglob("*.so*")}
    # The loader is glibc's.
    missing = {name for name in wanted - brought if not name.startswith("ld-linux")}
    return Needs(tuple(sorted(missing)), max(versions))


def elf_files(bundle: Path) -> Iterator[Path]:
    """The programs and libraries in a folder, links aside."""
    for path in sorted(bundle.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                if stream.read(4) == _ELF:
                    yield path


def packages_with(libraries: Iterable[str]) -> list[str]:
    """The Debian packages, by their names on this machine, that hold ``libraries``.

    Raises:
        SystemExit: a library is not installed here.
    """
    places = _places(_output("/sbin/ldconfig", "-p"))
    if lacking := sorted(set(libraries) - places.keys()):
        raise SystemExit(f"The build machine itself lacks {', '.join(lacking)}")
    return sorted({_package_of(places[library]) for library in libraries})


def _places(cache: str) -> dict[str, Path]:
    """Library -> file, from what ``ldconfig -p`` prints; the first one is what is loaded."""
    found: dict[str, Path] = {}
    for name, kinds, place in re.findall(r"^\s+(\S+) \((.*?)\) => (\S+)$", cache, re.MULTILINE):
        if "x86-64" in kinds or "AArch64" in kinds:
            found.setdefault(name, Path(place))
    return found


def _package_of(file: Path) -> str:
    # dpkg knows files by the path in their package, before /lib became a link to /usr/lib.
    for path in (file.resolve(), Path(str(file.resolve()).removeprefix("/usr")), file):
        command = ["dpkg-query", "-S", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            # Newer systems renamed some packages to …t64, which provide the former names.
            return done.stdout.partition(":")[0].removesuffix("t64")
    raise SystemExit(f"No package holds {file}")


def depends(needs: Needs) -> str:
    """The field “Depends” of a .deb."""
    packages = []
    for package in packages_with(needs.libraries):
        least = f" (>= {needs.glibc[0]}.{needs.glibc[1]})" if package == "libc6" else ""
        packages.append(package + least)
    return ", ".join(packages)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
