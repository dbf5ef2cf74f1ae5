"""Third-party notices name everything that VGGscope comes with, and give its licence."""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from vggscope import notices

from .scripts import TOP, script

# As it was built, and as it was packed.
BUNDLES = ("dist/VGGscope", "build/linux/*/program", "build/windows/dist/VGGscope")
OF_SYSTEM = re.compile(r"\n([\w.+-]+) \S+ \(a package of Debian\)")

of_build = script("notices")


def test_all_that_is_required_is_named_with_a_licence() -> None:
    told = of_build.titles(notices.third_party_notices())
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


def test_files_are_traced_to_their_distributions() -> None:
    import numpy as np  # noqa: PLC0415

    found = of_build.distributions_in([Path(np.__file__), Path(__file__)])
    assert list(found) == ["numpy"]


@pytest.mark.skipif(not Path("/usr/bin/dpkg-query").exists(), reason="this is no Debian")
def test_libraries_of_the_system_are_traced_to_their_packages() -> None:
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
def test_a_library_of_nobody_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "libstrange.so.1").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"libstrange\.so\.1: who may pass it on"):
        of_build.of_bundle([tmp_path / "libstrange.so.1"])


# --- what was changed -----------------------------------------------------------------------------


@pytest.mark.parametrize("system", ["linux", "win32", "darwin"])
def test_what_was_changed_in_qt_is_told(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    text = of_build.changes_to_qt()
    assert text.startswith("Changes to Qt in this program\nLicence: ")
    assert f"Qt {metadata.version('PySide6-Essentials')}" in " ".join(text.split())
    assert "1970-01-01" in text
    assert "{" not in text


def test_every_library_that_is_changed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    text = of_build.changes_to_qt()
    libraries = script("libraries")
    for name in libraries._QUICK:
        assert f"libQt6{name}.so.6" in text
    stripped = [pattern for pattern in libraries._STRIPPED if pattern.startswith("PySide6/")]
    assert stripped == ["PySide6/Qt/lib/libicu*"]
    assert all(f"libicu{name}.so" in text for name in ("data", "i18n", "uc"))


def test_nothing_says_that_all_of_qt_is_as_it_was() -> None:
    text = of_build.of_bundle([])
    assert "unmodified" not in (TOP / "resources/notices/10-qt.txt").read_text(encoding="utf-8")
    assert "under “Changes to Qt in\nthis program”" in text
    assert "\nChanges to Qt in this program\n" in text


# --- a bundle -------------------------------------------------------------------------------------


def test_what_the_notices_do_not_name_ends_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "_internal"
    for name in ("PIL", "h5py-3.dist-info"):
        (inside / name).mkdir(parents=True)
    for name in ("libz.so.1", "libpython3.11.so.1.0"):
        (inside / name).touch()
    monkeypatch.setattr(of_build, "frozen_modules", lambda _: {"numpy", "vggscope", "pyimod01"})
    notice = inside / of_build.FILE
    notice.write_text("nothing\n", encoding="utf-8")
    assert of_build.unnamed_in(tmp_path) == ["h5py", "libz.so.1", "numpy", "pillow"]
    with pytest.raises(SystemExit, match=r"does not name h5py, libz\.so\.1, numpy, pillow$"):
        of_build.check(tmp_path)
    parts = (f"{name} 1\nLicence: free" for name in ("h5py", "numpy", "pillow"))
    rule = "\n" + "=" * 78 + "\n"
    notice.write_text(rule + rule.join([*parts, "zlib: libz.so.1"]), encoding="utf-8")
    of_build.check(tmp_path)


def test_every_build_is_checked() -> None:
    recipe = (TOP / "build.spec").read_text(encoding="utf-8")
    _, _, end = recipe.partition("bundle.finish(Path(collected.name))\n")
    assert end.startswith("notices.check(Path(collected.name))\n")


@pytest.fixture(scope="module", params=BUNDLES)
def built(request: pytest.FixtureRequest) -> Path:
    found = [path.parent for path in TOP.glob(f"{request.param}/_internal")]
    if not found:
        pytest.skip(f"there is no {request.param}: make package-test")
    pytest.importorskip("PyInstaller")
    return found[0]


def test_all_that_lies_in_the_bundle_is_named(built: Path) -> None:
    unnamed = set(of_build.unnamed_in(built))
    facts = json.loads((built / "_internal" / "build.json").read_text(encoding="utf-8"))
    if facts["flavour"] == "directml":
        # Where it was built another distribution has the module than here.
        unnamed -= {"onnxruntime"}
    assert unnamed == set()


def test_the_licence_is_in_the_bundle(built: Path) -> None:
    assert (built / "_internal" / "LICENSE").read_bytes() == (TOP / "LICENSE").read_bytes()
