"""How the answers of two networks are compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggscope.inference.agreement import compare
from vggscope.inference.classification import Classification, top_predictions
from vggscope.inference.preprocessing import CropBox
from vggscope.zoo.normal_form import Label

if TYPE_CHECKING:
    from collections.abc import Sequence

PETS = (Label("n1", "cat"), Label("n2", "dog"), Label("n3", "fish"), Label("", "hamster"))


def answer(probabilities: Sequence[float], labels: Sequence[Label] = PETS) -> Classification:
    values = np.array(probabilities, np.float32)
    return Classification(
        probabilities=values,
        labels=labels,
        predictions=top_predictions(values, labels, 5),
        crop=CropBox(0, 0, 1, 1),
        model="m",
        device="cpu",
        device_name="CPU",
        milliseconds=1,
    )


def test_ranks_in_the_first_answer() -> None:
    found = compare(answer([0.1, 0.6, 0.3, 0.0]), answer([0.5, 0.2, 0.3, 0.0]), 3)
    assert (found.first, found.second, found.same_best) == ("dog", "cat", False)
    assert found.ranks == {0: 3, 2: 2, 1: 1}
    assert found.comparable


@pytest.mark.parametrize(
    ("others", "same"),
    [
        # By the id, whatever it is called.
        ((Label("n9", "cat"), Label("n2", "hound")), True),
        # By the name, if either has no id.
        ((Label("", "cat"), Label("", "Dog")), True),
        ((Label("n9", "cat"), Label("n8", "wolf")), False),
    ],
)
def test_classes_of_another_set(others: tuple[Label, ...], same: bool) -> None:
    found = compare(answer([0.1, 0.6, 0.3, 0.0]), answer([0.2, 0.8], others), 5)
    assert found.same_best is same
    assert found.ranks[1] == (1 if same else None)
    assert found.comparable


def test_nothing_in_common() -> None:
    others = (Label("n7", "rock"), Label("", "sand"))
    found = compare(answer([0.1, 0.6, 0.3, 0.0]), answer([0.2, 0.8], others), 5)
    assert not found.comparable
    assert not found.same_best
    assert set(found.ranks.values()) == {None}


@given(st.permutations(range(4)), st.permutations(range(4)), st.integers(1, 6))
def test_every_class_has_the_rank_that_it_has(one: list[int], two: list[int], top: int) -> None:
    first, second = ([(4 - order.index(i)) / 10 for i in range(4)] for order in (one, two))
    found = compare(answer(first), answer(second), top)
    assert found.ranks == {index: one.index(index) + 1 for index in two[:top]}
    assert found.same_best is (one[0] == two[0])


def test_an_answer_agrees_with_itself() -> None:
    done = answer([0.25, 0.25, 0.25, 0.25])
    found = compare(done, replace(done), 4)
    assert found.ranks == {0: 1, 1: 2, 2: 3, 3: 4}
    assert found.same_best
