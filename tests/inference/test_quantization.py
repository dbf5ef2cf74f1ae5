"""8-bit variants: what is made of which graph, and how it is measured and installed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from inference.deep_networks import deep_model
from support import TINY_SIZE, onnx_model, picture, tiny_model, tiny_proto
from vggscope import paths
from vggscope.errors import (
    AlreadyQuantizedError,
    CalibrationError,
    Cancelled,
    ModelCorruptError,
    ModelDescriptionError,
    ModelNameError,
    ModelNameTakenError,
    ModelNotReplaceableError,
    NotQuantizableError,
    OutputError,
)
from vggscope.inference.classifier import Classifier
from vggscope.inference.quantization import Quantization, Request, compare, quantize, spread
from vggscope.inference.runtime import Cancellation
from vggscope.zoo.models import find_model, installed_models, quantized_variants
from vggscope.zoo.normal_form import read_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.errors import ImageError
    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model


@pytest.fixture
def model(home: Path) -> Model:
    return deep_model(home / "deep")


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Twenty pictures: some of one colour, some of noise."""
    folder = tmp_path / "photos"
    folder.mkdir()
    made = []
    for seed in range(20):
        colour = (13 * seed % 256, 71 * seed % 256, 31 * seed % 256) if seed % 2 else None
        made.append(folder / f"{seed:02}.png")
        Image.fromarray(picture(colour=colour, seed=seed).pixels).save(made[-1])
    return made


@dataclass
class Heard:
    """What a run told; ``on_advance`` is called with the number of photos done."""

    on_advance: Callable[[int], None] = lambda _: None
    steps: list[tuple[str, int]] = field(default_factory=list)
    done: int = 0
    broken: list[tuple[Path, str]] = field(default_factory=list)

    def begin(self, step: str, total: int) -> None:
        self.steps.append((step, total))

    def advance(self) -> None:
        self.done += 1
        self.on_advance(self.done)

    def left_out(self, path: Path, error: ImageError) -> None:
        self.broken.append((path, error.kind))


def made(model: Model, photos: list[Path], heard: Heard | None = None, **more: Any) -> Quantization:
    wishes = {"calibration_photos": 8, "comparison_photos": 100} | more
    request = Request(model=model, calibration=photos, **wishes)
    return quantize(request, heard or Heard())


def files_below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


# --- what is made -----------------------------------------------------------------------------


def test_the_new_model_is_installed_and_described(model: Model, photos: list[Path]) -> None:
    result = made(model, photos)
    new = find_model("deep-int8")
    assert new == result.model
    assert new in installed_models()
    assert quantized_variants("deep") == [new]
    was, now = model.description, new.description
    assert now.precision == "int8"
    assert now.title == "Tiny (int8)"
    kept = ("source", "licence", "input", "output", "labels")
    assert {name: getattr(now, name) for name in kept} == {n: getattr(was, n) for n in kept}
    assert now.accuracy == ()
    assert new.labels() == model.labels()
    assert now.quantized is not None
    assert now.quantized.of == "deep"
    assert now.quantized.agreement == result.comparison.agreement
    assert now.quantized.photos == result.comparison.photos == 12
    assert now.quantized.source == "vggscope models quantize"
    percent = f"{result.comparison.agreement:g} %"
    assert now.note == f"Tiny in 8-bit integers: the same top-1 on {percent} of 12 photos."
    new.check_sizes()
    new.check_content()
    new.check_layers()
    assert files_below(new.folder) == {"graph.onnx", "weights.bin", "model.json", "labels.json"}


def test_a_chosen_name_and_title(model: Model, photos: list[Path], home: Path) -> None:
    new = made(model, photos, name="swift", title="Swift").model
    assert (new.name, new.title, new.folder) == ("swift", "Swift", home / "swift")


def test_much_smaller_than_in_float(data_dir: Path, home: Path, photos: list[Path]) -> None:
    proto = tiny_proto()
    [filters] = [t for t in proto.graph.initializer if t.name == "filters"]
    wide = np.random.default_rng(0).normal(0, 1, (4096, 3, 3, 3)).astype(np.float32)
    filters.CopyFrom(numpy_helper.from_array(wide, "filters"))
    for name, shape in {"bias": (4096,), "matrix": (4096, 4)}.items():
        [tensor] = [t for t in proto.graph.initializer if t.name == name]
        value = np.random.default_rng(1).normal(0, 0.01, shape).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(value, name))
    model = tiny_model(home / "wide", proto=proto)
    before = model.description.files["weights.bin"].bytes
    # The bias takes four bytes as before, and each of its channels has a scale.
    assert made(model, photos).model.description.files["weights.bin"].bytes < before * 0.4
    assert files_below(data_dir) == {
        f"data/models/{name}/{file}"
        for name in ("wide", "wide-int8")
        for file in ("graph.onnx", "weights.bin", "model.json", "labels.json")
    }


# --- which photos -----------------------------------------------------------------------------


def test_spread() -> None:
    numbers = [Path(str(number)) for number in range(10)]
    assert [str(p) for p in spread(numbers, 2)] == [
        "2",
        "7",
        "0",
        "1",
        "3",
        "4",
        "5",
        "6",
        "8",
        "9",
    ]
    assert [str(p) for p in spread(numbers, 5)][:5] == ["1", "3", "5", "7", "9"]
    for count in (0, 1, 3, 10, 99):
        assert sorted(spread(numbers, count)) == sorted(numbers)
    assert spread([], 5) == []


def test_compared_on_what_was_not_calibrated_with(model: Model, photos: list[Path]) -> None:
    heard = Heard()
    result = made(model, photos, heard)
    assert (result.calibrated, result.comparison.photos, result.known) == (8, 12, 0)
    assert heard.steps == [("calibrating", 8), ("comparing", 12)]
    assert heard.done == 20


def test_at_most_so_many(model: Model, photos: list[Path]) -> None:
    result = made(model, photos, comparison_photos=5)
    assert result.comparison.photos == 5


def test_compared_on_others(model: Model, photos: list[Path]) -> None:
    result = made(model, photos[:10], comparison=photos[6:])
    # Ten, of which the eight that are used lie evenly.
    calibrated = set(spread(photos[:10], 8)[:8])
    assert result.comparison.photos == 14
    assert result.known == len(calibrated & set(photos[6:]))
    assert f", {result.known} of which it was calibrated with." in result.model.description.note


def test_nothing_left_to_compare_on(model: Model, photos: list[Path]) -> None:
    result = made(model, photos[:5])
    assert (result.calibrated, result.comparison.photos, result.known) == (5, 5, 5)
    assert result.model.description.note.endswith("5 photos, 5 of which it was calibrated with.")


def test_broken_photos_are_passed_over(model: Model, photos: list[Path]) -> None:
    broken = [photos[1], photos[6], photos[7]]
    for path in broken:
        path.write_bytes(path.read_bytes()[:60])
    gone = photos[0].with_name("gone.png")
    heard = Heard()
    result = made(model, [*photos[:8], gone], heard, comparison=[gone, *photos])
    # All that can be read of the nine take part.
    assert result.calibrated == 5
    assert result.comparison.photos == 17
    assert result.known == 5
    assert sorted(heard.broken) == sorted(
        [(gone, "not-found"), *((path, heard.broken[1][1]) for path in broken)]
    )


def test_none_of_the_rest_can_be_read(model: Model, photos: list[Path]) -> None:
    for path in photos[8:]:
        path.write_bytes(b"")
    result = made(model, photos)
    assert (result.calibrated, result.comparison.photos, result.known) == (8, 8, 8)


# --- the comparison ---------------------------------------------------------------------------


def test_measured_as_by_hand(model: Model, photos: list[Path]) -> None:
    """Against probabilities of sessions of ONNX Runtime that are nothing to do with ours."""
    import onnxruntime  # noqa: PLC0415 (its telemetry was switched off by the imports above)

    from vggscope.inference.preprocessing import Preprocessor  # noqa: PLC0415
    from vggscope.sources.stills import read_still  # noqa: PLC0415

    result = made(model, photos, comparison=photos)
    tensors = [
        Preprocessor(model.description.input).tensor(read_still(photo)).values for photo in photos
    ]
    answers = []
    for each in (model, result.model):
        session = onnxruntime.InferenceSession(each.graph_path, providers=["CPUExecutionProvider"])
        answers.append(np.array([session.run(["prob"], {"data": t[None]})[0][0] for t in tensors]))
    before, after = answers
    top = before.argmax(axis=1)
    same = (after.argmax(axis=1) == top).mean() * 100
    change = np.abs(after - before)
    assert result.comparison.agreement == pytest.approx(same, abs=0.1)
    assert result.comparison.mean_change == pytest.approx(
        change[np.arange(len(top)), top].mean(), abs=1e-5
    )
    assert result.comparison.largest_change == pytest.approx(change.max(), abs=1e-5)
    assert result.comparison.largest_change > 1e-4
    assert all(time > 0 for time in result.comparison.milliseconds)


class Fixed:
    """A classifier that has its answers ready: indices of classes, milliseconds."""

    def __init__(self, classes: list[int], milliseconds: float) -> None:
        self._classes = iter([classes[0], *classes, *[classes[-1]] * 100])
        self.milliseconds = milliseconds

    def classify(self, _frame: Frame, **_: object) -> Any:
        index = next(self._classes)
        probabilities = np.full(4, 0.1, np.float32)
        probabilities[index] = 0.7

        @dataclass
        class Answer:
            predictions: list[Any]
            probabilities: Any
            milliseconds: float

        @dataclass
        class Top:
            index: int

        self.milliseconds += 1
        return Answer([Top(index)], probabilities, self.milliseconds)


@pytest.mark.parametrize(
    ("classes", "agreement"),
    [([0], 100.0), ([0, 1, 2], 66.6), ([1] * 999 + [0], 0.1), ([0] * 999 + [1], 99.9)],
)
def test_agreement(classes: list[int], agreement: float) -> None:
    """Rounded down: only all are 100 %."""
    reference: Any = Fixed([0, 1, 0] if len(classes) == 3 else [0] * len(classes), 10)
    other: Any = Fixed(classes, 5)
    frames = [picture()] * len(classes)
    comparison = compare(reference, other, frames, Cancellation())
    assert comparison is not None
    assert comparison.photos == len(classes)
    assert comparison.agreement == agreement
    changed = 0.6 * (100 - agreement) / 100
    assert comparison.mean_change == pytest.approx(changed, abs=1e-3)
    assert comparison.largest_change == pytest.approx(0.6 if agreement < 100 else 0, abs=1e-6)
    # The first run does not count, and there are seven at least.
    runs = max(7, len(classes))
    assert comparison.milliseconds[0] == 11 + (runs + 1) / 2


def test_nothing_to_compare_on(model: Model) -> None:
    classifier = Classifier.load(model, device="cpu")
    assert compare(classifier, classifier, [], Cancellation()) is None


# --- what cannot be done leaves nothing behind ------------------------------------------------


def refused(error: type[Exception], home: Path, run: Callable[[], object]) -> Exception:
    """What ``run`` raised; the user's models are as before."""
    before = {name: (home / name).read_bytes() for name in files_below(home)}
    with pytest.raises(error) as caught:
        run()
    assert {name: (home / name).read_bytes() for name in files_below(home)} == before
    assert all(not folder.name.startswith(".") for folder in home.iterdir())
    return caught.value


def test_in_8_bits_already(home: Path, model: Model, photos: list[Path]) -> None:
    new = made(model, photos).model
    refused(AlreadyQuantizedError, home, lambda: made(new, photos))
    text = (new.folder / "model.json").read_text(encoding="utf-8")
    liar = json.loads(text) | {"precision": "fp32"}
    (new.folder / "model.json").write_text(json.dumps(liar), encoding="utf-8")
    refused(AlreadyQuantizedError, home, lambda: made(read_model(new.folder), photos))


def test_nothing_to_quantize(home: Path, photos: list[Path]) -> None:
    nodes = [
        helper.make_node("GlobalAveragePool", ["data"], ["pool"]),
        helper.make_node("Concat", ["pool", "one"], ["four"], axis=1),
        helper.make_node("Flatten", ["four"], ["logits"]),
        helper.make_node("Exp", ["logits"], ["exp"]),
        helper.make_node("ReduceSum", ["exp", "axes"], ["sum"]),
        helper.make_node("Div", ["exp", "sum"], ["prob"]),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4])
        for name in ("logits", "prob")
    ]
    weights = {"one": np.ones((1, 1, 1, 1), np.float32), "axes": np.array([1], np.int64)}
    proto = onnx_model(nodes, [1, 3, *TINY_SIZE], outputs, weights)
    model = tiny_model(home / "mean", proto=proto, layers=[])
    error = refused(NotQuantizableError, home, lambda: made(model, photos))
    assert "no convolution" in str(error)


def test_a_graph_that_cannot_be_read_by_the_tools(
    home: Path, model: Model, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("deep inside")

    monkeypatch.setattr("onnxruntime.quantization.quantize_static", fail)
    error = refused(NotQuantizableError, home, lambda: made(model, photos))
    assert "“deep” could not be turned into 8-bit integers: 'deep inside'." in str(error)


def test_no_photo(home: Path, model: Model, photos: list[Path]) -> None:
    refused(CalibrationError, home, lambda: made(model, []))
    broken = photos[:3]
    for path in broken:
        path.write_bytes(b"")
    heard = Heard()
    error = refused(CalibrationError, home, lambda: made(model, broken, heard))
    assert str(error) == "None of the 3 photos given can be opened."
    assert [path for path, _ in heard.broken] == broken
    refused(CalibrationError, home, lambda: made(model, photos[3:], comparison=broken))


@pytest.mark.parametrize("name", ["", "Deep", "../deep", "a/b", ".hidden", "x" * 65, "deep\n"])
def test_names_that_no_model_can_have(
    home: Path, model: Model, photos: list[Path], name: str
) -> None:
    refused(ModelNameError, home, lambda: made(model, photos, name=name))


@pytest.mark.parametrize("name", ["deep", "vgg16-compact", "vgg16-compact-int8"])
def test_names_whose_models_stay(home: Path, model: Model, photos: list[Path], name: str) -> None:
    refused(ModelNotReplaceableError, home, lambda: made(model, photos, name=name, replace=True))


def test_a_name_that_is_taken(home: Path, model: Model, photos: list[Path]) -> None:
    tiny_model(home / "folder", name="inside")
    (home / "broken").mkdir()
    (home / "broken" / "model.json").write_text("{")
    for name in ("inside", "broken"):
        refused(ModelNameTakenError, home, lambda name=name: made(model, photos, name=name))
    assert made(model, photos, name="inside", replace=True).model.folder == home / "folder"
    assert made(model, photos, name="broken", replace=True).model.folder == home / "broken"
    assert find_model("inside").description.quantized is not None
    assert find_model("broken").description.quantized is not None
    assert {folder.name for folder in home.iterdir()} == {"deep", "folder", "broken"}


def test_a_replaced_model_stays_until_the_end(
    home: Path, model: Model, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_model(home / "old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("vggscope.inference.quantization.change_facts", fail)
        refused(OutputError, home, lambda: made(model, photos, name="old", replace=True))
    rename = Path.rename

    def fail_at_the_end(path: Path, target: Path) -> Path:
        if target == home / "old" and path.name == "old":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_end)
    error = refused(OutputError, home, lambda: made(model, photos, name="old", replace=True))
    assert "old” could not be written: Input/output error." in str(error)


@pytest.mark.parametrize("at", [3, 8, 12])
def test_cancelled(home: Path, model: Model, photos: list[Path], at: int) -> None:
    cancellation = Cancellation()
    heard = Heard(on_advance=lambda done: cancellation.cancel() if done == at else None)
    request = Request(model=model, calibration=photos, calibration_photos=8, comparison_photos=9)
    refused(Cancelled, home, lambda: quantize(request, heard, cancellation))
    assert heard.done == at


@pytest.mark.parametrize("at", [3, 12])
def test_interrupted(home: Path, model: Model, photos: list[Path], at: int) -> None:
    def interrupt(done: int) -> None:
        if done == at:
            raise KeyboardInterrupt

    before = files_below(home)
    with pytest.raises(KeyboardInterrupt):
        made(model, photos, Heard(on_advance=interrupt))
    assert files_below(home) == before
    assert [folder.name for folder in home.iterdir()] == ["deep"]


def test_damaged_models(home: Path, model: Model, photos: list[Path]) -> None:
    labels = (model.folder / "labels.json").read_bytes()
    (model.folder / "labels.json").unlink()
    refused(ModelDescriptionError, home, lambda: made(model, photos))
    (model.folder / "labels.json").write_bytes(labels)
    weights = bytearray((model.folder / "weights.bin").read_bytes())
    weights[100] ^= 1
    (model.folder / "weights.bin").write_bytes(weights)
    refused(ModelCorruptError, home, lambda: made(model, photos))


def test_no_room_for_models(
    model: Model, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(OutputError, match="deep-int8” could not be written"):
        made(model, photos)
