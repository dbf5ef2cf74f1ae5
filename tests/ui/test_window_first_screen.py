"""The empty window: what a stranger sees first, and that everything on it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QToolButton

from ui.window_driver import SAMPLES, sample, texts_in
from vggscope.ui.photos import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from ui.window_driver import Driver


def test_the_first_screen_invites_and_promises(user: Driver) -> None:
    assert user.window.welcome.isVisible()
    assert not user.window.canvas.isVisible()
    assert not user.is_browser_visible()
    said = " ".join(texts_in(user.window))
    assert "Drop a photo or a video here" in said
    assert "Images never leave this computer" in said
    assert "No photo yet" in said
    assert user.window.windowTitle() == "VGGscope"


def test_the_window_is_complete_before_the_model_is_there(
    new_window: Callable[..., Driver],
) -> None:
    driver = new_window(begin=False)
    assert driver.bench.model is None
    assert "Loading the model…" in texts_in(driver.window)
    assert driver.window.welcome.isVisible()
    driver.window.begin()
    driver.wait_for_model()
    assert "Loading the model…" not in texts_in(driver.window)


def test_every_sample_can_be_clicked_and_is_recognised(user: Driver) -> None:
    buttons = [
        b
        for b in user.window.welcome.findChildren(QToolButton)
        if b.accessibleName().startswith("Try the sample ")
    ]
    assert len(buttons) == 5
    expected = {
        "zebra": {"zebra"},
        "pizza": {"pizza"},
        "bald eagle": {"bald eagle"},
        "sports car": {"sports car", "convertible"},
        "ladybug": {"ladybug"},
    }
    for button in buttons:
        name = button.accessibleName().removeprefix("Try the sample ")
        assert not button.icon().isNull()
        user.click(button)
        user.wait(lambda: user.bench.current is not None)
        user.settle()
        assert user.window.canvas.isVisible()
        assert user.shown_predictions()[0][0] in expected[name]
        user.trigger("remove_all")
        assert user.window.welcome.isVisible()


def test_a_sample_can_be_chosen_by_keyboard(user: Driver) -> None:
    button = user.button("Try the sample zebra")
    button.setFocus(Qt.FocusReason.TabFocusReason)
    user.key(Qt.Key.Key_Space)
    user.wait(lambda: user.bench.current is not None)
    user.settle()
    assert user.shown_predictions()[0][0] == "zebra"


@pytest.mark.parametrize("inside_welcome", [True, False])
def test_open_photos(
    user: Driver, monkeypatch: pytest.MonkeyPatch, *, inside_welcome: bool
) -> None:
    asked = []

    def choose(_parent: object, title: str, _folder: str, kinds: str) -> tuple[list[str], str]:
        asked.append((title, kinds))
        return [sample("zebra"), sample("pizza")], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", choose)
    if inside_welcome:
        user.click(user.button("Open photos…"))
    else:
        user.click(user.button("Open"))
    user.wait(lambda: len(user.photos) == 2)
    user.settle()
    assert [p.best.label for p in user.photos if p.best] == ["zebra", "pizza"]
    [(title, kinds)] = asked
    assert title
    assert all(suffix in kinds for suffix in ("*.jpg", "*.png", "*.webp", "All files (*)"))


def test_open_folder(user: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(SAMPLES))
    user.click(user.button("Open folder…"))
    user.wait(lambda: len(user.photos) == len(list(SAMPLES.glob("*.jpg"))))
    user.trigger("stop")


def test_cancelled_file_dialogs_change_nothing(
    user: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    user.trigger("open")
    user.trigger("open_folder")
    assert not user.bench.is_listing
    assert user.window.welcome.isVisible()
    assert not user.window.messages.isVisible()


def test_what_cannot_be_done_yet_is_disabled(user: Driver) -> None:
    actions = user.window.actions_by_key
    idle = ("copy_text", "export_csv", "zoom_fit", "next", "stop", "remove", "again", "as_table")
    assert [key for key in idle if actions[key].isEnabled()] == []
    user.open("zebra")
    assert [k for k in ("copy_text", "export_csv", "zoom_fit", "again") if actions[k].isEnabled()]
    assert user.states() == [State.DONE]
    assert [k for k in ("next", "as_table", "stop") if actions[k].isEnabled()] == []


def test_photos_that_come_before_the_model_are_classified_when_it_is_there(
    new_window: Callable[..., Driver],
) -> None:
    driver = new_window(begin=False)
    driver.drop_files(sample("zebra"))
    driver.wait(lambda: driver.bench.current is not None)
    assert "Looking…" in driver.pane_texts()
    driver.window.begin()
    driver.settle()
    assert driver.shown_predictions()[0][0] == "zebra"
