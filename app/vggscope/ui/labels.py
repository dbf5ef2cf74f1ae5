"""Labels for texts of any length, and what the style sheet looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from vggscope.ui.texts import breakable

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget


def wrapped(text: str = "") -> QLabel:
    """A label of several lines, that takes nothing for markup: it shows names of files."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    write(label, text)
    return label


def write(label: QLabel, text: str) -> None:
    """Show ``text`` on a narrow label, and tell it whole to who cannot see it."""
    label.setText(breakable(text))
    label.setAccessibleName(text)


def write_or_hide(label: QLabel, text: str) -> None:
    """Likewise; a label without a text takes no room."""
    write(label, text)
    label.setVisible(bool(text))


def set_property(widget: QWidget, name: str, value: object) -> None:
    """Set what the style sheet looks at."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
