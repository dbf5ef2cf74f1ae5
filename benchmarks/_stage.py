"""The real window on a stage: what `live.py` has it do, and what it sees of it meanwhile."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import psutil
from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer

from _photos import camera_photo, samples
from vggscope import Classifier
from vggscope.sources.frame import Frame, Origin
from vggscope.sources.live.base import State
from vggscope.sources.live.video import VideoSource
from vggscope.ui.canvas import Canvas
from vggscope.ui.main_window import MainWindow
from vggscope.ui.settings import DEVICE, MODEL, Settings
from vggscope.ui.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QApplication

    from vggscope.ui.live.session import LiveSession

WINDOW: Final = (1280, 800)
SETTLE: Final = 1.0
"""Seconds from the beginning of a round to that of its measurements."""


class Round(float):
    """Seconds per inference (NaN without any), and what else was seen in a round.

    Attributes:
        delays: of the event loop, in milliseconds.
        painted, delivered: pictures painted, frames that came to the window, per second.
        paint_times: what painting the canvas took, in milliseconds.
        cpu: per cent of one core that the process took.
    """

    delays: list[float]
    paint_times: list[float]
    painted: float
    delivered: float
    cpu: float

    @classmethod
    def joined(cls, rounds: Sequence[Round]) -> Round:
        """All of ``rounds``."""
        whole = cls(np.mean(rounds))
        whole.delays = [delay for each in rounds for delay in each.delays]
        whole.paint_times = [paint for each in rounds for paint in each.paint_times]
        whole.painted = float(np.mean([each.painted for each in rounds]))
        whole.delivered = float(np.mean([each.delivered for each in rounds]))
        whole.cpu = float(np.mean([each.cpu for each in rounds]))
        return whole

    @property
    def paint_ms(self) -> float:
        """Median milliseconds to paint the canvas."""
        return float(np.median(self.paint_times))

    def percentile(self, percent: float) -> float:
        """Of the event loop's delay, in milliseconds."""
        return float(np.percentile(self.delays, percent))


class DelayProbe(QObject):
    """How late the event loop comes to what is due.

    Something is due 5 ms after the former; while the loop is late, so would all the others be that
    fell due meanwhile, and these count as well: one stall of 50 ms is ten delays, not one.
    """

    STEP: Final = 0.005

    def __init__(self) -> None:
        super().__init__()
        self.delays: list[float] = []
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._note)
        self._due = 0.0

    def start(self) -> None:
        """Begin."""
        self._arm()

    def stop(self) -> None:
        """End."""
        self._timer.stop()

    def _arm(self) -> None:
        self._due = time.perf_counter() + self.STEP
        self._timer.start(round(self.STEP * 1000))

    def _note(self) -> None:
        late = max(0.0, time.perf_counter() - self._due)
        self.delays.append(late * 1000)
        while (late := late - self.STEP) > 0:
            self.delays.append(late * 1000)
        self._arm()


@dataclass(eq=False)
class Paintings:
    """Counts the pictures that the canvas really painted."""

    times: list[float] = field(default_factory=list)
    count: int = 0
    _last: object = None

    def watch(self) -> None:
        """From now on, in every canvas that is made."""
        paint = Canvas.paintEvent

        def timed(canvas: Canvas, event: QPaintEvent) -> None:
            began = time.perf_counter()
            paint(canvas, event)
            self.times.append((time.perf_counter() - began) * 1000)
            if canvas._levels and canvas._levels[0] is not self._last:
                self._last = canvas._levels[0]
                self.count += 1

        Canvas.paintEvent = timed  # type: ignore[method-assign]


class BareLoop(threading.Thread):
    """Calls ``session.run`` on one prepared tensor until it is told to end."""

    def __init__(self, model: str, device: str) -> None:
        super().__init__(name="bare loop")
        self.ends: list[float] = []
        self._model, self._device = model, device
        self._ending = threading.Event()
        self.ready = threading.Event()

    def end(self) -> None:
        """End it, and wait for that."""
        self._ending.set()
        self.join()

    def run(self) -> None:
        classifier = Classifier.load(self._model, device=self._device)
        pixels = np.asarray(camera_photo(samples()[0], (256, 256)))
        run = classifier.bare_run(
            [Frame(pixels=pixels, size=(256, 256), origin=Origin(name="frame"))]
        )
        while not self._ending.is_set():
            run()
            self.ends.append(time.perf_counter())
            self.ready.set()


class Stage:
    """The real window, and what is done to it."""

    def __init__(self, application: QApplication) -> None:
        self.application = application
        self._paintings = Paintings()
        self._paintings.watch()
        self.settings = Settings(application)
        theme = Theme(application)
        theme.use("dark")
        self.window = MainWindow(self.settings, theme)
        self.window.resize(*WINDOW)
        self.window.painted.connect(self.window.begin)
        self.window.show()
        self._is_closed = False
        self._answers: list[float] = []
        self._is_watched = False

    def run(self, seconds: float) -> None:
        """Let the window live for so long."""
        loop = QEventLoop()
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
        """Let the window live until ``condition`` holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the window did not get there in {seconds:g} s: {what}")
            self.run(0.05)

    def close(self) -> None:
        """Close the window."""
        if not self._is_closed:
            self._is_closed = True
            self.window.close()

    @property
    def session(self) -> LiveSession:
        """Of live mode, which is on."""
        live = self.window.live
        if live is None:
            raise RuntimeError("QtMultimedia is missing")
        return live.session

    def use_model(self, model: str, device: str) -> str:
        """Change to a model and a device; the device's key once both are in use."""
        # What was never tried is tried now, and not between two rounds.
        key = Classifier.load(model, device=device).device.key
        self.settings.set(MODEL, model)
        self.settings.set(DEVICE, device)
        bench = self.window.workbench

        def is_there() -> bool:
            loaded = bench.model
            return (
                loaded is not None
                and (loaded.name, loaded.device_key) == (model, key)
                and not bench.roster.is_busy
            )

        self.until(is_there, f"{model} on {key}")
        gc.collect()
        return key

    def play(self, video: Path) -> None:
        """Play a video, again and again."""
        self.window.open_paths([str(video)])
        session = self.session
        if not self._is_watched:
            self._is_watched = True
            session.inferred.connect(lambda _: self._answers.append(time.perf_counter()))
        self.until(
            lambda: (
                isinstance(session.source, VideoSource)
                and session.source.path == str(video)
                and session.source.state is State.RUNNING
                and session.preview is not None
            ),
            f"playing {video.name}",
        )
        self._source.set_loops(True)

    @property
    def _source(self) -> VideoSource:
        source = self.session.source
        if not isinstance(source, VideoSource):
            raise TypeError("no video is playing")
        return source

    # The rivals, and what is measured of each

    def live(self, *, seconds: float) -> Round:
        """The inference thread looks at the newest frames."""
        self._source.seek(0.0)
        self.run(SETTLE)
        return self._observe(seconds, self._answers)

    def bare(self, *, seconds: float) -> Round:
        """A thread runs the network, with nothing before and after it."""
        loaded = self.window.workbench.model
        if loaded is None:
            raise RuntimeError("no model is loaded")
        loop = BareLoop(loaded.name, loaded.device_key)
        self._hide_frames()
        loop.start()
        try:
            self.until(loop.ready.is_set, "the bare loop")
            self._source.seek(0.0)
            self.run(SETTLE)
            return self._observe(seconds, loop.ends)
        finally:
            loop.end()
            self._show_frames()

    def alone(self, *, seconds: float) -> Round:
        """Pictures move, and nothing looks at them."""
        self._hide_frames()
        try:
            self._source.seek(0.0)
            self.run(SETTLE)
            return self._observe(seconds, [])
        finally:
            self._show_frames()

    def idle(self, *, seconds: float) -> Round:
        """The window as it is when it has just been opened."""
        self.until(
            lambda: self.window.workbench.model is not None and not self._is_deciding, "its model"
        )
        self.run(SETTLE)
        return self._observe(seconds, [])

    def cpu(self, seconds: float) -> float:
        """Per cent of one core."""
        process = psutil.Process()
        process.cpu_percent(None)
        self.run(seconds)
        return process.cpu_percent(None)

    @property
    def _is_deciding(self) -> bool:
        return self.window.workbench.roster.is_busy

    def _hide_frames(self) -> None:
        """Let the inference thread see no frame."""
        thread = self.window.workbench.inference
        thread.withdraw_live()
        thread.offer = lambda _frame: None  # type: ignore[method-assign]

    def _show_frames(self) -> None:
        """Let it see frames again."""
        del self.window.workbench.inference.offer

    def _observe(self, seconds: float, ends: list[float]) -> Round:
        paintings, probe = self._paintings, DelayProbe()
        paintings.times, painted = [], paintings.count
        live = self.window._live
        statistics = None if live is None else live.session.statistics
        delivered = 0 if statistics is None else statistics.frames
        ends.clear()
        began = time.perf_counter()
        probe.start()
        cpu = self.cpu(seconds)
        probe.stop()
        passed = time.perf_counter() - began
        times = list(ends)
        per_run = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else float("nan")
        made = Round(per_run)
        made.delays, made.paint_times = probe.delays, paintings.times
        made.painted = (paintings.count - painted) / passed
        made.delivered = 0.0 if statistics is None else (statistics.frames - delivered) / passed
        made.cpu = cpu
        return made
