"""Third-party notices of a bundle: made from the files that are really in it.

``vggscope.notices`` knows the licences of distributions; here is what only a build can know: which
distributions, and which libraries of the system, the files of a bundle come from.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import bundle
from vggscope import paths
from vggscope.notices import normalised, notices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FILE: Final = "THIRD-PARTY-NOTICES.txt"
_COMMON: Final = Path("/usr/share/common-licenses")
_COMMON_NAME: Final = re.compile(rf"{_COMMON.as_posix()}/([A-Za-z0-9.-]*[A-Za-z0-9])")
_ALREADY_THERE: Final = {"LGPL-3", "GPL-3", "LGPL-2.1", "Apache-2.0"}
_TITLE: Final = re.compile(r"\n={78}\n([^\n]+)\nLicence: ([^\n]+)")
# What PyInstaller's hooks put into every bundle is told with its loader.
_OF_PYINSTALLER: Final = ("pyi", "_pyi", "pyimod", "PyInstaller", "_distutils_hack")


def of_bundle(files: Iterable[Path]) -> str:
    """The notices of a bundle that is made of ``files``.

    Raises:
        SystemExit: nobody can tell where a library comes from.
    """
    files = list(files)
    found = distributions_in(files)
    packages = system_packages(files)
    return notices(
        found.values(),
        origin="the bundle that it lies in holds",
        more=[changes_to_qt(), *_of_system(packages), *_common_licences(packages)],
        is_bundle=True,
    )


def changes_to_qt() -> str:
    """What this build changes in Qt on this system, and how to undo it: its licence wants both."""
    file = paths.resource("notices", f"changes-{sys.platform}.txt")
    return (
        file.read_text(encoding="utf-8")
        .strip()
        .format(
            version=metadata.version("PySide6-Essentials"),
            date=f"{bundle.build_time():%Y-%m-%d}",
        )
    )


def distributions_in(files: Iterable[Path]) -> dict[str, metadata.Distribution]:
    """The installed distributions that ``files`` come from, by normalised names."""
    wanted = {file.resolve() for file in files}
    found: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():
        for entry in distribution.files or ():
            if Path(str(distribution.locate_file(entry))).resolve() in wanted:
                found[normalised(distribution.metadata["Name"])] = distribution
                break
    return found


def system_packages(files: Iterable[Path]) -> dict[str, list[str]]:
    """Debian package -> names of its libraries among ``files``; empty on other systems.

    Raises:
        SystemExit: there are libraries of the system, and no package has them.
    """
    if sys.platform != "linux":
        return {}
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    told = {Path(sysconfig.get_path(kind)).resolve() for kind in kinds}
    libraries = {
        file.resolve(): file.name
        for file in files
        if ".so" in file.name
        and not file.name.startswith("libpython")
        and not told.intersection(file.resolve().parents)
    }
    owners = _owners(libraries)
    if nobodys := sorted(str(path) for path in libraries.keys() - owners.keys()):
        raise SystemExit(f"no package is known to hold {', '.join(nobodys)}: who may pass it on?")
    packages: dict[str, list[str]] = {}
    for path, package in sorted(owners.items()):
        packages.setdefault(package, []).append(libraries[path])
    return packages


def _owners(paths: Iterable[Path]) -> dict[Path, str]:
    # Packages of before the merge of /lib and /usr/lib know their files by the former name.
    asked = {name: path for path in paths for name in (str(path), str(path).removeprefix("/usr"))}
    if not asked:
        return {}
    try:
        done = subprocess.run(
            ["dpkg-query", "--search", *asked], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return {}
    found = {}
    for line in done.stdout.splitlines():
        package, _, name = line.partition(": ")
        if name in asked:
            found[asked[name]] = package.split(",")[0].split(":")[0]
    return found


def _of_system(packages: dict[str, list[str]]) -> Iterator[str]:
    for package, libraries in sorted(packages.items()):
        text = _copyright(package)
        yield (
            f"{package} {version_of(package)} (a package of Debian)\nLicence: see below\n"
            f"Libraries: {', '.join(sorted(libraries))}\n"
            f"Source code: https://sources.debian.org, https://snapshot.debian.org\n\n{text}"
        )


def version_of(package: str) -> str:
    """The version of an installed Debian package."""
    command = ["dpkg-query", "--show", "--showformat", "${Version}\n", package]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def _copyright(package: str) -> str:
    file = Path("/usr/share/doc") / package / "copyright"
    if not file.is_file():
        return "Its copyright file is not installed here; it is at https://sources.debian.org."
    return file.read_text(encoding="utf-8", errors="replace").strip()


def _common_licences(packages: Iterable[str]) -> Iterator[str]:
    """The texts that Debian's copyright files refer to."""
    names = {name for package in packages for name in _COMMON_NAME.findall(_copyright(package))}
    for name in sorted(names - _ALREADY_THERE):
        file = _COMMON / name
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace").strip()
            yield f"--- {file} ---\n{text}"


# --- what was built -------------------------------------------------------------------------------


def check(folder: Path) -> None:
    """See that the notices in a bundle's ``folder`` name all that lies there.

    Raises:
        SystemExit: they do not.
    """
    if unnamed := unnamed_in(folder):
        raise SystemExit(f"{FILE} does not name {', '.join(unnamed)}")


def unnamed_in(folder: Path) -> list[str]:
    """Distributions and libraries that lie in a bundle's ``folder``, but not in its notices.

    By what is there, not by what the notices were made from.
    """
    inside = folder / "_internal"
    text = (inside / FILE).read_text(encoding="utf-8")
    named = titles(text)
    found = {path.name.split("-")[0] for path in inside.glob("*.dist-info")}
    by_module = metadata.packages_distributions()
    modules = {path.name for path in inside.iterdir() if path.is_dir()} | frozen_modules(folder)
    for module in modules:
        if not module.startswith(_OF_PYINSTALLER):
            found.update(by_module.get(module, ()))
    missing = {normalised(name) for name in found} - named.keys() - {"vggscope"}
    libraries = {path.name for path in inside.glob("lib*.so*") if not path.is_symlink()}
    return sorted(
        [
            *missing,
            *(n for n in libraries if n not in text and not n.startswith("libpython")),
        ]
    )


def titles(text: str) -> dict[str, str]:
    """Normalised name of a distribution, without its version -> its licence."""
    return {normalised(title.split(" ")[0]): licence for title, licence in _TITLE.findall(text)}


def frozen_modules(folder: Path) -> set[str]:
    """The top-level modules in the archive of a bundle's program."""
    from PyInstaller.archive.readers import CArchiveReader  # noqa: PLC0415 (tests do without)

    names = ("vggscope", "VGGscope.exe")
    program = next(folder / name for name in names if (folder / name).exists())
    archive = CArchiveReader(str(program)).open_embedded_archive("PYZ.pyz")
    return {name.partition(".")[0] for name in archive.toc}
