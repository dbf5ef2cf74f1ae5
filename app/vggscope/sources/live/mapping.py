"""Qt's video frames as pictures: mapped where that is possible, by ``toImage`` elsewhere.

``benchmarks/_conversion.py`` measures both ways.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRect
from PySide6.QtGui import QImage
from PySide6.QtMultimedia import QVideoFrame, QVideoFrameFormat

from vggscope.errors import FrameUnreadableError, RegionOutsideError
from vggscope.sources.planes import ColourMatrix, Orientation, PixelLayout, PlanarPicture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vggscope.sources.planes import Rectangle

_Format = QVideoFrameFormat.PixelFormat
_Space = QVideoFrameFormat.ColorSpace
_Range = QVideoFrameFormat.ColorRange
_Transfer = QVideoFrameFormat.ColorTransfer

_LAYOUTS: Final = {
    _Format.Format_YUV420P: PixelLayout.YUV420P,
    _Format.Format_YV12: PixelLayout.YV12,
    _Format.Format_YUV422P: PixelLayout.YUV422P,
    _Format.Format_NV12: PixelLayout.NV12,
    _Format.Format_NV21: PixelLayout.NV21,
    _Format.Format_P010: PixelLayout.P010,
    _Format.Format_P016: PixelLayout.P010,
    _Format.Format_YUV420P10: PixelLayout.YUV420P10,
    _Format.Format_UYVY: PixelLayout.UYVY,
    _Format.Format_YUYV: PixelLayout.YUYV,
    _Format.Format_AYUV: PixelLayout.AYUV,
    _Format.Format_Y8: PixelLayout.Y8,
    _Format.Format_Y16: PixelLayout.Y16,
    _Format.Format_ARGB8888: PixelLayout.ARGB,
    _Format.Format_ARGB8888_Premultiplied: PixelLayout.ARGB,
    _Format.Format_XRGB8888: PixelLayout.ARGB,
    _Format.Format_ABGR8888: PixelLayout.ABGR,
    _Format.Format_XBGR8888: PixelLayout.ABGR,
    _Format.Format_RGBA8888: PixelLayout.RGBA,
    _Format.Format_RGBX8888: PixelLayout.RGBA,
    _Format.Format_BGRA8888: PixelLayout.BGRA,
    _Format.Format_BGRA8888_Premultiplied: PixelLayout.BGRA,
    _Format.Format_BGRX8888: PixelLayout.BGRA,
}
_MATRICES: Final = {
    _Space.ColorSpace_BT601: ColourMatrix.BT601,
    _Space.ColorSpace_BT709: ColourMatrix.BT709,
    _Space.ColorSpace_BT2020: ColourMatrix.BT2020,
    # JPEG's colours, as Qt uses the word: those of BT.601, always in the full range.
    _Space.ColorSpace_AdobeRgb: ColourMatrix.BT601,
}
_FULL_RANGE: Final = {_Range.ColorRange_Video: False, _Range.ColorRange_Full: True}
# Brighter than a screen: Qt knows how to map their tones.
_HDR: Final = {_Transfer.ColorTransfer_ST2084, _Transfer.ColorTransfer_STD_B67}


@contextmanager
def picture_of(frame: QVideoFrame, region: Rectangle | None = None) -> Iterator[PlanarPicture]:
    """``frame`` as an upright picture, within the ``with`` block only.

    Args:
        frame: as it came from a sink. Other copies of it may be mapped at the same time.
        region: x, y, width, height of the part that counts, in pixels of the upright picture.

    Raises:
        FrameUnreadableError: there are no pixels, or none in the region.
    """
    if not frame.isValid() or frame.size().isEmpty():
        raise FrameUnreadableError(reason="it is empty")
    layout = _LAYOUTS.get(frame.pixelFormat())
    picture, mapped = None, False
    if layout is None or frame.surfaceFormat().colorTransfer() in _HDR:
        picture = _converted(frame, region)
    # Not all that can be mapped can be converted everywhere: wrong tones are better than none.
    if layout is not None and picture is None and frame.map(QVideoFrame.MapMode.ReadOnly):
        picture, mapped = _mapped(frame, layout, region), True
    if picture is None:
        picture = _converted(frame, region)
    if picture is None:
        raise FrameUnreadableError(reason="Qt cannot convert its pixels")
    try:
        yield picture
    finally:
        picture.release()
        if mapped:
            frame.unmap()


def _mapped(frame: QVideoFrame, layout: PixelLayout, region: Rectangle | None) -> PlanarPicture:
    """The planes of a frame that was mapped; it is unmapped if that fails."""
    surface = frame.surfaceFormat()
    space = surface.colorSpace()
    full = True if space == _Space.ColorSpace_AdobeRgb else _FULL_RANGE.get(surface.colorRange())
    planes = range(frame.planeCount())
    orientation = _presented(frame, _stored(surface))
    try:
        return PlanarPicture(
            layout,
            [memoryview(frame.bits(plane) or b"") for plane in planes],
            [frame.bytesPerLine(plane) for plane in planes],
            (frame.width(), frame.height()),
            matrix=_MATRICES.get(space),
            full_range=full,
            orientation=orientation,
            region=_visible(surface, orientation, region),
        )
    except FrameUnreadableError:
        frame.unmap()
        raise
    except ValueError as error:
        frame.unmap()
        raise FrameUnreadableError(reason=str(error)) from error


def _converted(frame: QVideoFrame, region: Rectangle | None) -> PlanarPicture | None:
    """A frame by Qt's own conversion, without what the frame adds to its format; None if it fails.

    Converting again what has failed costs nothing.
    """
    image = frame.toImage()
    if image.isNull():
        return None
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    surface = frame.surfaceFormat()
    try:
        return PlanarPicture(
            PixelLayout.BGRA,
            [bytes(image.constBits())],
            [image.bytesPerLine()],
            (image.width(), image.height()),
            orientation=_presented(frame, Orientation()),
            region=_visible(surface, _presented(frame, _stored(surface)), region),
        )
    except ValueError as error:
        raise FrameUnreadableError(reason=str(error)) from error


def _stored(surface: QVideoFrameFormat) -> Orientation:
    """What ``toImage`` does to the rows of a frame."""
    orientation = Orientation()
    if surface.scanLineDirection() == QVideoFrameFormat.Direction.BottomToTop:
        orientation = orientation.upside_down()
    orientation = orientation.turned(surface.rotation().value)
    return orientation.flipped() if surface.isMirrored() else orientation


def _presented(frame: QVideoFrame, orientation: Orientation) -> Orientation:
    """``orientation``, and then what a player adds to it, by the video's metadata."""
    orientation = orientation.turned(frame.rotation().value)
    return orientation.flipped() if frame.mirrored() else orientation


def _visible(
    surface: QVideoFrameFormat, orientation: Orientation, region: Rectangle | None
) -> Rectangle:
    """What counts of the upright picture: the region of the format's viewport.

    Raises:
        RegionOutsideError: nothing of it.
    """
    size = surface.frameWidth(), surface.frameHeight()
    view = surface.viewport()
    box = (view.x(), view.y(), view.x() + view.width(), view.y() + view.height())
    left, top, right, bottom = (round(edge) for edge in orientation.upright(box, size))
    shown = QRect(left, top, right - left, bottom - top)
    if region is not None:
        shown = shown.intersected(QRect(*region).translated(shown.topLeft()))
    if shown.isEmpty():
        width, height = orientation.size(size)
        raise RegionOutsideError(width=width, height=height)
    return shown.x(), shown.y(), shown.width(), shown.height()
