"""The layer browser with photos: every layer of the starter, how it is shown, what is pointed at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from ui.layers.layers_driver import KEY, STARTER, box_of, changed_area
from ui.window_driver import sample
from vggscope.inference.map_views import maps_picture, spot_at
from vggscope.ui.layers.colours import colour_table
from vggscope.ui.layers.histogram import value_text
from vggscope.ui.settings import CROP_BOX
from vggscope.ui.texts import percent

if TYPE_CHECKING:
    from ui.layers.layers_driver import Layers, Truth
    from vggscope.inference.feature_maps import FeatureMaps

ALT = Qt.KeyboardModifier.AltModifier


def assert_shows(layers: Layers, expected: FeatureMaps) -> None:
    """Whether the grid shows ``expected``, number by number and level by level."""
    picture = layers.grid.picture
    assert picture is not None, layers.reason
    assert np.array_equal(picture.maps.values, expected.values)
    wanted = maps_picture(expected, picture.look)
    assert np.array_equal(picture.grid.pixels, wanted.grid.pixels)
    assert picture.grid.order.tolist() == wanted.grid.order.tolist()


def by_figure_key(layers: Layers, _layer: str) -> None:
    layers.user.key(KEY.Key_Right, on=layers.browser.figure)


def by_figure_click(layers: Layers, layer: str) -> None:
    layers.click_layer(layer)


def by_shortcut(layers: Layers, _layer: str) -> None:
    layers.press(KEY.Key_Down, ALT)


def by_table(layers: Layers, layer: str) -> None:
    layers.show_page("Table")
    view = layers.table
    index = view.model().index(STARTER.index(layer), 0)
    assert str(index.data()).startswith(f"{layer} (")
    view.scrollTo(index)
    layers.user.click(view.viewport(), view.visualRect(index).center())


def test_every_layer_of_the_starter(layers: Layers, truth: Truth) -> None:
    """By turns with the keys of the figure, its mouse, the window's shortcut, the table."""
    assert not layers.is_visible
    layers.open("zebra")
    assert layers.shown == "conv1_1", "the first convolution, with the first photo"
    layers.user.key(KEY.Key_Home, on=layers.browser.figure)
    layers.settle("data")
    ways = (by_figure_key, by_figure_click, by_shortcut, by_table)
    for number, layer in enumerate(STARTER):
        if number:
            ways[number % 4](layers, layer)
            layers.settle(layer)
        expected = truth("zebra", layer)
        assert layers.reason == "", layer
        assert_shows(layers, expected)
        assert layers.browser.figure.current == layer
        assert layers.table.currentIndex().row() == number
        count, height, width = expected.values.shape
        texts = layers.texts(layers.browser.maps).splitlines()
        assert texts[0] == layer
        size = f"{count} units" if expected.is_vector else f"{count} channels · {height} × {width}"
        assert texts[1].startswith(size)
    layers.press(KEY.Key_Down, ALT)
    assert layers.browser.figure.current == "prob", "there is nothing behind it"
    layers.press(KEY.Key_Up, ALT)
    layers.settle("fc8")


def test_how_the_maps_are_shown(layers: Layers, truth: Truth) -> None:
    layers.open("zebra")
    layers.choose("conv3_3")
    expected = truth("zebra", "conv3_3")
    values = expected.values.reshape(256, -1)
    keys = {
        "Mean": values.mean(axis=1, dtype=np.float64),
        "Maximum": values.max(axis=1),
        "Zeros": (values == 0).mean(axis=1),
    }
    for order, key in keys.items():
        layers.pick("Order of channels", order)
        assert_shows(layers, expected)
        shown = key[layers.grid.picture.grid.order]
        assert (np.diff(shown) <= 0).all(), order
        assert shown[0] > shown[-1]
    dead = {int(c) for c in np.flatnonzero(~values.any(axis=1))}
    layers.toggle("Only live channels")
    assert set(layers.grid.picture.grid.order.tolist()) == set(range(256)) - dead
    assert layers.browser.maps.look.alive_only
    layers.toggle("Only live channels")
    layers.pick("Order of channels", "Number")

    # What is painted: colours of levels, by the range of each channel and of the whole layer.
    channel = int(values.max(axis=1).argmax())
    other = int(values.max(axis=1).argsort()[128])
    layers.pick("Range of values", "Per channel")
    layers.zoom_in(other)
    row, column = divmod(int(values[other].argmax()), 56)
    layers.user.wait(lambda: layers.grid.zoom >= 2)
    table = colour_table("viridis")
    highest = QColor.fromRgb(table[254])
    at = layers.place(other, row, column)
    if not layers.grid.rect().contains(at):
        layers.grid.choose(other)
    assert layers.colour_at(other, row, column) == highest
    layers.pick("Range of values", "Whole layer")
    level = round(254 * float(values[other].max()) / float(values.max()))
    near = [QColor.fromRgb(table[each]) for each in range(level - 1, level + 2)]
    assert layers.colour_at(other, row, column) in near
    layers.pick("Colours", "Inferno")
    table = colour_table("inferno")
    near = [QColor.fromRgb(table[each]) for each in range(level - 1, level + 2)]
    assert layers.colour_at(other, row, column) in near
    assert channel != other
