"""What a start does not do before it is asked to: the camera, permissions, heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from support import environment
from vggscope import paths

ZEBRA = str(paths.resource("samples", "zebra.jpg"))
FILM = str(paths.resource("samples", "slideshow.webm"))

SCRIPT = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from vggscope.ui.app import run_window
from vggscope.ui.main_window import MainWindow

begin = MainWindow.begin
seen = {}

def libraries():
    maps = Path("/proc/self/maps")
    text = maps.read_text() if maps.exists() else ""
    return [name for name in ("Qt6Multimedia", "avcodec") if name in text]

def watch(window):
    seen["painted"] = [sorted(sys.modules), libraries()]
    begin(window)
    QTimer.singleShot(60_000, window.close)
    timer = QTimer(window)
    touched = []

    def look():
        photo = window.workbench.current
        if "photo" not in seen:
            if photo is None or photo.classification is None:
                return
            seen["photo"] = [sorted(sys.modules), libraries()]
            import vggscope.sources.live.multimedia as multimedia
            multimedia.prepare_multimedia()
            from vggscope.sources.live import camera_system as cameras
            for name in ("__init__", "cameras", "permission", "request_permission"):
                plain = getattr(cameras.QtCameraSystem, name)
                def note(*words, plain=plain, name=name):
                    touched.append(name)
                    return plain(*words)
                setattr(cameras.QtCameraSystem, name, note)
            window.open_paths([sys.argv[2]])
        elif "film" not in seen:
            if not window.is_live or window.live.session.preview is None:
                return
            seen["film"] = list(touched)
            window.actions_by_key["source_camera"].trigger()
        elif touched:
            seen["camera"] = touched
            timer.stop()
            window.close()

    timer.timeout.connect(look)
    timer.start(20)
    policy = QGuiApplication.highDpiScaleFactorRoundingPolicy()
    seen["rounding"] = policy.name
    seen["ratio"] = window.devicePixelRatioF()

MainWindow.begin = watch
status = run_window(sys.argv[1:2])
print(json.dumps(seen))
sys.exit(status)
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a start had loaded, and whom it had asked, from moment to moment."""
    folder = tmp_path_factory.mktemp("first")
    child = subprocess.run(
        [sys.executable, "-c", SCRIPT, ZEBRA, FILM],
        env=environment(
            QT_QPA_PLATFORM="offscreen",
            QT_SCALE_FACTOR="1.5",
            **{paths.DATA_DIR_VARIABLE: str(folder), "VGGSCOPE_DEVICE": "cpu"},
        ),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=120,
    )
    return dict(json.loads(child.stdout.splitlines()[-1]))


@pytest.mark.parametrize("moment", ["painted", "photo"])
def test_photos_need_no_multimedia(seen: dict[str, Any], moment: str) -> None:
    modules, libraries = seen[moment]
    assert [name for name in modules if "QtMultimedia" in name] == []
    assert [name for name in modules if name.startswith("vggscope.sources.live")] == []
    assert libraries == []


def test_the_camera_is_asked_for_when_it_is_chosen(seen: dict[str, Any]) -> None:
    assert seen["film"] == [], "a video is no camera"
    assert "__init__" in seen["camera"]


def test_sizes_between_whole_ones_are_taken_as_they_are(seen: dict[str, Any]) -> None:
    """Per monitor: 125 % and 150 % are usual on Windows, and no size is rounded."""
    assert seen["rounding"] == "PassThrough"
    assert seen["ratio"] == 1.5
