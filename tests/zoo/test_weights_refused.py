"""Files of weights that do not fit, hold no numbers, or are something else."""

from __future__ import annotations

import os
import pickle
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from support import as_nobody, open_folder
from vggscope.errors import (
    ConfigUndecidedError,
    UnknownConfigError,
    WeightsFormatError,
    WeightsMisfitError,
    WeightsPickledError,
    WeightsShapeError,
    WeightsTypeError,
    WeightsUnreadableError,
    WeightsValueError,
)
from vggscope.zoo.weights import install_weights
from zoo.refusals import refused
from zoo.vgg_files import (
    keras_layers,
    torch_state,
    write_nested_keras,
    write_old_keras,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("nothing_installed")


def saved(path: Path, state: dict[str, np.ndarray]) -> Path:
    save_file(state, path)
    return path


# --- tensors that do not fit ------------------------------------------------------------------


def test_missing_tensors_are_named(tmp_path: Path) -> None:
    state = torch_state("vgg16")
    del state["features.10.bias"], state["classifier.3.weight"]
    message = refused(saved(tmp_path / "a.safetensors", state), WeightsMisfitError)
    assert message == (
        "“a.safetensors” does not hold the weights of VGG16: it lacks features.10.bias (conv3_1), "
        "classifier.3.weight (fc7)."
    )


def test_surplus_tensors_are_named(tmp_path: Path) -> None:
    state = torch_state("vgg16") | {"extra.weight": np.zeros((2, 2), np.float32)}
    message = refused(saved(tmp_path / "a.safetensors", state), WeightsMisfitError)
    assert message.endswith("of VGG16: there is no place for extra.weight.")


def test_a_few_of_many_are_named(tmp_path: Path) -> None:
    state = {k: v for k, v in torch_state("vgg16").items() if k.startswith("features")}
    message = refused(saved(tmp_path / "a.safetensors", state), WeightsMisfitError)
    assert "it lacks classifier.0.weight (fc6), classifier.0.bias (fc6)" in message
    assert message.endswith("and 2 more tensors.")


def test_weights_of_another_network(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.safetensors", torch_state("vgg19"))
    with pytest.raises(WeightsMisfitError) as caught:
        install_weights(path, "vgg16")
    assert "it lacks features.17.weight (conv4_1)" in caught.value.message
    assert "there is no place for features.16.bias, features.16.weight" in caught.value.message
    assert caught.value.remedy == (
        "Choose vgg19: the layers of the file are those of that network."
    )


def test_batch_normalisation_where_the_network_has_none(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.safetensors", torch_state("vgg11", normalized=True))
    with pytest.raises(WeightsMisfitError) as caught:
        install_weights(path, "vgg11")
    assert caught.value.remedy.startswith("Choose vgg11-bn:")


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ("block3_conv2", "block3_conv2/kernel (conv3_2)"),
        ("predictions", "predictions/kernel (fc8)"),
    ],
)
def test_missing_layers_of_keras(lacking: str, told: str, tmp_path: Path) -> None:
    layers = keras_layers("vgg16")
    del layers[lacking]
    path = write_old_keras(tmp_path / "a.h5", layers)
    assert told in refused(path, WeightsMisfitError, "vgg16")


def test_weights_of_keras_without_their_top(tmp_path: Path) -> None:
    layers = {k: v for k, v in keras_layers("vgg19").items() if k.startswith("block")}
    with pytest.raises(WeightsMisfitError) as caught:
        install_weights(write_nested_keras(tmp_path / "vgg19_notop.h5", layers), None)
    assert "it lacks fc1/kernel (fc6)" in caught.value.message
    assert "whole network" in caught.value.remedy


def test_a_network_of_another_depth(tmp_path: Path) -> None:
    state = torch_state("vgg11")
    del state["features.0.weight"], state["features.0.bias"]
    state = {"features.0.weight": state["features.3.weight"], **state}
    state.pop("features.3.weight")
    del state["features.6.weight"]
    path = saved(tmp_path / "a.safetensors", state)
    message = refused(path, ConfigUndecidedError)
    assert message.endswith("are those of no VGG network: it has 6 convolutions.")


@pytest.mark.parametrize(
    ("name", "layer", "shape", "expected"),
    [
        ("features.5.weight", "conv2_2", (8, 8, 1, 1), "[8, 8, 3, 3]"),
        ("features.7.bias", "conv2_2", (9,), "[8]"),
        ("classifier.3.weight", "fc7", (256, 255), "[256, 256] or [256, 256, 1, 1]"),
        ("classifier.6.bias", "fc8", (11,), "[10]"),
    ],
)
def test_shapes_are_checked_layer_by_layer(
    name: str, layer: str, shape: tuple[int, ...], expected: str, tmp_path: Path
) -> None:
    name = {"features.5.weight": "features.7.weight"}.get(name, name)
    state = torch_state("vgg13") | {name: np.zeros(shape, np.float32)}
    message = refused(saved(tmp_path / "a.safetensors", state), WeightsShapeError, "vgg13")
    found = "[" + ", ".join(map(str, shape)) + "]"
    assert message == (
        f"The tensor “{name}” in “a.safetensors” does not fit the layer {layer} of VGG13: its "
        f"shape is {found} instead of {expected}."
    )


def test_shapes_in_the_order_of_keras(tmp_path: Path) -> None:
    layers = keras_layers("vgg16")
    layers["fc2"]["kernel"] = layers["fc2"]["kernel"][:-1]
    message = refused(write_old_keras(tmp_path / "a.h5", layers), WeightsShapeError)
    assert "the layer fc7 of VGG16: its shape is [255, 256] instead of [256, 256]" in message


def test_an_unknown_network(tmp_path: Path) -> None:
    with pytest.raises(UnknownConfigError) as caught:
        install_weights(tmp_path / "not even there.npz", "vgg12")
    assert "vgg16-bn" in caught.value.remedy


# --- numbers that are none --------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_no_network_can_use(value: float, tmp_path: Path) -> None:
    state = torch_state("vgg11")
    state["classifier.3.weight"][-1, -1] = value
    message = refused(saved(tmp_path / "a.safetensors", state), WeightsValueError)
    assert message.startswith("The tensor “classifier.3.weight” in “a.safetensors”, for the layer")
    assert "layer fc7, holds numbers that are infinite" in message


def test_numbers_beyond_single_precision(tmp_path: Path) -> None:
    state = {key: value.astype(np.float64) for key, value in torch_state("vgg11").items()}
    state["features.0.bias"][0] = 1e39
    assert "conv1_1" in refused(saved(tmp_path / "a.safetensors", state), WeightsValueError)


def test_a_negative_variance(tmp_path: Path) -> None:
    state = torch_state("vgg11", normalized=True)
    state["features.1.running_var"][0] = -0.1
    message = refused(saved(tmp_path / "a.safetensors", state), WeightsValueError)
    assert message.endswith("for the layer bn1_1, holds a variance below 0.")


def test_whole_numbers(tmp_path: Path) -> None:
    state = torch_state("vgg11")
    state["features.0.weight"] = state["features.0.weight"].astype(np.int8)
    message = refused(saved(tmp_path / "a.safetensors", state), WeightsTypeError)
    assert message.endswith("for the layer conv1_1, is stored as int8.")


# --- no weights at all ------------------------------------------------------------------------


class Bomb:
    """Whoever unpickles it makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


def pickles(folder: Path, bomb: Bomb) -> dict[str, Path]:
    """The bomb in all the wrappings that people know."""
    made = {name: folder / name for name in ("a.pth", "b.pt", "vgg16.npy", "d.npz", "e.npz")}
    made["a.pth"].write_bytes(pickle.dumps({"features.0.weight": bomb}))
    with zipfile.ZipFile(made["b.pt"], "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(bomb))
        archive.writestr("archive/data/0", bytes(64))
    np.save(made["vgg16.npy"], np.array({"conv1_1": bomb}, object), allow_pickle=True)
    np.savez(made["d.npz"], conv1_1_W=np.array([bomb], object))
    np.savez(made["e.npz"], conv1_1_W=np.zeros(3, [("a", "f4"), ("b", "O")]))
    return made


@pytest.mark.parametrize("name", ["a.pth", "b.pt", "vgg16.npy", "d.npz", "e.npz"])
def test_pickles_are_never_opened(name: str, tmp_path: Path) -> None:
    bomb = Bomb(tmp_path / "exploded")
    path = pickles(tmp_path, bomb)[name]
    with pytest.raises(WeightsPickledError) as caught:
        install_weights(path, "vgg16")
    assert f"“{name}” is a pickle" in caught.value.message
    assert "safetensors" in caught.value.remedy
    assert not bomb.target.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"<!doctype html><html>", "it begins like none"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it begins like none"),
        (b"\x08\x07\x12\x07pytorch", "it begins like none"),
    ],
)
def test_other_files(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    assert reason in refused(path, WeightsFormatError)


def test_a_single_array(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4), np.float32))
    message = refused(tmp_path / "a.npy", WeightsFormatError)
    assert message.endswith("it is a single array of 3 × 4 numbers.")


def test_tensors_with_other_names(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.safetensors", {"layer1.0.weight": np.zeros((1, 1), np.float32)})
    assert "its tensors (layer1.0.weight) are not named" in refused(path, WeightsFormatError)


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "it is a folder" in refused(tmp_path, WeightsFormatError)
    assert "No such file" in refused(tmp_path / "absent.h5", WeightsUnreadableError)
    loop = tmp_path / "loop.h5"
    loop.symlink_to(loop)
    assert refused(loop, WeightsUnreadableError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    assert "it is no file" in refused(tmp_path / "pipe.npz", WeightsFormatError)


def test_a_file_that_may_not_be_read() -> None:
    with open_folder() as folder:
        path = folder / "a.safetensors"
        path.write_bytes(b"{}")
        path.chmod(0)
        with as_nobody():
            assert "Permission denied" in refused(path, WeightsUnreadableError)
