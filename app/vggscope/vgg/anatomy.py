"""A network and where its layers lie in its graph: what is needed to look into them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from vggscope.errors import NotAChainError
from vggscope.vgg.graph import (
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    Place,
    bias_of,
    codes_of,
    input_shape_of,
    place_of,
    read_chain,
)
from vggscope.vgg.naming import distinct
from vggscope.vgg.network import TYPES, Kind, Layer, Network, build_network
from vggscope.vgg.tensors import Tensors, integers, label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import ModelProto, NodeProto

    from vggscope.vgg.tensors import Dims


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Place):
    """Where a layer lies in its graph; ``tensor`` is [N, units] if the layer is no map.

    Attributes:
        layer: which one.
    """

    layer: Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """A network, layer by layer, in its graph.

    Attributes:
        network: its layers, in the order of computation.
        sites: one for each layer, the input first.
        reason: why the layers are no chain; "" if they are.
    """

    network: Network
    sites: tuple[Site, ...]
    reason: str = ""

    @property
    def is_chain(self) -> bool:
        """Whether every layer reads the one before it, and nothing else."""
        return not self.reason

    def find(self, name: str) -> Site | None:
        """The site of the layer called ``name``."""
        return next((site for site in self.sites if site.layer.name == name), None)


def anatomy_of(model: ModelProto, *, name: str, title: str, size: int = 224) -> Anatomy:
    """The layers of an ONNX classifier, and where they are.

    A graph that branches is listed node by node: shapes are those that ONNX infers, and of
    receptive fields only the bound is known that always holds, the whole picture.

    Args:
        model: loaded with or without its external data.
        name: what the command line calls it.
        title: what to call it in front of a user.
        size: side of the input where the graph leaves it open.

    Raises:
        NotAChainError: not even a list can be made: there is not one picture that goes in.
    """
    try:
        network, places = read_chain(model, name=name, title=title, size=size)
    except NotAChainError as error:
        outline = _outline(model, name=name, title=title, size=size, reason=_sentence(error))
        if outline is None:
            raise
        return outline
    sites = tuple(map(_site, network.layers, places))
    return Anatomy(network=network, sites=sites)


def _site(layer: Layer, place: Place) -> Site:
    return Site(layer=layer, **{each.name: getattr(place, each.name) for each in fields(place)})


# --- graphs that branch -----------------------------------------------------------------------

_KINDS: Final[Mapping[str, Kind]] = {
    "AveragePool": Kind.AVERAGE_POOLING,
    "BatchNormalization": Kind.BATCH_NORMALIZATION,
    "Conv": Kind.CONVOLUTION,
    "Flatten": Kind.FLATTEN,
    "Gemm": Kind.FULLY_CONNECTED,
    "GlobalAveragePool": Kind.AVERAGE_POOLING,
    "GlobalMaxPool": Kind.MAX_POOLING,
    "LRN": Kind.LOCAL_RESPONSE_NORMALIZATION,
    "MatMul": Kind.FULLY_CONNECTED,
    "MaxPool": Kind.MAX_POOLING,
    "QGemm": Kind.FULLY_CONNECTED,
    "QLinearAveragePool": Kind.AVERAGE_POOLING,
    "QLinearConv": Kind.CONVOLUTION,
    "QLinearGlobalAveragePool": Kind.AVERAGE_POOLING,
    "QLinearMatMul": Kind.FULLY_CONNECTED,
    "QLinearSoftmax": Kind.SOFTMAX,
    "Relu": Kind.ACTIVATION,
    "Softmax": Kind.SOFTMAX,
}
_UNSEEN: Final = frozenset(
    {"Cast", "Constant", "DequantizeLinear", "Dropout", "Identity", "QuantizeLinear"}
)


def _sentence(error: NotAChainError) -> str:
    reason = str(error.details.get("reason", ""))
    return f"{error.details.get('node', '')}: {reason}"


def _outline(model: ModelProto, *, name: str, title: str, size: int, reason: str) -> Anatomy | None:
    """The nodes that compute something of the picture, in their order; None if that fails."""
    tensors = Tensors(model)
    found = input_shape_of(tensors, size)
    if found is None:
        return None
    shape, channels_last = found
    data = build_network(name=name, title=title, input_shape=shape, operations=()).layers[0]
    picture = tensors.pictures[0].name
    places = [Place(tensor=picture, channels_last=channels_last)]
    layers = [data]
    # Of every tensor that depends on the picture: whether it is [N, H, W, C].
    layouts = {picture: channels_last}
    codes: dict[str, tuple[str, str]] = {}
    unknown: list[str] = []
    for node in model.graph.node:
        read = [layouts[tensor] for tensor in node.input if tensor in layouts]
        if not read or all(tensors.is_static(output) for output in node.output):
            continue
        layout = _layout_behind(node, channels_last=read[0])
        layouts.update(dict.fromkeys(node.output, layout))
        if found_codes := codes_of(node, codes):
            codes[node.output[0]] = found_codes
        if node.op_type in _UNSEEN:
            continue
        output = _shape_of(tensors.dims(node.output[0]), channels_last=layout)
        if output is None:
            unknown.append(label(node))
            continue
        place = place_of(node, tensors, codes, channels_last=layout)
        places.append(place)
        layers.append(_counted(_listed(node, output, data), node, place, tensors))
    if len(layers) == 1:
        return None
    names = distinct(layer.name for layer in layers)
    named = [replace(layer, name=each) for layer, each in zip(layers, names, strict=True)]
    network = Network(name=name, title=title, input_shape=shape, layers=tuple(named))
    if unknown:
        reason += f"; the shapes of {len(unknown)} nodes are not known ({', '.join(unknown[:3])}"
        reason += ", …)" if len(unknown) > 3 else ")"
    return Anatomy(network=network, sites=tuple(map(_site, named, places)), reason=reason)


def _layout_behind(node: NodeProto, *, channels_last: bool) -> bool:
    """Whether a node puts out [N, H, W, C], given whether it gets that."""
    order = tuple(integers(node, "perm", ())) if node.op_type == "Transpose" else ()
    if order in {TO_CHANNELS_FIRST, TO_CHANNELS_LAST}:
        return order == TO_CHANNELS_LAST
    return channels_last


def _listed(node: NodeProto, output: tuple[int, ...], data: Layer) -> Layer:
    kind = _KINDS.get(node.op_type, Kind.OTHER)
    height, width = output[:2] if len(output) == 3 else (1, 1)
    if kind is Kind.OTHER:
        type_ = node.op_type
    elif kind is Kind.ACTIVATION:
        type_ = "ReLU"
    else:
        type_ = "Global" * ("Global" in node.op_type) + TYPES[kind]
    return Layer(
        name=label(node),
        kind=kind,
        type=type_,
        output_shape=output,
        rows=data.rows.seen_whole(size=height),
        columns=data.columns.seen_whole(size=width),
        exact=False,
    )


def _counted(layer: Layer, node: NodeProto, place: Place, tensors: Tensors) -> Layer:
    """``layer`` with its parameters and arithmetic, as far as they are known."""
    if layer.kind is Kind.BATCH_NORMALIZATION:
        # Scale, shift, and the running mean and variance, which no gradient changes.
        parameters = sum(_elements(tensors, tensor) for tensor in node.input[1:5])
        return replace(layer, parameters=parameters, trainable=parameters // 2)
    weights = _elements(tensors, place.weights)
    if not weights:
        return layer
    parameters = weights + _elements(tensors, bias_of(node))
    positions = math.prod(layer.output_shape[:2]) if layer.kind is Kind.CONVOLUTION else 1
    return replace(layer, parameters=parameters, trainable=parameters, macs=weights * positions)


def _elements(tensors: Tensors, tensor: str | None) -> int:
    """How many numbers a weight has; 0 if it is none, or if that is not known."""
    if tensor is None or not tensors.is_static(tensor):
        return 0
    dims = tensors.dims(tensor)
    return 0 if dims is None else math.prod(dim or 0 for dim in dims)


def _shape_of(dims: Dims | None, *, channels_last: bool) -> tuple[int, ...] | None:
    """(H, W, C) or (N,) without the batch; None for anything else."""
    match dims:
        case (_, int() as units):
            return (units,)
        case (_, int() as first, int() as second, int() as third):
            return (first, second, third) if channels_last else (second, third, first)
    return None
