"""Every way in which a model's files can contradict each other gets its own sentence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest
from PIL import Image

from support import picture, tiny_input, tiny_model, tiny_proto
from vggscope.cli.main import main
from vggscope.doctor import diagnose
from vggscope.errors import (
    InferenceError,
    ModelCorruptError,
    ModelDescriptionError,
    ModelFileMissingError,
    VggscopeError,
)
from vggscope.inference import opening
from vggscope.inference.classifier import Classifier
from vggscope.inference.selection import devices
from vggscope.zoo.normal_form import sha256_of

if TYPE_CHECKING:
    from vggscope.zoo.normal_form import Model

Spoil = Callable[[Path], object]


@dataclass(frozen=True)
class Lie:
    """What is done to a good model's folder, the error that it must give, and words of it."""

    spoil: Spoil
    error: type[VggscopeError]
    words: str


def described(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Change the content of ``model.json``."""

    def spoil(folder: Path) -> None:
        path = folder / "model.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content), encoding="utf-8")

    return spoil


def field(value: object, *path: str | int) -> Spoil:
    """Another value for one field of ``model.json``, given by its path."""

    def change(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return described(change)


def literal(text: str) -> Spoil:
    """An input's mean written as ``text``, which ``json`` itself might not write."""

    def spoil(folder: Path) -> None:
        path = folder / "model.json"
        content = path.read_text(encoding="utf-8")
        assert "0.485" in content
        path.write_text(content.replace("0.485", text), encoding="utf-8")

    return spoil


def written(name: str, content: bytes | str) -> Spoil:
    """Other bytes in a file."""
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data)


def honest(folder: Path) -> None:
    """Let ``model.json`` tell the true sizes and checksums, whatever they are now."""
    for name in ("graph.onnx", "weights.bin"):
        path = folder / name
        entry = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        field(entry, "files", name)(folder)


def consistent(*steps: Spoil) -> Spoil:
    """Spoil files, and sign them: only what loads the graph can notice."""

    def spoil(folder: Path) -> None:
        for step in (*steps, honest):
            step(folder)

    return spoil


def flipped(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return spoil


def truncated(name: str) -> Spoil:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-100])


def removed(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def weights_at(location: str) -> Spoil:
    """The graph says that its weights lie elsewhere, where they are indeed."""

    def spoil(folder: Path) -> None:
        outside = folder.parent / "outside"
        outside.mkdir()
        shutil.copy(folder / "weights.bin", outside / "weights.bin")
        proto = onnx.load(folder / "graph.onnx", load_external_data=False)
        for tensor in proto.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location.format(outside=outside)
        (folder / "graph.onnx").write_bytes(proto.SerializeToString())

    return consistent(spoil)


def unknown_operator(folder: Path) -> None:
    proto = onnx.load(folder / "graph.onnx", load_external_data=False)
    proto.graph.node[0].op_type = "Convolve"
    (folder / "graph.onnx").write_bytes(proto.SerializeToString())


def linked(folder: Path) -> None:
    (folder / "weights.bin").rename(folder.parent / "elsewhere.bin")
    (folder / "weights.bin").symlink_to("../elsewhere.bin")


def labels(text: str | bytes) -> Spoil:
    return written("labels.json", text)


LABEL = {"wnid": "n0", "label": "red"}
DESCRIPTION = ModelDescriptionError
CORRUPT = ModelCorruptError
MISSING = ModelFileMissingError
# Signed files that ONNX Runtime cannot use, for reasons that might as well be the device's.
UNUSABLE = InferenceError
NO_GRAPH = "No graph was found"
ESCAPES = "External data path validation failed"

LIES = {
    "graph gone": Lie(removed("graph.onnx"), MISSING, "graph.onnx cannot be read"),
    "weights gone": Lie(removed("weights.bin"), MISSING, "weights.bin cannot be read"),
    "wrong checksum": Lie(field("0" * 64, "files", "graph.onnx", "sha256"), CORRUPT, "SHA-256"),
    "no checksum": Lie(field("", "files", "weights.bin", "sha256"), CORRUPT, "SHA-256"),
    "byte flipped in weights": Lie(flipped("weights.bin"), CORRUPT, "weights.bin does not hold"),
    "byte flipped in graph": Lie(flipped("graph.onnx"), CORRUPT, "graph.onnx does not hold"),
    "weights cut off": Lie(truncated("weights.bin"), CORRUPT, "1,628 bytes instead of 1,728"),
    "weights cut off and signed": Lie(
        consistent(truncated("weights.bin")), UNUSABLE, f"failed on {devices()[0].name}: "
    ),
    "weights empty and signed": Lie(
        consistent(written("weights.bin", b"")), UNUSABLE, "failed on "
    ),
    "graph empty": Lie(written("graph.onnx", b""), CORRUPT, "graph.onnx has 0 bytes"),
    "graph empty and signed": Lie(consistent(written("graph.onnx", b"")), UNUSABLE, NO_GRAPH),
    "graph is text": Lie(written("graph.onnx", "Dear Sir"), CORRUPT, "graph.onnx has 8 bytes"),
    "graph is text, signed": Lie(consistent(written("graph.onnx", "Hi")), UNUSABLE, NO_GRAPH),
    "graph is no protobuf, signed": Lie(
        consistent(written("graph.onnx", b"\xff" * 99)), CORRUPT, "graph.onnx cannot be loaded ("
    ),
    "graph has an unknown operator, signed": Lie(
        consistent(unknown_operator), CORRUPT, "graph.onnx cannot be loaded ("
    ),
    "weights below": Lie(weights_at("../outside/weights.bin"), UNUSABLE, ESCAPES),
    "weights at an absolute path": Lie(weights_at("{outside}/weights.bin"), UNUSABLE, ESCAPES),
    "weights are the passwords": Lie(weights_at("../../etc/passwd"), UNUSABLE, ESCAPES),
    "negative size of a file": Lie(field(-1, "files", "weights.bin", "bytes"), CORRUPT, "-1"),
    "input's name": Lie(field("image", "input", "name"), DESCRIPTION, "inputs are ['data']"),
    "layout": Lie(field("NHWC", "input", "layout"), DESCRIPTION, "input is [3, 8, 12]"),
    "height": Lie(field(10, "input", "height"), DESCRIPTION, "not [3, 10, 12]"),
    "sides exchanged": Lie(
        described(lambda c: c["input"].update(height=12, width=8)), DESCRIPTION, "not [3, 12, 8]"
    ),
    "output's name": Lie(
        field("answer", "output", "probabilities"), DESCRIPTION, "no output “answer”"
    ),
    "logits' name": Lie(field("fc8", "output", "logits"), DESCRIPTION, "no output “fc8”"),
    "logits are inside": Lie(field("conv1", "output", "logits"), DESCRIPTION, "no output “conv1”"),
    "too few labels": Lie(labels(json.dumps([LABEL] * 3)), DESCRIPTION, "4 classes, the labels 3"),
    "too many labels": Lie(labels(json.dumps([LABEL] * 5)), DESCRIPTION, "the labels 5"),
    "other labels": Lie(field("imagenet-1k", "labels"), DESCRIPTION, "the labels 1000"),
    "labels gone": Lie(removed("labels.json"), DESCRIPTION, "“labels.json” cannot be read"),
    "labels unknown": Lie(field("imagenet-9k", "labels"), DESCRIPTION, "“imagenet-9k”"),
    "labels are an object": Lie(labels("{}"), DESCRIPTION, "“labels.json” cannot be read"),
    "labels without names": Lie(labels('[{"wnid": "n0"}]'), DESCRIPTION, "“labels.json”"),
    "labels are numbers": Lie(labels("[1, 2, 3, 4]"), DESCRIPTION, "“labels.json”"),
    "labels cut off": Lie(labels('[{"wnid": "n'), DESCRIPTION, "“labels.json”"),
    "labels are Latin-1": Lie(
        labels('[{"wnid": "n", "label": "Löwe"}]'.encode("latin-1")), DESCRIPTION, "“labels.json”"
    ),
    "labels above": Lie(field("../labels.json", "labels"), DESCRIPTION, "outside"),
    "labels above, in Windows": Lie(field("..\\labels.json", "labels"), DESCRIPTION, "outside"),
    "labels at an absolute path": Lie(field("/etc/labels.json", "labels"), DESCRIPTION, "outside"),
    "labels with a zero byte": Lie(field("\0.json", "labels"), DESCRIPTION, "cannot be read"),
    "labels with a long name": Lie(field("x" * 999 + ".json", "labels"), DESCRIPTION, "too long"),
    "labels are the description": Lie(field("model.json", "labels"), DESCRIPTION, "model.json"),
    "deviation 0": Lie(field(0.0, "input", "std", 1), DESCRIPTION, "`$.input.std[1]`"),
    "negative deviation": Lie(field(-1.0, "input", "std", 0), DESCRIPTION, "`$.input.std[0]`"),
    "tiny deviation": Lie(field(1e-320, "input", "std", 0), DESCRIPTION, "`$.input.std[0]`"),
    "scale 0": Lie(field(0, "input", "scale"), DESCRIPTION, "`$.input.scale`"),
    "huge scale": Lie(field(1e300, "input", "scale"), DESCRIPTION, "`$.input.scale`"),
    "mean is not a number": Lie(literal("NaN"), DESCRIPTION, "malformed"),
    "mean is infinite": Lie(literal("Infinity"), DESCRIPTION, "malformed"),
    "mean beyond double precision": Lie(literal("1e999"), DESCRIPTION, "`$.input.mean[0]`"),
    "mean beyond single precision": Lie(literal("1e39"), DESCRIPTION, "`$.input.mean[0]`"),
    "mean is a text": Lie(literal('"0.485"'), DESCRIPTION, "`$.input.mean[0]`"),
    "two means": Lie(field([0.5, 0.5], "input", "mean"), DESCRIPTION, "`$.input.mean`"),
    "negative side": Lie(field(-8, "input", "height"), DESCRIPTION, "`$.input.height`"),
    "side 0": Lie(field(0, "input", "width"), DESCRIPTION, "`$.input.width`"),
    "huge side": Lie(field(10**9, "input", "width"), DESCRIPTION, "`$.input.width`"),
    "side beyond all integers": Lie(field(10**30, "input", "width"), DESCRIPTION, "width"),
    "huge resize": Lie(field(10**6, "input", "resize"), DESCRIPTION, "`$.input.resize`"),
    "resize below the crop": Lie(field(8, "input", "resize"), DESCRIPTION, "`$.input.resize`"),
    "side is a text": Lie(field("8", "input", "height"), DESCRIPTION, "Expected `int`"),
    "side is a fraction": Lie(field(8.5, "input", "height"), DESCRIPTION, "Expected `int`"),
    "unknown channels": Lie(field("RBG", "input", "channels"), DESCRIPTION, "'RBG'"),
    "unknown fit": Lie(field("zoom", "input", "fit"), DESCRIPTION, "'zoom'"),
    "unknown field": Lie(field(1, "colour"), DESCRIPTION, "unknown field `colour`"),
    "unknown field of input": Lie(field(1, "input", "gamma"), DESCRIPTION, "`gamma`"),
    "field missing": Lie(described(lambda c: c.pop("licence")), DESCRIPTION, "`licence`"),
    "no files": Lie(field({}, "files"), DESCRIPTION, "graph.onnx, weights.bin"),
    "file elsewhere": Lie(
        field({"bytes": 1, "sha256": ""}, "files", "../../etc/passwd"), DESCRIPTION, "$.files"
    ),
    "wrong type": Lie(field([], "input"), DESCRIPTION, "Expected `object`"),
    "another format": Lie(field(2, "format"), DESCRIPTION, "`$.format`"),
    "name with a slash": Lie(field("a/b", "name"), DESCRIPTION, "`$.name`"),
    "name with a line break": Lie(field("liar\n", "name"), DESCRIPTION, "`$.name`"),
    "name of dots": Lie(field("..", "name"), DESCRIPTION, "`$.name`"),
    "endless name": Lie(field("x" * 99, "name"), DESCRIPTION, "`$.name`"),
    "no JSON": Lie(written("model.json", "{"), DESCRIPTION, "truncated"),
    "empty description": Lie(written("model.json", ""), DESCRIPTION, "truncated"),
    "null": Lie(written("model.json", "null"), DESCRIPTION, "`null`"),
    "too deep": Lie(written("model.json", "[" * 100_000), DESCRIPTION, "Expected `object`"),
    "no UTF-8": Lie(written("model.json", b'{"name": "\xff"}'), DESCRIPTION, "description"),
    "UTF-16": Lie(written("model.json", "{}".encode("utf-16")), DESCRIPTION, "malformed"),
}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(picture().pixels).save(path)
    return path


@pytest.fixture
def liar(data_dir: Path) -> Path:
    """A model among the user's, good as yet."""
    return tiny_model(data_dir / "data" / "models" / "liar").folder


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie(liar: Path, photo: Path, lie: Lie, capsys: pytest.CaptureFixture[str]) -> None:
    lie.spoil(liar)
    with pytest.raises(VggscopeError) as caught:
        Classifier.load("liar")
    assert type(caught.value) is lie.error
    assert "“liar”" in caught.value.message
    assert lie.words in caught.value.message
    assert "\n" not in caught.value.message

    assert main(["classify", str(photo), "--model", "liar", "--format", "json"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"vggscope: {caught.value.message} {caught.value.remedy}\n"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_weights_linked_to_elsewhere(liar: Path) -> None:
    linked(liar)
    with pytest.raises(InferenceError, match=f"“liar”.*{ESCAPES}"):
        Classifier.load("liar")


def test_wrong_bytes_explain_more_than_what_onnx_runtime_says(liar: Path) -> None:
    size = (liar / "graph.onnx").stat().st_size
    (liar / "graph.onnx").write_bytes(b"\xff" * size)
    with pytest.raises(ModelCorruptError, match="SHA-256"):
        Classifier.load("liar")


def test_a_device_that_cannot_run_the_model_is_no_damage(
    liar: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(opening, "Session", fail)
    with pytest.raises(InferenceError) as caught:
        Classifier.load("liar")
    assert f"“liar” failed on {devices()[0].name}: out of memory." in caught.value.message
    assert "Traceback" in caplog.text
    (liar / "weights.bin").write_bytes(bytes((liar / "weights.bin").stat().st_size))
    with pytest.raises(ModelCorruptError, match="SHA-256"):
        Classifier.load("liar")


def test_layers_are_checked_by_the_doctor(liar: Path) -> None:
    field("relu9", "layers", 0, "tensor")(liar)
    Classifier.load("liar")  # does not use them
    found = diagnose()
    assert found.models["liar"].startswith("damaged")
    [problem] = found.problems
    assert "“liar” is wrong: the graph has no tensor “relu9” for its layer “conv1”." in problem


@pytest.mark.parametrize("batch", ["N", 2])
def test_the_truth_is_told_apart(tmp_path: Path, photo: Path, batch: int | str) -> None:
    """Signing, as the lies do it, spoils nothing by itself."""
    model: Model = tiny_model(tmp_path / "honest", proto=tiny_proto(batch=batch))
    honest(model.folder)
    field(tiny_input(), "input")(model.folder)
    assert Classifier.load(model.folder).classify(photo).predictions
