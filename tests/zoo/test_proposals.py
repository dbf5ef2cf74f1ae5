"""Foreign classifiers: what is proposed of each and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from onnx import TensorProto, helper

from support import tiny_proto, tiny_weights
from vggscope import paths
from vggscope.errors import (
    SeveralOutputsError,
)
from vggscope.inference.importing import draft_onnx, install_onnx
from vggscope.vgg.build import build
from vggscope.zoo.normal_form import sha256_of
from zoo.foreign import answer, before, examined, logits_only, noted

if TYPE_CHECKING:
    from pathlib import Path

    from zoo.foreign import Save


def test_what_is_told_of_a_plain_file(save: Save) -> None:
    found = examined(save(logits_only()))
    assert (found.input.name, found.input.type, found.input.dims) == (
        "data",
        "FLOAT",
        ("N", 3, 8, 12),
    )
    assert [str(value) for value in found.outputs] == ["logits [N, 4]"]
    assert (found.classes, found.opset, found.precision, found.reason) == (4, 17, "fp32", "")
    assert found.layers == ("data", "conv1_1", "pool1", "flatten", "fc2")
    assert found.parameters == sum(value.size for value in tiny_weights().values())
    proposed = found.proposed
    assert (proposed.layout, proposed.height, proposed.width) == ("NCHW", 8, 12)
    assert (proposed.name, proposed.preset, proposed.labels) == ("net", "imagenet", None)
    assert not proposed.has_softmax
    assert set(found.reasons) == {
        *("layout", "size", "channels", "normalisation", "resize", "labels", "softmax")
    }
    assert all(reason.endswith(".") for reason in found.reasons.values())


def test_layouts(save: Save) -> None:
    assert examined(save(logits_only("NHWC"))).proposed.layout == "NHWC"
    # All axes but the batch are open: what reads the picture tells it.
    for layout in ("NCHW", "NHWC"):
        proto = logits_only(layout)
        for dim in proto.graph.input[0].type.tensor_type.shape.dim[1:]:
            dim.dim_param = f"any{dim.dim_value}"
        found = examined(save(proto))
        assert found.proposed.layout == layout
        assert "graph itself" in found.reasons["layout"] or "convolution" in found.reasons["layout"]


def test_the_size_that_goes_with_the_dense_layers(save: Save) -> None:
    proto = build("A", size=96, width=0.03125, classes=10)
    for axis in (2, 3):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "any"
    del proto.graph.output[1:]
    path = save(proto)
    found = examined(path)
    assert (found.proposed.height, found.proposed.width) == (96, 96)
    assert "fully connected" in found.reasons["size"]
    model = install_onnx(path)
    assert [d.dim_value for d in model.graph().graph.input[0].type.tensor_type.shape.dim[1:]] == [
        *(3, 96, 96)
    ]
    assert answer(model).shape == (10,)


def test_an_open_size(save: Save) -> None:
    proto = logits_only()
    for axis in (2, 3):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "any"
    found = examined(save(proto))
    assert (found.proposed.height, found.proposed.resize) == (224, 256)
    assert "leaves it open" in found.reasons["size"]


@pytest.mark.parametrize(
    ("nodes", "weights", "preset"),
    [
        ([("Div", "data", "255")], {"255": 255}, "0..255"),
        ([("Mul", "data", "f")], {"f": 1 / 255}, "0..255"),
        ([("Sub", "data", "mean")], {"mean": [[[123.68]], [[116.779]], [[103.939]]]}, "0..255"),
        (
            [("Sub", "data", "mean"), ("Div", "a", "std")],
            {"mean": [[[0.485]], [[0.456]], [[0.406]]], "std": [[[0.229]], [[0.224]], [[0.225]]]},
            "0..1",
        ),
        ([("Mul", "data", "two"), ("Sub", "a", "one")], {"two": 2, "one": 1}, "0..1"),
        ([("Add", "one", "data")], {"one": 0}, "0..1"),
    ],
)
def test_a_graph_that_normalises(
    save: Save, nodes: list[tuple[str, str, str]], weights: dict[str, Any], preset: str
) -> None:
    outputs = ["a", "ready"][-len(nodes) :]
    made = [
        helper.make_node(operator, [first, second], [output])
        for (operator, first, second), output in zip(nodes, outputs, strict=True)
    ]
    found = examined(save(before(logits_only(), *made, weights=weights)))
    assert found.proposed.preset == preset
    assert "normalises by itself" in found.reasons["normalisation"]


def test_a_graph_that_begins_with_batch_normalisation(save: Save) -> None:
    """As MXNet's ResNets do."""
    node = helper.make_node("BatchNormalization", ["data", *"sbmv"], ["ready"])
    weights = {"s": [1, 1, 1], "b": [0, 0, 0], "m": [124, 117, 104], "v": [3400, 3300, 3400]}
    found = examined(save(before(logits_only(), node, weights=weights)))
    assert found.proposed.preset == "0..255"
    assert "BatchNormalization" in found.reasons["normalisation"]


@pytest.mark.parametrize(
    ("producer", "node", "preset", "channels"),
    [
        ("pytorch", "/features/conv", "imagenet", "RGB"),
        ("tf2onnx", "mobilenet/Conv1", "-1..1", "RGB"),
        ("tf2onnx", "vgg16/block1_conv1/Conv2D", "caffe", "BGR"),
        ("onnx-caffe2", "", "caffe", "BGR"),
        ("", "vgg0_conv0_fwd", "imagenet", "RGB"),
        ("somebody", "", "imagenet", "RGB"),
    ],
)
def test_who_wrote_it(save: Save, producer: str, node: str, preset: str, channels: str) -> None:
    proto = logits_only()
    proto.producer_name = producer
    proto.graph.node[0].name = node
    found = examined(save(proto))
    assert (found.proposed.preset, found.proposed.channels) == (preset, channels)
    assert found.producer == producer


def test_notes_in_the_file(save: Save) -> None:
    proto = noted(
        logits_only(),
        Image__BitmapPixelFormat="Bgr8",
        Image__NominalPixelRange="NominalRange_0_255",
        names="{0: 'cat', 1: 'dog', 2: 'cow', 3: 'hen'}",
        license="CC BY 4.0",
    )
    found = examined(save(proto))
    assert (found.proposed.channels, found.proposed.preset) == ("BGR", "0..255")
    assert found.proposed.licence == "CC BY 4.0"
    assert "names" in found.reasons["labels"]
    model = install_onnx(save(proto))
    assert [label.label for label in model.labels()] == ["cat", "dog", "cow", "hen"]


@pytest.mark.parametrize("note", ["{0: 'cat'", "__import__('os')", "[1, 2, 3, 4]", "{" * 9999])
def test_notes_that_mean_nothing(save: Save, note: str) -> None:
    assert examined(save(noted(logits_only(), names=note))).proposed.labels is None


def test_a_file_of_the_catalogue(save: Save, data_dir: Path) -> None:
    path = save(logits_only(), "something-else.onnx")
    content = json.loads((paths.bundled_models() / "catalogue.json").read_text(encoding="utf-8"))
    entry = next(each for each in content["models"] if not each["bundled"])
    entry |= {"name": "schools-own", "title": "The School's Own", "logits": "logits"}
    entry |= {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    entry.pop("probabilities", None)
    (data_dir / "config").mkdir(parents=True)
    content["models"] = [entry]
    (data_dir / "config" / "catalogue.json").write_text(json.dumps(content), encoding="utf-8")
    found = examined(path)
    assert (found.proposed.name, found.proposed.title) == ("schools-own", "The School's Own")
    assert "SHA-256" in found.reasons["normalisation"]


def test_several_outputs(save: Save) -> None:
    found = examined(save(tiny_proto()))
    assert (found.proposed.output, found.proposed.has_softmax) == ("prob", True)
    assert found.warnings == ("Other outputs are left out: logits.",)
    proto = logits_only()
    proto.graph.node.append(helper.make_node("Neg", ["logits"], ["other"]))
    proto.graph.output.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", 4]))
    path = save(proto)
    with pytest.raises(SeveralOutputsError, match="logits, other"):
        draft_onnx(path)
    model = install_onnx(path, output="other")
    assert model.description.output.logits == "other"
