"""What makes a graph one that can be taken in, apart from what it computes.

Only the structure is looked at, in Python; nothing here runs it or infers anything of it. Importing
this module imports ``onnx``, which takes 162 ms.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import onnx
from onnx import AttributeProto, TensorProto, defs

from vggscope.errors import (
    DamagedModelError,
    ExternalDataError,
    InvalidGraphError,
    ModelTooLargeError,
    NotOnnxError,
    OnnxVersionError,
    UnknownOperatorError,
    UnsupportedGraphError,
)
from vggscope.zoo.weights_file import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import GraphProto, NodeProto

    from vggscope.zoo.wire import Skeleton

_MOST_NODES: Final = 50_000
_MOST_TENSORS: Final = 100_000
_FIRST_OPSET: Final = 7
"""The first that ONNX Runtime promises to run."""
_ONNX: Final = frozenset({"", "ai.onnx"})
_MICROSOFT: Final = frozenset(
    {
        # What ONNX Runtime's own tools put in when they quantize or fuse.
        *("FastGelu", "FusedConv", "FusedGemm", "FusedMatMul", "Gelu", "QuickGelu", "BiasGelu"),
        *("DequantizeLinear", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QuantizeLinear"),
        *("QGemm", "QLinearAdd", "QLinearAveragePool", "QLinearConcat", "QLinearConv"),
        *("QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearMul", "QLinearReduceMean"),
        *("QLinearSigmoid", "QLinearSoftmax", "SkipLayerNormalization"),
    }
)
_SUBGRAPHS: Final = frozenset({AttributeProto.GRAPH, AttributeProto.GRAPHS})
_SPARSE: Final = frozenset({AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS})
_TOLD: Final = 5


def check_graph(skeleton: Skeleton) -> None:
    """Refuse what is no valid graph of known operators and dense weights of its own.

    Raises:
        ImportRefusedError: the subclass tells what is wrong.
    """
    name, graph = skeleton.name, skeleton.proto.graph
    if not graph.node or not graph.output:
        raise NotOnnxError(name=name, what="something without a network")
    _check_extent(graph, name)
    if not _has_texts_only(skeleton.proto):
        raise DamagedModelError(name=name, reason="a name in it is no text")
    _check_versions(skeleton)
    for tensor in _tensors(graph):
        if skeleton.is_foreign(tensor):
            where = {e.key: e.value for e in tensor.external_data}.get("location", "")
            raise ExternalDataError(name=name, file=where[:200] or "?")
    _check_kinds(skeleton)
    _check_operators(skeleton)
    _check_names(graph, name)
    for tensor in _tensors(graph):
        _check_tensor(skeleton, tensor)


def sorted_nodes(graph: GraphProto) -> list[NodeProto] | None:
    """The nodes in an order in which each comes after those that it reads; None if in a circle."""
    makers = {output: index for index, node in enumerate(graph.node) for output in node.output}
    waits = [{makers[name] for name in node.input if name in makers} for node in graph.node]
    if all(before < index for index, needed in enumerate(waits) for before in needed):
        return list(graph.node)
    readers: dict[int, list[int]] = {}
    for index, needed in enumerate(waits):
        for before in needed:
            readers.setdefault(before, []).append(index)
    ready = [index for index, needed in enumerate(waits) if not needed]
    order: list[int] = []
    while ready:
        index = ready.pop()
        order.append(index)
        for reader in readers.get(index, ()):
            waits[reader].discard(index)
            if not waits[reader]:
                ready.append(reader)
    return [graph.node[index] for index in order] if len(order) == len(graph.node) else None


def _has_texts_only(message: Any) -> bool:
    """Whether all texts are UTF-8; protobuf hands out bytes where one is not."""
    for field, value in message.ListFields():
        if field.type not in {field.TYPE_STRING, field.TYPE_MESSAGE}:
            continue
        values = (
            [value] if isinstance(value, str | bytes) or hasattr(value, "ListFields") else value
        )
        if field.type == field.TYPE_STRING:
            if not all(isinstance(each, str) for each in values):
                return False
        elif not all(map(_has_texts_only, values)):
            return False
    return True


def _check_versions(skeleton: Skeleton) -> None:
    proto = skeleton.proto
    if not 3 <= proto.ir_version <= onnx.IR_VERSION:
        raise OnnxVersionError(
            name=skeleton.name,
            version=f"version {proto.ir_version} of ONNX's format",
            known=f"3 to {onnx.IR_VERSION}",
        )
    newest = defs.onnx_opset_version()
    opsets = [opset.version for opset in proto.opset_import if opset.domain in _ONNX]
    if len(opsets) != 1:
        reason = f"it names {len(opsets)} versions of the operators that it is written for"
        raise InvalidGraphError(name=skeleton.name, reason=reason)
    if not _FIRST_OPSET <= opsets[0] <= newest:
        raise OnnxVersionError(
            name=skeleton.name,
            version=f"operator set {opsets[0]}",
            known=f"{_FIRST_OPSET} to {newest}",
        )


def _check_extent(graph: GraphProto, name: str) -> None:
    tensors = len(graph.initializer) + len(graph.input) + len(graph.output)
    if len(graph.node) > _MOST_NODES or tensors > _MOST_TENSORS:
        reason = f"it has {len(graph.node):,} nodes and {tensors:,} tensors"
        raise ModelTooLargeError(name=name, reason=reason)


def _check_kinds(skeleton: Skeleton) -> None:
    proto, graph = skeleton.proto, skeleton.proto.graph
    kinds = {attribute.type for node in graph.node for attribute in node.attribute}
    reasons = {
        "it has functions of its own": bool(proto.functions),
        "it has loops or branches of control": bool(kinds & _SUBGRAPHS),
        "it has sparse weights": bool(graph.sparse_initializer) or bool(kinds & _SPARSE),
        # An attribute may hold a graph and claim to be something else.
        "an attribute of it is not what it claims to be": any(
            (a.HasField("g") or len(a.graphs) or a.HasField("sparse_tensor"))
            or (a.HasField("t") and a.type not in {AttributeProto.TENSOR, 0})
            for node in graph.node
            for a in node.attribute
        ),
        "it computes with texts": any(
            tensor.data_type == TensorProto.STRING for tensor in _tensors(graph)
        ),
    }
    for reason, holds in reasons.items():
        if holds:
            raise UnsupportedGraphError(name=skeleton.name, reason=reason)


def _check_operators(skeleton: Skeleton) -> None:
    opset = next(o.version for o in skeleton.proto.opset_import if o.domain in _ONNX)
    unknown = Counter[str]()
    for node in skeleton.proto.graph.node:
        if node.domain in _ONNX:
            known = _is_operator(node.op_type, opset)
        else:
            known = node.domain == "com.microsoft" and node.op_type in _MICROSOFT
        if not known:
            prefix = "" if node.domain in _ONNX else f"{node.domain}."
            unknown[f"{prefix}{node.op_type}"[:80]] += 1
    if unknown:
        operators = ", ".join(sorted(unknown)[:_TOLD]) + (", …" if len(unknown) > _TOLD else "")
        raise UnknownOperatorError(name=skeleton.name, operators=operators)


def _is_operator(operator: str, opset: int) -> bool:
    try:
        return not defs.get_schema(operator, opset, "").deprecated
    except defs.SchemaError:
        return False


def _check_names(graph: GraphProto, name: str) -> None:
    """Every tensor is made once and before it is read."""
    weights = Counter(tensor.name for tensor in graph.initializer)
    inputs = Counter(value.name for value in graph.input)
    made = Counter(output for node in graph.node for output in node.output if output)
    known = weights.keys() | inputs.keys() | made.keys()
    read = [tensor for node in graph.node for tensor in node.input if tensor]
    names = (*known, *(node.name for node in graph.node))
    clash = made.keys() & (weights.keys() | inputs.keys())
    reasons = {
        "the weight “{}” is there twice": [t for t, count in weights.items() if count > 1],
        "the input “{}” is there twice": [t for t, count in inputs.items() if count > 1],
        "the tensor “{}” is computed twice": [t for t, n in made.items() if n > 1] + [*clash],
        # They are shown, in the window and in terminals.
        "the name “{}” has signs that cannot be shown": [n for n in names if not n.isprintable()],
        "a weight has no name": [tensor for tensor in weights if not tensor],
        "“{}” is read, but nothing makes it": [tensor for tensor in read if tensor not in known],
        "the output “{}” is made by nothing": [
            value.name for value in graph.output if value.name not in known
        ],
    }
    for reason, found in reasons.items():
        if found:
            raise InvalidGraphError(name=name, reason=reason.format(found[0][:200]))
    if sorted_nodes(graph) is None:
        raise InvalidGraphError(name=name, reason="its nodes wait for each other in a circle")


def _check_tensor(skeleton: Skeleton, tensor: TensorProto) -> None:
    size = size_of(tensor)
    spans = skeleton.spans_of(tensor)
    problem = ""
    if size is None:
        problem = "has a type or a shape that no weight has"
    elif tensor.HasField("segment"):
        problem = "is stored in segments"
    elif spans and spans[-1].field == 9 and spans[-1].length != size:
        problem = f"holds {spans[-1].length:,} bytes instead of {size:,}"
    elif not spans and tensor.HasField("raw_data") and len(tensor.raw_data) != size:
        problem = f"holds {len(tensor.raw_data):,} bytes instead of {size:,}"
    elif not spans and size and not _has_values(tensor):
        problem = "holds no values"
    if problem:
        reason = f"the tensor “{tensor.name[:200]}” {problem}"
        raise InvalidGraphError(name=skeleton.name, reason=reason)


def _has_values(tensor: TensorProto) -> bool:
    fields = (tensor.raw_data, tensor.float_data, tensor.int32_data, tensor.int64_data)
    return any(map(len, (*fields, tensor.double_data, tensor.uint64_data)))


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
