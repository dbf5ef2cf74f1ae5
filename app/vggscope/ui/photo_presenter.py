"""Photos in the window: shows the workbench on the canvas, beside it and below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from vggscope.errors import ImageError
from vggscope.ui.images import Levels
from vggscope.ui.photos import State
from vggscope.ui.texts import message_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vggscope.inference.classification import Classification
    from vggscope.inference.preprocessing import CropBox
    from vggscope.ui.browser import PhotoBrowser
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.theme import Theme

_OF_ONE = ("zoom_fit", "zoom_actual", "zoom_in", "zoom_out", "remove", "again")
"""Actions on the photo that is shown."""
_OF_ALL = ("previous", "next", "as_table", "remove_all", "export_csv", "export_json", "stop")
"""Actions on all photos."""


class PhotoPresenter(QObject):
    """Shows the photos as long as the window does not show a moving picture."""

    def __init__(self, window: MainWindow, theme: Theme) -> None:
        super().__init__(window)
        self._window, self._theme = window, theme
        self._bench = window.workbench
        self._actions = window.actions_by_key
        self._browser: PhotoBrowser | None = None
        bench = self._bench
        bench.current_changed.connect(self.show_current)
        bench.current_updated.connect(self.show_outcome)
        bench.pixels_ready.connect(self._show_pixels)
        bench.pixels_failed.connect(self._show_unreadable)
        bench.progress_changed.connect(self.show_progress)

    @property
    def browser(self) -> PhotoBrowser:
        """The filmstrip and the table, made when the second photo comes."""
        if self._browser is None:
            self._browser = self._make_browser()
        return self._browser

    @property
    def name(self) -> str:
        """What exports call the current photo; "" without one."""
        photo = self._bench.current
        return "" if photo is None else photo.location

    @property
    def classification(self) -> Classification | None:
        """What is shown beside the canvas."""
        photo = self._bench.current
        return None if photo is None else photo.classification

    def rest(self) -> None:
        """Something else is shown: nothing can be done with photos until ``show`` is called."""
        for key in ("remove", "again", *_OF_ALL):
            self._actions[key].setEnabled(False)
        if self._browser is not None:
            self._browser.hide()

    def show(self) -> None:
        """Show the photos again."""
        self.show_current()
        self.show_progress()
        self._bench.read_pixels()

    def show_current(self) -> None:
        """Show the current photo, or the welcome."""
        window, photo = self._window, self._bench.current
        if window.is_live:
            return
        has_photo = photo is not None
        window.stage.setCurrentWidget(window.canvas if has_photo else window.welcome)
        for key in _OF_ONE:
            self._actions[key].setEnabled(has_photo)
        window.canvas.clear()
        window.show_zoom(None)
        if self._browser is not None:
            self._browser.mark(photo)
        window.setWindowTitle(f"{photo.name} — VGGscope" if photo else "VGGscope")
        if photo is not None and photo.thumbnail is not None and photo.size is not None:
            # Something to see until the pixels come.
            self._show_pixels(Levels([photo.thumbnail], photo.size))
        self.show_outcome()

    def show_outcome(self) -> None:
        """Show what became of the current photo."""
        window, photo, done = self._window, self._bench.current, self.classification
        if window.is_live:
            return
        pane = window.predictions
        window.enable_copying(done is not None)
        window.canvas.show_boxes([] if done is None else boxes_of(done))
        if photo is None:
            pane.show_idle()
        elif photo.error is not None:
            pane.show_failure(photo.error)
            if isinstance(photo.error, ImageError):
                window.canvas.clear(self.tr("There is no picture to show."))
        elif done is not None:
            stopped = photo.state is State.STOPPED
            pane.show_classification(done, stale=photo.stale, stopped=stopped)
        elif photo.state is State.STOPPED:
            pane.show_stopped()
        else:
            pane.show_working()
        window.devices.show()

    def show_progress(self) -> None:
        """Show how far the photos have come."""
        window, bench = self._window, self._bench
        if window.is_live:
            return
        done, total = bench.progress
        failed, stopped = bench.photos.count(State.FAILED), bench.photos.count(State.STOPPED)
        if total > 1 or self._browser is not None:
            self.browser.setVisible(total > 1)
            self.browser.show_progress(done, total, failed=failed, stopped=stopped)
        self._actions["stop"].setEnabled(bench.is_busy or bench.is_listing)
        self._actions["remove_all"].setEnabled(total > 0)
        for key in ("previous", "next", "as_table"):
            self._actions[key].setEnabled(total > 1)
        for key in ("export_csv", "export_json"):
            self._actions[key].setEnabled(done > stopped)
        if bench.is_listing:
            window.show_state(self.tr("Looking for pictures…"))
        elif done < total:
            window.show_state(self.tr("Classifying {0} of {1}").format(done + 1, total))
        else:
            window.show_state(self.tr("Ready"))

    def step(self, by: int) -> None:
        """Go to the next photo, or with -1 to the one before."""
        photo = self._bench.current
        if photo is not None and (key := self.browser.key_beside(photo, by)) is not None:
            self._bench.choose(key)

    def remove(self) -> None:
        """Take the current photo out."""
        photo = self._bench.current
        if photo is not None:
            after, before = (self.browser.key_beside(photo, by) for by in (1, -1))
            self._bench.remove_current(before if after is None else after)

    def remove_all(self) -> None:
        """Take all photos out; they can be brought back."""
        bench, model = self._bench, self._bench.model
        removed = bench.remove_all()
        if len(removed) > 1:
            text = self.tr("%n photos were removed.", "", len(removed))
            self._window.messages.tell(
                text, self.tr("Undo"), lambda: bench.bring_back(removed, of_model=model)
            )

    def _show_pixels(self, levels: Levels) -> None:
        photo = self._bench.current
        if photo is not None and not self._window.is_live:
            self._window.canvas.show_photo(levels, photo.name)
            self._window.show_zoom(self._window.canvas.zoom)

    def _show_unreadable(self, error: ImageError) -> None:
        photo = self._bench.current
        # Where the predictions tell why, as ``show_outcome`` has it, once is enough.
        is_told = photo is not None and isinstance(photo.error, ImageError)
        if not self._window.is_live and not is_told:
            self._window.canvas.clear(message_of(error))

    def _make_browser(self) -> PhotoBrowser:
        # Not before the first paint: its classes take 12 ms to import.
        from vggscope.ui.browser import PhotoBrowser  # noqa: PLC0415

        browser = PhotoBrowser(self._bench.photos, self._theme, self._actions)
        browser.photo_chosen.connect(self._bench.choose)
        browser.thumbnail_wanted.connect(self._bench.want_thumbnail)
        browser.set_as_table(self._actions["as_table"].isChecked())
        browser.mark(self._bench.current)
        self._window.add_filmstrip(browser)
        return browser


def boxes_of(done: Classification) -> Sequence[CropBox]:
    """The parts of the picture to mark: those that were looked at one by one, or else all of it.

    At three scales the network sees the same but for a few pixels at the ends.
    """
    return done.crops if done.protocol == "10-crop" else [done.crop]
