"""Whole pictures: dense evaluation, ten crops, class maps, on networks and photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import ModelProto
from PIL import Image

from dense_reference import Reference, softmax
from imaginary import CARD, CARD_NAME
from support import picture, tiny_input, tiny_model
from vggscope import paths
from vggscope.errors import (
    Cancelled,
    ImageNotFoundError,
    NotConvolutionalError,
    UnknownClassError,
)
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import cpu_device
from vggscope.inference.multi_crop import five_crops
from vggscope.inference.preprocessing import CropBox
from vggscope.inference.protocols import PROTOCOLS
from vggscope.inference.runtime import Cancellation
from vggscope.inference.selection import probe
from vggscope.sources.frame import Frame, Origin
from vggscope.sources.stills import read_still
from vggscope.vgg.build import build
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from imaginary import Card
    from vggscope.sources.frame import Box
    from vggscope.zoo.normal_form import Model

SAMPLES = paths.resource("samples")
ZEBRA, CAT, CAR = (SAMPLES / f"{n}.jpg" for n in ("zebra", "cat-chelsea", "sports-car"))
CLASSES = [f"class {number}" for number in range(1000)]
BUNDLED = ("vgg16-compact", "vgg16-compact-int8")


def narrow(folder: Path, proto: ModelProto, *, size: int, resize: int) -> Model:
    """``proto`` of ``vgg.build``, which takes numbers from -1 to 1."""
    spec = tiny_input(
        height=size, width=size, resize=resize, scale=1 / 127.5, mean=[1.0] * 3, std=[1.0] * 3
    )
    output = {"probabilities": "prob", "logits": "fc8"}
    # Writing it moves the weights out.
    copy = ModelProto()
    copy.CopyFrom(proto)
    return tiny_model(folder, proto=copy, labels=CLASSES, input=spec, output=output, layers=[])


def numbers(frame: Frame, box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
    """What `narrow` gets of a part of a picture."""
    pixels = frame.resample(box, size).transpose(2, 0, 1)
    return pixels.astype(np.float32) / np.float32(127.5) - 1


# --- one picture, one network, by hand --------------------------------------------------------


@pytest.fixture(scope="module")
def proto() -> ModelProto:
    return build("A", size=64, width=0.1)


@pytest.fixture
def small(proto: ModelProto, tmp_path: Path) -> Classifier:
    return Classifier(narrow(tmp_path / "small", proto, size=64, resize=80), cpu_device())


def test_dense_evaluation_is_that_of_the_reference(small: Classifier, proto: ModelProto) -> None:
    frame = picture((150, 110), seed=3)
    reference = Reference(proto, "A", size=64, width=0.1)
    assert small.dense.scales == (80, 120, 160)
    means = []
    for scale in small.dense.scales:
        view = small.dense.view(frame.size, scale)
        values = numbers(frame, view.crop, view.size)
        both = (values, values[:, :, ::-1])
        means += [softmax(reference.logits(each)).mean(axis=(0, 1)) for each in both]
    found = small.classify_with(frame, "dense")
    np.testing.assert_allclose(found.probabilities, np.mean(means, axis=0), atol=1e-5)
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert found.predictions == found.top(5)
    assert (found.protocol, len(found.crops)) == ("dense", 3)


def test_a_class_map_is_that_of_the_reference(small: Classifier, proto: ModelProto) -> None:
    frame = picture((150, 110), seed=4)
    reference = Reference(proto, "A", size=64, width=0.1)
    for scale in (64, 100, 160):
        view = small.dense.view(frame.size, scale)
        expected = reference.logits(numbers(frame, view.crop, view.size))
        for quantity, values in (("logit", expected), ("probability", softmax(expected))):
            found = small.class_map(frame, 17, scale=scale, quantity=quantity)
            assert found.values.dtype == np.float32
            assert (found.crop, found.input_size) == (view.crop, view.size)
            np.testing.assert_allclose(
                found.values, values[:, :, 17], rtol=1e-4, atol=1e-4 * abs(values).max()
            )


def test_ten_crops_are_ten_ordinary_runs(small: Classifier) -> None:
    """Crops cut by hand, each a picture of its own."""
    frame = picture((150, 110), seed=5)
    resized = frame.resample((0, 0, *frame.size), (109, 80))
    answers = []
    for x, y in ((22, 8), (0, 0), (45, 0), (0, 16), (45, 16)):
        crop = resized[y : y + 64, x : x + 64]
        for pixels in (crop, crop[:, ::-1]):
            whole = Frame(
                pixels=np.ascontiguousarray(pixels), size=(64, 64), origin=Origin(name="crop")
            )
            # Of a picture of 64 × 64, stretched, all is seen.
            small.use_fit("stretch")
            answers.append(small.classify(whole).probabilities)
    small.use_fit(None)
    found = small.classify_with(frame, "10-crop")
    # Cutting before or after resizing: the filter sees beyond a crop's edge, or does not.
    np.testing.assert_allclose(found.probabilities, np.mean(answers, axis=0), atol=2e-3)
    assert (found.protocol, len(found.crops)) == ("10-crop", 5)
    assert tuple(found.crop) == pytest.approx((0, 0, 150, 110), abs=1.5)


def test_the_first_of_the_crops_is_the_single_one(small: Classifier) -> None:
    spec = small.model.description.input
    for size in ((150, 110), (97, 301), (64, 64), (33, 40)):
        assert five_crops(size, spec)[0] == small.classify(picture(size)).crop
        for box in five_crops(size, spec):
            assert box.left >= 0
            assert box.top >= 0
            assert box.right <= size[0] + 1e-6
            assert box.bottom <= size[1] + 1e-6


def test_the_centre_is_classify(small: Classifier) -> None:
    frame = picture((90, 70))
    one, other = small.classify(frame), small.classify_with(frame, "centre")
    assert one.predictions == other.predictions
    assert (other.protocol, other.crops) == ("centre", ())


def test_how_pictures_are_fitted_is_of_the_single_crop(small: Classifier) -> None:
    frame = picture((150, 70))
    before = [small.classify_with(frame, p).probabilities for p in ("10-crop", "dense")]
    small.use_fit("stretch")
    after = [small.classify_with(frame, p).probabilities for p in ("10-crop", "dense")]
    np.testing.assert_array_equal(before, after)


def test_the_mirror_image_has_the_mirrored_map(small: Classifier) -> None:
    frame = picture((150, 110), seed=6)
    turned = Frame(
        pixels=np.ascontiguousarray(frame.pixels[:, ::-1]), size=frame.size, origin=frame.origin
    )
    one = small.dense.scores(frame, 120, mirrored=True).logits
    other = small.dense.scores(turned, 120).logits
    # The middle of an odd rest lies half a pixel off.
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99


def test_other_classes_of_a_frame_need_no_other_run(small: Classifier) -> None:
    frame = picture((100, 100))
    runs = []
    original = small.dense.scores

    def counted(*arguments: Any, **options: Any) -> Any:
        runs.append(arguments)
        return original(*arguments, **options)

    small.dense.scores = counted  # type: ignore[method-assign]
    first = small.class_map(frame, 1)
    assert small.class_map(frame, "class 2").milliseconds == first.milliseconds
    assert len(runs) == 1
    small.class_map(frame, 1, scale=64)
    small.class_map(picture((100, 100)), 1)
    assert len(runs) == 3


def test_unknown_classes_and_files_cost_nothing(small: Classifier) -> None:
    with pytest.raises(UnknownClassError):
        small.class_map(picture(), "nothing like it")
    with pytest.raises(ImageNotFoundError):
        small.class_map("missing.jpg", 1)
    with pytest.raises(ImageNotFoundError):
        small.classify_with("missing.jpg", "10-crop")


@pytest.mark.parametrize("protocol", ["10-crop", "dense"])
def test_a_stop_between_two_runs_is_obeyed(small: Classifier, protocol: Any) -> None:
    cancellation = Cancellation()
    looks = []

    class Impatient:
        """Somebody changes their mind while the third part of it is prepared."""

        size = (100, 80)

        def resample(self, box: Box, size: tuple[int, int]) -> NDArray[np.uint8]:
            looks.append(box)
            if len(looks) == 3:
                cancellation.cancel()
            return picture(self.size).resample(box, size)

    with pytest.raises(Cancelled):
        small.classify_with(Impatient(), protocol, cancellation=cancellation)
    assert len(looks) == 3
    with pytest.raises(Cancelled):
        small.class_map(picture(), 0, cancellation=cancellation)
    assert small.classify_with(picture((100, 80)), protocol).protocol == protocol


def test_a_network_of_one_size_says_what_it_cannot(tmp_path: Path) -> None:
    from vgg.test_convolutional import branching  # noqa: PLC0415

    model = tiny_model(
        tmp_path / "branching",
        proto=branching(),
        labels=["a", "b", "c"],
        input=tiny_input(height=8, width=8, resize=8),
        output={"probabilities": "prob"},
        layers=[],
    )
    classifier = Classifier(model, cpu_device())
    for look in (
        lambda: classifier.class_map(picture(), 0),
        lambda: classifier.classify_with(picture(), "dense"),
        lambda: classifier.enough_for("dense"),
    ):
        with pytest.raises(NotConvolutionalError, match="branching"):
            look()
    assert classifier.classify_with(picture(), "10-crop").protocol == "10-crop"


def test_panoramas_are_cut_not_choked_on(small: Classifier) -> None:
    for size in ((60_000, 40), (40, 60_000), (1, 1), (1, 3000)):
        pixels = np.full((min(size[1], 2000), min(size[0], 2000), 3), 90, np.uint8)
        frame = Frame(pixels=pixels, size=size, origin=Origin(name="strip"))
        view = small.dense.view(size, 64)
        assert view.size[0] * view.size[1] <= 2_000_000
        if max(size) <= 3000:
            found = small.class_map(frame, 0, scale=64)
            assert np.isfinite(found.values).all()


# --- the bundled models -----------------------------------------------------------------------


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_model_at_its_own_size(name: str) -> None:
    classifier = Classifier.load(name, device="cpu")
    frame = read_still(ZEBRA)
    # The crop that the single one is, as a picture of its own.
    crop = classifier.classify(frame).crop
    pixels = frame.resample(crop, (224, 224))
    square = Frame(pixels=pixels, size=(224, 224), origin=frame.origin)
    classifier.use_fit("stretch")
    expected = classifier.classify(square).probabilities
    found = classifier.dense.scores(square, 224).probabilities
    assert found.shape == (1, 1, 1000)
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-4)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(("name", "label"), [(ZEBRA, "zebra"), (CAR, "sports car")])
def test_an_object_moves_the_maximum_to_where_it_is(
    classifier: Classifier, name: Path, label: str, place: int
) -> None:
    """Four photos side by side, one of them of what is looked for."""
    side = 224
    others = [CAT, SAMPLES / "pizza.jpg", SAMPLES / "flower.jpg"]
    others.insert(place, name)
    canvas = Image.new("RGB", (2 * side, 2 * side))
    for number, path in enumerate(others):
        with Image.open(path) as photo:
            canvas.paste(photo.convert("RGB").resize((side, side)), corner(number, side))
    frame = Frame(pixels=np.asarray(canvas), size=canvas.size, origin=Origin(name="collage"))
    found = classifier.class_map(frame, label, scale=2 * side)
    box = found.box(found.peak.row, found.peak.column)
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    left, top = corner(place, side)
    assert left - 40 < x < left + side + 40
    assert top - 40 < y < top + side + 40
    row, column = np.unravel_index(int(found.cells.argmax()), found.cells.shape)
    down, across = found.cells.shape
    assert (row >= down / 2, column >= across / 2) == (place >= 2, place % 2 == 1)
    assert found.at(left + side / 2, top + side / 2) > 5 * found.at(
        *(s + side / 2 for s in corner(3 - place, side))
    )


def corner(place: int, side: int) -> tuple[int, int]:
    """(x, y) of a quadrant: 0 and 1 above, 2 and 3 below."""
    return place % 2 * side, place // 2 * side


def test_all_protocols_know_the_zebra() -> None:
    classifier = Classifier.load("vgg16-compact-int8", device="cpu")
    answers = [classifier.classify_with(ZEBRA, protocol) for protocol in PROTOCOLS]
    assert [answer.predictions[0].label for answer in answers] == ["zebra"] * 3
    assert [answer.protocol for answer in answers] == list(PROTOCOLS)
    assert all(answer.milliseconds > 0 for answer in answers)
    assert all(answer.crop == CropBox(0, 0, 299, 299) for answer in answers[1:])


# --- other devices ----------------------------------------------------------------------------


def on_card(model: Model) -> Classifier:
    found = probe(model)
    [device] = [r.device for r in found.rows if r.device is not None and r.key == CARD]
    return Classifier.load(model, device=device)


def test_the_card_looks_at_whole_pictures(card: Card, model: Model) -> None:
    card.does("good")
    classifier = on_card(model)
    found = classifier.classify_with(picture((60, 80)), "dense")
    expected = Classifier(model, cpu_device()).classify_with(picture((60, 80)), "dense")
    assert (found.device, classifier.dense_failure) == (CARD, None)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    assert classifier.classify_with(picture((60, 80)), "10-crop").device == CARD


@pytest.mark.parametrize("mode", ["fail:1", "nan", "wrong", "refuse", "idle"])
def test_the_cpu_looks_where_the_card_cannot(card: Card, model: Model, mode: str) -> None:
    classifier = on_card(model)
    frame = picture((60, 80))
    expected = Classifier(model, cpu_device()).classify_with(frame, "dense")
    card.does(mode)
    found = classifier.classify_with(frame, "dense")
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    assert found.device == "cpu"
    assert classifier.dense_failure is not None
    assert CARD_NAME in classifier.dense_failure.message
    # It still classifies.
    assert classifier.failure is None
    assert classifier.device.key == CARD
    card.does("good")
    assert classifier.classify(frame).device == CARD
    assert classifier.class_map(frame, 1).device == "cpu"


@pytest.mark.usefixtures("openvino")
def test_openvino_looks_at_whole_pictures() -> None:
    key = "openvino:cpu:fp32"
    classifier = Classifier.load("vgg16-compact", device=key)
    found = classifier.class_map(ZEBRA, "zebra", scale=320)
    on_cpu = Classifier(find_model("vgg16-compact"), cpu_device())
    expected = on_cpu.class_map(ZEBRA, "zebra", scale=320)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-3)
    assert found.device == (key if classifier.dense_failure is None else "cpu")
