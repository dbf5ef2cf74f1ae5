"""Any single ONNX file becomes a model in normal form, without ever being in memory as a whole.

The structure is read and adapted by itself; the weights are copied from file to file in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from vggscope.errors import Cancelled, DamagedModelError, InvalidGraphError
from vggscope.zoo.meter import Meter, never, nothing
from vggscope.zoo.model_file import open_model_file
from vggscope.zoo.normal_form import GRAPH, FileEntry, Input, describe_files
from vggscope.zoo.weights_file import WeightsFile, is_large, size_of
from vggscope.zoo.wire import read_skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from onnx import ModelProto

    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Model
    from vggscope.zoo.wire import Skeleton

    Rewrite = Callable[[ModelProto], Mapping[str, Any]]
    """Changes the structure; returns facts that follow from that, such as ``output``."""


def to_normal_form(  # noqa: PLR0913 (all but two are options)
    source: Path,
    folder: Path,
    *,
    facts: Mapping[str, Any],
    rewrite: Rewrite | None = None,
    progress: Callable[[Progress], None] = nothing,
    stop: Callable[[], bool] = never,
) -> Model:
    """Write the single-file ONNX model ``source`` to ``folder`` in normal form.

    Weights that are listed among the inputs are so no more, a softmax is appended where the answer
    is logits, and the layers get their classic names.

    Args:
        source: a file that is trusted, or was examined (``examination.examine``).
        folder: made if absent. What is written is unfinished if this raises.
        facts: the fields of ``Description`` other than ``format`` and ``files``. ``output`` (with
            ``probabilities`` or ``logits``, as the file calls them), ``layers`` and ``precision``
            may be left out: they are found out.
        rewrite: changes the structure instead of what is told above, and returns ``output`` and
            whatever else it knows.
        progress: is told how many bytes are written.
        stop: is asked now and then; True ends it.

    Raises:
        ImportRefusedError: it cannot be read, or is no ONNX model.
        ModelDescriptionError: the facts do not make a valid description, or not one of the file.
        Cancelled: ``stop`` said so.
        OSError: ``folder`` cannot be written.
    """
    with open_model_file(source) as (file, size):
        skeleton = read_skeleton(file, size=size, name=source.name)
        base = write_base(skeleton, file, folder, progress=progress, stop=stop)
    return finish(base.proto, base.weights, folder, facts=facts, rewrite=rewrite, name=source.name)


@dataclass(frozen=True, slots=True)
class Base:
    """A model of which the weights are in place, and nothing is decided yet.

    Attributes:
        proto: its structure, tidy; it refers to ``weights.bin``.
        weights: what ``model.json`` says of that file.
    """

    proto: ModelProto
    weights: FileEntry


def write_base(
    skeleton: Skeleton,
    file: BinaryIO,
    folder: Path,
    *,
    progress: Callable[[Progress], None] = nothing,
    stop: Callable[[], bool] = never,
) -> Base:
    """Copy the weights of ``skeleton``, whose proto is changed, from ``file`` into ``folder``.

    Raises:
        As ``to_normal_form``.
    """
    from vggscope.zoo.shaping import tidy  # noqa: PLC0415 (onnx, 162 ms)

    tidy(skeleton.proto)
    large = [
        tensor
        for tensor in skeleton.proto.graph.initializer
        if is_large(tensor) or skeleton.spans_of(tensor)
    ]
    total = sum(size_of(tensor) or 0 for tensor in large)
    meter = Meter("installing", total=total, report=progress)

    def advance(count: int) -> None:
        if stop():
            raise Cancelled
        meter.advance(count)

    folder.mkdir(parents=True, exist_ok=True)
    with WeightsFile(folder, advance=advance) as weights:
        for tensor in large:
            weights.move(tensor, skeleton.data(tensor, file))
    return Base(skeleton.proto, weights.entry)


def finish(  # noqa: PLR0913 (all but three are options)
    proto: ModelProto,
    weights: FileEntry,
    folder: Path,
    *,
    facts: Mapping[str, Any],
    rewrite: Rewrite | None = None,
    name: str = "",
) -> Model:
    """Write the graph and the description to ``folder``, where the weights are already.

    Args:
        proto: tidy; changed.
        weights: what the description says of them.
        folder: of the model.
        facts: as for ``to_normal_form``.
        rewrite: likewise.
        name: of the file, for sentences.

    Raises:
        As ``to_normal_form``.
    """
    from vggscope.zoo.shaping import layers_of, precision_of  # noqa: PLC0415 (onnx, 162 ms)

    known = msgspec.to_builtins(dict(facts))
    spec = msgspec.convert(known["input"], Input)
    if rewrite is None:
        _check_inputs(proto, spec, name)
        known |= _adapted(proto, spec, known.get("output") or {}, name)
    else:
        known |= msgspec.to_builtins(dict(rewrite(proto)))
    known.setdefault("precision", precision_of(proto))
    if "layers" not in known:
        known["layers"] = layers_of(proto, spec, name=known["name"], title=known["title"])
    (folder / GRAPH).write_bytes(proto.SerializeToString())
    model = describe_files(folder, weights, known)
    model.check_layers()
    return model


def _check_inputs(proto: ModelProto, spec: Input, name: str) -> None:
    inputs = [value.name for value in proto.graph.input]
    if inputs != [spec.name]:
        reason = f"its inputs are {inputs}, not “{spec.name}”"
        raise InvalidGraphError(name=name, reason=reason)


def _adapted(
    proto: ModelProto, spec: Input, wished: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """Adapt ``proto`` to the output that is named, or to the only one that there is."""
    from vggscope.zoo.shaping import adapt, is_softmax  # noqa: PLC0415 (onnx, 162 ms)

    outputs = {value.name: value for value in proto.graph.output}
    answer = wished.get("probabilities") or wished.get("logits") or next(iter(outputs), "")
    if answer not in outputs:
        raise DamagedModelError(name=name, reason=f"it has no output “{answer}”")
    has_softmax = bool(wished.get("probabilities")) or (
        not wished.get("logits") and is_softmax(proto.graph, answer)
    )
    rank = len(outputs[answer].type.tensor_type.shape.dim) or 2
    output = adapt(proto, spec, answer=answer, has_softmax=has_softmax, rank=rank)
    return {"output": msgspec.to_builtins(output)}
