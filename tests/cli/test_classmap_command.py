"""``vggscope classmap``, and ``classify --protocol``."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from vggscope import paths

if TYPE_CHECKING:
    from pathlib import Path

    from support import Run

ZEBRA = paths.resource("samples", "zebra.jpg")
FAST = ("--model", "vgg16-compact-int8")


@pytest.fixture
def run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return run


def test_a_picture_of_the_most_probable_class(run: Run, tmp_path: Path) -> None:
    assert run("classmap", ZEBRA, *FAST) == (0, "zebra zebra.png\n", "")
    with Image.open(tmp_path / "zebra zebra.png") as drawn:
        assert drawn.width == 1024 + 24
        assert drawn.height > 1024 + 60


def test_numbers_of_a_class(run: Run, tmp_path: Path) -> None:
    words = ("classmap", ZEBRA, *FAST, "--class", "n02391049", "--scale", "320")
    status, out, _ = run(*words, "--format", "json")
    record = json.loads(out)
    assert (status, record["class"]["label"], record["scale"]) == (0, "zebra", 320)
    assert run(*words, "-o", "map.npy") == (0, "map.npy\n", "")
    values = np.load(tmp_path / "map.npy")
    assert values.shape == (4, 4)
    np.testing.assert_allclose(values, record["values"], atol=1e-6)
    assert run(*words, "-o", "map.json")[0] == 0
    stored = json.loads((tmp_path / "map.json").read_text())
    assert stored["values"] == record["values"]
    _, out, _ = run(*words, "--format", "json", "--quantity", "logit")
    assert json.loads(out)["quantity"] == "logit"
    assert np.max(json.loads(out)["values"]) > 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--class", "crane"], "2 classes"),
        (["--class", "zebr4"], "knows no class"),
        (["--scale", "7"], "no number from 8 to 2048"),
        (["--scale", "x"], "no number"),
        (["-o", "missing/map.png"], "could not be written"),
        (["--model", "vgg99"], "no model called"),
    ],
)
def test_what_is_wrong_is_said(run: Run, words: list[str], said: str, tmp_path: Path) -> None:
    status, out, err = run("classmap", ZEBRA, *(FAST if "--model" not in words else ()), *words)
    assert (status, out) == (2, "")
    assert said in err
    assert not list(tmp_path.iterdir())


def test_the_picture_itself_is_not_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(ZEBRA.read_bytes())
    status, _, err = run("classmap", "photo.png", *FAST, "--scale", "224", "-o", "photo.png")
    assert status == 2
    assert "the picture itself" in err
    assert (tmp_path / "photo.png").read_bytes() == ZEBRA.read_bytes()


@pytest.mark.parametrize("protocol", ["centre", "10-crop", "dense"])
def test_classify_names_the_protocol(run: Run, protocol: str) -> None:
    words = ("classify", ZEBRA, *FAST, "--protocol", protocol)
    [record] = json.loads(run(*words, "--format", "json")[1])
    assert record["predictions"][0]["label"] == "zebra"
    assert record.get("protocol", "centre") == protocol


def test_every_format_names_the_protocol(run: Run) -> None:
    words = ("classify", ZEBRA, *FAST, "--protocol", "10-crop")
    row = next(csv.DictReader(io.StringIO(run(*words, "--format", "csv")[1])))
    assert row["model"] == "vgg16-compact-int8 (10-crop)"
    assert "(vgg16-compact-int8, 10-crop, cpu," in run(*words)[1]


def test_unknown_protocols_are_refused(run: Run) -> None:
    status, _, err = run("classify", ZEBRA, "--protocol", "20-crop")
    assert status == 2
    assert "10-crop" in err
