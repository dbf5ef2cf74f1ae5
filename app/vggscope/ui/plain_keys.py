"""Keys without Ctrl that are shortcuts of live mode, and what else they mean to a control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QWidget

_PLAIN: Final = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier


def is_for_control(control: QWidget | None, event: QKeyEvent) -> bool:
    """Whether a key means something to the control that has the keyboard: then it is no shortcut.

    Space presses a button and opens a list, in which a letter looks for an entry. To sliders and
    to the bars of the predictions they mean nothing: there Space freezes, and S saves.

    Args:
        control: what has the keyboard; None for nothing.
        event: the key.
    """
    if event.modifiers() & ~_PLAIN:
        return False
    if isinstance(control, QAbstractButton):
        return event.key() == Qt.Key.Key_Space
    return isinstance(control, QComboBox) and event.text().isprintable() and event.text() != ""
