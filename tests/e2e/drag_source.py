"""Another program from which things are dragged and copied: a file manager, or a browser.

    python drag_source.py files PATH...        drags files; they are also on the clipboard
    python drag_source.py picture PATH URL     drags pixels and their address, as browsers do

Each drag starts with a press of the mouse anywhere on the window, whose title tells of it.
"""

from __future__ import annotations

import sys

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDrag, QGuiApplication, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget


def content(words: list[str]) -> QMimeData:
    kind, *rest = words
    mime = QMimeData()
    if kind == "files":
        mime.setUrls([QUrl.fromLocalFile(path) for path in rest])
    else:
        mime.setImageData(QImage(rest[0]))
        mime.setUrls([QUrl(rest[1])])
    return mime


class Source(QWidget):
    def mousePressEvent(self, _event: QMouseEvent) -> None:  # noqa: N802
        drag = QDrag(self)
        drag.setMimeData(content(sys.argv[1:]))
        self.setWindowTitle("Dragging")
        drag.exec(Qt.DropAction.CopyAction)


application = QApplication(["source"])
window = Source()
window.setWindowTitle("Source")
window.resize(200, 200)
window.show()
QGuiApplication.clipboard().setMimeData(content(sys.argv[1:]))
sys.exit(application.exec())
