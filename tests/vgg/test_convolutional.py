"""The fully convolutional form: what it computes, against the ordinary form and a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from dense_reference import Reference
from support import onnx_model, tiny_proto
from vggscope.errors import NotConvolutionalError
from vggscope.vgg.anatomy import anatomy_of
from vggscope.vgg.build import build
from vggscope.vgg.convolutional import OUTPUT, WINDOWS, Convolutional, fully_convolutional

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

RANDOM = np.random.default_rng(5)
SIDE = 20
"""Of the input of `valid_network`, whose windows are 4 apart."""


def form_of(proto: ModelProto) -> Convolutional:
    return fully_convolutional(proto, anatomy_of(proto, name="net", title="Net"))


def opened(proto: ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(proto.SerializeToString(), options)


def logits(form: Convolutional, values: NDArray, *, fixed: bool = False) -> NDArray:
    """[rows, columns, classes] of a picture [3, H, W] or, with the channels last, [H, W, 3]."""
    height, width = values.shape[1:] if values.shape[0] == 3 else values.shape[:2]
    session = opened(form.fixed(height, width) if fixed else form.graph)
    feeds = {session.get_inputs()[0].name: values[None]}
    places = form.places(height, width)
    if places is not None and not fixed:
        feeds[WINDOWS] = places
    [rows] = session.run([OUTPUT], feeds)
    return rows.reshape(*form.positions(height, width), -1)


def ordinary(proto: ModelProto, values: NDArray, output: str) -> NDArray:
    session = opened(proto)
    return session.run([output], {session.get_inputs()[0].name: values[None]})[0].reshape(-1)


@pytest.mark.parametrize(("letter", "width"), [("A", 0.05), ("D", 0.05), ("A-LRN", 0.05)])
def test_at_its_own_size_it_is_the_ordinary_form(letter: str, width: float) -> None:
    proto = build(letter, width=width)
    values = RANDOM.normal(0, 1, (3, 224, 224)).astype(np.float32)
    found = logits(form_of(proto), values)
    expected = ordinary(proto, values, "fc8")
    assert found.shape == (1, 1, 1000)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("letter", ["A", "D", "E"])
def test_larger_pictures_equal_the_reference(letter: str) -> None:
    proto = build(letter, size=64, width=0.1)
    values = RANDOM.normal(0, 1, (3, 128, 160)).astype(np.float32)
    expected = Reference(proto, letter, size=64, width=0.1).logits(values)
    form = form_of(proto)
    assert expected.shape == (3, 4, 1000)
    for fixed in (False, True):
        found = logits(form, values, fixed=fixed)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * abs(expected).max())


def test_weights_are_shared_not_copied() -> None:
    proto = build("A", size=64, width=0.1)
    form = form_of(proto)
    own = {t.name for t in proto.graph.initializer}
    added = [t for t in form.graph.graph.initializer if t.name not in own]
    assert sum(t.ByteSize() for t in added) < 500
    for tensor in form.graph.graph.initializer:
        if tensor.name in own:
            assert tensor == next(t for t in proto.graph.initializer if t.name == tensor.name)


# --- networks without padding: there every position is the ordinary form on its crop ----------


def valid_network(
    *, last: bool = False, storage: str = "gemm", head: str = "Flatten", opset: int = 17
) -> ModelProto:
    """Convolution, pooling, convolution, two fully connected layers; windows of 20, 4 apart."""
    weights = {
        "w1": RANDOM.normal(0, 0.5, (6, 3, 3, 3)),
        "w2": RANDOM.normal(0, 0.2, (8, 6, 2, 2)),
        "w3": RANDOM.normal(0, 0.2, (12, 8 * 16)),
        "w4": RANDOM.normal(0, 0.5, (5, 12)),
        "b3": RANDOM.normal(0, 1, 12),
        "b4": RANDOM.normal(0, 1, 5),
    }
    tensors: dict[str, NDArray] = {k: v.astype(np.float32) for k, v in weights.items()}
    nodes: list[NodeProto] = []

    def add(operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    tip = add("Transpose", ["data"], "turned", perm=[0, 3, 1, 2]) if last else "data"
    tip = add("Relu", [add("Conv", [tip, "w1"], "conv1")], "relu1")
    tip = add("MaxPool", [tip], "pool1", kernel_shape=[2, 2], strides=[2, 2])
    tip = add("Relu", [add("Conv", [tip, "w2"], "conv2")], "relu2")
    tip = add("MaxPool", [tip], "pool2", kernel_shape=[2, 2], strides=[2, 2])
    if last:
        tip = add("Transpose", [tip], "back", perm=[0, 2, 3, 1])
    match head:
        case "Flatten":
            tip = add("Flatten", [tip], "flat")
        case "Reshape 1":
            tensors["target"] = np.array([1, 128], np.int64)
            tip = add("Reshape", [tip, "target"], "flat")
        case "Reshape -1":
            tensors["target"] = np.array([1, -1], np.int64)
            tip = add("Reshape", [tip, "target"], "flat")
        case "computed":
            tensors |= {"zero": np.array([0], np.int64), "rest": np.array([-1], np.int64)}
            batch = add("Gather", [add("Shape", [tip], "shape"), "zero"], "batch")
            add("Concat", [batch, "rest"], "target", axis=0)
            tip = add("Reshape", [tip, "target"], "flat")
    tip = add("Relu", [_connected(add, tensors, storage, tip, "3")], "relu3")
    tip = _connected(add, tensors, storage, tip, "4")
    add("Softmax", [tip], "prob", axis=1)
    batch = 1 if head.startswith("Reshape") else "N"
    shape = [batch, SIDE, SIDE, 3] if last else [batch, 3, SIDE, SIDE]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 5]) for name in (tip, "prob")
    ]
    proto = onnx_model(nodes, shape, outputs, tensors)
    proto.opset_import[0].version = opset
    return proto


def _connected(add: object, tensors: dict[str, NDArray], storage: str, tip: str, n: str) -> str:
    """A fully connected layer, as exporters and quantisers store it."""
    assert callable(add)
    weights = tensors.pop(f"w{n}") if storage != "gemm" else tensors[f"w{n}"]
    match storage:
        case "gemm":
            return add("Gemm", [tip, f"w{n}", f"b{n}"], f"fc{n}", transB=1)
        case "half":
            tensors[f"half{n}"] = weights.astype(np.float16)
            add("Cast", [f"half{n}"], f"w{n}", to=TensorProto.FLOAT)
            return add("Gemm", [tip, f"w{n}", f"b{n}"], f"fc{n}", transB=1)
        case "matmul":
            tensors[f"w{n}"] = np.ascontiguousarray(weights.T)
            return add("Add", [add("MatMul", [tip, f"w{n}"], f"mat{n}"), f"b{n}"], f"fc{n}")
    # Codes, with a scale for each unit.
    scale = (abs(weights).max(axis=1) / 127).astype(np.float32)
    tensors[f"codes{n}"] = np.rint(weights / scale[:, None]).astype(np.int8)
    tensors[f"scale{n}"], tensors[f"zero{n}"] = scale, np.zeros(len(scale), np.int8)
    tensors["in_scale"], tensors["in_zero"] = np.float32(0.1), np.uint8(0)
    add("QuantizeLinear", [tip, "in_scale", "in_zero"], f"q{n}")
    tip = add("DequantizeLinear", [f"q{n}", "in_scale", "in_zero"], f"dq{n}")
    add("DequantizeLinear", [f"codes{n}", f"scale{n}", f"zero{n}"], f"w{n}", axis=0)
    return add("Gemm", [tip, f"w{n}", f"b{n}"], f"fc{n}", transB=1)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("storage", ["gemm", "matmul", "half", "codes"])
@pytest.mark.parametrize("head", ["Flatten", "Reshape 1", "Reshape -1", "computed"])
def test_every_position_is_the_ordinary_form_on_its_crop(
    storage: str, head: str, *, last: bool
) -> None:
    proto = valid_network(last=last, storage=storage, head=head)
    form = form_of(proto)
    assert (form.rows.stride, form.columns.stride, form.window) == (4, 4, (SIDE, SIDE))
    assert form.fold == (4, 4)
    size = (SIDE + 4 * 3, SIDE + 4 * 5)
    values = RANDOM.normal(0, 1, (*size, 3) if last else (3, *size)).astype(np.float32)
    found = logits(form, values)
    assert found.shape == (4, 6, 5)
    for row, column in np.ndindex(4, 6):
        down, across = slice(4 * row, 4 * row + SIDE), slice(4 * column, 4 * column + SIDE)
        crop = values[down, across] if last else values[:, down, across]
        expected = ordinary(proto, np.ascontiguousarray(crop), "fc4")
        np.testing.assert_allclose(found[row, column], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("opset", [7, 12])
def test_old_graphs_need_nothing_new(opset: int) -> None:
    proto = valid_network(opset=opset)
    values = RANDOM.normal(0, 1, (3, SIDE + 8, SIDE)).astype(np.float32)
    found = logits(form_of(proto), values)
    expected = ordinary(proto, np.ascontiguousarray(values[:, 8:]), "fc4")
    np.testing.assert_allclose(found[2, 0], expected, rtol=1e-3, atol=1e-4)


def test_a_global_pooling_becomes_one_of_windows() -> None:
    proto = tiny_proto()
    form = form_of(proto)
    assert (form.window, form.rows.stride, form.fold) == ((8, 12), 1, (1, 1))
    values = RANDOM.normal(0, 1, (3, 9, 14)).astype(np.float32)
    found = logits(form, values)
    assert found.shape == (2, 3, 4)
    own = logits(form, values[:, :8, :12])
    np.testing.assert_allclose(own[0, 0], ordinary(proto, values[:, :8, :12], "logits"), atol=1e-4)
    # The convolution pads: in the middle of a picture it sees what it does not see in a crop.
    assert not np.allclose(found[0, 0], own[0, 0], atol=1e-4)


def test_a_pooling_that_padding_follows_waits_for_nothing() -> None:
    weights = {"w1": (4, 3, 1, 1), "w2": (4, 4, 3, 3), "m": (4, 5)}
    tensors = {k: RANDOM.normal(0, 1, v).astype(np.float32) for k, v in weights.items()}
    nodes = [
        helper.make_node("Conv", ["data", "w1"], ["conv1"]),
        helper.make_node("GlobalMaxPool", ["conv1"], ["pool"]),
        helper.make_node("Conv", ["pool", "w2"], ["conv2"], pads=[1] * 4),
        helper.make_node("Flatten", ["conv2"], ["flat"]),
        helper.make_node("MatMul", ["flat", "m"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["prob"]),
    ]
    outputs = [helper.make_tensor_value_info(n, 1, ["N", 5]) for n in ("logits", "prob")]
    proto = onnx_model(nodes, ["N", 3, 4, 4], outputs, tensors)
    form = form_of(proto)
    assert form.fold == (4, 4)
    values = RANDOM.normal(0, 1, (3, 5, 6)).astype(np.float32)
    found = logits(form, values)
    for row, column in np.ndindex(2, 3):
        crop = np.ascontiguousarray(values[:, row : row + 4, column : column + 4])
        np.testing.assert_allclose(
            found[row, column], ordinary(proto, crop, "logits"), rtol=1e-3, atol=1e-4
        )


# --- what has no such form --------------------------------------------------------------------


def branching() -> ModelProto:
    tensors = {"w": RANDOM.normal(0, 1, (3, 3, 1, 1)).astype(np.float32)}
    nodes = [
        helper.make_node("Conv", ["data", "w"], ["left"]),
        helper.make_node("Add", ["left", "data"], ["sum"]),
        helper.make_node("GlobalAveragePool", ["sum"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Softmax", ["flat"], ["prob"]),
    ]
    outputs = [helper.make_tensor_value_info("prob", 1, ["N", 3])]
    return onnx_model(nodes, ["N", 3, 8, 8], outputs, tensors)


def without_softmax() -> ModelProto:
    proto = tiny_proto()
    proto.graph.node.pop()
    proto.graph.output.pop()
    return proto


@pytest.mark.parametrize(
    ("proto", "reason"), [(branching(), "follow"), (without_softmax(), "softmax")]
)
def test_refusals_say_why(proto: ModelProto, reason: str) -> None:
    with pytest.raises(NotConvolutionalError, match=reason):
        form_of(proto)


@pytest.mark.parametrize("size", [(SIDE - 4, SIDE), (SIDE, SIDE + 2)])
def test_other_sizes_are_no_positions(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        form_of(valid_network()).places(*size)
