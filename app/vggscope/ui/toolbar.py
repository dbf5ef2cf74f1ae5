"""The toolbar: what is open, what looks at it, on what device, and how much of it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from vggscope.ui.texts import as_label

if TYPE_CHECKING:
    from vggscope.ui.actions import Actions
    from vggscope.ui.menus import Menus
    from vggscope.ui.theme import Theme


class ToolBar(QToolBar):
    """Open, the model, the device, top-k."""

    def __init__(self, theme: Theme, actions: Actions, menus: Menus) -> None:
        super().__init__()
        self._theme = theme
        self._device_name = ""
        self._milliseconds: float | None = None
        self.setWindowTitle(self.tr("Toolbar"))
        self.setObjectName("toolbar")
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setIconSize(QSize(18, 18))
        open_button = self._button(self.tr("Open photos"))
        open_button.setText(self.tr("Open"))
        open_button.setProperty("primary", True)
        open_button.clicked.connect(actions["open"].trigger)
        self._model = self._button(self.tr("Model"), menus.models)
        self._device = QLabel()
        self._device.setContentsMargins(8, 0, 8, 0)
        self._top = self._button(self.tr("How many predictions (top-k)"), menus.tops)
        spacer = QWidget()
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        for widget in (open_button, self._model, self._device, spacer, self._top):
            self.addWidget(widget)
        theme.changed.connect(self._write_device)

    def show_model(self, title: str) -> None:
        """Name the model."""
        _show_choice(self._model, title)

    def show_top(self, count: int) -> None:
        """Tell how many predictions are shown."""
        _show_choice(self._top, self.tr("Top {0}").format(count))

    def show_loading(self) -> None:
        """A model is being loaded: there is no device yet."""
        self._tell(self.tr("Loading the model…"))

    def show_broken(self) -> None:
        """No model can be used."""
        self._tell(self.tr("No model"))

    def show_device(self, name: str, milliseconds: float | None) -> None:
        """Name the device in use, and the time it took for the photo that is shown."""
        self._device_name, self._milliseconds = name, milliseconds
        self._write_device()

    def _tell(self, text: str) -> None:
        self._device_name = ""
        self._device.setText(text)
        self._device.setAccessibleName(text)

    def _write_device(self) -> None:
        if not self._device_name:
            return
        name = self._device_name.replace("&", "&amp;").replace("<", "&lt;")
        text = f"<span style='color:{self._theme.colours.good}'>●</span>&nbsp; {name}"
        spoken = self.tr("Device: {0}").format(self._device_name)
        if self._milliseconds is not None:
            text += f"&nbsp; <b>{self._milliseconds:.0f} ms</b>"
            spoken += f", {self._milliseconds:.0f} ms"
        self._device.setText(text)
        self._device.setAccessibleName(spoken)

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
