"""The line below: what is being done, on what, how large it is shown, and what never happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLabel, QStatusBar

from vggscope.ui.device_button import DeviceButton

if TYPE_CHECKING:
    from vggscope.ui.theme import Theme


class StatusBar(QStatusBar):
    """State of the work, device, zoom, promise.

    Attributes:
        device: the button that names the device in use.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._state, self._zoom = QLabel(), QLabel()
        promise = QLabel(self.tr("Images never leave this computer"))
        for label in (self._state, self._zoom, promise):
            label.setProperty("muted", True)
        self.device = DeviceButton(theme, self.tr("All devices, and why they are or are not used"))
        self.device.setProperty("flat", True)
        self.setSizeGripEnabled(False)
        self.setContentsMargins(10, 1, 12, 1)
        self.addWidget(self._state, 1)
        self._zoom.setContentsMargins(0, 0, 18, 0)
        for widget in (self.device, self._zoom, promise):
            self.addPermanentWidget(widget)

    def show_state(self, text: str) -> None:
        """What is being done."""
        self._state.setText(text)

    def show_zoom(self, zoom: float | None) -> None:
        """At what scale the photo is shown, 1 for its own pixels; None where there is none."""
        self._zoom.setVisible(zoom is not None)
        if zoom is not None:
            self._zoom.setText(f"{zoom * 100:.0f} %")
