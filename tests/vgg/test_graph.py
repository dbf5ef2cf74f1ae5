from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vgg.chains import (
    EXPORTERS,
    BatchNormalizingExporter,
    Chain,
    Exporter,
)
from vggscope import paths
from vggscope.errors import NotAChainError
from vggscope.vgg import configs
from vggscope.vgg.graph import network_of
from vggscope.vgg.network import Kind, Layer, Network, receptive_field_box


def read(model: onnx.ModelProto, **options: int) -> Network:
    return network_of(model, name="test", title="Test", **options)


def layers_of(chain: Chain, **options: int) -> tuple[Layer, ...]:
    return read(chain.model(), **options).layers


def bundled(name: str) -> Network:
    path = paths.bundled_models() / name / "graph.onnx"
    return network_of(onnx.load(path, load_external_data=False), name=name, title=name)


# --- what ships with the program --------------------------------------------------------------


def test_the_bundled_model() -> None:
    network = bundled("vgg16-compact")
    assert network.parameters == network.trainable == 19_210_024
    assert network.input_shape == (224, 224, 3)
    vgg16 = configs.network("vgg16")
    assert network.layers[:19] == vgg16.layers[:19]
    assert [(x.name, x.type, x.output_shape, x.activation) for x in network.layers[19:]] == [
        ("fc6", "Conv2D", (7, 7, 1792), "relu"),
        ("pool6", "GlobalAveragePooling2D", (1, 1, 1792), None),
        ("fc7", "Conv2D", (1, 1, 1280), "relu"),
        ("flatten", "Flatten", (1280,), None),
        ("fc8", "Dense", (1000,), None),
        ("prob", "Softmax", (1000,), None),
    ]
    fc8 = network.find("fc8")
    assert fc8 is not None
    assert receptive_field_box(fc8, 0, 0) == (-90, -90, 314, 314)


def test_the_bundled_model_is_the_same_in_8_bits() -> None:
    assert bundled("vgg16-compact-int8").layers == bundled("vgg16-compact").layers


# --- the same network by other exporters ------------------------------------------------------


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", configs.CONFIGS)
def test_every_exporter_gives_the_network_of_the_paper(name: str, exporter: type[Exporter]) -> None:
    paper = configs.network(name)
    assert read(exporter().export(paper)).layers == paper.layers


def test_batch_normalization_has_layers_of_its_own() -> None:
    paper = configs.network("vgg16")
    network = read(BatchNormalizingExporter().export(paper))
    # torchvision's vgg16_bn has so many trainable parameters.
    assert network.trainable == 138_365_992
    assert network.parameters == 138_374_440
    assert [(x.name, x.activation) for x in network.layers[1:6]] == [
        ("conv1_1", None),
        ("bn1_1", "relu"),
        ("conv1_2", None),
        ("bn1_2", "relu"),
        ("pool1", None),
    ]


def test_quantized_operators() -> None:
    chain = Chain("N", 3, 8, 8)
    scale, zero = chain.constant(1.0, "float32"), chain.constant(0, "uint8")
    codes = onnx.TensorProto.INT8
    chain.add("QuantizeLinear", scale, zero)
    ends = (scale, zero)
    conv = chain.weights(4, 3, 3, 3, type=codes)
    chain.add("QLinearConv", *ends, conv, *ends, *ends, chain.weights(4))
    chain.add("Flatten")
    chain.add("QGemm", *ends, chain.weights(5, 144, type=codes), *ends, chain.weights(5), transB=1)
    chain.add("QLinearMatMul", *ends, chain.weights(5, 2, type=codes), *ends, *ends)
    chain.add("QLinearAdd", *ends, chain.weights(2), *ends, *ends)
    _, *layers = layers_of(chain)
    assert [(x.name, x.output_shape, x.parameters) for x in layers] == [
        ("conv1_1", (6, 6, 4), 4 * 27 + 4),
        ("flatten", (144,), 0),
        ("fc2", (5,), 144 * 5 + 5),
        ("fc3", (2,), 5 * 2 + 2),
    ]


# --- single habits ----------------------------------------------------------------------------


def test_sizes_that_the_graph_leaves_open() -> None:
    chain = Chain("N", 3, "height", "width").add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    assert layers_of(chain)[1].output_shape == (112, 112, 3)
    assert layers_of(chain, size=64)[1].output_shape == (32, 32, 3)


def test_a_relu_that_nobody_can_carry_is_a_layer() -> None:
    chain = Chain(1, 3, 8, 8).add("Relu").add("Sigmoid").add("Sigmoid")
    assert [(x.name, x.type, x.activation) for x in layers_of(chain)[1:]] == [
        ("relu", "ReLU", "relu"),
        ("sigmoid", "Sigmoid", None),
        ("sigmoid_2", "Sigmoid", None),
    ]
    assert layers_of(chain)[1].kind is Kind.ACTIVATION


def test_a_second_relu_adds_nothing() -> None:
    chain = Chain(1, 3, 8, 8)
    chain.add("Conv", chain.weights(4, 3, 1, 1)).add("Relu").add("Relu")
    assert len(layers_of(chain)) == 2


def test_a_quantizer_that_keeps_what_is_negative_is_no_relu() -> None:
    chain = Chain(1, 3, 8, 8)
    chain.add("Conv", chain.weights(4, 3, 1, 1))
    chain.add("QuantizeLinear", chain.constant(1, "float32"), chain.constant(0, "int8"))
    assert layers_of(chain)[1].activation is None


def test_a_relu_that_only_the_tensor_remembers() -> None:
    chain = Chain(1, 3, 8, 8)
    chain.add("Conv", chain.weights(4, 3, 1, 1))
    chain.tip = chain.nodes[-1].output[0] = "relu1_1"
    zero_point = chain.weights(1, type=onnx.TensorProto.UINT8)
    chain.initializers[-1].data_location = onnx.TensorProto.EXTERNAL
    chain.add("QuantizeLinear", chain.constant(1, "float32"), zero_point)
    assert layers_of(chain)[1].activation == "relu"


def test_half_of_the_classic_names_are_none() -> None:
    chain = Chain(1, 3, 8, 8)
    for name in ("conv4_2", ""):
        chain.add("Conv", chain.weights(3, 3, 1, 1), name=name)
    assert [x.name for x in layers_of(chain)] == ["data", "conv1_1", "conv1_2"]


def test_a_convolution_over_the_whole_map_counts_as_fully_connected() -> None:
    chain = Chain(1, 3, 8, 8)
    chain.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    chain.add("Conv", chain.weights(5, 3, 4, 4)).add("Conv", chain.weights(6, 5, 1, 1))
    assert [x.name for x in layers_of(chain)] == ["data", "pool1", "fc2", "fc3"]


def test_global_pooling_then_squeeze() -> None:
    chain = Chain("N", 5, 8, 6).add("GlobalAveragePool")
    chain.add("Squeeze", chain.constant([2, 3], "int64"))
    _, pool, flat = layers_of(chain)
    assert (pool.type, pool.kernel, pool.output_shape) == (
        "GlobalAveragePooling2D",
        (8, 6),
        (1, 1, 5),
    )
    assert (flat.kind, flat.output_shape) == (Kind.FLATTEN, (5,))
    assert receptive_field_box(pool, 0, 0) == (0, 0, 6, 8)


def test_arithmetic_on_the_pixels() -> None:
    chain = Chain(1, 3, 8, 8)
    chain.add("Sub", chain.weights(1, 3, 1, 1)).add("Mul", chain.constant(2, "float32"))
    chain.add("Conv", chain.weights(4, 3, 3, 3)).add("Add", chain.weights(4, 1, 1))
    _, *layers = layers_of(chain)
    assert [(x.name, x.kind, x.output_shape) for x in layers] == [
        ("sub", Kind.OTHER, (8, 8, 3)),
        ("mul", Kind.OTHER, (8, 8, 3)),
        ("conv1_1", Kind.CONVOLUTION, (6, 6, 4)),
    ]
    assert layers[-1].parameters == 4 * 27 + 4
    assert layers[-1].receptive_field == 3


def test_unknown_operators_have_the_inferred_shape() -> None:
    chain = Chain("N", 3, 8, 8)
    no_region = chain.constant([], "float32")
    scales = chain.constant([1, 1, 2, 3], "float32")
    chain.add("Resize", no_region, scales)
    chain.add("ReduceMean", axes=[2, 3], keepdims=0)
    chain.add("Gemm", chain.weights(3, 7))
    _, resized, mean, last = layers_of(chain)
    assert (resized.type, resized.output_shape) == ("Resize", (16, 24, 3))
    assert (mean.name, mean.kind, mean.output_shape) == ("reducemean", Kind.OTHER, (3,))
    assert last.parameters == 21
    assert receptive_field_box(resized, 3, 3) == (0, 0, 8, 8)


def test_pictures_with_the_channels_last_throughout() -> None:
    chain = Chain("N", 8, 6, 3).add("ReduceMax", axes=[1], keepdims=1)
    network = read(chain.model())
    assert network.input_shape == (8, 6, 3)
    assert network.layers[1].output_shape == (1, 6, 3)


# --- graphs that are no chain -----------------------------------------------------------------


def residual() -> Chain:
    chain = Chain(1, 3, 8, 8)
    shortcut = chain.tip
    chain.add("Conv", chain.weights(3, 3, 3, 3), pads=[1, 1, 1, 1], name="conv")
    return chain.add("Add", shortcut, name="shortcut")


def split() -> Chain:
    chain = Chain(1, 4, 8, 8).add("Split", axis=1, outputs=2, name="halves")
    return chain.add("Concat", chain.tip.replace("a", "b"), axis=1)


def two_inputs() -> Chain:
    chain = Chain(1, 3, 8, 8)
    more = onnx.helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, [1, 3, 8, 8])
    chain.inputs.append(more)
    return chain.add("Add", "more")


def circle() -> Chain:
    chain = Chain(1, 3, 8, 8).add("Relu").add("Relu")
    chain.nodes[-1].output[0] = "data"
    return chain


def computed_weights() -> Chain:
    chain = Chain(1, 3, 8, 8)
    return chain.add("Conv", "data", name="conv")


def mismatch() -> Chain:
    chain = Chain(1, 3, 8, 8)
    return chain.add("Conv", chain.weights(4, 5, 3, 3), name="a: b")


@pytest.mark.parametrize(
    ("chain", "node", "reason"),
    [
        (residual(), "shortcut", "“data” goes to 2 nodes at once"),
        (split(), "halves", "more than one way"),
        (two_inputs(), "data, more", "2 inputs"),
        (circle(), "Relu of t0a", "more than one way"),
        (computed_weights(), "conv", "weights are no constant of rank 4"),
        (mismatch(), "a: b", "weights for 5 inputs, but 3 arrive"),
        (Chain("N", 784), "data", "no batch of pictures"),
        (Chain(1, 3, 8, 8).add("Flatten", axis=2, name="f"), "f", "flattened together"),
        (Chain(1, 3, 8, 8).add("NonZero", name="n"), "n", "shape that NonZero gives"),
        (Chain(1, 3, 8, 8).add("MaxPool", kernel_shape=[2], name="p"), "p", "rows and columns"),
        (
            Chain(1, 3, 8, 8).add("MaxPool", kernel_shape=[2, 2], strides=[2], name="p"),
            "p",
            "rows and columns",
        ),
        (
            Chain(1, 3, 8, 8).add(
                "MaxPool", kernel_shape=[2, 2], strides=[0, 0], auto_pad="SAME_UPPER", name="p"
            ),
            "p",
            "at least 1",
        ),
    ],
)
def test_what_is_no_chain_is_refused(chain: Chain, node: str, reason: str) -> None:
    with pytest.raises(NotAChainError, match=reason) as caught:
        read(chain.model())
    error = caught.value
    assert error.details["node"] == node
    assert error.as_json()["kind"] == "not-a-chain"
    assert pickle.loads(pickle.dumps(error)).message == error.message


def test_a_malformed_weight_transposition_is_no_crash() -> None:
    chain = Chain(1, 3, 8, 8)
    turned = chain.side("Transpose", chain.weights(3, 4), perm=[0, 7])
    with pytest.raises(NotAChainError, match="no constant of rank 4"):
        read(chain.add("Conv", turned).model())


# --- against ONNX's own shape inference -------------------------------------------------------

window_attributes = st.fixed_dictionaries(
    {
        "kernel_shape": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "strides": st.tuples(st.integers(1, 3), st.integers(1, 3)),
    },
    optional={
        "dilations": st.tuples(st.integers(1, 2), st.integers(1, 2)),
        "pads": st.tuples(*[st.integers(0, 1)] * 4),
    },
)


@settings(max_examples=60, deadline=None)
@given(
    windows=st.lists(
        st.tuples(
            st.sampled_from(["Conv", "MaxPool"]),
            window_attributes,
            st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
        ),
        min_size=1,
        max_size=3,
    ),
    height=st.integers(24, 32),
    width=st.integers(24, 32),
)
def test_shapes_are_those_of_onnx(
    windows: list[tuple[str, dict[str, tuple[int, ...]], str]], height: int, width: int
) -> None:
    chain = Chain(1, 2, height, width)
    for operator, window, auto_pad in windows:
        attributes: dict[str, object] = {**window, "auto_pad": auto_pad}
        if auto_pad != "NOTSET":
            attributes.pop("pads", None)
        more = [chain.weights(2, 2, *window["kernel_shape"])] if operator == "Conv" else []
        chain.add(operator, *more, **attributes)
    try:
        layers = layers_of(chain)
    except NotAChainError:
        # A window that does not fit: nothing to compare.
        return
    inferred = onnx.shape_inference.infer_shapes(chain.model(), strict_mode=True)
    dims = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*inferred.graph.value_info, *inferred.graph.output)
    }
    for node, layer in zip(chain.nodes, layers[1:], strict=True):
        _, channels, rows, columns = dims[node.output[0]]
        assert layer.output_shape == (rows, columns, channels)


def test_the_title_and_the_name_are_the_callers() -> None:
    network = network_of(Chain(1, 3, 8, 8).add("Relu").model(), name="mine", title="My model")
    assert (network.name, network.title) == ("mine", "My model")
    assert replace(network, name="other").layers is network.layers


def test_importing_the_package_imports_no_engine() -> None:
    code = (
        "import sys, vggscope.vgg.graph, vggscope.vgg.configs, vggscope.vgg.table;"
        "sys.exit(any(m.split('.')[0] in {'onnx', 'onnxruntime', 'PySide6'} for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
