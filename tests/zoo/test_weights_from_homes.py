"""Weights of other libraries: what is computed with them is what those libraries compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from support import picture
from vggscope import paths
from vggscope.errors import Cancelled, ModelNameTakenError, NetworkOptionError
from vggscope.inference.classifier import Classifier
from vggscope.inference.runtime import ort
from vggscope.zoo.models import find_model, installed_models
from vggscope.zoo.weights import install_weights, read_weights
from zoo import vgg_files
from zoo.vgg_files import (
    CLASSES,
    SIZE,
    classic_arrays,
    keras_layers,
    keras_logits,
    safetensors_bytes,
    torch_logits,
    torch_state,
    write_nested_keras,
    write_new_keras,
    write_old_keras,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Model

IMAGENET = ("RGB", pytest.approx(1 / 255), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CAFFE = ("BGR", 1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))
FROSSARD = ("RGB", 1.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))


@pytest.fixture(autouse=True)
def _own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(tmp_path / "user"))


def tensor(seed: int = 3) -> NDArray[np.float32]:
    """A picture as the networks take it, [H, W, 3]."""
    return np.random.default_rng(seed).normal(0, 1, (SIZE, SIZE, 3)).astype(np.float32)


def outputs(model: Model, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits that ONNX Runtime computes of ``values`` [H, W, 3]."""
    session = ort.InferenceSession(model.graph_path, providers=["CPUExecutionProvider"])
    data = np.ascontiguousarray(values.transpose(2, 0, 1)[None])
    logits, probabilities = session.run(["fc8", "prob"], {"data": data})
    exponentials = np.exp(logits - logits.max())
    np.testing.assert_allclose(probabilities, exponentials / exponentials.sum(), atol=1e-6)
    return np.asarray(logits[0])


def look(model: Model) -> tuple[object, ...]:
    """How pixels become the input."""
    facts = model.description.input
    assert (facts.name, facts.layout, facts.height, facts.width) == ("data", "NCHW", SIZE, SIZE)
    assert (facts.resize, facts.fit) == (73, "crop")
    return facts.channels, facts.scale, facts.mean, facts.std


# --- PyTorch ----------------------------------------------------------------------------------


@pytest.mark.parametrize("normalized", [False, True], ids=["plain", "normalised"])
@pytest.mark.parametrize("timm", [False, True], ids=["torchvision", "timm"])
@pytest.mark.parametrize("name", vgg_files.BLOCKS)
def test_safetensors_compute_what_pytorch_does(
    name: str, timm: bool, normalized: bool, tmp_path: Path
) -> None:
    state = torch_state(name, timm=timm, normalized=normalized)
    save_file(state, tmp_path / "model.safetensors")
    model = install_weights(tmp_path / "model.safetensors", None)
    home = "timm" if timm else "torchvision"
    config = f"{name}-bn" if normalized else name
    assert model.name == f"{config}-{home}"
    assert model.title == f"{config.upper()} ({home})"
    expected = torch_logits(state, tensor().transpose(2, 0, 1), name)
    assert expected.std() > 0.1
    np.testing.assert_allclose(outputs(model, tensor()), expected, atol=1e-4)
    assert look(model) == IMAGENET
    assert not model.description.untrained
    model.check_content()
    model.check_layers()


def test_names_below_a_wrapper(tmp_path: Path) -> None:
    state = torch_state("vgg11")
    wrapped = {f"module.model.{key}": value for key, value in state.items()}
    save_file(wrapped, tmp_path / "model.safetensors")
    model = install_weights(tmp_path / "model.safetensors", "A")
    expected = torch_logits(state, tensor().transpose(2, 0, 1), "vgg11")
    np.testing.assert_allclose(outputs(model, tensor()), expected, atol=1e-4)


def test_numbers_of_other_sizes(tmp_path: Path) -> None:
    state = torch_state("vgg11")
    reference = install_of(state, tmp_path / "float32.safetensors")
    double = install_of(
        {k: v.astype(np.float64) for k, v in state.items()}, tmp_path / "d.safetensors"
    )
    np.testing.assert_array_equal(outputs(double, tensor()), outputs(reference, tensor()))
    half = {key: value.astype(np.float16) for key, value in state.items()}
    expected = torch_logits(
        {k: v.astype(np.float32) for k, v in half.items()}, tensor().transpose(2, 0, 1), "vgg11"
    )
    model = install_of(half, tmp_path / "half.safetensors")
    np.testing.assert_allclose(outputs(model, tensor()), expected, atol=1e-4)
    assert model.description.precision == "fp32"


def install_of(state: vgg_files.Arrays, path: Path) -> Model:
    save_file(state, path)
    return install_weights(path, None, replace=True)


def test_bfloat16(tmp_path: Path) -> None:
    state = torch_state("vgg11")
    # The upper half of a float32; what is cut off is what bfloat16 does not have.
    halves = {k: (v.view(np.uint32) >> 16).astype(np.uint16) for k, v in state.items()}
    entries = {k: ("BF16", v.shape, v.tobytes()) for k, v in halves.items()}
    path = tmp_path / "bf16.safetensors"
    path.write_bytes(safetensors_bytes(entries))
    model = install_weights(path, None)
    rounded = {k: (v.astype(np.uint32) << 16).view(np.float32) for k, v in halves.items()}
    expected = torch_logits(rounded, tensor().transpose(2, 0, 1), "vgg11")
    np.testing.assert_allclose(outputs(model, tensor()), expected, atol=1e-4)


# --- Keras ------------------------------------------------------------------------------------

WRITERS = {
    "old": write_old_keras,
    "packed": lambda path, layers: write_old_keras(
        path, layers, compression="gzip", shuffle=True, fletcher32=True
    ),
    "nested": write_nested_keras,
    "new": write_new_keras,
    "2.13": lambda path, layers: write_new_keras(
        path, layers, top="_layer_checkpoint_dependencies"
    ),
}


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_hdf5_computes_what_keras_does(
    name: str, writer: Callable[[Path, dict[str, vgg_files.Arrays]], Path], tmp_path: Path
) -> None:
    layers = keras_layers(name)
    path = writer(tmp_path / f"{name}.h5", layers)
    model = install_weights(path, None)
    assert (model.name, model.title) == (f"{name}-keras", f"{name.upper()} (Keras)")
    expected = keras_logits(layers, tensor(), name)
    assert expected.std() > 0.1
    np.testing.assert_allclose(outputs(model, tensor()), expected, atol=1e-4)
    assert look(model) == CAFFE


# --- NumPy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_compute_what_tensorflow_does(save: Callable[..., None], tmp_path: Path) -> None:
    layers = keras_layers("vgg16")
    save(tmp_path / "vgg16_weights.npz", **classic_arrays(layers))
    model = install_weights(tmp_path / "vgg16_weights.npz", None)
    assert (model.name, model.title) == ("vgg16-numpy", "VGG16 (NumPy)")
    expected = keras_logits(layers, tensor(), "vgg16")
    np.testing.assert_allclose(outputs(model, tensor()), expected, atol=1e-4)
    assert look(model) == FROSSARD


def test_arrays_in_the_order_of_fortran_and_other_machines(tmp_path: Path) -> None:
    layers = keras_layers("vgg16")
    arrays = {k: np.asfortranarray(v, ">f4") for k, v in classic_arrays(layers).items()}
    np.savez(tmp_path / "big.npz", **arrays)
    model = install_weights(tmp_path / "big.npz", None)
    expected = keras_logits(layers, tensor(), "vgg16")
    np.testing.assert_allclose(outputs(model, tensor()), expected, atol=1e-4)


def test_archives_of_a_state_dict(tmp_path: Path) -> None:
    state = torch_state("vgg13")
    np.savez(tmp_path / "state.npz", **state)
    model = install_weights(tmp_path / "state.npz", None)
    assert model.name == "vgg13-torchvision"
    expected = torch_logits(state, tensor().transpose(2, 0, 1), "vgg13")
    np.testing.assert_allclose(outputs(model, tensor()), expected, atol=1e-4)


# --- what is chosen ---------------------------------------------------------------------------


def test_what_the_tensors_tell(tmp_path: Path) -> None:
    path = write_new_keras(tmp_path / "x.weights.h5", keras_layers("vgg19"))
    weights = read_weights(path)
    assert weights.config is not None
    assert weights.numbers is not None
    assert (weights.home.title, weights.config.name, weights.problem) == ("Keras", "vgg19", None)
    numbers = weights.numbers
    assert (numbers.classes, numbers.size, numbers.width) == (CLASSES, SIZE, 1 / 16)
    assert weights.input()["channels"] == "BGR"
    assert not installed_models_of_the_user()


def installed_models_of_the_user() -> list[str]:
    folder = paths.user_models()
    return [m.name for m in installed_models() if m.folder.is_relative_to(folder)]


def test_local_response_normalisation_has_the_tensors_of_a(tmp_path: Path) -> None:
    state = torch_state("vgg11")
    save_file(state, tmp_path / "a.safetensors")
    plain = install_weights(tmp_path / "a.safetensors", "A")
    other = install_weights(tmp_path / "a.safetensors", "A-LRN")
    assert (plain.name, other.name) == ("vgg11-torchvision", "vgg11-lrn-torchvision")
    assert "norm1" in [layer.name for layer in other.description.layers]
    assert np.abs(outputs(plain, tensor()) - outputs(other, tensor())).max() > 1e-3


def test_choices(tmp_path: Path) -> None:
    save_file(torch_state("vgg11", classes=3), tmp_path / "a.safetensors")
    names = tmp_path / "names.txt"
    names.write_text("ant\nbee\ncat\n", encoding="utf-8")
    model = install_weights(
        tmp_path / "a.safetensors",
        "vgg11",
        name="insects",
        title="Insects",
        labels=names,
        size=80,
        look={"channels": "BGR", "mean": [1.0, 2.0, 3.0], "resize": 90},
    )
    assert find_model("insects") == model
    assert model.title == "Insects"
    assert [label.label for label in model.labels()] == ["ant", "bee", "cat"]
    facts = model.description.input
    assert (facts.height, facts.width, facts.resize) == (80, 80, 90)
    assert (facts.channels, facts.mean) == ("BGR", (1.0, 2.0, 3.0))
    answer = Classifier.load(model, device="cpu").classify(picture((90, 120)), top=3)
    assert {prediction.label for prediction in answer.predictions} == {"ant", "bee", "cat"}


@pytest.mark.parametrize(("classes", "labels"), [(1000, "imagenet-1k"), (4, "labels.json")])
def test_labels_without_a_file_of_them(classes: int, labels: str, tmp_path: Path) -> None:
    save_file(torch_state("vgg11", classes=classes), tmp_path / "a.safetensors")
    model = install_weights(tmp_path / "a.safetensors", None)
    assert model.description.labels == labels
    assert len(model.labels()) == classes
    if classes == 4:
        assert [label.label for label in model.labels()][-1] == "class 3"


def test_a_size_that_the_weights_are_not_for(tmp_path: Path) -> None:
    save_file(torch_state("vgg11"), tmp_path / "a.safetensors")
    with pytest.raises(NetworkOptionError) as caught:
        install_weights(tmp_path / "a.safetensors", None, size=96)
    assert caught.value.remedy == "Choose a size from 64 to 95."
    assert not installed_models_of_the_user()


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    save_file(torch_state("vgg11"), tmp_path / "a.safetensors")
    before = install_weights(tmp_path / "a.safetensors", None)
    with pytest.raises(ModelNameTakenError):
        install_weights(tmp_path / "a.safetensors", None)
    assert find_model(before.name) == before
    assert install_weights(tmp_path / "a.safetensors", None, replace=True) == before


def test_progress(tmp_path: Path) -> None:
    state = torch_state("vgg11")
    save_file(state, tmp_path / "a.safetensors")
    told: list[Progress] = []
    install_weights(tmp_path / "a.safetensors", None, progress=told.append)
    total = sum(value.nbytes for value in state.values())
    assert {report.total for report in told} == {total}
    assert (told[0].done, told[-1].done) == (0, total)


def test_stopped_in_the_middle(tmp_path: Path) -> None:
    save_file(torch_state("vgg11"), tmp_path / "a.safetensors")
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 5

    with pytest.raises(Cancelled):
        install_weights(tmp_path / "a.safetensors", None, stop=stop)
    assert not list(paths.user_models().iterdir())


# --- the layers ------------------------------------------------------------------------------


def test_batch_normalised_layers_are_browsed(tmp_path: Path) -> None:
    save_file(torch_state("vgg11", normalized=True), tmp_path / "a.safetensors")
    model = install_weights(tmp_path / "a.safetensors", None)
    classifier = Classifier.load(model, device="cpu")
    maps = classifier.activations(picture((SIZE, SIZE)), "bn1_1")
    assert maps.values.shape == (4, SIZE, SIZE)
    assert maps.values.min() >= 0
    before = classifier.activations(picture((SIZE, SIZE)), "conv1_1")
    assert before.values.min() < 0
    network = model.anatomy().network
    assert network.parameters - network.trainable == 2 * (4 + 8 + 2 * 16 + 4 * 32)
