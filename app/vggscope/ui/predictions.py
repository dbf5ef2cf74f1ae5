"""The predictions pane: the top-k as bars, with a sentence for every other state."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QEasingCurve,
    QElapsedTimer,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    QVariantAnimation,
)
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QProgressBar,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.texts import breakable, message_of, percent, remedy_of
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from vggscope.errors import VggscopeError
    from vggscope.inference.classification import Classification, Prediction
    from vggscope.ui.actions import Actions
    from vggscope.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
_PREDICTION_ROLE: Final = Qt.ItemDataRole.UserRole
_SHOWN_ROLE: Final = Qt.ItemDataRole.UserRole + 1
_CALM_MS: Final = 220
_HASTE_MS: Final = 2 * _CALM_MS
"""Between two changes of a moving picture. What changes faster moves by itself; animating it, too,
took 6 % of a core from the network."""
_PAD: Final = 16
_FRAME: Final = 2  # around the bars, see the style sheet


class PredictionModel(QAbstractListModel):
    """The top-k. Bars move from their former length to the new one.

    They stand in the order of their ranks, unless they are to keep their places: then a class
    stays in its row as long as it is among the top-k.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._predictions: tuple[Prediction, ...] = ()
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
        if role == _PREDICTION_ROLE:
            return prediction
        if role == _SHOWN_ROLE:
            return self._shown(prediction)
        if role == Qt.ItemDataRole.DisplayRole:
            return prediction.label
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{prediction.rank}. {prediction.label}, {percent(prediction.probability)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{prediction.label}\n{percent(prediction.probability, 3)} · {prediction.wnid}"
        return None


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
    """

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self._theme, self._view = theme, view
        self.faded = False
        self.wnids = False
        self.even = False

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
        rect = QRectF(option.rect).adjusted(_PAD - _FRAME, 4, _FRAME - _PAD, -4)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.faded:
            painter.setOpacity(0.45)
        # Not by the option's state: its enumerations take 5 ms to import before the first paint.
        if self._view.hasFocus() and self._view.currentIndex() == index:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.raised))
            painter.drawRoundedRect(rect.adjusted(-8, -3, 8, 3), 6, 6)
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


class _Page(IntEnum):
    SENTENCE = 0
    BARS = 1


class PredictionsPane(QWidget):
    """The right side of the window: what the network thinks of the photo on the canvas."""

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._classification: Classification | None = None
        self._live = False
        self._failed = False
        self._top = 5
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(230)
        heading = QLabel(self.tr("PREDICTIONS"))
        heading.setProperty("heading", True)
        self._copy = self._copy_button(actions)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setAccessibleName(self.tr("Classifying"))
        self._model = PredictionModel(self)
        self._view = _Bars(self._model, theme)
        self._icon = QLabel()
        self._title = _wrapped_label()
        self._detail = _wrapped_label()
        self._note = _wrapped_label()
        self._note.setProperty("muted", True)
        self._note.setContentsMargins(_PAD, 6, _PAD, 14)
        self._note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._pages = QStackedWidget()
        self._pages.insertWidget(_Page.SENTENCE, self._sentence_page())
        self._pages.insertWidget(_Page.BARS, self._view)
        top = QHBoxLayout()
        top.setContentsMargins(_PAD, 12, 10, 2)
        top.addWidget(heading)
        top.addStretch()
        top.addWidget(self._copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self._busy)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self._note)
        theme.changed.connect(self._retint)
        self.show_idle()

    @property
    def model(self) -> PredictionModel:
        """What the bars show."""
        return self._model

    def set_top(self, count: int) -> None:
        """Show the ``count`` most probable classes."""
        self._top = count
        if self._classification is not None:
            self._model.show(self._classification.top(count), keep_places=self._live)

    def set_wnids(self, visible: bool) -> None:
        """Show WordNet ids beside the names."""
        self._view.delegate.wnids = visible
        self._view.viewport().update()

    def show_idle(self) -> None:
        """There is no photo."""
        self._show_sentence(
            self.tr("No photo yet"),
            self.tr("Open or drop one, and the network's best guesses appear here."),
            "picture",
        )

    def show_working(self) -> None:
        """The photo is being classified for the first time."""
        self._show_sentence(self.tr("Looking…"), "", "picture")
        self._busy.show()

    def show_stopped(self) -> None:
        """The user stopped before it was this photo's turn."""
        self._show_sentence(
            self.tr("Stopped"), self.tr("Press F5 to classify this photo after all."), "stop"
        )

    def show_failure(self, error: VggscopeError) -> None:
        """The photo could not be classified."""
        self._show_sentence(message_of(error), remedy_of(error), "warning", bad=True)

    def show_classification(
        self, classification: Classification, *, stale: bool, stopped: bool
    ) -> None:
        """Show predictions; ``stale`` ones are being replaced, unless that was ``stopped``."""
        self._show_bars(classification, faded=stale, live=False)
        self._busy.setVisible(stale and not stopped)
        if stopped:
            self._note.setText(self.tr("Out of date: press F5 to classify this photo again."))
        elif stale:
            self._note.setText(self.tr("Out of date: being classified again."))
        else:
            self._note.setText(" · ".join(self._origin(classification)))

    def show_live(
        self, classification: Classification, smoothing: str, *, stale: bool, moving: bool
    ) -> None:
        """Show predictions of a picture that moves.

        Args:
            classification: what is to be shown, smoothed or not.
            smoothing: the title of the smoothing that was applied; "" for none.
            stale: it is of a former model or picture.
            moving: the next answer is about to come: classes keep their places while they are in
                the top-k. Otherwise they stand by rank.
        """
        self._show_bars(classification, faded=stale, live=moving)
        self._busy.hide()
        parts = self._origin(classification)
        if smoothing:
            parts.append(self.tr("smoothed: {0}").format(smoothing))
        self._note.setText(self.tr("Out of date") if stale else " · ".join(parts))

    def _origin(self, classification: Classification) -> list[str]:
        """What computed it, and how far it can be trusted."""
        milliseconds = f"{classification.milliseconds:.0f}"
        parts = [self.tr("{0} ms on {1}").format(milliseconds, classification.device_name)]
        if classification.untrained:
            parts.insert(0, self.tr("untrained network: random answers"))
        return parts

    def show_waiting(self, title: str, detail: str) -> None:
        """There is no picture yet, or none any more, for the reason told."""
        self._show_sentence(title, detail, "picture")

    def _show_bars(self, classification: Classification, *, faded: bool, live: bool) -> None:
        self._classification, self._live = classification, live
        delegate = self._view.delegate
        if delegate.even is not live:
            delegate.even = live
            self._view.setUniformItemSizes(live)
            self._view.scheduleDelayedItemsLayout()
        self._model.show(classification.top(self._top), keep_places=live)
        if delegate.faded is not faded:
            delegate.faded = faded
            self._view.viewport().update()
        self._pages.setCurrentIndex(_Page.BARS)
        self._copy.setEnabled(True)

    def _show_sentence(self, title: str, detail: str, icon: str, *, bad: bool = False) -> None:
        self._classification = None
        self._model.show(())
        self._failed = bad
        self._icon_name = icon
        self._title.setText(breakable(title))
        self._title.setAccessibleName(title)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
        self._note.setText("")
        self._busy.hide()
        self._copy.setEnabled(False)
        self._pages.setCurrentIndex(_Page.SENTENCE)
        self._retint()

    def _retint(self) -> None:
        colours = self._theme.colours
        self._icon.setPixmap(
            picture(self._icon_name, colours.bad if self._failed else colours.muted, 34)
        )

    def _sentence_page(self) -> QWidget:
        page = QWidget()
        self._title.setStyleSheet("font-weight: 600;")
        self._detail.setProperty("muted", True)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(_PAD, 14, _PAD, 0)
        layout.setSpacing(8)
        for label in (self._icon, self._title, self._detail):
            layout.addWidget(label)
        layout.addStretch()
        return page

    def _copy_button(self, actions: Actions) -> QToolButton:
        button = QToolButton()
        button.setProperty("flat", True)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setIcon(self._theme.icon("copy"))
        button.setToolTip(self.tr("Copy the predictions"))
        button.setAccessibleName(self.tr("Copy the predictions"))
        menu = QMenu(button)
        for key in ("copy_text", "copy_csv", "copy_json"):
            menu.addAction(actions[key])
        button.setMenu(menu)
        self._theme.changed.connect(lambda: button.setIcon(self._theme.icon("copy")))
        return button


class _Bars(QListView):
    def __init__(self, model: PredictionModel, theme: Theme) -> None:
        super().__init__()
        self.delegate = _BarDelegate(theme, self)
        self.setModel(model)
        self.setItemDelegate(self.delegate)
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Predictions"))
        theme.changed.connect(self.viewport().update)


def _wrapped_label() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)  # it shows names of files
    label.setWordWrap(True)
    return label
