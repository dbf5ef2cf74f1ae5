"""The application of Qt's: its style, and the documents that macOS asks a running program to open.

Those come from the Finder and from the Dock, as events of the application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Sequence


class Application(QApplication):
    """The one of the process.

    Signals:
        opened: the path of a file, or an address, which is to be refused in words.
    """

    opened = Signal(str)

    def __init__(self, arguments: Sequence[str] = ("vggscope",)) -> None:
        """``arguments`` of the process, those that Qt knows among them."""
        # Not by setStyle: it returns an object, and to know that one's class takes PySide 5 ms.
        super().__init__([*arguments, "-style", "Fusion"])

    # Qt overrides

    # Not an event filter: one sees the events of all objects.
    def event(self, event: QEvent) -> bool:
        if not isinstance(event, QFileOpenEvent):
            return super().event(event)
        self.opened.emit(event.file() or event.url().toString())
        return True
