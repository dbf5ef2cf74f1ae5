"""Installs the packages in dist/ into an empty Debian and uses them there.

    python packaging/linux/smoke.py [--keep] [--only NAME ...]

Needs root (chroot, mounts), debootstrap, Xvfb, xdotool and ImageMagick. The Debian of debootstrap
has nothing in it but apt: what the program runs with there is what the .deb depends on. Its window
is shown by an X server outside. Pictures of it are left in build/linux-smoke/.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.append(str(Path(__file__).resolve().parents[1]))
from smoke_steps import (
    ODD_NAME,
    OLDER,
    SAMPLES,
    TOP,
    Screen,
    add_only,
    check,
    foreign_model,
    run_steps,
    wait,
)

_WORK: Final = TOP / "build" / "linux-smoke"
_ROOT: Final = _WORK / "root"
_INSIDE: Final = "unshared"
_INSTALL: Final = ("apt-get", "install", "-y", "-q", "--no-install-recommends")
_SCREEN: Final = Screen(_WORK)

if TYPE_CHECKING:
    from collections.abc import Iterator

    Done = subprocess.CompletedProcess[str]


# --- the empty Debian -----------------------------------------------------------------------------


def prepare() -> None:
    """Unpack a Debian, kept from the last time, or made by debootstrap."""
    base = _WORK / "base.tar"
    shutil.rmtree(_ROOT, ignore_errors=True)
    _ROOT.mkdir(parents=True)
    if not base.exists():
        fresh = _WORK / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        with (_WORK / "debootstrap.log").open("w") as log:
            command = ["debootstrap", "--variant=minbase", "bookworm", str(fresh)]
            subprocess.run(command, check=True, stdout=log, stderr=log)
        subprocess.run(["tar", "-C", str(fresh), "-cf", f"{base}.new", "."], check=True)
        Path(f"{base}.new").replace(base)
        shutil.rmtree(fresh)
    subprocess.run(["tar", "-C", str(_ROOT), "-xf", str(base)], check=True)
    for file in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc") / file, _ROOT / "etc" / file)
    # This process has mounts of its own, which end with it.
    for kind, source, place in (
        ("proc", "proc", "proc"),
        ("bind", "/dev", "dev"),
        ("tmpfs", "tmpfs", "tmp"),
        ("bind", "/tmp/.X11-unix", "tmp/.X11-unix"),  # noqa: S108 (that is where X is)
        ("small", "tmpfs", "full"),
    ):
        target = _ROOT / place
        target.mkdir(exist_ok=True)
        options = {
            "bind": ["--bind"],
            "small": ["-t", "tmpfs", "-o", "size=512k,mode=1777"],
            "tmpfs": ["-t", "tmpfs", "-o", "mode=1777"],
        }.get(kind, ["-t", kind])
        subprocess.run(["mount", *options, source, str(target)], check=True)
    for user in ("anna", "boris"):
        inside("useradd", "--create-home", user)
    photos = _ROOT / "home" / "anna" / ODD_NAME
    shutil.copytree(SAMPLES, photos)
    make_inputs(photos)
    # Of nobody's: one may read there, not write.
    (_ROOT / "home" / "locked").mkdir(mode=0o555)
    inside("chown", "-R", "anna:", f"/home/anna/{ODD_NAME}")


def make_inputs(folder: Path) -> None:
    """What the samples have none of: an AVIF, somebody's ONNX file, weights in HDF5."""
    import h5py  # noqa: PLC0415 (the process outside needs none of these)
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    with Image.open(folder / "bald-eagle.jpg") as image:
        image.save(folder / "eagle.avif")
    (folder / "foreign.onnx").write_bytes(foreign_model())
    with h5py.File(folder / "weights.h5", "w") as file:
        file.create_dataset("block1_conv1/kernel:0", data=np.zeros((3, 3, 3, 64), np.float32))


def inside(*command: str, user: str = "root", **variables: str) -> str:
    """What a command prints in the chroot.

    Raises:
        FailedError: its status is not 0.
    """
    done = attempt(*command, user=user, **variables)
    check(done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}")
    return done.stdout


def attempt(*command: str, user: str = "root", **variables: str) -> Done:
    """Run a command in the chroot to its end."""
    return subprocess.run(
        _command(command, user, variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        timeout=600,
        check=False,
    )


def _command(command: tuple[str, ...], user: str, variables: dict[str, str]) -> list[str]:
    home = "/root" if user == "root" else f"/home/{user}"
    made = {
        "HOME": home,
        "USER": user,
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND": "noninteractive",
        "DISPLAY": _SCREEN.display,
        # apt's way out, where this machine has one.
        **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")},
        **variables,
    }
    words = [f"{name}={value}" for name, value in made.items()]
    place = ["sh", "-c", 'cd "$HOME" 2>/dev/null || cd /; exec "$@"', "sh"]
    return ["chroot", f"--userspec={user}", str(_ROOT), "env", "-i", *words, *place, *command]


# --- the window -----------------------------------------------------------------------------------


@contextmanager
def window(*files: str, user: str = "anna", **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A window of the installed program, on the screen; closed at the end."""
    before = _SCREEN.windows()
    log = (_WORK / "window.log").open("ab")
    command = _command(("vggscope", *files), user, variables)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait(
            lambda: _SCREEN.windows() > before,
            lambda: f"no window came (status {process.poll()}): {_last_words()}",
        )
        yield process
        check(process.poll() is None, f"the window ended by itself: {process.poll()}")
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _last_words() -> str:
    return (_WORK / "window.log").read_text(encoding="utf-8", errors="replace")[-500:]


# --- what is tried --------------------------------------------------------------------------------


def _deb() -> Path:
    found = sorted((TOP / "dist").glob("vggscope_*.deb"), key=lambda path: path.stat().st_mtime)
    check(found, "There is no .deb in dist/: run make linux-packages")
    return found[-1]


def install_older() -> str:
    """An older version is installed by apt; anna makes a model, and looks at a photo."""
    inside("apt-get", "update", "-q")
    folder = _WORK / "older"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", str(_deb()), str(folder)], check=True)
    control = folder / "DEBIAN" / "control"
    lines = control.read_text(encoding="utf-8").splitlines()
    lines = [f"Version: {OLDER}" if line.startswith("Version:") else line for line in lines]
    control.write_text("\n".join(lines) + "\n", encoding="utf-8")
    target = _ROOT / "opt" / "older.deb"
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
    with window(f"/home/anna/{ODD_NAME}/coffee.jpg"):
        _SCREEN.picture("older")
    settled = inside("sh", "-c", "ls ~/.config/vggscope", user="anna").split()
    check(settled, "closing the window kept no settings")
    return f"{len(after - before)} packages came with it"


def upgrade() -> str:
    """The new version comes while a window of the old one is open; settings and models stay."""
    kept = "cd; find .config/vggscope .local/share/vggscope -type f | sort | xargs -d '\\n' md5sum"
    with window(f"/home/anna/{ODD_NAME}/coffee.jpg"):
        _SCREEN.picture("before-upgrade", 2)
        before = inside("sh", "-c", kept, user="anna")
        shutil.copy(_deb(), _ROOT / "opt")
        inside(*_INSTALL, f"/opt/{_deb().name}")
        # The old program, whose files are gone, gets another photo to look at.
        inside("vggscope", f"/home/anna/{ODD_NAME}/bald-eagle.jpg", user="anna")
        _SCREEN.picture("after-upgrade")
    version = inside("dpkg-query", "-W", "-f=${Version}", "vggscope")
    check(version != OLDER, "it is the old version still")
    for line in before.splitlines():
        # The window writes its own place and size when it closes.
        if "small" in line:
            check(line in inside("sh", "-c", kept, user="anna"), f"changed: {line}")
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
    return any((_ROOT / "usr/lib/vggscope/_internal").rglob(name))


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
    text = inside("vggscope", "classify", f"/home/anna/{ODD_NAME}", "--top", "1", user="anna")
    for label in ("bald eagle", "espresso"):
        check(label in text, text)
    avif = inside("vggscope", "classify", f"/home/anna/{ODD_NAME}/eagle.avif", user="anna")
    check("bald eagle" in avif, avif)
    return f"{text.count('ms)')} photos"


def models() -> str:
    """Networks are made, imported by a child process, made 8-bit, looked for elsewhere."""
    folder = f"/home/anna/{ODD_NAME}"
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
    film = f"/home/anna/{ODD_NAME}/slideshow.webm"
    live = ("live", "--source", film, "--headless", "--seconds", "3")
    text = inside("vggscope", *live, user="anna", QT_QPA_PLATFORM="offscreen")
    lines = [line for line in text.splitlines() if line.startswith("{")]
    check(len(lines) >= 5, text)
    with window(film):
        _SCREEN.picture("video", 3)
    return f"{len(lines)} inferences in 3 s"


def open_with() -> str:
    """What the menu's “Open with” starts hands its file to the window that there is."""
    folder = f"/home/anna/{ODD_NAME}"
    with window(f"{folder}/cat-chelsea.jpg"):
        _SCREEN.picture("window")
        started = time.monotonic()
        entry = (_ROOT / "usr/share/applications/vggscope.desktop").read_text(encoding="utf-8")
        check("Exec=vggscope %F" in entry, entry)
        inside("vggscope", f"{folder}/bald-eagle.jpg", user="anna")
        took = time.monotonic() - started
        check(len(_SCREEN.windows()) == 1, "a second window came")
        _SCREEN.picture("open-with")
    return f"second start {took * 1000:.0f} ms"


def two_users() -> str:
    """Anna and Boris have a window each, at the same time, on the same display."""
    shutil.copy(SAMPLES / "coffee.jpg", _ROOT / "home/boris/coffee.jpg")
    with window(f"/home/anna/{ODD_NAME}/flower.jpg"), window("coffee.jpg", user="boris"):
        check(len(_SCREEN.windows()) == 2, "there are not two windows")
        classified = inside("vggscope", "classify", "coffee.jpg", user="boris")
        check("espresso" in classified, classified)
        _SCREEN.picture("two-users")
    return ""


def locked_home() -> str:
    """A home that cannot be written to."""
    photo = f"/home/anna/{ODD_NAME}/coffee.jpg"
    text = inside("vggscope", "classify", photo, user="anna", HOME="/home/locked")
    check("espresso" in text, text)
    with window(photo, HOME="/home/locked"):
        _SCREEN.picture("locked-home")
    making = ("models", "create", "--config", "A", "--width", "1/8")
    refused = attempt("vggscope", *making, user="anna", HOME="/home/locked")
    check(refused.returncode == 2 and "did not expect" not in refused.stdout, refused.stdout)
    return refused.stdout.strip()


def full_disk() -> str:
    """A data folder on a disk that is full."""
    photo = f"/home/anna/{ODD_NAME}/coffee.jpg"
    with (_ROOT / "full" / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"\0" * 4096):
            pass
    text = inside("vggscope", "classify", photo, user="anna", VGGSCOPE_DATA_DIR="/full/data")
    check("espresso" in text, text)
    making = ("models", "create", "--config", "A", "--width", "1/8", "--data-dir", "/full/data")
    refused = attempt("vggscope", making[0], *making[-2:], *making[1:-2], user="anna")
    check(refused.returncode == 2 and "did not expect" not in refused.stdout, refused.stdout)
    with window(photo, VGGSCOPE_DATA_DIR="/full/data"):
        _SCREEN.picture("full-disk")
    left = sorted(str(p.relative_to(_ROOT / "full")) for p in (_ROOT / "full").rglob("*.onnx"))
    check(not left, left)
    return refused.stdout.strip()


def papers() -> str:
    """Man page, completion, copyright, icons and types lie where they are looked for."""
    share = _ROOT / "usr/share"
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
    (_ROOT / "opt" / _deb().name).unlink(missing_ok=True)
    looking = "find / -xdev -iname '*vggscope*' -not -path '/proc/*' -not -path '/home/*/*'"
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
    shutil.copy(found[-1], _ROOT / "opt" / "it.tar.xz")
    inside(*_INSTALL, "xz-utils")
    inside("tar", "-C", place, "-xf", "/opt/it.tar.xz", user="anna")
    (_ROOT / "opt" / "it.tar.xz").unlink()
    own = f"{place}/{found[-1].name.removesuffix('.tar.xz')}"
    version = inside(f"{own}/vggscope", "--version", user="anna")
    check(version.startswith("VGGscope") and len(version.splitlines()) == 1, version)
    text = inside(f"{own}/vggscope", "classify", f"/home/anna/{ODD_NAME}/coffee.jpg", user="anna")
    check("espresso" in text, text)
    film = f"/home/anna/{ODD_NAME}/slideshow.webm"
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
            shutil.rmtree(_ROOT, ignore_errors=True)
        return done.returncode
    # The first two install what the others use.
    only = arguments.only
    chosen = [s for n, s in enumerate(STEPS) if n < 2 or not only or s.__name__ in only]
    _WORK.mkdir(parents=True, exist_ok=True)
    (_WORK / "window.log").unlink(missing_ok=True)
    with _SCREEN.on():
        prepare()
        return run_steps(chosen)


if __name__ == "__main__":
    sys.exit(main())
