from __future__ import annotations

import pytest

from doubles.cameras import (
    IN_USE,
    VGA,
    PretendCamera,
    PretendCameras,
)
from sources.camera_driver import PATIENCE, failed_with, remains, running
from vggscope.errors import (
    CameraBusyError,
    CameraDeniedError,
    CameraSilentError,
    CameraUnpluggedError,
    NoCameraError,
)
from vggscope.sources.live.base import State
from vggscope.sources.live.camera_system import Permission

# Permission


def test_the_user_is_asked_when_it_is_started_not_before(new_source, front, qtbot):
    system = PretendCameras(front)
    system.status = Permission.Undetermined
    source = new_source(system)
    assert system.asked == 0

    source.start()
    qtbot.wait(50)
    assert (system.asked, source.state, system.lit) == (1, State.STARTING, [])

    system.reply(Permission.Granted)
    qtbot.waitUntil(running(source))
    assert source.states == [State.STARTING, State.RUNNING]


def test_what_the_user_refuses_is_told_and_can_be_tried_again(new_source, front, qtbot):
    system = PretendCameras(front)
    system.status = Permission.Undetermined
    system.answer = Permission.Denied
    source = new_source(system)

    source.start()

    qtbot.waitUntil(failed_with(source, CameraDeniedError))
    assert system.lit == []
    assert remains(source) == []
    source.start()
    assert failed_with(source, CameraDeniedError)()
    assert system.asked == 1
    system.status = Permission.Granted
    source.start()
    qtbot.waitUntil(running(source))
    assert source.error is None


def test_denied_from_the_first(new_source, front):
    system = PretendCameras(front)
    system.status = Permission.Denied
    source = new_source(system)

    source.start()

    assert failed_with(source, CameraDeniedError)()
    assert system.asked == 0


def test_plugging_does_not_ask_a_user_again_who_has_refused(new_source, front, rear):
    system = PretendCameras(front)
    system.status = Permission.Denied
    source = new_source(system)
    source.start()

    system.plug(rear)
    system.unplug(front)

    assert failed_with(source, CameraDeniedError)()


def test_stopped_while_the_user_is_asked(new_source, front, qtbot):
    system = PretendCameras(front)
    system.status = Permission.Undetermined
    source = new_source(system)
    source.start()
    source.stop()

    system.reply(Permission.Granted)
    qtbot.wait(50)

    assert (source.state, system.streams) == (State.STOPPED, [])


def test_started_twice_while_the_user_is_asked(new_source, front, qtbot):
    system = PretendCameras(front)
    system.status = Permission.Undetermined
    source = new_source(system)
    source.start()
    source.pause()
    source.start()
    assert system.asked == 1

    system.reply(Permission.Granted)

    qtbot.waitUntil(running(source))
    assert len(system.streams) == 1


def test_without_a_camera_nobody_is_asked(new_source):
    system = PretendCameras()
    system.status = Permission.Undetermined
    source = new_source(system)

    source.start()

    assert failed_with(source, NoCameraError)()
    assert system.asked == 0


# Cameras come and go


def test_the_list_follows_the_cables(new_source, front, rear, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    assert [each.description for each in source.cameras] == ["Front Camera"]
    assert source.name == "Front Camera"

    with qtbot.waitSignal(source.cameras_changed):
        system.plug(rear)
    assert [each.id for each in source.cameras] == [front.id, rear.id]
    assert [each.is_default for each in source.cameras] == [True, False]
    with qtbot.waitSignal(source.cameras_changed):
        system.unplug(front)

    assert [each.id for each in source.cameras] == [rear.id]
    # Nothing was started: the one that is there is the one to be used.
    assert source.camera == source.cameras[0]
    assert source.name == "Rear Camera"


@pytest.mark.parametrize("wanted", [b"/dev/video2", "/dev/video2", "Rear Camera"])
def test_the_wanted_camera_is_used(new_source, front, rear, qtbot, wanted):
    source = new_source(PretendCameras(front, rear), wanted)

    source.start()

    qtbot.waitUntil(running(source))
    assert source.shown == rear.id


def test_the_default_is_used_if_the_wanted_one_is_not_there(new_source, front):
    source = new_source(PretendCameras(front), "Rear Camera")

    source.start()

    assert source.shown == front.id


def test_another_camera_is_used_at_once(new_source, front, rear, qtbot):
    rear.formats = (VGA,)
    system = PretendCameras(front, rear)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))
    lit: list[int] = []
    source.cameras_changed.connect(lambda: lit.append(len(system.lit)))

    with qtbot.waitSignals([source.cameras_changed, source.formats_changed]):
        source.use_camera(rear.id)

    assert lit == [0]
    assert source.shown == rear.id
    assert (source.name, source.format) == ("Rear Camera", VGA)
    assert source.state is State.STARTING
    qtbot.waitUntil(running(source))


def test_choosing_the_camera_in_use_or_one_that_is_gone_changes_nothing(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))

    source.use_camera(front.id)
    source.use_camera(b"/dev/video9")

    assert source.states == [State.STARTING, State.RUNNING]
    assert len(system.streams) == 1


def test_without_a_camera_it_waits_for_one(new_source, front, rear, qtbot):
    system = PretendCameras()
    source = new_source(system)
    assert (source.camera, source.format, source.name) == (None, None, "")
    source.start()
    assert failed_with(source, NoCameraError)()

    system.plug(rear)

    qtbot.waitUntil(running(source))
    assert source.error is None
    system.plug(front)
    assert source.shown == rear.id


@pytest.mark.parametrize("leave", ["stop", "pause"])
def test_who_has_left_is_not_waiting(new_source, front, leave):
    system = PretendCameras()
    source = new_source(system)
    source.start()
    getattr(source, leave)()

    system.plug(front)

    assert system.streams == []
    assert source.camera is not None or leave == "pause"
    source.start()
    assert source.shown == front.id


def test_pulled_out_and_plugged_in_again(new_source, front, rear, qtbot):
    system = PretendCameras(front, rear)
    source = new_source(system)
    source.use_format(VGA)
    source.start()
    qtbot.waitUntil(running(source))

    system.unplug(front)

    assert failed_with(source, CameraUnpluggedError)()
    assert source.error.details == {"name": "Front Camera"}
    assert (system.lit, remains(source)) == ([], [])
    system.plug(front)
    qtbot.waitUntil(running(source))
    assert source.shown == front.id
    assert source.format == VGA


def test_trying_again_without_it_says_the_same(new_source, front, rear):
    system = PretendCameras(front, rear)
    source = new_source(system)
    source.start()
    system.unplug(front)

    source.start()

    assert failed_with(source, CameraUnpluggedError)()
    assert source.states[-2:] == [State.STARTING, State.FAILED]
    source.use_camera(rear.id)
    assert source.shown == rear.id


def test_it_comes_back_under_another_id(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))
    system.unplug(front)

    front.id = b"/dev/video4"
    system.plug(front)

    qtbot.waitUntil(running(source))
    assert source.shown == b"/dev/video4"


def test_its_twin_is_another_camera(new_source, front):
    twin = PretendCamera(b"/dev/video6", front.description)
    system = PretendCameras(front, twin)
    source = new_source(system)
    source.start()

    system.unplug(front)

    assert failed_with(source, CameraUnpluggedError)()


def test_another_camera_under_its_id_is_another_camera(new_source, front):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    system.unplug(front)

    system.plug(PretendCamera(front.id, "Somebody Else's"))

    assert failed_with(source, CameraUnpluggedError)()


def test_pulled_out_while_paused(new_source, front, rear, qtbot):
    system = PretendCameras(front, rear)
    source = new_source(system)
    source.start()
    source.pause()

    system.unplug(front)
    assert source.state is State.PAUSED
    source.start()
    assert failed_with(source, CameraUnpluggedError)()
    system.plug(front)

    qtbot.waitUntil(running(source))


def test_pulled_out_while_the_user_is_asked(new_source, front, qtbot):
    system = PretendCameras(front)
    system.status = Permission.Undetermined
    source = new_source(system)
    source.start()
    system.unplug(front)
    assert failed_with(source, CameraUnpluggedError)()

    system.reply(Permission.Granted)
    qtbot.wait(50)
    assert failed_with(source, CameraUnpluggedError)()
    system.plug(front)

    qtbot.waitUntil(running(source))
    assert system.asked == 1


def test_stopped_and_started_after_it_was_pulled_out_takes_what_is_there(new_source, front, rear):
    system = PretendCameras(front, rear)
    source = new_source(system)
    source.start()
    system.unplug(front)
    source.stop()

    source.start()

    assert source.shown == rear.id


# Cameras that do not work


def test_a_camera_in_use_elsewhere(new_source, front, qtbot):
    front.is_busy = True
    system = PretendCameras(front)
    source = new_source(system)

    source.start()

    assert failed_with(source, CameraBusyError)()
    assert source.error.details == {"name": "Front Camera", "reason": IN_USE.rstrip(".")}
    assert remains(source) == []
    front.is_busy = False
    source.start()
    qtbot.waitUntil(running(source))


def test_a_system_without_words(new_source, front):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()

    system.lit[0].failed.emit("")

    assert failed_with(source, CameraBusyError)()
    assert source.error.message.endswith("could not be started: the system gives no reason.")


def test_an_error_in_mid_stream_opens_it_once_more(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))

    system.lit[0].failed.emit("Connection lost.")

    assert source.state is State.STARTING
    qtbot.waitUntil(running(source))
    system.lit[0].failed.emit("Connection lost.")
    assert failed_with(source, CameraBusyError)()
    assert len(system.streams) == 2


def test_the_error_of_a_pulled_cable_becomes_unplugged(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))
    front.is_busy = True
    system.lit[0].failed.emit("No such device")
    assert failed_with(source, CameraBusyError)()

    system.unplug(front)

    assert failed_with(source, CameraUnpluggedError)()
    front.is_busy = False
    system.plug(front)
    qtbot.waitUntil(running(source))


def test_a_stream_that_died_in_the_computers_sleep_is_opened_again(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))

    system.lit[0].die()

    qtbot.waitUntil(lambda: len(system.streams) == 2)
    qtbot.waitUntil(running(source))
    assert source.states == [State.STARTING, State.RUNNING] * 2


def test_a_camera_that_wakes_slowly_has_more_time_when_it_is_opened_again(new_source, front, qtbot):
    front.wakes_after = 1.5 * PATIENCE
    system = PretendCameras(front)
    source = new_source(system)

    source.start()

    qtbot.waitUntil(running(source))
    assert len(system.streams) == 2


def test_a_camera_that_stays_silent(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))

    front.is_silent = True

    qtbot.waitUntil(failed_with(source, CameraSilentError))
    assert len(system.streams) == 2
    assert (system.lit, remains(source)) == ([], [])
    front.is_silent = False
    source.start()
    qtbot.waitUntil(running(source))
    # A new start has a new attempt.
    system.lit[0].die()
    qtbot.waitUntil(lambda: len(system.streams) == 4)
    qtbot.waitUntil(running(source))


def test_a_camera_that_dies_again_and_again_is_given_up(new_source, front, qtbot):
    system = PretendCameras(front)
    source = new_source(system)
    source.start()
    qtbot.waitUntil(running(source))
    system.lit[0].die()
    qtbot.waitUntil(lambda: len(system.streams) == 2)
    qtbot.waitUntil(running(source))

    system.lit[0].die()

    qtbot.waitUntil(failed_with(source, CameraSilentError))
    assert len(system.streams) == 2


def test_another_camera_or_format_leaves_a_failure(new_source, front, rear, qtbot):
    front.is_busy = True
    source = new_source(PretendCameras(front, rear))
    source.start()
    assert failed_with(source, CameraBusyError)()
    source.use_format(VGA)
    assert failed_with(source, CameraBusyError)()

    source.use_camera(rear.id)

    qtbot.waitUntil(running(source))


def test_nothing_is_expected_while_the_user_is_asked(new_source, front, qtbot):
    system = PretendCameras(front)
    system.status = Permission.Undetermined
    source = new_source(system)
    source.start()

    qtbot.wait(round(3000 * PATIENCE))

    assert source.state is State.STARTING
