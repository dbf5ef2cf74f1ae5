from __future__ import annotations

import gc
import io
import random
import weakref

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat
from PySide6.QtCore import QTimer
from PySide6.QtMultimedia import QVideoFrame, QVideoFrameFormat

from doubles.cameras import (
    HD,
    VGA,
    PretendCamera,
    PretendCameras,
    empty_frame,
    garbled_frame,
    invalid_frame,
    null_frame,
    photo_frame,
    unmappable_frame,
)
from sources.camera_driver import Watched, delete_now, failed_with, remains, running
from vggscope.errors import CameraSilentError
from vggscope.sources.live import camera as camera_module
from vggscope.sources.live.base import Format, State
from vggscope.sources.live.camera import preference

# Formats


def test_prefers_720p_at_30_then_vga_then_the_nearest():
    hd, vga = Format(1280, 720, 30, "NV12"), Format(640, 480, 30, "NV12")
    full, qhd = Format(1920, 1080, 30, "NV12"), Format(960, 540, 30, "NV12")
    small, tiny = Format(320, 240, 30, "NV12"), Format(160, 120, 30, "NV12")

    offered = [tiny, full, vga, small, qhd, hd]

    assert sorted(offered, key=preference) == [hd, vga, qhd, small, full, tiny]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        # What cameras on USB 2 offer: plain pixels do not fit through the cable at 720p.
        (Format(1280, 720, 30, "Jpeg"), Format(1280, 720, 10, "YUYV")),
        (Format(640, 480, 30, "YUYV"), Format(1280, 720, 10, "YUYV")),
        (Format(640, 480, 30, "YUYV"), Format(640, 480, 30, "Jpeg")),
        (Format(640, 480, 25, "YUYV"), Format(640, 480, 30, "Jpeg")),
        (Format(1280, 720, 30, "NV12"), Format(1280, 720, 60, "NV12")),
        (Format(1280, 720, 30, "NV12"), Format(1280, 720, 30, "BGRA8888")),
        (Format(1280, 720, 30, "BGRA8888"), Format(1280, 720, 30, "Jpeg")),
        # Slow, but the network sees real pixels.
        (Format(640, 480, 15, "YUYV"), Format(160, 120, 30, "YUYV")),
        (Format(640, 480, 15, "YUYV"), Format(1280, 720, 5, "YUYV")),
        # Drivers say 29.97 and 23.976.
        (Format(1280, 720, 29.97, "NV12"), Format(640, 480, 30, "NV12")),
        (Format(1280, 720, 23.976, "NV12"), Format(640, 480, 30, "NV12")),
    ],
)
def test_prefers(better: Format, worse: Format):
    assert preference(better) < preference(worse)


def test_offers_formats_best_first_and_uses_the_best(new_source, front):
    doubled = [VGA, Format(1920, 1080, 30, "Jpeg"), HD, VGA]
    front.formats = doubled

    source = new_source(PretendCameras(front))

    assert list(source.formats) == [HD, VGA, doubled[1]]
    assert source.format == HD


def test_a_camera_that_tells_no_formats_runs(new_source, front, qtbot):
    front.formats = ()
    source = new_source(PretendCameras(front))
    assert source.format is None

    source.start()

    qtbot.waitUntil(running(source))


def test_another_format_is_used_at_once(new_source, front, qtbot):
    source = new_source(PretendCameras(front))
    source.start()
    qtbot.waitUntil(running(source))

    with qtbot.waitSignal(source.formats_changed):
        source.use_format(VGA)

    assert source.format == VGA
    source.frames.clear()
    qtbot.waitUntil(running(source))
    assert {(f.width(), f.height()) for f in source.frames} == {(640, 480)}


def test_a_format_chosen_before_the_start_is_used(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    source.use_format(VGA)
    assert system.streams == []

    source.start()

    qtbot.waitUntil(running(source))
    assert system.lit[0].wanted == VGA


def test_the_users_format_is_kept_by_another_camera_that_has_it(new_source, front, rear):
    hd_only = PretendCamera(b"/dev/video4", "Third Camera", formats=(HD,))
    source = new_source(PretendCameras(front, rear, hd_only))
    source.use_format(VGA)

    source.use_camera(rear.id)
    assert source.format == VGA
    source.use_camera(hd_only.id)
    assert source.format == HD
    source.use_camera(front.id)
    assert source.format == HD


def test_a_format_that_the_camera_lacks_changes_nothing(new_source, front):
    source = new_source(PretendCameras(front))

    source.use_format(Format(7, 7, 7, "NV12"))

    assert source.format == HD


# Pictures


def picture_of(frame: QVideoFrame) -> Image.Image:
    """What a frame of the double shows. Qt's own conversion takes full range for limited here."""
    assert frame.map(QVideoFrame.MapMode.ReadOnly)
    planes = [bytes(frame.bits(n)) for n in range(frame.planeCount())]
    strides = [frame.bytesPerLine(n) for n in range(frame.planeCount())]
    frame.unmap()
    if frame.pixelFormat() is QVideoFrameFormat.PixelFormat.Format_Jpeg:
        return Image.open(io.BytesIO(planes[0])).convert("RGB")
    size = width, height = frame.width(), frame.height()
    grey = Image.frombytes("L", size, planes[0], "raw", "L", strides[0])
    both = Image.frombytes("LA", (width // 2, height // 2), planes[1], "raw", "LA", strides[1])
    colours = [colour.resize(size) for colour in both.split()]
    return Image.merge("YCbCr", (grey, *colours)).convert("RGB")


@pytest.mark.parametrize("format_", [VGA, HD], ids=lambda f: f.coding)
def test_delivers_what_stands_before_the_lens(new_source, front, qtbot, format_):
    source = new_source(PretendCameras(front))
    source.use_format(format_)

    source.start()

    assert source.state is State.STARTING
    qtbot.waitUntil(running(source))
    assert source.states == [State.STARTING, State.RUNNING]
    shown = picture_of(source.frames[-1])
    assert shown.size == (format_.width, format_.height)
    with Image.open(front.photo) as photo:
        stands = ImageOps.fit(photo.convert("RGB"), shown.size)
    assert max(ImageStat.Stat(ImageChops.difference(shown, stands)).mean) < 3


def test_comes_at_the_cameras_rate(new_source, front, qtbot):
    source = new_source(PretendCameras(front))
    source.use_format(VGA)
    source.start()
    qtbot.waitUntil(lambda: len(source.frames) >= 12)

    seconds = [source.seconds_of(frame) for frame in source.frames]

    assert seconds == pytest.approx([n / 30 for n in range(len(seconds))], abs=1e-5)


def test_frames_of_another_size_are_delivered(new_source, front, qtbot):
    source = new_source(PretendCameras(front))
    source.start()
    qtbot.waitUntil(running(source))

    front.size = (320, 240)

    qtbot.waitUntil(lambda: source.frames[-1].size().toTuple() == (320, 240))
    assert source.states == [State.STARTING, State.RUNNING]


BROKEN = [null_frame, invalid_frame, empty_frame, unmappable_frame, garbled_frame]


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_frames_are_dropped_and_the_next_ones_come(new_source, front, qtbot, broken):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))
    count = len(source.frames)

    system.lit[0].send(broken())

    assert len(source.frames) == count
    qtbot.waitUntil(running(source))
    assert source.states == [State.STARTING, State.RUNNING]


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_frames_are_no_pictures(new_source, front, qtbot, broken):
    front.broken = broken
    source = new_source(PretendCameras(front))

    source.start()

    qtbot.waitUntil(failed_with(source, CameraSilentError))
    assert source.frames == []


@pytest.mark.parametrize(
    ("planes", "is_whole"),
    [
        ([(640, 640 * 480), (640, 640 * 240)], True),
        ([(640, 640 * 479 + 630), (640, 640 * 240)], True),
        ([(640, 640 * 470), (640, 640 * 240)], False),
        ([(640, 640 * 480), (640, 640 * 200)], False),
        ([(640, 640 * 480), (640, 0)], False),
        ([(640, 640 * 480), (640, -640)], False),
        ([], False),
    ],
)
def test_a_frame_reaches_to_its_last_line(planes: list[tuple[int, int]], is_whole: bool):
    assert camera_module._fill(planes, 480) is is_whole


# Starting, pausing, stopping


def test_the_light_is_on_only_while_pictures_are_wanted(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    assert system.lit == []
    source.start()
    qtbot.waitUntil(running(source))
    assert len(system.lit) == 1

    source.pause()
    assert (system.lit, source.state) == ([], State.PAUSED)
    assert remains(source) == []

    source.start()
    qtbot.waitUntil(running(source))

    source.stop()
    assert (system.lit, source.state) == ([], State.STOPPED)
    assert remains(source) == []


def test_pausing_what_was_not_started_does_nothing(new_source, front):
    source = new_source(PretendCameras(front))

    source.pause()

    assert source.state is State.STOPPED


def test_there_is_one_timer_while_pictures_are_expected_and_none_else(new_source, front, qtbot):
    source = new_source(PretendCameras(front))

    def timers() -> int:
        delete_now()
        mine = source.findChildren(QTimer)
        return sum(1 for timer in mine if timer.parent() is source)

    assert timers() == 0
    source.start()
    assert timers() == 1
    qtbot.waitUntil(running(source))
    assert timers() == 1
    source.pause()
    assert timers() == 0


def test_late_frames_and_errors_of_a_former_stream_change_nothing(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))
    former = system.lit[0]
    source.use_format(VGA)
    assert source.state is State.STARTING
    count = len(source.frames)

    former.send(photo_frame(front.photo, 640, 480, "NV12"))
    former.failed.emit("too late")

    assert (source.state, len(source.frames)) == (State.STARTING, count)
    source.stop()
    system.streams[-1].send(photo_frame(front.photo, 640, 480, "NV12"))
    system.streams[-1].failed.emit("too late")
    assert (source.state, len(source.frames)) == (State.STOPPED, count)


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_commands_ends_as_the_last_ones_say(new_source, front, rear, qtbot, seed):
    system = PretendCameras(front, rear)
    source = new_source(system)
    choose = random.Random(seed)
    commands = [
        source.start,
        source.pause,
        source.stop,
        lambda: source.use_camera(front.id),
        lambda: source.use_camera(rear.id),
        lambda: source.use_format(VGA),
        lambda: source.use_format(HD),
        lambda: qtbot.wait(choose.randrange(40)),
    ]

    for step in range(150):
        choose.choice(commands)()
        assert len(system.lit) <= 1
        assert bool(system.lit) == (source.state in {State.STARTING, State.RUNNING}), step

    source.use_camera(rear.id)
    source.use_format(VGA)
    source.start()
    source.frames.clear()
    qtbot.waitUntil(running(source))
    assert source.shown == rear.id
    source.stop()
    assert remains(source) == []
    system.cameras_changed.emit()
    streams = [weakref.ref(stream) for stream in system.streams]
    system.streams.clear()
    gc.collect()
    assert [each for each in streams if each() is not None] == []


def test_whoever_hears_of_a_state_may_change_it(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    reactions = [source.stop, source.start]

    def react() -> None:
        if reactions:
            reactions.pop(0)()

    source.state_changed.connect(react)

    source.start()

    qtbot.waitUntil(running(source))
    assert source.states[-1] is State.RUNNING
    assert len(system.streams) == 1


def test_whoever_hears_that_it_starts_may_stop_it(new_source):
    source = new_source(PretendCameras())
    source.state_changed.connect(lambda: source.state is State.STARTING and source.stop())

    source.start()

    assert source.states == [State.STARTING, State.STOPPED]
    assert source.error is None


def test_a_source_may_be_deleted_while_it_runs(front, qtbot):
    system = PretendCameras(front)
    source = Watched(system)
    source.start()
    qtbot.waitUntil(running(source))

    with qtbot.waitSignal(source.destroyed):
        source.deleteLater()

    system.unplug(front)
    system.plug(front)
    assert len(system.streams) == 1
