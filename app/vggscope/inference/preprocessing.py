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
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Fit, Input

_REDUCING_GAP: Final = 2.0
"""Pillow's ratio between the cheap box reduction and the exact filter after it. Of a 1080p frame,
2 takes 3 ms and moves a probability by 0.01 (at most 0.04); 3 takes 4.5 ms and moves none."""

_ENOUGH: Final = 2.0
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
    """Turns frames into input tensors as a model's description says.

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
        self.enough = math.ceil(_ENOUGH * spec.resize)

    def tensor(self, frame: Frame) -> NetworkInput:
        """The input tensor of ``frame`` and the crop box it shows."""
        crop = crop_box(frame.size, self._spec, self._fit)
        picture = _resample(frame, crop, (self._spec.width, self._spec.height), self._border)
        return NetworkInput(self._normalise(picture), crop)

    def _normalise(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._spec.channels == "BGR":
            picture = picture[:, :, ::-1]
        if self._spec.layout == "NCHW":
            picture = picture.transpose(2, 0, 1)
        # In the order of the result from the start: arithmetic on whole planes takes a sixth of
        # the time that it takes on interleaved channels.
        values = picture.astype(np.float32, order="C")
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
    # Sizes are rounded as the reference implementations round them, so that results agree with
    # published ones to the last pixel.
    shorter = min(width, height)
    resized_width = max(spec.width, round(width * spec.resize / shorter))
    resized_height = max(spec.height, round(height * spec.resize / shorter))
    x, y = (resized_width - spec.width) // 2, (resized_height - spec.height) // 2
    x_scale, y_scale = width / resized_width, height / resized_height
    return CropBox(
        x * x_scale,
        y * y_scale,
        (x + spec.width) * x_scale,
        (y + spec.height) * y_scale,
    )


def _resample(
    frame: Frame, crop: CropBox, size: tuple[int, int], border: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """``crop`` of the frame at ``size`` (width, height): uint8 [height, width, 3].

    What lies outside of the picture gets the colour ``border`` (RGB).
    """
    pixel_height, pixel_width = frame.pixels.shape[:2]
    x_scale, y_scale = pixel_width / frame.size[0], pixel_height / frame.size[1]
    left, right = crop.left * x_scale, crop.right * x_scale
    top, bottom = crop.top * y_scale, crop.bottom * y_scale
    inside = CropBox(
        max(left, 0.0), max(top, 0.0), min(right, pixel_width), min(bottom, pixel_height)
    )
    x_factor, y_factor = size[0] / (right - left), size[1] / (bottom - top)
    x0, x1 = round((inside.left - left) * x_factor), round((inside.right - left) * x_factor)
    y0, y1 = round((inside.top - top) * y_factor), round((inside.bottom - top) * y_factor)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    part = _scaled(frame.pixels, inside, (x1 - x0, y1 - y0))
    if (x1 - x0, y1 - y0) == size:
        return part
    canvas = np.empty((size[1], size[0], 3), np.uint8)
    canvas[:] = border
    canvas[y0:y1, x0:x1] = part
    return canvas


def _scaled(pixels: NDArray[np.uint8], box: CropBox, size: tuple[int, int]) -> NDArray[np.uint8]:
    # Pillow copies what it is given: hand over the box and what its filter reads around it.
    x_margin = math.ceil(4 * max(1.0, (box.right - box.left) / size[0]))
    y_margin = math.ceil(4 * max(1.0, (box.bottom - box.top) / size[1]))
    x0, y0 = max(0, math.floor(box.left) - x_margin), max(0, math.floor(box.top) - y_margin)
    x1, y1 = math.ceil(box.right) + x_margin, math.ceil(box.bottom) + y_margin
    source = Image.fromarray(pixels[y0:y1, x0:x1])
    shifted = (
        box.left - x0,
        box.top - y0,
        min(box.right - x0, source.width),
        min(box.bottom - y0, source.height),
    )
    return np.asarray(
        source.resize(size, Image.Resampling.BILINEAR, box=shifted, reducing_gap=_REDUCING_GAP)
    )
