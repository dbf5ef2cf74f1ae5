"""The licences in the window, and where newer versions are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QPlainTextEdit, QPushButton

from ui.test_window_accessibility import focusable, spoken_name, walk
from ui.window_driver import texts_in
from vggscope import RELEASE_PAGE, __version__, notices, paths
from vggscope.ui.licences_dialog import LicencesDialog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ui.window_driver import Driver

TEXT = "VGGscope\r\n\r\nMIT License\n\nQt: LGPL\n𝒳 numpy: BSD\nmore of the LGPL\nlast line lgpl\n"


@pytest.fixture
def dialog(user: Driver, monkeypatch: pytest.MonkeyPatch) -> Iterator[LicencesDialog]:
    """The licences, of which there are few, ready to be searched."""
    monkeypatch.setattr(notices, "all_licences", lambda: TEXT)
    made = LicencesDialog(user.bench.tasks, user.window)
    made.show()
    made.activateWindow()
    user.wait(made.isActiveWindow)
    user.wait(lambda: "MIT License" in view(made).toPlainText())
    yield made
    made.close()
    made.deleteLater()


def view(dialog: QDialog) -> QPlainTextEdit:
    [found] = dialog.findChildren(QPlainTextEdit)
    return found


def line(dialog: QDialog) -> QLineEdit:
    [found] = dialog.findChildren(QLineEdit)
    return found


def selected(dialog: QDialog) -> tuple[str, int]:
    """What is selected, and in which line of the text."""
    cursor = view(dialog).textCursor()
    return cursor.selectedText(), cursor.blockNumber()


def test_about_leads_to_all_licences(user: Driver) -> None:
    shown: list[str] = []

    def read(dialog: QDialog) -> None:
        assert dialog.windowTitle() == "Licences"
        user.wait(lambda: "MIT License" in view(dialog).toPlainText())
        shown.append(view(dialog).toPlainText())

    def look(about: QDialog) -> None:
        [button] = [b for b in about.findChildren(QPushButton) if b.text() == "Licences"]
        user.while_dialog_is_open(button.click, read)

    assert user.while_dialog_is_open(lambda: user.trigger("about"), look) == [None]
    [text] = shown
    assert "onnxruntime" in text
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in text


def test_closed_before_they_are_read(user: Driver) -> None:
    dialog = LicencesDialog(user.bench.tasks, user.window)
    dialog.show()
    dialog.reject()
    dialog.deleteLater()
    user.wait(lambda: not user.bench.tasks.is_pending("licences"))


def test_an_incomplete_installation(user: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(notices, "all_licences", fail)
    dialog = LicencesDialog(user.bench.tasks, user.window)
    dialog.show()
    user.wait(lambda: "This installation is incomplete" in view(dialog).toPlainText())
    dialog.close()
    dialog.deleteLater()


def test_searching_by_keyboard_alone(user: Driver, dialog: LicencesDialog) -> None:
    user.wait(line(dialog).hasFocus)
    QTest.keyClicks(line(dialog), "lgpl")
    assert selected(dialog) == ("LGPL", 4)
    assert "1 / 3" in texts_in(dialog)
    user.key(Qt.Key.Key_Return)
    assert selected(dialog) == ("LGPL", 6)
    user.key(Qt.Key.Key_F3)
    assert selected(dialog) == ("lgpl", 7)
    user.key(Qt.Key.Key_Return)
    assert selected(dialog) == ("LGPL", 4)
    user.key(Qt.Key.Key_F3, Qt.KeyboardModifier.ShiftModifier)
    assert selected(dialog) == ("lgpl", 7)
    assert "3 / 3" in texts_in(dialog)
    assert dialog.isVisible(), "Enter searches and closes nothing"
    view(dialog).setFocus()
    user.key(Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier, on=view(dialog))
    assert line(dialog).hasFocus()
    assert line(dialog).selectedText() == "lgpl"


def test_what_is_not_there(dialog: LicencesDialog) -> None:
    line(dialog).setText("proprietary")
    assert "Nothing" in texts_in(dialog)
    line(dialog).setText("")
    assert "Nothing" not in texts_in(dialog)
    line(dialog).setText("(")  # no pattern
    assert "Nothing" in texts_in(dialog)


def test_places_are_right_behind_characters_that_are_two_to_qt(dialog: LicencesDialog) -> None:
    line(dialog).setText("numpy")
    assert selected(dialog) == ("numpy", 5)


def test_the_text_is_for_reading_only(user: Driver, dialog: LicencesDialog) -> None:
    before = view(dialog).toPlainText()
    view(dialog).setFocus()
    user.key(Qt.Key.Key_X, on=view(dialog))
    user.key(Qt.Key.Key_Delete, on=view(dialog))
    assert view(dialog).toPlainText() == before
    view(dialog).selectAll()
    user.key(Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier, on=view(dialog))
    assert "MIT License" in QApplication.clipboard().text()


def test_every_control_has_a_name_and_is_reached(dialog: LicencesDialog) -> None:
    controls = focusable(dialog)
    assert len(controls) == 5
    assert all(map(spoken_name, controls))
    assert set(controls) <= walk(dialog, len(controls))
    interface = QAccessible.queryAccessibleInterface(view(dialog))
    assert interface.state().readOnly


# --- a newer version --------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    addresses: list[str] = []

    def open_url(url: object) -> bool:
        addresses.append(url.toString())  # type: ignore[attr-defined]
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    return addresses


def press(text: str) -> Callable[[QDialog], None]:
    def act(dialog: QDialog) -> None:
        [button] = [b for b in dialog.findChildren(QPushButton) if b.text() == text]
        button.click()

    return act


def test_the_page_of_releases_is_shown_when_asked_for(user: Driver, opened: list[str]) -> None:
    user.while_dialog_is_open(lambda: user.trigger("new_version"), press("Open in Browser"))
    assert opened == [RELEASE_PAGE]


def test_before_that_it_is_said_what_happens(user: Driver, opened: list[str]) -> None:
    def look(dialog: QDialog) -> str:
        return " ".join(label.text() for label in dialog.findChildren(QLabel))

    [words] = user.while_dialog_is_open(lambda: user.trigger("new_version"), look)
    assert isinstance(words, str)
    assert f"You have VGGscope {__version__}" in words
    assert "sends nothing" in words
    assert RELEASE_PAGE in words
    assert opened == []


def test_without_a_browser_the_address_stays(user: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: False)

    def look(dialog: QDialog) -> list[str]:
        press("Open in Browser")(dialog)
        assert dialog.isVisible()
        return texts_in(dialog)

    [texts] = user.while_dialog_is_open(lambda: user.trigger("new_version"), look)
    assert RELEASE_PAGE in texts  # type: ignore[operator]
    assert any("No browser could be opened" in text for text in texts)  # type: ignore[attr-defined]


def test_nothing_but_the_dialog_uses_the_address() -> None:
    package = Path(paths.__file__).parent
    users = [
        module.relative_to(package).as_posix()
        for module in package.rglob("*.py")
        if "RELEASE_PAGE" in module.read_text(encoding="utf-8")
    ]
    assert sorted(users) == ["__init__.py", "ui/new_version.py"]
