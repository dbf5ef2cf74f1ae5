"""Videos to measure with: what a camera sees that pans over photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np

from _photos import camera_photo, samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FPS: Final = 30
SIZES: Final = {"1080p30": (1920, 1080), "4K30": (3840, 2160)}
_PASSAGE: Final = 60
"""Frames that are encoded; the rest of the video repeats them."""
_PHOTOS: Final = 2
_PAN: Final = 4
"""Pixels from frame to frame: a still picture costs a decoder next to nothing."""
_NOISE: Final = 2.0
_BITS_PER_PIXEL: Final = 0.1
"""6 Mbit/s at 1080p30 and 25 at 4K30, as they are streamed, and evenly spread: two cores that
decode one large picture late deliver the next ones all at once."""


def camera_video(path: Path, size: tuple[int, int], seconds: int) -> Path:
    """Write an MP4 (H.264, ``FPS`` frames per second) in which photos follow each other.

    Args:
        path: of the file.
        size: (width, height), both even.
        seconds: how long it is.

    Returns:
        ``path``.
    """
    with av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        rate = round(_BITS_PER_PIXEL * FPS * size[0] * size[1])
        options = {"preset": "veryfast", "maxrate": str(rate), "bufsize": str(rate // 4)}
        stream: Any = output.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = rate
        # Pictures in the order of time, and the first one stands alone: so they can be repeated.
        stream.max_b_frames = 0
        stream.gop_size = _PASSAGE
        frames = (av.VideoFrame.from_ndarray(p, format="rgb24") for p in _pictures(size))
        encoded = [packet for frame in frames for packet in stream.encode(frame)]
        encoded += stream.encode()
        step = encoded[1].pts - encoded[0].pts
        for number in range(FPS * seconds):
            original = encoded[number % len(encoded)]
            packet = av.Packet(bytes(original))
            packet.stream, packet.time_base = stream, original.time_base
            packet.is_keyframe = original.is_keyframe
            packet.pts = packet.dts = number * step
            packet.duration = step
            output.mux(packet)
    return path


def _pictures(size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """The frames of a passage, [H, W, 3] of 8-bit RGB; no two have the same noise."""
    random = np.random.default_rng(0)
    shape = (size[1], size[0], 3)
    noise = np.rint(random.standard_normal(shape, np.float32) * np.float32(_NOISE)).astype(np.int16)
    each = _PASSAGE // _PHOTOS
    for sample in samples()[:_PHOTOS]:
        still = np.asarray(camera_photo(sample, size)).astype(np.int16)
        for number in range(each):
            shifts = (int(random.integers(size[1])), int(random.integers(size[0])))
            seen = np.roll(still, _PAN * number, axis=1) + np.roll(noise, shifts, axis=(0, 1))
            yield seen.clip(0, 255).astype(np.uint8)
