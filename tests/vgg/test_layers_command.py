from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, cast

import pytest

from vgg.chains import Chain
from vggscope import paths
from vggscope.cli import layers
from vggscope.errors import (
    ModelCorruptError,
    ModelFileMissingError,
    ModelNotFoundError,
    NoWeightsError,
)
from vggscope.vgg import configs
from vggscope.vgg.table import as_csv, as_markdown, format_table
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vggscope.vgg.network import Network


@pytest.fixture(autouse=True)
def _no_models_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(tmp_path / "user"))


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    layers.add_arguments(parser)
    return layers.run(parser.parse_args(words))


def installed_without_weights(name: str) -> Path:
    """A copy of the bundled model under another name, among the user's models."""
    folder = paths.user_models() / name
    folder.mkdir(parents=True)
    bundled = find_model("vgg16-compact").folder
    shutil.copy(bundled / "graph.onnx", folder)
    text = (bundled / "model.json").read_text(encoding="utf-8")
    description = json.loads(text) | {"name": name}
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


def test_a_network_of_the_paper_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", "VGG16") == 0
    assert capsys.readouterr().out == format_table(configs.network("vgg16"))


@pytest.mark.parametrize("name", ["vgg16-compact", "vgg16-compact-int8"])
def test_an_installed_model_as_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", name, "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["model", "title", "input", "layers", "totals"]
    assert document["model"] == name
    assert document["title"] == find_model(name).title
    assert document["input"] == [224, 224, 3]
    assert [layer["name"] for layer in document["layers"]][-3:] == ["flatten", "fc8", "prob"]
    assert document["totals"] == {
        "parameters": 19_210_024,
        "trainable": 19_210_024,
        "macs": 15_395_162_112,
    }


@pytest.mark.parametrize(("form", "written"), [("csv", as_csv), ("markdown", as_markdown)])
def test_other_forms(
    form: str, written: Callable[[Network], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--model", "vgg19", "--format", form) == 0
    assert capsys.readouterr().out == written(configs.network("vgg19"))


def test_the_bundled_model_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    text = capsys.readouterr().out
    assert "\nTotal params: 19,210,024 (73.28 MB)\n" in text
    assert max(map(len, text.splitlines())) < 105


def test_weights_are_not_read(capsys: pytest.CaptureFixture[str]) -> None:
    installed_without_weights("light")
    assert run("--model", "light") == 0
    assert "Total params: 19,210,024" in capsys.readouterr().out


def test_times_of_an_installed_model(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--model", "vgg16-compact-int8", "--times", "--device", "cpu")
    assert run(*words, "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    by_name = {layer["name"]: layer["milliseconds"] for layer in document["layers"]}
    assert all(by_name[f"conv{block}_1"] > 0 for block in range(1, 6))
    assert by_name["data"] is None, "it costs nothing"
    assert document["times"]["device"]
    assert document["times"]["milliseconds"] > 0
    assert document["times"]["runs"] == 5
    assert run(*words) == 0
    *_, total, origin = capsys.readouterr().out.splitlines()
    assert total.startswith("Multiply-accumulates: ")
    assert origin.startswith("Time: ")
    assert document["times"]["device"] in origin
    assert run(*words, "--format", "csv") == 0
    printed = capsys.readouterr()
    rows = list(csv.DictReader(printed.out.splitlines()))
    assert float(rows[1]["milliseconds"]) > 0, "and nothing else is on stdout"
    assert printed.err.startswith("Time: ")


def test_a_network_without_weights_has_no_times() -> None:
    with pytest.raises(NoWeightsError) as caught:
        run("--model", "vgg16", "--times")
    assert "vgg16-compact" in caught.value.remedy


def test_a_network_that_branches_is_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = installed_without_weights("branched")
    chain = Chain("N", 3, 32, 32)
    chain.add("Conv", chain.weights(8, 3, 3, 3), pads=[1, 1, 1, 1])
    before = chain.tip
    chain.add("Conv", chain.weights(8, 8, 3, 3), pads=[1, 1, 1, 1])
    chain.add("Add", before).add("GlobalAveragePool")
    (folder / "graph.onnx").write_bytes(chain.model().SerializeToString())
    assert run("--model", "branched") == 0
    printed = capsys.readouterr()
    assert printed.out.count("(Conv2D)") == 2
    assert "Total params: 792 " in printed.out
    assert "≤ 32" in printed.out
    assert "goes to 2 nodes at once" in printed.err


def test_an_unknown_model_is_told_all_names() -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        run("--model", "vgg12")
    known = cast("str", caught.value.details["known"]).split(", ")
    assert {"vgg16-compact", "vgg16-compact-int8", *configs.CONFIGS} <= set(known)
    assert "vgg12" in caught.value.message


def test_a_missing_graph() -> None:
    (installed_without_weights("gone") / "graph.onnx").unlink()
    with pytest.raises(ModelFileMissingError, match="gone"):
        run("--model", "gone")


def test_a_damaged_graph() -> None:
    folder = installed_without_weights("damaged")
    (folder / "graph.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelCorruptError, match="damaged"):
        run("--model", "damaged")


def test_the_networks_of_the_paper_need_no_onnx() -> None:
    code = (
        "import argparse, sys; from vggscope.cli import layers;"
        "layers.run(argparse.Namespace(model='D', format='table', times=False));"
        "sys.exit('onnx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
