"""Frames in, results out; and what is told of them over hours."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import threading
import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import environment, picture, tiny_input, tiny_model
from vggscope.errors import Cancelled, FrameUnreadableError
from vggscope.inference.classifier import Classifier
from vggscope.inference.live import LiveClassifier, LiveFrame
from vggscope.inference.live_statistics import LATENCY_ERROR, WINDOW, LiveStatistics
from vggscope.inference.runtime import Cancellation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vggscope.inference.live import Region
    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Shutter:
    """Opens frames that are numbers, as pictures of noise; knows which are open."""

    def __init__(self, size: tuple[int, int] = (40, 30)) -> None:
        self.size = size
        self.open: list[int] = []
        self.opened: list[int] = []

    @contextlib.contextmanager
    def __call__(self, live_frame: LiveFrame[int]) -> Iterator[Frame]:
        if live_frame.frame < 0:
            raise FrameUnreadableError(reason="it is empty")
        self.open.append(live_frame.frame)
        self.opened.append(live_frame.frame)
        try:
            yield picture(self.size, seed=live_frame.frame)
        finally:
            self.open.remove(live_frame.frame)


def live_frame(
    seed: int, at: float = 1000, epoch: int = 1, region: Region | None = None
) -> LiveFrame[int]:
    return LiveFrame(
        frame=seed,
        number=seed + 1,
        captured=NOON,
        arrived=at,
        seconds=at - 1000,
        epoch=epoch,
        region=region,
    )


@pytest.fixture
def tiny_classifier(tiny: Model) -> Classifier:
    return Classifier.load(tiny)


# --- results ----------------------------------------------------------------------------------


def test_a_result_tells_of_its_frame(tiny_classifier: Classifier) -> None:
    clock, shutter = Clock(), Shutter((60, 30))
    live = LiveClassifier(tiny_classifier, shutter, clock=clock)
    clock.now = 1002.125
    result = live.classify(live_frame(4, at=1002, epoch=3), top=2)
    assert (result.number, result.epoch, result.seconds) == (5, 3, 2)
    assert result.captured == NOON
    assert result.latency == pytest.approx(125)
    assert result.size == (60, 30)
    assert result.smoothing == "off"
    assert result.shown is result.classification
    expected = tiny_classifier.classify(picture((60, 30), seed=4), top=2)
    assert result.classification.predictions == expected.predictions
    assert result.top(3) == expected.top(3)


def test_a_frame_is_open_while_it_is_needed_only(tiny_classifier: Classifier) -> None:
    shutter = Shutter()
    live = LiveClassifier(tiny_classifier, shutter)
    live.classify(live_frame(1))
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        live.classify(live_frame(2), cancellation)
    with pytest.raises(FrameUnreadableError):
        live.classify(live_frame(-1))
    assert shutter.opened == [1, 2]
    assert shutter.open == []


def test_smoothed_answers_beside_raw_ones(tiny_classifier: Classifier) -> None:
    live = LiveClassifier(tiny_classifier, Shutter(), smoothing="gentle")
    first = live.classify(live_frame(1, at=1000))
    second = live.classify(live_frame(2, at=1000.1), top=2)
    assert second.smoothing == "gentle"
    raw = [result.classification.probabilities for result in (first, second)]
    np.testing.assert_array_equal(raw[1], tiny_classifier.classify(picture(seed=2)).probabilities)
    alpha = 1 - math.exp(-0.1 / 0.25)
    expected = raw[0] + alpha * (raw[1] - raw[0])
    np.testing.assert_allclose(second.shown.probabilities, expected, atol=1e-6)
    assert not np.allclose(second.shown.probabilities, raw[1], atol=1e-4)
    assert second.shown.predictions == second.top(2)
    assert second.top(1)[0].probability == pytest.approx(expected.max(), abs=1e-6)
    assert second.shown.crop == second.classification.crop


def starts_anew(live: LiveClassifier[int], latter: LiveFrame[int]) -> bool:
    """Whether nothing is left, after ``latter``, of what was seen before."""
    result = live.classify(latter)
    answer = result.classification.probabilities
    return bool(np.allclose(result.shown.probabilities, answer, atol=1e-6))


def test_smoothing_goes_on_within_a_source(tiny_classifier: Classifier) -> None:
    live = LiveClassifier(tiny_classifier, Shutter(), smoothing="strong")
    live.classify(live_frame(1))
    assert not starts_anew(live, live_frame(2, at=1000.1))


def test_smoothing_starts_anew_with_another_source(tiny_classifier: Classifier) -> None:
    live = LiveClassifier(tiny_classifier, Shutter(), smoothing="strong")
    live.classify(live_frame(1))
    assert starts_anew(live, live_frame(2, at=1000.1, epoch=2))


def test_smoothing_starts_anew_with_another_region(tiny_classifier: Classifier) -> None:
    live = LiveClassifier(tiny_classifier, Shutter(), smoothing="strong")
    live.classify(live_frame(1))
    assert starts_anew(live, live_frame(2, at=1000.1, region=(0, 0, 20, 20)))


def test_smoothing_starts_anew_with_another_fit(tiny_classifier: Classifier) -> None:
    live = LiveClassifier(tiny_classifier, Shutter(), smoothing="strong")
    live.classify(live_frame(1))
    tiny_classifier.use_fit("letterbox")
    assert starts_anew(live, live_frame(2, at=1000.1))


def test_smoothing_starts_anew_when_told_so(tiny_classifier: Classifier) -> None:
    live = LiveClassifier(tiny_classifier, Shutter(), smoothing="strong")
    live.classify(live_frame(1))
    live.reset()
    assert starts_anew(live, live_frame(2, at=1000.1))


def test_smoothing_goes_on_when_the_same_model_was_loaded_again(tiny: Model) -> None:
    live = LiveClassifier(Classifier.load(tiny), Shutter(), smoothing="strong")
    live.classify(live_frame(1))
    live.classifier = Classifier.load(tiny)
    assert not starts_anew(live, live_frame(2, at=1000.1))


def test_smoothing_starts_anew_with_another_model(
    tiny_classifier: Classifier, data_dir: Path
) -> None:
    from support import onnx_model, tiny_proto, tiny_weights  # noqa: PLC0415

    weights = {name: -values for name, values in tiny_weights().items()}
    proto = tiny_proto()
    other = onnx_model(proto.graph.node, ["N", 3, 8, 12], proto.graph.output, weights)
    live = LiveClassifier(tiny_classifier, Shutter(), smoothing="strong")
    live.classify(live_frame(1))
    folder = data_dir / "data" / "models" / "other"
    live.classifier = Classifier.load(tiny_model(folder, proto=other, input=tiny_input()))
    assert starts_anew(live, live_frame(2, at=1000.1))


def test_smoothing_can_be_changed_between_frames(tiny_classifier: Classifier) -> None:
    live = LiveClassifier(tiny_classifier, Shutter())
    live.classify(live_frame(1))
    live.smoothing = "strong"
    assert live.classify(live_frame(2, at=1000.1)).smoothing == "strong"
    assert not starts_anew(live, live_frame(3, at=1000.2))
    live.smoothing = "off"
    result = live.classify(live_frame(4, at=1000.3))
    assert result.smoothing == "off"
    assert result.shown is result.classification


def test_the_window_can_number_frames_before_an_engine_is_loaded() -> None:
    modules = "live, live_statistics, mailbox, recording, smoothing"
    heavy = "numpy", "PIL", "onnx", "onnxruntime", "PySide6"
    program = (
        f"import sys; from vggscope.inference import {modules}; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, check=True
    )
    assert done.stdout.strip() == b"[]"


# --- statistics -------------------------------------------------------------------------------


def test_nothing_has_happened() -> None:
    statistics = LiveStatistics(Clock())
    assert statistics.source_fps == statistics.inference_fps == 0
    assert statistics.latency_last is None
    assert statistics.latency_median is None
    assert statistics.latency_p95 is None
    assert statistics.dropped == statistics.dropped_share == statistics.seconds == 0
    assert statistics.summary() == {
        "frames": 0,
        "inferred": 0,
        "dropped": 0,
        "dropped_share": 0.0,
        "unreadable": 0,
        "seconds": 0.0,
        "source_fps": 0.0,
        "inference_fps": 0.0,
        "latency_median": None,
        "latency_p95": None,
    }


def test_thirty_frames_per_second_a_third_of_them_answered() -> None:
    clock = Clock()
    statistics = LiveStatistics(clock)
    for number in range(301):
        clock.now = 1000 + number / 30
        statistics.note_frame()
        if number % 3 == 0:
            statistics.note_inferred(20)
    assert statistics.source_fps == pytest.approx(30)
    assert statistics.inference_fps == pytest.approx(10)
    assert (statistics.frames, statistics.inferred, statistics.dropped) == (301, 101, 200)
    assert statistics.dropped_share == pytest.approx(200 / 301)
    assert statistics.seconds == pytest.approx(10)
    summary = statistics.summary()
    assert summary["source_fps"] == 30.1
    assert summary["inference_fps"] == 10.1
    assert summary["latency_median"] == summary["latency_p95"] == 20


@pytest.mark.parametrize("fps", [0.3, 0.7, 3, 60])
def test_rates_are_exact_however_slow(fps: float) -> None:
    clock = Clock()
    statistics = LiveStatistics(clock)
    for number in range(20):
        clock.now = 1000 + number / fps
        statistics.note_frame()
        if number:
            assert statistics.source_fps == pytest.approx(fps)
    clock.now += 0.9 / fps
    assert statistics.source_fps == pytest.approx(fps)


def test_a_source_that_stalls_slows_down_before_its_next_frame() -> None:
    clock = Clock()
    statistics = LiveStatistics(clock)
    for number in range(100):
        clock.now = 1000 + number / 25
        statistics.note_frame()
    rates = []
    for _ in range(40):
        clock.now += 0.25
        rates.append(statistics.source_fps)
    assert rates == sorted(rates, reverse=True)
    assert rates[0] < 25
    assert rates[7] < 2
    assert rates[-1] <= 0.2
    assert statistics.latency_median is None


def test_a_pause_does_not_count() -> None:
    clock = Clock()
    statistics = LiveStatistics(clock)
    for number in range(31):
        clock.now = 1000 + number / 30
        statistics.note_frame()
    statistics.pause()
    clock.now += 0.1
    statistics.note_inferred(100)  # it was in the works
    clock.now += 3600
    assert statistics.source_fps == statistics.inference_fps == 0
    began = clock.now
    for number in range(31):
        clock.now = began + number / 30
        statistics.note_frame()
        statistics.note_inferred(10)
        if number:
            assert statistics.source_fps == pytest.approx(30)
            assert statistics.inference_fps == pytest.approx(30)
    assert statistics.seconds == pytest.approx(2)
    assert statistics.summary()["source_fps"] == 31
    assert (statistics.frames, statistics.inferred) == (62, 32)
    statistics.pause()
    statistics.pause()
    assert statistics.seconds == pytest.approx(2)


def test_unreadable_frames_are_dropped_ones() -> None:
    statistics = LiveStatistics(Clock())
    for _ in range(4):
        statistics.note_frame()
    statistics.note_unreadable()
    statistics.note_inferred(5)
    assert statistics.unreadable == 1
    assert statistics.dropped == 3


def test_dropped_is_never_negative() -> None:
    statistics = LiveStatistics(Clock())
    statistics.note_inferred(5)
    assert statistics.dropped == 0
    assert statistics.dropped_share == 0
    assert statistics.latency_last == 5


def nearest_rank(values: list[float], percent: int) -> float:
    return float(np.percentile(values, percent, method="inverted_cdf"))


def plain_rate(times: list[float], now: float) -> float:
    """Events per second, from all events there ever were."""
    if len(times) < 2:
        return 0.0
    events = np.array(times)
    first = min(max(int((events <= now - WINDOW).sum()) - 1, 0), len(events) - 2)
    count, span, passed = len(events) - 1 - first, events[-1] - events[first], now - events[first]
    if passed == 0:
        return 0.0
    overdue = (count + 1) / passed
    return float(min(overdue, count / span) if span > 0 else overdue)


Events = st.lists(
    st.tuples(
        st.sampled_from(["frame", "frame", "answer", "unreadable"]),
        # In 64ths of a second, which floats hold exactly.
        st.integers(0, 200).map(lambda n: n / 64),
        st.floats(0.02, 1e6),
    ),
    max_size=120,
)


@settings(max_examples=200)
@given(events=Events, wait=st.integers(0, 400).map(lambda n: n / 64))
def test_statistics_are_those_of_numpy(events: list[tuple[str, float, float]], wait: float) -> None:
    clock = Clock()
    statistics = LiveStatistics(clock)
    statistics.note_frame()
    frames, answers, latencies = [clock.now], [], []
    for kind, passed, latency in events:
        clock.now += passed
        if kind == "frame":
            statistics.note_frame()
            frames.append(clock.now)
        elif kind == "answer":
            statistics.note_inferred(latency)
            answers.append(clock.now)
            latencies.append(latency)
        else:
            statistics.note_unreadable()
    latest = max([*frames, *answers])
    clock.now += wait
    assert statistics.frames == len(frames)
    assert statistics.inferred == len(answers)
    assert statistics.dropped == max(0, len(frames) - len(answers))
    assert statistics.seconds == latest - 1000
    assert statistics.source_fps == pytest.approx(plain_rate(frames, clock.now))
    assert statistics.inference_fps == pytest.approx(plain_rate(answers, clock.now))
    since = clock.now - WINDOW
    recent = [value for at, value in zip(answers, latencies, strict=True) if at > since]
    assert statistics.latency_last == (latencies[-1] if latencies else None)
    assert statistics.latency_median == (nearest_rank(recent, 50) if recent else None)
    assert statistics.latency_p95 == (nearest_rank(recent, 95) if recent else None)
    summary: dict[str, Any] = statistics.summary()
    if latencies:
        for name, percent in (("latency_median", 50), ("latency_p95", 95)):
            error = LATENCY_ERROR * 1.01
            expected = nearest_rank(latencies, percent)
            assert summary[name] == pytest.approx(expected, rel=error, abs=0.001)


@pytest.mark.parametrize("latency", [0.0, 1e-9, 0.003, 7.2e6, 1e12])
def test_latencies_beyond_all_reason_do_no_harm(latency: float) -> None:
    statistics = LiveStatistics(Clock())
    statistics.note_frame()
    statistics.note_inferred(latency)
    assert statistics.summary()["latency_median"] == pytest.approx(latency, abs=0.001)


def test_hours_take_no_more_memory_than_minutes() -> None:
    clock = Clock()
    statistics = LiveStatistics(clock)

    def run(seconds: int) -> None:
        for _ in range(seconds * 60):
            clock.now += 1 / 60
            statistics.note_frame()
            statistics.note_inferred(10 + clock.now % 3)

    run(60)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        run(1200)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000
    assert statistics.frames == 60 * 1260


def test_counts_are_right_from_several_threads() -> None:
    statistics = LiveStatistics()

    def see() -> None:
        for _ in range(2000):
            statistics.note_frame()

    def answer() -> None:
        for _ in range(1000):
            statistics.note_inferred(1)
            assert statistics.dropped >= 0
            statistics.summary()

    threads = [threading.Thread(target=target) for target in (see, see, answer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (statistics.frames, statistics.inferred, statistics.dropped) == (4000, 1000, 3000)
