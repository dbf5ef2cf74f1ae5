"""``vggscope models import``: what it prints, makes, refuses and leaves."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import psutil
import pytest
from PIL import Image
from safetensors.numpy import save_file

from support import command, environment, picture, tiny_proto
from vggscope.vgg.build import build
from vggscope.zoo.models import find_model
from zoo.vgg_files import torch_state

if TYPE_CHECKING:
    from support import Run

LIGHT_VGG19 = (
    Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_vgg19.onnx"
)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A classifier of four classes for 8 × 12 pixels, without a softmax."""
    proto = tiny_proto()
    proto.graph.node.pop()
    proto.graph.output.pop()
    path = tmp_path / "Four Colours.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(picture((300, 260)).pixels).save(path)
    return path


def test_the_light_vgg19_of_the_onnx_package(run: Run, photo: Path, tmp_path: Path) -> None:
    """A foreign model from the file to its layers, as a user meets it."""
    status, out, err = run("models", "import", LIGHT_VGG19, "--dry-run")
    assert (status, err) == (0, "")
    # Its weights are made by nodes, and are as many as those of any other VGG19.
    assert re.search(r"^file +light_vgg19\.onnx, \d kB, fp32$", out, re.MULTILINE)
    assert re.search(r"^parameters +143,667,240$", out, re.MULTILINE)
    status, out, err = run("models", "import", LIGHT_VGG19, "--name", "vgg19-light")
    assert (status, err) == (0, "")
    assert re.match(
        r"vgg19-light is installed: 1,000 classes, 224 × 224, fp32, \d kB, 26 layers\n", out
    )

    status, out, err = run("layers", "--model", "vgg19-light", "--format", "json")
    assert (status, err) == (0, "")
    table = json.loads(out)
    names = [layer["name"] for layer in table["layers"]]
    assert names[1:4] == ["conv1_1", "conv1_2", "pool1"]
    assert names[-4:] == ["fc6", "fc7", "fc8", "prob"]
    assert len([name for name in names if name.startswith("conv")]) == 16

    words = ("classify", photo, "--model", "vgg19-light", "--format", "json", "--device", "cpu")
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    # All of its weights are equal, and so are all of its answers.
    [entry] = json.loads(out)
    assert [p["probability"] for p in entry["predictions"]] == pytest.approx([0.001] * 5)

    words = ("activations", photo, "--model", "vgg19-light", "--layer", "conv3_4")
    status, out, err = run(*words, "--format", "npy", "-o", tmp_path, "--device", "cpu")
    assert (status, err) == (0, "")
    assert np.load(tmp_path / "photo conv3_4.npy").shape == (256, 56, 56)


def test_json_of_what_is_proposed(run: Run, net: Path, data_dir: Path) -> None:
    status, out, err = run("models", "import", net, "--dry-run", "--format", "json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert list(told) == [
        *("file", "bytes", "producer", "opset", "input", "outputs", "classes", "nodes"),
        *("parameters", "layers", "reason", "precision", "warnings", "proposed", "reasons"),
    ]
    assert told["input"] == {"name": "data", "type": "FLOAT", "dims": ["N", 3, 8, 12]}
    assert told["proposed"]["labels"] is None
    assert told["proposed"]["mean"] == [0.485, 0.456, 0.406]
    assert set(told["reasons"]) <= set(told["proposed"]) | {"size", "normalisation", "softmax"}
    assert not (data_dir / "data").exists()


def test_a_table_of_what_is_proposed(run: Run, net: Path) -> None:
    status, out, err = run("models", "import", net, "--dry-run", "--channels", "BGR")
    assert (status, err) == (0, "")
    assert "input       data [N, 3, 8, 12] FLOAT\n" in out
    rows = {line.split("  ")[0]: line for line in out.splitlines() if line}
    assert "BGR" in rows["channels"]
    assert rows["channels"].endswith("You said so.")
    # The proposed numbers go with their colours.
    assert "imagenet: × 0.00392157 − (0.406, 0.456, 0.485)" in rows["normalisation"]
    assert rows["softmax"].endswith("The last node is a Gemm, not a softmax: one is added.")


def test_json_of_what_was_made(run: Run, net: Path, data_dir: Path) -> None:
    status, out, err = run("models", "import", net, "--format", "json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    folder = data_dir / "data" / "models" / "four-colours"
    assert told["megabytes"] > 0
    del told["megabytes"]
    assert told == {
        "model": "four-colours",
        "title": "Four Colours",
        "folder": str(folder),
        "precision": "fp32",
        "classes": 4,
        "layers": ["conv1_1", "pool1", "flatten", "fc2", "prob"],
        "probabilities": "prob",
        "logits": "logits",
        "warnings": [],
    }


def test_everything_that_can_be_said(run: Run, net: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\nother\n", encoding="utf-8")
    status, _, err = run(
        *("models", "import", net, "--name", "mine", "--title", "Mine", "--layout", "NCHW"),
        *("--size", "8x12", "--channels", "BGR", "--normalisation", "caffe", "--resize", "20"),
        *("--fit", "letterbox", "--labels", tmp_path / "names.txt", "--output", "logits"),
        *("--softmax", "--licence", "MIT"),
    )
    assert (status, err) == (0, "")
    description = find_model("mine").description
    assert (description.title, description.licence) == ("Mine", "MIT")
    spec = description.input
    assert (spec.channels, spec.mean, spec.scale) == ("BGR", (103.939, 116.779, 123.68), 1.0)
    assert (spec.resize, spec.fit) == (20, "letterbox")
    assert [label.label for label in find_model("mine").labels()][:2] == ["red", "green"]
    words = ("--mean", "1,2,3", "--std", "4,5,6", "--scale", "0.5", "--replace", "--name", "mine")
    assert run("models", "import", net, *words)[0] == 0
    spec = find_model("mine").description.input
    assert (spec.scale, spec.mean, spec.std) == (0.5, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--size", "99"), "its input is data [N, 3, 8, 12], and not NCHW, 99 × 99"),
        (("--labels", "imagenet"), "ImageNet has 1,000 classes, and the network 4"),
        (("--labels", "missing.txt"), "“missing.txt” cannot be used: there is no such file"),
        (("--output", "conv1"), "it has no output “conv1”, only logits"),
        (("--no-softmax",), "they sum to"),
        (("--name", "Mine"), "No model can be called “Mine”"),
        (("--name", "vgg16-compact"), "cannot be replaced: it ships with VGGscope"),
    ],
)
def test_what_does_not_go(
    run: Run, net: Path, data_dir: Path, words: tuple[str, ...], told: str
) -> None:
    status, out, err = run("models", "import", net, *words)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    home = data_dir / "data" / "models"
    assert not home.exists() or not list(home.iterdir())


@pytest.mark.parametrize(
    "words", [("--size", "big"), ("--size", "8x"), ("--mean", "1,2"), ("--softmax", "--no-softmax")]
)
def test_what_means_nothing(run: Run, net: Path, words: tuple[str, ...]) -> None:
    status, out, err = run("models", "import", net, *words)
    assert (status, out) == (2, "")
    assert "usage: " in err


def test_twice(run: Run, net: Path) -> None:
    assert run("models", "import", net)[0] == 0
    status, out, err = run("models", "import", net)
    assert (status, out) == (2, "")
    assert "There is a model called “four-colours” already" in err
    assert run("models", "import", net, "--replace")[0] == 0


def test_help_tells_of_every_option(run: Run) -> None:
    status, out, _ = run("models", "import", "--help")
    assert status == 0
    for option in ("--config", "--labels", "--dry-run", "--no-softmax", "--normalisation"):
        assert option in out


@pytest.mark.skipif(sys.platform == "win32", reason="signals are something else there")
def test_killed_in_mid_import(tmp_path: Path, data_dir: Path, run: Run) -> None:
    """The next command clears up what was left."""
    proto = build("A", classes=1000, width=0.5)
    del proto.graph.output[1:]
    path = tmp_path / "large.onnx"
    path.write_bytes(proto.SerializeToString())
    process = subprocess.Popen(
        command("models", "import", path), env=environment(), stdout=subprocess.PIPE
    )
    home = data_dir / "data" / "models"
    deadline = time.monotonic() + 60
    # In the middle: the weights are there, the model is not yet.
    while not list(home.glob(".*/large")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.002)
    children = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    assert list(home.glob(".*"))
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    status, out, _ = run("models", "list", "--format", "json")
    assert status == 0
    assert "large" not in [each["name"] for each in json.loads(out)]
    assert list(home.glob("**/*")) == []


def test_weights_go_the_same_way(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"nothing of the sort")
    status, out, err = run("models", "import", path, "--config", "D")
    assert (status, out) == (2, "")
    assert "weights.safetensors" in err


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_file(torch_state("vgg11"), path)
    return path


def test_a_table_of_what_weights_are(run: Run, weights: Path) -> None:
    status, out, err = run("models", "import", weights, "--dry-run", "--channels", "BGR")
    assert (status, err) == (0, "")
    rows = dict(re.split(r" {2,}", line, maxsplit=1) for line in out.splitlines())
    assert re.fullmatch(r"\d+,\d{3}", rows.pop("parameters"))
    assert rows == {
        "file": "weights.safetensors",
        "home": "torchvision",
        "network": "vgg11",
        "classes": "10",
        "size": "64 × 64",
        "channels": "BGR",
        "normalisation": "imagenet: × 0.00392157 − (0.406, 0.456, 0.485) ÷ (0.225, 0.224, 0.229)",
        "resize": "73, crop",
    }


@pytest.mark.parametrize("words", [("--output", "prob"), ("--softmax",), ("--no-softmax",)])
def test_weights_have_no_outputs(run: Run, weights: Path, words: tuple[str, ...]) -> None:
    status, out, err = run("models", "import", weights, *words)
    assert (status, out) == (2, "")
    assert "are for ONNX files, and it holds weights" in err


def test_an_onnx_file_has_its_network(run: Run, net: Path) -> None:
    status, out, err = run("models", "import", net, "--config", "vgg16")
    assert (status, out) == (2, "")
    assert (
        "it is an ONNX file, which holds its network, and --config is for files of weights" in err
    )
    assert "Leave that choice out" in err


@pytest.mark.parametrize("option", ["--title", "--licence"])
@pytest.mark.parametrize("text", ["", " ", "a\nb", "\x1b[31mred", "non\udcffutf"])
def test_texts_for_people(run: Run, net: Path, option: str, text: str) -> None:
    status, out, err = run("models", "import", net, option, text)
    assert (status, out) == (2, "")
    assert f"argument {option}" in err
    assert "it has to be a line of text" in err


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_names_that_are_no_text(run: Run, net: Path, weights: Path) -> None:
    for number, path in enumerate((net, weights)):
        strange = path.rename(path.with_name(f"\udcff{path.name}"))
        status, _, err = run("models", "import", strange, "--name", f"strange-{number}")
        assert (status, err) == (0, "")
        assert find_model(f"strange-{number}").description.source.endswith(path.name)


def test_what_a_file_says_is_shown_as_text(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "evil.safetensors"
    save_file({"\x1b[31mred\nline": np.zeros(3, np.float32)}, path)
    status, out, err = run("models", "import", path)
    assert (status, out) == (2, "")
    assert err.removesuffix("\n").isprintable()


def test_a_full_disk_is_not_blamed_on_the_file(
    run: Run, net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("vggscope.zoo.weights_file.WeightsFile.move", fail)
    status, out, err = run("models", "import", net)
    assert (status, out) == (2, "")
    assert "four-colours” could not be written: No space left" in err
