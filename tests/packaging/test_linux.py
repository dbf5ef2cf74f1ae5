"""What the packages for Linux are made of."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from vggscope.cli.main import COMMANDS
from vggscope.sources.finding import FORMATS, VIDEO_SUFFIXES

from .scripts import TOP, script

if TYPE_CHECKING:
    from pathlib import Path

commands = script("commands", "linux")
completion = script("completion", "linux")
depends = script("depends", "linux")
manual = script("manual", "linux")
package = script("package", "linux")

LINUX = TOP / "packaging" / "linux"
DATE = dt.date(2026, 11, 28)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="shell scripts for Linux")


# --- man page and completion ----------------------------------------------------------------------


def test_all_commands_and_actions_are_there() -> None:
    words = [" ".join(command.words) for command in commands.commands()]
    assert words[0] == ""
    assert [word for word in words if word and " " not in word] == list(COMMANDS)
    assert {"models list", "models import", "models create", "models quantize"} <= set(words)


def test_the_man_page_tells_every_option() -> None:
    found = commands.commands()
    page = manual.manual(found, "1.2.3", DATE)
    assert page.startswith('.TH VGGSCOPE 1 "2026-11-28" "VGGscope 1.2.3"')
    for command in found:
        for option in command.options:
            assert all(manual.escaped(name) in page for name in option.names)
            assert option.value == "" or manual.escaped(option.value) in page
    # Only macros begin with a dot.
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests == {".TH", ".SH", ".SS", ".PP", ".TP"}


def test_troff_prints_what_is_meant() -> None:
    assert manual.escaped(".5 of it") == "\\&.5 of it"
    assert manual.escaped("--top\n  K") == "\\-\\-top K"
    assert manual.escaped("it's C:\\x") == "it\\(aqs C:\\ex"
    assert manual.escaped("'tis") == "\\(aqtis"


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_groff_has_no_complaints() -> None:
    page = manual.manual(commands.commands(), "1.2.3", DATE)
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-K", "utf8"],
        input=page,
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "adjust" not in line]
    assert (done.returncode, complaints) == (0, [])


def completed(*words: str, home: Path) -> list[str]:
    """What bash offers for the last of ``words``."""
    lines = (
        completion.script(),
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vggscope 2>/dev/null',
        'printf "%s\\n" "${COMPREPLY[@]}"',
    )
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines), "bash", *words],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\n")[:-1]


@on_linux
def test_completion(tmp_path: Path) -> None:
    (tmp_path / ".local/share/vggscope/models/my-net").mkdir(parents=True)
    (tmp_path / "cat photo.jpg").touch()
    (tmp_path / "holiday").mkdir()
    assert completed("vggscope", "class", home=tmp_path) == ["classify", "classmap"]
    assert completed("vggscope", "cat", home=tmp_path) == ["cat photo.jpg"]
    assert completed("vggscope", "models", "cr", home=tmp_path) == ["create"]
    assert "--device" in completed("vggscope", "classify", "--", home=tmp_path)
    assert "--calibrate" not in completed("vggscope", "classify", "--", home=tmp_path)
    assert completed("vggscope", "classify", "--fit", "l", home=tmp_path) == ["letterbox"]
    assert completed("vggscope", "classify", "--model", "my", home=tmp_path) == ["my-net"]
    assert completed("vggscope", "models", "remove", "m", home=tmp_path) == ["my-net"]
    assert "vgg16-12" in completed("vggscope", "models", "download", "", home=tmp_path)
    assert completed("vggscope", "--data-dir", "h", home=tmp_path) == ["holiday"]
    assert completed("vggscope", "--data-dir", "x", "doc", home=tmp_path) == ["doctor"]


# --- what the desktop reads -----------------------------------------------------------------------


def test_types_of_all_that_can_be_opened() -> None:
    assert list(package.PICTURE_TYPES) == list(FORMATS)
    assert package.VIDEO_TYPES.keys() <= VIDEO_SUFFIXES
    mime = ET.parse(LINUX / "vggscope-mime.xml").getroot()
    assert mime[0].get("type") == package.MODEL_TYPE


def test_desktop_entry() -> None:
    text = (LINUX / "vggscope.desktop").read_text(encoding="utf-8")
    entries = dict(line.split("=", 1) for line in text.splitlines()[1:])
    assert entries["Exec"] == "vggscope %F"
    assert entries["MimeType"] == "@MIME@"
    # What the window says of itself, by which desktops find the entry of a window.
    window = (TOP / "app/vggscope/ui/app.py").read_text(encoding="utf-8")
    assert f'setDesktopFileName("{entries["StartupWMClass"]}")' in window


def test_metainfo() -> None:
    path = LINUX / "io.github.vggscope.metainfo.xml"
    root = ET.parse(path).getroot()
    assert root.findtext("id") == path.name.removesuffix(".metainfo.xml")
    assert root.findtext("launchable") == "vggscope.desktop"
    assert root.find("releases/release").get("version") == "@VERSION@"  # type: ignore[union-attr]


# --- what it needs --------------------------------------------------------------------------------


def test_places_of_libraries() -> None:
    cache = (
        "3 libs found in cache `/etc/ld.so.cache'\n"
        "\tlibz.so.1 (libc6) => /lib/i386-linux-gnu/libz.so.1\n"
        "\tlibz.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libz.so.1\n"
        "\tlibz.so.1 (libc6,x86-64) => /opt/other/libz.so.1\n"
    )
    assert str(depends._places(cache)["libz.so.1"]) == "/lib/x86_64-linux-gnu/libz.so.1"


@pytest.mark.skipif(
    shutil.which("dpkg-query") is None or shutil.which("objdump") is None, reason="no Debian here"
)
def test_packages_of_libraries(tmp_path: Path) -> None:
    assert depends.packages_with(["libc.so.6"]) == ["libc6"]
    with pytest.raises(SystemExit, match=r"lacks libnowhere\.so\.1"):
        depends.packages_with(["libc.so.6", "libnowhere.so.1"])
    shutil.copy("/bin/true", tmp_path / "program")
    (tmp_path / "notes.txt").write_text("no program", encoding="utf-8")
    needs = depends.needs_of(tmp_path)
    assert needs.libraries == ("libc.so.6",)
    assert (2, 2) < needs.glibc < (3, 0)
    least = f"{needs.glibc[0]}.{needs.glibc[1]}"
    assert depends.depends(needs) == f"libc6 (>= {least})"
    # What GTK's theme needs comes with GTK, and a library that is brought is not wanted.
    theme = tmp_path / "platformthemes" / "libqgtk3.so"
    theme.parent.mkdir()
    shutil.move(tmp_path / "program", theme)
    assert depends.needs_of(tmp_path).libraries == ()


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg here")
def test_what_comes_before_a_version_is_upgraded_to_it() -> None:
    order = ["1.0.0a1", "1.0.0b2", "1.0.0rc1", "1.0.0", "1.0.0+openvino", "1.0.1"]
    for older, newer in itertools.pairwise(map(package.debian_version, order)):
        subprocess.run(["dpkg", "--compare-versions", older, "lt", newer], check=True)


def test_a_bundle_that_is_too_large_is_not_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tmp_path / "_internal" / "build.json"
    facts.parent.mkdir()
    facts.write_text('{"flavour": "cpu"}', encoding="utf-8")
    monkeypatch.setattr(package.depends, "needs_of", lambda _: None)
    (tmp_path / "large").write_bytes(b"\0" * 1000)
    monkeypatch.setattr(package, "MOST_BYTES", 1018)
    assert package.look_at(tmp_path, "1.2.3").version == "1.2.3"
    (tmp_path / "large").write_bytes(b"\0" * 1001)
    with pytest.raises(SystemExit, match="has 1,019 bytes: more than 1,018"):
        package.look_at(tmp_path, "1.2.3")
    # Others bring more, on purpose.
    facts.write_text('{"flavour": "openvino"}', encoding="utf-8")
    assert package.look_at(tmp_path, "1.2.3").version == "1.2.3+openvino"


# --- the folder that is unpacked ------------------------------------------------------------------


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A folder as the .tar.xz has it, with a program that tells its arguments."""
    folder = tmp_path / "Über uns & 写真"
    (folder / "program").mkdir(parents=True)
    program = folder / "program" / "vggscope"
    program.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n', encoding="utf-8")
    launcher = (LINUX / "launcher.sh").read_text(encoding="utf-8")
    for word, value in (
        ("LIBRARIES", "libc.so.6 libnowhere.so.1"),
        ("PACKAGES", "nowhere1"),
        ("GLIBC", "2.17"),
        ("GLIBC_MINOR", "17"),
    ):
        launcher = launcher.replace(f"@{word}@", value)
    (folder / "vggscope").write_text(launcher, encoding="utf-8")
    shutil.copy(LINUX / "install.sh", folder)
    for path in (program, folder / "vggscope", folder / "install.sh"):
        path.chmod(0o755)
    entry = folder / "share/applications/vggscope.desktop"
    entry.parent.mkdir(parents=True)
    shutil.copy(LINUX / "vggscope.desktop", entry)
    (folder / "share/icons").mkdir()
    (folder / "share/icons/vggscope.svg").touch()
    return folder


def run(
    *command: object, home: Path, path: str = "/usr/bin:/bin"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        env={"HOME": str(home), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@on_linux
def test_the_launcher_tells_what_is_missing_and_starts(unpacked: Path, tmp_path: Path) -> None:
    done = run(unpacked / "vggscope", "a b.jpg", "写真", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "<a b.jpg><写真>")
    if shutil.which("ldconfig", path="/sbin:/usr/sbin"):
        assert "lacks: libnowhere.so.1\n" in done.stderr
        assert "apt-get install nowhere1" in done.stderr


@on_linux
def test_the_launcher_names_the_glibc_that_is_too_old(unpacked: Path, tmp_path: Path) -> None:
    old = tmp_path / "bin"
    old.mkdir()
    for version, status in (("2.16", 1), ("2.9.9000", 1), ("2.17", 0), ("2.41.9000", 0)):
        (old / "getconf").write_text(f"#!/bin/sh\necho glibc {version}\n", encoding="utf-8")
        (old / "getconf").chmod(0o755)
        done = run(unpacked / "vggscope", "x", home=tmp_path, path=f"{old}:/usr/bin:/bin")
        assert done.returncode == status
        told = f"needs glibc 2.17 or newer, and this system has glibc {version}\n" in done.stderr
        assert told is bool(status)


@on_linux
def test_the_menu_entry_comes_and_goes(unpacked: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".local/share/applications").mkdir(parents=True)
    (home / ".local/share/applications/other.desktop").touch()
    done = run(unpacked / "install.sh", home=home)
    assert done.returncode == 0, done.stderr
    entry = (home / ".local/share/applications/vggscope.desktop").read_text(encoding="utf-8")
    assert f'\nExec="{unpacked}/vggscope" %F\n' in entry
    assert "TryExec" not in entry
    assert (home / ".local/share/icons/vggscope.svg").exists()
    assert run(home / ".local/bin/vggscope", "x", home=home).stdout == "<x>"
    done = run(unpacked / "install.sh", "--uninstall", home=home)
    assert done.returncode == 0, done.stderr
    left = [p.relative_to(home).as_posix() for p in home.rglob("*") if not p.is_dir()]
    assert [p for p in left if "cache" not in p] == [".local/share/applications/other.desktop"]


@on_linux
def test_what_is_not_ours_stays(unpacked: Path, tmp_path: Path) -> None:
    own = tmp_path / ".local/bin/vggscope"
    own.parent.mkdir(parents=True)
    own.write_text("mine", encoding="utf-8")
    done = run(unpacked / "install.sh", home=tmp_path)
    assert done.returncode == 1
    assert "not ours" in done.stderr
    run(unpacked / "install.sh", "--uninstall", home=tmp_path)
    assert own.read_text(encoding="utf-8") == "mine"


@on_linux
def test_a_link_is_ours_or_not(unpacked: Path, tmp_path: Path) -> None:
    link = tmp_path / ".local/bin/vggscope"
    link.parent.mkdir(parents=True)
    # As pipx makes them.
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/vggscope").touch()
    link.symlink_to(tmp_path / "venv/vggscope")
    done = run(unpacked / "install.sh", home=tmp_path)
    assert done.returncode == 1
    assert "not ours" in done.stderr
    assert link.readlink() == tmp_path / "venv/vggscope"
    # Of an older version, there or gone.
    older = tmp_path / "older"
    shutil.copytree(unpacked, older)
    for _ in ("there", "gone"):
        link.unlink()
        link.symlink_to(older / "vggscope")
        done = run(unpacked / "install.sh", home=tmp_path)
        assert done.returncode == 0, done.stderr
        assert link.readlink() == unpacked / "vggscope"
        shutil.rmtree(older, ignore_errors=True)


@on_linux
def test_a_folder_that_no_desktop_entry_can_name(unpacked: Path, tmp_path: Path) -> None:
    strange = unpacked.rename(tmp_path / 'a"b')
    done = run(strange / "install.sh", home=tmp_path / "home")
    assert done.returncode == 1
    assert "cannot name" in done.stderr
    assert not (tmp_path / "home").exists()


def test_the_makefile_builds_what_is_documented() -> None:
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"linux-packages", "linux-smoke", "package-test"} <= targets
