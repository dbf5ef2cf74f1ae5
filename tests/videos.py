"""Videos of photos, for tests and benchmarks: whole ones, and ones with something wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import av
import numpy as np
from PIL import Image

from vggscope import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Photo: TypeAlias = "str | Path | Image.Image | NDArray[np.uint8]"
"""Name of a sample ("pizza.jpg"), a file, or pixels [H, W, 3] of 8-bit RGB."""

_PIXELS: Final = {"mjpeg": "yuvj420p"}
_OPTIONS: Final = {
    "libx264": {"preset": "ultrafast", "crf": "18"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "24", "b": "0"},
    "mjpeg": {"qmin": "2", "qmax": "4"},
}
_TURNS: Final = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
_AFTER_TKHD: Final = 44
"""Bytes from the name of an MP4 track's header (version 0) to its matrix."""


def make_video(
    path: Path,
    photos: Sequence[Photo] = ("pizza.jpg",),
    *,
    size: tuple[int, int] = (320, 240),
    fps: int = 30,
    seconds: float = 1.0,
    codec: str = "libx264",
    pan: int = 0,
    key_every: int | None = None,
    turn: int = 0,
    sound: float = 0.0,
    container: str | None = None,
) -> Path:
    """Write a video of ``photos``, each of which fills the picture for an equal share of the time.

    Args:
        path: of the file, whose suffix says which container it is (".mp4", ".webm", ".avi").
        photos: what is to be seen.
        size: (width, height) of the picture as it is stored, both even.
        fps: pictures per second.
        seconds: of all of them.
        codec: "libx264", "libvpx-vp9" or "mjpeg".
        pan: pixels by which the picture wanders from frame to frame: a still one costs a decoder
            next to nothing.
        key_every: frames from one that stands alone to the next; None for the codec's choice.
        turn: degrees clockwise by which a player is told to turn it (MP4 only).
        sound: seconds of a hum.
        container: its name, where the suffix does not say it.

    Returns:
        ``path``.
    """
    frames = [_pixels(photo, size) for photo in photos]
    count = round(fps * seconds)
    # An MP4 whose index comes first can be cut anywhere and still begins to play.
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", format=container, options=options) as output:
        stream: Any = output.add_stream(codec, rate=fps, options=dict(_OPTIONS[codec]))
        stream.width, stream.height = size
        stream.pix_fmt = _PIXELS.get(codec, "yuv420p")
        if key_every is not None:
            stream.codec_context.gop_size = key_every
        hum: Any = output.add_stream("aac", rate=44100, layout="mono") if sound else None
        for number in range(count):
            pixels = frames[number * len(frames) // count]
            if pan:
                pixels = np.roll(pixels, pan * number % size[0], axis=1)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode())
        if hum is not None:
            _hum(output, hum, sound)
    if turn:
        _turn(path, turn, size)
    return path


def sound_only(path: Path, seconds: float = 1.0) -> Path:
    """An MP4 of a hum, without any picture."""
    with av.open(str(path), "w") as output:
        _hum(output, output.add_stream("aac", rate=44100, layout="mono"), seconds)
    return path


def cut_off(path: Path, photos: Sequence[Photo] = ("pizza.jpg",), seconds: float = 3.0) -> Path:
    """An MP4 whose second half is missing, although its index names all frames."""
    # Each frame stands alone: half of the bytes are half of the time.
    make_video(path, photos, seconds=seconds, key_every=1)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def damaged(path: Path, photos: Sequence[Photo] = ("pizza.jpg",), seconds: float = 3.0) -> Path:
    """An MP4 with noise in place of the middle third of its pictures."""
    make_video(path, photos, seconds=seconds, key_every=1)
    content = bytearray(path.read_bytes())
    first, length = len(content) // 3, len(content) // 3
    noise = np.random.default_rng(0).integers(0, 256, length, np.uint8)
    content[first : first + length] = noise.tobytes()
    path.write_bytes(content)
    return path


def changing_size(
    path: Path,
    sizes: Sequence[tuple[int, int]] = ((640, 360), (320, 240)),
    photos: Sequence[Photo] = ("pizza.jpg",),
    seconds: float = 1.0,
) -> Path:
    """A bare H.264 stream (".h264") with ``seconds`` of each size, one after the other."""
    parts = []
    for size in sizes:
        part = path.with_suffix(".part")
        make_video(part, photos, size=size, seconds=seconds, container="h264")
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))
    return path


def _pixels(photo: Photo, size: tuple[int, int]) -> NDArray[np.uint8]:
    """``photo`` as [H, W, 3] of ``size``: what fits of it, neither squeezed nor with bars."""
    if isinstance(photo, str):
        photo = paths.resource("samples", photo)
    if isinstance(photo, Path):
        photo = Image.open(photo)
    image = photo if isinstance(photo, Image.Image) else Image.fromarray(photo)
    scale = max(size[0] / image.width, size[1] / image.height)
    across, down = size[0] / scale, size[1] / scale
    left, top = (image.width - across) / 2, (image.height - down) / 2
    box = (left, top, left + across, top + down)
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC, box))


def _hum(output: Any, stream: Any, seconds: float) -> None:
    """Encode ``seconds`` of a tone into ``stream`` of the container ``output``."""
    length = 1024
    for number in range(round(44100 * seconds / length)):
        times = np.arange(number * length, (number + 1) * length)
        wave = (0.3 * np.sin(times / 20)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44100, number * length
        output.mux(stream.encode(frame))
    output.mux(stream.encode())


def _turn(path: Path, degrees: int, size: tuple[int, int]) -> None:
    """Tell players of the MP4 at ``path`` to turn its picture: encoders cannot be asked to."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + _AFTER_TKHD
    a, b, c, d = _TURNS[degrees]
    width, height = size
    # Turned about the corner, the picture must be shifted back to where it is seen.
    across = {90: height, 180: width}.get(degrees, 0)
    down = {180: height, 270: width}.get(degrees, 0)
    one, unit = 1 << 16, 1 << 30
    matrix = (a * one, b * one, 0, c * one, d * one, 0, across * one, down * one, unit)
    content[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(content)
