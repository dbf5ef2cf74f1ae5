"""Third-party notices name everything that VGGscope comes with, and give its licence."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vggscope import notices

if TYPE_CHECKING:
    from types import ModuleType

TOP = Path(__file__).parents[2]
# As it was built, and as it was packed.
BUNDLES = ("dist/VGGscope", "build/linux/*/program")
OF_SYSTEM = re.compile(r"\n([\w.+-]+) \S+ \(a package of Debian\)")
TITLE = re.compile(r"\n={78}\n([^\n]+)\nLicence: ([^\n]+)")
# What PyInstaller's hooks put into every bundle is told with its loader.
OF_PYINSTALLER = ("pyi", "_pyi", "pyimod", "PyInstaller", "_distutils_hack")


@pytest.fixture(scope="module")
def of_build() -> ModuleType:
    """``packaging/notices.py``, which is no package's module."""
    spec = importlib.util.spec_from_file_location("build_notices", TOP / "packaging" / "notices.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def titles(text: str) -> dict[str, str]:
    """Normalised name of a distribution, without its version -> its licence."""
    return {notices.normalised(title.split(" ")[0]): text for title, text in TITLE.findall(text)}


def test_all_that_is_required_is_named_with_a_licence() -> None:
    told = titles(notices.third_party_notices())
    for line in metadata.requires("vggscope") or ():
        name = notices.normalised(re.split(r"[^\w.-]", line)[0])
        if "extra ==" in line or name == "onnxruntime-directml":
            continue
        assert name in told, line
        assert told[name] not in {"", "see below", "UNKNOWN"}
    # What those require in their turn.
    assert {"httpcore", "anyio", "idna", "socksio", "protobuf", "shiboken6"} <= told.keys()
    assert "vggscope" not in told
    assert "pytest" not in told


def test_what_is_no_distribution_is_named_too() -> None:
    text = notices.third_party_notices()
    for words in (
        "Qt and Qt for Python",
        "You may replace them",
        "FFmpeg",
        "Python Software Foundation License",
        "Creative Commons Attribution 4.0",
        "GNU LESSER GENERAL PUBLIC LICENSE\n                       Version 3",
        "GNU LESSER GENERAL PUBLIC LICENSE\n                       Version 2.1",
        "GNU GENERAL PUBLIC LICENSE\n                       Version 3",
        "Apache License\n                           Version 2.0",
    ):
        assert words in text


def test_our_own_licence_comes_first() -> None:
    assert notices.all_licences().startswith("VGGscope\n\nMIT License")


def test_a_frozen_program_shows_what_was_made_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    (tmp_path / "LICENSE").write_text("ours\n", encoding="utf-8")
    (tmp_path / "THIRD-PARTY-NOTICES.txt").write_text("theirs\n", encoding="utf-8")
    assert notices.third_party_notices() == "theirs\n"
    assert notices.all_licences().startswith("VGGscope\n\nours\n")


def test_extras_are_followed_and_other_systems_are_not_missed() -> None:
    assert "socksio" in notices.requirements_of("httpx", "socks")
    assert "socksio" not in notices.requirements_of("httpx")
    assert notices.requirements_of("no-such-distribution") == {}


def test_every_licence_that_a_distribution_declares_is_given() -> None:
    found = notices.requirements_of("vggscope")
    for distribution in found.values():
        given = {name for name, _ in notices.licence_texts(distribution)}
        for declared in distribution.metadata.get_all("License-File") or ():
            assert Path(declared).name in given
    assert "hdf5.txt" in {name for name, _ in notices.licence_texts(found["h5py"])}


def test_files_are_traced_to_their_distributions(of_build: ModuleType) -> None:
    import numpy as np  # noqa: PLC0415

    found = of_build.distributions_in([Path(np.__file__), Path(__file__)])
    assert list(found) == ["numpy"]


@pytest.mark.skipif(not Path("/usr/bin/dpkg-query").exists(), reason="this is no Debian")
def test_libraries_of_the_system_are_traced_to_their_packages(of_build: ModuleType) -> None:
    [library] = Path("/usr/lib").glob("*-linux-gnu/libz.so.1")
    merged = Path("/lib", *library.parts[3:])
    for file in (library, merged):
        assert of_build.system_packages([file]) == {"zlib1g": ["libz.so.1"]}
    text = of_build.of_bundle([library])
    assert OF_SYSTEM.findall(text) == ["zlib1g"]
    assert "Jean-loup Gailly" in text
    assert "Libraries: libz.so.1" in text
    assert "the bundle that it lies in" in text
    assert "PyInstaller's bootloader" in text


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no library of the system is taken")
def test_a_library_of_nobody_ends_the_build(of_build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "libstrange.so.1").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"libstrange\.so\.1: who may pass it on"):
        of_build.of_bundle([tmp_path / "libstrange.so.1"])


# --- a bundle, where one was built ------------------------------------------------------------


@pytest.fixture(scope="module")
def inside() -> Path:
    found = [path for pattern in BUNDLES for path in TOP.glob(f"{pattern}/_internal")]
    if not found:
        pytest.skip("there is no bundle: make linux-packages")
    return found[0]


@pytest.fixture(scope="module")
def told(inside: Path) -> str:
    return (inside / "THIRD-PARTY-NOTICES.txt").read_text(encoding="utf-8")


def test_every_distribution_in_the_bundle_is_named(inside: Path, told: str) -> None:
    named = titles(told)
    for folder in inside.glob("*.dist-info"):
        name = notices.normalised(folder.name.split("-")[0])
        assert name in named or name == "vggscope", folder.name
    by_module = metadata.packages_distributions()
    modules = {path.name for path in inside.iterdir() if (path.is_dir())} | frozen_modules(inside)
    for module in modules:
        for distribution in by_module.get(module, ()):
            if module.startswith(OF_PYINSTALLER) or distribution == "vggscope":
                continue
            assert notices.normalised(distribution) in named, (module, distribution)


def frozen_modules(inside: Path) -> set[str]:
    """The top-level modules in the archive of the program."""
    readers = pytest.importorskip("PyInstaller.archive.readers")
    names = ("vggscope", "VGGscope.exe")
    program = next(inside.parent / name for name in names if (inside.parent / name).exists())
    archive = readers.CArchiveReader(str(program)).open_embedded_archive("PYZ.pyz")
    return {name.partition(".")[0] for name in archive.toc}


def test_every_library_at_the_top_of_the_bundle_is_named(inside: Path, told: str) -> None:
    libraries = [path.name for path in inside.glob("lib*.so*") if not path.is_symlink()]
    assert [
        name for name in libraries if name not in told and not name.startswith("libpython")
    ] == []


def test_the_licence_is_in_the_bundle(inside: Path) -> None:
    assert (inside / "LICENSE").read_bytes() == (TOP / "LICENSE").read_bytes()
