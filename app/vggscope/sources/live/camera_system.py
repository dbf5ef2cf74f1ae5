"""The edge between our camera source and Qt's cameras: nothing is decided here.

Tests put a double in its place (tests/doubles/cameras.py); everything above runs as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QCameraPermission, QCoreApplication, QObject, Qt, Signal, Slot
from PySide6.QtMultimedia import (
    QCamera,
    QCameraDevice,
    QCameraFormat,
    QMediaCaptureSession,
    QMediaDevices,
    QVideoFrame,
    QVideoFrameFormat,
    QVideoSink,
)

from vggscope.sources.live.base import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Permission = Qt.PermissionStatus


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that is plugged in.

    Attributes:
        id: the system's name for it: often, but not always, the same when it is plugged in anew.
        description: its name for people; two cameras may share one. Part of what makes it the
            same camera, since Linux gives the id of one that was pulled out to the next.
        is_default: whether the system prefers it.
    """

    id: bytes
    description: str
    is_default: bool = field(default=False, compare=False)


class CameraStream(QObject):
    """One camera, switched on in one format until it is closed.

    Signals:
        frame_came: a ``QVideoFrame``, which may be null or broken.
        failed: it does not start, or has ended; the system's words for it, which may be empty.
    """

    frame_came = Signal(QVideoFrame)
    failed = Signal(str)

    def start(self) -> None:
        """Switch the camera on."""
        raise NotImplementedError

    def close(self) -> None:
        """Switch it off for good. Signals that were on their way may still come."""
        raise NotImplementedError


class CameraSystem(QObject):
    """The cameras of this computer, and who may use them.

    Signals:
        cameras_changed: one was plugged in or out.
    """

    cameras_changed = Signal()

    def cameras(self) -> Sequence[Camera]:
        """Those that are plugged in now."""
        raise NotImplementedError

    def formats(self, camera: Camera) -> Sequence[Format]:
        """How ``camera`` can deliver pictures; empty if it does not tell."""
        raise NotImplementedError

    def permission(self) -> Permission:
        """Whether we may use cameras, without asking the user."""
        raise NotImplementedError

    def request_permission(self, context: QObject, answer: Callable[[Permission], None]) -> None:
        """Ask the user; ``answer`` is called with the result while ``context`` lives."""
        raise NotImplementedError

    def open(self, camera: Camera, wanted: Format | None, parent: QObject) -> CameraStream:
        """A stream of ``camera``, not started yet. ``wanted``: None for the system's choice."""
        raise NotImplementedError


class QtCameraStream(CameraStream):
    """``QCamera`` into ``QVideoSink``."""

    def __init__(self, device: QCameraDevice, wanted: QCameraFormat, parent: QObject) -> None:
        super().__init__(parent)
        self._is_there = not device.isNull()
        self._camera = QCamera(device, self)
        self._camera.setCameraFormat(wanted)
        self._session = QMediaCaptureSession(self)
        self._sink = QVideoSink(self)
        self._session.setCamera(self._camera)
        self._session.setVideoSink(self._sink)
        self._sink.videoFrameChanged.connect(self._on_frame)
        # Queued: whoever hears of it closes the camera, which should not happen inside it.
        self._camera.errorOccurred.connect(self._on_error, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Switch the camera on."""
        if not self._is_there:
            # QCamera would take another one in its place.
            self.failed.emit("it is gone")
        elif self._camera.error() is not QCamera.Error.NoError:
            # It was met before anybody could be connected to the signal.
            self.failed.emit(self._camera.errorString())
        else:
            self._camera.start()

    def close(self) -> None:
        """Switch it off for good."""
        self._sink.videoFrameChanged.disconnect(self._on_frame)
        self._camera.errorOccurred.disconnect(self._on_error)
        self._camera.stop()

    @Slot(QVideoFrame)
    def _on_frame(self, frame: QVideoFrame) -> None:
        self.frame_came.emit(frame)

    @Slot(QCamera.Error, str)
    def _on_error(self, error: QCamera.Error, text: str) -> None:
        if error is not QCamera.Error.NoError:
            self.failed.emit(text)


class QtCameraSystem(CameraSystem):
    """The real one. It belongs to the main thread, as permissions do."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._devices = QMediaDevices(self)
        self._devices.videoInputsChanged.connect(self.cameras_changed)

    def cameras(self) -> Sequence[Camera]:
        """Those that are plugged in now."""
        return [
            Camera(bytes(device.id().data()), device.description(), device.isDefault())
            for device in QMediaDevices.videoInputs()
        ]

    def formats(self, camera: Camera) -> Sequence[Format]:
        """How ``camera`` can deliver pictures; empty if it does not tell."""
        return [_format_of(qt_format) for qt_format in _device_of(camera).videoFormats()]

    def permission(self) -> Permission:
        """Whether we may use cameras, without asking. Always granted on Linux."""
        application = QCoreApplication.instance()
        if application is None:
            return Permission.Denied
        return application.checkPermission(QCameraPermission())

    def request_permission(self, context: QObject, answer: Callable[[Permission], None]) -> None:
        """Ask the user; ``answer`` is called with the result while ``context`` lives."""
        application = QCoreApplication.instance()
        if application is None:
            answer(Permission.Denied)
            return
        application.requestPermission(
            QCameraPermission(), context, lambda answered: answer(answered.status())
        )

    def open(self, camera: Camera, wanted: Format | None, parent: QObject) -> CameraStream:
        """A stream of ``camera``, not started yet."""
        device = _device_of(camera)
        qt_formats = (each for each in device.videoFormats() if _format_of(each) == wanted)
        return QtCameraStream(device, next(qt_formats, QCameraFormat()), parent)


def _device_of(camera: Camera) -> QCameraDevice:
    """Qt's handle of ``camera``; null if it is gone."""
    devices = (each for each in QMediaDevices.videoInputs() if each.id().data() == camera.id)
    return next(devices, QCameraDevice())


def _format_of(qt_format: QCameraFormat) -> Format:
    size = qt_format.resolution()
    coding = QVideoFrameFormat.pixelFormatToString(qt_format.pixelFormat())
    # Tenths: what is a 30 to people is 30.000030517578125 to some drivers.
    fps = round(qt_format.maxFrameRate(), 1)
    return Format(size.width(), size.height(), fps, coding)
