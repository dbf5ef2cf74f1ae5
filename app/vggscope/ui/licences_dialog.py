"""The licences of the program and of all that it comes with, to read and to search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtGui import QFontDatabase, QKeySequence, QShortcut, QTextCursor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.dialogs import close_box
from vggscope.ui.steady_dialog import SteadyDialog

if TYPE_CHECKING:
    from vggscope.ui.tasks import Tasks

_TASK: Final = "licences"
_BEYOND_UTF16: Final = re.compile("[\U00010000-\U0010ffff]")
"""Characters that are two for Qt and one for Python: places in the text would differ."""


class LicencesDialog(SteadyDialog):
    """A text that is only for reading, and a line to search it."""

    def __init__(self, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = ""
        self._found: list[int] = []
        self.setWindowTitle(self.tr("Licences"))
        self._line = QLineEdit()
        self._line.setPlaceholderText(self.tr("Find…"))
        self._line.setAccessibleName(self.tr("Find in the licences"))
        self._line.setProperty("field", True)
        self._line.textChanged.connect(self._search)
        self._state = QLabel()
        self._state.setProperty("muted", True)
        self._state.setMinimumWidth(self._state.fontMetrics().horizontalAdvance("0000 / 0000"))
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByKeyboard
            | Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._text.setAccessibleName(self.tr("Licences"))
        self._text.setPlainText(self.tr("Looking…"))
        back = self.button(self.tr("Previous"), lambda: self._step(-1))
        on = self.button(self.tr("Next"), lambda: self._step(1))
        for keys, act in (
            (QKeySequence.StandardKey.Find, self._focus),
            (QKeySequence.StandardKey.FindNext, lambda: self._step(1)),
            (QKeySequence.StandardKey.FindPrevious, lambda: self._step(-1)),
        ):
            QShortcut(QKeySequence(keys), self, act)
        self._line.returnPressed.connect(lambda: self._step(1))
        box = close_box(self)
        for button in box.findChildren(QPushButton):
            button.setAutoDefault(False)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._line, 1)
        row.addWidget(self._state)
        row.addWidget(back)
        row.addWidget(on)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(12)
        layout.addLayout(row)
        layout.addWidget(self._text, 1)
        layout.addWidget(box)
        columns = self._text.fontMetrics().horizontalAdvance("0") * 106
        room = self.screen().availableSize() * 0.85
        self.resize(QSize(columns + 80, 760).boundedTo(room))
        self.finished.connect(lambda: tasks.forget(_TASK))
        tasks.run(_TASK, _licences, self._show)
        self._focus()

    def _show(self, text: str) -> None:
        self._text.setPlainText(_BEYOND_UTF16.sub("\N{REPLACEMENT CHARACTER}", text))
        # As Qt has it: line ends may have become shorter.
        self._content = self._text.toPlainText()
        self._search(self._line.text())

    def _focus(self) -> None:
        self._line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._line.selectAll()

    def _search(self, words: str) -> None:
        pattern = re.escape(words)
        matches = re.finditer(pattern, self._content, re.IGNORECASE) if words else ()
        self._found = [match.start() for match in matches]
        cursor = self._text.textCursor()
        # What was found stays found while more of it is typed.
        cursor.setPosition(cursor.selectionStart())
        self._text.setTextCursor(cursor)
        self._step(1, from_here=True)

    def _step(self, direction: int, *, from_here: bool = False) -> None:
        """Select the next place, round the end; with ``from_here`` that at the cursor counts."""
        if not self._found:
            self._state.setText(self.tr("Nothing") if self._line.text() else "")
            return
        here = self._text.textCursor().selectionStart()
        if direction > 0:
            is_next = (at for at, place in enumerate(self._found) if place > here - from_here)
            number = next(is_next, 0)
        else:
            number = sum(place < here for place in self._found) - 1
        start = self._found[number]
        cursor = self._text.textCursor()
        cursor.setPosition(start)
        cursor.setPosition(start + len(self._line.text()), QTextCursor.MoveMode.KeepAnchor)
        self._text.setTextCursor(cursor)
        self._text.centerCursor()
        count = len(self._found)
        self._state.setText(f"{number % count + 1} / {count}")
        self._state.setAccessibleName(
            self.tr("{0} of {1} places").format(number % count + 1, count)
        )


def _licences() -> str:
    from vggscope.notices import all_licences  # noqa: PLC0415 (reads the metadata of packages)

    try:
        return all_licences()
    except OSError as error:
        return QCoreApplication.translate(
            "licences", "This installation is incomplete: its licences cannot be read ({0})."
        ).format(error.strerror or error)
