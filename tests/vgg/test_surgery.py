"""Graphs cut at a layer: what they compute, and what they need for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from vgg.chains import Chain
from vggscope.vgg.anatomy import Anatomy, anatomy_of
from vggscope.vgg.build import build
from vggscope.vgg.surgery import Output, cut, unit_weights
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.vgg.anatomy import Site

SHAPE = (1, 3, 224, 224)


def read(model: onnx.ModelProto) -> Anatomy:
    return anatomy_of(model, name="test", title="Test")


def site(anatomy: Anatomy, name: str) -> Site:
    found = anatomy.find(name)
    assert found is not None
    return found


def run(
    model: onnx.ModelProto, picture: NDArray[np.float32] | None, folder: Path | None = None
) -> list[NDArray[np.float32]]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    # So that rounding is the same whatever nodes are there to be fused.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if folder is not None:
        key = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(key, str(folder))
    providers = ["CPUExecutionProvider"]
    session = ort.InferenceSession(model.SerializeToString(), options, providers=providers)
    return session.run(None, {} if picture is None else {"data": picture})


@pytest.fixture(scope="module")
def picture() -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-100, 100, SHAPE).astype(np.float32)


@pytest.mark.parametrize("layer", ["conv1_1", "pool2", "conv3_3", "fc6", "pool6", "flatten", "fc8"])
@pytest.mark.parametrize("name", ["vgg16-compact", "vgg16-compact-int8"])
def test_a_cut_graph_computes_what_the_whole_one_does(
    name: str, layer: str, picture: NDArray[np.float32]
) -> None:
    model = find_model(name)
    graph = model.graph()
    place = site(read(graph), layer)
    part = cut(graph, [Output.of(place, name="layer")])
    assert "prob" not in {output for node in part.graph.node for output in node.output}
    assert part.ByteSize() < 100_000, "the weights stay where they are"
    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    tapped = helper.make_tensor_value_info(place.tensor, onnx.TensorProto.FLOAT, None)
    if place.tensor not in {value.name for value in whole.graph.output}:
        whole.graph.output.append(tapped)
    index = [value.name for value in whole.graph.output].index(place.tensor)
    expected = run(whole, picture, model.folder)[index]
    [found] = run(part, picture, model.folder)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_several_outputs_in_the_order_asked_for() -> None:
    graph = build("A", size=32, width=0.1)
    anatomy = read(graph)
    names = ["prob", "conv2_1", "conv2_1"]
    outputs = [
        Output.of(site(anatomy, name), name=f"o{i}", before_relu=i == 2)
        for i, name in enumerate(names)
    ]
    data = np.random.default_rng(2).standard_normal((1, 3, 32, 32), np.float32)
    part = cut(graph, outputs)
    onnx.checker.check_model(part)
    prob, after, before = run(part, data)
    assert prob.sum() == pytest.approx(1, abs=1e-5)
    assert before.min() < 0
    np.testing.assert_array_equal(np.maximum(before, 0), after)


@pytest.mark.parametrize(("shrink", "side"), [(2, 10), (3, 7), (4, 5), (32, 1)])
def test_shrinking_takes_the_maximum_of_blocks(shrink: int, side: int) -> None:
    chain = Chain("N", 3, 20, 20).add("Relu")
    place = site(read(chain.model()), "relu")
    part = cut(chain.model(), [Output.of(place, name="layer", shrink=shrink)])
    data = np.random.default_rng(3).standard_normal((1, 3, 20, 20), np.float32)
    [found] = run(part, data)
    full = np.maximum(data, 0)
    assert found.shape == (1, 3, side, side)
    for row in range(side):
        for column in range(side):
            rows = slice(row * shrink, (row + 1) * shrink)
            columns = slice(column * shrink, (column + 1) * shrink)
            np.testing.assert_array_equal(
                found[:, :, row, column], full[:, :, rows, columns].max(axis=(2, 3))
            )


def test_channels_last_is_turned_round() -> None:
    chain = Chain("N", 8, 8, 3)
    chain.add("Relu")
    place = site(read(chain.model()), "relu")
    data = np.random.default_rng(4).standard_normal((1, 8, 8, 3), np.float32)
    [found] = run(cut(chain.model(), [Output.of(place, name="layer")]), data)
    np.testing.assert_array_equal(found, np.maximum(data, 0).transpose(0, 3, 1, 2))


def test_codes_become_numbers() -> None:
    chain = Chain("N", 3, 4, 4)
    scale, zero = chain.constant(0.5, "f4"), chain.constant(3, "u1")
    chain.add("QuantizeLinear", scale, zero)
    chain.add("MaxPool", kernel_shape=[1, 1])
    place = site(read(chain.model()), "pool1")
    place = type(place)(
        layer=place.layer, tensor=place.tensor, dequantize=(scale, zero), nodes=place.nodes
    )
    data = np.arange(48, dtype=np.float32).reshape(1, 3, 4, 4) / 2
    [found] = run(cut(chain.model(), [Output.of(place, name="layer")]), data)
    np.testing.assert_array_equal(found, data)


def test_nothing_is_before_a_pooling() -> None:
    graph = build("A", size=32, width=0.1)
    with pytest.raises(ValueError, match="pool1"):
        Output.of(site(read(graph), "pool1"), name="layer", before_relu=True)


def initializer(graph: onnx.ModelProto, name: str) -> NDArray[np.float32]:
    [tensor] = [t for t in graph.graph.initializer if t.name == name]
    return numpy_helper.to_array(tensor)


@pytest.mark.parametrize(("layer", "unit"), [("conv1_1", 0), ("conv4_2", 17), ("fc6", 3)])
def test_weights_of_a_unit(layer: str, unit: int) -> None:
    graph = build("A", size=32, width=0.1)
    place = site(read(graph), layer)
    [weights] = run(unit_weights(graph, place, unit), None)
    np.testing.assert_array_equal(weights, initializer(graph, f"{layer}_w")[unit])


@pytest.mark.parametrize("operator", ["Gemm", "MatMul"])
def test_weights_where_units_come_last(operator: str) -> None:
    chain = Chain("N", 3, 4, 4).add("Flatten")
    values = np.random.default_rng(5).standard_normal((48, 7), np.float32)
    chain.add(operator, chain.constant(values, "f4"))
    [weights] = run(unit_weights(chain.model(), site(read(chain.model()), "fc1"), 4), None)
    np.testing.assert_array_equal(weights, values[:, 4])


def test_weights_that_are_stored_in_other_forms() -> None:
    rows = []
    for name in ("vgg16-compact", "vgg16-compact-int8"):
        model = find_model(name)
        graph = model.graph()
        [row] = run(unit_weights(graph, site(read(graph), "conv2_1"), 9), None, model.folder)
        assert row.shape == (64, 3, 3)
        rows.append(row)
    half, eight_bits = rows
    assert np.abs(half - eight_bits).max() < np.abs(half).max() / 100
    assert math.isfinite(float(half.sum()))


class Noise(CalibrationDataReader):
    """Pictures to find the ranges of a quantised network with."""

    def __init__(self) -> None:
        random = np.random.default_rng(6)
        self.pictures = [random.standard_normal((1, 3, 32, 32), np.float32) for _ in range(3)]

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return {"data": self.pictures.pop()} if self.pictures else None


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_network_in_codes_is_seen_in_numbers(tmp_path: Path, per_channel: bool) -> None:
    whole = build("A", size=32, width=0.1, classes=10)
    onnx.save(whole, tmp_path / "whole.onnx")
    quantize_static(
        tmp_path / "whole.onnx",
        tmp_path / "codes.onnx",
        Noise(),
        quant_format=QuantFormat.QOperator,
        per_channel=per_channel,
        weight_type=QuantType.QInt8,
    )
    codes = onnx.load(tmp_path / "codes.onnx")
    assert {"QLinearConv", "QGemm"} <= {node.op_type for node in codes.graph.node}
    expected, anatomy = read(whole), read(codes)
    assert anatomy.is_chain
    names = [layer.name for layer in anatomy.network.layers]
    assert names == [layer.name for layer in expected.network.layers]
    for pair in zip(anatomy.sites[1:], expected.sites[1:], strict=True):
        data = Noise().pictures[0]
        parts = [
            cut(graph, [Output.of(place, name="layer")])
            for graph, place in zip((codes, whole), pair, strict=True)
        ]
        onnx.checker.check_model(parts[0])
        (found,), (exact,) = (run(part, data) for part in parts)
        # 8 bits are 0.4 % of the range for each layer; codes taken for numbers are 1000 % off.
        assert np.abs(found - exact).max() < 0.2 * np.abs(exact).max(), pair[0].layer.name
        if pair[0].weights is None:
            continue
        unit = pair[0].layer.output_shape[-1] - 1
        [rounded] = run(unit_weights(codes, pair[0], unit), None)
        [stored] = run(unit_weights(whole, pair[1], unit), None)
        assert rounded.shape == stored.shape
        matrix = initializer(whole, f"{pair[1].layer.name}_w")
        largest = np.abs(matrix[unit] if per_channel else matrix).max()
        # Half a step of 127 to each side.
        assert np.abs(rounded - stored).max() <= 1.01 * largest / 254, pair[0].layer.name


def test_weights_of_a_convolution_beside_a_branch() -> None:
    chain = Chain("N", 3, 4, 4)
    values = np.random.default_rng(7).standard_normal((5, 3, 1, 1), np.float32)
    chain.add("Conv", chain.constant(values, "f4")).add("Concat", "data", axis=1)
    anatomy = read(chain.model())
    assert not anatomy.is_chain
    [weights] = run(unit_weights(chain.model(), anatomy.sites[1], 4), None)
    np.testing.assert_array_equal(weights, values[4])


def test_a_pooling_has_no_weights() -> None:
    graph = build("A", size=32, width=0.1)
    with pytest.raises(ValueError, match="pool1"):
        unit_weights(graph, site(read(graph), "pool1"), 0)
