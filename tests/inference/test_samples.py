"""The bundled models see in the bundled photos what resources/samples/SOURCES.md says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vggscope import paths
from vggscope.cli.main import main

_PHOTO = re.compile(r"^## (\S+)$.*?^Top-5: (.+?)$", re.MULTILINE | re.DOTALL)
_CLASS = re.compile(r"(?:^|, )(\D+) (\d+\.\d)%")


def documented() -> dict[str, list[tuple[str, float]]]:
    """File name -> (label, probability) of its five classes."""
    text = paths.resource("samples", "SOURCES.md").read_text(encoding="utf-8")
    return {
        name: [(label, float(percent) / 100) for label, percent in _CLASS.findall(line)]
        for name, line in _PHOTO.findall(text)
    }


def classified(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, list[dict]]:
    """What ``vggscope classify resources/samples`` prints: file name -> predictions."""
    assert main(["classify", str(paths.resource("samples")), "--format", "json", *options]) == 0
    entries = json.loads(capsys.readouterr().out)
    return {Path(entry["path"]).name: entry["predictions"] for entry in entries}


def test_every_sample_is_documented() -> None:
    photos = {path.name for path in paths.resource("samples").iterdir() if path.suffix == ".jpg"}
    others = {path.name for path in paths.resource("samples").iterdir() if path.name not in photos}
    assert others == {"SOURCES.md", "slideshow.webm"}
    assert documented().keys() == photos
    assert all(len(classes) == 5 for classes in documented().values())


def test_bundled_model(capsys: pytest.CaptureFixture[str]) -> None:
    results = classified(capsys)
    assert results.keys() == documented().keys()
    for name, expected in documented().items():
        assert [p["label"] for p in results[name]] == [label for label, _ in expected], name
        for prediction, (_, probability) in zip(results[name], expected, strict=True):
            assert prediction["probability"] == pytest.approx(probability, abs=0.005), name


def test_fast_model_agrees_on_clear_photos(capsys: pytest.CaptureFixture[str]) -> None:
    results = classified(capsys, "--model", "vgg16-compact-int8", "--top", "1")
    clear = {name: top[0][0] for name, top in documented().items() if top[0][1] > 0.8}
    assert len(clear) >= 5
    assert {name: results[name][0]["label"] for name in clear} == clear
