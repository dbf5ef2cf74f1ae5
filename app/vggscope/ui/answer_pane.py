"""What panes of predictions have in common: bars, or a sentence for every other state."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.labels import wrapped, write, write_or_hide
from vggscope.ui.layers.elided import Elided
from vggscope.ui.prediction_bars import PAD, PredictionBars, PredictionModel
from vggscope.ui.protocol_choice import CENTRE, title_of
from vggscope.ui.steady_dialog import scrolling
from vggscope.ui.texts import message_of, remedy_of
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from vggscope.errors import VggscopeError
    from vggscope.inference.classification import Classification
    from vggscope.ui.theme import Theme


class _Page(IntEnum):
    SENTENCE = 0
    BARS = 1


class AnswerPane(QWidget):
    """A heading, the top-k as bars or a sentence, and a note below.

    Attributes:
        bars: the view of the top-k.
        beside_heading: room for buttons in the line of the heading.
        below_bars: room for what is there as long as the bars are.
    """

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        """``name``: of the bars, for who cannot see them."""
        super().__init__(parent)
        self._theme = theme
        self._classification: Classification | None = None
        self._live = False
        self._failed = False
        self._icon_name = "picture"
        self._top = 5
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(230)
        self._heading = Elided()
        self._heading.setProperty("heading", True)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setAccessibleName(QCoreApplication.translate("AnswerPane", "Classifying"))
        self._model = PredictionModel(self)
        self.bars = PredictionBars(self._model, theme, name)
        self._icon = QLabel()
        self._title = wrapped()
        self._detail = wrapped()
        self._note = wrapped()
        self._note.setProperty("muted", True)
        self._note.setContentsMargins(PAD, 6, PAD, 14)
        self._note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.beside_heading = QHBoxLayout()
        self.below_bars = QVBoxLayout()
        self._compose()
        theme.changed.connect(self._retint)

    @property
    def heading(self) -> str:
        """What stands above the bars, even if not all of it has room."""
        return self._heading.whole

    @property
    def sentence(self) -> tuple[str, str] | None:
        """What is said instead of bars, and what to do about it; None if there are bars."""
        if self._pages.currentIndex() == _Page.BARS:
            return None
        return self._title.accessibleName(), self._detail.accessibleName()

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
        self.bars.set_wnids(visible)

    def show_sentence(self, title: str, detail: str, icon: str, *, bad: bool = False) -> None:
        """Say why there are no bars: ``title``, and what to do about it."""
        self._classification = None
        self._model.show(())
        self._failed = bad
        self._icon_name = icon
        write(self._title, title)
        write_or_hide(self._detail, detail)
        self._note.setText("")
        self._busy.hide()
        self._pages.setCurrentIndex(_Page.SENTENCE)
        self._retint()

    def show_working(self) -> None:
        """The picture is being classified for the first time."""
        looking = QCoreApplication.translate("AnswerPane", "Looking…")
        self.show_sentence(looking, "", "picture")
        self._busy.show()

    def show_failure(self, error: VggscopeError) -> None:
        """The picture could not be classified."""
        self.show_sentence(message_of(error), remedy_of(error), "warning", bad=True)

    def show_bars(self, classification: Classification, *, faded: bool, live: bool = False) -> None:
        """Show the top-k: ``faded`` if out of date; ``live`` ones keep their places."""
        self._classification, self._live = classification, live
        delegate = self.bars.delegate
        if delegate.even is not live:
            delegate.even = live
            self.bars.setUniformItemSizes(live)
            self.bars.scheduleDelayedItemsLayout()
        self._model.show(classification.top(self._top), keep_places=live)
        self.bars.set_faded(faded)
        self._pages.setCurrentIndex(_Page.BARS)

    def show_note(self, text: str, *, busy: bool = False) -> None:
        """Say something below the bars; ``busy``: they are about to be replaced."""
        self._note.setText(text)
        self._busy.setVisible(busy)

    @staticmethod
    def origin(classification: Classification) -> list[str]:
        """What computed it, and how far it can be trusted."""
        translate = QCoreApplication.translate
        time = translate("AnswerPane", "{0} ms on {1}").format(
            f"{classification.milliseconds:.0f}", classification.device_name
        )
        is_usual = classification.protocol == CENTRE
        parts = [time if is_usual else f"{title_of(classification.protocol)}: {time}"]
        if classification.untrained:
            parts.insert(0, translate("AnswerPane", "untrained network: random answers"))
        return parts

    def _retint(self) -> None:
        colours = self._theme.colours
        self._icon.setPixmap(
            picture(self._icon_name, colours.bad if self._failed else colours.muted, 34)
        )

    def _compose(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(PAD, 12, 10, 2)
        top.addWidget(self._heading, 1)
        top.addLayout(self.beside_heading)
        below = QWidget()
        below.setLayout(self.below_bars)
        self.below_bars.setContentsMargins(PAD, 4, PAD, 0)
        bars = QWidget()
        column = QVBoxLayout(bars)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bars, 1)
        column.addWidget(below)
        self._pages = QStackedWidget()
        self._pages.insertWidget(_Page.SENTENCE, self._sentence_page())
        self._pages.insertWidget(_Page.BARS, bars)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self._busy)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self._note)

    def _sentence_page(self) -> QWidget:
        page = QWidget()
        self._title.setStyleSheet("font-weight: 600;")
        self._detail.setProperty("muted", True)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(PAD, 14, PAD, 0)
        layout.setSpacing(8)
        for label in (self._icon, self._title, self._detail):
            layout.addWidget(label)
        layout.addStretch()
        # In a low window there is no room for all that an error has to say.
        area = scrolling(page, by_keys=True)
        area.setAccessibleName(QCoreApplication.translate("AnswerPane", "Message"))
        return area
