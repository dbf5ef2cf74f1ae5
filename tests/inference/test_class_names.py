"""Which class is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggscope.errors import AmbiguousClassError, UnknownClassError
from vggscope.inference.class_names import find_class
from vggscope.zoo.models import find_model
from vggscope.zoo.normal_form import Label

IMAGENET = find_model("vgg16-compact").labels()
TWINS = (Label("n1", "crane"), Label("n2", "crane"), Label("", "10"), Label("", "red panda"))


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (340, 340),
        ("340", 340),
        ("n02391049", 340),
        ("N02391049", 340),
        ("zebra", 340),
        ("  Zebra ", 340),
        ("zeb", 340),
        ("eb", None),
        ("eagle", 22),
        ("tabby", 281),
        ("agaric", 992),
        ("crane", None),
    ],
)
def test_imagenet(wanted: int | str, index: int | None) -> None:
    if index is None:
        with pytest.raises(AmbiguousClassError, match=str(wanted)):
            find_class(IMAGENET, wanted, model="M")
    else:
        assert find_class(IMAGENET, wanted, model="M") == index


@pytest.mark.parametrize("index", range(0, 1000, 7))
def test_every_class_is_found_by_its_wnid_and_number(index: int) -> None:
    label = IMAGENET[index]
    assert find_class(IMAGENET, label.wnid, model="M") == index
    assert find_class(IMAGENET, str(index), model="M") == index
    assert find_class(IMAGENET, label.label.upper(), model="M") == index


@pytest.mark.parametrize("wanted", [-1, 1000, "1000", "-1", "no such thing", "", "  ", "9" * 5000])
def test_unknown_classes_name_examples(wanted: int | str) -> None:
    with pytest.raises(UnknownClassError) as caught:
        find_class(IMAGENET, wanted, model="M")
    assert "tench" in caught.value.remedy
    assert "999" in caught.value.remedy


def test_of_twins_the_wnid_and_the_number_tell() -> None:
    assert find_class(TWINS, "n2", model="M") == 1
    assert find_class(TWINS, 1, model="M") == 1
    with pytest.raises(AmbiguousClassError) as caught:
        find_class(TWINS, "Crane", model="M")
    assert "number 0" in caught.value.remedy
    assert "n2" in caught.value.remedy


def test_a_name_goes_before_a_number() -> None:
    assert find_class(TWINS, "10", model="M") == 2
    assert find_class(TWINS, "3", model="M") == 3


def test_many_candidates_are_not_all_named() -> None:
    with pytest.raises(AmbiguousClassError) as caught:
        find_class(IMAGENET, "a", model="M")
    assert caught.value.remedy.count("number") == 9  # in the sentence itself, too
    assert "…" in caught.value.remedy


@given(st.text(max_size=20))
def test_any_text_leads_to_a_class_or_to_a_reason(text: str) -> None:
    try:
        index = find_class(IMAGENET, text, model="M")
    except (UnknownClassError, AmbiguousClassError):
        return
    assert 0 <= index < 1000
