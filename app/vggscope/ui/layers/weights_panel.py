"""What a channel multiplies by, and which channels feed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    QElapsedTimer,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHeaderView,
    QLabel,
    QProgressBar,
    QScrollArea,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.layers.histogram import value_text
from vggscope.ui.layers.weight_tiles import WeightTiles
from vggscope.ui.rows import choose_by_row
from vggscope.ui.theme import picture as icon_picture
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from vggscope.inference.weight_views import PassThrough, UnitWeights
    from vggscope.ui.settings import Settings
    from vggscope.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
_ROW: Final = 24
_SHARE_ROLE: Final = Qt.ItemDataRole.UserRole
"""Of the column with bars: -1..1 of the longest bar."""
_SPOKEN_ROLE: Final = Qt.ItemDataRole.AccessibleTextRole
_BAR_FROM: Final = 72
_NEGATIVE: Final = QColor(59, 112, 190)
_POSITIVE: Final = QColor(200, 60, 52)


class WeightsPanel(QWidget):
    """Shows the weights of one channel, or of what it is made if it has none.

    Signals:
        feeder_chosen: (layer, channel) that the user follows.
    """

    feeder_chosen = Signal(str, int)

    def __init__(self, theme: Theme, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Weights have a sign, whatever colours are chosen for maps: they keep their own.
        del settings
        self._theme = theme
        self._source: tuple[str, int] | None = None
        self._feeders: list[tuple[str, int]] = []
        self._since_chosen = QElapsedTimer()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._tiles = WeightTiles(theme)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._make_reason())
        self._pages.addWidget(self._make_content())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        theme.changed.connect(self._tint)
        self._tint()
        self.show_reason(self.tr("Choose a channel in the grid to see what it multiplies by."))

    def show_weights(self, weights: UnitWeights | PassThrough) -> None:
        """Show what a unit multiplies by; of one without weights, what it is made of."""
        # The engine's module needs NumPy, which a window without weights does not.
        if hasattr(weights, "values"):
            self._show_unit(weights)  # type: ignore[arg-type]
        else:
            self._show_passing(weights)

    def show_reason(self, text: str, *, busy: bool = False) -> None:
        """Show no weights, but why there are none; ``busy`` if they are being read."""
        self._source = None
        self._reason.setText(text)
        self._busy.setVisible(busy)
        self._icon.setVisible(not busy)
        self._follow.hide()
        self._pages.setCurrentIndex(0)

    # --- what it is made of

    def _make_reason(self) -> QWidget:
        page = QWidget()
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._reason = QLabel()
        self._reason.setTextFormat(Qt.TextFormat.PlainText)
        self._reason.setWordWrap(True)
        self._reason.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._reason.setProperty("muted", True)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setFixedWidth(120)
        self._busy.setAccessibleName(self.tr("Reading weights"))
        self._follow = QToolButton()
        for style in ("flat", "link"):
            self._follow.setProperty(style, True)
        self._follow.setToolTip(self.tr("Go to the channel that this one is made of"))
        self._follow.setAccessibleDescription(self._follow.toolTip())
        self._follow.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._follow.clicked.connect(self._on_follow)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(20, 12, 20, 12)
        layout.setSpacing(8)
        layout.addStretch()
        for widget in (self._icon, self._reason, self._busy, self._follow):
            whole = widget in {self._icon, self._reason}
            flag = Qt.AlignmentFlag(0) if whole else Qt.AlignmentFlag.AlignHCenter
            layout.addWidget(widget, 0, flag)
        layout.addStretch()
        return page

    def _make_content(self) -> QScrollArea:
        self._title, self._shape, self._scale = QLabel(), QLabel(), QLabel()
        self._note = QLabel()
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        for label in (self._title, self._shape, self._scale, self._note):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setProperty("muted", label is not self._title)
        heading = QLabel(self.tr("WHICH CHANNELS FEED IT"))
        heading.setProperty("heading", True)
        self._table = self._make_table()
        inside = QWidget()
        inside.setAutoFillBackground(False)
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.setSpacing(6)
        layout.addWidget(self._title)
        layout.addWidget(self._shape)
        layout.addWidget(self._tiles)
        layout.addWidget(self._scale)
        layout.addSpacing(4)
        layout.addWidget(heading)
        layout.addWidget(self._note)
        layout.addWidget(self._table)
        layout.addStretch()
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        scroll.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        return scroll

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, 3)
        choose_by_row(table)
        for policy in (table.setVerticalScrollBarPolicy, table.setHorizontalScrollBarPolicy):
            policy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._bars = _BarDelegate(theme=self._theme, parent=table)
        table.setItemDelegateForColumn(2, self._bars)
        table.setAccessibleName(self.tr("Channels that feed this one"))
        table.setToolTip(self.tr("Click a channel, or press Enter, to go to it"))
        table.clicked.connect(self._on_row)
        table.activated.connect(self._on_row)
        return table

    # --- what it shows

    def _show_unit(self, weights: UnitWeights) -> None:
        count, height, width = weights.values.shape
        self._title.setText(
            self.tr("Weights of {0}, channel {1}").format(weights.layer, weights.unit)
        )
        fed_by = self.tr("from {0}").format(weights.source) if weights.source else ""
        size = f"{count:,} × {height} × {width}" if height * width > 1 else f"{count:,}"
        self._shape.setText(" ".join(filter(None, (self.tr("{0} weights").format(size), fed_by))))
        self._tiles.show_weights(weights)
        self._tiles.setVisible(height * width > 1 or weights.rgb is not None)
        self._scale.setVisible(height * width > 1)
        self._scale.setText(
            self.tr("Blue is negative, white 0, red positive: −{0} to {0}").format(
                value_text(weights.scale)
            )
        )
        self._scale.setToolTip(self.tr("On one scale for all tiles"))
        self._show_feeders(weights)
        self._pages.setCurrentIndex(1)

    def _show_feeders(self, weights: UnitWeights) -> None:
        feeders = weights.feeders
        contributes = bool(feeders) and feeders[0].contribution is not None
        is_vector = weights.values.shape[1:] == (1, 1)
        last = self.tr("Contribution") if contributes else self.tr("Strength")
        second = self.tr("Weight") if is_vector else self.tr("Norm")
        self._table.setHorizontalHeaderLabels([weights.source or self.tr("Channel"), second, last])
        self._note.setText(self._note_of(weights, contributes=contributes))
        sizes = [
            feeder.norm if feeder.contribution is None else feeder.contribution
            for feeder in feeders
        ]
        most = max(map(abs, sizes), default=0.0) or 1.0
        self._bars.span = (min(0.0, *sizes, 0.0) / most, max(0.0, *sizes, 0.0) / most)
        self._feeders = [(feeder.layer, feeder.channel) for feeder in feeders]
        self._table.clearSelection()
        self._table.setRowCount(len(feeders))
        for row, (feeder, size) in enumerate(zip(feeders, sizes, strict=True)):
            weight = feeder.norm
            if is_vector:
                weight = float(weights.values[feeder.channel - weights.first, 0, 0])
            name = self._tiles.name_of(feeder.channel)
            shown = "" if feeder.contribution is None else value_text(feeder.contribution)
            items = [QTableWidgetItem(text) for text in (name, value_text(weight), shown)]
            items[0].setData(_SPOKEN_ROLE, f"{feeder.layer} {name}".strip())
            items[2].setData(_SHARE_ROLE, size / most)
            for column, item in enumerate(items):
                self._table.setItem(row, column, item)
        self._tint_rows()
        height = self._table.horizontalHeader().sizeHint().height() + len(feeders) * _ROW
        self._table.setFixedHeight(height + 2 * self._table.frameWidth() + 4)

    def _note_of(self, weights: UnitWeights, *, contributes: bool) -> str:
        shown, all_of_them = len(weights.feeders), len(weights.values)
        if not shown:
            return self.tr("All of its weights are 0: nothing feeds it.")
        if not contributes:
            text = self.tr("The {0} with the strongest weights of {1}.")
            return text.format(shown, f"{all_of_them:,}")
        position = weights.contribution_at
        where = (
            ""
            if position is None
            else self.tr("at row {0}, column {1}").format(position.row, position.column)
        )
        parts = [self.tr("What each adds before bias and ReLU"), where]
        text = " ".join(filter(None, parts)) + "."
        if weights.rest:
            text += " " + self.tr("The other {0} add {1} together.").format(
                f"{all_of_them - shown:,}", value_text(weights.rest)
            )
        return text

    def _show_passing(self, through: PassThrough) -> None:
        self.show_reason(self._sentence(through))
        if through.source and through.source_unit is not None:
            self._source = (through.source, through.source_unit)
            self._follow.setText(
                self.tr("Go to {0} #{1}").format(through.source, through.source_unit)
            )
            self._follow.show()

    def _sentence(self, through: PassThrough) -> str:
        layer, unit, source = through.layer, through.unit, through.source
        if through.how is Kind.INPUT:
            return self.tr("{0} is the picture itself, as the network sees it.").format(layer)
        if not source:
            return self.tr(
                "{0} has no weights. The network branches here, so that what feeds it is not known."
            ).format(layer)
        if through.source_unit is None:
            return self.tr(
                "{0} has no weights of its own; how it makes channel {1} of {2} is not known."
            ).format(layer, unit, source)
        if through.how is Kind.FLATTEN and through.row is not None:
            return self.tr(
                "Unit {0} of {1} is the value of channel {2} of {3} at row {4}, column {5}."
            ).format(unit, layer, through.source_unit, source, through.row, through.column)
        texts = {
            Kind.MAX_POOLING: self.tr(
                "Channel {0} of {1} is the maximum of channel {0} of {2}, window by window. "
                "It has no weights."
            ),
            Kind.AVERAGE_POOLING: self.tr(
                "Channel {0} of {1} is the average of channel {0} of {2}, window by window. "
                "It has no weights."
            ),
            Kind.SOFTMAX: self.tr(
                "Unit {0} of {1} is the probability that softmax makes of unit {0} of {2}, "
                "compared with all others. It has no weights."
            ),
            Kind.LOCAL_RESPONSE_NORMALIZATION: self.tr(
                "Channel {0} of {1} is channel {0} of {2}, divided by how strong its "
                "neighbouring channels are. It has no weights."
            ),
            Kind.BATCH_NORMALIZATION: self.tr(
                "Channel {0} of {1} is channel {0} of {2}, shifted and scaled to the mean and "
                "spread that training has found."
            ),
        }
        other = self.tr("Channel {0} of {1} is made of channel {0} of {2}. It has no weights.")
        return texts.get(through.how, other).format(unit, layer, source)

    # --- what the user does

    def _on_follow(self) -> None:
        if self._source is not None:
            self.feeder_chosen.emit(*self._source)

    def _on_row(self, index: QModelIndex) -> None:
        # The second click of a double click would hit what the first one has led to.
        interval = QApplication.doubleClickInterval()
        if self._since_chosen.isValid() and self._since_chosen.elapsed() < interval:
            return
        layer, channel = self._feeders[index.row()]
        if layer:
            self._since_chosen.start()
            self.feeder_chosen.emit(layer, channel)

    def _tint_rows(self) -> None:
        for row, (layer, _) in enumerate(self._feeders):
            item = self._table.item(row, 0)
            if item is not None and layer:
                item.setForeground(QColor(self._theme.colours.accent))

    def _tint(self) -> None:
        self._icon.setPixmap(icon_picture("info", self._theme.colours.muted, 28))
        self._tint_rows()


class _BarDelegate(QStyledItemDelegate):
    """A number, and a bar to the left or the right of where 0 is.

    Attributes:
        span: of all bars, (lowest, highest).
    """

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.span = (0.0, 1.0)

    # Qt overrides

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        plain = QStyleOptionViewItem(option)
        super().paint(painter, plain, index)
        share = index.data(_SHARE_ROLE)
        if share is None:
            return
        text = index.data(Qt.ItemDataRole.DisplayRole)
        area = QRectF(option.rect).adjusted(_BAR_FROM if text else 10, 7, -8, -7)
        painter.save()
        painter.setPen(Qt.PenStyle.NoPen)
        low, high = self.span
        step = area.width() / ((high - low) or 1.0)
        middle, length = area.left() - low * step, share * step
        painter.fillRect(
            QRectF(middle, area.top() - 3, 1, area.height() + 6),
            QColor(self._theme.colours.border),
        )
        bar = QRectF(middle, area.top(), length, area.height()).normalized()
        painter.fillRect(bar, _POSITIVE if share > 0 else _NEGATIVE)
        painter.restore()
