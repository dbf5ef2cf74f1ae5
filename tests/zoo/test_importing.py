"""Foreign classifiers: what becomes of them, and which choices do not go with them."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support import children as program_children
from support import onnx_model, picture, tiny_proto, tiny_weights
from vggscope.errors import (
    Cancelled,
    ChoiceError,
    LabelsError,
    ModelNameTakenError,
    NotOnnxError,
    TrialError,
)
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import cpu_device
from vggscope.inference.importing import draft_onnx, install_onnx
from vggscope.vgg.build import build
from vggscope.zoo.choices import IMAGENET_LABELS, PRESETS
from vggscope.zoo.models import find_model, installed_models
from vggscope.zoo.normal_form import Label
from zoo.foreign import answer, before, examined, logits_only, noted

if TYPE_CHECKING:
    from onnx import ModelProto

    from zoo.foreign import Save

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


# --- what becomes of it -----------------------------------------------------------------------


def test_it_is_installed_and_answers_as_before(save: Save) -> None:
    path = save(logits_only(), "My Birds (v2).onnx")
    with draft_onnx(path) as draft:
        assert (draft.proposed.name, draft.proposed.title) == ("my-birds-v2", "My Birds (v2)")
        model = draft.install(draft.proposed)
    assert find_model("my-birds-v2") == model
    description = model.description
    assert description.source == "Imported from My Birds (v2).onnx"
    assert [label.label for label in model.labels()] == ["class 0", "class 1", "class 2", "class 3"]
    assert (description.output.probabilities, description.output.logits) == ("prob", "logits")
    model.check_content()
    # The same network with its own softmax, by the same preprocessing.
    path = save(tiny_proto())
    twin = install_onnx(path, {"name": "twin"})
    np.testing.assert_allclose(answer(model), answer(twin), atol=1e-6)


def test_a_preview_is_the_model_and_goes(save: Save, data_dir: Path) -> None:
    home = data_dir / "data" / "models"
    with draft_onnx(save(logits_only())) as draft:
        first = draft.preview(draft.proposed)
        second = draft.preview(draft.proposed.changed(channels="BGR", labels=tuple(LABELS)))
        assert installed_models() == [m for m in installed_models() if m.name != "net"]
        assert answer(first).shape == (4,)
        assert not np.allclose(answer(first), answer(second), atol=1e-5)
        assert [label.label for label in second.labels()] == ["a", "b", "c", "d"]
        assert second.graph_path.parent != first.graph_path.parent
        installed = draft.install(draft.proposed)
        np.testing.assert_array_equal(answer(installed), answer(first))
    assert [path.name for path in home.iterdir()] == ["net"]


LABELS = [Label("", name) for name in "abcd"]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_fixed_batch(save: Save, layout: str, batch: int) -> None:
    found = install_onnx(save(logits_only(layout, batch)))
    free = install_onnx(save(logits_only(layout)), {"name": "free"})
    np.testing.assert_allclose(answer(found), answer(free), atol=1e-6)


def in_other_numbers(type_: int) -> ModelProto:
    """`tiny_proto`, which computes in them."""
    proto = tiny_proto()
    numbers = helper.tensor_dtype_to_np_dtype(type_)
    for tensor in proto.graph.initializer:
        tensor.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor).astype(numbers), tensor.name)
        )
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.elem_type = type_
    return proto


def test_half_precision(save: Save) -> None:
    found = install_onnx(save(in_other_numbers(TensorProto.FLOAT16)))
    usual = install_onnx(save(tiny_proto()), {"name": "usual"})
    np.testing.assert_allclose(answer(found), answer(usual), atol=5e-3)
    assert found.description.precision == "fp16"


def test_what_onnx_runtime_cannot_run(save: Save, data_dir: Path) -> None:
    with pytest.raises(TrialError, match="Could not find an implementation for Conv"):
        install_onnx(save(in_other_numbers(TensorProto.DOUBLE)))
    assert list((data_dir / "data" / "models").iterdir()) == []


def test_bytes_as_input(save: Save) -> None:
    proto = before(
        tiny_proto(),
        helper.make_node("Cast", ["data"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "255"], ["ready"]),
        weights={"255": 255},
    )
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    model = install_onnx(save(proto))
    assert (model.description.input.scale, model.description.input.mean[0]) == (1.0, 0.0)
    usual = PRESETS["0..1"]
    changes = {"scale": usual.scale, "mean": usual.mean, "std": usual.std, "name": "usual"}
    twin = install_onnx(save(tiny_proto()), changes)
    np.testing.assert_allclose(answer(model), answer(twin), atol=1e-5)


def test_answers_of_other_shapes(save: Save) -> None:
    """[N, classes, 1, 1] as of convolutions, and [classes] of a single picture."""
    nodes = [
        helper.make_node("Conv", ["data", "filters"], ["conv"]),
        helper.make_node("GlobalAveragePool", ["conv"], ["pool"]),
    ]
    weights = {"filters": tiny_weights()["filters"]}
    outputs = [helper.make_tensor_value_info("pool", TensorProto.FLOAT, ["N", 16, 1, 1])]
    model = install_onnx(save(onnx_model(nodes, ["N", 3, 8, 12], outputs, weights)))
    assert answer(model).shape == (16,)
    axes = numpy_helper.from_array(np.array([0, 2, 3], np.int64), "axes")
    nodes.append(helper.make_node("Squeeze", ["pool", "axes"], ["flat"]))
    outputs = [helper.make_tensor_value_info("flat", TensorProto.FLOAT, [16])]
    proto = onnx_model(
        nodes, [1, 3, 8, 12], outputs, weights | {"axes": numpy_helper.to_array(axes)}
    )
    twin = install_onnx(save(proto), {"name": "twin"})
    np.testing.assert_allclose(answer(model), answer(twin), atol=1e-6)


def test_a_softmax_by_hand_is_not_doubled(save: Save) -> None:
    """Its last node is a division: only a run tells that this is a softmax."""
    proto = logits_only()
    proto.graph.node.extend(
        [
            helper.make_node("Exp", ["logits"], ["exp"]),
            helper.make_node("ReduceL1", ["exp"], ["sum"], axes=[1]),
            helper.make_node("Div", ["exp", "sum"], ["shares"]),
        ]
    )
    proto.graph.output[0].name = "shares"
    path = save(proto)
    with draft_onnx(path) as draft:
        assert not draft.proposed.has_softmax
        model = draft.install(draft.proposed)
    assert (model.description.output.probabilities, model.description.output.logits) == (
        *("shares", None),
    )
    twin = install_onnx(save(tiny_proto()), {"name": "twin"})
    np.testing.assert_allclose(answer(model), answer(twin), atol=1e-6)


def test_logits_that_are_said_to_be_probabilities(save: Save, data_dir: Path) -> None:
    with pytest.raises(TrialError, match="no probabilities: they sum to"):
        install_onnx(save(logits_only()), {"has_softmax": True})
    assert list((data_dir / "data" / "models").iterdir()) == []


def test_a_fine_tuned_vgg_of_four_classes(save: Save) -> None:
    """240 × 240, colours last, as Keras exports it."""
    proto = build("A", size=240, width=0.0625, classes=4)
    del proto.graph.output[1:]
    turn = helper.make_node("Transpose", ["data"], ["ready"], perm=[0, 3, 1, 2])
    before(proto, turn)
    proto.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 240, 240, 3])
    )
    proto.producer_name = "tf2onnx"
    model = install_onnx(save(proto), {"labels": tuple(LABELS)})
    spec = model.description.input
    assert (spec.layout, spec.height, spec.width, spec.resize) == ("NHWC", 240, 240, 274)
    names = [layer.name for layer in model.description.layers]
    assert names[0] == "conv1_1"
    assert names[-3:] == ["fc7", "fc8", "prob"]
    assert Classifier(model, cpu_device()).activations(picture(), "conv3_2").values.shape[1:] == (
        *(60, 60),
    )


def test_an_8_bit_network(tmp_path: Path) -> None:
    """The bundled one as a single file: its layers, its answers."""
    bundled = find_model("vgg16-compact-int8")
    onnx.save(onnx.load(bundled.graph_path), tmp_path / "single.onnx")
    changes = msgspec.to_builtins(bundled.description.input) | {"output": "prob"}
    del changes["name"]
    model = install_onnx(tmp_path / "single.onnx", changes, output="prob")
    assert model.description.precision == "int8"
    assert [layer.name for layer in model.description.layers][:2] == ["conv1_1", "conv1_2"]
    np.testing.assert_array_equal(answer(model), answer(bundled))


@pytest.mark.parametrize("path", sorted(LIGHT.glob("light_*.onnx")), ids=lambda path: path.stem)
def test_models_of_the_onnx_package(path: Path) -> None:
    """AlexNet, DenseNet, Inception, ResNet, ShuffleNet, SqueezeNet, VGG19, ZFNet."""
    with draft_onnx(path) as draft:
        found = draft.examination
        assert (found.classes, found.proposed.labels) == (1000, IMAGENET_LABELS)
        assert (found.proposed.preset, found.proposed.channels) == ("caffe", "BGR")
        model = draft.install(draft.proposed)
    assert len(model.description.layers) >= 15
    assert {layer.tensor for layer in model.description.layers} <= {
        output for node in model.graph().graph.node for output in node.output
    }


# --- choices ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"height": 16, "width": 16}, "its input is data [N, 3, 8, 12]"),
        ({"layout": "NHWC"}, "and not NHWC"),
        ({"labels": IMAGENET_LABELS}, "ImageNet has 1,000 classes"),
        ({"output": "conv1"}, "“conv1” cannot be the answer"),
        ({"std": (0.0, 1.0, 1.0)}, "std"),
        ({"scale": float("nan")}, "scale"),
        ({"resize": 9}, "hold no centre"),
        ({"fit": "zoom"}, "fit"),
        ({"title": None}, "title"),
        ({"height": 4}, "height has to be a whole number of pixels from 8 to 4,096."),
        ({"mean": (0, 0)}, "mean has to be three numbers from −1,000,000 to 1,000,000."),
        ({"std": (1, "one", 1)}, "std has to be three numbers from 0.000001 to 1,000,000."),
        ({"layout": "HWC"}, "layout has to be NCHW or NHWC."),
        ({"title": "Two\nlines"}, "title has to be a line of up to 500 characters."),
        ({"source": "x" * 2001}, "source has to be a line of up to 2,000 characters."),
    ],
)
def test_choices_that_do_not_go(
    save: Save, data_dir: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises((ChoiceError, LabelsError)) as caught:
        install_onnx(save(logits_only()), changes)
    assert words in caught.value.message
    assert "`" not in caught.value.message
    assert "\n" not in caught.value.message
    home = data_dir / "data" / "models"
    assert not home.exists() or list(home.iterdir()) == []


def test_labels_that_are_too_few(save: Save, tmp_path: Path) -> None:
    (tmp_path / "three.txt").write_text("a\nb\nc\n", encoding="utf-8")
    with pytest.raises(LabelsError, match="there are 3, but the network has 4"):
        install_onnx(save(logits_only()), {"labels": tmp_path / "three.txt"})


def test_a_name_that_is_taken(save: Save) -> None:
    path = save(logits_only())
    first = install_onnx(path)
    with pytest.raises(ModelNameTakenError):
        install_onnx(path)
    assert find_model("net") == first
    again = install_onnx(path, {"title": "Again"}, replace=True)
    assert find_model("net").title == again.title == "Again"


def test_it_can_be_stopped(save: Save, data_dir: Path) -> None:
    path = save(logits_only())
    with pytest.raises(Cancelled):
        draft_onnx(path, stop=lambda: True)
    asked = threading.Event()
    with draft_onnx(path) as draft:
        choices = draft.proposed

        def stop() -> bool:
            # Not at the first question: something is there to be cleared away.
            before, _ = asked.is_set(), asked.set()
            return before

        with pytest.raises(Cancelled):
            draft.install(choices, stop=stop)
    assert list((data_dir / "data" / "models").iterdir()) == []
    assert not program_children()


def test_a_file_that_changes_after_its_examination(save: Save, data_dir: Path) -> None:
    path = save(logits_only())
    with draft_onnx(path) as draft:
        path.write_text("Dear Sir,\n", encoding="utf-8")
        with pytest.raises(NotOnnxError):
            draft.install(draft.proposed)
    assert list((data_dir / "data" / "models").iterdir()) == []


def test_what_is_found_can_be_written_down(save: Save) -> None:
    found = examined(save(noted(logits_only(), names="['a', 'b', 'c', 'd']")))
    assert json.loads(msgspec.json.encode(found))["proposed"]["name"] == "net"
