"""The pane of a second model: its predictions, and how they differ from those of the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QToolButton

from vggscope.ui.answer_pane import AnswerPane
from vggscope.ui.labels import wrapped

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from vggscope.inference.agreement import Agreement
    from vggscope.inference.classification import Classification
    from vggscope.ui.theme import Theme


class SecondPane(AnswerPane):
    """Stands right of the first one.

    Attributes:
        close_button: ends the comparison.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, self.tr("Predictions of the second model"), parent)
        self._summary = wrapped()
        self._summary.hide()
        # Not above the bars: these stand at the height of the first model's.
        self.below_bars.addWidget(self._summary)
        self.close_button = QToolButton()
        self.close_button.setProperty("flat", True)
        self.close_button.setToolTip(self.tr("Compare no more"))
        self.close_button.setAccessibleName(self.tr("Compare no more"))
        self.beside_heading.addWidget(self.close_button)
        theme.changed.connect(self._tint)
        self._tint()
        self.show_sentence("", "", "compare")

    def name_model(self, title: str) -> None:
        """Tell whose predictions these are."""
        self._heading.set_whole(title)

    @property
    def summary(self) -> str:
        """What is said of both models' answers."""
        return self._summary.text() if self._summary.isVisibleTo(self) else ""

    def show_answer(
        self, classification: Classification, agreement: Agreement | None, first: str
    ) -> None:
        """Show an answer, and how it differs from that of the model ``first``.

        ``agreement``: None if there is nothing to compare with.
        """
        self.show_bars(classification, faded=False)
        self.show_note(" · ".join(self.origin(classification)))
        if agreement is None:
            self._model.remark({})
            self._summary.hide()
            return
        self._summary.setText(self._sentence(agreement))
        self._summary.show()
        predictions = classification.top(len(agreement.ranks))
        remarks = {
            p.index: self._remark(p.rank, agreement.ranks.get(p.index), first) for p in predictions
        }
        self._model.remark(remarks if agreement.comparable else {})
        self._summary.setToolTip(
            self.tr(
                "An arrow tells how many ranks a class stands above or below its rank in {0}"
            ).format(first)
        )

    def show_stale(self) -> None:
        """What is shown is of another picture, or of what was chosen before."""
        if self._classification is not None:
            self.show_bars(self._classification, faded=True)
            self.show_note(self.tr("Out of date: being classified again."), busy=True)
            self._summary.hide()
        else:
            self.show_working()

    def _sentence(self, agreement: Agreement) -> str:
        if not agreement.comparable:
            return self.tr("The two models know no class in common.")
        if agreement.same_best:
            return self.tr("Both say “{0}”.").format(agreement.second)
        text = self.tr("They differ: “{0}” here, “{1}” there.")
        return text.format(agreement.second, agreement.first)

    def _remark(self, rank: int, other: int | None, first: str) -> tuple[str, str]:
        """How far a class stands from its rank in the answer of the model ``first``."""
        if other is None:
            return self.tr("new"), self.tr("unknown to {0}").format(first)
        if other == rank:
            return "=", self.tr("the same rank as in {0}").format(first)
        sign = f"▲{other - rank}" if other > rank else f"▼{rank - other}"
        return sign, self.tr("rank {0} in {1}").format(other, first)

    def _tint(self) -> None:
        self.close_button.setIcon(self._theme.icon("clear"))

    # Overrides

    def show_sentence(self, title: str, detail: str, icon: str, *, bad: bool = False) -> None:
        """Say why there is nothing to compare."""
        super().show_sentence(title, detail, icon, bad=bad)
        self._summary.hide()
        self._model.remark({})
