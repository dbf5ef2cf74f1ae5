"""Documents that macOS asks a running program to open: from the Finder, from the Dock."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Signal
from PySide6.QtGui import QFileOpenEvent


class OpenedDocuments(QObject):
    """Hears of them from the application.

    Signals:
        opened: the path of a file, or an address, which is to be refused in words.
    """

    opened = Signal(str)

    def __init__(self, application: QCoreApplication) -> None:
        super().__init__(application)
        self._early: list[str] = []
        self._is_heard = False
        application.installEventFilter(self)

    def begin(self) -> None:
        """There is somebody to hear now, also of those that came before."""
        self._is_heard = True
        early, self._early = self._early, []
        for file in early:
            self.opened.emit(file)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QFileOpenEvent):
            return super().eventFilter(watched, event)
        file = event.file() or event.url().toString()
        if self._is_heard:
            self.opened.emit(file)
        else:
            self._early.append(file)
        return True
