from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inference.maps import maps_of
from vggscope.inference.map_views import Look, maps_picture
from vggscope.ui.layers.colours import NO_VALUE, colour_table
from vggscope.ui.layers.maps_grid import Cell, MapsGrid

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from vggscope.inference.map_views import MapsPicture
    from vggscope.ui.theme import Theme

_LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def new_grid(qtbot: QtBot, theme: Theme) -> Callable[..., MapsGrid]:
    def make(size: tuple[int, int] = (600, 400)) -> MapsGrid:
        grid = MapsGrid(theme)
        qtbot.addWidget(grid)
        grid.resize(*size)
        grid.show()
        return grid

    return make


def values(channels: int, height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).random((channels, height, width), np.float32)


def picture(shape: tuple[int, int, int] = (6, 14, 10), **look: object) -> MapsPicture:
    return maps_picture(maps_of(values(*shape)), Look(**look))  # type: ignore[arg-type]


def middle(grid: MapsGrid, channel: int) -> QPoint:
    box = grid.tile_rect(channel)
    assert box is not None
    return box.center().toPoint()


def turn_wheel(
    grid: MapsGrid, at: QPoint, by: int, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    event = QWheelEvent(
        QPointF(at),
        QPointF(grid.mapToGlobal(at)),
        QPoint(),
        QPoint(0, by),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(grid, event)


def drag(grid: MapsGrid, start: QPoint, by: QPoint) -> None:
    QTest.mousePress(grid, _LEFT, pos=start)
    for step in range(1, 5):
        QTest.mouseMove(grid, start + by * step / 4)
    QTest.mouseRelease(grid, _LEFT, pos=start + by)


def test_enlarged_values_are_squares_of_their_exact_colour(
    new_grid: Callable[..., MapsGrid],
) -> None:
    grid, shown = new_grid(), picture()
    grid.show_picture(shown)
    assert grid.zoom >= 2
    assert grid.zoom == int(grid.zoom)
    image = grid.grab().toImage()
    table = colour_table("viridis")
    for channel in (0, 3, 5):
        box = grid.tile_rect(channel)
        assert box is not None
        x, y, _, _ = shown.grid.tile_box(channel)
        for row, column in ((0, 0), (13, 9), (6, 4)):
            expected = QColor.fromRgb(table[shown.grid.pixels[y + row, x + column]])
            first = box.topLeft() + QPointF(column, row) * grid.zoom
            side = int(grid.zoom)
            for across, down in ((0, 0), (side - 1, 0), (0, side - 1), (side - 1, side - 1)):
                at = first.toPoint() + QPoint(across, down)
                assert image.pixelColor(at) == expected


def test_many_maps_in_a_small_room_are_averaged(new_grid: Callable[..., MapsGrid]) -> None:
    # A chessboard of single values: whoever leaves values out paints only one of two colours.
    board = (np.indices((64, 64)).sum(axis=0) % 2).astype(np.float32)
    shown = maps_picture(maps_of(np.stack([board] * 64)), Look(normalisation="layer"))
    grid = new_grid((130, 100))
    grid.show_picture(shown)
    grid.set_colours("gray")
    assert grid.zoom < 0.25
    image = grid.grab().toImage()
    box = grid.tile_rect(20)
    assert box is not None
    gray = image.pixelColor(box.center().toPoint())
    assert 90 < gray.lightness() < 165


def test_a_click_chooses_a_channel_and_a_drag_does_not(
    qtbot: QtBot, new_grid: Callable[..., MapsGrid]
) -> None:
    grid = new_grid()
    grid.show_picture(picture(order="max"))
    chosen: list[int] = []
    grid.channel_chosen.connect(chosen.append)
    QTest.mouseClick(grid, _LEFT, pos=middle(grid, 4))
    assert chosen == [4]
    assert "4" in grid.accessibleDescription()
    before = grid.tile_rect(4)
    assert before is not None
    with qtbot.waitSignal(grid.view_changed):
        drag(grid, middle(grid, 2), QPoint(40, 24))
    assert chosen == [4]
    assert grid.tile_rect(4) == before.translated(40, 24)
    assert not grid.fitted
    QTest.mouseDClick(grid, _LEFT, pos=QPoint(5, 5))
    assert grid.fitted
    assert grid.tile_rect(4) == before


def test_the_mouse_finds_the_value_below_it(new_grid: Callable[..., MapsGrid]) -> None:
    grid = new_grid()
    grid.show_picture(picture())
    found: list[Cell | None] = []
    grid.hovered.connect(found.append)
    box = grid.tile_rect(3)
    assert box is not None
    at = box.topLeft() + QPointF(7.5, 12.5) * grid.zoom
    QTest.mouseMove(grid, at.toPoint())
    assert found == [Cell(channel=3, row=12, column=7)]
    before = grid.grab().toImage()
    # Beside the map: a line around it, and nothing of it once the mouse has left.
    edge = QPoint(int(box.left()) - 1, int(box.center().y()))
    assert before.pixelColor(edge).lightness() > 230
    QApplication.sendEvent(grid, QEvent(QEvent.Type.Leave))
    assert found[-1] is None
    assert grid.grab().toImage().pixelColor(edge).lightness() < 230


def test_the_wheel_zooms_around_the_mouse_in_whole_steps(
    new_grid: Callable[..., MapsGrid],
) -> None:
    grid = new_grid()
    grid.show_picture(picture())
    box = grid.tile_rect(1)
    assert box is not None
    at = (box.topLeft() + QPointF(4.5, 6.5) * grid.zoom).toPoint()
    QTest.mouseMove(grid, at)
    below, zoom = grid.cell, grid.zoom
    assert below is not None
    # A touchpad's small turns add up.
    for _ in range(20):
        turn_wheel(grid, at, 24)
        assert grid.zoom == int(grid.zoom)
        assert grid.cell == below
    assert grid.zoom > 1.8 * zoom
    turn_wheel(grid, at, -120, Qt.KeyboardModifier.ShiftModifier)
    after = grid.tile_rect(1)
    turn_wheel(grid, at, 120, Qt.KeyboardModifier.ShiftModifier)
    back = grid.tile_rect(1)
    assert after is not None
    assert back is not None
    assert back.top() - after.top() == 60


def test_keys_choose_zoom_pan_and_fit(new_grid: Callable[..., MapsGrid]) -> None:
    grid = new_grid()
    grid.show_picture(picture((12, 14, 10), order="max"))
    assert grid.picture is not None
    order, columns = grid.picture.grid.order, grid.picture.grid.columns
    chosen: list[int] = []
    grid.channel_chosen.connect(chosen.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left):
        QTest.keyClick(grid, key)
    places = [0, 1, 1 + columns, columns]
    assert chosen == [order[place] for place in places]
    # There is nothing to the left of the first column.
    QTest.keyClick(grid, Qt.Key.Key_Left)
    assert len(chosen) == 4
    QTest.keyClick(grid, Qt.Key.Key_Return)
    assert chosen[-1] == order[columns]
    zoom = grid.zoom
    QTest.keyClick(grid, Qt.Key.Key_Plus)
    assert grid.zoom > zoom
    QTest.keyClick(grid, Qt.Key.Key_Minus)
    assert grid.zoom == pytest.approx(zoom, rel=0.2)
    before = grid.tile_rect(0)
    QTest.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    after = grid.tile_rect(0)
    assert before is not None
    assert after is not None
    assert after.left() < before.left()
    QTest.keyClick(grid, Qt.Key.Key_Home)
    assert grid.fitted


def test_a_channel_outside_comes_into_sight(new_grid: Callable[..., MapsGrid]) -> None:
    grid = new_grid((300, 200))
    grid.show_picture(picture((64, 14, 14)))
    while grid.zoom < 6:
        grid.zoom_in()
    box = grid.tile_rect(63)
    assert box is not None
    assert not grid.rect().contains(box.toRect())
    grid.choose(63)
    box = grid.tile_rect(63)
    assert box is not None
    assert grid.rect().contains(box.toRect())


def test_zoom_stays_for_maps_of_the_same_size(new_grid: Callable[..., MapsGrid]) -> None:
    grid = new_grid()
    grid.show_picture(picture())
    grid.zoom_in()
    zoom = grid.zoom
    grid.show_picture(picture(order="max"))
    assert grid.zoom == zoom
    assert not grid.fitted
    grid.show_picture(picture((64, 7, 7)))
    assert grid.fitted


def test_two_grids_show_the_same_part(new_grid: Callable[..., MapsGrid]) -> None:
    first, second = new_grid(), new_grid((500, 300))
    for grid in (first, second):
        grid.show_picture(picture((32, 14, 14)))
    for _ in range(4):
        first.zoom_in()
    drag(first, QPoint(100, 100), QPoint(-60, -30))
    second.follow(first)
    assert second.zoom == first.zoom
    middles = [
        (QPointF(grid.rect().center()) - box.topLeft()) / grid.zoom
        for grid in (first, second)
        if (box := grid.tile_rect(0)) is not None
    ]
    assert (middles[0] - middles[1]).manhattanLength() < 0.5
    first.fit()
    second.follow(first)
    assert second.fitted


def test_labels_stale_and_gaps_are_seen(new_grid: Callable[..., MapsGrid], theme: Theme) -> None:
    grid = new_grid()
    shown = maps_picture(maps_of(np.ones((6, 14, 10), np.float32)), Look())
    grid.show_picture(shown)
    box = grid.tile_rect(0)
    assert box is not None
    plain = grid.grab().toImage()
    corner = box.toRect().adjusted(0, 0, -box.toRect().width() // 2, -box.toRect().height() // 2)
    grid.set_labels(True)
    assert grid.grab().toImage().copy(corner) != plain.copy(corner)
    grid.set_labels(False)
    grid.set_faded(True)
    at = box.center().toPoint()
    assert grid.grab().toImage().pixelColor(at).lightness() > plain.pixelColor(at).lightness()
    grid.set_faded(False)
    gap = QPoint(int(box.right()) + int(grid.zoom / 2), int(box.center().y()))
    # Gaps are seen, but never before the maps are.
    for scheme in ("light", "dark"):
        theme.use(scheme)
        for colours in ("viridis", "inferno", "gray", "diverging"):
            grid.set_colours(colours)
            zero = QColor.fromRgb(colour_table(colours)[127 if colours == "diverging" else 0])
            found = grid.grab().toImage().pixelColor(gap)
            assert found != zero
            assert abs(found.lightness() - zero.lightness()) <= 100, (scheme, colours)
    # Where values are missing, gaps have the colour that those have in any theme.
    holed = np.ones((6, 14, 10), np.float32)
    holed[0, 0, 0] = np.nan
    grid.show_picture(maps_picture(maps_of(holed), Look()))
    assert grid.grab().toImage().pixelColor(gap) == QColor.fromRgb(NO_VALUE)


def test_units_bear_the_names_of_their_classes(new_grid: Callable[..., MapsGrid]) -> None:
    grid = new_grid()
    names = [f"class {i}" for i in range(1000)]
    maps = maps_of(values(1000, 1, 1), "prob", labels=names)
    grid.show_picture(maps_picture(maps, Look()))
    grid.set_labels(True)
    assert not grid.has_room_for_labels
    while grid.zoom < 100:
        grid.zoom_in()
    grid.choose(321)
    box = grid.tile_rect(321)
    assert box is not None
    with_names = grid.grab().toImage().copy(box.toRect())
    grid.set_labels(False)
    without = grid.grab().toImage().copy(box.toRect())
    changed = [
        x
        for x in range(with_names.width())
        if with_names.pixelColor(x, 8) != without.pixelColor(x, 8)
    ]
    # The ground of a name is as wide as its cell.
    assert len(changed) > 0.9 * with_names.width()
