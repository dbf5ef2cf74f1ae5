"""Photos to measure with: the samples, and camera-size pictures made of them.

The samples alone, enlarged, would be smooth: cheap to decode, and nothing in them could be lost
by decoding at a smaller scale. So they get what a camera adds: detail at every scale down to the
pixel (of a mosaic of all samples in their own resolution) and sensor noise. At quality 90 that
makes files of 3 to 6 MB, as cameras do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from vggscope import paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.zoo.normal_form import Input

CAMERA_SIZE = (4000, 3000)
_DETAIL_RADIUS = 4.0
_DETAIL = 0.6
_NOISE = 5.0


def samples() -> list[Path]:
    """The sample photos: up to 0.3 megapixels each."""
    return sorted(paths.resource("samples").glob("*.jpg"))


def camera_photo(sample: Path, size: tuple[int, int], *, seed: int = 0) -> Image.Image:
    """``sample`` as a camera of ``size`` (width, height) might have seen it."""
    with Image.open(sample) as image:
        large = ImageOps.fit(image.convert("RGB"), size, Image.Resampling.BICUBIC)
    detail = _detail(size)
    # One texture serves all: shifted, it does not lie in the same place twice.
    shift = (seed * 419 % size[1], seed * 977 % size[0])
    values = np.asarray(large).astype(np.int16)
    values += np.roll(detail, shift, axis=(0, 1))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def write_camera_photos(
    folder: Path, *, count: int, size: tuple[int, int] = CAMERA_SIZE, quality: int = 90
) -> list[Path]:
    """Camera-size JPEG files in ``folder``, of one sample after the other."""
    files = []
    for seed, sample in _repeated(count):
        path = folder / f"{size[0]}x{size[1]}-{seed:02}-{sample.name}"
        camera_photo(sample, size, seed=seed).save(path, quality=quality)
        files.append(path)
    return files


def plain_tensor(path: Path, spec: Input) -> NDArray[np.float32]:
    """A picture file as a network's input, [1, 3, H, W], the way that everybody writes it."""
    image = Image.open(path)
    ImageOps.exif_transpose(image, in_place=True)
    image = image.convert("RGB")
    scale = spec.resize / min(image.size)
    size = round(image.width * scale), round(image.height * scale)
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = (image.width - spec.width) // 2, (image.height - spec.height) // 2
    image = image.crop((left, top, left + spec.width, top + spec.height))
    values = np.asarray(image, np.float32)
    if spec.channels == "BGR":
        values = values[:, :, ::-1]
    values = (values * np.float32(spec.scale) - np.float32(spec.mean)) / np.float32(spec.std)
    return np.ascontiguousarray(values.transpose(2, 0, 1))[np.newaxis]


def _repeated(count: int) -> Iterator[tuple[int, Path]]:
    known = samples()
    for number in range(count):
        yield number, known[number % len(known)]


@lru_cache(maxsize=1)
def _detail(size: tuple[int, int]) -> NDArray[np.int16]:
    """What is fine in a mosaic of the samples, and noise: int16 [height, width, 3], mean 0."""
    random = np.random.default_rng(0)
    mosaic = Image.new("RGB", size)
    tiles = [Image.open(path).convert("RGB") for path in samples()]
    x = y = height = 0
    while y < size[1]:
        tile = tiles[random.integers(len(tiles))]
        mosaic.paste(ImageOps.mirror(tile) if random.integers(2) else tile, (x, y))
        x, height = x + tile.width, max(height, tile.height)
        if x >= size[0]:
            # No gaps: the next row begins where the shortest tile of this one may end.
            x, y, height = 0, y + min(t.height for t in tiles), 0
    smooth = np.asarray(mosaic.filter(ImageFilter.GaussianBlur(_DETAIL_RADIUS)), np.float32)
    detail = (np.asarray(mosaic) - smooth) * np.float32(_DETAIL)
    detail += random.standard_normal(detail.shape, np.float32) * np.float32(_NOISE)
    return np.rint(detail).astype(np.int16)
