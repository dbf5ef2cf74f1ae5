"""Installs what ``installer.py`` has built into a fresh Wine, and uses it there.

    python packaging/windows/wine_smoke.py [--only NAME ...]

Root can try more: a second user, and disks that are full. Pictures of the window and what was
printed are left in ``build/windows-smoke/``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Final

import installer
from machine import WORK, Machine
from wine import Wine, require_tools

sys.path.append(str(installer.TOP / "packaging"))
from smoke_steps import (
    ODD_NAME,
    OLDER,
    SAMPLES,
    Screen,
    add_only,
    check,
    foreign_model,
    run_steps,
)

_SECOND_USER: Final = 65534
_VERSION_KEY: Final = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion"
_CRASH: Final = """
import ctypes, sys
kernel = ctypes.WinDLL("kernel32")
for name in ("OpenProcess", "CreateRemoteThread"):
    getattr(kernel, name).restype = ctypes.c_void_p
process = ctypes.c_void_p(kernel.OpenProcess(0x1FFFFF, False, int(sys.argv[1])))
nowhere, nothing = ctypes.c_void_p(0x10), ctypes.c_void_p(0)
assert kernel.CreateRemoteThread(process, nothing, ctypes.c_size_t(0), nowhere, nothing, 0, nothing)
"""
"""Has another process call a function where no memory is."""


def new_setup() -> Path:
    """The installer that is tried."""
    path = installer.OUTPUT / f"VGGscope-{installer.version()}-Setup.exe"
    check(path.is_file(), f"There is no {path.name} in dist/: run make windows-installer")
    return path


def old_setup() -> Path:
    """An installer of an older version, with a file that the new one has not."""
    folder = WORK / "older" / "VGGscope"
    shutil.rmtree(folder.parent, ignore_errors=True)
    shutil.copytree(installer.BUNDLE, folder, copy_function=os.link)
    (folder / "_internal" / "former").mkdir()
    (folder / "_internal" / "former" / "gone.dll").write_bytes(b"of the older version")
    target = WORK / f"VGGscope-{OLDER}-Setup.exe"
    installer.make_setup(folder, target, OLDER, is_quick=True)
    shutil.rmtree(folder.parent)
    return target


# --- what is tried --------------------------------------------------------------------------------


def older_windows(machine: Machine) -> str:
    """Setup refuses what is older than Windows 10, version 1903."""
    machine.run("winecfg", "/v", "win81")
    check(machine.setup(new_setup()) == 5, "Windows 8.1 was taken")
    machine.run("winecfg", "/v", "win10")
    query = machine.run("reg", "query", _VERSION_KEY, "/v", "CurrentBuildNumber").stdout
    build = query.split()[-1]
    machine.run("reg", "add", _VERSION_KEY, "/v", "CurrentBuildNumber", "/d", "18361", "/f")
    check(machine.setup(new_setup()) == 5, "build 18361 was taken")
    machine.run("reg", "add", _VERSION_KEY, "/v", "CurrentBuildNumber", "/d", build, "/f")
    check(not machine.program.exists(), "something was installed")
    return f"status 5; all that follows runs on build {build}"


def install_older(machine: Machine) -> str:
    """An older version comes for this user alone; a model is made, a window opened, a note left."""
    machine.before = machine.files()
    check(not machine.registry(), machine.registry())
    status = machine.setup(old_setup(), "/DESKTOP")
    check(status == 0, f"Setup ended with {status}")
    check((machine.program / "_internal" / "former" / "gone.dll").exists(), "it is not there")
    links = [path.name for path in machine.home.rglob("*.lnk")]
    check(sorted(links).count("VGGscope.lnk") == 2, f"Start menu and desktop: {links}")
    making = ("models", "create", "--config", "A", "--width", "1/8", "--name", "small")
    machine.vggscope(*making)
    (machine.program / "my notes.txt").write_text("mine", encoding="utf-8")
    return ", ".join(sorted(links))


def other_folder(machine: Machine) -> str:
    """A folder that holds something else is refused, and stays as it is."""
    before = sorted(machine.photos.iterdir())
    status = machine.setup(new_setup(), f"/D={machine.named(machine.photos)}")
    check(status == 6, f"Setup ended with {status}")
    check(sorted(machine.photos.iterdir()) == before, "something is different there")
    return f"status {status}"


def while_it_runs(machine: Machine) -> str:
    """A window is open: Setup, to wherever, waits half a minute, then leaves everything."""
    with machine.window(machine.photos / "coffee.jpg"):
        started = time.monotonic()
        status = machine.setup(new_setup())
        took = time.monotonic() - started
        check(status == 3, f"Setup ended with {status}")
        status = machine.setup(new_setup(), f"/D={machine.named(machine.local / 'Elsewhere')}")
        check(status == 3, f"Setup into another folder ended with {status}")
        check(not (machine.local / "Elsewhere").exists(), "there is a second one")
        check((machine.program / "_internal" / "former" / "gone.dll").exists(), "it was changed")
        machine.screen.picture("older", 1)
    check((machine.data / "window.ini").exists(), "closing the window kept nothing")
    left = list(machine.program.parent.glob("*.vggscope-*"))
    check(not left, left)
    return f"status {status} after {took:.0f} s"


def upgrade(machine: Machine) -> str:
    """The new version takes the place of the old one; settings, models and a note stay."""
    kept = [path for path in machine.data.rglob("*") if path.is_file() and "Logs" not in path.parts]
    before = {path: path.read_bytes() for path in kept}
    started = time.monotonic()
    status = machine.setup(new_setup())
    took = time.monotonic() - started
    check(status == 0, f"Setup ended with {status}")
    check(not (machine.program / "_internal" / "former").exists(), "files of the old one are left")
    kept_here = machine.program / "kept"
    check(_texts(kept_here) == {"my notes.txt": "mine"}, _texts(kept_here))
    lost = [path.name for path, content in before.items() if path.read_bytes() != content]
    check(not lost, f"changed: {lost}")
    check("small" in machine.vggscope("models", "list"), "the model is not found")
    (machine.program / "my notes.txt").write_text("mine, too", encoding="utf-8")
    (machine.program / "more").mkdir()
    (machine.program / "more" / "kept").write_text("deeper", encoding="utf-8")
    status = machine.setup(new_setup())
    check(status == 0, f"Setup ended with {status} the second time")
    expected = {"my notes.txt": "mine", "my notes (2).txt": "mine, too", "more/kept": "deeper"}
    check(_texts(kept_here) == expected, _texts(kept_here))
    check(not (machine.program / "my notes.txt").exists(), "a note is there twice")
    shutil.rmtree(kept_here)
    return f"{OLDER} → {machine.vggscope('--version').split()[1]} in {took:.0f} s"


def _texts(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


def command_line(machine: Machine) -> str:
    """“vggscope” at a prompt is the console twin; it classifies, and says what it is."""
    script = machine.wine.drive / "typed.cmd"
    prompt = machine.named(machine.program / "command-line.cmd")
    script.write_text(f'@call "{prompt}"\n@vggscope doctor\n', encoding="utf-8")
    done = machine.run("cmd", "/c", machine.named(script))
    script.unlink()
    text = done.stdout
    check(done.returncode == 0 and "frozen, flavour directml" in text, text)
    check(text.rstrip().endswith("none"), text)
    started = time.monotonic()
    answers = json.loads(machine.vggscope("classify", machine.photos, "--format", "json"))
    took = time.monotonic() - started
    labels = {Path(a["path"].replace("\\", "/")).stem: a["predictions"][0] for a in answers}
    check(labels["zebra"]["label"] == "zebra", labels["zebra"])
    check(ODD_NAME in answers[0]["path"], answers[0]["path"])
    return f"{len(answers)} photos in {took:.1f} s"


def same_answers(machine: Machine) -> str:
    """The CPU of “Windows” answers as the one here does."""
    here = subprocess.run(
        [
            sys.executable,
            "-m",
            "vggscope",
            "classify",
            SAMPLES,
            "--device",
            "cpu",
            "--format",
            "json",
        ],
        capture_output=True,
        check=True,
    ).stdout
    there = machine.vggscope("classify", machine.photos, "--device", "cpu", "--format", "json")
    furthest = 0.0
    for ours, theirs in zip(json.loads(here), json.loads(there), strict=True):
        for one, other in zip(ours["predictions"], theirs["predictions"], strict=True):
            check(one["label"] == other["label"], f"{ours['path']}: {one} {other}")
            furthest = max(furthest, abs(one["probability"] - other["probability"]))
    check(furthest < 1e-3, furthest)
    return f"probabilities differ by {furthest:.1e} at most"


def children(machine: Machine) -> str:
    """What is done in child processes: devices are probed, a foreign file is examined."""
    foreign = machine.photos / "foreign.onnx"
    foreign.write_bytes(foreign_model())
    machine.vggscope("models", "import", foreign, "--name", "foreign")
    foreign.unlink()
    machine.vggscope("classify", machine.photos / "zebra.jpg", "--model", "foreign")
    machine.vggscope("models", "remove", "foreign", "--yes")
    devices = machine.vggscope("devices", "--probe")
    check("DirectML" in devices, devices)
    return next(line.strip() for line in reversed(devices.splitlines()) if "DirectML" in line)


def window_and_video(machine: Machine) -> str:
    """The window shows a photo; a second start, by “Open with”, hands it a video, which plays."""
    with machine.window(machine.photos / "bald-eagle.jpg"):
        machine.screen.picture("window", 15)
        check(not machine.moves(), "a photo does not keep still")
        program = _open_with(machine).strip('"').partition('" "')[0]
        film = machine.photos / "slideshow.webm"
        started = time.monotonic()
        done = machine.run(program, film)
        took = time.monotonic() - started
        check(done.returncode == 0, f"{done.returncode} {done.stdout}")
        machine.wait_for_window(f"{film.name} — VGGscope")
        check(len(machine.screen.windows()) == 1, "a second window came")
        machine.screen.picture("video", 6)
        check(machine.moves(), "the video stands still")
    live = ("live", "--source", machine.photos / "slideshow.webm", "--headless", "--seconds", "4")
    lines = [line for line in machine.vggscope(*live).splitlines() if line.startswith("{")]
    check(len(lines) >= 3, lines)
    return f"second start {took:.1f} s; {len(lines)} inferences in 4 s of video"


def dialog(machine: Machine) -> str:
    """A photo is chosen in Windows' dialog, which leaves no trace in the registry."""
    # A name that every keyboard has.
    chosen = machine.wine.drive / "chosen.jpg"
    shutil.copy(SAMPLES / "zebra.jpg", chosen)
    before = machine.registry()
    with machine.window(machine.photos / "coffee.jpg"):
        window = machine.wait_for_window("coffee.jpg — VGGscope")
        machine.tool("xdotool", "windowfocus", "--sync", window, "key", "ctrl+o")
        machine.wait_for_window("Open photos")
        time.sleep(2)
        machine.tool("xdotool", "type", "--delay", "50", machine.named(chosen))
        machine.screen.picture("dialog", 2)
        machine.tool("xdotool", "key", "Return")
        machine.wait_for_window(f"{chosen.name} — VGGscope")
    chosen.unlink()
    new = [line for line in machine.registry() if line not in before]
    check(not new, new)
    return f"{len(before)} lines as before"


def crash(machine: Machine) -> str:
    """The window crashes: a report is in the log folder, and the next start is as any other."""
    dialogs = r"HKCU\Software\Wine\WineDbg"
    # Wine's window about it would wait for an answer.
    machine.run("reg", "add", dialogs, "/v", "ShowCrashDialog", "/t", "REG_DWORD", "/d", "0")
    with machine.window(machine.photos / "coffee.jpg", ends_well=False) as process:
        (running,) = (machine.data / "Logs").glob("running-*.txt")
        number = running.stem.removeprefix("running-")
        machine.run(installer.BUILD / "python" / "python.exe", "-c", _CRASH, number)
        process.wait(60)
        check(process.returncode != 0, "it did not crash")
    report = running.read_text(encoding="utf-8")
    check("access violation" in report and "app.py" in report, report)
    with machine.window(machine.photos / "zebra.jpg"):
        (kept,) = (machine.data / "Logs").glob("crash-*.txt")
        check(kept.read_text(encoding="utf-8") == report, "another report")
        # The next process may have the same number.
        left = running.read_text(encoding="utf-8") if running.exists() else ""
        check(report not in left, "it will be told again")
        machine.screen.picture("after-crash", 5)
    machine.run("reg", "delete", dialogs, "/f")
    return f"{kept.name}: {report.splitlines()[0]}"


def _open_with(machine: Machine) -> str:
    """What “Open with” of a video starts."""
    key = r"HKCU\Software\Classes\VGGscope.Video\shell\open\command"
    text = machine.run("reg", "query", key, "/ve").stdout
    check("REG_SZ" in text, text)
    kinds = machine.run("reg", "query", r"HKCU\Software\Classes\.webm\OpenWithProgids").stdout
    check("VGGscope.Video" in kinds, kinds)
    return text.partition("REG_SZ")[2].strip()


def difficult_folder(machine: Machine) -> str:
    """It is installed anew in a folder with spaces, umlauts and Chinese; the other one goes."""
    former = machine.program
    target = machine.wine.drive / f"Programme {ODD_NAME}" / "VGGscope"
    status = machine.setup(new_setup(), f"/D={machine.named(target)}")
    check(status == 0, f"Setup ended with {status}")
    check(not former.exists(), "the one in the usual folder is still there")
    machine.program = target
    text = machine.vggscope("classify", machine.photos / "coffee.jpg")
    check("espresso" in text, text)
    with machine.window(machine.photos / "coffee.jpg"):
        machine.screen.picture("difficult-folder", 6)
    return machine.named(target)


def full_disk(machine: Machine) -> str:
    """A disk too small, and one that fills up on the way: nothing is left there."""
    if os.geteuid() != 0:
        return "not tried: only root can make such a disk"
    told = []
    for letter, options, expected in (("t", "size=50m", 7), ("u", "size=1g,nr_inodes=60", 2)):
        place = WORK / f"disk-{letter}"
        place.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
        link = machine.wine.prefix / "dosdevices" / f"{letter}:"
        try:
            link.symlink_to(place)
            status = machine.setup(new_setup(), f"/D={letter.upper()}:\\VGGscope")
            check(status == expected, f"{options}: Setup ended with {status}")
            check(not list(place.iterdir()), list(place.rglob("*"))[:5])
            told.append(f"{options}: status {status}")
        finally:
            link.unlink(missing_ok=True)
            machine.wine.wait()
            subprocess.run(["umount", place], check=False)
    check("espresso" in machine.vggscope("classify", machine.photos / "coffee.jpg"), "it is broken")
    return "; ".join(told)


def keep_models(machine: Machine) -> str:
    """Uninstalling leaves the models on request."""
    machine.uninstall("/KEEPMODELS")
    check(not machine.program.exists(), "the program is still there")
    check(machine.program.parent.exists(), "a folder that was not ours went, too")
    shutil.rmtree(machine.program.parent)
    left = sorted(path.name for path in machine.data.iterdir())
    check(left == ["models"], left)
    machine.program = machine.local / "Programs" / "VGGscope"
    return "models"


def for_everybody(machine: Machine) -> str:
    """It is installed for all; another user uses it, who may write nothing there, then nowhere."""
    status = machine.setup(new_setup(), "/AllUsers")
    check(status == 0, f"Setup ended with {status}")
    machine.program = machine.wine.drive / "Program Files" / "VGGscope"
    with machine.window(machine.photos / "coffee.jpg"):
        told = _second_user(machine) if os.geteuid() == 0 else "second user not tried: not root"
    machine.uninstall("/KEEPMODELS")
    check(not machine.program.exists(), "the program is still there")
    machine.program = machine.local / "Programs" / "VGGscope"
    return told


def _second_user(machine: Machine) -> str:
    # Where everybody may pass, whatever this checkout lies in.
    folder = Path("/tmp") / f"vggscope-second-user-{os.getpid()}"  # noqa: S108 (made, then checked)
    folder.mkdir(mode=0o755)
    try:
        shared = folder / "VGGscope"
        shutil.copytree(machine.program, shared)
        second = Machine(Wine(folder / "wine", user=_SECOND_USER), machine.screen)
        second.make()
        second.program = second.wine.drive / "Program Files" / "VGGscope"
        second.program.symlink_to(shared)
        photo = second.photos / "zebra.jpg"
        check("zebra" in second.vggscope("classify", photo), "no zebra")
        check((second.data / "Logs" / "vggscope.log").is_file(), "no log of their own")
        refusal = _locked_home(second, photo)
        second.wine.wait()
        return f"a second user classified beside an open window; without a home: {refusal}"
    finally:
        shutil.rmtree(folder)


def _locked_home(second: Machine, photo: Path) -> str:
    """Where nothing can be kept everything works that keeps nothing; what was said of the rest."""
    shutil.rmtree(second.data)
    os.chown(second.local, 0, 0)
    second.local.chmod(0o555)
    check("zebra" in second.vggscope("classify", photo), "no zebra")
    with second.window(photo):
        second.screen.picture("locked-home", 5)
    making = ("models", "create", "--config", "A", "--width", "1/8", "--name", "small")
    done = second.run(second.program / "vggscope.com", *making)
    lines = done.stdout.strip().splitlines()
    check(done.returncode != 0, "a model was made")
    check(lines[-1].startswith("vggscope: ") and "Traceback" not in done.stdout, done.stdout)
    check(not second.data.exists(), "something was kept")
    return lines[-1]


def portable(machine: Machine) -> str:
    """The archive, unpacked in a difficult place, runs."""
    archive = installer.OUTPUT / f"VGGscope-{installer.version()}-portable.zip"
    place = machine.wine.drive / f"Portable {ODD_NAME}"
    with zipfile.ZipFile(archive) as content:
        content.extractall(place)
    (folder,) = place.iterdir()
    machine.program = folder
    text = machine.vggscope("classify", machine.photos / "zebra.jpg")
    check("zebra" in text, text)
    shutil.rmtree(place)
    machine.program = machine.local / "Programs" / "VGGscope"
    return f"{archive.stat().st_size / 1e6:.0f} MB"


def script_for_windows(machine: Machine) -> str:
    """What release.yml has real Windows do."""
    script = installer.TOP / "packaging" / "windows" / "on_windows.py"
    done = machine.run(installer.BUILD / "python" / "python.exe", script, new_setup(), timeout=600)
    (WORK / "on_windows.txt").write_text(done.stdout, encoding="utf-8")
    check(done.returncode == 0, done.stdout)
    return done.stdout.strip().splitlines()[-1]


def uninstall(machine: Machine) -> str:
    """After one more installation uninstalling leaves nothing: no file, nothing registered."""
    kind = r"HKCU\Software\Classes\.png"
    machine.run("reg", "add", kind, "/ve", "/d", "somebody.else", "/f")
    status = machine.setup(new_setup(), "/DESKTOP")
    check(status == 0, f"Setup ended with {status}")
    with machine.window(machine.photos / "coffee.jpg"):
        machine.screen.picture("before-uninstall", 5)
    machine.uninstall()
    check("somebody.else" in machine.run("reg", "query", kind, "/ve").stdout, "took another's type")
    machine.run("reg", "delete", kind, "/f")
    left = sorted(machine.files() - machine.before)
    check(not left, f"left: {left[:20]}")
    lines = machine.registry()
    check(not lines, f"left in the registry: {lines[:20]}")
    return "nothing is left: 0 files, 0 lines of the registry"


STEPS: Final = (
    older_windows,
    install_older,
    other_folder,
    while_it_runs,
    upgrade,
    command_line,
    same_answers,
    children,
    window_and_video,
    dialog,
    crash,
    difficult_folder,
    full_disk,
    keep_models,
    for_everybody,
    portable,
    script_for_windows,
    uninstall,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_only(parser, STEPS)
    arguments = parser.parse_args()
    require_tools()
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "window.log").unlink(missing_ok=True)
    machine = Machine(Wine(WORK / "wine"), Screen(WORK))
    machine.make()
    only = arguments.only
    chosen = [step for step in STEPS if not only or step.__name__ in only]
    with machine.screen.on():
        status = run_steps(chosen, machine, ends_at_failure=True)
        machine.wine.wait()
    return status


if __name__ == "__main__":
    sys.exit(main())
