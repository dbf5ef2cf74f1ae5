"""Whether there is a newer version: a question for people, who are shown where to look."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from vggscope import RELEASE_PAGE, __version__
from vggscope.ui.dialogs import close_box


class NewVersionDialog(QDialog):
    """Offers the page of releases. The program itself asks nobody."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Check for a new version"))
        title = QLabel(self.tr("You have VGGscope {0}").format(__version__))
        title.setProperty("title", True)
        text = QLabel(
            self.tr(
                "VGGscope does not look for newer versions, and sends nothing. Your browser can "
                "show you the page where they are published; what is installed stays as it is "
                "until you install another one, which keeps your settings and models."
            )
        )
        self._address = QLabel(RELEASE_PAGE)
        self._refusal = QLabel(
            self.tr("No browser could be opened. The address above can be copied.")
        )
        self._refusal.setProperty("wrong", True)
        self._refusal.hide()
        for label in (text, self._address, self._refusal):
            label.setWordWrap(True)
            label.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
                | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self._address.setAccessibleName(RELEASE_PAGE)
        box = close_box(self)
        go = QPushButton(self.tr("Open in Browser"))
        go.setProperty("primary", True)
        go.setDefault(True)
        go.clicked.connect(self._open)
        box.addButton(go, QDialogButtonBox.ButtonRole.ActionRole)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 16)
        layout.setSpacing(12)
        for label in (title, text, self._address, self._refusal):
            layout.addWidget(label)
        layout.addWidget(box)
        self.setMinimumWidth(520)
        go.setFocus()

    def _open(self) -> None:
        if QDesktopServices.openUrl(QUrl(RELEASE_PAGE)):
            self.accept()
        else:
            self._refusal.show()
