"""One side of the input, and what slides along it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

OddPixel: TypeAlias = Literal["upper", "lower"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window of a convolution or pooling, along one axis.

    Attributes:
        kernel: taps.
        stride: positions from one output to the next.
        dilation: positions from one tap to the next.
        begin: padding before position 0.
        end: padding after the last position.
        ceil: let a last window begin inside the map and hang over its end.
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    begin: int = 0
    end: int = 0
    ceil: bool = False

    def __post_init__(self) -> None:
        if min(self.kernel, self.stride, self.dilation) < 1:
            raise ValueError("kernel, stride and dilation must be at least 1")

    @property
    def extent(self) -> int:
        """Positions from the first to the last tap."""
        return (self.kernel - 1) * self.dilation + 1

    def outputs(self, size: int) -> int:
        """How many outputs it makes of ``size`` positions.

        Raises:
            ValueError: the window does not fit once.
        """
        room = size + self.begin + self.end - self.extent
        if room < 0:
            raise ValueError(f"a window of {self.extent} does not fit {size} positions")
        outputs = room // self.stride + 1
        hangs_over = self.ceil and room % self.stride > 0
        # ONNX drops a window that would begin in the padding behind the map.
        if hangs_over and outputs * self.stride < size + self.begin:
            outputs += 1
        return outputs

    def padded_to_same(self, size: int, *, odd_pixel: OddPixel) -> Window:
        """This window, padded so that ``size`` positions shrink by the stride alone."""
        outputs = -(-size // self.stride)
        total = max((outputs - 1) * self.stride + self.extent - size, 0)
        less, more = total // 2, total - total // 2
        begin, end = (less, more) if odd_pixel == "upper" else (more, less)
        return replace(self, begin=begin, end=end, ceil=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What the outputs of a layer see along one side of the input, rows or columns.

    Coordinates are edges: input pixel i covers [i, i + 1), and its centre is i + 0.5.

    Attributes:
        size: positions of the layer's map along this axis.
        receptive_field: input pixels that one position depends on, padding included.
        stride: input pixels between neighbouring positions; 0 where every position sees the same.
        start: where the receptive field of position 0 begins; negative inside the padding.
    """

    size: int
    receptive_field: int = 1
    stride: int = 1
    start: int = 0

    @property
    def centre(self) -> float:
        """Input coordinate of the centre of position 0."""
        return self.start + self.receptive_field / 2

    def span(self, index: int) -> tuple[int, int]:
        """First and last edge of what position ``index`` sees."""
        first = self.start + index * self.stride
        return first, first + self.receptive_field

    def through(self, window: Window) -> Axis:
        """What the outputs of ``window`` see, sliding over a map that sees this.

        With k the window's extent, s its stride, p its padding in front, and j, r, x the stride,
        receptive field and start of this axis: r' = r + (k - 1) j, x' = x - p j, j' = j s. See
        Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
        Distill 2019, doi:10.23915/distill.00021.
        """
        return Axis(
            size=window.outputs(self.size),
            receptive_field=self.receptive_field + (window.extent - 1) * self.stride,
            stride=self.stride * window.stride,
            start=self.start - window.begin * self.stride,
        )

    def seen_whole(self, *, size: int) -> Axis:
        """What ``size`` outputs see that may depend on any position of this axis."""
        return replace(self.through(Window(kernel=self.size)), size=size, stride=0)
