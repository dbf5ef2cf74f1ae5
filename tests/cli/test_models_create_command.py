"""``vggscope models create``, and ``models import`` of weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from vggscope import paths
from vggscope.vgg import configs
from vggscope.zoo.models import find_model
from zoo.vgg_files import keras_layers, torch_state, write_old_keras

if TYPE_CHECKING:
    from pathlib import Path

    from support import Run

NARROW = ("--classes", 10, "--size", 64, "--width", "1/16")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Run:
    """Run ``vggscope``: (status, stdout, stderr)."""
    monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(tmp_path / "user"))
    return run


def photo(folder: Path) -> Path:
    path = folder / "photo.png"
    pixels = np.random.default_rng(1).integers(0, 256, (90, 70, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


# --- create -----------------------------------------------------------------------------------


def test_a_new_network(run: Run) -> None:
    status, out, err = run("models", "create", "--config", "E", *NARROW, "--name", "lesson")
    assert (status, err) == (0, "")
    network = configs.network("E", classes=10, size=64, width=1 / 16)
    assert out.startswith(
        f"lesson is installed: {network.parameters:,} parameters, random and untrained; "
        "10 classes, 64 × 64, "
    )
    assert find_model("lesson").description.untrained


def test_a_new_network_as_json(run: Run) -> None:
    words = ("--config", "vgg16_bn", *NARROW, "--seed", 3, "--format", "json")
    status, out, _ = run("models", "create", *words)
    document = json.loads(out)
    assert status == 0
    network = configs.network("vgg16-bn", classes=10, size=64, width=1 / 16)
    assert document["model"] == "vgg16-bn-untrained-10-classes-64-px-width-0.0625-seed-3"
    assert document["parameters"] == network.parameters
    assert document["trainable"] == network.trainable < network.parameters
    assert document["macs"] == network.macs
    assert (document["classes"], document["untrained"]) == (10, True)
    # And again: what would be lost is not.
    status, _, err = run("models", "create", *words)
    assert status == 2
    assert "There is a model called" in err
    assert run("models", "create", *words, "--replace")[0] == 0


def test_untrained_wherever_predictions_show(run: Run, tmp_path: Path) -> None:
    run("models", "create", "--config", "A", *NARROW, "--name", "lesson")
    words = ("classify", photo(tmp_path), "--model", "lesson", "--device", "cpu")
    _, out, err = run(*words)
    assert "untrained" in out + err
    _, out, _ = run(*words, "--format", "json")
    assert json.loads(out)[0]["untrained"] is True
    _, out, _ = run("layers", "--model", "lesson")
    assert "conv5_2 (Conv2D)" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--config", "F"), "There is no VGG network called “F”. Choose one of: vgg11,"),
        (("--config", "A", "--size", 20), "Choose a size from 32 to 1024 pixels."),
        (("--config", "A", "--width", "9"), "Choose a width from 0.015625 to 4."),
        (("--config", "A", "--width", "wide"), "“wide” is no number such as 0.25 or 1/4"),
        (("--config", "A", "--width", "1/0"), "“1/0” is no number such as 0.25 or 1/4"),
        (("--config", "A", "--classes", 0), "“0” is no number from 1 to 65536"),
        (("--config", "A", "--name", "Mine!"), "No model can be called “Mine!”."),
        (("--config", "A", "--name", "vgg16-compact"), "it ships with VGGscope"),
        ((), "--config"),
    ],
)
def test_what_is_refused(words: tuple[object, ...], told: str, run: Run) -> None:
    status, out, err = run("models", "create", *words)
    assert (status, out) == (2, "")
    assert told in err
    folder = paths.user_models()
    assert not folder.exists() or not list(folder.iterdir())


# --- import of weights ------------------------------------------------------------------------


def test_weights_are_imported_and_used(run: Run, tmp_path: Path) -> None:
    save_file(torch_state("vgg16", timm=True), tmp_path / "model.safetensors")
    words = ("models", "import", tmp_path / "model.safetensors", "--config", "D")
    status, out, err = run(*words, "--format", "json")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert (document["model"], document["classes"]) == ("vgg16-timm", 10)
    _, out, _ = run("classify", photo(tmp_path), "--model", "vgg16-timm", "--format", "json")
    [answer] = json.loads(out)
    assert len(answer["predictions"]) == 5
    assert "untrained" not in answer


def test_what_a_file_would_become(run: Run, tmp_path: Path) -> None:
    path = write_old_keras(tmp_path / "vgg19.h5", keras_layers("vgg19"))
    status, out, _ = run("models", "import", path, "--dry-run", "--format", "json")
    assert status == 0
    document = json.loads(out)
    assert (document["home"], document["network"]) == ("Keras", "vgg19")
    assert document["input"]["channels"] == "BGR"
    assert document["input"]["mean"] == [103.939, 116.779, 123.68]
    assert not paths.user_models().exists()


@pytest.mark.parametrize(
    ("words", "channels", "mean"),
    [
        ((), "BGR", (103.939, 116.779, 123.68)),
        (("--channels", "RGB"), "RGB", (123.68, 116.779, 103.939)),
        (("--normalisation", "imagenet"), "BGR", (0.406, 0.456, 0.485)),
        (("--normalisation", "imagenet", "--channels", "RGB"), "RGB", (0.485, 0.456, 0.406)),
        (("--mean", "1,2,3", "--channels", "RGB"), "RGB", (1.0, 2.0, 3.0)),
    ],
)
def test_other_ways_for_pictures_to_go_in(
    words: tuple[str, ...], channels: str, mean: tuple[float, ...], run: Run, tmp_path: Path
) -> None:
    path = write_old_keras(tmp_path / "vgg16.h5", keras_layers("vgg16"))
    assert run("models", "import", path, *words)[0] == 0
    facts = find_model("vgg16-keras").description.input
    assert (facts.channels, facts.mean) == (channels, mean)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--config", "vgg16"), "Choose vgg19: the layers of the file are those"),
        (("--config", "F"), "There is no VGG network called “F”."),
        (("--layout", "NHWC"), "with the layout NCHW, for 64 × 64 pixels"),
        (("--size", "64x80"), "with the layout NCHW, for 64 × 64 pixels"),
        (("--size", 96), "Choose a size from 64 to 95."),
        (("--resize", 50), "50 pixels hold no centre of 64 × 64"),
        (("--labels", "imagenet"), "ImageNet has 1,000 classes, and the network 10"),
    ],
)
def test_weights_that_are_refused(
    words: tuple[object, ...], told: str, run: Run, tmp_path: Path
) -> None:
    save_file(torch_state("vgg19"), tmp_path / "model.safetensors")
    status, out, err = run("models", "import", tmp_path / "model.safetensors", *words)
    assert (status, out) == (2, "")
    assert told in err
    folder = paths.user_models()
    assert not folder.exists() or not list(folder.iterdir())


def test_hdf5_that_harms_its_reader_harms_a_child(run: Run, tmp_path: Path) -> None:
    path = write_old_keras(tmp_path / "vgg16.h5", keras_layers("vgg16"))
    content = bytearray(path.read_bytes())
    content[:4096] = content[:16] + b"\xff" * 4080
    path.write_bytes(content)
    status, out, err = run("models", "import", path)
    assert (status, out) == (2, "")
    assert "The weights in “vgg16.h5” cannot be read" in err


def test_weights_that_run_away(run: Run, tmp_path: Path) -> None:
    # Every number is finite, and their products are not.
    state = {key: value * np.float32(1e12) for key, value in torch_state("vgg11").items()}
    save_file(state, tmp_path / "model.safetensors")
    status, _, err = run("models", "import", tmp_path / "model.safetensors")
    assert status == 2
    assert "“model.safetensors” was tried on a photo and failed" in err
    assert not list(paths.user_models().iterdir())
