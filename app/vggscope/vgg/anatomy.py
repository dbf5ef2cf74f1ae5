"""A network and where its layers lie in its graph: what is needed to look into them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vggscope.errors import NotAChainError
from vggscope.vgg.axis import Axis
from vggscope.vgg.graph import bias_of, codes_of, input_shape_of, place_of, read_chain
from vggscope.vgg.network import Kind, Layer, Network
from vggscope.vgg.tensors import Tensors, label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import ModelProto, NodeProto

    from vggscope.vgg.graph import Place
    from vggscope.vgg.tensors import Dims


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a layer lies in its graph.

    Attributes:
        layer: which one.
        tensor: its output as the next layer gets it: after its ReLU, and rounded where the network
            is quantised.
        before: the same before its ReLU; None without one, or where the graph has no such tensor.
        dequantize: the (scale, zero point) tensors that make numbers of the codes in ``tensor``;
            None where it holds numbers.
        channels_last: whether ``tensor`` is [N, H, W, C]; [N, C, H, W] otherwise, if it is a map.
        weights: the tensor that the layer multiplies by; it may be computed from others.
        weights_dequantize: the (scale, zero point) tensors of ``weights``, each a scalar or one
            element for each unit; None where those are numbers.
        units_first: whether the first axis of ``weights`` counts output units; the last otherwise.
        nodes: names of its nodes and of the tensors that they write.
    """

    layer: Layer
    tensor: str
    before: str | None = None
    dequantize: tuple[str, str] | None = None
    channels_last: bool = False
    weights: str | None = None
    weights_dequantize: tuple[str, str] | None = None
    units_first: bool = True
    nodes: frozenset[str] = frozenset()


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
    return Site(
        layer=layer,
        tensor=place.tensor,
        before=place.before,
        dequantize=place.dequantize,
        channels_last=place.channels_last,
        weights=place.weights,
        weights_dequantize=place.weights_dequantize,
        units_first=place.units_first,
        nodes=frozenset(place.nodes),
    )


# --- graphs that branch -----------------------------------------------------------------------

_KINDS: Final[Mapping[str, tuple[Kind, str]]] = {
    "AveragePool": (Kind.AVERAGE_POOLING, "AveragePooling2D"),
    "BatchNormalization": (Kind.BATCH_NORMALIZATION, "BatchNormalization"),
    "Conv": (Kind.CONVOLUTION, "Conv2D"),
    "Flatten": (Kind.FLATTEN, "Flatten"),
    "Gemm": (Kind.FULLY_CONNECTED, "Dense"),
    "GlobalAveragePool": (Kind.AVERAGE_POOLING, "GlobalAveragePooling2D"),
    "GlobalMaxPool": (Kind.MAX_POOLING, "GlobalMaxPooling2D"),
    "LRN": (Kind.LOCAL_RESPONSE_NORMALIZATION, "LRN"),
    "MatMul": (Kind.FULLY_CONNECTED, "Dense"),
    "MaxPool": (Kind.MAX_POOLING, "MaxPooling2D"),
    "QGemm": (Kind.FULLY_CONNECTED, "Dense"),
    "QLinearAveragePool": (Kind.AVERAGE_POOLING, "AveragePooling2D"),
    "QLinearConv": (Kind.CONVOLUTION, "Conv2D"),
    "QLinearGlobalAveragePool": (Kind.AVERAGE_POOLING, "GlobalAveragePooling2D"),
    "QLinearMatMul": (Kind.FULLY_CONNECTED, "Dense"),
    "QLinearSoftmax": (Kind.SOFTMAX, "Softmax"),
    "Relu": (Kind.ACTIVATION, "ReLU"),
    "Softmax": (Kind.SOFTMAX, "Softmax"),
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
    data = Layer(
        name="data",
        kind=Kind.INPUT,
        type="InputLayer",
        output_shape=shape,
        rows=Axis(size=shape[0]),
        columns=Axis(size=shape[1]),
    )
    picture = tensors.pictures[0].name
    sites = [Site(layer=data, tensor=picture, channels_last=channels_last)]
    reached, taken = {picture}, {"data"}
    codes: dict[str, tuple[str, str]] = {}
    for node in model.graph.node:
        if not reached.intersection(node.input) or not node.output:
            continue
        if all(tensors.is_static(output) for output in node.output):
            continue
        reached.update(node.output)
        if found_codes := codes_of(node, codes):
            codes[node.output[0]] = found_codes
        output = _shape_of(tensors.dims(node.output[0]), channels_last=channels_last)
        if node.op_type in _UNSEEN or output is None:
            continue
        place = place_of(node, tensors, codes, channels_last=channels_last)
        layer = _listed(node, _distinct(label(node), taken), output, data)
        sites.append(_site(_counted(layer, node, place, tensors), place))
    if len(sites) == 1:
        return None
    layers = tuple(site.layer for site in sites)
    network = Network(name=name, title=title, input_shape=shape, layers=layers)
    return Anatomy(network=network, sites=tuple(sites), reason=reason)


def _listed(node: NodeProto, name: str, output: tuple[int, ...], data: Layer) -> Layer:
    kind, type_ = _KINDS.get(node.op_type, (Kind.OTHER, node.op_type))
    height, width = output[:2] if len(output) == 3 else (1, 1)
    return Layer(
        name=name,
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


def _distinct(name: str, taken: set[str]) -> str:
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    taken.add(candidate)
    return candidate
