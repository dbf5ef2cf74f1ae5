#!/usr/bin/env python3
"""Make the sample video: a slow journey over some of the sample photos, one fading into the next.

    python tools/sample_video.py [FILE]

Needs the dev extra (PyAV).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "resources" / "samples"
PHOTOS: Final = ("cat-chelsea", "coffee", "bald-eagle", "sports-car", "zebra", "pizza")
SIZE: Final = (640, 360)
FPS: Final = 30
SECONDS: Final = 2.5
"""That a photo lasts, fading included."""
FADING: Final = 0.7
ZOOM: Final = 0.18
"""How much closer it comes meanwhile."""


def shot(photo: Image.Image, progress: float) -> Image.Image:
    """``photo`` in the film's shape, seen a little closer the further ``progress`` (0..1) is."""
    width, height = photo.size
    shape = SIZE[0] / SIZE[1]
    whole = (width, width / shape) if width / height < shape else (height * shape, height)
    scale = 1 - ZOOM * progress
    across, down = whole[0] * scale, whole[1] * scale
    left, top = (width - across) / 2, (height - down) / 2
    box = (left, top, left + across, top + down)
    return photo.resize(SIZE, Image.Resampling.LANCZOS, box=box)


def frames() -> Iterator[Image.Image]:
    photos = [Image.open(SAMPLES / f"{name}.jpg").convert("RGB") for name in PHOTOS]
    count, fading = round(SECONDS * FPS), round(FADING * FPS)
    for number, photo in enumerate(photos):
        for step in range(count):
            picture = shot(photo, step / count)
            if number and step < fading:
                before = shot(photos[number - 1], 1.0)
                picture = Image.blend(before, picture, step / fading)
            yield picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLES / "slideshow.webm")
    path = parser.parse_args().file
    with av.open(path, "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=FPS)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 0
        stream.options = {"crf": "36", "b": "0", "deadline": "good", "cpu-used": "2"}
        for picture in frames():
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
