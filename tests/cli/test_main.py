"""What all commands have in common, and `layers` as its users meet it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import vggscope
from support import tiny_model
from vggscope.cli.main import COMMANDS, main
from vggscope.vgg import configs

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.normal_form import Model


def ended(*words: str) -> int:
    """The status with which argparse ends the process."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    return int(caught.value.code or 0)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--version") == 0
    assert capsys.readouterr().out == f"VGGscope {vggscope.__version__}\n"


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--help") == 0
    out = capsys.readouterr().out
    for command, purpose in COMMANDS.items():
        assert f"{command} " in out
        assert purpose in out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(command, "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: vggscope {command} ")


@pytest.mark.parametrize("words", [["--nonsense"], ["layers", "--nonsense"], ["layers", "extra"]])
def test_unknown_options(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(*words) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words[-1] in output.err


@pytest.mark.parametrize("before", [True, False])
def test_data_dir(
    tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str], *, before: bool
) -> None:
    chosen = tmp_path / "stick"
    tiny_model(chosen / "data" / "models" / "carried")
    option = ["--data-dir", str(chosen)]
    words = [*option, "doctor"] if before else ["doctor", *option]
    assert main([*words, "--format", "json"]) == 0
    diagnosis = json.loads(capsys.readouterr().out)
    assert "carried" in diagnosis["models"]
    assert diagnosis["folders"]["logs"] == str(chosen / "log")
    assert (chosen / "log" / "vggscope.log").is_file()
    assert not data_dir.exists()


def test_relative_data_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--data-dir", "stick", "--format", "json"]) == 0
    folders = json.loads(capsys.readouterr().out)["folders"]
    assert folders["settings"] == str(tmp_path / "stick" / "config")


def test_log(tiny: Model, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", "gone.jpg", "--model", tiny.name]) == 1
    assert capsys.readouterr().err == ""
    log = (data_dir / "log" / "vggscope.log").read_text(encoding="utf-8")
    assert f"VGGscope {vggscope.__version__}" in log
    assert main(["classify", "gone.jpg", "--model", tiny.name, "--verbose"]) == 1
    assert "Opened " in capsys.readouterr().err


def test_what_nobody_expected(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("vggscope.cli.layers.run", fail)
    log = data_dir / "log" / "vggscope.log"
    for error in (ZeroDivisionError("deep inside"), OSError(5, "deep inside", "a file")):
        assert main(["layers"]) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err == (
            "vggscope: Something went wrong that VGGscope did not expect. "
            f"The log has the details: {log}\n"
        )
        text = log.read_text(encoding="utf-8")
        assert "Traceback" in text
        assert type(error).__name__ in text
        assert [path.name for path in log.parent.iterdir()] == [log.name]


def test_no_model_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vggscope.paths.bundled_models", lambda: tmp_path / "gone")
    assert main(["classify", "photo.jpg"]) == 2
    said = capsys.readouterr().err
    assert said == "vggscope: No model is installed. Install VGGscope again.\n"
    assert main(["layers"]) == 2
    assert f"Choose one of: {', '.join(configs.CONFIGS)}." in capsys.readouterr().err


def test_layers_of_vgg16(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers", "--model", "vgg16"]) == 0
    table = capsys.readouterr().out
    assert "138,357,544" in table
    assert "conv5_3" in table
    assert main(["layers", "--model", "vgg16", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["totals"]["parameters"] == 138_357_544
    assert sum(layer["parameters"] for layer in document["layers"]) == 138_357_544


def test_layers_of_vgg19(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers", "--model", "vgg19"]) == 0
    assert "143,667,240" in capsys.readouterr().out


def test_layers_of_a_model_of_the_user(tiny: Model, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers", "--model", tiny.name, "--format", "json"]) == 0
    totals = json.loads(capsys.readouterr().out)["totals"]
    assert totals["parameters"] == 16 * 3 * 9 + 16 + 16 * 4 + 4


@pytest.mark.parametrize("model", ["vgg12", "tiny"])
def test_layers_that_cannot_be_told(
    tiny: Model, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny.folder / "graph.onnx").write_bytes(b"\xff" * 9)
    assert main(["layers", "--model", model]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("vggscope: ")
    assert f"“{model}”" in output.err
    assert output.err.count("\n") == 1
