"""The predictions pane: what the network thinks of what is on the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from vggscope.ui.answer_pane import AnswerPane
from vggscope.ui.class_search import ClassSearch
from vggscope.ui.protocol_choice import ProtocolButton

if TYPE_CHECKING:
    from vggscope.inference.classification import Classification
    from vggscope.ui.actions import Actions
    from vggscope.ui.theme import Theme


class PredictionsPane(AnswerPane):
    """The right side of the window: what the network thinks of the photo on the canvas.

    Attributes:
        protocol: chooses how photos are looked at.
        search: finds a class beyond the top-k.

    Signals:
        class_chosen: the index of a class whose row the user went to.
        where_wanted: the index of a class that is to be looked for on the picture.
    """

    class_chosen = Signal(int)
    where_wanted = Signal(int)

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(theme, self.tr("Predictions"), parent)
        self.protocol = ProtocolButton()
        self._copy = self._copy_button(actions)
        self.beside_heading.addWidget(self.protocol)
        self.beside_heading.addWidget(self._copy)
        self.search = ClassSearch(actions["where"])
        self.below_bars.addWidget(self.search)
        self.bars.class_chosen.connect(self.class_chosen)
        self.bars.where_wanted.connect(self.where_wanted)
        self.name_model("")
        self.show_idle()

    def name_model(self, title: str) -> None:
        """Tell whose predictions these are: "" if there are no others beside them."""
        self._heading.set_whole(title or self.tr("PREDICTIONS"))

    def show_idle(self) -> None:
        """There is no photo."""
        self.show_sentence(
            self.tr("No photo yet"),
            self.tr("Open or drop one, and the network's best guesses appear here."),
            "picture",
        )

    def show_stopped(self) -> None:
        """The user stopped before it was this photo's turn."""
        self.show_sentence(
            self.tr("Stopped"), self.tr("Press F5 to classify this photo after all."), "stop"
        )

    def show_classification(
        self, classification: Classification, *, stale: bool, stopped: bool
    ) -> None:
        """Show predictions; ``stale`` ones are being replaced, unless that was ``stopped``."""
        self.show_bars(classification, faded=stale)
        if stopped:
            self.show_note(self.tr("Out of date: press F5 to classify this photo again."))
        elif stale:
            self.show_note(self.tr("Out of date: being classified again."), busy=True)
        else:
            self.show_note(" · ".join(self.origin(classification)))

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
        self.show_bars(classification, faded=stale, live=moving)
        parts = self.origin(classification)
        if smoothing:
            parts.append(self.tr("smoothed: {0}").format(smoothing))
        self.show_note(self.tr("Out of date") if stale else " · ".join(parts))

    def show_waiting(self, title: str, detail: str) -> None:
        """There is no picture yet, or none any more, for the reason told."""
        self.show_sentence(title, detail, "picture")

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

    # Overrides

    def show_sentence(self, title: str, detail: str, icon: str, *, bad: bool = False) -> None:
        """Say why there are no bars, and so nothing to copy."""
        super().show_sentence(title, detail, icon, bad=bad)
        self._copy.setEnabled(False)

    def show_bars(self, classification: Classification, *, faded: bool, live: bool = False) -> None:
        """Show the top-k, which can be copied."""
        super().show_bars(classification, faded=faded, live=live)
        self.search.show_labels(classification.labels, classification.model)
        self._copy.setEnabled(True)
