"""Recordings in the window, and disks that are slow, stuck, full: the window waits for none."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt

from doubles.cameras import VGA, PretendCameras
from inference.test_recording import frames_in
from inference.test_snapshot import small_disk
from ui.film_driver import captures
from ui.live_driver import LABELS, Live, ReusingCamera, likeness, seen, small
from ui.window_driver import FAST, SAMPLES, write_settings
from vggscope import paths
from vggscope.inference import recording as recording_module
from vggscope.inference.capture_files import make_folder, write_all
from vggscope.sources.live import camera as camera_module
from vggscope.ui.settings import RECORDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO
    from pathlib import Path

    from ui.film_driver import Cinema, Films
    from ui.window_driver import Driver
    from vggscope.errors import VggscopeError
    from vggscope.inference.live import LiveResult

KEY = Qt.Key
BADGE: Final = "● Recording"
ENOUGH: Final = 3
"""Inferences that a test waits for."""


class Disk:
    """What the operating system writes to, in the hands of the test.

    Attributes:
        delay: seconds that each write takes.
        waiting: set while somebody waits for it.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.waiting = threading.Event()
        self._answers = threading.Event()
        self._answers.set()

    def stick(self) -> None:
        """Answer nobody."""
        self._answers.clear()

    def answer(self) -> None:
        """Answer all who wait, and everybody from now on."""
        self._answers.set()

    def recover(self) -> None:
        """Answer, and wait until all files are closed."""
        self.answer()
        for thread in threading.enumerate():
            if thread.name == "record":
                thread.join(30)
                assert not thread.is_alive()

    def make_folder(self, folder: Path) -> None:
        self._hold()
        make_folder(folder)

    def write_all(self, file: FileIO, content: bytes) -> None:
        self._hold()
        write_all(file, content)

    def _hold(self) -> None:
        self.waiting.set()
        time.sleep(self.delay)
        assert self._answers.wait(60)
        self.waiting.clear()


@pytest.fixture
def disk(cinema: Cinema, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The disk below recordings; it is well, and so it is again before the window is closed."""
    assert cinema
    made = Disk()
    monkeypatch.setattr(recording_module, "make_folder", made.make_folder)
    monkeypatch.setattr(recording_module, "write_all", made.write_all)
    yield made
    cinema.presenter.captures.stop_recording()
    made.recover()


class Clerk:
    """Keeps what there was to record, and what was said of it."""

    def __init__(self, cinema: Cinema) -> None:
        self.inferred: list[LiveResult] = []
        self.saved: list[Path] = []
        self.failures: list[VggscopeError] = []
        cinema.session.inferred.connect(self.inferred.append)
        cinema.presenter.captures.saved.connect(self.saved.append)
        cinema.presenter.captures.failed.connect(self.failures.append)

    @property
    def frames(self) -> list[int]:
        return [result.number for result in self.inferred]

    @property
    def is_content(self) -> bool:
        return len(self.inferred) >= ENOUGH


@pytest.fixture
def clerk(cinema: Cinema, films: Films) -> Clerk:
    """A zebra is shown, and recordings are lines of JSON."""
    cinema.user.settings.set(RECORDING, "jsonl")
    cinema.show(films.still)
    return Clerk(cinema)


def begin(cinema: Cinema, clerk: Clerk) -> None:
    """Press R; everything that is inferred from now on is recorded."""
    clerk.inferred.clear()
    cinema.press(KEY.Key_R)
    assert is_recording(cinema)


def is_recording(cinema: Cinema) -> bool:
    """What the window says, in all places the same."""
    told = {
        cinema.presenter.captures.is_recording,
        cinema.user.window.actions_by_key["record"].isChecked(),
        BADGE in cinema.badge,
    }
    assert len(told) == 1
    return told.pop()


def status(cinema: Cinema) -> str:
    return cinema.user.window.statusBar().currentMessage()


# A disk that is well


def test_all_between_two_presses_is_in_the_file(cinema: Cinema, clerk: Clerk) -> None:
    begin(cinema, clerk)
    cinema.user.wait(lambda: clerk.is_content)
    cinema.press(KEY.Key_R)
    expected = clerk.frames
    assert not is_recording(cinema)
    cinema.user.wait(lambda: len(clerk.saved) == 1)
    [path] = captures(".jsonl")
    assert clerk.saved == [path]
    assert status(cinema) == f"Saved {path.name}"
    assert frames_in(path, "jsonl") == expected


def test_recordings_in_quick_succession_are_files_of_their_own(
    cinema: Cinema, clerk: Clerk, disk: Disk
) -> None:
    disk.delay = 0.05
    for _ in range(3):
        begin(cinema, clerk)
        cinema.press(KEY.Key_R)
        assert not is_recording(cinema)
    cinema.user.wait(lambda: len(clerk.saved) == 3)
    assert sorted(clerk.saved) == captures(".jsonl")
    assert len(captures(".jsonl")) == 3
    assert clerk.failures == []


# Slow, stuck


def test_a_disk_that_does_not_answer_stops_nothing(
    cinema: Cinema, clerk: Clerk, disk: Disk, films: Films
) -> None:
    disk.stick()
    begin(cinema, clerk)
    cinema.user.wait(lambda: clerk.is_content)
    assert disk.waiting.is_set()
    cinema.press(KEY.Key_R)
    first = clerk.frames
    assert not is_recording(cinema)

    begin(cinema, clerk)
    cinema.user.wait(lambda: clerk.is_content)
    epoch = clerk.inferred[0].epoch
    cinema.show(films.of("pizza", seconds=30), LABELS["pizza"])
    assert not is_recording(cinema)
    second = [result.number for result in clerk.inferred if result.epoch == epoch]
    assert captures(".jsonl") == clerk.saved == []

    disk.recover()
    cinema.user.wait(lambda: len(clerk.saved) == 2)
    recorded = [frames_in(path, "jsonl") for path in captures(".jsonl")]
    assert sorted(recorded) == sorted([first, second])
    assert clerk.failures == []


def test_a_disk_that_is_too_slow_ends_the_recording(
    cinema: Cinema, clerk: Clerk, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_module, "_WAITING", 4)
    begin(cinema, clerk)
    cinema.user.wait(lambda: clerk.is_content)
    [path] = captures(".jsonl")
    disk.stick()
    cinema.wait_for_message(f"“{path.name}” could not be written: the disk is too slow.")
    assert not is_recording(cinema)
    assert len(clerk.failures) == 1

    disk.recover()
    # All that came before it was too much.
    recorded = frames_in(path, "jsonl")
    assert len(recorded) >= ENOUGH + 4
    assert recorded == clerk.frames[: len(recorded)]
    # It has failed, so nobody is told that it was saved.
    begin(cinema, clerk)
    cinema.press(KEY.Key_R)
    cinema.user.wait(lambda: len(clerk.saved) == 1)
    assert clerk.saved != [path]
    assert len(clerk.failures) == 1


def test_a_folder_that_is_not_made_in_time_ends_the_recording(
    cinema: Cinema, clerk: Clerk, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_module, "_WAITING", 2)
    disk.stick()
    begin(cinema, clerk)
    cinema.wait_for_message("VGGscope ", ".jsonl” could not be written: the disk is too slow.")
    assert not is_recording(cinema)
    assert captures("") == []


# Full, in the way


@pytest.mark.skipif(os.name != "posix", reason="files' sizes are limited by POSIX only")
def test_a_full_disk_ends_the_recording(cinema: Cinema, clerk: Clerk) -> None:
    with small_disk(4000):
        begin(cinema, clerk)
        cinema.wait_for_message(".jsonl” could not be written: File too large.", "free space")
    assert not is_recording(cinema)
    assert len(clerk.failures) == 1
    assert clerk.saved == []
    [path] = captures(".jsonl")
    recorded = frames_in(path, "jsonl")
    assert recorded
    assert recorded == clerk.frames[: len(recorded)]


def test_a_folder_that_cannot_be_made(cinema: Cinema, clerk: Clerk) -> None:
    folder = paths.captures_dir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way", encoding="utf-8")
    cinema.press(KEY.Key_R)
    cinema.wait_for_message("“captures” could not be written: File exists.")
    assert not is_recording(cinema)
    assert clerk.saved == []
    assert len(clerk.failures) == 1

    folder.unlink()
    begin(cinema, clerk)
    cinema.press(KEY.Key_R)
    cinema.user.wait(lambda: clerk.saved == captures(".jsonl") != [])


# Closing


def test_closing_writes_what_waits(cinema: Cinema, clerk: Clerk, disk: Disk) -> None:
    disk.stick()
    begin(cinema, clerk)
    cinema.user.wait(lambda: clerk.is_content)
    disk.delay = 0.05
    disk.answer()
    cinema.user.close()
    assert not cinema.presenter.captures.is_recording
    # Closed, and no longer on its way.
    [path] = captures(".jsonl")
    assert frames_in(path, "jsonl") == clerk.frames
    assert [t for t in threading.enumerate() if t.name == "record"] == []


def test_closing_waits_two_seconds_for_a_disk(
    cinema: Cinema, clerk: Clerk, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    begin(cinema, clerk)
    cinema.user.wait(lambda: clerk.is_content)
    [path] = captures(".jsonl")
    disk.stick()
    cinema.user.wait(disk.waiting.is_set)
    cinema.press(KEY.Key_R)
    begin(cinema, clerk)
    began = time.monotonic()
    # Both of them wait for the disk, but the window for both together.
    cinema.user.close()
    assert 1.9 < time.monotonic() - began < 3.5
    assert "the disk is too slow" in caplog.text
    assert path.name not in caplog.text

    disk.recover()
    # Of a window that has gone nobody is told anything.
    cinema.user.qtbot.wait(50)
    assert clerk.saved == []
    assert clerk.failures == []


# Snapshots


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendCameras]:
    made = PretendCameras()
    monkeypatch.setattr(camera_module, "QtCameraSystem", lambda _parent: made)
    yield made
    made.deleteLater()


def test_a_snapshot_outlives_its_camera(
    desk: PretendCameras, new_window: Callable[..., Driver]
) -> None:
    write_settings(model=FAST, theme="light")
    live = Live(new_window())
    camera = ReusingCamera(
        b"/dev/video0", "Front Camera", formats=(VGA,), photo=SAMPLES / "zebra.jpg"
    )
    desk.plugged.append(camera)
    live.user.wait_for_model(FAST)
    live.press(KEY.Key_F7)
    live.wait_for("zebra")

    # All threads of the pool are busy, as with thumbnails of large photos.
    turn, busy = threading.Event(), threading.Barrier(4)

    def keep_busy() -> None:
        busy.wait(30)
        turn.wait(30)

    for number in range(3):
        live.user.bench.tasks.run(f"busy {number}", keep_busy, lambda _: None)
    busy.wait(30)
    live.press(KEY.Key_S)
    assert live.user.bench.tasks.is_pending("snapshot 1")
    live.press(KEY.Key_F6)
    assert desk.lit == []
    # A camera does not take back what somebody looks at.
    live.user.wait(lambda: not any(frame.isMapped() for frame in camera.sent))
    assert camera.reclaim() > 0
    turn.set()
    live.user.wait(lambda: len(captures(".json")) == 1)
    live.user.wait(lambda: "Saved" in live.user.window.statusBar().currentMessage())
    [picture] = captures(".png")
    with Image.open(picture) as image:
        assert likeness(small(image), seen("zebra", (640, 480))) > 0.98
        assert float(np.asarray(image).mean()) > 20
