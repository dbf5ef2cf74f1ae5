"""Where layers lie in their graphs."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto

from vgg.chains import (
    EXPORTERS,
    BatchNormalizingExporter,
    Chain,
    Exporter,
)
from vggscope.errors import NotAChainError
from vggscope.vgg import configs
from vggscope.vgg.anatomy import Anatomy, anatomy_of
from vggscope.vgg.build import structure
from vggscope.vgg.graph import network_of
from vggscope.zoo.models import find_model


def read(model: onnx.ModelProto) -> Anatomy:
    return anatomy_of(model, name="test", title="Test")


def tensors_of(model: onnx.ModelProto) -> set[str]:
    made = {name for node in model.graph.node for name in node.output}
    return made | {value.name for value in model.graph.input}


@pytest.mark.parametrize("name", ["vgg16-compact", "vgg16-compact-int8"])
def test_every_layer_of_the_bundled_models_has_its_place(name: str) -> None:
    model = find_model(name)
    graph = model.graph()
    anatomy = anatomy_of(graph, name=name, title=name)
    assert anatomy.is_chain
    assert anatomy.network == network_of(graph, name=name, title=name)
    assert [site.layer for site in anatomy.sites] == list(anatomy.network.layers)
    assert {site.tensor for site in anatomy.sites} <= tensors_of(graph)
    assert {site.before for site in anatomy.sites} - {None} <= tensors_of(graph)
    described = [x.name for x in model.description.layers if not x.name.startswith("relu")]
    assert [s.layer.name for s in anatomy.sites if s.layer.name in described] == described


def test_tensors_of_the_bundled_models() -> None:
    def places(name: str, layer: str) -> tuple[str, str | None, str | None]:
        model = find_model(name)
        site = anatomy_of(model.graph(), name=name, title=name).find(layer)
        assert site is not None
        return site.tensor, site.before, site.weights

    assert places("vgg16-compact", "conv1_1") == ("relu1_1", "conv1_1", "conv1_1_w")
    assert places("vgg16-compact", "pool1") == ("pool1", None, None)
    assert places("vgg16-compact", "prob") == ("prob", None, None)
    assert places("vgg16-compact", "data") == ("data", None, None)
    # Its ReLU is done by the lowest code.
    assert places("vgg16-compact-int8", "conv1_1") == (
        "relu1_1_DequantizeLinear_Output",
        "relu1_1",
        "conv1_1_w_DequantizeLinear_Output",
    )
    assert places("vgg16-compact-int8", "fc8")[:2] == ("fc8", None)


@pytest.mark.parametrize("name", configs.CONFIGS)
@pytest.mark.parametrize("exporter", [*EXPORTERS, BatchNormalizingExporter])
def test_every_exporter(name: str, exporter: type[Exporter]) -> None:
    graph = exporter().export(configs.network(name))
    anatomy = read(graph)
    assert anatomy.is_chain
    assert len(anatomy.sites) == len(anatomy.network.layers)
    assert {site.tensor for site in anatomy.sites} <= tensors_of(graph)
    for site in anatomy.sites:
        has_relu = site.layer.activation == "relu"
        assert (site.before is not None) <= has_relu
        weighed = "conv" in site.layer.name or "fc" in site.layer.name
        assert (site.weights is not None) == weighed, site.layer.name
        assert site.dequantize is None, "these graphs compute in numbers"
    owners = [name for site in anatomy.sites for name in site.nodes]
    assert len(owners) == len(set(owners)), "no node belongs to two layers"


def test_before_and_after_relu() -> None:
    anatomy = read(structure(configs.network("vgg11")))
    pairs = {s.layer.name: (s.before, s.tensor) for s in anatomy.sites if s.before}
    assert pairs["conv1_1"] == ("conv1_1", "relu1_1")
    assert pairs["fc7"] == ("fc7", "relu7")
    assert "fc8" not in pairs
    assert "pool1" not in pairs
    assert anatomy.find("conv9_9") is None


def test_codes_are_told_with_their_scale() -> None:
    chain = Chain("N", 3, 8, 8)
    scale, zero = chain.constant(0.1, "f4"), chain.constant(0, "u1")
    chain.add("QuantizeLinear", scale, zero)
    weights = chain.weights(4, 3, 3, 3, type=TensorProto.INT8)
    w_zero = chain.constant(0, "i1")
    y_scale, y_zero = chain.constant(0.2, "f4"), chain.constant(3, "u1")
    chain.add("QLinearConv", scale, zero, weights, scale, w_zero, y_scale, y_zero)
    convolution = chain.tip
    chain.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    pooling = chain.tip
    chain.add("DequantizeLinear", y_scale, y_zero)
    _, first, second = read(chain.model()).sites
    assert (first.tensor, first.dequantize) == (convolution, (y_scale, y_zero))
    assert first.weights == weights
    assert first.units_first
    assert pooling in second.nodes
    assert (second.tensor, second.dequantize) == (chain.tip, None)


def test_rounding_after_a_relu_hides_nothing_of_what_is_before_it() -> None:
    chain = Chain("N", 3, 8, 8)
    chain.add("Conv", chain.weights(4, 3, 3, 3))
    convolution = chain.tip
    chain.add("Relu")
    scale, zero = chain.constant(0.1, "f4"), chain.constant(0, "u1")
    chain.add("QuantizeLinear", scale, zero).add("DequantizeLinear", scale, zero)
    _, found = read(chain.model()).sites
    assert (found.before, found.tensor) == (convolution, chain.tip)


def test_codes_that_are_pooled_before_they_become_numbers() -> None:
    chain = Chain("N", 3, 8, 8)
    chain.add("Conv", chain.weights(4, 3, 3, 3))
    convolution = chain.tip
    scale, zero = chain.constant(0.1, "f4"), chain.constant(0, "u1")
    chain.add("QuantizeLinear", scale, zero)
    codes = chain.tip
    chain.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    pooled = chain.tip
    _, first, second = read(chain.model()).sites
    assert (first.before, first.tensor) == (convolution, codes)
    assert (second.before, second.tensor) == (None, pooled)
    assert first.dequantize == second.dequantize == (scale, zero)


def test_a_relu_among_channels_last() -> None:
    chain = Chain("N", 3, 8, 8)
    chain.add("Conv", chain.weights(4, 3, 3, 3)).add("Transpose", perm=[0, 2, 3, 1])
    turned = chain.tip
    chain.add("Relu")
    _, found = read(chain.model()).sites
    assert found.channels_last
    assert (found.before, found.tensor) == (turned, chain.tip), "both of one layout"


def test_a_layer_that_is_also_handed_out_starts_no_branch() -> None:
    chain = Chain("N", 3, 4, 4).add("Flatten")
    chain.add("Gemm", chain.weights(48, 7))
    logits = chain.side("Identity", chain.tip)
    chain.add("Softmax")
    anatomy = read(chain.model(chain.tip, logits))
    assert anatomy.is_chain
    assert [layer.name for layer in anatomy.network.layers] == ["data", "flatten", "fc1", "prob"]
    assert logits in anatomy.sites[2].nodes


def test_channels_last() -> None:
    chain = Chain("N", 16, 16, 3)
    chain.add("Transpose", perm=[0, 3, 1, 2])
    chain.add("Conv", chain.weights(4, 3, 3, 3)).add("Relu")
    data, convolution = read(chain.model()).sites
    assert (data.channels_last, convolution.channels_last) == (True, False)


def test_fully_connected_layers_tell_the_order_of_their_weights() -> None:
    chain = Chain("N", 3, 4, 4).add("Flatten")
    chain.add("Gemm", chain.weights(5, 48), transB=1)
    chain.add("Gemm", chain.weights(5, 6))
    chain.add("MatMul", chain.weights(6, 7)).add("Add", chain.weights(7))
    *_, first, second, third = read(chain.model()).sites
    assert [site.units_first for site in (first, second, third)] == [True, False, False]
    assert third.tensor == chain.tip, "with its bias"


def test_a_branch_is_listed_in_the_order_of_computation() -> None:
    chain = Chain("N", 3, 32, 32)
    chain.add("Conv", chain.weights(8, 3, 3, 3), pads=[1, 1, 1, 1]).add("Relu")
    before = chain.tip
    chain.add("Conv", chain.weights(8, 8, 3, 3), pads=[1, 1, 1, 1])
    chain.add("Add", before).add("Relu").add("GlobalAveragePool").add("Flatten")
    chain.add("Gemm", chain.weights(10, 8), chain.weights(10), transB=1).add("Softmax")
    anatomy = read(chain.model())
    assert not anatomy.is_chain
    assert "goes to 2 nodes at once" in anatomy.reason
    layers = anatomy.network.layers
    types = "InputLayer Conv2D ReLU Conv2D Add ReLU GlobalAveragePooling2D Flatten Dense Softmax"
    assert [layer.type for layer in layers] == types.split()
    assert layers[4].output_shape == (32, 32, 8)
    assert layers[-1].output_shape == (10,)
    assert anatomy.network.parameters == 3 * 8 * 9 + 8 * 8 * 9 + 80 + 10
    assert anatomy.network.macs == 32 * 32 * (3 * 8 * 9 + 8 * 8 * 9) + 80
    assert layers[0].exact
    assert not any(layer.exact for layer in layers[1:])
    assert all(layer.receptive_field == 32 for layer in layers[1:])
    assert len({layer.name for layer in layers}) == len(layers)


def test_a_branch_tells_weights_and_codes() -> None:
    chain = Chain("N", 3, 8, 8)
    scale, zero = chain.constant(0.1, "f4"), chain.constant(0, "u1")
    chain.add("QuantizeLinear", scale, zero)
    codes = chain.tip
    weights, w_zero = chain.weights(4, 3, 1, 1, type=TensorProto.INT8), chain.constant(0, "i1")
    y_scale, y_zero = chain.constant(0.2, "f4"), chain.constant(3, "u1")
    chain.add("QLinearConv", scale, zero, weights, scale, w_zero, y_scale, y_zero)
    numbers = chain.side("DequantizeLinear", codes, scale, zero)
    chain.add("DequantizeLinear", y_scale, y_zero).add("Concat", numbers, axis=1)
    anatomy = read(chain.model())
    assert not anatomy.is_chain
    _, convolution, concatenation = anatomy.sites
    assert convolution.layer.type == "Conv2D"
    assert (convolution.layer.parameters, convolution.layer.macs) == (12, 12 * 64)
    assert convolution.weights == weights
    assert convolution.weights_dequantize == (scale, w_zero)
    assert convolution.dequantize == (y_scale, y_zero)
    assert concatenation.layer.output_shape == (8, 8, 7)
    assert concatenation.dequantize is None


def test_layouts_behind_a_transposition_in_a_branch() -> None:
    chain = Chain("N", 32, 32, 3)
    chain.add("Transpose", perm=[0, 3, 1, 2])
    before = chain.tip
    chain.add("Conv", chain.weights(3, 3, 3, 3), pads=[1, 1, 1, 1]).add("Add", before)
    sites = {site.layer.type: site for site in read(chain.model()).sites}
    assert sites["InputLayer"].channels_last
    assert not sites["Add"].channels_last
    assert sites["Add"].layer.output_shape == (32, 32, 3)


def test_what_a_branch_hides_is_said() -> None:
    chain = Chain("N", 3, 32, 32)
    chain.add("Conv", chain.weights(8, 3, 3, 3))
    before = chain.tip
    scale, zero = chain.constant(0.1, "f4"), chain.constant(0, "u1")
    chain.add("QuantizeLinear", scale, zero)
    chain.add("QLinearAdd", scale, zero, chain.tip, scale, zero, scale, zero)
    chain.add("DequantizeLinear", scale, zero).add("Add", before)
    anatomy = read(chain.model())
    assert not anatomy.is_chain
    assert "; the shapes of " in anatomy.reason
    assert "QLinearAdd of " in anatomy.reason


def test_a_graph_without_a_picture_is_no_network() -> None:
    chain = Chain("N", 7).add("Relu")
    with pytest.raises(NotAChainError):
        read(chain.model())
