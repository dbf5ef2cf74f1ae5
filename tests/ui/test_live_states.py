"""Live mode between its states: frozen, hidden, opening, left, and two of them at once."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from doubles.cameras import VGA, PretendCameras
from ui.live_driver import Live, camera_of
from ui.window_driver import FAST, sample, write_settings
from vggscope.sources.live import camera as camera_module
from vggscope.sources.live.base import Format, State
from vggscope.ui.live_request import LiveRequest
from vggscope.ui.settings import SMOOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from ui.film_driver import Cinema, Films
    from ui.window_driver import Driver

KEY = Qt.Key
SMALL = Format(320, 240, 30.0, "NV12")


@pytest.fixture
def desk(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendCameras]:
    """Two cameras: before the first one stands a zebra, before the other one a coffee."""
    assert qapp
    made = PretendCameras()
    first = camera_of("zebra", title="Front Camera")
    first.formats = (VGA, SMALL)
    made.plugged += [first, camera_of("coffee", 1, title="Rear Camera")]
    monkeypatch.setattr(camera_module, "QtCameraSystem", lambda _parent: made)
    yield made
    assert made.lit == [], "a camera's light stays on"
    made.deleteLater()


@pytest.fixture
def live(desk: PretendCameras, new_window: Callable[..., Driver]) -> Live:
    assert desk
    write_settings(model=FAST, theme="light", crop_box=False, mirror=False)
    user = new_window()
    user.wait_for_model(FAST)
    made = Live(user)
    made.press(KEY.Key_F7)
    made.wait_for("zebra")
    return made


def minimise(live: Live, *, minimised: bool) -> None:
    """As a window manager does, which there need not be."""
    window = live.user.window
    state = Qt.WindowState.WindowMinimized if minimised else Qt.WindowState.WindowNoState
    window.setWindowState(state)
    live.user.wait(lambda: window.isMinimized() is minimised)


def test_another_camera_is_chosen_while_frozen(live: Live) -> None:
    live.press(KEY.Key_Space)
    assert live.session.is_frozen
    live.choose("Camera", "Rear Camera")
    live.wait_for("espresso")
    assert not live.session.is_frozen


def test_another_format_is_chosen_while_frozen(live: Live) -> None:
    live.press(KEY.Key_Space)
    live.choose("Format", "320 × 240 · 30 fps · NV12")
    live.wait_for("zebra")
    assert not live.session.is_frozen
    preview = live.session.preview
    assert preview is not None
    assert preview.size.toTuple() == (320, 240)


def test_a_change_while_minimised_and_frozen_waits_until_somebody_looks(
    live: Live, desk: PretendCameras
) -> None:
    live.press(KEY.Key_Space)
    minimise(live, minimised=True)
    source = live.presenter.session.source
    live.presenter.bar.change_wanted.emit(lambda: source.use_camera(b"/dev/video1"))
    live.user.qtbot.wait(300)
    assert desk.lit == []
    minimise(live, minimised=False)
    live.wait_for("espresso")


def test_the_button_of_what_is_shown_changes_nothing(live: Live) -> None:
    live.choose("Camera", "Rear Camera")
    live.wait_for("espresso")
    source = live.session.source
    live.press(KEY.Key_F7)
    assert live.session.source is source
    assert live.user.window.actions_by_key["source_camera"].isChecked()


def test_it_rests_when_a_recording_ends_while_minimised(live: Live, desk: PretendCameras) -> None:
    live.press(KEY.Key_R)
    live.user.wait(lambda: live.presenter.captures.is_recording)
    minimise(live, minimised=True)
    live.user.qtbot.wait(200)
    assert desk.lit, "what is recorded goes on"
    live.presenter.captures.stop_recording()
    live.user.wait(lambda: desk.lit == [])
    minimise(live, minimised=False)
    live.wait_for("zebra")


def test_nothing_is_converted_for_a_minimised_window(live: Live) -> None:
    live.press(KEY.Key_R)
    live.user.wait(lambda: live.presenter.captures.is_recording)
    minimise(live, minimised=True)
    number = live.session.statistics.frames
    live.user.wait(lambda: live.session.statistics.frames > number + 5)
    preview = live.session.preview
    assert preview is not None
    assert preview.frame.number <= number + 1
    minimise(live, minimised=False)
    live.user.wait(lambda: live.session.preview.frame.number > number + 5)  # type: ignore[union-attr]
    live.press(KEY.Key_R)


def test_a_video_that_is_opened_while_minimised_waits(cinema: Cinema, films: Films) -> None:
    window = cinema.user.window
    window.setWindowState(Qt.WindowState.WindowMinimized)
    window.open_paths([str(films.still)])
    cinema.user.wait(lambda: cinema.presenter.is_on)
    cinema.user.wait(lambda: cinema.video.state is State.PAUSED)
    window.setWindowState(Qt.WindowState.WindowNoState)
    cinema.wait_for("zebra")


def test_the_view_of_a_photo_survives_what_comes_to_nothing(cinema: Cinema, films: Films) -> None:
    cinema.user.open("pizza")
    cinema.user.trigger("zoom_actual")
    cinema.user.trigger("zoom_in")
    zoom = cinema.canvas.zoom
    junk = films.make("junk.mp4", lambda path: path.write_bytes(b"no video" * 999))
    cinema.user.drop_files(junk)
    cinema.wait_for_message("cannot be played")
    cinema.press(KEY.Key_F6)
    assert cinema.canvas.zoom == zoom
    assert cinema.user.window.actions_by_key["source_photos"].isChecked()


def test_a_folder_may_be_called_as_videos_are(cinema: Cinema, tmp_path: Path) -> None:
    folder = tmp_path / "holiday.mp4"
    folder.mkdir()
    shutil.copy(sample("zebra"), folder)
    cinema.user.drop_files(folder)
    cinema.user.wait(lambda: [p.name for p in cinema.user.photos] == ["zebra.jpg"])
    cinema.user.settle()


def test_live_mode_is_left_only_for_photos_that_come(
    cinema: Cinema, films: Films, tmp_path: Path
) -> None:
    cinema.show(films.still)
    empty = tmp_path / "empty"
    empty.mkdir()
    cinema.user.drop_files(empty)
    cinema.user.wait(lambda: not cinema.presenter.is_on)
    cinema.user.settle()
    assert any("holds no pictures" in text for text in cinema.user.pane_texts())


def test_a_region_beyond_the_picture_is_told_and_dropped(cinema: Cinema, films: Films) -> None:
    request = LiveRequest(kind="video", path=str(films.still), region=(5000, 5000, 100, 100))
    cinema.presenter.open(request)
    cinema.wait_for_message("lies beyond the picture")
    cinema.wait_for("zebra")


def test_a_region_of_a_video_counts_alone(cinema: Cinema, films: Films) -> None:
    request = LiveRequest(kind="video", path=str(films.still), region=(0, 0, 160, 240))
    cinema.presenter.open(request)
    cinema.user.wait(lambda: cinema.session.preview is not None)
    preview = cinema.session.preview
    assert preview is not None
    assert preview.size.toTuple() == (160, 240)


def test_the_window_closes_after_the_seconds_that_were_asked_for(
    cinema: Cinema, films: Films
) -> None:
    cinema.presenter.open(LiveRequest(kind="video", path=str(films.still), seconds=0.3))
    cinema.user.wait(lambda: not cinema.user.window.isVisible())


def test_another_camera_than_was_asked_for_is_told(live: Live) -> None:
    live.press(KEY.Key_F6)
    live.presenter.open(LiveRequest(kind="camera", camera="Telescope"))
    messages = live.user.window.messages
    live.user.wait(messages.isVisible)
    assert messages.text == "There is no camera “Telescope”: this is “Front Camera”."
    live.wait_for("zebra")


def test_what_is_told_of_a_source_goes_with_it(cinema: Cinema, films: Films) -> None:
    junk = films.make("junk.mp4", lambda path: path.write_bytes(b"no video" * 999))
    cinema.user.drop_files(junk)
    cinema.wait_for_message("cannot be played")
    cinema.show(films.still)
    assert cinema.message == ""


def test_smoothing_is_marked_as_it_was_when_the_answer_came(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.user.settings.set(SMOOTHING, "gentle")
    cinema.user.wait(lambda: cinema.note.endswith("smoothed: gentle"))
    cinema.user.settings.set(SMOOTHING, "off")
    seen = set()
    for _ in range(20):
        cinema.user.qtbot.wait(20)
        seen.add(cinema.note.rsplit(" · ", 1)[-1])
    assert "smoothed: off" not in seen
    assert not cinema.note.endswith("gentle")


def test_actual_size_converts_what_is_seen(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    window, canvas = cinema.user.window, cinema.canvas
    window.resize(900, 600)
    for _ in range(9):
        cinema.user.trigger("zoom_in")
    assert canvas.part is not None
    cinema.user.wait(lambda: cinema.session.preview.part.width() < 320)  # type: ignore[union-attr]
    preview = cinema.session.preview
    assert preview is not None
    assert preview.size.toTuple() == (320, 240)
    assert preview.image.width() == round(preview.part.width())
    assert canvas.rect().contains(canvas.to_screen(preview.part.center()).toPoint())


def test_a_very_long_name_leaves_the_device_in_sight(cinema: Cinema, films: Films) -> None:
    window = cinema.user.window
    name = "<h1>film</h1>" + "x" * 150 + ".mp4"
    content = films.still.read_bytes()
    long = films.make(name.replace("/", "_"), lambda path: path.write_bytes(content))
    window.resize(900, 600)
    cinema.show(long)
    button = window.statusBar().device
    corner = button.mapTo(window, button.rect().bottomRight())
    assert window.rect().contains(corner)
    assert window.minimumSizeHint().width() <= 900
    assert window.statusBar().height() < 50


def test_closing_before_anything_is_painted_opens_nothing(
    new_window: Callable[..., Driver],
) -> None:
    driver = new_window(begin=False)
    driver.close()
    driver.window.begin()
    assert driver.window.live is None
