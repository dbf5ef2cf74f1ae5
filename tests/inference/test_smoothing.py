"""Calm predictions: bounded, normalised, the same at any rate, and never of something former."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vggscope.inference.smoothing import PAUSE, SMOOTHINGS, TIME_CONSTANTS, Smoother, Smoothing

if TYPE_CHECKING:
    from numpy.typing import NDArray

CAT = np.array([1, 0, 0], np.float32)
DOG = np.array([0, 1, 0], np.float32)
ON: list[Smoothing] = ["gentle", "strong"]


def normalised(values: NDArray[Any]) -> NDArray[np.float32]:
    return (values / values.sum()).astype(np.float32)


Probabilities = arrays(np.float64, 5, elements=st.floats(0.001, 1)).map(normalised)
Streams = st.lists(
    st.tuples(Probabilities, st.floats(0, PAUSE, exclude_max=True)), min_size=1, max_size=30
)


def test_strengths_are_complete() -> None:
    assert SMOOTHINGS == ("off", "gentle", "strong")
    assert set(TIME_CONSTANTS) == set(SMOOTHINGS) - {"off"}


def test_off_changes_nothing() -> None:
    smoother = Smoother()
    for at, answer in enumerate([CAT, DOG, CAT]):
        assert smoother.smooth(answer, at * 0.1) is answer


@pytest.mark.parametrize("strength", ON)
@given(stream=Streams)
def test_bounded_and_normalised(
    strength: Smoothing, stream: list[tuple[NDArray[np.float32], float]]
) -> None:
    smoother, at = Smoother(strength), 100.0
    lowest, highest = np.ones(5), np.zeros(5)
    for answer, passed in stream:
        before, at = answer.copy(), at + passed
        shown = smoother.smooth(answer, at)
        np.testing.assert_array_equal(answer, before)
        assert shown.dtype == np.float32
        assert shown.shape == answer.shape
        assert abs(float(shown.sum(dtype=np.float64)) - 1) < 1e-6
        # No class is ever shown above, or below, all that was answered of it.
        lowest, highest = np.minimum(lowest, answer), np.maximum(highest, answer)
        assert (shown >= lowest - 1e-6).all()
        assert (shown <= highest + 1e-6).all()


@pytest.mark.parametrize("strength", ON)
@given(before=Probabilities, after=Probabilities, rate=st.floats(2, 70))
def test_converges_at_any_rate(
    strength: Smoothing,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    rate: float,
) -> None:
    smoother = Smoother(strength)
    shown = smoother.smooth(before, 0)
    count = math.ceil(10 * TIME_CONSTANTS[strength] * rate)
    distance = float(np.abs(shown - after).max())
    for number in range(1, count + 1):
        shown = smoother.smooth(after, number / rate)
        closer = float(np.abs(shown - after).max())
        assert closer <= distance + 1e-6
        distance = closer
    np.testing.assert_allclose(shown, after, atol=1e-4)


@pytest.mark.parametrize("strength", ON)
@pytest.mark.parametrize("rate", [5, 30, 70])
def test_a_change_shows_by_63_percent_after_tau(strength: Smoothing, rate: int) -> None:
    smoother, tau = Smoother(strength), TIME_CONSTANTS[strength]
    smoother.smooth(CAT, 0)
    steps = [*(number / rate for number in range(1, math.ceil(tau * rate))), tau]
    for at in steps:
        shown = smoother.smooth(DOG, at)
    np.testing.assert_allclose(shown, [math.exp(-1), 1 - math.exp(-1), 0], atol=1e-6)


def test_strong_is_calmer_than_gentle() -> None:
    shares = []
    for strength in ON:
        smoother = Smoother(strength)
        smoother.smooth(CAT, 0)
        shares.append(smoother.smooth(DOG, 0.1)[1])
    assert 0 < shares[1] < shares[0] < 1


@pytest.mark.parametrize("strength", ON)
def test_starts_anew_with_another_stream(strength: Smoothing) -> None:
    smoother = Smoother(strength)
    smoother.smooth(CAT, 0, stream=("camera", "vgg16"))
    assert smoother.smooth(DOG, 0.1, stream=("camera", "vgg16"))[0] > 0.5
    np.testing.assert_array_equal(smoother.smooth(DOG, 0.2, stream=("camera", "vgg19")), DOG)


def test_starts_anew_with_other_classes() -> None:
    smoother = Smoother("strong")
    smoother.smooth(CAT, 0)
    two = np.array([0.25, 0.75], np.float32)
    np.testing.assert_array_equal(smoother.smooth(two, 0.1), two)


@pytest.mark.parametrize("passed", [PAUSE + 0.01, 3600, -0.01])
def test_starts_anew_after_a_pause_and_when_time_runs_backwards(passed: float) -> None:
    smoother = Smoother("strong")
    smoother.smooth(CAT, 10)
    np.testing.assert_array_equal(smoother.smooth(DOG, 10 + passed), DOG)


def test_goes_on_after_less_than_a_pause() -> None:
    smoother = Smoother("strong")
    smoother.smooth(CAT, 10)
    assert smoother.smooth(DOG, 10 + PAUSE - 0.01)[0] > 0.2


def test_starts_anew_after_reset_and_after_off() -> None:
    smoother = Smoother("strong")
    smoother.smooth(CAT, 0)
    smoother.reset()
    np.testing.assert_array_equal(smoother.smooth(DOG, 0.1), DOG)
    smoother.strength = "off"
    smoother.smooth(CAT, 0.2)
    smoother.strength = "strong"
    np.testing.assert_array_equal(smoother.smooth(CAT, 0.3), CAT)


def test_another_strength_goes_on_from_what_was_shown() -> None:
    smoother = Smoother("gentle")
    smoother.smooth(CAT, 0)
    smoother.strength = "strong"
    shown = smoother.smooth(DOG, 0.5)
    np.testing.assert_allclose(shown[0], math.exp(-0.5), atol=1e-6)


@pytest.mark.parametrize("strength", ON)
def test_rough_sums_are_put_right(strength: Smoothing) -> None:
    rough = np.array([0.5, 0.4, 0.095], np.float32)
    smoother = Smoother(strength)
    for at in range(20):
        shown = smoother.smooth(rough, at * 0.03)
    np.testing.assert_allclose(shown, rough / 0.995, rtol=1e-5)
