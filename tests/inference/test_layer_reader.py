"""What layers make of a picture, against an independent reference and by perturbation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from support import picture, tiny_model
from vgg.chains import Chain
from vggscope import paths
from vggscope.errors import (
    Cancelled,
    ImageNotFoundError,
    InferenceError,
    LayerNotFoundError,
    LayerWithoutWeightsError,
    NoReluError,
)
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import cpu_device
from vggscope.inference.layer_reader import LayerReader
from vggscope.inference.runtime import Cancellation
from vggscope.sources.stills import read_still
from vggscope.vgg import configs
from vggscope.vgg.build import build
from vggscope.vgg.network import Kind, receptive_field_box

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model

SIDE = 32
CLASSES = [f"class {number}" for number in range(10)]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load("vgg16-compact", device="cpu")


@pytest.fixture(scope="module")
def zebra() -> Frame:
    return read_still(paths.resource("samples", "zebra.jpg"))


def facts(side: int = SIDE, **changes: object) -> dict[str, object]:
    given_facts = {
        "input": {
            "name": "data",
            "layout": "NCHW",
            "height": side,
            "width": side,
            "channels": "RGB",
            "scale": 1.0,
            "mean": [0.0] * 3,
            "std": [1.0] * 3,
            "resize": side,
        },
        "output": {"probabilities": "prob"},
        "layers": [],
    }
    return given_facts | changes


def small_vgg(folder: Path, letter: str) -> Model:
    proto = build(letter, classes=10, size=SIDE, width=0.1)
    return tiny_model(folder / "small", proto=proto, labels=CLASSES, **facts())


# --- the reference: loops and sums, nothing of ONNX -------------------------------------------


def convolved(x: NDArray, w: NDArray, b: NDArray, padding: int) -> NDArray:
    k = w.shape[-1]
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    height, width = x.shape[1] - k + 1, x.shape[2] - k + 1
    out = np.zeros((len(w), height, width))
    for row in range(k):
        for column in range(k):
            part = x[:, row : row + height, column : column + width]
            out += np.einsum("oi,ihw->ohw", w[:, :, row, column], part)
    return out + b[:, None, None]


def pooled(x: NDArray) -> NDArray:
    channels, height, width = x.shape
    return x.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))


def normalised(x: NDArray) -> NDArray:
    """Section 3.3 of Krizhevsky et al. (2012): k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    out = np.empty_like(x)
    for channel in range(len(x)):
        near = x[max(0, channel - 2) : channel + 3]
        out[channel] = x[channel] / (2 + 1e-4 * (near**2).sum(axis=0)) ** 0.75
    return out


def reference(letter: str, values: NDArray) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """(after, before) ReLU: layer -> output."""
    proto = build(letter, classes=10, size=SIDE, width=0.1)
    tensors = {t.name: numpy_helper.to_array(t).astype(float) for t in proto.graph.initializer}
    x = values.astype(float)
    after, before = {"data": x}, {}
    for layer in configs.network(letter, classes=10, size=SIDE, width=0.1).layers[1:]:
        w, b = tensors.get(f"{layer.name}_w"), tensors.get(f"{layer.name}_b")
        match layer.kind:
            case Kind.CONVOLUTION:
                x = convolved(x, w, b, w.shape[-1] // 2)
            case Kind.MAX_POOLING:
                x = pooled(x)
            case Kind.LOCAL_RESPONSE_NORMALIZATION:
                x = normalised(x)
            case Kind.FLATTEN:
                x = x.reshape(-1)
            case Kind.FULLY_CONNECTED:
                x = w @ x + b
            case Kind.SOFTMAX:
                x = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
        if layer.activation == "relu":
            before[layer.name] = x
            x = np.maximum(x, 0)
        after[layer.name] = x
    return after, before


@pytest.mark.parametrize("room", [10**9, 0])
@pytest.mark.parametrize("letter", ["A", "A-LRN", "C", "E"])
def test_every_layer_equals_the_reference(letter: str, room: int, tmp_path: Path) -> None:
    reader = LayerReader(small_vgg(tmp_path, letter), cpu_device(), room=room)
    values = np.random.default_rng(7).uniform(0, 255, (3, SIDE, SIDE)).astype(np.float32)
    after, before = reference(letter, values)
    assert [site.layer.name for site in reader.anatomy.sites] == list(after)
    for name, expected in after.items():
        found = reader.read(values, name)
        assert found.dtype == np.float32
        assert found.shape == (expected.shape if expected.ndim == 3 else (len(expected), 1, 1))
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            found, expected.reshape(found.shape), rtol=1e-4, atol=1e-4 * scale, err_msg=name
        )
    for name, expected in before.items():
        found = reader.read(values, name, before_relu=True)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            found, expected.reshape(found.shape), rtol=1e-4, atol=1e-4 * scale, err_msg=name
        )


# --- receptive fields -------------------------------------------------------------------------

WINDOWS = st.tuples(
    st.sampled_from(["Conv", "MaxPool", "AveragePool"]),
    st.integers(1, 4),  # kernel
    st.integers(1, 3),  # stride
    st.integers(1, 2),  # dilation
    st.integers(0, 2),  # padding before
    st.integers(0, 2),  # padding behind
)


def seen(windows: list[tuple[str, int, int, int, int, int]], index: int) -> set[int]:
    """The pixels, along one side, that an output really depends on: tap by tap, back to front."""
    sizes = [SIDE]
    for kind, kernel, stride, dilation, begin, end in windows:
        extent = (kernel - 1) * (1 if kind == "AveragePool" else dilation) + 1
        sizes.append((sizes[-1] + begin + end - extent) // stride + 1)
    positions = {index}
    for size, window in zip(reversed(sizes[:-1]), reversed(windows), strict=True):
        kind, kernel, stride, dilation, begin, _ = window
        step = 1 if kind == "AveragePool" else dilation
        taps = {p * stride - begin + t * step for p in positions for t in range(kernel)}
        positions = {tap for tap in taps if 0 <= tap < size}
    return positions


def windowed(windows: list[tuple[str, int, int, int, int, int]]) -> Chain | None:
    """A chain of windows with positive weights; None if one does not fit, or is no ONNX."""
    chain, size = Chain("N", 3, SIDE, SIDE), SIDE
    random = np.random.default_rng(0)
    channels = 3
    for kind, kernel, stride, dilation, begin, end in windows:
        # ONNX Runtime's pooling wants less padding than kernel, and no dilated averages.
        dilated = 1 if kind == "AveragePool" else dilation
        if kind != "Conv" and max(begin, end) >= kernel:
            return None
        extent = (kernel - 1) * dilated + 1
        if size + begin + end < extent:
            return None
        size = (size + begin + end - extent) // stride + 1
        options = {"pads": [begin, begin, end, end], "strides": [stride] * 2}
        if kind == "Conv":
            weights = random.uniform(0.1, 1, (2, channels, kernel, kernel))
            chain.add("Conv", chain.constant(weights, "f4"), dilations=[dilated] * 2, **options)
            channels = 2
        elif kind == "MaxPool":
            chain.add(kind, kernel_shape=[kernel] * 2, dilations=[dilated] * 2, **options)
        else:
            chain.add(kind, kernel_shape=[kernel] * 2, **options)
    return chain


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(windows=st.lists(WINDOWS, min_size=1, max_size=4), data=st.data())
def test_nothing_outside_of_the_receptive_field_matters(
    windows: list[tuple[str, int, int, int, int, int]],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    chain = windowed(windows)
    if chain is None:
        return
    folder = tmp_path_factory.mktemp("chain")
    model = tiny_model(
        folder / "chain", proto=chain.model(), **facts(output={"probabilities": chain.tip})
    )
    reader = LayerReader(model, cpu_device())
    layer = reader.anatomy.sites[-1].layer
    values = np.random.default_rng(1).uniform(1, 2, (3, SIDE, SIDE)).astype(np.float32)
    maps = reader.read(values, layer.name).copy()
    row = data.draw(st.integers(0, maps.shape[1] - 1))
    column = data.draw(st.integers(0, maps.shape[2] - 1))
    left, top, right, bottom = receptive_field_box(layer, row, column)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    elsewhere = values.copy()
    elsewhere[:, ~inside] += 50
    np.testing.assert_array_equal(
        reader.read(elsewhere, layer.name)[:, row, column], maps[:, row, column]
    )
    # The box is the hull of what is seen: dilation and long strides leave holes in it, and near the
    # borders an output may see nothing but padding.
    rows, columns = (sorted(seen(windows, index)) for index in (row, column))
    if rows and columns:
        assert left <= columns[0] <= columns[-1] < right
        assert top <= rows[0] <= rows[-1] < bottom
        here = values.copy()
        here[:, rows[0], columns[0]] += 500
        here[:, rows[-1], columns[-1]] += 500
        assert (reader.read(here, layer.name)[:, row, column] != maps[:, row, column]).any()
    else:
        assert not maps[:, row, column].any(), "padding alone"


def test_the_box_is_tight_where_every_tap_counts(tmp_path: Path) -> None:
    """A pixel at each corner of the box changes the output; one beyond it does not."""
    chain = windowed([("Conv", 3, 2, 2, 1, 1), ("Conv", 3, 1, 1, 1, 1)])
    assert chain is not None
    model = tiny_model(
        tmp_path / "chain", proto=chain.model(), **facts(output={"probabilities": chain.tip})
    )
    reader = LayerReader(model, cpu_device())
    layer = reader.anatomy.sites[-1].layer
    left, top, right, bottom = receptive_field_box(layer, 7, 7)
    assert left > 0
    assert bottom < SIDE
    values = np.ones((3, SIDE, SIDE), np.float32)
    before = reader.read(values, layer.name)[:, 7, 7].copy()
    for row, column, counts in [
        (top, left, True),
        (bottom - 1, right - 1, True),
        (top - 1, left, False),
        (bottom - 1, right, False),
    ]:
        changed = values.copy()
        changed[:, row, column] += 1
        differs = (reader.read(changed, layer.name)[:, 7, 7] != before).any()
        assert differs == counts, (row, column)


# --- the bundled models -----------------------------------------------------------------------


def test_prob_is_what_classify_says(classifier: Classifier, zebra: Frame) -> None:
    probabilities = classifier.classify(zebra).probabilities
    maps = classifier.activations(zebra, "prob")
    assert maps.labels is not None
    assert maps.labels[int(maps.values.argmax())] == "zebra"
    assert maps.is_vector
    np.testing.assert_allclose(maps.values.ravel(), probabilities, atol=1e-5)
    assert (maps.model, maps.device) == ("vgg16-compact", classifier.device.name)
    assert maps.picture_size == zebra.size
    assert maps.crop == classifier.classify(zebra).crop
    assert classifier.activations(zebra, "fc8").labels == maps.labels
    assert classifier.activations(zebra, "flatten").labels is None


def test_every_layer_of_the_8_bit_model_resembles_that_of_the_other(
    classifier: Classifier, zebra: Frame
) -> None:
    other = Classifier.load("vgg16-compact-int8", device="cpu")
    for layer in ("conv1_1", "pool2", "conv3_3", "pool5", "fc6", "pool6", "fc8"):
        one, two = classifier.activations(zebra, layer), other.activations(zebra, layer)
        assert one.values.shape == two.values.shape
        correlation = np.corrcoef(one.values.ravel(), two.values.ravel())[0, 1]
        assert correlation > 0.97, layer
    before = other.activations(zebra, "conv1_1", before_relu=True).values
    assert before.min() < 0 <= other.activations(zebra, "conv1_1").values.min()


def test_the_input_is_what_the_network_sees(classifier: Classifier) -> None:
    blue = picture(colour=(10, 20, 200))
    channels = classifier.activations(blue, "data").values[:, 100, 100]
    # BGR, without the mean of the training set.
    np.testing.assert_allclose(channels, [200 - 103.939, 20 - 116.779, 10 - 123.68], atol=1e-3)


def test_weights(classifier: Classifier) -> None:
    patch = classifier.layers.weights("conv1_1", 0)
    assert patch.shape == (3, 3, 3)
    assert classifier.layers.weights("conv5_3", 511).shape == (512, 3, 3)
    assert classifier.layers.weights("fc8", 340).shape == (1280,)
    with pytest.raises(LayerWithoutWeightsError, match="pool1"):
        classifier.layers.weights("pool1", 0)
    with pytest.raises(IndexError):
        classifier.layers.weights("conv1_1", 64)


def test_weights_explain_the_map(classifier: Classifier, zebra: Frame) -> None:
    """What a unit multiplies by, applied to what feeds it, gives its map (without the bias)."""
    before = classifier.activations(zebra, "conv1_2", before_relu=True).values[5]
    feeding = classifier.activations(zebra, "conv1_1").values.astype(float)
    weights = classifier.layers.weights("conv1_2", 5)[np.newaxis].astype(float)
    without_bias = convolved(feeding, weights, np.zeros(1), 1)[0]
    difference = before - without_bias
    assert np.ptp(difference) < 1e-3 * np.abs(before).max(), "the bias is the same everywhere"


def test_a_picture_is_run_once_for_all_layers(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = classifier.layers
    values = np.zeros((3, 224, 224), np.float32)
    first = reader.read(values, "conv1_1")
    monkeypatch.setattr(reader, "_run", lambda *_: pytest.fail("the network ran again"))
    assert reader.read(values, "conv1_1") is first
    assert reader.read(values, "prob").shape == (1000, 1, 1)


# --- other models -----------------------------------------------------------------------------


def test_four_classes_240_pixels_channels_last(tmp_path: Path) -> None:
    chain = Chain("N", 240, 240, 3)
    random = np.random.default_rng(3)
    chain.add("Transpose", perm=[0, 3, 1, 2])
    weights = chain.constant(random.standard_normal((6, 3, 3, 3)), "f4")
    chain.add("Conv", weights, pads=[1] * 4).add("Relu")
    chain.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).add("GlobalAveragePool")
    chain.add("Flatten").add("Gemm", chain.constant(random.standard_normal((4, 6)), "f4"), transB=1)
    chain.add("Softmax")
    spec = facts(240)["input"] | {"layout": "NHWC"}
    model = tiny_model(
        tmp_path / "fine-tune",
        proto=chain.model(),
        **facts(input=spec, output={"probabilities": chain.tip}),
    )
    classifier = Classifier.load(model, device="cpu")
    photo = picture((300, 260))
    shapes = {
        site.layer.name: classifier.activations(photo, site.layer.name).values.shape
        for site in classifier.layers.anatomy.sites
    }
    assert shapes["data"] == (3, 240, 240)
    assert shapes["conv1_1"] == (6, 240, 240)
    assert shapes["pool1"] == (6, 120, 120)
    maps = classifier.activations(photo, "prob")
    assert maps.labels is not None
    assert len(maps.labels) == 4
    assert maps.values.sum() == pytest.approx(1, abs=1e-5)


def test_a_fixed_batch_and_a_branch(tmp_path: Path) -> None:
    chain = Chain(4, 3, SIDE, SIDE)
    random = np.random.default_rng(3)
    chain.add("Conv", chain.constant(random.standard_normal((3, 3, 1, 1)), "f4"))
    chain.add("Add", "data").add("GlobalAveragePool").add("Flatten").add("Softmax")
    model = tiny_model(
        tmp_path / "odd", proto=chain.model(), **facts(output={"probabilities": chain.tip})
    )
    reader = LayerReader(model, cpu_device())
    assert not reader.anatomy.is_chain
    values = random.uniform(0, 1, (3, SIDE, SIDE)).astype(np.float32)
    shapes = {s.layer.type: reader.read(values, s.layer.name).shape for s in reader.anatomy.sites}
    assert shapes["Add"] == (3, SIDE, SIDE)
    assert shapes["Softmax"] == (3, 1, 1)
    last = reader.anatomy.sites[-1].layer.name
    assert reader.read(values, last).sum() == pytest.approx(1, abs=1e-5)


# --- what cannot be done ----------------------------------------------------------------------


def test_a_wrong_layer_is_told_the_right_ones(classifier: Classifier, zebra: Frame) -> None:
    with pytest.raises(LayerNotFoundError) as caught:
        classifier.activations(zebra, "conv9_9")
    assert "conv1_1, conv1_2, pool1" in caught.value.remedy
    with pytest.raises(NoReluError) as no_relu:
        classifier.activations(zebra, "pool1", before_relu=True)
    assert "conv1_1" in no_relu.value.remedy
    assert "pool1" not in no_relu.value.remedy
    with pytest.raises(ImageNotFoundError):
        classifier.activations("gone.jpg", "conv1_1")


def test_cancelling(classifier: Classifier, zebra: Frame) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        classifier.activations(zebra, "conv2_2", cancellation=cancellation)
    assert classifier.activations(zebra, "conv2_2").values.any(), "it works again"


def test_weights_that_are_gone(tmp_path: Path) -> None:
    reader = LayerReader(small_vgg(tmp_path, "A"), cpu_device())
    (reader.model.folder / "weights.bin").unlink()
    with pytest.raises(InferenceError):
        reader.read(np.zeros((3, SIDE, SIDE), np.float32), "conv1_1")


@pytest.mark.usefixtures("openvino")
def test_openvino_cuts_the_graph(classifier: Classifier, zebra: Frame) -> None:
    other = Classifier.load("vgg16-compact", device="openvino:cpu")
    one, two = (c.activations(zebra, "conv3_3") for c in (classifier, other))
    assert two.device != one.device
    assert np.corrcoef(one.values.ravel(), two.values.ravel())[0, 1] > 0.999
