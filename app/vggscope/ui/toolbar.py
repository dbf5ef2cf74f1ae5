"""The toolbar: what is looked at, what looks at it, on what device, and how much is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from vggscope.ui.actions import SOURCES, without_mnemonic
from vggscope.ui.device_button import DeviceButton
from vggscope.ui.texts import as_label

if TYPE_CHECKING:
    from vggscope.ui.actions import Actions
    from vggscope.ui.menus import Menus
    from vggscope.ui.theme import Theme

_NARROW: Final = 110


class ToolBar(QToolBar):
    """Open, the source, the model, the device, top-k.

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
        for button in (self._model, self.device):
            # Their texts are shortened before anything is left out of a narrow window.
            button.setMinimumWidth(_NARROW)
        sources = self._source_buttons(actions)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        actions["layers"].setIconText(self.tr("Layers"))
        layers = QToolButton()
        layers.setDefaultAction(actions["layers"])
        layers.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        layers.setAccessibleName(self.tr("Show the layer browser"))
        layers.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for widget in (open_button, sources, self._model, self.device, spacer, layers, self._top):
            layout.addWidget(widget)
        self.addWidget(row)

    def show_model(self, title: str) -> None:
        """Name the model."""
        _show_choice(self._model, title)

    def show_top(self, count: int) -> None:
        """Tell how many predictions are shown."""
        _show_choice(self._top, self.tr("Top {0}").format(count))

    def _source_buttons(self, actions: Actions) -> QWidget:
        """The kinds of sources side by side, the present one marked."""
        group = QWidget()
        group.setObjectName("segments")
        group.setAccessibleName(self.tr("What to look at"))
        row = QHBoxLayout(group)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for key in SOURCES:
            action = actions[key]
            button = QToolButton()
            button.setDefaultAction(action)
            name = without_mnemonic(action.text())
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
            button.setAccessibleName(self.tr("Look at: {0}").format(name))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            position = {SOURCES[0]: "first", SOURCES[-1]: "last"}.get(key, "middle")
            button.setProperty("segment", position)
            row.addWidget(button)
        return group

    def _button(self, name: str, menu: QMenu | None = None) -> QToolButton:
        button = QToolButton()
        button.setToolTip(name)
        button.setAccessibleName(name)
        # Not by the mouse: the keys of what is shown go on to work.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if menu is not None:
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            button.setMenu(menu)
        return button


def _show_choice(button: QToolButton, text: str) -> None:
    button.setText(as_label(text))
    # A name alone would hide the text from a screen reader.
    button.setAccessibleName(f"{button.toolTip()}: {text}")
