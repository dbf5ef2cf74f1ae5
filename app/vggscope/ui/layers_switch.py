"""Shows and hides the layer browser, which is made when there is something to show in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer

from vggscope.ui.settings import LAYERS, window_state
from vggscope.ui.shelves import kept_height

if TYPE_CHECKING:
    from vggscope.ui.layers.presenter import LayersPresenter
    from vggscope.ui.live.presenter import LivePresenter
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.settings import Settings
    from vggscope.ui.shelves import Shelves
    from vggscope.ui.theme import Theme

_KEY: Final = "layers"
_SHARE: Final = 0.55
"""Of the height below the toolbar that the browser gets at first."""
_PATIENCE_MS: Final = 1000
"""To wait for the first prediction: a large network takes seconds until it is loaded."""
_PAINT_MS: Final = 30
"""Until what was just shown is on the screen."""


class LayersSwitch:
    """Knows whether the browser is wanted, and whether there is something to show in it.

    Attributes:
        presenter: None until the browser is shown for the first time.
    """

    def __init__(
        self, window: MainWindow, shelves: Shelves, settings: Settings, theme: Theme
    ) -> None:
        self._window, self._shelves = window, shelves
        self._settings, self._theme = settings, theme
        self._live: LivePresenter | None = None
        self._has_begun = False
        self.presenter: LayersPresenter | None = None

    def follow_live(self, live: LivePresenter) -> None:
        """There is live mode, too, from now on."""
        self._live = live
        if self.presenter is not None:
            self.presenter.follow_live(live)

    def expect(self) -> None:
        """The program begins: make the browser when the first prediction is there.

        Before, the prediction would wait for the browser. What does not come in a moment is not
        waited for.
        """
        inference = self._window.workbench.inference
        for answered in (inference.answered, inference.live_answered):
            answered.connect(
                lambda: QTimer.singleShot(_PAINT_MS, self._window, self._begin),
                Qt.ConnectionType.SingleShotConnection,
            )
        QTimer.singleShot(_PATIENCE_MS, self._window, self._begin)

    def _begin(self) -> None:
        if self._has_begun or self._window.is_closed:
            return
        self._has_begun = True
        self.follow()
        # Without a picture, what the browser is made of is imported while nobody waits.
        if self._settings.flag(LAYERS) and self.presenter is None:
            tasks = self._window.workbench.tasks
            tasks.run("layers", _import, lambda _: None, in_background=True)

    def follow(self) -> None:
        """Show the browser if it is wanted and there is something to show."""
        window = self._window
        is_wanted = self._settings.flag(LAYERS)
        has_picture = window.is_live or window.workbench.current is not None
        if is_wanted and has_picture and self._has_begun and self.presenter is None:
            self.presenter = self._make()
        if self.presenter is not None:
            self.presenter.want(is_wanted)
        for key in ("layer_before", "layer_behind"):
            window.actions_by_key[key].setEnabled(
                has_picture and is_wanted and self.presenter is not None
            )

    def step(self, by: int) -> None:
        """Go to the next layer, or with -1 to the one before."""
        if self.presenter is not None:
            self.presenter.step(by)

    def _make(self) -> LayersPresenter:
        from vggscope.ui.layers.presenter import LayersPresenter  # noqa: PLC0415 (60 ms)

        presenter = LayersPresenter(self._window, self._settings, self._theme)
        if self._live is not None:
            presenter.follow_live(self._live)
        height = kept_height(window_state(), _KEY, round(self._shelves.height() * _SHARE))
        self._shelves.add(_KEY, presenter.browser, height, at_end=False)
        return presenter


def _import() -> None:
    import vggscope.ui.layers.presenter  # noqa: F401, PLC0415 (60 ms)
