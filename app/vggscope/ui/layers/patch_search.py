"""Looks through many photos for what excites a channel most, in the background."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage

from vggscope import paths
from vggscope.errors import ImageError, VggscopeError
from vggscope.inference.subject import Subject
from vggscope.sources.finding import display_name
from vggscope.ui.images import image_of_pixels, read_photo
from vggscope.ui.incoming import photos_of_paths
from vggscope.ui.latest import Latest
from vggscope.ui.layers.histogram import value_text
from vggscope.ui.layers.patch_tiles import PatchTile
from vggscope.ui.texts import explanation_of
from vggscope.ui.throttle import Throttle

if TYPE_CHECKING:
    from vggscope.inference.patch_store import PatchStore
    from vggscope.inference.readers import Readers
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.top_patches import Patch, Peaks, TopPatches
    from vggscope.ui.inference_messages import LoadedModel
    from vggscope.ui.layers.looking import Looking
    from vggscope.ui.layers.patches_panel import PatchesPanel
    from vggscope.ui.photos import Photo
    from vggscope.ui.workbench import Workbench
    from vggscope.vgg.network import Layer, Network
    from vggscope.zoo.normal_form import Fit

_USE: Final = "patches"
_TILES: Final = "patch tiles"
_LISTING: Final = "patch folder"
_STEP: Final = 0.05
"""Seconds that photos which are known already may take together before others have their turn."""
_CALM_MS: Final = 400
_SIDE: Final = 192
"""Pixels of a tile: twice what is shown, for HiDPI screens."""
_ENOUGH: Final = 1024
"""Shorter side up to which a photo is decoded: what a network of 224 pixels sees, four times."""
_IMAGES_KEPT: Final = 500


class PatchSearch(QObject):
    """Fills a ``PatchesPanel``.

    Signals:
        photo_wanted: (``Photo``, ``Patch``): the user wants to see where a patch comes from.
    """

    photo_wanted = Signal(object, object)

    def __init__(
        self, bench: Workbench, looking: Looking, panel: PatchesPanel, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._bench, self._looking, self._panel = bench, looking, panel
        self._folder: list[Photo] | None = None
        self._folder_name = ""
        self._model: LoadedModel | None = None
        self._layer: Layer | None = None
        self._channel = 0
        self._input_size = (0, 0)
        self._top: TopPatches | None = None
        self._failed: set[Photo] = set()
        self._reason = ""
        self._is_running = self._is_stopped = False
        self._images: dict[tuple[int, tuple[float, ...]], QImage] = {}
        # Of the inference thread:
        self._store: PatchStore | None = None
        self._tiles = Latest(bench.tasks, _TILES, self._on_images)
        self._calmly = Throttle(self._present, _CALM_MS, self)
        panel.search_wanted.connect(self._start)
        panel.stop_wanted.connect(self._stop)
        panel.photos_wanted.connect(self._use_photos)
        panel.patch_chosen.connect(self._on_patch)

    def show(self, layer: Layer, channel: int, network: Network, model: LoadedModel) -> None:
        """Show what excites a channel, as far as it is known, and look on through the photos."""
        height, width, _ = network.input_shape
        is_new = self._model is None or _way(model) != _way(self._model)
        self._model, self._layer, self._channel = model, layer, channel
        self._input_size = width, height
        if is_new:
            self._begin_anew()
        else:
            # Photos of the window may have come or gone; an interrupted search goes on.
            self._start(resumes=True)

    def use_folder(self, folder: str) -> None:
        """Look through the pictures in ``folder`` instead of those in the window."""
        self._stop()
        self._folder_name = display_name(Path(folder).name or folder)
        self._panel.show_reason(self.tr("Looking for pictures…"))
        tasks = self._bench.tasks
        tasks.run(
            _LISTING,
            lambda: photos_of_paths([folder], lambda: tasks.is_pending(_LISTING)),
            self._on_listed,
        )

    @property
    def _photos(self) -> list[Photo]:
        photos = self._bench.photos if self._folder is None else self._folder
        return [p for p in photos if not isinstance(p.error, ImageError)]

    def _on_listed(self, photos: list[Photo]) -> None:
        self._folder = photos
        self._begin_anew()

    def _use_photos(self) -> None:
        self._stop()
        self._folder = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._top, self._failed = None, set()
        self._start()

    def _start(self, *, resumes: bool = False) -> None:
        """Look through what has not been looked at; after a stop only if the user wants it."""
        if resumes and self._is_stopped:
            return
        self._is_stopped = False
        self._reason = ""
        self._forget_removed()
        self._is_running = bool(self._remaining())
        if self._is_running and not self._looking.is_pending(_USE):
            self._take_step()
        self._present()

    def _stop(self) -> None:
        self._is_stopped, self._is_running = True, False
        self._looking.forget(_USE)
        self._bench.tasks.forget(_LISTING)
        self._present()

    def _forget_removed(self) -> None:
        top = self._top
        if top is not None:
            kept = set(self._photos)
            for photo in top.photos - kept:
                top.remove(photo)

    def _remaining(self) -> list[Photo]:
        top, failed = self._top, self._failed
        return [p for p in self._photos if p not in failed and (top is None or p not in top)]

    # Searching

    def _take_step(self) -> None:
        model, photos = self._model, self._remaining()
        if model is None:
            return
        self._looking.run(
            _USE,
            lambda eyes, cancellation: self._look(eyes, cancellation, photos, model),
            self._on_step,
            self._on_failure,
            in_background=True,
        )

    def _look(
        self, eyes: Readers, cancellation: Cancellation, photos: list[Photo], model: LoadedModel
    ) -> list[tuple[Photo, Peaks | ImageError]]:
        """What some of ``photos`` excite: as many as are known, or one that is not."""
        from vggscope.inference.patch_store import FILE, PatchStore, PhotoKey  # noqa: PLC0415
        from vggscope.inference.top_patches import peaks_of  # noqa: PLC0415 (numpy)

        if self._store is None:
            self._store = PatchStore(paths.cache_dir() / FILE)
        store, fit = self._store, model.fit or ""
        until = time.monotonic() + _STEP
        found: list[tuple[Photo, Peaks | ImageError]] = []
        for photo in photos:
            cancellation.check()
            subject = Subject(key=photo.key, read=None, model=model.name, fit=model.fit)
            reader = eyes.reader(_USE, subject)
            key = None if photo.path is None else PhotoKey.of(photo.path)
            peaks = None if key is None else store.get(reader.model.identity, fit, key)
            is_known = peaks is not None
            if peaks is None:
                try:
                    frame = read_photo(photo, reader.enough)
                except ImageError as error:
                    found.append((photo, error))
                    continue
                peaks = peaks_of(reader, frame, cancellation)
                if key is not None:
                    store.put(reader.model.identity, fit, key, peaks)
            found.append((photo, peaks))
            if not is_known or time.monotonic() > until:
                break
        return found

    def _on_step(self, found: list[tuple[Photo, Peaks | ImageError]]) -> None:
        from vggscope.inference.top_patches import TopPatches  # noqa: PLC0415 (numpy)

        for photo, peaks in found:
            if isinstance(peaks, ImageError):
                self._failed.add(photo)
                continue
            if self._top is None:
                self._top = TopPatches(self._input_size)
            self._top.add(photo, peaks)
        if self._remaining():
            self._take_step()
        else:
            self._is_running = False
            self._tidy()
        self._calmly()

    def _on_failure(self, error: VggscopeError) -> None:
        self._is_running = False
        self._reason = explanation_of(error)
        self._present()

    def _tidy(self) -> None:
        """Keep the file of what is known in bounds, and close it."""
        store = self._store
        if store is not None:

            def tidy() -> None:
                store.prune()
                store.close()

            self._bench.tasks.run("patch store", tidy, lambda _: None, in_background=True)

    # Showing

    def _present(self) -> None:
        photos, panel, layer = self._photos, self._panel, self._layer
        panel.show_source(self._source_text(len(photos)))
        failed = len(self._failed.intersection(photos))
        done = len(photos) - len(self._remaining())
        panel.show_progress(done, len(photos), failed=failed, running=self._is_running)
        if layer is None:
            return
        best = [] if self._top is None else self._top.best(layer, self._channel)
        if not best:
            panel.show_reason(self._why_empty(len(photos)))
            return
        images = [self._images.get(_key_of(patch)) for patch in best]
        kind = self.tr("unit") if len(layer.output_shape) == 1 else self.tr("channel")
        panel.show_patches(
            f"{layer.name}, {kind} {self._channel}",
            [
                PatchTile(patch, image, value_text(patch.value), patch.photo.name)
                for patch, image in zip(best, images, strict=True)
            ],
        )
        missing = [p for p, image in zip(best, images, strict=True) if image is None]
        if missing:
            self._tiles(lambda: [(_key_of(patch), _cut(patch)) for patch in missing])

    def _source_text(self, count: int) -> str:
        # Not by %n, whose English plural needs a translation, too.
        photos = self.tr("1 photo") if count == 1 else self.tr("{0} photos").format(count)
        if self._folder is None:
            return self.tr("{0} of this window").format(photos)
        return self.tr("folder {0}, {1}").format(self._folder_name, photos)

    def _why_empty(self, count: int) -> str:
        if self._reason:
            return self._reason
        if not count:
            return self.tr(
                "Open photos or choose a folder, and VGGscope looks through them for what excites "
                "this channel most."
            )
        if self._is_running:
            return self.tr("Looking through the photos…")
        if self._is_stopped:
            return self.tr("Stopped. Nothing of what was looked at excites this channel.")
        return self.tr("Nothing in these photos excites this channel.")

    def _on_images(self, images: list[tuple[tuple[int, tuple[float, ...]], QImage]]) -> None:
        self._images.update(images)
        while len(self._images) > _IMAGES_KEPT:
            del self._images[next(iter(self._images))]
        self._present()

    def _on_patch(self, patch: Patch) -> None:
        self.photo_wanted.emit(patch.photo, patch)


def _key_of(patch: Patch) -> tuple[int, tuple[float, ...]]:
    return patch.photo.key, tuple(patch.box)


def _way(model: LoadedModel) -> tuple[str, Fit | None]:
    """Whatever decides what a photo excites."""
    return model.name, model.fit


def _cut(patch: Patch) -> QImage:
    """The pixels of ``patch``; one gray one if its photo cannot be read any more."""
    from vggscope.inference.top_patches import patch_pixels  # noqa: PLC0415 (numpy)

    try:
        frame = read_photo(patch.photo, _ENOUGH)
    except ImageError:
        gone = QImage(1, 1, QImage.Format.Format_RGB32)
        gone.fill(Qt.GlobalColor.gray)
        return gone
    return image_of_pixels(patch_pixels(frame, patch.box, _SIDE))
