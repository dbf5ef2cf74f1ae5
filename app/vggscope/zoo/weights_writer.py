"""Writes a model in normal form tensor by tensor: its weights are never in memory together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggscope.errors import Cancelled
from vggscope.zoo.meter import Meter, never, nothing
from vggscope.zoo.normal_form import GRAPH, Model, describe_files
from vggscope.zoo.weights_file import WeightsFile, is_large, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from onnx import ModelProto, TensorProto

    from vggscope.zoo.meter import Progress

    Blocks = Iterable[NDArray[np.float32]]


def write_streamed(
    proto: ModelProto,
    blocks_of: Callable[[TensorProto], Blocks],
    folder: Path,
    *,
    progress: Callable[[Progress], None] = nothing,
    stop: Callable[[], bool] = never,
    **facts: object,
) -> Model:
    """Write ``proto`` to ``folder`` in normal form, its weights as they come.

    Args:
        proto: a graph whose weights have no values yet, all float32; they are filled in.
        blocks_of: the values of a weight in its order, in blocks of any shape.
        folder: an empty one.
        progress: told how many bytes of weights are written.
        stop: asked between blocks.
        facts: as for ``write_model``.

    Raises:
        Cancelled: ``stop`` said so.
        ModelDescriptionError: the facts do not make a valid description.
        OSError: a file cannot be written.
    """
    total = sum(size_of(tensor) or 0 for tensor in proto.graph.initializer)
    meter = Meter("installing", total=total, report=progress)
    with WeightsFile(folder) as weights:
        for tensor in proto.graph.initializer:
            blocks = _told(blocks_of(tensor), meter, stop)
            if is_large(tensor):
                weights.move(tensor, blocks)
            else:
                tensor.raw_data = b"".join(blocks)
    (folder / GRAPH).write_bytes(proto.SerializeToString())
    return describe_files(folder, weights.entry, {"layers": _layers(proto), **facts})


def _told(blocks: Blocks, meter: Meter, stop: Callable[[], bool]) -> Iterable[memoryview]:
    """The bytes of ``blocks``, counted by ``meter`` until ``stop`` ends it."""
    import numpy as np  # noqa: PLC0415 (whoever has blocks has paid for it)

    for block in blocks:
        if stop():
            raise Cancelled
        data = np.ascontiguousarray(block, "<f4").data.cast("B")
        yield data
        meter.advance(len(data))


def _layers(proto: ModelProto) -> list[dict[str, str]]:
    """Every node as a layer, under its own name."""
    return [
        {"name": node.name, "operator": node.op_type, "tensor": node.output[0]}
        for node in proto.graph.node
    ]
