"""Small ONNX graphs for the tests, written the ways that exporters write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from vggscope.vgg.network import Network


class Chain:
    """A graph under construction; ``tip`` is the tensor that the next node reads."""

    def __init__(self, *dims: int | str) -> None:
        self.inputs = [helper.make_tensor_value_info("data", TensorProto.FLOAT, dims)]
        self.nodes = []
        self.initializers = []
        self.tip = "data"

    def weights(self, *dims: int, name: str = "", type: int = TensorProto.FLOAT) -> str:  # noqa: A002 (as ONNX)
        """A weight without its values, as if they lay in another file."""
        tensor = TensorProto(name=name or f"w{len(self.initializers)}", dims=dims, data_type=type)
        self.initializers.append(tensor)
        return tensor.name

    def constant(self, value: object, dtype: str) -> str:
        tensor = numpy_helper.from_array(np.array(value, dtype), f"c{len(self.initializers)}")
        self.initializers.append(tensor)
        return tensor.name

    def side(self, operator: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        """A node beside the chain; returns its first output."""
        names = [f"t{len(self.nodes)}{'abc'[i]}" for i in range(outputs)]
        domain = "com.microsoft" if operator in {"QGemm", "QLinearAdd"} else ""
        self.nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[0]

    def add(self, operator: str, *more: str, **attributes: object) -> Chain:
        """A node that reads the tip and becomes it."""
        self.tip = self.side(operator, self.tip, *more, **attributes)
        return self

    def model(self, *outputs: str) -> ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "chain",
            self.inputs,
            [helper.make_empty_tensor_value_info(name) for name in outputs or (self.tip,)],
            self.initializers,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets)


class Exporter:
    """Writes a network of the paper as a graph; subclasses have the habits of real exporters."""

    def export(self, network: Network) -> ModelProto:
        height, width, channels = network.input_shape
        chain = Chain("N", channels, height, width)
        self.channels = channels
        for layer in network.layers[1:]:
            match layer.kind:
                case Kind.CONVOLUTION:
                    shape = (layer.output_shape[2], self.channels, *layer.kernel)
                    self.convolution(chain, shape, layer.name, pads=list(layer.padding))
                    self.channels = layer.output_shape[2]
                case Kind.FULLY_CONNECTED:
                    units = layer.output_shape[0]
                    self.connection(chain, self.channels, units, layer.name)
                    self.channels = units
                case Kind.MAX_POOLING:
                    self.pooling(chain, layer.name)
                case Kind.BATCH_NORMALIZATION:
                    self.normalization(chain)
                case Kind.LOCAL_RESPONSE_NORMALIZATION:
                    chain.add("LRN", size=5)
                case Kind.FLATTEN:
                    self.channels = layer.output_shape[0]
                    self.flatten(chain)
                case Kind.SOFTMAX:
                    chain.add("Softmax", axis=1)
            if layer.activation:
                self.relu(chain, layer.name)
        return chain.model()

    def convolution(self, chain: Chain, shape: tuple[int, ...], name: str, pads: list[int]) -> None:
        del name
        chain.add("Conv", chain.weights(*shape), chain.weights(shape[0]), pads=pads)

    def normalization(self, chain: Chain) -> None:
        chain.add("BatchNormalization", *(chain.weights(self.channels) for _ in range(4)))

    def connection(self, chain: Chain, inputs: int, units: int, name: str) -> None:
        del name
        chain.add("Gemm", chain.weights(units, inputs), chain.weights(units), transB=1)

    def pooling(self, chain: Chain, name: str) -> None:
        del name
        chain.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])

    def flatten(self, chain: Chain) -> None:
        chain.add("Flatten")

    def relu(self, chain: Chain, name: str) -> None:
        chain.add("Relu")
        if name.startswith("fc"):
            chain.add("Dropout")


class TorchExporter(Exporter):
    """Computes the target of the Reshape from the batch; names say where a module is."""

    def convolution(self, chain: Chain, shape: tuple[int, ...], name: str, pads: list[int]) -> None:
        super().convolution(chain, shape, name, pads)
        chain.nodes[-1].name = f"/features/features.{len(chain.nodes)}/Conv"

    def flatten(self, chain: Chain) -> None:
        shape = chain.side("Shape", chain.tip)
        batch = chain.side("Gather", shape, chain.constant(0, "int64"))
        batch = chain.side("Unsqueeze", batch, chain.constant([0], "int64"))
        target = chain.side("Concat", batch, chain.constant([-1], "int64"), axis=0)
        chain.add("Reshape", target)


class KerasExporter(Exporter):
    """Pictures with the channels last, MatMul and Add instead of Gemm, SAME padding."""

    def export(self, network: Network) -> ModelProto:
        model = super().export(network)
        height, width, channels = network.input_shape
        data = helper.make_tensor_value_info(
            "pictures", TensorProto.FLOAT, ["N", height, width, channels]
        )
        transpose = helper.make_node("Transpose", ["pictures"], ["data"], perm=[0, 3, 1, 2])
        del model.graph.input[:]
        model.graph.input.append(data)
        model.graph.node.insert(0, transpose)
        return model

    def convolution(self, chain: Chain, shape: tuple[int, ...], name: str, pads: list[int]) -> None:
        del pads
        block, _, position = name.removeprefix("conv").partition("_")
        weights = chain.weights(shape[2], shape[3], shape[1], shape[0])
        weights = chain.side("Transpose", weights, perm=[3, 2, 0, 1])
        chain.add("Conv", weights, chain.weights(shape[0]), auto_pad="SAME_UPPER")
        chain.nodes[-1].name = f"vgg16/block{block}_conv{position}/Conv2D"

    def connection(self, chain: Chain, inputs: int, units: int, name: str) -> None:
        keras_name = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}[name]
        chain.add("MatMul", chain.weights(inputs, units))
        chain.nodes[-1].name = f"vgg16/{keras_name}/MatMul"
        chain.add("Add", chain.weights(units))

    def flatten(self, chain: Chain) -> None:
        chain.add("Transpose", perm=[0, 2, 3, 1])
        chain.add("Reshape", chain.constant([-1, self.channels], "int64"))


class CaffeExporter(Exporter):
    """Old: weights among the inputs, classic names with numbers behind them."""

    def convolution(self, chain: Chain, shape: tuple[int, ...], name: str, pads: list[int]) -> None:
        weights = chain.weights(*shape, name=f"{name}_w_0")
        chain.inputs.append(helper.make_tensor_value_info(weights, TensorProto.FLOAT, shape))
        chain.add("Conv", weights, chain.weights(shape[0], name=f"{name}_b_0"), pads=pads)

    def connection(self, chain: Chain, inputs: int, units: int, name: str) -> None:
        super().connection(chain, inputs, units, name)
        chain.tip = chain.nodes[-1].output[0] = f"{name}_1"


class QuantizingExporter(Exporter):
    """QDQ: no ReLU where the zero point does its work, weights in other types."""

    def convolution(self, chain: Chain, shape: tuple[int, ...], name: str, pads: list[int]) -> None:
        del name
        weights, bias = self._weights(chain, *shape), self._weights(chain, shape[0])
        chain.add("Conv", weights, bias, pads=pads)

    def connection(self, chain: Chain, inputs: int, units: int, name: str) -> None:
        weights, bias = self._weights(chain, units, inputs), self._weights(chain, units)
        chain.add("Gemm", weights, bias, transB=1)
        if name == "fc8":
            self._pair(chain, 117)

    def pooling(self, chain: Chain, name: str) -> None:
        super().pooling(chain, name)
        self._pair(chain, 0)

    def relu(self, chain: Chain, name: str) -> None:
        del name
        self._pair(chain, 0)

    def _weights(self, chain: Chain, *dims: int) -> str:
        codes = chain.weights(*dims, type=TensorProto.INT8)
        scale = chain.weights(dims[0])
        return chain.side("DequantizeLinear", codes, scale, axis=0)

    def _pair(self, chain: Chain, zero_point: int) -> None:
        scale, zero = chain.constant(0.1, "float32"), chain.constant(zero_point, "uint8")
        chain.add("QuantizeLinear", scale, zero)
        chain.add("DequantizeLinear", scale, zero)


class HalfPrecisionExporter(Exporter):
    """Weights as float16 with a Cast."""

    def connection(self, chain: Chain, inputs: int, units: int, name: str) -> None:
        del name
        weights = chain.weights(inputs, units, type=TensorProto.FLOAT16)
        bias = chain.weights(units, type=TensorProto.FLOAT16)
        cast = [chain.side("Cast", half, to=TensorProto.FLOAT) for half in (weights, bias)]
        chain.add("Gemm", *cast)


class BatchNormalizingExporter(Exporter):
    """Normalises after each convolution."""

    def convolution(self, chain: Chain, shape: tuple[int, ...], name: str, pads: list[int]) -> None:
        super().convolution(chain, shape, name, pads)
        self.channels = shape[0]
        self.normalization(chain)


EXPORTERS = (
    Exporter,
    TorchExporter,
    KerasExporter,
    CaffeExporter,
    QuantizingExporter,
    HalfPrecisionExporter,
)
"""Those that keep the layers of the network as they are."""
