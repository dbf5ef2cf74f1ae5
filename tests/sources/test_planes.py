"""Pictures in the memory of others: against plain arithmetic on whole arrays."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vggscope.sources.frame import Frame, Origin
from vggscope.sources.planes import ColourMatrix, Orientation, PixelLayout, PlanarPicture
from video_pixels import GREY, RGB, SHARED, WEIGHTS, channels_of, rgb_of, rows_of, spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAYOUTS = list(PixelLayout)
ORIGIN = Origin(name="a frame")
sides = st.integers(1, 40)
orientations = st.builds(Orientation, st.integers(0, 3), st.booleans())


def noise(layout: PixelLayout, size: tuple[int, int], seed: int = 0) -> list[NDArray[np.uint8]]:
    """Numbers at random for every component of a picture of ``size``."""
    (width, height), random = size, np.random.default_rng(seed)
    if layout in RGB:
        return list(random.integers(0, 256, (3, height, width), np.uint8))
    across, down = SHARED.get(layout, (1, 1))
    luma = random.integers(0, 256, (height, width), np.uint8)
    shape = (2, -(-height // down), -(-width // across))
    return [luma, *random.integers(0, 256, shape, np.uint8)]


def picture_of(
    layout: PixelLayout,
    channels: list[NDArray[np.uint8]],
    *,
    gap: int = 0,
    cut: bool = False,
    **options: Any,
) -> PlanarPicture:
    planes, strides = zip(
        *(spread(rows, gap, cut=cut) for rows in rows_of(layout, channels)), strict=True
    )
    rows, columns = channels[0].shape
    return PlanarPicture(layout, planes, strides, (columns, rows), **options)


def upright(pixels: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    turned = np.rot90(pixels, -orientation.turns)
    return turned[:, ::-1] if orientation.mirrored else turned


def on_screen(picture: PlanarPicture, size: tuple[int, int], **options: bool) -> NDArray[np.int64]:
    """What ``screen_pixels`` shows: [H, W, 3], red first."""
    pixels = np.frombuffer(picture.screen_pixels(size, **options), np.uint8)
    pixels = pixels.reshape(size[1], size[0], 4)
    assert (pixels[..., 3] == 255).all()
    return pixels[..., 2::-1].astype(int)


@given(
    layout=st.sampled_from(LAYOUTS),
    size=st.tuples(sides, sides),
    gap=st.integers(0, 9).map(lambda gap: 2 * gap),  # words of 16 bits begin at even addresses
    cut=st.booleans(),
    orientation=orientations,
    matrix=st.sampled_from(list(ColourMatrix)),
    full=st.booleans(),
    mirrored=st.booleans(),
)
@settings(max_examples=400)
def test_every_pixel_is_where_and_what_it_should_be(  # noqa: PLR0917
    layout, size, gap, cut, orientation, matrix, full, mirrored
):
    channels = noise(layout, size)
    picture = picture_of(
        layout,
        channels,
        gap=gap,
        cut=cut,
        orientation=orientation,
        matrix=matrix,
        full_range=full,
    )
    expected = upright(rgb_of(layout, channels, matrix=matrix.name, full=full), orientation)
    assert picture.size == expected.shape[1::-1]
    if mirrored:
        expected = expected[:, ::-1]
    shown = on_screen(picture, picture.size, mirrored=mirrored)
    assert abs(shown - expected).max() <= 1


@given(
    layout=st.sampled_from(LAYOUTS),
    size=st.tuples(sides, sides),
    orientation=orientations,
    data=st.data(),
)
@settings(max_examples=200)
def test_region_is_a_cut_of_the_upright_picture(layout, size, orientation, data):
    channels = noise(layout, size)
    whole = upright(rgb_of(layout, channels, full=True), orientation)
    height, width = whole.shape[:2]
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, 2 * width)), data.draw(st.integers(1, 2 * height))
    picture = picture_of(
        layout,
        channels,
        orientation=orientation,
        region=(x, y, w, h),
        matrix=ColourMatrix.BT601,
        full_range=True,
    )
    expected = whole[y : y + h, x : x + w]
    assert picture.size == expected.shape[1::-1]
    assert abs(on_screen(picture, picture.size) - expected).max() <= 1


@given(
    layout=st.sampled_from(LAYOUTS),
    size=st.tuples(st.integers(60, 400), st.integers(60, 400)),
    orientation=orientations,
    edges=st.tuples(*[st.floats(0, 1)] * 4),
    target=st.tuples(st.integers(12, 60), st.integers(12, 60)),
)
@example(PixelLayout.NV12, (300, 201), Orientation(1), (0.25, 0.75, 0.1, 0.9), (31, 47))
@settings(max_examples=150)
def test_resampled_planes_look_like_the_resampled_picture(layout, size, orientation, edges, target):
    # Smooth, so that it matters where things are and not how a filter treats noise.
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    photo = np.stack([40 + 170 * x, 210 - 170 * y, 60 + 80 * x + 80 * y], axis=-1)
    channels = channels_of(layout, photo.round().astype(np.uint8), full=True)
    picture = picture_of(
        layout, channels, orientation=orientation, matrix=ColourMatrix.BT601, full_range=True
    )
    seen = upright(rgb_of(layout, channels, full=True), orientation).round().astype(np.uint8)
    frame = Frame(pixels=np.ascontiguousarray(seen), size=picture.size, origin=ORIGIN)
    width, height = picture.size
    (left, right), (top, bottom) = sorted(edges[:2]), sorted(edges[2:])
    box = (left * width, top * height, right * width, bottom * height)
    box = (*box[:2], max(box[2], box[0] + 1), max(box[3], box[1] + 1))
    box = (min(box[0], width - 1), min(box[1], height - 1), min(box[2], width), min(box[3], height))
    small = picture.resample(box, target)
    assert small.shape == (target[1], target[0], 3)
    assert small.dtype == np.uint8
    # Smooth colours change by up to six within the two pixels that share one sample of chroma, and
    # Pillow's quick reduction is not symmetrical.
    assert abs(small.astype(int) - frame.resample(box, target)).max() <= 8


@pytest.mark.parametrize("layout", LAYOUTS)
def test_details_are_averaged(layout):
    """A chequered pattern becomes grey, not a pattern of another pitch."""
    rows, columns = np.indices((256, 256))
    chequers = np.where((rows // 2 + columns // 2) % 2, 255, 0).astype(np.uint8)
    channels = channels_of(layout, np.stack([chequers] * 3, axis=-1), full=True)
    picture = picture_of(layout, channels, full_range=True)
    small = picture.resample((0, 0, 256, 256), (19, 19)).astype(int)
    assert abs(small - 127.5).max() < 12


@pytest.mark.parametrize("layout", LAYOUTS)
def test_preview_is_smaller_but_alike(layout):
    x, y = np.meshgrid(np.linspace(0, 255, 320), np.linspace(0, 255, 180))
    photo = np.stack([x, y, 255 - x], axis=-1).round().astype(np.uint8)
    picture = picture_of(layout, channels_of(layout, photo, full=True), full_range=True)
    shown = on_screen(picture, (160, 90))
    reference = Frame(pixels=photo, size=(320, 180), origin=ORIGIN)
    if layout in GREY:
        photo = np.repeat(photo @ np.array([[0.299], [0.587], [0.114]]), 3, axis=2)
        reference = Frame(pixels=photo.astype(np.uint8), size=(320, 180), origin=ORIGIN)
    assert abs(shown - reference.resample((0, 0, 320, 180), (160, 90))).max() <= 4


@pytest.mark.parametrize("layout", LAYOUTS)
def test_frame_has_memory_of_its_own(layout):
    channels = noise(layout, (7, 5))
    rows = [bytearray(plane.tobytes()) for plane in rows_of(layout, channels)]
    strides = [plane.shape[1] for plane in rows_of(layout, channels)]
    picture = PlanarPicture(layout, [memoryview(plane) for plane in rows], strides, (7, 5))
    frame = picture.to_frame(ORIGIN)
    before = frame.pixels.copy()
    for plane in rows:
        plane[:] = bytes(len(plane))
    assert frame.pixels.shape == (5, 7, 3)
    assert frame.pixels.flags.c_contiguous
    assert (frame.size, frame.origin) == ((7, 5), ORIGIN)
    assert np.array_equal(frame.pixels, before)
    assert picture.to_frame(ORIGIN).pixels.max() < before.max()


# From the recommendations themselves: colours as 8-bit Y, Cb, Cr of the video range.
@pytest.mark.parametrize(
    ("matrix", "code", "colour"),
    [
        ("BT601", (235, 128, 128), (255, 255, 255)),
        ("BT601", (16, 128, 128), (0, 0, 0)),
        ("BT601", (81, 90, 240), (255, 0, 0)),
        ("BT601", (145, 54, 34), (0, 255, 0)),
        ("BT601", (41, 240, 110), (0, 0, 255)),
        ("BT709", (63, 102, 240), (255, 0, 0)),
        ("BT709", (173, 42, 26), (0, 255, 0)),
        ("BT709", (32, 240, 118), (0, 0, 255)),
        ("BT2020", (74, 97, 240), (255, 0, 0)),
    ],
)
def test_colours_of_the_recommendations(matrix, code, colour):
    channels = [
        np.full((2, 2), code[0], np.uint8),
        *(np.full((1, 1), c, np.uint8) for c in code[1:]),
    ]
    picture = picture_of(PixelLayout.YUV420P, channels, matrix=ColourMatrix[matrix])
    assert abs(picture.to_frame(ORIGIN).pixels.astype(int) - colour).max() <= 2


@pytest.mark.parametrize(("rows", "matrix"), [(719, "BT601"), (720, "BT709")])
def test_unnamed_colours_are_those_of_the_size(rows, matrix):
    channels = noise(PixelLayout.YUV420P, (8, rows))
    shown = on_screen(picture_of(PixelLayout.YUV420P, channels), (8, rows))
    assert abs(shown - rgb_of(PixelLayout.YUV420P, channels, matrix=matrix)).max() <= 1
    others = {name for name in WEIGHTS if name != matrix}
    for other in others:
        assert abs(shown - rgb_of(PixelLayout.YUV420P, channels, matrix=other)).max() > 10


def test_unnamed_range_is_narrow_with_chroma_and_full_without():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    chroma = [np.full((8, 8), 128, np.uint8)] * 2
    assert picture_of(PixelLayout.YUV420P, [grey, *chroma]).to_frame(ORIGIN).pixels[1, 0, 0] == 0
    shown = picture_of(PixelLayout.Y8, [grey]).to_frame(ORIGIN).pixels
    assert np.array_equal(shown[..., 0], grey)


@given(orientation=orientations, degrees=st.sampled_from([0, 90, 180, 270]))
def test_orientations_follow_each_other(orientation, degrees):
    picture = np.arange(6).reshape(2, 3)
    once = upright(picture, orientation)
    assert np.array_equal(
        upright(picture, orientation.turned(degrees)), np.rot90(once, -degrees // 90)
    )
    assert np.array_equal(upright(picture, orientation.flipped()), once[:, ::-1])
    assert np.array_equal(upright(picture, orientation.upside_down()), once[::-1])


@given(
    orientation=orientations,
    size=st.tuples(sides, sides),
    corners=st.tuples(*[st.integers(0, 40)] * 4),
)
def test_boxes_go_there_and_back(orientation, size, corners):
    box = (*corners[:2], corners[0] + corners[2], corners[1] + corners[3])
    there = orientation.upright(box, size)
    assert orientation.stored(there, orientation.size(size)) == box


@pytest.mark.parametrize("layout", LAYOUTS)
def test_too_little_memory_is_refused(layout):
    rows = rows_of(layout, noise(layout, (12, 8)))
    strides = [plane.shape[1] for plane in rows]
    planes = [plane.tobytes() for plane in rows]
    for number, plane in enumerate(planes):
        for short in (b"", plane[:3], plane[: len(plane) - strides[number]]):
            damaged = [*planes[:number], short, *planes[number + 1 :]]
            with pytest.raises(ValueError, match="too small"):
                PlanarPicture(layout, damaged, strides, (12, 8))
        for stride in (0, 1, strides[number] // 2 - 2, -strides[number]):
            wrong = [*strides[:number], stride, *strides[number + 1 :]]
            with pytest.raises(ValueError, match="too small"):
                PlanarPicture(layout, planes, wrong, (12, 8))


@pytest.mark.parametrize("region", [(8, 0, 4, 4), (0, -4, 4, 4), (2, 2, 0, 3), (2, 2, -1, 3)])
def test_region_beyond_the_picture_is_refused(region):
    with pytest.raises(ValueError, match="beyond"):
        picture_of(PixelLayout.Y8, noise(PixelLayout.Y8, (8, 8)), region=region)


def test_nothing_is_read_once_it_is_released():
    picture = picture_of(PixelLayout.NV12, noise(PixelLayout.NV12, (8, 8)))
    picture.release()
    with pytest.raises(ValueError, match="released"):
        picture.resample((0, 0, 8, 8), (4, 4))
    with pytest.raises(ValueError, match="released"):
        picture.screen_pixels((4, 4))


def test_window_can_name_pictures_before_its_engine_is_loaded():
    code = (
        "import sys, vggscope.sources.frame\n"
        "sys.exit(', '.join({'numpy', 'PIL', 'PySide6'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.stderr.strip() == ""
