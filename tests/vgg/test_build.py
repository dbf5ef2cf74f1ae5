from __future__ import annotations

import numpy as np
import onnx
import pytest

from vggscope.inference.runtime import ort
from vggscope.vgg import configs
from vggscope.vgg.build import build, structure
from vggscope.vgg.graph import network_of
from vggscope.vgg.network import Kind, MisfitError, Operation, build_network

FAMILY = list(configs.CONFIGS)
NARROW = {"classes": 10, "width": 1 / 16}


def pictures(*, count: int = 2, size: int = 224) -> np.ndarray:
    random = np.random.default_rng(5)
    return random.standard_normal((count, 3, size, size), np.float32)


def run(model: onnx.ModelProto, data: np.ndarray, *outputs: str) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(outputs, {"data": data})


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}


@pytest.mark.parametrize("name", FAMILY)
def test_the_graph_is_the_network_of_the_paper(name: str) -> None:
    expected = configs.network(name)
    assert network_of(structure(expected), name=name, title=expected.title) == expected


@pytest.mark.parametrize(("name", "parameters"), [("D", 138_357_544), ("E", 143_667_240)])
def test_parameters_that_the_graph_declares(name: str, parameters: int) -> None:
    tensors = structure(configs.network(name)).graph.initializer
    assert sum(int(np.prod(tensor.dims)) for tensor in tensors) == parameters


@pytest.mark.parametrize("name", FAMILY)
def test_narrow_networks_classify(name: str) -> None:
    model = build(name, **NARROW)
    onnx.checker.check_model(model, full_check=True)
    narrow = configs.network(name, **NARROW)
    assert network_of(model, name=name, title=narrow.title) == narrow
    probabilities, logits = run(model, pictures(), "prob", "fc8")
    assert probabilities.shape == logits.shape == (2, 10)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert len(np.unique(probabilities)) == probabilities.size
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)


def test_names_are_the_classic_ones() -> None:
    graph = structure(configs.network("A-LRN")).graph
    names = [node.name for node in graph.node]
    assert names[:5] == ["conv1_1", "relu1_1", "norm1", "pool1", "conv2_1"]
    assert names[-8:] == ["pool5", "flatten", "fc6", "relu6", "fc7", "relu7", "fc8", "prob"]
    assert [list(node.output) for node in graph.node] == [[name] for name in names]
    assert {tensor.name for tensor in graph.initializer} >= {"conv1_1_w", "conv1_1_b", "fc8_w"}
    batches = {v.type.tensor_type.shape.dim[0].dim_param for v in (*graph.input, *graph.output)}
    assert batches == {"N"}


def test_weights_are_those_of_the_seed() -> None:
    first, same, other = (weights(build("vgg11", **NARROW, seed=seed)) for seed in (3, 3, 4))
    assert all((first[name] == same[name]).all() for name in first)
    matrices = [name for name in first if name.endswith("_w")]
    assert not any((first[name] == other[name]).any() for name in matrices)
    assert not any(first[name].any() for name in first.keys() - matrices)


def test_activations_keep_their_scale() -> None:
    # The largest of the paper, deep enough for a wrong scale to explode or to vanish.
    model = build("vgg19", classes=10, size=32, width=0.25)
    for node in model.graph.node:
        if node.op_type in {"Conv", "Gemm"}:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(node.name))
    names = [value.name for value in model.graph.output[2:]]
    spreads = [float(values.std()) for values in run(model, pictures(size=32), *names)]
    assert all(0.3 < spread < 30 for spread in spreads), spreads


def test_local_response_normalization_is_that_of_krizhevsky() -> None:
    model = build("A-LRN", **NARROW)
    for name in ("relu1_1", "norm1"):
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    # Large values, so that what is added to k counts.
    before, after = run(model, 100 * pictures(size=224, count=1), "relu1_1", "norm1")
    squares = np.square(before, dtype=np.float64)
    for channel in range(before.shape[1]):
        near = squares[:, max(0, channel - 2) : channel + 3].sum(axis=1)
        expected = before[:, channel] / (2 + 1e-4 * near) ** 0.75
        np.testing.assert_allclose(after[:, channel], expected, rtol=1e-4)


def test_unknown_names_and_too_small_pictures() -> None:
    with pytest.raises(KeyError):
        build("vgg12")
    with pytest.raises(MisfitError):
        build("vgg16", size=31)


def test_layers_that_the_paper_does_not_have() -> None:
    kinds = {"pool1": Kind.AVERAGE_POOLING, "flatten": Kind.FLATTEN}
    operations = [Operation(name=name, kind=kind) for name, kind in kinds.items()]
    foreign = build_network(
        name="foreign", title="Foreign", input_shape=(8, 8, 3), operations=operations
    )
    with pytest.raises(ValueError, match="of kind average-pooling"):
        structure(foreign)
