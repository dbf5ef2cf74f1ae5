"""Which channel is shown, the way to others, and its export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSpinBox, QToolButton, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.inference.map_views import ChannelPicture
    from vggscope.ui.theme import Theme

_NO_ARROWS: Final = """
    QSpinBox::up-button, QSpinBox::down-button { width: 1px; border: none; margin: 0; }
    QSpinBox::up-arrow, QSpinBox::down-arrow { image: none; width: 1px; height: 1px; }
"""

_LEAST_NUMBER: Final = 90


class ChannelHeader(QWidget):
    """The row above a channel.

    Signals:
        channel_chosen: the number of another channel.
        export_wanted: as what the channel is to be written: "png", "npy" or "csv".
    """

    channel_chosen = Signal(int)
    export_wanted = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._channel: int | None = None
        self._word = ""
        self._previous = self._make_step(self.tr("Previous channel (Page Up)"), -1)
        self._next = self._make_step(self.tr("Next channel (Page Down)"), 1)
        self._number = self._make_number()
        self._export = self._make_export()
        header = QHBoxLayout(self)
        header.setContentsMargins(8, 6, 8, 0)
        header.setSpacing(2)
        header.addWidget(self._previous)
        header.addWidget(self._number)
        header.addWidget(self._next)
        header.addStretch()
        header.addWidget(self._export)
        theme.changed.connect(self._tint)
        self._tint()

    def show_picture(self, picture: ChannelPicture) -> None:
        """Show which channel it is, and of how many."""
        maps, self._channel = picture.maps, picture.channel
        count = len(maps.values)
        word = self.tr("unit") if maps.is_vector else self.tr("channel")
        self._number.blockSignals(True)
        self._number.setRange(0, count - 1)
        self._word = f"{word} "
        self._number.setSuffix(" " + self.tr("of {0}").format(count))
        self._shorten()
        self._number.setValue(picture.channel)
        self._number.blockSignals(False)
        self._previous.setEnabled(picture.channel > 0)
        self._next.setEnabled(picture.channel < count - 1)

    def step(self, by: int) -> None:
        """Go to the channel ``by`` numbers away, if there is one."""
        if self._channel is not None:
            self._number.setValue(self._number.value() + by)

    def _make_step(self, name: str, by: int) -> QToolButton:
        button = QToolButton()
        button.setProperty("flat", True)
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.step(by))
        return button

    def _make_number(self) -> QSpinBox:
        number = QSpinBox()
        # The arrows beside it do their work; with no buttons at all, Qt leaves the text no room.
        number.setStyleSheet(_NO_ARROWS)
        number.setAlignment(Qt.AlignmentFlag.AlignCenter)
        number.setKeyboardTracking(False)
        number.setToolTip(self.tr("Type the number of a channel; they are counted from 0"))
        number.setAccessibleName(self.tr("Number of the channel"))
        number.setMinimumWidth(_LEAST_NUMBER)
        font = number.font()
        font.setBold(True)
        number.setFont(font)
        number.valueChanged.connect(self._on_number)
        return number

    def _make_export(self) -> QToolButton:
        button = QToolButton()
        button.setProperty("flat", True)
        button.setIconSize(QSize(18, 18))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolTip(self.tr("Write this channel to a file"))
        button.setAccessibleName(self.tr("Export this channel"))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        menu = QMenu(button)
        for kind, title in (
            ("png", self.tr("Picture with scale (PNG)…")),
            ("npy", self.tr("Values (NumPy)…")),
            ("csv", self.tr("Statistics (CSV)…")),
        ):
            action = menu.addAction(title)
            action.triggered.connect(lambda _=False, kind=kind: self.export_wanted.emit(kind))
        button.setMenu(menu)
        return button

    def _on_number(self, number: int) -> None:
        if self._channel is not None and number != self._channel:
            self.channel_chosen.emit(number)

    def _shorten(self) -> None:
        """Leave out that it is a channel where there is no room for saying so."""
        self._number.setPrefix(self._word)
        if self.width() < self.sizeHint().width():
            self._number.setPrefix("")

    def _tint(self) -> None:
        self._previous.setIcon(self._theme.icon("previous"))
        self._next.setIcon(self._theme.icon("next"))
        self._export.setIcon(self._theme.icon("export"))

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._shorten()
