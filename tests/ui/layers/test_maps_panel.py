from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QColor, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QToolButton, QToolTip, QWidget

from inference.maps import maps_of
from vggscope.inference.map_views import maps_picture
from vggscope.ui.layers.colours import colour_table
from vggscope.ui.layers.drawing import draw
from vggscope.ui.layers.elided import Elided
from vggscope.ui.layers.histogram import HistogramView, value_text
from vggscope.ui.layers.maps_grid import Cell
from vggscope.ui.layers.maps_panel import MapsPanel
from vggscope.ui.layers.unit_list import UnitList
from vggscope.ui.settings import (
    ALIVE_ONLY,
    MAP_LABELS,
    MAP_ORDER,
    MAP_RANGE,
    Settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.ui.theme import Theme

_LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def panel(new_panel: Callable[..., MapsPanel]) -> MapsPanel:
    return new_panel()


@pytest.fixture
def new_panel(qtbot: QtBot, theme: Theme, settings: Settings) -> Callable[..., MapsPanel]:
    def make(width: int = 900, height: int = 420) -> MapsPanel:
        panel = MapsPanel(theme, settings)
        qtbot.addWidget(panel)
        panel.resize(width, height)
        panel.show()
        return panel

    return make


def values(channels: int = 16, height: int = 14, width: int = 14) -> NDArray[np.float32]:
    made = np.random.default_rng(3).random((channels, height, width), np.float32)
    return made.astype(np.float32)


def show(panel: MapsPanel, maps: FeatureMaps, *, can_show_before: bool = True) -> None:
    panel.show_picture(maps_picture(maps, panel.look), can_show_before=can_show_before)


def lines(panel: MapsPanel) -> str:
    return "\n".join(
        label.whole if isinstance(label, Elided) else label.text()
        for label in panel.findChildren(QLabel)
        if label.isVisible()
    )


def button(panel: MapsPanel, text: str) -> QToolButton:
    [found] = [b for b in panel.findChildren(QToolButton) if text in (b.text(), b.accessibleName())]
    return found


def choose(panel: MapsPanel, name: str, title: str) -> None:
    [action] = [a for a in button(panel, name).menu().actions() if a.text() == title]
    action.trigger()


def hover(panel: MapsPanel, cell: Cell) -> None:
    box = panel.grid.tile_rect(cell.channel)
    assert box is not None
    at = box.topLeft() + QPointF(cell.column + 0.5, cell.row + 0.5) * panel.grid.zoom
    # An X server tells of the mouse a little later, and not at all if it was there already.
    QTest.mouseMove(panel, QPoint(2, 2))
    QTest.mouseMove(panel.grid, at.toPoint())
    for _ in range(100):
        if panel.grid.cell == cell:
            break
        QTest.qWait(10)


def test_the_title_says_what_is_shown(panel: MapsPanel) -> None:
    show(panel, maps_of(values()))
    said = lines(panel)
    assert "conv3_3" in said
    assert "16 channels · 14 × 14 (H × W) · after ReLU · a device" in said
    show(panel, maps_of(values(), before_relu=True, shrunk=2))
    assert "before ReLU · largest of each 2 × 2" in lines(panel)
    show(panel, maps_of(values(40, 1, 1), "prob"), can_show_before=False)
    assert "40 units · a device" in lines(panel)


def test_choices_become_settings_and_another_look(
    qtbot: QtBot, panel: MapsPanel, settings: Settings
) -> None:
    show(panel, maps_of(values()))
    with qtbot.waitSignal(panel.look_changed):
        choose(panel, "Order of maps", "Highest mean")
    assert settings.text(MAP_ORDER) == "mean"
    assert panel.look.order == "mean"
    with qtbot.waitSignal(panel.look_changed):
        choose(panel, "Range of maps", "Per layer")
    assert panel.look.normalisation == "layer"
    with qtbot.waitSignal(panel.look_changed):
        QTest.mouseClick(button(panel, "Alive only"), _LEFT)
    assert settings.flag(ALIVE_ONLY)
    assert panel.look.alive_only
    # What was chosen elsewhere is shown as well.
    settings.set(MAP_ORDER, "zeros")
    assert "most zeros" in button(panel, "Order of maps").text().lower()


def test_other_colours_need_no_other_picture_unless_0_is_in_the_middle(
    qtbot: QtBot, panel: MapsPanel
) -> None:
    show(panel, maps_of(values()))
    at = panel.grid.rect().center()
    before = panel.grid.grab().toImage().pixelColor(at)
    with qtbot.assertNotEmitted(panel.look_changed, wait=20):
        choose(panel, "Colours of maps", "Inferno")
    inferno = panel.grid.grab().toImage().pixelColor(at)
    assert inferno != before
    with qtbot.waitSignal(panel.look_changed):
        choose(panel, "Colours of maps", "Blue–red, 0 is white")
    # Levels of another range would lie in these colours.
    assert panel.grid.grab().toImage().pixelColor(at) not in (inferno, QColor())
    assert panel.look.symmetric
    show(panel, maps_of(-values()))
    blue = panel.grid.grab().toImage().pixelColor(at)
    assert blue.blue() > blue.red()


def test_a_fixed_range_begins_with_that_of_the_layer_and_refuses_what_is_none(
    qtbot: QtBot, panel: MapsPanel, settings: Settings
) -> None:
    maps = maps_of(np.linspace(-2, 6, 256, dtype=np.float32).reshape(1, 16, 16))
    show(panel, maps)
    assert not any(field.isVisible() for field in panel.findChildren(QLineEdit))
    settings.set(MAP_RANGE, "fixed")
    assert panel.look.fixed == (-2, 6)
    low, high = panel.findChildren(QLineEdit)
    assert low.isVisible()
    low.selectAll()
    with qtbot.waitSignal(panel.look_changed):
        QTest.keyClicks(low, "1.5")
    assert panel.look.fixed == (1.5, 6)
    for wrong in ("x", "9", "nan", ""):
        low.clear()
        low.setFocus()
        QTest.keyClicks(low, wrong or "2")
        if not wrong:
            QTest.keyClick(low, Qt.Key.Key_Backspace)
        assert panel.look.fixed == (1.5 if wrong else 2, 6)
        assert "lower one first" in lines(panel)
        assert low.accessibleDescription()
        low.selectAll()
        QTest.keyClicks(low, "1.5")
        assert "lower one first" not in lines(panel)
    # What float32 does not have: the last range on the way there stays.
    low.selectAll()
    QTest.keyClicks(low, "-1e39")
    assert panel.look.fixed == (-1000, 6)
    assert "lower one first" in lines(panel)
    low.selectAll()
    QTest.keyClicks(low, "1.5")
    high.selectAll()
    QTest.keyClicks(high, "3")
    assert panel.look.fixed == (1.5, 3)


def test_resizing_arranges_the_maps_anew_but_not_for_a_pixel(
    qtbot: QtBot, panel: MapsPanel
) -> None:
    show(panel, maps_of(values()))
    qtbot.wait(250)
    show(panel, maps_of(values()))
    look = panel.look
    with qtbot.assertNotEmitted(panel.look_changed, wait=250):
        panel.resize(panel.width() + 1, panel.height())
    assert panel.look == look
    with qtbot.waitSignal(panel.look_changed, timeout=1000):
        panel.resize(500, 800)
    assert panel.look.aspect < look.aspect / 2
    # Who has zoomed in is not to lose their place.
    show(panel, maps_of(values()))
    panel.grid.zoom_in()
    with qtbot.assertNotEmitted(panel.look_changed, wait=250):
        panel.resize(900, 420)


def test_the_value_under_the_mouse_is_said(panel: MapsPanel) -> None:
    made = values()
    made[5, 9, 2] = 9310.4
    show(panel, maps_of(made))
    seen: list[Cell | None] = []
    panel.hovered.connect(seen.append)
    hover(panel, Cell(5, 9, 2))
    assert "channel 5 · (row 9, column 2) · 9,310" in lines(panel)
    assert seen == [Cell(5, 9, 2)]
    show(panel, maps_of(made, shrunk=2))
    assert "(row 18–19, column 4–5)" in lines(panel)
    classes = np.full((6, 1, 1), 0.1, np.float32)
    names = ["sock", "zebra", "maze", "coil", "suit", "shoe"]
    show(panel, maps_of(classes, "prob", labels=names), can_show_before=False)
    hover(panel, Cell(1, 0, 0))
    assert "unit 1 · zebra · 10.0 %" in lines(panel)


def test_without_the_mouse_the_range_and_the_colours_are_explained(
    qtbot: QtBot, panel: MapsPanel, settings: Settings
) -> None:
    made = np.zeros((4, 8, 8), np.float32)
    made[:, :4] = 5
    show(panel, maps_of(made))
    assert "values 0 … 5 · " in lines(panel)
    qtbot.waitUntil(lambda: "50 % zeros" in lines(panel), timeout=1000)
    made[0, 0, 0] = 7
    show(panel, maps_of(made))
    assert "each channel from its own lowest" in lines(panel)
    settings.set(MAP_RANGE, "layer")
    show(panel, maps_of(made))
    assert "colours: 0 … 7" in lines(panel)
    settings.set(MAP_LABELS, True)
    show(panel, maps_of(np.zeros((400, 2, 2), np.float32)))
    assert "zoom in for labels" in lines(panel)


def test_nothing_to_show_says_why(qtbot: QtBot, panel: MapsPanel, settings: Settings) -> None:
    panel.show_reason("There is no photo yet.")
    assert "There is no photo yet." in lines(panel)
    assert not button(panel, "Export").isEnabled()
    settings.set(ALIVE_ONLY, True)
    show(panel, maps_of(np.zeros((4, 8, 8), np.float32)))
    assert "No channel is alive: every value is 0." in lines(panel)
    with qtbot.waitSignal(panel.look_changed):
        QTest.mouseClick(button(panel, "Show all"), _LEFT)
    assert not settings.flag(ALIVE_ONLY)
    show(panel, maps_of(np.zeros((4, 8, 8), np.float32)))
    assert panel.grid.isVisible()
    assert button(panel, "Export").isEnabled()


def test_a_stale_picture_is_paler_and_says_so(panel: MapsPanel) -> None:
    show(panel, maps_of(values()))
    fresh = panel.grid.grab().toImage()
    panel.set_stale("of the picture before")
    assert panel.grid.grab().toImage() != fresh
    assert "of the picture before" in panel.grid.accessibleDescription()
    show(panel, maps_of(values()))
    assert panel.grid.grab().toImage() == fresh


def test_two_pictures_are_compared_side_by_side(
    qtbot: QtBot, new_panel: Callable[..., MapsPanel]
) -> None:
    panel = new_panel(1000, 420)
    here, there = values(), values() + 1
    here[3, 4, 5], there[3, 4, 5] = 2.5, 7.5
    show(panel, maps_of(here))
    with qtbot.waitSignal(panel.pin_wanted):
        QTest.mouseClick(button(panel, "Compare…"), _LEFT)
    panel.show_pinned(maps_picture(maps_of(there), panel.look), "zebra.jpg")
    assert "zebra.jpg" in lines(panel)
    show(panel, maps_of(here))
    panel.show_pinned(maps_picture(maps_of(there), panel.look), "zebra.jpg")
    qtbot.wait(1)
    hover(panel, Cell(3, 4, 5))
    assert panel.pinned_grid.cell == Cell(3, 4, 5)
    assert "2.5 · pinned: 7.5" in lines(panel)
    chosen: list[int] = []
    panel.channel_chosen.connect(chosen.append)
    box = panel.pinned_grid.tile_rect(6)
    assert box is not None
    QTest.mouseClick(panel.pinned_grid, _LEFT, pos=box.center().toPoint())
    assert chosen == [6]
    assert panel.grid.chosen == panel.pinned_grid.chosen == 6
    for _ in range(3):
        QTest.keyClick(panel.pinned_grid, Qt.Key.Key_Plus)
    assert panel.grid.zoom == panel.pinned_grid.zoom
    assert not panel.grid.fitted
    QTest.keyClick(panel.grid, Qt.Key.Key_0)
    assert panel.pinned_grid.fitted
    panel.show_pinned(None, "zebra.jpg", "This model has no such layer.")
    assert "This model has no such layer." in lines(panel)
    assert not panel.pinned_grid.isVisible()
    with qtbot.waitSignal(panel.unpin_wanted):
        QTest.mouseClick(button(panel, "Unpin"), _LEFT)
    panel.show_pinned(None, "")
    assert "zebra.jpg" not in lines(panel)
    assert button(panel, "Compare…").isVisible()


def test_before_relu_is_offered_where_there_is_one(qtbot: QtBot, panel: MapsPanel) -> None:
    show(panel, maps_of(values()))
    toggle = button(panel, "Before ReLU")
    with qtbot.waitSignal(panel.before_relu_changed) as signal:
        QTest.mouseClick(toggle, _LEFT)
    assert signal.args == [True]
    # A moving picture's frame that was on its way does not take the wish back.
    show(panel, maps_of(values()))
    assert panel.before_relu
    show(panel, maps_of(values(), before_relu=True))
    show(panel, maps_of(values()))
    assert not panel.before_relu
    show(panel, maps_of(values(), "pool3"), can_show_before=False)
    assert not toggle.isEnabled()
    assert "no ReLU" in toggle.toolTip()


@pytest.mark.parametrize("width", [280, 420, 640, 1200])
def test_every_control_can_be_reached_in_any_width(
    new_panel: Callable[..., MapsPanel], width: int
) -> None:
    panel = new_panel(width, 240)
    show(panel, maps_of(values()))
    names = ("Before ReLU", "Range of maps", "Order of maps", "Colours of maps")
    names += ("Alive only", "Labels", "Compare…", "Export")
    buttons = [button(panel, name) for name in names]
    shown = [b for b in buttons if b.isVisible()]
    for each in shown:
        assert each.width() >= each.sizeHint().width()
        assert each.mapTo(panel, each.rect().topRight()).x() < panel.width()
    more = button(panel, "More controls")
    offered = more.menu().actions() if more.isVisible() else []
    assert len(shown) + len(offered) == len(buttons)
    assert all(action.text() for action in offered)
    assert panel.grid.height() >= 80


def test_what_has_no_room_works_from_the_menu(
    qtbot: QtBot, new_panel: Callable[..., MapsPanel], settings: Settings
) -> None:
    panel = new_panel(280, 240)
    show(panel, maps_of(values()))
    offered: dict[str, QAction] = {
        a.text(): a for a in button(panel, "More controls").menu().actions()
    }
    offered["Labels"].trigger()
    assert settings.flag(MAP_LABELS)
    export = offered["Export"].menu()
    assert export is not None
    for kind, action in zip(("png", "npy", "csv", "npz"), export.actions(), strict=True):
        with qtbot.waitSignal(panel.export_wanted) as signal:
            action.trigger()
        assert signal.args == [kind]


def test_all_controls_have_names_and_tool_tips(panel: MapsPanel) -> None:
    show(panel, maps_of(values()))
    for control in (*panel.findChildren(QToolButton), *panel.findChildren(QLineEdit)):
        if control.isHidden() and not control.text():
            continue
        assert control.accessibleName(), control.toolTip()
        assert control.toolTip(), control.accessibleName()
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_the_histogram_has_the_colours_of_its_values(qtbot: QtBot, theme: Theme) -> None:
    view = HistogramView(theme)
    qtbot.addWidget(view)
    view.resize(200, 60)
    view.show()
    view.show_counts([1000, 0, 1, 1000], 0.0, 8.0, "viridis", 0.0, 4.0)
    image = view.grab().toImage()
    table = colour_table("viridis")
    middle = 25
    # 1, 3, 5 and 7 in the middle of the bars, of which the colours end at 4.
    assert image.pixelColor(25, middle) == QColor.fromRgb(table[round(254 / 4)])
    assert image.pixelColor(175, middle) == QColor.fromRgb(table[254])
    background = image.pixelColor(75, middle)
    assert image.pixelColor(125, 10) == background
    tops = [
        next(y for y in range(3, 60) if image.pixelColor(x, y) != background)
        for x in (75, 125, 175)
    ]
    # A single value is to be seen beside a thousand.
    assert tops[0] > tops[1] > tops[2]
    assert "2,001 values from 0 to 8" in view.accessibleDescription()
    theme.use("dark")
    assert view.grab().toImage().pixelColor(25, middle) == QColor.fromRgb(table[round(254 / 4)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9310.4, "9,310"),
        (0.0, "0"),
        (-2.5, "−2.5"),
        (0.875, "0.875"),
        (1.23456, "1.235"),
        (5.77e-7, "5.77e−07"),
        (3e38, "3e+38"),
        (float("nan"), "NaN"),
        (float("-inf"), "−∞"),
    ],
)
def test_values_have_about_four_digits(value: float, text: str) -> None:
    assert value_text(value) == text


def test_a_panel_without_a_picture_is_no_empty_widget(panel: MapsPanel) -> None:
    panel.show_reason("A moment…", busy=True)
    widgets = [w for w in panel.findChildren(QWidget) if w.isVisible() and w.accessibleName()]
    assert "Working" in [w.accessibleName() for w in widgets]
    assert panel.grid.picture is None


def test_the_maps_have_most_of_a_low_panel(new_panel: Callable[..., MapsPanel]) -> None:
    panel = new_panel(820, 262)
    show(panel, maps_of(values()))
    assert panel.grid.height() >= 175
    histogram = panel.findChild(HistogramView)
    controls = button(panel, "Before ReLU")
    assert histogram.isVisible()
    bottoms = [each.mapTo(panel, each.rect().bottomLeft()).y() for each in (histogram, controls)]
    assert bottoms[0] <= bottoms[1] + 1, "the histogram costs no height"


@pytest.mark.parametrize("size", [(900, 300), (901, 300), (400, 700), (400, 701)])
def test_both_sides_of_a_comparison_have_the_same_size(
    qtbot: QtBot, new_panel: Callable[..., MapsPanel], size: tuple[int, int]
) -> None:
    panel = new_panel(*size)
    show(panel, maps_of(values()))
    panel.show_pinned(maps_picture(maps_of(values()), panel.look), "zebra.jpg")
    qtbot.wait(5)
    assert panel.grid.size() == panel.pinned_grid.size()


def test_the_strongest_units_are_named_and_chosen(new_panel: Callable[..., MapsPanel]) -> None:
    panel = new_panel(820, 260)
    names = [f"class {i}" for i in range(40)]
    probabilities = np.linspace(0.001, 0.04, 40, dtype=np.float32)
    probabilities[7] = 0.5
    maps = maps_of(probabilities.reshape(-1, 1, 1), "prob", labels=names)
    show(panel, maps)
    chosen: list[int] = []
    panel.channel_chosen.connect(chosen.append)
    [units] = [each for each in panel.findChildren(UnitList) if each.isVisible()]
    found = [units.item(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(10)]
    assert found[:3] == ["class 7, 50.0 %", "class 39, 4.0 %", "class 38, 3.9 %"]
    whole = [row for row in range(units.count()) if is_whole(units, row)]
    assert len(whole) >= 7
    assert all(is_whole(units, row) or not is_seen(units, row) for row in range(units.count()))
    # The bar of a probability is as long as it is, in a row of its own.
    image, row = units.viewport().grab().toImage(), units.visualItemRect(units.item(0))
    colours = [image.pixelColor(round(row.width() * x), row.bottom() - 3) for x in (0.45, 0.55)]
    assert colours[0] != colours[1]
    place = units.visualItemRect(units.item(2)).center()
    QTest.mouseClick(units.viewport(), _LEFT, pos=place)
    assert chosen == [38]
    assert panel.grid.chosen == 38
    assert units.viewport().grab().toImage() != image, "it is marked"
    units.setFocus()
    QTest.keyClick(units, Qt.Key.Key_Up)
    QTest.keyClick(units, Qt.Key.Key_Return)
    assert chosen[-1] == 39
    show(panel, maps_of(values()))
    assert not units.isVisible()
    assert panel.grid.width() > 700, "maps have the whole room"


def is_seen(units: UnitList, row: int) -> bool:
    return units.viewport().rect().intersects(units.visualItemRect(units.item(row)))


def is_whole(units: UnitList, row: int) -> bool:
    return units.viewport().rect().contains(units.visualItemRect(units.item(row)))


def test_units_without_classes_are_named_by_number(new_panel: Callable[..., MapsPanel]) -> None:
    panel = new_panel(820, 260)
    numbers = np.zeros(4096, np.float32)
    numbers[1234] = 2.5
    show(panel, maps_of(numbers.reshape(-1, 1, 1), "fc6"))
    [units] = [each for each in panel.findChildren(UnitList) if each.isVisible()]
    assert units.item(0).data(Qt.ItemDataRole.AccessibleTextRole) == "unit 1234, 2.5"
    # Where there is no room for a list, a line says it.
    panel.resize(250, 240)
    assert not units.isVisible()
    assert "strongest: unit 1234 2.5" in lines(panel)


def test_all_controls_are_seen_beside_the_page_of_a_channel(
    new_panel: Callable[..., MapsPanel],
) -> None:
    panel = new_panel(820, 262)
    show(panel, maps_of(values()))
    for name in ("Before ReLU", "Range of maps", "Alive only", "Labels", "Compare…", "Export"):
        assert button(panel, name).isVisible(), name
    assert not button(panel, "More controls").isVisible()


def test_a_fixed_range_covers_both_of_what_is_compared(
    panel: MapsPanel, settings: Settings
) -> None:
    ours, theirs = values(), values() * 8 - 3
    drawn = draw(maps_of(ours), panel.look, None, maps_of(theirs))
    panel.show_picture(drawn.maps, can_show_before=False)
    panel.show_pinned(drawn.pinned_maps, "zebra.jpg")
    assert "colours: each channel from the lowest to the highest value of both" in lines(panel)
    settings.set(MAP_RANGE, "fixed")
    low, high = panel.look.fixed
    assert (low, high) == pytest.approx((theirs.min(), theirs.max()), rel=1e-3)
    settings.set(MAP_RANGE, "layer")
    drawn = draw(maps_of(ours), panel.look, None, maps_of(theirs))
    panel.show_picture(drawn.maps, can_show_before=False)
    panel.show_pinned(drawn.pinned_maps, "zebra.jpg")
    low, high = (value_text(float(end)) for end in (theirs.min(), theirs.max()))
    assert f"colours: {low} … {high} in both" in lines(panel)


def test_what_computed_the_maps_is_explained(panel: MapsPanel) -> None:
    show(panel, maps_of(values()))
    [facts] = [label for label in panel.findChildren(Elided) if "a device" in label.whole]
    place = facts.rect().center()
    event = QHelpEvent(QEvent.Type.ToolTip, place, facts.mapToGlobal(place))
    QApplication.sendEvent(facts, event)
    assert "computed by the CPU in fp32" in QToolTip.text()
    assert "the run that classifies" in QToolTip.text()
    QToolTip.hideText()
