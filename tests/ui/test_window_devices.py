"""The device in use: what the window opens on, what it moves to, what a user chooses."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import psutil

from imaginary import CARD, CARD_NAME
from support import tiny_model
from ui.device_driver import (
    BUSY,
    CPU_KEY,
    CPU_NAME,
    Computer,
    above,
    below,
    device_in_use,
    devices_of_photos,
    offered_devices,
    run_of_devices,
    spoken,
    wait_for_device,
)
from ui.window_driver import sample, stored_settings
from vggscope.inference import devices, discovery, selection
from vggscope.inference.ledger import Ledger
from vggscope.inference.probe import Status, Verdict
from vggscope.inference.providers import PROVIDERS, Variant
from vggscope.paths import CHILD
from vggscope.ui.inference_thread import InferenceThread
from vggscope.ui.photos import State
from vggscope.ui.settings import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from ui.window_driver import Driver

FOUR = ("zebra", "pizza", "ladybug", "coffee")


# --- from the CPU to the card -------------------------------------------------------------------


def test_the_cpu_answers_until_the_card_was_tried(computer: Computer) -> None:
    computer.children.hold_after(2)
    user = computer.start()
    assert device_in_use(user) == CPU_KEY
    user.wait(lambda: "2 of 2" in below(user))
    user.open("zebra")
    first = user.current.classification
    assert first is not None
    assert first.device == CPU_KEY
    assert user.bench.roster.is_busy
    generation = user.bench.model.generation  # type: ignore[union-attr]
    computer.children.release()
    wait_for_device(user, CARD)
    assert user.bench.model.generation == generation  # type: ignore[union-attr]
    assert user.current.classification is first, "it need not be classified anew"
    user.open("pizza")
    assert devices_of_photos(user) == [CPU_KEY, CARD]
    assert computer.children.jobs == ["discover", "probe", "probe"]
    assert not user.window.messages.isVisible()


def test_what_is_used_and_tried_is_written_and_spoken(
    computer: Computer, new_window: Callable[..., Driver]
) -> None:
    idle = new_window(begin=False)
    assert {above(idle), below(idle), *spoken(idle)} == {"Loading the model…"}
    idle.close()
    computer.children.hold_after(1)
    user = computer.start()
    user.wait(lambda: "trying" in below(user))
    assert above(user) == f"Auto: {CPU_NAME}"
    assert below(user) == f"{CPU_NAME} · trying devices: 1 of 2"
    assert spoken(user) == (
        f"Device: Auto: {CPU_NAME}",
        f"Device: {CPU_NAME}, trying devices: 1 of 2: {CPU_NAME}",
    )
    user.open("zebra")
    cpu_time = f"{user.current.classification.milliseconds:.0f} ms"  # type: ignore[union-attr]
    assert above(user) == f"Auto: {CPU_NAME} · {cpu_time}"
    computer.children.release()
    user.wait(lambda: "trying devices: 2 of 2" in below(user))
    wait_for_device(user, CARD)
    # Measured when it was tried: the photo that is shown was the CPU's.
    time = f"{user.bench.roster.milliseconds_of(BUSY, CARD):.0f} ms"
    assert above(user) == f"Auto: {CARD_NAME} · {time}"
    assert below(user) == f"{CARD_NAME} · {time}"
    assert spoken(user) == (f"Device: Auto: {CARD_NAME}, {time}", f"Device: {CARD_NAME}, {time}")
    user.open("pizza")
    photo_time = f"{user.current.classification.milliseconds:.0f} ms"  # type: ignore[union-attr]
    assert below(user) == f"{CARD_NAME} · {photo_time}"


def test_the_move_loses_no_photo_and_repeats_none(computer: Computer) -> None:
    computer.children.hold_after(2)
    user = computer.start()
    [thread] = user.window.findChildren(InferenceThread)
    answers: list[tuple[int, str, int]] = []
    thread.answered.connect(
        lambda answer: answers.append((answer.photo.key, answer.outcome.device, answer.generation))
    )
    names = cycle(FOUR)

    def drop_more_until_it_moves() -> bool:
        if user.bench.photos.count(State.WAITING) < 8:
            user.drop_files(*(sample(next(names)) for _ in range(8)))
        if len(answers) > 8:
            computer.children.release()
        return device_in_use(user) == CARD

    user.wait(drop_more_until_it_moves)
    user.drop_files(sample("rocket"))
    user.wait(lambda: user.photos[-1].name == "rocket.jpg")
    user.settle()
    keys, used, generations = zip(*answers, strict=True)
    assert sorted(keys) == sorted(photo.key for photo in user.photos)
    assert user.states() == [State.DONE] * len(user.photos)
    assert list(used) == sorted(used, key=[CPU_KEY, CARD].index), "the CPU first, then the card"
    assert set(used) == {CPU_KEY, CARD}
    assert len(set(generations)) == 1


def test_the_second_start_is_on_the_card_at_once(computer: Computer) -> None:
    first = computer.start()
    wait_for_device(first, CARD)
    first.close()
    computer.children.started.clear()
    user = computer.start()
    assert run_of_devices(user) == [(BUSY, CARD)]
    user.wait(lambda: not user.bench.roster.is_busy)
    assert above(user).startswith(f"Auto: {CARD_NAME} · ")
    user.open("zebra")
    assert devices_of_photos(user) == [CARD]
    assert computer.children.jobs == []


def test_a_card_that_computes_nonsense_is_never_used(computer: Computer) -> None:
    computer.card.does("wrong")
    user = computer.start()
    seen = run_of_devices(user)
    user.wait(lambda: not user.bench.roster.is_busy)
    user.open("zebra")
    assert devices_of_photos(user) == [CPU_KEY]
    assert seen == [(BUSY, CPU_KEY)]
    assert not user.window.messages.isVisible()
    offered = offered_devices(user)
    assert CPU_NAME in offered
    assert CARD_NAME not in offered


def test_closing_in_the_middle_of_a_trial_leaves_nothing_running(computer: Computer) -> None:
    computer.children.hold_after(2)
    user = computer.start()
    user.wait(lambda: len(computer.children.started) == 3)
    user.close()
    assert computer.children.alive == []
    running = [c.cmdline() for c in psutil.Process().children(recursive=True)]
    assert [line for line in running if CHILD in line] == []
    # `dismantle` sees to the threads.


# --- other models -------------------------------------------------------------------------------


def test_what_is_verified_with_one_model_is_not_trusted_with_another(computer: Computer) -> None:
    computer.know_devices()
    tiny_model(computer.models / "tiny")
    user = computer.start()
    wait_for_device(user, CARD)
    seen = run_of_devices(user)
    computer.card.does("wrong")
    user.settings.set(MODEL, "tiny")
    user.wait_for_model("tiny")
    user.wait(lambda: not user.bench.roster.is_busy)
    user.open("zebra")
    assert devices_of_photos(user) == [CPU_KEY]
    assert seen == [(BUSY, CARD), ("tiny", CPU_KEY)]


def test_another_model_in_the_middle_of_a_trial(computer: Computer) -> None:
    tiny_model(computer.models / "tiny")
    computer.children.hold_after(2)
    user = computer.start()
    seen = run_of_devices(user)
    user.wait(lambda: len(computer.children.started) == 3)
    trial = computer.children.started[-1]
    computer.card.does("wrong")
    user.drop_files(*map(sample, FOUR))
    user.settings.set(MODEL, "tiny")
    user.wait_for_model("tiny")
    user.wait(lambda: trial.returncode is not None)
    computer.children.release()
    user.wait(lambda: not user.bench.roster.is_busy)
    user.settle()
    assert devices_of_photos(user) == [CPU_KEY] * 4
    assert seen == [(BUSY, CPU_KEY), ("tiny", CPU_KEY)]
    computer.card.does("good")
    user.settings.set(MODEL, BUSY)
    user.wait_for_model(BUSY)
    wait_for_device(user, CARD)
    # Of the busy model the card alone was left to try, and the CPU to compare it with.
    assert computer.children.jobs == ["discover", *["probe"] * 6]


# --- by hand ------------------------------------------------------------------------------------


def test_what_is_chosen_by_hand_stays_chosen(computer: Computer) -> None:
    computer.know_devices()
    first = computer.start()
    wait_for_device(first, CARD)
    offered = offered_devices(first)
    assert list(offered)[:3] == ["Auto: the fastest verified device", CPU_NAME, CARD_NAME]
    assert [text for text, action in offered.items() if action.isChecked()] == list(offered)[:1]
    offered[CPU_NAME].trigger()
    wait_for_device(first, CPU_KEY)
    assert not above(first).startswith("Auto")
    assert stored_settings()["device"] == CPU_KEY
    first.close()
    computer.children.started.clear()
    user = computer.start()
    user.open("zebra")
    user.wait(lambda: not user.bench.roster.is_busy)
    assert devices_of_photos(user) == [CPU_KEY]
    assert above(user).startswith(CPU_NAME)
    offered_devices(user)["Auto: the fastest verified device"].trigger()
    wait_for_device(user, CARD)
    assert above(user).startswith(f"Auto: {CARD_NAME} · ")
    assert "device" not in stored_settings()
    assert computer.children.jobs == []


def test_exact_mode_leaves_out_what_rounds(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounding = replace(PROVIDERS["webgpu"], variants=(Variant(precision="fp16"),))
    two = {"cpu": PROVIDERS["cpu"], "webgpu": rounding}
    for module in (discovery, selection, devices):
        monkeypatch.setattr(module, "PROVIDERS", two)
    model = selection.find_model(BUSY)
    cpu, fast = selection.devices()
    # Children know the real table, in which there is no such variant: it is verified by decree.
    ledger = Ledger()
    for device, milliseconds in ((cpu, 9.0), (fast, 1.0)):
        figures: dict[str, Any] = {"milliseconds": milliseconds, "difference": 0.0}
        ledger.keep_verdict(model, device.key, Verdict(Status.VERIFIED, **figures))
    user = computer.start()
    wait_for_device(user, fast.key)
    assert fast.precision == "fp16"
    offered_devices(user)["Exact arithmetic"].trigger()
    wait_for_device(user, CPU_KEY)
    assert stored_settings()["exact"] is True
    assert offered_devices(user)["Exact arithmetic"].isChecked()
    user.open("zebra")
    assert devices_of_photos(user) == [CPU_KEY]
    offered_devices(user)["Exact arithmetic"].trigger()
    wait_for_device(user, fast.key)
    assert "exact" not in stored_settings()
