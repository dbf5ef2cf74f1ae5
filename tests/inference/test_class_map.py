"""Where the positions of a class map are, and what is drawn of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggscope.inference.class_map import ClassMap
from vggscope.inference.class_map_export import as_record, overlay_png
from vggscope.inference.class_picture import ClassPicture
from vggscope.inference.dense import View, view_of
from vggscope.inference.preprocessing import CropBox, crop_box
from vggscope.vgg.axis import Axis
from vggscope.zoo.models import find_model
from vggscope.zoo.normal_form import Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEC = find_model("vgg16-compact").description.input
STEPS = (32, 32)
sides = st.integers(1, 6000)


def class_map(
    values: NDArray, *, picture: tuple[int, int] = (800, 600), quantity: str = "probability"
) -> ClassMap:
    rows, columns = values.shape
    size = 224 + 32 * (columns - 1), 224 + 32 * (rows - 1)
    axis = Axis(size=1, receptive_field=404, stride=32, start=-90)
    return ClassMap(
        index=7,
        label=Label("n7", "seven"),
        values=values.astype(np.float32),
        quantity=quantity,
        scale=min(size),
        crop=CropBox(10.0, 20.0, 710.0, 520.0),
        picture_size=picture,
        input_size=size,
        window=(224, 224),
        rows=axis,
        columns=axis,
        model="M",
        device="cpu",
        device_name="CPU",
        milliseconds=1.0,
    )


# --- the part of a picture that is seen -------------------------------------------------------


@given(sides, sides, st.integers(8, 2048))
def test_a_view_is_a_window_and_steps_from_the_middle(width: int, height: int, scale: int) -> None:
    view = view_of((width, height), SPEC, scale, STEPS)
    for seen, window in zip(view.size, (SPEC.width, SPEC.height), strict=True):
        assert seen >= window
        assert (seen - window) % 32 == 0
    assert view.size[0] * view.size[1] <= 2_000_000
    left, top, right, bottom = view.crop
    assert -1e-6 <= left < right <= width + 1e-6
    assert -1e-6 <= top < bottom <= height + 1e-6
    # The middle, but for the half of an odd pixel.
    pixel = max((right - left) / view.size[0], (bottom - top) / view.size[1])
    assert abs((left + right) / 2 - width / 2) <= pixel
    assert abs((top + bottom) / 2 - height / 2) <= pixel


@given(st.integers(200, 4000), st.integers(200, 4000), st.sampled_from([256, 384, 512]))
def test_less_than_a_step_is_left_out(width: int, height: int, scale: int) -> None:
    view = view_of((width, height), SPEC, scale, STEPS)
    shorter = min(width, height)
    if max(width, height) / shorter > 5:
        return
    seen = view.crop.right - view.crop.left, view.crop.bottom - view.crop.top
    for whole, part in zip((width, height), seen, strict=True):
        assert whole - part <= 32.5 * shorter / scale
    assert view.scale == scale


def test_the_view_of_the_window_is_the_published_crop() -> None:
    size = (640, 640)
    published = crop_box(size, SPEC, "crop")
    at_window = view_of(size, SPEC, 224, STEPS)
    assert at_window == View(224, (224, 224), CropBox(0, 0, 640, 640))
    assert view_of(size, SPEC, 256, (64, 64)) == View(256, (224, 224), published)


# --- geometry ---------------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(1, 12))
def test_windows_fill_what_is_covered(rows: int, columns: int) -> None:
    found = class_map(np.zeros((rows, columns)))
    first, last = found.box(0, 0), found.box(rows - 1, columns - 1)
    edges = (first.left, first.top, last.right, last.bottom)
    np.testing.assert_allclose(edges, found.crop)
    field = found.receptive_field(0, 0)
    assert (field.left, field.top) == (first.left, first.top)
    assert field.right >= first.right
    assert field.bottom >= first.bottom


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_cells_lie_over_the_picture(rows: int, columns: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 1, (rows, columns))
    found = class_map(values)
    assert found.cells.shape == (rows + 6, columns + 6)
    assert values.min() - 1e-6 <= found.cells.min()
    assert found.cells.max() <= values.max() + 1e-6
    # By hand: the mean of all windows that hold the cell's centre.
    for row, column in np.ndindex(found.cells.shape):
        rows_held = [r for r in range(rows) if 0 <= row - r < 7]
        columns_held = [c for c in range(columns) if 0 <= column - c < 7]
        expected = values[np.ix_(rows_held, columns_held)].mean()
        assert math.isclose(found.cells[row, column], expected, abs_tol=1e-5)


def test_what_is_under_the_mouse() -> None:
    found = class_map(np.arange(12.0).reshape(3, 4))
    down, across = found.cells.shape
    left, top, right, bottom = found.crop
    for row, column in np.ndindex(down, across):
        x = left + (column + 0.5) * (right - left) / across
        y = top + (row + 0.5) * (bottom - top) / down
        assert found.cell(x, y) == (row, column)
        assert found.at(x, y) == float(found.cells[row, column])
    for x, y in ((left - 1, top + 1), (left + 1, bottom + 1), (right, top), (700.0, 19.9)):
        assert found.cell(x, y) is None
        assert found.at(x, y) is None


def test_the_peak_is_the_first_of_the_strongest() -> None:
    values = np.zeros((3, 4))
    values[1, 2] = values[2, 0] = 0.5
    peak = class_map(values).peak
    assert (peak.row, peak.column, peak.value) == (1, 2, 0.5)


@pytest.mark.parametrize("window", [8, 20, 225])
def test_every_cell_is_held_by_some_window(window: int) -> None:
    axis = Axis(size=1, receptive_field=window, stride=16, start=0)
    found = class_map(np.ones((2, 3)))
    odd = ClassMap(
        **{
            **{name: getattr(found, name) for name in found.__dataclass_fields__},
            "window": (window, window),
            "rows": axis,
            "columns": axis,
            "input_size": (window + 32, window + 16),
        }
    )
    np.testing.assert_allclose(odd.cells, 1)


# --- files ------------------------------------------------------------------------------------


def test_the_strongest_place_has_the_last_colour() -> None:
    values = np.zeros((3, 4))
    values[0, 3] = 1
    levels = ClassPicture(map=class_map(values)).levels(whole=False)
    assert levels.shape == (9, 10)
    assert levels.max() == levels[0, 9] == 254
    assert levels[8, 0] == 0
    assert (ClassPicture(map=class_map(np.zeros((1, 1)))).levels(whole=False) == 0).all()
    # Logits have no natural zero.
    logits = ClassPicture(map=class_map(values - 5, quantity="logit")).levels(whole=False)
    assert (logits.min(), logits.max()) == (0, 254)


def test_the_overlay_colours_what_is_covered_and_nothing_else() -> None:
    from support import picture  # noqa: PLC0415

    values = np.zeros((3, 4))
    values[:, 3] = 1
    frame = picture((800, 600), (90, 90, 90))
    drawn = np.asarray(overlay_png(class_map(values), frame, colours="inferno"))
    at = {}
    for name, (x, y) in {
        "outside": (760, 300),
        "dark": (40, 300),
        "bright": (700, 300),
    }.items():
        column, row = round(x * 1024 / 800) + 12, round(y * 1024 / 800) + 12
        at[name] = drawn[row, column].astype(int)
    assert (at["outside"] == 90).all()
    assert at["dark"].sum() < at["outside"].sum() < at["bright"].sum()


def test_the_record_says_where_everything_is() -> None:
    found = class_map(np.arange(6.0).reshape(2, 3))
    record = as_record(found, path="p.jpg")
    assert record["values"] == [[0, 1, 2], [3, 4, 5]]
    assert record["crop"] == [10, 20, 710, 520]
    assert record["peak"]["window"] == [round(edge, 2) for edge in found.box(1, 2)]
    first, step = record["first_window"], record["step"]
    assert first[0] + 2 * step[0] == pytest.approx(found.box(1, 2).left, abs=0.05)
    assert first[1] + step[1] == pytest.approx(found.box(1, 2).top, abs=0.05)
