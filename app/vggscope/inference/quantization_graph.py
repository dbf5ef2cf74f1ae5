"""An ONNX graph in 8-bit integers, by ONNX Runtime's static quantization.

Weights become int8 with a scale per channel, activations uint8 with a scale per tensor that spans
the least and the greatest value seen in calibration (MinMax). The graph keeps its operators, with
QuantizeLinear and DequantizeLinear around them (QDQ), which execution providers replace by integer
arithmetic.
"""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np

# Before anything of ONNX Runtime: it switches the telemetry off.
import vggscope.inference.runtime  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto

    from vggscope.zoo.normal_form import LayerEntry

_OPSET: Final = 13
"""The first in which DequantizeLinear takes a scale per channel."""
_IR_VERSION: Final = 4
"""The first in which weights are no inputs of the graph."""
_ONNX: Final = frozenset({"", "ai.onnx"})
"""Names of the standard's own set of operators."""
_FATAL_ONLY: Final = 4
_MARKS: Final = frozenset({"DequantizeLinear", "QuantizeLinear"})
_IN_INTEGERS: Final = re.compile("QLinear|QGemm|ConvInteger|MatMulInteger|DynamicQuantizeLinear")
_MERGED: Final = {"MatMul": "Gemm"}
"""MatMul and Add become Gemm before the quantization."""
_log = logging.getLogger(__name__)


def quantize_graph(
    graph: Path, pictures: Iterable[NDArray[np.float32]], *, probabilities: str
) -> ModelProto:
    """The graph in 8-bit integers, its weights inside.

    Softmax stays in floating point: in 8 bits every class below 0.2 % would be a tie at zero.

    Args:
        graph: an ONNX file with its weights inside or beside it.
        pictures: what to calibrate with, without the batch axis; taken one at a time.
        probabilities: the output that Softmax leads to.

    Raises:
        Exception: whatever ``pictures``, ONNX and ONNX Runtime raise.
    """
    import onnx  # noqa: PLC0415 (162 ms)
    from onnxruntime.quantization import (  # noqa: PLC0415 (needed only here; brings onnx)
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    # Windows keeps files that a session still has open, as it may have after an error.
    room = TemporaryDirectory(prefix="vggscope-", ignore_cleanup_errors=True)
    with room as scratch, _root_log():
        prepared, quantized = Path(scratch, "prepared.onnx"), Path(scratch, "quantized.onnx")
        _prepare(graph, prepared)
        structure = onnx.load(prepared, load_external_data=False).graph
        quantize_static(
            prepared,
            quantized,
            # It keeps two numbers per tensor and picture. Its CalibMaxIntermediateOutputs is no
            # economy but a trap: 1.32 drops what was collected instead of merging it.
            _Feeds(structure, pictures),
            quant_format=QuantFormat.QDQ,
            nodes_to_exclude=_from_softmax_on(structure, probabilities),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            # Of the full VGG16 (553 MB): 10 s and a peak of 1.97 GB, instead of 14 s and 2.24 GB.
            use_external_data_format=True,
        )
        proto = onnx.load(quantized)
    _forget_unused_operator_sets(proto)
    return proto


def is_quantized(graph: GraphProto) -> bool:
    """Whether a part of ``graph`` computes in integers of few bits."""
    return any(node.op_type in _MARKS or _IN_INTEGERS.match(node.op_type) for node in graph.node)


def has_int8_weights(graph: GraphProto) -> bool:
    """Whether the quantization of ``graph`` was of any use."""
    from onnx import TensorProto  # noqa: PLC0415

    return any(tensor.data_type == TensorProto.INT8 for tensor in graph.initializer)


def layers_after(
    layers: Sequence[LayerEntry], before: GraphProto, after: GraphProto
) -> list[dict[str, str]]:
    """``layers`` of the graph ``before`` as they are in the quantized graph ``after``.

    A layer whose output has merged with that of an activation or a normalisation behind it ends
    where that one did; one of which no operator is left is dropped.
    """
    readers: dict[str, list[NodeProto]] = {}
    for node in before.node:
        for tensor in node.input:
            readers.setdefault(tensor, []).append(node)
    producers = {tensor: node for node in after.node for tensor in node.output}
    entries = []
    for layer in layers:
        end: str | None = layer.tensor
        while end is not None and end not in producers:
            end = _only_output(readers.get(end, []))
        node = _operator(producers, end)
        if node is not None and node.op_type in {layer.operator, _MERGED.get(layer.operator)}:
            entry = {"name": layer.name, "operator": node.op_type, "tensor": node.output[0]}
            entries.append(entry)
    return entries


class _Feeds:
    """What ONNX Runtime calls a ``CalibrationDataReader``: the pictures as inputs of the graph."""

    def __init__(self, graph: GraphProto, pictures: Iterable[NDArray[np.float32]]) -> None:
        self._pictures = iter(pictures)
        self._input = graph.input[0].name
        # 0 where the batch is free.
        self._batch = graph.input[0].type.tensor_type.shape.dim[0].dim_value or 1

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        picture = next(self._pictures, None)
        if picture is None:
            return None
        return {self._input: np.stack([picture] * self._batch)}


def _prepare(graph: Path, prepared: Path) -> None:
    """Write the graph with constants folded, normalisation merged into weights, all nodes named.

    ``quant_pre_process`` of ONNX Runtime does the same, but not with weights in another file.
    """
    import onnx  # noqa: PLC0415
    import onnxruntime as ort  # noqa: PLC0415
    from onnx import version_converter  # noqa: PLC0415

    proto = onnx.load(graph, load_external_data=False)
    _modernize(proto)
    if _opset(proto) < _OPSET:
        proto = version_converter.convert_version(proto, _OPSET)
    _name_nodes(proto.graph)
    # The mark by which ``quantize_static`` knows that this was done.
    proto.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")

    # Also for the sessions that ``quantize_static`` opens.
    ort.set_default_logger_severity(_FATAL_ONLY)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(prepared)
    for key, value in {
        "session.model_external_initializers_file_folder_path": str(graph.parent),
        "session.optimized_model_external_initializers_file_name": f"{prepared.stem}.bin",
        # Nothing will run in this session.
        "session.disable_prepacking": "1",
    }.items():
        options.add_session_config_entry(key, value)
    ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _modernize(proto: ModelProto) -> None:
    """Take weights out of the inputs, where old files have them: those cannot be folded."""
    weights = {tensor.name for tensor in proto.graph.initializer}
    for value in [value for value in proto.graph.input if value.name in weights]:
        proto.graph.input.remove(value)
    proto.ir_version = max(proto.ir_version, _IR_VERSION)


def _opset(proto: ModelProto) -> int:
    return max(int(entry.version) for entry in proto.opset_import if entry.domain in _ONNX)


def _name_nodes(graph: GraphProto) -> None:
    """Give every node a name of its own: quantization excludes by name."""
    taken = {""}
    for node in graph.node:
        if node.name in taken:
            node.name = node.output[0]
        taken.add(node.name)


def _from_softmax_on(graph: GraphProto, output: str) -> list[str]:
    """Names of the nodes from the last Softmax to ``output``; of the last node if there is none."""
    producers = {tensor: node for node in graph.node for tensor in node.output}
    names = []
    while (node := producers.get(output)) is not None:
        names.append(node.name)
        if node.op_type == "Softmax":
            return names
        output = node.input[0]
    return names[:1]


def _forget_unused_operator_sets(proto: ModelProto) -> None:
    """ONNX Runtime lists all that it knows."""
    used = _ONNX.union(node.domain for node in proto.graph.node)
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)


def _only_output(readers: Sequence[NodeProto]) -> str | None:
    """The output of the only reader of a tensor; None if there are more, or none."""
    return readers[0].output[0] if len(readers) == 1 else None


def _operator(producers: dict[str, NodeProto], tensor: str | None) -> NodeProto | None:
    """What computes ``tensor``, apart from its quantization."""
    node = producers.get(tensor) if tensor is not None else None
    while node is not None and node.op_type in _MARKS:
        node = producers.get(node.input[0])
    return node


class _IntoOurs(logging.Handler):
    """Takes what modules say that have no logger of their own."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "root":
            _log.info("ONNX Runtime: %s", record.getMessage())


@contextlib.contextmanager
def _root_log() -> Iterator[None]:
    """Lead into our log what ONNX Runtime's tools say to the root logger.

    Without a handler there, their first word would install one that writes to stderr for good.
    """
    root = logging.getLogger()
    handler = _IntoOurs()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
