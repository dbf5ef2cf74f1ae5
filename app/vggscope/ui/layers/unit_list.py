"""The units of a layer with the largest values, by name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QMargins, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from vggscope.ui.layers.maps_texts import unit_name, unit_value
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.inference.map_views import MapsPicture
    from vggscope.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
_UNIT: Final = Qt.ItemDataRole.UserRole
_VALUE: Final = Qt.ItemDataRole.UserRole + 1
_SHARE: Final = Qt.ItemDataRole.UserRole + 2
_SPOKEN: Final = Qt.ItemDataRole.AccessibleTextRole
_BAR_ALPHA: Final = 70
_STALE: Final = 0.45
_ROOM: Final = 6
"""Of a row, above and below its text."""


class UnitList(QListWidget):
    """One row for each: name, value, and a bar behind them that is as long as the value is large.

    Signals:
        unit_chosen: the number of the unit that the user chose.
    """

    unit_chosen = Signal(int)

    def __init__(self, theme: Theme, margin: int = 0, parent: QWidget | None = None) -> None:
        """``margin`` is left free above, below and at the right."""
        super().__init__(parent)
        self._margin = margin
        self._delegate = _RowDelegate(theme, self)
        self.setItemDelegate(self._delegate)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setMinimumHeight(self.row_height)
        self.setAccessibleName(self.tr("Strongest units"))
        self.setToolTip(self.tr("The units with the largest values; choose one to see it large"))
        self.itemClicked.connect(self._on_item)
        self.itemActivated.connect(self._on_item)
        theme.changed.connect(self.viewport().update)

    @property
    def row_height(self) -> int:
        """Of one unit, in pixels."""
        return math.ceil(QFontMetricsF(self.font()).height()) + _ROOM

    def show_picture(self, picture: MapsPicture | None) -> None:
        """Show the strongest units of a layer; none if it has maps."""
        units = () if picture is None else picture.top_units
        chosen = self._chosen
        self.blockSignals(True)
        while self.count() > len(units):
            self.takeItem(self.count() - 1)
        while self.count() < len(units):
            self.addItem(QListWidgetItem())
        if picture is not None and units:
            values = [float(picture.maps.values[unit, 0, 0]) for unit in units]
            shares = _shares(values, is_share=picture.maps.layer.kind is Kind.SOFTMAX)
            for row, (unit, share) in enumerate(zip(units, shares, strict=True)):
                item = self.item(row)
                name, value = unit_name(picture.maps, unit), unit_value(picture.maps, unit)
                item.setText(name)
                for role, datum in (
                    (_UNIT, unit),
                    (_VALUE, value),
                    (_SHARE, share),
                    (_SPOKEN, f"{name}, {value}"),
                ):
                    item.setData(role, datum)
        self.blockSignals(False)
        self.choose(chosen)

    def choose(self, unit: int | None) -> None:
        """Mark a unit, if it is among them."""
        self._delegate.chosen = unit
        self.viewport().update()

    def set_faded(self, faded: bool) -> None:
        """Show them paler: they are stale."""
        self._delegate.is_faded = faded
        self.viewport().update()

    @property
    def _chosen(self) -> int | None:
        return self._delegate.chosen

    def _on_item(self, item: QListWidgetItem) -> None:
        unit = int(item.data(_UNIT))
        self.choose(unit)
        self.unit_chosen.emit(unit)

    # Qt overrides

    def sizeHint(self) -> QSize:
        return QSize(190, self.count() * self.row_height)

    def minimumSizeHint(self) -> QSize:
        return QSize(90, self.row_height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Whole rows alone are seen.
        before, margin = self.viewportMargins(), self._margin
        room = self.viewport().height() + before.top() + before.bottom() - 2 * margin
        after = QMargins(0, margin, margin, margin + max(room, 0) % self.row_height)
        if after != before:
            self.setViewportMargins(after)


class _RowDelegate(QStyledItemDelegate):
    """Paints a row.

    Attributes:
        chosen: the number of the unit that is marked.
        is_faded: what is shown is stale.
    """

    def __init__(self, theme: Theme, view: UnitList) -> None:
        super().__init__(view)
        self._theme, self._view = theme, view
        self.chosen: int | None = None
        self.is_faded = False

    # Qt overrides

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        del option, index
        return QSize(90, self._view.row_height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        colours = self._theme.colours
        row = QRectF(option.rect).adjusted(1, 1, -1, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(_STALE if self.is_faded else 1.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.track))
        painter.drawRoundedRect(row, 4, 4)
        bar = QRectF(row)
        bar.setWidth(max(2.0, row.width() * float(index.data(_SHARE))))
        colour = QColor(colours.accent)
        colour.setAlpha(_BAR_ALPHA)
        painter.setBrush(colour)
        painter.drawRoundedRect(bar, 4, 4)
        is_chosen = index.data(_UNIT) == self.chosen
        has_keys = self._view.hasFocus() and self._view.currentIndex() == index
        if is_chosen or has_keys:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            pen = QPen(QColor(colours.accent if is_chosen else colours.muted), 1.5)
            painter.setPen(pen)
            painter.drawRoundedRect(row.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        text = row.adjusted(7, 0, -7, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        value, font = str(index.data(_VALUE)), QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        painter.drawText(text, Qt.AlignmentFlag.AlignRight | middle, value)
        text.setWidth(text.width() - QFontMetricsF(font).horizontalAdvance(value) - 8)
        painter.setFont(option.font)
        name = QFontMetricsF(option.font).elidedText(
            str(index.data()), Qt.TextElideMode.ElideRight, text.width()
        )
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft | middle, name)
        painter.restore()


def _shares(values: list[float], *, is_share: bool) -> list[float]:
    """How long the bars are, 0..1, of ``values`` in falling order; ``is_share``: as they are."""
    if is_share:
        return [min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0 for value in values]
    known = [value for value in values if math.isfinite(value)]
    low, high = min(0.0, *known, 0.0), max(known, default=0.0)
    span = (high - low) or 1.0
    return [(value - low) / span if math.isfinite(value) else 0.0 for value in values]
