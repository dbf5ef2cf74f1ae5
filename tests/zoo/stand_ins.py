"""Files in the shape of the ONNX Model Zoo's VGG networks, with random weights.

The official ones cannot be had here. What is told of them: the exports of MXNet name their nodes
vgg0_conv0_fwd, ..., vgg0_dense2_fwd, put out logits, and list the weights among the inputs; the
one that came by way of Caffe2 puts out probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, checker, helper

from vggscope.vgg.build import build

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

SMALL = 1 / 32


def mxnet_like(
    config: str = "vgg16", *, width: float = SMALL, classes: int = 1000, seed: int = 0
) -> ModelProto:
    """As vgg16-7.onnx and its sisters are."""
    model = build(config, width=width, classes=classes, seed=seed)
    graph = model.graph
    softmax = graph.node.pop()
    assert softmax.op_type == "Softmax"
    names = {"data": "data"}
    counts: dict[str, int] = {}
    for node in graph.node:
        kind = {"Gemm": "dense", "MaxPool": "pool"}.get(node.op_type, node.op_type.lower())
        count = counts.get(kind, 0)
        counts[kind] = count + 1
        name = f"vgg0_{kind}{count}"
        for position, (sort, old) in enumerate(
            zip(("", "weight", "bias"), node.input, strict=False)
        ):
            if position:
                names[old] = f"{name}_{sort}"
        names[node.output[0]] = node.name = f"{name}_fwd"
    return _renamed(model, names, "vgg0_dense2_fwd")


def caffe2_like(config: str = "vgg19", *, width: float = SMALL, seed: int = 0) -> ModelProto:
    """As vgg19-caffe2-9.onnx is."""
    model = build(config, width=width, seed=seed)
    names = {"data": "data_0", "prob": "prob_1"}
    for node in model.graph.node:
        for old in (*node.input, *node.output):
            names.setdefault(old, f"{old}_{1 if old in node.output else 0}")
        node.name = ""
    return _renamed(model, names, "prob_1")


def quantized_like(folder: Path, *, qdq: bool) -> bytes:
    """As vgg16-12-qdq.onnx is, or vgg16-12-int8.onnx with its operators of integers."""
    from onnxruntime.quantization import (  # noqa: PLC0415 (its telemetry is off by now)
        CalibrationDataReader,
        QuantFormat,
        quantize_static,
    )

    class Noise(CalibrationDataReader):
        def __init__(self) -> None:
            random = np.random.default_rng(1)
            self._left = [random.standard_normal((1, 3, 224, 224), np.float32) for _ in range(2)]

        def get_next(self) -> dict[str, Any]:
            return {"data": self._left.pop()} if self._left else {}

    model = mxnet_like()
    # Otherwise ONNX Runtime warns of every one of them.
    del model.graph.input[1:]
    model.opset_import[0].version, model.ir_version = 12, 7
    source, target = folder / "float.onnx", folder / "int8.onnx"
    source.write_bytes(model.SerializeToString())
    form = QuantFormat.QDQ if qdq else QuantFormat.QOperator
    quantize_static(source, target, Noise(), quant_format=form)
    return target.read_bytes()


def _renamed(model: ModelProto, names: dict[str, str], output: str) -> ModelProto:
    graph = model.graph
    for node in graph.node:
        for field in (node.input, node.output):
            field[:] = [names[name] for name in field]
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    picture = graph.input[0]
    picture.name = names[picture.name]
    picture.type.tensor_type.shape.dim[0].dim_value = 1
    graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        for tensor in graph.initializer
    )
    classes = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, classes]))
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 7))
    model.ir_version = 3
    model.producer_name = ""
    checker.check_model(model)
    return model
