"""A network of random numbers says so beside its predictions, and where they are copied to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from vggscope.zoo.creating import create_model

if TYPE_CHECKING:
    from ui.window_driver import Driver
    from vggscope.zoo.normal_form import Model

MARK = "untrained network: random answers"


@pytest.fixture
def untrained() -> Model:
    return create_model(
        "vgg11-bn", classes=10, size=64, width=1 / 16, name="lesson", title="Lesson"
    )


def test_random_answers_are_marked(untrained: Model, user: Driver) -> None:
    user.open("zebra")
    assert not any(MARK in text for text in user.pane_texts())
    menu = user.button("Model").menu()  # type: ignore[union-attr]
    assert isinstance(menu, QMenu)
    menu.aboutToShow.emit()
    [entry] = [action for action in menu.actions() if action.text() == untrained.title]
    entry.trigger()
    user.wait_for_model("lesson")
    user.settle()
    assert any(MARK in text for text in user.pane_texts())
    assert all(label.startswith("class ") for label, _ in user.shown_predictions())
    user.trigger("copy_json")
    copied = json.loads(QGuiApplication.clipboard().text())
    assert copied["untrained"] is True
