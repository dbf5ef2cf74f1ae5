"""One model in the list of all models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.labels import set_property, wrapped, write, write_or_hide
from vggscope.ui.layers.elided import Elided
from vggscope.ui.texts import as_tool_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from vggscope.ui.model_looks import Deed, Look

_STEPS = 1000


class ModelCard(QFrame):
    """What a model is, how it is, and buttons for what can be done with it.

    Signals:
        wanted: (what is to be done, the key of the card). What takes a yes comes again, as
            "DEED confirmed".
    """

    wanted = Signal(str, str)

    def __init__(self, key: str, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = key
        self.look = look
        self._asked: Deed | None = None
        self.setProperty("card", True)
        self._title = Elided()
        self._title.setProperty("strong", True)
        self._state = QLabel()
        self._state.setProperty("chip", True)
        self._note, self._facts, self._message = wrapped(), wrapped(), wrapped()
        for label in (self._note, self._facts):
            label.setProperty("muted", True)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._question = _Question()
        self._question.answered.connect(self._on_answer)
        self._buttons = {deed: self._button(deed) for deed in _DEEDS}
        self._lay_out()
        self.show_look(look)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self._title, 1)
        head.addWidget(self._state)
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in self._buttons.values():
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 14, 12)
        layout.setSpacing(5)
        layout.addLayout(head)
        for widget in (self._note, self._facts, self._message, self._progress, self._question):
            layout.addWidget(widget)
        layout.addSpacing(3)
        layout.addLayout(row)

    @property
    def buttons(self) -> list[QPushButton]:
        """All, in the order of the Tab key."""
        return [*self._question.buttons, *self._buttons.values()]

    # What is shown

    def show_look(self, look: Look) -> None:
        """Show the model as it is now; the keyboard stays in the card."""
        focus = QApplication.focusWidget()
        had_focus = focus is not None and self.isAncestorOf(focus)
        if look.deeds != self.look.deeds:
            self._ask(None)
        self.look = look
        self._title.set_whole(look.title)
        self.setAccessibleName(f"{look.title}: {look.state}")
        self.setAccessibleDescription(f"{look.note} {look.facts} {look.fine_print}")
        self._show_state(look)
        write_or_hide(self._note, look.note)
        write_or_hide(self._facts, look.facts)
        self._facts.setToolTip(as_tool_tip(look.fine_print))
        write_or_hide(self._message, look.message)
        set_property(self._message, "wrong", look.is_problem)
        self._show_progress(look)
        self._show_buttons()
        if had_focus and (focus is None or not focus.isVisible()):
            self.take_focus()

    def ask(self, deed: Deed, text: str, yes: str, *, is_problem: bool = False) -> None:
        """Ask whether to do it, in the place of the buttons.

        Args:
            deed: what ``wanted`` tells after a yes.
            text: the question, or what speaks against doing it.
            yes: what the button says; "" where it cannot be done.
            is_problem: whether ``text`` tells of a failure.
        """
        is_final = deed in {"cancel", "remove"}
        self._question.show_question(text, yes, is_problem=is_problem, is_final=is_final)
        self._ask(deed)

    def _ask(self, deed: Deed | None) -> None:
        self._asked = deed
        self._question.setVisible(deed is not None)
        self._show_buttons()
        if deed is not None:
            self._question.take_focus()

    def _on_answer(self, is_yes: bool) -> None:
        deed = self._asked
        self._ask(None)
        self.take_focus()
        if is_yes and deed is not None:
            self.wanted.emit(f"{deed} confirmed", self._key)

    def _show_state(self, look: Look) -> None:
        self._state.setText(look.state)
        set_property(self._state, "kind", look.mood)

    def _show_progress(self, look: Look) -> None:
        share = look.share
        self._progress.setVisible(share is not None)
        if share is None:
            return
        if share < 0:
            self._progress.setRange(0, 0)
        else:
            self._progress.setRange(0, _STEPS)
            self._progress.setValue(round(share * _STEPS))
        self._progress.setAccessibleName(f"{look.title}: {look.state} {look.message}")

    def _show_buttons(self) -> None:
        for deed, button in self._buttons.items():
            button.setVisible(deed in self.look.deeds and self._asked is None)
            set_property(button, "primary", deed == "use" and self.look.deeds[:1] == (deed,))

    def take_focus(self) -> None:
        """The keyboard is on the first button."""
        for deed in self.look.deeds:
            if self._buttons[deed].isVisibleTo(self):
                self._buttons[deed].setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def _button(self, deed: Deed) -> QPushButton:
        texts = {
            "use": self.tr("Use"),
            "download": self.tr("Download…"),
            "resume": self.tr("Resume"),
            "again": self.tr("Try again"),
            "pause": self.tr("Pause"),
            "cancel": self.tr("Cancel…"),
            "verify": self.tr("Verify"),
            "stop": self.tr("Stop"),
            "repair": self.tr("Repair…"),
            "folder": self.tr("Open folder"),
            "remove": self.tr("Remove…"),
        }
        button = QPushButton(texts[deed])
        button.setAccessibleName(f"{texts[deed]} {self.look.title}")
        button.setAutoDefault(False)
        button.clicked.connect(lambda: self.wanted.emit(deed, self._key))
        return button


_DEEDS: tuple[Deed, ...] = (
    *("use", "download", "resume", "again", "pause", "cancel"),
    *("repair", "verify", "stop", "folder", "remove"),
)
"""In the order of the buttons."""


class _Question(QFrame):
    """A question and its two answers, in place.

    Signals:
        answered: whether the answer was yes.
    """

    answered = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("question", True)
        self._text = wrapped()
        self._yes, self._no = QPushButton(), QPushButton(self.tr("Not now"))
        self._first = self._yes
        for button, answer in ((self._yes, True), (self._no, False)):
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, answer=answer: self.answered.emit(answer))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._yes)
        row.addWidget(self._no)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(9)
        layout.addWidget(self._text)
        layout.addLayout(row)
        self.hide()

    @property
    def buttons(self) -> list[QPushButton]:
        """Yes and no."""
        return [self._yes, self._no]

    def show_question(self, text: str, yes: str, *, is_problem: bool, is_final: bool) -> None:
        """Ask ``text``; ``yes`` is what the first button says, "" for none.

        What ``is_final`` cannot be undone: a key too many does not do it.
        """
        self._first = self._yes if yes and not is_final else self._no
        set_property(self._yes, "primary", not is_final)
        write(self._text, text)
        set_property(self._text, "wrong", is_problem)
        self._yes.setText(yes)
        self._yes.setVisible(bool(yes))
        self.setAccessibleName(text)

    def take_focus(self) -> None:
        """The keyboard is on the answer that is most likely, or does no harm."""
        self._first.setFocus(Qt.FocusReason.OtherFocusReason)

    # Qt overrides

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.answered.emit(False)
        else:
            super().keyPressEvent(event)
