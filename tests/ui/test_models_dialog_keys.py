"""The list of all models by the keyboard alone, and what it answers to hasty hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QPushButton, QScrollArea

from support import tiny_model
from ui.models_driver import ModelList
from ui.window_driver import SLOW
from vggscope import paths
from vggscope.ui.model_looks import progress_text
from vggscope.ui.settings import MODEL
from vggscope.zoo.meter import Progress

if TYPE_CHECKING:
    from ui.window_driver import Driver

KEY = Qt.Key


@pytest.fixture
def models(user: Driver) -> ModelList:
    """The list, with two models of the user's: "Blue" and "Red"."""
    for title in ("Red", "Blue"):
        tiny_model(paths.user_models() / title.lower(), title=title)
    made = ModelList(user)
    made.open()
    user.wait(made.dialog.isActiveWindow)
    return made


def button(models: ModelList, title: str, text: str) -> QPushButton:
    [found] = [
        b
        for b in models.card(title).findChildren(QPushButton)
        if b.isVisible() and b.text().startswith(text)
    ]
    return found


def on_button() -> str:
    focus = QApplication.focusWidget()
    assert isinstance(focus, QPushButton)
    return focus.text()


def is_there(name: str) -> bool:
    return (paths.user_models() / name).exists()


@pytest.mark.parametrize("key", [KEY.Key_Return, KEY.Key_Enter, KEY.Key_Space])
def test_keys_press_the_button_that_has_the_keyboard(models: ModelList, key: Qt.Key) -> None:
    button(models, "Red", "Remove…").setFocus()
    models.user.key(key)
    assert models.buttons("Red")[0].startswith("Remove, free")
    assert on_button() == "Not now", "a key too many removes nothing"
    models.user.key(key)
    assert on_button() == "Use"
    assert is_there("red")


def test_enter_does_nothing_by_itself(models: ModelList) -> None:
    button(models, "Red", "Remove…").click()
    models.dialog.setFocus()
    models.user.key(KEY.Key_Return, on=models.dialog)
    assert models.is_open
    assert models.buttons("Red")[0].startswith("Remove, free")


def test_escape_leaves_the_question_first_and_then_the_list(models: ModelList) -> None:
    button(models, "Red", "Remove…").click()
    models.user.key(KEY.Key_Escape)
    assert models.is_open
    assert models.buttons("Red") == ["Use", "Verify", "Open folder", "Remove…"]
    models.user.key(KEY.Key_Escape)
    assert not models.is_open
    assert is_there("red")


def test_what_can_be_undone_is_a_yes_by_enter(models: ModelList) -> None:
    button(models, "VGG19", "Download…").setFocus()
    models.user.key(KEY.Key_Return)
    assert on_button() == "Download 575 MB"


def tab_order(models: ModelList) -> list[QPushButton]:
    """All buttons, from the first one on."""
    models.user.button("Import model…", models.dialog).setFocus()
    found: list[QPushButton] = []
    while (focus := QApplication.focusWidget()) not in found:
        assert isinstance(focus, QPushButton)
        found.append(focus)
        models.user.key(KEY.Key_Tab)
    return found


def test_tab_goes_from_top_to_bottom(models: ModelList) -> None:
    user = models.user
    # One that comes later than the others, and lies above some of them.
    tiny_model(paths.user_models() / "green", title="Green")
    models.dialog.refresh()
    user.wait(lambda: "Green" in models.cards())
    order = tab_order(models)
    texts = [each.text() for each in order]
    assert texts[:2] == ["Import model…", "Open models folder"]
    assert texts[-1] == "Close"
    cards = list(models.cards().values())
    places = [cards.index(next(c for c in cards if c.isAncestorOf(b))) for b in order[2:-1]]
    assert places == sorted(places)
    assert set(places) == set(range(len(cards)))


def test_what_has_the_keyboard_is_seen(models: ModelList) -> None:
    user, dialog = models.user, models.dialog
    dialog.resize(dialog.minimumSize())
    [area] = dialog.findChildren(QScrollArea)
    user.button("Close", dialog).setFocus()
    cards = list(models.cards().values())
    for card in (cards[-1], cards[-2]):
        user.key(KEY.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
        focus = QApplication.focusWidget()
        assert focus is not None
        assert card.isAncestorOf(focus)
        place = QRect(card.mapTo(area.viewport(), QPoint()), card.size())
        assert area.viewport().rect().contains(place), "all of its card"


def test_two_are_removed_at_once_one_of_them_in_use(models: ModelList) -> None:
    user = models.user
    user.settings.set(MODEL, "red")
    user.wait_for_model("red")
    for title in ("Red", "Blue"):
        button(models, title, "Remove…").click()
    both = [button(models, title, "Remove, free") for title in ("Red", "Blue")]
    for each in both:
        each.click()
    user.wait(lambda: not is_there("red") and not is_there("blue"))
    user.wait_for_model(SLOW)
    user.wait(lambda: not {"Red", "Blue"} & set(models.cards()))


def test_accuracies_on_few_photos_say_so(models: ModelList) -> None:
    assert "of 1,000 photos" in models.card("VGG16 compact").look.facts
    assert "of 150 photos" in models.card("VGG16 compact (fast)").look.facts
    assert "photos" not in models.card("VGG19").look.facts
    assert "50,000 photos" in models.card("VGG19").accessibleDescription()


def test_slow_lines_are_told_in_smaller_units() -> None:
    def text(rate: float) -> str:
        step = Progress(step="downloading", done=0, total=10**8, rate=rate, seconds_left=None)
        return progress_text(step)

    assert text(43_210.0).endswith("43 kB/s")
    assert text(4_321_000.0).endswith("4.3 MB/s")
