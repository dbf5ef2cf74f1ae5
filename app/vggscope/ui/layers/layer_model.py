"""The layers of a network as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from vggscope.vgg.table import NOTHING, cells_of, output_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtWidgets import QWidget

    from vggscope.vgg.network import Layer, Network

_Index = QModelIndex | QPersistentModelIndex
_ROOT: Final = QModelIndex()
SORT_ROLE: Final = Qt.ItemDataRole.UserRole
"""The number behind a cell."""
SHORT_ROLE: Final = Qt.ItemDataRole.UserRole + 1
"""What a cell says in little room."""
MEMORY_COLUMN: Final = 6
TIME_COLUMN: Final = 7
_DIGITS: Final = 3


def compact_count(count: int) -> str:
    """A count in three digits: "590 k"."""
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        # What rounds to a thousand of a unit is one of the next.
        if count >= factor * 0.9995:
            size = count / factor
            decimals = max(0, _DIGITS - len(str(int(size + 0.5))))
            return f"{size:.{decimals}f} {unit}"
    return str(count)


class LayerModel(QAbstractTableModel):
    """The cells of ``vggscope layers``, the numbers behind them to sort by, and short texts."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._layers: tuple[Layer, ...] = ()
        self._times: Mapping[str, float] = {}
        self._cells: list[tuple[str, ...]] = []
        self._is_narrow = False
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
        self._short_titles = {
            0: self.tr("Layer"),
            1: self.tr("Output"),
            2: self.tr("Params"),
            3: self.tr("Field"),
        }

    @property
    def is_narrow(self) -> bool:
        """Whether titles are short, and tool tips say what cells cannot."""
        return self._is_narrow

    def set_narrow(self, is_narrow: bool) -> None:
        """Use short titles, or not."""
        self._is_narrow = is_narrow
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, self.columnCount() - 1)

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
            last = self.index(len(self._cells) - 1, TIME_COLUMN)
            self.dataChanged.emit(self.index(0, TIME_COLUMN), last)

    def layer_at(self, row: int) -> Layer:
        """The layer of a row."""
        return self._layers[row]

    def texts(self, column: int, *, is_narrow: bool) -> list[str]:
        """What stands in a column, its title first."""
        title = self._columns[column][0]
        if not is_narrow:
            return [title, *(cells[column] for cells in self._cells)]
        cells = (self._short(row, column) for row in range(len(self._cells)))
        return [self._short_titles.get(column, title), *cells]

    def row_of(self, name: str) -> int | None:
        """Row of the layer called ``name``."""
        return next((row for row, layer in enumerate(self._layers) if layer.name == name), None)

    def _make_cells(self) -> None:
        self._cells = [cells_of(layer, self._times) for layer in self._layers]

    def _short(self, row: int, column: int) -> str:
        layer, text = self._layers[row], self._cells[row][column]
        if column == 0:
            return layer.name
        if column == 1:
            return text.replace(" ", "")
        if column == 2:
            return compact_count(layer.parameters)
        if column == 5:
            return compact_count(layer.macs) if layer.macs else NOTHING
        return text

    def _exactly(self, row: int, column: int) -> str | None:
        """What a cell cannot say in little room; None if it says all."""
        cells = self._cells[row]
        if column == 1:
            return f"{cells[column]} · {cells[MEMORY_COLUMN]}"
        return None if self._short(row, column) == cells[column] else cells[column]

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
        if role == SHORT_ROLE:
            return self._short(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._exactly(row, column) if self._is_narrow else None
        if role == SORT_ROLE:
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
            title = self._columns[section][0]
            return self._short_titles.get(section, title) if self._is_narrow else title
        if role in {Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole}:
            return self._columns[section][1]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignBottom
        return None
