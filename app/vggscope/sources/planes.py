"""Decoded video frames as pictures, read where they lie.

A 1080p frame has two million pixels, of which the network gets 50,000. So the planes that the
decoder left are averaged first, each by itself, and what remains is converted to RGB. Nothing is
copied before, and Pillow lets go of Python's lock meanwhile, which Qt's own conversion does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from PIL import Image

from vggscope.sources.frame import REDUCING_GAP, Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vggscope.sources.frame import Box, Origin

_Words: TypeAlias = "NDArray[np.uint8 | np.uint16]"

Rectangle = tuple[int, int, int, int]
"""x, y, width, height."""

_PREVIEW_GAP: Final = 1.1
"""As ``REDUCING_GAP``; a preview is looked at for a thirtieth of a second."""
_HD_ROWS: Final = 720
"""From here on, colours that say nothing of their matrix are taken for BT.709, below for BT.601."""

_NEAREST: Final = Image.Resampling.NEAREST
_BILINEAR: Final = Image.Resampling.BILINEAR


class PixelLayout(Enum):
    """How pixels lie in memory; packed ones are named by the order of their bytes."""

    YUV420P = auto()
    YV12 = auto()
    YUV422P = auto()
    NV12 = auto()
    NV21 = auto()
    P010 = auto()
    """As NV12, of 16-bit words whose high bits count; P016 as well."""
    YUV420P10 = auto()
    """As YUV420P, of 16-bit words whose low ten bits count."""
    UYVY = auto()
    YUYV = auto()
    AYUV = auto()
    Y8 = auto()
    Y16 = auto()
    ARGB = auto()
    ABGR = auto()
    RGBA = auto()
    BGRA = auto()


class ColourMatrix(Enum):
    """How luma and chroma were made of red, green and blue: weights of red and of blue."""

    BT601 = (0.299, 0.114)
    BT709 = (0.2126, 0.0722)
    BT2020 = (0.2627, 0.0593)


@dataclass(frozen=True, slots=True)
class _Component:
    """Where one of a pixel's three numbers lies.

    Attributes:
        plane: in which plane.
        offset: of the first one, in words.
        step: from one to the next, in words.
        across, down: how many pixels share one.
        bits: of them in a word of 16 bits, from the lowest on; 0: words are bytes.
    """

    plane: int = 0
    offset: int = 0
    step: int = 1
    across: int = 1
    down: int = 1
    bits: int = 0


_C = _Component

_RAW_MODES: Final = {
    PixelLayout.ARGB: "XRGB",
    PixelLayout.ABGR: "XBGR",
    PixelLayout.RGBA: "RGBX",
    PixelLayout.BGRA: "BGRX",
}
"""Pillow's names of the packed layouts. The fourth byte is passed over: a video lies over nothing,
and where it is called alpha it is often left unset."""

_YUV: Final[dict[PixelLayout, tuple[_Component, ...]]] = {
    PixelLayout.YUV420P: (_C(), _C(1, across=2, down=2), _C(2, across=2, down=2)),
    PixelLayout.YV12: (_C(), _C(2, across=2, down=2), _C(1, across=2, down=2)),
    PixelLayout.YUV422P: (_C(), _C(1, across=2), _C(2, across=2)),
    PixelLayout.NV12: (_C(), _C(1, 0, 2, 2, 2), _C(1, 1, 2, 2, 2)),
    PixelLayout.NV21: (_C(), _C(1, 1, 2, 2, 2), _C(1, 0, 2, 2, 2)),
    # The eight high bits are a byte of their own.
    PixelLayout.P010: (_C(0, 1, 2), _C(1, 1, 4, 2, 2), _C(1, 3, 4, 2, 2)),
    PixelLayout.YUV420P10: (
        _C(bits=10),
        _C(1, across=2, down=2, bits=10),
        _C(2, across=2, down=2, bits=10),
    ),
    PixelLayout.UYVY: (_C(0, 1, 2), _C(0, 0, 4, 2), _C(0, 2, 4, 2)),
    PixelLayout.YUYV: (_C(0, 0, 2), _C(0, 1, 4, 2), _C(0, 3, 4, 2)),
    PixelLayout.AYUV: (_C(0, 1, 4), _C(0, 2, 4), _C(0, 3, 4)),
    PixelLayout.Y8: (_C(),),
    PixelLayout.Y16: (_C(0, 1, 2),),
}
"""Luma, blue-difference and red-difference chroma; or luma alone."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """What makes stored rows upright: first a turn, then a mirror.

    Attributes:
        turns: quarter turns clockwise, 0..3.
        mirrored: whether left and right are exchanged after it.
    """

    turns: int = 0
    mirrored: bool = False

    def turned(self, degrees: int) -> Orientation:
        """This one, and then a turn by a multiple of 90 degrees clockwise."""
        turns = -degrees // 90 if self.mirrored else degrees // 90
        return replace(self, turns=(self.turns + turns) % 4)

    def flipped(self) -> Orientation:
        """This one, and then left and right exchanged."""
        return replace(self, mirrored=not self.mirrored)

    def upside_down(self) -> Orientation:
        """This one, and then top and bottom exchanged."""
        return self.turned(180).flipped()

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) after it of what has ``size`` before, or the other way round."""
        return size[::-1] if self.turns % 2 else size

    def upright(self, box: Box, size: tuple[int, int]) -> Box:
        """Where ``box`` of a stored picture of ``size`` lies in the upright one."""
        left, top, right, bottom = box
        width, height = size
        for _ in range(self.turns):
            left, top, right, bottom = height - bottom, left, height - top, right
            width, height = height, width
        return (
            (width - right, top, width - left, bottom)
            if self.mirrored
            else (left, top, right, bottom)
        )

    def stored(self, box: Box, size: tuple[int, int]) -> Box:
        """Where ``box`` of an upright picture of ``size`` lies in the stored one."""
        left, top, right, bottom = box
        width, height = size
        if self.mirrored:
            left, right = width - right, width - left
        for _ in range(self.turns):
            left, top, right, bottom = top, width - right, bottom, width - left
            width, height = height, width
        return left, top, right, bottom

    def apply(self, image: Image.Image) -> Image.Image:
        """A stored image, upright."""
        method = _TRANSPOSITIONS[self]
        return image if method is None else image.transpose(method)


_T = Image.Transpose
_TRANSPOSITIONS: Final = {
    Orientation(0): None,
    Orientation(1): _T.ROTATE_270,  # Pillow turns the other way
    Orientation(2): _T.ROTATE_180,
    Orientation(3): _T.ROTATE_90,
    Orientation(0, mirrored=True): _T.FLIP_LEFT_RIGHT,
    Orientation(1, mirrored=True): _T.TRANSPOSE,
    Orientation(2, mirrored=True): _T.FLIP_TOP_BOTTOM,
    Orientation(3, mirrored=True): _T.TRANSVERSE,
}
_UPRIGHT: Final = Orientation()


class PlanarPicture:
    """A decoded video frame whose pixels are still where the decoder left them.

    A ``Picture``. It borrows its memory, until ``release``.

    Attributes:
        size: (width, height) of the upright picture, or of its region.
    """

    def __init__(  # noqa: PLR0913 (what describes pixels)
        self,
        layout: PixelLayout,
        planes: Sequence[memoryview | bytes],
        strides: Sequence[int],
        stored_size: tuple[int, int],
        *,
        matrix: ColourMatrix | None = None,
        full_range: bool | None = None,
        orientation: Orientation = _UPRIGHT,
        region: Rectangle | None = None,
    ) -> None:
        """A picture in the memory of ``planes``.

        Args:
            layout: what lies in the planes.
            planes: as many as the layout has.
            strides: bytes from row to row, for each plane.
            stored_size: (width, height) of the rows as they lie in memory.
            matrix: of the colours, for luma and chroma; None if nobody knows.
            full_range: luma reaches from 0 to 255, not from 16 to 235. None if nobody knows: then
                it does where there is no chroma.
            orientation: what makes the stored rows upright.
            region: the part of the upright picture that counts; what lies outside of the picture
                is cut off.

        Raises:
            ValueError: the planes are too small, or the region lies beyond the picture.
        """
        self._orientation = orientation
        self._whole = orientation.size(stored_size)
        self._region = _clipped(region, self._whole)
        self.size = self._region[2:]
        self._raw_mode = _RAW_MODES.get(layout)
        components = _YUV[layout] if self._raw_mode is None else (_C(step=4),)
        if matrix is None:
            matrix = ColourMatrix.BT709 if stored_size[1] >= _HD_ROWS else ColourMatrix.BT601
        if full_range is None:
            full_range = len(components) == 1
        self._conversion = _conversion(matrix, full=full_range)
        self._samples = tuple(
            _Samples(c, planes[c.plane], strides[c.plane], stored_size) for c in components
        )

    def resample(self, box: Box, size: tuple[int, int]) -> NDArray[np.uint8]:
        """As ``Picture.resample`` says."""
        return np.asarray(self._rgb(box, size, chroma=_BILINEAR, gap=REDUCING_GAP))

    def screen_pixels(
        self, size: tuple[int, int], *, box: Box | None = None, mirrored: bool = False
    ) -> bytes:
        """For the screen: blue, green, red, 255 for each pixel, no gaps between rows.

        Args:
            size: (width, height) of the result. Quick rather than exact where that is smaller.
            box: the part of it that is shown, as for ``resample``; None for all of it.
            mirrored: exchange left and right.
        """
        whole = (0.0, 0.0, float(self.size[0]), float(self.size[1]))
        image = self._rgb(box or whole, size, chroma=_NEAREST, gap=_PREVIEW_GAP, mirrored=mirrored)
        image.putalpha(255)
        return image.tobytes("raw", "BGRA")

    def to_frame(self, origin: Origin) -> Frame:
        """All pixels, in memory of their own."""
        pixels = self.resample((0.0, 0.0, *self.size), self.size)
        return Frame(pixels=np.ascontiguousarray(pixels), size=self.size, origin=origin)

    def release(self) -> None:
        """Let go of the memory: nothing can be read from now on."""
        self._samples = ()

    def _rgb(
        self,
        box: Box,
        size: tuple[int, int],
        *,
        chroma: Image.Resampling,
        gap: float,
        mirrored: bool = False,
    ) -> Image.Image:
        if not self._samples:
            raise ValueError("the picture was released")
        x, y = self._region[:2]
        shifted = (box[0] + x, box[1] + y, box[2] + x, box[3] + y)
        stored = self._orientation.stored(shifted, self._whole)
        small = self._orientation.size(size)
        bands = [samples.part(stored, small, chroma=chroma, gap=gap) for samples in self._samples]
        orientation = self._orientation.flipped() if mirrored else self._orientation
        return orientation.apply(self._converted(bands))

    def _converted(self, bands: list[Image.Image]) -> Image.Image:
        """The picture's components as RGB."""
        image = bands[0]
        if self._raw_mode is not None:
            return Image.frombytes("RGB", image.size, image.tobytes(), "raw", self._raw_mode)
        if len(bands) == 1:
            neutral = Image.new("L", image.size, 128)
            bands = [image, neutral, neutral]
        return Image.merge("RGB", bands).convert("RGB", self._conversion)


class _Samples:
    """One component of a picture, or pixels of four bytes, in memory of somebody else."""

    def __init__(
        self, component: _Component, plane: memoryview | bytes, stride: int, size: tuple[int, int]
    ) -> None:
        """Those of a picture whose stored size is ``size``.

        Raises:
            ValueError: ``plane`` does not hold them.
        """
        self._component = component
        self._is_pixels = component == _C(step=4)
        dtype = np.dtype("<u2" if component.bits else np.uint8)
        word = dtype.itemsize
        step = component.step * word
        first, pixel = component.offset * word, step if self._is_pixels else word
        # (width, height) of the component, and of what is there of it: Qt's own buffers lack the
        # last row of chroma where the picture's rows are odd.
        self._size = -(-size[0] // component.across), -(-size[1] // component.down)
        columns = min(self._size[0], (stride - first - pixel) // step + 1)
        before = first + (columns - 1) * step + pixel
        rows = min(self._size[1], (len(plane) - before) // stride + 1) if stride > 0 else 0
        least = max(1, size[0] // component.across), max(1, size[1] // component.down)
        if columns < least[0] or rows < least[1]:
            raise ValueError("a plane is too small")
        memory: _Words = np.frombuffer(plane, dtype, len(plane) // word)
        self._values: _Words = np.lib.stride_tricks.as_strided(
            memory[component.offset :],
            (rows, columns, 4) if self._is_pixels else (rows, columns),
            (stride, step, 1) if self._is_pixels else (stride, step),
            writeable=False,
        )
        # Pillow can borrow the memory too, if its rows are all there and dense.
        is_dense = component.step == (4 if self._is_pixels else 1) and not component.bits
        is_whole = (columns, rows) == self._size and len(memory) >= stride * rows
        self._image = self._imagined(memory, stride) if is_dense and is_whole else None

    def part(
        self, box: Box, size: tuple[int, int], *, chroma: Image.Resampling, gap: float
    ) -> Image.Image:
        """``box``, in stored pixels of the picture, at ``size``: mode L, or RGBX for pixels."""
        component = self._component
        is_chroma = component.across > 1 or component.down > 1
        left, right = _within(box[0] / component.across, box[2] / component.across, self._size[0])
        top, bottom = _within(box[1] / component.down, box[3] / component.down, self._size[1])
        image, x, y = self._image, 0, 0
        if image is None:
            # What is copied: the box, and what a filter reads around it.
            x_margin = math.ceil(4 * max(1.0, (right - left) / size[0]))
            y_margin = math.ceil(4 * max(1.0, (bottom - top) / size[1]))
            x, y = max(0, math.floor(left) - x_margin), max(0, math.floor(top) - y_margin)
            image = self._copied(x, y, math.ceil(right) + x_margin, math.ceil(bottom) + y_margin)
        return image.resize(
            size,
            chroma if is_chroma else _BILINEAR,
            box=(left - x, top - y, right - x, bottom - y),
            reducing_gap=gap,
        )

    def _copied(self, left: int, top: int, right: int, bottom: int) -> Image.Image:
        values: _Words = self._values[top:bottom, left:right]
        if self._component.bits:
            samples = np.empty(values.shape, np.uint8)
            np.right_shift(values, self._component.bits - 8, out=samples, casting="unsafe")
        else:
            samples = np.ascontiguousarray(values)
        columns, rows = min(right, self._size[0]) - left, min(bottom, self._size[1]) - top
        missing = rows - values.shape[0], columns - values.shape[1]
        if any(missing):
            samples = np.pad(samples, ((0, missing[0]), (0, missing[1])), mode="edge")
        return self._imagined(samples, 0, (columns, rows))

    def _imagined(
        self, memory: _Words, stride: int, size: tuple[int, int] | None = None
    ) -> Image.Image:
        """An image in ``memory`` itself."""
        mode = "RGBX" if self._is_pixels else "L"
        return Image.frombuffer(mode, size or self._size, memory, "raw", mode, stride, 1)


def _within(low: float, high: float, limit: int) -> tuple[float, float]:
    """The part of an interval below ``limit``; never nothing."""
    low = min(max(low, 0.0), limit - 0.25)
    return low, min(max(high, low + 0.25), limit)


def _clipped(region: Rectangle | None, size: tuple[int, int]) -> Rectangle:
    width, height = size
    if region is None:
        return 0, 0, width, height
    left, top = max(0, region[0]), max(0, region[1])
    right, bottom = min(width, region[0] + region[2]), min(height, region[1] + region[3])
    if right <= left or bottom <= top:
        raise ValueError("the region lies beyond the picture")
    return left, top, right - left, bottom - top


def _conversion(matrix: ColourMatrix, *, full: bool) -> tuple[float, ...]:
    """From luma and chroma, 0..255 each, to red, green, blue: 3 × 4 numbers, row by row."""
    red, blue = matrix.value
    green = 1.0 - red - blue
    luma, chroma, black = (1.0, 1.0, 0.0) if full else (255 / 219, 255 / 224, 16.0)
    from_blue, from_red = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    rows = (
        (0.0, from_red),
        (-from_blue * blue / green, -from_red * red / green),
        (from_blue, 0.0),
    )
    return tuple(number for u, v in rows for number in (luma, u, v, -luma * black - 128 * (u + v)))
