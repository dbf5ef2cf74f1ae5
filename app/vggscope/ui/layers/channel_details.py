"""The figures of one channel: statistics, histogram, and where it is strongest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.layers.histogram import HistogramView, value_text
from vggscope.ui.texts import percent

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.inference.map_views import ChannelPicture, Spot
    from vggscope.inference.preprocessing import CropBox
    from vggscope.ui.theme import Theme

_ROW: Final = 24
_HISTOGRAM_HEIGHTS: Final = (52, 84)
_SHORT_LINK: Final = 250
_LEAST_LINK: Final = 60
_TWO_COLUMNS: Final = 480
"""Width from which the strongest positions stand beside the other figures."""


def seen(field: CropBox) -> str:
    """A receptive field in pixels of the network's input."""
    width, height = field.right - field.left, field.bottom - field.top
    return f"{width:g}×{height:g}"


class ChannelDetails(QWidget):
    """What stands beside, or below, the map of a channel.

    Signals:
        spot_picked: the rank, from 0, of the position that the user chose.
        spots_shown: whether all of the strongest positions are to be marked on the photo.
    """

    spot_picked = Signal(int)
    spots_shown = Signal(bool)

    def __init__(self, theme: Theme, colours: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = colours
        self._picture: ChannelPicture | None = None
        self._histogram = HistogramView(theme)
        self._histogram.setMinimumHeight(_HISTOGRAM_HEIGHTS[0])
        self._histogram.setMaximumHeight(_HISTOGRAM_HEIGHTS[1])
        self._histogram.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._missing = QLabel()
        self._missing.setProperty("bad", True)
        self._missing.setWordWrap(True)
        self._missing.hide()
        self._all = QToolButton()
        self._all.setMinimumWidth(_LEAST_LINK)
        self._all.setCheckable(True)
        for style in ("flat", "link"):
            self._all.setProperty(style, True)
        self._all.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._all.setToolTip(self.tr("Mark on the photo what each of these positions sees"))
        self._all.setAccessibleDescription(self._all.toolTip())
        self._all.toggled.connect(self.spots_shown)
        self._spots = self._make_spots()
        title = QHBoxLayout()
        title.addWidget(_heading(self.tr("STRONGEST"), self.tr("Strongest positions")), 1)
        title.addWidget(self._all)
        values, strongest = QVBoxLayout(), QVBoxLayout()
        for column in (values, strongest):
            column.setSpacing(6)
        values.addLayout(self._make_figures())
        values.addWidget(self._missing)
        values.addWidget(self._histogram)
        strongest.addLayout(title)
        strongest.addWidget(self._spots)
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._columns.setContentsMargins(0, 0, 0, 0)
        self._columns.setSpacing(6)
        for column, stretch in ((values, 4), (strongest, 5)):
            self._columns.addLayout(column, stretch)
            column.addStretch()

    def show_picture(self, picture: ChannelPicture) -> None:
        """Show the figures of a channel."""
        self._picture = picture
        for key, label in self._figures.items():
            value = getattr(picture.figures, key)
            is_share = key == "zeros" and math.isfinite(value)
            label.setText(percent(value, 0) if is_share else value_text(value))
        missing = picture.figures.missing
        self._missing.setVisible(missing > 0)
        self._missing.setText(self.tr("{0} are no finite numbers").format(percent(missing)))
        self._show_histogram()
        self._show_spots(picture.spots)

    def set_colours(self, colours: str) -> None:
        """Use another colour map."""
        self._colours = colours
        if self._picture is not None:
            self._show_histogram()

    def mark(self, spot: Spot | None) -> None:
        """Show which position is chosen, if it is one of the strongest; picks nothing."""
        spots = () if self._picture is None else self._picture.spots
        places = [(each.position.row, each.position.column) for each in spots]
        here = None if spot is None else (spot.position.row, spot.position.column)
        self._spots.blockSignals(True)
        if here in places:
            self._spots.selectRow(places.index(here))
        else:
            self._spots.clearSelection()
        self._spots.blockSignals(False)

    def _make_figures(self) -> QGridLayout:
        figures = QGridLayout()
        figures.setContentsMargins(0, 0, 0, 0)
        figures.setHorizontalSpacing(6)
        figures.setVerticalSpacing(0)
        self._figures: dict[str, QLabel] = {}
        titles = {
            "minimum": self.tr("min"),
            "maximum": self.tr("max"),
            "mean": self.tr("mean"),
            "std": self.tr("std"),
            "zeros": self.tr("zeros"),
        }
        for column, (key, title) in enumerate(titles.items()):
            caption, label = QLabel(title), QLabel()
            caption.setProperty("muted", True)
            label.setAccessibleName(title)
            figures.addWidget(caption, 0, column)
            figures.addWidget(label, 1, column)
            figures.setColumnStretch(column, 1)
            self._figures[key] = label
        return figures

    def _make_spots(self) -> QTableWidget:
        table = QTableWidget(0, 3)
        table.setHorizontalHeaderLabels(
            [self.tr("Value"), self.tr("Row, col."), self.tr("Sees (px)")]
        )
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        for policy in (table.setVerticalScrollBarPolicy, table.setHorizontalScrollBarPolicy):
            policy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.setAccessibleName(self.tr("Strongest positions"))
        table.setToolTip(self.tr("Choose a position to see on the photo what it looks at"))
        table.itemSelectionChanged.connect(self._on_selection)
        table.activated.connect(self._on_activated)
        return table

    def _show_histogram(self) -> None:
        if self._picture is not None:
            shown = self._picture
            self._histogram.show_counts(
                shown.histogram.counts,
                shown.histogram.low,
                shown.histogram.high,
                self._colours,
                shown.low,
                shown.high,
            )

    def _show_spots(self, spots: tuple[Spot, ...]) -> None:
        table = self._spots
        if table.rowCount() != len(spots):
            table.setRowCount(len(spots))
            # As high as its rows: the panel scrolls, not the table in it.
            height = table.horizontalHeader().sizeHint().height() + len(spots) * _ROW
            table.setFixedHeight(height + 2 * table.frameWidth() + 4)
        for row, spot in enumerate(spots):
            position, field = spot.position, spot.field
            texts = (
                value_text(position.value),
                f"{position.row}, {position.column}",
                self.tr("{0} at {1}, {2}").format(seen(field), f"{field.left:g}", f"{field.top:g}"),
            )
            for column, text in enumerate(texts):
                item = table.item(row, column)
                if item is None:
                    item = QTableWidgetItem()
                    table.setItem(row, column, item)
                item.setText(text)

    def _on_selection(self) -> None:
        rows = self._spots.selectionModel().selectedRows()
        if rows:
            self.spot_picked.emit(rows[0].row())

    def _on_activated(self, index: QModelIndex) -> None:
        self._spots.selectRow(index.row())

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = event.size().width()
        two = width >= _TWO_COLUMNS
        self._all.setText(
            self.tr("Show all") if width < _SHORT_LINK else self.tr("Show all on the photo")
        )
        self._columns.setDirection(
            QBoxLayout.Direction.LeftToRight if two else QBoxLayout.Direction.TopToBottom
        )
        self._columns.setSpacing(16 if two else 6)


def _heading(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("heading", True)
    label.setAccessibleName(name)
    return label
