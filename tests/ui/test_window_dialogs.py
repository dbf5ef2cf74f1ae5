"""Settings, About, and the message bar."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
)

from ui.window_driver import FAST, SLOW, stored_settings
from vggscope import __version__, paths
from vggscope.diagnostics import log_uncaught
from vggscope.ui.settings import CROP_BOX, FIT, MODEL, MODEL_MIRROR, SHOWN, THEME, TOP, WNIDS
from vggscope.ui.theme import DARK

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from ui.window_driver import Driver


def editor(dialog: QDialog, title: str) -> QComboBox | QSpinBox | QCheckBox | QLineEdit:
    kinds = (QComboBox, QSpinBox, QCheckBox, QLineEdit)
    editors = [w for kind in kinds for w in dialog.findChildren(kind)]
    [found] = [w for w in editors if w.accessibleName() == title]
    return found


def choose(dialog: QDialog, title: str, value: str) -> None:
    combo = editor(dialog, title)
    assert isinstance(combo, QComboBox)
    combo.setCurrentIndex(combo.findData(value))


# --- settings ---------------------------------------------------------------------------------


def test_the_dialog_shows_every_setting_as_it_is(user: Driver) -> None:
    user.settings.set(TOP, 9)

    def look(dialog: QDialog) -> None:
        shown = {}
        for setting in SHOWN:
            widget = editor(dialog, setting.title)
            assert widget.accessibleDescription() == setting.description
            written = [*dialog.findChildren(QLabel), *dialog.findChildren(QCheckBox)]
            assert setting.description in [w.text() for w in written]
            if isinstance(widget, QComboBox):
                shown[setting.key] = widget.currentData()
            elif isinstance(widget, QLineEdit):
                shown[setting.key] = widget.text()
            else:
                spin = isinstance(widget, QSpinBox)
                shown[setting.key] = widget.value() if spin else widget.isChecked()
        assert shown == {
            "theme": "light",
            "top": 9,
            "model": FAST,
            "device": "auto",
            "exact": False,
            "fit": "published",
            "protocol": "centre",
            "crop_box": True,
            "wnids": False,
            "smoothing": "off",
            "recording": "csv",
            "mirror": True,
            "readout": True,
            "loop": False,
            "model_mirror": "",
        }

    assert user.while_dialog_is_open(lambda: user.trigger("settings"), look) == [None]


def test_what_is_changed_works_at_once(user: Driver) -> None:
    user.open("zebra")

    def change(dialog: QDialog) -> None:
        choose(dialog, THEME.title, "dark")
        assert user.theme.colours == DARK
        editor(dialog, TOP.title).setValue(2)  # type: ignore[union-attr]
        assert len(user.shown_predictions()) == 2
        editor(dialog, CROP_BOX.title).click()  # type: ignore[union-attr]
        assert not user.window.actions_by_key["crop_box"].isChecked()
        editor(dialog, WNIDS.title).click()  # type: ignore[union-attr]
        choose(dialog, MODEL.title, SLOW)
        choose(dialog, FIT.title, "stretch")
        user.qtbot.keyClicks(editor(dialog, MODEL_MIRROR.title), "https://mirror.example ")

    user.while_dialog_is_open(lambda: user.trigger("settings"), change)
    assert stored_settings() == {
        "theme": "dark",
        "top": 2,
        "fit": "stretch",
        "crop_box": False,
        "wnids": True,
        "model_mirror": "https://mirror.example",
    }, "what differs from the defaults; the slow model is one"
    user.wait_for_model(SLOW)
    user.settle()
    assert user.current.classification.model == SLOW  # type: ignore[union-attr]


# --- about ------------------------------------------------------------------------------------


def test_about_copies_diagnostics(user: Driver) -> None:
    QGuiApplication.clipboard().clear()

    def copy(dialog: QDialog) -> None:
        words = " ".join(label.text() for label in dialog.findChildren(QLabel))
        assert f"VGGscope {__version__}" in words
        assert "Images never leave this computer" in words
        assert "MIT licence" in words
        [button] = [b for b in dialog.findChildren(QPushButton) if "diagnostics" in b.text()]
        user.click(button)
        user.wait(lambda: button.text() == "Copied")
        assert button.isEnabled()

    assert user.while_dialog_is_open(lambda: user.trigger("about"), copy) == [None]
    report = QGuiApplication.clipboard().text()
    assert __version__ in report
    assert "onnxruntime" in report
    assert str(paths.log_dir()) in report


def test_about_closed_while_it_looks(user: Driver) -> None:
    """The report comes when nobody waits for it any more."""

    def leave(dialog: QDialog) -> None:
        [button] = [b for b in dialog.findChildren(QPushButton) if "diagnostics" in b.text()]
        user.click(button)

    user.while_dialog_is_open(lambda: user.trigger("about"), leave)
    user.wait(lambda: not user.bench.tasks.is_pending("diagnosis"))
    user.open("zebra")


# --- message bar ------------------------------------------------------------------------------


def test_a_newer_message_replaces_the_older(user: Driver) -> None:
    bar, done = user.window.messages, []
    bar.tell("First.", "Do it", lambda: done.append("first"))
    bar.tell("Second.", "Do that", lambda: done.append("second"))
    assert bar.text == "Second."
    user.click(user.button("Do that"))
    assert done == ["second"]
    assert not bar.isVisible()
    bar.tell("Third.")
    assert [b.text() for b in bar.findChildren(QPushButton) if b.isVisible()] == []


@pytest.fixture
def _hooks(user: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``run_window`` sets them; undone at the end."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    log_uncaught(user.window.uncaught.emit)


@pytest.mark.usefixtures("_hooks")
@pytest.mark.parametrize("where", ["slot", "thread"])
def test_an_error_that_nobody_expected_is_logged_and_told(
    user: Driver,
    qtbot: QtBot,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))

    def fail() -> None:
        raise ZeroDivisionError("the secret of the traceback")

    with caplog.at_level(logging.CRITICAL), qtbot.capture_exceptions() as caught:
        if where == "slot":
            log_uncaught(user.window.uncaught.emit)  # capture_exceptions took its place
            QTimer.singleShot(0, fail)
        else:
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
        user.wait(user.window.messages.isVisible)
    assert caught == []
    assert "did not expect" in user.window.messages.text
    assert "secret" not in user.window.messages.text
    assert "Traceback" not in user.window.messages.text
    assert "the secret of the traceback" in caplog.text
    assert "in fail" in caplog.text
    user.click(user.button("Open log folder"))
    assert opened == [str(paths.log_dir())]
    user.open("zebra")
    assert user.shown_predictions()[0][0] == "zebra"
