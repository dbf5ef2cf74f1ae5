"""The tree of errors: every situation has its own kind, sentence and remedy."""

from __future__ import annotations

import pickle
import re
from string import Formatter

import pytest

from vggscope import errors
from vggscope.errors import VggscopeError


def subclasses(base: type[VggscopeError]) -> list[type[VggscopeError]]:
    found = base.__subclasses__()
    return found + [deeper for child in found for deeper in subclasses(child)]


ALL = sorted(subclasses(VggscopeError), key=lambda cls: cls.__name__)
SITUATIONS = [cls for cls in ALL if hasattr(cls, "kind")]


def fields(cls: type[VggscopeError]) -> set[str]:
    return {
        field
        for template in (cls.message_template, cls.remedy_template)
        for _, field, _, _ in Formatter().parse(template)
        if field
    }


def made(cls: type[VggscopeError]) -> VggscopeError:
    return cls(**{field: f"<{field}>" for field in fields(cls)})


def test_only_groups_of_errors_have_no_kind() -> None:
    assert {cls.__name__ for cls in ALL if cls not in SITUATIONS} == {
        "ImageError",
        "LayerError",
        "ModelError",
        "ClassError",
        "DeviceError",
        "EvaluationError",
        "LiveError",
        "DownloadError",
        "ImportRefusedError",
    }
    assert len(SITUATIONS) > 15


def test_kinds_are_unique() -> None:
    kinds = [cls.kind for cls in SITUATIONS]
    assert sorted(set(kinds)) == sorted(kinds)
    assert all("kind" in vars(cls) for cls in SITUATIONS)


@pytest.mark.parametrize("cls", SITUATIONS)
def test_texts(cls: type[VggscopeError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cls.kind)
    error = made(cls)
    for text in (error.message, error.remedy):
        assert re.fullmatch(r"[A-Z“<].*\.", text, re.DOTALL), text
        assert "{" not in text
        assert "\n" not in text
    for field in fields(cls):
        assert f"<{field}>" in error.message + error.remedy
    assert str(error) == error.message
    assert error.as_json() == {
        "kind": cls.kind,
        "message": error.message,
        "remedy": error.remedy,
    }


@pytest.mark.parametrize("cls", SITUATIONS)
def test_a_missing_detail_is_noticed_at_once(cls: type[VggscopeError]) -> None:
    for field in fields(cls):
        details = dict.fromkeys(fields(cls) - {field}, "x")
        with pytest.raises(TypeError, match=field):
            cls(**details)


@pytest.mark.parametrize("cls", SITUATIONS)
def test_pickles(cls: type[VggscopeError]) -> None:
    error = made(cls)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is cls
        assert again.details == error.details
        assert again.as_json() == error.as_json()
        assert again.args == error.args


@pytest.mark.parametrize("cls", SITUATIONS)
def test_details_are_not_templates(cls: type[VggscopeError]) -> None:
    error = cls(**dict.fromkeys(fields(cls), "{kind} {0} %s"))
    if fields(cls):
        assert "{kind} {0} %s" in error.message + error.remedy


def test_more_details_than_the_texts_need_are_kept() -> None:
    error = errors.ImageNotFoundError(name="a.jpg", code=7)
    assert error.details == {"name": "a.jpg", "code": 7}
    assert error.message == "“a.jpg” does not exist."
