"""Qt's frames as pictures: against what Qt itself makes of them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QBuffer, QRect, QSize
from PySide6.QtGui import QImage
from PySide6.QtMultimedia import QtVideo, QVideoFrame, QVideoFrameFormat

from vggscope import paths
from vggscope.errors import FrameUnreadableError
from vggscope.sources.frame import Frame, Origin
from vggscope.sources.live import mapping
from vggscope.sources.live.mapping import picture_of
from vggscope.sources.planes import PixelLayout
from vggscope.sources.stills import read_still
from video_pixels import GREY, channels_of, rgb_of, rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.inference.classification import Classification
    from vggscope.inference.classifier import Classifier

pytestmark = pytest.mark.usefixtures("qapp")
FORMATS = mapping._LAYOUTS
Format = QVideoFrameFormat.PixelFormat
Space = QVideoFrameFormat.ColorSpace
Range = QVideoFrameFormat.ColorRange
Direction = QVideoFrameFormat.Direction
TURNS = (0, 90, 180, 270)
ORIGIN = Origin(name="a frame")


def noise(layout: PixelLayout, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    (width, height), random = size, np.random.default_rng(0)
    # Colours that exist: others are cut off in ways that differ.
    coarse = random.integers(60, 190, (-(-height // 2), -(-width // 2), 3), np.uint8)
    photo = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return channels_of(layout, photo)


def frame_of(
    pixel_format: Format,
    channels: list[NDArray[np.uint8]],
    *,
    space: Space = Space.ColorSpace_BT601,
    range_: Range = Range.ColorRange_Unknown,
    **options: Any,
) -> QVideoFrame:
    """A frame as a camera makes it."""
    rows, columns = channels[0].shape
    surface = QVideoFrameFormat(QSize(columns, rows), pixel_format)
    surface.setColorSpace(space)
    surface.setColorRange(range_)
    surface.setRotation(QtVideo.Rotation(options.get("turned", 0)))
    surface.setMirrored(options.get("mirrored", False))
    surface.setScanLineDirection(options.get("direction", Direction.TopToBottom))
    if "transfer" in options:
        surface.setColorTransfer(options["transfer"])
    if "viewport" in options:
        surface.setViewport(QRect(*options["viewport"]))
    frame = QVideoFrame(surface)
    fill(frame, rows_of(FORMATS[pixel_format], channels))
    return frame


def fill(frame: QVideoFrame, planes: list[NDArray[np.uint8]]) -> None:
    assert frame.map(QVideoFrame.MapMode.ReadWrite)
    for number, plane in enumerate(planes):
        memory, stride = frame.bits(number), frame.bytesPerLine(number)
        # Qt's own buffers of odd size lack the last row of chroma.
        for row, content in enumerate(plane[: len(memory) // stride]):
            memory[row * stride : row * stride + len(content)] = content.tobytes()
    frame.unmap()


def pixels_of(image: QImage) -> NDArray[np.int64]:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def mapped(frame: QVideoFrame, region: Any = None) -> NDArray[np.int64]:
    with picture_of(frame, region) as picture:
        pixels = np.frombuffer(picture.screen_pixels(picture.size), np.uint8)
        return pixels.reshape(*picture.size[::-1], 4)[..., 2::-1].astype(int)


@pytest.fixture(autouse=True)
def quiet_conversion(qtlog: Any) -> None:
    """Without a screen Qt converts on the CPU, and warns of it the first time."""
    with qtlog.disabled():
        frame_of(Format.Format_NV12, noise(PixelLayout.NV12, (2, 2))).toImage()


@pytest.fixture
def without_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls ``toImage`` fails: the planes are read."""

    def refuse(frame: QVideoFrame) -> QImage:
        pytest.fail(f"{frame.pixelFormat()} was converted by Qt")

    monkeypatch.setattr(QVideoFrame, "toImage", refuse)


# 2 × 2 pixels share a sample: of the last row, Qt's buffers may lack it.
@pytest.mark.parametrize("size", [(64, 48), (63, 47), (2, 2), (34, 1082)])
@pytest.mark.parametrize("pixel_format", FORMATS, ids=lambda f: f.name)
def test_mapped_pixels_are_those_that_were_written(pixel_format, size):
    layout = FORMATS[pixel_format]
    channels = noise(layout, size)
    frame = frame_of(pixel_format, channels)
    whole = np.s_[: size[1] // 2 * 2, : size[0] // 2 * 2]
    seen = mapped(frame)
    assert seen.shape == (*size[::-1], 3)
    grey = layout in GREY
    # The frame's memory was filled by us, so that this holds wherever Qt cannot convert.
    assert abs(seen[whole] - rgb_of(layout, channels, full=grey)[whole]).max() <= 1


@pytest.mark.parametrize("size", [(160, 96), (159, 95)])
@pytest.mark.parametrize("pixel_format", FORMATS, ids=lambda f: f.name)
def test_mapped_picture_is_that_of_qt(pixel_format, size):
    """Of smooth colours: graphics cards smooth the chroma, which is right as well."""
    layout = FORMATS[pixel_format]
    x, y = np.meshgrid(np.linspace(40, 200, size[0]), np.linspace(50, 210, size[1]))
    photo = np.stack([x, y, 250 - x], axis=-1).round().astype(np.uint8)
    frame = frame_of(pixel_format, channels_of(layout, photo))
    if pixel_format is Format.Format_YUV420P10 and (size[0] % 2 or frame.toImage().isNull()):
        pytest.skip("Qt converts it on graphics cards only, and then only pictures of even size")
    inner = np.s_[2:-3, 2:-3]
    # On graphics cards, the chroma of odd sizes lies half a pixel off.
    difference = abs(mapped(frame)[inner] - pixels_of(frame.toImage())[inner])
    assert difference.max() <= (9 if size[0] % 2 else 5)


@pytest.mark.usefixtures("without_conversion")
@pytest.mark.parametrize("pixel_format", FORMATS, ids=lambda f: f.name)
def test_known_formats_are_not_converted_by_qt(pixel_format):
    assert mapped(frame_of(pixel_format, noise(FORMATS[pixel_format], (16, 16)))).any()


SPACES = {
    Space.ColorSpace_BT601: "BT601",
    Space.ColorSpace_BT709: "BT709",
    Space.ColorSpace_BT2020: "BT2020",
    Space.ColorSpace_AdobeRgb: "BT601",
    Space.ColorSpace_Undefined: "BT601",
}


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
@pytest.mark.parametrize("range_", Range, ids=lambda r: r.name)
def test_colours_are_what_the_format_says(space, range_):
    channels = noise(PixelLayout.NV12, (16, 16))
    full = range_ is Range.ColorRange_Full or space is Space.ColorSpace_AdobeRgb
    seen = mapped(frame_of(Format.Format_NV12, channels, space=space, range_=range_))
    expected = rgb_of(PixelLayout.NV12, channels, matrix=SPACES[space], full=full)
    assert abs(seen - expected).max() <= 1


@pytest.mark.parametrize("direction", Direction, ids=lambda d: d.name)
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turned", TURNS)
def test_surface_is_turned_as_by_qt(turned, mirrored, direction):
    frame = frame_of(
        Format.Format_BGRX8888,
        noise(PixelLayout.BGRA, (6, 4)),
        turned=turned,
        mirrored=mirrored,
        direction=direction,
    )
    assert np.array_equal(mapped(frame), pixels_of(frame.toImage()))


@pytest.mark.parametrize("by_qt", [False, True])
def test_frame_is_turned_after_its_surface(by_qt, monkeypatch):
    """``toImage`` leaves the frame's own turn and mirror to whoever shows it."""
    if by_qt:
        monkeypatch.setattr(mapping, "_LAYOUTS", {})
    for turned, mirrored, own, flipped in itertools.product(TURNS, (0, 1), TURNS, (0, 1)):
        frame = frame_of(
            Format.Format_BGRX8888,
            noise(PixelLayout.BGRA, (6, 4)),
            turned=turned,
            mirrored=bool(mirrored),
        )
        frame.setRotation(QtVideo.Rotation(own))
        frame.setMirrored(bool(flipped))
        expected = np.rot90(pixels_of(frame.toImage()), -own // 90)
        assert np.array_equal(mapped(frame), expected[:, ::-1] if flipped else expected)


@pytest.mark.parametrize("by_qt", [False, True])
@pytest.mark.parametrize("own", TURNS)
@pytest.mark.parametrize("turned", TURNS)
def test_viewport_and_region_are_cut_out(turned, own, by_qt, monkeypatch):
    if by_qt:
        monkeypatch.setattr(mapping, "_LAYOUTS", {})
    channels = noise(PixelLayout.BGRA, (12, 10))
    frame = frame_of(Format.Format_BGRX8888, channels, turned=turned, viewport=(2, 1, 8, 7))
    frame.setRotation(QtVideo.Rotation(own))
    stored = np.stack(channels, axis=-1)[1:8, 2:10]
    expected = np.rot90(stored, -(turned + own) // 90)
    assert np.array_equal(mapped(frame), expected)
    assert np.array_equal(mapped(frame, (1, 2, 3, 4)), expected[2:6, 1:4])
    # What lies outside of the viewport is no picture.
    assert np.array_equal(mapped(frame, (-2, 3, 99, 99)), expected[3:])


def test_frame_of_an_image():
    random = np.random.default_rng(0)
    content = random.integers(0, 256, (5, 7, 4), np.uint8)
    image = QImage(content.data, 7, 5, 28, QImage.Format.Format_RGB32)
    assert np.array_equal(mapped(QVideoFrame(image)), content[..., 2::-1])


def test_jpeg_is_left_to_qt():
    photo = Image.open(paths.resource("samples") / "coffee.jpg").convert("RGB").resize((160, 96))
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    content = np.asarray(photo)
    image = QImage(content.tobytes(), 160, 96, 480, QImage.Format.Format_RGB888)
    assert image.save(buffer, "JPG", 95)
    frame = QVideoFrame(QVideoFrameFormat(QSize(160, 96), Format.Format_Jpeg))
    coded = np.frombuffer(buffer.data().data(), np.uint8)
    assert frame.map(QVideoFrame.MapMode.ReadWrite)
    frame.bits(0)[: len(coded)] = coded.tobytes()
    frame.unmap()
    seen = mapped(frame)
    assert seen.shape == content.shape
    assert abs(seen - content).mean() < 4
    assert np.array_equal(mapped(frame, (10, 20, 30, 40)), seen[20:60, 10:40])


@pytest.mark.parametrize("convertible", [False, True])
def test_brighter_pictures_are_left_to_qt_if_it_can(convertible, monkeypatch):
    frame = frame_of(
        Format.Format_P010,
        noise(PixelLayout.P010, (16, 16)),
        transfer=QVideoFrameFormat.ColorTransfer.ColorTransfer_ST2084,
    )
    by_qt = QImage(16, 16, QImage.Format.Format_RGB32)
    by_qt.fill(0x123456)
    image = by_qt if convertible else QImage()
    monkeypatch.setattr(QVideoFrame, "toImage", lambda _: image)
    assert (mapped(frame) == (0x12, 0x34, 0x56)).all() == convertible


def test_what_cannot_be_mapped_is_left_to_qt(monkeypatch):
    frame = frame_of(Format.Format_NV12, noise(PixelLayout.NV12, (16, 16)))
    expected = pixels_of(frame.toImage())
    monkeypatch.setattr(QVideoFrame, "map", lambda *_: False)
    assert np.array_equal(mapped(frame), expected)
    monkeypatch.setattr(QVideoFrame, "toImage", lambda _: QImage())
    with pytest.raises(FrameUnreadableError, match="convert"):
        mapped(frame)


def test_null_and_empty_frames_are_refused():
    for frame in (
        QVideoFrame(),
        QVideoFrame(QVideoFrameFormat()),
        QVideoFrame(QVideoFrameFormat(QSize(0, 0), Format.Format_NV12)),
        QVideoFrame(QVideoFrameFormat(QSize(16, 16), Format.Format_Invalid)),
        QVideoFrame(QVideoFrameFormat(QSize(16, 16), Format.Format_SamplerExternalOES)),
    ):
        with pytest.raises(FrameUnreadableError), picture_of(frame):
            pass


def test_planes_that_are_too_small_are_refused_and_unmapped(monkeypatch):
    frame = frame_of(Format.Format_NV12, noise(PixelLayout.NV12, (16, 16)))
    monkeypatch.setattr(QVideoFrame, "bits", lambda *_: memoryview(b"short"))
    with pytest.raises(FrameUnreadableError, match="too small"), picture_of(frame):
        pass
    assert not frame.isMapped()


@pytest.mark.parametrize("pixel_format", [Format.Format_NV12, Format.Format_Jpeg])
def test_region_beyond_the_picture_is_refused(pixel_format, monkeypatch):
    frame = frame_of(Format.Format_NV12, noise(PixelLayout.NV12, (16, 16)))
    if pixel_format is Format.Format_Jpeg:
        monkeypatch.setattr(mapping, "_LAYOUTS", {})
    with pytest.raises(FrameUnreadableError, match="beyond"), picture_of(frame, (16, 0, 4, 4)):
        pass
    assert not frame.isMapped()


def test_memory_is_held_no_longer_than_the_block():
    frame = frame_of(Format.Format_NV12, noise(PixelLayout.NV12, (16, 16)))
    with picture_of(frame) as picture:
        assert frame.isMapped()
    assert not frame.isMapped()
    with pytest.raises(ValueError, match="released"):
        picture.to_frame(ORIGIN)
    with pytest.raises(ZeroDivisionError), picture_of(frame):
        _ = 1 // 0
    assert not frame.isMapped()


def test_preview_and_network_read_the_same_frame_at_once():
    frame = frame_of(Format.Format_NV12, noise(PixelLayout.NV12, (16, 16)))
    copy = QVideoFrame(frame)
    with picture_of(frame) as first:
        with picture_of(copy) as second:
            assert second.screen_pixels((16, 16)) == first.screen_pixels((16, 16))
        assert len(first.screen_pixels((8, 8))) == 256


# Chroma is averaged before it becomes colour, and what is beyond a colour is cut off later.
@pytest.mark.parametrize(
    "pixel_format",
    [Format.Format_YUV420P, Format.Format_NV12, Format.Format_YUYV, Format.Format_BGRX8888],
    ids=lambda f: f.name,
)
def test_network_thinks_the_same_of_planes_and_of_qts_image(
    pixel_format: Format, classifier: Classifier, record_property: Any
) -> None:
    layout, worst, worst_of_qt = FORMATS[pixel_format], 0.0, 0.0
    for path in sorted(paths.resource("samples").glob("*.jpg"))[:6]:
        photo = read_still(path, enough=720).pixels
        channels = channels_of(layout, photo)
        frame = frame_of(pixel_format, channels)
        size = (frame.width(), frame.height())
        exact, by_qt = (
            classifier.classify(Frame(pixels=pixels.astype(np.uint8), size=size, origin=ORIGIN))
            for pixels in (rgb_of(layout, channels).round(), pixels_of(frame.toImage()))
        )
        with picture_of(frame) as picture:
            by_planes = classifier.classify(picture)
        assert by_planes.crop == by_qt.crop
        best = {answer.predictions[0].index for answer in (by_planes, exact, by_qt)}
        assert len(best) == 1, path.name
        worst = max(worst, largest_difference(by_planes, exact))
        worst_of_qt = max(worst_of_qt, largest_difference(by_planes, by_qt))
    record_property("largest difference of a probability", worst)
    record_property("largest difference of a probability from Qt's", worst_of_qt)
    # Qt itself blurs the luma of some formats when a graphics card converts them.
    assert worst < 0.02
    assert worst_of_qt < 0.1


def largest_difference(one: Classification, other: Classification) -> float:
    return float(abs(one.probabilities - other.probabilities).max())
