"""What a foreign file's clues suggest: layout, size, colours, normalisation, labels, and why.

Most files say nothing of how pictures have to be prepared. Their names, who wrote them, and what
their first nodes do often tell. Importing this module imports ``onnx``, which takes 162 ms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from onnx import TensorProto, numpy_helper

from vggscope.errors import NotAChainError
from vggscope.vgg.graph import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, read_chain
from vggscope.vgg.tensors import Tensors, integers
from vggscope.zoo.choices import (
    IMAGENET_LABELS,
    NOT_STATED,
    PRESETS,
    Choices,
    Preset,
    name_from,
    one_line,
    resize_for,
)
from vggscope.zoo.labels import labels_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    from vggscope.zoo.examination import Dims
    from vggscope.zoo.normal_form import Label

Layout = Literal["NCHW", "NHWC"]

_USUAL_SIDES: Final = (224, 227, 299, 256, 240, 128, 96, 64, 32, 160, 192, 384, 331, 448, 512)
_DEFAULT_SIDE: Final = 224
_IMAGENET: Final = 1000
_HIGHEST_STD: Final = 2.0
"""Means and deviations beyond this are of pixels 0..255, not of 0..1."""
_PLAIN: Final = frozenset({"Cast", "Identity", "QuantizeLinear", "DequantizeLinear", "Transpose"})
_LONGEST_NOTE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """What is known of a file.

    Attributes:
        proto: its structure, tidy, with one input.
        tensors: the index of that.
        path, bytes: where it is and its size.
        dims: of the input.
        classes: how many; None if that is not known.
        output: the answer.
        has_softmax: whether that is probabilities.
        last: the operator that computes it.
    """

    proto: ModelProto
    tensors: Tensors
    path: Path
    bytes: int
    dims: Dims
    classes: int | None
    output: str
    has_softmax: bool
    last: str

    @property
    def picture(self) -> str:
        """Name of the input."""
        return str(self.proto.graph.input[0].name)

    @property
    def notes(self) -> dict[str, str]:
        """What the exporter noted."""
        return {entry.key: entry.value for entry in self.proto.metadata_props}

    def first_nodes(self) -> Iterator[NodeProto]:
        """The nodes from the picture on, as long as they are a chain."""
        tensor = self.picture
        readers = self.tensors.readers(tensor)
        while len(readers) == 1:
            yield readers[0]
            readers = self.tensors.readers(readers[0].output[0] if readers[0].output else "")


def propose(clues: Clues) -> tuple[Choices, dict[str, str]]:
    """What to make of a file, and for each field of that the reason."""
    known = _of_catalogue(clues)
    if known is not None:
        return known
    reasons: dict[str, str] = {}
    layout, reasons["layout"] = _layout(clues)
    height, width, reasons["size"] = _size(clues, layout)
    preset, channels, why, why_channels = _colours(clues)
    reasons["normalisation"], reasons["channels"] = why, why_channels
    labels, reasons["labels"] = _labels(clues)
    reasons["softmax"] = _why_softmax(clues)
    resize = resize_for(max(height, width))
    reasons["resize"] = f"The centre is {max(height, width) / resize:.1%} of it, as is usual."
    normalisation = PRESETS[preset].ordered(channels)
    title, note, licence = _texts(clues)
    proposed = Choices(
        name=name_from(clues.path.stem),
        title=title,
        note=note,
        source=f"Imported from {one_line(clues.path.name)}",
        licence=licence,
        output=clues.output,
        has_softmax=clues.has_softmax,
        layout=layout,
        height=height,
        width=width,
        channels=channels,
        scale=normalisation.scale,
        mean=normalisation.mean,
        std=normalisation.std,
        resize=resize,
        fit="crop",
        labels=labels,
    )
    return proposed, reasons


def _of_catalogue(clues: Clues) -> tuple[Choices, dict[str, str]] | None:
    """What the catalogue says of a file, if it has the very same one."""
    # The catalogue may be broken, and is none of this file's business then.
    from vggscope.errors import VggscopeError  # noqa: PLC0415
    from vggscope.zoo.catalogue import catalogue  # noqa: PLC0415
    from vggscope.zoo.normal_form import sha256_of  # noqa: PLC0415

    try:
        entries = [each for each in catalogue() if not each.bundled and each.bytes == clues.bytes]
    except VggscopeError:
        return None
    digest = sha256_of(clues.path) if entries else ""
    entry = next((each for each in entries if each.sha256 == digest), None)
    if entry is None or entry.labels != IMAGENET_LABELS:
        return None
    spec = entry.input
    proposed = Choices(
        name=entry.name,
        title=entry.title,
        note=entry.note,
        source=entry.source,
        licence=entry.licence,
        output=entry.probabilities or entry.logits or clues.output,
        has_softmax=entry.probabilities is not None,
        layout=spec.layout,
        height=spec.height,
        width=spec.width,
        channels=spec.channels,
        scale=spec.scale,
        mean=spec.mean,
        std=spec.std,
        resize=spec.resize,
        fit=spec.fit,
        labels=IMAGENET_LABELS,
    )
    why = f"Its SHA-256 is that of “{entry.title}” in the catalogue, whose publisher says so."
    fields = ("layout", "size", "channels", "normalisation", "resize", "labels", "softmax")
    return proposed, dict.fromkeys(fields, why)


def _layout(clues: Clues) -> tuple[Layout, str]:
    _, second, _, last = clues.dims
    shown = f"The input is [{', '.join('?' if d is None else str(d) for d in clues.dims)}]"
    if second == 3 and last != 3:
        return "NCHW", f"{shown}: its second axis counts three colours."
    if last == 3 and second != 3:
        return "NHWC", f"{shown}: its last axis counts three colours."
    for node in clues.first_nodes():
        order = tuple(integers(node, "perm", ())) if node.op_type == "Transpose" else ()
        if order == TO_CHANNELS_FIRST:
            return "NHWC", f"{shown}; the graph itself turns it to colours first."
        if order == TO_CHANNELS_LAST:
            return "NCHW", f"{shown}; the graph itself turns it to colours last."
        if node.op_type in {"Conv", "QLinearConv"}:
            return "NCHW", f"{shown}; a convolution reads it, which takes colours first."
    return "NCHW", f"{shown}, which may mean anything; most networks take colours first."


def _size(clues: Clues, layout: Layout) -> tuple[int, int, str]:
    height, width = clues.dims[2:] if layout == "NCHW" else clues.dims[1:3]
    if isinstance(height, int) and isinstance(width, int):
        return height, width, "The file fixes it."
    known = height if isinstance(height, int) else width
    if isinstance(known, int):
        return known, known, "The file fixes one side; the other is taken to be the same."
    noted = re.search(r"\d{2,4}", clues.notes.get("imgsz", ""))
    if noted and 8 <= int(noted[0]) <= 4096:
        side = int(noted[0])
        return side, side, f"The file leaves it open; a note in it says {side}."
    fitting = [side for side in _USUAL_SIDES if _fits(clues, side)]
    if len(fitting) == 1:
        return fitting[0], fitting[0], "Only this one goes with the fully connected layers."
    side = _DEFAULT_SIDE if not fitting or _DEFAULT_SIDE in fitting else fitting[0]
    return side, side, f"The file leaves it open; {side} is what most networks were trained with."


def _fits(clues: Clues, side: int) -> bool:
    try:
        read_chain(clues.proto, name="", title="", size=side)
    except NotAChainError:
        return False
    return True


def _colours(clues: Clues) -> tuple[Preset, Literal["RGB", "BGR"], str, str]:
    """Normalisation and order of channels; why the one, why the other."""
    own = _of_graph(clues)
    noted = _of_notes(clues)
    guess, channels, why = noted or _of_origin(clues)
    why_channels = why
    if own is not None:
        preset, why = own
        if noted is None:
            why_channels = "Nothing tells it; red, green, blue is usual."
            channels = "RGB" if guess != "caffe" else channels
        return preset, channels, why, why_channels
    return guess, channels, why, why_channels


def _of_graph(clues: Clues) -> tuple[Preset, str] | None:
    """What the graph does by itself to a picture before its first layer."""
    if clues.proto.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8:
        return "0..255", "The input takes bytes: pixels as they are."
    factor, offset, operators = np.ones(1), np.zeros(1), []
    for node in clues.first_nodes():
        step = None if node.op_type in _PLAIN else _affine(clues, node)
        if node.op_type not in _PLAIN:
            if step is None:
                break
            factor, offset = factor * step[0], offset * step[0] + step[1]
            operators.append(node.op_type)
    if not operators or not (np.isfinite(factor) & (factor != 0) & np.isfinite(offset)).all():
        return None
    centre, spread = np.abs(offset / factor).max(), np.abs(1 / factor).max()
    done = ", ".join(dict.fromkeys(operators))
    if max(centre, spread) > _HIGHEST_STD:
        return "0..255", f"The graph normalises by itself ({done}), from pixels 0 to 255."
    return "0..1", f"The graph normalises by itself ({done}), from pixels 0 to 1."


_Affine = tuple["NDArray[Any]", "NDArray[Any]"]


def _affine(clues: Clues, node: NodeProto) -> _Affine | None:
    """(factor, offset) of a node that does the same to each pixel of a channel."""
    if node.op_type == "BatchNormalization":
        return _normalisation(clues, node)
    if node.op_type not in _ARITHMETIC or len(node.input) != 2:
        return None
    first, second = (_numbers(clues, tensor) for tensor in node.input)
    constant = second if first is None else first
    if constant is None or (first is not None and node.op_type not in _COMMUTATIVE):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return _ARITHMETIC[node.op_type](constant)


_COMMUTATIVE: Final = frozenset({"Add", "Mul"})
_ARITHMETIC: Final[Mapping[str, Callable[[NDArray[Any]], _Affine]]] = {
    "Add": lambda constant: (np.ones_like(constant), constant),
    "Sub": lambda constant: (np.ones_like(constant), -constant),
    "Mul": lambda constant: (constant, np.zeros_like(constant)),
    "Div": lambda constant: (1 / constant, np.zeros_like(constant)),
}


def _normalisation(clues: Clues, node: NodeProto) -> _Affine | None:
    values = [_numbers(clues, tensor) for tensor in node.input[1:5]]
    scale, shift, mean, variance = values if len(values) == 4 else [None] * 4
    if scale is None or shift is None or mean is None or variance is None:
        return None
    epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
    factor = scale / np.sqrt(np.maximum(variance, 0) + epsilon)
    return factor, shift - mean * factor


def _numbers(clues: Clues, tensor: str) -> NDArray[Any] | None:
    """The values of a small constant, flat."""
    graph = clues.proto.graph
    for weight in graph.initializer:
        if weight.name == tensor:
            return _flat(weight)
    for node in graph.node:
        if tensor in node.output and node.op_type == "Constant":
            return next((_flat(a.t) for a in node.attribute if a.name == "value"), None)
    return None


def _flat(tensor: TensorProto) -> NDArray[Any] | None:
    if tensor.data_location or tensor.external_data or np.prod(tensor.dims) not in {1, 3}:
        return None
    try:
        return numpy_helper.to_array(tensor).astype(np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None


_Guess = tuple[Preset, Literal["RGB", "BGR"], str]


def _of_notes(clues: Clues) -> _Guess | None:
    notes = clues.notes
    pixels = notes.get("Image.BitmapPixelFormat", "")
    if not pixels:
        return None
    channels: Literal["RGB", "BGR"] = "BGR" if pixels.lower().startswith("bgr") else "RGB"
    ranges: Mapping[str, Preset] = {
        "Normalized_0_1": "0..1",
        "Normalized_1_1": "-1..1",
    }
    preset = ranges.get(notes.get("Image.NominalPixelRange", ""), "0..255")
    return (
        preset,
        channels,
        f"A note in the file says so (Image.BitmapPixelFormat: {one_line(pixels)[:20]}).",
    )


def _of_origin(clues: Clues) -> _Guess:
    """What whoever wrote the file usually means."""
    producer = clues.proto.producer_name
    names = " ".join(node.name or node.output[0] for node in clues.proto.graph.node[:40])
    notes = " ".join(clues.notes)
    places = {"producer": producer, "names": names, "notes": notes}
    for place, pattern, preset, channels, why in _ORIGINS:
        if re.search(pattern, places[place], re.IGNORECASE):
            return preset, channels, why.format(producer=one_line(producer)[:60])
    return "imagenet", "RGB", "Nothing in the file tells it; this is the most usual way."


_Origin = tuple[str, str, Preset, Literal["RGB", "BGR"], str]
_ORIGINS: Final[tuple[_Origin, ...]] = (
    (
        *("notes", r"\btask\b.*\bnames\b|\bnames\b.*\btask\b", "0..1", "RGB"),
        "Ultralytics wrote the file; their classifiers take pixels 0 to 1.",
    ),
    (
        *("names", r"block1_conv1|conv1_conv\b", "caffe", "BGR"),
        "Its layers have the names of Keras' VGG and ResNet, which take Caffe's pixels.",
    ),
    (
        *("producer", r"tf2onnx|keras|onnxmltools", "-1..1", "RGB"),
        "{producer} wrote the file: Keras' networks mostly take -1 to 1.",
    ),
    (
        *("producer", r"caffe|mmdnn", "caffe", "BGR"),
        "{producer} wrote the file: Caffe's networks take blue first, and pixels less the mean.",
    ),
    (
        *("producer", r"pytorch", "imagenet", "RGB"),
        "PyTorch wrote the file: torchvision's and timm's networks were trained so.",
    ),
    (
        *("names", r"vgg\d+_(conv|dense)\d+_fwd", "imagenet", "RGB"),
        "Its nodes have MXNet's names: the networks of its zoo take that.",
    ),
)
"""Where to look, for what, and what that means."""


def _labels(clues: Clues) -> tuple[str | tuple[Label, ...] | None, str]:
    for key in ("names", "classes", "labels", "class_names", "id2label"):
        found = labels_in(_as_json(clues.notes.get(key, "")))
        if found is not None and clues.classes in {None, len(found)}:
            return found, f"A note in the file names them ({key})."
    if clues.classes == _IMAGENET:
        return IMAGENET_LABELS, "It has 1,000 outputs, as many as ImageNet has classes."
    count = "an unknown number of" if clues.classes is None else f"{clues.classes:,}"
    return None, f"It has {count} outputs, and nothing names them: they are numbered."


def _as_json(note: str) -> str:
    """A note as JSON: some exporters write Python's way, {0: 'cat', 1: 'dog'}."""
    if not re.match(r"\s*[\[{]", note) or len(note) > 2**20:
        return "[]"
    import ast  # noqa: PLC0415 (rare)
    import json  # noqa: PLC0415

    try:
        return json.dumps(ast.literal_eval(note.strip()))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return note


def _why_softmax(clues: Clues) -> str:
    if clues.has_softmax:
        return f"The last node is a {clues.last}: the output is probabilities."
    if not clues.last:
        return "The output is taken as it is, and a softmax is added."
    return f"The last node is a {clues.last}, not a softmax: one is added."


def _texts(clues: Clues) -> tuple[str, str, str]:
    """(title, note, licence)."""
    stem = clues.path.stem
    title = re.sub(r"[_\s]+", " ", one_line(stem)).strip()[:100]
    classes = f"{clues.classes:,} classes" if clues.classes else "classes"
    note = f"Imported from {one_line(clues.path.name)[:100]}, {classes}."
    licence = clues.notes.get("license", clues.notes.get("licence", ""))
    return title or "Imported model", note[:_LONGEST_NOTE], one_line(licence)[:100] or NOT_STATED
