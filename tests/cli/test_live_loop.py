"""The loop behind `vggscope live --headless`, with cameras, screens and devices of all kinds."""

from __future__ import annotations

import itertools
import json
import signal
import statistics
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QLoggingCategory, QRect, Qt, QTimer
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication, QLabel

from doubles.cameras import PretendCamera, PretendCameras, unmappable_frame
from support import command, environment
from vggscope import paths
from vggscope.cli.live_loop import LiveLoop
from vggscope.errors import (
    CameraBusyError,
    CameraUnpluggedError,
    Cancelled,
    FrameUnreadableError,
    InferenceError,
    NoCameraError,
)
from vggscope.inference.classifier import Classifier
from vggscope.sources.live.camera import CameraSource
from vggscope.sources.live.multimedia import prepare_multimedia

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

    from vggscope.errors import VggscopeError
    from vggscope.inference.live import LiveResult
    from vggscope.inference.runtime import Cancellation


class Bench:
    """A loop on a computer with cameras, and what came of it.

    Attributes:
        system: the cameras.
        results: all answers.
        noticed: all that was worth telling.
    """

    def __init__(self, *cameras: PretendCamera) -> None:
        self.system = PretendCameras(*cameras)
        self.source = CameraSource(self.system)
        self.source.patience = 0.25
        self.results: list[LiveResult] = []
        self.noticed: list[VggscopeError] = []
        self.load: Callable[[Cancellation], Classifier] = lambda _: Classifier.load(
            "tiny", device="cpu"
        )

    def loop(self, seconds: float | None = None) -> LiveLoop:
        loop = LiveLoop(self.source, self.load, self.results.append, seconds=seconds)
        loop.noticed.connect(self.noticed.append)
        return loop

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        QTimer.singleShot(round(seconds * 1000), self.source, action)


@pytest.fixture
def camera() -> PretendCamera:
    return PretendCamera(b"/dev/video0", "Front Camera")


@pytest.fixture
def bench(qapp: QApplication, tiny: object, camera: PretendCamera) -> Iterator[Bench]:
    assert qapp
    assert tiny
    prepare_multimedia()
    made = Bench(camera)
    yield made
    made.source.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert made.system.lit == []
    assert "inference" not in {thread.name for thread in threading.enumerate()}
    QLoggingCategory.setFilterRules("")


def test_frames_of_a_camera_are_answered_until_the_time_is_up(bench: Bench) -> None:
    loop = bench.loop(seconds=0.6)
    ending = loop.run()
    assert (ending.error, ending.has_gaps, ending.signal, ending.hangs) == (
        None,
        False,
        None,
        False,
    )
    assert loop.statistics.inferred == len(bench.results) > 5
    assert loop.statistics.frames == pytest.approx(18, abs=4)
    numbers = [result.number for result in bench.results]
    assert numbers == sorted(set(numbers))
    # The one that had come before the end, too.
    assert numbers[-1] == loop.statistics.frames


def test_the_time_begins_with_the_first_frame_not_with_the_model(bench: Bench) -> None:
    load = bench.load

    def slowly(cancellation: Cancellation) -> Classifier:
        time.sleep(0.5)
        # Nothing is switched on for nobody.
        assert bench.system.streams == []
        return load(cancellation)

    bench.load = slowly
    loop = bench.loop(seconds=0.3)
    assert loop.run().error is None
    assert loop.statistics.frames == pytest.approx(9, abs=3)


def test_a_slow_network_sees_the_newest_frame(bench: Bench) -> None:
    loop = bench.loop(seconds=0.7)
    take = bench.results.append

    def slowly(result: LiveResult) -> None:
        take(result)
        time.sleep(0.15)

    loop._write = slowly
    loop.run()
    assert 3 <= len(bench.results) <= 7
    assert loop.statistics.dropped == loop.statistics.frames - len(bench.results)
    gaps = [b.number - a.number for a, b in itertools.pairwise(bench.results)]
    assert max(gaps) >= 3
    # Not one of a queue: what it sees has come a moment ago.
    assert statistics.median(result.latency for result in bench.results) < 120


def test_a_camera_that_comes_back(bench: Bench, camera: PretendCamera) -> None:
    loop = bench.loop(seconds=1.2)
    bench.later(0.6, lambda: bench.system.unplug(camera))
    bench.later(1.0, lambda: bench.system.plug(camera))
    ending = loop.run()
    assert [type(each) for each in bench.noticed] == [CameraUnpluggedError]
    assert (ending.error, ending.has_gaps) == (None, False)
    moments = [result.captured.timestamp() for result in bench.results]
    assert max(b - a for a, b in itertools.pairwise(moments)) > 0.3
    # The time without pictures is in no rate.
    assert loop.statistics.summary()["source_fps"] == pytest.approx(30, rel=0.3)


def test_a_camera_that_does_not_come_back(bench: Bench, camera: PretendCamera) -> None:
    loop = bench.loop(seconds=0.8)
    bench.later(0.4, lambda: bench.system.unplug(camera))
    ending = loop.run()
    assert [type(each) for each in bench.noticed] == [CameraUnpluggedError]
    assert (ending.error, ending.has_gaps) == (None, True)
    assert bench.results


def test_a_camera_that_breaks_ends_it(bench: Bench, camera: PretendCamera) -> None:
    def take_away() -> None:
        camera.is_busy = True
        bench.system.lit[0].die()

    bench.later(0.4, take_away)
    ending = bench.loop().run()
    assert isinstance(ending.error, CameraBusyError)
    assert bench.results


def test_no_camera(bench: Bench, camera: PretendCamera) -> None:
    bench.system.unplug(camera)
    loop = bench.loop(seconds=1)
    assert isinstance(loop.run().error, NoCameraError | CameraUnpluggedError)
    assert loop.statistics.frames == 0


@pytest.mark.qt_log_ignore("Cannot map a video frame")
def test_frames_without_pixels_are_told_once(
    bench: Bench, camera: PretendCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those of a graphics card come through; ours would be found out by the camera source.
    monkeypatch.setattr("vggscope.sources.live.camera.is_whole", lambda _: True)
    bench.later(0.4, lambda: setattr(camera, "broken", unmappable_frame))
    loop = bench.loop(seconds=0.7)
    ending = loop.run()
    assert [type(each) for each in bench.noticed] == [FrameUnreadableError]
    assert ending.has_gaps
    assert loop.statistics.unreadable > 1
    assert loop.statistics.inferred == len(bench.results) > 0


def test_a_network_that_fails_ends_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    error = InferenceError(model="tiny", device="cpu", reason="it is tired")

    def fail(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr(Classifier, "classify", fail)
    loop = bench.loop()
    assert loop.run().error is error
    assert loop.statistics.frames >= 1


def test_a_model_that_cannot_be_loaded(bench: Bench) -> None:
    def fail(_: Cancellation) -> Classifier:
        raise RuntimeError("what nobody expects")

    bench.load = fail
    ending = bench.loop().run()
    assert isinstance(ending.error, RuntimeError)
    assert bench.system.streams == []


def test_a_signal_while_devices_are_tried(bench: Bench) -> None:
    def wait(cancellation: Cancellation) -> Classifier:
        while not cancellation.cancelled:
            time.sleep(0.01)
        raise Cancelled

    bench.load = wait
    loop = bench.loop()
    bench.later(0.1, lambda: loop.end_by_signal(signal.SIGINT))
    ending = loop.run()
    assert (ending.error, ending.signal, ending.hangs) == (None, signal.SIGINT, False)


def test_a_second_signal_waits_for_nothing(bench: Bench) -> None:
    release = threading.Event()
    loop = bench.loop()
    loop._write = lambda _: release.wait(20)
    bench.later(0.5, lambda: loop.end_by_signal(signal.SIGINT))
    bench.later(0.7, lambda: loop.end_by_signal(signal.SIGINT))
    begun = time.monotonic()
    ending = loop.run()
    assert time.monotonic() - begun < 5
    assert (ending.signal, ending.hangs) == (signal.SIGINT, True)
    release.set()
    loop._worker.join(5)


def test_a_photo_on_the_screen(qtbot: QtBot) -> None:
    """Another process finds it there, in the region and nowhere else."""
    if QApplication.platformName() != "xcb":
        pytest.skip("no X server to capture")
    place = QRect(120, 90, 480, 480)
    label = QLabel()
    pixmap = QPixmap(str(paths.resource("samples", "zebra.jpg")))
    filling = Qt.AspectRatioMode.KeepAspectRatioByExpanding
    label.setPixmap(
        pixmap.scaled(place.size(), filling, Qt.TransformationMode.SmoothTransformation)
    )
    label.setWindowFlag(Qt.WindowType.FramelessWindowHint)
    qtbot.addWidget(label)
    label.setGeometry(place)
    label.show()
    qtbot.waitExposed(label)
    words = ("live", "--headless", "--source", "screen", "--seconds", "0.7", "--device", "cpu")
    region = ",".join(map(str, place.getRect()))
    with subprocess.Popen(
        command(*words, "--model", "vgg16-compact-int8", "--region", region),
        env=environment(QT_LOGGING_RULES=None),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        # The label is painted, and painted anew, while it looks.
        qtbot.waitUntil(lambda: child.poll() is not None, timeout=60_000)
        out, complaints = child.communicate()
    assert child.returncode == 0
    labels = [json.loads(line)["predictions"][0]["label"] for line in out.splitlines()]
    assert labels
    assert set(labels) == {"zebra"}
    assert complaints.count(b"\n") == 1
