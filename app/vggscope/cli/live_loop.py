"""One live source through one network, without a window, until it is over."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtMultimedia import QVideoFrame

from vggscope.errors import (
    CameraUnpluggedError,
    Cancelled,
    FrameUnreadableError,
    VggscopeError,
    VideoCutOffError,
)
from vggscope.inference.live import LiveClassifier, LiveFrame
from vggscope.inference.live_statistics import LiveStatistics
from vggscope.inference.mailbox import Mailbox
from vggscope.inference.runtime import Cancellation
from vggscope.sources.live.base import State
from vggscope.sources.live.mapping import picture_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.inference.classifier import Classifier
    from vggscope.inference.live import LiveResult
    from vggscope.inference.smoothing import Smoothing
    from vggscope.sources.live.base import LiveSource

_EPOCH: Final = 1
"""There is one source, and never another."""


@dataclass(slots=True)
class Ending:
    """How it went.

    Attributes:
        error: what ended it before its time; of any kind if it came from the network or from
            writing.
        has_gaps: something is missing: the end of the video, the camera, some frames' pixels.
        signal: number of the system's signal that ended it; None if none did.
        hangs: the network still works on something and will not be waited for: leave by
            ``os._exit``, where Python would wait.
    """

    error: Exception | None = None
    has_gaps: bool = False
    signal: int | None = None
    hangs: bool = False


class LiveLoop(QObject):
    """Feeds the newest frame of a source to the network whenever that is free.

    Frames come in through the event loop of the thread that made this, which must be the main one.
    The classifier is loaded by another thread, first of all, and stays there.

    Attributes:
        statistics: counts frames and answers while ``run`` runs.
        classifier: None until it is loaded.

    Signals:
        noticed: a ``VggscopeError`` that is worth telling and has not ended anything.
    """

    noticed = Signal(object)

    _loaded = Signal()
    _worked = Signal()

    def __init__(
        self,
        source: LiveSource,
        load: Callable[[Cancellation], Classifier],
        write: Callable[[LiveResult], object],
        *,
        seconds: float | None = None,
        smoothing: Smoothing = "off",
    ) -> None:
        """Prepare it.

        Args:
            source: not started yet; stopped at the end.
            load: makes the classifier, or raises ``Cancelled`` when it is asked for.
            write: gets each answer, on the network's thread, which waits for it: a slow reader
                costs frames, not memory.
            seconds: how long, from the first frame; None until the source is over.
            smoothing: how calmly predictions move.
        """
        super().__init__()
        self.statistics = LiveStatistics()
        self.classifier: Classifier | None = None
        self._source, self._load, self._write = source, load, write
        self._seconds, self._smoothing = seconds, smoothing
        self._ending = Ending()
        self._is_over = self._has_worked = False
        self._is_absent = False
        self._began: float | None = None
        self._number = 0
        self._cancellation = Cancellation()
        self._changed = threading.Condition()
        self._mailbox: Mailbox[LiveFrame[QVideoFrame]] = Mailbox(self._changed)
        self._loop = QEventLoop()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._finish)
        # A daemon: nothing can end a device that hangs, but the program can.
        self._worker = threading.Thread(target=self._work, name="inference", daemon=True)
        queued = Qt.ConnectionType.QueuedConnection
        self._loaded.connect(self._start, queued)
        self._worked.connect(self._quit, queued)
        source.frame_ready.connect(self._on_frame)
        source.state_changed.connect(self._on_state)
        source.noticed.connect(self._on_notice)

    def run(self) -> Ending:
        """Run until the source is over, the time is up, or the system says so.

        A frame that has come before the end is still answered, except after a signal.
        """
        self._worker.start()
        self._loop.exec()
        self._is_over = True
        self._timer.stop()
        self._source.stop()
        if self._has_worked:
            self._worker.join()
        else:
            self._ending.hangs = True
        self._ending.has_gaps |= self._is_absent or self.statistics.unreadable > 0
        return self._ending

    @Slot(int)
    def end_by_signal(self, number: int) -> None:
        """The system wants this process to end; the second time nothing is waited for."""
        self._ending.signal = number
        if self._is_over:
            self._loop.quit()
        # Devices that are being tried, not what has come so far: an answer takes but a moment.
        if self.classifier is None:
            self._cancellation.cancel()
        self._mailbox.clear()
        self._finish()

    # On the main thread

    @Slot()
    def _start(self) -> None:
        if not self._is_over:
            self._source.start()

    @Slot(QVideoFrame)
    def _on_frame(self, frame: QVideoFrame) -> None:
        if self._is_over:
            return
        arrived = time.perf_counter()
        if self._began is None:
            self._began = arrived
            if self._seconds is not None:
                self._timer.start(round(self._seconds * 1000))
        self._number += 1
        seconds = self._source.seconds_of(frame)
        live_frame = LiveFrame(
            frame=QVideoFrame(frame),
            number=self._number,
            captured=datetime.now(UTC),
            arrived=arrived,
            seconds=arrived - self._began if seconds is None else seconds,
            epoch=_EPOCH,
            region=self._source.region,
        )
        self.statistics.note_frame()
        self._mailbox.put(live_frame)

    @Slot()
    def _on_state(self) -> None:
        state, error = self._source.state, self._source.error
        if self._is_over:
            return
        self._is_absent = False
        if state is State.ENDED:
            self._finish()
        elif isinstance(error, CameraUnpluggedError) and self._number:
            # The source waits for it to come back.
            self._is_absent = True
            self.statistics.pause()
            self.noticed.emit(error)
        elif error is not None:
            self._ending.error = error
            self._finish()

    @Slot(object)
    def _on_notice(self, error: VggscopeError) -> None:
        self._ending.has_gaps |= isinstance(error, VideoCutOffError)
        self.noticed.emit(error)

    @Slot()
    def _finish(self) -> None:
        """Take no more frames; it is over as soon as the last one is answered."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    @Slot()
    def _quit(self) -> None:
        self._loop.quit()

    # On the network's thread

    def _work(self) -> None:
        try:
            self.classifier = classifier = self._load(self._cancellation)
            live = LiveClassifier[QVideoFrame](
                classifier, lambda f: picture_of(f.frame, f.region), smoothing=self._smoothing
            )
            self._loaded.emit()
            while (frame := self._next_frame()) is not None:
                self._look_at(frame, live)
        except Cancelled:
            pass
        except Exception as error:  # noqa: BLE001 (handed to the main thread, which raises it)
            self._ending.error = error
        self._has_worked = True
        self._worked.emit()

    def _next_frame(self) -> LiveFrame[QVideoFrame] | None:
        """The newest frame, as soon as there is one; None if there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or not self._mailbox.is_empty)
            return self._mailbox.take(timeout=0)

    def _look_at(self, frame: LiveFrame[QVideoFrame], live: LiveClassifier[QVideoFrame]) -> None:
        had_failed = live.classifier.failure is not None
        try:
            result = live.classify(frame)
        except FrameUnreadableError as error:
            if not self.statistics.unreadable:
                self.noticed.emit(error)
            self.statistics.note_unreadable()
            return
        self._write(result)
        self.statistics.note_inferred(result.latency)
        if live.classifier.failure is not None and not had_failed:
            # The CPU has taken over.
            self.noticed.emit(live.classifier.failure)
