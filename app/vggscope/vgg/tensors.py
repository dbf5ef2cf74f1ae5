"""What an ONNX graph says about its tensors, before anything runs."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

Dims: TypeAlias = tuple[int | None, ...]

_SAME_DIMS: Final = frozenset({"Cast", "DequantizeLinear", "Identity", "QuantizeLinear"})
# Shape inference reads the values of small tensors (targets of Reshape), of others the size only.
_LARGE: Final = 1024


class Tensors:
    """Index of a graph: who reads a tensor, which do not depend on the picture, and their sizes.

    Attributes:
        pictures: the inputs of the graph that are no weights.
    """

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self._initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        # Before IR version 4, weights are among the inputs as well.
        self.pictures = [v for v in model.graph.input if v.name not in self._initializers]
        self._static: dict[str, Dims | None] = {
            name: tuple(tensor.dims) for name, tensor in self._initializers.items()
        }
        self._readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            read = {name for name in node.input if name}
            # A shape is computed from the picture, yet it is the same for each: exporters
            # compute the target of a Reshape from it.
            if node.op_type in {"Shape", "Size"} or read <= self._static.keys():
                dims = self._dims_of_static(node)
                self._static.update(dict.fromkeys(node.output, dims))
            else:
                for name in read - self._static.keys():
                    self._readers[name].append(node)

    def readers(self, tensor: str) -> Sequence[NodeProto]:
        """The nodes that compute something from this tensor, without those that ask its shape."""
        return self._readers.get(tensor, ()) if tensor else ()

    def is_static(self, tensor: str) -> bool:
        """Whether it is the same for every picture."""
        return tensor in self._static

    def dims(self, tensor: str) -> Dims | None:
        """Its dimensions, the batch included; None for those, or for all, that are not known."""
        dims = self._static.get(tensor)
        return self._inferred.get(tensor) if dims is None else dims

    def is_lowest_code(self, quantize: NodeProto) -> bool:
        """Whether a QuantizeLinear has its zero point at the lowest code: it cuts off below 0."""
        from onnx import TensorProto, numpy_helper  # noqa: PLC0415 (costs 162 ms)

        zero_point = self._initializers.get(quantize.input[2]) if len(quantize.input) > 2 else None
        lowest = {
            TensorProto.INT8: -(2**7),
            TensorProto.UINT8: 0,
            TensorProto.INT16: -(2**15),
            TensorProto.UINT16: 0,
        }
        if (
            zero_point is None
            or zero_point.data_type not in lowest
            or zero_point.data_location == TensorProto.EXTERNAL
        ):
            return False
        codes = numpy_helper.to_array(zero_point)
        return bool((codes == lowest[zero_point.data_type]).all())

    def _dims_of_static(self, node: NodeProto) -> Dims | None:
        if node.op_type == "Constant":
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            return None if value is None else tuple(value.dims)
        dims = self._static.get(node.input[0]) if node.input else None
        if dims is None or node.op_type in _SAME_DIMS:
            return dims
        if node.op_type == "Transpose":
            order = integers(node, "perm", range(len(dims) - 1, -1, -1))
            if sorted(order) == list(range(len(dims))):
                return tuple(dims[axis] for axis in order)
        return None

    @cached_property
    def _inferred(self) -> dict[str, Dims]:
        """Dimensions by ONNX's shape inference; only rare graphs need it."""
        from onnx import shape_inference  # noqa: PLC0415 (costs 162 ms)

        try:
            skeleton = shape_inference.infer_shapes(_without_weights(self._model), data_prop=True)
        except shape_inference.InferenceError:
            return {}
        values = (*skeleton.graph.value_info, *skeleton.graph.output)
        return {value.name: _dims_of(value) for value in values if _has_shape(value)}


def integer(node: NodeProto, attribute: str, default: int) -> int:
    """An integer attribute of a node."""
    return next((a.i for a in node.attribute if a.name == attribute), default)


def integers(node: NodeProto, attribute: str, default: Sequence[int]) -> Sequence[int]:
    """A list attribute of a node."""
    return next((tuple(a.ints) for a in node.attribute if a.name == attribute), default)


def text(node: NodeProto, attribute: str, default: str) -> str:
    """A text attribute of a node."""
    return next(
        (a.s.decode(errors="replace") for a in node.attribute if a.name == attribute), default
    )


def label(node: NodeProto) -> str:
    """What to call a node in front of a user; many exporters give no names."""
    return node.name or f"{node.op_type} of {node.output[0] if node.output else '?'}"


def _without_weights(model: ModelProto) -> ModelProto:
    """A copy in which large weights are inputs of their size: inference copies what it is given."""
    from onnx import ModelProto, helper  # noqa: PLC0415 (costs 162 ms)

    graph = model.graph
    large = [tensor for tensor in graph.initializer if _elements(tensor) > _LARGE]
    declared = {value.name for value in graph.input}
    skeleton = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    skeleton.graph.name = graph.name
    skeleton.graph.node.extend(graph.node)
    skeleton.graph.input.extend(graph.input)
    skeleton.graph.output.extend(graph.output)
    skeleton.graph.value_info.extend(graph.value_info)
    skeleton.graph.initializer.extend(t for t in graph.initializer if _elements(t) <= _LARGE)
    skeleton.graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        for tensor in large
        if tensor.name not in declared
    )
    return skeleton


def _elements(tensor: TensorProto) -> int:
    elements = 1
    for dim in tensor.dims:
        elements *= dim
    return elements


def _has_shape(value: ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.HasField("shape"))


def _dims_of(value: ValueInfoProto) -> Dims:
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else None
        for dim in value.type.tensor_type.shape.dim
    )
