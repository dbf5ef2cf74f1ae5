"""Where is it? A class as the network sees it all over the picture, laid over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from PySide6.QtCore import QObject, QPointF

from vggscope.errors import Cancelled
from vggscope.ui.canvas_marks import Mark, on_canvas, overlay_on
from vggscope.ui.layers.colours import overlay_image
from vggscope.ui.layers.histogram import value_text
from vggscope.ui.stills import NoStill, Still, mirrored_in, still_of
from vggscope.ui.texts import explanation_of
from vggscope.ui.where_bar import WhereBar

if TYPE_CHECKING:
    from collections.abc import Hashable

    from vggscope.errors import VggscopeError
    from vggscope.inference.class_picture import ClassFinder, ClassPicture
    from vggscope.inference.classifier import Classifier
    from vggscope.inference.preprocessing import CropBox
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.subject import Subject
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.theme import Theme

_ERRAND: Final = "where"
_OWNER: Final = "where"
_IMPROBABLE: Final = 0.1
COLOURS: Final = "inferno"
"""Of heat, whatever feature maps are shown in: a channel of a layer is no class."""


class _Question(NamedTuple):
    """Which class on which picture."""

    subject: Subject
    class_index: int


class WherePresenter(QObject):
    """Made when the first class is looked for; from then on as old as the window.

    Attributes:
        bar: below the canvas.
    """

    def __init__(self, window: MainWindow, theme: Theme) -> None:
        super().__init__(window)
        self._window = window
        self._errands = window.workbench.inference.errands
        self.bar = WhereBar(theme, COLOURS)
        self.bar.hide()
        window.add_below_stage(self.bar)
        self._is_on = False
        self._identity: Hashable = None
        self._model = ""
        self._class: int | None = None
        self._stays = False
        self._asked: _Question | None = None
        self._failed: _Question | None = None
        self._shown: _Question | None = None
        self._picture: ClassPicture | None = None
        # Of the inference thread:
        self._finder: ClassFinder | None = None
        self.bar.changed.connect(self._show_picture)
        self.bar.closed.connect(lambda: self.switch(False))
        window.canvas.pointed_at.connect(self._point)
        self._follow(still_of(window))

    @property
    def is_on(self) -> bool:
        """Whether a class is looked for."""
        return self._is_on

    @property
    def stays(self) -> bool:
        """Whether the class was found by its name, and is looked for on other pictures, too."""
        return self._stays

    def switch(self, is_on: bool) -> None:
        """Look for the class of the current row, or hide what was found."""
        self._is_on = is_on
        self._failed = None
        self.refresh()

    def choose(self, index: int, *, stays: bool = False) -> None:
        """Look for the class ``index`` from now on; ``stays``: on other pictures, too."""
        self._class, self._stays, self._failed = index, stays, None
        if self._is_on:
            self.refresh()

    def refresh(self) -> None:
        """Show what is to be shown now."""
        window, still = self._window, still_of(self._window)
        self._follow(still)
        if isinstance(still, NoStill) and still.identity is None:
            # Also while pictures move: what was found on one would lie on the next.
            self._is_on = False
        action = window.actions_by_key["where"]
        action.setEnabled(self._is_on or isinstance(still, Still))
        action.setChecked(self._is_on)
        window.predictions.bars.set_can_look(isinstance(still, Still))
        self.bar.setVisible(self._is_on)
        if not self._is_on:
            self._forget()
        elif isinstance(still, NoStill):
            self._forget()
            self.bar.show_sentence(still.text, busy=still.is_coming, failed=not still.is_coming)
        else:
            index = self._class_on(still)
            window.predictions.bars.mark(index)
            self._ask(_Question(still.subject, index), still)

    def _follow(self, still: Still | NoStill) -> None:
        """Forget the class that was chosen on another picture, or of another model."""
        if still.identity != self._identity:
            self._identity = still.identity
            self._failed = None
            if not self._stays:
                self._class = None
        model = self._window.workbench.model
        if model is not None and model.name != self._model:
            self._model = model.name
            self._class, self._stays = None, False

    def _class_on(self, still: Still) -> int:
        """Which class to look for: the one that was chosen, or the most probable one."""
        if self._class is None or self._class >= len(still.answer.labels):
            self._class = still.answer.top(1)[0].index
        return self._class

    def _forget(self) -> None:
        self._errands.forget(_ERRAND)
        self._asked = self._shown = self._picture = None
        self._window.predictions.bars.mark(None)
        self._clear()

    def _clear(self) -> None:
        canvas = self._window.canvas
        canvas.show_overlay(None, owner=_OWNER)
        canvas.show_marks((), owner=_OWNER)

    def _ask(self, question: _Question, still: Still) -> None:
        if question == self._failed:
            return
        if question == self._shown:
            self._asked = None
            self._errands.forget(_ERRAND)
            self._show_picture()
            return
        if question == self._asked and self._errands.is_pending(_ERRAND):
            return
        self._asked, self._failed = question, None
        # Of another class or picture: never shown as if it were of this one.
        self._shown = self._picture = None
        self._clear()
        label = still.answer.labels[question.class_index].label
        self.bar.show_sentence(self.tr("Looking for “{0}”…").format(label), busy=True)
        # What is being looked for now ends in mid-network.
        self._errands.forget(_ERRAND)
        self._errands.run(
            _ERRAND,
            lambda classifier, cancellation: self._look(classifier, question, cancellation),
            self._on_found,
            self._on_failure,
        )

    def _look(
        self, classifier: Classifier, question: _Question, cancellation: Cancellation
    ) -> ClassPicture:
        """On the inference thread."""
        from vggscope.inference.class_picture import ClassFinder  # noqa: PLC0415 (the engine)

        if classifier.model.name != question.subject.model:
            # Another one was loaded before its turn; the question will be put anew.
            raise Cancelled
        if self._finder is None:
            self._finder = ClassFinder()
        return self._finder.find(classifier, question.subject, question.class_index, cancellation)

    def _on_found(self, found: ClassPicture) -> None:
        self._shown, self._asked, self._picture = self._asked, None, found
        self._show_picture()

    def _on_failure(self, error: VggscopeError) -> None:
        # Not asked again by itself: it would fail again.
        self._failed, self._asked = self._asked, None
        self._clear()
        self.bar.show_sentence(explanation_of(error), failed=True)

    def _show_picture(self) -> None:
        found = self._picture
        if found is None or not self._is_on:
            return
        window, whole = self._window, self.bar.is_whole_range
        self.bar.show_found(
            self._words(found),
            ends=(found.low, found.high(whole=whole)),
            positions=found.positions,
            time=found.time,
            has_whole_range=found.is_probability,
        )
        image = overlay_image(found.levels(whole=whole), COLOURS)
        window.canvas.show_overlay(
            overlay_on(
                image,
                found.extent,
                mirrored_in(window),
                opacity=self.bar.opacity,
                is_alone=True,
            ),
            owner=_OWNER,
        )
        self._mark_strongest()

    def _words(self, found: ClassPicture) -> str:
        model = self._window.workbench.model
        title = "" if model is None else model.title
        text = (
            self.tr("Where {0} sees “{1}”: probability at most {2}.")
            if found.is_probability
            else self.tr("Where {0} sees “{1}”: score at most {2}.")
        )
        most = found.strongest.value
        words = text.format(title, found.label, value_text(most))
        if found.is_probability and most < _IMPROBABLE:
            # The colours, up to what there is, could be taken for more.
            return self.tr("{0} Improbable everywhere.").format(words)
        return words

    def _point(self, point: QPointF | None) -> None:
        found = self._picture
        if found is None or not self._is_on:
            return
        width = mirrored_in(self._window)
        spot = None
        if point is not None:
            spot = found.at(point.x() if width is None else width - point.x(), point.y())
        if spot is None:
            self.bar.show_value(None)
            self._mark_strongest()
            return
        self.bar.show_value(spot.value)
        told = self.tr("“{0}” here: {1}").format(found.label, value_text(spot.value))
        self._mark(spot.box, told=told)

    def _mark_strongest(self) -> None:
        """The window that answers most."""
        found = self._picture
        if found is not None:
            place = found.strongest
            self._mark(place.box, text=value_text(place.value))

    def _mark(self, box: CropBox, *, text: str = "", told: str = "") -> None:
        mark = Mark(box=on_canvas(box, mirrored_in(self._window)), text=text)
        self._window.canvas.show_marks((mark,), told, owner=_OWNER)
