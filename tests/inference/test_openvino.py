"""OpenVINO's plugin provider itself, where it is installed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from imaginary import busy_model
from support import picture
from vggscope import paths
from vggscope.errors import Cancelled, InexactDeviceError
from vggscope.inference import selection
from vggscope.inference.classifier import Classifier
from vggscope.inference.probe import Status
from vggscope.inference.runtime import Cancellation
from vggscope.sources.stills import read_still
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.inference.devices import Device
    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model

pytestmark = pytest.mark.usefixtures("openvino")
EXACT, ROUNDED = "openvino:cpu:fp32", "openvino:cpu:bf16"


@pytest.fixture
def busy(data_dir: Path) -> Model:
    return busy_model(data_dir / "data" / "models" / "busy")


def samples(classifier: Classifier) -> list[Frame]:
    files = sorted(paths.resource("samples").glob("*.jpg"))
    return [read_still(path, enough=classifier.enough) for path in files]


def test_the_bundled_8_bit_model_is_verified() -> None:
    survey = selection.probe(find_model("vgg16-compact-int8"))
    rows = {row.device.key: row for row in survey.rows if row.device is not None}
    ours = {key: row for key, row in rows.items() if key.startswith("openvino:cpu:")}
    assert EXACT in ours
    for row in ours.values():
        assert (row.status, row.problem) == (Status.VERIFIED, None)
        assert row.verdict is not None
        assert row.verdict.on_cpu == {}
        assert row.verdict.photos == 12
        assert row.verdict.agreeing >= 11
        assert row.ratio is not None


def test_exact_answers_are_those_of_the_cpu(tiny: Model, busy: Model) -> None:
    for model in (tiny, busy):
        exact = Classifier.load(model, device=EXACT, exact=True)
        on_cpu = Classifier.load(model, device="cpu")
        assert (exact.device.key, exact.device.precision) == (EXACT, "fp32")
        for frame in samples(exact):
            one, other = exact.classify(frame), on_cpu.classify(frame)
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-4)
            assert (one.device, one.device_name) == (EXACT, exact.device.name)
        assert exact.failure is None


def test_the_first_device_is_what_the_provider_alone_means(tiny: Model) -> None:
    found = [d.key for d in selection.devices() if d.provider == "openvino"]
    assert Classifier.load(tiny, device="openvino").device.key == found[0]


def test_rounded_answers_are_close_to_those_of_the_cpu(openvino: dict[str, Device]) -> None:
    if ROUNDED not in openvino:
        pytest.skip("this processor does not multiply in bf16")
    rounded, on_cpu = Classifier.load(device=openvino[ROUNDED]), Classifier.load(device="cpu")
    assert rounded.device.precision == "bf16"
    differences = []
    for frame in samples(rounded):
        one, other = rounded.classify(frame), on_cpu.classify(frame)
        differences.append(abs(one.probabilities - other.probabilities).max())
        assert one.predictions[0].index == other.predictions[0].index
    assert 1e-6 < max(differences) < 0.02
    with pytest.raises(InexactDeviceError):
        Classifier.load(device=ROUNDED, exact=True)


def test_batches_and_single_photos_agree(openvino: dict[str, Device], busy: Model) -> None:
    classifier = Classifier.load(busy, device=openvino[EXACT])
    frames = samples(classifier)
    singly = [classifier.classify(frame).probabilities for frame in frames]
    # One after the other in the same session, which prepares itself for each new size.
    for size in (12, 1, 5, 12, 3):
        results = classifier.classify_batch(frames[:size])
        assert len(results) == size
        for result, probabilities in zip(results, singly, strict=False):
            np.testing.assert_allclose(result.probabilities, probabilities, atol=1e-5)
    assert classifier.failure is None


def test_the_same_photo_gets_the_same_answer(openvino: dict[str, Device], busy: Model) -> None:
    answers = [
        Classifier.load(busy, device=openvino[EXACT]).classify(picture()).probabilities
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*answers)


def test_cancelled_before(openvino: dict[str, Device], tiny: Model) -> None:
    classifier = Classifier.load(tiny, device=openvino[EXACT])
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        classifier.classify(picture(), cancellation=cancellation)
    assert classifier.classify(picture(), cancellation=Cancellation()).predictions
    assert (classifier.device.key, classifier.failure) == (EXACT, None)


def test_cancelled_in_mid_run(openvino: dict[str, Device], busy: Model) -> None:
    classifier = Classifier.load(busy, device=openvino[EXACT])
    frames = [picture(seed=seed) for seed in range(64)]
    started = time.perf_counter()
    expected = classifier.classify_batch(frames)
    took = time.perf_counter() - started
    cancellation = Cancellation()
    timer = threading.Timer(took / 4, cancellation.cancel)

    def classify_for_ever() -> None:
        while True:
            classifier.classify_batch(frames, cancellation=cancellation)

    timer.start()
    # OpenVINO computes to the end; what it answers then is not wanted any more.
    with pytest.raises(Cancelled):
        classify_for_ever()
    timer.join()
    assert (classifier.device.key, classifier.failure) == (EXACT, None)
    again = classifier.classify(frames[0])
    np.testing.assert_allclose(again.probabilities, expected[0].probabilities, atol=1e-5)
