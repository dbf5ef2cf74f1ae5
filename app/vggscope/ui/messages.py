"""The message bar: what happened, in a sentence, without a dialog in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from vggscope.ui.texts import breakable, explanation_of
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.errors import VggscopeError
    from vggscope.ui.theme import Theme


class MessageBar(QFrame):
    """One message at a time above the canvas; a newer one replaces it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._act: Callable[[], object] | None = None
        self._is_problem = True
        self.setObjectName("messageBar")
        self._icon = QLabel()
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)  # it shows names of files
        self._text.setWordWrap(True)
        self._button = QPushButton()
        self._button.clicked.connect(self._on_button)
        self._close = QToolButton()
        self._close.setProperty("flat", True)
        self._close.setAccessibleName(self.tr("Dismiss this message"))
        self._close.setToolTip(self._close.accessibleName())
        self._close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 6, 8, 6)
        layout.addWidget(self._icon)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._button)
        layout.addWidget(self._close)
        theme.changed.connect(self._tint)
        self._tint()
        self.hide()

    @property
    def text(self) -> str:
        """The message that is shown, or was last."""
        return self._text.accessibleName()

    def tell(
        self,
        text: str,
        label: str = "",
        act: Callable[[], object] | None = None,
        *,
        is_problem: bool = True,
    ) -> None:
        """Show ``text``, and a button called ``label`` that calls ``act``.

        Args:
            text: one or two sentences.
            label: of the button.
            act: what it does; None for no button.
            is_problem: whether something is wrong, or only worth knowing.
        """
        self._is_problem = is_problem
        self._tint()
        self._text.setText(breakable(text))
        self._text.setAccessibleName(text)
        self._act = act
        self._button.setText(label)
        self._button.setVisible(act is not None)
        self.show()

    def tell_error(self, error: VggscopeError) -> None:
        """Show an error and its remedy."""
        self.tell(explanation_of(error))

    def _on_button(self) -> None:
        self.hide()
        if self._act is not None:
            self._act()

    def _tint(self) -> None:
        colours = self._theme.colours
        icon = ("warning", colours.bad) if self._is_problem else ("info", colours.accent)
        self._icon.setPixmap(picture(*icon, 20))
        self._close.setIcon(self._theme.icon("clear"))
