"""A foreign graph becomes one of ours: one picture in, probabilities out, nothing left over.

Only the structure is changed, a few nodes at either end; weights are never touched. Importing this
module imports ``onnx``, which takes 162 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from onnx import NodeProto, TensorProto, helper

from vggscope.errors import NotAChainError
from vggscope.vgg.anatomy import anatomy_of
from vggscope.vgg.tensors import Tensors
from vggscope.zoo.graph_checks import sorted_nodes
from vggscope.zoo.normal_form import Input, Output
from vggscope.zoo.weights_file import is_large, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import GraphProto, ModelProto, ValueInfoProto

_OURS: Final = "vggscope/"
"""Begins the names of what is added: no exporter's do."""
_SOFTMAXES: Final = frozenset({"Softmax", "QLinearSoftmax"})
_SEE_THROUGH: Final = frozenset(
    {
        "Cast",
        "DequantizeLinear",
        "Dropout",
        "Flatten",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
    }
)
_SEPARATE_WEIGHTS: Final = 4
"""The IR version since which weights need not be among the inputs."""
_PRECISIONS: Final[Mapping[int, str]] = {
    TensorProto.FLOAT16: "fp16",
    TensorProto.BFLOAT16: "fp16",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "int8",
}


def tidy(proto: ModelProto) -> None:
    """Take out of ``proto`` what no run needs, and keep weights in one way.

    Weights that are listed among the inputs as well are not any more; large ``Constant`` nodes
    become initializers; each node comes after
    those that it reads; nodes and weights that no output depends on go, and so does what exporters
    note about themselves, which can be larger than the graph.
    """
    graph = proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    _keep(graph.input, [value for value in graph.input if value.name not in weights])
    proto.ir_version = max(proto.ir_version, _SEPARATE_WEIGHTS)
    kept = []
    for node in graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
        value = _large_constant(node)
        if value is None:
            kept.append(node)
        else:
            graph.initializer.add().CopyFrom(value)
            graph.initializer[-1].name = node.output[0]
    _keep(graph.node, kept)
    order = sorted_nodes(graph)
    if order is not None:
        _keep(graph.node, order)
    del proto.training_info[:]
    prune(graph)


def prune(graph: GraphProto) -> None:
    """Take out the nodes and weights that no output depends on."""
    maker = {output: index for index, node in enumerate(graph.node) for output in node.output}
    needed: set[int] = set()
    waiting = [value.name for value in graph.output]
    while waiting:
        index = maker.get(waiting.pop())
        if index is not None and index not in needed:
            needed.add(index)
            waiting += graph.node[index].input
    _keep(graph.node, [node for index, node in enumerate(graph.node) if index in needed])
    read = {name for node in graph.node for name in node.input}
    read |= {value.name for value in graph.output}
    _keep(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in read])


def is_softmax(graph: GraphProto, answer: str) -> bool:
    """Whether the last thing that happens to ``answer`` is a softmax: it holds probabilities."""
    return _last_node(graph, answer).op_type in _SOFTMAXES


def last_operator(graph: GraphProto, answer: str) -> str:
    """The operator of the last node that does something to ``answer``; "" without one."""
    return str(_last_node(graph, answer).op_type)


def adapt(
    proto: ModelProto, spec: Input, *, answer: str, has_softmax: bool, rank: int | None = 2
) -> Output:
    """Let ``proto`` take pictures as ``spec`` tells, and put out probabilities [N, classes].

    Args:
        proto: what ``tidy`` left; its one input is a picture.
        spec: its size becomes that of the input, whatever the graph leaves open.
        answer: the output, or another tensor, that has a number for each class.
        has_softmax: whether these are probabilities already; they are made of them if not.
        rank: of ``answer``; None if it is not known.

    Returns:
        What the outputs are called; others are gone.
    """
    graph = proto.graph
    [picture] = graph.input
    batch = picture.type.tensor_type.shape.dim[0]
    batch_dim: int | str = batch.dim_value if batch.dim_value > 0 else batch.dim_param or "N"
    types = {value.name: value.type.tensor_type.elem_type for value in graph.output}
    added: list[NodeProto] = []
    tip = _flat_numbers(answer, types.get(answer, TensorProto.FLOAT), rank, added)
    if has_softmax:
        output = Output(probabilities=tip, logits=_before_softmax(proto, answer))
    else:
        probabilities = _free_name(graph, "prob")
        added.append(helper.make_node("Softmax", [tip], [probabilities], probabilities, axis=1))
        output = Output(probabilities=probabilities, logits=tip)
    graph.node.extend(added)
    names = [output.probabilities, *([output.logits] if output.logits else [])]
    classes = _classes(graph, answer)
    _keep(
        graph.output,
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch_dim, classes])
            for name in names
        ],
    )
    _take_pictures(graph, picture, spec, batch_dim)
    prune(graph)
    return output


def layers_of(proto: ModelProto, spec: Input, *, name: str, title: str) -> list[dict[str, str]]:
    """The field ``layers`` of ``model.json``: by classic names, as far as they can be listed."""
    try:
        anatomy = anatomy_of(proto, name=name, title=title, size=spec.height)
    except NotAChainError:
        return []
    operators: dict[str, str] = {}
    for node in proto.graph.node:
        for key in (node.name, *node.output):
            operators.setdefault(key, node.op_type)
    made = {output for node in proto.graph.node for output in node.output}
    return [
        {
            "name": site.layer.name,
            "operator": _operator(site.nodes, operators),
            "tensor": site.tensor,
        }
        for site in anatomy.sites[1:]
        if site.tensor in made
    ]


def precision_of(proto: ModelProto) -> str:
    """What most of the weights are stored in."""
    taken = {"fp32": 0, "fp16": 0, "int8": 0}
    for tensor in proto.graph.initializer:
        taken[_PRECISIONS.get(tensor.data_type, "fp32")] += size_of(tensor) or 0
    return max(taken, key=lambda name: taken[name])


def _operator(nodes: frozenset[str], operators: Mapping[str, str]) -> str:
    """The operator that a layer is known by, of the several that it may consist of."""
    found = {operators[name] for name in nodes if name in operators}
    main = found - {"Relu", *_SEE_THROUGH}
    return min(main or found, key=lambda op: (op == "Add", op), default="Identity")


def _large_constant(node: NodeProto) -> TensorProto | None:
    if node.op_type != "Constant" or node.domain not in {"", "ai.onnx"}:
        return None
    value = next((a.t for a in node.attribute if a.name == "value" and a.HasField("t")), None)
    return value if value is not None and is_large(value) else None


def _last_node(graph: GraphProto, answer: str) -> NodeProto:
    makers: dict[str, NodeProto] = {o: node for node in graph.node for o in node.output}
    node = makers.get(answer, NodeProto())
    while node.op_type in _SEE_THROUGH and node.input and node.input[0] in makers:
        node = makers[node.input[0]]
    return node


def _flat_numbers(answer: str, type_: int, rank: int | None, added: list[NodeProto]) -> str:
    """``answer`` as [N, classes] in float32; the nodes for that go to ``added``."""
    tip = answer
    if rank != 2:
        # One picture without a batch: [classes] becomes [1, classes].
        axis = 0 if rank == 1 else 1
        flat = f"{_OURS}flat"
        added.append(helper.make_node("Flatten", [tip], [flat], flat, axis=axis))
        tip = flat
    if type_ != TensorProto.FLOAT:
        number = f"{_OURS}numbers"
        added.append(helper.make_node("Cast", [tip], [number], number, to=TensorProto.FLOAT))
        tip = number
    return tip


def _before_softmax(proto: ModelProto, answer: str) -> str | None:
    """The tensor that a plain softmax makes ``answer`` of, if it is [N, classes] in float32."""
    node = next((n for n in proto.graph.node if answer in n.output), None)
    if node is None or node.op_type != "Softmax" or _is_half(proto):
        return None
    made = any(node.input[0] in other.output for other in proto.graph.node)
    dims = Tensors(proto).dims(node.input[0]) if made else None
    return node.input[0] if dims is not None and len(dims) == 2 else None


def _is_half(proto: ModelProto) -> bool:
    """Whether anything in the graph may be computed in half precision."""
    graph = proto.graph
    casts = {a.i for n in graph.node if n.op_type == "Cast" for a in n.attribute if a.name == "to"}
    types = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
    weights = {tensor.data_type for tensor in graph.initializer}
    other = {TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
    # Weights that are stored in half precision and widened at once are a usual way to save room.
    return bool(other & (casts | types)) or (
        bool(other & weights) and TensorProto.FLOAT not in casts
    )


def _classes(graph: GraphProto, answer: str) -> int | None:
    """How many classes the graph itself says that there are."""
    value = next((value for value in graph.output if value.name == answer), None)
    dims = [] if value is None else value.type.tensor_type.shape.dim
    sizes = [dim.dim_value for dim in dims if dim.dim_value > 1]
    return sizes[-1] if len(dims) == 2 and dims[1].dim_value > 0 and sizes else None


def _take_pictures(
    graph: GraphProto, picture: ValueInfoProto, spec: Input, batch: int | str
) -> None:
    """Give the input the size of ``spec``, and let it be of float32."""
    shape = (batch, *spec.shape(1)[1:])
    before = [dim.dim_value for dim in picture.type.tensor_type.shape.dim]
    type_ = picture.type.tensor_type.elem_type
    if before[1:] != list(shape[1:]):
        # What was noted of tensors behind it was noted for another size, or none.
        del graph.value_info[:]
    name = picture.name
    _keep(graph.input, [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)])
    if type_ == TensorProto.FLOAT:
        return
    inside = f"{_OURS}picture"
    for node in graph.node:
        for position, tensor in enumerate(node.input):
            if tensor == name:
                node.input[position] = inside
    nodes = [helper.make_node("Cast", [name], [inside], inside, to=type_), *graph.node]
    _keep(graph.node, nodes)


def _free_name(graph: GraphProto, wish: str) -> str:
    taken = {value.name for value in graph.input} | {t.name for t in graph.initializer}
    taken |= {name for node in graph.node for name in (node.name, *node.output)}
    return wish if wish not in taken else f"{_OURS}{wish}"


def _keep(field: object, items: list) -> None:  # type: ignore[type-arg]
    """Let a repeated field hold ``items``, which may be its own."""
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    del field[:]  # type: ignore[attr-defined]
    field.extend(copies)  # type: ignore[attr-defined]
