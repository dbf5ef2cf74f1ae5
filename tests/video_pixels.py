"""Pixels laid out in memory as decoders, cameras and screens do, and what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vggscope.sources.planes import PixelLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

RGB = (PixelLayout.ARGB, PixelLayout.ABGR, PixelLayout.RGBA, PixelLayout.BGRA)
GREY = (PixelLayout.Y8, PixelLayout.Y16)
# How many pixels share a chroma sample: across, down.
SHARED = {
    PixelLayout.YUV420P: (2, 2),
    PixelLayout.YV12: (2, 2),
    PixelLayout.YUV422P: (2, 1),
    PixelLayout.NV12: (2, 2),
    PixelLayout.NV21: (2, 2),
    PixelLayout.P010: (2, 2),
    PixelLayout.YUV420P10: (2, 2),
    PixelLayout.UYVY: (2, 1),
    PixelLayout.YUYV: (2, 1),
    PixelLayout.AYUV: (1, 1),
}
WEIGHTS = {"BT601": (0.299, 0.114), "BT709": (0.2126, 0.0722), "BT2020": (0.2627, 0.0593)}


def channels_of(layout: PixelLayout, rgb: Any, *, matrix: str = "BT601", full: bool = False) -> Any:
    """Photo [H, W, 3] as the numbers of ``layout``: rgb itself, or luma and two of chroma."""
    if layout in RGB:
        return [rgb[..., channel] for channel in range(3)]
    red, blue = WEIGHTS[matrix]
    r, g, b = (rgb[..., channel].astype(float) for channel in range(3))
    luma = red * r + (1 - red - blue) * g + blue * b
    u, v = (b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)
    if not full:
        luma, u, v = 16 + luma * 219 / 255, u * 224 / 255, v * 224 / 255
    across, down = SHARED.get(layout, (1, 1))
    averaged = (_averaged(chroma + 128, across, down) for chroma in (u, v))
    return [np.rint(n).clip(0, 255).astype(np.uint8) for n in (luma, *averaged)]


def rgb_of(
    layout: PixelLayout, channels: Sequence[Bytes], *, matrix: str = "BT601", full: bool = False
) -> NDArray[np.float64]:
    """What a picture of these ``channels`` looks like: [H, W, 3] in 0..255."""
    if layout in RGB:
        return np.stack(channels, axis=-1).astype(float)
    rows, columns = channels[0].shape
    if layout in GREY:
        u = v = np.full((rows, columns), 128, np.uint8)
    else:
        across, down = SHARED[layout]
        u, v = (
            channel.repeat(down, axis=0).repeat(across, axis=1)[:rows, :columns]
            for channel in channels[1:]
        )
    luma, u, v = channels[0].astype(float), u - 128.0, v - 128.0
    if not full:
        luma, u, v = (luma - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    red, blue = WEIGHTS[matrix]
    r, b = luma + 2 * (1 - red) * v, luma + 2 * (1 - blue) * u
    g = (luma - red * r - blue * b) / (1 - red - blue)
    return np.stack([r, g, b], axis=-1).clip(0, 255)


def rows_of(layout: PixelLayout, channels: Sequence[Bytes]) -> list[Bytes]:
    """The bytes of each plane's rows, without gaps: [rows, bytes] each."""
    if layout in RGB:
        order = dict(zip("RGB", channels, strict=True))
        order["A"] = np.full_like(channels[0], 255)
        return [_interleaved(*(order[letter] for letter in layout.name))]
    y, *chroma = channels
    if layout is PixelLayout.Y8:
        return [y]
    if layout is PixelLayout.Y16:
        return [_words(y, 8)]
    u, v = chroma
    if layout is PixelLayout.AYUV:
        return [_interleaved(np.full_like(y, 255), y, u, v)]
    even = np.pad(y, ((0, 0), (0, y.shape[1] % 2)))
    return {
        PixelLayout.YUV420P: lambda: [y, u, v],
        PixelLayout.YUV422P: lambda: [y, u, v],
        PixelLayout.YV12: lambda: [y, v, u],
        PixelLayout.NV12: lambda: [y, _interleaved(u, v)],
        PixelLayout.NV21: lambda: [y, _interleaved(v, u)],
        PixelLayout.P010: lambda: [_words(y, 8), _words(_interleaved(u, v), 8)],
        PixelLayout.YUV420P10: lambda: [_words(channel, 2) for channel in (y, u, v)],
        PixelLayout.UYVY: lambda: [_interleaved(u, even[:, ::2], v, even[:, 1::2])],
        PixelLayout.YUYV: lambda: [_interleaved(even[:, ::2], u, even[:, 1::2], v)],
    }[layout]()


def spread(rows: Bytes, gap: int, *, cut: bool = False) -> tuple[bytes, int]:
    """Rows with ``gap`` bytes between them, and the stride; ``cut``: none after the last."""
    padded = np.pad(rows, ((0, 0), (0, gap)), constant_values=77)
    content = padded.tobytes()
    return content[: len(content) - gap] if cut else content, padded.shape[1]


def _averaged(values: NDArray[np.float64], across: int, down: int) -> NDArray[np.float64]:
    rows, columns = values.shape
    values = np.pad(values, ((0, -rows % down), (0, -columns % across)), mode="edge")
    rows, columns = values.shape
    return values.reshape(rows // down, down, columns // across, across).mean(axis=(1, 3))


def _interleaved(*channels: Bytes) -> Bytes:
    return np.stack(channels, axis=-1).reshape(len(channels[0]), -1)


def _words(values: Bytes, shift: int) -> Bytes:
    """Little-endian words of 16 bits, with something in the bits that do not count."""
    words = values.astype("<u2") << shift
    words |= (1 << shift) - 1
    return words.view(np.uint8)
