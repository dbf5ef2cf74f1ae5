"""Videos in the window: opened in every way, played, left again; and files that are none."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from ui.live_driver import LABELS
from ui.window_driver import mime_of, sample
from vggscope.sources.live.base import State
from vggscope.ui import main_window
from vggscope.ui.actions import LIVE_ACTIONS, SOURCES
from vggscope.ui.settings import LOOP
from videos import changing_size, cut_off, damaged, make_video, sound_only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ui.film_driver import Cinema, Films

KEY = Qt.Key
PHOTOS_ONLY = ("previous", "next", "as_table", "remove", "remove_all", "again", "stop")
ZEBRA = LABELS["zebra"]
PIZZA = LABELS["pizza"]
BOX = (55, 15, 210, 210)
"""224 / 256 of the height of a film, in its middle."""


def enabled(cinema: Cinema) -> dict[str, bool]:
    actions = cinema.user.window.actions_by_key
    keys = (*PHOTOS_ONLY, *LIVE_ACTIONS, "export_csv", "export_json", "copy_text", "zoom_in")
    return {key: actions[key].isEnabled() for key in keys}


def checked_source(cinema: Cinema) -> list[str]:
    actions = cinema.user.window.actions_by_key
    return [key for key in SOURCES if actions[key].isChecked()]


# Ways to open one


def drop(cinema: Cinema, film: Path, _: pytest.MonkeyPatch) -> None:
    cinema.user.drop_files(film)


def paste(cinema: Cinema, film: Path, _: pytest.MonkeyPatch) -> None:
    cinema.user.paste(mime_of(files=[film]))


def paste_as_text(cinema: Cinema, film: Path, _: pytest.MonkeyPatch) -> None:
    cinema.user.paste(mime_of(text=f"'{film}'"))


def choose(cinema: Cinema, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_window, "ask_for_video", lambda _parent: str(film))
    cinema.user.click(cinema.user.button("Look at: Video"))


def press_f8(cinema: Cinema, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_window, "ask_for_video", lambda _parent: str(film))
    cinema.press(KEY.Key_F8)


@pytest.mark.parametrize("way", [drop, paste, paste_as_text, choose, press_f8])
def test_video_plays(
    cinema: Cinema,
    films: Films,
    monkeypatch: pytest.MonkeyPatch,
    way: Callable[[Cinema, Path, pytest.MonkeyPatch], None],
) -> None:
    film = films.still
    way(cinema, film, monkeypatch)
    cinema.wait_for(ZEBRA)

    window = cinema.user.window
    assert cinema.shows("zebra")
    assert checked_source(cinema) == ["source_video"]
    assert window.windowTitle() == f"{film.name} — VGGscope"
    assert window.canvas.hasFocus()
    first = cinema.video.position
    cinema.user.wait(lambda: cinema.video.position > first)
    assert cinema.message == ""


def test_video_of_the_command_line(films: Films, cinema: Cinema) -> None:
    # What ui.app does with the files that it is started with.
    cinema.user.window.open_paths([str(films.still)])
    cinema.wait_for(ZEBRA)


def test_predictions_and_box_follow_the_picture(cinema: Cinema, films: Films) -> None:
    cinema.show(films.two)
    assert cinema.shows("zebra")
    cinema.user.trigger("crop_box")
    assert cinema.canvas.box is not None
    assert cinema.canvas.box.getRect() == pytest.approx(BOX, abs=1)
    assert "the frame is what the network sees" in cinema.canvas.accessibleDescription()

    cinema.user.trigger("crop_box")
    cinema.wait_for(PIZZA)
    assert cinema.shows("pizza")
    assert cinema.video.position >= 2


def test_of_several_videos_the_first_plays(cinema: Cinema, films: Films) -> None:
    cinema.user.drop_files(films.still, films.two, films.short)
    cinema.wait_for(ZEBRA)
    assert cinema.video.name == films.still.name
    assert cinema.message == "One video at a time: this is the first of 3."


def test_video_together_with_photos(cinema: Cinema, films: Films) -> None:
    cinema.user.drop_files(sample("coffee"), films.still, sample("pizza"))
    cinema.wait_for(ZEBRA)
    assert checked_source(cinema) == ["source_video"]
    assert not cinema.user.is_browser_visible()

    cinema.press(KEY.Key_F6)
    cinema.user.settle()
    assert [photo.name for photo in cinema.user.photos] == ["coffee.jpg", "pizza.jpg"]
    assert cinema.user.shown_predictions()[0][0] == LABELS["coffee"]
    assert cinema.user.is_browser_visible()


def test_video_together_with_a_folder_without_photos(
    cinema: Cinema, films: Films, tmp_path: Path
) -> None:
    cinema.user.drop_files(tmp_path, films.still)
    cinema.wait_for(ZEBRA)
    assert checked_source(cinema) == ["source_video"]


def test_another_video_takes_over(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    former = cinema.video
    cinema.show(films.of("pizza", seconds=30), PIZZA)
    assert cinema.video is not former
    assert cinema.shows("pizza")
    assert cinema.user.window.windowTitle().startswith("pizza")


# Back to the photos


def test_photos_come_back_as_they_were(cinema: Cinema, films: Films) -> None:
    user, canvas = cinema.user, cinema.canvas
    user.open("coffee", "ladybug")
    before = user.shown_predictions(), enabled(cinema), user.window.windowTitle(), canvas.box
    picture = canvas.grab().toImage()
    texts = user.pane_texts()

    cinema.show(films.still)
    assert {key for key in PHOTOS_ONLY if enabled(cinema)[key]} == set()
    assert not enabled(cinema)["export_csv"]
    assert all(enabled(cinema)[key] for key in ("freeze", "snapshot", "record", "loop", "readout"))
    assert not enabled(cinema)["mirror"]
    assert not enabled(cinema)["region"]

    cinema.press(KEY.Key_F6)
    user.settle()
    after = user.shown_predictions(), enabled(cinema), user.window.windowTitle(), canvas.box
    assert after == before
    assert user.pane_texts() == texts
    assert not any(enabled(cinema)[key] for key in LIVE_ACTIONS)
    assert checked_source(cinema) == ["source_photos"]
    assert not cinema.presenter.bar.isVisible()
    user.wait(lambda: canvas.grab().toImage() == picture)
    user.trigger("next")
    assert user.current.name == "ladybug.jpg"


def test_without_photos_the_welcome_comes_back(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.user.click(cinema.user.button("Look at: Photos"))
    assert cinema.user.window.welcome.isVisible()
    assert cinema.user.window.windowTitle() == "VGGscope"
    assert cinema.user.shown_predictions() == []


def test_dropped_photo_ends_the_video(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.user.open("coffee")
    assert not cinema.user.window.is_live
    assert checked_source(cinema) == ["source_photos"]
    assert cinema.user.shown_predictions()[0][0] == LABELS["coffee"]
    assert cinema.canvas.accessibleDescription().startswith("coffee.jpg")


def test_photos_dropped_before_are_classified_meanwhile(cinema: Cinema, films: Films) -> None:
    cinema.user.drop_files(*[sample("coffee"), sample("ladybug")] * 2)
    cinema.user.wait(lambda: len(cinema.user.photos) == 4)
    cinema.show(films.two)
    cinema.user.settle()
    assert cinema.user.shown_predictions()[0][0] in {ZEBRA, PIZZA}
    assert cinema.user.window.stage.currentWidget() is cinema.canvas


def test_cancelled_dialog_changes_nothing(
    cinema: Cinema, films: Films, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_window, "ask_for_video", lambda _parent: "")
    cinema.press(KEY.Key_F8)
    assert checked_source(cinema) == ["source_photos"]
    cinema.show(films.still)
    former = cinema.video
    cinema.user.click(cinema.user.button("Look at: Video"))
    assert checked_source(cinema) == ["source_video"]
    assert cinema.video is former


# Files that are none, or not whole


def text(folder: Path) -> tuple[Path, str]:
    (folder / "letter.mp4").write_text("Dear reader, " * 100, encoding="utf-8")
    return folder / "letter.mp4", "“letter.mp4” cannot be played: its content is no video"


def empty(folder: Path) -> tuple[Path, str]:
    (folder / "empty.webm").touch()
    return folder / "empty.webm", "“empty.webm” cannot be played: it is empty."


def hum(folder: Path) -> tuple[Path, str]:
    return sound_only(folder / "hum.mp4"), "“hum.mp4” holds sound, but no pictures."


def missing(folder: Path) -> tuple[Path, str]:
    return folder / "gone.mp4", "“gone.mp4” does not exist."


BAD = (text, empty, hum, missing)


@pytest.mark.parametrize("bad", BAD)
def test_bad_video_leaves_the_photos(
    cinema: Cinema, tmp_path: Path, bad: Callable[[Path], tuple[Path, str]]
) -> None:
    user = cinema.user
    user.open("coffee")
    before = user.shown_predictions(), enabled(cinema), user.window.windowTitle()
    file, sentence = bad(tmp_path)

    user.drop_files(file)
    cinema.wait_for_message(sentence)

    assert not user.window.is_live
    assert checked_source(cinema) == ["source_photos"]
    assert (user.shown_predictions(), enabled(cinema), user.window.windowTitle()) == before
    assert user.window.stage.currentWidget() is cinema.canvas
    assert [photo.name for photo in user.photos] == ["coffee.jpg"]


@pytest.mark.parametrize("bad", BAD)
def test_bad_video_leaves_the_one_that_plays(
    cinema: Cinema,
    films: Films,
    tmp_path: Path,
    bad: Callable[[Path], tuple[Path, str]],
) -> None:
    cinema.show(films.still)
    former = cinema.video
    file, sentence = bad(tmp_path)

    cinema.user.drop_files(file)
    cinema.wait_for_message(sentence)

    assert cinema.video is former
    assert checked_source(cinema) == ["source_video"]
    assert cinema.user.window.windowTitle() == f"{films.still.name} — VGGscope"
    at = former.position
    cinema.user.wait(lambda: former.position > at)
    assert former.state is State.RUNNING
    assert cinema.best() == ZEBRA


def test_folder_that_is_called_like_a_video(
    cinema: Cinema, films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "holidays.mp4"
    folder.mkdir()
    shutil.copy(sample("coffee"), folder)
    cinema.show(films.still)
    choose(cinema, folder, monkeypatch)
    cinema.wait_for_message("“holidays.mp4” cannot be played: it is a folder.")
    assert cinema.video.name == films.still.name

    cinema.user.drop_files(folder)
    cinema.user.wait(lambda: [photo.name for photo in cinema.user.photos] == ["coffee.jpg"])
    assert not cinema.user.window.is_live


def test_recent_file_that_has_gone(cinema: Cinema, films: Films, tmp_path: Path) -> None:
    gone = tmp_path / "gone.mp4"
    gone.write_bytes(films.short.read_bytes())
    cinema.show(gone)
    cinema.press(KEY.Key_F6)
    [recent] = [
        menu for menu in cinema.user.window.findChildren(QMenu) if menu.title() == "Open &Recent"
    ]
    recent.aboutToShow.emit()
    [action] = [a for a in recent.actions() if a.text() == "gone.mp4"]
    # It goes while the menu is open.
    gone.unlink()
    action.trigger()
    cinema.wait_for_message("“gone.mp4” does not exist.")
    assert not cinema.user.window.is_live


def test_video_that_ends_in_the_middle(cinema: Cinema, films: Films) -> None:
    film = films.make("cut.mp4", lambda path: cut_off(path, ["zebra.jpg"], seconds=2.4))
    cinema.show(film)
    cinema.wait_for_message("“cut.mp4” ends in the middle, after 1.", "of 2.4 seconds.")
    cinema.user.wait(lambda: "The end" in cinema.badge)
    cinema.wait_for(ZEBRA)
    assert cinema.shows("zebra")


def test_video_that_ends_in_the_middle_is_not_repeated_for_ever(
    cinema: Cinema, films: Films
) -> None:
    cinema.user.settings.set(LOOP, True)
    film = films.make("cut.mp4", lambda path: cut_off(path, ["zebra.jpg"], seconds=2.4))
    cinema.show(film)
    cinema.user.wait(lambda: cinema.video.state is State.ENDED)
    assert "ends in the middle" in cinema.message


def test_video_that_changes_its_size(cinema: Cinema, films: Films) -> None:
    film = films.make("sizes.ts", _sizes)
    sizes: list[tuple[int, int]] = []

    def note() -> None:
        preview = cinema.session.preview
        assert preview is not None
        size = preview.size.width(), preview.size.height()
        if size not in sizes:
            sizes.append(size)
        # Of a picture of this size, or none.
        box = cinema.canvas.box
        assert box is None or box.getRect() == pytest.approx(boxes[size], abs=1)

    boxes = {(640, 360): (162, 22, 315, 315), (320, 240): BOX}
    # Behind whoever shows it.
    cinema.session.pictured.connect(note, Qt.ConnectionType.QueuedConnection)
    cinema.user.drop_files(film)
    cinema.wait_for_message("The picture of “sizes.ts” is 320 × 240 pixels from here on.")
    cinema.user.wait(lambda: cinema.video.state is State.ENDED)
    cinema.wait_for_answer()
    cinema.wait_for(ZEBRA)
    cinema.user.wait(lambda: cinema.canvas.box is not None)
    assert sizes == [(640, 360), (320, 240)]
    assert cinema.shows("zebra")
    assert cinema.badge.startswith("sizes.ts · 320 × 240")
    assert cinema.canvas.box is not None
    assert cinema.canvas.box.getRect() == pytest.approx(BOX, abs=1)


def _sizes(path: Path) -> None:
    # So long that a busy machine shows some of each size.
    made = changing_size(path.with_suffix(".h264"), photos=["zebra.jpg"], seconds=3)
    # Called as videos are, so that it can be dropped; what it is Qt finds out.
    made.rename(path)


def test_damage_in_the_middle_is_played_over(cinema: Cinema, films: Films) -> None:
    film = films.make("noisy.mp4", lambda path: damaged(path, ["zebra.jpg"], seconds=2))
    cinema.show(film)
    cinema.user.wait(lambda: cinema.video.state is State.ENDED)
    cinema.wait_for_answer()
    cinema.wait_for(ZEBRA)
    assert cinema.message == ""


# Playing


def test_slider_by_mouse(cinema: Cinema, films: Films) -> None:
    cinema.show(films.of("zebra", "pizza", seconds=30))
    cinema.slide_to(0.75)
    cinema.wait_for(PIZZA)
    assert 21 < cinema.video.position < 27
    assert cinema.video.state is State.RUNNING
    cinema.slide_to(0.1)
    cinema.wait_for(ZEBRA)
    assert 1 < cinema.video.position < 8
    assert cinema.slider.accessibleDescription().endswith("/ 0:30")


def test_slider_by_keys(cinema: Cinema, films: Films) -> None:
    cinema.show(films.of("zebra", "pizza", seconds=30))
    cinema.slider.setFocus()
    step = cinema.slider.singleStep() / cinema.slider.maximum() * 30
    assert 1 <= step <= 5
    cinema.press(KEY.Key_Space)
    begin = cinema.video.position
    for _ in range(3):
        cinema.user.key(KEY.Key_Right, on=cinema.slider)
    cinema.user.wait(lambda: cinema.video.position == pytest.approx(begin + 3 * step, abs=0.3))
    cinema.user.key(KEY.Key_Left, on=cinema.slider)
    cinema.user.wait(lambda: cinema.video.position == pytest.approx(begin + 2 * step, abs=0.3))
    cinema.press(KEY.Key_Space)
    cinema.user.key(KEY.Key_End, on=cinema.slider)
    cinema.user.wait(lambda: cinema.video.state is State.ENDED)
    cinema.wait_for(PIZZA)


def test_speed(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    assert cinema.combo("Speed").currentText() == "1×"
    assert cinema.choices("Speed") == ["0.25×", "0.5×", "1×", "1.5×", "2×"]
    cinema.choose("Speed", "2×")
    assert cinema.video.speed == 2
    begin = cinema.video.position
    QTest.qWait(1000)
    assert cinema.video.position - begin > 1.4
    # Another film begins at its own pace, and the bar says so.
    cinema.show(films.of("pizza", seconds=30), PIZZA)
    assert cinema.video.speed == 1
    assert cinema.combo("Speed").currentText() == "1×"


def test_the_end_and_once_more(cinema: Cinema, films: Films) -> None:
    cinema.user.drop_files(films.short)
    cinema.user.wait(lambda: cinema.user.window.is_live and cinema.video.state is State.ENDED)
    cinema.wait_for_answer()
    cinema.wait_for(ZEBRA)
    assert cinema.badge.endswith("The end")
    assert cinema.shows("zebra")
    frozen = cinema.session.frozen
    assert frozen is not None
    assert frozen.seconds == pytest.approx(0.8, abs=0.15)
    assert cinema.slider.value() == cinema.slider.maximum()

    cinema.press(KEY.Key_Space)
    cinema.user.wait(lambda: cinema.video.state is State.RUNNING)
    assert "The end" not in cinema.badge
    assert cinema.video.position < 0.7
    cinema.user.wait(lambda: cinema.video.state is State.ENDED)


def test_seek_after_the_end(cinema: Cinema, films: Films) -> None:
    cinema.user.drop_files(films.of("zebra", "pizza", seconds=1))
    cinema.user.wait(lambda: cinema.user.window.is_live and cinema.video.state is State.ENDED)
    cinema.wait_for(PIZZA)
    cinema.slide_to(0.2)
    cinema.wait_for(ZEBRA)
    cinema.wait_for_answer()
    assert cinema.badge.endswith("Frozen")
    assert cinema.video.state is State.PAUSED
    assert cinema.video.position == pytest.approx(0.2, abs=0.1)

    cinema.press(KEY.Key_Space)
    cinema.wait_for(PIZZA)
    cinema.user.wait(lambda: cinema.video.state is State.ENDED)


def test_loop(cinema: Cinema, films: Films) -> None:
    cinema.user.settings.set(LOOP, True)
    cinema.show(films.of("zebra", "pizza", seconds=1))
    for label in (PIZZA, ZEBRA, PIZZA):
        cinema.wait_for(label)
    assert cinema.message == ""

    cinema.press(KEY.Key_L)
    assert not cinema.user.settings.flag(LOOP)
    cinema.user.wait(lambda: cinema.video.state is State.ENDED)
    cinema.wait_for(PIZZA)


def test_turned_video_is_shown_upright(cinema: Cinema, films: Films) -> None:
    film = films.make(
        "turned.mp4",
        lambda path: make_video(path, ["zebra.jpg"], size=(240, 320), seconds=3, turn=90),
    )
    cinema.user.drop_files(film)
    cinema.user.wait(lambda: cinema.user.window.is_live and cinema.session.preview is not None)
    assert cinema.session.preview.size.toTuple() == (320, 240)  # type: ignore[union-attr]


def test_closing_in_the_middle_leaves_nothing_behind(cinema: Cinema, films: Films) -> None:
    cinema.show(films.wandering)
    cinema.user.drop_files(films.two)
    # The next one is being opened: the fixture sees that no thread stays.
    cinema.user.close()
    assert not cinema.user.window.is_live
