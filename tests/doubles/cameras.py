"""Cameras that can be plugged in, pulled out, taken and broken, in place of QtCameraSystem.

Their pictures go the way of a camera's: through a QMediaCaptureSession into a QVideoSink.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import shiboken6
from PIL import Image, ImageOps
from PySide6.QtCore import QObject, QSize, Qt, QTimer
from PySide6.QtMultimedia import (
    QMediaCaptureSession,
    QVideoFrame,
    QVideoFrameFormat,
    QVideoFrameInput,
    QVideoSink,
)

from vggscope.sources.live.base import Format
from vggscope.sources.live.camera_system import Camera, CameraStream, CameraSystem, Permission

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SAMPLES: Final = Path(__file__).parents[2] / "resources" / "samples"
VGA: Final = Format(640, 480, 30.0, "NV12")
HD: Final = Format(1280, 720, 30.0, "Jpeg")
IN_USE: Final = "Camera is in use."
_Pixels = QVideoFrameFormat.PixelFormat


def photo_frame(photo: Path, width: int, height: int, coding: str) -> QVideoFrame:
    """``photo``, cropped to width × height, as a camera's frame in NV12 or Jpeg, full range."""
    pixels = {"NV12": _Pixels.Format_NV12, "Jpeg": _Pixels.Format_Jpeg}[coding]
    frame_format = QVideoFrameFormat(QSize(width, height), pixels)
    frame_format.setColorRange(QVideoFrameFormat.ColorRange.ColorRange_Full)
    frame_format.setColorSpace(QVideoFrameFormat.ColorSpace.ColorSpace_BT601)
    frame = QVideoFrame(frame_format)
    assert frame.map(QVideoFrame.MapMode.WriteOnly)
    if coding == "Jpeg":
        data = _jpeg(photo, width, height)
        frame.bits(0)[: len(data)] = data
    else:
        grey, colour = _nv12(photo, width, height)
        for index, plane in enumerate((grey, colour)):
            stride = frame.bytesPerLine(index)
            lines = np.frombuffer(frame.bits(index), np.uint8)[: stride * len(plane)]
            lines.reshape(len(plane), stride)[:, : plane.shape[1]] = plane
    frame.unmap()
    return frame


def _fitted(photo: Path, width: int, height: int) -> Image.Image:
    with Image.open(photo) as image:
        return ImageOps.fit(image.convert("RGB"), (width, height))


@cache
def _jpeg(photo: Path, width: int, height: int) -> bytes:
    stream = io.BytesIO()
    _fitted(photo, width, height).save(stream, "JPEG", quality=90)
    return stream.getvalue()


@cache
def _nv12(photo: Path, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    grey, blue, red = _fitted(photo, width, height).convert("YCbCr").split()
    half = (width // 2, height // 2)
    colour = np.stack([np.asarray(each.resize(half)) for each in (blue, red)], axis=2)
    return np.asarray(grey), colour.reshape(half[1], width)


def null_frame() -> QVideoFrame:
    """What Qt's cameras send when they are switched on and off."""
    return QVideoFrame()


def invalid_frame() -> QVideoFrame:
    """A frame of a size, but without pixels."""
    return QVideoFrame(QVideoFrameFormat(QSize(640, 480), _Pixels.Format_Invalid))


def empty_frame() -> QVideoFrame:
    """A frame without a size."""
    return QVideoFrame(QVideoFrameFormat(QSize(0, 0), _Pixels.Format_NV12))


def unmappable_frame() -> QVideoFrame:
    """A frame that looks well, and whose pixels cannot be had: the driver holds them."""
    frame = QVideoFrame(QVideoFrameFormat(QSize(640, 480), _Pixels.Format_NV12))
    assert frame.map(QVideoFrame.MapMode.WriteOnly)
    return frame


def garbled_frame() -> QVideoFrame:
    """A JPEG frame that is none."""
    frame = QVideoFrame(QVideoFrameFormat(QSize(640, 480), _Pixels.Format_Jpeg))
    assert frame.map(QVideoFrame.MapMode.WriteOnly)
    frame.bits(0)[:] = b"\x17" * frame.mappedBytes(0)
    frame.unmap()
    return frame


@dataclass(eq=False)
class PretendCamera:
    """A camera on the test's desk.

    Attributes:
        id, description, formats: what the system says of it.
        photo: what stands before its lens.
        size: of the pictures, if it is not what was asked for.
        is_busy: another program holds it.
        is_silent: it runs, but sends nothing.
        wakes_after: seconds from being switched on to its first picture.
        broken: makes the frame that it sends in place of the photo.
    """

    id: bytes
    description: str
    formats: Sequence[Format] = (VGA, HD)
    photo: Path = field(default_factory=lambda: SAMPLES / "cat-chelsea.jpg")
    size: tuple[int, int] | None = None
    is_busy: bool = False
    is_silent: bool = False
    wakes_after: float = 0.0
    broken: Callable[[], QVideoFrame] | None = None

    def frame(self, wanted: Format) -> QVideoFrame:
        """What it sees now."""
        if self.broken is not None:
            return self.broken()
        width, height = self.size or (wanted.width, wanted.height)
        return photo_frame(self.photo, width, height, wanted.coding)


class PretendStream(CameraStream):
    """A switched-on PretendCamera."""

    def __init__(self, camera: PretendCamera, wanted: Format, parent: QObject) -> None:
        super().__init__(parent)
        self.camera = camera
        self.wanted = wanted
        self.is_on = False
        self._input = QVideoFrameInput(self)
        self._session = QMediaCaptureSession(self)
        self._sink = QVideoSink(self)
        self._session.setVideoFrameInput(self._input)
        self._session.setVideoSink(self._sink)
        self._sink.videoFrameChanged.connect(self.frame_came)
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.setInterval(round(1000 / wanted.fps))
        self._clock.timeout.connect(self._tick)
        self._sent = 0

    def start(self) -> None:
        if self.camera.is_busy:
            self.failed.emit(IN_USE)
            return
        self.is_on = True
        QTimer.singleShot(round(1000 * self.camera.wakes_after), self, self._wake)

    def close(self) -> None:
        self.is_on = False
        self._clock.stop()

    def _wake(self) -> None:
        if self.is_on:
            self._clock.start()

    def die(self) -> None:
        """The cable is out: no picture any more, but nobody has said so yet."""
        self._clock.stop()

    def send(self, frame: QVideoFrame) -> None:
        """Deliver a frame, as the system does: even after the stream was closed, if it was late."""
        assert self._input.sendVideoFrame(frame)

    def _tick(self) -> None:
        if self.camera.is_silent:
            return
        frame = self.camera.frame(self.wanted)
        frame.setStartTime(round(self._sent * 1e6 / self.wanted.fps))
        self._sent += 1
        self.send(frame)


class PretendCameras(CameraSystem):
    """A computer with the cameras that the test plugs in. The first one is the default.

    Attributes:
        status: of the permission.
        answer: the user's answer when asked for it; None for a user who has gone away.
        asked: how often the user was asked.
        streams: all that were opened, also those that are closed.
    """

    def __init__(self, *cameras: PretendCamera, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.plugged = list(cameras)
        self.status = Permission.Granted
        self.answer: Permission | None = None
        self.asked = 0
        self.streams: list[PretendStream] = []
        self._waiting: list[tuple[QObject, Callable[[Permission], None]]] = []

    def plug(self, camera: PretendCamera) -> None:
        self.plugged.append(camera)
        self.cameras_changed.emit()

    def unplug(self, camera: PretendCamera) -> None:
        for stream in self.lit:
            if stream.camera is camera:
                stream.die()
        self.plugged.remove(camera)
        self.cameras_changed.emit()

    @property
    def lit(self) -> list[PretendStream]:
        """Streams of cameras whose light is on."""
        # Whoever deletes a stream has switched its camera off.
        return [stream for stream in self.streams if shiboken6.isValid(stream) and stream.is_on]

    def reply(self, answer: Permission) -> None:
        """The user answers what was asked."""
        self.status = answer
        waiting, self._waiting = self._waiting, []
        for context, call in waiting:
            if not shiboken6.isValid(context):
                continue  # nobody is there to hear it
            QTimer.singleShot(0, context, lambda call=call: call(answer))

    # CameraSystem

    def cameras(self) -> Sequence[Camera]:
        return [Camera(each.id, each.description, not n) for n, each in enumerate(self.plugged)]

    def formats(self, camera: Camera) -> Sequence[Format]:
        return self._plugged(camera).formats

    def permission(self) -> Permission:
        return self.status

    def request_permission(self, context: QObject, answer: Callable[[Permission], None]) -> None:
        self.asked += 1
        self._waiting.append((context, answer))
        if self.answer is not None:
            self.reply(self.answer)

    def open(self, camera: Camera, wanted: Format | None, parent: QObject) -> CameraStream:
        stream = PretendStream(self._plugged(camera), wanted or VGA, parent)
        self.streams.append(stream)
        return stream

    def _plugged(self, camera: Camera) -> PretendCamera:
        return next(each for each in self.plugged if each.id == camera.id)
