"""An empty Debian to install into, and windows of what is installed there; for ``smoke.py``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.append(str(Path(__file__).resolve().parents[1]))
from smoke_steps import ODD_NAME, SAMPLES, TOP, Screen, check, foreign_model, wait

WORK: Final = TOP / "build" / "linux-smoke"
ROOT: Final = WORK / "root"
PHOTOS: Final = f"/home/anna/{ODD_NAME}"
"""The samples, and what they have none of, inside."""
SCREEN: Final = Screen(WORK)
_USERS: Final = {"anna": 1000, "boris": 1001}

if TYPE_CHECKING:
    from collections.abc import Iterator

    Process = subprocess.Popen[bytes]
    Done = subprocess.CompletedProcess[str]


# --- the empty Debian -----------------------------------------------------------------------------


def prepare() -> None:
    """Unpack a Debian, kept from the last time, or made by debootstrap."""
    base = WORK / "base.tar"
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    if not base.exists():
        fresh = WORK / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        with (WORK / "debootstrap.log").open("w") as log:
            command = ["debootstrap", "--variant=minbase", "bookworm", str(fresh)]
            subprocess.run(command, check=True, stdout=log, stderr=log)
        subprocess.run(["tar", "-C", str(fresh), "-cf", f"{base}.new", "."], check=True)
        Path(f"{base}.new").replace(base)
        shutil.rmtree(fresh)
    subprocess.run(["tar", "-C", str(ROOT), "-xf", str(base)], check=True)
    for file in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc") / file, ROOT / "etc" / file)
    # This process has mounts of its own, which end with it.
    for kind, source, place in (
        ("proc", "proc", "proc"),
        ("bind", "/dev", "dev"),
        ("tmpfs", "tmpfs", "tmp"),
        ("bind", "/tmp/.X11-unix", "tmp/.X11-unix"),  # noqa: S108 (that is where X is)
        ("small", "tmpfs", "full"),
    ):
        target = ROOT / place
        target.mkdir(exist_ok=True)
        options = {
            "bind": ["--bind"],
            "small": ["-t", "tmpfs", "-o", "size=512k,mode=1777"],
            "tmpfs": ["-t", "tmpfs", "-o", "mode=1777"],
        }.get(kind, ["-t", kind])
        subprocess.run(["mount", *options, source, str(target)], check=True)
    for user, number in _USERS.items():
        inside("useradd", "--create-home", "--uid", str(number), user)
        # As a login makes it.
        inside("install", "-d", "-o", user, "-m", "700", f"/run/user/{number}")
    photos = ROOT / "home" / "anna" / ODD_NAME
    shutil.copytree(SAMPLES, photos)
    make_inputs(photos)
    # Of nobody's: one may read there, not write.
    (ROOT / "home" / "locked").mkdir(mode=0o555)
    inside("chown", "-R", "anna:", PHOTOS)


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
        "DISPLAY": SCREEN.display,
        **({"XDG_RUNTIME_DIR": f"/run/user/{_USERS[user]}"} if user in _USERS else {}),
        # apt's way out, where this machine has one.
        **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")},
        **variables,
    }
    words = [f"{name}={value}" for name, value in made.items()]
    place = ["sh", "-c", 'cd "$HOME" 2>/dev/null || cd /; exec "$@"', "sh"]
    return ["chroot", f"--userspec={user}", str(ROOT), "env", "-i", *words, *place, *command]


# --- the window -----------------------------------------------------------------------------------


@contextmanager
def window(*files: str, user: str = "anna", **variables: str) -> Iterator[Process]:
    """A window of the installed program that shows the last of ``files``; closed at the end."""
    process = opened(*files, user=user, **variables)
    try:
        yield process
        check(process.poll() is None, f"the window ended by itself: {process.poll()}")
    finally:
        close(process)


def opened(*files: str, user: str = "anna", **variables: str) -> Process:
    """Such a window, as a process to be ended by ``close`` or otherwise."""
    before = SCREEN.windows()
    command = _command(("vggscope", *files), user, variables)
    with (WORK / "window.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    title = f"{Path(files[-1]).name} — VGGscope"

    def is_there() -> bool:
        return title in [SCREEN.title(window) for window in SCREEN.windows() - before]

    try:
        wait(is_there, lambda: f"no “{title}” (status {process.poll()}): {_last_words()}")
    except BaseException:
        close(process)
        raise
    return process


def close(process: Process) -> None:
    """End a window as the end of a session does."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def shows(file: str) -> None:
    """Wait until the only window shows ``file``.

    Raises:
        FailedError: it does not, or is not the only one.
    """
    title = f"{Path(file).name} — VGGscope"
    wait(
        lambda: SCREEN.titles() == [title],
        lambda: f"“{title}” is not what is shown: {SCREEN.titles()}",
        20,
    )


def _last_words() -> str:
    return (WORK / "window.log").read_text(encoding="utf-8", errors="replace")[-500:]
