"""The preview thread: frames as they come, converted for the screen at the size shown.

Not on the UI thread, which would lose 7 ms of every 33 (1080p, benchmarks/live.py), and not with
``QVideoFrame.toImage``, which holds Python's lock all the time that it takes.
"""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QDeadlineTimer, QObject, QRectF, QSize, QThread, Signal
from PySide6.QtGui import QImage

from vggscope.errors import FrameUnreadableError, VggscopeError
from vggscope.inference.mailbox import Mailbox
from vggscope.sources.live.mapping import picture_of

if TYPE_CHECKING:
    from typing import TypeAlias

    from PySide6.QtMultimedia import QVideoFrame

    from vggscope.inference.live import LiveFrame

Shot: TypeAlias = "LiveFrame[QVideoFrame]"
"""A frame of a source of this program."""

_PATIENCE_MS = 5000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """How a picture is shown.

    Attributes:
        room: (width, height) that it may fill, in pixels of the screen.
        scale: pixels of the screen per pixel of the picture; None to fit it into ``room``.
        part: what of it is seen, in its pixels as they are shown: left, top, right, bottom; None
            for all of it.
        mirrored: left and right are exchanged.
    """

    room: tuple[int, int]
    scale: float | None = None
    part: tuple[float, float, float, float] | None = None
    mirrored: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A frame, ready for the screen.

    Attributes:
        frame: what it shows.
        image: ``part`` of the picture, in no more pixels than it has.
        part: in the picture's pixels as they are shown.
        size: of the whole picture in its own pixels.
    """

    frame: Shot
    image: QImage
    part: QRectF
    size: QSize


class PreviewThread(QThread):
    """Converts the newest frame whenever it has nothing else to do.

    Signals:
        ready: there is something to ``take``.
        unreadable: (frame, ``VggscopeError``): a frame has no pixels.
    """

    ready = Signal()
    unreadable = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("preview")
        self._frames: Mailbox[Shot] = Mailbox()
        self._done_lock = threading.Lock()
        self._done: Preview | None = None
        self._place = Place((1, 1))

    def show(self, frame: Shot, place: Place) -> None:
        """Convert ``frame`` for ``place``, unless a newer one comes before its turn."""
        self._place = place
        self._frames.put(frame)

    def take(self) -> Preview | None:
        """The newest picture that was not taken yet."""
        with self._done_lock:
            done, self._done = self._done, None
            return done

    def forget(self) -> None:
        """Neither convert nor keep anything that came before."""
        self._frames.clear()
        self.take()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._frames.close()
        if not self.wait(QDeadlineTimer(_PATIENCE_MS)):
            _log.error("The preview thread does not end")

    def _convert_next(self) -> bool:
        """Wait for a frame, and convert it; False if there will be none any more.

        While it waits, nothing keeps the former frame and its picture alive.
        """
        frame = self._frames.take()
        if frame is None:
            return False
        try:
            preview = _converted(frame, self._place)
        except VggscopeError as error:
            self.unreadable.emit(frame, error)
            return True
        except Exception as error:  # noqa: BLE001 (logged and told; the next frame may be fine)
            _log.exception("A frame could not be converted")
            self.unreadable.emit(frame, FrameUnreadableError(reason=type(error).__name__))
            return True
        with self._done_lock:
            is_told, self._done = self._done is not None, preview
        # Once: a busy window takes the newest, and finds no heap of signals.
        if not is_told:
            self.ready.emit()
        return True

    # Qt overrides

    def run(self) -> None:
        while self._convert_next():
            pass


def _converted(frame: Shot, place: Place) -> Preview:
    with picture_of(frame.frame, frame.region) as picture:
        width, height = picture.size
        scale = place.scale
        if scale is None:
            scale = min(place.room[0] / width, place.room[1] / height)
        left, top, right, bottom = _inside(place.part, width, height)
        scale = min(scale, 1.0)
        size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
        # What is shown mirrored lies on the other side in the picture itself.
        across = (width - right, width - left) if place.mirrored else (left, right)
        box = (float(across[0]), float(top), float(across[1]), float(bottom))
        pixels = picture.screen_pixels(size, box=box, mirrored=place.mirrored)
    # Copied: QImage does not keep what it looks at alive.
    image = QImage(pixels, *size, 4 * size[0], QImage.Format.Format_RGB32).copy()
    part = QRectF(left, top, right - left, bottom - top)
    return Preview(frame, image, part, QSize(width, height))


def _inside(
    part: tuple[float, float, float, float] | None, width: int, height: int
) -> tuple[int, int, int, int]:
    """``part`` in whole pixels of a picture; all of it if it is not one of its parts."""
    if part is not None:
        left, top = max(0, math.floor(part[0])), max(0, math.floor(part[1]))
        right, bottom = min(width, math.ceil(part[2])), min(height, math.ceil(part[3]))
        if left < right and top < bottom:
            return left, top, right, bottom
    return 0, 0, width, height
