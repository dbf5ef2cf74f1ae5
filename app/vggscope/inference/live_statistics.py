"""How live a live source is: rates, latency, and what was left out, over hours in little memory."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW: Final = 2.0
"""Seconds that the rates and latencies in the window are of: long enough to be readable, short
enough to tell at once when something stalls."""

_FINEST: Final = 0.01
_COARSEST: Final = 3_600_000.0
_STEP: Final = math.log(1.01)
LATENCY_ERROR: Final = 0.005
"""Relative error of latencies over the whole time: half a bin of the histogram."""


class LiveStatistics:
    """What happened since a source began; another source gets another one. For any threads.

    Times are seconds of the clock; latencies are milliseconds. Percentiles are measured values,
    never values in between: the smallest that at least that share of all does not exceed (nearest
    rank). Over the whole time they come from a histogram with bins of 1 % width, and so are
    right to 0.5 %, from 0.01 ms to an hour.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._frames = self._inferred = self._unreadable = 0
        self._source, self._inference = _Rate(), _Rate()
        self._recent: deque[tuple[float, float]] = deque()
        self._histogram = _Histogram()
        self._last: float | None = None
        self._began: float | None = None
        self._latest: float | None = None
        self._before_pause = 0.0

    def note_frame(self) -> None:
        """A frame has come from the source."""
        with self._lock:
            self._latest = now = self._clock()
            if self._began is None:
                self._began = now
            self._frames += 1
            self._source.note(now)

    def note_inferred(self, latency: float) -> None:
        """A frame was answered, ``latency`` milliseconds after it had come."""
        with self._lock:
            self._inferred += 1
            self._histogram.note(latency)
            self._last = latency
            # One that was in the works when the pause began must not end it.
            if self._began is None:
                return
            self._latest = now = self._clock()
            self._inference.note(now)
            self._recent.append((now, latency))
            while self._recent[0][0] <= now - WINDOW:
                self._recent.popleft()

    def note_unreadable(self) -> None:
        """A frame was taken, but its pixels could not be had."""
        with self._lock:
            self._unreadable += 1

    def pause(self) -> None:
        """Nothing is expected until the next frame: that time does not count."""
        with self._lock:
            self._before_pause = self._seconds()
            self._began = self._latest = None
            self._source, self._inference = _Rate(), _Rate()
            self._recent.clear()

    @property
    def frames(self) -> int:
        """Frames that came from the source."""
        return self._frames

    @property
    def inferred(self) -> int:
        """Frames that were answered."""
        return self._inferred

    @property
    def unreadable(self) -> int:
        """Frames that were taken and whose pixels could not be had."""
        return self._unreadable

    @property
    def dropped(self) -> int:
        """Frames that were not answered, unreadable ones and one in the works included."""
        with self._lock:
            return self._dropped()

    @property
    def dropped_share(self) -> float:
        """The share of the frames that were not answered, 0..1; 0 before the first."""
        with self._lock:
            return self._dropped() / self._frames if self._frames else 0.0

    @property
    def dropped_now(self) -> float:
        """The share of the frames that are not answered at present, in the window, 0..1."""
        with self._lock:
            now = self._clock()
            source, answers = self._source.at(now), self._inference.at(now)
        return max(0.0, 1 - answers / source) if source else 0.0

    @property
    def seconds(self) -> float:
        """From the first frame to the latest event, without pauses."""
        with self._lock:
            return self._seconds()

    @property
    def source_fps(self) -> float:
        """Frames per second from the source, in the window; 0 before the second one."""
        with self._lock:
            return self._source.at(self._clock())

    @property
    def inference_fps(self) -> float:
        """Answers per second, in the window; 0 before the second one."""
        with self._lock:
            return self._inference.at(self._clock())

    @property
    def latency_last(self) -> float | None:
        """Of the latest answer; None before the first."""
        return self._last

    @property
    def latency_median(self) -> float | None:
        """In the window; None if nothing was answered in it."""
        return self._percentile(50)

    @property
    def latency_p95(self) -> float | None:
        """In the window; None if nothing was answered in it."""
        return self._percentile(95)

    def summary(self) -> dict[str, int | float | None]:
        """Of the whole time, for machines: counts, shares, rates, milliseconds.

        ``source_fps`` and ``inference_fps`` are frames and answers per second of ``seconds``.
        Latencies are None if nothing was answered.
        """
        with self._lock:
            seconds, dropped = self._seconds(), self._dropped()
            median, p95 = self._histogram.percentile(50), self._histogram.percentile(95)
            return {
                "frames": self._frames,
                "inferred": self._inferred,
                "dropped": dropped,
                "dropped_share": round(dropped / self._frames, 4) if self._frames else 0.0,
                "unreadable": self._unreadable,
                "seconds": round(seconds, 3),
                "source_fps": round(self._frames / seconds, 2) if seconds else 0.0,
                "inference_fps": round(self._inferred / seconds, 2) if seconds else 0.0,
                "latency_median": None if median is None else round(median, 3),
                "latency_p95": None if p95 is None else round(p95, 3),
            }

    def _seconds(self) -> float:
        if self._began is None or self._latest is None:
            return self._before_pause
        return self._before_pause + self._latest - self._began

    def _dropped(self) -> int:
        # Whoever notes a frame and an answer at the same time does so in any order.
        return max(0, self._frames - self._inferred)

    def _percentile(self, percent: int) -> float | None:
        with self._lock:
            since = self._clock() - WINDOW
            values = sorted(latency for at, latency in self._recent if at > since)
        return values[_rank(percent, len(values)) - 1] if values else None


def _rank(percent: int, count: int) -> int:
    """Which of ``count`` sorted values, from 1, is the smallest that ``percent`` do not exceed."""
    return max(1, -(-percent * count // 100))


class _Rate:
    """Events per second: from the events of the last seconds and the one before them, two at least.

    Counted between events, not by the window: 0.7 per second is no less exact than 70.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def note(self, now: float) -> None:
        self._times.append(now)
        self._trim(now)

    def at(self, now: float) -> float:
        self._trim(now)
        if len(self._times) < 2 or now <= self._times[0]:
            return 0.0
        intervals, span = len(self._times) - 1, self._times[-1] - self._times[0]
        # An event that is overdue lowers the rate before it comes.
        overdue = (intervals + 1) / (now - self._times[0])
        return min(overdue, intervals / span) if span > 0 else overdue

    def _trim(self, now: float) -> None:
        while len(self._times) > 2 and self._times[1] <= now - WINDOW:
            self._times.popleft()


class _Histogram:
    """Counts by logarithm: percentiles of any number of values in 20 kB."""

    def __init__(self) -> None:
        self._bins = [0] * (math.ceil(math.log(_COARSEST / _FINEST) / _STEP) + 1)
        self._count = 0
        self._least, self._most = math.inf, -math.inf

    def note(self, value: float) -> None:
        inside = min(max(value, _FINEST), _COARSEST)
        self._bins[int(math.log(inside / _FINEST) / _STEP)] += 1
        self._count += 1
        self._least, self._most = min(self._least, value), max(self._most, value)

    def percentile(self, percent: int) -> float | None:
        """None if there are no values."""
        if not self._count:
            return None
        rank, seen, index = _rank(percent, self._count), 0, 0
        for index, count in enumerate(self._bins):  # noqa: B007 (the bin at which it stops)
            seen += count
            if seen >= rank:
                break
        middle = _FINEST * math.exp((index + 0.5) * _STEP)
        return min(max(middle, self._least), self._most)
