"""``vggscope doctor``: the truth about an installation, good or broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest

import vggscope
from support import command, environment, tiny_model
from vggscope import paths
from vggscope.cli.main import main
from vggscope.inference.selection import devices

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.normal_form import Model

SECTIONS = ["program", "packages", "engine", "devices", "models", "folders", "problems"]


def diagnosis(capsys: pytest.CaptureFixture[str], status: int) -> dict:
    assert main(["doctor", "--format", "json"]) == status
    return json.loads(capsys.readouterr().out)


def test_all_is_well(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = diagnosis(capsys, 0)
    assert list(found) == SECTIONS
    assert found["problems"] == []
    assert found["program"]["vggscope"] == vggscope.__version__
    assert found["packages"]["numpy"] == np.__version__
    assert "not installed" not in found["packages"].values()
    assert found["engine"]["version"] == onnxruntime.__version__
    assert found["engine"]["packages"].startswith("onnxruntime")
    assert "CPUExecutionProvider" in found["engine"]["providers"]
    for device in devices():
        assert found["devices"][device.key].startswith(device.name)
    assert found["devices"]["coreml" if sys.platform != "darwin" else "directml"] == (
        "Core ML exists only on macOS."
        if sys.platform != "darwin"
        else "DirectML exists only on Windows."
    )
    assert set(found["models"]) == {"vgg16-compact", "vgg16-compact-int8"}
    assert all(state.startswith("ok") for state in found["models"].values())
    assert found["folders"]["your models"] == str(paths.user_models())
    assert found["folders"]["logs"] == str(data_dir / "log")


def test_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for section in SECTIONS:
        assert f"{section.capitalize()}\n" in out
    assert out.endswith("Problems\n  none\n")
    assert onnxruntime.__version__ in out


def test_parts_that_break_when_they_are_used(
    tiny: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise SystemError("half\nan installation")

    monkeypatch.setattr("vggscope.inference.runtime.available_providers", broken)
    monkeypatch.setattr("onnx.load", broken)
    problems = diagnosis(capsys, 1)["problems"]
    assert problems[0].startswith(
        "ONNX Runtime could not be loaded: SystemError: half an installation. Install VGGscope"
    )
    told = f"The model “{tiny.name}” could not be checked (SystemError: half an installation)."
    assert told in problems


@pytest.mark.parametrize("file", ["model.json", "graph.onnx", "weights.bin"])
def test_a_damaged_model(tiny: Model, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_model(tiny.folder.parent / "good")
    path = tiny.folder / file
    path.write_bytes(b"{" + path.read_bytes()[1:-1] + b"{")
    found = diagnosis(capsys, 1)
    assert found["models"]["tiny"].startswith("damaged")
    assert found["models"]["good"].startswith("ok")
    [problem] = found["problems"]
    assert "“tiny”" in problem
    assert "Install the model again" in problem
    assert main(["doctor"]) == 1
    assert problem in capsys.readouterr().out


def test_no_model_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "bundled_models", lambda: tmp_path / "gone")
    found = diagnosis(capsys, 1)
    assert found["models"] == {}
    assert any("No model is installed." in problem for problem in found["problems"])


def distribution(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_two_runtimes_overwrite_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    distribution(tmp_path, "onnxruntime-gpu", "1.99.0")
    monkeypatch.syspath_prepend(tmp_path)
    found = diagnosis(capsys, 1)
    [problem] = found["problems"]
    assert "onnxruntime-gpu 1.99.0" in problem
    assert f"onnxruntime {onnxruntime.__version__}" in problem
    assert "Uninstall" in problem
    assert "onnxruntime-gpu 1.99.0" in found["engine"]["packages"]


def test_plugin_providers_live_beside_the_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    distribution(tmp_path, "onnxruntime-ep-openvino", "1.8.1")
    monkeypatch.syspath_prepend(tmp_path)
    found = diagnosis(capsys, 0)
    assert "onnxruntime-ep-openvino 1.8.1" in found["engine"]["packages"]


BROKEN_RUNTIMES = {
    "raise ImportError('libgone.so')": "libgone.so.",
    "raise RuntimeError('two\\nlines.')": "two lines.",
    "None.gone": "'NoneType' object has no attribute 'gone'.",
    "raise OSError": "OSError.",
    "": "its package lacks InferenceSession, RunOptions, SessionOptions, __version__, ",
    "__version__ = '1'": "its package lacks InferenceSession, RunOptions, SessionOptions, get",
}


@pytest.mark.parametrize("words", [["doctor", "--format", "json"], ["classify", "photo.jpg"]])
@pytest.mark.parametrize(("content", "reason"), BROKEN_RUNTIMES.items())
def test_a_runtime_that_cannot_be_loaded(
    tmp_path: Path, words: list[str], content: str, reason: str
) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(content)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    child = subprocess.run(
        command(*words),
        env=environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert "Traceback" not in child.stderr
    sentence = f"ONNX Runtime could not be loaded: {reason}"
    if words[0] == "doctor":
        assert child.returncode == 1
        assert sentence in json.loads(child.stdout)["problems"][0]
    else:
        assert child.returncode == 2
        assert child.stderr.startswith(f"vggscope: {sentence}")
