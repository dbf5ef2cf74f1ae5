"""Make the hostile corpus of models: what is given to ``vggscope models import`` and is none.

    python make_onnx.py FOLDER

Nothing here is random from run to run. One file claims to have 3 GB and takes none on the disk.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from vggscope.errors import (
    BareWeightsError,
    DamagedModelError,
    ExternalDataError,
    ImportRefusedError,
    InvalidGraphError,
    ModelTooLargeError,
    ModelUnreadableError,
    NotAClassifierError,
    NotOnnxError,
    OnnxVersionError,
    PickledModelError,
    SeveralInputsError,
    SeveralOutputsError,
    TrialError,
    UnknownOperatorError,
    UnsupportedGraphError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


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


# --- building stones --------------------------------------------------------------------------


def good() -> ModelProto:
    """A small classifier that is taken in: everything below is this one, spoilt."""
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


def _put(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def _spoilt(change: Callable[[ModelProto], object]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        proto = good()
        change(proto)
        path.write_bytes(proto.SerializeToString())

    return write


def _graph(change: Callable[[Any], object]) -> Callable[[Path], object]:
    return _spoilt(lambda proto: change(proto.graph))


def _weight(change: Callable[[TensorProto], object]) -> Callable[[Path], object]:
    """The matrix, which is large enough to be left in the file."""
    return _graph(lambda graph: change(graph.initializer[1]))


def _input(*dims: int | str | None, type_: int = TensorProto.FLOAT) -> Callable[[Path], object]:
    return _graph(
        lambda graph: graph.input[0].CopyFrom(helper.make_tensor_value_info("data", type_, dims))
    )


def _node(operator: str, *inputs: str, output: str = "more", **more: Any) -> Any:
    return helper.make_node(operator, inputs, [output], **more)


def _answering(*nodes: Any, dims: list[Any] | None, type_: int = TensorProto.FLOAT) -> Any:
    """Another answer, ``more``, than the logits."""

    def change(graph: Any) -> None:
        graph.node.extend(nodes)
        graph.output[0].CopyFrom(helper.make_tensor_value_info("more", type_, dims))

    return _graph(change)


def _attribute(**fields: Any) -> Callable[[Path], object]:
    """A node with an attribute that ``helper`` would not make."""

    def change(graph: Any) -> None:
        attribute = graph.node[1].attribute.add(name="odd")
        for field, value in fields.items():
            if hasattr(value, "SerializeToString"):
                getattr(attribute, field).CopyFrom(value)
            else:
                setattr(attribute, field, value)

    return _graph(change)


def _set(message: Any, **fields: Any) -> None:
    for field, value in fields.items():
        setattr(message, field, value)


def _zip(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return stream.getvalue()


def _field(number: int, data: bytes) -> bytes:
    out, length = bytes([number << 3 | 2]), len(data)
    while length > 0x7F:
        out += bytes([length & 0x7F | 0x80])
        length >>= 7
    return out + bytes([length]) + data


def _external(tensor: TensorProto, location: str) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)


def _claims(path: Path) -> None:
    with path.open("wb") as file:
        file.write(_GOOD)
        file.truncate(3 * 10**9)


def _functions(proto: ModelProto) -> None:
    proto.functions.append(
        helper.make_function(
            *("own", "Own", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])]),
            [helper.make_opsetid("", 17)],
        )
    )


def _branch(graph: Any) -> None:
    body = helper.make_graph([], "body", [], [])
    graph.node.append(
        helper.make_node("If", ["logits"], ["more"], then_branch=body, else_branch=body)
    )


def _circle(graph: Any) -> None:
    graph.node.append(helper.make_node("Add", ["conv", "round"], ["way"]))
    graph.node.append(helper.make_node("Relu", ["way"], ["round"]))


def _bomb(graph: Any) -> None:
    """16 TB of zeros, computed from four numbers."""
    shape = numpy_helper.from_array(np.array([1, 4, 10**6, 10**6], np.int64), "shape")
    graph.initializer.append(shape)
    graph.node.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["zeros"]))
    graph.node.insert(1, helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0))
    graph.node.append(helper.make_node("Add", ["logits", "sum"], ["more"]))
    graph.output[0].name = "more"


def _twice(graph: Any) -> None:
    graph.initializer.add().CopyFrom(graph.initializer[0])


def _not_numbers(tensor: TensorProto) -> None:
    tensor.raw_data = np.full((8, 1000), np.nan, np.float32).tobytes()


_GOOD: Final = good().SerializeToString()
_FLOAT: Final = TensorProto.FLOAT
_TEXTS: Final = helper.make_tensor("texts", TensorProto.STRING, [1], [b"a"])
_SPARSE: Final = helper.make_sparse_tensor(
    helper.make_tensor("values", _FLOAT, [1], [1.0]),
    helper.make_tensor("indices", TensorProto.INT64, [1], [0]),
    [4],
)
_NUMPY: Final = io.BytesIO()
np.save(_NUMPY, np.zeros(3))
_SAFETENSORS: Final = json.dumps({"__metadata__": {"format": "pt"}}).encode()

_NOT_ONNX: Final = {
    "empty": Case("a download that never began", NotOnnxError, "empty", _put(b"")),
    "zeros": Case("nothing but zeros", NotOnnxError, "zeros", _put(bytes(4096))),
    "text": Case("a letter", NotOnnxError, "a text", _put(b"Dear Sir or Madam,\n")),
    "web page": Case(
        *("a server's error page", NotOnnxError, "a web page"),
        _put(b"\n<!DOCTYPE html><title>404</title>"),
    ),
    "lfs pointer": Case(
        *("a clone without its large files", NotOnnxError, "Git LFS"),
        _put(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
    ),
    "picture": Case("a picture", NotOnnxError, "a picture (PNG)", _put(b"\x89PNG\r\n\x1a\n\0\0")),
    "gzip": Case("compressed", NotOnnxError, "gzip", _put(b"\x1f\x8b\x08\0\0\0")),
    "tflite": Case("TensorFlow Lite", NotOnnxError, "Lite", _put(b"\x1c\0\0\0TFL3\0\0")),
    "zip": Case("an archive", NotOnnxError, "ZIP", _put(_zip(model_dot_onnx=_GOOD))),
    "broken zip": Case("half an archive", NotOnnxError, "ZIP", _put(_zip(a=b"1" * 99)[:40])),
    "no graph": Case(
        *("a model without a graph", NotOnnxError, "without a network"),
        _put(b"\x08\x09" + _field(2, b"pytorch")),
    ),
    "torch": Case(
        *("PyTorch's own format", PickledModelError, "pickle"),
        _put(_zip(archive__data_dot_pkl=pickle.dumps({}))),
        file="model.pt",
    ),
    "pickle": Case("a pickle", PickledModelError, "pickle", _put(pickle.dumps([1]))),
    "safetensors": Case(
        *("weights by another name", BareWeightsError, "safetensors"),
        _put(struct.pack("<Q", len(_SAFETENSORS)) + _SAFETENSORS),
    ),
    "hdf5": Case("weights of Keras", BareWeightsError, "HDF5", _put(b"\x89HDF\r\n\x1a\n\0")),
    "npy": Case("an array", BareWeightsError, "NumPy", _put(_NUMPY.getvalue())),
    "npz": Case("arrays", BareWeightsError, "npz", _put(_zip(a_dot_npy=_NUMPY.getvalue()))),
}
_NO_FILES: Final = {
    "missing": Case("no file", ModelUnreadableError, "No such file", lambda _path: None),
    "folder": Case("a folder", ModelUnreadableError, "a folder", Path.mkdir),
    "pipe": Case("nobody writes into it", ModelUnreadableError, "no file", os.mkfifo),
    "device": Case(
        *("endless zeros", ModelUnreadableError, "no file"),
        lambda path: path.symlink_to("/dev/zero"),
    ),
    "link loop": Case(
        *("a link to itself", ModelUnreadableError, "link"),
        lambda path: path.symlink_to(path.name),
    ),
}
_DAMAGED: Final = {
    "cut early": Case(
        *("the first third", DamagedModelError, "bytes are missing"), _put(_GOOD[: len(_GOOD) // 3])
    ),
    "cut late": Case("all but a byte", DamagedModelError, "missing", _put(_GOOD[:-1])),
    "endless number": Case(
        "a number without end", DamagedModelError, "no end", _put(b"\x08" + b"\xff" * 40)
    ),
    "huge length": Case(
        *("a graph of 8 exabytes", DamagedModelError, "missing"),
        _put(b"\x3a" + b"\xff" * 8 + b"\x7f" + _GOOD),
    ),
    "noise": Case("noise", DamagedModelError, "", _put(b"\xf3" + random.Random(3).randbytes(4096))),
    "groups": Case("groups in groups", DamagedModelError, "no field", _put(b"\x13" * 5000)),
    "deep": Case(
        *("a hundred thousand messages in each other", DamagedModelError, "protobuf"),
        _put(b"\x08\x09" + _field(7, _field(1, _field(5, b"\x32\x02" * 5000 + bytes(1))))),
    ),
}
_TOO_LARGE: Final = {
    "3 GB": Case("more than protobuf takes", ModelTooLargeError, "3.0 GB", _claims),
    "much ado": Case(
        *("50 MB of remarks", ModelTooLargeError, "its structure alone"),
        _put(_GOOD + _field(6, b"x" * 50 * 2**20)),
    ),
    "many nodes": Case(
        *("60,000 nodes", ModelTooLargeError, "60,005 nodes"),
        _put(_GOOD + _field(7, _field(1, b"\x22\x04Relu") * 60_000)),
    ),
}
_FOREIGN: Final = {
    "weights elsewhere": Case(
        *("external data", ExternalDataError, "“more.bin”"),
        _weight(lambda tensor: _external(tensor, "more.bin")),
    ),
    "passwords": Case(
        *("external data on its way out", ExternalDataError, "../etc/passwd"),
        _weight(lambda tensor: _external(tensor, "../../etc/passwd")),
    ),
    "external by half": Case(
        *("data here, and a reference to others", ExternalDataError, "/etc/passwd"),
        _weight(lambda tensor: tensor.external_data.add(key="location", value="/etc/passwd")),
    ),
    "external constant": Case(
        *("the same in a node", ExternalDataError, "more.bin"),
        _graph(
            lambda graph: (
                graph.node.append(
                    _node("Constant", value=helper.make_tensor("v", _FLOAT, [], [1.0]))
                ),
                _external(graph.node[-1].attribute[0].t, "more.bin"),
            )
        ),
    ),
    "unknown operator": Case(
        *("an operator of nobody", UnknownOperatorError, "Fold"),
        _graph(lambda graph: graph.node.append(_node("Fold", "logits"))),
    ),
    "unknown domain": Case(
        *("an operator of somebody", UnknownOperatorError, "acme.Relu"),
        _graph(lambda graph: graph.node.append(_node("Relu", "logits", domain="acme"))),
    ),
    "classic learning": Case(
        *("what scikit-learn is exported to", UnknownOperatorError, "ai.onnx.ml.ZipMap"),
        _graph(lambda graph: graph.node.append(_node("ZipMap", "logits", domain="ai.onnx.ml"))),
    ),
    "old operators": Case(
        *("operator set 6", OnnxVersionError, "operator set 6"),
        _spoilt(lambda proto: _set(proto.opset_import[0], version=6)),
    ),
    "new operators": Case(
        *("operator set 999", OnnxVersionError, "operator set 999"),
        _spoilt(lambda proto: _set(proto.opset_import[0], version=999)),
    ),
    "new format": Case(
        *("a format of the future", OnnxVersionError, "version 99"),
        _spoilt(lambda proto: _set(proto, ir_version=99)),
    ),
    "no format": Case(
        *("no version of the format", OnnxVersionError, "version 0"),
        _spoilt(lambda proto: proto.ClearField("ir_version")),
    ),
    "no operators": Case(
        *("no operator set", InvalidGraphError, "names 0 versions"),
        _spoilt(lambda proto: proto.ClearField("opset_import")),
    ),
}
_INVALID: Final = {
    "circle": Case("nodes that wait for each other", InvalidGraphError, "circle", _graph(_circle)),
    "weight twice": Case("a weight twice", InvalidGraphError, "“filters” is there", _graph(_twice)),
    "tensor twice": Case(
        *("two nodes make one tensor", InvalidGraphError, "“relu” is computed twice"),
        _graph(lambda graph: graph.node.append(_node("Relu", "conv", output="relu"))),
    ),
    "weight missing": Case(
        *("a weight is not there", InvalidGraphError, "“matrix” is read"),
        _graph(lambda graph: graph.initializer.pop()),
    ),
    "output of nothing": Case(
        *("nothing makes the output", InvalidGraphError, "“answer” is made by nothing"),
        _graph(lambda graph: _set(graph.output[0], name="answer")),
    ),
    "too few numbers": Case(
        *("less data than the shape tells", InvalidGraphError, "instead of"),
        _weight(lambda tensor: _set(tensor, raw_data=tensor.raw_data[:-4])),
    ),
    "too many": Case(
        *("a shape of petabytes", InvalidGraphError, "instead of"),
        _weight(lambda tensor: tensor.dims.extend([2**40])),
    ),
    "negative": Case(
        *("a negative size", InvalidGraphError, "no weight has"),
        _weight(lambda tensor: tensor.dims.append(-1)),
    ),
    "no type": Case(
        *("a type of nobody", InvalidGraphError, "no weight has"),
        _weight(lambda tensor: _set(tensor, data_type=999)),
    ),
    "no text": Case(
        *("a name that is no text", DamagedModelError, "is no text"),
        _put(_GOOD.replace(b"filters", b"fil\xffers")),
    ),
    "terminal": Case(
        *("a name that a terminal obeys", InvalidGraphError, "cannot be shown"),
        _put(_GOOD.replace(b"pool", b"p\x1b[J")),
    ),
    "lines": Case(
        *("an operator of two lines", UnknownOperatorError, "Re\ufffdu"),
        _put(_GOOD.replace(b"Relu", b"Re\nu")),
    ),
    "no values": Case(
        *("a weight without values", InvalidGraphError, "no values"),
        _weight(lambda tensor: tensor.ClearField("raw_data")),
    ),
}
_UNSUPPORTED: Final = {
    "branch": Case("a branch of control", UnsupportedGraphError, "loops", _graph(_branch)),
    "hidden branch": Case(
        *("a graph that claims to be a number", UnsupportedGraphError, "claims"),
        _attribute(type=2, g=helper.make_graph([], "body", [], [])),
    ),
    "functions": Case("functions", UnsupportedGraphError, "functions", _spoilt(_functions)),
    "sparse": Case(
        *("sparse weights", UnsupportedGraphError, "sparse"),
        _graph(lambda graph: graph.sparse_initializer.append(_SPARSE)),
    ),
    "texts": Case(
        *("texts", UnsupportedGraphError, "texts"),
        _graph(lambda graph: graph.initializer.append(_TEXTS)),
    ),
}
_NO_CLASSIFIERS: Final = {
    "two inputs": Case(
        *("a picture and a number", SeveralInputsError, "2 inputs (data, number)"),
        _graph(
            lambda graph: (
                graph.input.append(helper.make_tensor_value_info("number", _FLOAT, [])),
                graph.node.append(_node("Add", "logits", "number")),
                _set(graph.output[0], name="more"),
            )
        ),
    ),
    "no input": Case(
        *("the same answer to all", NotAClassifierError, "depends on no input"),
        _answering(
            _node("Constant", value=helper.make_tensor("v", _FLOAT, [1, 2], [0.5, 0.5])),
            dims=[1, 2],
        ),
    ),
    "vector": Case("takes numbers", NotAClassifierError, "2 dimensions", _input("N", 768)),
    "clip": Case("takes a film", NotAClassifierError, "5 dimensions", _input("N", 3, 8, 16, 16)),
    "grey": Case(
        "takes grey pictures", NotAClassifierError, "three colours", _input("N", 1, 28, 28)
    ),
    "huge": Case("100,000 pixels", NotAClassifierError, "100,000", _input("N", 3, 10**5, 10**5)),
    "tiny": Case("4 pixels", NotAClassifierError, "4 pixels", _input("N", 3, 4, 4)),
    "batch": Case("a million pictures", NotAClassifierError, "1,000,000", _input(10**6, 3, 16, 16)),
    "token": Case(
        *("takes numbers of words", NotAClassifierError, "INT64"),
        _input("N", 3, 16, 16, type_=TensorProto.INT64),
    ),
    "any rank": Case(
        *("an input of any shape", NotAClassifierError, "does not tell the shape"),
        _graph(lambda graph: graph.input[0].type.tensor_type.ClearField("shape")),
    ),
    "segmenter": Case(
        *("a class for each pixel", NotAClassifierError, "is a map"),
        _answering(_node("Identity", "relu"), dims=["N", 8, 16, 16]),
    ),
    "detector": Case(
        *("boxes", NotAClassifierError, "is a table"),
        _answering(
            _node(
                "Constant",
                output="s",
                value=helper.make_tensor("v", TensorProto.INT64, [3], [-1, 8, 256]),
            ),
            _node("Reshape", "relu", "s"),
            dims=["N", 8, 256],
        ),
    ),
    "regression": Case(
        *("a number", NotAClassifierError, "a single number"),
        _answering(_node("ReduceMean", "logits", axes=[1]), dims=["N", 1]),
    ),
    "best class": Case(
        *("the number of a class", NotAClassifierError, "INT64"),
        _answering(_node("ArgMax", "logits", axis=1), dims=["N", 1], type_=TensorProto.INT64),
    ),
    "two answers": Case(
        *("two answers", SeveralOutputsError, "logits, flat"),
        _graph(
            lambda graph: graph.output.append(
                helper.make_tensor_value_info("flat", _FLOAT, ["N", 8])
            )
        ),
    ),
}
_FAILING: Final = {
    "bomb": Case("16 TB of zeros", TrialError, "", _graph(_bomb)),
    "no numbers": Case(
        "weights that are no numbers", TrialError, "no number", _weight(_not_numbers)
    ),
    "misfit": Case(
        *("layers that do not fit", TrialError, ""),
        _weight(lambda tensor: tensor.dims.__setitem__(slice(0, 2), [16, 500])),
    ),
}
CASES: Final[dict[str, Case]] = {
    **_NOT_ONNX,
    **_NO_FILES,
    **_DAMAGED,
    **_TOO_LARGE,
    **_FOREIGN,
    **_INVALID,
    **_UNSUPPORTED,
    **_NO_CLASSIFIERS,
    **_FAILING,
}
"""Every case by its key."""


def make(folder: Path) -> dict[str, Case]:
    """Create the corpus, each in a folder of its own, and tell which this platform could make."""
    made = {}
    for key, case in CASES.items():
        place = folder / key.replace(" ", "-")
        place.mkdir(parents=True)
        try:
            case.write(place / case.file)
        except (OSError, AttributeError) as failure:  # Windows: no pipes, few links
            print(f"{key}: left out, {failure}", file=sys.stderr)  # noqa: T201
        else:
            made[key] = case
    return made


if __name__ == "__main__":
    for key, case in make(Path(sys.argv[1])).items():
        print(f"{key:18} {getattr(case.error, 'kind', 'refused'):20} {case.why}")  # noqa: T201
