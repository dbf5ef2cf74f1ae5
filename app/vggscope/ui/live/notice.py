"""Why there is no moving picture, in the place where it would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from vggscope.ui.texts import breakable, message_of, remedy_of
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from vggscope.errors import VggscopeError
    from vggscope.ui.theme import Theme

_WIDTH = 460


class Notice(QWidget):
    """A sentence, what to do, and a button that tries again.

    Signals:
        retry_wanted: the button was pressed.
    """

    retry_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("canvasArea")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._icon, self._title, self._detail = QLabel(), QLabel(), QLabel()
        self._title.setProperty("title", True)
        self._detail.setProperty("muted", True)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addStretch(3)
        for label in (self._icon, self._title, self._detail):
            label.setTextFormat(Qt.TextFormat.PlainText)  # it shows names of files
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            label.setMinimumWidth(_WIDTH)
            layout.addWidget(label, 0, Qt.AlignmentFlag.AlignHCenter)
        self.retry = QPushButton(self.tr("Try again"))
        self.retry.setProperty("primary", True)
        self.retry.clicked.connect(self.retry_wanted)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.retry)
        row.addStretch()
        layout.addSpacing(6)
        layout.addLayout(row)
        layout.addStretch(4)
        theme.changed.connect(self._tint)
        self._tint()

    def show_error(self, error: VggscopeError) -> None:
        """Tell what is wrong, and what to do."""
        self._title.setText(breakable(message_of(error)))
        self._title.setAccessibleName(message_of(error))
        self._detail.setText(breakable(remedy_of(error)))

    def _tint(self) -> None:
        self._icon.setPixmap(picture("warning", self._theme.colours.muted, 48))
