"""A large model's weights are mapped once, whatever computes with them."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from support import picture, tiny_facts, tiny_input
from vggscope.inference import shared_weights
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import cpu_device
from vggscope.inference.layer_reader import LayerReader
from vggscope.inference.shared_weights import prepacks
from vggscope.vgg.build import build
from vggscope.zoo.normal_form import WEIGHTS, change_facts, write_model

if TYPE_CHECKING:
    from vggscope.zoo.normal_form import Model


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A narrow VGG."""
    spec = tiny_input(height=32, width=32, resize=32)
    facts = tiny_facts(name="narrow", labels="imagenet-1k", input=spec, layers=[])
    facts["output"] = {"probabilities": "prob", "logits": "fc8"}
    return write_model(build("A", size=32, width=0.25), tmp_path / "narrow", **facts)


@pytest.fixture
def large(model: Model, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The same, where that is a large one."""
    monkeypatch.setattr(shared_weights, "_SMALL", 1_000_000)
    return model


def mappings(model: Model) -> int:
    """How often this process has the file of weights mapped, as the system tells."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return sum(line.endswith(str(model.folder / WEIGHTS)) for line in lines)


def test_answers_are_the_same(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Classifier(model, cpu_device()).classify(picture()).probabilities
    reader = LayerReader(model, cpu_device())
    maps = {name: reader.look(picture(), name).values for name in ("conv3_2", "fc6", "prob")}
    assert prepacks(model)
    monkeypatch.setattr(shared_weights, "_SMALL", 1_000_000)
    assert not prepacks(model)
    after = Classifier(model, cpu_device()).classify(picture()).probabilities
    np.testing.assert_allclose(after, before, rtol=1e-4)
    reader = LayerReader(model, cpu_device())
    for name, values in maps.items():
        np.testing.assert_allclose(
            reader.look(picture(), name).values, values, rtol=1e-3, atol=1e-5
        )
    np.testing.assert_array_equal(
        reader.weights("fc6", 3), LayerReader(model, cpu_device()).weights("fc6", 3)
    )


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells")
def test_one_mapping_for_all(large: Model) -> None:
    classifier = Classifier(large, cpu_device())
    classifier.classify(picture())
    readers = [LayerReader(large, cpu_device()) for _ in range(2)]
    for reader in readers:
        reader.look(picture(), "fc6")
    assert mappings(large) == 1
    expected = readers[0].look(picture(seed=1), "conv1_1").values
    # Whoever goes first leaves the others what they compute with.
    del classifier, readers[0]
    gc.collect()
    np.testing.assert_array_equal(readers[0].look(picture(seed=1), "conv1_1").values, expected)
    assert mappings(large) == 1
    readers.clear()
    del reader
    gc.collect()
    assert mappings(large) == 0


def test_8_bit_networks_are_prepacked(large: Model) -> None:
    assert prepacks(change_facts(large, precision="int8"))


def test_weights_that_are_shorter_than_told(large: Model) -> None:
    """What is wrong with them is told as ever."""
    path = large.folder / WEIGHTS
    content = path.read_bytes()
    path.write_bytes(content[:-4096] + bytes(4096))
    with pytest.raises(Exception, match=re.escape("SHA-256")):
        Classifier(large, cpu_device())
    path.write_bytes(content[:-4096])
    with pytest.raises(Exception, match="instead of"):
        Classifier(large, cpu_device())
