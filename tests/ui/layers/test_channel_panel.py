"""One channel, large: read, chosen, marked, and told apart from what is out of date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QCheckBox,
    QLabel,
    QSlider,
    QSpinBox,
    QTableWidget,
    QToolButton,
    QWidget,
)

from inference.maps import maps_of
from vggscope.inference.map_views import Look, Spot, channel_picture
from vggscope.ui.layers.channel_map import ChannelMap, ColourBar
from vggscope.ui.layers.channel_panel import ChannelPanel
from vggscope.ui.layers.colours import colour_table
from vggscope.ui.layers.drawing import draw
from vggscope.ui.layers.histogram import HistogramView, value_text
from vggscope.ui.settings import MAP_COLOURS, Settings

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from vggscope.inference.map_views import ChannelPicture
    from vggscope.ui.theme import Theme


def ramp(channels: int = 4, side: int = 56) -> np.ndarray:
    values = np.arange(channels * side * side, dtype=np.float32)
    return values.reshape(channels, side, side)


def picture(channel: int = 2, **changes: object) -> ChannelPicture:
    return channel_picture(maps_of(ramp(), **changes), channel, Look())


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, settings: Settings) -> ChannelPanel:
    made = ChannelPanel(theme, settings)
    qtbot.addWidget(made)
    made.resize(320, 520)
    made.show()
    made.activateWindow()
    qtbot.waitActive(made)
    return made


def shown_texts(panel: ChannelPanel) -> str:
    labels = [each for each in panel.findChildren(QLabel) if each.isVisibleTo(panel)]
    return "\n".join(label.text() for label in labels)


def the_map(panel: ChannelPanel) -> ChannelMap:
    return panel.findChild(ChannelMap)


def spot_place(panel: ChannelPanel, row: int, column: int) -> QPoint:
    return the_map(panel).cell_box(row, column).center().toPoint()


def test_the_map_is_painted_cell_by_cell(panel: ChannelPanel, settings: Settings) -> None:
    shown = picture()
    panel.show_picture(shown)
    for colours in ("viridis", "inferno"):
        settings.set(MAP_COLOURS, colours)
        image = the_map(panel).grab().toImage()
        for row, column in ((0, 0), (20, 30), (55, 55)):
            found = image.pixelColor(spot_place(panel, row, column))
            expected = QColor.fromRgb(colour_table(colours)[shown.pixels[row, column]])
            assert found == expected, (colours, row, column)


def test_the_mouse_reads_a_value(panel: ChannelPanel) -> None:
    heard: list[Spot | None] = []
    panel.hovered.connect(heard.append)
    shown = picture()
    panel.show_picture(shown)
    QTest.mouseMove(the_map(panel), spot_place(panel, 29, 21))
    value = shown.maps.values[2, 29, 21]
    assert f"value at (row 29, column 21): {value:,.0f}" in shown_texts(panel)
    spot = heard[-1]
    assert spot is not None
    assert (spot.position.row, spot.position.column, spot.position.value) == (29, 21, value)
    assert spot.field == shown.maps.receptive_field(29, 21)
    QTest.mouseMove(the_map(panel), QPoint(1, the_map(panel).height() - 1))
    assert heard[-1] is None, "beside the map"


def test_the_keyboard_reads_and_chooses(panel: ChannelPanel) -> None:
    heard: list[Spot | None] = []
    panel.spot_chosen.connect(heard.append)
    panel.show_picture(picture())
    view = the_map(panel)
    view.setFocus(Qt.FocusReason.TabFocusReason)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right):
        QTest.keyClick(view, key)
    assert "row 1, column 2" in view.accessibleDescription()
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert (heard[-1].position.row, heard[-1].position.column) == (1, 2)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert heard[-1] is None


def test_a_chosen_position_stays_with_its_channel(panel: ChannelPanel) -> None:
    heard: list[Spot | None] = []
    panel.spot_chosen.connect(heard.append)
    panel.show_picture(picture())
    QTest.mouseClick(the_map(panel), Qt.MouseButton.LeftButton, pos=spot_place(panel, 9, 8))
    assert (heard[-1].position.row, heard[-1].position.column) == (9, 8)
    other = channel_picture(maps_of(ramp() + 1000), 2, Look())
    panel.show_picture(other)
    assert heard[-1].position.value == other.maps.values[2, 9, 8], "the next picture's value"
    panel.show_picture(channel_picture(other.maps, 3, Look()))
    assert heard[-1] is None
    count = len(heard)
    panel.show_picture(channel_picture(other.maps, 3, Look(normalisation="layer")))
    assert len(heard) == count, "nothing was chosen, nothing is dropped"


def test_the_strongest_are_listed_and_chosen(panel: ChannelPanel) -> None:
    heard: list[Spot | None] = []
    all_of_them: list[bool] = []
    panel.spot_chosen.connect(heard.append)
    panel.spots_shown.connect(all_of_them.append)
    shown = picture()
    panel.show_picture(shown)
    table = panel.findChild(QTableWidget)
    assert table.rowCount() == 9
    assert table.item(0, 1).text() == "55, 55"
    width = shown.spots[0].field.right - shown.spots[0].field.left
    assert table.item(0, 2).text().startswith(f"{width}×")
    table.setFocus()
    assert not heard, "looking at the list chooses nothing"
    place = table.visualItemRect(table.item(2, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert heard == [shown.spots[2]]
    QTest.keyClick(table, Qt.Key.Key_Up)
    assert heard[-1] == shown.spots[1]
    [button] = [b for b in panel.findChildren(QToolButton) if b.text() == "Show all on the photo"]
    button.click()
    button.click()
    assert all_of_them == [True, False]


def test_other_channels_are_asked_for(panel: ChannelPanel) -> None:
    heard: list[int] = []
    panel.channel_chosen.connect(heard.append)
    panel.show_picture(picture(2))
    spin = panel.findChild(QSpinBox)
    assert spin.text() == "channel 2 of 4"
    assert not heard
    the_map(panel).setFocus()
    QTest.keyClick(the_map(panel), Qt.Key.Key_PageDown)
    panel.show_picture(picture(3))
    QTest.keyClick(the_map(panel), Qt.Key.Key_PageDown)  # there is no next one
    QTest.keyClick(the_map(panel), Qt.Key.Key_PageUp)
    panel.show_picture(picture(2))
    spin.setFocus()
    spin.selectAll()
    QTest.keyClicks(spin, "0")
    QTest.keyClick(spin, Qt.Key.Key_Return)
    assert heard == [3, 2, 0]


def test_a_pinned_picture_is_read_too(panel: ChannelPanel) -> None:
    panel.show_picture(picture())
    panel.show_pinned(channel_picture(maps_of(ramp() * 10), 2, Look()), "cat.jpg")
    QTest.mouseMove(the_map(panel), spot_place(panel, 20, 30))
    value = ramp()[2, 20, 30]
    assert f"{value:,.0f}\ncat.jpg: {value * 10:,.0f}" in shown_texts(panel)
    panel.show_pinned(None, "")
    assert "cat.jpg" not in shown_texts(panel)


def test_a_unit_is_one_large_value(panel: ChannelPanel) -> None:
    changes: list[None] = []
    panel.overlay_changed.connect(lambda: changes.append(None))
    panel.show_picture(picture())
    box = panel.findChild(QCheckBox)
    box.click()
    panel.findChild(QSlider).setValue(25)
    assert (panel.overlay, panel.opacity, len(changes)) == (True, 0.25, 2)
    values = np.array([0.1, 0.7, 0.2], np.float32).reshape(3, 1, 1)
    maps = maps_of(values, "prob", labels=("cat", "zebra", "dog"))
    panel.show_picture(channel_picture(maps, 2, Look()))
    texts = shown_texts(panel)
    for text in ("dog", "0.2", "rank 2 of 3 units of prob", "It sees the whole input."):
        assert text in texts.splitlines()
    assert panel.findChild(QSpinBox).text() == "unit 2 of 3"
    assert not the_map(panel).isVisible()
    assert not panel.overlay, "there is nothing to lay over the photo"
    assert len(changes) == 3
    assert "no map" in box.toolTip()
    panel.show_picture(picture())
    assert panel.overlay


def test_it_is_never_empty_nor_out_of_date_unsaid(panel: ChannelPanel) -> None:
    assert "Choose a channel" in shown_texts(panel)
    panel.show_picture(picture())
    fresh = the_map(panel).grab().toImage()
    panel.set_stale(True)
    assert the_map(panel).grab().toImage() != fresh
    panel.set_stale(False)
    assert the_map(panel).grab().toImage() == fresh
    panel.show_reason("The layer is being read.")
    assert shown_texts(panel) == "\nThe layer is being read."


def test_exports(panel: ChannelPanel) -> None:
    heard: list[str] = []
    panel.export_wanted.connect(heard.append)
    panel.show_picture(picture())
    [button] = [b for b in panel.findChildren(QToolButton) if b.menu() is not None]
    for action in button.menu().actions():
        action.trigger()
    assert heard == ["png", "npy", "csv"]


def test_numbers_that_are_missing_are_told(panel: ChannelPanel) -> None:
    values = ramp()
    values[2, :28] = np.nan
    panel.show_picture(channel_picture(maps_of(values), 2, Look()))
    assert "50.0 % are no finite numbers" in shown_texts(panel)


@pytest.mark.parametrize("size", [(300, 240), (900, 240), (1200, 800)])
def test_map_and_value_are_in_sight_at_every_size(
    panel: ChannelPanel, qtbot: QtBot, size: tuple[int, int]
) -> None:
    panel.show_picture(picture())
    panel.resize(*size)
    qtbot.wait(20)
    assert (panel.width(), panel.height()) == size
    view = the_map(panel)
    top, bottom = (view.mapTo(panel, QPoint(0, y)).y() for y in (0, view.height() + 20))
    assert 0 <= top < bottom <= panel.height()
    assert view.map_box().height() >= 80


def in_sight(panel: ChannelPanel, widget: QWidget) -> bool:
    """Whether all of it is to be seen, with nothing scrolled."""
    area = QRect(widget.mapTo(panel, QPoint(0, 0)), widget.size())
    return (
        widget.isVisible()
        and widget.visibleRegion().boundingRect() == widget.rect()
        and (panel.rect().contains(area))
    )


def readout(panel: ChannelPanel) -> QLabel:
    [label] = [each for each in panel.findChildren(QLabel) if each.text().startswith("value at")]
    return label


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize(
    ("size", "side"), [((440, 235), 160), ((440, 420), 270), ((700, 300), 220), ((1000, 700), 610)]
)
def test_what_has_room_needs_no_scrolling(  # noqa: PLR0917 (a table of cases)
    panel: ChannelPanel,
    theme: Theme,
    qtbot: QtBot,
    size: tuple[int, int],
    side: int,
    pinned: bool,
    scheme: str,
) -> None:
    theme.use(scheme)
    panel.resize(*size)
    panel.show_picture(picture())
    if pinned:
        panel.show_pinned(channel_picture(maps_of(ramp() * 10), 2, Look()), "cat.jpg")
    for row in (10, 20):
        # A mouse that is already there would not be heard of.
        QTest.mouseMove(the_map(panel), spot_place(panel, row, 30))
    qtbot.wait(5)
    assert (panel.width(), panel.height()) == size
    kinds = (ChannelMap, ColourBar, QCheckBox, QSlider)
    parts = [panel.findChild(kind) for kind in kinds] + [readout(panel)]
    assert [type(each).__name__ for each in parts if not in_sight(panel, each)] == []
    box = the_map(panel).map_box()
    if not pinned:
        assert min(box.width(), box.height()) >= side
    if size == (440, 420):
        return
    # The strongest positions and the figures, one after the other where there is little room.
    assert rows_in_sight(panel) >= (1 if pinned and size == (440, 235) else 3)
    switch = switch_to(panel, "Figures")
    if switch.isVisible():
        QTest.mouseClick(switch, Qt.MouseButton.LeftButton)
        qtbot.wait(5)
        assert not panel.findChild(QTableWidget).isVisible()
    assert in_sight(panel, panel.findChild(HistogramView))
    assert in_sight(panel, figure(panel, "zeros"))
    if switch.isVisible():
        QTest.mouseClick(switch_to(panel, "Strongest"), Qt.MouseButton.LeftButton)
        qtbot.wait(5)
        assert rows_in_sight(panel) >= 1


def switch_to(panel: ChannelPanel, text: str) -> QToolButton:
    [button] = [each for each in panel.findChildren(QToolButton) if each.text() == text]
    return button


def rows_in_sight(panel: ChannelPanel) -> int:
    """How many of the strongest positions are seen; none of them in part."""
    table = panel.findChild(QTableWidget)
    area = QRect(table.mapTo(panel, QPoint(0, 0)), table.size())
    assert table.isVisible()
    assert panel.rect().contains(area)
    assert table.viewport().visibleRegion().boundingRect() == table.viewport().rect()
    rows = [table.visualItemRect(table.item(row, 0)) for row in range(table.rowCount())]
    room = table.viewport().rect()
    assert all(room.contains(row) for row in rows if room.intersects(row))
    return sum(map(room.contains, rows))


def test_the_least_room_shows_no_part_of_anything(panel: ChannelPanel, qtbot: QtBot) -> None:
    panel.show_picture(picture())
    panel.show_pinned(channel_picture(maps_of(ramp() * 10), 2, Look()), "cat.jpg")
    for height in range(240, 150, -6):
        panel.resize(440, height)
        qtbot.wait(2)
        if in_sight(panel, panel.findChild(QCheckBox)) and height > 180:
            assert rows_in_sight(panel) >= 1, height


def test_a_silent_channel_says_so(panel: ChannelPanel, qtbot: QtBot) -> None:
    values = ramp()
    values[1] = 0
    for size in ((320, 520), (440, 235), (1000, 300)):
        panel.resize(*size)
        panel.show_picture(channel_picture(maps_of(values), 1, Look()))
        qtbot.wait(2)
        assert "Silent here: every value of this channel is 0." in shown_texts(panel)
        for kind in (ColourBar, QTableWidget, HistogramView):
            assert not panel.findChild(kind).isVisible(), (kind, size)
        panel.show_picture(channel_picture(maps_of(values), 1, Look(normalisation="layer")))
        assert panel.findChild(ColourBar).isVisible(), "there are colours of other channels"
        panel.show_picture(channel_picture(maps_of(values), 2, Look()))
        assert "Silent" not in shown_texts(panel)
        for kind in (ColourBar, QTableWidget):
            assert panel.findChild(kind).isVisible(), (kind, size)


def test_one_bar_explains_both_of_what_is_compared(panel: ChannelPanel) -> None:
    panel.resize(440, 300)
    ours, theirs = maps_of(ramp()), maps_of(ramp() * 10)
    drawn = draw(ours, Look(), 2, theirs)
    assert drawn.pinned_channel is not None
    panel.show_picture(drawn.channel)
    panel.show_pinned(drawn.pinned_channel, "cat.jpg · VGG16")
    low, high = (value_text(float(value)) for value in (ramp()[2].min(), ramp()[2].max() * 10))
    assert panel.findChild(ColourBar).accessibleDescription() == f"{low} to {high}"
    # Where values are equal, so are colours: ours at its end is theirs at a tenth of its own.
    image, view = the_map(panel).grab().toImage(), the_map(panel)
    column = int(np.abs(ramp()[2, 0] * 10 - ramp()[2, 55, 55]).argmin())
    end = image.pixelColor(view.cell_box(55, 55).center().toPoint())
    expected = QColor.fromRgb(colour_table("viridis")[drawn.channel.pixels[55, 55]])
    assert end == expected
    gap = abs(int(drawn.pinned_channel.pixels[0, column]) - int(drawn.channel.pixels[55, 55]))
    nearest = float(np.abs(ramp()[2, 0] * 10 - ramp()[2, 55, 55]).min())
    assert gap <= 1 + 254 * nearest / float(ramp()[2].max() * 10 - ramp()[2].min())


def test_channels_of_one_value_are_shown_as_units_are(panel: ChannelPanel) -> None:
    values = np.array([0.5, 3.0, 0.0, 1.25], np.float32).reshape(4, 1, 1)
    maps = maps_of(values, "conv5_3")
    panel.show_picture(channel_picture(maps, 3, Look()))
    texts = shown_texts(panel).splitlines()
    assert {"1.25", "rank 2 of 4 channels of conv5_3"} <= set(texts)
    assert panel.findChild(QSpinBox).text() == "channel 3 of 4"
    assert not the_map(panel).isVisible()
    assert not panel.findChild(QTableWidget).isVisible()
    assert not panel.findChild(QCheckBox).isEnabled()
    other = channel_picture(maps_of(values * 2, "conv5_3"), 3, Look())
    for _ in range(2):
        panel.show_pinned(other, "cat.jpg")
    assert shown_texts(panel).count("cat.jpg: 2.5") == 1
    panel.show_pinned(None, "")
    assert "cat.jpg" not in shown_texts(panel)


def figure(panel: ChannelPanel, name: str) -> QLabel:
    [label] = [each for each in panel.findChildren(QLabel) if each.accessibleName() == name]
    return label


def test_the_smallest_panel_shows_the_map_and_its_value(panel: ChannelPanel, qtbot: QtBot) -> None:
    panel.show_picture(picture())
    panel.resize(250, 150)
    for row in (10, 20):
        # A mouse that is already there would not be heard of.
        QTest.mouseMove(the_map(panel), spot_place(panel, row, 30))
    qtbot.wait(5)
    assert (panel.width(), panel.height()) == (250, 150)
    assert in_sight(panel, the_map(panel))
    assert in_sight(panel, readout(panel))
    spin = panel.findChild(QSpinBox)
    assert spin.text() == "2 of 4"
    [export] = [b for b in panel.findChildren(QToolButton) if b.menu() is not None]
    for each in (spin, export):
        assert in_sight(panel, each)
    panel.resize(440, 235)
    qtbot.wait(5)
    assert spin.text() == "channel 2 of 4"


def test_another_arrangement_loses_nothing(panel: ChannelPanel, qtbot: QtBot) -> None:
    panel.show_picture(picture())
    panel.show_pinned(channel_picture(maps_of(ramp() * 10), 2, Look()), "cat.jpg")
    panel.findChild(QCheckBox).click()
    heard: list[object] = []
    panel.overlay_changed.connect(lambda: heard.append(None))
    QTest.mouseClick(the_map(panel), Qt.MouseButton.LeftButton, pos=spot_place(panel, 20, 30))
    panel.spot_chosen.connect(heard.append)
    value = ramp()[2, 20, 30]
    for size, between in (((900, 240), " · "), ((320, 520), "\n"), ((440, 235), " · ")):
        panel.resize(*size)
        qtbot.wait(5)
        assert f"{value:,.0f}{between}cat.jpg: {value * 10:,.0f}" in shown_texts(panel)
        assert panel.overlay
        assert panel.findChild(QTableWidget).rowCount() == 9
    assert heard == [], "nobody has chosen anything"


def test_what_is_shown_anew_is_up_to_date(panel: ChannelPanel) -> None:
    panel.show_picture(picture())
    fresh = the_map(panel).grab().toImage()
    panel.set_stale(True)
    panel.show_picture(picture())
    assert the_map(panel).grab().toImage() == fresh
