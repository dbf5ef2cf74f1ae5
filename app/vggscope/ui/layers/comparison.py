"""A pinned picture beside the one that is looked at: the same layer, the same channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from PySide6.QtCore import QCoreApplication

from vggscope.ui.texts import explanation_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.errors import VggscopeError
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.subject import Subject
    from vggscope.inference.tap import Tap
    from vggscope.ui.layers.browser import LayerBrowser
    from vggscope.ui.layers.drawing import Drawing
    from vggscope.ui.layers.looking import Looking

_USE: Final = "pinned"


class Question(NamedTuple):
    """What layer of what picture."""

    subject: Subject
    tap: Tap


class Comparison:
    """Keeps a picture, with the model that looked at it, and follows the layer that is shown."""

    def __init__(self, browser: LayerBrowser, looking: Looking, redraw: Callable[[], None]) -> None:
        """``redraw`` is called when there is something to draw."""
        self._browser, self._looking, self._redraw = browser, looking, redraw
        self._subject: Subject | None = None
        self._title = ""
        self._asked: Question | None = None
        self._maps: FeatureMaps | None = None
        self._reason = ""
        self._is_answered = False

    def pin(self, subject: Subject, title: str, tap: Tap) -> None:
        """Compare with ``subject`` from now on."""
        self._subject, self._title, self._asked = subject, title, None
        self.follow(tap)

    def unpin(self) -> None:
        """Compare no more."""
        self._subject = self._maps = self._asked = None
        self._looking.let_go(_USE)
        self._browser.maps.show_pinned(None, "")
        self._browser.channel.show_pinned(None, "")

    def follow(self, tap: Tap) -> None:
        """Look at the same layer as the window does."""
        if self._subject is None:
            return
        question = Question(self._subject, tap)
        # An answer may have been called off, when another model came.
        if question == self._asked and (self._is_answered or self._looking.is_pending(_USE)):
            return
        self._asked, self._maps, self._is_answered = question, None, False
        self._reason = QCoreApplication.translate("layers", "Looking…")
        self.show(None)
        self._looking.look(_USE, *question, self._on_maps, self._on_failure)

    def maps_of(self, maps: FeatureMaps) -> FeatureMaps | None:
        """What to draw beside ``maps``; None if it is not known."""
        own = self._maps
        if own is None:
            return None
        is_same = (own.layer.name, own.before_relu) == (maps.layer.name, maps.before_relu)
        return own if is_same else None

    def show(self, drawing: Drawing | None) -> None:
        """Show the pinned part of ``drawing``, or why there is none."""
        if self._subject is None:
            return
        maps = None if drawing is None else drawing.pinned_maps
        channel = None if drawing is None else drawing.pinned_channel
        self._browser.maps.show_pinned(maps, self._title, "" if maps else self._reason)
        self._browser.channel.show_pinned(channel, self._title)

    def _on_maps(self, maps: FeatureMaps) -> None:
        self._maps, self._is_answered = maps, True
        self._redraw()

    def _on_failure(self, error: VggscopeError) -> None:
        self._is_answered = True
        self._reason = explanation_of(error)
        self.show(None)
