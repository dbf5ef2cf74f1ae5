"""Names of classes, in every form that people keep them in."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggscope.errors import LabelsError
from vggscope.zoo.labels import labels_in, read_labels
from vggscope.zoo.normal_form import Label

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

TWO = (Label("", "cat"), Label("", "dog"))
WITH_IDS = (Label("n02123045", "tabby, tabby cat"), Label("n02084071", "dog"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def labels(content: str | bytes, name: str = "labels.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return labels


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("cat\ndog\n", "a.txt", TWO),
        ("\ufeffcat\r\ndog\r\n\r\n", "a.txt", TWO),
        ("n02123045 tabby, tabby cat\nn02084071 dog", "synset.txt", WITH_IDS),
        ('["cat", "dog"]', "a.json", TWO),
        ('["cat", "dog"]', "a.txt", TWO),
        ('{"0": "cat", "1": "dog"}', "a.json", TWO),
        ('{"1": "dog", "0": "cat"}', "a.json", TWO),
        ('{"dog": 1, "cat": 0}', "class_indices.json", TWO),
        ('[{"label": "cat"}, {"label": "dog", "wnid": ""}]', "a.json", TWO),
        ('[{"name": "cat"}, {"name": "dog"}]', "a.json", TWO),
        (
            '{"0": ["n02123045", "tabby,_tabby_cat"], "1": ["n02084071", "dog"]}',
            *("imagenet_class_index.json", WITH_IDS),
        ),
        ("cat\ndog\n", "a.csv", TWO),
        ("name\ncat\ndog\n", "a.csv", TWO),
        ("index,name\n1,dog\n0,cat\n", "a.csv", TWO),
        ("cat;0\ndog;1\n", "a.csv", TWO),
        ("0\tcat\n1\tdog\n", "a.tsv", TWO),
        ('n02123045,"tabby, tabby cat"\nn02084071,dog\n', "a.csv", WITH_IDS),
    ],
)
def test_forms(write: Write, content: str, name: str, expected: tuple[Label, ...]) -> None:
    assert read_labels(write(content, name), classes=2) == expected


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("", "a.txt", "there is none"),
        ("cat\n\ndog\n", "a.txt", "line 2 is empty"),
        ("cat\n", "a.txt", "there are 1, but the network has 2 classes"),
        ("cat\ndog\nfish\n", "a.txt", "there are 3, but the network has 2 classes"),
        (b"caf\xe9\ncat\n", "a.txt", "no text in UTF-8"),
        ("cat\x1b[2J\ndog", "a.txt", "the name of class 0 is empty, too long or no text"),
        ("cat\n" + "x" * 501, "a.txt", "class 1 is empty, too long"),
        ('["cat", "dog"', "a.json", "begins like JSON"),
        ("[" * 100_000, "a.json", "begins like JSON"),
        ("[1, 2]", "a.json", "something else than names"),
        ('{"0": "cat", "2": "dog"}', "a.json", "number 1 is missing"),
        ('{"a": "cat", "b": "dog"}', "a.json", "the name of each number"),
        ("0,cat\n0,dog\n", "a.csv", "twice"),
        ("1,cat\n2,dog\n", "a.csv", "number 0 is missing"),
        ("a,b\nc\n", "a.csv", "not of one length"),
        (b"x" * (8 * 2**20 + 1), "a.txt", "too large"),
    ],
)
def test_what_is_none(write: Write, content: str | bytes, name: str, words: str) -> None:
    with pytest.raises(LabelsError) as caught:
        read_labels(write(content, name), classes=2)
    assert f"“{name}”" in caught.value.message
    assert words in caught.value.message


def test_no_files(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.txt", tmp_path / "nul\0.txt"):
        with pytest.raises(LabelsError):
            read_labels(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(LabelsError, match="no such file"):
            read_labels(tmp_path / "pipe")


def test_notes_of_exporters() -> None:
    assert labels_in('{"0": "cat", "1": "dog"}') == TWO
    assert labels_in("") is None
    assert labels_in("[") is None


_NAMES = st.lists(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=40),
    min_size=1,
    max_size=20,
)


@given(_NAMES)
def test_json_comes_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "names.json"
    path.write_text(json.dumps([{"label": name} for name in names]), encoding="utf-8")
    assert [label.label for label in read_labels(path, classes=len(names))] == names


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.csv", "a.json"]))
def test_anything_else_is_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    try:
        sentence = read_labels(path)[0].label
    except LabelsError as error:
        sentence = error.message
    assert sentence
    assert "\n" not in sentence
