"""Networks of the family with random weights: what they are, and what their making takes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from support import environment, picture
from vggscope import paths
from vggscope.errors import (
    Cancelled,
    LabelsError,
    ModelNameTakenError,
    NetworkOptionError,
    UnknownConfigError,
)
from vggscope.inference.classifier import Classifier
from vggscope.vgg import configs
from vggscope.vgg.build import build
from vggscope.zoo.creating import create_model
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.zoo.normal_form import Model

NARROW = {"classes": 10, "size": 64, "width": 1 / 16}


@pytest.fixture(autouse=True)
def _own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(tmp_path / "user"))


def weights(model: Model) -> dict[str, NDArray[np.float32]]:
    proto = onnx.load(model.graph_path)
    return {t.name: onnx.numpy_helper.to_array(t) for t in proto.graph.initializer}


def made() -> list[str]:
    folder = paths.user_models()
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("name", configs.CONFIGS)
def test_every_network_of_the_family_classifies(name: str) -> None:
    model = create_model(name, **NARROW)
    model.check_content()
    model.check_layers()
    assert model.description.untrained
    network, paper = model.anatomy().network, configs.network(name, **NARROW)
    assert network.layers == paper.layers
    answer = Classifier.load(model, device="cpu").classify(picture((64, 64)), top=10)
    total = sum(prediction.probability for prediction in answer.predictions)
    assert total == pytest.approx(1, abs=1e-5)
    assert {p.label for p in answer.predictions} == {f"class {n}" for n in range(10)}


def test_the_weights_are_those_of_build() -> None:
    # Drawn in one piece there, in blocks here.
    model = create_model("A", classes=10, width=0.25, seed=7)
    expected = build("A", classes=10, width=0.25, seed=7)
    found = weights(model)
    assert len(found) == len(expected.graph.initializer)
    for tensor in expected.graph.initializer:
        np.testing.assert_array_equal(found[tensor.name], onnx.numpy_helper.to_array(tensor))


def test_the_seed_decides() -> None:
    first = create_model("A", **NARROW)
    again = create_model("A", **NARROW, name="again")
    other = create_model("A", **NARROW, seed=1)
    assert first.identity == again.identity != other.identity
    assert other.name == "vgg11-untrained-10-classes-64-px-width-0.0625-seed-1"


def test_names_and_labels(tmp_path: Path) -> None:
    usual = create_model("d", width=1 / 16)
    assert usual.name == "vgg16-untrained-width-0.0625"
    assert usual.title == "VGG16 untrained, width 0.0625"
    assert usual.description.labels == "imagenet-1k"
    names = tmp_path / "names.txt"
    names.write_text("ant\nbee\n", encoding="utf-8")
    few = create_model("d", **(NARROW | {"classes": 2}), name="few", title="Few", labels=names)
    assert (few.name, few.title) == ("few", "Few")
    assert [label.label for label in few.labels()] == ["ant", "bee"]
    numbered = create_model("d", width=1 / 16, name="numbered", labels="numbers")
    assert numbered.labels()[999].label == "class 999"
    for classes, labels in ((3, names), (3, "imagenet-1k")):
        with pytest.raises(LabelsError):
            create_model("d", **(NARROW | {"classes": classes}), labels=labels)
    assert made() == ["few", "numbered", "vgg16-untrained-width-0.0625"]


def test_the_longest_name() -> None:
    model = create_model("vgg11-lrn", classes=10, size=64, width=1 / 64, seed=2**64 - 1)
    assert len(model.name) == 64
    assert find_model(model.name) == model


@pytest.mark.parametrize(
    ("options", "choice"),
    [
        ({"classes": 0}, "1 to 65536 classes"),
        ({"size": 31}, "a size from 32 to 1024 pixels"),
        ({"size": 1025}, "a size from 32 to 1024 pixels"),
        ({"width": 0.0}, "a width from 0.015625 to 4"),
        ({"width": float("nan")}, "a width from 0.015625 to 4"),
        ({"width": 4.1}, "a width from 0.015625 to 4"),
        ({"seed": -1}, "a seed from 0 to 2⁶⁴ - 1"),
        ({"width": 4.0, "size": 1024}, "less of everything: up to 8.6 GB can be made"),
    ],
)
def test_what_cannot_be_made(options: dict[str, float], choice: str) -> None:
    with pytest.raises(NetworkOptionError) as caught:
        create_model("vgg16", **options)
    assert caught.value.remedy == f"Choose {choice}."
    assert not made()


def test_an_unknown_network() -> None:
    with pytest.raises(UnknownConfigError) as caught:
        create_model("F")
    assert caught.value.remedy == f"Choose one of: {', '.join(configs.CONFIGS)}."


def test_a_name_that_is_taken() -> None:
    first = create_model("A", **NARROW)
    with pytest.raises(ModelNameTakenError):
        create_model("A", **NARROW)
    assert create_model("A", **NARROW, replace=True) == first


def test_stopped_in_the_middle() -> None:
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 5

    with pytest.raises(Cancelled):
        create_model("A", **NARROW, stop=stop)
    assert not made()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak since the start")
def test_the_largest_of_the_paper_takes_little_memory(tmp_path: Path) -> None:
    # Half a gigabyte on the disk, once in this suite.
    script = (
        "import json, pathlib, re\n"
        "from vggscope.zoo.creating import create_model\n"
        "reports = []\n"
        "model = create_model('E', classes=10, progress=reports.append)\n"
        "size = sum(entry.bytes for entry in model.description.files.values())\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "peak = 1024 * int(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1])\n"
        "print(json.dumps([model.name, size, peak, reports[-1].done, reports[-1].total]))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(**{paths.DATA_DIR_VARIABLE: str(tmp_path / "user")}),
        capture_output=True,
        text=True,
        check=True,
    )
    name, size, peak, done, total = json.loads(child.stdout)
    assert name == "vgg19-untrained-10-classes"
    assert done == total > 550_000_000
    assert size > total
    assert peak < 150_000_000
    find_model(name).check_sizes()
