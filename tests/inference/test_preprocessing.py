"""From pixels to tensors: against the recipe that the networks were trained with, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from support import picture
from vggscope import paths
from vggscope.inference.preprocessing import CropBox, Preprocessor, crop_box
from vggscope.sources.frame import Frame
from vggscope.zoo.normal_form import Input

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PUBLISHED = {
    "name": "data",
    "layout": "NCHW",
    "height": 224,
    "width": 224,
    "channels": "RGB",
    "scale": 1.0,
    "mean": [0.0, 0.0, 0.0],
    "std": [1.0, 1.0, 1.0],
    "resize": 256,
    "fit": "crop",
}
FITS = ("crop", "letterbox", "stretch")
sides = st.integers(1, 6000)
targets = st.sampled_from([(224, 224, 256), (299, 299, 320), (64, 96, 100), (96, 64, 96)])


def spec(**changes: Any) -> Input:
    """The published way of VGG, of plain pixel values, with ``changes``."""
    return msgspec.convert(_PUBLISHED | changes, Input)


def seen(frame: Frame, **changes: Any) -> NDArray[np.float32]:
    """What a network sees of ``frame``: [H, W, 3] in 0..255."""
    return Preprocessor(spec(layout="NHWC", **changes)).tensor(frame).values


def reference(pixels: NDArray[np.uint8], crop: int = 224, side: int = 256) -> NDArray[np.uint8]:
    """The recipe of tools/starter/train_head.py: resize the whole picture, then cut its centre."""
    image = Image.fromarray(pixels)
    width, height = image.size
    shorter = min(width, height)
    if shorter != side:
        # Multiplied first: a product that lies between two pixels is then told exactly.
        width, height = (max(crop, round(s * side / shorter)) for s in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - crop) // 2, (height - crop) // 2
    return np.asarray(image.crop((left, top, left + crop, top + crop)))


@given(shorter=st.integers(1, 512), ratio=st.floats(1, 4), upright=st.booleans())
@example(shorter=1, ratio=1, upright=True)
@example(shorter=256, ratio=1.5, upright=False)
@example(shorter=512, ratio=3.999, upright=False)
@settings(max_examples=40)
def test_crop_equals_the_recipe(shorter: int, ratio: float, *, upright: bool) -> None:
    longer = round(shorter * ratio)
    frame = picture((shorter, longer) if upright else (longer, shorter), seed=longer)
    difference = seen(frame) - reference(frame.pixels)
    assert abs(difference).max() <= 1


@given(shorter=st.integers(513, 2500), ratio=st.floats(1, 1.8), upright=st.booleans())
@example(shorter=1024, ratio=1, upright=True)
@settings(max_examples=8)
def test_crop_of_a_large_photo_is_close_to_the_recipe(
    shorter: int, ratio: float, *, upright: bool
) -> None:
    longer = round(shorter * ratio)
    size = (shorter, longer) if upright else (longer, shorter)
    photo = Image.open(paths.resource("samples", "steam-train.jpg"))
    pixels = np.asarray(photo.resize(size, Image.Resampling.BICUBIC))
    frame = Frame(pixels=pixels, size=size, origin=picture().origin)
    expected = reference(pixels)
    difference = abs(seen(frame) - expected).mean()
    # Half a pixel beside the right place would be seen at once.
    shifted = (expected.astype(float) + np.roll(expected, 1, axis=1)) / 2
    assert difference <= 1
    assert difference < 0.2 * abs(shifted - expected).mean()


@given(width=sides, height=sides, target=targets)
def test_crop_lies_inside_the_picture(
    width: int, height: int, target: tuple[int, int, int]
) -> None:
    box = crop_box(
        (width, height), spec(height=target[0], width=target[1], resize=target[2]), "crop"
    )
    slack = 1e-9 * max(width, height)
    assert -slack <= box.left < box.right <= width + slack
    assert -slack <= box.top < box.bottom <= height + slack
    # Central, but for the half pixel of the resized picture that integers cannot halve.
    shorter = min(width, height)
    pixel = max(1.0, shorter) / target[2]
    assert abs(box.left + box.right - width) <= 1.01 * pixel
    assert abs(box.top + box.bottom - height) <= 1.01 * pixel


@given(width=sides, height=sides, target=targets)
def test_letterbox_covers_the_picture(
    width: int, height: int, target: tuple[int, int, int]
) -> None:
    shape = spec(height=target[0], width=target[1], resize=target[2])
    box = crop_box((width, height), shape, "letterbox")
    slack = 1e-9 * max(width, height)
    assert box.left <= slack
    assert box.top <= slack
    assert box.right >= width - slack
    assert box.bottom >= height - slack
    # As small as can be: one direction fits exactly.
    tight = (box.right - box.left - width, box.bottom - box.top - height)
    assert min(tight) == pytest.approx(0, abs=slack)
    assert box.left + box.right == pytest.approx(width)
    assert box.top + box.bottom == pytest.approx(height)


@given(width=sides, height=sides, target=targets, fit=st.sampled_from(["crop", "letterbox"]))
def test_shapes_are_kept(width: int, height: int, target: tuple[int, int, int], fit: Any) -> None:
    shape = spec(height=target[0], width=target[1], resize=target[2])
    box = crop_box((width, height), shape, fit)
    aspect = (box.right - box.left) / (box.bottom - box.top)
    # The crop's resized sides are whole pixels: half of one in the shorter side, at most.
    assert aspect == pytest.approx(shape.width / shape.height, rel=0.51 / target[2])


@given(width=sides, height=sides)
def test_stretch_is_all_of_the_picture(width: int, height: int) -> None:
    assert crop_box((width, height), spec(), "stretch") == (0, 0, width, height)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (225, 223), (1, 224)])
@pytest.mark.parametrize("fit", FITS)
def test_extreme_shapes(size: tuple[int, int], fit: Any) -> None:
    frame = picture(size, (12, 200, 90))
    values = seen(frame, fit=fit)
    assert values.shape == (224, 224, 3)
    if fit == "letterbox":
        assert (values == (12, 200, 90)).all(axis=2).any()
    else:
        assert (values == (12, 200, 90)).all()


def marked(size: tuple[int, int], box: CropBox, inside: int, outside: int) -> Frame:
    """A picture whose ``box``, of whole pixels, is filled with another grey than the rest."""
    frame = picture(size, (outside,) * 3)
    edges = [round(edge) for edge in box]
    assert list(box) == edges
    frame.pixels[edges[1] : edges[3], edges[0] : edges[2]] = inside
    return frame


@pytest.mark.parametrize("size", [(256, 256), (320, 256), (512, 512), (512, 768), (2048, 1024)])
def test_the_crop_box_is_what_the_network_sees(size: tuple[int, int]) -> None:
    frame = marked(size, crop_box(size, spec(), "crop"), 255, 0)
    values = seen(frame)
    # A filter blends the outermost pixels with their neighbours, if it has to scale at all.
    blended = 0 if min(size) == 256 else 1
    assert (values[blended : 224 - blended, blended : 224 - blended] == 255).all()
    assert values.min() > 127
    # One pixel of the network further in, what is outside must show all around.
    scale = min(size) / 256
    box = crop_box(size, spec(), "crop")
    smaller = CropBox(box[0] + scale, box[1] + scale, box[2] - scale, box[3] - scale)
    values = seen(marked(size, smaller, 255, 0))
    for edge in (values[0], values[-1], values[:, 0], values[:, -1]):
        assert edge.max() < 128
    assert (values[2:-2, 2:-2] == 255).all()


@pytest.mark.parametrize(
    ("size", "borders"),
    [((448, 224), np.s_[[*range(56), *range(168, 224)], :]), ((100, 400), np.s_[:, [*range(84)]])],
)
def test_letterbox_borders_are_zero_after_normalisation(
    size: tuple[int, int], borders: Any
) -> None:
    shape = spec(layout="NHWC", channels="BGR", fit="letterbox", mean=[103.939, 116.779, 123.68])
    frame = picture(size, (255, 255, 255))
    result = Preprocessor(shape).tensor(frame)
    assert abs(result.values[borders]).max() <= 0.5
    assert result.values[112, 112].min() > 100
    assert result.crop == crop_box(size, shape, "letterbox")


def test_stretch_is_a_plain_resize() -> None:
    frame = picture((500, 300))
    expected = Image.fromarray(frame.pixels).resize((224, 224), Image.Resampling.BILINEAR)
    assert abs(seen(frame, fit="stretch") - np.asarray(expected)).max() <= 1


def test_normalisation_channel_by_channel() -> None:
    frame = picture((256, 256))
    pixels = frame.pixels[16:240, 16:240].astype(np.float64)
    numbers = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.25, 2.0], "scale": 1 / 255}
    expected = (pixels / 255 - numbers["mean"]) / numbers["std"]
    np.testing.assert_allclose(seen(frame, **numbers), expected, atol=1e-5)
    turned = (pixels[:, :, ::-1] / 255 - numbers["mean"]) / numbers["std"]
    np.testing.assert_allclose(seen(frame, channels="BGR", **numbers), turned, atol=1e-5)


def test_layouts_hold_the_same_values() -> None:
    frame = picture((300, 400))
    first, last = (Preprocessor(spec(layout=name)).tensor(frame) for name in ("NCHW", "NHWC"))
    assert first.values.shape == (3, 224, 224)
    assert first.values.dtype == np.float32
    assert first.values.flags.c_contiguous
    np.testing.assert_array_equal(first.values.transpose(1, 2, 0), last.values)


@given(
    width=st.integers(300, 1500),
    height=st.integers(300, 1500),
    share=st.floats(0.3, 1),
    fit=st.sampled_from(FITS),
)
@settings(max_examples=15)
def test_reduced_frames_keep_the_coordinates(
    width: int, height: int, share: float, fit: Any
) -> None:
    slopes = [Image.linear_gradient("L").rotate(turn).resize((width, height)) for turn in (0, 90)]
    whole = Image.merge("RGB", [*slopes, slopes[0]])
    reduced = whole.resize((round(width * share), round(height * share)))
    frames = [
        Frame(pixels=np.asarray(image), size=(width, height), origin=picture().origin)
        for image in (whole, reduced)
    ]
    preprocessor = Preprocessor(spec(fit=fit))
    full, small = (preprocessor.tensor(frame) for frame in frames)
    assert small.crop == full.crop
    assert abs(small.values - full.values).mean() <= 1.5


def test_the_picture_is_left_as_it_was() -> None:
    frame = picture((300, 400))
    before = frame.pixels.copy()
    frame.pixels.flags.writeable = False
    for fit in FITS:
        seen(frame, fit=fit)
    np.testing.assert_array_equal(frame.pixels, before)
