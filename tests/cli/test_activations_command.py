"""``vggscope activations`` inside this process: files, statuses, options."""

from __future__ import annotations

import csv
import shutil
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from support import TINY_LABELS, TINY_SIZE, as_nobody, open_folder, picture, tiny_model
from vgg.chains import Chain
from vggscope import paths
from vggscope.errors import InferenceError
from vggscope.inference import map_export, map_pictures
from vggscope.inference.classifier import Classifier
from vggscope.inference.layer_reader import LayerReader

if TYPE_CHECKING:
    from pathlib import Path

    from support import Run
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.zoo.normal_form import Model

ZEBRA = paths.resource("samples", "zebra.jpg")


@pytest.fixture
def run(run: Run) -> Run:
    """Run ``vggscope activations``: (status, stdout, stderr)."""
    return partial(run, "activations")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(picture().pixels).save(path)
    return path


@pytest.fixture
def chain(data_dir: Path) -> Model:
    """The model "chain": convolution with ReLU, pooling, softmax; names of the exporter's."""
    graph = Chain("N", 3, *TINY_SIZE)
    weights = np.random.default_rng(5).standard_normal((4, 3, 3, 3))
    graph.add("Conv", graph.constant(weights, "f4"), pads=[1] * 4).add("Relu")
    graph.add("GlobalAveragePool").add("Flatten").add("Softmax")
    return tiny_model(
        data_dir / "data" / "models" / "chain",
        proto=graph.model(),
        output={"probabilities": graph.tip},
        layers=[],
    )


def expected(model: str | Model, layer: str, *, before_relu: bool = False) -> FeatureMaps:
    return Classifier.load(model, device="cpu").activations(ZEBRA, layer, before_relu=before_relu)


def reader_of(model: Model) -> LayerReader:
    return Classifier.load(model, device="cpu").layers


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_npy_holds_a_layer(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    words = (ZEBRA, "--layer", "conv3_3", "--layer", "prob", "--format", "npy", "-o", folder)
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    assert out.splitlines() == [str(folder / f"zebra {n}.npy") for n in ("conv3_3", "prob")]
    assert names(folder) == ["zebra conv3_3.npy", "zebra prob.npy"]
    found = np.load(folder / "zebra conv3_3.npy", allow_pickle=False)
    assert (found.dtype, found.shape) == (np.float32, (256, 56, 56))
    np.testing.assert_array_equal(found, expected("vgg16-compact", "conv3_3").values)
    prob = np.load(folder / "zebra prob.npy")
    assert prob.shape == (1000, 1, 1)
    classification = Classifier.load(device="cpu").classify(ZEBRA)
    np.testing.assert_allclose(prob.ravel(), classification.probabilities, atol=1e-5)


def test_npz_holds_all_layers(run: Run, chain: Model, tmp_path: Path) -> None:
    words = (ZEBRA, "--model", "chain", "--layer", "all", "--format", "npz", "-o", tmp_path)
    assert run(*words)[0] == 0
    assert names(tmp_path) == ["zebra activations.npz"]
    content = (tmp_path / "zebra activations.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "zebra activations.npz") as archive:
        dates = {member.date_time for member in archive.infolist()}
        assert dates == {(1980, 1, 1, 0, 0, 0)}, "the clock makes no difference"
    with np.load(tmp_path / "zebra activations.npz", allow_pickle=False) as archive:
        layers = [site.layer.name for site in reader_of(chain).anatomy.sites]
        assert archive.files == layers
        assert "conv1_1" in layers
        for layer in layers:
            np.testing.assert_array_equal(archive[layer], expected(chain, layer).values)
    assert run(*words)[0] == 0
    assert (tmp_path / "zebra activations.npz").read_bytes() == content, "replaced by the same"


def test_csv_holds_statistics(run: Run, tiny: Model, tmp_path: Path) -> None:
    words = (ZEBRA, "--model", "tiny", "--layer", "conv1_1", "--layer", "prob")
    assert run(*words, "--format", "csv", "-o", tmp_path)[0] == 0
    with (tmp_path / "zebra statistics.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 16 + 4
    for layer in ("conv1_1", "prob"):
        own = [row for row in rows if row["layer"] == layer]
        values = expected(tiny, layer).values.astype(float)
        assert [row["channel"] for row in own] == [str(i) for i in range(len(values))]
        for column, figure in (
            ("minimum", np.min), ("maximum", np.max), ("mean", np.mean), ("std", np.std),
        ):  # fmt: skip
            told = [float(row[column]) for row in own]
            np.testing.assert_allclose(told, figure(values, axis=(1, 2)), rtol=1e-5, atol=1e-6)
    assert [row["label"] for row in rows if row["layer"] == "prob"] == list(TINY_LABELS)
    assert {row["label"] for row in rows if row["layer"] == "conv1_1"} == {""}


def picture_of(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB")


def test_png_is_the_default(run: Run, tmp_path: Path) -> None:
    status, out, err = run(ZEBRA, "--layer", "conv3_3", "--layer", "prob", "-o", tmp_path)
    assert (status, err) == (0, "")
    assert names(tmp_path) == ["zebra conv3_3.png", "zebra prob.png"]
    assert out.splitlines() == [str(tmp_path / name) for name in names(tmp_path)]
    maps = expected("vgg16-compact", "conv3_3")
    grid = map_pictures.grid(maps, order=np.arange(256), normalisation="channel", aspect=4 / 3)
    found = picture_of(tmp_path / "zebra conv3_3.png")
    whole = map_export.grid_png(maps, grid, colours="viridis", normalisation="channel")
    assert found.size == whole.size
    np.testing.assert_array_equal(np.asarray(found), np.asarray(whole))
    assert found.width > found.height


def test_what_pictures_show_can_be_chosen(run: Run, tiny: Model, tmp_path: Path) -> None:
    words = (ZEBRA, "--model", "tiny", "--layer", "conv1_1")
    choices = [
        (),
        ("--colours", "gray"),
        ("--colours", "diverging"),
        ("--range", "layer"),
        ("--range=-1:2.5",),
        ("--sort", "max"),
        ("--channels", "3,1"),
        ("--channels", "1,3"),
        ("--channels", "1,3", "--sort", "mean"),
    ]
    seen = set()
    for number, choice in enumerate(choices):
        assert run(*words, *choice, "-o", tmp_path / str(number))[0] == 0
        seen.add(picture_of(tmp_path / str(number) / "zebra conv1_1.png").tobytes())
    assert len(seen) >= len(choices) - 1, "each is another picture, but one order may be the first"
    order = map_pictures.channel_order(expected(tiny, "conv1_1"), "mean")
    [first, second] = [c for c in order if c in {1, 3}]
    one, other = (tmp_path / str(n) / "zebra conv1_1.png" for n in (8, 7 if first == 1 else 6))
    assert picture_of(one).tobytes() == picture_of(other).tobytes(), (first, second)


def test_one_channel_is_shown_large(run: Run, tmp_path: Path) -> None:
    assert run(ZEBRA, "--layer", "conv3_3", "--channels", "84", "-o", tmp_path)[0] == 0
    maps = expected("vgg16-compact", "conv3_3")
    whole = map_export.channel_png(maps, 84, colours="viridis", normalisation="channel")
    assert picture_of(tmp_path / "zebra conv3_3.png").tobytes() == whole.tobytes()


def test_dead_channels_can_be_left_out(run: Run, chain: Model, tmp_path: Path) -> None:
    words = (ZEBRA, "--model", "chain", "--layer", "conv1_1")
    maps = expected(chain, "conv1_1")
    alive = map_pictures.channel_order(maps, "index", alive_only=True)
    assert run(*words, "--alive-only", "-o", tmp_path / "alive")[0] == 0
    channels = ",".join(map(str, alive))
    assert run(*words, "--channels", channels, "-o", tmp_path / "named")[0] == 0
    one, other = (picture_of(tmp_path / n / "zebra conv1_1.png") for n in ("alive", "named"))
    assert one.tobytes() == other.tobytes()


def test_the_share_of_zeros(run: Run, chain: Model, tmp_path: Path) -> None:
    words = (ZEBRA, "--model", "chain", "--layer", "conv1_1", "-o", tmp_path)
    assert run(*words, "--format", "csv")[0] == 0
    with (tmp_path / "zebra statistics.csv").open(newline="") as stream:
        zeros = [float(row["zeros"]) for row in csv.DictReader(stream)]
    values = expected(chain, "conv1_1").values
    assert zeros == [(channel == 0).sum() / channel.size for channel in values]
    assert any(zeros)


def test_channels(run: Run, tmp_path: Path) -> None:
    words = (ZEBRA, "--layer", "conv1_1", "-o", tmp_path, "--channels", "5, 0,7-9,8")
    assert run(*words, "--format", "npy")[0] == 0
    whole = expected("vgg16-compact", "conv1_1").values
    np.testing.assert_array_equal(np.load(tmp_path / "zebra conv1_1.npy"), whole[[5, 0, 7, 8, 9]])
    assert run(*words, "--format", "csv")[0] == 0
    with (tmp_path / "zebra statistics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["channel"] for row in rows] == ["5", "0", "7", "8", "9"]
    maxima = [float(row["maximum"]) for row in rows]
    assert maxima == [whole[channel].max() for channel in (5, 0, 7, 8, 9)]


def test_before_relu(run: Run, chain: Model, tmp_path: Path) -> None:
    words = (ZEBRA, "--model", "chain", "--before-relu", "--format", "npy", "-o", tmp_path)
    assert run(*words, "--layer", "all")[0] == 0
    assert names(tmp_path) == ["zebra conv1_1 before ReLU.npy"], "the one layer with a ReLU"
    found = np.load(tmp_path / "zebra conv1_1 before ReLU.npy")
    assert found.min() < 0
    np.testing.assert_array_equal(np.maximum(found, 0), expected(chain, "conv1_1").values)


def test_fit(run: Run, tiny: Model, tmp_path: Path) -> None:
    words = (ZEBRA, "--model", "tiny", "--layer", "data", "--format", "npy", "-o", tmp_path)
    assert run(*words, "--fit", "stretch")[0] == 0
    stretched = Classifier.load(tiny, device="cpu", fit="stretch").activations(ZEBRA, "data")
    np.testing.assert_array_equal(np.load(tmp_path / "zebra data.npy"), stretched.values)
    assert not np.array_equal(stretched.values, expected(tiny, "data").values)


def test_a_picture_is_run_once(
    run: Run, tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny
    runs, original = [], LayerReader._run
    monkeypatch.setattr(LayerReader, "_run", lambda *words: runs.append(words) or original(*words))
    words = (ZEBRA, "--model", "tiny", "--layer", "all", "--format", "csv", "-o", tmp_path)
    assert run(*words)[0] == 0
    assert len(runs) == 1


def test_names_that_are_no_file_names(run: Run, data_dir: Path, tmp_path: Path) -> None:
    """A branch keeps the exporter's names: slashes, and layers called "all" and "file"."""
    graph = Chain("N", 3, *TINY_SIZE)
    for name in ("a/b", "a?b", "A?B", "file"):
        weights = np.random.default_rng(5).standard_normal((3, 3, 1, 1))
        graph.add("Conv", graph.constant(weights, "f4"))
        graph.nodes[-1].name = name
    graph.add("Add", "data").add("GlobalAveragePool").add("Flatten").add("Softmax")
    graph.nodes[-1].name = "all"
    model = tiny_model(
        data_dir / "data" / "models" / "odd",
        proto=graph.model(),
        labels=["red", "green", "blue"],
        output={"probabilities": graph.tip},
        layers=[],
    )
    sites = reader_of(model).anatomy.sites
    layers = [site.layer.name for site in sites]
    assert {"a/b", "a?b", "A?B", "file", "all"} <= set(layers)
    words = [ZEBRA, "--model", "odd", "-o", tmp_path]
    assert run(*words, "--layer", "all", "--format", "npy")[0] == 0
    assert names(tmp_path) == ["zebra all.npy"], "the layer of that name"
    for layer in layers:
        words += ["--layer", layer]
    assert run(*words, "--format", "npy")[0] == 0
    assert {"zebra a b.npy", "zebra a b 2.npy", "zebra A B 3.npy"} <= set(names(tmp_path))
    assert len(names(tmp_path)) == len(layers)
    assert run(*words, "--format", "npz")[0] == 0
    with np.load(tmp_path / "zebra activations.npz") as archive:
        assert archive.files == layers
        np.testing.assert_array_equal(archive["a/b"], np.load(tmp_path / "zebra a b.npy"))


# --- what cannot be done ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--layer"),
        (["--layer", "conv1_1", "--range", "3:1"], "3:1"),
        (["--layer", "conv1_1", "--range", "nan:1"], "nan:1"),
        (["--layer", "conv1_1", "--range", "0:1e39"], "1e39"),
        (["--layer", "conv1_1", "--range", "photo"], "photo"),
        (["--layer", "conv1_1", "--colours", "jet"], "jet"),
        (["--layer", "conv1_1", "--sort", "size"], "size"),
        (["--layer", "conv1_1", "--format", "png4"], "png4"),
        (["--layer", "conv1_1", "--format", "npy", "--channels", "9-7"], "9-7"),
        (["--layer", "conv1_1", "--format", "npy", "--channels", "1,,2"], "1,,2"),
        (["--layer", "conv1_1", "--format", "npy", "--channels", "-1"], "--channels"),
        (["--layer", "conv1_1", "--format", "npy", "--channels", "0-999999999"], "999999999"),
        (["--layer", "conv1_1", "--format", "npy", "--channels", "²"], "²"),
        (["--layer", "conv1_1", "--format", "npy", "--fit", "squeeze"], "squeeze"),
        (["--layer", "conv9", "--format", "npy"], "Choose one of: data, conv1_1"),
        (["--layer", "pool1", "--format", "npy", "--before-relu"], "nothing to show"),
        (["--layer", "conv1_1", "--format", "npy", "--channels", "3,16"], "no channel 16"),
        (["--layer", "conv1_1", "--format", "npy", "--model", "gone"], "“gone”"),
        (["--layer", "conv1_1", "--format", "npy", "--device", "abacus"], "abacus"),
    ],
)
def test_wrong_usage(run: Run, tiny: Model, photo: Path, words: list[str], said: str) -> None:
    folder = photo.parent / "results"
    model = [] if "--model" in words else ["--model", tiny.name]
    status, out, err = run(photo, *model, *words, "-o", folder)
    assert (status, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert not folder.exists()


def test_pictures_that_cannot_be_read(run: Run, tiny: Model, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    folder = tmp_path / "results"
    words = ("--model", tiny.name, "--layer", "conv1_1", "--format", "npy", "-o", folder)
    for image, said in (("gone.png", "does not exist"), ("notes.txt", "notes.txt"), ("", "")):
        status, out, err = run(tmp_path / image, *words)
        assert (status, out) == (2, "")
        assert err.startswith("vggscope: ")
        assert said in err
    assert not folder.exists()


@pytest.mark.parametrize("form", ["csv", "npy", "npz", "png"])
def test_a_folder_that_is_none(run: Run, tiny: Model, photo: Path, form: str) -> None:
    words = (photo, "--model", tiny.name, "--layer", "conv1_1", "--format", form)
    status, out, err = run(*words, "-o", photo)
    assert (status, out) == (2, "")
    assert "“photo.png” could not be written" in err


def test_a_folder_that_takes_no_files(run: Run, tiny: Model) -> None:
    with open_folder() as folder:
        shutil.copytree(tiny.folder, folder / "models" / "tiny")
        Image.fromarray(picture().pixels).save(folder / "photo.png")
        words = (folder / "photo.png", "--model", folder / "models" / "tiny", "--layer", "conv1_1")
        with as_nobody():
            statuses = [
                run(*words, "--format", form, "-o", results)
                for form in ("csv", "npy", "npz", "png")
                for results in (folder, folder / "new")
            ]
        for status, out, err in statuses:
            assert (status, out) == (2, "")
            assert "could not be written: Permission denied" in err
        assert names(folder) == ["models", "photo.png"]


def test_a_folder_in_the_place_of_a_file(
    run: Run, tiny: Model, photo: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    (folder / "photo statistics.csv").mkdir(parents=True)
    words = (photo, "--model", tiny.name, "--layer", "conv1_1", "-o", folder)
    status, out, err = run(*words, "--format", "csv")
    assert (status, out) == (2, "")
    assert "“photo statistics.csv” could not be written" in err
    assert names(folder) == ["photo statistics.csv"], "nothing half done stays"


@pytest.mark.parametrize("form", ["csv", "npy", "npz", "png"])
def test_a_layer_that_the_device_cannot_compute(
    run: Run, tiny: Model, photo: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, broken = LayerReader.read, {"conv1_1"}

    def read(self: LayerReader, values: np.ndarray, layer: str, **options: object) -> np.ndarray:
        if layer in broken:
            raise InferenceError(model="tiny", device="the CPU", reason="a fuse blew")
        return original(self, values, layer, **options)

    monkeypatch.setattr(LayerReader, "read", read)
    folder = photo.parent / "results"
    words = (photo, "--model", tiny.name, "--layer", "conv1_1", "--layer", "prob", "-o", folder)
    status, out, err = run(*words, "--format", form)
    assert status == 1
    assert err.count("a fuse blew") == 1
    assert len(names(folder)) == 1
    assert out == f"{folder / names(folder)[0]}\n"
    [done] = folder.iterdir()
    done.unlink()
    broken.add("prob")
    status, out, err = run(*words, "--format", form)
    assert (status, out) == (2, "")
    assert "a fuse blew" in err
    assert names(folder) == []
