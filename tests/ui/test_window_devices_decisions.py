"""What the window decides when devices, wishes and findings change under its hands."""

from __future__ import annotations

import errno
import subprocess
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt

from imaginary import CARD, CARD_NAME
from support import tiny_model
from ui.device_driver import (
    BUSY,
    CPU_KEY,
    Computer,
    above,
    below,
    device_in_use,
    devices_of_photos,
    offered_devices,
    rows_of,
    table_of,
    wait_for_device,
)
from ui.window_driver import Driver, sample, write_settings
from vggscope.inference import devices, discovery, proposal, selection
from vggscope.inference.classifier import Classifier
from vggscope.inference.ledger import Ledger
from vggscope.inference.probe import Status, Verdict
from vggscope.inference.providers import PROVIDERS, Variant
from vggscope.ui import inference_thread
from vggscope.ui.settings import DEVICE, EXACT

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from PySide6.QtWidgets import QDialog


def idle(user: Driver) -> None:
    user.wait(lambda: not user.bench.roster.is_busy)


def told_to(user: Driver) -> list[str]:
    """The failures of devices that the user is told of from now on."""
    told: list[str] = []
    user.bench.device_failed.connect(lambda error: told.append(error.message))
    return told


def test_a_chosen_device_that_turns_out_wrong_is_left_at_once(computer: Computer) -> None:
    computer.know_devices()
    write_settings(model=BUSY, device=CARD)
    user = computer.start(CARD)
    computer.card.does("wrong")
    user.bench.roster.probe_again()
    wait_for_device(user, CPU_KEY)
    assert "computes wrong results" in user.window.messages.text
    user.open("zebra")
    assert devices_of_photos(user) == [CPU_KEY]


def test_exact_mode_leaves_a_chosen_device_that_rounds(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounding = replace(PROVIDERS["webgpu"], variants=(Variant(precision="fp16"),))
    for module in (discovery, selection, devices):
        monkeypatch.setattr(module, "PROVIDERS", {"cpu": PROVIDERS["cpu"], "webgpu": rounding})
    model = selection.find_model(BUSY)
    cpu, fast = selection.devices()
    ledger = Ledger()
    for device, milliseconds in ((cpu, 9.0), (fast, 1.0)):
        verdict = Verdict(Status.VERIFIED, milliseconds=milliseconds, difference=0.0)
        ledger.keep_verdict(model, device.key, verdict)
    write_settings(model=BUSY, device=fast.key)
    user = computer.start(fast.key)
    user.settings.set(EXACT, True)
    wait_for_device(user, CPU_KEY)
    assert "exact mode does not allow" in user.window.messages.text


def test_a_change_of_mind_while_the_thread_is_busy(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    computer.know_devices()
    user = computer.start(CARD)
    gate, entered = threading.Event(), threading.Event()
    read = inference_thread.read_photo

    def slow(photo: Any, enough: int) -> Any:
        entered.set()
        assert gate.wait(30)
        return read(photo, enough)

    monkeypatch.setattr(inference_thread, "read_photo", slow)
    user.drop_files(sample("zebra"))
    user.wait(entered.is_set)
    for choice in ("cpu", "auto"):
        user.settings.set(DEVICE, choice)
        idle(user)
    gate.set()
    user.settle()
    wait_for_device(user, CARD)
    assert above(user).startswith(f"Auto: {CARD_NAME}")


def test_a_damaged_variant_that_nobody_asked_for(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposal, "FAST_ENOUGH", 0)
    quantized = {"of": BUSY, "agreement": 98.0, "photos": 150, "source": "tests"}
    variant = tiny_model(
        computer.models / "swift", title="Swift", precision="int8", quantized=quantized
    )
    weights = variant.folder / "weights.bin"
    weights.write_bytes(bytes(weights.stat().st_size))
    user = computer.start(CARD)
    assert not user.window.messages.isVisible()
    assert user.bench.roster.survey is not None


def test_a_computer_that_cannot_start_processes(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = subprocess.Popen

    def refuse(arguments: Any, **options: Any) -> Any:
        if "probe" in arguments and "cpu" in opened:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        opened.append("cpu" if "probe" in arguments else "library")
        return start(arguments, **options)

    opened: list[str] = []
    monkeypatch.setattr(subprocess, "Popen", refuse)
    user = computer.start()
    idle(user)
    assert device_in_use(user) == CPU_KEY
    assert "trying" not in below(user)


def test_the_table_knows_at_once_that_a_card_failed_in_use(computer: Computer) -> None:
    computer.know_devices()
    user = computer.start(CARD)
    computer.card.does("fail:1")
    user.open("zebra")
    idle(user)

    def look(dialog: QDialog) -> list[str]:
        return rows_of(dialog)[1]

    [row] = user.while_dialog_is_open(lambda: user.trigger("devices"), look)
    assert "failed in use" in row[-1]  # type: ignore[index]
    assert CARD_NAME not in offered_devices(user)


def test_probing_again_is_offered_against_a_refusal(computer: Computer) -> None:
    computer.card.does("wrong")
    write_settings(model=BUSY, device=CARD)
    user = computer.start()
    user.wait(user.window.messages.isVisible)
    idle(user)
    computer.card.does("good")
    user.click(user.button("Probe again"))
    wait_for_device(user, CARD)


def test_one_message_for_one_cause(computer: Computer, new_window: Callable[..., Driver]) -> None:
    computer.know_devices()
    write_settings(model=BUSY, device=CARD)
    computer.card.does("refuse")
    user = new_window(begin=False)
    told = told_to(user)
    user.window.begin()
    user.wait_for_model()
    user.open("zebra")
    idle(user)
    assert len(told) == 1
    assert "failed and the CPU has taken over" in told[0]
    assert devices_of_photos(user) == [CPU_KEY]


def test_a_wish_before_there_is_a_model(
    computer: Computer, new_window: Callable[..., Driver]
) -> None:
    computer.know_devices()
    user = new_window(begin=False)
    told = told_to(user)
    user.settings.set(DEVICE, "cpu")
    user.window.begin()
    user.wait_for_model()
    wait_for_device(user, CPU_KEY)
    assert told == []


def test_enter_in_the_table_uses_a_device_and_leaves_the_table_open(computer: Computer) -> None:
    computer.know_devices()
    user = computer.start(CARD)

    def use(dialog: QDialog) -> bool:
        table = table_of(dialog)
        table.setFocus()
        table.selectRow(0)
        user.key(Qt.Key.Key_Return, on=table)
        wait_for_device(user, CPU_KEY)
        return dialog.isVisible()

    assert user.while_dialog_is_open(lambda: user.trigger("devices"), use) == [True]


def test_the_table_is_full_while_devices_are_tried(computer: Computer) -> None:
    computer.children.hold_after(2)
    user = computer.start()
    user.wait(lambda: "2 of 2" in below(user))

    def look(dialog: QDialog) -> list[list[str]]:
        return rows_of(dialog)

    [rows] = user.while_dialog_is_open(lambda: user.trigger("devices"), look)
    cpu, card = rows  # type: ignore[misc]
    assert cpu[-1] == "verified, in use"
    assert card[-1] == "not tried yet"
    computer.children.release()
    wait_for_device(user, CARD)


def test_a_run_that_does_not_end_is_told_of(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    computer.know_devices()
    user = computer.start(CARD)
    gate, entered = threading.Event(), threading.Event()
    classify = Classifier.classify

    def hang(self: Classifier, *arguments: Any, **options: Any) -> Any:
        # As long as the driver does not come back.
        entered.set()
        assert gate.wait(30)
        return classify(self, *arguments, **options)

    monkeypatch.setattr(Classifier, "classify", hang)
    monkeypatch.setattr(Classifier, "seconds_in_run", 42.0)
    user.drop_files(sample("zebra"))
    user.wait(entered.is_set)
    user.wait(user.window.messages.isVisible)
    assert f"{CARD_NAME} has not answered for 42 seconds." in user.window.messages.text
    gate.set()
    user.settle()
    assert devices_of_photos(user) == [CARD]
