"""A camera source under test, and what to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QEvent, QObject

from vggscope.sources.live.base import State
from vggscope.sources.live.camera import CameraSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtMultimedia import QVideoFrame

    from doubles.cameras import PretendCameras
    from vggscope.errors import LiveError

PATIENCE: Final = 0.25
"""Seconds; frames come every 33 ms."""


class Watched(CameraSource):
    """A source and what it has told.

    Attributes:
        system: the cameras of its computer.
        frames, states: all that it has delivered, and been.
    """

    def __init__(self, system: PretendCameras, wanted: bytes | str = "") -> None:
        super().__init__(system, wanted)
        self.patience = PATIENCE
        self.system = system
        self.frames: list[QVideoFrame] = []
        self.states: list[State] = []
        self.frame_ready.connect(self.frames.append)
        self.state_changed.connect(lambda: self.states.append(self.state))

    @property
    def shown(self) -> bytes:
        """Id of the camera whose light is on; there must be one."""
        (stream,) = self.system.lit
        return stream.camera.id


def remains(source: CameraSource) -> list[QObject]:
    """What a source still owns."""
    delete_now()
    return source.findChildren(QObject)


def delete_now() -> None:
    """Delete what is to be deleted later."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def failed_with(source: CameraSource, kind: type[LiveError]) -> Callable[[], bool]:
    return lambda: source.state is State.FAILED and isinstance(source.error, kind)


def running(source: Watched) -> Callable[[], bool]:
    """Whether pictures come, and more of them than when it was called."""
    before = len(source.frames)
    return lambda: source.state is State.RUNNING and len(source.frames) > before
