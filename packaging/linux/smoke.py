"""Installs the packages in dist/ into an empty Debian and uses them there.

    python packaging/linux/smoke.py [--keep] [--only NAME ...]

Needs root (chroot, mounts), debootstrap, Xvfb, xdotool and ImageMagick. The Debian of debootstrap
has nothing in it but apt: what the program runs with there is what the .deb depends on. Its window
is shown by an X server outside. Pictures of it are left in build/linux-smoke/.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from debian import (
    PHOTOS,
    ROOT,
    SCREEN,
    WORK,
    attempt,
    inside,
    opened,
    prepare,
    shows,
    window,
)

sys.path.append(str(Path(__file__).resolve().parents[1]))
from smoke_steps import ODD_NAME, OLDER, SAMPLES, TOP, add_only, check, run_steps, wait

_INSIDE: Final = "unshared"
_INSTALL: Final = ("apt-get", "install", "-y", "-q", "--no-install-recommends")
_SETTINGS: Final = "/home/anna/.config/vggscope/settings.json"
_WINDOW: Final = "/home/anna/.config/vggscope/window.ini"
_LOGS: Final = "/home/anna/.local/state/vggscope/log"


# --- what is tried --------------------------------------------------------------------------------


def _deb() -> Path:
    found = sorted((TOP / "dist").glob("vggscope_*.deb"), key=lambda path: path.stat().st_mtime)
    check(found, "There is no .deb in dist/: run make linux-packages")
    return found[-1]


def install_older() -> str:
    """An older version is installed by apt; anna makes a model, changes a setting at a photo."""
    inside("apt-get", "update", "-q")
    folder = WORK / "older"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", str(_deb()), str(folder)], check=True)
    control = folder / "DEBIAN" / "control"
    lines = control.read_text(encoding="utf-8").splitlines()
    lines = [f"Version: {OLDER}" if line.startswith("Version:") else line for line in lines]
    control.write_text("\n".join(lines) + "\n", encoding="utf-8")
    target = ROOT / "opt" / "older.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(folder), str(target)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.rmtree(folder)
    before = set(inside("dpkg-query", "-W", "-f=${Package}\\n").split())
    inside(*_INSTALL, "/opt/older.deb")
    after = set(inside("dpkg-query", "-W", "-f=${Package}\\n").split())
    target.unlink()
    making = ("models", "create", "--config", "A", "--width", "1/8", "--name", "small")
    inside("vggscope", *making, user="anna")
    with window(f"{PHOTOS}/coffee.jpg"):
        SCREEN.picture("older")
        SCREEN.press("ctrl+b")
        wait((ROOT / _SETTINGS[1:]).exists, lambda: "Ctrl+B changed no setting", 20)
    settings = json.loads(inside("cat", _SETTINGS, user="anna"))
    check(settings == {"crop_box": False}, settings)
    recent = inside("cat", _WINDOW, user="anna")
    check("coffee.jpg" in recent, recent)
    return f"{len(after - before)} packages came with it"


def upgrade() -> str:
    """The new version comes while a window of the old one is open; settings and models stay."""
    kept = f"cd; find {_SETTINGS} .local/share/vggscope -type f | sort | xargs -d '\\n' md5sum"
    before = inside("sh", "-c", kept, user="anna")
    check(before.count("settings.json\n") == 1 and "/small/" in before, before)
    with window(f"{PHOTOS}/flower.jpg"):
        SCREEN.picture("before-upgrade", 2)
        shutil.copy(_deb(), ROOT / "opt")
        inside(*_INSTALL, f"/opt/{_deb().name}")
        # The old program, whose files are gone, gets another photo to look at.
        inside("vggscope", f"{PHOTOS}/bald-eagle.jpg", user="anna")
        shows("bald-eagle.jpg")
        SCREEN.picture("after-upgrade")
    version = inside("dpkg-query", "-W", "-f=${Version}", "vggscope")
    check(version != OLDER, "it is the old version still")
    # The new one reads them, and writes what it keeps when it closes.
    with window(f"{PHOTOS}/flower.jpg"):
        SCREEN.picture("upgraded")
    after = inside("sh", "-c", kept, user="anna")
    check(after == before, f"{before}\n---\n{after}")
    recent = inside("cat", _WINDOW, user="anna")
    check("coffee.jpg" in recent, recent)
    models = inside("vggscope", "models", "list", user="anna")
    check("small" in models, models)
    return f"{OLDER} → {version}"


def linked() -> str:
    """Every library finds those that it needs, but for GTK's own where there is no GTK."""
    script = (
        "find /usr/lib/vggscope -type f \\( -name '*.so*' -o -name vggscope \\) | while read -r f; "
        'do ldd "$f" 2>/dev/null | sed "s|^|$f: |"; done | grep "not found" || true'
    )
    lost = [line for line in inside("sh", "-c", script).splitlines() if "libqgtk3.so" not in line]
    # Those that are found by whoever loaded them, in the folder of another package.
    lost = [line for line in lost if not _is_brought(line)]
    check(not lost, "\n".join(lost))
    return ""


def _is_brought(line: str) -> bool:
    name = line.partition(": ")[2].split()[0]
    return any((ROOT / "usr/lib/vggscope/_internal").rglob(name))


def doctor() -> str:
    """It says what kind of installation it is, finds no problem, and does not talk of pip."""
    version = inside("vggscope", "--version", user="anna").strip()
    text = inside("vggscope", "doctor", user="anna")
    check("frozen, flavour " in text and "build " in text, text)
    check(text.rstrip().endswith("Problems\n  none"), text)
    devices = inside("vggscope", "devices", "--probe", user="anna")
    check("pip " not in text + devices, text + devices)
    check("flavour “openvino”" in devices, devices)
    return version


def classify() -> str:
    """Photos in a folder with spaces, umlauts and Chinese; an AVIF."""
    text = inside("vggscope", "classify", PHOTOS, "--top", "1", user="anna")
    for label in ("bald eagle", "espresso"):
        check(label in text, text)
    avif = inside("vggscope", "classify", f"{PHOTOS}/eagle.avif", user="anna")
    check("bald eagle" in avif, avif)
    return f"{text.count('ms)')} photos"


def models() -> str:
    """Networks are made, imported by a child process, made 8-bit, looked for elsewhere."""
    folder = PHOTOS
    eagle = f"{folder}/bald-eagle.jpg"
    listed = inside("vggscope", "models", "list", user="anna")
    check("vgg16-compact" in listed and "small" in listed, listed)
    inside("vggscope", "classify", eagle, "--model", "small", user="anna")
    inside(
        "vggscope", "models", "import", f"{folder}/foreign.onnx", "--name", "foreign", user="anna"
    )
    inside("vggscope", "classify", eagle, "--model", "foreign", user="anna")
    inside("vggscope", "models", "quantize", "small", "--calibrate", folder, user="anna")
    weights = ("models", "import", f"{folder}/weights.h5", "--config", "D")
    refused = attempt("vggscope", *weights, user="anna")
    check(refused.returncode == 2 and "block1_conv1" in refused.stdout, refused.stdout)
    # Nobody listens there: what can be seen is that the libraries for downloads are there.
    mirror = ("--yes", "--mirror", "http://127.0.0.1:9/")
    unreached = attempt("vggscope", "models", "download", "vgg16-12", *mirror, user="anna")
    check(unreached.returncode == 2 and "did not expect" not in unreached.stdout, unreached.stdout)
    words = unreached.stdout.strip().splitlines()[-1]
    inside("vggscope", "bench", "--model", "small", user="anna")
    return words


def video() -> str:
    """A video plays, headless and in the window."""
    film = f"{PHOTOS}/slideshow.webm"
    live = ("live", "--source", film, "--headless", "--seconds", "3")
    text = inside("vggscope", *live, user="anna", QT_QPA_PLATFORM="offscreen")
    lines = [line for line in text.splitlines() if line.startswith("{")]
    check(len(lines) >= 5, text)
    with window(film):
        pictures = [SCREEN.picture("video", 3), SCREEN.picture("video-later", 2)]
    check(len(set(map(SCREEN.pixels, pictures))) == 2, "the video stands still")
    return f"{len(lines)} inferences in 3 s"


def open_with() -> str:
    """What the menu's “Open with” starts hands its file to the window that there is."""
    folder = PHOTOS
    with window(f"{folder}/cat-chelsea.jpg"):
        SCREEN.picture("window")
        started = time.monotonic()
        entry = (ROOT / "usr/share/applications/vggscope.desktop").read_text(encoding="utf-8")
        check("Exec=vggscope %F" in entry, entry)
        inside("vggscope", f"{folder}/bald-eagle.jpg", user="anna")
        took = time.monotonic() - started
        shows("bald-eagle.jpg")
        SCREEN.picture("open-with")
    return f"second start {took * 1000:.0f} ms"


def two_users() -> str:
    """Anna and Boris have a window each, at the same time, on the same display."""
    shutil.copy(SAMPLES / "coffee.jpg", ROOT / "home/boris/coffee.jpg")
    with window(f"{PHOTOS}/flower.jpg"), window("coffee.jpg", user="boris"):
        titles = ["coffee.jpg — VGGscope", "flower.jpg — VGGscope"]
        check(SCREEN.titles() == titles, SCREEN.titles())
        classified = inside("vggscope", "classify", "coffee.jpg", user="boris")
        check("espresso" in classified, classified)
        SCREEN.picture("two-users")
    return ""


def no_runtime_dir() -> str:
    """Without XDG_RUNTIME_DIR windows meet in /tmp; an empty folder of anna's alone stays there."""
    with window(f"{PHOTOS}/coffee.jpg", XDG_RUNTIME_DIR=""):
        inside("vggscope", f"{PHOTOS}/flower.jpg", user="anna", XDG_RUNTIME_DIR="")
        shows("flower.jpg")
    looking = ("find", "/tmp", "/run/user", "-name", "*vggscope*", "-printf", "%p %M %u\\n")  # noqa: S108 (inside)
    left = inside(*looking).strip()
    check(left == "/tmp/vggscope-1000 drwx------ anna", left)  # noqa: S108
    return left


def crash() -> str:
    """A native crash leaves a report, which the next window tells of; all starts are logged."""
    photo, logs = f"{PHOTOS}/coffee.jpg", ROOT / _LOGS[1:]
    before = _starts(logs)
    process = opened(photo)
    process.send_signal(signal.SIGSEGV)
    check(process.wait(20) == -signal.SIGSEGV, f"status {process.returncode}")
    report = logs / f"running-{process.pid}.txt"
    text = report.read_text(encoding="utf-8")
    check("Segmentation fault" in text and "in run_window" in text, text)
    with window(photo):
        # It is moved by the start that tells of it.
        told = logs / f"crash-{process.pid}.txt"
        check(
            told.read_text(encoding="utf-8") == text and not report.exists(),
            f"{report} is still there",
        )
        SCREEN.picture("crash-notice")
    check(_starts(logs) == before + 2, f"{before} starts were logged, now {_starts(logs)}")
    check(f"  {'logs':<20}{_LOGS}\n" in inside("vggscope", "doctor", user="anna"), "no log folder")
    left = sorted(path.name for path in logs.glob("running-*"))
    check(not left, left)
    return told.name


def _starts(logs: Path) -> int:
    return (logs / "vggscope.log").read_text(encoding="utf-8").count(": VGGscope ")


def locked_home() -> str:
    """A home that cannot be written to."""
    photo = f"{PHOTOS}/coffee.jpg"
    text = inside("vggscope", "classify", photo, user="anna", HOME="/home/locked")
    check("espresso" in text, text)
    with window(photo, HOME="/home/locked"):
        SCREEN.picture("locked-home")
    making = ("models", "create", "--config", "A", "--width", "1/8")
    refused = attempt("vggscope", *making, user="anna", HOME="/home/locked")
    check(refused.returncode == 2 and "did not expect" not in refused.stdout, refused.stdout)
    return refused.stdout.strip()


def full_disk() -> str:
    """A data folder on a disk that is full."""
    photo = f"{PHOTOS}/coffee.jpg"
    with (ROOT / "full" / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"\0" * 4096):
            pass
    text = inside("vggscope", "classify", photo, user="anna", VGGSCOPE_DATA_DIR="/full/data")
    check("espresso" in text, text)
    making = ("models", "create", "--config", "A", "--width", "1/8", "--data-dir", "/full/data")
    refused = attempt("vggscope", making[0], *making[-2:], *making[1:-2], user="anna")
    check(refused.returncode == 2 and "did not expect" not in refused.stdout, refused.stdout)
    with window(photo, VGGSCOPE_DATA_DIR="/full/data"):
        SCREEN.picture("full-disk")
    left = sorted(str(p.relative_to(ROOT / "full")) for p in (ROOT / "full").rglob("*.onnx"))
    check(not left, left)
    return refused.stdout.strip()


def papers() -> str:
    """Man page, completion, copyright, icons and types lie where they are looked for."""
    share = ROOT / "usr/share"
    for name in (
        "man/man1/vggscope.1.gz",
        "doc/vggscope/copyright",
        "doc/vggscope/changelog.gz",
        "icons/hicolor/scalable/apps/vggscope.svg",
        "icons/hicolor/256x256/apps/vggscope.png",
        "mime/packages/vggscope.xml",
    ):
        check((share / name).is_file(), f"{name} is missing")
    script = (
        '. /usr/share/bash-completion/completions/vggscope; complete_ () { COMP_WORDS=("$@"); '
        'COMP_CWORD=$(($# - 1)); COMPREPLY=(); _vggscope 2>/dev/null; echo "${COMPREPLY[@]}"; }; '
        "complete_ vggscope clas; complete_ vggscope models cr; complete_ vggscope classify --mod; "
        "complete_ vggscope classify --model sma"
    )
    text = inside("bash", "-c", script, user="anna").split("\n")
    check(text[:3] == ["classify classmap", "create", "--model"] and "small" in text[3], text)
    for tool, file in (
        (["appstreamcli", "validate", "--no-net"], "metainfo/io.github.vggscope.metainfo.xml"),
        (["desktop-file-validate"], "applications/vggscope.desktop"),
    ):
        done = subprocess.run(
            [*tool, str(share / file)], capture_output=True, text=True, check=False
        )
        check(done.returncode == 0, done.stdout + done.stderr)
    return ""


def remove() -> str:
    """Purged, it leaves nothing outside of the homes."""
    inside("apt-get", "purge", "-y", "-q", "vggscope")
    (ROOT / "opt" / _deb().name).unlink(missing_ok=True)
    # /tmp is another mount; what no_runtime_dir saw there is the system's to sweep.
    looking = (
        "find / /tmp -xdev -iname '*vggscope*' -not -path '/proc/*' -not -path '/home/*/*' "
        "-not '(' -path '/tmp/vggscope-*' -type d -empty ')'"
    )
    left = inside("sh", "-c", f"{looking} | sort").splitlines()
    # dpkg's and apt's own memory of what they did is text in their files, not a file.
    check(not left, "\n".join(left))
    homes = inside("sh", "-c", "find /home /root -maxdepth 4 -name '*vggscope*' | sort").split("\n")
    return f"left: nothing; in the homes: {', '.join(filter(None, homes))}"


def unpacked() -> str:
    """The .tar.xz, in a folder with a name that is not easy."""
    found = sorted((TOP / "dist").glob("VGGscope-*-linux-*.tar.xz"), key=os.path.getmtime)
    check(found, "There is no .tar.xz in dist/: run make linux-packages")
    place = f"/home/anna/Über uns/{ODD_NAME}"
    inside("mkdir", "-p", place, user="anna")
    shutil.copy(found[-1], ROOT / "opt" / "it.tar.xz")
    inside(*_INSTALL, "xz-utils")
    inside("tar", "-C", place, "-xf", "/opt/it.tar.xz", user="anna")
    (ROOT / "opt" / "it.tar.xz").unlink()
    own = f"{place}/{found[-1].name.removesuffix('.tar.xz')}"
    version = inside(f"{own}/vggscope", "--version", user="anna")
    check(version.startswith("VGGscope") and len(version.splitlines()) == 1, version)
    text = inside(f"{own}/vggscope", "classify", f"{PHOTOS}/coffee.jpg", user="anna")
    check("espresso" in text, text)
    film = f"{PHOTOS}/slideshow.webm"
    live = ("live", "--source", film, "--headless", "--seconds", "2")
    seen = inside(f"{own}/vggscope", *live, user="anna", QT_QPA_PLATFORM="offscreen")
    check(seen.count("predictions") >= 3, seen)
    before = inside("sh", "-c", "cd; find .local -type f | sort", user="anna")
    inside(f"{own}/install.sh", user="anna")
    entry = inside("cat", "/home/anna/.local/share/applications/vggscope.desktop", user="anna")
    check(f'Exec="{own}/vggscope" %F' in entry, entry)
    linked = inside("/home/anna/.local/bin/vggscope", "--version", user="anna")
    check(linked == version, linked)
    inside(f"{own}/install.sh", "--uninstall", user="anna")
    after = inside("sh", "-c", "cd; find .local -type f | sort", user="anna")
    check(before == after, f"{before}\n---\n{after}")
    inside("rm", "-r", "/home/anna/Über uns", user="anna")
    return version.strip()


STEPS: Final = (
    install_older,
    upgrade,
    linked,
    doctor,
    classify,
    models,
    video,
    open_with,
    two_users,
    no_runtime_dir,
    crash,
    locked_home,
    full_disk,
    papers,
    remove,
    unpacked,
)


def main() -> int:
    """Run all steps; 0 if all went well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the Debian there")
    add_only(parser, STEPS)
    parser.add_argument("--process", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("linux-smoke needs root, for a chroot of its own: sudo make linux-smoke")
        return 1
    for tool in ("debootstrap", "Xvfb", "xdotool", "import"):
        if shutil.which(tool) is None:
            print(f"linux-smoke needs {tool} (packages debootstrap, xvfb, xdotool, imagemagick)")
            return 1
    if arguments.process != _INSIDE:
        # Mounts of our own, which are gone when we are, however that comes.
        again = [sys.executable, *sys.argv, "--process", _INSIDE]
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", *again], check=False
        )
        if not arguments.keep:
            shutil.rmtree(ROOT, ignore_errors=True)
        return done.returncode
    # The first two install what the others use.
    only = arguments.only
    chosen = [s for n, s in enumerate(STEPS) if n < 2 or not only or s.__name__ in only]
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "window.log").unlink(missing_ok=True)
    with SCREEN.on():
        prepare()
        return run_steps(chosen)


if __name__ == "__main__":
    sys.exit(main())
