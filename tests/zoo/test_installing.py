"""Installed, listed, verified, removed: as a whole, with downloads from a real server."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support import as_nobody, open_folder, picture, tiny_model
from vggscope import paths
from vggscope.errors import (
    Cancelled,
    LabelsError,
    ModelBundledError,
    ModelBusyError,
    ModelCorruptError,
    ModelError,
    ModelFileMissingError,
    ModelInUseError,
    ModelNameTakenError,
    ModelNotFoundError,
    VggscopeError,
)
from vggscope.inference.classifier import Classifier
from vggscope.inference.preprocessing import Preprocessor
from vggscope.zoo.catalogue import users_catalogue
from vggscope.zoo.download import alone_with
from vggscope.zoo.installing import (
    download_and_install,
    list_models,
    remove_model,
    sweep,
    verify_model,
)
from vggscope.zoo.models import find_model, installed_models
from zoo.server import Request, Server, cut_after, serving, status
from zoo.shop import HASTY, Log, entry_for, offer
from zoo.stand_ins import caffe2_like, mxnet_like, quantized_like

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.catalogue import Entry
    from vggscope.zoo.installing import Listed
    from vggscope.zoo.normal_form import Model

CONTENT = mxnet_like().SerializeToString()


@pytest.fixture
def content() -> bytes:
    return CONTENT


@pytest.fixture
def entry(entry: Entry) -> Entry:
    """One that the user's catalogue offers."""
    offer([entry])
    return entry


@pytest.fixture
def home(home: Path) -> Path:
    home.mkdir(parents=True)
    return home


def install(entry: Entry, log: Log | None = None) -> Model:
    log = log or Log()
    return download_and_install(entry, progress=log, stop=log.stop, terms=HASTY)


def listed(name: str) -> Listed:
    [item] = [item for item in list_models() if item.name == name]
    return item


def left(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()}


# --- from the server to an answer -------------------------------------------------------------


def test_a_file_as_mxnet_exports_it(entry: Entry, home: Path) -> None:
    log = Log()
    model = install(entry, log)
    assert {step.step for step in log.steps} == {"downloading", "installing"}
    assert model == find_model("school")
    assert left(home) == {"school"}
    told = model.description
    for fact in ("name", "title", "note", "source", "licence", "precision", "input", "accuracy"):
        assert getattr(told, fact) == getattr(entry, fact)
    assert (told.output.probabilities, told.output.logits) == ("prob", "vgg0_dense2_fwd")
    names = [layer.name for layer in told.layers]
    assert {"conv1_1", "conv5_3", "pool5", "fc6", "fc8", "prob"} <= set(names)
    graph = model.graph().graph
    assert [value.name for value in graph.input] == ["data"]
    classifier = Classifier.load("school", device="cpu")
    answer = classifier.classify(picture())
    tensor = Preprocessor(told.input).tensor(picture()).values[None]
    reference = answers_of(CONTENT, tensor)
    exponents = np.exp(reference - reference.max())
    expected = exponents / exponents.sum()
    for prediction in answer.predictions:
        assert prediction.probability == pytest.approx(float(expected[prediction.index]), abs=1e-5)


def answers_of(content: bytes, tensor: Any) -> Any:
    """What the file itself says, run by ONNX Runtime as it is."""
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: tensor})[0][0]


def test_a_file_as_it_came_by_way_of_caffe2() -> None:
    with serving(caffe2_like().SerializeToString()) as server:
        model = install(entry_for(server, base="vgg19-caffe2-9"))
    assert model.description.output.probabilities == "prob_1"
    predictions = Classifier.load("school", device="cpu").classify(picture(), top=1000).predictions
    assert sum(one.probability for one in predictions) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("base", ["vgg16-12-int8", "vgg16-12-qdq"])
def test_files_in_8_bits(base: str, tmp_path: Path) -> None:
    with serving(quantized_like(tmp_path, qdq=base.endswith("qdq"))) as server:
        model = install(entry_for(server, base=base))
    told = model.description
    assert (told.precision, told.output.probabilities) == ("int8", "prob")
    assert {"conv1_1", "conv5_3", "fc8", "prob"} <= {layer.name for layer in told.layers}
    predictions = Classifier.load("school", device="cpu").classify(picture(), top=1000).predictions
    assert sum(one.probability for one in predictions) == pytest.approx(1, abs=1e-4)


def test_twice_is_once(server: Server, entry: Entry) -> None:
    assert install(entry) == install(entry)
    assert len(server.requests) == 1


def test_a_broken_one_is_replaced(server: Server, entry: Entry, home: Path) -> None:
    model = install(entry)
    model.graph_path.unlink()
    assert listed("school").state == "broken"
    install(entry)
    assert listed("school").state == "installed"
    assert len(server.requests) == 2
    assert left(home) == {"school"}


def test_another_model_of_that_name(server: Server, entry: Entry, home: Path) -> None:
    tiny_model(home / "school")
    with pytest.raises(ModelNameTakenError):
        install(entry)
    assert server.requests == []
    assert find_model("school").title == "Tiny"


def test_paused_and_gone_on_with(server: Server, entry: Entry, home: Path) -> None:
    server.tricks.append(cut_after(len(CONTENT) // 2))
    server.habit = status(500)
    with pytest.raises(VggscopeError):
        install(entry)
    item = listed("school")
    assert (item.state, item.part_bytes, item.model) == ("partial", len(CONTENT) // 2, None)
    assert "school" not in {model.name for model in installed_models()}
    server.habit = Request.serve
    install(entry)
    item = listed("school")
    assert (item.state, item.part_bytes) == ("installed", 0)
    assert left(home) == {"school"}


def test_stopped_while_it_is_installed(entry: Entry, home: Path) -> None:
    log = Log()
    with pytest.raises(Cancelled):
        download_and_install(
            entry,
            progress=log,
            stop=lambda: any(step.step == "installing" for step in log.steps),
        )
    assert left(home) == {"school.onnx.part", "school.onnx.part.json"}
    item = listed("school")
    assert (item.state, item.part_bytes) == ("partial", entry.bytes)


def test_a_file_that_is_no_such_model(home: Path) -> None:
    with serving(b"no ONNX at all" * 1000) as server:
        entry = entry_for(server)
        with pytest.raises(VggscopeError):
            install(entry)
    assert "school" not in left(home)
    assert "school" not in {model.name for model in installed_models()}


def test_labels_of_the_schools_own() -> None:
    content = mxnet_like(classes=3).SerializeToString()
    with serving(content) as server:
        entry = entry_for(server, labels="birds.txt")
        with pytest.raises(LabelsError):
            install(entry)
        assert server.requests == []
        users_catalogue().parent.mkdir(parents=True, exist_ok=True)
        users_catalogue().with_name("birds.txt").write_text("robin\nwren\nswift\n")
        install(entry)
    predictions = Classifier.load("school", device="cpu").classify(picture()).predictions
    assert {one.label for one in predictions} == {"robin", "wren", "swift"}


# --- listed -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("entry")
def test_what_is_listed(home: Path) -> None:
    tiny_model(home / "zzz", title="Aardvark")
    tiny_model(home / "aaa", title="Zebra")
    (home / "half").mkdir()
    (home / "half" / "weights.bin").write_bytes(bytes(1000))
    (home / "gone.onnx.part").write_bytes(bytes(10))
    (home / ".hidden").mkdir()
    (home / "notes.txt").write_text("no model")
    states = {item.name: item.state for item in list_models()}
    assert list(states)[:5] == ["vgg16-compact", "vgg16-compact-int8", "zzz", "half", "aaa"]
    assert list(states)[-2:] == ["school", "gone"]
    assert states["vgg16-compact"] == "bundled"
    assert (states["zzz"], states["half"], states["gone"]) == ("installed", "broken", "partial")
    assert states["school"] == states["vgg16-12"] == "available"
    assert set(states.values()) == {"bundled", "installed", "broken", "partial", "available"}
    assert ".hidden" not in states
    half, gone = listed("half"), listed("gone")
    assert (half.bytes_on_disk, half.model) == (1000, None)
    assert isinstance(half.problem, ModelFileMissingError)
    assert (gone.entry, gone.part_bytes, gone.folder) == (None, 10, None)
    assert listed("zzz").bytes_on_disk == sum(
        path.stat().st_size for path in (home / "zzz").iterdir()
    )


@pytest.mark.parametrize("file", ["graph.onnx", "weights.bin", "model.json"])
@pytest.mark.parametrize("damage", ["gone", "cut", "folder"])
def test_broken_ones_are_listed_as_that_and_can_be_removed(
    home: Path, file: str, damage: str
) -> None:
    path = tiny_model(home / "tiny").folder / file
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[:-5])
    elif damage == "folder":
        path.mkdir()
    item = listed("tiny")
    assert (item.state, item.model) == ("broken", None)
    assert isinstance(item.problem, ModelError)
    assert item.problem.remedy
    with pytest.raises(ModelError):
        verify_model("tiny")
    remove_model("tiny")
    assert left(home) == set()


def test_a_model_that_hides_behind_a_bundled_one(home: Path) -> None:
    tiny_model(home / "vgg16-compact")
    broken = [item for item in list_models() if item.state == "broken"]
    assert [item.name for item in broken] == ["vgg16-compact"]
    assert isinstance(broken[0].problem, ModelNameTakenError)
    assert remove_model("vgg16-compact") > 0
    assert left(home) == set()


# --- verified ---------------------------------------------------------------------------------


def test_verified(home: Path) -> None:
    model = tiny_model(home / "tiny")
    log = Log()
    verify_model("tiny", progress=log)
    total = sum(entry.bytes for entry in model.description.files.values())
    assert (log.steps[-1].step, log.steps[-1].done) == ("verifying", total)
    verify_model("vgg16-compact-int8")
    for path in (model.folder / "weights.bin", model.graph_path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(ModelCorruptError, match=path.name):
            verify_model("tiny")
    with pytest.raises(ModelNotFoundError, match="vgg99"):
        verify_model("vgg99")
    with pytest.raises(Cancelled):
        verify_model("vgg16-compact", stop=lambda: True)


# --- removed ----------------------------------------------------------------------------------


def test_removed_with_what_was_downloaded(entry: Entry, home: Path) -> None:
    model = install(entry)
    size = listed("school").bytes_on_disk
    (home / "school.onnx.part").write_bytes(bytes(1000))
    (home / "school.onnx.part.json").write_bytes(b"{}")
    assert remove_model("school") == size + 1000
    assert left(home) == set()
    assert listed("school").state == "available"
    assert not model.folder.exists()


def test_a_part_alone_is_removed(home: Path) -> None:
    for name in ("school", "vgg16-12"):
        (home / f"{name}.onnx.part").write_bytes(bytes(7))
        assert remove_model(name) == 7
    assert left(home) == set()


def test_what_cannot_be_removed(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelBundledError):
        remove_model("vgg16-compact")
    victim = tmp_path / "victim.onnx.part"
    victim.write_bytes(b"x")
    tiny_model(home / "tiny")
    elsewhere = tiny_model(tmp_path / "elsewhere").folder
    for name in ("vgg99", "", ".", "..", str(elsewhere), str(victim)[: -len(".onnx.part")], "a/b"):
        with pytest.raises(ModelNotFoundError, match="no model called"):
            remove_model(name)
    assert victim.exists()
    assert elsewhere.exists()
    assert left(home) == {"tiny"}


def test_by_the_name_within_or_by_the_folder(home: Path) -> None:
    tiny_model(home / "folder", name="inside")
    assert remove_model("inside") > 0
    tiny_model(home / "folder", name="inside")
    assert remove_model("folder") > 0
    (home / "My Folder").mkdir()
    assert listed("My Folder").state == "broken"
    assert remove_model("My Folder") == 0
    assert left(home) == set()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_goes_and_what_it_leads_to_stays(home: Path, tmp_path: Path) -> None:
    real = tiny_model(tmp_path / "real", name="linked").folder
    (home / "linked").symlink_to(real)
    assert listed("linked").state == "installed"
    assert remove_model("linked") == 0
    assert left(home) == set()
    assert (real / "weights.bin").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses: another test")
def test_removed_while_it_is_used(entry: Entry) -> None:
    install(entry)
    classifier = Classifier.load("school", device="cpu")
    before = classifier.classify(picture())
    remove_model("school")
    assert classifier.classify(picture()).predictions == before.predictions


def test_a_folder_that_is_held(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, while anybody has a file of it open."""
    folder = tiny_model(home / "tiny").folder
    from pathlib import Path as Real  # noqa: PLC0415

    rename = Real.rename

    def held(path: Path, target: Path) -> Path:
        if path == folder:
            raise PermissionError(13, "The process cannot access the file")
        return rename(path, target)

    monkeypatch.setattr(Real, "rename", held)
    with pytest.raises(ModelInUseError, match="left as it is: The process cannot") as caught:
        remove_model("tiny")
    assert str(folder) in caught.value.remedy
    verify_model("tiny")
    assert left(home) == {"tiny"}


def test_not_while_another_one_works_on_it(entry: Entry, home: Path) -> None:
    install(entry)
    with alone_with("school"):
        with pytest.raises(ModelBusyError):
            remove_model("school")
        with pytest.raises(ModelBusyError):
            install(entry)
    assert left(home) == {"school"}


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are something else there")
def test_a_home_of_somebody_else(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    with open_folder() as home:
        tiny_model(home / "data" / "models" / "tiny")
        monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(home))
        entry = entry_for(server)
        with as_nobody():
            assert listed("tiny").state == "installed"
            with pytest.raises(VggscopeError, match="ermission"):
                remove_model("tiny")
            with pytest.raises(VggscopeError, match="ermission"):
                install(entry)
        assert server.requests == []
        verify_model("tiny")


# --- swept ------------------------------------------------------------------------------------


def test_leftovers_are_swept(entry: Entry, home: Path) -> None:
    room = home / ".vggscope-room-0123456789abcdef"
    shutil.copytree(tiny_model(home / "tiny").folder, room / "half")
    (home / ".vggscope-room-0123456789abcdef.lock").write_bytes(b"")
    (home / "school.onnx.part").write_bytes(CONTENT[:1000])
    assert {item.name for item in list_models() if item.folder and item.folder.parent == home} == {
        "tiny"
    }
    assert sweep() == 1
    assert left(home) == {"tiny", "school.onnx.part"}
    assert sweep() == 0
    install(entry)
    assert left(home) == {"tiny", "school"}


def test_where_nothing_was_ever_installed() -> None:
    assert sweep() == 0
    assert not paths.user_models().exists()
    assert {item.state for item in list_models()} == {"bundled", "available"}
    assert not paths.user_models().exists()
