"""The catalogue: what ships, what users add, and what is refused."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggscope import paths
from vggscope.errors import CatalogueError, MirrorError
from vggscope.vgg import configs
from vggscope.zoo.addresses import addresses_of, mirrored, reason_against, without_secrets
from vggscope.zoo.catalogue import (
    FILE,
    catalogue,
    catalogue_problem,
    find_entry,
    read_catalogue,
    users_catalogue,
)
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from pathlib import Path

# As the pointers of the ONNX Model Zoo and its README give them.
OFFICIAL = {
    "vgg16-12": (553437752, "722c42f53ca0", 72.38, 91.00),
    "vgg16-12-int8": (138407238, "0d0a8e1d69f7", 72.32, 90.97),
    "vgg16-12-qdq": (138424439, "74ae0fa7e9e5", 72.35, 91.02),
    "vgg16-7": (553437328, "f20805a3eccc", 72.62, 91.14),
    "vgg16-bn-7": (553512191, "4fdceabf1ef7", 72.71, 91.21),
    "vgg19-7": (574677321, "692f9f927f1d", 73.72, 91.58),
    "vgg19-bn-7": (574774380, "ce0987dfa622", 73.83, 91.79),
    "vgg19-caffe2-9": (574674712, "cfb97260b303", None, None),
}
# The SHA-256 of all of these hashes in full, one after the other.
HASHES = "caf62a0d988edbf8"


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_official_files(name: str) -> None:
    size, sha256, top1, top5 = OFFICIAL[name]
    entry = find_entry(name)
    assert entry is not None
    assert (entry.bytes, entry.sha256[:12], entry.bundled) == (size, sha256, False)
    assert entry.licence == "Apache-2.0"
    assert entry.labels == "imagenet-1k"
    measured = [(one.top1, one.top5) for one in entry.accuracy]
    assert measured == ([] if top1 is None else [(top1, top5)])
    assert entry.url == f"https://huggingface.co/onnxmodelzoo/{name}/resolve/main/{name}.onnx"
    assert entry.mirror is not None
    assert entry.mirror.endswith(f"/vision/classification/vgg/model/{name}.onnx")
    assert addresses_of(entry) == (entry.url, entry.mirror)
    preprocessing = entry.input
    assert (preprocessing.resize, preprocessing.height, preprocessing.width) == (256, 224, 224)
    if name == "vgg19-caffe2-9":
        assert (entry.logits, entry.probabilities) == (None, "prob_1")
        assert (preprocessing.name, preprocessing.channels) == ("data_0", "BGR")
        assert (preprocessing.scale, preprocessing.mean[0]) == (1, 103.939)
    else:
        assert (entry.logits, entry.probabilities) == ("vgg0_dense2_fwd", None)
        assert (preprocessing.name, preprocessing.channels) == ("data", "RGB")
        assert preprocessing.scale == pytest.approx(1 / 255)
        assert preprocessing.std == (0.229, 0.224, 0.225)


def test_the_hashes_are_those_of_the_pointers() -> None:
    told = "".join(entry.sha256 for entry in catalogue() if not entry.bundled)
    assert hashlib.sha256(told.encode()).hexdigest().startswith(HASHES)


def test_what_there_is() -> None:
    bundled = [entry.name for entry in catalogue() if entry.bundled]
    assert bundled == ["vgg16-compact", "vgg16-compact-int8"]
    assert [entry.name for entry in catalogue()] == bundled + list(OFFICIAL)
    for entry in catalogue():
        assert configs.find(entry.config) is not None


@pytest.mark.parametrize("name", ["vgg16-compact", "vgg16-compact-int8"])
def test_the_bundled_ones_are_described_as_they_describe_themselves(name: str) -> None:
    entry, told = find_entry(name), find_model(name).description
    assert entry is not None
    assert entry.bytes == sum(file.bytes for file in told.files.values())
    assert entry.sha256 == told.files["weights.bin"].sha256
    assert entry.probabilities == told.output.probabilities
    for fact in ("title", "note", "source", "licence", "precision", "input", "labels", "accuracy"):
        assert getattr(entry, fact) == getattr(told, fact)


# --- catalogues of the user's own -------------------------------------------------------------


def own(**changes: Any) -> dict[str, Any]:
    entry = find_entry("vgg16-7")
    facts: dict[str, Any] = msgspec.to_builtins(entry)
    facts |= {"name": "school", "url": "https://school.example/m.onnx", "mirror": None}
    return facts | changes


def write(content: object, path: Path | None = None) -> None:
    path = path or users_catalogue()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")


def test_own_models_come_last() -> None:
    assert users_catalogue() == paths.config_dir() / FILE
    write({"format": 1, "models": [own()]})
    assert catalogue_problem() is None
    assert [entry.name for entry in catalogue()][-2:] == ["vgg19-caffe2-9", "school"]
    entry = find_entry("school")
    assert entry is not None
    assert addresses_of(entry) == ("https://school.example/m.onnx",)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`"),
        ('{"format": 2, "models": []}', "format"),
        ('{"format": 1}', "models"),
        ({"format": 1, "models": [own(), own()]}, r"twice - at `\$.models\[1\]`"),
        ({"format": 1, "models": [own(name="vgg16-7")]}, "VGGscope's own catalogue"),
        ({"format": 1, "models": [own(bundled=True, url=None)]}, "cannot ship"),
        ({"format": 1, "models": [own(bundled=True)]}, "has no address"),
        ({"format": 1, "models": [own(name="../x")]}, "no model can be called"),
        ({"format": 1, "models": [own(url=None)]}, "no address"),
        ({"format": 1, "models": [own(url="http://school.example/x")]}, "is not encrypted"),
        ({"format": 1, "models": [own(mirror="ftp://school.example/x")]}, "no web address"),
        ({"format": 1, "models": [own(sha256="abc")]}, "sha256"),
        ({"format": 1, "models": [own(bytes=0)]}, "bytes"),
        ({"format": 1, "models": [own(bytes=2**40)]}, "bytes"),
        ({"format": 1, "models": [own(labels="../labels")]}, "labels"),
        ({"format": 1, "models": [own(title="a\nb")]}, "title"),
        ({"format": 1, "models": [own(logits=None)]}, "has to be the output's name"),
        ({"format": 1, "models": [own(probabilities="p")]}, "has to be the output's name"),
        ({"format": 1, "models": [own(mood="good")]}, "mood"),
        ({"format": 1, "models": [own(input=own()["input"] | {"resize": 100})]}, "crop larger"),
    ],
)
def test_a_malformed_one_is_told_and_left_out(content: object, told: str) -> None:
    shipped = [entry.name for entry in catalogue()]
    write(content)
    problem = catalogue_problem()
    assert problem is not None
    assert str(users_catalogue()) in problem.message
    with pytest.raises(CatalogueError, match=told):
        raise problem
    assert [entry.name for entry in catalogue()] == shipped


def test_one_that_is_no_file() -> None:
    users_catalogue().mkdir(parents=True)
    problem = catalogue_problem()
    assert problem is not None
    assert "directory" in problem.message


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    with pytest.raises(CatalogueError):
        read_catalogue(path)


# --- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("https://m.example", "https://m.example/onnxmodelzoo/vgg16-7/resolve/main/vgg16-7.onnx"),
        ("https://m.example/", "https://m.example/onnxmodelzoo/vgg16-7/resolve/main/vgg16-7.onnx"),
        (
            " https://m.example:8443/hub ",
            "https://m.example:8443/hub/onnxmodelzoo/vgg16-7/resolve/main/vgg16-7.onnx",
        ),
        ("https://m.example/{name}.onnx?v=1", "https://m.example/vgg16-7.onnx?v=1"),
        ("https://m.example/{name}/{name}", "https://m.example/vgg16-7/vgg16-7"),
        ("http://localhost/{name}", "http://localhost/vgg16-7"),
        ("http://[::1]:80/{name}", "http://[::1]:80/vgg16-7"),
    ],
)
def test_what_a_mirror_makes_of_an_address(mirror: str, expected: str) -> None:
    entry = find_entry("vgg16-7")
    assert entry is not None
    assert mirrored(entry, mirror) == expected
    assert addresses_of(entry, mirror) == (expected,)


@pytest.mark.parametrize(
    "mirror",
    [
        "http://m.example",
        "http://127.0.0.1.example",
        "http://localhost.example/{name}",
        "https://m.example?x=1",
        "https://m.example:0",
        "https://m.example:port",
        "https://[m",
        "https:///x",
        "javascript:x",
        "/home/me",
    ],
)
def test_what_is_no_mirror(mirror: str) -> None:
    entry = find_entry("vgg16-7")
    assert entry is not None
    with pytest.raises(MirrorError):
        mirrored(entry, mirror)


@given(st.text(max_size=60) | st.text("https:/[]@.{}name?#%1", max_size=40))
def test_any_mirror_gives_an_allowed_address_or_a_reason(mirror: str) -> None:
    entry = find_entry("vgg16-7")
    assert entry is not None
    try:
        address = mirrored(entry, mirror)
    except MirrorError:
        return
    assert reason_against(address) is None
    assert urlsplit(address).hostname


def test_secrets_are_not_shown() -> None:
    address = "https://me:secret@m.example/x?token=secret#secret"
    assert without_secrets(address) == "https://m.example/x"
