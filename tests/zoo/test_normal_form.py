"""Writing a model in normal form, and reading back what was written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnx
import pytest

from support import TINY_LABELS, tiny_facts, tiny_input, tiny_model, tiny_proto, tiny_weights
from vggscope.errors import ModelDescriptionError
from vggscope.inference.classifier import Classifier
from vggscope.zoo.normal_form import change_facts, is_name, read_model, sha256_of, write_model

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"graph.onnx", "weights.bin", "model.json"}


def test_three_files_and_nothing_else(tmp_path: Path) -> None:
    model = write_model(tiny_proto(), tmp_path / "new" / "tiny", **tiny_facts())
    assert {path.name for path in model.folder.iterdir()} == FILES
    assert read_model(model.folder) == model
    for name, entry in model.description.files.items():
        assert (model.folder / name).stat().st_size == entry.bytes
        assert sha256_of(model.folder / name) == entry.sha256


def test_what_is_written_is_what_was_said(tmp_path: Path) -> None:
    facts = tiny_facts(
        note="Größer – 更大",
        accuracy=[{"photos": "mine", "count": 3, "top1": 66.6, "source": "me"}],
    )
    description = write_model(tiny_proto(), tmp_path / "tiny", **facts).description
    told = {k: v for k, v in msgspec.to_builtins(description).items() if v is not None}
    assert told.pop("untrained") is False
    del told["files"], told["format"]
    told["output"] = {key: value for key, value in told["output"].items() if value}
    told["accuracy"] = [
        {key: value for key, value in entry.items() if value is not None}
        for entry in told["accuracy"]
    ]
    assert msgspec.json.decode(msgspec.json.encode(told)) == facts
    assert "Größer – 更大" in (tmp_path / "tiny" / "model.json").read_text(encoding="utf-8")


def test_large_weights_are_outside_of_the_graph(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "tiny").folder
    graph = onnx.load(folder / "graph.onnx", load_external_data=False).graph
    outside = {t.name for t in graph.initializer if t.HasField("data_location") and t.data_location}
    assert outside == {"filters"}
    assert (folder / "weights.bin").read_bytes() == tiny_weights()["filters"].tobytes()


def test_written_twice_is_written_once(tmp_path: Path) -> None:
    # onnx appends to the external data that it finds.
    first = tiny_model(tmp_path / "tiny")
    before = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    second = tiny_model(tmp_path / "tiny")
    assert {path.name: path.read_bytes() for path in second.folder.iterdir()} == before
    assert second == first


def test_another_model_in_its_place(tmp_path: Path) -> None:
    tiny_model(tmp_path / "tiny")
    input_of_turned = tiny_input(layout="NHWC")
    turned = tiny_model(tmp_path / "tiny", proto=tiny_proto("NHWC"), input=input_of_turned)
    turned.check_content()
    assert Classifier.load(turned).model.description.input.layout == "NHWC"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are something else there")
def test_all_files_may_be_read_by_the_same_people(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "tiny").folder
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_labels(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny")
    assert tuple(label.label for label in model.labels()) == TINY_LABELS
    assert model.labels()[2].wnid == "n2"
    none = tiny_model(tmp_path / "none", labels=[])
    assert none.labels() == ()


def test_facts_that_make_no_description(tmp_path: Path) -> None:
    facts = tiny_facts(precision="fp4")
    with pytest.raises(ModelDescriptionError, match="precision"):
        write_model(tiny_proto(), tmp_path / "tiny", **facts)


def quantized(**changes: object) -> dict[str, object]:
    return {"of": "big", "agreement": 97.5, "photos": 40, "source": "me"} | changes


def test_where_an_8_bit_model_comes_from(tmp_path: Path) -> None:
    facts = tiny_facts(precision="int8", quantized=quantized())
    told = write_model(tiny_proto(), tmp_path / "tiny", **facts).description.quantized
    assert told is not None
    assert msgspec.to_builtins(told) == quantized()
    assert tiny_model(tmp_path / "other").description.quantized is None


@pytest.mark.parametrize(
    "changes",
    [{"agreement": 100.1}, {"agreement": -1}, {"photos": 0}, {"of": None}, {"mood": "good"}],
)
def test_what_no_comparison_can_give(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ModelDescriptionError, match="quantized"):
        write_model(tiny_proto(), tmp_path / "x", **tiny_facts(quantized=quantized(**changes)))


def test_other_facts_about_the_same_files(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny")
    changed = change_facts(model, note="Größer", quantized=quantized())
    assert changed == read_model(model.folder)
    assert changed.description.note == "Größer"
    assert changed.description.quantized is not None
    assert changed.description.files == model.description.files
    changed.check_content()
    with pytest.raises(ModelDescriptionError, match="precision"):
        change_facts(model, precision="fp4")


@pytest.mark.parametrize("name", ["vgg16", "7", "a.b_c-d", "x" * 64])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "VGG", "-a", ".a", "a b", "a/b", "ä", "a\n", "x" * 65])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


def test_layers_that_the_graph_does_not_have(tmp_path: Path) -> None:
    layers = [{"name": "conv1_1", "operator": "Conv", "tensor": "relu1_1"}]
    with pytest.raises(ModelDescriptionError, match="no tensor “relu1_1” for its layer “conv1_1”"):
        write_model(tiny_proto(), tmp_path / "tiny", **tiny_facts(layers=layers))


def test_the_proto_keeps_its_meaning(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "tiny").folder
    weights = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(folder / "graph.onnx").graph.initializer
    }
    for name, value in tiny_weights().items():
        np.testing.assert_array_equal(weights[name], value)
