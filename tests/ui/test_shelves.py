"""What comes and goes below the stage, each with a height of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from vggscope.ui.settings import window_state
from vggscope.ui.shelves import Shelves, kept_height

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

HEIGHT = 800


def a_widget(lowest: int) -> QWidget:
    made = QLabel()
    made.setMinimumHeight(lowest)
    return made


@pytest.fixture
def shelves(qtbot: QtBot) -> Shelves:
    """A stage that is 800 pixels high."""
    made = Shelves(a_widget(50))
    qtbot.addWidget(made)
    made.resize(600, HEIGHT)
    made.show()
    qtbot.waitExposed(made)
    return made


def heights(shelves: Shelves) -> list[int]:
    """Of the widgets that are seen, from above."""
    QApplication.processEvents()
    found = [shelves.widget(number) for number in range(shelves.count())]
    return [widget.height() for widget in found if widget is not None and widget.isVisible()]


def assert_filled(shelves: Shelves) -> None:
    seen = heights(shelves)
    assert sum(seen) + (len(seen) - 1) * shelves.handleWidth() == shelves.height()


def test_a_shelf_takes_its_room_from_the_stage(shelves: Shelves) -> None:
    strip, browser = a_widget(100), a_widget(150)
    shelves.add("strip", strip, 120, at_end=True)
    assert strip.height() == pytest.approx(120, abs=8)
    shelves.add("browser", browser, 300, at_end=False)
    assert [shelves.widget(n) for n in (1, 2)] == [browser, strip], "right below the stage"
    stage, middle, last = heights(shelves)
    assert middle == pytest.approx(300, abs=8)
    assert last == pytest.approx(120, abs=8), "the others stay as they are"
    assert stage == pytest.approx(HEIGHT - 420, abs=16)
    assert_filled(shelves)


def test_it_leaves_room_to_the_stage_if_it_can(shelves: Shelves) -> None:
    shelves.add("browser", a_widget(150), 2000, at_end=True)
    stage, browser = heights(shelves)
    assert stage >= 190
    assert browser >= 500
    assert_filled(shelves)


def test_it_is_never_lower_than_it_may_be(shelves: Shelves) -> None:
    shelves.resize(600, 300)
    shelves.add("browser", a_widget(180), 10, at_end=True)
    _, browser = heights(shelves)
    assert browser >= 180
    assert_filled(shelves)


def test_what_is_hidden_gives_its_room_to_the_stage(shelves: Shelves) -> None:
    strip, browser = a_widget(100), a_widget(150)
    shelves.add("strip", strip, 120, at_end=True)
    shelves.add("browser", browser, 300, at_end=False)
    before = heights(shelves)
    browser.hide()
    stage, last = heights(shelves)
    assert last == pytest.approx(before[2], abs=8)
    assert stage > before[0] + 250
    browser.show()
    assert heights(shelves) == pytest.approx(before, abs=8)


def test_a_higher_window_makes_the_stage_higher(shelves: Shelves) -> None:
    shelves.add("browser", a_widget(150), 300, at_end=True)
    shelves.resize(600, 1200)
    stage, browser = heights(shelves)
    assert browser == pytest.approx(300, abs=8)
    assert stage == pytest.approx(900, abs=16)


def test_heights_are_remembered(shelves: Shelves, qtbot: QtBot) -> None:
    strip, browser = a_widget(100), a_widget(150)
    shelves.add("strip", strip, 120, at_end=True)
    shelves.add("browser", browser, 300, at_end=False)
    drag(shelves, 1, by=-60)
    high = browser.height()
    assert high == pytest.approx(360, abs=8)
    state = window_state()
    shelves.save(state)
    assert kept_height(state, "browser", 5) == high
    assert kept_height(state, "strip", 5) == strip.height()
    assert kept_height(state, "nothing", 5) == 5

    # Of what is hidden, the height that it had is kept.
    browser.hide()
    strip_high = strip.height()
    drag(shelves, 2, by=-20)
    shelves.save(state)
    assert kept_height(state, "browser", 5) == high
    assert kept_height(state, "strip", 5) == strip.height() > strip_high

    state.setValue("height_of_browser", "nonsense")
    assert kept_height(state, "browser", 77) == 77
    state.setValue("height_of_browser", -3)
    assert kept_height(state, "browser", 77) == 77
    assert qtbot


def test_what_a_shelf_lends_to_another_is_remembered_as_its_own(shelves: Shelves) -> None:
    strip, browser = a_widget(190), a_widget(150)
    shelves.add("browser", browser, 500, at_end=False)
    shelves.add("strip", strip, 190, at_end=True)
    assert browser.height() < 450
    state = window_state()
    shelves.save(state)
    assert kept_height(state, "browser", 5) == pytest.approx(500, abs=8)
    assert kept_height(state, "strip", 5) == pytest.approx(190, abs=8)

    drag(shelves, 1, by=60)
    shelves.save(state)
    assert kept_height(state, "browser", 5) == browser.height(), "as the user has it now"


def drag(shelves: Shelves, number: int, *, by: int) -> None:
    """The handle above the widget ``number``."""
    handle = shelves.handle(number)
    begin = handle.rect().center()
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(handle, left, Qt.KeyboardModifier.NoModifier, begin)
    for step in (by // 2, by - by // 2):
        QTest.mouseMove(handle, begin + QPoint(0, step))
        QApplication.processEvents()
    QTest.mouseRelease(handle, left, Qt.KeyboardModifier.NoModifier, begin)
    QApplication.processEvents()
