"""What one layer made of one picture: its feature maps, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from vggscope.inference.preprocessing import CropBox
from vggscope.vgg.network import receptive_field_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vggscope.vgg.network import Layer


_BLOCK: Final = 1 << 15


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Figures of each channel, float64 [C]; of finite values alone, NaN where there are none.

    Attributes:
        minimum, maximum, mean, std: of its values.
        zeros: share of its values that are exactly 0, 0..1: what ReLU has cut off.
        missing: share of all its values that are no finite numbers, 0..1; never NaN itself.
    """

    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    zeros: NDArray[np.float64]
    missing: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Those of ``Statistics`` for a single channel."""

    minimum: float
    maximum: float
    mean: float
    std: float
    zeros: float
    missing: float


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How often values occur.

    Attributes:
        counts: int [bins], in equal steps from ``low`` to ``high``.
        low, high: the smallest and the largest value.
    """

    counts: NDArray[np.intp]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Position:
    """A place on a map, and the value there."""

    row: int
    column: int
    value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureMaps:
    """The output of a layer for one picture.

    Attributes:
        layer: which one.
        values: float32 [C, H, W]: channel, row, column. Vectors are [N, 1, 1].
        before_relu: whether it is what the layer's ReLU got.
        input_size: (width, height) of the network's input.
        crop: what part of the picture that shows, in the picture's pixels.
        picture_size: (width, height) of the picture.
        model: its name.
        device: what computed it, for people.
        labels: the classes, if there is one unit for each.
        shrunk: how many positions of the layer, down and across, one value stands for: 1 unless
            the device handed out a smaller copy, the largest value of each square.
    """

    layer: Layer
    values: NDArray[np.float32]
    before_relu: bool
    input_size: tuple[int, int]
    crop: CropBox
    picture_size: tuple[int, int]
    model: str
    device: str
    labels: Sequence[str] | None = None
    shrunk: int = 1

    @property
    def is_vector(self) -> bool:
        """Whether the layer has units instead of maps."""
        return len(self.layer.output_shape) == 1

    @cached_property
    def statistics(self) -> Statistics:
        """Figures of each channel."""
        return _statistics(self.values)

    def figures(self, channel: int) -> Figures:
        """Figures of one channel: those of all others are not worked out for it."""
        own = _statistics(self.values[channel : channel + 1])
        return Figures(**{each.name: float(getattr(own, each.name)[0]) for each in fields(own)})

    @property
    def zeros(self) -> float:
        """Share of all values that are exactly 0, 0..1."""
        return 1 - np.count_nonzero(self.values) / self.values.size

    def histogram(self, channel: int | None = None, *, bins: int = 64) -> Histogram:
        """How often values occur on one channel, or on all."""
        values = self.values if channel is None else self.values[channel]
        is_finite = np.isfinite(values)
        finite = values if is_finite.all() else values[is_finite]
        if not finite.size:
            return Histogram(np.zeros(bins, np.intp), 0.0, 0.0)
        low, high = float(finite.min()), float(finite.max())
        # NumPy refuses a range whose steps no float can tell apart.
        span = (low, high) if (high - low) / bins > np.spacing(max(abs(low), abs(high))) else None
        if span is None:
            counts = np.zeros(bins, np.intp)
            counts[0] = finite.size
            return Histogram(counts, low, high)
        flat, scale = finite.ravel(), bins / (high - low)
        counts = np.zeros(bins, np.intp)
        # As numpy.histogram counts, but in parts that stay in a core's cache: a sixth of the time.
        for start in range(0, len(flat), _BLOCK):
            places = (flat[start : start + _BLOCK].astype(np.float64) - low) * scale
            steps = np.minimum(places.astype(np.intp), bins - 1)
            counts += np.bincount(steps, minlength=bins)
        return Histogram(counts, low, high)

    def strongest(self, channel: int, count: int) -> list[Position]:
        """Where a channel's largest values are, the largest first; equals in reading order."""
        values = self.values[channel]
        comparable = np.where(np.isfinite(values), values, -np.inf).ravel()
        order = np.argsort(-comparable, kind="stable")[:count]
        columns = values.shape[1]
        return [
            Position(int(i) // columns, int(i) % columns, float(comparable[i]))
            for i in order
            if np.isfinite(comparable[i])
        ]

    def receptive_field(self, row: int, column: int) -> CropBox:
        """What a position sees of the network's input, in its pixels and not beyond its borders.

        The output at ``row``, ``column`` depends on nothing outside of it; see
        ``vgg.network.receptive_field_box`` for the formula.
        """
        width, height = self.input_size
        row, column = row * self.shrunk, column * self.shrunk
        left, top, right, bottom = receptive_field_box(self.layer, row, column)
        if self.shrunk > 1:
            # The last square may hang over the end of the map.
            last_row = min(row + self.shrunk, self.layer.rows.size) - 1
            last_column = min(column + self.shrunk, self.layer.columns.size) - 1
            _, _, right, bottom = receptive_field_box(self.layer, last_row, last_column)
        return CropBox(max(left, 0), max(top, 0), min(right, width), min(bottom, height))

    def on_picture(self, box: CropBox) -> CropBox:
        """A box in the network's pixels as one in the picture's, within the picture."""
        left, top, right, bottom = self._in_picture(box)
        width, height = self.picture_size
        return CropBox(
            min(max(left, 0.0), width),
            min(max(top, 0.0), height),
            min(max(right, 0.0), width),
            min(max(bottom, 0.0), height),
        )

    @property
    def extent(self) -> CropBox:
        """Where the maps lie on the picture, in its pixels; may reach beyond it.

        Every position fills the square around the centre of what it sees, as large as the step to
        the next one.
        """
        rows, columns = self.layer.rows, self.layer.columns
        _, height, width = self.values.shape
        left = columns.centre - columns.stride / 2
        top = rows.centre - rows.stride / 2
        across, down = columns.stride * self.shrunk * width, rows.stride * self.shrunk * height
        return self._in_picture(CropBox(left, top, left + across, top + down))

    def _in_picture(self, box: CropBox) -> CropBox:
        x_scale = (self.crop.right - self.crop.left) / self.input_size[0]
        y_scale = (self.crop.bottom - self.crop.top) / self.input_size[1]
        return CropBox(
            self.crop.left + box.left * x_scale,
            self.crop.top + box.top * y_scale,
            self.crop.left + box.right * x_scale,
            self.crop.top + box.bottom * y_scale,
        )


def as_maps(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a graph hands out, of the first picture: [C, H, W] of [1, C, H, W], else [N, 1, 1]."""
    first: NDArray[np.float32] = output[0]
    return first if output.ndim == 4 else first.reshape(-1, 1, 1)


def _statistics(values: NDArray[np.float32]) -> Statistics:
    """Figures of each channel of ``values`` [C, H, W]."""
    flat = values.reshape(len(values), -1)
    finite = np.isfinite(flat)
    if finite.all():
        # Sums of float32 in float64: a mean of 50,000 values keeps its digits.
        return Statistics(
            minimum=flat.min(axis=1).astype(np.float64),
            maximum=flat.max(axis=1).astype(np.float64),
            mean=flat.mean(axis=1, dtype=np.float64),
            std=flat.std(axis=1, dtype=np.float64),
            zeros=(flat == 0).mean(axis=1),
            missing=np.zeros(len(flat)),
        )
    rows = [row[is_finite] for row, is_finite in zip(flat, finite, strict=True)]
    minimum, maximum, mean, std, zeros = (
        np.array([figure(row) if row.size else np.nan for row in rows], np.float64)
        for figure in (np.min, np.max, _mean, _std, _zeros)
    )
    return Statistics(
        minimum=minimum,
        maximum=maximum,
        mean=mean,
        std=std,
        zeros=zeros,
        missing=(~finite).mean(axis=1),
    )


def _mean(values: NDArray[np.float32]) -> float:
    return float(values.mean(dtype=np.float64))


def _std(values: NDArray[np.float32]) -> float:
    return float(values.std(dtype=np.float64))


def _zeros(values: NDArray[np.float32]) -> float:
    return float((values == 0).mean())
