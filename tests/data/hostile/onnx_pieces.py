"""What the hostile corpus of models is made of: one that is taken in, and ways to spoil it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vggscope.errors import ImportRefusedError


@dataclass(frozen=True, slots=True)
class Case:
    """One file that no model can be made of.

    Attributes:
        why: what is wrong with it.
        error: what is said of it.
        words: that have to be in the sentence.
        write: makes it at the path that it is given.
        file: its name.
    """

    why: str
    error: type[ImportRefusedError]
    words: str
    write: Callable[[Path], object]
    file: str = "model.onnx"


def good() -> ModelProto:
    """A small classifier that is taken in: most of the corpus is this one, spoilt."""
    weights = np.random.default_rng(5).normal(0, 0.1, (8, 3, 3, 3)).astype(np.float32)
    matrix = np.random.default_rng(6).normal(0, 0.1, (8, 1000)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["data", "filters"], ["conv"], "conv", pads=[1] * 4),
        helper.make_node("Relu", ["conv"], ["relu"], "relu"),
        helper.make_node("GlobalAveragePool", ["relu"], ["pool"], "pool"),
        helper.make_node("Flatten", ["pool"], ["flat"], "flat"),
        helper.make_node("Gemm", ["flat", "matrix"], ["logits"], "fc"),
    ]
    graph = helper.make_graph(
        nodes,
        "good",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 1000])],
        [numpy_helper.from_array(weights, "filters"), numpy_helper.from_array(matrix, "matrix")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def put(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def spoilt(change: Callable[[ModelProto], object]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        proto = good()
        change(proto)
        path.write_bytes(proto.SerializeToString())

    return write


def in_graph(change: Callable[[Any], object]) -> Callable[[Path], object]:
    return spoilt(lambda proto: change(proto.graph))


def in_weight(change: Callable[[TensorProto], object]) -> Callable[[Path], object]:
    """The matrix, which is large enough to be left in the file."""
    return in_graph(lambda graph: change(graph.initializer[1]))


def taking(*dims: int | str | None, type_: int = TensorProto.FLOAT) -> Callable[[Path], object]:
    return in_graph(
        lambda graph: graph.input[0].CopyFrom(helper.make_tensor_value_info("data", type_, dims))
    )


def node(operator: str, *inputs: str, output: str = "more", **more: Any) -> Any:
    return helper.make_node(operator, inputs, [output], **more)


def answering(*nodes: Any, dims: list[Any] | None, type_: int = TensorProto.FLOAT) -> Any:
    """Another answer, ``more``, than the logits."""

    def change(graph: Any) -> None:
        graph.node.extend(nodes)
        graph.output[0].CopyFrom(helper.make_tensor_value_info("more", type_, dims))

    return in_graph(change)


def with_attribute(**fields: Any) -> Callable[[Path], object]:
    """A node with an attribute that ``helper`` would not make."""

    def change(graph: Any) -> None:
        attribute = graph.node[1].attribute.add(name="odd")
        for field, value in fields.items():
            if hasattr(value, "SerializeToString"):
                getattr(attribute, field).CopyFrom(value)
            else:
                setattr(attribute, field, value)

    return in_graph(change)


def assign(message: Any, **fields: Any) -> None:
    for field, value in fields.items():
        setattr(message, field, value)


GOOD: Final = good().SerializeToString()
