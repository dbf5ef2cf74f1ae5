"""Cameras: whichever is chosen, in a format that suits, through all that happens to cables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtMultimedia import QVideoFrame, QVideoFrameFormat

from vggscope.errors import (
    CameraBusyError,
    CameraDeniedError,
    CameraSilentError,
    CameraUnpluggedError,
    LiveError,
    NoCameraError,
)
from vggscope.sources.live.base import Format, LiveSource, State
from vggscope.sources.live.camera_system import (
    Camera,
    CameraStream,
    CameraSystem,
    Permission,
    QtCameraSystem,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_NETWORK_SIDE: Final = 224
"""Pixels of a side of the network's square: a picture below that would have to be blown up."""
_FLUID_FPS: Final = 24
_USUAL_FPS: Final = 30
_FAVOURITES: Final = ((1280, 720), (640, 480))
"""Sizes that nearly all cameras have: sharp enough for a window, cheap enough for any computer."""
_CHEAP_CODINGS: Final = ("NV12", "YUV420P", "YV12", "NV21", "YUYV", "UYVY", "YUV422P")
"""Those whose grey plane or pixels lie in memory as they come. The rest are RGB, with twice the
bytes on the cable, and what has to be unpacked first."""
_PACKED_CODINGS: Final = ("Jpeg", "Invalid")
_RESTART_EVERY: Final = 15
"""In units of ``patience``. A stream that dies again sooner than that is given up."""


def preference(of: Format) -> tuple[float, ...]:
    """Orders formats: the smaller, the rather we take it when the user has not chosen.

    1. The network sees real pixels.
    2. It looks fluid: what is missing to 24 frames per second.
    3. 1280 × 720, else 640 × 480, else the one nearest to the former that is not above it: more
       pixels cost time in every frame, and the network sees 224 × 224 of them.
    4. Pixels that come as they are; JPEG costs milliseconds per frame to decode, and artefacts.
    5. Near 30 frames per second: 60 cost twice as much and show nothing more.
    6. Among the plain ones the cheapest to convert.
    """
    size = (of.width, of.height)
    largest_width, largest_height = _FAVOURITES[0]
    is_large = of.width > largest_width or of.height > largest_height
    return (
        min(size) < _NETWORK_SIDE,
        max(0, _FLUID_FPS - round(of.fps)),
        _FAVOURITES.index(size) if size in _FAVOURITES else len(_FAVOURITES) + is_large,
        abs(of.width * of.height - largest_width * largest_height),
        of.coding in _PACKED_CODINGS,
        abs(of.fps - _USUAL_FPS),
        _CHEAP_CODINGS.index(of.coding) if of.coding in _CHEAP_CODINGS else len(_CHEAP_CODINGS),
    )


def is_whole(frame: QVideoFrame) -> bool:
    """Whether ``frame`` has pixels, all of them.

    A camera that is pulled out in the middle of one hands on what it has. Frames that lie on the
    graphics card are taken on trust: fetching them costs too much.
    """
    if not frame.isValid() or frame.size().isEmpty():
        return False
    if frame.handleType() is not QVideoFrame.HandleType.NoHandle:
        return True
    if not frame.map(QVideoFrame.MapMode.ReadOnly):
        return False
    try:
        if frame.pixelFormat() is QVideoFrameFormat.PixelFormat.Format_Jpeg:
            # How long it is nobody can tell, but how it begins.
            return frame.mappedBytes(0) > 2 and bytes(frame.bits(0)[:2]) == b"\xff\xd8"
        planes = [(frame.bytesPerLine(i), frame.mappedBytes(i)) for i in range(frame.planeCount())]
        return _fill(planes, frame.height())
    finally:
        frame.unmap()


def _fill(planes: Sequence[tuple[int, int]], height: int) -> bool:
    """Whether planes of these bytes per line and bytes reach to the last line.

    Colour planes may have half the lines, and last lines need no padding.
    """
    lines = [height] + [height // 2] * (len(planes) - 1)
    return bool(planes) and all(
        size > stride * (count - 1) and size > 0
        for (stride, size), count in zip(planes, lines, strict=True)
    )


class CameraSource(LiveSource):
    """A camera. Started, it stays so until it is paused or stopped, whatever is plugged in or out.

    A camera that was unplugged goes on when it comes back; if there was none at all, the first one
    that is plugged in is used. A stream that dies, as they do when the computer sleeps, is opened
    once more.

    Attributes:
        patience: seconds without a picture after which a stream counts as dead.

    Signals:
        cameras_changed: ``cameras`` or ``camera`` are others.
    """

    cameras_changed = Signal()

    def __init__(
        self,
        system: CameraSystem | None = None,
        wanted: bytes | str = "",
        parent: QObject | None = None,
    ) -> None:
        """``wanted``: id or description of the camera to use if it is there."""
        super().__init__("", parent)
        self.patience = 4.0
        self._system = system or QtCameraSystem(self)
        self._wanted = wanted
        self._cameras: tuple[Camera, ...] = tuple(self._system.cameras())
        self._camera: Camera | None = None
        self._formats: tuple[Format, ...] = ()
        self._choice: Format | None = None
        self._stream: CameraStream | None = None
        self._watchdog: QTimer | None = None
        self._is_asking = False
        self._restarted_at: float | None = None
        self._system.cameras_changed.connect(self._on_cameras_changed)
        self._use(self._pick())

    @property
    def cameras(self) -> Sequence[Camera]:
        """Those that are plugged in."""
        return self._cameras

    @property
    def camera(self) -> Camera | None:
        """The one in use, or to be used; it may be unplugged. None as long as there was none."""
        return self._camera

    def use_camera(self, camera_id: bytes) -> None:
        """Take pictures from another camera; at once, unless stopped or paused.

        One that is not there any more, unplugged a moment ago, changes nothing.
        """
        camera = next((each for each in self._cameras if each.id == camera_id), None)
        if camera is None:
            return
        is_other = camera != self._camera
        if is_other:
            # The former one is switched off before anybody hears of the new one.
            self._close()
            self._use(camera)
        if is_other or self.state is State.FAILED:
            self._begin_anew()

    # LiveSource

    @property
    def formats(self) -> Sequence[Format]:
        """What the camera can do, the most suitable first."""
        return self._formats

    @property
    def format(self) -> Format | None:
        """The one in use: the user's choice, or the most suitable."""
        return self._choice or next(iter(self._formats), None)

    def use_format(self, wanted: Format) -> None:
        """Take pictures in another format; one that the camera does not have changes nothing."""
        if wanted not in self._formats:
            return
        is_other = wanted != self.format
        self._choice = wanted
        if is_other:
            self._close()
            self.formats_changed.emit()
        if is_other or self.state is State.FAILED:
            self._begin_anew()

    def start(self) -> None:
        """Switch the camera on; ask the user for permission if that has not been done."""
        if self.state in {State.STARTING, State.RUNNING}:
            return
        if self.state is State.STOPPED:
            self._use(self._pick())
        self._restarted_at = None
        self._enter(State.STARTING)
        self._begin()

    def pause(self) -> None:
        """Switch the camera off, with its light, until it is started again.

        Nor is a failed one tried again by itself until then.
        """
        if self.state in {State.STARTING, State.RUNNING, State.FAILED}:
            self._close()
            self._enter(State.PAUSED)

    def stop(self) -> None:
        """Switch the camera off."""
        self._close()
        self._enter(State.STOPPED)

    # Private: which camera

    def _pick(self) -> Camera | None:
        """The camera to start with: the last one, or the wanted, or the system's."""
        if self._camera is not None and self._camera in self._cameras:
            return self._camera
        wanted = self._wanted.encode() if isinstance(self._wanted, str) else self._wanted
        if wanted:
            for each in self._cameras:
                if wanted in {each.id, each.description.encode()}:
                    return each
        by_default = (each for each in self._cameras if each.is_default)
        return next(by_default, next(iter(self._cameras), self._camera))

    def _use(self, camera: Camera | None) -> None:
        """Let ``camera`` be the one; the user's format is kept if it has it, too."""
        if camera is None or camera == self._camera:
            return
        self._camera = camera
        self.name = camera.description
        self._formats = tuple(sorted(dict.fromkeys(self._system.formats(camera)), key=preference))
        if self._choice not in self._formats:
            self._choice = None
        self.cameras_changed.emit()
        self.formats_changed.emit()

    @Slot()
    def _on_cameras_changed(self) -> None:
        before = self._cameras
        self._cameras = tuple(self._system.cameras())
        if self._cameras == before:
            return
        self.cameras_changed.emit()
        if self._camera is not None and self._camera not in self._cameras:
            self._on_unplugged(self._camera, before)
        if self.state is State.STOPPED or isinstance(self.error, NoCameraError):
            self._use(self._pick())
        is_waiting = isinstance(self.error, (NoCameraError, CameraUnpluggedError))
        if is_waiting and self._camera is not None and self._camera in self._cameras:
            self._begin_anew()

    def _on_unplugged(self, camera: Camera, before: Sequence[Camera]) -> None:
        self._close()
        is_used = self.state in {State.STARTING, State.RUNNING}
        if is_used or isinstance(self.error, (CameraBusyError, CameraSilentError)):
            self._fail(CameraUnpluggedError(name=camera.description))
        # It may come back under another id. What was there already is its twin.
        known = {each.id for each in before}
        for each in self._cameras:
            if each.description == camera.description and each.id not in known:
                self._use(each)
                break

    # Private: the stream

    def _begin_anew(self, restarted_at: float | None = None) -> None:
        """Start again with what is chosen now, unless nothing is to be shown."""
        if self.state not in {State.STOPPED, State.PAUSED}:
            self._close()
            self._restarted_at = restarted_at
            self._enter(State.STARTING)
            self._begin()

    def _begin(self) -> None:
        """Open the stream, or find out what is in the way."""
        if self.state is not State.STARTING or self._stream is not None or self._is_asking:
            # Somebody who heard of the new state was faster.
            return
        if not self._cameras:
            self._fail(NoCameraError())
            return
        self._use(self._camera or self._pick())
        if self._camera is None or self._camera not in self._cameras:
            self._fail(CameraUnpluggedError(name=self.name))
            return
        permission = self._system.permission()
        if permission is Permission.Undetermined:
            self._is_asking = True
            self._system.request_permission(self, self._on_permission)
        else:
            self._on_permission(permission)

    def _on_permission(self, permission: Permission) -> None:
        self._is_asking = False
        if self.state is not State.STARTING or self._stream is not None:
            # Stopped, or unplugged, while the user was asked.
            return
        if permission is Permission.Granted:
            self._open()
        else:
            self._fail(CameraDeniedError())

    def _open(self) -> None:
        if self._camera is None:
            return
        stream = self._stream = self._system.open(self._camera, self.format, self)
        stream.frame_came.connect(self._on_frame)
        stream.failed.connect(self._on_failed)
        self._watchdog = QTimer(self)
        self._watchdog.setSingleShot(True)
        self._watchdog.timeout.connect(self._on_silence)
        # Cameras that wake up slowly have twice the time when they are opened again.
        attempts = 1 if self._restarted_at is None else 2
        self._watchdog.start(round(1000 * self.patience * attempts))
        stream.start()

    def _close(self) -> None:
        """Switch the camera off. What its stream still has to say is not heard."""
        stream, self._stream = self._stream, None
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            watchdog.stop()
            watchdog.deleteLater()
        if stream is not None:
            stream.close()
            stream.deleteLater()

    def _fail(self, error: LiveError) -> None:
        self._close()
        self._enter(State.FAILED, error)

    def _restart_or_fail(self, error: LiveError) -> None:
        """Open the stream once more; if that was done a short while ago, it has failed."""
        now = time.monotonic()
        last = self._restarted_at
        if last is not None and now - last < _RESTART_EVERY * self.patience:
            self._fail(error)
            return
        self._begin_anew(restarted_at=now)

    @Slot(QVideoFrame)
    def _on_frame(self, frame: QVideoFrame) -> None:
        if self.sender() is not self._stream or self._watchdog is None or not is_whole(frame):
            return
        self._watchdog.start(round(1000 * self.patience))
        self._deliver(frame)

    @Slot(str)
    def _on_failed(self, reason: str) -> None:
        if self.sender() is not self._stream:
            return
        error = CameraBusyError(
            name=self.name, reason=reason.strip().rstrip(".") or "the system gives no reason"
        )
        if self.state is State.RUNNING:
            # It has worked: a computer that wakes up breaks streams, and so does a pulled cable,
            # of which we hear in a moment.
            self._restart_or_fail(error)
        else:
            self._fail(error)

    @Slot()
    def _on_silence(self) -> None:
        if self.sender() is self._watchdog:
            self._restart_or_fail(CameraSilentError(name=self.name))
