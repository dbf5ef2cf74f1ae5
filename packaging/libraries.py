"""Shared libraries of a Linux bundle: smaller ones, and stand-ins; made with binutils alone."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import icu

_STRIPPED: Final = (
    # Those with the most symbols that nobody reads. Not the libraries of FFmpeg: strip breaks them.
    "libpython*.so*",
    "python*/lib-dynload/*.so",
    "PIL/*.so",
    "h5py/*.so",
    "h5py.libs/libhdf5*",
    "numpy/_core/*.so",
    "PySide6/Qt/lib/libicu*",
    "psutil/*.so",
)
_QUICK: Final = ("Quick", "Qml", "QmlModels", "QmlWorkerScript", "QmlMeta")
_GRAB_WINDOW: Final = "_ZN12QQuickWindow10grabWindowEv"
_META_OBJECT: Final = "_ZN12QQuickWindow16staticMetaObjectE"
"""All that Qt's FFmpeg plugin wants of Qt Quick: it asks whether a window that is to be filmed is
one of Qt Quick's, by the address of that class's description; ours never are."""


def shrink(inside: Path) -> None:
    """Make the libraries in a bundle's folder ``inside`` smaller."""
    for library in inside.glob("PySide6/Qt/lib/libicudata.so.*"):
        shrink_icu(library)
    stand_in_for_quick(inside)
    for pattern in _STRIPPED:
        for library in sorted(inside.glob(pattern)):
            if not library.is_symlink():
                strip(library)


def shrink_icu(library: Path) -> None:
    """Take out of ``libicudata.so.N`` what no part of ours asks for."""
    symbol = f"icudt{library.name.rpartition('.')[2]}_dat"
    source = f'.section .rodata\n.balign 16\n{_symbol(symbol, "object")}.incbin "data"\n'
    assemble(source, library, data=icu.without(icu.contained(library.read_bytes())))


def stand_in_for_quick(inside: Path) -> None:
    """Put libraries of a few kilobytes in the place of Qt Quick's 17 MB.

    Raises:
        SystemExit: somebody wants more of Qt Quick than we know.
    """
    folder = inside / "PySide6" / "Qt" / "lib"
    defined = set()
    for name in _QUICK:
        defined |= symbols(folder / f"libQt6{name}.so.6", "--defined-only")
    for user in inside.rglob("*.so*"):
        if user.is_symlink() or any(user.name == f"libQt6{name}.so.6" for name in _QUICK):
            continue
        if re.search(rb"libQt6(Quick|Qml)", user.read_bytes()):
            wanted = {
                symbol
                for symbol in symbols(user, "--undefined-only") & defined
                if "Quick" in symbol or "Qml" in symbol
            }
            if more := wanted - {_GRAB_WINDOW, _META_OBJECT}:
                raise SystemExit(f"{user.name} needs Qt Quick: {', '.join(sorted(more))}")
    for name in _QUICK:
        library = folder / f"libQt6{name}.so.6"
        library.unlink()
        if name not in _QUICK[:2]:
            # Needed by the other two alone.
            (inside / library.name).unlink(missing_ok=True)
    code = f"{_symbol(_GRAB_WINDOW, 'function')}ret\n"
    data = f"{_symbol(_META_OBJECT, 'object')}.zero 64\n"
    assemble(f".text\n{code}.data\n{data}", folder / "libQt6Quick.so.6", version="Qt_6")
    assemble(".text\n", folder / "libQt6Qml.so.6", version="Qt_6")


def symbols(library: Path, which: str) -> set[str]:
    """The dynamic symbols of a library, without their versions."""
    command = ["nm", "-D", "--format=posix", which, str(library)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[0].partition("@")[0] for line in lines if line}


def _symbol(name: str, kind: str) -> str:
    return f".globl {name}\n.type {name}, %{kind}\n{name}:\n"


def assemble(source: str, library: Path, *, data: bytes = b"", version: str = "") -> None:
    """Write ``library`` anew.

    Args:
        source: in assembler; ``.incbin "data"`` stands for ``data``.
        library: the place, whose name the library bears.
        data: bytes for it.
        version: of its symbols, as Qt has them; "" for none.
    """
    ending = '\n.section .note.GNU-stack,"",%progbits\n'
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").write_bytes(data)
        (folder / "made.s").write_text(source + ending, encoding="ascii")
        (folder / "versions").write_text(f"{version} {{ global: *; }};\n", encoding="ascii")
        options = ["--version-script=versions"] if version else []
        for command in (
            ["as", "-o", "made.o", "made.s"],
            ["ld", "-shared", f"-soname={library.name}", *options, "-o", "made", "made.o"],
        ):
            subprocess.run(command, cwd=folder, check=True)
        library.write_bytes((folder / "made").read_bytes())


def strip(library: Path) -> None:
    """Take its symbols out, unless it cannot be loaded any more."""
    stripped = library.with_name(f".{library.name}.stripped")
    command = ["strip", "--strip-unneeded", "-o", str(stripped), str(library)]
    subprocess.run(command, check=True)
    look = "import ctypes, os, sys; ctypes.CDLL(sys.argv[1], os.RTLD_LAZY)"
    shown = [sys.executable, "-c", look, str(stripped)]
    if subprocess.run(shown, capture_output=True, check=False).returncode == 0:
        stripped.replace(library)
    else:
        print(f"{library.name} stays as it is: it does not survive strip")
        stripped.unlink()
