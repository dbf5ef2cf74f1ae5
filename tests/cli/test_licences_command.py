"""`licences` as its users meet it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggscope import notices
from vggscope.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_all_licences_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["licences"]) == 0
    out = capsys.readouterr().out
    assert out == notices.all_licences()
    assert "MIT License" in out
    assert "onnxruntime" in out


def test_an_incomplete_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vggscope.paths.licence", lambda: tmp_path / "gone")
    assert main(["licences"]) == 2
    assert capsys.readouterr().out == ""
