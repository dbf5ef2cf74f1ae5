"""Graphs of all styles in 8-bit integers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from inference.deep_networks import PLAIN, Style, deep_model, deep_proto
from support import TINY_SIZE
from vggscope.inference.quantization_graph import is_quantized, layers_after, quantize_graph
from vggscope.vgg.graph import network_of
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.zoo.normal_form import Model


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return deep_model(tmp_path / "deep")


def pictures(count: int, style: Style = PLAIN, seed: int = 0) -> list[NDArray[np.float32]]:
    """Noise of many colours as the input of a network, without the batch axis."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        colour = random.normal(0, 1, (3, 1, 1))
        picture = (colour + random.normal(0, 0.5, (3, *TINY_SIZE))).astype(np.float32)
        made.append(picture.transpose(1, 2, 0) if style.layout == "NHWC" else picture)
    return made


def quantized(model: Model, style: Style = PLAIN) -> onnx.ModelProto:
    return quantize_graph(model.graph_path, pictures(16, style), probabilities="prob")


def answers(graph: Path | bytes, style: Style = PLAIN) -> NDArray[np.float32]:
    """Probabilities of other pictures than were calibrated with, by ONNX Runtime alone."""
    import onnxruntime  # noqa: PLC0415 (its telemetry was switched off by the imports above)

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    batch = style.batch if isinstance(style.batch, int) else 1
    inputs = pictures(16, style, seed=1)
    return np.array([session.run(["prob"], {"data": [p] * batch})[0][0] for p in inputs])


def test_weights_are_int8_per_channel_and_activations_uint8(model: Model) -> None:
    graph = quantized(model).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    producers = {output: node for node in graph.node for output in node.output}
    carriers = [node for node in graph.node if node.op_type in {"Conv", "Gemm"}]
    assert len(carriers) == 4
    for node in carriers:
        activation, weight = producers[node.input[0]], producers[node.input[1]]
        assert activation.op_type == weight.op_type == "DequantizeLinear"
        assert tensors[activation.input[2]].dtype == np.uint8
        assert tensors[weight.input[0]].dtype == np.int8
        assert tensors[weight.input[1]].shape == tensors[weight.input[0]].shape[:1]
        assert len(set(tensors[weight.input[1]])) > 1


def test_scales_span_what_all_pictures_showed(model: Model) -> None:
    """The greatest value of a tensor is that of one picture, wherever it stands among them."""
    quiet, loud = np.zeros((3, *TINY_SIZE), np.float32), np.full((3, *TINY_SIZE), 51, np.float32)
    for feeds in ([loud, quiet, quiet], [quiet, quiet, loud], [quiet] * 40 + [loud] + [quiet] * 40):
        graph = quantize_graph(model.graph_path, feeds, probabilities="prob").graph
        [scale] = [numpy_helper.to_array(t) for t in graph.initializer if t.name == "data_scale"]
        assert scale == pytest.approx(51 / 255)


def test_the_softmax_stays_in_float(model: Model) -> None:
    """In 8 bits, probabilities would be multiples of 1/256."""
    proto = quantized(model)
    [softmax] = [node for node in proto.graph.node if node.op_type == "Softmax"]
    assert list(softmax.output) == ["prob"]
    assert not any("prob" in node.input for node in proto.graph.node)
    probabilities = answers(proto.SerializeToString())
    assert not np.allclose(probabilities * 256, np.rint(probabilities * 256), atol=1e-3)


def test_layers_keep_their_names_where_there_is_one(model: Model) -> None:
    after = quantized(model).graph
    entries = layers_after(model.description.layers, model.graph().graph, after)
    assert [tuple(entry.values()) for entry in entries] == [
        ("conv1_1", "Conv", "relu_conv1_1"),
        ("pool1", "MaxPool", "pool1"),
        ("conv2_1", "Conv", "relu_conv2_1"),
        ("pool2", "GlobalAveragePool", "pool2"),
        ("fc3", "Gemm", "relu3"),
        ("fc4", "Gemm", "fc4_QuantizeLinear_Input"),
        ("prob", "Softmax", "prob"),
    ]


@pytest.mark.parametrize(
    "style",
    [
        Style(layout="NHWC"),
        Style(batch=3),
        Style(half=True),
        Style(normalised=True),
        Style(dense="MatMul"),
        Style(named=False),
        Style(opset=12, ir_version=7),
        Style(opset=8, ir_version=3, weights_are_inputs=True, normalised=True),
        Style(half=True, weights_are_inputs=True),
        Style(opset=21, ir_version=10),
    ],
    ids=repr,
)
def test_graphs_of_all_styles(style: Style, tmp_path: Path) -> None:
    model = deep_model(tmp_path / "deep", style)
    before, after = model.graph(), quantized(model, style)
    onnx.checker.check_model(after)
    assert [value.name for value in after.graph.input] == ["data"]
    assert [o.name for o in after.graph.output] == [o.name for o in before.graph.output]
    assert {entry.domain for entry in after.opset_import} == {""}
    dequantized = {n.name for n in after.graph.node if n.op_type == "DequantizeLinear"}
    assert len([name for name in dequantized if name.endswith("_w_DequantizeLinear")]) == 4
    entries = layers_after(model.description.layers, before.graph, after.graph)
    names = [entry["name"] for entry in entries]
    assert names == ["conv1_1", "pool1", "conv2_1", "pool2", "fc3", "fc4", "prob"]
    tables = [network_of(p, name="", title="", size=TINY_SIZE[0]) for p in (before, after)]
    parts = [[(x.name, x.parameters, x.activation) for x in table.layers] for table in tables]
    if style.normalised:
        assert tables[0].macs == tables[1].macs
    else:
        assert parts[0] == parts[1]
    reference = answers(model.graph_path, style)
    changes = np.abs(answers(after.SerializeToString(), style) - reference)
    assert 0 < changes.mean() < 0.01
    assert changes.max() < 0.1
    assert reference.std(axis=0).max() > 0.02  # it does tell these pictures apart


def test_the_same_pictures_make_the_same_graph(model: Model) -> None:
    weights = [
        {tensor.name: tensor.raw_data for tensor in quantized(model).graph.initializer}
        for _ in range(2)
    ]
    assert weights[0] == weights[1]


def test_what_is_quantized(model: Model) -> None:
    assert not is_quantized(model.graph().graph)
    assert is_quantized(quantized(model).graph)
    assert is_quantized(find_model("vgg16-compact-int8").graph().graph)
    for operator in ("QLinearConv", "QGemm", "ConvInteger", "MatMulInteger"):
        graph = onnx.GraphProto(node=[onnx.NodeProto(op_type=operator)])
        assert is_quantized(graph)


def test_tidily(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither ONNX Runtime nor its tools leave files or text."""
    # It has something to say of weights that nobody needs.
    proto = deep_proto()
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "idle"))
    file, scratch, here = tmp_path / "deep.onnx", tmp_path / "scratch", tmp_path / "here"
    onnx.save(proto, file)
    for folder in (scratch, here):
        folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.chdir(here)
    quantize_graph(file, pictures(3), probabilities="prob")
    assert sorted(tmp_path.rglob("*")) == sorted([file, scratch, here])
    output = capfd.readouterr()
    assert (output.out, output.err) == ("", "")


def test_what_the_tools_say_goes_into_our_log(
    model: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They speak to the root logger, which then gets a handler unless it has one."""
    import onnxruntime.quantization as tools  # noqa: PLC0415

    quantize_static = tools.quantize_static

    def talkative(*arguments: object, **options: object) -> None:
        logging.warning("something")  # noqa: LOG015
        quantize_static(*arguments, **options)

    monkeypatch.setattr(tools, "quantize_static", talkative)
    caplog.set_level("INFO", "vggscope")
    with monkeypatch.context() as patch:
        patch.setattr(logging.getLogger(), "handlers", [])
        patch.setattr(logging.getLogger("vggscope"), "handlers", [caplog.handler])
        quantized(model)
        assert logging.getLogger().handlers == []
    assert caplog.messages == ["ONNX Runtime: something"]
