"""What a channel multiplies by: tiles, the channels that feed it, and where they lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QProgressBar, QTableWidget, QToolButton

from vggscope.inference.feature_maps import Position
from vggscope.inference.weight_views import Feeder, PassThrough, UnitWeights
from vggscope.ui.layers.colours import colour_table
from vggscope.ui.layers.weight_tiles import WeightTiles
from vggscope.ui.layers.weights_panel import WeightsPanel
from vggscope.ui.settings import Settings
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from vggscope.ui.theme import Theme


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme) -> WeightsPanel:
    made = WeightsPanel(theme, Settings())
    qtbot.addWidget(made)
    made.resize(300, 600)
    made.show()
    qtbot.waitExposed(made)
    return made


def weights(**changes: object) -> UnitWeights:
    facts: dict[str, object] = {
        "layer": "conv3_3",
        "unit": 84,
        "source": "conv3_2",
        "first": 0,
        "values": np.ones((3, 3, 3), np.float32),
        "rgb": None,
        "channels": "",
        "slices": (2, 0),
        "levels": np.stack([np.full((3, 3), 254, np.uint8), np.full((3, 3), 0, np.uint8)]),
        "scale": 0.5,
        "feeders": (
            Feeder(layer="conv3_2", channel=2, norm=1.5, contribution=-40.0),
            Feeder(layer="conv3_2", channel=0, norm=1.25, contribution=20.0),
        ),
        "rest": 3.0,
        "contribution_at": Position(29, 21, 9310.0),
    }
    return UnitWeights(**(facts | changes))


def shown_texts(panel: WeightsPanel) -> str:
    labels = [each for each in panel.findChildren(QLabel) if each.isVisibleTo(panel)]
    return "\n".join(label.text() for label in labels)


def cells(panel: WeightsPanel) -> list[list[str]]:
    table = panel.findChild(QTableWidget)
    return [[table.item(row, c).text() for c in range(3)] for row in range(table.rowCount())]


def test_slices_are_tiles_around_zero(panel: WeightsPanel) -> None:
    panel.show_weights(weights())
    tiles = panel.findChild(WeightTiles)
    image = tiles.grab().toImage()
    found = [image.pixelColor(box.center().toPoint()) for box in tiles.tile_boxes()]
    table = colour_table("diverging")
    assert found == [QColor.fromRgb(table[254]), QColor.fromRgb(table[0])]
    assert "#2, #0" in tiles.accessibleDescription()
    assert "3 × 3 × 3 weights from conv3_2" in shown_texts(panel)


def test_a_first_filter_is_a_picture_in_colours(panel: WeightsPanel, qtbot: QtBot) -> None:
    rgb = np.zeros((3, 3, 3), np.uint8)
    rgb[..., 0] = 255
    feeder = Feeder(layer="data", channel=0, norm=1.0, contribution=None)
    panel.show_weights(
        weights(rgb=rgb, channels="BGR", source="data", feeders=(feeder,), rest=None)
    )
    tiles = panel.findChild(WeightTiles)
    first, *others = tiles.tile_boxes()
    assert tiles.grab().toImage().pixelColor(first.center().toPoint()) == QColor("#ff0000")
    assert first.width() > others[0].width()
    assert cells(panel)[0][0] == "blue", "the model reads blue first"
    # Its slices stand in the order that people know, the strongest wherever it is.
    levels = np.stack([np.full((3, 3), level, np.uint8) for level in (254, 127, 0)])
    panel.show_weights(weights(rgb=rgb, channels="BGR", slices=(0, 2, 1), levels=levels))
    assert tiles.accessibleDescription().endswith(": red, green, blue")
    qtbot.wait(5)
    image, (_, *boxes) = tiles.grab().toImage(), tiles.tile_boxes()
    found = [image.pixelColor(box.center().toPoint()) for box in boxes]
    table = colour_table("diverging")
    assert found == [QColor.fromRgb(table[level]) for level in (127, 0, 254)]


def test_feeders_are_followed(panel: WeightsPanel, qtbot: QtBot) -> None:
    heard: list[tuple[str, int]] = []
    panel.feeder_chosen.connect(lambda *feeder: heard.append(feeder))
    panel.show_weights(weights())
    assert cells(panel) == [["#2", "1.5", "−40"], ["#0", "1.25", "20"]]
    texts = shown_texts(panel)
    assert "at row 29, column 21" in texts
    assert "The other 1 add 3 together" in texts
    table = panel.findChild(QTableWidget)
    place = table.visualItemRect(table.item(0, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert heard == [("conv3_2", 2)], "a double click is followed once"
    qtbot.wait(QApplication.doubleClickInterval() + 20)
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert len(heard) == 1, "walking the list leads nowhere"
    QTest.keyClick(table, Qt.Key.Key_Return)
    assert heard[-1] == ("conv3_2", 0)


def test_bars_point_to_either_side(panel: WeightsPanel) -> None:
    panel.show_weights(weights())
    table = panel.findChild(QTableWidget)
    image = table.viewport().grab().toImage()

    def coloured(row: int, test: str) -> list[int]:
        box = table.visualItemRect(table.item(row, 2))
        colours = [
            (x, image.pixelColor(x, box.center().y())) for x in range(box.left() + 70, box.right())
        ]
        if test == "red":
            return [x for x, c in colours if c.red() > c.blue() + 80]
        return [x for x, c in colours if c.blue() > c.red() + 80]

    blue, red = coloured(0, "blue"), coloured(1, "red")
    assert blue
    assert red
    assert not coloured(0, "red")
    assert max(blue) <= min(red)
    assert len(blue) == pytest.approx(2 * len(red), abs=3)


@pytest.mark.parametrize(
    ("through", "sentence", "link"),
    [
        (
            PassThrough(
                layer="pool3", unit=84, source="conv3_3", source_unit=84, how=Kind.MAX_POOLING
            ),
            "Channel 84 of pool3 is the maximum of channel 84 of conv3_3",
            ("conv3_3", 84),
        ),
        (
            PassThrough(layer="prob", unit=3, source="fc8", source_unit=3, how=Kind.SOFTMAX),
            "softmax makes of unit 3 of fc8",
            ("fc8", 3),
        ),
        (
            PassThrough(
                layer="flatten",
                unit=60,
                source="pool5",
                source_unit=1,
                how=Kind.FLATTEN,
                row=1,
                column=4,
            ),
            "channel 1 of pool5 at row 1, column 4",
            ("pool5", 1),
        ),
        (
            PassThrough(layer="data", unit=0, source="", source_unit=None, how=Kind.INPUT),
            "the picture itself",
            None,
        ),
        (
            PassThrough(layer="add", unit=0, source="", source_unit=None, how=Kind.OTHER),
            "branches",
            None,
        ),
    ],
)
def test_layers_without_weights_are_explained(
    panel: WeightsPanel, through: PassThrough, sentence: str, link: tuple[str, int] | None
) -> None:
    heard: list[tuple[str, int]] = []
    panel.feeder_chosen.connect(lambda *feeder: heard.append(feeder))
    panel.show_weights(weights())
    panel.show_weights(through)
    assert sentence in shown_texts(panel)
    button = panel.findChild(QToolButton)
    assert button.isVisible() == (link is not None)
    if link is not None:
        button.click()
        assert heard == [link]


def test_without_a_picture_norms_are_compared(panel: WeightsPanel) -> None:
    feeders = tuple(
        Feeder(layer="fc6", channel=channel, norm=norm, contribution=None)
        for channel, norm in ((5, 0.5), (1, 0.25))
    )
    values = np.zeros((8, 1, 1), np.float32)
    values[5], values[1] = -0.5, 0.25
    panel.show_weights(
        weights(layer="fc7", values=values, feeders=feeders, rest=None, contribution_at=None)
    )
    assert cells(panel) == [["#5", "−0.5", ""], ["#1", "0.25", ""]], "signed, since there is one"
    assert "The 2 with the strongest weights of 8" in shown_texts(panel)
    assert not panel.findChild(WeightTiles).isVisible()
    panel.show_weights(weights(feeders=(), slices=(), levels=np.empty((0, 3, 3), np.uint8)))
    assert "nothing feeds it" in shown_texts(panel)


def test_it_is_never_empty(panel: WeightsPanel) -> None:
    assert "Choose a channel" in shown_texts(panel)
    panel.show_reason("Reading the weights…", busy=True)
    assert panel.findChild(QProgressBar).isVisible()
    panel.show_reason("They cannot be read.")
    assert not panel.findChild(QProgressBar).isVisible()
    assert "They cannot be read." in shown_texts(panel)
