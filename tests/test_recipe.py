"""The recipe in tools/starter makes the model that ships."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
from msgspec.structs import replace

from vggscope import paths
from vggscope.zoo.normal_form import read_model

TOOLS = Path(__file__).parents[1] / "tools" / "starter"


def test_the_recipe_makes_the_shipped_model(tmp_path: Path) -> None:
    shipped = paths.bundled_models() / "vgg16-compact"
    build, out = tmp_path / "build", tmp_path / "models"
    build.mkdir()
    for script, *arguments in (
        (
            "build_compact.py",
            *("--trunk", shipped / "graph.onnx"),
            *("--head", TOOLS / "head.npz"),
            *("--out", build / "vgg16-compact.onnx"),
        ),
        ("to_normal_form.py", build, "--out", out),
    ):
        subprocess.run([sys.executable, TOOLS / script, *arguments], check=True)
    made = out / "vgg16-compact"
    assert sorted(f.name for f in made.iterdir()) == ["graph.onnx", "model.json", "weights.bin"]
    assert (made / "weights.bin").read_bytes() == (shipped / "weights.bin").read_bytes()
    # Another version of protobuf may write the same graph in other bytes.
    graphs = [onnx.load(f / "graph.onnx", load_external_data=False) for f in (made, shipped)]
    assert graphs[0] == graphs[1]
    descriptions = [read_model(folder).description for folder in (made, shipped)]
    assert replace(descriptions[0], files={}) == replace(descriptions[1], files={})
