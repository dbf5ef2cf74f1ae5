"""The layer browser: the network on top, what a layer makes of the picture below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.layers.channel_panel import ChannelPanel
from vggscope.ui.layers.figure import NetworkFigure
from vggscope.ui.layers.layer_table import LayerTable
from vggscope.ui.layers.maps_panel import MapsPanel
from vggscope.ui.layers.patches_panel import PatchesPanel
from vggscope.ui.layers.weights_panel import WeightsPanel
from vggscope.ui.page_stack import PageStack

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.ui.settings import Settings
    from vggscope.ui.theme import Theme

_LOWEST: Final = 150
_WITH_FIGURE: Final = 300
"""Height from which there is room for the figure."""
_FIGURE: Final = (104, 150)
"""Heights that the figure may have."""
_NARROWEST: Final = 250


class LayerBrowser(QWidget):
    """Composes the parts; ``LayersPresenter`` fills them.

    Attributes:
        figure, table: the network.
        maps: all channels of a layer.
        channel, weights, patches: one channel.

    Signals:
        page_changed: another of the pages beside the maps is shown.
    """

    page_changed = Signal()

    def __init__(self, theme: Theme, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(self.tr("Layer browser"))
        self.setMinimumHeight(_LOWEST)
        self.figure = NetworkFigure(theme)
        self.maps = MapsPanel(theme, settings)
        self.channel = ChannelPanel(theme, settings)
        self.weights = WeightsPanel(theme, settings)
        self.patches = PatchesPanel(theme)
        self.table = LayerTable(theme)
        pages = {
            self.tr("Channel"): self.channel,
            self.tr("Weights"): self.weights,
            self.tr("Top patches"): self.patches,
            self.tr("Table"): self.table,
        }
        self._stack = PageStack()
        for page in pages.values():
            self._stack.addWidget(page)
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 6, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._switch(list(pages)))
        column.addWidget(self._stack, 1)
        side.setMinimumWidth(_NARROWEST)
        self._across = QSplitter(Qt.Orientation.Horizontal)
        self._across.setChildrenCollapsible(False)
        self._across.addWidget(self.maps)
        self._across.addWidget(side)
        self._across.setStretchFactor(0, 1)
        self._across.setSizes([840, 440])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._note.setProperty("muted", True)
        self._note.setContentsMargins(12, 4, 12, 4)
        self._note.hide()
        layout.addWidget(self.figure)
        layout.addWidget(self._note)
        layout.addWidget(self._across, 1)

    @property
    def page(self) -> QWidget | None:
        """What is shown beside the maps."""
        return self._stack.currentWidget()

    def show_page(self, page: QWidget) -> None:
        """Show ``channel``, ``weights``, ``patches`` or ``table`` beside the maps."""
        self._show(self._stack.indexOf(page))

    def show_note(self, text: str) -> None:
        """Say something about the network; "" for nothing."""
        self._note.setText(text)
        self._note.setVisible(bool(text))

    def _switch(self, titles: list[str]) -> QWidget:
        group = QWidget()
        group.setAccessibleName(self.tr("What to show beside the maps"))
        row = QHBoxLayout(group)
        row.setContentsMargins(10, 0, 10, 0)
        row.setSpacing(0)
        # No group of buttons: in one, Tab reaches only the chosen one.
        self._buttons: list[QToolButton] = []
        for number, title in enumerate(titles):
            button = QToolButton()
            button.setText(title)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            position = {0: "first", len(titles) - 1: "last"}.get(number, "middle")
            button.setProperty("segment", position)
            button.setAccessibleName(self.tr("Show: {0}").format(title))
            button.clicked.connect(lambda _checked=False, number=number: self._show(number))
            self._buttons.append(button)
            row.addWidget(button)
        row.addStretch()
        self._buttons[0].setChecked(True)
        return group

    def _show(self, number: int) -> None:
        for position, button in enumerate(self._buttons):
            button.setChecked(position == number)
        self._stack.setCurrentIndex(number)
        self.page_changed.emit()

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        height = event.size().height()
        self.figure.setVisible(height >= _WITH_FIGURE)
        lowest, highest = _FIGURE
        self.figure.setFixedHeight(min(max(lowest, height * 3 // 10), highest))
        super().resizeEvent(event)
