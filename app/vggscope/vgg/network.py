"""A network as a chain of layers: shapes, parameters, arithmetic and receptive fields.

Two readers describe a network as a list of operations, ``configs`` from table 1 of the paper
(Simonyan and Zisserman, arXiv:1409.1556) and ``graph`` from an ONNX graph. ``build_network``
works out everything else, so both are counted by the same rules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from vggscope.vgg.axis import Axis, OddPixel, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MapShape: TypeAlias = tuple[int, int, int]
Pair: TypeAlias = tuple[int, int]
Margins: TypeAlias = tuple[int, int, int, int]


class Kind(StrEnum):
    """What a layer does."""

    INPUT = "input"
    CONVOLUTION = "convolution"
    MAX_POOLING = "max-pooling"
    AVERAGE_POOLING = "average-pooling"
    LOCAL_RESPONSE_NORMALIZATION = "local-response-normalization"
    BATCH_NORMALIZATION = "batch-normalization"
    FLATTEN = "flatten"
    FULLY_CONNECTED = "fully-connected"
    SOFTMAX = "softmax"
    ACTIVATION = "activation"
    OTHER = "other"


TYPES: Final[Mapping[Kind, str]] = {
    Kind.INPUT: "InputLayer",
    Kind.CONVOLUTION: "Conv2D",
    Kind.MAX_POOLING: "MaxPooling2D",
    Kind.AVERAGE_POOLING: "AveragePooling2D",
    Kind.LOCAL_RESPONSE_NORMALIZATION: "LRN",
    Kind.BATCH_NORMALIZATION: "BatchNormalization",
    Kind.FLATTEN: "Flatten",
    Kind.FULLY_CONNECTED: "Dense",
    Kind.SOFTMAX: "Softmax",
    Kind.ACTIVATION: "Activation",
    Kind.OTHER: "Other",
}
"""Keras' class names."""


class MisfitError(ValueError):
    """An operation does not fit what comes before it.

    Attributes:
        operation: its name.
        reason: why.
    """

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"{operation}: {reason}")
        self.operation = operation
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One step of a network as its author writes it down, before any shape is known.

    Attributes:
        name: what to call the layer.
        kind: what it does.
        type: Keras-style class name; empty for the usual one of the kind.
        kernel: (height, width) of the window; None stands for the whole map (global pooling).
        stride: (down, across) steps of the window.
        dilation: (down, across) distance between the window's taps.
        padding: (top, left, bottom, right) margins.
        same: pad so that the map shrinks by the stride alone, the odd pixel at the end ("upper")
            or at the beginning ("lower"); overrides ``padding``.
        ceil: let a last window begin inside the map and hang over its end.
        units: output channels of a convolution, units of a fully connected layer.
        groups: groups of a convolution.
        bias: whether each unit adds a bias.
        fan_in: input channels (or units) that the weights were made for, where that is known.
        activation: folded into this layer.
        output_shape: of ``Kind.OTHER``; None leaves the shape as it is.
        pointwise: whether each output of ``Kind.OTHER`` sees its own position only.
    """

    name: str
    kind: Kind
    type: str = ""
    kernel: Pair | None = None
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Margins = (0, 0, 0, 0)
    same: OddPixel | None = None
    ceil: bool = False
    units: int = 0
    groups: int = 1
    bias: bool = True
    fan_in: int | None = None
    activation: str | None = None
    output_shape: tuple[int, ...] | None = None
    pointwise: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer with all that follows from its place in the network.

    ReLU is folded into the layer that carries it, as with Keras' ``activation=``; dropout does
    nothing outside training and leaves no trace.

    Attributes:
        name: classic name, such as conv1_1, pool1, fc6, prob.
        kind: what the layer does.
        type: Keras-style class name, such as Conv2D.
        output_shape: (H, W, C) of a map, (N,) of a vector; without the batch.
        rows: what outputs see from top to bottom. Of a vector: the map that it was made from.
        columns: the same from left to right.
        parameters: weights, biases and running statistics.
        trainable: those of ``parameters`` that gradients change.
        macs: multiply-accumulates for one picture. By the convention of the literature one
            multiplication with its addition counts once (papers often call that one "FLOP";
            where the two count separately, double it), and only convolutions and fully connected
            layers count: biases, activations, pooling and normalisation do not.
        kernel: (height, width) of the window, None for layers without one.
        padding: (top, left, bottom, right) margins of that window.
        activation: "relu" or None.
        exact: whether ``rows`` and ``columns`` are what outputs really see; otherwise they are an
            upper bound.
    """

    name: str
    kind: Kind
    type: str
    output_shape: tuple[int, ...]
    rows: Axis
    columns: Axis
    parameters: int = 0
    trainable: int = 0
    macs: int = 0
    kernel: Pair | None = None
    padding: Margins | None = None
    activation: str | None = None
    exact: bool = True

    @property
    def receptive_field(self) -> int:
        """Side of the theoretical receptive field in input pixels, the longer one of two."""
        return max(self.rows.receptive_field, self.columns.receptive_field)

    @property
    def stride(self) -> int:
        """Input pixels between neighbouring outputs, also called jump; the longer one of two."""
        return max(self.rows.stride, self.columns.stride)

    @property
    def offset(self) -> tuple[float, float]:
        """(y, x) in the input of the centre of output (0, 0); see ``Axis`` for coordinates."""
        return self.rows.centre, self.columns.centre


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A chain of layers, the input first.

    Attributes:
        name: what the command line calls it.
        title: what to call it in front of a user.
        input_shape: (H, W, C).
        layers: the first one is the input.
    """

    name: str
    title: str
    input_shape: MapShape
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable(self) -> int:
        """Parameters that gradients change."""
        return sum(layer.trainable for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one picture; see ``Layer`` for what counts."""
        return sum(layer.macs for layer in self.layers)

    def find(self, name: str) -> Layer | None:
        """The layer called ``name``."""
        return next((layer for layer in self.layers if layer.name == name), None)


def receptive_field_box(layer: Layer, row: int, column: int) -> tuple[int, int, int, int]:
    """Input pixels on which the output at ``row``, ``column`` depends.

    By the recursion r' = r + (k - 1) j, j' = j s from window to window, starting one padding
    before the picture; ``Axis.through`` has it in full, with its source.

    A fully connected layer counts as a convolution whose kernel is the whole map.

    Args:
        layer: any layer of a network.
        row: of its map; of a flattened layer, row of the map that it was made from.
        column: likewise.

    Returns:
        (left, top, right, bottom), right and bottom exclusive; not clipped to the picture.
    """
    left, right = layer.columns.span(column)
    top, bottom = layer.rows.span(row)
    return left, top, right, bottom


def build_network(
    *, name: str, title: str, input_shape: MapShape, operations: Iterable[Operation]
) -> Network:
    """Work out the layers that ``operations`` make of a picture of ``input_shape`` (H, W, C).

    Raises:
        MisfitError: an operation does not fit what comes before it.
    """
    height, width, _ = input_shape
    layers = [
        Layer(
            name="data",
            kind=Kind.INPUT,
            type=TYPES[Kind.INPUT],
            output_shape=input_shape,
            rows=Axis(size=height),
            columns=Axis(size=width),
        )
    ]
    for operation in operations:
        before = layers[-1]
        try:
            layer = _STEPS[operation.kind](before, operation)
        except ValueError as error:
            raise MisfitError(operation.name, str(error)) from error
        # Whatever comes after a bound is one.
        layers.append(replace(layer, exact=layer.exact and before.exact))
    return Network(name=name, title=title, input_shape=input_shape, layers=tuple(layers))


# --- one function for each kind of operation --------------------------------------------------


def _convolution(before: Layer, operation: Operation) -> Layer:
    kernel, units = operation.kernel, operation.units
    channels = _map_channels(before)
    if kernel is None or operation.groups < 1 or channels % operation.groups:
        raise ValueError(f"no convolution of {channels} channels in {operation.groups} groups")
    _check_fan_in(operation, channels)
    rows, columns, padding = _slide(before, operation, kernel)
    weights = kernel[0] * kernel[1] * (channels // operation.groups) * units
    parameters = weights + units * operation.bias
    return Layer(
        name=operation.name,
        kind=operation.kind,
        type=operation.type or TYPES[operation.kind],
        output_shape=(rows.size, columns.size, units),
        rows=rows,
        columns=columns,
        parameters=parameters,
        trainable=parameters,
        macs=rows.size * columns.size * weights,
        kernel=kernel,
        padding=padding,
        activation=operation.activation,
    )


def _pooling(before: Layer, operation: Operation) -> Layer:
    channels = _map_channels(before)
    kernel = operation.kernel or (before.rows.size, before.columns.size)
    rows, columns, padding = _slide(before, operation, kernel)
    prefix = "" if operation.kernel else "Global"
    return Layer(
        name=operation.name,
        kind=operation.kind,
        type=operation.type or prefix + TYPES[operation.kind],
        output_shape=(rows.size, columns.size, channels),
        rows=rows,
        columns=columns,
        kernel=kernel,
        padding=padding,
        activation=operation.activation,
    )


def _fully_connected(before: Layer, operation: Operation) -> Layer:
    inputs = math.prod(before.output_shape)
    _check_fan_in(operation, inputs)
    weights = inputs * operation.units
    parameters = weights + operation.units * operation.bias
    return Layer(
        name=operation.name,
        kind=operation.kind,
        type=operation.type or TYPES[operation.kind],
        output_shape=(operation.units,),
        rows=before.rows.through(Window(kernel=before.rows.size)),
        columns=before.columns.through(Window(kernel=before.columns.size)),
        parameters=parameters,
        trainable=parameters,
        macs=weights,
        activation=operation.activation,
    )


def _in_place(before: Layer, operation: Operation) -> Layer:
    shape = before.output_shape
    parameters = trainable = 0
    if operation.kind is Kind.FLATTEN:
        shape = (math.prod(shape),)
    elif operation.kind is Kind.BATCH_NORMALIZATION:
        # Scale and shift are learned; the running mean and variance are only recorded.
        parameters, trainable = 4 * shape[-1], 2 * shape[-1]
    return Layer(
        name=operation.name,
        kind=operation.kind,
        type=operation.type or TYPES[operation.kind],
        output_shape=shape,
        rows=before.rows,
        columns=before.columns,
        parameters=parameters,
        trainable=trainable,
        activation=operation.activation,
    )


def _other(before: Layer, operation: Operation) -> Layer:
    shape = operation.output_shape or before.output_shape
    rows, columns = before.rows, before.columns
    height, width = shape[:2] if len(shape) == 3 else (1, 1)
    exact = operation.output_shape in {None, before.output_shape} and operation.pointwise
    if not exact:
        # How far it reaches is unknown: the whole map is the bound that always holds.
        rows, columns = rows.seen_whole(size=height), columns.seen_whole(size=width)
    return Layer(
        name=operation.name,
        kind=operation.kind,
        type=operation.type or TYPES[operation.kind],
        output_shape=shape,
        rows=rows,
        columns=columns,
        activation=operation.activation,
        exact=exact,
    )


_STEPS: Final[Mapping[Kind, Callable[[Layer, Operation], Layer]]] = {
    Kind.CONVOLUTION: _convolution,
    Kind.MAX_POOLING: _pooling,
    Kind.AVERAGE_POOLING: _pooling,
    Kind.LOCAL_RESPONSE_NORMALIZATION: _in_place,
    Kind.BATCH_NORMALIZATION: _in_place,
    Kind.FLATTEN: _in_place,
    Kind.FULLY_CONNECTED: _fully_connected,
    Kind.SOFTMAX: _in_place,
    Kind.ACTIVATION: _in_place,
    Kind.OTHER: _other,
}


# --- help for them ----------------------------------------------------------------------------


def _slide(before: Layer, operation: Operation, kernel: Pair) -> tuple[Axis, Axis, Margins]:
    windows = []
    for side, axis in enumerate((before.rows, before.columns)):
        window = Window(
            kernel=kernel[side],
            stride=operation.stride[side],
            dilation=operation.dilation[side],
            begin=operation.padding[side],
            end=operation.padding[side + 2],
            ceil=operation.ceil,
        )
        if operation.same:
            window = window.padded_to_same(axis.size, odd_pixel=operation.same)
        windows.append(window)
    down, across = windows
    margins = (down.begin, across.begin, down.end, across.end)
    return before.rows.through(down), before.columns.through(across), margins


def _map_channels(before: Layer) -> int:
    if len(before.output_shape) != 3:
        raise ValueError(f"needs a map (H, W, C), got {before.output_shape} from {before.name}")
    return before.output_shape[-1]


def _check_fan_in(operation: Operation, inputs: int) -> None:
    if operation.fan_in is not None and operation.fan_in != inputs:
        raise ValueError(f"weights for {operation.fan_in} inputs, but {inputs} arrive")
