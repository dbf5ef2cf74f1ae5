"""`Classifier` through its public surface, against numbers worked out by hand in numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image

import vggscope
from support import TINY_SIZE, onnx_model, picture, tiny_input, tiny_model, tiny_proto, tiny_weights
from vggscope import paths
from vggscope.errors import (
    ImageNotFoundError,
    InferenceError,
    ModelDescriptionError,
    UnknownDeviceError,
)
from vggscope.inference.classification import top_predictions
from vggscope.inference.classifier import Classifier
from vggscope.inference.selection import devices
from vggscope.zoo.normal_form import Label

if TYPE_CHECKING:
    from pathlib import Path

    import onnx
    from numpy.typing import NDArray

    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model

MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])
# What ``model.json`` says of a graph that is not `tiny_proto`.
ONLY_PROBABILITIES = {"output": {"probabilities": "prob"}, "layers": []}
# Resized from (width, height) to 16 on the shorter side; of that, the centre 12 × 8 is cut.
FITTING = [(24, 16), (16, 16), (16, 21), (30, 16), (16, 17)]


def by_hand(frame: Frame) -> NDArray[np.float64]:
    """The probabilities of `tiny_model` for a picture whose shorter side is 16."""
    height, width = TINY_SIZE
    x, y = (frame.size[0] - width) // 2, (frame.size[1] - height) // 2
    values = (frame.pixels[y : y + height, x : x + width] / 255 - MEAN) / STD
    weights = {name: value.astype(np.float64) for name, value in tiny_weights().items()}
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    maps = np.einsum("yxcij,ocij->yxo", windows, weights["filters"]) + weights["bias"]
    logits = maps.mean(axis=(0, 1)) @ weights["matrix"] + weights["offset"]
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


@pytest.mark.parametrize("batch", ["N", 1, 2, 3])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_against_numpy(tmp_path: Path, layout: str, batch: int | str) -> None:
    model = tiny_model(
        tmp_path / "m", proto=tiny_proto(layout, batch), input=tiny_input(layout=layout)
    )
    frames = [picture(size, seed=seed) for seed, size in enumerate(FITTING)]
    results = Classifier.load(model).classify_batch(frames)
    for frame, result in zip(frames, results, strict=True):
        np.testing.assert_allclose(result.probabilities, by_hand(frame), atol=1e-5)
    # Noise makes the answers differ: a result that belongs to another picture would show.
    assert np.ptp([result.probabilities for result in results], axis=0).max() > 1e-3


def test_bgr_is_rgb_with_its_numbers_and_its_filters_turned(tmp_path: Path) -> None:
    proto = tiny_proto()
    for tensor in proto.graph.initializer:
        if tensor.name == "filters":
            turned = tiny_weights()["filters"][:, ::-1]
            tensor.raw_data = np.ascontiguousarray(turned).tobytes()
    model = tiny_model(
        tmp_path / "m",
        proto=proto,
        input=tiny_input(channels="BGR", mean=list(MEAN[::-1]), std=list(STD[::-1])),
    )
    frame = picture((24, 16))
    result = Classifier.load(model).classify(frame)
    np.testing.assert_allclose(result.probabilities, by_hand(frame), atol=1e-5)


def test_a_frame_a_path_and_a_text_are_the_same_picture(tiny: Model, tmp_path: Path) -> None:
    frame = picture((24, 16))
    path = tmp_path / "photo.png"
    Image.fromarray(frame.pixels).save(path)
    classifier = Classifier.load("tiny")
    for image in (frame, path, str(path), path.as_uri()):
        result = classifier.classify(image)
        np.testing.assert_allclose(result.probabilities, by_hand(frame), atol=1e-5)
    assert (result.model, result.device) == (tiny.name, classifier.device.key)


def test_batch_equals_singles(classifier: Classifier) -> None:
    frames = [picture((500, 300)), picture((224, 400), (200, 60, 10)), picture((60, 60), seed=5)]
    together = classifier.classify_batch(frames)
    for frame, result in zip(frames, together, strict=True):
        single = classifier.classify(frame)
        np.testing.assert_allclose(result.probabilities, single.probabilities, atol=1e-4)
        assert result.crop == single.crop
    assert classifier.classify_batch([]) == []


def test_what_a_result_tells(classifier: Classifier) -> None:
    frame = picture((512, 256))
    result = classifier.classify(frame, top=3)
    assert result.probabilities.shape == (1000,)
    assert result.probabilities.dtype == np.float32
    assert result.probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert result.crop == (144, 16, 368, 240)
    assert result.milliseconds > 0
    best = np.sort(result.probabilities)[::-1]
    for rank, prediction in enumerate(result.predictions, start=1):
        assert prediction.rank == rank
        assert prediction.probability == best[rank - 1]
        assert prediction.probability == result.probabilities[prediction.index]
        label = classifier.labels[prediction.index]
        assert (prediction.wnid, prediction.label) == (label.wnid, label.label)
    assert result.top(7)[:3] == result.predictions
    assert len(result.top(7)) == 7


def test_ties_are_ordered_by_index() -> None:
    labels = [Label("", str(index)) for index in range(6)]
    predictions = top_predictions(np.array([0.1, 0.3, 0.1, 0.3, 0.2, 0.0], np.float32), labels, 5)
    assert [p.index for p in predictions] == [1, 3, 4, 0, 2]
    assert [p.rank for p in predictions] == [1, 2, 3, 4, 5]


def test_more_than_all_classes_are_all(tiny: Model) -> None:
    result = Classifier.load(tiny).classify(picture(), top=1000)
    assert sorted(p.index for p in result.predictions) == [0, 1, 2, 3]
    assert len(result.top(5)) == 4


@pytest.mark.parametrize(
    ("fit", "crop"),
    [
        ("crop", (80, 32, 176, 96)),
        ("letterbox", (0, -64 / 3, 256, 128 + 64 / 3)),
        ("stretch", (0, 0, 256, 128)),
    ],
)
def test_fit(tiny: Model, fit: str, crop: tuple[float, ...]) -> None:
    result = Classifier.load(tiny, fit=fit).classify(picture((256, 128)))
    assert result.crop == pytest.approx(crop)


def test_fit_changes_what_the_network_sees(tiny: Model) -> None:
    frame = picture((40, 16))
    answers = {
        fit: Classifier.load(tiny, fit=fit).classify(frame).probabilities
        for fit in ("crop", "letterbox", "stretch")
    }
    published = Classifier.load(tiny).classify(frame).probabilities
    np.testing.assert_array_equal(published, answers["crop"])
    turned = Classifier.load(tiny)
    for fit in ("letterbox", "stretch", "crop"):
        turned.use_fit(fit)
        np.testing.assert_array_equal(turned.classify(frame).probabilities, answers[fit])
    turned.use_fit(None)
    np.testing.assert_array_equal(turned.classify(frame).probabilities, published)
    assert abs(answers["crop"] - answers["stretch"]).max() > 1e-3
    assert abs(answers["letterbox"] - answers["stretch"]).max() > 1e-3


def test_unknown_device_tells_the_known_ones() -> None:
    with pytest.raises(UnknownDeviceError) as caught:
        Classifier.load(device="quantum")
    assert "quantum" in caught.value.message
    for device in devices():
        assert device.key in caught.value.remedy
        assert Classifier.load("vgg16-compact-int8", device=device.key).device == device
    assert "auto" in caught.value.remedy


def test_a_missing_picture_fails_alone(tiny: Model) -> None:
    classifier = Classifier.load(tiny)
    with pytest.raises(ImageNotFoundError):
        classifier.classify("no such photo.jpg")
    assert classifier.classify(picture()).predictions


def test_the_public_names() -> None:
    photo = paths.resource("samples", "pizza.jpg")
    result = vggscope.Classifier.load("vgg16-compact").classify(str(photo), top=5)
    assert result.predictions[0].label == "pizza"
    assert {"Classifier", "Prediction", "read_still"} <= set(vggscope.__all__)
    assert all(hasattr(vggscope, name) for name in vggscope.__all__)
    with pytest.raises(AttributeError):
        _ = vggscope.nothing


def odd_proto(*nodes: onnx.NodeProto, classes: int | str = 4) -> onnx.ModelProto:
    """A graph whose ``prob`` is made by ``nodes`` of ``flat``, [N, 288]."""
    flat = helper.make_node("Flatten", ["data"], ["flat"])
    output = helper.make_tensor_value_info("prob", TensorProto.FLOAT, ["N", classes])
    weights = {
        "matrix": np.zeros((288, 4), np.float32),
        "minus": np.float32(-1000),
        "far": np.array([2**40], np.int64),
        "nothing": np.float32(0),
        "first": np.array([0], np.int64),
        "four": np.array([4], np.int64),
        "axis": np.array([1], np.int64),
    }
    return onnx_model([flat, *nodes], ["N", 3, *TINY_SIZE], [output], weights)


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        (
            [
                helper.make_node("Add", ["flat", "minus"], ["negative"]),
                helper.make_node("Log", ["negative"], ["nan"]),
                helper.make_node("MatMul", ["nan", "matrix"], ["logits"]),
                helper.make_node("Softmax", ["logits"], ["prob"]),
            ],
            "not a set of probabilities",
        ),
        ([helper.make_node("MatMul", ["flat", "matrix"], ["prob"])], "not a set of probabilities"),
        (
            [
                helper.make_node("Shape", ["flat"], ["shape"]),
                helper.make_node("Mul", ["shape", "far"], ["beyond"]),
                helper.make_node("Gather", ["flat", "beyond"], ["nowhere"], axis=1),
                helper.make_node("Softmax", ["nowhere"], ["prob"]),
            ],
            "indices element out of data bounds",
        ),
    ],
    ids=["not a number", "no softmax", "fails inside"],
)
def test_answers_that_are_none(tmp_path: Path, nodes: list[onnx.NodeProto], reason: str) -> None:
    model = tiny_model(tmp_path / "odd", proto=odd_proto(*nodes), **ONLY_PROBABILITIES)
    classifier = Classifier.load(model)
    with pytest.raises(InferenceError) as caught:
        classifier.classify(picture())
    assert "“odd”" in caught.value.message
    assert classifier.device.name in caught.value.message
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


def test_open_number_of_classes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["flat", "matrix"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["all"]),
        # Four, but ONNX Runtime's shape inference cannot know it: it comes from the pixels.
        helper.make_node("ReduceMin", ["data"], ["darkest"], keepdims=0),
        helper.make_node("Mul", ["darkest", "nothing"], ["zero"]),
        helper.make_node("Cast", ["zero"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["whole", "four"], ["count"]),
        helper.make_node("Slice", ["all", "first", "count", "axis"], ["prob"]),
    ]

    def proto() -> onnx.ModelProto:
        return odd_proto(*nodes, classes="C")

    good = tiny_model(tmp_path / "good", proto=proto(), **ONLY_PROBABILITIES)
    predictions = Classifier.load(good).classify(picture()).predictions
    assert [p.probability for p in predictions] == [0.25] * 4
    for labels in (["a", "b", "c"], list("abcde")):
        liar = tiny_model(tmp_path / "liar", proto=proto(), labels=labels, **ONLY_PROBABILITIES)
        classifier = Classifier.load(liar)  # nothing to see as yet
        with pytest.raises(ModelDescriptionError, match=r"“liar”.*4 classes"):
            classifier.classify(picture())


def test_a_network_without_large_tensors(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["data"], ["pool"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["pool", "matrix"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["prob"]),
    ]
    output = helper.make_tensor_value_info("prob", TensorProto.FLOAT, ["N", 4])
    weights = {"matrix": np.zeros((3, 4), np.float32)}
    proto = onnx_model(nodes, ["N", 3, *TINY_SIZE], [output], weights)
    model = tiny_model(tmp_path / "small", proto=proto, **ONLY_PROBABILITIES)
    assert Classifier.load(model).classify(picture()).predictions[0].probability == 0.25
