"""What the user keeps of maps: a pinned picture beside the next one, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QFileDialog

from ui.layers.layers_driver import KEY
from ui.window_driver import FAST, SLOW, sample
from vggscope.cli.main import main
from vggscope.inference.map_views import maps_picture
from vggscope.ui.layers.histogram import value_text
from vggscope.ui.settings import FIT, MODEL

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from ui.layers.layers_driver import Layers, Slow, Truth
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.zoo.normal_form import Model


def pinned_maps(layers: Layers) -> FeatureMaps:
    picture = layers.pinned.picture
    assert picture is not None
    assert layers.pinned.isVisible()
    return picture.maps


def test_two_photos_side_by_side(layers: Layers, truth: Truth) -> None:
    layers.open("zebra")
    layers.choose("conv4_1")
    assert not layers.pinned.isVisible()
    layers.user.click(layers.button("Compare…"))
    layers.settle("conv4_1")
    assert np.array_equal(pinned_maps(layers).values, layers.maps.values)
    layers.open("coffee")
    zebra, coffee = truth("zebra", "conv4_1"), truth("coffee", "conv4_1")
    assert np.array_equal(layers.maps.values, coffee.values)
    assert np.array_equal(pinned_maps(layers).values, zebra.values)
    assert "zebra.jpg · VGG16 compact (fast)" in layers.texts(layers.browser.maps)

    # The same channel in the same place of both, in whatever order.
    layers.pick("Order of maps", "Highest mean")
    orders = [grid.picture.grid.order.tolist() for grid in (layers.grid, layers.pinned)]
    assert orders[0] == orders[1]
    wanted = maps_picture(zebra, layers.grid.picture.look, order=layers.grid.picture.grid.order)
    assert np.array_equal(layers.pinned.picture.grid.pixels, wanted.grid.pixels)
    channel = orders[0][3]
    layers.click_channel(channel, layers.pinned)
    assert layers.grid.chosen == layers.pinned.chosen == layers.number.value() == channel
    assert layers.map.pinned_size.width() == 28
    layers.point_at_map(9, 21)
    ours, theirs = (value_text(float(m.values[channel, 9, 21])) for m in (coffee, zebra))
    page = layers.texts(layers.browser.channel)
    assert f"value at (row 9, column 21): {ours}" in page
    assert f"(fast): {theirs}" in page, "elided in its middle"
    layers.leave()
    _, row, column = layers.point_at(channel, 9, 21)
    theirs = value_text(float(zebra.values[channel, row, column]))
    assert f"pinned: {theirs}" in layers.texts(layers.browser.maps)
    layers.leave()

    # Both show the same part.
    for here, there in ((layers.grid, layers.pinned), (layers.pinned, layers.grid)):
        for _ in range(8):
            layers.user.wheel(here, QPointF(layers.place(channel, grid=here)), 1)
        assert here.zoom == there.zoom >= 1
        assert here.tile_rect(channel) == there.tile_rect(channel)
    layers.user.key(KEY.Key_0, on=layers.grid)
    assert layers.grid.fitted
    assert layers.pinned.fitted

    # The other layers of the pinned photo, even if it is gone from the window.
    layers.user.bench.choose(layers.user.photos[0].key)
    layers.settle("conv4_1")
    layers.user.trigger("remove")
    layers.settle("conv4_1")
    layers.choose("pool5")
    assert np.array_equal(layers.maps.values, truth("coffee", "pool5").values)
    assert np.array_equal(pinned_maps(layers).values, truth("zebra", "pool5").values)
    layers.user.click(layers.button("Unpin"))
    layers.settle("pool5")
    assert layers.pinned.picture is None
    assert not layers.pinned.isVisible()
    assert layers.map.pinned_size.isEmpty()
    assert "zebra.jpg" not in layers.texts(layers.browser)


def test_two_models_side_by_side(layers: Layers, truth: Truth) -> None:
    layers.open("zebra")
    layers.choose("conv3_2")
    layers.type_channel(7)
    layers.user.click(layers.button("Compare…"))
    layers.settle("conv3_2")
    layers.user.settings.set(MODEL, SLOW)
    layers.user.wait_for_model(SLOW)
    layers.user.settle()
    layers.settle("conv3_2")
    assert layers.channel == 7
    assert layers.maps.model == SLOW
    assert pinned_maps(layers).model == FAST
    expected = truth("zebra", "conv3_2")
    assert np.array_equal(pinned_maps(layers).values, expected.values)
    assert not np.array_equal(layers.maps.values, expected.values)
    # One is the other, with 8 bits.
    both = np.corrcoef(layers.maps.values.ravel(), expected.values.ravel())
    assert both[0, 1] > 0.99
    layers.choose("prob")
    for model, maps in ((SLOW, layers.maps), (FAST, pinned_maps(layers))):
        assert (maps.model, maps.layer.name) == (model, "prob")
        assert maps.labels is not None
        assert maps.labels[int(maps.values.argmax())] == "zebra"


def test_another_model_does_not_lose_what_is_pinned(
    layers: Layers, slow: Slow, tiny: Model, truth: Truth
) -> None:
    """The network stops in the middle of the pinned photo: it is looked at again."""
    layers.open("zebra")
    layers.user.click(layers.button("Compare…"))
    layers.settle("conv1_1")
    slow.hold(after=1)
    layers.click_layer("conv5_1")
    layers.user.wait(lambda: len(slow.looks) == 2)
    layers.user.settings.set(FIT, "stretch")
    layers.user.wait(lambda: layers.user.bench.is_busy)
    slow.go_on.set()
    layers.user.wait(lambda: not layers.user.bench.is_busy)
    layers.settle("conv5_1")
    layers.user.wait(lambda: layers.pinned.picture is not None and layers.pinned.isVisible())
    assert np.array_equal(pinned_maps(layers).values, truth("zebra", "conv5_1").values)
    assert not np.array_equal(layers.maps.values, truth("zebra", "conv5_1").values)
    # A network without this layer says so, and keeps the photo.
    layers.user.settings.set(MODEL, tiny.name)
    layers.user.wait_for_model(tiny.name)
    layers.user.settle()
    layers.settle("conv1_1")
    assert layers.maps.model == tiny.name
    assert np.array_equal(pinned_maps(layers).values, truth("zebra", "conv1_1").values)
    layers.choose("fc2")
    layers.user.wait(lambda: "has no layer called “fc2”" in layers.texts(layers.browser.maps))


def test_files_are_those_of_the_command(
    layers: Layers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_as(path: Path) -> Path:
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
        return path

    layers.open("zebra")
    layers.choose("conv4_3")
    layers.type_channel(84)
    words = [sample("zebra"), "--model", FAST, "--device", "cpu", "--layer", "conv4_3"]
    menus = {
        "maps": (layers.browser.maps, "Export", [], ("Grid as PNG…", "Numbers as NPY…")),
        "one": (
            layers.browser.channel,
            "Export this channel",
            ["--channels", "84"],
            ("Picture with scale (PNG)…", "Values (NumPy)…"),
        ),
    }
    for key, (part, button, options, (png, npy)) in menus.items():
        for form, entry in (("png", png), ("npy", npy), ("csv", "Statistics (CSV)…")):
            text = "Statistics as CSV…" if (key, form) == ("maps", "csv") else entry
            ours = save_as(tmp_path / f"{key}.{form}")
            layers.entry(button, text, part).trigger()
            layers.user.wait(ours.exists)
            folder = tmp_path / f"{key} {form}"
            assert main(["activations", *words, *options, "--format", form, "-o", str(folder)]) == 0
            [theirs] = folder.iterdir()
            if form != "png":
                assert ours.read_bytes() == theirs.read_bytes(), (key, form)
            elif key == "one":
                assert_same_picture(ours, theirs)
            else:
                # As many columns as there is room for in the window: only the caption is the same.
                grid = layers.grid.picture.grid.pixels
                with Image.open(ours) as picture:
                    assert picture.width >= grid.shape[1]
                    assert picture.height > grid.shape[0]
    save_as(tmp_path / "missing" / "maps.npy")
    layers.entry("Export", "Numbers as NPY…").trigger()
    messages = layers.user.window.messages
    layers.user.wait(messages.isVisible)
    assert "maps.npy" in messages.text
    assert not (tmp_path / "missing").exists()


def assert_same_picture(one: Path, other: Path) -> None:
    with Image.open(one) as a, Image.open(other) as b:
        assert a.size == b.size
        assert a.tobytes() == b.tobytes()
