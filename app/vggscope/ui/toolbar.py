"""The toolbar: what is open, what looks at it, on what device, and how much of it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from vggscope.ui.device_button import DeviceButton
from vggscope.ui.texts import as_label

if TYPE_CHECKING:
    from vggscope.ui.actions import Actions
    from vggscope.ui.menus import Menus
    from vggscope.ui.theme import Theme


class ToolBar(QToolBar):
    """Open, the model, the device, top-k.

    Attributes:
        device: the button that names the device in use.
    """

    def __init__(self, theme: Theme, actions: Actions, menus: Menus) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Toolbar"))
        self.setObjectName("toolbar")
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setIconSize(QSize(14, 14))
        open_button = self._button(self.tr("Open photos"))
        open_button.setText(self.tr("Open"))
        open_button.setProperty("primary", True)
        open_button.clicked.connect(actions["open"].trigger)
        self._model = self._button(self.tr("Model"), menus.models)
        self.device = DeviceButton(theme, self.tr("Choose the device"))
        self.device.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.device.setMenu(menus.devices)
        self._top = self._button(self.tr("How many predictions (top-k)"), menus.tops)
        spacer = QWidget()
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        for widget in (open_button, self._model, self.device, spacer, self._top):
            self.addWidget(widget)

    def show_model(self, title: str) -> None:
        """Name the model."""
        _show_choice(self._model, title)

    def show_top(self, count: int) -> None:
        """Tell how many predictions are shown."""
        _show_choice(self._top, self.tr("Top {0}").format(count))

    def _button(self, name: str, menu: QMenu | None = None) -> QToolButton:
        button = QToolButton()
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if menu is not None:
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            button.setMenu(menu)
        return button


def _show_choice(button: QToolButton, text: str) -> None:
    button.setText(as_label(text))
    # A name alone would hide the text from a screen reader.
    button.setAccessibleName(f"{button.toolTip()}: {text}")
