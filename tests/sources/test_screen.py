"""The screen as a source: a photo on it arrives, whole or a part of it; what can go wrong."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPixmap
from PySide6.QtMultimedia import (
    QMediaCaptureSession,
    QScreenCapture,
    QVideoFrame,
    QVideoFrameFormat,
    QVideoSink,
    QWindowCapture,
)
from PySide6.QtWidgets import QApplication, QLabel

from e2e.desktop import PATIENCE
from vggscope import paths
from vggscope.errors import NoScreenError, ScreenDeniedError
from vggscope.errors.live import ScreenUnpluggedError
from vggscope.sources.live.base import Format, State
from vggscope.sources.live.screen import ScreenSource, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

ZEBRA: Final = paths.resource("samples", "zebra.jpg")
WAIT: Final = int(PATIENCE * 1000)
PLACE: Final = QRect(120, 90, 480, 320)


class Viewer:
    """What a source has delivered."""

    def __init__(self, source: ScreenSource) -> None:
        self.source = source
        self.frames = 0
        self.newest = QVideoFrame()
        self.states: list[State] = []
        source.frame_ready.connect(self._take)
        source.state_changed.connect(lambda: self.states.append(source.state))

    def _take(self, frame: QVideoFrame) -> None:
        self.frames += 1
        self.newest = frame

    def seen(self) -> QImage:
        """The part of the newest picture that counts."""
        frame = self.newest
        # Not QVideoFrame.toImage: without a graphics card it warns.
        frame.map(QVideoFrame.MapMode.ReadOnly)
        image = QImage(
            frame.bits(0),
            frame.width(),
            frame.height(),
            frame.bytesPerLine(0),
            QVideoFrameFormat.imageFormatFromPixelFormat(frame.pixelFormat()),
        ).copy()
        frame.unmap()
        return image if self.source.region is None else image.copy(*self.source.region)


def levels(image: QImage) -> np.ndarray:
    """An image as height × width × RGB, 0 to 255."""
    plain = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(plain.constBits(), np.uint8)
    rows = rows.reshape(plain.height(), plain.bytesPerLine())[:, : plain.width() * 3]
    return rows.reshape(plain.height(), plain.width(), 3).astype(np.int16)


def difference(first: QImage, second: QImage) -> float:
    """Mean difference of two images of one size, 0 to 255."""
    assert first.size() == second.size()
    return float(np.abs(levels(first) - levels(second)).mean())


@pytest.fixture
def viewer(qapp: QApplication) -> Iterator[Viewer]:
    assert qapp
    source = ScreenSource()
    yield Viewer(source)
    source.stop()
    source.deleteLater()
    delete_now()


@pytest.fixture
def photo(qtbot: QtBot) -> Iterator[QImage]:
    """What can be seen at ``PLACE`` of the screen."""
    label = QLabel()
    pixmap = QPixmap(str(ZEBRA)).scaled(
        PLACE.size(),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    label.setPixmap(pixmap)
    label.setWindowFlag(Qt.WindowType.FramelessWindowHint)
    label.setGeometry(PLACE)
    label.show()
    qtbot.waitExposed(label)
    image = pixmap.toImage()

    def is_painted() -> bool:
        shot = label.screen().grabWindow(0).toImage().copy(PLACE)
        return difference(shot, image) < 1

    qtbot.waitUntil(is_painted, timeout=WAIT)
    yield image
    label.close()
    label.deleteLater()


@pytest.fixture(params=["any", "x11"])
def way(request: pytest.FixtureRequest, qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> str:
    """How Qt captures: it asks the session's type for it."""
    if request.param == "x11" and qapp.platformName() != "xcb":
        pytest.skip("no X server to capture")
    if qapp.platformName() == "xcb":
        # Qt decides once in a process whether it lists windows; other tests need them.
        monkeypatch.setenv("XDG_SESSION_TYPE", "x11")
        QWindowCapture.capturableWindows()
    monkeypatch.setenv("XDG_SESSION_TYPE", "x11" if request.param == "x11" else "")
    return str(request.param)


def delete_now() -> None:
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def next_frame(qtbot: QtBot, viewer: Viewer) -> None:
    before = viewer.frames
    # The one that is on its way was begun before what the caller has just changed.
    qtbot.waitUntil(lambda: viewer.frames >= before + 2, timeout=WAIT)


def test_the_whole_screen_arrives(qtbot: QtBot, viewer: Viewer, photo: QImage, way: str) -> None:
    source, screen = viewer.source, QGuiApplication.primaryScreen()
    assert way
    source.start()
    next_frame(qtbot, viewer)
    assert viewer.states == [State.STARTING, State.RUNNING]
    assert source.region is None
    assert viewer.newest.size() == screen.size()
    assert difference(viewer.seen().copy(PLACE), photo) < 1
    assert source.format == Format(screen.size().width(), screen.size().height(), 60.0, "BGRX8888")
    first = source.seconds_of(viewer.newest)
    next_frame(qtbot, viewer)
    assert first is not None
    assert source.seconds_of(viewer.newest) > first


def test_a_region_arrives(qtbot: QtBot, viewer: Viewer, photo: QImage, way: str) -> None:
    source = viewer.source
    assert way
    source.use_region(PLACE)
    assert source.region == PLACE.getRect()
    source.start()
    next_frame(qtbot, viewer)
    assert source.region == PLACE.getRect()
    assert difference(viewer.seen(), photo) < 1
    source.use_region(PLACE.adjusted(100, 50, -200, -60))
    next_frame(qtbot, viewer)
    assert difference(viewer.seen(), photo.copy(100, 50, 180, 210)) < 1
    source.use_region(None)
    assert source.region is None


def test_a_region_is_cut_at_the_edge_and_dropped_beyond_it(viewer: Viewer) -> None:
    source, size = viewer.source, QGuiApplication.primaryScreen().size()
    source.use_region(QRect(size.width() - 100, -20, 400, 220))
    assert source.region == (size.width() - 100, 0, 100, 200)
    source.use_region(QRect(size.width(), 0, 100, 100))
    assert source.region is None


def test_paused_it_costs_nothing_and_goes_on(qtbot: QtBot, viewer: Viewer, way: str) -> None:
    source = viewer.source
    assert way
    source.pause()
    assert source.state is State.STOPPED
    source.start()
    next_frame(qtbot, viewer)
    source.pause()
    assert source.state is State.PAUSED
    delete_now()
    frames = viewer.frames
    qtbot.wait(150)
    assert viewer.frames == frames
    assert source.children() == []
    source.start()
    assert source.state is State.STARTING
    next_frame(qtbot, viewer)
    assert source.state is State.RUNNING
    source.stop()
    frames = viewer.frames
    qtbot.wait(100)
    assert viewer.frames == frames
    assert source.state is State.STOPPED


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_any_order_of_commands_leaves_nothing_behind(
    qtbot: QtBot, viewer: Viewer, way: str
) -> None:
    source = viewer.source
    assert way
    [target, *_] = source.targets()
    random = np.random.default_rng(20)
    commands = [
        source.start,
        source.pause,
        source.stop,
        lambda: source.use_target(target),
        lambda: source.use_region(PLACE),
        QApplication.processEvents,
    ]
    source.start()
    next_frame(qtbot, viewer)
    source.stop()
    delete_now()
    gc.collect()
    before = threads()
    for choice in random.integers(len(commands), size=400):
        commands[choice]()
        assert source.state is not State.FAILED
    source.stop()
    source.start()
    next_frame(qtbot, viewer)
    [grab] = source.children()
    kinds = {QMediaCaptureSession, QScreenCapture, QVideoSink}
    assert len(grab.children()) == 3
    assert {type(child) for child in grab.children()} == kinds
    source.stop()
    delete_now()
    assert source.findChildren(QObject) == []
    qtbot.waitUntil(lambda: threads() <= before, timeout=WAIT)


def test_a_former_capture_is_not_heard(qtbot: QtBot, viewer: Viewer) -> None:
    source = viewer.source
    source.start()
    next_frame(qtbot, viewer)
    [grab] = source.children()
    sink, capture = grab.findChild(QVideoSink), grab.findChild(QScreenCapture)
    late = viewer.newest
    for then, state in ((source.stop, State.STOPPED), (source.start, State.STARTING)):
        then()
        frames = viewer.frames
        sink.videoFrameChanged.emit(late)
        capture.errorOccurred.emit(QScreenCapture.Error.CaptureFailed, "late")
        assert viewer.frames == frames
        assert source.state is state


def test_screens_are_listed(viewer: Viewer) -> None:
    listed = viewer.source.targets()
    screens = QGuiApplication.screens()
    assert [target.geometry for target in listed] == [screen.geometry() for screen in screens]
    assert all(target.name for target in listed)
    viewer.source.use_target(listed[0])
    assert viewer.source.name == listed[0].name
    assert viewer.source.state is State.STOPPED


def test_a_screen_that_is_not_there_is_told(viewer: Viewer) -> None:
    source = viewer.source
    source.use_target(Target("DP-9", geometry=QRect(0, 0, 100, 100)))
    source.start()
    assert source.state is State.FAILED
    assert isinstance(source.error, ScreenUnpluggedError)
    assert source.error.message == "The screen “DP-9” is not there any more."
    source.use_region(PLACE)
    assert source.region is None


def test_another_target_ends_a_failure(qtbot: QtBot, viewer: Viewer) -> None:
    source = viewer.source
    source.use_target(Target("DP-9", geometry=QRect(0, 0, 100, 100)))
    source.start()
    source.use_target(source.targets()[0])
    assert source.state is State.STARTING
    assert source.error is None
    next_frame(qtbot, viewer)


@pytest.mark.parametrize(
    ("said", "expected", "sentence"),
    [
        (("CapturingNotSupported", "Not here."), ScreenDeniedError, "captured: Not here."),
        (("InternalError", ""), ScreenDeniedError, "captured: the system gives no reason."),
        (("CaptureFailed", "Denied"), ScreenDeniedError, "captured: Denied."),
        (("NotFound", "No screens found"), NoScreenError, "There is no screen to look at."),
    ],
)
def test_qt_s_errors_become_states(
    qtbot: QtBot,
    viewer: Viewer,
    said: tuple[str, str],
    expected: type[Exception],
    sentence: str,
) -> None:
    source = viewer.source
    source.start()
    next_frame(qtbot, viewer)
    capture = source.findChild(QScreenCapture)
    del viewer.states[:]
    for _ in range(3):
        capture.errorOccurred.emit(QScreenCapture.Error[said[0]], said[1])
    assert viewer.states == [State.FAILED]
    assert isinstance(source.error, expected)
    assert source.error.message.endswith(sentence)
    source.start()
    next_frame(qtbot, viewer)
    assert source.state is State.RUNNING
    assert source.error is None


def test_a_capture_that_comes_right_by_itself_goes_on(qtbot: QtBot, viewer: Viewer) -> None:
    source = viewer.source
    source.start()
    next_frame(qtbot, viewer)
    capture = source.findChild(QScreenCapture)
    capture.errorOccurred.emit(QScreenCapture.Error.CaptureFailed, "No picture")
    assert source.state is State.FAILED
    next_frame(qtbot, viewer)
    assert viewer.states[-2:] == [State.FAILED, State.RUNNING]
    assert source.error is None
