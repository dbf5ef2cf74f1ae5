"""The line below: what is being done, on what, how large it is shown, and what never happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QSizePolicy, QStatusBar, QToolButton

from vggscope.ui.device_button import DeviceButton
from vggscope.ui.texts import as_label, as_tool_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.ui.theme import Theme


_WORK_WIDTH: Final = 230
"""Logical pixels for what is done with models."""


class StatusBar(QStatusBar):
    """State of the work, device, zoom, promise.

    Attributes:
        device: the button that names the device in use.

    Signals:
        work_clicked: the button that tells of models being downloaded.
    """

    work_clicked = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._state, self._zoom = _ElidedLabel(), QLabel()
        promise = QLabel(self.tr("Images never leave this computer"))
        for label in (self._state, self._zoom, promise):
            label.setProperty("muted", True)
        self._work = QToolButton()
        self._work.setProperty("flat", True)
        self._work.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._work.setToolTip(self.tr("Show all models"))
        self._work.clicked.connect(self.work_clicked)
        self._work.hide()
        self.device = DeviceButton(theme, self.tr("All devices, and why they are or are not used"))
        self.device.setProperty("flat", True)
        self.setSizeGripEnabled(False)
        self.setContentsMargins(10, 1, 12, 1)
        self.addWidget(self._state, 1)
        self._zoom.setContentsMargins(0, 0, 18, 0)
        for widget in (self._work, self.device, self._zoom, promise):
            self.addPermanentWidget(widget)

    def show_state(self, text: str) -> None:
        """What is being done."""
        self._state.show_text(text)

    def show_work(self, text: str) -> None:
        """What is done with models meanwhile; "" for nothing."""
        self._work.setVisible(bool(text))
        # In its middle: a model may have any title, and the end tells how far it is.
        shown = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, _WORK_WIDTH)
        self._work.setText(as_label(shown))
        self._work.setAccessibleName(text)

    def show_zoom(self, zoom: float | None) -> None:
        """At what scale the photo is shown, 1 for its own pixels; None where there is none."""
        self._zoom.setVisible(zoom is not None)
        if zoom is not None:
            self._zoom.setText(f"{zoom * 100:.0f} %")


class _ElidedLabel(QLabel):
    """A text that is shortened in its middle where there is no room: it may name a file."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        self._whole = text
        self.setAccessibleName(text)
        self._elide()

    def _elide(self) -> None:
        metrics = self.fontMetrics()
        shown = metrics.elidedText(self._whole, Qt.TextElideMode.ElideMiddle, self.width())
        self.setText(shown)
        self.setToolTip("" if shown == self._whole else as_tool_tip(self._whole))

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()
