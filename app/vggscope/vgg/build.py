"""The networks of the paper as ONNX models with random weights, for benchmarks and tests.

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

_OPSET: Final = 17
_IR_VERSION: Final = 9
_FLOAT_BYTES: Final = 4

# Section 2.3 of the paper takes them from Krizhevsky et al., "ImageNet Classification with Deep
# Convolutional Neural Networks" (2012), section 3.3, where b = a / (k + α Σ a²)^β over n channels
# with k = 2, n = 5, α = 1e-4, β = 0.75. ONNX divides its alpha by the size: 5 times as much.
_LRN: Final[Mapping[str, Any]] = MappingProxyType(
    {"size": 5, "bias": 2.0, "alpha": 5e-4, "beta": 0.75}
)


def build(
    name: str, *, classes: int = 1000, size: int = 224, width: float = 1.0, seed: int = 0
) -> ModelProto:
    """A network of the paper with random weights; see ``structure`` for its names.

    Biases are 0, weights are normal with variance 2 / fan-in (He et al., arXiv:1502.01852,
    equation 10): through any number of rectified layers, activations keep their scale.

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
        is_bias = len(tensor.dims) == 1
        tensor.raw_data = bytes(_FLOAT_BYTES * tensor.dims[0]) if is_bias else _he(tensor, random)
    return model


def structure(network: Network) -> ModelProto:
    """The graph of a network of ``configs``, its weights without values.

    The input is ``data`` [N, 3, H, W], the outputs are ``prob`` and the logits ``fc8``, [N,
    classes]; all is float32. Nodes, and the tensors they make, have the classic names: conv1_1,
    relu1_1, pool1, ..., fc6, relu6, ..., prob. Weights end in ``_w``, biases in ``_b``.

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
            tip = "relu" + layer.name.removeprefix("conv").removeprefix("fc")
            yield helper.make_node("Relu", [layer.name], [tip], tip)


def _operator(before: Layer, layer: Layer) -> tuple[str, Mapping[str, Any]]:
    """ONNX's operator for ``layer``, and its attributes."""
    window = {
        "kernel_shape": layer.kernel,
        "pads": layer.padding,
        # A layer's stride is that of all windows up to it.
        "strides": (layer.rows.stride // before.rows.stride,) * 2,
    }
    match layer.kind:
        case Kind.CONVOLUTION:
            return "Conv", window
        case Kind.MAX_POOLING:
            return "MaxPool", window
        case Kind.LOCAL_RESPONSE_NORMALIZATION:
            return "LRN", _LRN
        case Kind.FLATTEN:
            return "Flatten", {}
        case Kind.FULLY_CONNECTED:
            return "Gemm", {"transB": 1}
        case Kind.SOFTMAX:
            return "Softmax", {"axis": 1}
    raise ValueError(f"no network of the paper has a layer of kind {layer.kind}")


def _weights(layers: Sequence[Layer]) -> Iterator[TensorProto]:
    """Weights [outputs, inputs, *kernel] and biases [outputs], without values."""
    for before, layer in pairwise(layers):
        if layer.parameters:
            inputs, outputs = before.output_shape[-1], layer.output_shape[-1]
            dims = (outputs, inputs, *(layer.kernel or ()))
            yield TensorProto(name=f"{layer.name}_w", dims=dims, data_type=TensorProto.FLOAT)
            yield TensorProto(name=f"{layer.name}_b", dims=[outputs], data_type=TensorProto.FLOAT)


def _he(tensor: TensorProto, random: np.random.Generator) -> bytes:
    """Values for the weights ``tensor``, [outputs, ...], in ONNX's order of bytes."""
    values: NDArray[np.float32] = random.standard_normal(tensor.dims, np.float32)
    values *= np.float32(math.sqrt(2 / math.prod(tensor.dims[1:])))
    return values.astype("<f4", copy=False).tobytes()
