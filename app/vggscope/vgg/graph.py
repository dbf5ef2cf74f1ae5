"""Reads an ONNX image classifier whose layers follow one another, VGG and its like.

Only the structure is read, never the weights: they may lie in another file. What serves storage
or arithmetic alone (casts, quantisation, changes of layout) leaves no layer behind, so that a
network keeps its layers, names and counts in every precision.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from vggscope.errors import NotAChainError
from vggscope.vgg.naming import classic_names
from vggscope.vgg.network import Kind, MisfitError, Network, Operation, build_network
from vggscope.vgg.tensors import Tensors, integer, integers, label, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from onnx import ModelProto, NodeProto

    from vggscope.vgg.network import MapShape, Pair

_SEE_THROUGH: Final = frozenset({"Cast", "DequantizeLinear", "Dropout", "Identity"})
POINTWISE: Final = frozenset({"Add", "Div", "Mul", "Neg", "QLinearAdd", "Sqrt", "Sub"})
_ACTIVATIONS: Final = frozenset(
    {"Clip", "Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "PRelu", "Selu", "Sigmoid", "Tanh"}
)
_CARRIERS: Final = frozenset({Kind.CONVOLUTION, Kind.FULLY_CONNECTED, Kind.BATCH_NORMALIZATION})
TO_CHANNELS_FIRST: Final = (0, 3, 1, 2)
TO_CHANNELS_LAST: Final = (0, 2, 3, 1)
# Where the weights and the bias are among the inputs of the quantised operators.
_WEIGHTS: Final[Mapping[str, int]] = {"QGemm": 3, "QLinearConv": 3, "QLinearMatMul": 3}
_WEIGHED: Final = frozenset({"Conv", "Gemm", "MatMul", *_WEIGHTS})
# Where the scale of the output is among their inputs; its zero point follows.
_SCALES: Final[Mapping[str, int]] = {
    "QGemm": 7,
    "QLinearAdd": 6,
    "QLinearAveragePool": 3,
    "QLinearConcat": 0,
    "QLinearConv": 6,
    "QLinearGlobalAveragePool": 3,
    "QLinearMatMul": 6,
    "QLinearSoftmax": 3,
    "QuantizeLinear": 1,
}
# What hands on the codes that it gets.
_OF_CODES: Final = frozenset(
    {"Dropout", "Flatten", "Identity", "MaxPool", "Relu", "Reshape", "Squeeze", "Transpose"}
)
_BIAS: Final[Mapping[str, int]] = {"QGemm": 6, "QLinearConv": 8}


class _UnreadableError(Exception):
    """What is wrong, at a node; becomes a ``NotAChainError`` where the model's name is known."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(node, reason)
        self.node = node
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an operation lies in its graph.

    Attributes:
        tensor: its output as the next one gets it: after its ReLU, and rounded where the network
            is quantised.
        before: the same before its ReLU; None without one, or where the graph has no such tensor.
        dequantize: the (scale, zero point) tensors that make numbers of the codes in ``tensor``;
            None where it holds numbers.
        channels_last: whether ``tensor`` is [N, H, W, C]; [N, C, H, W] otherwise, if it is a map.
        weights: the tensor that it multiplies by; it may be computed from others.
        weights_dequantize: the (scale, zero point) tensors of ``weights``, each a scalar or one
            element for each unit; None where those are numbers.
        units_first: whether the first axis of ``weights`` counts output units; the last otherwise.
        nodes: names of its nodes and of the tensors that they write.
    """

    tensor: str
    before: str | None = None
    dequantize: tuple[str, str] | None = None
    channels_last: bool = False
    weights: str | None = None
    weights_dequantize: tuple[str, str] | None = None
    units_first: bool = True
    nodes: frozenset[str] = frozenset()


def network_of(model: ModelProto, *, name: str, title: str, size: int = 224) -> Network:
    """The layers of an ONNX classifier.

    Args:
        model: loaded with or without its external data.
        name: what the command line calls it.
        title: what to call it in front of a user.
        size: side of the input where the graph leaves it open.

    Raises:
        NotAChainError: the graph branches, or a part of it makes no sense as a layer.
    """
    return read_chain(model, name=name, title=title, size=size)[0]


def read_chain(
    model: ModelProto, *, name: str, title: str, size: int
) -> tuple[Network, list[Place]]:
    """``network_of``, and the places of its layers: those of the input and of all others."""
    reader = _Reader(Tensors(model))
    try:
        input_shape = reader.read(size)
        network = build_network(
            name=name, title=title, input_shape=input_shape, operations=reader.operations
        )
    except _UnreadableError as error:
        raise NotAChainError(model=name, node=error.node, reason=error.reason) from error
    except MisfitError as error:
        raise NotAChainError(model=name, node=error.operation, reason=error.reason) from error
    data, *layers = network.layers
    named = (
        replace(layer, name=classic)
        for layer, classic in zip(layers, classic_names(layers, reader.hints), strict=True)
    )
    return replace(network, layers=(data, *named)), reader.places


def codes_of(node: NodeProto, codes: Mapping[str, tuple[str, str]]) -> tuple[str, str] | None:
    """The (scale, zero point) tensors of what a node puts out; None if that is no codes.

    Args:
        node: any.
        codes: the same of the tensors that it may read, where they hold codes.
    """
    scale = _SCALES.get(node.op_type)
    if scale is not None and _has_input(node, scale) and _has_input(node, scale + 1):
        return node.input[scale], node.input[scale + 1]
    return codes.get(node.input[0]) if node.op_type in _OF_CODES else None


def place_of(
    node: NodeProto,
    tensors: Tensors,
    codes: Mapping[str, tuple[str, str]],
    *,
    channels_last: bool,
) -> Place:
    """The place of the operation that a node is, as far as this node tells it.

    Args:
        node: of the graph.
        tensors: the index of the graph.
        codes: see ``codes_of``.
        channels_last: whether the node puts out [N, H, W, C].
    """
    place = Place(
        tensor=node.output[0],
        dequantize=codes_of(node, codes),
        channels_last=channels_last,
        nodes=_names(node),
    )
    position = _WEIGHTS.get(node.op_type, 1)
    is_weighed = node.op_type in _WEIGHED and _has_input(node, position)
    if not is_weighed or not tensors.is_static(node.input[position]):
        return place
    is_convolution = node.op_type in {"Conv", "QLinearConv"}
    is_coded = node.op_type in _WEIGHTS
    return replace(
        place,
        weights=node.input[position],
        weights_dequantize=(node.input[position + 1], node.input[position + 2])
        if is_coded
        else None,
        units_first=is_convolution or bool(integer(node, "transB", 0)),
    )


def bias_of(node: NodeProto) -> str | None:
    """The tensor that a convolution or fully connected layer adds, if it has one."""
    position = _BIAS.get(node.op_type, 2)
    has_bias = not node.op_type.endswith("MatMul") and _has_input(node, position)
    return node.input[position] if has_bias else None


def input_shape_of(tensors: Tensors, size: int) -> tuple[MapShape, bool] | None:
    """(H, W, C) of the input, and whether it is stored in that order; None if it is no picture."""
    if len(tensors.pictures) != 1:
        return None
    dims = [
        dim.dim_value if dim.HasField("dim_value") else None
        for dim in tensors.pictures[0].type.tensor_type.shape.dim
    ]
    if len(dims) != 4:
        return None
    channel_counts = {1, 3, 4}
    channels_last = dims[3] in channel_counts and dims[1] not in channel_counts
    order = (3, 1, 2) if channels_last else (1, 2, 3)
    channels, height, width = (dims[axis] for axis in order)
    return (height or size, width or size, channels or 3), channels_last


@dataclass(slots=True)
class _Reader:
    """Walks from the picture to the last layer.

    Attributes:
        tensors: the index of the graph.
        operations: what was met so far, under the names of the nodes.
        hints: for each operation, names in the graph that may be classic.
        places: of the input and of each operation.
        codes: see ``codes_of``; of the tensors met so far that hold codes.
        channels_last: whether maps are N, H, W, C at this point of the graph.
        flat: whether vectors arrive at this point.
    """

    tensors: Tensors
    operations: list[Operation] = field(default_factory=list)
    hints: list[tuple[str, ...]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    channels_last: bool = False
    flat: bool = False

    def read(self, size: int) -> MapShape:
        """Fill ``operations`` and ``hints``; return (H, W, C) of the input."""
        input_shape = self._input_shape(size)
        picture = self.tensors.pictures[0].name
        self.places.append(Place(tensor=picture, channels_last=self.channels_last))
        for node in self._chain():
            last = self.operations[-1] if self.operations else None
            operation = self._operation(node)
            if codes := codes_of(node, self.codes):
                self.codes[node.output[0]] = codes
            if operation is not None:
                self.operations.append(operation)
                weights = filter(self.tensors.is_static, node.input)
                self.hints.append((node.name, *node.output, *weights))
                self.places.append(
                    place_of(node, self.tensors, self.codes, channels_last=self.channels_last)
                )
            elif self.operations:
                has_folded = self.operations[-1] is not last
                self._extend_place(node, activation=has_folded)
        return input_shape

    def _extend_place(self, node: NodeProto, *, activation: bool) -> None:
        """A node that belongs to the layer before it: an activation if it changed that layer."""
        place = replace(self.places[-1], nodes=self.places[-1].nodes | _names(node))
        self.places[-1] = place
        codes = self.codes.get(node.output[0])
        changes = (
            node.op_type == "DequantizeLinear"
            or (node.op_type == "QuantizeLinear" and codes is not None)
            or (node.op_type in {"Add", "Relu"} and activation)
        )
        if not changes:
            return
        # Both tensors of a layer are of one layout.
        before = place.before if place.channels_last == self.channels_last else None
        cuts = activation and node.op_type in {"QuantizeLinear", "Relu"}
        if cuts and before is None and node.input[0] not in self.codes:
            before = node.input[0]
        # What the next layer gets: with its bias, rectified, rounded to codes.
        self.places[-1] = replace(
            place,
            tensor=node.output[0],
            before=before,
            dequantize=codes,
            channels_last=self.channels_last,
        )

    def _input_shape(self, size: int) -> MapShape:
        pictures = self.tensors.pictures
        if len(pictures) != 1:
            names = ", ".join(value.name for value in pictures) or "graph"
            raise _UnreadableError(names, f"the graph has {len(pictures)} inputs, not one")
        found = input_shape_of(self.tensors, size)
        if found is None:
            raise _UnreadableError(pictures[0].name, "the input is no batch of pictures")
        shape, self.channels_last = found
        return shape

    def _chain(self) -> Iterator[NodeProto]:
        tensor = self.tensors.pictures[0].name
        passed = set()
        while readers := self._readers(tensor):
            node = readers[0]
            if len(readers) > 1:
                reason = f"“{tensor}” goes to {len(readers)} nodes at once"
                raise _UnreadableError(label(readers[1]), reason)
            if tensor in passed or any(self.tensors.readers(more) for more in node.output[1:]):
                raise _UnreadableError(label(node), "the graph goes more than one way")
            passed.add(tensor)
            yield node
            tensor = node.output[0] if node.output else ""

    def _readers(self, tensor: str) -> Sequence[NodeProto]:
        """Who reads a tensor, but for nodes that only convert it into an output of the graph."""
        readers = self.tensors.readers(tensor)
        if len(readers) < 2:
            return readers
        ends = [
            node
            for node in readers
            if node.op_type in _SEE_THROUGH and not any(map(self.tensors.readers, node.output))
        ]
        if ends:
            names = frozenset[str]().union(*map(_names, ends))
            self.places[-1] = replace(self.places[-1], nodes=self.places[-1].nodes | names)
        return [node for node in readers if node not in ends]

    def _operation(self, node: NodeProto) -> Operation | None:
        """The operation of a node; None where it adds nothing, or belongs to the one before."""
        if node.op_type in _SEE_THROUGH:
            return None
        if node.op_type in _ACTIVATIONS:
            return Operation(name=label(node), kind=Kind.ACTIVATION, type=node.op_type)
        reader = _READERS.get(node.op_type)
        return reader(self, node) if reader else self._other(node)

    def _convolution(self, node: NodeProto) -> Operation:
        dims = self._weights(node, rank=4)
        return replace(
            _windowed(node, Kind.CONVOLUTION, (dims[2], dims[3])),
            units=dims[0],
            groups=integer(node, "group", 1),
            bias=bias_of(node) is not None,
            fan_in=dims[1] * integer(node, "group", 1),
        )

    def _fully_connected(self, node: NodeProto) -> Operation:
        inputs, units = self._weights(node, rank=2)
        if integer(node, "transB", 0):
            inputs, units = units, inputs
        self.flat = True
        return Operation(
            name=label(node),
            kind=Kind.FULLY_CONNECTED,
            units=units,
            fan_in=inputs,
            bias=bias_of(node) is not None,
        )

    def _pooling(self, node: NodeProto) -> Operation:
        kind = Kind.AVERAGE_POOLING if "Average" in node.op_type else Kind.MAX_POOLING
        if "Global" in node.op_type:
            return Operation(name=label(node), kind=kind)
        kernel = integers(node, "kernel_shape", ())
        if len(kernel) != 2:
            raise _UnreadableError(label(node), "the pooling is not over rows and columns")
        return _windowed(node, kind, (kernel[0], kernel[1]))

    def _relu(self, node: NodeProto) -> Operation | None:
        if self._fold_relu():
            return None
        return Operation(name=label(node), kind=Kind.ACTIVATION, type="ReLU", activation="relu")

    def _quantize(self, node: NodeProto) -> None:
        # Quantisers drop a ReLU where the lowest code already stands for 0.
        if self.tensors.is_lowest_code(node) or re.match(r"relu", node.input[0], re.IGNORECASE):
            last = self.operations[-1] if self.operations else None
            if last and last.kind in _CARRIERS:
                self._fold_relu()

    def _fold_relu(self) -> bool:
        last = self.operations[-1] if self.operations else None
        if last is None or last.kind not in _CARRIERS or last.activation not in {None, "relu"}:
            return False
        self.operations[-1] = replace(last, activation="relu")
        return True

    def _add(self, node: NodeProto) -> Operation | None:
        last = self.operations[-1] if self.operations else None
        if last and last.units and not last.bias and not last.activation:
            for name in node.input:
                dims = self.tensors.dims(name) if self.tensors.is_static(name) else None
                if dims is not None and math.prod(dim or 0 for dim in dims) == last.units:
                    self.operations[-1] = replace(last, bias=True)
                    return None
        return self._other(node)

    def _flatten(self, node: NodeProto) -> Operation | None:
        if node.op_type != "Flatten":
            dims = self.tensors.dims(node.output[0])
            # A Reshape whose target is not known in advance flattens: classifiers have no other.
            if node.op_type == "Unsqueeze" if dims is None else len(dims) != 2:
                return self._other(node)
        elif integer(node, "axis", 1) not in {1, -1 if self.flat else -3}:
            raise _UnreadableError(label(node), "the batch is flattened together with the pictures")
        if self.flat:
            return None
        self.flat = True
        return Operation(name=label(node), kind=Kind.FLATTEN)

    def _transpose(self, node: NodeProto) -> Operation | None:
        order = tuple(integers(node, "perm", ()))
        if order not in {TO_CHANNELS_FIRST, TO_CHANNELS_LAST}:
            return self._other(node)
        self.channels_last = order == TO_CHANNELS_LAST
        return None

    def _same_shape(self, node: NodeProto) -> Operation:
        return Operation(name=label(node), kind=_KINDS[node.op_type])

    def _other(self, node: NodeProto) -> Operation:
        other = Operation(name=label(node), kind=Kind.OTHER, type=node.op_type)
        if node.op_type in POINTWISE:
            return other
        match self.tensors.dims(node.output[0]):
            case [_, int() as units]:
                shape: tuple[int, ...] = (units,)
            case [_, int() as first, int() as second, int() as third]:
                shape = (first, second, third)
                if not self.channels_last:
                    shape = (second, third, first)
            case _:
                raise _UnreadableError(
                    label(node), f"the shape that {node.op_type} gives is not known"
                )
        self.flat = len(shape) == 1
        return replace(other, output_shape=shape, pointwise=False)

    def _weights(self, node: NodeProto, *, rank: int) -> tuple[int, ...]:
        position = _WEIGHTS.get(node.op_type, 1)
        name = node.input[position] if _has_input(node, position) else ""
        dims = self.tensors.dims(name) if self.tensors.is_static(name) else None
        if dims is None or len(dims) != rank:
            raise _UnreadableError(label(node), f"the weights are no constant of rank {rank}")
        known = tuple(dim for dim in dims if dim is not None)
        if len(known) != rank:
            raise _UnreadableError(label(node), "the size of the weights is not known")
        return known


_KINDS: Final[Mapping[str, Kind]] = {
    "BatchNormalization": Kind.BATCH_NORMALIZATION,
    "LRN": Kind.LOCAL_RESPONSE_NORMALIZATION,
    "LogSoftmax": Kind.SOFTMAX,
    "QLinearSoftmax": Kind.SOFTMAX,
    "Softmax": Kind.SOFTMAX,
}
_READERS: Final[Mapping[str, Callable[[_Reader, NodeProto], Operation | None]]] = {
    "Add": _Reader._add,
    "AveragePool": _Reader._pooling,
    "Conv": _Reader._convolution,
    "Flatten": _Reader._flatten,
    "Gemm": _Reader._fully_connected,
    "GlobalAveragePool": _Reader._pooling,
    "GlobalMaxPool": _Reader._pooling,
    "MatMul": _Reader._fully_connected,
    "MaxPool": _Reader._pooling,
    "QGemm": _Reader._fully_connected,
    "QLinearAdd": _Reader._add,
    "QLinearAveragePool": _Reader._pooling,
    "QLinearConv": _Reader._convolution,
    "QLinearGlobalAveragePool": _Reader._pooling,
    "QLinearMatMul": _Reader._fully_connected,
    "QuantizeLinear": _Reader._quantize,
    "Relu": _Reader._relu,
    "Reshape": _Reader._flatten,
    "Squeeze": _Reader._flatten,
    "Transpose": _Reader._transpose,
    "Unsqueeze": _Reader._flatten,
    **dict.fromkeys(_KINDS, _Reader._same_shape),
}


def _windowed(node: NodeProto, kind: Kind, kernel: Pair) -> Operation:
    strides = integers(node, "strides", (1, 1))
    dilations = integers(node, "dilations", (1, 1))
    pads = integers(node, "pads", (0, 0, 0, 0))
    if (len(strides), len(dilations), len(pads)) != (2, 2, 4):
        raise _UnreadableError(label(node), "the window is not over rows and columns")
    operation = Operation(
        name=label(node),
        kind=kind,
        kernel=kernel,
        stride=(strides[0], strides[1]),
        dilation=(dilations[0], dilations[1]),
        ceil=bool(integer(node, "ceil_mode", 0)),
    )
    match text(node, "auto_pad", "NOTSET"):
        case "SAME_UPPER" | "SAME_LOWER" as way:
            return replace(operation, same="upper" if way == "SAME_UPPER" else "lower")
        case "VALID":
            return operation
    return replace(operation, padding=(pads[0], pads[1], pads[2], pads[3]))


def _names(node: NodeProto) -> frozenset[str]:
    """What a profiler may call a node by: its name, and the tensors that it writes."""
    return frozenset({label(node), *node.output})


def _has_input(node: NodeProto, position: int) -> bool:
    return len(node.input) > position and bool(node.input[position])
