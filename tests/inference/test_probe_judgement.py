"""What the probe makes of answers: how far a device may be from the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vggscope.errors import WrongResultError
from vggscope.inference.devices import devices_of
from vggscope.inference.hardware import Hardware
from vggscope.inference.probe import Measurement, Status, Verdict, judge
from vggscope.inference.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

[CARD] = devices_of(PROVIDERS["webgpu"], [Hardware("Imaginary 9000", "gpu")])
LEFT = {"Softmax": 1}


def measurement(rows: Sequence[Sequence[float]] | Rows, milliseconds: float = 2.0) -> Measurement:
    values = np.asarray(rows, np.float32)
    return Measurement(values.tobytes(), values.shape[1], milliseconds, LEFT)


def verdict(actual: Any, expected: Any, *, quantized: bool = False) -> Verdict:
    return judge(CARD, measurement(actual), measurement(expected, 9.0), quantized=quantized)


def reason(found: Verdict) -> str:
    """Why the device is refused; "" if it is not."""
    assert (found.status is Status.REFUSED) is (found.problem is not None)
    if found.error is None:
        assert found.status is Status.VERIFIED
        return ""
    assert isinstance(found.error, WrongResultError)
    why = str(found.error.details["reason"])
    assert found.error.message == f"{CARD.name} computes wrong results: {why}."
    return why


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Rows, Rows]:
    """Probabilities of some photos, and others that are more or less near them."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 6)))
    weights = arrays(np.float64, shape, elements=st.floats(1e-3, 1))
    one, other = (rows / rows.sum(axis=1, keepdims=True) for rows in (draw(weights), draw(weights)))
    share = draw(st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.3, 1.0]))
    return one.astype(np.float32), ((1 - share) * one + share * other).astype(np.float32)


def lead(row: Rows) -> float:
    best, *others = sorted(map(float, row), reverse=True)
    return best - max(others, default=0.0)


# --- any model ----------------------------------------------------------------------------------


@given(rows=pairs(), quantized=st.booleans())
def test_the_same_answers_are_right(rows: tuple[Rows, Rows], quantized: bool) -> None:
    found = verdict(rows[0], rows[0], quantized=quantized)
    assert reason(found) == ""
    assert (found.difference, found.agreeing, found.photos) == (0, len(rows[0]), len(rows[0]))


@given(rows=pairs(), quantized=st.booleans())
def test_the_figures_are_told_whatever_the_verdict(
    rows: tuple[Rows, Rows], quantized: bool
) -> None:
    expected, actual = rows
    found = verdict(actual, expected, quantized=quantized)
    assert (found.milliseconds, found.on_cpu) == (2.0, LEFT)
    assert found.difference == pytest.approx(abs(expected - actual).max())
    assert found.agreeing == sum(
        list(one).index(max(one)) == list(other).index(max(other))
        for one, other in zip(expected, actual, strict=True)
    )
    assert found.photos == len(expected)
    # They survive the file that they are kept in.
    assert msgspec.json.decode(msgspec.json.encode(found), type=Verdict) == found


@given(rows=pairs(), quantized=st.booleans(), data=st.data())
def test_the_order_of_the_photos_does_not_matter(
    rows: tuple[Rows, Rows], quantized: bool, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(rows[0]))))
    expected, actual = rows
    one = verdict(actual, expected, quantized=quantized)
    other = verdict(actual[order], expected[order], quantized=quantized)
    assert (one.status, one.agreeing) == (other.status, other.agreeing)


@pytest.mark.parametrize("quantized", [False, True])
def test_neighbouring_classes_exchanged_are_wrong(quantized: bool) -> None:
    expected = [[0.9, 0.05, 0.05], [0.1, 0.1, 0.8]]
    actual = np.roll(np.asarray(expected), 1, axis=1)
    found = verdict(actual, expected, quantized=quantized)
    assert reason(found)
    assert found.agreeing == 0


@pytest.mark.parametrize("quantized", [False, True])
def test_one_class_leaves_nothing_to_be_wrong(quantized: bool) -> None:
    assert reason(verdict([[1.0], [1.0]], [[1.0], [1.0]], quantized=quantized)) == ""
    assert reason(verdict([[0.999], [1.001]], [[1.0], [1.0]], quantized=quantized)) == ""


@pytest.mark.parametrize("quantized", [False, True])
def test_ties_have_no_winner(quantized: bool) -> None:
    found = verdict([[0.26, 0.24, 0.26, 0.24]], [[0.25] * 4], quantized=quantized)
    assert reason(found) == ""
    found = verdict([[0.24, 0.26, 0.25, 0.25]], [[0.25] * 4], quantized=quantized)
    assert (reason(found), found.agreeing) == ("", 0)


# --- floating point -----------------------------------------------------------------------------


@given(pairs())
def test_floats_are_right_exactly_if_no_probability_is_far(rows: tuple[Rows, Rows]) -> None:
    expected, actual = rows
    found = verdict(actual, expected)
    is_near = all(
        abs(one - other) <= np.float32(0.02)
        for one, other in zip(expected.ravel(), actual.ravel(), strict=True)
    )
    assert (reason(found) == "") is is_near
    if is_near:
        # Which leaves the clear photos their class.
        for one, other in zip(expected, actual, strict=True):
            assert lead(one) <= 0.0401 or one.argmax() == other.argmax()


@given(rows=pairs(), data=st.data())
def test_the_order_of_the_classes_does_not_matter(
    rows: tuple[Rows, Rows], data: st.DataObject
) -> None:
    expected, actual = rows
    order = data.draw(st.permutations(range(expected.shape[1])))
    one, other = verdict(actual, expected), verdict(actual[:, order], expected[:, order])
    assert reason(one) == reason(other)
    assert one.difference == other.difference


@pytest.mark.parametrize(
    ("actual", "expected_reason"),
    [
        ([0.519, 0.481], ""),
        ([0.481, 0.519], ""),
        ([0.521, 0.479], "a probability differs by 0.021 from the CPU's"),
        ([0.56, 0.44], "a probability differs by 0.060 from the CPU's"),
        ([0.0, 1.0], "a probability differs by 0.500 from the CPU's"),
    ],
)
def test_the_limit_of_floats(actual: list[float], expected_reason: str) -> None:
    assert reason(verdict([actual], [[0.5, 0.5]])) == expected_reason


def test_one_probability_of_many_is_enough() -> None:
    expected = np.full((12, 1000), 1e-3, np.float32)
    actual = expected.copy()
    actual[7, 500] += 0.021
    assert reason(verdict(actual, expected)).startswith("a probability differs by 0.02")


def test_two_classes_that_are_close_may_change_places() -> None:
    found = verdict([[0.49, 0.51], [0.9, 0.1]], [[0.505, 0.495], [0.9, 0.1]])
    assert reason(found) == ""
    assert (found.agreeing, found.photos) == (1, 2)


# --- 8 bits -------------------------------------------------------------------------------------


@given(pairs())
def test_eight_bits_keep_the_class_of_clear_photos(rows: tuple[Rows, Rows]) -> None:
    expected, actual = rows
    wrong = sum(
        lead(one) > 0.2001 and one.argmax() != other.argmax()
        for one, other in zip(expected, actual, strict=True)
    )
    found = reason(verdict(actual, expected, quantized=True))
    if wrong:
        assert found.startswith("another top-1 class than the CPU's on ")
    else:
        assert not found or found.startswith(("another", "the top-1 class' probability differs"))


@pytest.mark.parametrize(
    ("expected", "actual", "expected_reason"),
    [
        # Another class where the lead is clear, or not.
        ([0.61, 0.39], [0.39, 0.61], "another top-1 class than the CPU's on 1 of 1 photos"),
        ([0.52, 0.48], [0.48, 0.52], ""),
        # The top-1 class' probability.
        ([0.6, 0.4], [0.56, 0.44], ""),
        ([0.6, 0.4], [0.64, 0.36], ""),
        ([0.6, 0.4], [0.66, 0.34], "the top-1 class' probability differs by 0.060 on average"),
        # Those of the others are free.
        ([0.4, 0.3, 0.3], [0.4, 0.5, 0.1], ""),
        ([0.6, 0.3, 0.1], [0.6, 0.1, 0.3], ""),
    ],
)
def test_the_limits_of_eight_bits(
    expected: list[float], actual: list[float], expected_reason: str
) -> None:
    assert reason(verdict([actual], [expected], quantized=True)) == expected_reason


def test_eight_bits_may_be_far_on_one_photo() -> None:
    expected, actual = [[0.9, 0.1]] * 12, [[0.6, 0.4], *[[0.9, 0.1]] * 11]
    assert reason(verdict(actual, expected, quantized=True)) == ""
    assert reason(verdict(actual, expected)) == "a probability differs by 0.300 from the CPU's"
    actual[:3] = [[0.6, 0.4]] * 3
    told = "the top-1 class' probability differs by 0.075 on average"
    assert reason(verdict(actual, expected, quantized=True)) == told


def test_all_photos_with_another_class_are_counted() -> None:
    expected = [[0.9, 0.1], [0.55, 0.45], [0.2, 0.8], [0.3, 0.7]]
    actual = [[0.1, 0.9], [0.45, 0.55], [0.8, 0.2], [0.3, 0.7]]
    found = verdict(actual, expected, quantized=True)
    assert reason(found) == "another top-1 class than the CPU's on 2 of 4 photos"
    assert (found.agreeing, found.photos) == (1, 4)


@pytest.mark.parametrize("quantized", [False, True])
def test_a_model_that_is_never_sure_is_no_excuse_for_any_answer(quantized: bool) -> None:
    random = np.random.default_rng(2)
    flat = random.dirichlet(np.full(1000, 30.0), 12)
    top = flat.copy()
    top[:, 0] += 0.018
    top /= top.sum(axis=1, keepdims=True)
    assert reason(verdict(flat[:, ::-1], flat)) != ""
    assert reason(verdict(flat, top, quantized=quantized)) != ""
    near = top * (1 + random.normal(0, 0.01, top.shape))
    near /= near.sum(axis=1, keepdims=True)
    assert reason(verdict(near, top, quantized=quantized)) == ""
