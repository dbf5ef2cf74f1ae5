"""What goes into a bundle, and what stays out of it."""

from __future__ import annotations

import ctypes
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import PySide6
import pytest

from .scripts import script

bundle = script("bundle")
commit = script("commit").commit
icu = script("icu")
libraries = script("libraries")

on_linux = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("ld") is None, reason="made for Linux, by binutils"
)


@pytest.mark.parametrize(
    "place",
    [
        "PySide6/Qt/plugins/multimedia/libffmpegmediaplugin.so",
        "PySide6/Qt/lib/libQt6Quick.so.6",
        "PySide6/Qt/lib/libQt6Qml.so.6",
        "PySide6/Qt/lib/libQt6OpenGL.so.6",
        "PySide6/Qt/lib/libavcodec.so.61",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqwayland.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6/plugins/platforms/qwindows.dll",
        "PySide6/Qt/plugins/platforminputcontexts/libcomposeplatforminputcontextplugin.so",
        "PySide6/Qt/plugins/platforminputcontexts/libibusplatforminputcontextplugin.so",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6/Qt/plugins/iconengines/libqsvgicon.so",
        "PySide6/Qt/translations/qtbase_de.qm",
        "pillow.libs/libavif-c6062d5f.so.16.4.2",
        "PIL/_avif.cpython-311-x86_64-linux-gnu.so",
        "h5py/h5t.cpython-311-x86_64-linux-gnu.so",
        "numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so",
        "numpy-2.4.6.dist-info/METADATA",
        "onnxruntime/capi/DirectML.dll",
        "models/vgg16-compact/weights.bin",
    ],
)
def test_kept(place: str) -> None:
    assert bundle.trimmed([(place, f"/home/somebody/{place}", "BINARY")])


@pytest.mark.parametrize(
    "place",
    [
        "PySide6/Qt/plugins/platforms/libqeglfs.so",
        "PySide6/Qt/plugins/tls/libqopensslbackend.so",
        "PySide6/Qt/translations/qtbase_cs.qm",
        "PySide6/opengl32sw.dll",
        "numpy/_core/_simd.cpython-311-x86_64-linux-gnu.so",
        "numpy/_core/_multiarray_tests.cpython-311-x86_64-linux-gnu.so",
        "numpy-2.4.6.dist-info/RECORD",
        "platformdirs-4.14.8.dist-info/sboms/platformdirs.cdx.json",
        "onnx/backend/test/data/x.onnx",
        "onnx/common/ir.h",
        "libopenvino.so.2640",
    ],
)
def test_left_out(place: str) -> None:
    assert not bundle.trimmed([(place, f"/home/somebody/{place}", "BINARY")])
    assert not bundle.trimmed([(place.replace("/", "\\"), "C:\\", "BINARY")])


@on_linux
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("libgtk-3.so.0", False),
        ("libglib-2.0.so.0", False),
        ("libstdc++.so.6", False),
        ("libxcb-glx.so.0", False),
        ("libX11.so.6", False),
        ("libpulse.so.0", False),
        ("libcrypto.so.3", True),
        ("libsqlite3.so.0", True),
        ("libxcb-cursor.so.0", True),
        ("libxkbcommon.so.0", True),
        ("libxkbcommon-x11.so.0", True),
    ],
)
def test_libraries_of_the_build_machine(name: str, *, kept: bool) -> None:
    entry = (name, f"/usr/lib/x86_64-linux-gnu/{name}", "BINARY")
    assert bool(bundle.trimmed([entry])) is kept
    # Those that came with a package are another matter.
    assert bundle.trimmed([(name, f"/home/somebody/pillow.libs/{name}", "BINARY")])


def package(*items: tuple[str, bytes]) -> bytes:
    """An ICU data package, as it begins a library."""
    header = struct.pack("<H2sHHBBBB4s", 32, b"\xda\x27", 20, 0, 0, 0, 2, 0, b"CmnD")
    return header.ljust(32, b"\0") + icu._packed([(name.encode(), data) for name, data in items])


def items(data: bytes) -> dict[str, bytes]:
    """Name -> what begins where it says."""
    body = data[32:]
    (count,) = struct.unpack_from("<I", body)
    found = {}
    for index in range(count):
        name, start = struct.unpack_from("<II", body, 4 + 8 * index)
        assert start % 16 == 0
        found[body[name : body.index(b"\0", name)].decode()] = body[start:]
    return found


def test_icu_keeps_the_order_of_words() -> None:
    whole = package(
        ("icudt73l/coll/de.res", b"collation"),
        ("icudt73l/coll/ucadata.icu", b"order" * 10),
        ("icudt73l/curr/de.res", b"currencies"),
        ("icudt73l/de.res", b"dates"),
        ("icudt73l/ibm-37_P100-1995.cnv", b"mainframes"),
        ("icudt73l/nfkc.nrm", b"forms"),
        ("icudt73l/root.res", b"root"),
        ("icudt73l/unames.icu", b"names"),
        ("icudt73l/zh_Hant.res", b"dates"),
    )
    left = items(icu.without(icu.contained(b"\x7fELF" + b"\0" * 60 + whole)))
    assert list(left) == [
        "icudt73l/coll/de.res",
        "icudt73l/coll/ucadata.icu",
        "icudt73l/nfkc.nrm",
        "icudt73l/root.res",
    ]
    assert left["icudt73l/coll/ucadata.icu"].startswith(b"order" * 10)
    assert left["icudt73l/root.res"].rstrip(b"\0") == b"root"


def test_no_icu() -> None:
    with pytest.raises(ValueError, match="no ICU data"):
        icu.contained(b"\x7fELF" + b"\0" * 100)


_SORT = """
import json
from functools import cmp_to_key
from PySide6.QtCore import QCollator, QLocale
words = "zebra Äpfel apfel ångström öl oko Œuvre ñandú nube čaj 中 安 한국 あ ア a2 a10 ısı".split()
rows = []
for name in "de sv es cs zh ja ko tr C".split():
    collator = QCollator(QLocale(name))
    collator.setNumericMode(True)
    key = cmp_to_key(collator.compare)
    rows.append((sorted(words, key=key), QLocale(name).toUpper("istanbul ß")))
print(json.dumps(rows))
"""


@on_linux
def test_qt_sorts_with_the_smaller_data_as_before(tmp_path: Path) -> None:
    folder = Path(PySide6.__file__).parent / "Qt" / "lib"
    found = list(folder.glob("libicudata.so.*"))
    if not found:
        pytest.skip("this Qt has its ICU elsewhere")
    library = tmp_path / found[0].name
    shutil.copy(found[0], library)
    libraries.shrink_icu(library)
    assert library.stat().st_size < 0.25 * found[0].stat().st_size

    def told(**variables: str) -> str:
        variables["LANG"] = "C.UTF-8"
        command = [sys.executable, "-c", _SORT]
        return subprocess.check_output(command, env=variables, text=True)

    assert told(LD_LIBRARY_PATH=str(tmp_path)) == told()


@on_linux
def test_a_stand_in_is_a_library(tmp_path: Path) -> None:
    library = tmp_path / "libstand.so.6"
    libraries.assemble(".text\n.globl answer\n.type answer, %function\nanswer:\nret\n", library)
    assert ctypes.CDLL(str(library)).answer is not None
    assert libraries.symbols(library, "--defined-only") == {"answer"}


def test_the_build_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert '"date": "1970-01-01"' in bundle.build_facts("cpu", "1.2.3")


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
def test_a_build_of_something_else_than_a_commit_says_so(tmp_path: Path) -> None:
    assert commit(tmp_path) == "unknown"

    def git(*words: str) -> str:
        named = ["-c", "user.name=me", "-c", "user.email=me@example.com"]
        return subprocess.check_output(["git", *named, *words], cwd=tmp_path, text=True).strip()

    git("init", "--quiet")
    assert commit(tmp_path) == "unknown"
    (tmp_path / ".gitignore").write_text("build\n", encoding="utf-8")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    clean = git("rev-parse", "--short", "HEAD")
    (tmp_path / "build").touch()
    assert commit(tmp_path) == clean
    (tmp_path / "new.py").touch()
    assert commit(tmp_path) == f"{clean}-dirty"
    (tmp_path / "new.py").unlink()
    (tmp_path / ".gitignore").write_text("build\n\n", encoding="utf-8")
    assert commit(tmp_path) == f"{clean}-dirty"


def test_one_onnx_runtime_alone_is_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "onnxruntime" in bundle.distributions("cpu")
    both = ["onnxruntime 1.32.0", "onnxruntime-gpu 1.31.0"]
    monkeypatch.setattr(bundle, "runtime_packages", lambda: both)
    monkeypatch.setattr(bundle.metadata, "version", lambda _: "1")
    for flavour, kept in (("cuda", "onnxruntime-gpu"), ("cpu", "onnxruntime")):
        with pytest.raises(SystemExit, match="are both installed") as caught:
            bundle.distributions(flavour)
        remedy = str(caught.value).splitlines()[1:]
        assert remedy[0].endswith("pip uninstall --yes onnxruntime onnxruntime-gpu")
        assert remedy[1].endswith(f"pip install --no-deps {kept}")


def test_a_plugin_needs_the_usual_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle.metadata, "version", lambda _: "1")
    monkeypatch.setattr(bundle, "runtime_packages", lambda: ["onnxruntime 1.32.0"])
    names = bundle.distributions("openvino")
    assert {"onnxruntime", "onnxruntime-ep-openvino"} <= set(names)


def test_unknown_flavours() -> None:
    with pytest.raises(SystemExit, match="choose one of"):
        bundle.distributions("chocolate")
