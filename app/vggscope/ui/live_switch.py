"""Live mode, made when it is first asked for, and what the actions do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggscope.errors import MultimediaMissingError
from vggscope.ui.actions import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.ui.live.presenter import LivePresenter
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.settings import Settings
    from vggscope.ui.theme import Theme


class LiveSwitch:
    """Knows whether a moving picture is shown.

    Attributes:
        presenter: None until live mode is entered for the first time.
    """

    def __init__(self, window: MainWindow, settings: Settings, theme: Theme) -> None:
        self._window, self._settings, self._theme = window, settings, theme
        self.presenter: LivePresenter | None = None

    @property
    def is_on(self) -> bool:
        """Whether a moving picture is shown instead of photos."""
        return self.presenter is not None and self.presenter.is_on

    @property
    def kind(self) -> str:
        """The key of the action that chooses what is shown."""
        return SOURCES[0] if self.presenter is None else self.presenter.kind

    def enter(self) -> LivePresenter | None:
        """Live mode; None, and a message, if it cannot be had."""
        if self.presenter is None:
            try:
                # What shows photos does not wait for Qt Multimedia, which is to be quiet first.
                from vggscope.sources.live.multimedia import prepare_multimedia  # noqa: PLC0415

                prepare_multimedia()
                from vggscope.ui.live.presenter import LivePresenter  # noqa: PLC0415

                self.presenter = LivePresenter(self._window, self._settings, self._theme)
                self._window.follow_live(self.presenter)
            except ImportError as error:
                self._window.messages.tell_error(MultimediaMissingError(reason=str(error)))
        return self.presenter

    def leave(self) -> None:
        """Show photos."""
        if self.presenter is not None:
            self.presenter.leave()
        self._window.mark_source()

    def go(self, choose: Callable[[LivePresenter], object]) -> None:
        """Show what ``choose`` chooses."""
        if (live := self._window.live) is not None:
            choose(live)
        self._window.mark_source()

    def act(self, what: Callable[[LivePresenter], object]) -> None:
        """Do something with the moving picture that is shown."""
        if self.presenter is not None and self.presenter.is_on:
            what(self.presenter)

    def play(self, videos: list[str]) -> None:
        """Play the first of some videos."""
        window = self._window
        if (live := window.live) is not None:
            live.open_video(videos[0])
        if len(videos) > 1:
            text = window.tr("One video at a time: this is the first of %n.", "", len(videos))
            window.messages.tell(text, is_problem=False)
