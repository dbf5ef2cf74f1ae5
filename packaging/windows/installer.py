"""Build the Windows program, its installer and its portable archive.

    python packaging/windows/installer.py            on Windows, with Python 3.13 and NSIS
    make windows-installer                           on Debian, where Wine plays Windows

Both freeze the packages of ``requirements.lock`` by ``build.spec``, and make
``dist/VGGscope-<version>-Setup.exe`` and ``dist/VGGscope-<version>-portable.zip``.

    VGGSCOPE_SIGN    a command that signs the file it is given, for real or for a try
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import embedded
import lock
from wine import Wine, require_tools

sys.path.append(str(Path(__file__).resolve().parents[1]))
from commit import commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TOP: Final = Path(__file__).resolve().parents[2]
BUILD: Final = TOP / "build" / "windows"
BUNDLE: Final = BUILD / "dist" / "VGGscope"
OUTPUT: Final = TOP / "dist"
ICON: Final = TOP / "build" / "frozen" / "win32" / "vggscope.ico"
MOST_BYTES: Final = 100_000_000
"""Of the installer."""
PROGRAMS: Final = ("VGGscope.exe", "vggscope.com")
_UNCLAIMED: Final = {".ts", ".mts"}
"""Endings of videos, but more often of programs in TypeScript."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--keep-frozen", action="store_true", help="take the bundle of the last build"
    )
    parser.add_argument("--quick", action="store_true", help="compress nothing: for trying things")
    arguments = parser.parse_args()
    started = time.monotonic()
    if sys.platform != "win32":
        require_tools()
    if not arguments.keep_frozen:
        freeze()
        say("frozen", BUNDLE, started)
    check_bundle(BUNDLE)
    sign([BUNDLE / name for name in PROGRAMS])
    OUTPUT.mkdir(exist_ok=True)
    archive = OUTPUT / f"VGGscope-{version()}-portable.zip"
    pack(BUNDLE, archive)
    say("portable", archive, started)
    setup = OUTPUT / f"VGGscope-{version()}-Setup.exe"
    make_setup(BUNDLE, setup, version(), is_quick=arguments.quick)
    say("installer", setup, started)
    size = setup.stat().st_size
    if size > MOST_BYTES and not arguments.quick:
        raise SystemExit(f"{setup.name} has {size:,} bytes: more than {MOST_BYTES:,}")
    return 0


def say(what: str, path: Path, started: float) -> None:
    """One line about what was made."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    seconds = time.monotonic() - started
    place = path.relative_to(TOP)
    print(f"{what:<10}{size / 1e6:8.1f} MB  {seconds:5.0f} s  {place}", flush=True)


def version() -> str:
    """VGGscope's, from where all take it."""
    source = (TOP / "app" / "vggscope" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    if found is None:
        raise SystemExit("app/vggscope/__init__.py has no __version__")
    return found[1]


def numbers(text: str) -> str:
    """A version as Windows wants it: four numbers."""
    return ".".join((re.findall(r"\d+", text) + ["0"] * 4)[:4])


# --- Freezing -----------------------------------------------------------------------------------


def freeze() -> None:
    """Make ``BUNDLE``."""
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "VGGSCOPE_COMMIT": commit()}
    for name in ("VGGSCOPE_FLAVOUR", "SOURCE_DATE_EPOCH"):
        if name in os.environ:
            variables[name] = os.environ[name]
    if sys.platform == "win32":
        _freeze_here(variables)
    else:
        _freeze_in_wine(variables)


def _freeze_here(variables: dict[str, str]) -> None:
    folder = BUILD / "venv"
    python = folder / "Scripts" / "python.exe"
    if sys.version_info[:2] != (3, 13):
        raise SystemExit("requirements.lock is for Python 3.13")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
    subprocess.run([*install, "-r", lock.LOCK], check=True)
    subprocess.run(
        [python, *_pyinstaller(str)],
        cwd=TOP,
        env={**os.environ, **variables, "PYTHONPATH": str(TOP / "app")},
        check=True,
    )


def _freeze_in_wine(variables: dict[str, str]) -> None:
    wheels, python = BUILD / "wheels", BUILD / "python"
    # Whatever an older lock file named.
    shutil.rmtree(wheels, ignore_errors=True)
    lock.download(wheels)
    embedded.unpack(embedded.download(BUILD / "downloads"), python)
    signed = embedded.verify_signatures(python)
    print(f"Python for Windows: as recorded, {signed} signatures verified", flush=True)
    wine = Wine(BUILD / "wine")
    wine.make()
    embedded.furnish(python, wheels, sources=wine.windows_path(TOP / "app"))
    words = [python / "python.exe", *_pyinstaller(wine.windows_path)]
    log = BUILD / "freeze.log"
    os.chdir(TOP)
    done = wine.run(words, timeout=1800, variables=variables)
    log.write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"{done.stdout[-3000:]}\nPyInstaller failed under Wine; all of it: {log}")


def _pyinstaller(named: Callable[[Path], str]) -> list[str]:
    """PyInstaller's arguments; ``named`` makes of a path what its system calls it."""
    places = {"--workpath": BUILD / "work", "--distpath": BUILD / "dist"}
    options = [word for option, path in places.items() for word in (option, named(path))]
    return ["-m", "PyInstaller", "--noconfirm", *options, named(TOP / "build.spec")]


def check_bundle(folder: Path) -> None:
    """See that everything is where the installer and the user look for it.

    Raises:
        SystemExit: it is not.
    """
    inside = folder / "_internal"
    capi = inside / "onnxruntime" / "capi"
    wanted = [
        *(folder / name for name in (*PROGRAMS, "command-line.cmd")),
        *(inside / name for name in ("LICENSE", "THIRD-PARTY-NOTICES.txt", "build.json")),
        # Looked for in the program's root by ONNX Runtime.
        *(inside / name for name in ("MSVCP140.dll", "MSVCP140_1.dll", "VCRUNTIME140_1.dll")),
        inside / "models" / "vgg16-compact" / "weights.bin",
        inside / "resources" / "samples" / "zebra.jpg",
    ]
    if '"directml"' in (inside / "build.json").read_text(encoding="utf-8"):
        wanted.append(capi / "DirectML.dll")
    missing = [str(path.relative_to(folder)) for path in wanted if not path.is_file()]
    if missing:
        raise SystemExit(f"Missing in {folder}: {', '.join(missing)}")


# --- Packing ------------------------------------------------------------------------------------


def pack(folder: Path, archive: Path) -> None:
    """A zip file that can be unpacked anywhere, everything below one folder."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for path in _files(folder):
            target.write(path, Path(archive.stem) / path.relative_to(folder))


def make_setup(
    folder: Path, target: Path, number: str, *, is_quick: bool = False, icon: Path = ICON
) -> None:
    """The installer of what lies in ``folder``.

    Args:
        folder: to be installed.
        target: the installer.
        number: its version.
        is_quick: compress nothing.
        icon: of the installer, with its wizard.bmp beside it.
    """
    scratch = BUILD / "nsis"
    scratch.mkdir(parents=True, exist_ok=True)
    listing = scratch / f"{target.stem}.nsh"
    # With the mark, which tells NSIS that it is UTF-8.
    listing.write_text(
        "\n".join([*file_macros(folder), *type_macros(open_with())]), encoding="utf-8-sig"
    )
    kilobytes = sum(path.stat().st_size for path in _files(folder)) // 1024
    definitions = {
        "VERSION": number,
        "NUMBERS": numbers(number),
        "BUNDLE_FILES": listing,
        "LICENSE": TOP / "LICENSE",
        "ICON": icon,
        "WIZARD": icon.with_name("wizard.bmp"),
        "OUTPUT": target,
        "KILOBYTES": kilobytes,
    }
    if is_quick:
        definitions["QUICK"] = 1
    if command := os.environ.get("VGGSCOPE_SIGN"):
        definitions["SIGN"] = command
    words = [f"-D{name}={value}" for name, value in definitions.items()]
    makensis = shutil.which("makensis") or r"C:\Program Files (x86)\NSIS\makensis.exe"
    script = Path(__file__).with_name("VGGscope.nsi")
    done = subprocess.run(
        [makensis, "-V2", "-WX", "-INPUTCHARSET", "UTF8", *words, script],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"makensis failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def file_macros(folder: Path) -> Iterator[str]:
    """What installs the files of ``folder``, and removes these and no others."""
    files = _files(folder)
    # Likes beside likes, both programs above all: what is the same in them is packed once.
    yield "!macro InstallFiles"
    last = None
    for path in sorted(files, key=_likeness):
        place = _quoted(path.relative_to(folder).parent)
        if place != last:
            yield f'    SetOutPath "$Staging\\{place}"'.replace('\\."', '"')
            last = place
        yield f'    File "/oname={_quoted(Path(path.name))}" "{path}"'
    yield "!macroend"
    yield "!macro RemoveFiles"
    for path in files:
        yield f'    Delete "$INSTDIR\\{_quoted(path.relative_to(folder))}"'
    folders = {parent for path in files for parent in path.relative_to(folder).parents}
    for parent in sorted(folders - {Path()}, key=lambda path: (-len(path.parts), path)):
        yield f'    RMDir "$INSTDIR\\{_quoted(parent)}"'
    yield "!macroend"


def _likeness(path: Path) -> tuple[str, str, Path]:
    return ("" if path.name in PROGRAMS else path.suffix.lower()), path.name.lower(), path


def _quoted(path: Path) -> str:
    return "\\".join(path.parts).replace("$", "$$") or "."


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def open_with() -> dict[tuple[str, str], list[str]]:
    """Kind and what people call it -> the endings of its files."""
    sys.path.insert(0, str(TOP / "app"))
    from vggscope.sources.finding import SUFFIXES, VIDEO_SUFFIXES  # noqa: PLC0415 (found now)

    return {
        ("Picture", "Picture"): sorted(SUFFIXES),
        ("Video", "Video"): sorted(VIDEO_SUFFIXES - _UNCLAIMED),
        ("Model", "ONNX model"): [".onnx"],
    }


def type_macros(kinds: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    """What offers the program for files of some kinds, without taking them from another."""
    yield "!macro RegisterTypes"
    for (kind, title), endings in kinds.items():
        key = f"Software\\Classes\\VGGscope.{kind}"
        yield f'    WriteRegStr SHCTX "{key}" "" "{title}"'
        yield f'    WriteRegStr SHCTX "{key}\\DefaultIcon" "" \'"$INSTDIR\\VGGscope.exe",0\''
        command = '\'"$INSTDIR\\VGGscope.exe" "%1"\''
        yield f'    WriteRegStr SHCTX "{key}\\shell\\open\\command" "" {command}'
        for ending in endings:
            place = f"Software\\Classes\\{ending}\\OpenWithProgids"
            yield f'    WriteRegStr SHCTX "{place}" "VGGscope.{kind}" ""'
            supported = '"${APPLICATION_KEY}\\SupportedTypes"'
            yield f'    WriteRegStr SHCTX {supported} "{ending}" ""'
    yield "!macroend"
    yield "!macro UnregisterTypes"
    for (kind, _), endings in kinds.items():
        yield f'    DeleteRegKey SHCTX "Software\\Classes\\VGGscope.{kind}"'
        for ending in endings:
            key = f"Software\\Classes\\{ending}"
            yield f'    DeleteRegValue SHCTX "{key}\\OpenWithProgids" "VGGscope.{kind}"'
            # Where nothing of anybody else's is in it.
            for place in (f"{key}\\OpenWithProgids", key):
                yield f'    DeleteRegKey /ifempty SHCTX "{place}"'
    yield "!macroend"


def sign(files: Iterable[Path]) -> None:
    """Sign programs, where there is something to sign with."""
    if command := os.environ.get("VGGSCOPE_SIGN"):
        for path in files:
            # As makensis does it: the command line comes from whoever builds.
            subprocess.run(f'{command} "{path}"', shell=True, check=True)  # noqa: S602


if __name__ == "__main__":
    sys.exit(main())
