"""The device in use and its time, on a button: in the toolbar to choose, below to see it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QToolButton

from vggscope.ui.texts import as_label
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from vggscope.ui.device_roster import Trial
    from vggscope.ui.theme import Theme

_DOT: Final = 14


class DeviceButton(QToolButton):
    """Tells the device that is really in use, its latency, and what is being tried."""

    def __init__(self, theme: Theme, purpose: str) -> None:
        """``purpose``: what a click does, for the tool tip."""
        super().__init__()
        self._theme = theme
        self._is_working = False
        self.setToolTip(purpose)
        self.setIconSize(QSize(_DOT, _DOT))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        # Not by the mouse: the keys of what is shown go on to work.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.changed.connect(self._tint)

    def tell(self, text: str) -> None:
        """There is no device yet: say why."""
        self._is_working = False
        self._show(text, text)

    def show_device(
        self,
        name: str,
        milliseconds: float | None,
        *,
        is_auto: bool = False,
        trial: Trial | None = None,
    ) -> None:
        """Name the device in use and its latency.

        Args:
            name: of the device.
            milliseconds: what it takes for a picture, None if that is not known.
            is_auto: it was not chosen by hand.
            trial: a device that is being tried meanwhile.
        """
        self._is_working = True
        text = self.tr("Auto: {0}").format(name) if is_auto else name
        spoken = self.tr("Device: {0}").format(text)
        if milliseconds is not None:
            latency = f"{milliseconds:.0f} ms"
            text, spoken = f"{text} · {latency}", f"{spoken}, {latency}"
        if trial is not None:
            number = self.tr("trying devices: {0} of {1}").format(trial.number, trial.count)
            text, spoken = f"{text} · {number}", f"{spoken}, {number}: {trial.name}"
        self._show(text, spoken)

    def _show(self, text: str, spoken: str) -> None:
        self.setText(as_label(text))
        self.setAccessibleName(spoken)
        self._tint()

    def _tint(self) -> None:
        colours = self._theme.colours
        colour = colours.good if self._is_working else colours.muted
        self.setIcon(QIcon(picture("dot", colour, _DOT)))
