"""Which models there are, and how one is found."""

from __future__ import annotations

import json
import runpy
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
    ModelNameError,
    ModelNameTakenError,
    ModelNotFoundError,
    ModelNotReplaceableError,
    NoModelError,
    OutputError,
)
from vggscope.zoo.models import (
    DEFAULT_MODEL,
    find_model,
    installed_models,
    model_folders,
    place_for,
    quantized_variants,
    staged,
)

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


# --- 8-bit variants ---------------------------------------------------------------------------


def test_the_bundled_variant() -> None:
    [fast] = quantized_variants(DEFAULT_MODEL)
    assert fast.name == BUNDLED[1]
    told = fast.description.quantized
    assert told is not None
    assert (told.agreement, told.photos, told.source) == (98.0, 150, "MODEL_CARD.md")
    card = (fast.folder / told.source).read_text(encoding="utf-8")
    assert "On 150 of the val photos" in card
    assert "same top-1 on 98.0 %" in card
    assert quantized_variants(fast.name) == []


def test_variants_come_by_their_agreement(data_dir: Path) -> None:
    home = data_dir / "data" / "models"
    tiny_model(home / "float")
    for name, of, agreement in (
        ("poor", "float", 61.5),
        ("best", "float", 99.0),
        ("foreign", "other", 100.0),
        ("good-b", "float", 97.0),
        ("good-a", "float", 97.0),
    ):
        told = {"of": of, "agreement": agreement, "photos": 10, "source": "me"}
        tiny_model(home / name, precision="int8", quantized=told)
    assert names(quantized_variants("float")) == ["best", "good-a", "good-b", "poor"]
    assert names(quantized_variants("other")) == ["foreign"]
    assert quantized_variants("nothing") == []


# --- places for new models --------------------------------------------------------------------


def test_places(data_dir: Path) -> None:
    home = data_dir / "data" / "models"
    assert place_for("new") == home / "new"
    tiny_model(home / "folder", name="inside")
    (home / "broken").mkdir()
    for name, place in (("inside", "folder"), ("folder", "folder"), ("broken", "broken")):
        with pytest.raises(ModelNameTakenError, match=name):
            place_for(name)
        assert place_for(name, replace=True) == home / place
    for name in BUNDLED:
        with pytest.raises(ModelNotReplaceableError, match="ships with VGGscope"):
            place_for(name, replace=True)
    with pytest.raises(ModelNameError, match=r"“\.\./new”"):
        place_for("../new")


def test_staged_until_the_end(tmp_path: Path) -> None:
    place = tmp_path / "models" / "new"
    with staged(place) as folder:
        tiny_model(folder)
        assert not place.exists()
        # Nobody who looks for models sees it.
        assert list(place.parent.glob("*/model.json")) == []
        assert folder.name == "new"
    assert find_model(place).name == "new"
    assert list(place.parent.iterdir()) == [place]
    assert place.stat().st_mode == place.parent.stat().st_mode


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_what_is_not_finished_is_gone(tmp_path: Path, error: type[BaseException]) -> None:
    place = tmp_path / "old"
    (place / "kept").mkdir(parents=True)

    def fail() -> None:
        with staged(place, replace=True) as folder:
            (folder / "half").write_text("")
            raise error

    with pytest.raises(OutputError if error is OSError else error):
        fail()
    assert list(tmp_path.rglob("*")) == [place, place / "kept"]


def test_a_place_that_was_taken_meanwhile(tmp_path: Path) -> None:
    place = tmp_path / "new"

    def be_late() -> None:
        with staged(place) as folder:
            (folder / "ours").write_text("")
            (place / "theirs").mkdir(parents=True)

    with pytest.raises(ModelNameTakenError, match="new"):
        be_late()
    assert list(tmp_path.rglob("*")) == [place, place / "theirs"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_leads_nowhere_is_in_the_way(data_dir: Path) -> None:
    home = data_dir / "data" / "models"
    home.mkdir(parents=True)
    (home / "new").symlink_to(home / "nowhere")
    with pytest.raises(ModelNameTakenError):
        place_for("new")
    with staged(place_for("new", replace=True), replace=True) as folder:
        (folder / "ours").write_text("")
    assert list(home.rglob("*")) == [home / "new", home / "new" / "ours"]


@pytest.mark.parametrize("text", ["", "a\nb", "\x1b[31mred", "x" * 501])
def test_titles_are_lines_of_text(text: str, tmp_path: Path) -> None:
    with pytest.raises(ModelDescriptionError, match="title"):
        tiny_model(tmp_path / "tiny", title=text)


def test_what_is_no_text_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelDescriptionError, match="no text"):
        tiny_model(tmp_path / "tiny", source="Weights from non\udcffutf.h5")


def test_replaced(tmp_path: Path) -> None:
    place = tmp_path / "old"
    (place / "theirs").mkdir(parents=True)
    with staged(place, replace=True) as folder:
        (folder / "ours").write_text("")
    assert list(tmp_path.rglob("*")) == [place, place / "ours"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are something else there")
def test_a_home_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_folder() as home:
        (home / "data").mkdir(mode=0)
        monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(home))
        with as_nobody():
            place = place_for("new")
            with pytest.raises(OutputError, match="ermission"), staged(place):
                pass


# --- the bundled ones -------------------------------------------------------------------------


def test_the_recipe_tells_the_same_of_the_bundled_variant() -> None:
    recipe = Path(__file__).parents[2] / "tools" / "starter" / "to_normal_form.py"
    facts = runpy.run_path(str(recipe))["VARIANTS"][BUNDLED[1]]
    told = json.loads((find_model(BUNDLED[1]).folder / "model.json").read_bytes())
    assert {name: told[name] for name in facts} == facts
    assert "quantized" in facts


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
