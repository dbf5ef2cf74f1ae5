"""Ways to look at a still picture other than by its single centre crop.

``onnx`` (162 ms) is imported only once a whole picture is looked at.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vggscope.inference.classification import Classification, top_predictions
from vggscope.inference.multi_crop import five_crops, ten_crop_probabilities
from vggscope.inference.preprocessing import CropBox, Preprocessor
from vggscope.inference.protocols import CENTRE
from vggscope.inference.report import DEFAULT_TOP
from vggscope.inference.runtime import Cancellation
from vggscope.sources.stills import read_still

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vggscope.errors import DenseOnCpuError
    from vggscope.inference.class_map import ClassMap
    from vggscope.inference.dense import Dense
    from vggscope.inference.devices import Device
    from vggscope.inference.protocols import Protocol, Quantity
    from vggscope.sources.frame import Picture
    from vggscope.zoo.normal_form import Label, Model


class StillLooker(ABC):
    """What looks at single crops, and by that at more of a picture: the base of ``Classifier``.

    Attributes:
        model: what it runs.
        device: what it runs on.
    """

    device: Device

    def __init__(self, model: Model) -> None:
        """Open nothing yet."""
        self.model = model
        self._dense: Dense | None = None
        # Corners and whole pictures are what they are, however the centre crop is fitted.
        self._published = Preprocessor(model.description.input)

    @property
    @abstractmethod
    def labels(self) -> tuple[Label, ...]:
        """The classes in the order of the outputs."""

    @abstractmethod
    def classify(
        self,
        image: Picture | Path | str,
        *,
        top: int = DEFAULT_TOP,
        cancellation: Cancellation | None = None,
    ) -> Classification:
        """Classify a picture or a picture file by its centre crop."""

    @abstractmethod
    def _answer(
        self, values: NDArray[np.float32], cancellation: Cancellation
    ) -> NDArray[np.float32]:
        """Probabilities [classes] of one input tensor."""

    def _told(
        self,
        probabilities: NDArray[np.float32],
        crop: CropBox,
        device: Device,
        milliseconds: float,
        *,
        top: int,
    ) -> Classification:
        """What is told of one picture."""
        return Classification(
            probabilities=probabilities,
            labels=self.labels,
            predictions=top_predictions(probabilities, self.labels, top),
            crop=crop,
            model=self.model.name,
            device=device.key,
            device_name=device.name,
            milliseconds=milliseconds,
            untrained=self.model.description.untrained,
        )

    def classify_with(
        self,
        image: Picture | Path | str,
        protocol: Protocol,
        *,
        top: int = DEFAULT_TOP,
        cancellation: Cancellation | None = None,
    ) -> Classification:
        """Classify a picture or a picture file by a protocol of evaluation, see ``protocols``.

        Raises:
            NotConvolutionalError: the model cannot look at whole pictures, as "dense" does.
            As ``classify``.
        """
        if protocol == CENTRE:
            return self.classify(image, top=top, cancellation=cancellation)
        picture = self._read(image, self.enough_for(protocol))
        cancellation = cancellation or Cancellation()
        if protocol == "dense":
            self.dense.open()
        started = time.perf_counter()
        crops: Sequence[CropBox]
        if protocol == "dense":
            probabilities = self.dense.probabilities(picture, cancellation=cancellation)
            crops = [self.dense.view(picture.size, scale).crop for scale in self.dense.scales]
            device = self.dense.device
        else:
            spec = self.model.description.input
            probabilities = ten_crop_probabilities(
                picture, spec, self._published, lambda part: self._answer(part, cancellation)
            )
            crops, device = five_crops(picture.size, spec), self.device
        milliseconds = (time.perf_counter() - started) * 1000
        found = self._told(probabilities, _together(crops), device, milliseconds, top=top)
        return replace(found, protocol=protocol, crops=tuple(crops))

    def class_map(
        self,
        image: Picture | Path | str,
        label: int | str,
        *,
        scale: int | None = None,
        quantity: Quantity = "probability",
        cancellation: Cancellation | None = None,
    ) -> ClassMap:
        """Where in a picture or a picture file a class is; see ``Dense.class_map``.

        Raises:
            NotConvolutionalError: the model cannot look at whole pictures.
            ClassError: there is no such class, or there are several.
            As ``classify``.
        """
        dense = self.dense
        return dense.class_map(
            self._read(image, dense.enough(scale or dense.map_scale)),
            label,
            scale=scale,
            quantity=quantity,
            cancellation=cancellation,
        )

    @property
    def dense(self) -> Dense:
        """Looks at whole pictures, on the device that is in use; on the CPU where that cannot.

        Raises:
            NotConvolutionalError: the model cannot look at whole pictures.
        """
        from vggscope.inference.dense import Dense  # noqa: PLC0415 (onnx, 162 ms)

        if self._dense is None or self._dense.chosen != self.device:
            self._dense = Dense(self.model, self.device)
        return self._dense

    @property
    def dense_failure(self) -> DenseOnCpuError | None:
        """Why the CPU looks at whole pictures in place of ``device``; None if it does not."""
        return None if self._dense is None else self._dense.failure

    def enough_for(self, protocol: Protocol) -> int:
        """Shorter side in pixels beyond which ``read_still`` need not decode for ``protocol``.

        Raises:
            NotConvolutionalError: "dense", and the model cannot look at whole pictures.
        """
        if protocol == "dense":
            return self.dense.enough(max(self.dense.scales))
        return self._published.enough

    @staticmethod
    def _read(image: Picture | Path | str, enough: int) -> Picture:
        return read_still(image, enough=enough) if isinstance(image, str | Path) else image


def _together(boxes: Sequence[CropBox]) -> CropBox:
    """The smallest box that holds all ``boxes``."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return CropBox(min(left), min(top), max(right), max(bottom))
