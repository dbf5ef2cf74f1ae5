"""The registry of actions, the menus and the shortcut sheet that are made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QDesktopServices, QKeySequence
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu

from ui.window_driver import mime_of, sample
from vggscope import paths
from vggscope.ui.actions import MENUS, SPECS, Actions, without_mnemonic
from vggscope.ui.dialogs import ShortcutsDialog

if TYPE_CHECKING:
    from PySide6.QtGui import QAction

    from ui.window_driver import Driver
    from vggscope.ui.theme import Theme


def all_entries(menu: QMenu) -> list[QAction]:
    found = []
    for action in menu.actions():
        submenu = action.menu()
        found += all_entries(submenu) if isinstance(submenu, QMenu) else [action]
    return found


def test_no_key_is_used_twice(user: Driver) -> None:
    used = [
        sequence.toString()
        for spec in SPECS
        for sequence in user.window.actions_by_key[spec.key].shortcuts()
    ]
    assert len(used) == len(set(used))
    assert all(used), "every shortcut is one that Qt understands"


def test_a_key_that_is_used_twice_is_noticed(theme: Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses  # noqa: PLC0415

    import vggscope.ui.actions as registry  # noqa: PLC0415

    twin = dataclasses.replace(SPECS[0], key="twin")
    monkeypatch.setattr(registry, "SPECS", (*SPECS, twin))
    with pytest.raises(ValueError, match=r"Ctrl\+O.* is used twice"):
        Actions(QObject(), theme)


def test_every_action_needs_a_slot_and_every_slot_an_action(theme: Theme) -> None:
    owner = QObject()
    actions = Actions(owner, theme)
    slots = {spec.key: lambda: None for spec in SPECS}
    with pytest.raises(ValueError, match="quit"):
        actions.connect_to({k: v for k, v in slots.items() if k != "quit"})
    with pytest.raises(ValueError, match="fly"):
        actions.connect_to(slots | {"fly": lambda: None})


def test_every_action_stands_in_a_menu(user: Driver) -> None:
    menus = [action.menu() for action in user.window.menuBar().actions()]
    for menu in menus:
        menu.aboutToShow.emit()  # type: ignore[attr-defined]
    entries = [entry for menu in menus if isinstance(menu, QMenu) for entry in all_entries(menu)]
    missing = [s.key for s in SPECS if user.window.actions_by_key[s.key] not in entries]
    assert missing == []
    assert len(menus) == len(MENUS)


def test_no_menu_is_empty_and_no_mnemonic_used_twice_in_one(user: Driver) -> None:
    for bar_action in user.window.menuBar().actions():
        menu = bar_action.menu()
        assert isinstance(menu, QMenu)
        menu.aboutToShow.emit()
        texts = [a.text() for a in menu.actions() if not a.isSeparator()]
        assert texts, bar_action.text()
        letters = [t[t.index("&") + 1].lower() for t in texts if "&" in t]
        assert len(letters) == len(set(letters)), (bar_action.text(), letters)


def test_every_action_with_an_icon_has_one(user: Driver) -> None:
    without = [s.key for s in SPECS if s.icon and user.window.actions_by_key[s.key].icon().isNull()]
    assert without == []


def test_the_shortcut_sheet_lists_every_shortcut(user: Driver) -> None:
    dialog = ShortcutsDialog(user.window.actions_by_key, user.window)
    dialog.show()
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    native = QKeySequence.SequenceFormat.NativeText
    for spec in SPECS:
        action = user.window.actions_by_key[spec.key]
        if keys := [s.toString(native) for s in action.shortcuts()]:
            assert without_mnemonic(action.text()) in texts
            assert "   ".join(keys) in texts
    assert "Mouse wheel; double click fits it" in texts
    dialog.close()
    dialog.deleteLater()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("Key_F1",), "Keyboard shortcuts"),
        (("Key_Comma", "ControlModifier"), "Settings"),
    ],
)
def test_keys_open_dialogs_and_escape_closes_them(
    user: Driver, keys: tuple[str, ...], expected: str
) -> None:
    seen = user.while_dialog_is_open(
        lambda: user.key(Qt.Key[keys[0]], *[Qt.KeyboardModifier[m] for m in keys[1:]]),
        lambda dialog: dialog.windowTitle(),
    )
    assert seen == [expected]
    assert user.window.isActiveWindow() or user.window.isVisible()


def test_ctrl_o_and_ctrl_v_reach_the_window_from_any_part_of_it(
    user: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (asked.append(1), ([], ""))[1])
    user.open("zebra", "pizza")
    parts = (user.window.canvas, user.strip, user.button("Model"), user.button("Open"))
    for part in parts:
        part.setFocus()
        user.key(Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier, on=part)
    assert len(asked) == len(parts)
    user.strip.setFocus()
    user.paste(mime_of(files=[sample("coffee")]))
    user.wait(lambda: len(user.photos) == 3)


def test_full_screen_and_back(user: Driver) -> None:
    user.key(Qt.Key.Key_F11)
    user.wait(user.window.isFullScreen)
    assert user.window.actions_by_key["full_screen"].isChecked()
    user.key(Qt.Key.Key_F11)
    user.wait(lambda: not user.window.isFullScreen())
    assert not user.window.actions_by_key["full_screen"].isChecked()


def test_quit_closes_the_window(user: Driver) -> None:
    user.key(Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    user.wait(lambda: not user.window.isVisible())


def test_open_log_folder(user: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    user.trigger("open_logs")
    assert opened == [str(paths.log_dir())]
