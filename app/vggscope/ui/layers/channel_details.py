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
from vggscope.ui.rows import choose_by_row
from vggscope.ui.texts import percent

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.inference.map_views import ChannelPicture, Spot
    from vggscope.inference.preprocessing import CropBox
    from vggscope.ui.theme import Theme

_ROW: Final = 24
_LOW_ROWS: Final = (18, 20)
_CELL_ROOM: Final = 14
_LOW_STYLE: Final = "QTableView::item { padding: 0 2px; }"
_HISTOGRAM_HEIGHTS: Final = (40, 84)
_SPACING: Final = 6
_FEW: Final = 3
"""Rows of strongest positions that are to be seen at least."""
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

    In little room (``set_room``) the figures and the strongest positions share one place, with a
    switch above it.

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
        self._room: int | None = None
        self._wants_values = False
        self._histogram = HistogramView(theme)
        self._histogram.setMinimumHeight(_HISTOGRAM_HEIGHTS[0])
        self._histogram.setMaximumHeight(_HISTOGRAM_HEIGHTS[1])
        self._histogram.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._missing, self._silent = QLabel(), QLabel()
        for label, property_ in ((self._missing, "bad"), (self._silent, "muted")):
            label.setProperty(property_, True)
            label.setWordWrap(True)
            label.hide()
        self._silent.setText(self.tr("Silent here: every value of this channel is 0."))
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
        self._values, self._strongest = QWidget(), QWidget()
        values, strongest = QVBoxLayout(self._values), QVBoxLayout(self._strongest)
        for column in (values, strongest):
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(_SPACING)
        values.addLayout(self._make_figures())
        values.addWidget(self._missing)
        values.addWidget(self._silent)
        values.addWidget(self._histogram)
        self._strongest_column = strongest
        strongest.setSpacing(_SPACING // 2)
        self._title = self._make_title()
        strongest.addWidget(self._title)
        strongest.addWidget(self._spots)
        for column in (values, strongest):
            column.addStretch()
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._columns.setContentsMargins(0, 0, 0, 0)
        for widget in (self._values, self._strongest):
            self._columns.addWidget(widget)

    def set_room(self, height: int | None) -> None:
        """Do with so much height; None: take what is needed."""
        if height != self._room:
            self._room = height
            self._arrange()

    def show_picture(self, picture: ChannelPicture) -> None:
        """Show the figures of a channel."""
        self._picture = picture
        for key, label in self._figures.items():
            value = getattr(picture.figures, key)
            is_share = key == "zeros" and math.isfinite(value)
            label.setText(percent(value, 0) if is_share else value_text(value))
        figures, missing = picture.figures, picture.figures.missing
        self._silent.setVisible(figures.minimum == figures.maximum == 0 and not missing)
        self._missing.setVisible(missing > 0)
        self._missing.setText(self.tr("{0} are no finite numbers").format(percent(missing)))
        self._show_histogram()
        self._show_spots(picture.spots)
        self._arrange()

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

    def _make_title(self) -> QWidget:
        title = QWidget()
        row = QHBoxLayout(title)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._heading = _heading(self.tr("STRONGEST"), self.tr("Strongest positions"))
        row.addWidget(self._heading)
        self._switch: list[QToolButton] = []
        for text, tip, wants_values in (
            (self.tr("Strongest"), self.tr("Show where this channel is strongest"), False),
            (self.tr("Figures"), self.tr("Show the statistics of this channel"), True),
        ):
            button = QToolButton()
            button.setText(text)
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            button.setCheckable(True)
            button.setProperty("segment", "last" if wants_values else "first")
            button.setStyleSheet("padding: 0 8px;")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, wants=wants_values: self._on_switch(wants))
            row.addWidget(button)
            self._switch.append(button)
        row.addStretch()
        row.addWidget(self._all)
        return title

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
        choose_by_row(table)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        table.verticalHeader().setMinimumSectionSize(_LOW_ROWS[0])
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.setAccessibleName(self.tr("Strongest positions"))
        table.setToolTip(
            self.tr(
                "Value, row and column, and what it sees of the input in pixels.\n"
                "Choose a position to see on the photo what it looks at."
            )
        )
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
        table.setRowCount(len(spots))
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

    def _on_switch(self, wants_values: bool) -> None:
        self._wants_values = wants_values
        self._arrange()

    def _arrange(self) -> None:
        """Show what there is room for."""
        two = self.width() >= _TWO_COLUMNS
        is_silent = not self._silent.isHidden()
        directions = QBoxLayout.Direction
        title = self._title.sizeHint().height() + self._strongest_column.spacing()
        header = self._spots.horizontalHeader().sizeHint().height()
        figures = self._values_height() + _SPACING
        # None: as much as it wants.
        for_list = None if self._room is None else self._room - title
        is_switched = False
        if for_list is not None and not two and not is_silent:
            for_both = for_list - figures - _HISTOGRAM_HEIGHTS[0] - _SPACING
            is_switched = for_both < header + _FEW * _ROW
            for_list = for_list if is_switched else for_both
        self._heading.setVisible(not is_switched)
        for button, is_of_values in zip(self._switch, (False, True), strict=True):
            button.setVisible(is_switched)
            button.setChecked(is_of_values is self._wants_values)
        wants_values = is_switched and self._wants_values
        least = title + 2 * self._spots.frameWidth() + 2 * _LOW_ROWS[0]
        if is_switched and self._room is not None and self._room < least:
            # No room for a switch: what most people look for stays.
            for_list, wants_values = self._room, False
            self._title.hide()
        else:
            self._title.show()
        lists = not is_silent and not wants_values
        self._strongest.setVisible(not is_silent)
        self._all.setVisible(lists)
        self._spots.setVisible(lists)
        self._values.setVisible(not is_switched or wants_values)
        has_room = (
            for_list is None or not is_switched or for_list - figures >= _HISTOGRAM_HEIGHTS[0]
        )
        self._histogram.setVisible(not is_silent and has_room)
        self._fit_list(for_list, is_low=is_switched)
        if two:
            self._columns.setDirection(directions.LeftToRight)
        else:
            # The switch is above what it switches.
            self._columns.setDirection(
                directions.BottomToTop if is_switched else directions.TopToBottom
            )
        for place, stretch in enumerate((4, 5) if two else (0, 0)):
            self._columns.setStretch(place, stretch)
        self._columns.setSpacing(16 if two else _SPACING)

    def _values_height(self) -> int:
        """Of the figures, without the histogram."""
        lines = 2 * self._missing.fontMetrics().height() + 2
        if not self._missing.isHidden():
            lines += self._missing.sizeHint().height() + _SPACING
        return lines

    def _fit_list(self, room: int | None, *, is_low: bool) -> None:
        """Let the list be as high as its rows, or as those of them that have room."""
        table = self._spots
        table.horizontalHeader().setVisible(not is_low)
        others, row = 2 * table.frameWidth(), _ROW
        if is_low and room is not None:
            least, most = _LOW_ROWS
            row = min(max((room - others) // _FEW, least), most)
        table.verticalHeader().setDefaultSectionSize(row)
        if not is_low:
            others += 4 + table.horizontalHeader().sizeHint().height()
        rows = table.rowCount()
        if room is not None:
            rows = max(1, min(rows, (room - others) // row))
        scrolls = rows < table.rowCount()
        policies = Qt.ScrollBarPolicy
        table.setVerticalScrollBarPolicy(
            policies.ScrollBarAsNeeded if scrolls else policies.ScrollBarAlwaysOff
        )
        table.setFixedHeight(others + rows * row)
        header = table.horizontalHeader()
        style = _LOW_STYLE if is_low else ""
        if style != table.styleSheet():
            table.setStyleSheet(style)
        if is_low:
            # No wider than their texts, whatever the titles that are not seen.
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            for column in (0, 1):
                table.setColumnWidth(column, self._text_width(column) + _CELL_ROOM)
        else:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)

    def _text_width(self, column: int) -> int:
        metrics, table = self._spots.fontMetrics(), self._spots
        items = (table.item(row, column) for row in range(table.rowCount()))
        return max((metrics.horizontalAdvance(each.text()) for each in items if each), default=0)

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._all.setText(
            self.tr("Show all")
            if event.size().width() < _SHORT_LINK
            else self.tr("Show all on the photo")
        )
        self._arrange()


def _heading(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("heading", True)
    label.setAccessibleName(name)
    return label
