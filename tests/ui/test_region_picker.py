"""The region picker: drawing, moving and resizing by keys, taking and cancelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from vggscope.ui.region_picker import RegionPicker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
GREEN = QColor(20, 200, 60)


class Answers:
    """What a picker has said."""

    def __init__(self, picker: RegionPicker) -> None:
        self.chosen: list[QRect] = []
        self.cancelled = 0
        picker.region_chosen.connect(self.chosen.append)
        picker.cancelled.connect(self._count)

    def _count(self) -> None:
        self.cancelled += 1


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[QWidget]:
    """A green window over the whole screen, in front of which the picker comes."""
    widget = QWidget()
    widget.setStyleSheet(f"background: {GREEN.name()}")
    widget.setWindowFlag(Qt.WindowType.FramelessWindowHint)
    widget.setGeometry(QGuiApplication.primaryScreen().geometry())
    widget.show()
    qtbot.waitExposed(widget)
    yield widget
    widget.close()
    widget.deleteLater()


@pytest.fixture
def picker(qtbot: QtBot, background: QWidget) -> Iterator[RegionPicker]:
    def is_painted() -> bool:
        seen = background.screen().grabWindow(0).toImage()
        return seen.pixelColor(seen.rect().center()) == GREEN

    qtbot.waitUntil(is_painted)
    made = shown(qtbot)
    yield made
    if isValid(made):
        made.close()
        forget_deleted(qtbot)


def shown(qtbot: QtBot, region: QRect | None = None) -> RegionPicker:
    picker = RegionPicker(QGuiApplication.primaryScreen(), region)
    picker.ask()
    qtbot.waitUntil(lambda: picker.isVisible() and picker.size() == picker.screen().size())
    return picker


def forget_deleted(qtbot: QtBot) -> None:
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qtbot.wait(1)


def draw(picker: RegionPicker, start: QPoint, end: QPoint) -> None:
    QTest.mousePress(picker, LEFT, pos=start)
    QTest.mouseMove(picker, (start + end) / 2)
    QTest.mouseMove(picker, end)
    QTest.mouseRelease(picker, LEFT, pos=end)


def key(picker: RegionPicker, *keys: Qt.Key, held: Qt.KeyboardModifier | None = None) -> None:
    for pressed in keys:
        QTest.keyClick(picker, pressed, held or Qt.KeyboardModifier.NoModifier)


@pytest.mark.parametrize(
    ("start", "end"), [((100, 120), (420, 360)), ((420, 360), (100, 120)), ((100, 360), (420, 120))]
)
def test_a_rectangle_is_drawn_in_any_direction_and_taken(
    qtbot: QtBot, picker: RegionPicker, start: tuple[int, int], end: tuple[int, int]
) -> None:
    answers = Answers(picker)
    draw(picker, QPoint(*start), QPoint(*end))
    assert picker.region == QRect(100, 120, 320, 240)
    assert answers.chosen == []
    key(picker, Qt.Key.Key_Return)
    assert answers.chosen == [QRect(100, 120, 320, 240)]
    assert answers.cancelled == 0
    forget_deleted(qtbot)
    assert not isValid(picker)


def test_it_is_not_in_sight_any_more_when_it_answers(picker: RegionPicker) -> None:
    visible = []
    picker.region_chosen.connect(lambda _region: visible.append(picker.isVisible()))
    draw(picker, QPoint(10, 10), QPoint(200, 200))
    key(picker, Qt.Key.Key_Enter)
    assert visible == [False]


def test_escape_cancels(qtbot: QtBot, picker: RegionPicker) -> None:
    answers = Answers(picker)
    draw(picker, QPoint(10, 10), QPoint(200, 200))
    key(picker, Qt.Key.Key_Escape)
    assert (answers.chosen, answers.cancelled) == ([], 1)
    forget_deleted(qtbot)
    assert not isValid(picker)


def test_closing_it_is_cancelling(picker: RegionPicker) -> None:
    answers = Answers(picker)
    picker.close()
    picker.close()
    assert (answers.chosen, answers.cancelled) == ([], 1)


def test_a_screen_that_goes_takes_the_picker_along(
    picker: RegionPicker, qapp: QApplication
) -> None:
    answers = Answers(picker)
    qapp.screenRemoved.emit(QGuiApplication.primaryScreen())
    assert (answers.chosen, answers.cancelled) == ([], 1)


def test_what_is_drawn_too_small_becomes_large_enough(picker: RegionPicker) -> None:
    corner = QPoint(picker.width() - 1, picker.height() - 1)
    draw(picker, corner - QPoint(14, 14), corner)
    assert picker.region == QRect(picker.width() - 32, picker.height() - 32, 32, 32)


def test_a_click_draws_nothing_and_spoils_nothing(picker: RegionPicker) -> None:
    QTest.mouseClick(picker, LEFT, pos=QPoint(300, 300))
    assert picker.region is None
    draw(picker, QPoint(100, 100), QPoint(300, 200))
    QTest.mousePress(picker, LEFT, pos=QPoint(20, 20))
    QTest.mouseMove(picker, QPoint(200, 200))
    QTest.mouseMove(picker, QPoint(21, 20))
    QTest.mouseRelease(picker, LEFT, pos=QPoint(21, 20))
    assert picker.region == QRect(100, 100, 200, 100)


def test_what_is_drawn_beyond_the_edge_is_cut(picker: RegionPicker) -> None:
    draw(picker, QPoint(100, 100), QPoint(-50, 4000))
    assert picker.region == QRect(0, 100, 100, picker.height() - 100)


@pytest.mark.parametrize("first", [Qt.Key.Key_Right, Qt.Key.Key_Return])
def test_keys_begin_in_the_middle(picker: RegionPicker, first: Qt.Key) -> None:
    answers = Answers(picker)
    key(picker, first)
    assert answers.chosen == []
    assert picker.region is not None
    assert picker.region.size() == picker.size() / 2
    off = picker.region.center() - picker.rect().center()
    assert off.manhattanLength() <= 2
    key(picker, Qt.Key.Key_Return)
    assert len(answers.chosen) == 1


def test_arrows_move_and_with_shift_resize(picker: RegionPicker) -> None:
    draw(picker, QPoint(100, 100), QPoint(300, 200))
    key(picker, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down)
    assert picker.region == QRect(120, 110, 200, 100)
    key(picker, Qt.Key.Key_Left, Qt.Key.Key_Up, held=CONTROL)
    assert picker.region == QRect(119, 109, 200, 100)
    key(picker, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, held=SHIFT)
    assert picker.region == QRect(119, 109, 210, 120)
    key(picker, Qt.Key.Key_Left, Qt.Key.Key_Up, held=SHIFT | CONTROL)
    assert picker.region == QRect(119, 109, 209, 119)


def test_keys_leave_neither_the_screen_nor_the_smallest_size(picker: RegionPicker) -> None:
    draw(picker, QPoint(15, 15), QPoint(75, 75))
    key(picker, *[Qt.Key.Key_Left, Qt.Key.Key_Up] * 4)
    assert picker.region == QRect(0, 0, 60, 60)
    key(picker, *[Qt.Key.Key_Left, Qt.Key.Key_Up] * 9, held=SHIFT)
    assert picker.region == QRect(0, 0, 32, 32)
    draw(picker, QPoint(5, 5), QPoint(picker.width() - 5, picker.height() - 5))
    key(picker, *[Qt.Key.Key_Right, Qt.Key.Key_Down] * 4, held=SHIFT)
    assert picker.region == QRect(5, 5, picker.width() - 5, picker.height() - 5)
    key(picker, *[Qt.Key.Key_Right, Qt.Key.Key_Down] * 4)
    assert picker.region == QRect(5, 5, picker.width() - 5, picker.height() - 5)


def test_it_can_begin_with_the_former_region(qtbot: QtBot) -> None:
    picker = shown(qtbot, QRect(40, 50, 100, 80))
    assert picker.region == QRect(40, 50, 100, 80)
    picker.close()
    outside = shown(qtbot, QRect(9000, 9000, 100, 80))
    size = outside.size()
    assert outside.region == QRect(size.width() - 100, size.height() - 80, 100, 80)
    outside.close()
    forget_deleted(qtbot)


def test_it_shows_a_dark_still_that_is_bright_inside_the_rectangle(picker: RegionPicker) -> None:
    draw(picker, QPoint(100, 100), QPoint(400, 300))
    seen = picker.grab().toImage()
    assert seen.pixelColor(250, 200) == GREEN
    dark = seen.pixelColor(20, 500)
    assert dark.green() == pytest.approx(GREEN.green() / 2, abs=3)
    # A white line between black hairlines.
    line = [seen.pixelColor(x, 200) for x in (98, 99, 100)]
    assert line[1].red() > 200
    assert line[0].green() < dark.green()
    assert GREEN.green() > line[2].green()


def test_without_a_still_the_screen_shines_through(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PySide6.QtGui import QPixmap, QScreen  # noqa: PLC0415 (for the double alone)

    # As on Wayland, where programs cannot take pictures of the screen like this.
    monkeypatch.setattr(QScreen, "grabWindow", lambda *_arguments: QPixmap())
    picker = shown(qtbot)
    assert picker.testAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
    draw(picker, QPoint(100, 100), QPoint(400, 300))
    picture = picker.grab().toImage()
    assert picture.pixelColor(20, 500).alpha() == pytest.approx(128, abs=1)
    assert picture.pixelColor(250, 200).alpha() == 1
    picker.close()
    forget_deleted(qtbot)


def test_it_tells_what_it_is_and_what_is_chosen(picker: RegionPicker) -> None:
    assert picker.accessibleName() == "Part of the screen"
    assert "Enter takes it · Esc cancels" in picker.accessibleDescription()
    draw(picker, QPoint(100, 120), QPoint(420, 360))
    assert picker.accessibleDescription().endswith(" · 320 × 240 pixels at 100, 120")
