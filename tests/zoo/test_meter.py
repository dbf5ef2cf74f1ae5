"""What is told of long work: often enough, not too often, and what is true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggscope.zoo.meter import Meter, Progress, size_text


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_even_rate() -> None:
    clock, told = Clock(), list[Progress]()
    meter = Meter("downloading", total=1000, done=200, report=told.append, clock=clock)
    assert told == [Progress("downloading", 200, 1000)]
    for _ in range(8):
        clock.now += 0.5
        meter.advance(100)
    assert [step.done for step in told] == [200, 300, 400, 500, 600, 700, 800, 900, 1000]
    assert [step.rate for step in told[1:]] == [pytest.approx(200)] * 8
    assert told[3].seconds_left == pytest.approx(2.5)
    assert told[-1].seconds_left == 0


def test_a_change_of_speed_is_believed_slowly() -> None:
    clock, told = Clock(), list[Progress]()
    meter = Meter("downloading", total=10**6, report=told.append, clock=clock)
    rates = []
    for speed in (100, 100, 1000, 1000, 1000):
        clock.now += 1
        meter.advance(speed)
        assert told[-1].rate is not None
        rates.append(told[-1].rate)
    assert rates[1] == pytest.approx(100)
    assert 100 < rates[2] < 400 < rates[4] < 1000


def test_silence_lowers_the_rate() -> None:
    clock, told = Clock(), list[Progress]()
    meter = Meter("downloading", total=1000, report=told.append, clock=clock)
    clock.now += 1
    meter.advance(500)
    for _ in range(60):
        clock.now += 1
        meter.tick()
    assert told[-1].rate == pytest.approx(0, abs=0.1)
    assert told[-1].seconds_left is None
    assert told[-1].done == 500


def test_going_back_starts_the_rate_anew() -> None:
    clock, told = Clock(), list[Progress]()
    meter = Meter("downloading", total=1000, report=told.append, clock=clock)
    clock.now += 1
    meter.advance(500)
    clock.now += 1
    meter.reach(0)
    assert (told[-1].done, told[-1].seconds_left) == (0, None)
    clock.now += 1
    meter.advance(100)
    assert told[-1].rate == pytest.approx(100)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 0.5)), max_size=40))
def test_never_too_often_and_the_end_at_once(steps: list[tuple[int, float]]) -> None:
    clock, told = Clock(), list[Progress]()
    total = sum(count for count, _ in steps)
    meter = Meter("verifying", total=total, report=told.append, clock=clock)
    start = clock.now
    for count, seconds in steps:
        clock.now += seconds
        meter.advance(count)
    assert told[-1].done == total or clock.now - start < 0.1 or steps[-1][0] == 0
    assert len(told) <= 2 + (clock.now - start) / 0.1
    assert [step.done for step in told] == sorted(step.done for step in told)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (840, "840 B"),
        (11_402, "11 kB"),
        (1_050_000, "1.1 MB"),
        (38_400_000, "38.4 MB"),
        (553_436_454, "553 MB"),
        (1_138_000_000, "1.1 GB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("count", "text"), [(840, "840 B"), (1_050_000, "1 MB"), (38_400_000, "38 MB")]
)
def test_sizes_without_tenths(count: int, text: str) -> None:
    assert size_text(count, tenths=False) == text
