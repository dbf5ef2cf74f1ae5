"""Two models side by side: a second one looks at the picture that stays on the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, cast

from PySide6.QtCore import QObject

from vggscope.ui.second_pane import SecondPane
from vggscope.ui.settings import COMPARE, DEVICE, EXACT, MODEL, PROTOCOL, TOP, WNIDS
from vggscope.ui.stills import NoStill, Still, still_of

if TYPE_CHECKING:
    from vggscope.errors import VggscopeError
    from vggscope.inference.classification import Classification
    from vggscope.inference.classifier import Classifier
    from vggscope.inference.devices import Device
    from vggscope.inference.protocols import Protocol
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.second import SecondClassifier
    from vggscope.inference.subject import Subject
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.settings import Settings
    from vggscope.ui.theme import Theme

_ERRAND: Final = "second opinion"
_CLOSING: Final = "second opinion closed"
_SEARCH: Final = "second opinion's device"
_KEPT: Final = 200


class _Question(NamedTuple):
    """What is looked at by what, and how. Another answer of the first model is another question."""

    subject: Subject
    protocol: str
    device: str


class SecondOpinion(QObject):
    """Made when the first model is compared with another; from then on as old as the window.

    Attributes:
        pane: beside the first model's.
    """

    def __init__(self, window: MainWindow, settings: Settings, theme: Theme) -> None:
        super().__init__(window)
        self._window, self._settings = window, settings
        bench = window.workbench
        self._tasks, self._errands = bench.tasks, bench.inference.errands
        self._roster = bench.roster
        self.pane = SecondPane(theme)
        self.pane.hide()
        self.pane.close_button.clicked.connect(lambda: settings.set(COMPARE, COMPARE.default))
        window.add_pane(self.pane)
        self._model = ""
        self._title = ""
        self._device: Device | None = None
        self._searched: tuple[str, str, bool] | None = None
        self._search: _Search | None = None
        self._asked: _Question | None = None
        self._failed: tuple[_Question, VggscopeError] | None = None
        self._answers: dict[_Question, Classification] = {}
        # Of the inference thread:
        self._second: SecondClassifier | None = None
        self._roster.changed.connect(self._search_device)

    def follow_setting(self, key: str) -> None:
        """A setting is another."""
        if key == TOP.key:
            self.pane.set_top(self._settings.number(TOP))
        elif key == WNIDS.key:
            self.pane.set_wnids(self._settings.flag(WNIDS))
        elif key in {DEVICE.key, EXACT.key}:
            self._device = self._searched = None
        self.refresh()

    def stop(self) -> None:
        """The window closes."""
        self._stop_search()
        self._answers.clear()

    def refresh(self) -> None:
        """Show what is to be shown now."""
        wanted = self._settings.text(COMPARE)
        if wanted != self._model:
            self._change(wanted)
        bench = self._window.workbench
        has_picture = self._window.is_live or bench.current is not None
        first = bench.model
        is_shown = bool(wanted) and has_picture
        self.pane.setVisible(is_shown)
        self._window.predictions.name_model(first.title if is_shown and first is not None else "")
        if not is_shown or first is None:
            return
        if wanted == first.name or wanted == self._settings.text(MODEL):
            self._say(
                self.tr("The same model"),
                self.tr("Choose another one in the menu Model ▸ Compare With."),
            )
            return
        self._search_device()
        still = still_of(self._window)
        if isinstance(still, Still):
            self._show(still)
        else:
            self._show_none(still)

    def _change(self, model: str) -> None:
        """Compare with another model, or with none: what is open is closed."""
        self._model = model
        self._device = self._searched = self._asked = self._failed = None
        self._answers.clear()
        self._errands.forget(_ERRAND)
        self._stop_search()
        self._errands.run(_CLOSING, lambda *_: self._close(), lambda _: None)
        self._title = self._window.title_of(model) if model else ""
        self.pane.name_model(self._title)
        self.pane.show_working()

    def _show_none(self, still: NoStill) -> None:
        if still.is_moving:
            self._say(
                self.tr("Moving pictures are not compared"),
                self.tr("Freeze the picture (Space), and both models look at it."),
            )
        elif still.is_coming:
            # The first model's answer comes first.
            self._errands.forget(_ERRAND)
            self._asked = None
            self.pane.show_stale()
        else:
            self._say(self.tr("Nothing to compare"), still.text)

    def _say(self, title: str, detail: str) -> None:
        # Asked with every answer to a moving picture.
        if self.pane.sentence != (title, detail):
            self._errands.forget(_ERRAND)
            self._asked = None
            self.pane.show_sentence(title, detail, "compare")

    def _show(self, still: Still) -> None:
        subject = still.subject.seen_by(self._model)
        protocol = self._settings.text(PROTOCOL) if not self._window.is_live else PROTOCOL.default
        device = "" if self._device is None else self._device.key
        question = _Question(subject, str(protocol), device)
        if (answer := self._answers.get(question)) is not None:
            self._errands.forget(_ERRAND)
            self._asked = None
            self._show_answer(still, answer)
        elif self._failed is not None and self._failed[0] == question:
            self.pane.show_failure(self._failed[1])
        elif question != self._asked or not self._errands.is_pending(_ERRAND):
            self._ask(question)

    def _show_answer(self, still: Still, answer: Classification) -> None:
        from vggscope.inference.agreement import compare  # noqa: PLC0415 (there are answers)

        first = self._window.workbench.model
        agreement = compare(still.answer, answer, self._settings.number(TOP))
        self.pane.show_answer(answer, agreement, "" if first is None else first.title)

    def _ask(self, question: _Question) -> None:
        self._asked, self._failed = question, None
        self.pane.show_stale()
        device = self._device
        key, exact = self._settings.text(DEVICE), self._settings.flag(EXACT)

        def look(_first: Classifier, cancellation: Cancellation) -> Classification:
            from vggscope.inference.second import SecondClassifier  # noqa: PLC0415 (the engine)

            if self._second is None:
                self._second = SecondClassifier()
            return self._second.classify(
                question.subject,
                cast("Protocol", question.protocol),
                device=device,
                key=key,
                exact=exact,
                cancellation=cancellation,
            )

        # What is being looked at now ends in mid-network.
        self._errands.forget(_ERRAND)
        self._errands.run(_ERRAND, look, self._on_answer, self._on_failure)

    def _on_answer(self, answer: Classification) -> None:
        if self._asked is not None:
            self._answers[self._asked] = answer
            while len(self._answers) > _KEPT:
                del self._answers[next(iter(self._answers))]
        self.refresh()

    def _on_failure(self, error: VggscopeError) -> None:
        # Not asked again by itself: it would fail again.
        if self._asked is not None:
            self._failed = self._asked, error
        self.refresh()

    def _search_device(self) -> None:
        """Try devices with the second model, when those of the first one are known.

        Nobody waits for it: until then it runs on what is known, or on the CPU.
        """
        key, exact = self._settings.text(DEVICE), self._settings.flag(EXACT)
        order = self._model, key, exact
        is_idle = not self._roster.is_busy and self._window.workbench.model is not None
        if not self._model or self._searched == order or not is_idle or not self._answers:
            return
        self._stop_search()
        self._searched = order
        search = self._search = _Search(*order)
        self._tasks.run(_SEARCH, search, self._on_device, lambda _: None, in_background=True)

    def _on_device(self, device: Device) -> None:
        used = {answer.device for answer in self._answers.values()}
        if used != {device.key}:
            self._device = device
            self.refresh()

    def _stop_search(self) -> None:
        self._tasks.forget(_SEARCH)
        if self._search is not None:
            self._search.stop()
            self._search = None

    def _close(self) -> None:
        """On the inference thread."""
        if self._second is not None:
            self._second.close()


class _Search:
    """Finds the device for a model, on a thread of the pool."""

    def __init__(self, model: str, key: str, exact: bool) -> None:
        self._order = model, key, exact
        self._cancellation: Cancellation | None = None
        self._is_stopped = False

    def stop(self) -> None:
        """End the present trial."""
        self._is_stopped = True
        if self._cancellation is not None:
            self._cancellation.cancel()

    def __call__(self) -> Device:
        from vggscope.inference.runtime import Cancellation  # noqa: PLC0415 (the engine)
        from vggscope.inference.selection import select  # noqa: PLC0415 (likewise)
        from vggscope.zoo.models import find_model  # noqa: PLC0415 (likewise)

        model, key, exact = self._order
        self._cancellation = cancellation = Cancellation()
        if self._is_stopped:
            cancellation.cancel()
        return select(find_model(model), key, exact=exact, cancellation=cancellation)
