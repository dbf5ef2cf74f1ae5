"""The hands and eyes of a user of the layer browser: what its tests share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QSlider,
    QSpinBox,
    QTableWidget,
    QToolButton,
)

from ui.window_driver import texts_in
from vggscope.inference.layer_reader import LayerReader
from vggscope.ui.layers.channel_map import ChannelMap
from vggscope.ui.layers.elided import Elided
from vggscope.ui.layers.reason_page import ReasonPage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from numpy.typing import NDArray
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QTableView, QWidget

    from ui.window_driver import Driver
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.preprocessing import CropBox
    from vggscope.ui.canvas import Canvas
    from vggscope.ui.canvas_marks import Mark
    from vggscope.ui.layers.browser import LayerBrowser
    from vggscope.ui.layers.maps_grid import MapsGrid
    from vggscope.ui.layers.presenter import LayersPresenter

    Truth = Callable[..., FeatureMaps]

KEY = Qt.Key
STARTER = (
    *("data", "conv1_1", "conv1_2", "pool1", "conv2_1", "conv2_2", "pool2"),
    *("conv3_1", "conv3_2", "conv3_3", "pool3", "conv4_1", "conv4_2", "conv4_3", "pool4"),
    *("conv5_1", "conv5_2", "conv5_3", "pool5"),
    *("fc6", "pool6", "fc7", "flatten", "fc8", "prob"),
)
"""The layers of the bundled models."""
HIGH = (1400, 1000)
"""A window with room for all of the browser."""


class Layers:
    """The layer browser of a window, and its user."""

    def __init__(self, user: Driver) -> None:
        self.user = user

    @property
    def presenter(self) -> LayersPresenter:
        layers = self.user.window.layers
        assert layers is not None
        return layers

    @property
    def browser(self) -> LayerBrowser:
        return self.presenter.browser

    @property
    def grid(self) -> MapsGrid:
        return self.browser.maps.grid

    @property
    def pinned(self) -> MapsGrid:
        return self.browser.maps.pinned_grid

    @property
    def map(self) -> ChannelMap:
        """The channel that is shown large."""
        found = self.browser.channel.findChild(ChannelMap)
        assert found is not None
        return found

    @property
    def canvas(self) -> Canvas:
        return self.user.window.canvas

    # What is to be seen

    @property
    def is_visible(self) -> bool:
        layers = self.user.window.layers
        return layers is not None and layers.browser.isVisible()

    @property
    def maps(self) -> FeatureMaps:
        """Those in the grid."""
        picture = self.grid.picture
        assert picture is not None, self.reason
        return picture.maps

    @property
    def shown(self) -> str:
        """The layer whose maps are in the grid; "" if there are none."""
        picture = self.grid.picture
        return "" if picture is None or not self.grid.isVisible() else picture.maps.layer.name

    @property
    def reason(self) -> str:
        """Why there are no maps; "" if there are some."""
        page = self.browser.maps.findChild(ReasonPage)
        assert page is not None
        return " ".join(texts_in(page)) if page.isVisible() else ""

    @property
    def note(self) -> str:
        """What stands on the maps ("Looking…")."""
        said = self.grid.accessibleDescription()
        return "" if said.startswith("Channel") else said.split(" · ")[0]

    @property
    def channel(self) -> int | None:
        """The channel that is marked in the grid."""
        return self.grid.chosen

    @property
    def marks(self) -> tuple[Mark, ...]:
        return self.canvas.marks

    def texts(self, part: QWidget | None = None) -> str:
        """All that can be read on the browser, or on a part of it."""
        labels = [w for w in (part or self.browser).findChildren(QLabel) if w.isVisible()]
        return "\n".join(
            label.accessibleName() if isinstance(label, Elided) else label.text()
            for label in labels
        )

    def is_calm(self) -> bool:
        """Whether what is shown is all that is to come."""
        bench = self.user.bench
        errands = bench.inference.errands
        asked = any(map(errands.is_pending, ("shown", "shown weights", "pinned")))
        drawn = any(map(bench.tasks.is_pending, ("anatomy", "layer drawing", "pixels")))
        return not asked and not drawn and not bench.is_busy and not self.note

    def settle(self, layer: str = "") -> None:
        """Wait until the maps of ``layer``, or of any, are there, and nothing else is to come."""
        wait = self.user.wait
        wait(lambda: self.is_visible)
        wait(lambda: self.is_calm() and (not layer or self.shown == layer))
        # Qt shows in the next turn of the loop what was moved from one layout to another.
        QApplication.processEvents()

    def open(self, *photos: str) -> None:
        """Drop samples; wait until the last of them, or the one that is shown, is looked into."""
        self.user.open(*photos)
        self.settle()

    # Layers

    def choose(self, layer: str) -> None:
        """By a click on the figure, and wait for its maps."""
        self.click_layer(layer)
        self.settle(layer)

    def click_layer(self, layer: str) -> None:
        self.user.wait(lambda: self.is_visible and bool(self.browser.figure.current))
        figure = self.browser.figure
        self.user.click(figure, figure.place_of(layer).center().toPoint())

    def press(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        """On the window itself: whatever has the keyboard, it is a shortcut."""
        self.user.key(key, *modifiers, on=self.user.window)

    @property
    def table(self) -> QTableView:
        return self.browser.table.view

    def show_page(self, title: str) -> None:
        """Channel, Weights, Top patches or Table."""
        self.user.click(self.user.button(f"Show: {title}", self.browser))

    # Controls

    def button(self, text: str, part: QWidget | None = None) -> QToolButton:
        """The button that shows ``text``, or is called so, visible or in a menu at the end."""
        [found] = [
            each
            for each in (part or self.browser.maps).findChildren(QToolButton)
            if text in (each.text(), each.accessibleName())
        ]
        return found

    def entry(self, button: str, text: str, part: QWidget | None = None) -> QAction:
        """An entry of the menu of a button."""
        menu = self.button(button, part).menu()
        assert isinstance(menu, QMenu)
        entries = {action.text(): action for action in menu.actions()}
        assert text in entries, sorted(entries)
        return entries[text]

    def pick(self, button: str, text: str) -> None:
        """Choose how the maps are shown, and wait until they are."""
        self.entry(button, text).trigger()
        self.settle()

    def toggle(self, text: str) -> None:
        action = self.button(text).defaultAction()
        assert action.isEnabled(), text
        action.trigger()
        self.settle()

    @property
    def number(self) -> QSpinBox:
        found = self.browser.channel.findChild(QSpinBox)
        assert found is not None
        return found

    def type_channel(self, number: int) -> None:
        """Into the field of the channel's page, and wait for it."""
        self.show_page("Channel")
        self.number.setFocus()
        self.number.selectAll()
        QTest.keyClicks(self.number, str(number))
        self.user.key(KEY.Key_Return, on=self.number)
        self.user.wait(lambda: self.channel == number)
        self.settle()

    def type_into(self, field: str, text: str) -> None:
        """Into a field of the maps, as fast as nobody is; wait for what comes of it."""
        [found] = [
            each
            for each in self.browser.maps.findChildren(QLineEdit)
            if each.accessibleName() == field
        ]
        found.setFocus()
        found.selectAll()
        QTest.keyClicks(found, text)
        self.settle()

    def overlay(self, *, on: bool, opacity: int | None = None) -> None:
        """Lay the channel over the photo, or not; ``opacity`` is in percent."""
        panel = self.browser.channel
        [box] = [b for b in panel.findChildren(QCheckBox) if b.text() == "Overlay on the photo"]
        if box.isChecked() is not on:
            box.click()
        if opacity is not None:
            [slider] = panel.findChildren(QSlider)
            slider.setValue(opacity)

    def tables(self, name: str) -> QTableWidget:
        """A table of a page, by its name for screen readers."""
        [found] = [t for t in self.browser.findChildren(QTableWidget) if t.accessibleName() == name]
        return found

    def show_figures(self) -> None:
        """Of the channel; where there is little room, they are behind a switch."""
        for each in self.browser.channel.findChildren(QToolButton):
            if each.accessibleName() == "Show the statistics of this channel" and each.isVisible():
                self.user.click(each)
        QApplication.processEvents()

    def mark_strongest(self) -> None:
        """On the photo, or no longer."""
        tip = "Mark on the photo what each of these positions sees"
        [button] = [
            each
            for each in self.browser.channel.findChildren(QToolButton)
            if each.accessibleDescription() == tip
        ]
        button.click()

    # The mouse

    def place(
        self, channel: int, row: int = 0, column: int = 0, grid: MapsGrid | None = None
    ) -> QPoint:
        """Where a value of a map is on the grid."""
        grid = grid or self.grid
        tile = grid.tile_rect(channel)
        assert tile is not None
        return (tile.topLeft() + QPointF(column + 0.5, row + 0.5) * grid.zoom).toPoint()

    def point_at(self, channel: int, row: int = 0, column: int = 0) -> tuple[int, int, int]:
        """Point at a value in the grid; (channel, row, column) of what is there."""
        _move(self.grid, self.place(channel, row, column))
        cell = self.grid.cell
        assert cell is not None
        return cell.channel, cell.row, cell.column

    def point_at_map(self, row: int, column: int) -> None:
        """Point at a value of the channel that is shown large."""
        _move(self.map, self.map.cell_box(row, column).center().toPoint())

    def leave(self) -> None:
        """With the mouse."""
        for part in (self.grid, self.pinned, self.map):
            QApplication.sendEvent(part, QEvent(QEvent.Type.Leave))

    def click_channel(self, channel: int, grid: MapsGrid | None = None) -> None:
        """In the grid; wait until it is shown large."""
        grid = grid or self.grid
        tile = grid.tile_rect(channel)
        assert tile is not None
        self.user.click(grid, tile.center().toPoint())
        self.user.wait(lambda: self.channel == self.number.value() == channel)

    # Pixels

    def colour_at(self, channel: int, row: int, column: int) -> QColor:
        """What is painted in the middle of a value of the grid."""
        image = self.grid.grab().toImage()
        return image.pixelColor(self.place(channel, row, column))

    def canvas_image(self) -> QImage:
        return self.canvas.grab().toImage()

    def on_canvas(self, box: CropBox) -> QRectF:
        """A box in the photo's pixels on the canvas."""
        first, last = QPointF(*box[:2]), QPointF(*box[2:])
        return QRectF(self.canvas.to_screen(first), self.canvas.to_screen(last))

    # Patches

    @property
    def tiles(self) -> QListView:
        [view] = self.browser.patches.findChildren(QListView)
        return view

    def captions(self) -> list[str]:
        """The values below the tiles, in their order."""
        model = self.tiles.model()
        return [str(model.index(row, 0).data()) for row in range(model.rowCount())]

    def click_tile(self, row: int) -> None:
        view = self.tiles
        rect = view.visualRect(view.model().index(row, 0))
        self.user.click(view.viewport(), rect.center())

    # Files

    def export(self, button: str, text: str, part: QWidget, path: Path) -> None:
        """By the menu of a button; the dialog is answered elsewhere."""
        self.entry(button, text, part).trigger()
        self.user.wait(lambda: path.exists() or self.user.window.messages.isVisible())


def _move(part: QWidget, place: QPoint) -> None:
    # Not by QTest: it asks the system, which drops a move to where the mouse was before.
    at, none = QPointF(place), Qt.MouseButton.NoButton
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        at,
        part.mapToGlobal(at),
        none,
        none,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(part, event)


class Slow:
    """A network that looks into layers only when the test lets it.

    Attributes:
        go_on: lets it.
        looks: layers that were looked at.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.looks: list[str] = []
        self._free = 0
        look = LayerReader.look

        def wait(reader: LayerReader, picture: Any, layer: str, **options: Any) -> FeatureMaps:
            self.looks.append(layer)
            self._free -= 1
            while self._free < 0 and not self.go_on.wait(0.01):
                if cancellation := options.get("cancellation"):
                    cancellation.check()
            return look(reader, picture, layer, **options)

        monkeypatch.setattr(LayerReader, "look", wait)

    def hold(self, *, after: int = 0) -> None:
        """From now on it waits; after so many more looks."""
        self._free = after
        self.looks.clear()
        self.go_on.clear()


def box_of(mark: Mark) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) in the photo's pixels."""
    return mark.box.left(), mark.box.top(), mark.box.right(), mark.box.bottom()


def changed_area(before: QImage, after: QImage) -> QRectF:
    """The smallest box around all pixels that differ; null if none do."""
    assert before.size() == after.size()
    one, other = (pixels(image) for image in (before, after))
    differs = (one != other).any(axis=2)
    if not differs.any():
        return QRectF()
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    return QRectF(
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
    )


def pixels(image: QImage) -> NDArray[np.uint8]:
    """[row, column, blue green red]."""
    converted = image.convertToFormat(QImage.Format.Format_RGB32)
    flat = np.frombuffer(converted.constBits(), np.uint8)
    return flat.reshape(converted.height(), converted.width(), 4)[:, :, :3].copy()
