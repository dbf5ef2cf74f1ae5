"""How far long work is, how fast it goes, how long it will take, and how much it is."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Step: TypeAlias = Literal["downloading", "verifying", "installing"]

_MEMORY: Final = 5.0
"""Seconds after which a change of speed is believed by two thirds."""
_OFTEN: Final = 0.1
"""Seconds between two reports: what reads them redraws something each time."""


def size_text(count: int, *, tenths: bool = True) -> str:
    """A number of bytes as disks and downloads have it: "840 B", "12 kB", "38.4 MB", "553 MB".

    Args:
        count: how many.
        tenths: whether a MB has them, where there are fewer than a hundred.
    """
    if count < 1000:
        return f"{count} B"
    if count < 10**6:
        return f"{count / 1e3:.0f} kB"
    if count < 10**9:
        return f"{count / 1e6:.{1 if tenths and count < 10**8 else 0}f} MB"
    return f"{count / 1e9:,.1f} GB"


def nothing(progress: Progress) -> None:
    """What is told of progress where nobody wants to know."""


def never() -> bool:
    """What asks for a stop where nobody can."""
    return False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        step: what is being done.
        done, total: in bytes.
        rate: bytes per second, smoothed; None until it is known.
        seconds_left: of this step; None until it is known.
    """

    step: Step
    done: int
    total: int
    rate: float | None = None
    seconds_left: float | None = None


class Meter:
    """Counts the bytes of one step, and reports them from time to time."""

    def __init__(
        self,
        step: Step,
        *,
        total: int,
        report: Callable[[Progress], None],
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._step: Step = step
        self._total = total
        self._report = report
        self._clock = clock
        self._done = self._seen = done
        self._rate: float | None = None
        self._last = clock()
        self._tell()

    def advance(self, count: int) -> None:
        """``count`` more bytes are done."""
        self.reach(self._done + count)

    def tick(self) -> None:
        """Time has passed, whether anything was done or not."""
        self.reach(self._done)

    def reach(self, done: int) -> None:
        """``done`` bytes are done in all; fewer than before, if some have to be done again."""
        now = self._clock()
        went_back = done < self._done
        self._done = done
        if went_back:
            self._seen, self._last, self._rate = done, now, None
            self._tell()
            return
        elapsed = now - self._last
        is_new_end = done == self._total and self._seen != done
        if elapsed < _OFTEN and not is_new_end:
            return
        if elapsed > 0:
            rate = (done - self._seen) / elapsed
            weight = 1.0 if self._rate is None else 1 - math.exp(-elapsed / _MEMORY)
            self._rate = rate if self._rate is None else self._rate + weight * (rate - self._rate)
            self._last, self._seen = now, done
        self._tell()

    def _tell(self) -> None:
        left = (self._total - self._done) / self._rate if self._rate and self._rate > 1 else None
        self._report(Progress(self._step, self._done, self._total, self._rate, left))
