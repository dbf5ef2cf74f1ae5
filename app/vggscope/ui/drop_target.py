"""What is dropped on the window, or pasted: photos, videos, folders, models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
)

from vggscope.ui.incoming import has_pasteable, invitation_of, photos_in, refusal_of
from vggscope.ui.welcome import DropOverlay

if TYPE_CHECKING:
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.theme import Theme


class DropTarget(QObject):
    """Takes what the user drops on the window.

    Attributes:
        overlay: what covers the window meanwhile.
    """

    def __init__(self, window: MainWindow, theme: Theme) -> None:
        super().__init__(window)
        self._window = window
        self.overlay = DropOverlay(theme, window)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def paste(self) -> None:
        """Take what the clipboard holds."""
        mime = QGuiApplication.clipboard().mimeData()
        if has_pasteable(mime):
            self._take(mime)
        else:
            text = self.tr("The clipboard holds neither a picture nor a file.")
            self._window.messages.tell(text)

    def _take(self, mime: QMimeData) -> None:
        paths, photos = photos_in(mime)
        self._window.open_paths(paths)
        self._window.workbench.add(photos)

    def _drop(self, event: QDropEvent) -> None:
        self.overlay.hide()
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        # First, because what is taken may open a window of its own.
        self._window.activateWindow()
        self._take(event.mimeData())

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # A drop is a move, and an entry is one as well, for Python.
        if event.type() == QEvent.Type.DragEnter and isinstance(event, QDragEnterEvent):
            # Accepted either way: a refused drag would not tell us when it leaves.
            mime = event.mimeData()
            self.overlay.show_for(refusal_of(mime), invitation_of(mime))
            event.accept()
            return True
        if event.type() == QEvent.Type.DragMove and isinstance(event, QDragMoveEvent):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.setAccepted(self.overlay.is_welcoming)
            return True
        if event.type() == QEvent.Type.DragLeave:
            self.overlay.hide()
            return True
        if event.type() == QEvent.Type.Drop and isinstance(event, QDropEvent):
            self._drop(event)
            return True
        if event.type() == QEvent.Type.Resize:
            self.overlay.setGeometry(self._window.rect())
        return super().eventFilter(watched, event)
