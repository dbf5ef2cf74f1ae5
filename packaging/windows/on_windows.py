r"""Install, use and remove VGGscope on the Windows that this runs on.

    py -3.13 packaging\windows\on_windows.py dist\VGGscope-<version>-Setup.exe

For real Windows (release.yml) and, as one step of ``wine_smoke.py``, for Wine. Takes nothing but
Python's own modules. Whatever VGGscope keeps of this user is removed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import winreg
from pathlib import Path
from typing import Final

_SAMPLES: Final = Path(__file__).resolve().parents[2] / "resources" / "samples"
_LOCAL: Final = Path(os.environ["LOCALAPPDATA"])
_PROGRAM: Final = _LOCAL / "Programs" / "VGGscope"
_KEYS: Final = (
    r"Software\Microsoft\Windows\CurrentVersion\Uninstall\VGGscope",
    r"Software\Microsoft\Windows\CurrentVersion\App Paths\VGGscope.exe",
    r"Software\Classes\VGGscope.Picture",
    r"Software\Classes\VGGscope.Video",
    r"Software\Classes\VGGscope.Model",
    r"Software\Classes\Applications\VGGscope.exe",
)


def main() -> int:
    # Python would write to a pipe what the system's code page has, and give up at the rest.
    sys.stdout.reconfigure(encoding="utf-8")
    setup = Path(sys.argv[1])
    _install(setup)
    print(_vggscope("--version").strip())
    print(_vggscope("doctor"))
    photos = sorted(_SAMPLES.glob("*.jpg"))
    answers = json.loads(_vggscope("classify", *map(str, photos), "--format", "json"))
    labels = {Path(a["path"]).stem: a["predictions"][0]["label"] for a in answers}
    _check(labels["zebra"] == "zebra" and labels["coffee"] == "espresso", labels)
    film = str(_SAMPLES / "slideshow.webm")
    live = _vggscope("live", "--source", film, "--headless", "--seconds", "5")
    _check(sum(line.startswith("{") for line in live.splitlines()) >= 3, live)
    _window(film)
    _install(setup)
    _check("vggscope" in _vggscope("--version").lower(), "the second installation does not run")
    _uninstall()
    print("on_windows: all passed")
    return 0


def _check(true: object, otherwise: object) -> None:
    if not true:
        raise SystemExit(f"FAILED: {otherwise}")


def _install(setup: Path) -> None:
    status = subprocess.run([setup, "/S"], check=False).returncode
    _check(status == 0, f"Setup ended with {status}")
    _check((_PROGRAM / "VGGscope.exe").is_file(), f"there is no program in {_PROGRAM}")
    _check(_has_key(_KEYS[0]), "it is not registered")


def _vggscope(*words: str) -> str:
    done = subprocess.run(
        [_PROGRAM / "vggscope.com", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
        encoding="utf-8",
    )
    _check(done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}")
    return done.stdout


def _window(file: str) -> None:
    """Open the window where nobody sees it, and let another start hand it something."""
    variables = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    program = _PROGRAM / "VGGscope.exe"
    started = time.monotonic()
    window = subprocess.Popen([program, file], env=variables)
    time.sleep(15)
    _check(window.poll() is None, f"the window ended by itself: {window.poll()}")
    second = [program, str(_SAMPLES / "zebra.jpg")]
    status = subprocess.run(second, env=variables, check=False, timeout=60).returncode
    _check(status == 0, f"the second start ended with {status}")
    _check(window.poll() is None, "the window has gone")
    window.kill()
    window.wait()
    print(f"a window, {time.monotonic() - started:.0f} s")


def _uninstall() -> None:
    subprocess.run([_PROGRAM / "uninstall.exe", "/S"], check=True)
    # It goes on in a copy of itself.
    deadline = time.monotonic() + 60
    while any(path.exists() for path in (_PROGRAM, _LOCAL / "vggscope")):
        _check(time.monotonic() < deadline, f"left: {_left()}")
        time.sleep(1)
    _check(not any(map(_has_key, _KEYS)), [key for key in _KEYS if _has_key(key)])


def _left() -> list[str]:
    return [str(path) for root in (_PROGRAM, _LOCAL / "vggscope") for path in root.rglob("*")][:20]


def _has_key(name: str) -> bool:
    try:
        winreg.OpenKey(winreg.HKEY_CURRENT_USER, name, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY)
    except FileNotFoundError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
