"""A line of text for narrow places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from vggscope.ui.texts import as_tool_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent


class Elided(QLabel):
    """A line that ends in "…" where there is no room, and is whole in its tool tip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @property
    def whole(self) -> str:
        """The text, even if not all of it has room."""
        return self._whole

    def set_whole(self, text: str) -> None:
        """Show this text, as far as there is room."""
        if text != self._whole:
            self._whole = text
            self.setAccessibleName(text)
            self._cut()

    def _cut(self) -> None:
        room = self.contentsRect().width()
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room)
        self.setText(shown)
        self.setToolTip(as_tool_tip(self._whole) if shown != self._whole else "")

    # Qt overrides

    def sizeHint(self) -> QSize:
        return QSize(120, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._cut()
