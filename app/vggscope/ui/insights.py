"""What else the window tells of stills: where a class is, how they are looked at, a second opinion.

Each part is imported and made when it is first used: the first paint does not wait for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from vggscope.ui.protocol_choice import ProtocolTimes
from vggscope.ui.settings import COMPARE, PROTOCOL

if TYPE_CHECKING:
    from vggscope.inference.classification import Classification
    from vggscope.ui.live.presenter import LivePresenter
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.second_opinion import SecondOpinion
    from vggscope.ui.settings import Settings
    from vggscope.ui.theme import Theme
    from vggscope.ui.where_presenter import WherePresenter


class Insights(QObject):
    """Follows what the window shows.

    Attributes:
        where: None until a class is looked for.
        second: None until two models are compared.
        times: what each protocol took in this session.
    """

    def __init__(self, window: MainWindow, settings: Settings, theme: Theme) -> None:
        super().__init__(window)
        self._window, self._settings, self._theme = window, settings, theme
        self.where: WherePresenter | None = None
        self.second: SecondOpinion | None = None
        self.times = ProtocolTimes()
        bench, pane = window.workbench, window.predictions
        for changed in (bench.current_changed, bench.current_updated, bench.model_changed):
            changed.connect(self.refresh)
        settings.changed.connect(self._on_setting)
        pane.class_chosen.connect(self._choose)
        pane.where_wanted.connect(self._look_for)
        pane.search.class_found.connect(lambda index: self._look_for(index, stays=True))
        pane.search.refused.connect(window.messages.tell_error)
        pane.protocol.chosen.connect(lambda key: settings.set(PROTOCOL, key))
        pane.protocol.opened.connect(self._tell_times)

    def follow_live(self, live: LivePresenter) -> None:
        """Look at what live mode shows as well, from now on."""
        session = live.session
        for changed in (session.answered, session.state_changed, session.source_changed):
            changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show what is to be shown now."""
        window = self._window
        window.predictions.protocol.show_protocol(
            self._settings.text(PROTOCOL), live=window.is_live
        )
        if (done := self._answer) is not None:
            self.times.note(done)
        if self.where is None:
            self._enable_where()
        else:
            self.where.refresh()
        if self.second is None and self._settings.text(COMPARE) and window.workbench.model:
            self.second = self._make_second()
        if self.second is not None:
            self.second.refresh()

    def toggle_where(self) -> None:
        """Look for the class of the current row, or hide what was found."""
        self._switch(not (self.where is not None and self.where.is_on))

    def hide_where(self) -> bool:
        """Hide what was found; whether there was something to hide."""
        if self.where is None or not self.where.is_on:
            return False
        self.where.switch(False)
        return True

    def stop(self) -> None:
        """The window closes."""
        if self.second is not None:
            self.second.stop()

    @property
    def _answer(self) -> Classification | None:
        """To the photo that is shown; moving pictures have no choice of protocols."""
        photo = self._window.workbench.current
        if self._window.is_live or photo is None or photo.stale:
            return None
        return photo.classification

    def _on_setting(self, key: str) -> None:
        if self.second is not None:
            self.second.follow_setting(key)
        self.refresh()

    def _enable_where(self) -> None:
        from vggscope.ui.stills import Still, still_of  # noqa: PLC0415 (after the first paint)

        action = self._window.actions_by_key["where"]
        can_look = isinstance(still_of(self._window), Still)
        action.setEnabled(can_look)
        action.setChecked(False)
        self._window.predictions.bars.set_can_look(can_look)

    def _choose(self, index: int) -> None:
        if self.where is not None:
            self.where.choose(index)

    def _look_for(self, index: int, *, stays: bool = False) -> None:
        self._switch(True, index, stays=stays)

    def _switch(self, is_on: bool, index: int | None = None, *, stays: bool = False) -> None:
        if self.where is None:
            from vggscope.ui.where_presenter import WherePresenter  # noqa: PLC0415

            self.where = WherePresenter(self._window, self._theme)
        if is_on and index is None and not self.where.stays:
            index = self._window.predictions.bars.current_class
        if index is not None:
            self.where.choose(index, stays=stays)
        self.where.switch(is_on)

    def _make_second(self) -> SecondOpinion:
        from vggscope.ui.second_opinion import SecondOpinion  # noqa: PLC0415

        return SecondOpinion(self._window, self._settings, self._theme)

    def _tell_times(self) -> None:
        model = self._window.workbench.model
        if model is not None:
            self._window.predictions.protocol.tell_times(
                {
                    key: self.times.words(key, model=model.name, device=model.device_key)
                    for key in PROTOCOL.choices or {}
                }
            )
