"""Layers beside the probabilities, in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vggscope import paths
from vggscope.errors import InferenceError, LayerNotFoundError, NoReluError
from vggscope.inference.classifier import Classifier
from vggscope.inference.runtime import Session
from vggscope.inference.tap import Tap
from vggscope.sources.stills import read_still

if TYPE_CHECKING:
    from vggscope.sources.frame import Frame


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load("vgg16-compact-int8", device="cpu")


@pytest.fixture(scope="module")
def zebra() -> Frame:
    return read_still(paths.resource("samples", "zebra.jpg"))


@pytest.fixture(autouse=True)
def _lean_again(classifier: Classifier) -> None:
    classifier.tap(None)


@pytest.mark.parametrize("layer", ["data", "conv3_3", "pool5", "fc6", "prob"])
def test_a_tapped_layer_is_what_the_reader_reads(
    classifier: Classifier, zebra: Frame, layer: str
) -> None:
    expected = classifier.activations(zebra, layer)
    plain = classifier.classify(zebra)
    classifier.tap(Tap(layer))
    result, maps = classifier.classify_tapped(zebra)
    assert maps is not None
    assert maps.shrunk == 1
    assert (maps.layer, maps.labels, maps.crop) == (expected.layer, expected.labels, expected.crop)
    np.testing.assert_allclose(maps.values, expected.values, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(result.probabilities, plain.probabilities, atol=1e-5)


def test_before_relu(classifier: Classifier, zebra: Frame) -> None:
    expected = classifier.activations(zebra, "conv4_2", before_relu=True)
    classifier.tap(Tap("conv4_2", before_relu=True))
    _, maps = classifier.classify_tapped(zebra)
    assert maps is not None
    assert maps.before_relu
    assert maps.values.min() < 0
    np.testing.assert_allclose(maps.values, expected.values, rtol=1e-4, atol=1e-3)


def test_large_maps_are_maxima_of_squares(classifier: Classifier, zebra: Frame) -> None:
    whole = classifier.activations(zebra, "conv1_1").values
    classifier.tap(Tap("conv1_1"))
    _, maps = classifier.classify_tapped(zebra)
    assert maps is not None
    assert maps.shrunk == 2
    channels, height, width = whole.shape
    expected = whole.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))
    np.testing.assert_allclose(maps.values, expected, rtol=1e-4, atol=1e-4)
    box = maps.receptive_field(0, 0)
    assert box == (0, 0, 3, 3), "of both rows and columns: each sees 3, one beyond the border"


def test_what_is_not_asked_for_is_not_handed_out(classifier: Classifier, zebra: Frame) -> None:
    assert classifier.classify_tapped(zebra)[1] is None
    classifier.tap(Tap("pool5"))
    assert classifier.tapped == Tap("pool5")
    classifier.tap(None)
    assert classifier.tapped is None
    assert classifier.classify_tapped(zebra)[1] is None


def test_what_cannot_be_tapped_leaves_the_former_tap(classifier: Classifier, zebra: Frame) -> None:
    classifier.tap(Tap("pool5"))
    with pytest.raises(LayerNotFoundError):
        classifier.tap(Tap("conv9_9"))
    with pytest.raises(NoReluError):
        classifier.tap(Tap("pool5", before_relu=True))
    assert classifier.tapped == Tap("pool5")
    _, maps = classifier.classify_tapped(zebra)
    assert maps is not None


def test_a_device_that_refuses_the_graph_goes_on_without(
    classifier: Classifier, zebra: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Session.__init__

    def refuse(self: Session, graph: object, *arguments: object, **options: object) -> None:
        if isinstance(graph, bytes):
            raise RuntimeError("too large")  # noqa: TRY004 (what ONNX Runtime raises)
        opened(self, graph, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "__init__", refuse)
    with pytest.raises(InferenceError, match="too large"):
        classifier.tap(Tap("pool5"))
    assert classifier.tapped is None
    assert classifier.classify(zebra).predictions[0].label == "zebra"
