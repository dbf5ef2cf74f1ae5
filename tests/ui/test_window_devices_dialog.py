"""The device table: what it tells, and what is chosen in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QCheckBox, QProgressBar

from imaginary import CARD, CARD_NAME
from ui.device_driver import (
    BUSY,
    CPU_KEY,
    CPU_NAME,
    TABLE,
    Computer,
    below,
    device_in_use,
    rows_of,
    table_of,
    wait_for_device,
)
from ui.window_driver import stored_settings, texts_in, write_settings
from vggscope.ui.settings import MODEL, THEME
from vggscope.ui.theme import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtWidgets import QDialog

    from ui.window_driver import Driver

STATUS = -1
CPU_ROW, CARD_ROW = 0, 1


@pytest.fixture
def user(computer: Computer) -> Driver:
    """A window on the card, which was tried before."""
    computer.know_devices()
    return computer.start(CARD)


def in_dialog(user: Driver, work: Callable[[QDialog], object]) -> None:
    """Open the table, ``work`` on it, close it."""

    def when_active(dialog: QDialog) -> None:
        user.wait(dialog.isActiveWindow)
        work(dialog)

    results = user.while_dialog_is_open(lambda: user.trigger("devices"), when_active)
    assert len(results) == 1, "the dialog was open, and nothing failed in it"


def probe_again(user: Driver, dialog: QDialog) -> None:
    """Press the button, as soon as the look that opens the table is over."""
    button = user.button("Probe again", dialog)
    user.wait(button.isEnabled)
    user.click(button)


def explained(dialog: QDialog, *parts: str) -> bool:
    """Whether one of the dialog's texts has all ``parts``."""
    return any(all(part in text for part in parts) for text in texts_in(dialog))


# --- what it tells ------------------------------------------------------------------------------


def test_it_lists_all_devices_with_their_figures(user: Driver) -> None:
    def look(dialog: QDialog) -> None:
        assert dialog.windowTitle() == "Devices"
        cpu, card = rows_of(dialog)
        assert cpu[1:3] == ["CPU", "fp32"]
        assert cpu[0] in CPU_NAME
        assert cpu[3].endswith(" ms")
        assert cpu[4:] == ["1.00", "verified"]
        assert card[:3] == ["Imaginary 9000", "WebGPU", "fp32"]
        assert float(card[4]) < 0.5
        assert card[STATUS] == "verified, in use"
        table = table_of(dialog)
        assert table.currentRow() == CARD_ROW, "what is in use is explained first"
        assert explained(dialog, CARD_NAME, "12 of 12 photos", "to the CPU: 1 × Softmax")
        table.selectRow(CPU_ROW)
        assert explained(dialog, f"{CPU_NAME}: what all others are compared with.")

    in_dialog(user, look)


def test_it_opens_by_mouse_and_by_key(user: Driver) -> None:
    def press_keys() -> None:
        user.activate()
        user.key(Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier, on=user.window)

    for open_it in (lambda: user.click(user.button(TABLE)), press_keys):
        found = user.while_dialog_is_open(open_it, lambda dialog: len(rows_of(dialog)))
        assert found == [2]


REFUSALS = {
    "wrong": ("refused: wrong results", "computes wrong results: a probability differs by"),
    "crash:1": ("refused: crashed", "crashed when it was tried (SIGSEGV)"),
    "refuse": ("cannot run this model", "implementation for MaxPool(12) node"),
}


@pytest.mark.parametrize("mode", REFUSALS)
def test_a_refused_device_tells_why_and_cannot_be_used(computer: Computer, mode: str) -> None:
    computer.card.does(mode)
    user = computer.start(CPU_KEY)
    status, reason = REFUSALS[mode]

    def look(dialog: QDialog) -> None:
        assert [row[STATUS] for row in rows_of(dialog)] == ["verified, in use", status]
        table = table_of(dialog)
        assert user.button("Use this device", dialog).isEnabled()
        table.selectRow(CARD_ROW)
        assert explained(dialog, CARD_NAME, reason)
        assert not user.button("Use this device", dialog).isEnabled()
        user.qtbot.mouseDClick(
            table.viewport(),
            Qt.MouseButton.LeftButton,
            pos=table.visualItemRect(table.item(CARD_ROW, 0)).center(),
        )

    in_dialog(user, look)
    assert "device" not in stored_settings()
    assert device_in_use(user) == CPU_KEY


def test_a_provider_without_devices_has_a_row(computer: Computer) -> None:
    computer.card.does("empty")
    user = computer.start(CPU_KEY)

    def look(dialog: QDialog) -> None:
        cpu, absent = rows_of(dialog)
        assert cpu[STATUS].endswith("in use")
        sentence = "WebGPU is installed, but finds no device on this computer."
        assert absent == ["–", "WebGPU", "–", "–", "–", sentence]
        table_of(dialog).selectRow(1)
        assert explained(dialog, sentence, "It needs a graphics card with a driver")
        assert not user.button("Use this device", dialog).isEnabled()

    in_dialog(user, look)


def test_several_runtimes_are_explained_in_the_window_and_in_the_table(
    computer: Computer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "onnxruntime_gpu-1.99.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.99.0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    user = computer.start(CARD)
    sentence = "Several ONNX Runtime packages overwrite each other: "
    runtimes = (f"onnxruntime {onnxruntime.__version__}", "onnxruntime-gpu 1.99.0", "Uninstall")
    assert user.window.messages.isVisible()
    for part in (sentence, *runtimes):
        assert part in user.window.messages.text

    def look(dialog: QDialog) -> None:
        assert explained(dialog, sentence, *runtimes)

    in_dialog(user, look)


def test_who_chose_the_cpu_sees_the_others_too(computer: Computer) -> None:
    """They are looked for when the table opens, and not before."""
    write_settings(model=BUSY, device=CPU_KEY)
    user = computer.start(CPU_KEY)
    assert computer.children.jobs == []

    def look(dialog: QDialog) -> None:
        user.wait(lambda: len(rows_of(dialog)) == 2)
        assert [r[STATUS] for r in rows_of(dialog)] == ["not tried yet, in use", "not tried yet"]
        table_of(dialog).selectRow(CARD_ROW)
        assert explained(dialog, f"{CARD_NAME}: not tried with this model yet.")
        user.click(user.button("Use this device", dialog))
        wait_for_device(user, CARD)
        assert rows_of(dialog)[CARD_ROW][STATUS] == "verified, in use"

    in_dialog(user, look)
    assert computer.children.jobs == ["discover", "probe", "probe"]


# --- trying -------------------------------------------------------------------------------------


def test_what_is_being_tried_is_told(computer: Computer) -> None:
    computer.children.hold_after(2)
    user = computer.start()
    user.wait(lambda: "2 of 2" in below(user))

    def look(dialog: QDialog) -> None:
        trying = f"Trying {CARD_NAME} (2 of 2)…"
        [bar] = dialog.findChildren(QProgressBar)
        assert explained(dialog, trying)
        assert bar.isVisible()
        assert bar.accessibleName() == trying
        assert not user.button("Probe again", dialog).isEnabled()
        computer.children.release()
        wait_for_device(user, CARD)
        assert not bar.isVisible()
        assert user.button("Probe again", dialog).isEnabled()
        assert rows_of(dialog)[CARD_ROW][STATUS] == "verified, in use"

    in_dialog(user, look)


def test_probing_again_finds_a_card_that_went_wrong(user: Driver, computer: Computer) -> None:
    user.open("zebra")
    computer.card.does("wrong")

    def probe(dialog: QDialog) -> None:
        assert table_of(dialog).currentRow() == CARD_ROW
        probe_again(user, dialog)
        wait_for_device(user, CPU_KEY)
        assert [r[STATUS] for r in rows_of(dialog)] == [
            "verified, in use",
            "refused: wrong results",
        ]
        assert table_of(dialog).currentRow() == CARD_ROW, "the eye stays where it was"
        assert explained(dialog, CARD_NAME, "a probability differs by", "Update its driver")
        assert below(user).startswith(CPU_NAME)
        computer.card.does("good")
        probe_again(user, dialog)
        wait_for_device(user, CARD)
        assert rows_of(dialog)[CARD_ROW][STATUS] == "verified, in use"

    in_dialog(user, probe)


def test_the_table_may_be_closed_in_the_middle_of_a_trial(user: Driver, computer: Computer) -> None:
    computer.children.hold_after(0)
    in_dialog(user, lambda dialog: probe_again(user, dialog))
    assert user.bench.roster.is_busy
    user.open("zebra")
    computer.children.release()
    wait_for_device(user, CARD)


def test_the_window_may_be_closed_with_the_table_in_the_middle_of_a_trial(
    user: Driver, computer: Computer
) -> None:
    computer.children.hold_after(1)

    def leave(dialog: QDialog) -> None:
        probe_again(user, dialog)
        user.wait(lambda: bool(computer.children.alive) and "1 of 2" in below(user))
        user.close()
        assert computer.children.alive == []

    in_dialog(user, leave)


# --- choosing -----------------------------------------------------------------------------------


def test_by_the_keyboard_alone(user: Driver) -> None:
    def use_it(dialog: QDialog) -> None:
        table, visited = table_of(dialog), []
        assert table.hasFocus()
        # While devices are looked for, as the dialog does when it opens, it cannot be reached.
        user.wait(user.button("Probe again", dialog).isEnabled)
        while not visited or not table.hasFocus():
            visited.append(focused := QApplication.focusWidget())
            user.key(Qt.Key.Key_Tab)
            user.wait(lambda focused=focused: QApplication.focusWidget() is not focused)
        for text in ("Use this device", "Probe again", "Close"):
            assert user.button(text, dialog) in visited
        assert table.currentRow() == CARD_ROW
        user.key(Qt.Key.Key_Up)
        assert table.currentRow() == CPU_ROW
        user.key(Qt.Key.Key_Return)

    in_dialog(user, use_it)
    wait_for_device(user, CPU_KEY)
    assert stored_settings()["device"] == CPU_KEY


def test_by_the_buttons(user: Driver) -> None:
    def use_both(dialog: QDialog) -> None:
        fastest = user.button("Use the fastest", dialog)
        assert not fastest.isEnabled(), "it is in use"
        table_of(dialog).selectRow(CPU_ROW)
        user.click(user.button("Use this device", dialog))
        wait_for_device(user, CPU_KEY)
        assert [r[STATUS] for r in rows_of(dialog)] == ["verified, in use", "verified"]
        assert stored_settings()["device"] == CPU_KEY
        user.click(fastest)
        wait_for_device(user, CARD)
        assert "device" not in stored_settings()
        assert not fastest.isEnabled()

    in_dialog(user, use_both)


def test_exact_arithmetic_is_a_setting(user: Driver) -> None:
    def switch(dialog: QDialog) -> None:
        [exact] = dialog.findChildren(QCheckBox)
        user.click(exact, QPoint(8, exact.height() // 2))
        assert exact.isChecked()
        assert stored_settings()["exact"] is True
        # The card computes in fp32.
        wait_for_device(user, CARD)

    in_dialog(user, switch)


def test_the_proposed_model_can_be_taken_in_the_table(computer: Computer) -> None:
    computer.lose_card()
    user = computer.start(CPU_KEY)

    def take(dialog: QDialog) -> None:
        assert explained(dialog, "Swift is", "× faster on this computer")
        user.click(user.button("Use it", dialog))
        user.wait_for_model("swift")
        user.wait(lambda: not user.bench.roster.is_busy)
        assert not explained(dialog, "× faster on this computer")

    in_dialog(user, take)
    assert user.settings.text(MODEL) == "swift"


# --- how it looks -------------------------------------------------------------------------------


def test_another_theme_and_a_small_window(computer: Computer) -> None:
    computer.card.does("empty")
    user = computer.start(CPU_KEY)
    user.window.resize(900, 600)

    def change(dialog: QDialog) -> None:
        table = table_of(dialog)
        for scheme, colours in (("dark", DARK), ("light", LIGHT)):
            user.settings.set(THEME, scheme)
            # An absent provider's row is paler, in every theme.
            pale = dialog.palette().color(QPalette.ColorRole.PlaceholderText)
            assert table.item(CARD_ROW, 0).foreground().color() == pale
            assert dialog.palette().color(QPalette.ColorRole.Window).name() == colours.surface
        before = rows_of(dialog)
        dialog.resize(dialog.minimumSizeHint())
        assert dialog.width() <= 900
        assert dialog.height() <= 600
        assert rows_of(dialog) == before
        for text in ("Use this device", "Use the fastest", "Probe again", "Close"):
            button = user.button(text, dialog)
            assert dialog.rect().contains(button.geometry().translated(button.parentWidget().pos()))

    in_dialog(user, change)
