"""Dialogs in which Enter does nothing that the user does not look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFrame, QPushButton, QScrollArea, QToolButton, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QKeyEvent

_ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class SteadyDialog(QDialog):
    """No button is the default one: Enter presses that which has the keyboard, and no other."""

    def button(self, text: str, slot: Callable[[], object]) -> QPushButton:
        """A button that calls ``slot``."""
        made = QPushButton(text)
        made.setAutoDefault(False)
        made.clicked.connect(slot)
        return made

    # Qt overrides

    def keyPressEvent(self, event: QKeyEvent) -> None:
        focus = self.focusWidget()
        if event.key() in _ENTER and isinstance(focus, QPushButton | QToolButton):
            # Only some platforms do that by themselves. A key that is held does it once: what has
            # the keyboard next may be another button.
            if not event.isAutoRepeat():
                focus.click()
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        has_moved = super().focusNextPrevChild(forward)
        if (focus := self.focusWidget()) is not None:
            _reveal(focus)
        return has_moved


def scrolling(content: QWidget, *, by_keys: bool = False) -> QScrollArea:
    """``content``, as wide as there is room and as high as it likes.

    Args:
        content: what is shown.
        by_keys: the area has the keyboard, too. A `SteadyDialog` scrolls to what has it.
    """
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    if not by_keys:
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area


def _reveal(focus: QWidget) -> None:
    """Scroll to what has the keyboard: a scroll area does that only if it had the keyboard before.

    What it belongs to, such as the card of a model, is shown as well.
    """
    whole = around = focus
    while (parent := around.parentWidget()) is not None:
        around = parent
        if around.property("card"):
            whole = around
        if isinstance(around, QScrollArea):
            around.ensureWidgetVisible(whole)
            around.ensureWidgetVisible(focus)
            return
