"""Instead of what cannot be shown: why not, and what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QToolButton, QVBoxLayout, QWidget


class ReasonPage(QWidget):
    """A sentence in the middle, with a sign of work or an offer below it.

    Signals:
        offer_taken: the user wants what is offered.
    """

    offer_taken = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reason = QLabel()
        self._reason.setWordWrap(True)
        self._reason.setProperty("muted", True)
        self._reason.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setFixedWidth(120)
        self._busy.setAccessibleName(self.tr("Working"))
        self._offer = QToolButton()
        for style in ("flat", "link"):
            self._offer.setProperty(style, True)
        self._offer.clicked.connect(self.offer_taken)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 0, 12, 0)
        column.addStretch()
        column.addWidget(self._reason)
        for widget in (self._busy, self._offer):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        self.say("")

    def say(self, text: str, *, busy: bool = False, offer: str = "") -> None:
        """Show a sentence.

        Args:
            text: why there is nothing else.
            busy: whether it will come by itself in a moment.
            offer: what the user can do about it; "" for nothing.
        """
        self._reason.setText(text)
        self._busy.setVisible(busy)
        self._offer.setText(offer)
        self._offer.setToolTip(offer)
        self._offer.setAccessibleName(offer)
        self._offer.setVisible(bool(offer))
