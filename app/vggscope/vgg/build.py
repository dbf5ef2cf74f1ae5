"""The networks of ``configs`` as ONNX models with random weights, for lessons and benchmarks.

What a network consists of is told by ``configs``; here it is only written down in ONNX's words.
Importing this module imports ``onnx``, which takes 162 ms.
"""

from __future__ import annotations

import math
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from vggscope.vgg import configs
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from vggscope.vgg.network import Layer, Network

    Values = NDArray[np.float32]

_OPSET: Final = 17
_IR_VERSION: Final = 9
_FLOAT: Final = np.dtype("<f4")
"""ONNX's order of bytes."""
_BLOCK: Final = 1 << 22
"""Numbers that are drawn at a time."""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_ROLES: Final[Mapping[Kind, Sequence[str]]] = MappingProxyType(
    {
        Kind.CONVOLUTION: ("w", "b"),
        Kind.FULLY_CONNECTED: ("w", "b"),
        Kind.BATCH_NORMALIZATION: ("w", "b", "mean", "var"),
    }
)
"""What ends the names of a layer's tensors, in the order in which its node reads them."""

# Section 2.3 of the paper takes them from Krizhevsky et al., "ImageNet Classification with Deep
# Convolutional Neural Networks" (2012), section 3.3, where b = a / (k + α Σ a²)^β over n channels
# with k = 2, n = 5, α = 1e-4, β = 0.75. ONNX divides its alpha by the size: 5 times as much.
_LRN: Final[Mapping[str, Any]] = MappingProxyType(
    {"size": 5, "bias": 2.0, "alpha": 5e-4, "beta": 0.75}
)
_OPERATORS: Final[Mapping[Kind, tuple[str, Mapping[str, Any]]]] = MappingProxyType(
    {
        Kind.CONVOLUTION: ("Conv", {}),
        Kind.MAX_POOLING: ("MaxPool", {}),
        Kind.LOCAL_RESPONSE_NORMALIZATION: ("LRN", _LRN),
        # What PyTorch adds to the variance, and so what published weights were trained with.
        Kind.BATCH_NORMALIZATION: ("BatchNormalization", {"epsilon": 1e-5}),
        Kind.FLATTEN: ("Flatten", {}),
        Kind.FULLY_CONNECTED: ("Gemm", {"transB": 1}),
        Kind.SOFTMAX: ("Softmax", {"axis": 1}),
    }
)
"""Those without a window have all their attributes here."""


def build(
    name: str, *, classes: int = 1000, size: int = 224, width: float = 1.0, seed: int = 0
) -> ModelProto:
    """A network of ``configs`` with random weights; see ``structure`` for its names.

    All of them are in memory; ``zoo.creating`` writes the same ones to a file instead.

    Args:
        name: family name or letter, see ``configs.find``.
        classes: units of the last fully connected layer.
        size: side of the square input in pixels, at least 32.
        width: factor for the channels and units of all hidden layers, see ``configs.network``.
        seed: the same one makes the same weights (with the same version of NumPy).

    Raises:
        KeyError: no configuration of this name.
        MisfitError: ``size`` leaves nothing after five poolings.
    """
    model = structure(configs.network(name, classes=classes, size=size, width=width))
    random = np.random.default_rng(seed)
    for tensor in model.graph.initializer:
        tensor.raw_data = b"".join(block.tobytes() for block in first_values(tensor, random))
    return model


def first_values(tensor: TensorProto, random: np.random.Generator) -> Iterator[Values]:
    """Values for a tensor of ``structure`` before any training, block by block, in its order.

    Biases are 0, weights are normal with variance 2 / fan-in (He et al., arXiv:1502.01852,
    equation 10): through any number of rectified layers, activations keep their scale. What a
    batch normalisation has recorded and learned changes nothing: mean 0, variance 1, scale 1.
    """
    if len(tensor.dims) == 1:
        is_factor = tensor.name.endswith(("_w", "_var"))
        yield np.full(tensor.dims[0], float(is_factor), _FLOAT)
        return
    spread = np.float32(math.sqrt(2 / math.prod(tensor.dims[1:])))
    count = math.prod(tensor.dims)
    for begin in range(0, count, _BLOCK):
        values: Values = random.standard_normal(min(_BLOCK, count - begin), np.float32)
        values *= spread
        yield values.astype(_FLOAT, copy=False)


def structure(network: Network) -> ModelProto:
    """The graph of a network of ``configs``, its weights without values.

    The input is ``data`` [N, 3, H, W], the outputs are ``prob`` and the logits ``fc8``, [N,
    classes]; all is float32. Nodes, and the tensors they make, have the classic names: conv1_1,
    relu1_1, pool1, ..., fc6, relu6, ..., prob; batch normalisations are called bn1_1. Weights end
    in ``_w``, biases in ``_b``, what a batch normalisation recorded in ``_mean`` and ``_var``.

    Raises:
        ValueError: a layer of a kind that the paper's networks do not have.
    """
    data, *_, logits, probabilities = network.layers
    height, width, channels = network.input_shape
    graph = helper.make_graph(
        list(_nodes(network.layers)),
        network.name,
        [_value(data, (channels, height, width))],
        [_value(layer, layer.output_shape) for layer in (probabilities, logits)],
        list(_weights(network.layers)),
    )
    opset = helper.make_opsetid("", _OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)


def _value(layer: Layer, shape: tuple[int, ...]) -> ValueInfoProto:
    """The tensor of ``layer``, of ``shape`` but for the batch."""
    return helper.make_tensor_value_info(layer.name, TensorProto.FLOAT, ["N", *shape])


def _nodes(layers: Sequence[Layer]) -> Iterator[NodeProto]:
    tip = layers[0].name
    for before, layer in pairwise(layers):
        operator, attributes = _operator(before, layer)
        inputs = [tip, *(tensor.name for tensor in _weights((before, layer)))]
        yield helper.make_node(operator, inputs, [layer.name], layer.name, **attributes)
        tip = layer.name
        if layer.activation == "relu":
            tip = "relu" + layer.name.lstrip(_LETTERS)
            yield helper.make_node("Relu", [layer.name], [tip], tip)


def _operator(before: Layer, layer: Layer) -> tuple[str, Mapping[str, Any]]:
    """ONNX's operator for ``layer``, and its attributes."""
    if layer.kind not in _OPERATORS:
        raise ValueError(f"no network of the paper has a layer of kind {layer.kind}")
    operator, attributes = _OPERATORS[layer.kind]
    if layer.kernel is None:
        return operator, attributes
    return operator, {
        "kernel_shape": layer.kernel,
        "pads": layer.padding,
        # A layer's stride is that of all windows up to it.
        "strides": (layer.rows.stride // before.rows.stride,) * 2,
    }


def _weights(layers: Sequence[Layer]) -> Iterator[TensorProto]:
    """Weights [outputs, inputs, *kernel] and what goes with them, [outputs], without values."""
    for before, layer in pairwise(layers):
        inputs, outputs = before.output_shape[-1], layer.output_shape[-1]
        is_normalization = layer.kind is Kind.BATCH_NORMALIZATION
        first = () if is_normalization else (inputs, *(layer.kernel or ()))
        for role in _ROLES.get(layer.kind, ()):
            dims = (outputs, *first) if role == "w" else (outputs,)
            name = f"{layer.name}_{role}"
            yield TensorProto(name=name, dims=dims, data_type=TensorProto.FLOAT)
