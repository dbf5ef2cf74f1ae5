"""The pictures of the layer browser: a story of its own for ``screenshots.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox

from vggscope.ui.layers.channel_map import ChannelMap
from vggscope.ui.settings import LAYERS, MAP_COLOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

    from screenshots import Studio
    from vggscope.ui.layers.browser import LayerBrowser
    from vggscope.ui.layers.presenter import LayersPresenter

    Wanted = Callable[[str], bool]

SIZE: Final = (1200, 900)
"""Of the window: large enough for maps that can be told apart."""
SHOWN: Final = {
    "conv1_1": 58,
    "conv3_3": 84,
    "pool5": 104,
    "fc7": None,
    "prob": 340,
}
"""Layers, with the channel (of prob: the class) that the zebra is to be seen in."""
_SCHEMES: Final = (("", "light"), ("-dark", "dark"))
_MOMENT: Final = 3.6
"""Seconds of the film after which it is photographed: a photo fills it then."""


class LayerStudio:
    """Chooses layers, channels and pages in a studio's window, and waits for them."""

    def __init__(self, studio: Studio, wanted: Wanted) -> None:
        self.studio = studio
        self._wanted = wanted
        studio.window.resize(*SIZE)

    @property
    def presenter(self) -> LayersPresenter:
        self.studio.wait(lambda: self.studio.window.layers is not None)
        layers = self.studio.window.layers
        if layers is None:
            raise RuntimeError("there is no layer browser")
        return layers

    @property
    def browser(self) -> LayerBrowser:
        return self.presenter.browser

    def settle(self) -> None:
        """Wait until the maps, and whatever is measured and searched besides, are there."""
        studio = self.studio
        bench, grid = studio.window.workbench, self.browser.maps.grid
        uses = ("shown", "shown weights", "pinned", "patches", "times")
        drawn = ("anatomy", "layer drawing", "patch tiles", "pixels")
        studio.wait(lambda: grid.picture is not None)
        for _ in range(2):  # What is searched is drawn afterwards.
            studio.wait(lambda: not any(map(bench.inference.errands.is_pending, uses)))
            studio.wait(lambda: not any(map(bench.tasks.is_pending, drawn)))
            studio.settle()

    def open(self, *names: str) -> None:
        self.studio.open(*names)
        self.settle()

    def look(self, layer: str, channel: int | None = None, page: QWidget | None = None) -> None:
        """Show a channel of a layer, and the page of it that is asked for."""
        self.presenter.choose(layer, channel)
        self.browser.show_page(page or self.browser.channel)
        self.settle()

    def shoot(self, name: str, part: QWidget | None = None) -> None:
        """The window, or a part of it, in light and dark, whichever is wanted."""
        for ending, scheme in _SCHEMES:
            if self._wanted(name + ending):
                self.studio.theme.use(scheme)
                self.settle()
                self.studio.shoot(name + ending, part)

    def is_wanted(self, name: str) -> bool:
        """In whatever scheme."""
        return any(self._wanted(name + ending) for ending, _ in _SCHEMES)

    def is_wanted_exactly(self, name: str) -> bool:
        return self._wanted(name)


def shoot_layers(studio: Studio, wanted: Wanted, film: Path) -> None:
    """All pictures of the layer browser."""
    # Or the first photo would be classified by the CPU, before the devices were tried.
    studio.settle()
    studio.settings.set(LAYERS, value=True)
    studio.window.workbench.remove_all()
    own = LayerStudio(studio, wanted)
    own.open("zebra.jpg")
    for layer, channel in SHOWN.items():
        if own.is_wanted(f"layers-{layer}"):
            own.look(layer, channel)
            own.shoot(f"layers-{layer}")
    browser = own.browser
    if own.is_wanted("layers-weights"):
        own.look("conv1_1", SHOWN["conv1_1"], browser.weights)
        own.shoot("layers-weights", browser)
    if own.is_wanted("layers-feeders"):
        own.look("conv3_3", SHOWN["conv3_3"], browser.weights)
        own.shoot("layers-feeders")
    if own.is_wanted("layers-table"):
        own.look("conv3_3", SHOWN["conv3_3"], browser.table)
        own.shoot("layers-table")
    if own.is_wanted("layers-overlay"):
        _overlay(own)
    if own.is_wanted("layers-compare"):
        own.look("conv3_3", SHOWN["conv3_3"])
        browser.maps.pin_wanted.emit()
        own.open("coffee.jpg")
        own.shoot("layers-compare")
        browser.maps.unpin_wanted.emit()
    if own.is_wanted("layers-patches"):
        _patches(own)
    if own.is_wanted("layers-live"):
        _live(own, film)
    studio.settings.set(LAYERS, value=False)


def _overlay(own: LayerStudio) -> None:
    """A channel over the photo, and what the position under the mouse sees of it."""
    panel = own.browser.channel
    own.look("conv3_3", SHOWN["conv3_3"])
    [box] = [each for each in panel.findChildren(QCheckBox) if each.isVisible()]
    box.click()
    own.studio.settings.set(MAP_COLOURS, "inferno")
    own.settle()
    large = panel.findChild(ChannelMap)
    if large is None:
        raise RuntimeError("no channel is shown large")
    place = large.cell_box(*_strongest(own)).center().toPoint()
    QTest.mouseMove(large, place)
    own.shoot("layers-overlay")
    QTest.mouseMove(own.studio.window, QPoint(700, 4))
    own.studio.settings.set(MAP_COLOURS, "viridis")
    box.click()


def _strongest(own: LayerStudio) -> tuple[int, int]:
    picture, channel = own.browser.maps.grid.picture, own.browser.maps.grid.chosen
    if picture is None or channel is None:
        raise RuntimeError("no channel is chosen")
    [position] = picture.maps.strongest(channel, 1)
    return position.row, position.column


def _patches(own: LayerStudio) -> None:
    """What of all sample photos excites a channel most."""
    own.studio.window.workbench.remove_all()
    own.open(*_samples())
    own.look("conv5_3", 439, own.browser.patches)
    own.shoot("layers-patches")


def _samples() -> Iterator[str]:
    from screenshots import SAMPLES  # noqa: PLC0415 (which imports this module)

    return (path.name for path in sorted(SAMPLES.glob("*.jpg")))


def _live(own: LayerStudio, film: Path) -> None:
    """The maps of a film that plays."""
    studio, window = own.studio, own.studio.window
    own.look("conv3_3", SHOWN["conv3_3"])
    for ending, scheme in _SCHEMES:
        if own.is_wanted_exactly(f"layers-live{ending}"):
            studio.theme.use(scheme)
            window.open_paths([str(film)])
            studio.wait(lambda: _seconds(own) > _MOMENT)
            studio.shoot(f"layers-live{ending}")
    window.actions_by_key["source_photos"].trigger()
    studio.settle()


def _seconds(own: LayerStudio) -> float:
    """Where in the film the maps are that are shown; 0 if there are none yet."""
    live = own.studio.window.live
    result = None if live is None else live.session.result
    return 0.0 if result is None or result.maps is None else result.seconds
