"""What all sources of moving pictures have in common."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtMultimedia import QVideoFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vggscope.errors import VggscopeError

Region = tuple[int, int, int, int]
"""x, y, width, height in pixels of the source's picture."""


class State(Enum):
    """What a source does."""

    STOPPED = auto()
    """Nothing is asked of it."""
    STARTING = auto()
    """It was started; its first picture has not come."""
    RUNNING = auto()
    """Pictures come."""
    PAUSED = auto()
    """It goes on where it stands when it is started again."""
    ENDED = auto()
    """There are no more pictures; started again, it begins anew."""
    FAILED = auto()
    """``error`` tells why no pictures come. Starting it again tries again."""


@dataclass(frozen=True, slots=True)
class Format:
    """A way in which a source can deliver pictures.

    Attributes:
        width, height: in pixels.
        fps: pictures per second, at most.
        coding: name of the pixel format, for people ("NV12").
    """

    width: int
    height: int
    fps: float
    coding: str


class LiveSource(QObject):
    """A camera, a video or a screen. Lives on the thread that made it.

    It is started, paused and stopped any number of times. None of the three waits for pictures;
    letting go of a decoder or a camera may take some hundredths of a second.

    Attributes:
        name: of the camera, the file, the screen; for people.
        state: what it does now.
        error: why it has failed; None in every other state.
        region: the part of its pictures that counts; None for all of it.

    Signals:
        frame_ready: a valid ``QVideoFrame``.
        state_changed: ``state`` is another.
        formats_changed: ``formats`` or ``format`` are others.
        noticed: a ``VggscopeError`` that is worth telling and has not ended anything.
    """

    frame_ready = Signal(QVideoFrame)
    state_changed = Signal()
    formats_changed = Signal()
    noticed = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.state = State.STOPPED
        self.error: VggscopeError | None = None
        self.region: Region | None = None

    @property
    def formats(self) -> Sequence[Format]:
        """The ways to deliver pictures that can be chosen; empty if there is no choice."""
        return ()

    @property
    def format(self) -> Format | None:
        """The one in use; None if that is not known."""
        return None

    def use_format(self, wanted: Format) -> None:
        """Deliver pictures as ``wanted``, one of ``formats``, from now on."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin, go on, or try again."""
        raise NotImplementedError

    def pause(self) -> None:
        """Deliver nothing, and use no processor, until it is started again."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it, and let go of the camera, the file, the screen."""
        raise NotImplementedError

    def seconds_of(self, frame: QVideoFrame) -> float | None:
        """Where in the source's own time ``frame`` lies; None where it has none."""
        begins = frame.startTime()
        return begins / 1e6 if begins >= 0 else None

    def _enter(self, state: State, error: VggscopeError | None = None) -> None:
        """Be in ``state`` from now on."""
        if (state, error) == (self.state, self.error):
            return
        self.state, self.error = state, error
        self.state_changed.emit()

    def _deliver(self, frame: QVideoFrame) -> None:
        """Hand on a frame, if it is one: the last one of a video is not."""
        if not frame.isValid() or frame.size().isEmpty():
            return
        if self.state is State.STARTING:
            self._enter(State.RUNNING)
        if self.state is State.RUNNING:
            self.frame_ready.emit(frame)
