"""From any of Pillow's modes to 8-bit sRGB over white, with no more pixels than needed."""

from __future__ import annotations

import io
import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_PLAIN_MODES: Final = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})
# Printers' profiles take two megabytes; a larger one is a mistake or an attack.
_MAX_PROFILE_BYTES: Final = 4 * 1024 * 1024
# A profile that moves no colour by more than this is sRGB under another name.
_SAME_COLOUR: Final = 1


def to_srgb(image: Image.Image, *, enough: int | None = None) -> Image.Image:
    """A loaded picture as mode RGB in sRGB; transparency lies over white.

    Args:
        image: a picture of any mode, with Pillow's ``info``.
        enough: the shorter side that the caller needs; the result is reduced by the largest
            integer that keeps it, before the expensive steps.
    """
    profile = image.info.get("icc_profile")
    image = _eight_bits(image)
    if enough is not None and (factor := min(image.size) // max(1, enough)) > 1:
        image = image.reduce(factor)
    image = _over_white(image)
    if profile:
        image = _managed(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """One of ``_PLAIN_MODES``: what can be averaged, and what colour management takes."""
    mode = image.mode
    if mode == "F" or mode.startswith("I"):
        return _grey(image)
    if image.has_transparency_data:
        if mode in {"LA", "RGBA"}:
            return image
        return image.convert("LA" if mode == "La" else "RGBA")
    if mode in _PLAIN_MODES:
        return image
    return image.convert("L" if mode == "1" else "RGB")


def _grey(image: Image.Image) -> Image.Image:
    """8-bit grey of deeper grey: Pillow itself would clip at 255."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        # Division by 257, correctly rounded, without temporary copies of a large picture.
        deep = values.astype(np.uint32)
        deep *= 255
        deep += 32895
        deep >>= 16
        grey = deep.astype(np.uint8)
    else:
        # TIFF does not tell what white is; elsewhere, deep grey has 16 bits.
        bounded = image.mode == "I" and image.format != "TIFF"
        grey = _scaled(values, white=65535 if bounded else None)
    if isinstance(transparent := image.info.get("transparency"), int):
        grey[values == transparent] = 255
    return Image.fromarray(grey)


def _scaled(
    values: NDArray[np.int32] | NDArray[np.float32], *, white: float | None
) -> NDArray[np.uint8]:
    """Grey of 32-bit numbers.

    Black is 0 and white is ``white``; where it is not known, the usual one that holds all values
    (floating point: 1; integers: 255, 65535), else the highest value. Where there are negative
    values, black is the lowest and white the highest.
    """
    real = values.astype(np.float32)
    np.nan_to_num(real, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = min(0.0, float(real.min())), max(0.0, float(real.max()))
    if low < 0:
        white = high
    elif white is None:
        usual = (1.0,) if values.dtype.kind == "f" else (255.0, 65535.0)
        white = next((limit for limit in usual if high <= limit), high)
    scale = 255.0 / max(white - low, 1e-30)  # within float32, whatever the values
    real *= scale
    real += 0.5 - low * scale
    np.clip(real, 0, 255, out=real)
    return real.astype(np.uint8)


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode not in {"LA", "RGBA"}:
        return image
    opaque = "L" if image.mode == "LA" else "RGB"
    canvas = Image.new(opaque, image.size, "white")
    canvas.paste(image.convert(opaque), mask=image.getchannel("A"))
    return canvas


def _managed(image: Image.Image, profile: bytes) -> Image.Image:
    """``image`` in sRGB, as its ICC profile says; as it is, where the profile says nothing."""
    try:
        if len(profile) > _MAX_PROFILE_BYTES:
            raise ValueError("too long")  # noqa: TRY301 (one place that ignores)
        mode, transform = _transform(profile, image.mode)
        if transform is None:
            return image
        if mode != image.mode:
            image = image.convert(mode)
        managed = ImageCms.applyTransform(image, transform)
    # LittleCMS answers broken profiles with whatever; the picture is readable without.
    except Exception as failure:  # noqa: BLE001
        _log.debug("ICC profile ignored: %s", failure)
        return image
    return managed or image


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """The mode that ``profile`` describes, and the way from there to sRGB; None: already there.

    Raises:
        ValueError: it describes no colours of ``mode``.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    described = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(space)
    if described is None or (described != mode and (mode, described) != ("L", "RGB")):
        raise ValueError(f"{space} profile in a picture of mode {mode}")
    transform = ImageCms.buildTransform(
        source, ImageCms.createProfile("sRGB"), described, "RGB", ImageCms.Intent.PERCEPTUAL
    )
    if described == "CMYK":
        return described, transform
    # Most photos carry sRGB itself under a dozen names and versions. Measuring what the
    # transform does is safer than guessing by name, and this is done once per profile.
    steps = np.linspace(0, 255, 17).astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(17, -1, 3)
    if described == "L":
        lattice = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    probe = Image.fromarray(lattice).convert(described)
    moved = np.asarray(ImageCms.applyTransform(probe, transform), dtype=np.int16)
    return described, (transform if np.abs(moved - lattice).max() > _SAME_COLOUR else None)
