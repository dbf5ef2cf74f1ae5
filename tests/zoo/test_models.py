"""Which models there are, and how one is found."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import pytest

from support import as_nobody, open_folder, tiny_model
from vggscope import paths
from vggscope.errors import (
    ModelDescriptionError,
    ModelFileMissingError,
    ModelNotFoundError,
    NoModelError,
)
from vggscope.zoo.models import DEFAULT_MODEL, find_model, installed_models, model_folders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vggscope.zoo.normal_form import Model

BUNDLED = ("vgg16-compact", "vgg16-compact-int8")


def names(models: Iterable[Model]) -> list[str]:
    return [model.name for model in models]


def test_the_bundled_ones_the_default_first() -> None:
    assert names(installed_models()) == list(BUNDLED)
    assert installed_models()[0].name == DEFAULT_MODEL


def test_those_of_the_user_come_by_title(data_dir: Path) -> None:
    home = data_dir / "data" / "models"
    tiny_model(home / "aaa", title="Zebra finder")
    tiny_model(home / "zzz", title="Aardvark finder")
    (home / "notes.txt").write_text("not a model")
    (home / "empty folder").mkdir()
    assert names(installed_models()) == [DEFAULT_MODEL, "zzz", BUNDLED[1], "aaa"]


def test_a_bundled_name_cannot_be_taken(data_dir: Path) -> None:
    tiny_model(data_dir / "data" / "models" / DEFAULT_MODEL)
    assert find_model(DEFAULT_MODEL).folder == paths.bundled_models() / DEFAULT_MODEL
    assert names(installed_models()).count(DEFAULT_MODEL) == 1


def test_broken_ones_are_left_out_and_logged(
    tiny: Model, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = data_dir / "data" / "models" / "broken"
    shutil.copytree(tiny.folder, broken)
    (broken / "model.json").write_text("{", encoding="utf-8")
    with caplog.at_level("WARNING"):
        assert names(installed_models()) == [DEFAULT_MODEL, "tiny", BUNDLED[1]]
    [record] = caplog.records
    assert "“broken”" in record.getMessage()
    assert broken in list(model_folders())
    with pytest.raises(ModelDescriptionError, match="“broken”"):
        find_model("broken")


def test_found_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_model(tmp_path / "elsewhere" / "mine").folder
    monkeypatch.chdir(tmp_path)
    for name in (folder, str(folder), "elsewhere/mine", Path("elsewhere/mine")):
        assert find_model(name).name == "mine"


def test_a_broken_one_is_called_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_model(tmp_path / "mine").folder
    (folder / "model.json").write_text("{", encoding="utf-8")
    monkeypatch.chdir(folder)
    with pytest.raises(ModelDescriptionError, match="“mine”"):
        find_model(".")


def test_found_by_its_own_name_in_a_folder_of_another(data_dir: Path) -> None:
    folder = data_dir / "data" / "models" / "folder"
    tiny_model(folder, name="inside")
    assert find_model("inside").folder == find_model("folder").folder == folder


@pytest.mark.parametrize("name", ["vgg99", "", "no/such/folder", "x" * 5000, "a\0b", "."])
def test_unknown_names_are_told_the_known_ones(
    name: str, tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFoundError) as caught:
        find_model(name)
    assert f"“{name}”" in caught.value.message
    assert {*BUNDLED, tiny.name} <= set(str(caught.value.details["known"]).split(", "))


def test_no_model_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tiny_model(tmp_path / "elsewhere").folder
    monkeypatch.setattr(paths, "bundled_models", lambda: tmp_path / "gone")
    with pytest.raises(NoModelError) as caught:
        find_model(DEFAULT_MODEL)
    assert caught.value.as_json() == {
        "kind": "no-model",
        "message": "No model is installed.",
        "remedy": "Install VGGscope again.",
    }
    assert find_model(elsewhere).name == "elsewhere"


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "model.json").mkdir()
    with pytest.raises(ModelNotFoundError):
        find_model(tmp_path / "half")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are something else there")
def test_folders_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_folder() as home:
        tiny_model(home / "data" / "models" / "mine")
        (home / "data" / "models" / "mine" / "model.json").chmod(0)
        monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(home))
        with as_nobody():
            with pytest.raises(ModelFileMissingError, match=r"“mine”.*ermission"):
                find_model("mine")
            assert names(installed_models()) == list(BUNDLED)
        (home / "data").chmod(0)
        with as_nobody():
            assert names(installed_models()) == list(BUNDLED)
            with pytest.raises(ModelNotFoundError):
                find_model(home / "data" / "models" / "mine")


@pytest.mark.parametrize("name", BUNDLED)
def test_what_the_bundled_descriptions_promise(name: str) -> None:
    model = find_model(name)
    model.check_sizes()
    model.check_content()
    graph = onnx.load(model.graph_path, load_external_data=False).graph
    operators = {output: node.op_type for node in graph.node for output in node.output}
    for layer in model.description.layers:
        assert layer.tensor in operators, layer.name
    if model.description.precision != "int8":
        # There, quantization moves some operators between a layer's own and its output.
        assert {layer.tensor: layer.operator for layer in model.description.layers} == {
            layer.tensor: operators[layer.tensor] for layer in model.description.layers
        }
    names_of_layers = [layer.name for layer in model.description.layers]
    assert len(set(names_of_layers)) == len(names_of_layers)
    assert {"conv1_1", "conv5_3", "fc6", "fc7", "fc8", "prob"} <= set(names_of_layers)
    output = model.description.output
    assert output.probabilities in operators
    assert output.logits in operators
    assert len(model.labels()) == 1000
    assert len({label.wnid for label in model.labels()}) == 1000
    assert model.labels()[285].label == "Egyptian cat"
    assert (model.folder / "MODEL_CARD.md").is_file()
