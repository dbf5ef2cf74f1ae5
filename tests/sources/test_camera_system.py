from __future__ import annotations

import pytest
from PySide6.QtMultimedia import QCamera, QMediaDevices, QVideoFrame, QVideoFrameFormat, QVideoSink

from doubles.cameras import (
    IN_USE,
    SAMPLES,
    VGA,
    PretendCameras,
    PretendStream,
    photo_frame,
)
from sources.camera_driver import failed_with
from vggscope.errors import NoCameraError
from vggscope.sources.live.camera import CameraSource
from vggscope.sources.live.camera_system import Camera, Permission, QtCameraSystem


@pytest.fixture
def no_cameras(qapp) -> None:
    assert qapp
    if QMediaDevices.videoInputs():
        pytest.skip("this computer has a camera")


@pytest.mark.usefixtures("no_cameras")
def test_a_computer_without_cameras_says_so(qtbot):
    source = CameraSource()

    source.start()

    qtbot.waitUntil(failed_with(source, NoCameraError))
    assert (list(source.cameras), source.camera, list(source.formats)) == ([], None, [])
    assert source.error.message == "No camera was found."
    source.stop()
    source.deleteLater()


@pytest.mark.usefixtures("no_cameras")
def test_the_system_tells_of_a_camera_that_is_gone(qtbot):
    system = QtCameraSystem()
    gone = Camera(b"/dev/video0", "Front Camera")
    assert list(system.formats(gone)) == []
    stream = system.open(gone, VGA, system)

    with qtbot.waitSignal(stream.failed) as failed:
        stream.start()

    assert failed.args == ["it is gone"]
    stream.close()


def test_the_systems_stream_hands_on_frames_and_errors_until_it_is_closed(qtbot):
    system = QtCameraSystem()
    stream = system.open(Camera(b"no such camera", ""), None, system)
    frames: list[QVideoFrame] = []
    errors: list[str] = []
    stream.frame_came.connect(frames.append)
    stream.failed.connect(errors.append)
    qt_camera, sink = stream.findChild(QCamera), stream.findChild(QVideoSink)
    frame = photo_frame(SAMPLES / "pizza.jpg", 640, 480, "NV12")

    sink.setVideoFrame(frame)
    qt_camera.errorOccurred.emit(QCamera.Error.CameraError, IN_USE)
    qt_camera.errorOccurred.emit(QCamera.Error.NoError, "")
    qtbot.waitUntil(lambda: errors == [IN_USE])
    assert [each.pixelFormat() for each in frames] == [QVideoFrameFormat.PixelFormat.Format_NV12]

    stream.close()
    sink.setVideoFrame(frame)
    qt_camera.errorOccurred.emit(QCamera.Error.CameraError, IN_USE)
    qtbot.wait(20)
    assert (len(frames), len(errors)) == (1, 1)


def test_the_system_grants_or_refuses_but_always_answers(qtbot):
    system = QtCameraSystem()
    answers: list[Permission] = []

    system.request_permission(system, answers.append)

    qtbot.waitUntil(lambda: answers != [])
    assert answers == [system.permission()]
    assert answers[0] in {Permission.Granted, Permission.Denied}


def test_the_double_has_the_interface_of_the_system():
    for real, double in [(QtCameraSystem, PretendCameras)]:
        public = {name for name in vars(real) if not name.startswith("_")}
        assert {name for name in public if callable(getattr(real, name))} <= vars(double).keys()
    assert {"start", "close"} <= vars(PretendStream).keys()
