"""Stopping: before a run and in the midst of one, without harm to what comes after."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import TensorProto, helper

from support import TINY_SIZE, onnx_model, picture, tiny_input, tiny_model
from vggscope.errors import Cancelled
from vggscope.inference.classifier import Classifier
from vggscope.inference.runtime import Cancellation
from vggscope.inference.stream import classify_stream

if TYPE_CHECKING:
    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A network that thinks about a white picture for years, and about a black one not at all."""
    one_picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["goes_on"]),
            helper.make_node("Softmax", ["x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            one_picture,
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4]),
        ],
    )
    nodes = [
        helper.make_node("ReduceMax", ["data"], ["brightness"], keepdims=0),
        helper.make_node("Mul", ["brightness", "years"], ["many"]),
        helper.make_node("Cast", ["many"], ["turns"], to=TensorProto.INT64),
        helper.make_node("Loop", ["turns", "", "start"], ["end"], body=body),
        helper.make_node("Softmax", ["end"], ["prob"]),
    ]
    output = helper.make_tensor_value_info("prob", TensorProto.FLOAT, [1, 4])
    weights = {"years": np.float32(1e9), "start": np.ones((1, 4), np.float32)}
    return tiny_model(
        tmp_path_factory.mktemp("models") / "patient",
        proto=onnx_model(nodes, [1, 3, *TINY_SIZE], [output], weights),
        input=tiny_input(scale=1.0, mean=[0.0] * 3, std=[1.0] * 3),
        output={"probabilities": "prob"},
        layers=[],
    )


def test_cancelled_before(tiny: Model) -> None:
    classifier = Classifier.load(tiny)
    cancellation = Cancellation()
    assert not cancellation.cancelled
    cancellation.cancel()
    assert cancellation.cancelled
    with pytest.raises(Cancelled):
        classifier.classify(picture(), cancellation=cancellation)
    # Not even a file is looked at.
    with pytest.raises(Cancelled):
        classifier.classify("no such photo.jpg", cancellation=cancellation)
    assert classifier.classify(picture(), cancellation=Cancellation()).predictions


def test_a_cancellation_serves_many_runs(tiny: Model) -> None:
    classifier = Classifier.load(tiny)
    cancellation = Cancellation()
    for _ in range(3):
        classifier.classify(picture(), cancellation=cancellation)
    cancellation.cancel()
    cancellation.cancel()
    for _ in range(2):
        with pytest.raises(Cancelled):
            classifier.classify(picture(), cancellation=cancellation)


def test_cancelled_in_mid_run(patient: Model) -> None:
    cancellation = Cancellation()
    ready = threading.Event()
    caught: list[Exception] = []
    afterwards: list[float] = []

    def work() -> None:
        classifier = Classifier.load(patient)
        ready.set()
        try:
            classifier.classify(picture(colour=WHITE), cancellation=cancellation)
        except Cancelled as error:
            caught.append(error)
        result = classifier.classify(picture(colour=BLACK), cancellation=Cancellation())
        afterwards.append(result.predictions[0].probability)

    # Without cancelling this thread would never end; it must not keep pytest from doing so.
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    assert ready.wait(60)
    time.sleep(0.3)  # so that the run has begun
    assert worker.is_alive()
    cancellation.cancel()
    worker.join(60)
    assert not worker.is_alive()
    assert len(caught) == 1
    assert afterwards == [0.25]


def test_a_stream_ends_in_mid_run(patient: Model) -> None:
    cancellation = Cancellation()
    white_is_read = threading.Event()
    outcomes: list[object] = []

    def read(colour: tuple[int, int, int]) -> Frame:
        if colour == WHITE:
            white_is_read.set()
        return picture(colour=colour)

    def work() -> None:
        classifier = Classifier.load(patient)
        stream = classify_stream(classifier, [BLACK, WHITE, BLACK], read, cancellation=cancellation)
        try:
            outcomes.extend(result.item for result in stream)
        except Cancelled as error:
            outcomes.append(error.kind)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    assert white_is_read.wait(60)
    time.sleep(0.3)  # so that the run has begun
    assert worker.is_alive()
    cancellation.cancel()
    worker.join(60)
    assert not worker.is_alive()
    assert outcomes == [BLACK, "cancelled"]
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]
