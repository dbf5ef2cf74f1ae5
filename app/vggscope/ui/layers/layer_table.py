"""The network as a table in the manner of Keras, sortable, with times, to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QSizePolicy,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.layers.elided import Elided
from vggscope.vgg.table import (
    as_csv,
    as_markdown,
    cells_of,
    format_table,
    output_bytes,
    short_count,
    with_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vggscope.ui.theme import Theme
    from vggscope.vgg.network import Layer, Network

_Index = QModelIndex | QPersistentModelIndex
_ROOT: Final = QModelIndex()
_SORT_ROLE: Final = Qt.ItemDataRole.UserRole
_TIME_COLUMN: Final = 7
_ROW_HEIGHT: Final = 25
_WIDE: Final = 1000
_NARROW: Final = 440
_ROOM: Final = 26
"""Beside the title of a column, for the arrow of sorting."""
_CELL_ROOM: Final = 16
_MOST_SPARE: Final = 48


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
        self._layers = _LayerModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSortRole(_SORT_ROLE)
        self._sorted.setSourceModel(self._layers)
        self._view = self._make_view()
        self._totals, self._note = Elided(), Elided()
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
        self._totals.set_whole(self._totals_text())
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
        if times is None and self._view.horizontalHeader().sortIndicatorSection() == _TIME_COLUMN:
            self._view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self._layers.show_times(times)
        self._view.setColumnHidden(_TIME_COLUMN, times is None)
        parts = [note]
        if times is not None:
            total = self.tr("{0} ms in all layers").format(f"{sum(times.values()):.1f}")
            parts = [total, device, note]
        text = " · ".join(filter(None, parts))
        self._note.set_whole(text)
        self._note.setVisible(bool(text))
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
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setShowGrid(False)
        view.setAlternatingRowColors(True)
        view.setWordWrap(False)
        view.setTabKeyNavigation(False)
        view.setMinimumHeight(90)
        # The one of Qt has a frame.
        view.setCornerWidget(QWidget())
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = view.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        header.setHighlightSections(False)
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

    def _fit_columns(self) -> None:
        """As wide as what is in them; what the panel lacks is scrolled to."""
        header = self._view.horizontalHeader()
        cells, heads = self._view.fontMetrics(), QFontMetrics(_bold(header.font()))
        wanted = {}
        for column in range(self._layers.columnCount()):
            if self._view.isColumnHidden(column):
                continue
            title = self._layers.headerData(column, Qt.Orientation.Horizontal)
            texts = [cells.horizontalAdvance(text) for text in self._layers.texts(column)]
            wanted[column] = max(
                heads.horizontalAdvance(str(title)) + _ROOM, max(texts, default=0) + _CELL_ROOM
            )
        spare = (self._view.viewport().width() - sum(wanted.values())) // len(wanted)
        for column, width in wanted.items():
            self._view.setColumnWidth(column, width + min(max(spare, 0), _MOST_SPARE))

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
        wide = width >= _WIDE
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


def _bold(font: QFont) -> QFont:
    """As the style sheet has it of headers."""
    made = QFont(font)
    made.setWeight(QFont.Weight.DemiBold)
    return made


class _LayerModel(QAbstractTableModel):
    """The cells of ``vggscope layers``, and the numbers behind them to sort by."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._layers: tuple[Layer, ...] = ()
        self._times: Mapping[str, float] = {}
        self._cells: list[tuple[str, ...]] = []
        # What a column is called, and what it says.
        self._columns = (
            (self.tr("Layer (type)"), self.tr("Name and type of the layer, as Keras calls it")),
            (
                self.tr("Output H×W×C"),
                self.tr("Height × width × channels of what the layer puts out, or its units"),
            ),
            (self.tr("Param #"), self.tr("Weights, biases and running statistics")),
            (
                self.tr("Receptive field"),
                self.tr(
                    "Side of the square of input pixels that one output depends on; "
                    "≤ marks an upper bound"
                ),
            ),
            (
                self.tr("Stride"),
                self.tr("Input pixels from one output to its neighbour, over all layers so far"),
            ),
            (
                self.tr("MACs"),
                self.tr(
                    "Multiply-accumulates for one picture: a multiplication with its addition "
                    "counts once; papers often call them FLOPs"
                ),
            ),
            (
                self.tr("Memory"),
                self.tr("Size of the output for one picture, as 32-bit numbers"),
            ),
            (self.tr("ms"), self.tr("Milliseconds that the layer takes, median of some runs")),
        )

    def show_network(self, network: Network | None) -> None:
        """Show another network, without times."""
        self.beginResetModel()
        self._layers, self._times = network.layers if network else (), {}
        self._make_cells()
        self.endResetModel()

    def show_times(self, times: Mapping[str, float] | None) -> None:
        """Show layer -> milliseconds."""
        self._times = times or {}
        self._make_cells()
        if self._cells:
            last = self.index(len(self._cells) - 1, _TIME_COLUMN)
            self.dataChanged.emit(self.index(0, _TIME_COLUMN), last)

    def layer_at(self, row: int) -> Layer:
        """The layer of a row."""
        return self._layers[row]

    def texts(self, column: int) -> list[str]:
        """What stands in a column."""
        return [cells[column] for cells in self._cells]

    def row_of(self, name: str) -> int | None:
        """Row of the layer called ``name``."""
        return next((row for row, layer in enumerate(self._layers) if layer.name == name), None)

    def _make_cells(self) -> None:
        self._cells = [cells_of(layer, self._times) for layer in self._layers]

    def _sort_key(self, row: int, column: int) -> float | str:
        """What has no number comes first."""
        layer = self._layers[row]
        values: tuple[float | str, ...] = (
            layer.name,
            output_bytes(layer),
            layer.parameters,
            layer.receptive_field,
            layer.stride if layer.exact else -1,
            layer.macs,
            output_bytes(layer),
            self._times.get(layer.name, -1.0),
        )
        return values[column]

    # Qt overrides

    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._cells)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cells[row][column]
        if role == _SORT_ROLE:
            return self._sort_key(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> object:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self._columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section][0]
        if role in {Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole}:
            return self._columns[section][1]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignBottom
        return None
