"""The most probable classes as bars: what the panes beside the canvas show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QEasingCurve,
    QElapsedTimer,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    QVariantAnimation,
    Signal,
)
from PySide6.QtGui import QAction, QColor, QFont, QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import QListView, QMenu, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from vggscope.ui.texts import percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QMouseEvent

    from vggscope.inference.classification import Prediction
    from vggscope.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
_PREDICTION_ROLE: Final = Qt.ItemDataRole.UserRole
_SHOWN_ROLE: Final = Qt.ItemDataRole.UserRole + 1
_REMARK_ROLE: Final = Qt.ItemDataRole.UserRole + 2
_CALM_MS: Final = 220
_HASTE_MS: Final = 2 * _CALM_MS
"""Between two changes of a moving picture. What changes faster moves by itself; animating it, too,
took 6 % of a core from the network."""
PAD: Final = 16
"""Between the edge of a pane and what it shows."""
_FRAME: Final = 2  # around the bars, see the style sheet
_CHOSEN_WIDTH: Final = 3


class PredictionModel(QAbstractListModel):
    """The top-k. Bars move from their former length to the new one.

    They stand in the order of their ranks, unless they are to keep their places: then a class
    stays in its row as long as it is among the top-k.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._predictions: tuple[Prediction, ...] = ()
        self._remarks: Mapping[int, tuple[str, str]] = {}
        self._from: dict[int, float] = {}
        self._progress = 1.0
        self._since_change = QElapsedTimer()
        self._animation = QVariantAnimation(self)
        self._animation.setDuration(_CALM_MS)
        self._animation.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._animation.setStartValue(0.0)
        self._animation.setEndValue(1.0)
        self._animation.valueChanged.connect(self._advance)

    def show(self, predictions: tuple[Prediction, ...], *, keep_places: bool = False) -> None:
        """Change to other predictions."""
        if keep_places:
            predictions = _in_their_places(predictions, self._predictions)
        if predictions == self._predictions:
            return
        self._from = {p.index: self._shown(p) for p in self._predictions}
        since = self._since_change.elapsed() if self._since_change.isValid() else _HASTE_MS
        self._since_change.start()
        is_hasty = keep_places and since < _HASTE_MS
        self._animation.stop()
        self._progress = 1.0 if is_hasty else 0.0
        if len(predictions) == len(self._predictions):
            # The view keeps its current row and its scroll bar.
            self._predictions = predictions
            if predictions:
                self.dataChanged.emit(self.index(0), self.index(len(predictions) - 1))
        else:
            self.beginResetModel()
            self._predictions = predictions
            self.endResetModel()
        if not is_hasty:
            self._animation.start()

    def remark(self, remarks: Mapping[int, tuple[str, str]]) -> None:
        """Say something about classes, by their indices, behind their names.

        ``remarks``: (in a sign or two, for who cannot see it).
        """
        if remarks != self._remarks:
            self._remarks = remarks
            if self._predictions:
                last = self.index(len(self._predictions) - 1)
                self.dataChanged.emit(self.index(0), last, [_REMARK_ROLE])

    def row_of(self, class_index: int) -> int | None:
        """The row in which a class stands; None if it is not among the top-k."""
        indices = [p.index for p in self._predictions]
        return indices.index(class_index) if class_index in indices else None

    def class_at(self, row: int) -> int | None:
        """The index of the class in a row; None if there is no such row."""
        return self._predictions[row].index if 0 <= row < len(self._predictions) else None

    def _shown(self, prediction: Prediction) -> float:
        start = self._from.get(prediction.index, 0.0)
        return start + (prediction.probability - start) * self._progress

    def _advance(self, progress: float) -> None:
        self._progress = progress
        if self._predictions:
            last = self.index(len(self._predictions) - 1)
            self.dataChanged.emit(self.index(0), last, [_SHOWN_ROLE])

    # Qt overrides

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else len(self._predictions)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        prediction = self._predictions[index.row()]
        value: Any = None
        if role == _PREDICTION_ROLE:
            value = prediction
        elif role == _SHOWN_ROLE:
            value = self._shown(prediction)
        elif role == _REMARK_ROLE:
            value, _ = self._remarks.get(prediction.index, ("", ""))
        elif role == Qt.ItemDataRole.DisplayRole:
            value = prediction.label
        elif role == Qt.ItemDataRole.AccessibleTextRole:
            value = f"{prediction.rank}. {prediction.label}, {percent(prediction.probability)}"
            _, remark = self._remarks.get(prediction.index, ("", ""))
            value = f"{value}, {remark}" if remark else value
        elif role == Qt.ItemDataRole.ToolTipRole:
            value = f"{prediction.label}\n{percent(prediction.probability, 3)} · {prediction.wnid}"
        return value


def _in_their_places(
    predictions: tuple[Prediction, ...], former: tuple[Prediction, ...]
) -> tuple[Prediction, ...]:
    """``predictions`` so that classes stand where they stood; new ones fill the gaps by rank."""
    if len(predictions) != len(former):
        return predictions
    by_index = {p.index: p for p in predictions}
    stayed = [by_index.pop(p.index, None) for p in former]
    new = iter(by_index.values())
    return tuple(next(new) if p is None else p for p in stayed)


class _BarDelegate(QStyledItemDelegate):
    """Label, percentage and bar; the most probable one is emphasised.

    Attributes:
        faded: what is shown is out of date.
        wnids: show WordNet ids.
        even: all rows are of one height, since any of them may become the most probable one.
        chosen: index of the class that is looked for on the picture; None for none.
    """

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self._theme, self._view = theme, view
        self.faded = False
        self.wnids = False
        self.even = False
        self.chosen: int | None = None

    def _fonts(self, base: QFont, *, is_best: bool) -> tuple[QFont, QFont]:
        label, number = QFont(base), QFont(base)
        if is_best:
            size = base.pointSizeF() * (1.1 if self.even else 1.3)
            label.setPointSizeF(size)
            number.setPointSizeF(size)
            label.setWeight(QFont.Weight.DemiBold)
        number.setWeight(QFont.Weight.Bold)
        return label, number

    # Qt overrides

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        is_large = self.even or index.row() == 0
        label, _ = self._fonts(option.font, is_best=is_large)
        return QSize(120, round(QFontMetricsF(label).height()) + (24 if is_large else 21))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        prediction: Prediction = index.data(_PREDICTION_ROLE)
        colours = self._theme.colours
        rect = QRectF(option.rect).adjusted(PAD - _FRAME, 4, _FRAME - PAD, -4)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.faded:
            painter.setOpacity(0.45)
        self._paint_ground(painter, rect, index, is_chosen=prediction.index == self.chosen)
        is_best = prediction.rank == 1
        label_font, number_font = self._fonts(option.font, is_best=is_best)
        number = percent(prediction.probability)
        metrics = QFontMetricsF(number_font)
        text = QRectF(rect.left(), rect.top(), rect.width(), metrics.height())
        painter.setPen(QColor(colours.text))
        painter.setFont(number_font)
        painter.drawText(text, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, number)
        name = f"{prediction.label}  {prediction.wnid}" if self.wnids else prediction.label
        text.setWidth(rect.width() - metrics.horizontalAdvance(number) - 12)
        if remark := str(index.data(_REMARK_ROLE)):
            text.setWidth(self._paint_remark(painter, text, remark, option.font, number_font))
            painter.setPen(QColor(colours.text))
        painter.setFont(label_font)
        name = QFontMetricsF(label_font).elidedText(name, Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        thickness = 7 if is_best else 6
        bar = QRectF(rect.left(), text.bottom() + 4, rect.width(), thickness)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.track))
        painter.drawRoundedRect(bar, 3, 3)
        bar.setWidth(max(3.0, bar.width() * float(index.data(_SHOWN_ROLE))))
        painter.setBrush(QColor(colours.accent))
        painter.drawRoundedRect(bar, 3, 3)
        painter.restore()

    def _paint_remark(
        self, painter: QPainter, text: QRectF, remark: str, font: QFont, number_font: QFont
    ) -> float:
        """Between the label and the number, all in one column; the width left for the label."""
        widest = QFontMetricsF(number_font).horizontalAdvance(percent(1.0))
        whole = QRectF(self._view.viewport().rect()).adjusted(PAD - _FRAME, 0, _FRAME - PAD, 0)
        area = QRectF(text)
        area.setRight(min(text.right(), whole.right() - widest - 10))
        painter.setFont(font)
        painter.setPen(QColor(self._theme.colours.muted))
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, remark)
        return area.width() - QFontMetricsF(font).horizontalAdvance(remark) - 10

    def _paint_ground(
        self, painter: QPainter, rect: QRectF, index: _Index, *, is_chosen: bool
    ) -> None:
        """What tells the current row, and the one that is looked for, from the others."""
        # Not by the option's state: its enumerations take 5 ms to import before the first paint.
        is_current = self._view.hasFocus() and self._view.currentIndex() == index
        if not (is_current or is_chosen):
            return
        colours = self._theme.colours
        ground = rect.adjusted(-8, -3, 8, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.raised))
        painter.drawRoundedRect(ground, 6, 6)
        if is_chosen:
            ground.setWidth(_CHOSEN_WIDTH)
            painter.setBrush(QColor(colours.accent))
            painter.drawRoundedRect(ground, 1.5, 1.5)


class PredictionBars(QListView):
    """The view. Its rows can be chosen; Enter, a double click or the menu ask where a class is.

    Attributes:
        delegate: paints the rows.

    Signals:
        class_chosen: the index of the class in the row that the user went to.
        where_wanted: the index of the class that is to be looked for on the picture.
    """

    class_chosen = Signal(int)
    where_wanted = Signal(int)

    def __init__(self, model: PredictionModel, theme: Theme, name: str) -> None:
        super().__init__()
        self._bars, self._can_look = model, False
        self.delegate = _BarDelegate(theme, self)
        self.setModel(model)
        self.setItemDelegate(self.delegate)
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(name)
        # A row that is the current one already is no other one, but may be meant.
        self.clicked.connect(self._on_click)
        # The viewport itself is asked for when there is something on it: PySide takes 8 ms to find
        # out its class.
        theme.changed.connect(self._paint_again)

    @property
    def current_class(self) -> int | None:
        """The index of the class in the current row; None if there is no current row."""
        return self._bars.class_at(self.currentIndex().row())

    def set_can_look(self, can_look: bool) -> None:
        """Whether classes can be looked for on the picture."""
        self._can_look = can_look

    def set_wnids(self, visible: bool) -> None:
        """Show WordNet ids beside the names."""
        if visible is not self.delegate.wnids:
            self.delegate.wnids = visible
            self._paint_again()

    def set_faded(self, faded: bool) -> None:
        """Show the rows paler: they are out of date."""
        if faded is not self.delegate.faded:
            self.delegate.faded = faded
            self._paint_again()

    def mark(self, class_index: int | None) -> None:
        """Mark the class that is looked for, and make its row the current one if it has one."""
        if class_index != self.delegate.chosen:
            self.delegate.chosen = class_index
            self._paint_again()
        row = None if class_index is None else self._bars.row_of(class_index)
        if row is not None and row != self.currentIndex().row():
            with QSignalBlocker(self):
                self.setCurrentIndex(self._bars.index(row))

    def _paint_again(self) -> None:
        self.viewport().update()

    def _on_click(self, index: _Index) -> None:
        if (class_index := self._bars.class_at(index.row())) is not None:
            self.class_chosen.emit(class_index)

    def _ask(self, class_index: int | None) -> None:
        if self._can_look and class_index is not None:
            self.where_wanted.emit(class_index)

    # Qt overrides

    def currentChanged(self, current: _Index, previous: _Index) -> None:
        super().currentChanged(current, previous)
        if (class_index := self._bars.class_at(current.row())) is not None:
            self.class_chosen.emit(class_index)

    def focusInEvent(self, event: QFocusEvent) -> None:
        # The first row becomes the current one, but nobody has chosen it.
        with QSignalBlocker(self):
            super().focusInEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        self._ask(self._bars.class_at(self.indexAt(event.position().toPoint()).row()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._ask(self.current_class)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() == event.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        if not self._can_look or not index.isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        where = QAction(self.tr("Where Is It?"), menu)
        class_index = self._bars.class_at(index.row())
        where.triggered.connect(lambda: self._ask(class_index))
        menu.addAction(where)
        place = self.visualRect(index).center() if by_key else event.pos()
        menu.popup(self.viewport().mapToGlobal(place))
