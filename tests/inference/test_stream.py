"""Many pictures: in order, lazily, overlapping, with errors in between."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from support import picture
from vggscope.errors import Cancelled, ImageNotFoundError, TruncatedImageError
from vggscope.inference.classification import Classification
from vggscope.inference.classifier import Classifier
from vggscope.inference.runtime import Cancellation
from vggscope.inference.stream import classify_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model

FEW = 8
"""More pictures than this must never be held."""


@pytest.fixture
def tiny_classifier(tiny: Model) -> Classifier:
    return Classifier.load(tiny)


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert decoders() == []


def decoders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("decode")]


def numbered(item: int) -> Frame:
    return picture(seed=item)


def test_order_is_kept(tiny_classifier: Classifier) -> None:
    first_may_end = threading.Event()

    def read(item: int) -> Frame:
        if item == 0:
            first_may_end.wait(10)  # others are decoded before it, where there is more than a core
        first_may_end.set()
        return numbered(item)

    results = list(classify_stream(tiny_classifier, range(20), read, top=2))
    assert [result.item for result in results] == list(range(20))
    for result in results:
        assert result.frame is not None
        np.testing.assert_array_equal(result.frame.pixels, numbered(result.item).pixels)
        assert isinstance(result.outcome, Classification)
        expected = tiny_classifier.classify(numbered(result.item), top=2)
        assert result.outcome.predictions == expected.predictions


def test_errors_in_between(tiny_classifier: Classifier) -> None:
    errors = {1: ImageNotFoundError(name="one"), 4: TruncatedImageError(name="four")}

    def read(item: int) -> Frame:
        if item in errors:
            raise errors[item]
        return numbered(item)

    results = list(classify_stream(tiny_classifier, range(6), read))
    assert len(results) == 6
    for result in results:
        if result.item in errors:
            assert result.outcome is errors[result.item]
            assert result.frame is None
        else:
            assert isinstance(result.outcome, Classification)


def test_a_failure_that_is_no_error_of_ours_is_not_hidden(tiny_classifier: Classifier) -> None:
    def read(item: int) -> Frame:
        raise ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError):
        list(classify_stream(tiny_classifier, [1], read))


def test_nothing_of_nothing(tiny_classifier: Classifier) -> None:
    assert list(classify_stream(tiny_classifier, [], numbered)) == []


def test_endless_items_are_taken_a_few_ahead(tiny_classifier: Classifier) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in itertools.count():
            taken = item + 1
            assert taken <= 50 + FEW
            yield item

    stream = classify_stream(tiny_classifier, items(), numbered)
    assert taken == 0
    for yielded, result in enumerate(itertools.islice(stream, 50), start=1):
        assert result.item == yielded - 1
        assert yielded <= taken <= yielded + FEW
    stream.close()
    assert decoders() == []


def test_the_next_is_decoded_while_one_is_looked_at(tiny_classifier: Classifier) -> None:
    second_is_read = threading.Event()

    def read(item: int) -> Frame:
        if item == 1:
            second_is_read.set()
        return numbered(item)

    stream = classify_stream(tiny_classifier, range(3), read)
    next(stream)
    assert second_is_read.wait(30)  # without asking for it
    assert decoders() != []
    stream.close()


def test_cancelled_between_pictures(tiny_classifier: Classifier) -> None:
    cancellation = Cancellation()
    stream = classify_stream(
        tiny_classifier, itertools.count(), numbered, cancellation=cancellation
    )
    next(stream)
    cancellation.cancel()
    with pytest.raises(Cancelled):
        next(stream)
    assert decoders() == []
    assert list(stream) == []


def test_cancelled_before_the_first(tiny_classifier: Classifier) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    touched: list[int] = []
    with pytest.raises(Cancelled):
        list(classify_stream(tiny_classifier, [1], touched.append, cancellation=cancellation))
    assert touched == []
