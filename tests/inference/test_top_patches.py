"""What of a photo excites a channel most, against a plain reference, and out of many photos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.maps import layer, maps_of
from support import tiny_model
from vggscope import paths
from vggscope.errors import Cancelled
from vggscope.inference.devices import cpu_device
from vggscope.inference.layer_reader import LayerReader
from vggscope.inference.preprocessing import CropBox
from vggscope.inference.runtime import Cancellation
from vggscope.inference.top_patches import Patch, Peaks, TopPatches, patch_pixels, peaks_of
from vggscope.sources.frame import Frame, Origin
from vggscope.sources.stills import read_still
from vggscope.vgg import configs
from vggscope.vgg.build import build
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.inference.feature_maps import FeatureMaps

SIDE = 32
PROB = layer("prob")
CONV = layer("conv3_3")


@pytest.fixture
def zebra() -> Frame:
    return read_still(paths.resource("samples", "zebra.jpg"))


@pytest.fixture
def reader(tmp_path: Path) -> LayerReader:
    """A VGG of the paper's form with few channels, for pictures of 32 × 32."""
    model = tiny_model(
        tmp_path / "small",
        proto=build("A", classes=10, size=SIDE, width=0.1),
        labels=[f"class {number}" for number in range(10)],
        output={"probabilities": "prob"},
        layers=[],
        input={
            "name": "data",
            "layout": "NCHW",
            "height": SIDE,
            "width": SIDE,
            "channels": "RGB",
            "scale": 1.0,
            "mean": [0.0] * 3,
            "std": [1.0] * 3,
            "resize": SIDE,
        },
    )
    return LayerReader(model, cpu_device())


@dataclass
class Stand:
    """A reader of one layer whose maps a test chooses."""

    maps: FeatureMaps

    @property
    def anatomy(self) -> Any:
        class Site:
            layer = self.maps.layer

        class Sites:
            sites = (None, Site)

        return Sites

    def look(self, _picture: object, _layer: str, *, cancellation: object = None) -> FeatureMaps:
        assert cancellation is None
        return self.maps


def peaks(
    values: dict[str, list[float]], at: dict[str, list[int]] | None = None, **changes: Any
) -> Peaks:
    where = at or {}
    made = Peaks(
        maxima={name: np.array(each, np.float32) for name, each in values.items()},
        positions={
            name: np.array(where.get(name, [0] * len(each)), np.uint32)
            for name, each in values.items()
        },
        picture_size=(224, 224),
        crop=CropBox(0, 0, 224, 224),
    )
    return replace(made, **changes)


def one_channel(value: float, position: int = 0, *, name: str = "conv3_3", **changes: Any) -> Peaks:
    """Peaks of a photo that excites channel 0 of a layer, and no other one."""
    count = layer(name).output_shape[-1]
    return peaks(
        {name: [value] + [0.0] * (count - 1)}, {name: [position] + [0] * (count - 1)}, **changes
    )


def frame(pixels: NDArray[np.uint8], size: tuple[int, int] | None = None) -> Frame:
    height, width = pixels.shape[:2]
    return Frame(pixels=pixels, size=size or (width, height), origin=Origin(name="a"))


# --- of one photo ------------------------------------------------------------------------------


def test_peaks_are_the_largest_values_of_every_layer(reader: LayerReader, zebra: Frame) -> None:
    found = peaks_of(reader, zebra, Cancellation())
    layers = [
        site.layer for site in reader.anatomy.sites[1:] if site.layer.kind is not Kind.FLATTEN
    ]
    assert list(found.maxima) == list(found.positions) == [each.name for each in layers]
    for each in layers:
        values = reader.look(zebra, each.name).values
        for channel, of_channel in enumerate(values):
            place = int(found.positions[each.name][channel])
            assert found.maxima[each.name][channel] == of_channel.max()
            assert place == of_channel.ravel().tolist().index(of_channel.max())
    maps = reader.look(zebra, "conv1_1")
    assert (found.picture_size, found.crop) == (zebra.size, maps.crop)


def test_a_cancelled_look_ends(reader: LayerReader, zebra: Frame) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        peaks_of(reader, zebra, cancellation)


def test_what_is_no_finite_number_never_wins(zebra: Frame) -> None:
    nan, inf = np.nan, np.inf
    values = np.array(
        [[[nan, 2.0], [inf, 3.0]], [[-inf, -5.0], [-5.0, nan]], [[nan, inf], [nan, -inf]]],
        np.float32,
    )
    found = peaks_of(Stand(maps_of(values)), zebra)
    assert found.maxima["conv3_3"].tolist() == [3.0, -5.0, -inf]
    assert found.positions["conv3_3"].tolist()[:2] == [3, 1]


# --- as bytes -----------------------------------------------------------------------------------

_VALUES = st.lists(st.floats(width=32), min_size=1, max_size=6)


@given(
    values=st.dictionaries(st.text(min_size=1, max_size=8), _VALUES, min_size=1, max_size=4),
    large=st.booleans(),
)
def test_peaks_survive_as_bytes(values: dict[str, list[float]], large: bool) -> None:
    top = 2**32 - 1 if large else 50_175
    before = peaks(values, {name: [top] * len(each) for name, each in values.items()})
    after = Peaks.from_bytes(before.to_bytes())
    assert list(after.maxima) == list(before.maxima)
    for name, maxima in before.maxima.items():
        np.testing.assert_array_equal(after.maxima[name], maxima)
        np.testing.assert_array_equal(after.positions[name], before.positions[name])
        assert (after.maxima[name].dtype, after.positions[name].dtype) == (np.float32, np.uint32)
    assert (after.picture_size, after.crop) == (before.picture_size, before.crop)


@given(content=st.binary(max_size=200), at=st.integers(0, 200), cut=st.integers(0, 200))
def test_other_bytes_are_refused(content: bytes, at: int, cut: int) -> None:
    good = peaks({"a": [1.0, 2.0], "b": [3.0]}).to_bytes()
    for bad in (content, good[:cut][:-1], good[:5] + content, good + b"\0"):
        with pytest.raises(ValueError, match=r"peaks"):
            Peaks.from_bytes(bad)
    at %= len(good)
    changed = good[:at] + content + good[at + len(content) :]
    try:
        found = Peaks.from_bytes(changed)
    except ValueError:
        return
    assert {name: len(each) for name, each in found.maxima.items()} == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"picture_size": (0, 5)}, "picture size"),
        ({"crop": CropBox(0, 0, float("nan"), 5)}, "crop"),
        ({"crop": CropBox(5, 0, 5, 5)}, "crop"),
        ({"maxima": {}, "positions": {}}, "names"),
        ({"maxima": {"": np.zeros(1)}, "positions": {"": np.zeros(1)}}, "names"),
        ({"maxima": {"a": np.zeros(0)}, "positions": {"a": np.zeros(0)}}, "counts"),
        ({"maxima": {"a": np.zeros(2)}, "positions": {"a": np.zeros(3)}}, "positions"),
    ],
)
def test_peaks_that_cannot_be_are_refused(changes: dict[str, Any], problem: str) -> None:
    content = peaks({"a": [1.0, 2.0]}, **changes).to_bytes()
    with pytest.raises(ValueError, match=problem):
        Peaks.from_bytes(content)


# --- of many photos -----------------------------------------------------------------------------


def best(top: TopPatches, name: str = "conv3_3", count: int = 9) -> list[Any]:
    return [patch.photo for patch in top.best(layer(name), 0, count)]


def test_the_strongest_come_first_and_equals_in_their_order() -> None:
    top = TopPatches((224, 224))
    for photo, value in {"a": 2.0, "b": 5.0, "c": 2.0, "d": 9.0, "e": 2.0}.items():
        top.add(photo, one_channel(value))
    assert best(top) == ["d", "b", "a", "c", "e"]
    assert best(top, count=3) == ["d", "b", "a"]
    assert [p.value for p in top.best(CONV, 0, 2)] == [9.0, 5.0]
    assert (len(top), "a" in top, "z" in top) == (5, True, False)


def test_photos_come_and_go_and_change() -> None:
    top = TopPatches((224, 224))
    # More than one block of them, the first one wholly removed.
    for photo in range(300):
        top.add(photo, one_channel(1.0 + photo % 7))
    for photo in range(200):
        top.remove(photo)
    top.remove("unknown")
    strongest = [photo for photo in range(200, 300) if photo % 7 == 6]
    assert best(top) == strongest[:9]
    top.add(strongest[1], one_channel(0.5))
    top.add(250, one_channel(100.0))
    assert best(top) == [250, strongest[0], *strongest[2:9]]
    assert len(top) == 100
    top.clear()
    assert (len(top), best(top)) == (0, [])
    top.add("new", one_channel(0.25, name="prob"))
    assert best(top, "prob") == ["new"]


def test_only_one_network_at_a_time() -> None:
    top = TopPatches((224, 224))
    top.add("a", one_channel(1.0))
    with pytest.raises(ValueError, match="another network"):
        top.add("b", one_channel(1.0, name="prob"))
    assert best(top, "prob") == []
    with pytest.raises(IndexError):
        top.best(CONV, 256)


def test_photos_without_a_finite_value_or_any_excitation_are_no_answer() -> None:
    top = TopPatches((224, 224))
    for value in (0.0, float("nan"), float("-inf"), float("inf"), 1e-8):
        top.add(str(value), one_channel(value))
    assert best(top) == ["1e-08"]
    logits = TopPatches((224, 224))
    for value in (-3.0, 0.0, -1.0):
        logits.add(value, one_channel(value, name="fc8"))
    assert best(logits, "fc8") == [0.0, -1.0, -3.0]


@given(
    row=st.integers(0, 55),
    column=st.integers(0, 55),
    size=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    crop=st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(100, 3000)),
)
def test_a_patch_is_what_the_position_sees(
    row: int, column: int, size: tuple[int, int], crop: tuple[float, float, float]
) -> None:
    left, top_edge, side = crop
    box = CropBox(left, top_edge, left + side, top_edge + side)
    maps = maps_of(np.zeros((256, 56, 56), np.float32), crop=box, picture_size=size)
    top = TopPatches((224, 224))
    top.add("a", one_channel(1.0, row * 56 + column, crop=box, picture_size=size))
    field = maps.receptive_field(row, column)
    assert top.best(CONV, 0) == [
        Patch(
            photo="a",
            value=1.0,
            row=row,
            column=column,
            box=maps.on_picture(field),
            field=field,
        )
    ]


def test_positions_that_no_map_has_end_at_its_border() -> None:
    top = TopPatches((224, 224))
    top.add("a", one_channel(1.0, 2**31))
    [patch] = top.best(CONV, 0)
    assert (patch.row, patch.column < 56) == (55, True)


def test_two_thousand_photos_are_no_wait() -> None:
    rng = np.random.default_rng(1)
    layers = [each for each in configs.network("vgg16").layers[1:] if each.kind is not Kind.FLATTEN]
    some = peaks({each.name: rng.random(each.output_shape[-1]).tolist() for each in layers})
    top = TopPatches((224, 224))
    for photo in range(2000):
        top.add(photo, some)
    times = []
    for channel in range(5):
        start = perf_counter()
        top.best(PROB, channel)
        top.best(CONV, channel)
        times.append(perf_counter() - start)
    assert min(times) < 0.04


# --- pixels -------------------------------------------------------------------------------------


def test_enlarged_pixels_are_pixels(zebra: Frame) -> None:
    pixels = patch_pixels(zebra, CropBox(20, 30, 24, 32), 40)
    expected = zebra.pixels[30:32, 20:24].repeat(10, axis=0).repeat(10, axis=1)
    np.testing.assert_array_equal(pixels, expected)
    assert pixels.flags.c_contiguous


def test_large_patches_are_averaged() -> None:
    stripes = np.zeros((400, 600, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = patch_pixels(frame(stripes), CropBox(100, 100, 500, 300), 50)
    assert pixels.shape == (25, 50, 3)
    assert abs(float(pixels.mean()) - 127.5) < 3


@pytest.mark.parametrize("side", [1, 7, 160])
@pytest.mark.parametrize(
    "box",
    [
        CropBox(0, 0, 0, 0),
        CropBox(50, 20, 50, 20),
        CropBox(50, 3, 50, 18),
        CropBox(0, 0, 50, 20),
        CropBox(49.7, 19.2, 50, 20),
        CropBox(-20, -5, 500, 3),
    ],
)
def test_every_box_has_pixels(box: CropBox, side: int) -> None:
    # A picture of 50 × 20 of which a decoder has read half the pixels.
    grey = np.full((10, 25, 3), 90, np.uint8)
    pixels = patch_pixels(frame(grey, (50, 20)), box, side)
    assert max(pixels.shape[:2]) == side
    assert min(pixels.shape) >= 1
    assert (pixels == 90).all()


def test_a_box_means_the_same_of_a_picture_that_was_read_smaller() -> None:
    halves = np.zeros((100, 200, 3), np.uint8)
    halves[:, 100:] = 200
    box = CropBox(396, 0, 404, 8)  # of 800 × 400: four of its pixels on either side of the middle
    pixels = patch_pixels(frame(halves, (800, 400)), box, 16)
    assert (pixels[:, :8] == 0).all()
    assert (pixels[:, 8:] == 200).all()
