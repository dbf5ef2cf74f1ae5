"""A camera in the window: all that happens to cameras, and what the user can do with one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from doubles.cameras import (
    VGA,
    PretendCameras,
    empty_frame,
    garbled_frame,
    invalid_frame,
    null_frame,
    unmappable_frame,
)
from ui.live_driver import Live, ReusingCamera, camera_of, likeness, seen, small
from ui.window_driver import FAST, SAMPLES, stored_settings, write_settings
from vggscope import paths
from vggscope.sources.live import camera as camera_module
from vggscope.sources.live.base import Format, State
from vggscope.sources.live.camera_system import Permission
from vggscope.ui.settings import FIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PySide6.QtMultimedia import QVideoFrame
    from PySide6.QtWidgets import QApplication

    from doubles.cameras import PretendCamera
    from ui.window_driver import Driver

KEY = Qt.Key
SMALL = Format(320, 240, 30.0, "NV12")
NO_CAMERA = "No camera was found."
DENIED = "VGGscope may not use the camera."


@pytest.fixture(autouse=True)
def dialogs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[QDialog]]:
    """Dialogs that open; none may."""
    opened: list[QDialog] = []

    def note(dialog: QDialog) -> int:
        opened.append(dialog)
        return 0

    for way in ("exec", "open", "show"):
        monkeypatch.setattr(QDialog, way, note)
    yield opened
    assert opened == []


@pytest.fixture
def desk(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendCameras]:
    """The cameras of this computer; none at first."""
    assert qapp
    made = PretendCameras()
    monkeypatch.setattr(camera_module, "QtCameraSystem", lambda _parent: made)
    yield made
    assert made.lit == [], "a camera's light stays on"
    made.deleteLater()


@pytest.fixture
def live(desk: PretendCameras, new_window: Callable[..., Driver]) -> Live:
    """A window with a model, showing photos; ``desk`` is there before and after it."""
    assert desk
    write_settings(model=FAST, theme="light", crop_box=False)
    user = new_window()
    user.wait_for_model(FAST)
    return Live(user)


@pytest.fixture
def zebra(desk: PretendCameras, live: Live) -> PretendCamera:
    """A plugged-in camera before which a zebra stands; the window shows it."""
    made = camera_of("zebra", title="Front Camera")
    desk.plugged.append(made)
    live.press(KEY.Key_F7)
    live.wait_for("zebra")
    return made


def light(desk: PretendCameras) -> list[str]:
    """Names of the cameras that are on."""
    return [stream.camera.description for stream in desk.lit]


def test_camera_is_shown_and_classified(live: Live, desk: PretendCameras) -> None:
    desk.plugged.append(camera_of("coffee", title="Front Camera"))

    live.press(KEY.Key_F7)
    live.wait_for("espresso")

    window = live.user.window
    assert window.actions_by_key["source_camera"].isChecked()
    assert window.windowTitle() == "Front Camera — VGGscope"
    assert live.shows("coffee", mirrored=True)
    assert light(desk) == ["Front Camera"]


# What is in the way


def test_without_a_camera_a_sentence_stands_in_its_place_until_one_is_plugged_in(
    live: Live, desk: PretendCameras
) -> None:
    live.press(KEY.Key_F7)

    live.wait_for_sentence(NO_CAMERA)
    window = live.user.window
    assert live.has_retry()
    assert not window.canvas.isVisible()
    assert window.windowTitle() == "Camera — VGGscope"
    live.retry()
    assert NO_CAMERA in live.sentences()

    desk.plug(camera_of("zebra"))
    live.wait_for("zebra")
    assert not live.has_retry()
    assert window.windowTitle() == "Camera 0 — VGGscope"


def test_denied_camera_is_tried_again(live: Live, desk: PretendCameras) -> None:
    desk.plugged.append(camera_of("zebra"))
    desk.status = Permission.Denied
    live.press(KEY.Key_F7)
    live.wait_for_sentence(DENIED)
    assert light(desk) == []

    live.retry()
    live.wait_for_sentence(DENIED)

    desk.status = Permission.Granted
    live.retry()
    live.wait_for("zebra")
    assert desk.asked == 0, "the system knows the answer"


def test_user_who_is_asked_says_no(live: Live, desk: PretendCameras) -> None:
    desk.plugged.append(camera_of("zebra"))
    desk.status = Permission.Undetermined
    live.press(KEY.Key_F7)
    live.user.wait(lambda: desk.asked == 1)
    assert "Starting the camera…" in live.user.pane_texts()

    desk.reply(Permission.Denied)
    live.wait_for_sentence(DENIED)


def test_user_leaves_before_they_answer(live: Live, desk: PretendCameras) -> None:
    desk.plugged.append(camera_of("zebra"))
    desk.status = Permission.Undetermined
    live.press(KEY.Key_F7)
    live.user.wait(lambda: desk.asked == 1)

    live.press(KEY.Key_F6)
    desk.reply(Permission.Granted)
    live.user.qtbot.wait(100)

    assert desk.streams == []
    assert live.user.window.welcome.isVisible()


def test_busy_camera_is_tried_again(live: Live, desk: PretendCameras) -> None:
    taken = camera_of("zebra", title="Front Camera")
    taken.is_busy = True
    desk.plugged.append(taken)
    live.press(KEY.Key_F7)
    live.wait_for_sentence("“Front Camera” could not be started: Camera is in use.")
    assert "Close other programs that use it (calls, browsers), then try again." in live.sentences()

    taken.is_busy = False
    live.retry()
    live.wait_for("zebra")


def test_unplugged_camera_leaves_nothing_that_looks_live_and_comes_back(
    live: Live, desk: PretendCameras, zebra: PretendCamera
) -> None:
    desk.unplug(zebra)

    live.wait_for_sentence("“Front Camera” was unplugged.")
    window = live.user.window
    assert not window.canvas.isVisible()
    assert live.best() == ""
    assert "No picture" in live.user.pane_texts()
    assert "zebra" not in live.user.pane_texts()
    for key in ("freeze", "snapshot", "copy_text"):
        assert not window.actions_by_key[key].isEnabled(), key

    zebra.photo = SAMPLES / "coffee.jpg"
    shown: list[str] = []
    live.session.pictured.connect(lambda: shown.append(live.best()))
    desk.plug(zebra)
    assert not window.canvas.has_picture
    live.wait_for("espresso")
    assert "zebra" not in shown, "what it saw before"


def test_camera_that_was_pulled_out_while_frozen_is_missed_only_then(
    live: Live, desk: PretendCameras, zebra: PretendCamera
) -> None:
    live.press(KEY.Key_Space)
    desk.unplug(zebra)
    live.wait_for("zebra")
    assert live.shows("zebra", mirrored=True)

    live.press(KEY.Key_Space)
    live.wait_for_sentence(NO_CAMERA)
    assert live.best() == ""
    desk.plug(zebra)
    live.wait_for("zebra")


# The bar


def test_another_camera_is_chosen_and_remembered(
    live: Live, desk: PretendCameras, zebra: PretendCamera
) -> None:
    desk.plug(camera_of("coffee", 1, "Rear Camera"))
    assert live.choices("Camera") == ["Front Camera", "Rear Camera"]

    live.choose("Camera", "Rear Camera")
    assert live.best() != "zebra", "the answer of the former camera"
    live.wait_for("espresso")

    assert light(desk) == ["Rear Camera"]
    assert live.user.window.canvas.accessibleDescription().startswith("Rear Camera")
    assert live.user.window.windowTitle() == "Rear Camera — VGGscope"
    assert stored_settings()["camera"] == "Rear Camera"
    assert zebra in desk.plugged


def test_last_camera_is_used_at_the_next_start(
    desk: PretendCameras, new_window: Callable[..., Driver]
) -> None:
    desk.plugged += [camera_of("zebra", 0, "Front Camera"), camera_of("coffee", 1, "Rear Camera")]
    write_settings(model=FAST, camera="Rear Camera")
    live = Live(new_window())

    live.press(KEY.Key_F7)
    live.wait_for("espresso")
    assert live.combo("Camera").currentText() == "Rear Camera"


def test_another_format_is_chosen(live: Live, desk: PretendCameras, zebra: PretendCamera) -> None:
    assert live.choices("Format") == ["1280 × 720 · 30 fps · Jpeg", "640 × 480 · 30 fps · NV12"]
    assert live.session.preview is not None
    assert live.session.preview.size.toTuple() == (1280, 720)

    live.choose("Format", "640 × 480 · 30 fps · NV12")
    live.wait_for("zebra")

    assert live.session.preview.size.toTuple() == (640, 480)
    assert [stream.wanted for stream in desk.lit] == [VGA]
    assert zebra.formats


def test_list_follows_the_cables(live: Live, desk: PretendCameras, zebra: PretendCamera) -> None:
    assert live.choices("Camera") == ["Front Camera"]
    rear = camera_of("coffee", 1, "Rear Camera")

    desk.plug(rear)
    assert live.choices("Camera") == ["Front Camera", "Rear Camera"]
    desk.unplug(rear)
    assert live.choices("Camera") == ["Front Camera"]
    desk.unplug(zebra)

    assert live.choices("Camera") == []
    assert live.combo("Camera").placeholderText() == "No camera"
    assert not live.combo("Camera").isEnabled()


# Mirrored


def test_mirror_turns_the_picture_and_not_what_the_network_sees(
    live: Live, zebra: PretendCamera
) -> None:
    # Not in the middle: the network sees the left half of what the camera sees.
    user, session = live.user, live.session
    user.window.actions_by_key["crop_box"].trigger()
    assert live.shows("zebra", mirrored=True)
    result = session.result
    assert result is not None
    crop, width = result.classification.crop, result.size[0]
    box = user.window.canvas.box
    assert box is not None
    assert (box.left(), box.right()) == (width - crop.right, width - crop.left)
    before = [p.label for p in result.top(3)]

    live.press(KEY.Key_M)
    user.wait(lambda: live.shows("zebra", mirrored=False))

    assert stored_settings()["mirror"] is False
    number = result.number
    user.wait(lambda: session.result is not None and session.result.number > number + 3)
    assert session.result is not None
    assert [p.label for p in session.result.top(3)] == before, "the network sees the same"
    box = user.window.canvas.box
    assert box is not None
    assert (box.left(), box.right()) == (crop.left, crop.right)
    assert zebra.photo


def test_snapshot_is_not_mirrored(live: Live, zebra: PretendCamera) -> None:
    assert live.shows("zebra", mirrored=True)

    picture, record = snapshot_of(live)

    assert likeness(small(picture), seen("zebra", (1280, 720))) > 0.98
    assert record["predictions"][0]["label"] == "zebra"
    assert record["source"] == zebra.description


# Broken frames


def test_camera_changes_its_size_in_mid_stream(
    live: Live, desk: PretendCameras, zebra: PretendCamera
) -> None:
    zebra.size = (320, 240)

    def has_size() -> bool:
        preview = live.session.preview
        return preview is not None and preview.size.toTuple() == (320, 240)

    live.user.wait(has_size)
    live.wait_for("zebra")
    assert live.shows("zebra", mirrored=True)
    assert live.user.window.canvas.accessibleDescription().startswith("Front Camera · 320 × 240")
    assert len(desk.streams) == 1


@pytest.mark.parametrize(
    "broken", [null_frame, invalid_frame, empty_frame, unmappable_frame, garbled_frame]
)
def test_broken_frames_do_no_harm(
    live: Live, desk: PretendCameras, zebra: PretendCamera, broken: Callable[[], QVideoFrame]
) -> None:
    session = live.session
    zebra.broken = broken
    live.user.qtbot.wait(150)
    kept = [broken() for _ in range(3)]
    for frame in kept:
        desk.lit[0].send(frame)
    live.user.qtbot.wait(50)
    assert live.shows("zebra", mirrored=True), "the last good picture, for a moment"
    assert session.source is not None
    assert session.source.state is State.RUNNING

    zebra.broken, zebra.photo = None, SAMPLES / "coffee.jpg"
    live.wait_for("espresso")
    assert not live.user.window.messages.isVisible()


# Freezing, leaving, resting


def test_freeze_switches_the_camera_off_and_everything_can_still_be_done(
    live: Live, desk: PretendCameras
) -> None:
    # So few pictures that a busy computer, too, answers to one before the next is shown.
    slow = replace(VGA, fps=4)
    reusing = ReusingCamera(
        b"/dev/video0", "Front Camera", formats=(slow,), photo=SAMPLES / "zebra.jpg"
    )
    desk.plugged.append(reusing)
    live.press(KEY.Key_F7)
    live.wait_for("zebra")
    session = live.session

    def is_answered() -> bool:
        """Whether the network has seen just the picture that is shown: it is not asked again."""
        answer, preview = session.answer, session.preview
        return answer is not None and preview is not None and answer.frame is preview.frame

    live.user.wait(is_answered)
    live.press(KEY.Key_Space)
    assert light(desk) == []
    live.wait_for("zebra")
    live.user.qtbot.wait(100)
    assert reusing.reclaim() > 0

    window = live.user.window
    live.user.trigger("zoom_actual")
    live.user.wait(lambda: made_at(live) == (640, 480))
    assert live.shows("zebra", mirrored=True)
    live.press(KEY.Key_M)
    live.user.wait(lambda: live.shows("zebra", mirrored=False))
    picture, record = snapshot_of(live)
    assert likeness(small(picture), seen("zebra", (640, 480))) > 0.98
    assert record["predictions"][0]["label"] == "zebra"

    # Another way to look at it is another generation.
    generation = live.session.generation
    window.workbench._settings.set(FIT, "letterbox")  # type: ignore[arg-type]
    live.user.wait(lambda: live.session.generation > generation and live.best() != "")
    assert live.best() == "zebra", "it is looked at again, in its own pixels"
    assert live.session.result is not None
    assert live.session.result.classification.crop.left <= 0

    live.press(KEY.Key_Space)
    live.user.wait(lambda: light(desk) == ["Front Camera"])


def test_leaving_switches_the_camera_off(
    live: Live, desk: PretendCameras, zebra: PretendCamera
) -> None:
    live.press(KEY.Key_F6)

    assert light(desk) == []
    assert live.user.window.welcome.isVisible()
    assert live.user.window.windowTitle() == "VGGscope"
    assert not live.presenter.bar.isVisible()

    live.press(KEY.Key_F7)
    live.wait_for("zebra")
    assert zebra in desk.plugged


def test_photos_leave_the_camera(live: Live, desk: PretendCameras, zebra: PretendCamera) -> None:
    assert light(desk) == [zebra.description]

    live.user.open("pizza")

    assert light(desk) == []
    assert live.user.shown_predictions()[0][0] == "pizza"


def test_minimised_window_switches_the_camera_off_and_on_again(
    live: Live, desk: PretendCameras, zebra: PretendCamera
) -> None:
    window = live.user.window
    window.showMinimized()
    live.user.wait(lambda: light(desk) == [])

    zebra.photo = SAMPLES / "coffee.jpg"
    window.showNormal()
    live.wait_for("espresso")
    assert light(desk) == ["Front Camera"]


def test_nothing_is_switched_on_while_minimised(
    live: Live, desk: PretendCameras, zebra: PretendCamera
) -> None:
    desk.unplug(zebra)
    live.wait_for_sentence("“Front Camera” was unplugged.")
    window = live.user.window
    window.showMinimized()
    live.user.wait(window.isMinimized)

    desk.plug(zebra)
    live.user.qtbot.wait(100)
    assert light(desk) == []

    window.showNormal()
    live.wait_for("zebra")


def test_frozen_picture_stays_through_minimising(
    live: Live, desk: PretendCameras, zebra: PretendCamera
) -> None:
    live.press(KEY.Key_Space)
    window = live.user.window
    window.showMinimized()
    live.user.wait(window.isMinimized)
    window.showNormal()
    live.user.wait(lambda: not window.isMinimized())

    live.wait_for("zebra")
    assert light(desk) == []
    assert live.session.is_frozen
    assert zebra in desk.plugged


def snapshot_of(live: Live) -> tuple[Image.Image, dict[str, object]]:
    """Press S; the picture and the record that were written."""
    live.press(KEY.Key_S)
    folder = paths.captures_dir()
    live.user.wait(lambda: bool(list(folder.glob("*.json"))))
    [record] = folder.glob("*.json")
    live.user.wait(lambda: bool(record.read_text(encoding="utf-8")))
    return Image.open(record.with_suffix(".png")), json.loads(record.read_text(encoding="utf-8"))


def made_at(live: Live) -> tuple[int, int] | None:
    """Size of the picture as it was made for the canvas."""
    preview = live.session.preview
    return None if preview is None else (preview.image.width(), preview.image.height())
