"""Looking at a foreign ONNX file: is it a classifier of pictures, and what does it say of itself?

Meant for a child process (``examiner``): shape inference is C++, and the file may be made to do
harm. Importing this module imports ``onnx``, which takes 162 ms.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec
from onnx import TensorProto

from vggscope.errors import (
    ChoiceError,
    NotAChainError,
    NotAClassifierError,
    SeveralInputsError,
    SeveralOutputsError,
)
from vggscope.vgg.anatomy import anatomy_of
from vggscope.vgg.tensors import Tensors
from vggscope.zoo.choices import Choices, one_line
from vggscope.zoo.graph_checks import check_graph
from vggscope.zoo.model_file import open_model_file
from vggscope.zoo.proposing import Clues, propose
from vggscope.zoo.shaping import is_softmax, last_operator, precision_of, tidy
from vggscope.zoo.weights_file import size_of
from vggscope.zoo.wire import read_skeleton

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from onnx import ModelProto, ValueInfoProto

    from vggscope.vgg.network import Network
    from vggscope.zoo.wire import Skeleton

Dims = tuple[int | str | None, ...]

_NUMBERS: Final = frozenset(
    {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
)
_PIXELS: Final = _NUMBERS | {TensorProto.UINT8}
_COLOURS: Final = 3
_SIDES: Final = range(8, 4097)
_MOST_PICTURES: Final = 256
_MOST_CLASSES: Final = 100_000
_TOLD: Final = 6


class Value(msgspec.Struct, frozen=True):
    """An input or an output.

    Attributes:
        name: its own.
        type: of its elements, as ONNX calls it: FLOAT.
        dims: a number, a name that the file gives to a size that is left open, or None.
    """

    name: str
    type: str
    dims: Dims

    def __str__(self) -> str:
        sizes = ", ".join("?" if dim is None else str(dim) for dim in self.dims)
        return f"{self.name} [{sizes}]"


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a file.

    Attributes:
        file: its name.
        bytes: its size.
        producer: what wrote it, as far as it says so.
        opset: the version of ONNX's operators that it is for.
        input: the picture.
        outputs: all of them; ``proposed.output`` is the answer.
        classes: how many; None if only a run tells.
        ranks: output that may be the answer -> how many dimensions it has.
        nodes, parameters: how many of them.
        layers: the names that they will have here.
        reason: why the layers are no chain; "" if they are.
        precision: of the weights.
        warnings: sentences about what may not be as it should.
        proposed: what to make of it.
        reasons: field of ``proposed`` -> why, a sentence.
    """

    file: str
    bytes: int
    producer: str
    opset: int
    input: Value
    outputs: tuple[Value, ...]
    classes: int | None
    ranks: dict[str, int]
    nodes: int
    parameters: int
    layers: tuple[str, ...]
    reason: str
    precision: str
    warnings: tuple[str, ...]
    proposed: Choices
    reasons: dict[str, str]


def examine(path: Path, *, output: str | None = None) -> Examination:
    """Examine the ONNX file at ``path``.

    Args:
        path: any file at all.
        output: the one that is the answer; found out if None.

    Raises:
        ImportRefusedError: it cannot be taken in; the subclass tells why.
    """
    with open_model_file(path) as (file, size):
        skeleton = read_skeleton(file, size=size, name=path.name)
    check_graph(skeleton)
    proto = skeleton.proto
    outputs = tuple(map(_value_of, proto.graph.output))
    tidy(proto)
    picture = _picture(proto, skeleton.name)
    tensors = Tensors(proto)
    shapes, problems = _candidates(proto, tensors)
    answer = _answer(proto, shapes, problems, output, skeleton.name)
    classes = _classes(shapes[answer])
    has_softmax = is_softmax(proto.graph, answer)
    clues = Clues(
        proto=proto,
        tensors=tensors,
        path=path,
        bytes=size,
        dims=_dims_of(picture),
        classes=classes,
        output=answer,
        has_softmax=has_softmax,
        last=last_operator(proto.graph, answer),
    )
    proposed, reasons = propose(clues)
    network, why_no_chain = _network(proto, proposed)
    return Examination(
        file=one_line(path.name),
        bytes=size,
        producer=_producer(proto),
        opset=next(o.version for o in proto.opset_import if o.domain in {"", "ai.onnx"}),
        input=_value_of(picture),
        outputs=outputs,
        classes=classes,
        ranks={each: len(dims) for each, dims in shapes.items()},
        nodes=len(proto.graph.node),
        parameters=network.parameters if network is not None else _parameters(skeleton),
        layers=tuple(layer.name for layer in network.layers) if network is not None else (),
        reason=why_no_chain,
        precision=precision_of(proto),
        warnings=tuple(_warnings(clues, why_no_chain, outputs)),
        proposed=proposed,
        reasons=reasons,
    )


def _producer(proto: ModelProto) -> str:
    text = " ".join(filter(None, (proto.producer_name, proto.producer_version)))
    return one_line(text)[:100]


def _picture(proto: ModelProto, name: str) -> ValueInfoProto:
    """The one input, which has to be a batch of colour pictures."""
    graph = proto.graph
    read = {tensor for node in graph.node for tensor in node.input}
    inputs = [value for value in graph.input if value.name in read]
    if not inputs:
        raise NotAClassifierError(name=name, reason="its answer depends on no input")
    if len(inputs) > 1:
        names = ", ".join(value.name for value in inputs[:_TOLD])
        raise SeveralInputsError(name=name, count=len(inputs), inputs=names)
    del graph.input[:]
    graph.input.extend(inputs)
    picture: ValueInfoProto = graph.input[0]
    shown = str(_value_of(picture))
    if not picture.type.HasField("tensor_type"):
        raise NotAClassifierError(name=name, reason=f"its input “{picture.name}” is no tensor")
    if not picture.type.tensor_type.HasField("shape"):
        reason = f"the file does not tell the shape of its input “{picture.name}”"
        raise NotAClassifierError(name=name, reason=reason)
    if picture.type.tensor_type.elem_type not in _PIXELS:
        type_ = _value_of(picture).type
        reason = f"its input “{picture.name}” takes {type_}, not numbers or bytes"
        raise NotAClassifierError(name=name, reason=reason)
    if problem := _problem_of_dims(_dims_of(picture)):
        raise NotAClassifierError(name=name, reason=f"its input {shown} {problem}")
    return picture


def _problem_of_dims(dims: Dims) -> str:
    """Why a tensor of these dimensions is no batch of colour pictures; "" if it is one."""
    if len(dims) != 4:
        return f"has {len(dims)} dimensions, and not four (a batch of pictures)"
    batch, second, third, last = dims
    if isinstance(batch, int) and not 1 <= batch <= _MOST_PICTURES:
        return f"is a batch of {batch:,} pictures"
    sides: tuple[int | str | None, ...]
    if second == _COLOURS:
        sides = (third, last)
    elif last == _COLOURS:
        sides = (second, third)
    elif any(isinstance(dim, int) and dim < _SIDES.start for dim in (second, last)) or (
        isinstance(second, int) and isinstance(last, int)
    ):
        return "has no axis for three colours"
    else:
        sides = (third,)
    for side in sides:
        if isinstance(side, int) and side not in _SIDES:
            return f"is {side:,} pixels wide or high; {_SIDES[0]} to {_SIDES[-1]:,} are possible"
    return ""


def _candidates(proto: ModelProto, tensors: Tensors) -> tuple[dict[str, Dims], dict[str, str]]:
    """The outputs that may be the answer, with their shapes, and why the others are not."""
    shapes: dict[str, Dims] = {}
    problems: dict[str, str] = {}
    for value in proto.graph.output:
        inferred = tensors.dims(value.name)
        has_shape = value.type.tensor_type.HasField("shape")
        dims = _merged(_dims_of(value), inferred) if has_shape else inferred
        problem = _problem_of_answer(value, dims)
        if problem or dims is None:
            problems[value.name] = problem
        else:
            shapes[value.name] = dims
    return shapes, problems


def _answer(
    proto: ModelProto,
    shapes: Mapping[str, Dims],
    problems: Mapping[str, str],
    wish: str | None,
    name: str,
) -> str:
    """The output that has a number for each class."""
    if wish is not None:
        if wish not in shapes:
            outputs = ", ".join(value.name for value in proto.graph.output)
            reason = problems.get(wish, f"it has no output “{wish}”, only {outputs}")
            raise ChoiceError(name=name, reason=reason)
        return wish
    if not shapes:
        raise NotAClassifierError(name=name, reason=next(iter(problems.values())))
    sure = [each for each in shapes if is_softmax(proto.graph, each)]
    found = sure or [*shapes]
    if len(found) > 1:
        raise SeveralOutputsError(name=name, outputs=", ".join(found[:_TOLD]))
    return found[0]


def _classes(dims: Dims) -> int | None:
    sizes = [dim for dim in dims[1:] if dim != 1] or [dims[-1]]
    return sizes[-1] if isinstance(sizes[-1], int) else None


def _problem_of_answer(value: ValueInfoProto, dims: Sequence[int | str | None] | None) -> str:
    """Why an output is no list of classes; "" if it is one."""
    if value.type.tensor_type.elem_type not in _NUMBERS:
        return f"its output {_value_of(value)} holds {_value_of(value).type}, and no probabilities"
    if dims is None:
        return f"the shape of its output “{value.name}” is not known"
    shown = Value(value.name, "", tuple(dims))
    sizes = [dim for dim in dims[1:] if dim != 1] if len(dims) > 1 else list(dims)
    if not sizes:
        return f"its output {shown} is a single number"
    if len(sizes) > 1:
        kind = "a map" if len(dims) == 4 else "a table"
        return f"its output {shown} is {kind}, and no list of classes"
    # Of one dimension, there has to be a number: nothing else tells it from a batch.
    is_open = not isinstance(sizes[0], int) and len(dims) > 1
    return "" if is_open or _is_count(sizes[0]) else f"its output {shown} is no list of classes"


def _is_count(dim: int | str | None) -> bool:
    return isinstance(dim, int) and 2 <= dim <= _MOST_CLASSES


def _merged(known: Dims, inferred: Sequence[int | None] | None) -> Dims:
    """What the file says of a shape, filled up by what follows from the graph."""
    if inferred is None or len(inferred) != len(known):
        return known
    return tuple(
        dim if isinstance(dim, int) or other is None else other
        for dim, other in zip(known, inferred, strict=True)
    )


def _network(proto: ModelProto, proposed: Choices) -> tuple[Network | None, str]:
    """The network, if its layers can be listed, and why they are no chain, if they are none."""
    try:
        anatomy = anatomy_of(proto, name=proposed.name, title=proposed.title, size=proposed.height)
    except NotAChainError as error:
        return None, str(error.details.get("reason", ""))
    return anatomy.network, anatomy.reason


def _parameters(skeleton: Skeleton) -> int:
    return sum(
        math.prod(tensor.dims)
        for tensor in skeleton.proto.graph.initializer
        if tensor.data_type in _NUMBERS or size_of(tensor) == math.prod(tensor.dims)
    )


def _warnings(clues: Clues, why_no_chain: str, outputs: Sequence[Value]) -> list[str]:
    warnings = []
    if clues.last == "Sigmoid":
        warnings.append(
            "The last layer is a sigmoid: the network rates every class by itself, and VGGscope "
            "shows shares of them all."
        )
    if why_no_chain:
        warnings.append(f"The layers are no chain, and are listed node by node ({why_no_chain}).")
    if len(outputs) > 1:
        others = ", ".join(value.name for value in outputs if value.name != clues.output)
        warnings.append(f"Other outputs are left out: {others[:200]}.")
    batch = clues.dims[0]
    if isinstance(batch, int) and batch > 1:
        warnings.append(f"The network takes {batch} pictures at once, even if there is only one.")
    return warnings


def _value_of(value: ValueInfoProto) -> Value:
    type_ = value.type.tensor_type.elem_type
    known = type_ in TensorProto.DataType.values()
    name = TensorProto.DataType.Name(type_) if known else str(type_)
    return Value(value.name, name, _dims_of(value))


def _dims_of(value: ValueInfoProto) -> Dims:
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else (one_line(dim.dim_param)[:40] or None)
        for dim in value.type.tensor_type.shape.dim
    )
