"""The layer browser with a photo: every layer of the starter, how it is shown, what it sees."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QToolButton

from ui.layers.layers_driver import KEY, STARTER, Layers, box_of, changed_area, pixels
from ui.window_driver import FAST, sample
from vggscope.cli.main import main
from vggscope.errors import InferenceError
from vggscope.inference import layer_times
from vggscope.inference.map_views import maps_picture, spot_at
from vggscope.inference.weight_views import UnitWeights, unit_weights_view
from vggscope.ui.inference_thread import InferenceThread
from vggscope.ui.layers.colours import colour_table
from vggscope.ui.layers.histogram import value_text
from vggscope.ui.settings import CROP_BOX
from vggscope.ui.texts import percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QImage

    from ui.layers.layers_driver import Truth
    from ui.window_driver import Driver
    from vggscope.inference.classifier import Classifier
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
        kind = "units" if expected.is_vector else "channels"
        assert texts[1].startswith(f"{count} {kind}")
        assert expected.values[0].size == 1 or f"{height} × {width} (H × W)" in texts[1]
    layers.press(KEY.Key_Down, ALT)
    assert layers.browser.figure.current == "prob", "there is nothing behind it"
    layers.press(KEY.Key_Up, ALT)
    layers.settle("fc8")


def test_the_browser_does_not_keep_the_first_prediction_waiting(
    new_window: Callable[..., Driver],
) -> None:
    user = new_window(begin=False)
    user.drop_files(sample("zebra"))
    user.wait(lambda: user.bench.current is not None)
    step = user.window.actions_by_key["layer_behind"]
    seen: list[bool] = []
    user.bench.inference.answered.connect(lambda: seen.append(user.window.layers is not None))
    assert user.window.layers is None
    assert not step.isEnabled()
    user.window.begin()
    user.settle()
    user.wait(lambda: user.window.layers is not None)
    assert seen == [False], "it came behind the answer"
    assert step.isEnabled()


def test_the_browser_does_not_wait_for_what_takes_long(
    new_window: Callable[..., Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InferenceThread, "load", lambda *_: None)
    user = new_window()
    user.drop_files(sample("zebra"))
    user.wait(lambda: user.window.layers is not None)
    layers = Layers(user)
    user.wait(lambda: "being loaded" in layers.reason)


def test_how_the_maps_are_shown(layers: Layers, truth: Truth) -> None:
    layers.open("zebra")
    layers.choose("conv3_3")
    expected = truth("zebra", "conv3_3")
    values = expected.values.reshape(256, -1)
    keys = {
        "Highest mean": values.mean(axis=1, dtype=np.float64),
        "Highest maximum": values.max(axis=1),
        "Most zeros": (values == 0).mean(axis=1),
    }
    for order, key in keys.items():
        layers.pick("Order of maps", order)
        assert_shows(layers, expected)
        shown = key[layers.grid.picture.grid.order]
        assert (np.diff(shown) <= 0).all(), order
        assert shown[0] > shown[-1]
    layers.pick("Order of maps", "By number")

    # Zoomed in around the largest value of a channel that is not the strongest one.
    channel = int(values.max(axis=1).argsort()[128])
    row, column = divmod(int(values[channel].argmax()), 56)
    for _ in range(14):
        layers.user.wheel(layers.grid, QPointF(layers.place(channel, row, column)), 1)
    assert layers.grid.zoom >= 2
    assert not layers.grid.fitted
    zoom = layers.grid.zoom
    ends = float(values[channel].max()), float(values.max())
    tops = {"Per channel": ends[0], "Per layer": ends[1], "Fixed": 2 * ends[0]}
    for (scale, top), colours in zip(tops.items(), ("Viridis", "Inferno", "Gray"), strict=True):
        layers.pick("Colours of maps", colours)
        layers.pick("Range of maps", scale)
        if scale == "Fixed":
            layers.type_into("Lowest value", "0")
            layers.type_into("Highest value", f"{top:g}")
        assert layers.grid.zoom == zoom
        assert layers.grid.rect().contains(layers.place(channel, row, column)), "the view stays"
        table = colour_table(colours.lower())
        level = round(254 * ends[0] / top)
        near = [QColor.fromRgb(table[each]) for each in range(max(level - 1, 0), level + 2)]
        assert layers.colour_at(channel, row, column) in near, (colours, scale)
        assert_shows(layers, expected)
    for key in (KEY.Key_Plus, KEY.Key_Minus, KEY.Key_0, KEY.Key_Plus, KEY.Key_Plus):
        zoom = layers.grid.zoom
        layers.user.key(key, on=layers.grid)
        assert (layers.grid.zoom > zoom) is (key == KEY.Key_Plus)
        assert layers.grid.fitted is (key == KEY.Key_0)
    assert layers.grid.has_room_for_labels
    before = layers.grid.grab().toImage()
    layers.toggle("Labels")
    assert not changed_area(before, layers.grid.grab().toImage()).isNull()


def test_only_what_is_alive(layers: Layers, truth: Truth) -> None:
    layers.open("zebra")
    layers.choose("conv5_3")
    values = truth("zebra", "conv5_3").values.reshape(512, -1)
    alive = set(np.flatnonzero(values.any(axis=1)).tolist())
    assert 0 < len(alive) < 512
    layers.toggle("Alive only")
    assert set(layers.grid.picture.grid.order.tolist()) == alive
    layers.toggle("Alive only")
    assert len(layers.grid.picture.grid.order) == 512


def test_one_channel_and_what_it_sees(layers: Layers, truth: Truth) -> None:
    """Chosen by a click; read under the mouse, in the grid and large; boxed on the photo."""
    layers.open("cat-chelsea")
    layers.choose("conv3_3")
    expected = truth("cat-chelsea", "conv3_3")
    channel = 84
    layers.click_channel(channel)
    assert layers.channel == layers.number.value() == channel
    page = layers.browser.channel
    before = layers.marks
    assert before == ()
    # In the grid, the mouse meets the value that is nearest to it.
    chosen, row, column = layers.point_at(channel, 20, 30)
    assert (chosen, abs(row - 20) <= 1, abs(column - 30) <= 1) == (channel, True, True)
    value = float(expected.values[channel, row, column])
    assert f"channel {channel} · (row {row}, column {column}) · {value_text(value)}" in (
        layers.texts(layers.browser.maps)
    )
    [mark] = layers.marks
    box = expected.on_picture(expected.receptive_field(row, column))
    assert box_of(mark) == pytest.approx(tuple(box))
    layers.leave()
    assert layers.marks == ()

    for place in ((0, 0), (55, 55), (17, 41)):
        layers.point_at_map(*place)
        value = float(expected.values[(channel, *place)])
        said = f"value at (row {place[0]}, column {place[1]}): {value_text(value)}"
        assert said in layers.texts(page)
        [mark] = layers.marks
        box = expected.on_picture(expected.receptive_field(*place))
        assert box_of(mark) == pytest.approx(tuple(box)), "clipped at the borders"
    painted = layers.canvas_image()
    layers.leave()
    assert layers.marks == ()
    area = changed_area(layers.canvas_image(), painted)
    assert area.adjusted(-1, -1, 1, 1).contains(layers.on_canvas(box)), "and painted"

    # A click keeps it.
    layers.user.click(layers.map, layers.map.cell_box(17, 41).center().toPoint())
    layers.leave()
    assert [box_of(m) for m in layers.marks] == [pytest.approx(tuple(box))]
    layers.user.key(KEY.Key_Escape, on=layers.map)
    assert layers.marks == ()


def test_the_strongest_positions(layers: Layers, truth: Truth) -> None:
    layers.open("cat-chelsea")
    layers.choose("conv5_3")
    expected = truth("cat-chelsea", "conv5_3")
    strongest = int(expected.values.reshape(512, -1).max(axis=1).argmax())
    assert layers.channel == strongest, "without any choice"
    spots = [spot_at(expected, each) for each in expected.strongest(strongest, 9)]
    table = layers.tables("Strongest positions")
    rows = [[table.item(row, column).text() for column in (0, 1)] for row in range(9)]
    assert rows == [
        [value_text(s.position.value), f"{s.position.row}, {s.position.column}"] for s in spots
    ]
    layers.mark_strongest()
    assert [(m.text, box_of(m)) for m in layers.marks] == [
        (str(rank), pytest.approx(tuple(s.on_picture))) for rank, s in enumerate(spots, start=1)
    ]
    table.selectRow(2)
    loud = [m for m in layers.marks if not m.quiet]
    assert [box_of(m) for m in loud] == [pytest.approx(tuple(spots[2].on_picture))]
    layers.mark_strongest()
    layers.choose("conv5_2")
    assert layers.marks == (), "of another layer"


def test_the_channel_over_the_photo(layers: Layers, truth: Truth) -> None:
    layers.user.settings.set(CROP_BOX, False)
    layers.open("cat-chelsea")
    layers.choose("conv4_2")
    expected = truth("cat-chelsea", "conv4_2")
    bare = layers.canvas_image()
    layers.overlay(on=True, opacity=100)
    full = layers.canvas_image()
    assert layers.canvas.overlay is not None
    assert layers.canvas.overlay.opacity == 1
    # What the network saw, which is a part of the photo; maps reach a little beyond it.
    area = changed_area(bare, full)
    seen = layers.on_canvas(expected.extent)
    photo = layers.on_canvas((0, 0, *expected.picture_size))
    assert seen.intersected(photo).adjusted(-1, -1, 1, 1).contains(area)
    assert area.width() > 0.5 * seen.width()
    assert area.width() < 0.9 * photo.width()
    differences = []
    for opacity in (100, 50, 0):
        layers.overlay(on=True, opacity=opacity)
        differences.append(changed_amount(bare, layers.canvas_image()))
    assert differences[0] > differences[1] > differences[2] == 0
    layers.overlay(on=True, opacity=100)
    layers.type_channel((layers.channel or 0) + 1)
    assert layers.canvas_image() != full, "it follows the channel"
    layers.overlay(on=False)
    assert layers.canvas_image() == bare


def test_before_relu(layers: Layers, truth: Truth) -> None:
    layers.open("zebra")
    layers.choose("conv2_2")
    assert layers.maps.values.min() == 0
    layers.toggle("Before ReLU")
    assert_shows(layers, truth("zebra", "conv2_2", before_relu=True))
    assert layers.maps.values.min() < 0
    assert "before ReLU" in layers.texts(layers.browser.maps)
    layers.choose("pool3")
    assert_shows(layers, truth("zebra", "pool3"))
    assert not layers.button("Before ReLU").defaultAction().isEnabled()
    layers.choose("conv3_1")
    is_before = layers.button("Before ReLU").defaultAction().isChecked()
    assert_shows(layers, truth("zebra", "conv3_1", before_relu=is_before))


def test_classes_have_their_names(layers: Layers, truth: Truth) -> None:
    layers.open("zebra")
    for layer in ("fc8", "prob"):
        layers.choose(layer)
        expected = truth("zebra", layer)
        assert_shows(layers, expected)
        assert expected.labels is not None
        best = int(expected.values.argmax())
        assert expected.labels[best] == "zebra"
        assert layers.channel == best
        value = float(expected.values[best, 0, 0])
        layers.point_at(best)
        text = percent(value) if layer == "prob" else value_text(value)
        assert f"unit {best} · zebra · {text}" in layers.texts(layers.browser.maps)
        page = layers.texts(layers.browser.channel)
        assert "zebra" in page
        assert value_text(value) in page
        assert f"rank 1 of 1,000 units of {layer}" in page
        [mark] = layers.marks
        assert box_of(mark) == pytest.approx(tuple(expected.crop)), "it sees all of it"
        layers.leave()
        assert layers.marks == ()
    assert (
        f"{float(expected.values.max()):.1%}".rstrip("%") in layers.user.shown_predictions()[0][1]
    )


def test_paging_through_channels(layers: Layers, truth: Truth) -> None:
    layers.open("coffee")
    layers.choose("pool4")
    layers.type_channel(511)
    layers.show_figures()
    values = truth("coffee", "pool4").values
    for key, channel in ((KEY.Key_PageUp, 510), (KEY.Key_PageDown, 511), (KEY.Key_PageDown, 511)):
        layers.user.key(key, on=layers.map)
        layers.settle("pool4")
        assert layers.channel == layers.number.value() == channel
        figures = layers.texts(layers.browser.channel).splitlines()
        assert value_text(float(values[channel].max())) in figures
    layers.grid.setFocus()
    layers.user.key(KEY.Key_Left, on=layers.grid)
    layers.settle("pool4")
    assert layers.number.value() == 510


def test_what_a_channel_multiplies_by(layers: Layers, fast: Classifier, truth: Truth) -> None:
    layers.open("zebra")
    panel = layers.browser.weights
    table = layers.tables("Channels that feed this one")
    for layer, source in (("conv1_1", "data"), ("conv3_3", "conv3_2"), ("fc6", "pool5")):
        layers.choose(layer)
        layers.show_page("Weights")
        layers.settle(layer)
        channel = layers.channel
        assert channel is not None
        spot = truth("zebra", layer).strongest(channel, 1)[0]
        wanted = unit_weights_view(
            fast.layers, layer, channel, maps_before=truth("zebra", source), position=spot
        )
        assert isinstance(wanted, UnitWeights)
        title = layers.texts(panel).splitlines()[0]
        assert title.startswith(f"Weights of {layer}")
        assert title.endswith(str(channel))
        assert f"from {source}" in layers.texts(panel)
        assert f"at row {spot.row}, column {spot.column}" in layers.texts(panel)
        assert table.rowCount() == len(wanted.feeders) > 0
        shown = [table.item(row, 2).text() for row in range(table.rowCount())]
        assert shown == [value_text(f.contribution or 0.0) for f in wanted.feeders], layer
        spoken = [
            str(table.item(row, 0).data(Qt.ItemDataRole.AccessibleTextRole))
            for row in range(table.rowCount())
        ]
        assert all(each.startswith(source) for each in spoken)
    feeder = wanted.feeders[0]
    layers.user.click(table.viewport(), table.visualItemRect(table.item(0, 0)).center())
    layers.settle("pool5")
    assert layers.channel == feeder.channel
    for layer, source in (("pool5", "conv5_3"), ("prob", "fc8")):
        layers.choose(layer)
        channel = layers.channel
        assert f"of {layer} is the" in layers.texts(panel)
        [link] = [b for b in panel.findChildren(QToolButton) if b.isVisible()]
        assert link.text().startswith(f"Go to {source}")
        layers.user.click(link)
        layers.settle(source)
        assert layers.channel == channel


def test_the_table_is_that_of_the_command(
    layers: Layers, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise InferenceError(model=FAST, device="the device", reason="out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(layer_times, "measure_layers", fail)
        layers.open("zebra")
        layers.show_page("Table")
        layers.user.wait(lambda: "out of memory" in layers.texts(layers.browser.table))
    entries = {
        "As text": "table",
        "As Markdown": "markdown",
        "As CSV, for spreadsheets": "csv",
    }
    capsys.readouterr()
    for entry, form in entries.items():
        layers.entry("Copy the table", entry, layers.browser.table).trigger()
        assert main(["layers", "--model", FAST, "--format", form]) == 0
        assert QGuiApplication.clipboard().text() == capsys.readouterr().out
    header, ms = layers.table.horizontalHeader(), 7
    assert layers.table.isColumnHidden(ms)
    measure = layers.user.button("Measure the time of each layer", layers.browser.table)
    layers.user.click(measure)
    layers.user.wait(lambda: not layers.table.isColumnHidden(ms))
    taken = times_of(layers)
    assert len(taken) == len(STARTER) - 1
    assert sum(taken.values()) > 1
    layers.entry("Copy the table", "As CSV, for spreadsheets", layers.browser.table).trigger()
    copied = list(csv.DictReader(io.StringIO(QGuiApplication.clipboard().text())))
    assert {
        row["name"]: f"{float(row['milliseconds']):.2f}" for row in copied if row["milliseconds"]
    } == {name: f"{value:.2f}" for name, value in taken.items()}
    # Sorted by a click on the head of the column; measured anew on demand.
    layers.table.horizontalScrollBar().setValue(layers.table.horizontalScrollBar().maximum())
    place = header.sectionViewportPosition(ms) + header.sectionSize(ms) // 2
    layers.user.click(header.viewport(), QPoint(place, header.height() // 2))
    order = list(times_of(layers).values())
    assert order in (sorted(order), sorted(order, reverse=True))
    layers.user.click(measure)
    layers.user.wait(lambda: times_of(layers) != taken)


def times_of(layers: Layers) -> dict[str, float]:
    """layer -> milliseconds, in the order of the table's rows."""
    model = layers.table.model()
    rows = [(model.index(row, 0).data(), model.index(row, 7).data()) for row in range(25)]
    return {name.split()[0]: float(text) for name, text in rows if text not in {"", "–"}}


def changed_amount(one: QImage, other: QImage) -> float:
    a, b = (pixels(image).astype(float) for image in (one, other))
    return float(abs(a - b).mean())
