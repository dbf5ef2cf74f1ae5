"""A model in normal form: a folder of ``graph.onnx``, ``weights.bin`` and ``model.json``.

The graph holds the structure only (kilobytes); the weights lie beside it as ONNX external data,
which every session and every graph derived from this one shares. ``model.json`` says what neither
tells: where the model comes from, how a picture becomes its input, and what its outputs mean.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

import msgspec

from vggscope import paths
from vggscope.errors import ModelCorruptError, ModelDescriptionError, ModelFileMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import onnx

    from vggscope.vgg.anatomy import Anatomy

Fact = TypeVar("Fact")

FORMAT: Final = 1
GRAPH: Final = "graph.onnx"
WEIGHTS: Final = "weights.bin"
DESCRIPTION: Final = "model.json"

Fit = Literal["crop", "letterbox", "stretch"]
"""How a picture of any shape becomes the square of the network: "crop" cuts the centre (what
published accuracies use), "letterbox" shows all of it with borders, "stretch" distorts it."""

# They are shown in windows and terminals, which obey some of the signs that cannot be seen.
_PLAIN: Final = r"^[^\x00-\x1f\x7f-\x9f]*\Z"
Text = Annotated[str, msgspec.Meta(max_length=2000, pattern=_PLAIN)]
"""A text without line breaks and the like."""
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=_PLAIN)]
"""A short one that is not empty."""
_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]*\Z", max_length=64)]
_Side = Annotated[int, msgspec.Meta(ge=8, le=4096)]
# Beyond these bounds single precision overflows, and every answer would be "not a number".
_Offset = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
_Factor = Annotated[float, msgspec.Meta(ge=1e-6, le=1e6)]


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How pixels become the input tensor: (pixel * scale - mean) / std, channel by channel.

    Attributes:
        name: the graph's input.
        layout: order of its axes.
        height, width: of the network's picture.
        channels: order of the channels; ``mean`` and ``std`` are in this order.
        scale: factor of pixel values 0..255 (1, or 1/255 where the network wants 0..1).
        resize: length of the shorter side before the centre is cropped (fit "crop").
        fit: the published way.
    """

    name: str
    layout: Literal["NCHW", "NHWC"]
    height: _Side
    width: _Side
    channels: Literal["RGB", "BGR"]
    scale: _Factor
    mean: tuple[_Offset, _Offset, _Offset]
    std: tuple[_Factor, _Factor, _Factor]
    resize: _Side
    fit: Fit = "crop"

    def shape(self, batch: int) -> tuple[int, int, int, int]:
        """Of the input tensor with ``batch`` pictures: [N, 3, H, W] or [N, H, W, 3]."""
        if self.layout == "NCHW":
            return batch, 3, self.height, self.width
        return batch, self.height, self.width, 3


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names of the graph's outputs: [N, classes], probabilities and the logits before softmax."""

    probabilities: str
    logits: str | None = None


class LayerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A layer by its classic name, with the ONNX operator and the tensor that holds its output."""

    name: str
    operator: str
    tensor: str


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size in bytes and SHA-256 (hexadecimal) of a file of the model."""

    bytes: int
    sha256: str


class Accuracy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Accuracy in percent, as published by ``source``: nothing here was measured by the reader."""

    photos: Text
    count: int
    top1: float
    top5: float | None = None
    source: Text


class Quantized(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How an 8-bit model compares with the floating-point model that it was made of.

    Attributes:
        of: name of that model.
        agreement: percent of the photos for which both name the same class first.
        photos: how many photos that was measured on.
        source: who measured it.
    """

    of: Text
    agreement: Annotated[float, msgspec.Meta(ge=0, le=100)]
    photos: Annotated[int, msgspec.Meta(ge=1)]
    source: Text


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of ``model.json``.

    Attributes:
        name: what ``--model`` takes.
        title: what the window shows.
        note: one sentence that helps to choose.
        precision: of the weights as stored.
        labels: a label set of the program (``imagenet-1k``), or a file in the model's folder.
        layers: in the order of computation. That the graph has their tensors is seen by
            ``Model.check_layers``: when a model is written, and by ``vggscope doctor``. Opening
            a model does not ask, because sessions tell only of inputs and outputs.
        quantized: where it comes from, if it is the 8-bit variant of another model.
        untrained: its weights are random numbers, and so are its answers.
    """

    format: Literal[1]
    name: _Name
    title: Line
    note: Text
    source: Text
    licence: Text
    precision: Literal["fp32", "fp16", "int8"]
    input: Input
    output: Output
    labels: str
    layers: tuple[LayerEntry, ...]
    accuracy: tuple[Accuracy, ...]
    quantized: Quantized | None = None
    untrained: bool = False
    files: dict[Literal["graph.onnx", "weights.bin"], FileEntry]


class Label(msgspec.Struct, frozen=True):
    """A class: its WordNet id ("" where it has none) and its English name."""

    wnid: str
    label: str


@dataclass(frozen=True, slots=True)
class Model:
    """An installed model: its folder and its description."""

    folder: Path
    description: Description

    @property
    def name(self) -> str:
        """What ``--model`` takes."""
        return self.description.name

    @property
    def title(self) -> str:
        """What the window shows."""
        return self.description.title

    @property
    def identity(self) -> str:
        """Another one for other bytes: what was found out or made for one model is no other's."""
        files = self.description.files
        both = files[GRAPH].sha256 + files[WEIGHTS].sha256
        return hashlib.sha256(both.encode()).hexdigest()

    @property
    def bytes(self) -> int:
        """What its graph and its weights take on the disk."""
        return sum(entry.bytes for entry in self.description.files.values())

    @property
    def graph_path(self) -> Path:
        """The ONNX file that sessions are opened from."""
        return self.folder / GRAPH

    def labels(self) -> tuple[Label, ...]:
        """The classes in the order of the outputs.

        Raises:
            ModelDescriptionError: the label file is missing or malformed.
        """
        name = self.description.labels
        own = self.folder / name
        path = own if own.suffix == ".json" else paths.resource("labels", f"{name}.json")
        try:
            return msgspec.json.decode(path.read_bytes(), type=tuple[Label, ...])
        # ValueError: bytes that are no UTF-8, or a name that no file can have.
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise ModelDescriptionError(
                model=self.name, reason=f"its labels “{name}” cannot be read ({reason or error})"
            ) from error

    def anatomy(self, graph: onnx.ModelProto | None = None) -> Anatomy:
        """The layers, and where they are in the graph (imports ``onnx``, which costs 162 ms).

        Args:
            graph: what ``graph`` returned, if that is at hand.

        Raises:
            ModelError: as ``graph``.
            NotAChainError: not even a list of them can be made.
        """
        from vggscope.vgg.anatomy import anatomy_of  # noqa: PLC0415 (onnx)

        size = self.description.input.height
        return anatomy_of(graph or self.graph(), name=self.name, title=self.title, size=size)

    def check_sizes(self) -> None:
        """See that the files are there and have the promised sizes (instant).

        Raises:
            ModelFileMissingError: a file is not there or may not be read.
            ModelCorruptError: a file has another size.
        """
        for name, entry in self.description.files.items():
            size = self._look(name, lambda path: path.stat().st_size)
            if size != entry.bytes:
                raise ModelCorruptError(
                    model=self.name,
                    file=name,
                    reason=f"has {size:,} bytes instead of {entry.bytes:,}",
                )

    def check_content(self, digest: Callable[[Path], str] | None = None) -> None:
        """Compare the SHA-256 of every file (reads all of them; releases the GIL).

        Args:
            digest: computes it; ``sha256_of`` if None.

        Raises:
            ModelFileMissingError: a file is not there or may not be read.
            ModelCorruptError: a file holds other bytes than were installed.
        """
        for name, entry in self.description.files.items():
            if self._look(name, digest or sha256_of) != entry.sha256:
                raise ModelCorruptError(
                    model=self.name,
                    file=name,
                    reason="does not hold the bytes that were installed (SHA-256 differs)",
                )

    def graph(self) -> onnx.ModelProto:
        """The graph without its weights (imports ``onnx``, which costs 162 ms).

        Raises:
            ModelFileMissingError: it is not there or may not be read.
            ModelCorruptError: it is no ONNX file.
        """
        import onnx  # noqa: PLC0415
        from google.protobuf.message import (  # type: ignore[import-untyped]  # noqa: PLC0415
            DecodeError,
        )

        try:
            return self._look(GRAPH, lambda path: onnx.load(path, load_external_data=False))
        except DecodeError as error:
            raise ModelCorruptError(
                model=self.name, file=GRAPH, reason="is no ONNX file"
            ) from error

    def check_layers(self) -> None:
        """See that the graph computes the tensor of every described layer (imports ``onnx``).

        Raises:
            ModelFileMissingError: the graph is not there or may not be read.
            ModelCorruptError: the graph is no ONNX file.
            ModelDescriptionError: it computes no such tensor.
        """
        tensors = {output for node in self.graph().graph.node for output in node.output}
        for layer in self.description.layers:
            if layer.tensor not in tensors:
                raise ModelDescriptionError(
                    model=self.name,
                    reason=f"the graph has no tensor “{layer.tensor}” for its layer “{layer.name}”",
                )

    def _look(self, name: str, look: Callable[[Path], Fact]) -> Fact:
        """What ``look`` finds out about the file ``name`` of the model."""
        try:
            return look(self.folder / name)
        except OSError as error:
            raise ModelFileMissingError(
                model=self.name, file=name, reason=error.strerror or str(error)
            ) from error


def is_name(text: str) -> bool:
    """Whether a model can have this name."""
    try:
        msgspec.convert(text, _Name)
    except msgspec.ValidationError:
        return False
    return True


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_model(folder: Path) -> Model:
    """Read the description of the model in ``folder``.

    Raises:
        ModelFileMissingError: there is no readable ``model.json``.
        ModelDescriptionError: it is malformed, or breaks a rule of ``Description``.
    """
    try:
        content = (folder / DESCRIPTION).read_bytes()
    except OSError as error:
        raise ModelFileMissingError(
            model=folder.name, file=DESCRIPTION, reason=error.strerror or str(error)
        ) from error
    try:
        description = msgspec.json.decode(content, type=Description)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelDescriptionError(model=folder.name, reason=str(error)) from error
    if problem := _contradiction(description):
        raise ModelDescriptionError(model=folder.name, reason=problem)
    return Model(folder, description)


def _contradiction(description: Description) -> str | None:
    """What no schema can say."""
    preprocessing = description.input
    if preprocessing.resize < max(preprocessing.height, preprocessing.width):
        return "a crop larger than the resized picture - at `$.input.resize`"
    if missing := {GRAPH, WEIGHTS} - set(description.files):
        return f"no entry for {', '.join(sorted(missing))} - at `$.files`"
    if "/" in description.labels or "\\" in description.labels:
        return "labels outside the model's folder - at `$.labels`"
    return None


def write_model(proto: onnx.ModelProto, folder: Path, **facts: object) -> Model:
    """Write ``proto`` to ``folder`` in normal form.

    Args:
        proto: the model with its weights inside; its tensors are moved out.
        folder: made if absent; a model that is already there is replaced.
        facts: the fields of ``Description`` other than ``format`` and ``files``.

    Raises:
        ModelDescriptionError: the facts do not make a valid description, or not one of ``proto``.
    """
    # They import this module.
    from vggscope.zoo.weights_file import (  # noqa: PLC0415
        WeightsFile,
        inline_data,
        is_large,
    )

    folder.mkdir(parents=True, exist_ok=True)
    for name in (GRAPH, WEIGHTS, DESCRIPTION):
        (folder / name).unlink(missing_ok=True)
    with WeightsFile(folder) as weights:
        for tensor in proto.graph.initializer:
            if is_large(tensor):
                weights.move(tensor, [inline_data(tensor)])
    (folder / GRAPH).write_bytes(proto.SerializeToString())
    model = describe_files(folder, weights.entry, facts)
    model.check_layers()
    return model


def entry_of(path: Path) -> FileEntry:
    """Size and SHA-256 of a file that was just written."""
    return FileEntry(bytes=path.stat().st_size, sha256=sha256_of(path))


def describe_files(folder: Path, weights: FileEntry, facts: Mapping[str, object]) -> Model:
    """Write ``model.json`` for the graph and the weights that were just written to ``folder``.

    Args:
        folder: of the model.
        weights: what is known of ``weights.bin`` since it was written.
        facts: the fields of ``Description`` other than ``format`` and ``files``.

    Raises:
        ModelDescriptionError: they make no valid description.
    """
    files = {GRAPH: entry_of(folder / GRAPH), WEIGHTS: weights}
    content = {"format": FORMAT, **facts, "files": msgspec.to_builtins(files)}
    return describe_model(folder, content)


def change_facts(model: Model, **changes: object) -> Model:
    """Write other facts into the ``model.json`` of ``model``; its files stay as they are.

    Raises:
        ModelDescriptionError: the facts do not make a valid description.
    """
    content = json.loads((model.folder / DESCRIPTION).read_bytes())
    return describe_model(model.folder, content | changes)


def describe_model(folder: Path, content: dict[str, object]) -> Model:
    """Write ``content``, all that ``model.json`` says, for the files that lie in ``folder``.

    Raises:
        ModelDescriptionError: it makes no valid description.
    """
    try:
        text = f"{json.dumps(content, indent=1, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError as error:
        # The bytes of a file's name, or of a command line, need not be text.
        raise ModelDescriptionError(model=folder.name, reason="a name in it is no text") from error
    (folder / DESCRIPTION).write_bytes(text)
    return read_model(folder)
