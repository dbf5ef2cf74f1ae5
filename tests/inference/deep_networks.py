"""A small network with all that VGGs have, written as different exporters would write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from support import TINY_SIZE, tiny_input, tiny_model

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.normal_form import Model

CLASSES = 4
WIDTH = 32


@dataclass(frozen=True)
class Style:
    """How a graph of the same network is written."""

    layout: str = "NCHW"
    batch: int | str = "N"
    opset: int = 17
    ir_version: int = 9
    half: bool = False
    normalised: bool = False
    dense: str = "Gemm"
    named: bool = True
    weights_are_inputs: bool = False


PLAIN = Style()


def deep_proto(style: Style = PLAIN) -> onnx.ModelProto:
    """Conv, ReLU, MaxPool, Conv, ReLU, GlobalAveragePool, fc, ReLU, Dropout, fc, Softmax."""
    random = np.random.default_rng(5)
    nodes: list[onnx.NodeProto] = []
    weights: dict[str, np.ndarray[Any, Any]] = {}

    def add(operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        name = output if style.named else ""
        nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def weight(name: str, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:])) or 1
        value = random.normal(0, fan_in**-0.5, shape).astype(np.float32)
        if not style.half:
            weights[name] = value
            return name
        weights[f"{name}_half"] = value.astype(np.float16)
        return add("Cast", [f"{name}_half"], name, to=TensorProto.FLOAT)

    def convolution(source: str, name: str, inputs: int) -> str:
        filters, bias = weight(f"{name}_w", WIDTH, inputs, 3, 3), weight(f"{name}_b", WIDTH)
        end = add("Conv", [source, filters, bias], name, pads=[1] * 4, kernel_shape=[3, 3])
        if style.normalised:
            values = {"scale": 1.5, "shift": 0.1, "mean": 0.2, "var": 2.0}
            for part, value in values.items():
                weights[f"{name}_{part}"] = np.full(WIDTH, value, np.float32)
            end = add("BatchNormalization", [end, *(f"{name}_{p}" for p in values)], f"bn_{name}")
        return add("Relu", [end], f"relu_{name}")

    def dense(source: str, name: str, units: int) -> str:
        if style.dense == "Gemm":
            matrix = weight(f"{name}_w", units, WIDTH)
            return add("Gemm", [source, matrix, weight(f"{name}_b", units)], name, transB=1)
        weights[f"{name}_w"] = random.normal(0, 0.2, (WIDTH, units)).astype(np.float32)
        weights[f"{name}_b"] = random.normal(0, 0.2, units).astype(np.float32)
        add("MatMul", [source, f"{name}_w"], name)
        return add("Add", [name, f"{name}_b"], f"{name}_biased")

    end = "data"
    if style.layout == "NHWC":
        end = add("Transpose", [end], "turned", perm=[0, 3, 1, 2])
    end = convolution(end, "conv1_1", 3)
    end = add("MaxPool", [end], "pool1", kernel_shape=[2, 2], strides=[2, 2])
    end = convolution(end, "conv2_1", WIDTH)
    end = add("GlobalAveragePool", [end], "pool2")
    end = add("Flatten", [end], "flat")
    end = add("Relu", [dense(end, "fc3", WIDTH)], "relu3")
    end = add("Dropout", [end], "drop3")
    logits = dense(end, "fc4", CLASSES)
    add("Softmax", [logits], "prob", axis=1)

    height, width = TINY_SIZE
    sides = [height, width, 3] if style.layout == "NHWC" else [3, height, width]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [style.batch, CLASSES])
        for name in ("prob", logits)
    ]
    data = helper.make_tensor_value_info("data", TensorProto.FLOAT, [style.batch, *sides])
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    inputs = [data]
    if style.weights_are_inputs:
        inputs += [
            helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors
        ]
    graph = helper.make_graph(nodes, "deep", inputs, outputs, tensors)
    proto = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", style.opset)],
        ir_version=style.ir_version,
    )
    onnx.checker.check_model(proto)
    return proto


LAYERS = (
    ("conv1_1", "Conv"), ("relu_conv1_1", "Relu"), ("pool1", "MaxPool"),
    ("conv2_1", "Conv"), ("relu_conv2_1", "Relu"), ("pool2", "GlobalAveragePool"),
    ("fc3", "Gemm"), ("relu3", "Relu"), ("drop3", "Dropout"), ("fc4", "Gemm"), ("prob", "Softmax"),
)  # fmt: skip


def deep_model(folder: Path, style: Style = PLAIN, **changes: object) -> Model:
    """`deep_proto` in normal form."""
    logits = "fc4" if style.dense == "Gemm" else "fc4_biased"
    layers = [
        {"name": name, "operator": style.dense if kind == "Gemm" else kind, "tensor": name}
        for name, kind in LAYERS
    ]
    facts: dict[str, Any] = {
        "input": tiny_input(layout=style.layout),
        "output": {"probabilities": "prob", "logits": logits},
        "layers": layers,
        "precision": "fp16" if style.half else "fp32",
        "accuracy": [{"photos": "mine", "count": 3, "top1": 66.6, "source": "me"}],
    }
    return tiny_model(folder, proto=deep_proto(style), **(facts | changes))
