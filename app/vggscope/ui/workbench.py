"""What the window works on: the photos, the current one, the model, and what is being done.

The one place that knows which results are wanted. The window only shows it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from PySide6.QtCore import QObject, QSaveFile, Signal, Slot

from vggscope.errors import DeviceError, ModelError, OutputError, VggscopeError
from vggscope.ui.device_roster import DeviceRoster
from vggscope.ui.images import image_of, levels_for_screen, read_photo, thumbnail_of
from vggscope.ui.incoming import photos_of_paths
from vggscope.ui.inference_messages import Answer, LoadedModel, Wanted
from vggscope.ui.inference_thread import InferenceThread
from vggscope.ui.model_jobs import ModelJobs
from vggscope.ui.photos import Photo, PhotoModel, State
from vggscope.ui.settings import DEVICE, EXACT, FIT, MODEL, PROTOCOL, TOP, Settings
from vggscope.ui.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from PySide6.QtGui import QImage

    from vggscope.inference.devices import Device
    from vggscope.inference.protocols import Protocol
    from vggscope.zoo.normal_form import Fit

_THUMBNAIL_ENOUGH: Final = 128
_THUMBNAILS_KEPT: Final = 1000


class Workbench(QObject):
    """Photos, current photo, model.

    Attributes:
        photos: the model of all views.
        tasks: short work off the UI thread.
        model: what is loaded, None until then.
        roster: the devices, and the search for the best one.
        jobs: downloads of models, and what else is done with them.

    Signals:
        added: photos came, to be seen.
        current_changed: another photo, or none, is to be shown.
        current_updated: the current photo has another state.
        pixels_ready: the ``Levels`` of the current photo.
        pixels_failed: the ``VggscopeError`` for which there are none.
        progress_changed: ``progress`` or the state of the work is another.
        model_changed: ``model`` is another, or runs on another device.
        failed: a ``VggscopeError`` that concerns no single photo.
        device_failed: a ``DeviceError``: another device than the wanted one is in use.
        said: a sentence for the user.
    """

    added = Signal()
    current_changed = Signal()
    current_updated = Signal()
    pixels_ready = Signal(object)
    pixels_failed = Signal(object)
    progress_changed = Signal()
    model_changed = Signal()
    failed = Signal(object)
    device_failed = Signal(object)
    said = Signal(str)

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.photos = PhotoModel(self)
        self.model: LoadedModel | None = None
        self.tasks = Tasks(self)
        self.roster = DeviceRoster(settings, self.tasks, self)
        self.jobs = ModelJobs(settings, self)
        self.inference = InferenceThread(self)
        self._current: Photo | None = None
        self._serial = 0
        self._is_live = False
        self._listings: dict[str, list[Photo] | None] = {}
        self._quiet: set[str] = set()
        self._asked: Wanted | None = None
        self._broken: VggscopeError | None = None
        self._with_thumbnail: OrderedDict[int, Photo] = OrderedDict()
        self.inference.model_loaded.connect(self._on_model_loaded)
        self.inference.model_failed.connect(self._on_model_failed)
        self.inference.moved.connect(self._on_moved)
        self.inference.device_failed.connect(self._on_device_failed)
        self.inference.answered.connect(self._on_answer)
        self.roster.decided.connect(self._on_device)
        self.roster.failed.connect(self.device_failed)
        settings.changed.connect(self._on_setting)

    def start(self) -> None:
        """Begin to work: load the model."""
        self.inference.start()
        self._load()

    def stop(self) -> bool:
        """End all threads; False if a device hangs and its thread with it."""
        self.roster.stop()
        self.jobs.stop()
        self.tasks.stop()
        return self.inference.stop()

    # Photos

    @property
    def current(self) -> Photo | None:
        """The photo on the canvas."""
        return self._current

    @property
    def broken(self) -> VggscopeError | None:
        """Why no model at all can be used."""
        return self._broken

    @property
    def progress(self) -> tuple[int, int]:
        """(how many photos wait for nothing any more, how many there are)."""
        total = len(self.photos)
        return total - self.photos.count(State.WAITING), total

    @property
    def is_busy(self) -> bool:
        """Whether photos wait to be classified."""
        return self.photos.count(State.WAITING) > 0

    @property
    def seconds_in_run(self) -> float:
        """How long the present run of the network lasts; 0 between runs."""
        return self.inference.seconds_in_run

    @property
    def is_live(self) -> bool:
        """Whether moving pictures are looked at, before all photos."""
        return self._is_live

    def set_live(self, is_live: bool) -> None:
        """Moving pictures are, or are not, looked at."""
        self._is_live = is_live
        self.progress_changed.emit()

    @property
    def has_wanted_model(self) -> bool:
        """Whether ``model`` is the one, with the fit, that the user wants."""
        wanted, model = self._wanted(), self.model
        return model is not None and (model.name, model.fit) == (wanted.model, wanted.fit)

    @property
    def is_listing(self) -> bool:
        """Whether folders are being read."""
        return bool(self._listings)

    def open_paths(self, paths: Sequence[str]) -> None:
        """Add the pictures at ``paths``; folders with their subfolders. Listed off this thread."""
        if not paths:
            return
        self._serial += 1
        key = f"list {self._serial}"
        self._listings[key] = None
        self.progress_changed.emit()

        def deliver(photos: list[Photo]) -> None:
            self._listings[key] = photos
            self._add_listed()
            self.progress_changed.emit()

        self.tasks.run(
            key, lambda: photos_of_paths(paths, lambda: self.tasks.is_pending(key)), deliver
        )

    def _add_listed(self) -> None:
        """Add what was found, in the order in which it was asked for."""
        while self._listings:
            key, photos = next(iter(self._listings.items()))
            if photos is None:
                return
            del self._listings[key]
            is_quiet = key in self._quiet
            self._quiet.discard(key)
            self.add(photos, quietly=is_quiet)

    def hush(self) -> None:
        """Something else is to be seen now: photos that are still being listed come quietly."""
        self._quiet.update(self._listings)

    def add(self, photos: Sequence[Photo], *, quietly: bool = False) -> None:
        """Add photos; the first new one becomes the current one.

        Args:
            photos: any number.
            quietly: without ``added``.
        """
        if not photos:
            return
        self.photos.add(photos)
        if not quietly:
            self.added.emit()
        self.inference.classify(p for p in photos if p.state is State.WAITING)
        self._admit_defeat()
        self.choose(photos[0].key)
        self.progress_changed.emit()

    def choose(self, key: int) -> None:
        """Show the photo ``key``."""
        row = self.photos.row_of(key)
        photo = None if row is None else self.photos.at(row)
        if photo is self._current:
            return
        self._current = photo
        self.inference.prefer(key)
        self.current_changed.emit()
        self.read_pixels()

    def remove_current(self, successor: int | None) -> None:
        """Take the current photo out; the photo ``successor`` becomes the current one."""
        if self._current is None:
            return
        row = self.photos.row_of(self._current.key)
        if row is None:
            return
        self.inference.withdraw(self._current.key)
        self._with_thumbnail.pop(self._current.key, None)
        self.photos.remove(row)
        if successor is None:
            self._show_none()
        else:
            self.choose(successor)
        self.progress_changed.emit()

    def remove_all(self) -> list[Photo]:
        """Take all photos out; returns them for ``bring_back``."""
        removed = list(self.photos)
        self.inference.withdraw_all()
        self._with_thumbnail.clear()
        self.photos.clear()
        self._show_none()
        self.progress_changed.emit()
        return removed

    def bring_back(self, photos: Sequence[Photo], *, of_model: LoadedModel | None) -> None:
        """Put back what was removed while ``of_model`` was loaded."""
        if self.model != of_model:
            for photo in photos:
                if photo.state is State.DONE:
                    photo.await_again()
        self.add(photos)

    def want_thumbnail(self, photo: Photo) -> None:
        """The view shows a photo that has none: its turn has not come, or was long ago."""
        key = f"thumbnail {photo.key}"
        if self.tasks.is_pending(key) or photo.state is State.FAILED:
            return

        def deliver(thumbnail: QImage) -> None:
            self._keep_thumbnail(photo, thumbnail)
            self.photos.tell([photo])

        self.tasks.run(
            key,
            lambda: thumbnail_of(image_of(read_photo(photo, _THUMBNAIL_ENOUGH))),
            deliver,
            lambda error: self._on_unreadable(photo, error),
            in_background=True,
        )

    # Work

    def halt(self) -> None:
        """Stop classifying and looking for pictures; what is done stays."""
        for key in self._listings:
            self.tasks.forget(key)
        self._listings.clear()
        self._quiet.clear()
        self.inference.withdraw_all()
        self._set_state(State.WAITING, State.STOPPED)

    def classify_again(self) -> None:
        """Take up what was stopped, or else read and classify the current photo anew.

        In either case what failed is tried again.
        """
        if self._broken is not None:
            self._broken = None
            self._load()
        # A file that was missing may be there again; an address will not become a file.
        photos = [
            photo
            for photo in self.photos
            if photo.state is State.STOPPED or (photo.state is State.FAILED and photo.path)
        ]
        current = self._current
        resumes = any(photo.state is State.STOPPED for photo in photos)
        if current is not None and current.state is State.DONE and not resumes:
            photos.append(current)
        for photo in photos:
            photo.await_again()
        self.inference.classify(photos)
        if self._current in photos:
            self.read_pixels()
        self._tell(photos)

    def results(self) -> list[tuple[str, Any]]:
        """(location, outcome) of all photos that have one."""
        return [(p.location, p.outcome) for p in self.photos if p.outcome and not p.stale]

    def export(self, path: str, as_json: bool) -> None:
        """Write all results to a file, as the command line would."""
        results, top, total = self.results(), self._settings.number(TOP), len(self.photos)
        text = self.tr("Wrote the results of {0} of {1} photos to {2}.")
        self.tasks.run(
            f"export {path}",
            _exporter(path, results, top, as_json),
            lambda _: self.said.emit(text.format(len(results), total, path)),
            self.failed.emit,
            promised=True,
        )

    # Slots

    @Slot(str)
    def _on_setting(self, key: str) -> None:
        if key in {MODEL.key, FIT.key, PROTOCOL.key} and not self._is_asked_for():
            self._load()
        elif key in {DEVICE.key, EXACT.key}:
            self.roster.decide()

    @Slot(object)
    def _on_model_loaded(self, model: LoadedModel) -> None:
        self.model = model
        self._broken = None
        # What still waits is given to the new model anyway; no model can help a file that cannot
        # be read.
        renewed = [
            photo
            for photo in self.photos
            if photo.state is State.DONE or isinstance(photo.error, ModelError | DeviceError)
        ]
        for photo in renewed:
            photo.await_again()
        self.inference.classify(renewed)
        self.model_changed.emit()
        self._tell(renewed)
        # It runs; whether it could run faster is found out meanwhile.
        self.roster.decide(model.name)

    @Slot(object)
    def _on_moved(self, model: LoadedModel) -> None:
        self.model = model
        self.model_changed.emit()

    @Slot(object)
    def _on_device_failed(self, error: DeviceError) -> None:
        self.device_failed.emit(error)
        self.roster.look()

    @Slot(object)
    def _on_device(self, device: Device) -> None:
        # Even if it is the one in use: another move may be on its way.
        self.inference.move(self.roster.model, device)

    @Slot(object)
    def _on_model_failed(self, error: VggscopeError) -> None:
        if self.model is not None:
            # The one in use stays, and the settings say so.
            self._asked = replace(self._wanted(), model=self.model.name, fit=self.model.fit)
            self._settings.set(MODEL, self.model.name)
        elif self._settings.text(MODEL) != MODEL.default:
            self._settings.set(MODEL, MODEL.default)
        else:
            self._broken = error
            self._admit_defeat()
        self.failed.emit(error)
        self.model_changed.emit()

    @Slot(object)
    def _on_answer(self, answer: Answer) -> None:
        photo = answer.photo
        if self.model is None or answer.generation != self.model.generation:
            return
        if photo.state is not State.WAITING:
            return
        photo.outcome, photo.stale = answer.outcome, False
        photo.state = State.FAILED if photo.error is not None else State.DONE
        photo.size = answer.size
        if answer.thumbnail is not None:
            self._keep_thumbnail(photo, answer.thumbnail)
        self._tell([photo])

    def read_pixels(self) -> None:
        """Read the current photo for the canvas."""
        photo = self._current
        if photo is None or (photo.error is not None and photo.path is None):
            self.tasks.forget("pixels")
            return
        self.tasks.run(
            "pixels",
            lambda: levels_for_screen(photo),
            self.pixels_ready.emit,
            lambda error: self._on_unreadable(photo, error),
        )

    def _on_unreadable(self, photo: Photo, error: VggscopeError) -> None:
        if photo.state is State.STOPPED:
            # Nobody else will find out.
            photo.state, photo.outcome = State.FAILED, error
            self._tell([photo])
        elif photo is self._current:
            self.pixels_failed.emit(error)

    def _wanted(self) -> Wanted:
        """What the settings ask for."""
        text, fit = self._settings.text, self._settings.text(FIT)
        return Wanted(
            text(MODEL),
            None if fit == FIT.default else cast("Fit", fit),
            text(DEVICE),
            self._settings.flag(EXACT),
            cast("Protocol", text(PROTOCOL)),
        )

    def _is_asked_for(self) -> bool:
        """Whether the thread was told to load just the model and the fit that are wanted."""
        wanted, asked = self._wanted(), self._asked
        return asked is not None and (wanted.model, wanted.fit, wanted.protocol) == (
            asked.model,
            asked.fit,
            asked.protocol,
        )

    def _load(self) -> None:
        self._asked = self._wanted()
        self.inference.load(self._asked)

    def _admit_defeat(self) -> None:
        """Without any model every photo fails, for the reason that the model did."""
        if self._broken is None:
            return
        self.inference.withdraw_all()
        waiting = [p for p in self.photos if p.state is State.WAITING]
        for photo in waiting:
            photo.state, photo.outcome = State.FAILED, self._broken
        self._tell(waiting)

    def _keep_thumbnail(self, photo: Photo, thumbnail: QImage) -> None:
        """Keep the latest thousand: ten thousand would fill a gigabyte."""
        photo.thumbnail = thumbnail
        self._with_thumbnail[photo.key] = photo
        self._with_thumbnail.move_to_end(photo.key)
        if len(self._with_thumbnail) > _THUMBNAILS_KEPT:
            self._with_thumbnail.popitem(last=False)[1].thumbnail = None

    def _show_none(self) -> None:
        self._current = None
        self.tasks.forget("pixels")
        self.current_changed.emit()

    def _set_state(self, former: State, latter: State) -> None:
        changed = [p for p in self.photos if p.state is former]
        for photo in changed:
            photo.state = latter
        self._tell(changed)

    def _tell(self, photos: Iterable[Photo]) -> None:
        photos = list(photos)
        self.photos.tell(photos)
        if self._current in photos:
            self.current_updated.emit()
        self.progress_changed.emit()


def _exporter(
    path: str,
    results: list[tuple[str, Any]],
    top: int,
    as_json: bool,
) -> Callable[[], None]:
    def write() -> None:
        from vggscope.inference import report  # noqa: PLC0415 (not needed to start)

        if as_json:
            text = report.as_json([report.as_json_object(*r, top) for r in results])
        else:
            text = report.as_csv(results, top)
        file = QSaveFile(path)
        if file.open(QSaveFile.OpenModeFlag.WriteOnly):
            file.write(text.encode("utf-8", "backslashreplace"))
        if not file.commit():
            raise OutputError(name=Path(path).name, reason=file.errorString())

    return write
