"""The fully convolutional form of a classifier: any picture size in, a map of classes out.

Section 3.2 of the paper (arXiv:1409.1556) turns fc6 into a convolution of 7 × 7, fc7 and fc8 into
those of 1 × 1, so that the network slides over a whole picture, sharing what its windows have in
common. That convolution is written here as what it is computed by: the 7 × 7 windows of the last
map become the rows of a batch, which goes through the fully connected layers as they are.

- The weights stay where and how they are, in every storage and layout: transposed or not, in half
  precision, in 8 bits with a scale for each unit, flattened with the channels last.
- A convolution of 7 × 7 × 512 makes the CPU provider copy the 411 MB of fc6 into an order of its
  own, beside the ones that are mapped. A matrix product can do without.

Importing this module imports ``onnx``, which takes 162 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from vggscope.errors import NotConvolutionalError
from vggscope.vgg.axis import Window
from vggscope.vgg.graph import POINTWISE, TO_CHANNELS_LAST
from vggscope.vgg.network import Kind
from vggscope.vgg.surgery import part_of
from vggscope.vgg.tensors import Tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnx import NodeProto

    from vggscope.vgg.anatomy import Anatomy, Site
    from vggscope.vgg.axis import Axis
    from vggscope.vgg.network import Layer

_OURS: Final = "vggscope/"
OUTPUT: Final = "vggscope: logits of the windows"
"""Float32 [positions, classes], position after position in reading order."""
WINDOWS: Final = "vggscope: places of the windows"
"""The second input, int64 [positions, places in a window]; see ``Convolutional.places``."""
_WINDOWED: Final = {"GlobalAveragePool": "AveragePool", "GlobalMaxPool": "MaxPool"}
_REDUCTIONS: Final = frozenset({"ReduceMax", "ReduceMean"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolutional:
    """A classifier that slides over pictures of any size, one at a time.

    Attributes:
        graph: with the input of the model, its height and width left open, ``WINDOWS`` where there
            is something to fold, and ``OUTPUT``. It shares the model's weights.
        window: (height, width) of the input that the network was made for.
        rows, columns: what a position depends on, along each side; see ``Axis``.
        fold: (height, width) of the window of the last map that makes a position; (1, 1) if the
            positions are those of the map itself.
    """

    graph: ModelProto
    window: tuple[int, int]
    rows: Axis
    columns: Axis
    fold: tuple[int, int]

    def positions(self, height: int, width: int) -> tuple[int, int]:
        """(rows, columns) of positions in a picture of ``height`` and ``width``.

        Raises:
            ValueError: it is smaller than the window, or not the window and a number of steps.
        """
        counts = []
        for size, window, axis in (
            (height, self.window[0], self.rows),
            (width, self.window[1], self.columns),
        ):
            steps, rest = divmod(size - window, axis.stride)
            if steps < 0 or rest:
                raise ValueError(f"{size} is not {window} and a multiple of {axis.stride}")
            counts.append(steps + 1)
        return counts[0], counts[1]

    def places(self, height: int, width: int) -> NDArray[np.int64] | None:
        """The value of ``WINDOWS`` for such a picture; None if there is nothing to fold.

        Raises:
            ValueError: as ``positions``.
        """
        rows, columns = self.positions(height, width)
        if self.fold == (1, 1):
            return None
        across = columns + self.fold[1] - 1
        corners = np.arange(rows)[:, None] * across + np.arange(columns)
        taps = np.arange(self.fold[0])[:, None] * across + np.arange(self.fold[1])
        return (corners.reshape(-1, 1) + taps.reshape(1, -1)).astype(np.int64)

    def fixed(self, height: int, width: int) -> ModelProto:
        """The graph for pictures of this size alone, without ``WINDOWS``.

        Raises:
            ValueError: as ``positions``.
        """
        graph = ModelProto()
        graph.CopyFrom(self.graph)
        places = self.places(height, width)
        if places is not None:
            kept = [value for value in graph.graph.input if value.name != WINDOWS]
            del graph.graph.input[:]
            graph.graph.input.extend(kept)
            graph.graph.initializer.append(numpy_helper.from_array(places, WINDOWS))
        dims = graph.graph.input[0].type.tensor_type.shape.dim
        sizes = iter((height, width))
        for dim in dims:
            if dim.dim_param:
                dim.dim_value = next(sizes)
        return graph


def fully_convolutional(model: ModelProto, anatomy: Anatomy) -> Convolutional:
    """The fully convolutional form of ``model``.

    Layers up to the last map are applied to any size as they are. The first one that takes a map
    whole (a flattening, a global pooling) takes every window of it that has the size of the whole
    map of the ordinary form; whatever follows looks at one window at a time.

    Raises:
        NotConvolutionalError: ``model`` has no such form, or none that we know how to make.
    """
    sites = anatomy.sites
    number, last = _head(anatomy)
    copy = _open_copy(model)
    seen = sites[number - 1].layer
    fold = height, width = seen.rows.size, seen.columns.size
    pool, flat = _first_node(copy, sites[number]), _flattening(sites, number, last)
    if pool.op_type in _WINDOWED and flat is not None:
        # A pooling of windows instead of windows that are pooled: a fraction of the memory.
        pool.op_type = _WINDOWED[pool.op_type]
        pool.attribute.append(helper.make_attribute("kernel_shape", fold))
        number, fold = flat, (1, 1)
    _free_batch(copy, sites[number:])
    constants = _put_windows(copy, sites[number], fold, sites[number - 1].layer.output_shape[-1])
    graph = part_of(copy, _answering(copy, sites[last]), {OUTPUT: 2})
    graph.graph.initializer.extend(constants)
    if fold != (1, 1):
        dims = ("positions", fold[0] * fold[1])
        graph.graph.input.append(helper.make_tensor_value_info(WINDOWS, TensorProto.INT64, dims))
    return Convolutional(
        graph=graph,
        window=anatomy.network.input_shape[:2],
        rows=seen.rows.through(Window(kernel=height)),
        columns=seen.columns.through(Window(kernel=width)),
        fold=fold,
    )


def _head(anatomy: Anatomy) -> tuple[int, int]:
    """The numbers of the first layer that takes a map whole, and of the softmax.

    Raises:
        NotConvolutionalError: there are none, or what they are among cannot be put on windows.
    """

    def refusal(reason: str) -> NotConvolutionalError:
        return NotConvolutionalError(model=anatomy.network.name, reason=reason)

    if not anatomy.is_chain:
        raise refusal(f"its layers do not follow one another ({anatomy.reason})")
    head = None
    for number, site in enumerate(anatomy.sites):
        layer = site.layer
        if head is None and _takes_whole(layer):
            head = number
        elif head is None and (layer.kind is Kind.FULLY_CONNECTED or not layer.exact):
            raise refusal(f"nothing is known of how its layer “{layer.name}” sees a map")
        elif layer.kind is Kind.OTHER and layer.type not in POINTWISE:
            raise refusal(f"its layer “{layer.name}” may take several windows for one")
        elif layer.kind is Kind.SOFTMAX:
            if head is None:
                break
            return head, number
    raise refusal("it does not end in layers that see all of a map, and a softmax")


def _takes_whole(layer: Layer) -> bool:
    return (
        layer.kind is Kind.FLATTEN
        or layer.type.startswith("Global")
        or (layer.type in _REDUCTIONS and len(layer.output_shape) == 1)
    )


def _flattening(sites: Sequence[Site], pooling: int, last: int) -> int | None:
    """The number of the flattening behind a global pooling; None if windows cannot wait for it."""
    for number in range(pooling + 1, last):
        layer = sites[number].layer
        if layer.kind is Kind.FLATTEN:
            return number
        # On the one position of a map of 1 × 1, padding has its say.
        if layer.kernel not in {None, (1, 1)} or layer.type.startswith("Global"):
            return None
    return None


def _open_copy(model: ModelProto) -> ModelProto:
    """A copy of ``model`` that takes one picture of any size."""
    copy = ModelProto()
    copy.CopyFrom(model)
    [picture] = [v for v in copy.graph.input if v.name == Tensors(model).pictures[0].name]
    batch, *sides = picture.type.tensor_type.shape.dim
    batch.dim_value = 1
    # The channels are the side that the network cannot do with more of.
    channels = {1, 3, 4}
    last = sides[2].dim_value in channels and sides[0].dim_value not in channels
    for dim, name in zip(sides[:2] if last else sides[1:], ("height", "width"), strict=True):
        dim.dim_param = f"{_OURS}{name}"
    return copy


def _free_batch(model: ModelProto, sites: Sequence[Site]) -> None:
    """Let vectors be of any batch: exporters write the one that they know into a Reshape."""
    names = frozenset[str]().union(*(s.nodes for s in sites if len(s.layer.output_shape) == 1))
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.output[0] in names:
            node.op_type = "Flatten"
            del node.input[1:]
            del node.attribute[:]


def _put_windows(
    model: ModelProto, whole: Site, fold: tuple[int, int], channels: int
) -> list[TensorProto]:
    """Have ``whole`` take the windows of its map as a batch; the constants for that."""
    first = _first_node(model, whole)
    tensor, windows = first.input[0], f"{_OURS}windows"
    shapes: dict[str, tuple[int, ...]] = {
        "flat": (-1, channels) if whole.channels_last else (channels, -1),
        "batch": (-1, *fold, channels) if whole.channels_last else (-1, channels, *fold),
    }
    constants = [
        numpy_helper.from_array(np.array(shape, np.int64), f"{_OURS}{name}")
        for name, shape in shapes.items()
    ]
    flat, batch = (constant.name for constant in constants)
    axis = 0 if whole.channels_last else 1
    steps: list[tuple[str, Sequence[str], dict[str, Any]]] = []
    if fold != (1, 1):
        steps += [("Reshape", (flat,), {}), ("Gather", (WINDOWS,), {"axis": axis})]
    if not whole.channels_last:
        steps.append(("Transpose", (), {"perm": TO_CHANNELS_LAST if fold == (1, 1) else (1, 0, 2)}))
    steps.append(("Reshape", (batch,), {}))
    nodes, tip = [], tensor
    for number, (operator, more, attributes) in enumerate(steps, start=1):
        name = windows if number == len(steps) else f"{_OURS}windows/{number}"
        nodes.append(helper.make_node(operator, [tip, *more], [name], **attributes))
        tip = name
    for node in model.graph.node:
        node.input[:] = [windows if name == tensor else name for name in node.input]
    at = next(i for i, node in enumerate(model.graph.node) if windows in node.input)
    for node in reversed(nodes):
        model.graph.node.insert(at, node)
    return constants


def _answering(model: ModelProto, softmax: Site) -> list[NodeProto]:
    """The nodes from what the softmax gets to ``OUTPUT``."""
    [node] = [
        n for n in model.graph.node if n.output[0] in softmax.nodes and "Softmax" in n.op_type
    ]
    tip, nodes = node.input[0], []
    if node.op_type == "QLinearSoftmax":
        nodes.append(helper.make_node("DequantizeLinear", node.input[:3], [f"{_OURS}logits"]))
        tip = nodes[-1].output[0]
    nodes.append(helper.make_node("Flatten", [tip], [f"{_OURS}rows"]))
    nodes.append(helper.make_node("Cast", [f"{_OURS}rows"], [OUTPUT], to=TensorProto.FLOAT))
    return nodes


def _first_node(model: ModelProto, site: Site) -> NodeProto:
    """The node that the layer at ``site`` begins with."""
    found: NodeProto = next(n for n in model.graph.node if site.nodes.intersection(n.output))
    return found
