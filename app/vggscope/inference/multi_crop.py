"""Ten crops of a picture, whose answers are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vggscope.inference.preprocessing import CropBox, resized

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vggscope.inference.preprocessing import Preprocessor
    from vggscope.sources.frame import Picture
    from vggscope.zoo.normal_form import Input

_PLACES: Final = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
"""(across, down) of the middle and the corners, in what is left of the picture beside a crop."""


def five_crops(size: tuple[int, int], spec: Input) -> tuple[CropBox, ...]:
    """The middle and the corners of a picture of ``size`` (width, height), in its pixels.

    Of the whole picture, scaled as the model's single crop is (``Input.resize``): the middle one is
    that very crop.
    """
    width, height = resized(size, spec, spec.resize)
    x_scale, y_scale = size[0] / width, size[1] / height
    boxes = []
    for across, down in _PLACES:
        x, y = int((width - spec.width) * across), int((height - spec.height) * down)
        boxes.append(
            CropBox(
                x * x_scale,
                y * y_scale,
                (x + spec.width) * x_scale,
                (y + spec.height) * y_scale,
            )
        )
    return tuple(boxes)


def ten_crop_probabilities(
    picture: Picture,
    spec: Input,
    preprocessor: Preprocessor,
    answer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """The mean of the answers to ``five_crops`` and their mirror images: float32 [classes].

    Args:
        picture: which one.
        spec: of the model.
        preprocessor: of the model.
        answer: makes probabilities [classes] of an input tensor [3, H, W] or [H, W, 3]; called for
            one crop after the other, so that it can be ended in between.
    """
    size = spec.width, spec.height
    answers = [
        answer(preprocessor.part(picture, crop, size, mirrored=mirrored))
        for crop in five_crops(picture.size, spec)
        for mirrored in (False, True)
    ]
    mean: NDArray[np.float64] = np.stack(answers).mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32)
