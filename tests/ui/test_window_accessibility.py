"""Without a mouse, and without eyes: names of all controls, and the way of the Tab key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QMenuBar,
    QScrollArea,
    QToolBar,
    QWidget,
)

from ui.window_driver import mime_of, sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ui.window_driver import Driver


def empty(user: Driver, _folder: Path) -> None:
    assert user.window.welcome.isVisible()


def photo(user: Driver, _folder: Path) -> None:
    user.open("zebra")


def many(user: Driver, _folder: Path) -> None:
    user.open("zebra", "pizza", "ladybug")


def table(user: Driver, folder: Path) -> None:
    many(user, folder)
    user.trigger("as_table")


def failure(user: Driver, folder: Path) -> None:
    (folder / "text.jpg").write_text("text", encoding="utf-8")
    user.drop_files(sample("zebra"), folder / "text.jpg")
    user.wait(lambda: len(user.photos) == 2)
    user.settle()
    user.trigger("next")


def message(user: Driver, _folder: Path) -> None:
    user.paste(mime_of(text=" "))
    user.window.messages.tell("Something happened.", "Do something", lambda: None)


STATES = (empty, photo, many, table, failure, message)


def focusable(root: QWidget) -> list[QWidget]:
    """What the Tab key may reach, Qt's own inner parts aside."""
    return [
        widget
        for widget in root.findChildren(QWidget)
        if widget.isVisible()
        and widget.isEnabled()
        and widget.window() is root
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.focusProxy() is None
        and not isinstance(widget, QMenuBar | QToolBar | QScrollArea)
        and not widget.objectName().startswith("qt_")
    ]


def spoken_name(widget: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(widget)
    assert interface is not None, widget
    name = interface.text(QAccessible.Text.Name)
    if not name and isinstance(widget, QAbstractButton):
        name = widget.text()
    return name.replace("&", "").strip()


def walk(root: QWidget, count: int) -> set[QWidget]:
    """The widgets that have the focus on a walk with the Tab key."""
    reached = set()
    for _ in range(2 * count + 10):
        if (focused := root.focusWidget()) is not None:
            reached.add(focused)
        root.focusNextPrevChild(True)
    return reached


@pytest.mark.parametrize("state", STATES)
def test_every_control_has_a_name(
    user: Driver, tmp_path: Path, state: Callable[[Driver, Path], None]
) -> None:
    state(user, tmp_path)
    controls = focusable(user.window)
    assert len(controls) >= 4
    nameless = [f"{type(w).__name__} {w.objectName()}" for w in controls if not spoken_name(w)]
    assert nameless == []


@pytest.mark.parametrize("state", STATES)
def test_no_two_controls_have_the_same_name(
    user: Driver, tmp_path: Path, state: Callable[[Driver, Path], None]
) -> None:
    state(user, tmp_path)
    names = sorted(spoken_name(widget) for widget in focusable(user.window))
    assert names == sorted(set(names))


@pytest.mark.parametrize("state", STATES)
def test_tab_reaches_every_control(
    user: Driver, tmp_path: Path, state: Callable[[Driver, Path], None]
) -> None:
    state(user, tmp_path)
    user.activate()
    controls = focusable(user.window)
    reached = walk(user.window, len(controls))
    missed = [spoken_name(widget) for widget in controls if widget not in reached]
    assert missed == []


def test_the_tab_key_itself_moves_on(user: Driver) -> None:
    """`walk` calls what the key calls; this one is the key."""
    user.open("zebra", "pizza")
    user.strip.setFocus()
    for widget in (user.strip, user.window.canvas, user.button("Open")):
        widget.setFocus()
        user.wait(widget.hasFocus)
        user.key(Qt.Key.Key_Tab, on=widget)
        user.wait(lambda widget=widget: not widget.hasFocus())
        focused = QApplication.focusWidget()
        assert focused is not None
        assert spoken_name(focused)


@pytest.mark.parametrize("action", ["settings", "shortcuts", "about"])
def test_dialogs_too(user: Driver, action: str) -> None:
    def look(dialog: QDialog) -> None:
        controls = focusable(dialog)
        assert controls
        assert [type(w).__name__ for w in controls if not spoken_name(w)] == []
        assert dialog.windowTitle()
        reached = walk(dialog, len(controls))
        assert [spoken_name(w) for w in controls if w not in reached] == []

    assert user.while_dialog_is_open(lambda: user.trigger(action), look) == [None]


def test_what_is_shown_is_also_spoken(user: Driver) -> None:
    """Values, not only the names of what shows them."""
    user.open("zebra")
    device = user.bench.model.device  # type: ignore[union-attr]
    said = [
        QAccessible.queryAccessibleInterface(widget).text(kind)
        for widget in user.window.findChildren(QWidget)
        if widget.isVisible() and QAccessible.queryAccessibleInterface(widget) is not None
        for kind in (QAccessible.Text.Name, QAccessible.Text.Value, QAccessible.Text.Description)
    ]
    everything = "\n".join(said)
    size = "{} × {}".format(*user.current.size or ())
    for shown in (device, "VGG16 compact (fast)", "Top 5", f"zebra.jpg · {size}"):
        assert shown in everything


def test_predictions_are_spoken_with_rank_label_and_percentage(user: Driver) -> None:
    user.open("zebra")
    index = user.window.predictions.model.index(0)
    spoken = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("1. zebra, ")
    assert spoken.endswith("%")
