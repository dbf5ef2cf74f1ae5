"""The bar below the moving picture: where its mouse and keys go, and what its buttons tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import pytest
import shiboken6
from PySide6.QtCore import QElapsedTimer, QPoint, QRect, QSize, Qt, QTranslator
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QSlider,
    QStyleOptionComboBox,
    QToolButton,
    QWidget,
)

from doubles.cameras import PretendCameras
from ui.live_bar_driver import Film, Screens, Window
from ui.live_driver import camera_of
from ui.test_window_accessibility import focusable, spoken_name
from vggscope.sources.live.base import State
from vggscope.sources.live.camera import CameraSource
from vggscope.sources.live.screen import Target
from vggscope.ui.actions import LIVE_ACTIONS, Actions
from vggscope.ui.live.bar import LiveBar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from ui.film_driver import Cinema, Films
    from vggscope.ui.theme import Theme

_Kind = TypeVar("_Kind", bound=QWidget)
KEY = Qt.Key
LEFT = Qt.MouseButton.LeftButton
NO_KEYS = Qt.KeyboardModifier.NoModifier
PAUSE: Final = 60
"""Milliseconds between two seeks, at least."""
WIDE, NARROW = 980, 620
SMALLEST: Final = QSize(900, 600)


@pytest.fixture
def actions(theme: Theme, qapp: QApplication) -> Iterator[Actions]:
    made = Actions(qapp, theme)
    made.show_icons()
    yield made
    shiboken6.delete(made)


@pytest.fixture
def bar(qtbot: QtBot, actions: Actions) -> Iterator[LiveBar]:
    """A bar that is wide enough for all texts; what it wants is done at once."""
    # As in the window, something else decides how wide it is.
    around = QWidget()
    qtbot.addWidget(around)
    made = LiveBar(actions, around)
    made.resize(WIDE, made.sizeHint().height())
    around.resize(made.size())
    made.change_wanted.connect(lambda change: change())
    around.show()
    qtbot.waitExposed(around)
    yield made
    around.close()


@pytest.fixture
def film(bar: LiveBar) -> Iterator[Film]:
    """A hundred seconds in the bar."""
    made = Film()
    bar.show_source(made)
    yield made
    bar.release()
    shiboken6.delete(made)


@pytest.fixture
def screens(bar: LiveBar) -> Iterator[Screens]:
    """A bar for a desktop of two screens, the first of which is shown."""
    Screens.offered[:] = [
        Target("HDMI-1", QRect(0, 0, 1920, 1080)),
        Target("DP-1", QRect(1920, 0, 1280, 1024)),
    ]
    made = Screens(Screens.offered[0])
    bar.show_source(made)
    yield made
    bar.release()
    shiboken6.delete(made)


def seen(bar: LiveBar, kind: type[_Kind]) -> list[_Kind]:
    return [child for child in bar.findChildren(kind) if child.isVisible()]


def the_slider(bar: LiveBar) -> QSlider:
    [slider] = seen(bar, QSlider)
    return slider


def button(bar: LiveBar, text: str) -> QToolButton:
    [found] = [each for each in seen(bar, QToolButton) if each.text() == text]
    return found


def point(slider: QSlider, share: float) -> QPoint:
    """Where the middle of the handle is at this share of its way; from the left."""
    margin = 8
    return QPoint(margin + round(share * (slider.width() - 2 * margin)), slider.height() // 2)


# The slider


def test_dragging_seeks_now_and_then_and_at_last_where_it_was_let_go(
    bar: LiveBar, film: Film
) -> None:
    slider = the_slider(bar)
    clock = QElapsedTimer()
    clock.start()
    QTest.mousePress(slider, LEFT, NO_KEYS, point(slider, 0))
    for move in range(1, 101):
        QTest.mouseMove(slider, point(slider, move * 0.007))
        QTest.qWait(2)
    moving = clock.elapsed()
    assert len(film.sought) >= 3, "the picture follows the handle"
    QTest.mouseRelease(slider, LEFT, NO_KEYS, point(slider, 0.7))

    assert len(film.sought) <= moving / PAUSE + 2
    assert film.sought == sorted(film.sought)
    assert film.sought[-1] == slider.value() / 1000 == pytest.approx(70, abs=1)
    count = len(film.sought)
    QTest.qWait(3 * PAUSE)
    assert len(film.sought) == count


@pytest.mark.parametrize("share", [0.0, 0.2, 0.8, 1.0])
@pytest.mark.parametrize("direction", list(Qt.LayoutDirection)[:2])
def test_click_on_the_groove_goes_there(
    bar: LiveBar, film: Film, share: float, direction: Qt.LayoutDirection
) -> None:
    slider = the_slider(bar)
    slider.setLayoutDirection(direction)
    film.move_to(50)
    QTest.mouseClick(slider, LEFT, NO_KEYS, point(slider, share))
    is_mirrored = direction is Qt.LayoutDirection.RightToLeft
    assert film.sought == [pytest.approx(100 * (1 - share if is_mirrored else share), abs=1)]


def test_groove_is_dragged_on_from_where_it_was_clicked(bar: LiveBar, film: Film) -> None:
    slider = the_slider(bar)
    QTest.mousePress(slider, LEFT, NO_KEYS, point(slider, 0.8))
    assert film.sought == [pytest.approx(80, abs=1)]
    assert slider.isSliderDown()
    QTest.mouseMove(slider, point(slider, 0.5))
    QTest.mouseMove(slider, point(slider, 0.3))
    QTest.mouseRelease(slider, LEFT, NO_KEYS, point(slider, 0.3))
    assert film.sought[-1] == pytest.approx(30, abs=1)
    assert not slider.isSliderDown()


def test_click_on_the_handle_moves_nothing(bar: LiveBar, film: Film) -> None:
    film.move_to(50)
    slider = the_slider(bar)
    QTest.mouseClick(slider, LEFT, NO_KEYS, point(slider, 0.5) + QPoint(4, 0))
    assert film.sought == []
    assert slider.value() == 50_000


@pytest.mark.parametrize(("duration", "step"), [(0.8, 0.04), (30, 1.5), (100, 5), (7200, 5)])
def test_keys_go_some_seconds(bar: LiveBar, duration: float, step: float) -> None:
    film = Film(duration)
    bar.show_source(film)
    slider = the_slider(bar)
    for key, seconds in (
        (KEY.Key_Right, step),
        (KEY.Key_PageUp, 3 * step),
        (KEY.Key_Left, 2 * step),
        (KEY.Key_PageDown, 0),
        (KEY.Key_End, duration),
        (KEY.Key_Home, 0),
    ):
        QTest.keyClick(slider, key)
        QTest.qWait(2 * PAUSE)
        assert film.sought[-1] == pytest.approx(seconds, abs=0.001)
    bar.release()
    shiboken6.delete(film)


def test_handle_follows_the_video(bar: LiveBar, film: Film) -> None:
    slider = the_slider(bar)
    for seconds in (0.0, 12.345, 99.9, 100.0, 3.0):
        film.move_to(seconds)
        assert slider.value() == round(seconds * 1000)
    assert film.sought == []
    assert slider.accessibleDescription() == "0:03 / 1:40"


def test_handle_that_is_held_stays_in_the_hand(bar: LiveBar, film: Film) -> None:
    slider = the_slider(bar)
    QTest.mousePress(slider, LEFT, NO_KEYS, point(slider, 0.8))
    held = slider.value()
    QTest.qWait(2 * PAUSE)
    film.move_to(10)
    assert slider.value() == held
    QTest.mouseRelease(slider, LEFT, NO_KEYS, point(slider, 0.8))
    film.move_to(11)
    assert slider.value() == 11_000


def test_handle_does_not_jump_back_while_a_seek_waits(bar: LiveBar, film: Film) -> None:
    slider = the_slider(bar)
    for _ in range(3):
        QTest.keyClick(slider, KEY.Key_Right)
    assert film.sought == [5]
    film.move_to(5.1)
    assert slider.value() == 15_000
    QTest.keyClick(slider, KEY.Key_Right)
    QTest.qWait(2 * PAUSE)
    assert film.sought == [5, 20]
    film.move_to(20.1)
    assert slider.value() == 20_100


def test_another_video_hears_nothing_of_the_last_ones_mouse(bar: LiveBar, film: Film) -> None:
    slider = the_slider(bar)
    QTest.mousePress(slider, LEFT, NO_KEYS, point(slider, 0.8))
    QTest.mouseMove(slider, point(slider, 0.5))
    before = list(film.sought)
    other = Film(20)
    bar.show_source(other)
    assert slider.value() == 0
    assert slider.maximum() == 20_000
    QTest.qWait(2 * PAUSE)
    assert (film.sought, other.sought) == (before, [])
    other.move_to(4)
    assert slider.value() == 4000
    bar.release()
    shiboken6.delete(other)


def test_real_video_stands_where_the_groove_was_clicked(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.press(KEY.Key_Space)
    slider = cinema.slider
    QTest.mouseClick(slider, LEFT, NO_KEYS, point(slider, 0.8))
    cinema.user.wait(lambda: cinema.video.position == pytest.approx(24, abs=0.5))
    cinema.wait_for_answer()
    assert slider.value() == round(1000 * cinema.video.position)
    assert cinema.video.state is State.PAUSED


# Buttons


def test_button_is_called_as_it_reads(bar: LiveBar, film: Film, actions: Actions) -> None:
    assert film
    freeze = button(bar, "Freeze")
    assert (spoken_name(freeze), freeze.toolTip()) == ("Freeze", "Freeze (Space)")
    # As the presenter does.
    actions["freeze"].setChecked(True)
    actions.use_icon("freeze", "play")
    actions["freeze"].setIconText("Go on")
    assert freeze.text() == "Go on"
    assert (spoken_name(freeze), freeze.toolTip()) == ("Go on", "Go on (Space)")
    actions["freeze"].setIconText("Freeze")
    assert (spoken_name(freeze), freeze.toolTip()) == ("Freeze", "Freeze (Space)")


def test_tool_tips_keep_their_keys_whatever_changes(
    bar: LiveBar, film: Film, actions: Actions, theme: Theme
) -> None:
    assert film
    expected = {
        "Freeze (Space)",
        "Loop the Video (L)",
        "Save Snapshot (S)",
        "Record Predictions (R)",
    }
    assert {each.toolTip() for each in seen(bar, QToolButton)} == expected
    for key in LIVE_ACTIONS:
        actions[key].setEnabled(False)
        actions[key].setChecked(True)
        actions[key].setEnabled(True)
    theme.use("dark")
    assert {each.toolTip() for each in seen(bar, QToolButton)} == expected


def test_any_button_of_an_action_keeps_the_key_in_its_tool_tip(
    qtbot: QtBot, actions: Actions
) -> None:
    """Also those of the toolbar, which are plain ones."""
    plain = QToolButton()
    qtbot.addWidget(plain)
    plain.setDefaultAction(actions["source_camera"])
    actions["source_camera"].setChecked(True)
    actions["source_camera"].setEnabled(False)
    assert plain.toolTip() == "Camera (F7)"


@pytest.mark.parametrize("is_frozen", [False, True])
def test_names_are_unique_in_the_window(cinema: Cinema, films: Films, *, is_frozen: bool) -> None:
    cinema.show(films.still)
    if is_frozen:
        cinema.freeze()
    controls = focusable(cinema.user.window)
    names = [spoken_name(widget) for widget in controls if not isinstance(widget, QComboBox)]
    assert sorted(names) == sorted(set(names))
    assert ("Go on" in names, "Freeze" in names) == (is_frozen, not is_frozen)


# Room


def cut(bar: LiveBar) -> list[str]:
    """What has less room than it needs."""
    return [
        each.accessibleName() or each.text()
        for kind in (QAbstractButton, QLabel)
        for each in seen(bar, kind)
        if each.width() < each.sizeHint().width()
    ]


def test_narrow_bar_shows_icons(bar: LiveBar, screens: Screens) -> None:
    screens.use_region(QRect(0, 0, 300, 300))
    bar.show_region()
    styles = {}
    for width in (WIDE, NARROW, WIDE):
        bar.resize(width, bar.height())
        # Without going through the event loop: there is no moment at which they do not fit.
        assert bar.width() == width
        assert cut(bar) == []
        styles[width] = {each.text(): each.toolButtonStyle() for each in seen(bar, QToolButton)}
        named = {spoken_name(each): each.toolTip() for each in seen(bar, QToolButton)}
        assert named["Save Snapshot"] == "Save Snapshot (S)"
        assert named["Choose Region of the Screen"] == "Choose Region of the Screen (G)"
    style = Qt.ToolButtonStyle
    for text in ("Freeze", "Snapshot", "Record", "Region…"):
        assert styles[WIDE][text] is style.ToolButtonTextBesideIcon
        assert styles[NARROW][text] is style.ToolButtonIconOnly


def test_smallest_window_leaves_the_slider_room(cinema: Cinema, films: Films) -> None:
    cinema.user.window.resize(1280, 800)
    cinema.show(films.still)
    bar = cinema.presenter.bar
    cinema.user.window.resize(SMALLEST)
    cinema.user.wait(lambda: cinema.user.window.size() == SMALLEST)
    cinema.user.wait(lambda: cut(bar) == [])
    assert cinema.slider.width() > 180
    assert bar.width() < bar.window().width()


@pytest.fixture
def desk(bar: LiveBar, monkeypatch: pytest.MonkeyPatch) -> Iterator[CameraSource]:
    """A bar for a camera on the desk."""
    system = PretendCameras(camera_of("zebra", title="Front Camera"))
    monkeypatch.setattr("vggscope.sources.live.camera.QtCameraSystem", lambda _parent: system)
    made = CameraSource()
    bar.show_source(made)
    yield made
    bar.release()
    shiboken6.delete(made)
    shiboken6.delete(system)


def combo(bar: LiveBar, name: str) -> QComboBox:
    [found] = [each for each in bar.findChildren(QComboBox) if each.accessibleName() == name]
    return found


def test_narrow_bar_shows_the_whole_format(bar: LiveBar, desk: CameraSource) -> None:
    bar.resize(NARROW, bar.height())
    assert desk.formats
    formats = combo(bar, "Format")
    assert formats.currentText() == "1280 × 720 · 30 fps · Jpeg"
    option = QStyleOptionComboBox()
    formats.initStyleOption(option)
    assert option.currentText == formats.currentText()
    assert cut(bar) == []


def test_what_does_not_fit_ends_in_dots(bar: LiveBar, desk: CameraSource) -> None:
    assert desk.name == "Front Camera"
    cameras = combo(bar, "Camera")
    for room, is_cut in ((250, False), (100, True)):
        cameras.setFixedWidth(room)
        option = QStyleOptionComboBox()
        cameras.initStyleOption(option)
        assert (option.currentText == "Front Camera") is not is_cut
        assert option.currentText.endswith("…") is is_cut


def test_formats_are_translated(bar: LiveBar, desk: CameraSource, qapp: QApplication) -> None:
    class German(QTranslator):
        def translate(self, _context: str, source: str, *_: object) -> str:
            return source.replace("fps", "Bilder/s")

    german = German()
    qapp.installTranslator(german)
    try:
        bar.show_source(desk)
        assert combo(bar, "Format").currentText() == "1280 × 720 · 30 Bilder/s · Jpeg"
    finally:
        qapp.removeTranslator(german)


# Screens and windows


def choose(bar: LiveBar, row: int) -> None:
    """Choose an entry, as ``activated`` tells also of the one that is chosen already."""
    listed = combo(bar, "Screen or window")
    listed.showPopup()
    view = listed.view()
    QTest.mouseClick(
        view.viewport(), LEFT, NO_KEYS, view.visualRect(listed.model().index(row, 0)).center()
    )
    assert not view.isVisible()


def test_choosing_what_is_chosen_changes_nothing(bar: LiveBar, screens: Screens) -> None:
    changes: list[object] = []
    bar.change_wanted.connect(changes.append)
    screens.use_region(QRect(10, 10, 300, 300))
    choose(bar, 0)
    assert changes == screens.used == []
    assert screens.has_region

    choose(bar, 1)
    assert screens.used == ["DP-1"]
    assert not screens.has_region
    screens.use_region(QRect(10, 10, 300, 300))
    choose(bar, 1)
    assert screens.used == ["DP-1"]
    assert screens.has_region
    choose(bar, 0)
    assert screens.used == ["DP-1", "HDMI-1"]
    assert len(changes) == 2


def test_windows_of_the_same_title(bar: LiveBar, screens: Screens) -> None:
    Screens.offered.extend(Target("Terminal", window=Window(number)) for number in (1, 2))
    listed = combo(bar, "Screen or window")
    choose(bar, 3)
    assert screens.used == ["Terminal"]
    assert listed.currentIndex() == 3
    choose(bar, 3)
    assert screens.used == ["Terminal"]
    # The other one can be chosen, whatever it is called.
    choose(bar, 2)
    assert screens.used == ["Terminal", "Terminal"]
    assert listed.currentIndex() == 2
    # A page of a browser has another title.
    Screens.offered[2] = Target("Terminal: make", window=Window(1))
    choose(bar, 2)
    assert screens.used == ["Terminal", "Terminal"]
    choose(bar, 0)
    assert screens.used[-1] == "HDMI-1"
    assert not combo(bar, "Screen or window").currentIndex()


# Afterwards


def test_released_bar_knows_no_camera(bar: LiveBar, desk: CameraSource) -> None:
    cameras, formats = combo(bar, "Camera"), combo(bar, "Format")
    assert cameras.count() == 1
    assert formats.count() == 2
    bar.release()
    assert (cameras.count(), formats.count()) == (0, 0)
    assert not cameras.isEnabled()
    desk.cameras_changed.emit()
    assert cameras.count() == 0


def test_released_bar_knows_no_screen(bar: LiveBar, screens: Screens) -> None:
    screens.use_region(QRect(10, 10, 300, 300))
    bar.show_region()
    listed, whole = combo(bar, "Screen or window"), button(bar, "Whole screen")
    assert listed.count() == 2
    bar.release()
    assert listed.count() == 0
    assert not whole.isVisible()
    bar.show_region()
    assert listed.count() == 0


def test_released_bar_knows_no_video(bar: LiveBar, film: Film) -> None:
    slider = the_slider(bar)
    film.move_to(50)
    bar.release()
    assert (slider.value(), slider.maximum()) == (0, 0)
    film.move_to(60)
    assert slider.value() == 0
