"""When the card fails in use or is gone, and when nothing is fast enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from imaginary import CARD, CARD_NAME
from ui.device_driver import (
    BUSY,
    CPU_KEY,
    CPU_NAME,
    Computer,
    below,
    device_in_use,
    devices_of_photos,
    offered_devices,
    run_of_devices,
    wait_for_device,
)
from ui.window_driver import sample, stored_settings, write_settings
from vggscope.inference import discovery
from vggscope.inference.classifier import Classifier
from vggscope.ui.photos import State
from vggscope.ui.settings import FIT, MODEL

if TYPE_CHECKING:
    from ui.window_driver import Driver

FOUR = ("zebra", "pizza", "ladybug", "coffee")


def failures(user: Driver) -> list[str]:
    """The messages about devices from now on."""
    told: list[str] = []
    user.bench.device_failed.connect(lambda error: told.append(error.message))
    return told


# --- failures in use ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fail:1", "fail:3", "nan"])
def test_the_cpu_takes_over_when_the_card_fails(computer: Computer, mode: str) -> None:
    computer.know_devices()
    on_cpu = Classifier.load(BUSY, device=CPU_KEY)
    truth = {name: on_cpu.classify(sample(name)).probabilities for name in FOUR}
    user = computer.start()
    wait_for_device(user, CARD)
    told, lies = failures(user), []

    def check() -> None:
        for photo in user.photos:
            done, expected = photo.classification, truth[photo.name.removesuffix(".jpg")]
            if done and not np.allclose(done.probabilities, expected, atol=1e-6):
                lies.append(photo.name)

    user.bench.photos.dataChanged.connect(check)
    computer.card.does(mode)
    user.open(*FOUR)
    before = 2 if mode == "fail:3" else 0
    assert devices_of_photos(user) == [CARD] * before + [CPU_KEY] * (4 - before)
    assert user.states() == [State.DONE] * 4
    assert lies == []
    assert len(told) == 1
    assert user.window.messages.text.startswith(f"{CARD_NAME} failed and the CPU has taken over")
    assert below(user).startswith(CPU_NAME)
    # As long as it fails, trying again says so again.
    user.click(user.button("Try again"))
    user.wait(lambda: device_in_use(user) == CARD)
    computer.card.does("fail:1")
    user.trigger("again")
    user.settle()
    assert len(told) == 2
    assert user.window.messages.isVisible()
    computer.card.does("good")
    user.click(user.button("Try again"))
    wait_for_device(user, CARD)
    assert not user.window.messages.isVisible()
    user.trigger("again")
    user.settle()
    assert user.current.classification.device == CARD  # type: ignore[union-attr]
    assert lies == []
    assert len(told) == 2


def test_a_card_that_failed_is_left_alone_until_somebody_asks(computer: Computer) -> None:
    computer.know_devices()
    user = computer.start()
    wait_for_device(user, CARD)
    computer.card.does("fail:1")
    user.open("zebra")
    assert device_in_use(user) == CPU_KEY
    computer.card.does("good")
    user.click(user.button("Dismiss this message"))
    told = failures(user)
    # Another fit decides anew what to run on; so does another model.
    user.settings.set(FIT, "stretch")
    user.wait(lambda: user.bench.model is not None and user.bench.model.fit == "stretch")
    user.wait(lambda: not user.bench.roster.is_busy)
    user.settle()
    assert devices_of_photos(user) == [CPU_KEY]
    assert told == []
    assert CARD_NAME not in offered_devices(user)


GONE = {
    "empty": "WebGPU is installed, but finds no device on this computer.",
    "refuse": f"{CARD_NAME} failed and the CPU has taken over",
}


@pytest.mark.parametrize("mode", GONE)
def test_a_chosen_device_that_is_gone_at_the_next_start(
    computer: Computer, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    computer.know_devices()
    write_settings(model=BUSY, device=CARD)
    first = computer.start()
    wait_for_device(first, CARD)
    first.close()
    computer.card.does(mode)
    if mode == "empty":
        monkeypatch.setattr(discovery, "machine_facts", lambda: ["without the card"])
    user = computer.start()
    user.open("zebra")
    assert devices_of_photos(user) == [CPU_KEY]
    user.wait(user.window.messages.isVisible)
    assert GONE[mode] in user.window.messages.text
    user.wait(lambda: not user.bench.roster.is_busy)
    assert below(user).startswith(CPU_NAME)
    assert stored_settings()["device"] == CARD, "it may come back"


# --- a faster variant ---------------------------------------------------------------------------


def proposed(user: Driver) -> bool:
    bar = user.window.messages
    return bar.isVisible() and bar.text.startswith("Swift is ")


def test_a_faster_variant_is_proposed_and_never_just_taken(computer: Computer) -> None:
    computer.lose_card()
    user = computer.start()
    seen = run_of_devices(user)
    user.open("zebra")
    user.wait(lambda: not user.bench.roster.is_busy)
    assert proposed(user)
    assert "× faster on this computer" in user.window.messages.text
    assert "98 % of 150 photos" in user.window.messages.text
    assert seen == [(BUSY, CPU_KEY)]
    assert user.settings.text(MODEL) == BUSY
    user.click(user.button("Use it"))
    user.wait_for_model("swift")
    user.settle()
    assert not user.window.messages.isVisible()
    assert user.current.classification.model == "swift"  # type: ignore[union-attr]
    assert stored_settings()["model"] == "swift"


def test_what_was_declined_is_not_proposed_again(computer: Computer) -> None:
    computer.lose_card()
    first = computer.start()
    first.wait(lambda: proposed(first))
    first.click(first.button("Dismiss this message"))
    first.close()
    user = computer.start()
    user.wait(lambda: not user.bench.roster.is_busy)
    assert user.bench.roster.proposal is not None
    assert not proposed(user)
    assert user.settings.text(MODEL) == BUSY


@pytest.mark.parametrize("chosen", [{"device": "cpu"}, {"exact": True}])
def test_who_chose_on_purpose_gets_no_proposal(
    computer: Computer, chosen: dict[str, object]
) -> None:
    computer.lose_card()
    write_settings(model=BUSY, **chosen)
    user = computer.start()
    user.open("zebra")
    user.wait(lambda: not user.bench.roster.is_busy)
    assert not proposed(user)
