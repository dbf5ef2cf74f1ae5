"""From a picture to the tensor that a network was trained on, and back.

The published way of VGG (arXiv:1409.1556 §3.2, single centre crop): the shorter side is scaled to
256 pixels, the central 224 × 224 are cut, the training set's mean is subtracted per channel. The
crop is also known in the picture's own coordinates, so that a user can see what the network sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.sources.frame import Picture
    from vggscope.zoo.normal_form import Fit, Input

ENOUGH: Final = 2.0
"""A decoder may stop at this multiple of the needed resolution. By ``benchmarks/accuracy.py``, no
probability then moves by more than about 0.02 from that of all pixels, by 0.05 with 1.5; a
12-megapixel JPEG takes the same time with either, and half of that of all pixels."""


class CropBox(NamedTuple):
    """A rectangle in the picture's pixels: edges, not centres.

    May reach beyond the picture: letterboxed pictures are seen with borders.
    """

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInput:
    """One picture as a network sees it.

    Attributes:
        values: float32 [3, H, W] or [H, W, 3], as the model's layout says.
        crop: what part of the picture that is.
    """

    values: NDArray[np.float32]
    crop: CropBox


class Preprocessor:
    """Turns pictures into input tensors as a model's description says.

    Attributes:
        enough: shorter side in pixels that ``read_still`` need not exceed for this model.
    """

    def __init__(self, spec: Input, *, fit: Fit | None = None) -> None:
        self._spec = spec
        self._fit: Fit = fit or spec.fit
        per_channel = (3, 1, 1) if spec.layout == "NCHW" else (3,)
        self._mean = np.array(spec.mean, np.float32).reshape(per_channel)
        self._inverse_std = (1.0 / np.array(spec.std)).astype(np.float32).reshape(per_channel)
        order = slice(None, None, -1) if spec.channels == "BGR" else slice(None)
        # Borders become zeros after normalisation: what convolutions pad with.
        self._border = np.rint(np.array(spec.mean)[order] / spec.scale).clip(0, 255)
        self.enough = math.ceil(ENOUGH * spec.resize)

    def tensor(self, picture: Picture) -> NetworkInput:
        """The input tensor of ``picture`` and the crop box it shows."""
        crop = crop_box(picture.size, self._spec, self._fit)
        pixels = _resample(picture, crop, (self._spec.width, self._spec.height), self._border)
        return NetworkInput(self._normalise(pixels), crop)

    def part(
        self, picture: Picture, crop: CropBox, size: tuple[int, int], *, mirrored: bool = False
    ) -> NDArray[np.float32]:
        """A part of ``picture`` as the network would see it, at any ``size`` (width, height).

        Args:
            picture: which one.
            crop: the part, in the picture's pixels.
            size: of the result.
            mirrored: left and right changed.
        """
        pixels = _resample(picture, crop, size, self._border)
        return self._normalise(pixels[:, ::-1] if mirrored else pixels)

    def _normalise(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._spec.channels == "BGR":
            pixels = pixels[:, :, ::-1]
        if self._spec.layout == "NCHW":
            pixels = pixels.transpose(2, 0, 1)
        # In the order of the result from the start: arithmetic on whole planes takes a sixth of
        # the time that it takes on interleaved channels.
        values = pixels.astype(np.float32, order="C")
        if self._spec.scale != 1.0:
            values *= np.float32(self._spec.scale)
        values -= self._mean
        if self._spec.std != (1.0, 1.0, 1.0):
            values *= self._inverse_std
        return values


def crop_box(size: tuple[int, int], spec: Input, fit: Fit) -> CropBox:
    """The part of a picture of ``size`` (width, height) that fills the network's input."""
    width, height = size
    if fit == "stretch":
        return CropBox(0, 0, width, height)
    if fit == "letterbox":
        scale = max(width / spec.width, height / spec.height)
        half_width, half_height = spec.width * scale / 2, spec.height * scale / 2
        return CropBox(
            width / 2 - half_width,
            height / 2 - half_height,
            width / 2 + half_width,
            height / 2 + half_height,
        )
    resized_width, resized_height = resized(size, spec, spec.resize)
    x, y = (resized_width - spec.width) // 2, (resized_height - spec.height) // 2
    x_scale, y_scale = width / resized_width, height / resized_height
    return CropBox(
        x * x_scale,
        y * y_scale,
        (x + spec.width) * x_scale,
        (y + spec.height) * y_scale,
    )


def resized(size: tuple[int, int], spec: Input, scale: int) -> tuple[int, int]:
    """(width, height) of a picture of ``size`` once its shorter side is ``scale`` pixels.

    Not less than the network's own size is taken.
    """
    # Rounded as the reference implementations round it, so that results agree with published ones
    # to the last pixel.
    shorter = min(size)
    width = max(spec.width, round(size[0] * scale / shorter))
    return width, max(spec.height, round(size[1] * scale / shorter))


def _resample(
    picture: Picture, crop: CropBox, size: tuple[int, int], border: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """``crop`` of the picture at ``size`` (width, height): uint8 [height, width, 3].

    What lies outside of the picture gets the colour ``border`` (RGB).
    """
    left, top, right, bottom = crop
    width, height = picture.size
    inside = CropBox(max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height))
    x_factor, y_factor = size[0] / (right - left), size[1] / (bottom - top)
    x0, x1 = round((inside.left - left) * x_factor), round((inside.right - left) * x_factor)
    y0, y1 = round((inside.top - top) * y_factor), round((inside.bottom - top) * y_factor)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    part = picture.resample(inside, (x1 - x0, y1 - y0))
    if (x1 - x0, y1 - y0) == size:
        return part
    canvas = np.empty((size[1], size[0], 3), np.uint8)
    canvas[:] = border
    canvas[y0:y1, x0:x1] = part
    return canvas
