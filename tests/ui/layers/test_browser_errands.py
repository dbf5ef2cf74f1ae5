"""What the layer browser asks for when something else is to be seen, and what it says meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from support import tiny_input, tiny_model
from ui.layers.layers_driver import KEY, STARTER, box_of
from ui.window_driver import FAST, sample, texts_in
from vgg.chains import Chain
from vggscope.errors import InferenceError
from vggscope.inference import layer_times, map_views
from vggscope.inference.classifier import Classifier
from vggscope.inference.layer_reader import LayerReader
from vggscope.ui.settings import CROP_BOX, FIT, MODEL

if TYPE_CHECKING:
    from pathlib import Path

    from ui.layers.layers_driver import Layers, Slow, Truth
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.map_views import MapsPicture
    from vggscope.zoo.normal_form import Model

CONTROL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier


def test_another_photo(layers: Layers, slow: Slow, truth: Truth) -> None:
    """Stale first, and said so, with no box of the old photo; then the new photo's maps."""
    layers.user.settings.set(CROP_BOX, False)
    layers.open("zebra", "coffee")
    layers.choose("conv4_3")
    layers.type_channel(84)
    first = layers.user.current.name.removesuffix(".jpg")
    assert np.array_equal(layers.maps.values, truth(first, "conv4_3").values)
    layers.user.click(layers.map, layers.map.cell_box(9, 4).center().toPoint())
    layers.mark_strongest()
    layers.overlay(on=True)
    layers.leave()
    assert len(layers.marks) > 1
    assert layers.canvas.overlay is not None
    painted = layers.grid.grab().toImage()

    slow.hold()
    layers.user.trigger("next" if first == "zebra" else "previous")
    second = layers.user.current.name.removesuffix(".jpg")
    assert {first, second} == {"zebra", "coffee"}
    assert layers.note == "Looking…"
    assert layers.marks == ()
    assert layers.canvas.overlay is None
    layers.user.wait(lambda: not layers.user.bench.tasks.is_pending("pixels"))
    QTest.qWait(100)
    assert layers.note == "Looking…"
    assert layers.shown == "conv4_3", "paler, but there"
    assert layers.grid.grab().toImage() != painted
    layers.point_at(84, 9, 9)
    layers.point_at_map(5, 5)
    assert layers.marks == (), "what is stale is of another photo"
    layers.leave()
    slow.go_on.set()
    layers.settle("conv4_3")
    expected = truth(second, "conv4_3")
    assert np.array_equal(layers.maps.values, expected.values)
    assert layers.channel == 84
    assert layers.canvas.overlay is not None
    spots = [expected.receptive_field(s.row, s.column) for s in expected.strongest(84, 9)]
    quiet = [box_of(mark) for mark in layers.marks if mark.quiet]
    assert quiet == [pytest.approx(tuple(expected.on_picture(field))) for field in spots]


def test_the_newest_question_is_the_one_that_is_answered(layers: Layers, slow: Slow) -> None:
    layers.open("zebra")
    slow.hold()
    slow.looks.clear()
    shown = []
    for layer in STARTER[2:10]:
        layers.press(KEY.Key_Down, ALT)
        assert layers.browser.figure.current == layer
        QTest.qWait(20)
        shown.append(layers.shown)
    assert set(shown) == {"conv1_1"}
    assert layers.note
    slow.go_on.set()
    layers.settle("conv3_3")
    assert slow.looks.count("conv3_3") == 1

    # Back to what is shown before anything came: it is shown, and marked, as before.
    layers.overlay(on=True)
    slow.hold()
    layers.press(KEY.Key_Down, ALT)
    assert layers.note == "Looking…"
    layers.press(KEY.Key_Up, ALT)
    layers.settle("conv3_3")
    assert layers.canvas.overlay is not None


def test_what_is_drawn_too_late_is_not_taken_for_the_new_photo(
    layers: Layers, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers.open("zebra", "coffee")
    layers.choose("conv4_3")
    layers.mark_strongest()
    layers.overlay(on=True)
    first = layers.user.current.name.removesuffix(".jpg")
    second = "coffee" if first == "zebra" else "zebra"
    draw, may_draw = map_views.maps_picture, threading.Semaphore(0)
    drawn: list[str] = []

    def wait(maps: FeatureMaps, *arguments: Any, **options: Any) -> MapsPicture:
        is_old = np.array_equal(maps.values, old.values)
        drawn.append(first if is_old else second)
        assert may_draw.acquire(timeout=30)
        return draw(maps, *arguments, **options)

    old = layers.maps
    monkeypatch.setattr(map_views, "maps_picture", wait)
    errands = layers.user.bench.inference.errands
    try:
        layers.entry("Order of maps", "Highest mean").trigger()
        layers.user.wait(lambda: drawn == [first])
        layers.user.bench.choose(next(p.key for p in layers.user.photos if second in p.name))
        layers.user.settle()
        layers.user.wait(lambda: not errands.is_pending("shown"))
        QTest.qWait(50)
        assert layers.marks == ()
        may_draw.release()
        layers.user.wait(lambda: drawn == [first, second])
        QTest.qWait(50)
        assert layers.marks == (), "of the photo before"
        assert layers.canvas.overlay is None
        assert layers.note or layers.maps is not old
    finally:
        for _ in range(10):
            may_draw.release()
    layers.settle("conv4_3")
    assert np.array_equal(layers.maps.values, truth(second, "conv4_3").values)
    assert len(layers.marks) == 9


def test_weights_are_read_however_often_the_browser_is_hidden(layers: Layers, slow: Slow) -> None:
    layers.open("zebra")
    layers.choose("conv2_1")
    slow.hold()
    layers.show_page("Weights")
    panel = layers.browser.weights
    assert "Reading weights…" in layers.texts(panel)
    layers.press(KEY.Key_L, CONTROL)
    layers.press(KEY.Key_L, CONTROL)
    slow.go_on.set()
    layers.user.wait(lambda: "Weights of conv2_1" in layers.texts(panel))


def test_nobody_waits_for_times(
    layers: Layers, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of layers is measured in the background: a click on a layer comes before that."""
    measuring, may_end = threading.Event(), threading.Event()

    def measure(*_arguments: object, cancellation: Any, **_options: object) -> None:
        measuring.set()
        try:
            while not may_end.wait(0.01):
                cancellation.check()
        finally:
            measuring.clear()
        raise InferenceError(model=FAST, device="the device", reason="was only measured")

    monkeypatch.setattr(layer_times, "measure_layers", measure)
    try:
        layers.user.open("zebra")
        layers.user.wait(measuring.is_set)
        for layer in ("conv2_1", "prob"):
            layers.click_layer(layer)
            layers.user.qtbot.waitUntil(lambda w=layer: layers.shown == w, timeout=5000)
            assert np.array_equal(layers.maps.values, truth("zebra", layer).values)
        layers.user.wait(measuring.is_set)
        layers.user.drop_files(sample("coffee"))
        layers.user.qtbot.waitUntil(
            lambda: [p.best.label for p in layers.user.photos if p.best] == ["zebra", "espresso"],
            timeout=5000,
        )
    finally:
        may_end.set()


def test_showing_and_hiding(layers: Layers, truth: Truth, tmp_path: Path) -> None:
    layers.open("zebra")
    layers.choose("conv5_1")
    layers.overlay(on=True)
    layers.press(KEY.Key_L, CONTROL)
    assert not layers.is_visible
    assert layers.canvas.overlay is None
    layers.press(KEY.Key_L, CONTROL)
    layers.settle("conv5_1")
    assert layers.canvas.overlay is not None
    layers.press(KEY.Key_L, CONTROL)
    assert not layers.user.window.actions_by_key["layer_behind"].isEnabled()
    layers.user.open("coffee")
    layers.user.bench.choose(layers.user.photos[-1].key)
    layers.press(KEY.Key_L, CONTROL)
    layers.settle("conv5_1")
    assert np.array_equal(layers.maps.values, truth("coffee", "conv5_1").values)

    # A photo that cannot be read says so, in the maps' place as well.
    (tmp_path / "broken.jpg").write_text("text", encoding="utf-8")
    layers.user.drop_files(tmp_path / "broken.jpg")
    layers.user.wait(lambda: len(layers.user.photos) == 3)
    layers.user.settle()
    layers.user.bench.choose(layers.user.photos[-1].key)
    layers.user.wait(lambda: bool(layers.reason))
    assert layers.user.current.name == "broken.jpg"
    assert "broken.jpg" in layers.reason
    assert layers.reason in layers.texts(layers.browser.channel)
    assert layers.marks == ()
    assert layers.canvas.overlay is None
    layers.press(KEY.Key_Down, ALT)
    assert layers.browser.figure.current == "conv5_2", "layers can still be chosen"
    layers.user.trigger("remove")
    layers.settle("conv5_2")
    assert layers.user.current.name == "coffee.jpg"
    assert np.array_equal(layers.maps.values, truth("coffee", "conv5_2").values)
    layers.user.trigger("remove_all")
    assert not layers.is_visible
    layers.open("zebra")
    assert layers.shown == "conv5_2"
    assert np.array_equal(layers.maps.values, truth("zebra", "conv5_2").values)


def test_a_network_that_fails_says_why_and_can_be_asked_again(
    layers: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers.open("zebra")

    def fail(*_arguments: object, **_options: object) -> None:
        raise InferenceError(model=FAST, device="the device", reason="out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(LayerReader, "look", fail)
        layers.click_layer("conv3_1")
        layers.user.wait(lambda: "out of memory" in layers.reason)
        assert layers.browser.figure.current == "conv3_1"
        assert layers.marks == ()
    layers.choose("conv3_2")
    layers.choose("conv3_1")
    assert layers.reason == ""


def test_another_fit_is_looked_at_anew(layers: Layers, fast: Classifier) -> None:
    layers.open("cat-chelsea")
    layers.choose("pool3")
    published = layers.maps
    layers.user.settings.set(FIT, "stretch")
    layers.user.wait(lambda: layers.is_calm() and layers.maps is not published)
    assert tuple(layers.maps.crop) == (0, 0, *layers.user.current.size)
    stretched = Classifier.load(FAST, device="cpu", fit="stretch")
    expected = stretched.activations(sample("cat-chelsea"), "pool3")
    assert np.array_equal(layers.maps.values, expected.values)
    assert stretched.model.name == fast.model.name


# Other models


def weights(chain: Chain, *shape: int) -> str:
    random = np.random.default_rng(len(chain.nodes))
    return chain.constant(random.normal(0, 0.3, shape), "f4")


@pytest.fixture
def four(data_dir: Path) -> Model:
    """Four classes, 240 × 240, channels last, layers without names."""
    graph = Chain("N", 240, 240, 3)
    graph.add("Transpose", perm=[0, 3, 1, 2])
    graph.add("Conv", weights(graph, 8, 3, 3, 3), pads=[1] * 4).add("Relu")
    graph.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    graph.add("Conv", weights(graph, 16, 8, 3, 3), pads=[1] * 4).add("Relu")
    graph.add("GlobalAveragePool").add("Flatten")
    graph.add("Gemm", weights(graph, 4, 16), weights(graph, 4), transB=1).add("Softmax")
    return tiny_model(
        data_dir / "data" / "models" / "four",
        proto=graph.model(),
        title="Four",
        input=tiny_input(layout="NHWC", height=240, width=240, resize=256),
        output={"probabilities": graph.tip},
        layers=[],
    )


def change_to(layers: Layers, model: str) -> None:
    layers.user.settings.set(MODEL, model)
    layers.user.wait_for_model(model)
    layers.user.settle()
    layers.user.wait(lambda: layers.is_calm() and layers.maps.model == model)


def all_layers(layers: Layers) -> list[str]:
    """Through all of them by Alt + Down, from the first on; those that were shown."""
    found: list[str] = []
    layers.user.key(KEY.Key_Home, on=layers.browser.figure)
    while not found or found[-1] != layers.browser.figure.current:
        name = layers.browser.figure.current
        layers.settle(name)
        found.append(name)
        layers.press(KEY.Key_Down, ALT)
    return found


def test_four_classes_of_large_pictures_with_channels_last(layers: Layers, four: Model) -> None:
    layers.open("zebra")
    layers.choose("conv3_3")
    change_to(layers, four.name)
    assert layers.maps.layer.name == layers.browser.figure.current
    truth = Classifier.load(four, device="cpu")
    names = all_layers(layers)
    assert len(names) == len(set(names)) == layers.table.model().rowCount() >= 7
    for name in names:
        layers.choose(name)
        expected = truth.activations(sample("zebra"), name)
        assert np.array_equal(layers.maps.values, expected.values), name
        assert layers.reason == ""
    assert layers.maps.labels == ("red", "green", "blue", "other")
    assert expected.input_size == (240, 240)
    first = next(
        name
        for name in names
        if truth.activations(sample("zebra"), name).values.shape == (8, 240, 240)
    )
    layers.choose(first)
    layers.type_channel(3)
    layers.point_at_map(100, 7)
    # Its values have less than a pixel each: the mouse meets one nearby.
    row, column = layers.map.cell or (0, 0)
    assert (abs(row - 100) <= 1, abs(column - 7) <= 1) == (True, True)
    expected = truth.activations(sample("zebra"), first)
    box = expected.on_picture(expected.receptive_field(row, column))
    assert [box_of(mark) for mark in layers.marks] == [pytest.approx(tuple(box))]
    change_to(layers, FAST)
    assert layers.shown in STARTER


def test_a_network_that_branches_is_a_list(layers: Layers, branching: Model) -> None:
    layers.open("coffee")
    change_to(layers, branching.name)
    said = " ".join(texts_in(layers.browser))
    assert "This network branches" in said
    assert "upper bounds" in said
    truth = Classifier.load(branching, device="cpu")
    names = all_layers(layers)
    assert len(names) == layers.table.model().rowCount()
    for name in names:
        layers.choose(name)
        expected = truth.activations(sample("coffee"), name)
        assert np.array_equal(layers.maps.values, expected.values), name
    change_to(layers, FAST)
    assert "This network branches" not in " ".join(texts_in(layers.browser))
