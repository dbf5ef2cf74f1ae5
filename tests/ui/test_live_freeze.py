"""Holding the picture, its keys and controls, and their names for those who listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QListView, QMenu, QSplitter, QToolButton

from ui.live_driver import LABELS
from ui.test_window_accessibility import focusable, spoken_name, walk
from ui.window_driver import SLOW
from vggscope.sources.live.base import State
from vggscope.ui.settings import MODEL, READOUT, SMOOTHING
from vggscope.ui.texts import percent
from videos import make_video

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from ui.film_driver import Cinema, Films
    from ui.window_driver import Driver

KEY = Qt.Key
ZEBRA = LABELS["zebra"]
PIZZA = LABELS["pizza"]


# Freezing


def by_key(cinema: Cinema) -> None:
    cinema.press(KEY.Key_Space)


def freeze_button(cinema: Cinema) -> QToolButton:
    action = cinema.user.window.actions_by_key["freeze"]
    buttons = cinema.presenter.bar.findChildren(QToolButton)
    [found] = [button for button in buttons if button.defaultAction() is action]
    return found


def by_button(cinema: Cinema) -> None:
    cinema.user.click(freeze_button(cinema))


def by_menu(cinema: Cinema) -> None:
    [menu] = [m for m in cinema.user.window.findChildren(QMenu) if m.title() == "&Live"]
    [action] = [a for a in menu.actions() if a.text() == "&Freeze"]
    action.trigger()


@pytest.mark.parametrize("way", [by_key, by_button, by_menu])
def test_the_picture_stays_and_goes_on(
    cinema: Cinema, films: Films, way: Callable[[Cinema], None]
) -> None:
    cinema.show(films.wandering)
    button = freeze_button(cinema)
    assert button.text() == "Freeze"
    way(cinema)
    cinema.wait_for_answer()
    assert cinema.badge.endswith("Frozen")
    assert button.isChecked()
    assert button.text() == "Go on"
    assert cinema.video.state is State.PAUSED

    frames: list[object] = []
    cinema.video.frame_ready.connect(frames.append)
    picture, position = cinema.canvas.grab().toImage(), cinema.video.position
    QTest.qWait(300)
    assert frames == []
    assert cinema.video.position == position
    assert cinema.canvas.grab().toImage() == picture

    way(cinema)
    cinema.user.wait(lambda: len(frames) > 3)
    assert "Frozen" not in cinema.badge
    assert not button.isChecked()
    assert button.text() == "Freeze"
    cinema.user.wait(lambda: cinema.canvas.grab().toImage() != picture)


def test_what_is_shown_while_frozen_is_of_that_frame_alone(cinema: Cinema, films: Films) -> None:
    cinema.user.settings.set(SMOOTHING, "strong")
    cinema.show(films.of("zebra", "pizza", seconds=30))
    cinema.user.wait(lambda: "smoothed: strong" in cinema.note)
    # A second after the pizza comes, what is shown is still a zebra too.
    cinema.slide_to(0.6)
    cinema.user.wait(lambda: cinema.shows("pizza"))
    cinema.freeze()
    cinema.wait_for(PIZZA)
    result = cinema.session.result
    assert result is not None
    cinema.user.wait(lambda: "smoothed" not in cinema.note)
    assert cinema.presenter.classification is result.classification
    # Over a few percent, as the rest of them fade by halves in each further second.
    shown = dict(cinema.user.shown_predictions())
    assert ZEBRA not in shown
    assert float(shown[PIZZA].rstrip("%")) == pytest.approx(
        100 * result.classification.predictions[0].probability, abs=0.06
    )


def sharpness(cinema: Cinema) -> float:
    """Pixels of what is shown per pixel of the film."""
    preview = cinema.session.preview
    assert preview is not None
    return preview.image.width() / preview.part.width()


def test_zoom_and_pan_of_a_frozen_picture(cinema: Cinema, films: Films) -> None:
    canvas = cinema.canvas
    film = films.make(
        "large.mp4",
        lambda path: make_video(
            path, ["zebra.jpg"], size=(1920, 1080), fps=10, seconds=10, key_every=10
        ),
    )
    cinema.show(film)
    cinema.freeze()
    frozen = cinema.session.frozen
    assert frozen is not None
    fitted = pytest.approx(min(canvas.room[0] / 1920, canvas.room[1] / 1080), rel=0.01)
    assert fitted != 1
    cinema.user.wait(lambda: sharpness(cinema) == fitted)

    canvas.setFocus()
    cinema.user.key(KEY.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert canvas.scale == pytest.approx(1)
    cinema.user.wait(lambda: sharpness(cinema) == pytest.approx(1, rel=0.01))
    sharp = cinema.session.preview
    assert sharp is not None
    assert sharp.frame is frozen, "a camera may have taken back the pixels of the first one"

    corner = canvas.to_photo(QPointF(0, 0))
    cinema.user.key(KEY.Key_Left, on=canvas)
    assert canvas.to_photo(QPointF(0, 0)).x() == pytest.approx(corner.x() - 40)
    cinema.user.wheel(canvas, QPointF(200, 200), 2)
    assert canvas.zoom > 1.2
    assert cinema.session.is_frozen
    # The zoom stays when it goes on, and its pictures are as sharp.
    zoom = canvas.zoom
    cinema.press(KEY.Key_Space)
    cinema.user.wait(lambda: cinema.session.preview.frame.number > frozen.number)  # type: ignore[union-attr]
    assert canvas.zoom == zoom
    assert sharpness(cinema) == pytest.approx(1, rel=0.01)
    cinema.user.key(KEY.Key_0, Qt.KeyboardModifier.ControlModifier)
    cinema.user.wait(lambda: sharpness(cinema) == fitted)


def test_another_model_looks_at_the_frozen_picture(cinema: Cinema, films: Films) -> None:
    cinema.show(films.wandering)
    cinema.freeze()
    frozen, answer = cinema.session.frozen, cinema.presenter.classification
    assert answer is not None
    spoken = {(p.label, percent(p.probability)) for p in answer.top(5)}
    cinema.user.wait(lambda: set(cinema.user.shown_predictions()) == spoken)
    before = cinema.user.shown_predictions()
    stale: list[list[tuple[str, str]]] = []

    def listen() -> None:
        if "Out of date" in cinema.user.pane_texts():
            stale.append(cinema.user.shown_predictions())

    cinema.user.settings.changed.connect(listen)
    cinema.user.bench.model_changed.connect(listen)
    cinema.user.settings.set(MODEL, SLOW)
    cinema.user.wait_for_model(SLOW)
    cinema.wait_for(ZEBRA)

    assert before in stale
    assert cinema.is_answered()
    assert cinema.session.frozen is frozen
    assert cinema.presenter.classification is not None
    assert cinema.presenter.classification.model == SLOW
    assert cinema.session.is_frozen


def test_seek_while_frozen(cinema: Cinema, films: Films) -> None:
    cinema.show(films.of("zebra", "pizza", seconds=30))
    cinema.freeze()
    cinema.slide_to(0.8)
    cinema.wait_for(PIZZA)
    cinema.wait_for_answer()
    assert cinema.shows("pizza")
    assert cinema.badge.endswith("Frozen")
    assert cinema.video.state is State.PAUSED
    cinema.press(KEY.Key_Space)
    cinema.user.wait(lambda: cinema.video.state is State.RUNNING)
    cinema.user.wait(lambda: not cinema.session.is_frozen)
    assert cinema.video.position > 20


def test_leaving_a_frozen_film(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.freeze()
    cinema.press(KEY.Key_F6)
    assert cinema.user.window.welcome.isVisible()
    cinema.show(films.of("pizza", seconds=30), PIZZA)
    assert not cinema.session.is_frozen
    assert "Frozen" not in cinema.badge
    assert freeze_button(cinema).text() == "Freeze"


# Space and letters


def click_device(cinema: Cinema) -> None:
    _press_menu(cinema, cinema.user.window._bar.device)


def click_model(cinema: Cinema) -> None:
    _press_menu(cinema, cinema.user.button("Model"))


def _press_menu(cinema: Cinema, button: QWidget) -> None:
    """Open the button's menu, and close it again."""
    assert isinstance(button, QToolButton)
    menu = button.menu()
    closing = QTimer(menu)
    closing.timeout.connect(menu.close)
    closing.start(50)
    cinema.user.click(button)  # returns when the menu is closed
    closing.stop()
    assert not menu.isVisible()


def click_loop(cinema: Cinema) -> None:
    cinema.user.click(cinema.user.button("Loop the Video", cinema.presenter.bar))


def click_speed(cinema: Cinema) -> None:
    combo = cinema.combo("Speed")
    cinema.user.click(combo)
    view = combo.view()
    cinema.user.wait(view.isVisible)
    cinema.user.key(KEY.Key_Escape, on=view)
    cinema.user.wait(lambda: not view.isVisible())


def click_bars(cinema: Cinema) -> None:
    [bars] = cinema.user.window.predictions.findChildren(QListView)
    cinema.user.click(bars.viewport(), QPoint(20, 20))


def click_splitter(cinema: Cinema) -> None:
    [splitter] = [s for s in cinema.user.window.findChildren(QSplitter) if s.count() == 2]
    cinema.user.click(splitter.handle(1))


def click_slider(cinema: Cinema) -> None:
    cinema.slide_to(0.3)


def click_message(cinema: Cinema) -> None:
    cinema.user.window.messages.tell("Something happened.", "Do something", lambda: None)
    cinema.user.click(cinema.user.button("Do something"))


def click_dismissal(cinema: Cinema) -> None:
    cinema.user.window.messages.tell("Something happened.")
    cinema.user.click(cinema.user.button("Dismiss this message"))


CLICKS = (
    *(click_device, click_model, click_loop, click_speed, click_bars, click_splitter),
    *(click_slider, click_message, click_dismissal),
)


@pytest.mark.parametrize("click", CLICKS)
def test_after_a_click_space_still_freezes(
    cinema: Cinema, films: Films, click: Callable[[Cinema], None]
) -> None:
    cinema.show(films.still)
    click(cinema)
    cinema.user.activate()
    cinema.wait_for(ZEBRA)
    cinema.press(KEY.Key_Space)
    assert cinema.session.is_frozen
    cinema.press(KEY.Key_Space)
    assert not cinema.session.is_frozen


def test_space_presses_the_button_that_has_the_keyboard(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    button = cinema.user.button("Record Predictions", cinema.presenter.bar)
    button.setFocus(Qt.FocusReason.TabFocusReason)
    assert button.hasFocus()
    cinema.press(KEY.Key_Space)
    assert cinema.presenter.captures.is_recording
    assert not cinema.session.is_frozen
    cinema.press(KEY.Key_Space)
    assert not cinema.presenter.captures.is_recording
    # What a button has no use for is a shortcut.
    cinema.press(KEY.Key_L)
    assert cinema.video.loops


def test_keys_of_a_list_of_choices_are_its_own(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    combo = cinema.combo("Speed")
    combo.setFocus(Qt.FocusReason.TabFocusReason)
    cinema.press(KEY.Key_Space)
    cinema.user.wait(combo.view().isVisible)
    assert not cinema.session.is_frozen
    cinema.user.key(KEY.Key_Escape, on=combo.view())
    cinema.user.wait(lambda: not combo.view().isVisible())
    cinema.user.activate()
    combo.setFocus()
    cinema.press(KEY.Key_2)
    assert combo.currentText() == "2×"
    cinema.press(KEY.Key_L)
    assert not cinema.video.loops


def test_space_freezes_while_the_slider_has_the_keyboard(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.slider.setFocus(Qt.FocusReason.TabFocusReason)
    cinema.user.key(KEY.Key_Right, on=cinema.slider)
    cinema.press(KEY.Key_Space)
    assert cinema.session.is_frozen


def test_with_photos_space_and_letters_do_nothing_live(user: Driver) -> None:
    user.open("zebra")
    for key in (KEY.Key_Space, KEY.Key_S, KEY.Key_R, KEY.Key_I, KEY.Key_L, KEY.Key_M, KEY.Key_G):
        user.key(key, on=user.window.canvas)
    assert not user.window.is_live
    assert user.settings.flag(READOUT)
    assert user.shown_predictions()[0][0] == ZEBRA


# Names


def name_of(widget: QWidget) -> str:
    """What it is called; on Linux, Qt calls a list of choices by what is chosen in it."""
    if not isinstance(widget, QComboBox):
        return spoken_name(widget)
    interface = QAccessible.queryAccessibleInterface(widget)
    assert interface is not None
    assert interface.text(QAccessible.Text.Description) == widget.accessibleName()
    return widget.accessibleName()


def test_controls_of_the_bar_have_names_and_are_reached(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    controls = focusable(cinema.user.window)
    names = [name_of(widget) for widget in controls]
    bar = [w for w in controls if cinema.presenter.bar.isAncestorOf(w)]
    assert {name_of(widget) for widget in bar} == {
        *("Freeze", "Position in the video", "Loop the Video", "Speed"),
        *("Save Snapshot", "Record Predictions"),
    }
    assert "" not in names
    assert sorted(names) == sorted(set(names))
    cinema.user.activate()
    reached = walk(cinema.user.window, len(controls))
    assert [name_of(widget) for widget in controls if widget not in reached] == []
