"""The network as a table in the manner of Keras, sortable, with times, to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QHelpEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.layers.elided import Elided
from vggscope.ui.layers.layer_model import (
    MEMORY_COLUMN,
    SHORT_ROLE,
    SORT_ROLE,
    TIME_COLUMN,
    LayerModel,
    compact_count,
)
from vggscope.ui.rows import choose_by_row
from vggscope.vgg.table import (
    as_csv,
    as_markdown,
    format_table,
    short_bytes,
    short_count,
    with_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vggscope.ui.theme import Theme
    from vggscope.vgg.network import Network

_Index = QModelIndex | QPersistentModelIndex
_ROW_HEIGHT: Final = 25
_WIDE: Final = 1000
_NARROW: Final = 440
_ROOM: Final = 26
"""Beside the title of a column, for the arrow of sorting."""
_CELL_ROOM: Final = 16
_NARROW_ROOM: Final = 10
_NARROW_SECTION: Final = 30
_NARROW_STYLE: Final = """
    QTableView::item { padding: 0 2px; }
    QHeaderView::section { padding: 5px 5px; }
"""
_MOST_SPARE: Final = 48
_BYTES_PER_NUMBER: Final = 4
_LEAST_VIEW: Final = 60
_LOW: Final = 150
"""Height below which one line has to do below the table."""


class LayerTable(QWidget):
    """All layers with their numbers, one of them chosen, and the totals below.

    Signals:
        layer_chosen: the name of the layer that the user wants to see.
        times_wanted: the time of each layer shall be measured.
        said: a short sentence on what was done.
    """

    layer_chosen = Signal(str)
    times_wanted = Signal()
    said = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._network: Network | None = None
        self._times: Mapping[str, float] | None = None
        self._telling = True
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._layers = LayerModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSortRole(SORT_ROLE)
        self._sorted.setSourceModel(self._layers)
        self._view = self._make_view()
        self._totals, self._note = _Totals(), Elided()
        for label in (self._totals, self._note):
            label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            label.setMinimumWidth(30)
        self._note.setProperty("muted", True)
        self._measure = self._make_measure()
        self._copy = self._make_copy()
        theme.changed.connect(self._dress)
        self._dress()
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.addStretch()
        self._buttons.addWidget(self._measure)
        self._buttons.addWidget(self._copy)
        self._footer = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._footer.setContentsMargins(12, 6, 10, 8)
        self._footer.setSpacing(6)
        self._footer.addWidget(self._totals)
        self._footer.addWidget(self._note, 1)
        self._footer.addLayout(self._buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._view, 1)
        layout.addLayout(self._footer)
        self._view.selectionModel().currentRowChanged.connect(self._on_row)
        self._view.horizontalHeader().sortIndicatorChanged.connect(lambda *_: self._fit_columns())
        self.show_network(None)

    def show_network(self, network: Network | None) -> None:
        """Show another network, in its own order, with no layer chosen and no times."""
        self._network = network
        self._telling = False
        self._layers.show_network(network)
        self._telling = True
        self._view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.show_times(None)
        self._copy.setEnabled(network is not None)
        self._measure.setEnabled(network is not None)
        self._fit_columns()

    def show_times(
        self, times: Mapping[str, float] | None, device: str = "", note: str = ""
    ) -> None:
        """Show what each layer takes, in a column of its own.

        Args:
            times: layer -> milliseconds; None: not measured.
            device: where that was measured.
            note: what else is to be said of that.
        """
        self._times = times
        if times is None and self._view.horizontalHeader().sortIndicatorSection() == TIME_COLUMN:
            self._view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self._layers.show_times(times)
        self._view.setColumnHidden(TIME_COLUMN, times is None)
        parts = [note]
        if times is not None:
            total = self.tr("{0} ms in all layers").format(f"{sum(times.values()):.1f}")
            parts = [total, device, note]
        text = " · ".join(filter(None, parts))
        self._note.set_whole(text)
        self._note.setVisible(bool(text) and self.height() >= _LOW)
        self._fit_columns()

    def set_measuring(self, busy: bool) -> None:
        """Show that the times are being measured."""
        self._measure.setEnabled(not busy and self._network is not None)
        self._measure.setText(self.tr("Measuring…") if busy else self.tr("Measure time"))

    def choose(self, name: str) -> None:
        """Make the layer called ``name`` the current one; none if there is no such layer."""
        row = self._layers.row_of(name)
        self._telling = False
        if row is None:
            self._view.clearSelection()
            self._view.setCurrentIndex(QModelIndex())
        else:
            index = self._sorted.mapFromSource(self._layers.index(row, 0))
            flag = QItemSelectionModel.SelectionFlag
            self._view.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
            self._view.scrollTo(index)
        self._telling = True

    @property
    def view(self) -> QTableView:
        """The table itself."""
        return self._view

    def _make_view(self) -> QTableView:
        view = _View()
        view.resized.connect(self._fit_columns)
        view.setModel(self._sorted)
        view.setSortingEnabled(True)
        view.setItemDelegate(_CellDelegate(self._layers, view))
        choose_by_row(view)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setAlternatingRowColors(True)
        view.setMinimumHeight(_LEAST_VIEW)
        # The one of Qt has a frame.
        view.setCornerWidget(QWidget())
        view.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = view.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        # Memory is what is missed least where not all has room.
        header.moveSection(MEMORY_COLUMN, TIME_COLUMN)
        header.setMinimumSectionSize(48)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        view.setAccessibleName(self.tr("Layers as a table"))
        view.setAccessibleDescription(
            self.tr("Choose a layer with the arrow keys; it is shown beside the table")
        )
        return view

    def _make_measure(self) -> QPushButton:
        button = QPushButton(self.tr("Measure time"))
        button.setToolTip(
            self.tr("Run the network a few times on this device, and see what each layer takes")
        )
        button.setAccessibleName(self.tr("Measure the time of each layer"))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self.times_wanted)
        return button

    def _make_copy(self) -> QToolButton:
        button = QToolButton()
        button.setText(self.tr("Copy"))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setToolTip(self.tr("Copy the whole table, in the order of the network"))
        button.setAccessibleName(self.tr("Copy the table"))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        writers: tuple[tuple[str, Callable[..., str]], ...] = (
            (self.tr("As text"), format_table),
            (self.tr("As Markdown"), as_markdown),
            (self.tr("As CSV, for spreadsheets"), as_csv),
        )
        for text, writer in writers:
            menu.addAction(text).triggered.connect(lambda _=False, w=writer: self._on_copy(w))
        button.setMenu(menu)
        return button

    def _dress(self) -> None:
        self._copy.setIcon(self._theme.icon("copy"))

    def _totals_text(self) -> str:
        network = self._network
        if network is None:
            return ""
        texts = [self.tr("{0} params").format(with_bytes(network.parameters))]
        if network.trainable == network.parameters:
            texts.append(self.tr("all trainable"))
        else:
            texts.append(self.tr("{0} trainable").format(f"{network.trainable:,}"))
        texts.append(self.tr("{0} MACs per picture").format(short_count(network.macs)))
        return self.tr("Total: {0}").format(" · ".join(texts))

    def _short_totals(self) -> str:
        network = self._network
        if network is None:
            return ""
        size = short_bytes(_BYTES_PER_NUMBER * network.parameters)
        texts = [
            self.tr("{0} params").format(compact_count(network.parameters)),
            size,
            self.tr("{0} MACs").format(compact_count(network.macs)),
        ]
        return self.tr("Total: {0}").format(" · ".join(texts))

    def _fit_columns(self) -> None:
        """As wide as what is in them; where that is too much, texts are short.

        What the panel lacks even so is scrolled to.
        """
        wanted = self._widths(is_narrow=False)
        room = self._view.viewport().width()
        is_narrow = sum(wanted.values()) > room
        if is_narrow != self._layers.is_narrow:
            self._layers.set_narrow(is_narrow)
            self._view.setStyleSheet(_NARROW_STYLE if is_narrow else "")
        self._totals.show_texts(
            self._short_totals() if is_narrow else self._totals_text(), self._totals_text()
        )
        if is_narrow:
            wanted = self._widths(is_narrow=True)
        # Nor is its memory seen there, unless it has room: the tool tip of the output tells it.
        has_memory = sum(wanted.values()) <= room
        self._view.setColumnHidden(MEMORY_COLUMN, not has_memory)
        if not has_memory:
            del wanted[MEMORY_COLUMN]
        spare = (room - sum(wanted.values())) // len(wanted)
        for column, width in wanted.items():
            self._view.setColumnWidth(column, width + min(max(spare, 0), _MOST_SPARE))

    def _widths(self, *, is_narrow: bool) -> dict[int, int]:
        """What the columns that are shown would like to have."""
        header = self._view.horizontalHeader()
        cells, heads = self._view.fontMetrics(), QFontMetrics(_bold(header.font()))
        header.setMinimumSectionSize(_NARROW_SECTION)
        wanted = {}
        for column in range(self._layers.columnCount()):
            if column == TIME_COLUMN and self._times is None:
                continue
            title, *texts = self._layers.texts(column, is_narrow=is_narrow)
            is_sorted = header.sortIndicatorSection() == column
            for_title = _ROOM if is_sorted or not is_narrow else _NARROW_ROOM + 2
            wanted[column] = max(
                heads.horizontalAdvance(title) + for_title,
                max(map(cells.horizontalAdvance, texts), default=0)
                + (_NARROW_ROOM if is_narrow else _CELL_ROOM),
            )
        return wanted

    def _on_row(self, index: QModelIndex) -> None:
        source = self._sorted.mapToSource(index)
        if self._telling and source.isValid():
            self.layer_chosen.emit(self._layers.layer_at(source.row()).name)

    def _on_copy(self, writer: Callable[..., str]) -> None:
        if self._network is not None:
            QGuiApplication.clipboard().setText(writer(self._network, self._times))
            self.said.emit(self.tr("Copied {0} layers").format(len(self._network.layers)))

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # One line below the table, or two, or three.
        width = event.size().width()
        is_low = event.size().height() < _LOW
        self._note.setVisible(bool(self._note.whole) and not is_low)
        wide = width >= _WIDE or is_low
        if wide or width < _NARROW:
            self._footer.insertWidget(1, self._note, 1)
        else:
            self._buttons.insertWidget(0, self._note, 1)
        self._footer.setDirection(
            QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        )


class _View(QTableView):
    """Tells when it has another size.

    Signals:
        resized: so it has.
    """

    resized = Signal()

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()


class _Totals(Elided):
    """A line that may be short; its tool tip and its accessible name are not."""

    def show_texts(self, shown: str, exact: str) -> None:
        """Show one text, and keep the other for who wants to know it."""
        self.set_whole(shown)
        self.setAccessibleName(exact)

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.accessibleName(), self)
            return True
        return super().event(event)


class _CellDelegate(QStyledItemDelegate):
    """Shows short texts where there is no room for those of the model."""

    def __init__(self, layers: LayerModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._layers = layers

    # Qt overrides

    def initStyleOption(self, option: QStyleOptionViewItem, index: _Index) -> None:
        super().initStyleOption(option, index)
        if self._layers.is_narrow:
            option.text = str(index.data(SHORT_ROLE))


def _bold(font: QFont) -> QFont:
    """As the style sheet has it of headers."""
    made = QFont(font)
    made.setWeight(QFont.Weight.DemiBold)
    return made
