"""Graphs derived from a model's: cut at the layers that somebody looks at.

What is derived is small: it refers to the weights in the model's own file. Importing this module
imports ``onnx``, which takes 162 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from vggscope.vgg.graph import TO_CHANNELS_FIRST
from vggscope.vgg.network import Kind
from vggscope.vgg.tensors import Tensors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vggscope.vgg.anatomy import Site


_OURS: Final = "vggscope/"
"""Begins the names of what is added: no exporter's do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A tensor that a derived graph is to hand out, in float32.

    Attributes:
        tensor: in the model's graph.
        name: in the derived one.
        dequantize: its (scale, zero point) tensors, if it holds codes.
        channels_last: whether a map is [N, H, W, C]; it is handed out as [N, C, H, W] either way.
        is_map: whether it has rows and columns.
        shrink: of a map, hand out the maximum of every so many rows and columns; at the far edges
            of those that there are.
    """

    tensor: str
    name: str
    dequantize: tuple[str, str] | None = None
    channels_last: bool = False
    is_map: bool = True
    shrink: int = 1

    @classmethod
    def of(cls, site: Site, *, name: str, before_relu: bool = False, shrink: int = 1) -> Output:
        """What the layer at ``site`` puts out, or with ``before_relu`` what its ReLU gets.

        Raises:
            ValueError: it has no tensor before its ReLU.
        """
        tensor = site.before if before_relu else site.tensor
        if tensor is None:
            raise ValueError(f"{site.layer.name} has nothing before its ReLU")
        return cls(
            tensor=tensor,
            name=name,
            dequantize=None if before_relu else site.dequantize,
            channels_last=site.channels_last,
            is_map=len(site.layer.output_shape) == 3,
            shrink=shrink,
        )


def cut(model: ModelProto, outputs: Sequence[Output]) -> ModelProto:
    """What of ``model`` is needed to compute ``outputs``, which it hands out in this order."""
    added = [node for output in outputs for node in _handing_out(output)]
    return part_of(model, added, {o.name: 4 if o.is_map else 2 for o in outputs})


def tapped(model: ModelProto, output: Output) -> ModelProto:
    """``model`` with everything that it hands out, and ``output``, the last one."""
    own = {value.name: 0 for value in model.graph.output}
    part = part_of(model, _handing_out(output), own | {output.name: 4 if output.is_map else 2})
    added = part.graph.output[-1]
    del part.graph.output[:]
    part.graph.output.extend([*model.graph.output, added])
    return part


def unit_weights(model: ModelProto, site: Site, unit: int) -> ModelProto:
    """A graph without inputs whose one output ``weights`` is what a unit multiplies by.

    That is [in, height, width] of a convolution and [in] of a fully connected layer, in float32.

    Raises:
        ValueError: the layer at ``site`` has no weights.
    """
    if site.weights is None:
        raise ValueError(f"{site.layer.name} has no weights")
    axis = 0 if site.units_first else -1
    constants = [numpy_helper.from_array(np.array(unit, np.int64), f"{_OURS}unit")]
    row = f"{_OURS}row"
    added = [helper.make_node("Gather", [site.weights, constants[0].name], [row], axis=axis)]
    if site.weights_dequantize is not None:
        flat = numpy_helper.from_array(np.array([-1], np.int64), f"{_OURS}flat")
        constants.append(flat)
        scalars = []
        for tensor in site.weights_dequantize:
            steps = [f"{_OURS}{tensor}/{step}" for step in ("flat", "own")]
            added.append(helper.make_node("Reshape", [tensor, flat.name], steps[:1]))
            position = f"{_OURS}{tensor}/position"
            place = np.array(unit if _is_for_each_unit(model, tensor) else 0, np.int64)
            constants.append(numpy_helper.from_array(place, position))
            added.append(helper.make_node("Gather", [steps[0], position], steps[1:]))
            scalars.append(steps[1])
        added.append(helper.make_node("DequantizeLinear", [row, *scalars], [f"{_OURS}numbers"]))
        row = f"{_OURS}numbers"
    added.append(helper.make_node("Cast", [row], ["weights"], to=TensorProto.FLOAT))
    part = part_of(model, added, {"weights": 3 if site.layer.kind is Kind.CONVOLUTION else 1})
    part.graph.initializer.extend(constants)
    return part


def _is_for_each_unit(model: ModelProto, tensor: str) -> bool:
    """Whether a scale or zero point has more than one element."""
    dims = Tensors(model).dims(tensor)
    return dims is not None and math.prod(dim or 0 for dim in dims) > 1


def _handing_out(output: Output) -> list[NodeProto]:
    """The nodes from the tensor in the model to what is handed out."""
    steps: list[tuple[str, tuple[str, ...], dict[str, Any]]] = []
    if output.dequantize is not None:
        steps.append(("DequantizeLinear", output.dequantize, {}))
    if output.is_map and output.channels_last:
        steps.append(("Transpose", (), {"perm": TO_CHANNELS_FIRST}))
    if output.is_map and output.shrink > 1:
        sides = (output.shrink, output.shrink)
        window = {"kernel_shape": sides, "strides": sides, "ceil_mode": 1}
        steps.append(("MaxPool", (), window))
    # Half precision, too, and it names what is handed out.
    steps.append(("Cast", (), {"to": TensorProto.FLOAT}))
    nodes, tip = [], output.tensor
    for number, (operator, more, attributes) in enumerate(steps, start=1):
        last = number == len(steps)
        name = output.name if last else f"{_OURS}{output.name}/{number}"
        nodes.append(helper.make_node(operator, [tip, *more], [name], **attributes))
        tip = name
    return nodes


def part_of(
    model: ModelProto, added: Iterable[NodeProto], outputs: Mapping[str, int]
) -> ModelProto:
    """The nodes of ``model``, and ``added``, that ``outputs`` (name -> rank) depend on."""
    graph = model.graph
    nodes = [*graph.node, *added]
    maker = {output: index for index, node in enumerate(nodes) for output in node.output}
    needed: set[int] = set()
    waiting = list(outputs)
    while waiting:
        index = maker.get(waiting.pop())
        if index is not None and index not in needed:
            needed.add(index)
            waiting += nodes[index].input
    kept = [node for index, node in enumerate(nodes) if index in needed]
    read = {name for node in kept for name in node.input}
    part = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    part.functions.extend(model.functions)
    part.graph.name = graph.name
    part.graph.node.extend(kept)
    part.graph.initializer.extend(t for t in graph.initializer if t.name in read)
    part.graph.input.extend(value for value in graph.input if value.name in read)
    part.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)
        for name, rank in outputs.items()
    )
    return part
