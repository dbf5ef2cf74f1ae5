from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QStyleOptionViewItem, QToolButton

from vgg.chains import Chain
from vggscope.ui.layers.layer_model import compact_count
from vggscope.ui.layers.layer_table import LayerTable
from vggscope.vgg import configs
from vggscope.vgg.anatomy import anatomy_of
from vggscope.vgg.network import Kind, Operation, build_network
from vggscope.vgg.table import as_csv, as_markdown, cells_of, format_table

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from vggscope.ui.theme import Theme
    from vggscope.vgg.network import Network

VGG16 = configs.network("vgg16")
TIMES = {layer.name: float(index % 7) for index, layer in enumerate(VGG16.layers[1:])}


@pytest.fixture
def table(qtbot: QtBot, theme: Theme) -> LayerTable:
    made = LayerTable(theme)
    qtbot.addWidget(made)
    made.resize(900, 400)
    made.show_network(VGG16)
    made.show()
    qtbot.waitExposed(made)
    return made


def branched() -> Network:
    chain = Chain("N", 3, 32, 32)
    chain.add("Conv", chain.weights(8, 3, 3, 3), pads=[1, 1, 1, 1]).add("Relu")
    before = chain.tip
    chain.add("Conv", chain.weights(8, 8, 3, 3), pads=[1, 1, 1, 1])
    chain.add("Add", before).add("GlobalAveragePool").add("Flatten")
    return anatomy_of(chain.model(), name="branched", title="Branched").network


def shown(table: LayerTable) -> list[tuple[str, ...]]:
    """The cells that are to be seen, row by row."""
    model, header = table.view.model(), table.view.horizontalHeader()
    columns = [c for c in range(model.columnCount()) if not header.isSectionHidden(c)]
    return [
        tuple(str(model.index(row, column).data()) for column in columns)
        for row in range(model.rowCount())
    ]


def names(table: LayerTable) -> list[str]:
    return [row[0].split()[0] for row in shown(table)]


def click_header(table: LayerTable, column: int) -> None:
    header = table.view.horizontalHeader()
    table.view.horizontalScrollBar().setValue(header.sectionPosition(column))
    x = header.sectionViewportPosition(column) + header.sectionSize(column) // 2
    QTest.mouseClick(
        header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, header.height() // 2)
    )


def click_row(table: LayerTable, row: int) -> None:
    place = table.view.visualRect(table.view.model().index(row, 0)).center()
    QTest.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def said_by(table: LayerTable) -> list[str]:
    """What is to be read below the table, as screen readers have it, which is never cut."""
    return [label.accessibleName() for label in table.findChildren(QLabel)]


def button_of(table: LayerTable, name: str) -> QPushButton | QToolButton:
    for kind in (QPushButton, QToolButton):
        for button in table.findChildren(kind):
            if button.accessibleName() == name:
                return button
    raise KeyError(name)


def chosen_of(table: LayerTable) -> list[str]:
    chosen: list[str] = []
    table.layer_chosen.connect(chosen.append)
    return chosen


def test_the_cells_are_those_of_the_command(table: LayerTable) -> None:
    assert shown(table) == [cells_of(layer) for layer in VGG16.layers]
    table.show_times(TIMES, "A card")
    assert shown(table) == [cells_of(layer, TIMES) for layer in VGG16.layers]
    assert shown(table)[0][-1] == "–"
    other = branched()
    table.show_network(other)
    assert shown(table) == [cells_of(layer) for layer in other.layers]
    assert any(row[3].startswith("≤") for row in shown(table))
    table.show_network(None)
    assert shown(table) == []


def test_sorting_by_number_and_back_to_the_network(table: LayerTable) -> None:
    order = [layer.name for layer in VGG16.layers]
    click_header(table, 2)
    rising = [int(row[2].replace(",", "")) for row in shown(table)]
    assert rising == sorted(rising)
    assert rising[-1] == 102_764_544
    click_header(table, 2)
    assert names(table)[0] == "fc6"
    click_header(table, 2)
    assert names(table) == order
    table.show_times(TIMES)
    click_header(table, 7)
    click_header(table, 7)
    spent = [float(row[7]) for row in shown(table) if row[7] != "–"]
    assert spent == sorted(TIMES.values(), reverse=True)
    assert names(table)[-1] == "data", "unknown is no large number"
    table.show_times(None)
    assert names(table) == order


def test_rows_are_chosen_by_mouse_and_keys_in_the_order_that_is_seen(table: LayerTable) -> None:
    chosen = chosen_of(table)
    click_row(table, 2)
    QTest.keyClick(table.view, Qt.Key.Key_Down)
    assert chosen == ["conv1_2", "pool1"]
    click_header(table, 5)
    click_header(table, 5)
    click_row(table, 0)
    assert VGG16.find(chosen[-1]).macs == max(layer.macs for layer in VGG16.layers)


def test_choosing_by_program_is_silent_and_brings_the_row_into_sight(table: LayerTable) -> None:
    chosen = chosen_of(table)
    table.resize(280, 240)
    for name in ("prob", "conv1_1"):
        table.choose(name)
        index = table.view.currentIndex()
        assert index.siblingAtColumn(0).data().startswith(name)
        assert table.view.viewport().rect().intersects(table.view.visualRect(index))
    table.choose("of another network")
    assert not table.view.selectionModel().hasSelection()
    assert chosen == []


@pytest.mark.parametrize("times", [None, TIMES])
def test_copies_equal_what_the_command_prints(
    table: LayerTable, times: dict[str, float] | None
) -> None:
    said: list[str] = []
    table.said.connect(said.append)
    table.show_times(times)
    click_header(table, 2)
    texts = []
    for action in button_of(table, "Copy the table").menu().actions():
        action.trigger()
        texts.append(QGuiApplication.clipboard().text())
    assert texts == [write(VGG16, times) for write in (format_table, as_markdown, as_csv)]
    assert said == ["Copied 24 layers"] * 3


def test_measuring(table: LayerTable, qtbot: QtBot) -> None:
    button = button_of(table, "Measure the time of each layer")
    with qtbot.waitSignal(table.times_wanted):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    table.set_measuring(True)
    assert not button.isEnabled()
    assert button.text() == "Measuring…"
    table.set_measuring(False)
    assert button.isEnabled()
    table.show_times({"conv1_1": 1.25, "fc6": 2.0}, "A card", "in place of another")
    assert "3.2 ms in all layers · A card · in place of another" in said_by(table)
    table.show_network(None)
    assert not button.isEnabled()
    assert not button_of(table, "Copy the table").isEnabled()


def test_totals_stand_below(table: LayerTable) -> None:
    assert (
        "Total: 138,357,544 (527.79 MB) params · all trainable · 15.47 G MACs per picture"
        in said_by(table)
    )
    norm = Operation(name="bn", kind=Kind.BATCH_NORMALIZATION)
    table.show_network(build_network(name="t", title="T", input_shape=(8, 8, 3), operations=[norm]))
    assert "Total: 12 (48.00 B) params · 6 trainable · 0 MACs per picture" in said_by(table)


def test_wide_panels_have_everything_in_sight(table: LayerTable) -> None:
    table.show_times(TIMES, "A card")
    table.resize(1100, 400)
    texts = [label.text() for label in table.findChildren(QLabel)]
    assert set(said_by(table)) == set(texts), "nothing is cut"
    header, viewport = table.view.horizontalHeader(), table.view.viewport()
    assert viewport.width() - 8 <= header.length() <= viewport.width()


def painted(table: LayerTable, column: int) -> list[str]:
    """What the view writes into a column."""
    view, option = table.view, QStyleOptionViewItem()
    texts = []
    for row in range(view.model().rowCount()):
        view.itemDelegate().initStyleOption(option, view.model().index(row, column))
        texts.append(option.text)
    return texts


@pytest.mark.parametrize(("width", "height"), [(280, 240), (480, 300), (960, 400)])
def test_narrow_panels_scroll_instead_of_squeezing(
    table: LayerTable, width: int, height: int
) -> None:
    table.show_times(TIMES, "A graphics card with quite a long name")
    table.resize(width, height)
    view, metrics = table.view, table.view.fontMetrics()
    for column in range(8):
        if not view.isColumnHidden(column):
            texts = painted(table, column)
            assert view.columnWidth(column) >= max(map(metrics.horizontalAdvance, texts)) + 8
    assert (view.horizontalScrollBar().maximum() == 0) is (width >= 440)
    assert view.isColumnHidden(6) is (width < 960)
    for name in ("Measure the time of each layer", "Copy the table"):
        button = button_of(table, name)
        place = button.rect().translated(button.mapTo(table, QPoint()))
        assert table.rect().contains(place)
        assert button.width() >= button.minimumSizeHint().width()


def test_headers_explain_themselves(table: LayerTable) -> None:
    model = table.view.model()
    tips = [
        model.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        for column in range(model.columnCount())
    ]
    assert all(tips)
    assert "one output depends on" in tips[3]
    assert "to its neighbour" in tips[4]
    assert "FLOPs" in tips[5]


def test_beside_the_maps_short_texts_say_all_but_the_memory(table: LayerTable) -> None:
    wide_header = table.view.horizontalHeader().height()
    table.show_times(TIMES, "A card")
    wide = painted(table, 2)
    table.resize(440, 235)
    model, view, metrics = table.view.model(), table.view, table.view.fontMetrics()
    titles = [model.headerData(c, Qt.Orientation.Horizontal) for c in range(model.columnCount())]
    assert titles[:6] == ["Layer", "Output", "Params", "Field", "Stride", "MACs"]
    columns = (*range(6), 7)
    for column in columns:
        right = view.columnViewportPosition(column) + view.columnWidth(column)
        assert right <= view.viewport().width()
        assert view.columnWidth(column) >= metrics.horizontalAdvance(titles[column]) + 8
    assert view.horizontalScrollBar().maximum() == 0
    assert view.horizontalHeader().height() == wide_header < 2 * metrics.height() + 10
    row = [layer.name for layer in VGG16.layers].index("conv3_2")
    short = [painted(table, column)[row] for column in columns[:6]]
    assert short == ["conv3_2", "56×56×256", "590 k", "32", "4", "1.85 G"]
    # What is short is told whole by its tool tip, and copied whole.
    tips = [model.index(row, column).data(Qt.ItemDataRole.ToolTipRole) for column in columns[:4]]
    assert tips == ["conv3_2 (Conv2D)", "56 × 56 × 256 · 3.06 MB", "590,080", None]
    exact = tuple(model.index(row, column).data() for column in range(8))
    assert exact == cells_of(VGG16.layers[row], TIMES)
    [totals] = [each for each in table.findChildren(QLabel) if each.text().startswith("Total")]
    assert totals.text() == "Total: 138 M params · 527.79 MB · 15.5 G MACs"
    assert totals.accessibleName().startswith("Total: 138,357,544 (527.79 MB) params")
    table.resize(1100, 300)
    assert painted(table, 2) == wide
    assert model.index(row, 2).data(Qt.ItemDataRole.ToolTipRole) is None


def test_a_low_panel_has_one_line_below_its_table(table: LayerTable) -> None:
    table.show_times(TIMES, "A card", "A note")
    table.resize(430, 118)
    for name in ("Measure the time of each layer", "Copy the table"):
        button = button_of(table, name)
        place = button.rect().translated(button.mapTo(table, QPoint()))
        assert table.rect().contains(place)
        assert place.top() >= table.view.geometry().bottom()


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1792, "1.79 k"),
        (590_080, "590 k"),
        (999_600, "1.00 M"),
        (14_710_464, "14.7 M"),
        (102_764_544, "103 M"),
        (15_470_264_320, "15.5 G"),
    ],
)
def test_counts_in_three_digits(count: int, text: str) -> None:
    assert compact_count(count) == text
