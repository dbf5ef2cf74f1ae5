"""The layer browser in the window: what is looked at, asked for, and shown.

What is shown follows from what there is (picture, model, layer, channel, the look of the maps):
``refresh`` works out anew what that is, and asks for what is missing. Answers to former questions
are dropped by whoever answers; until the present one comes, what is shown is marked as stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from PySide6.QtCore import QObject

from vggscope.inference.subject import Subject
from vggscope.inference.tap import Tap
from vggscope.ui.file_dialogs import ask_for_folder
from vggscope.ui.latest import Latest
from vggscope.ui.layers.browser import LayerBrowser
from vggscope.ui.layers.canvas_marker import CanvasMarker
from vggscope.ui.layers.comparison import Comparison, Question
from vggscope.ui.layers.drawing import Drawing, draw
from vggscope.ui.layers.exporter import Exporter
from vggscope.ui.layers.looking import Looking
from vggscope.ui.layers.pages import Times, WeightsPage
from vggscope.ui.layers.patch_search import PatchSearch
from vggscope.ui.layers.subjects import subject_of_none, subject_of_photo, subject_of_shot
from vggscope.ui.photos import State
from vggscope.ui.settings import MAP_COLOURS, MIRROR
from vggscope.ui.texts import explanation_of, message_of
from vggscope.ui.throttle import Throttle
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from vggscope.errors import VggscopeError
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.top_patches import Patch
    from vggscope.ui.inference_messages import LoadedModel
    from vggscope.ui.live.presenter import LivePresenter
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.photos import Photo
    from vggscope.ui.settings import Settings
    from vggscope.ui.theme import Theme
    from vggscope.vgg.anatomy import Anatomy

_SHOWN: Final = "shown"
_CALM_MS: Final = 66
"""Between two pictures of the maps of moving pictures."""


class _Stream(NamedTuple):
    """What the maps of moving pictures are of: those of one source, model and layer."""

    epoch: int
    generation: int
    tap: Tap


class LayersPresenter(QObject):
    """Made when the browser is first shown (``LayersSwitch``); from then on as old as the window.

    Attributes:
        browser: what it fills.
        search: the search for top patches.
    """

    def __init__(self, window: MainWindow, settings: Settings, theme: Theme) -> None:
        super().__init__(window)
        self._window, self._settings = window, settings
        self._bench = bench = window.workbench
        self.browser = LayerBrowser(theme, settings)
        self._looking = Looking(bench.inference.errands)
        self._exporter = Exporter(window, bench.tasks, settings)
        self.search = PatchSearch(bench, self._looking, self.browser.patches, self)
        self._comparison = Comparison(self.browser, self._looking, self._redraw)
        self._weights = WeightsPage(self.browser.weights, self._looking, _SHOWN)
        self._times = Times(self.browser.figure, self.browser.table, self._looking)
        self._marker = CanvasMarker(window.canvas, self.browser, settings, self._mirrored_width)
        self._is_wanted = False
        self._read_for = ""
        self._anatomy: Anatomy | None = None
        self._layer = ""
        self._channels: dict[str, int] = {}
        self._asked: Question | None = None
        self._failed: Question | None = None
        self._maps: FeatureMaps | None = None
        self._owner: Question | _Stream | None = None
        self._drawing: Drawing | None = None
        self._drawn_for: Question | _Stream | None = None
        self._refused = ""
        self._draw = Latest(bench.tasks, "layer drawing", self._on_drawing)
        self._live_answers = Throttle(self._take_live, _CALM_MS, self)
        self._connect()

    def follow_live(self, live: LivePresenter) -> None:
        """Look at what live mode shows as well, from now on."""
        live.session.answered.connect(self._on_live_answer)
        live.session.state_changed.connect(self.refresh)
        live.session.source_changed.connect(self.refresh)

    def want(self, is_wanted: bool) -> None:
        """Show the browser, if there is a picture, or hide it."""
        self._is_wanted = is_wanted
        self.refresh()

    def step(self, by: int) -> None:
        """Go to the next layer, or with -1 to the one before."""
        if self._anatomy is not None and self._is_shown:
            names = [layer.name for layer in self._anatomy.network.layers]
            here = names.index(self._layer)
            self.choose(names[min(max(here + by, 0), len(names) - 1)])

    def choose(self, layer: str, channel: int | None = None) -> None:
        """Look at ``layer``, and at its channel ``channel``."""
        if self._anatomy is None or self._anatomy.find(layer) is None:
            return
        if channel is not None:
            self._channels[layer] = channel
        self._layer = layer
        self._marker.forget()
        self.browser.figure.choose(layer)
        self.browser.table.choose(layer)
        self.refresh()
        if self._maps is not None and self._maps.layer.name == layer:
            self._redraw()

    def _connect(self) -> None:
        bench, browser, settings = self._bench, self.browser, self._settings
        bench.current_changed.connect(self._on_other_photo)
        bench.current_updated.connect(self.refresh)
        bench.model_changed.connect(self.refresh)
        bench.inference.tap_failed.connect(self._on_tap_failed)
        settings.changed.connect(self._on_setting)
        for part in (browser.figure, browser.table):
            part.layer_chosen.connect(self.choose)
        browser.page_changed.connect(self._follow_page)
        browser.table.said.connect(self._window.tell_briefly)
        maps = browser.maps
        maps.look_changed.connect(self._redraw)
        maps.channel_chosen.connect(self._choose_channel)
        maps.before_relu_changed.connect(self.refresh)
        maps.pin_wanted.connect(self._pin)
        maps.unpin_wanted.connect(self._comparison.unpin)
        maps.export_wanted.connect(self._export_maps)
        channel = browser.channel
        channel.channel_chosen.connect(self._choose_channel)
        channel.export_wanted.connect(self._export_channel)
        browser.weights.feeder_chosen.connect(self.choose)
        browser.patches.folder_wanted.connect(self._choose_folder)
        self.search.photo_wanted.connect(self._show_patch)

    # What there is

    @property
    def _is_shown(self) -> bool:
        window = self._window
        return self._is_wanted and (window.is_live or self._bench.current is not None)

    @property
    def _live(self) -> LivePresenter | None:
        return self._window.live if self._window.is_live else None

    @property
    def _tap(self) -> Tap:
        site = None if self._anatomy is None else self._anatomy.find(self._layer)
        can_show_before = site is not None and site.before is not None
        return Tap(self._layer, before_relu=self.browser.maps.before_relu and can_show_before)

    @property
    def _shown(self) -> Question | None:
        """The question that the maps answer; None if they are of moving pictures, or of nothing."""
        return self._owner if isinstance(self._owner, Question) else None

    @property
    def _channel(self) -> int | None:
        return self._channels.get(self._layer)

    def _subject(self, model: LoadedModel) -> Subject | tuple[str, bool]:
        """What stays on the canvas; if there is nothing, why, and whether it is about to come."""
        if (live := self._live) is not None:
            shot = live.session.frozen
            if shot is None:
                return self.tr("There is no picture to look at."), False
            return subject_of_shot(shot, live.name, model)
        photo = self._bench.current
        if photo is None:
            return self.tr("Open a photo, and every layer shows what it makes of it."), False
        if photo.error is not None:
            return message_of(photo.error), False
        if photo.state is State.WAITING:
            return self.tr("Looking at {0}…").format(photo.name), True
        return subject_of_photo(photo, model)

    def _mirrored_width(self) -> float | None:
        live = self._live
        return None if live is None else live.mirrored_width

    # Asking

    def refresh(self) -> None:
        """Show what is to be shown now."""
        browser, thread = self.browser, self._bench.inference
        is_shown = self._is_shown
        browser.setVisible(is_shown)
        if not is_shown:
            thread.tap(None)
            self._looking.forget(_SHOWN)
            self._marker.show(None)
            return
        model = self._bench.model
        if model is None:
            self._show_no_model()
            return
        self._read_network(model)
        if self._anatomy is None:
            return
        self._times.follow(model)
        live = self._live
        if live is not None and live.session.is_flowing:
            self._looking.forget(_SHOWN)
            self._asked = None
            # Nobody sees a minimised window, but it may record.
            thread.tap(None if self._window.isMinimized() else self._tap)
            self._take_live()
        else:
            if live is None:
                thread.tap(None)
            subject = self._subject(model)
            if isinstance(subject, Subject):
                self._ask(Question(subject, self._tap))
            else:
                self._show_reason(*subject)
        self._comparison.follow(self._tap)
        self._follow_page()

    def _read_network(self, model: LoadedModel) -> None:
        """Find the layers of the model, unless they are known."""
        if self._read_for == model.name:
            return
        self._read_for = name = model.name
        self._anatomy = self._owner = None
        self._weights.forget()
        self._times.forget()
        self.browser.figure.show_network(None)
        self.browser.table.show_network(None)
        self._show_reason(self.tr("Reading the layers of {0}…").format(model.title), True)

        def read() -> Anatomy:
            from vggscope.zoo.models import find_model  # noqa: PLC0415 (when layers are shown)

            return find_model(name).anatomy()

        self._bench.tasks.run("anatomy", read, self._on_anatomy, self._on_no_anatomy)

    def _on_anatomy(self, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        network = anatomy.network
        for part in (self.browser.figure, self.browser.table):
            part.show_network(network)
        self.browser.show_note(
            ""
            if anatomy.is_chain
            else self.tr(
                "This network branches ({0}). Its layers are listed in the order of computation; "
                "receptive fields behind the branch are upper bounds."
            ).format(anatomy.reason)
        )
        if network.find(self._layer) is None:
            convolutions = [each for each in network.layers if each.kind is Kind.CONVOLUTION]
            self._layer = (convolutions or [*network.layers[1:], network.layers[0]])[0].name
        self.choose(self._layer)

    def _on_no_anatomy(self, error: VggscopeError) -> None:
        self._show_reason(explanation_of(error), False)

    def _ask(self, question: Question) -> None:
        if question == self._shown:
            self._asked = None
            self._looking.forget(_SHOWN)
            self.browser.maps.set_stale("")
            self.browser.channel.set_stale(False)
            self._mark()
            return
        if question == self._failed:
            return
        if question == self._asked and self._looking.is_pending(_SHOWN):
            return
        self._asked, self._failed = question, None
        self._show_stale(self.tr("Looking…"))
        self._looking.look(_SHOWN, *question, self._on_maps, self._on_failure)

    def _on_maps(self, maps: FeatureMaps) -> None:
        self._owner, self._asked, self._maps = self._asked, None, maps
        self._redraw()
        self._follow_page()

    def _on_failure(self, error: VggscopeError) -> None:
        # Not asked again by itself: it would fail again.
        self._failed, self._asked = self._asked, None
        self._show_reason(explanation_of(error), False)

    # Moving pictures

    def _on_live_answer(self) -> None:
        live = self._live
        if live is not None and live.session.is_flowing:
            self._live_answers()

    def _take_live(self) -> None:
        live, tap = self._live, self._tap
        if live is None or not live.session.is_flowing or not self._is_shown:
            return
        session = live.session
        stream = _Stream(session.epoch, session.generation, tap)
        if self._owner != stream:
            # What is marked stays marked from frame to frame, and no longer.
            if not isinstance(self._owner, _Stream) or self._owner.epoch != stream.epoch:
                self._marker.forget()
            self._owner = None
            self._mark()
        maps = None if session.result is None else session.result.maps
        if maps is not None and not session.is_stale and _is_of(maps, tap):
            self._refused = ""
            self._owner, self._maps = stream, maps
            self._redraw()
        elif self._refused:
            self._show_reason(self._refused, False)
        elif self._owner is not None:
            # Errors of single frames are told beside the picture.
            self._show_stale(self.tr("Out of date"))
        else:
            self._show_stale(self.tr("Opening {0}…").format(tap.layer))

    def _on_tap_failed(self, error: VggscopeError) -> None:
        self._refused = explanation_of(error)
        self._take_live()

    # Showing

    def _redraw(self) -> None:
        """Draw what is known anew: in another look, with another channel."""
        maps, look = self._maps, self.browser.maps.look
        if maps is None:
            return
        channel, pinned = self._channels.get(maps.layer.name), self._comparison.maps_of(maps)
        owner = self._owner
        self._draw(lambda: (owner, draw(maps, look, channel, pinned)))

    def _on_drawing(self, drawn: tuple[Question | _Stream | None, Drawing]) -> None:
        owner, drawing = drawn
        # Otherwise it comes too late, and another one is on its way.
        if owner is None or owner != self._owner or self._anatomy is None:
            return
        maps = drawing.maps.maps
        self._drawing, self._drawn_for = drawing, owner
        channel = drawing.channel.channel
        self._channels.setdefault(maps.layer.name, channel)
        browser, site = self.browser, self._anatomy.find(maps.layer.name)
        can_show_before = site is not None and site.before is not None
        browser.maps.show_picture(drawing.maps, can_show_before=can_show_before)
        browser.maps.choose(channel)
        browser.channel.show_picture(drawing.channel)
        browser.channel.set_stale(False)
        self._comparison.show(drawing)
        self._mark()
        if self._asked is not None:
            self._show_stale(self.tr("Looking…"))
        self._follow_page()

    def _choose_channel(self, channel: int) -> None:
        self._channels[self._layer] = channel
        self._marker.forget()
        self.browser.maps.choose(channel)
        self._redraw()

    def _on_setting(self, key: str) -> None:
        if key in {MAP_COLOURS.key, MIRROR.key}:
            self._mark()

    def _on_other_photo(self) -> None:
        self._marker.forget()
        self.refresh()

    def _show_reason(self, text: str, busy: bool) -> None:
        """Say why there is nothing to see; what was there before is gone, unless it is coming."""
        if busy and self._maps is not None and self._drawing is not None:
            self._show_stale(text)
            return
        self._maps = self._drawing = self._owner = self._drawn_for = None
        self._draw.forget()
        self.browser.maps.show_reason(text, busy=busy)
        self.browser.channel.show_reason(text)
        self._marker.show(None)

    def _show_stale(self, text: str) -> None:
        if self._drawing is None:
            self.browser.maps.show_reason(text, busy=True)
            self.browser.channel.show_reason(text)
            return
        self.browser.maps.set_stale(text)
        self.browser.channel.set_stale(True)
        self._marker.show(None)

    def _show_no_model(self) -> None:
        broken = self._bench.broken
        text = self.tr("The model is being loaded…") if broken is None else message_of(broken)
        self._show_reason(text, broken is None)

    # Comparing

    def _pin(self) -> None:
        """Keep what is looked at, to compare others with it."""
        model = self._bench.model
        if model is None:
            return
        name = ""
        subject: Subject | tuple[str, bool]
        if (live := self._live) is not None:
            shot, name = live.session.kept(), live.name
            subject = "", False
            if shot is not None:
                subject = subject_of_shot(shot, name, model)
        else:
            subject = self._subject(model)
            if self._bench.current is not None:
                name = self._bench.current.name
        if isinstance(subject, Subject):
            self._comparison.pin(subject, f"{name} · {model.title}", self._tap)

    def _mark(self) -> None:
        # What is stale is of another picture.
        is_present = self._asked is None and self._drawn_for == self._owner
        self._marker.show(self._drawing if is_present else None)

    # Pages

    def _follow_page(self) -> None:
        """Ask for what the page beside the maps needs, if it is seen."""
        page, channel, model = self.browser.page, self._channel, self._bench.model
        if model is None or channel is None or not self._layer:
            return
        if page is self.browser.weights:
            # The picture comes first: then there is something that weights are multiplied with.
            if self._asked is None:
                shown = self._shown
                subject = subject_of_none(model)
                if shown is not None and shown.subject.model == model.name:
                    subject = shown.subject
                self._weights.show(subject, self._layer, channel)
        elif page is self.browser.patches and self._anatomy is not None:
            site = self._anatomy.find(self._layer)
            if site is not None:
                self.search.show(site.layer, channel, self._anatomy.network, model)

    # Files

    def _export_maps(self, form: str) -> None:
        if form == "npz" and self._anatomy is not None:
            if self._shown is None:
                self._window.messages.tell(self.tr("Freeze the picture first, then export it."))
                return
            names = [layer.name for layer in self._anatomy.network.layers]
            self._exporter.export_all(_SHOWN, self._shown.subject, names, self._looking)
        elif self._drawing is not None:
            self._exporter.export_maps(self._drawing.maps, form)

    def _export_channel(self, form: str) -> None:
        if self._drawing is not None:
            self._exporter.export_channel(self._drawing.channel, form)

    def _choose_folder(self) -> None:
        for folder in ask_for_folder(self._window):
            self.search.use_folder(folder)

    def _show_patch(self, photo: Photo, patch: Patch) -> None:
        """Show where a patch comes from."""
        from vggscope.inference.feature_maps import Position  # noqa: PLC0415 (maps are shown)
        from vggscope.inference.map_views import Spot  # noqa: PLC0415 (likewise)

        position = Position(patch.row, patch.column, patch.value)
        spot = Spot(position=position, field=patch.field, on_picture=patch.box)
        if self._bench.photos.row_of(photo.key) is None:
            self._bench.add([photo])
        else:
            self._bench.choose(photo.key)
        self._marker.choose(spot)


def _is_of(maps: FeatureMaps, tap: Tap) -> bool:
    return (maps.layer.name, maps.before_relu) == (tap.layer, tap.before_relu)
