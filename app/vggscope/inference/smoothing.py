"""Probabilities that move calmly: exponential smoothing over time.

The smoothed probabilities s follow the raw ones p as a first-order low-pass filter does:

    s(t) = s(t − Δt) + α · (p(t) − s(t − Δt)),    α = 1 − exp(−Δt / τ)

(simple exponential smoothing, R. G. Brown, *Exponential Smoothing for Predicting Demand*, 1956,
with the α of a constant input over Δt, so that measurements need not be equally far apart: see
A. Eckner, *Algorithms for Unevenly Spaced Time Series*, "EMA next"). α comes from the time that
has passed and not from the number of inferences: after τ seconds a change shows by 63 %, at 5
inferences per second as at 70.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy as np
    from numpy.typing import NDArray

Smoothing: TypeAlias = Literal["off", "gentle", "strong"]
"""How calmly predictions move."""

SMOOTHINGS: Final[tuple[Smoothing, ...]] = get_args(Smoothing)
TIME_CONSTANTS: Final[dict[Smoothing, float]] = {"gentle": 0.25, "strong": 1.0}
"""τ in seconds. A quarter takes the flicker out of a still scene and is hardly noticed when the
scene changes; with a second, what passes by quickly does not show at all."""

PAUSE: Final = 1.5
"""Seconds after which what was seen before has nothing to do with what is seen now. A device that
needs longer for one picture is calm by itself."""


class Smoother:
    """Smooths the probabilities of one stream of pictures; owned by the thread that calls it.

    Attributes:
        strength: how much from now on.
    """

    def __init__(self, strength: Smoothing = "off") -> None:
        self.strength: Smoothing = strength
        self._smoothed: NDArray[np.float64] | None = None
        self._at = 0.0
        self._stream: Hashable = None

    def smooth(
        self, probabilities: NDArray[np.float32], at: float, *, stream: Hashable = None
    ) -> NDArray[np.float32]:
        """The smoothed probabilities at the time ``at``.

        It starts anew, from ``probabilities`` alone, with another stream or another number of
        classes, after a pause, and when time runs backwards.

        Args:
            probabilities: float32 [classes], 0..1, summing to about 1. Not changed.
            at: seconds on a clock that does not jump (``time.perf_counter()``), when the picture
                was taken: what a network needs to answer must not count twice.
            stream: what the probabilities are of (source, model): another one starts anew.

        Returns:
            float32 [classes], 0..1, summing to 1; if off, ``probabilities`` themselves.
        """
        strength = self.strength
        if strength == "off":
            self.reset()
            return probabilities
        before, passed = self._smoothed, at - self._at
        if (
            before is None
            or stream != self._stream
            or before.shape != probabilities.shape
            or not 0 <= passed <= PAUSE
        ):
            smoothed = probabilities.astype("float64")
        else:
            alpha = -math.expm1(-passed / TIME_CONSTANTS[strength])
            smoothed = before + alpha * (probabilities - before)
        # What a device in half precision answers sums to 1 only roughly.
        smoothed /= smoothed.sum()
        self._smoothed, self._at, self._stream = smoothed, at, stream
        return smoothed.astype("float32")

    def reset(self) -> None:
        """Start anew with the next probabilities."""
        self._smoothed = None
