"""Networks that ``vggscope models import`` makes no model of, by what is wrong with them.

They want what is not there, contradict themselves, are no classifiers, or fail when they are run.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx_pieces import (
    GOOD,
    Case,
    answering,
    assign,
    in_graph,
    in_weight,
    node,
    put,
    spoilt,
    taking,
    with_attribute,
)

from vggscope.errors import (
    DamagedModelError,
    ExternalDataError,
    InvalidGraphError,
    NotAClassifierError,
    OnnxVersionError,
    SeveralInputsError,
    SeveralOutputsError,
    TrialError,
    UnknownOperatorError,
    UnsupportedGraphError,
)


def _external(tensor: TensorProto, location: str) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)


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


FLOAT: Final = TensorProto.FLOAT
_TEXTS: Final = helper.make_tensor("texts", TensorProto.STRING, [1], [b"a"])
_SPARSE: Final = helper.make_sparse_tensor(
    helper.make_tensor("values", FLOAT, [1], [1.0]),
    helper.make_tensor("indices", TensorProto.INT64, [1], [0]),
    [4],
)
_FOREIGN: Final = {
    "weights elsewhere": Case(
        *("external data", ExternalDataError, "“more.bin”"),
        in_weight(lambda tensor: _external(tensor, "more.bin")),
    ),
    "passwords": Case(
        *("external data on its way out", ExternalDataError, "../etc/passwd"),
        in_weight(lambda tensor: _external(tensor, "../../etc/passwd")),
    ),
    "external by half": Case(
        *("data here, and a reference to others", ExternalDataError, "/etc/passwd"),
        in_weight(lambda tensor: tensor.external_data.add(key="location", value="/etc/passwd")),
    ),
    "external constant": Case(
        *("the same in a node", ExternalDataError, "more.bin"),
        in_graph(
            lambda graph: (
                graph.node.append(
                    node("Constant", value=helper.make_tensor("v", FLOAT, [], [1.0]))
                ),
                _external(graph.node[-1].attribute[0].t, "more.bin"),
            )
        ),
    ),
    "unknown operator": Case(
        *("an operator of nobody", UnknownOperatorError, "Fold"),
        in_graph(lambda graph: graph.node.append(node("Fold", "logits"))),
    ),
    "unknown domain": Case(
        *("an operator of somebody", UnknownOperatorError, "acme.Relu"),
        in_graph(lambda graph: graph.node.append(node("Relu", "logits", domain="acme"))),
    ),
    "classic learning": Case(
        *("what scikit-learn is exported to", UnknownOperatorError, "ai.onnx.ml.ZipMap"),
        in_graph(lambda graph: graph.node.append(node("ZipMap", "logits", domain="ai.onnx.ml"))),
    ),
    "old operators": Case(
        *("operator set 6", OnnxVersionError, "operator set 6"),
        spoilt(lambda proto: assign(proto.opset_import[0], version=6)),
    ),
    "new operators": Case(
        *("operator set 999", OnnxVersionError, "operator set 999"),
        spoilt(lambda proto: assign(proto.opset_import[0], version=999)),
    ),
    "new format": Case(
        *("a format of the future", OnnxVersionError, "version 99"),
        spoilt(lambda proto: assign(proto, ir_version=99)),
    ),
    "no format": Case(
        *("no version of the format", OnnxVersionError, "version 0"),
        spoilt(lambda proto: proto.ClearField("ir_version")),
    ),
    "no operators": Case(
        *("no operator set", InvalidGraphError, "names 0 versions"),
        spoilt(lambda proto: proto.ClearField("opset_import")),
    ),
}
_INVALID: Final = {
    "circle": Case(
        "nodes that wait for each other", InvalidGraphError, "circle", in_graph(_circle)
    ),
    "weight twice": Case(
        "a weight twice", InvalidGraphError, "“filters” is there", in_graph(_twice)
    ),
    "tensor twice": Case(
        *("two nodes make one tensor", InvalidGraphError, "“relu” is computed twice"),
        in_graph(lambda graph: graph.node.append(node("Relu", "conv", output="relu"))),
    ),
    "weight missing": Case(
        *("a weight is not there", InvalidGraphError, "“matrix” is read"),
        in_graph(lambda graph: graph.initializer.pop()),
    ),
    "output of nothing": Case(
        *("nothing makes the output", InvalidGraphError, "“answer” is made by nothing"),
        in_graph(lambda graph: assign(graph.output[0], name="answer")),
    ),
    "too few numbers": Case(
        *("less data than the shape tells", InvalidGraphError, "instead of"),
        in_weight(lambda tensor: assign(tensor, raw_data=tensor.raw_data[:-4])),
    ),
    "too many": Case(
        *("a shape of petabytes", InvalidGraphError, "instead of"),
        in_weight(lambda tensor: tensor.dims.extend([2**40])),
    ),
    "negative": Case(
        *("a negative size", InvalidGraphError, "no weight has"),
        in_weight(lambda tensor: tensor.dims.append(-1)),
    ),
    "no type": Case(
        *("a type of nobody", InvalidGraphError, "no weight has"),
        in_weight(lambda tensor: assign(tensor, data_type=999)),
    ),
    "no text": Case(
        *("a name that is no text", DamagedModelError, "is no text"),
        put(GOOD.replace(b"filters", b"fil\xffers")),
    ),
    "terminal": Case(
        *("a name that a terminal obeys", InvalidGraphError, "cannot be shown"),
        put(GOOD.replace(b"pool", b"p\x1b[J")),
    ),
    "lines": Case(
        *("an operator of two lines", UnknownOperatorError, "Re\ufffdu"),
        put(GOOD.replace(b"Relu", b"Re\nu")),
    ),
    "no values": Case(
        *("a weight without values", InvalidGraphError, "no values"),
        in_weight(lambda tensor: tensor.ClearField("raw_data")),
    ),
}
_UNSUPPORTED: Final = {
    "branch": Case("a branch of control", UnsupportedGraphError, "loops", in_graph(_branch)),
    "hidden branch": Case(
        *("a graph that claims to be a number", UnsupportedGraphError, "claims"),
        with_attribute(type=2, g=helper.make_graph([], "body", [], [])),
    ),
    "functions": Case("functions", UnsupportedGraphError, "functions", spoilt(_functions)),
    "sparse": Case(
        *("sparse weights", UnsupportedGraphError, "sparse"),
        in_graph(lambda graph: graph.sparse_initializer.append(_SPARSE)),
    ),
    "texts": Case(
        *("texts", UnsupportedGraphError, "texts"),
        in_graph(lambda graph: graph.initializer.append(_TEXTS)),
    ),
}
_NO_CLASSIFIERS: Final = {
    "two inputs": Case(
        *("a picture and a number", SeveralInputsError, "2 inputs (data, number)"),
        in_graph(
            lambda graph: (
                graph.input.append(helper.make_tensor_value_info("number", FLOAT, [])),
                graph.node.append(node("Add", "logits", "number")),
                assign(graph.output[0], name="more"),
            )
        ),
    ),
    "no input": Case(
        *("the same answer to all", NotAClassifierError, "depends on no input"),
        answering(
            node("Constant", value=helper.make_tensor("v", FLOAT, [1, 2], [0.5, 0.5])),
            dims=[1, 2],
        ),
    ),
    "vector": Case("takes numbers", NotAClassifierError, "2 dimensions", taking("N", 768)),
    "clip": Case("takes a film", NotAClassifierError, "5 dimensions", taking("N", 3, 8, 16, 16)),
    "grey": Case(
        "takes grey pictures", NotAClassifierError, "three colours", taking("N", 1, 28, 28)
    ),
    "huge": Case("100,000 pixels", NotAClassifierError, "100,000", taking("N", 3, 10**5, 10**5)),
    "tiny": Case("4 pixels", NotAClassifierError, "4 pixels", taking("N", 3, 4, 4)),
    "batch": Case("a million pictures", NotAClassifierError, "1,000,000", taking(10**6, 3, 16, 16)),
    "token": Case(
        *("takes numbers of words", NotAClassifierError, "INT64"),
        taking("N", 3, 16, 16, type_=TensorProto.INT64),
    ),
    "any rank": Case(
        *("an input of any shape", NotAClassifierError, "does not tell the shape"),
        in_graph(lambda graph: graph.input[0].type.tensor_type.ClearField("shape")),
    ),
    "segmenter": Case(
        *("a class for each pixel", NotAClassifierError, "is a map"),
        answering(node("Identity", "relu"), dims=["N", 8, 16, 16]),
    ),
    "detector": Case(
        *("boxes", NotAClassifierError, "is a table"),
        answering(
            node(
                "Constant",
                output="s",
                value=helper.make_tensor("v", TensorProto.INT64, [3], [-1, 8, 256]),
            ),
            node("Reshape", "relu", "s"),
            dims=["N", 8, 256],
        ),
    ),
    "regression": Case(
        *("a number", NotAClassifierError, "a single number"),
        answering(node("ReduceMean", "logits", axes=[1]), dims=["N", 1]),
    ),
    "best class": Case(
        *("the number of a class", NotAClassifierError, "INT64"),
        answering(node("ArgMax", "logits", axis=1), dims=["N", 1], type_=TensorProto.INT64),
    ),
    "two answers": Case(
        *("two answers", SeveralOutputsError, "logits, flat"),
        in_graph(
            lambda graph: graph.output.append(
                helper.make_tensor_value_info("flat", FLOAT, ["N", 8])
            )
        ),
    ),
}
_FAILING: Final = {
    "bomb": Case("16 TB of zeros", TrialError, "", in_graph(_bomb)),
    "no numbers": Case(
        "weights that are no numbers", TrialError, "no number", in_weight(_not_numbers)
    ),
    "misfit": Case(
        *("layers that do not fit", TrialError, ""),
        in_weight(lambda tensor: tensor.dims.__setitem__(slice(0, 2), [16, 500])),
    ),
}
NETWORKS: Final[dict[str, Case]] = {
    **_FOREIGN,
    **_INVALID,
    **_UNSUPPORTED,
    **_NO_CLASSIFIERS,
    **_FAILING,
}
"""All of them by their keys."""
