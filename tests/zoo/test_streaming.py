"""Any single ONNX file in normal form: the same network, and never in memory as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from support import tiny_facts, tiny_proto, tiny_weights
from vggscope.errors import Cancelled, DamagedModelError, InvalidGraphError
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import cpu_device
from vggscope.vgg.build import build
from vggscope.zoo.normal_form import sha256_of
from vggscope.zoo.streaming import to_normal_form, write_base
from vggscope.zoo.wire import read_skeleton

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Model

TYPES = {
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
    TensorProto.FLOAT16: np.float16,
    TensorProto.INT8: np.int8,
    TensorProto.UINT8: np.uint8,
    TensorProto.INT16: np.int16,
    TensorProto.UINT16: np.uint16,
    TensorProto.INT32: np.int32,
    TensorProto.INT64: np.int64,
    TensorProto.UINT32: np.uint32,
    TensorProto.UINT64: np.uint64,
    TensorProto.BOOL: np.bool_,
}


def facts(size: int, classes: int = 0, **changes: Any) -> dict[str, Any]:
    """Of a network of the paper; without what follows from the file."""
    known = tiny_facts(labels="imagenet-1k" if classes == 1000 else "labels.json", **changes)
    spec: Any = known["input"]
    known["input"] = spec | {"height": size, "width": size, "resize": size}
    return {key: value for key, value in known.items() if key not in {"output", "layers"}}


def official(path: Path, *, config: str = "vgg16", **options: Any) -> ModelProto:
    """A network as the ONNX Model Zoo has it: weights among the inputs, logits, MXNet's names."""
    proto = build(config, **{"size": 32, "width": 0.125, **options})
    graph = proto.graph
    graph.node.pop()
    del graph.output[0]
    proto.ir_version = 3
    counts: dict[str, int] = {}
    renamed = {"fc8": "vgg0_dense2_fwd"}
    for node in graph.node:
        kind = {"Conv": "conv", "Gemm": "dense", "MaxPool": "pool", "Relu": "relu"}.get(
            node.op_type, "flatten"
        )
        number = counts[kind] = counts.get(kind, -1) + 1
        renamed[node.output[0]] = node.name = f"vgg0_{kind}{number}_fwd"
    for node in graph.node:
        for field in (node.input, node.output):
            for index, name in enumerate(field):
                field[index] = renamed.get(name, name)
    graph.output[0].name = "vgg0_dense2_fwd"
    graph.input.extend(
        helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in graph.initializer
    )
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())
    return proto


def probabilities(model: Model, seed: int = 0) -> NDArray[np.float32]:
    """What ONNX Runtime makes of noise."""
    from vggscope.inference.runtime import ort  # noqa: PLC0415

    session = ort.InferenceSession(model.graph_path, providers=["CPUExecutionProvider"])
    spec = model.description.input
    noise = np.random.default_rng(seed).normal(0, 1, spec.shape(1)).astype(np.float32)
    [answer] = session.run([model.description.output.probabilities], {spec.name: noise})
    return np.asarray(answer)


def arrays(proto: ModelProto) -> dict[str, NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


# --- what becomes of a file -------------------------------------------------------------------


def test_an_official_file(tmp_path: Path) -> None:
    proto = official(tmp_path / "vgg.onnx")
    told: list[Progress] = []
    model = to_normal_form(
        tmp_path / "vgg.onnx", tmp_path / "vgg", facts=facts(32, 1000), progress=told.append
    )
    assert sorted(f.name for f in model.folder.iterdir()) == [
        *("graph.onnx", "model.json", "weights.bin")
    ]
    description = model.description
    assert (description.output.probabilities, description.output.logits) == (
        *("prob", "vgg0_dense2_fwd"),
    )
    names = [layer.name for layer in description.layers]
    assert names[:3] == ["conv1_1", "conv1_2", "pool1"]
    assert names[-4:] == ["fc6", "fc7", "fc8", "prob"]
    operators = {layer.name: (layer.operator, layer.tensor) for layer in description.layers}
    assert operators["conv5_3"] == ("Conv", "vgg0_relu12_fwd")
    assert operators["fc8"] == ("Gemm", "vgg0_dense2_fwd")
    model.check_content()
    loaded = onnx.load(model.graph_path)
    onnx.checker.check_model(loaded)
    assert [value.name for value in loaded.graph.input] == ["data"]
    for name, values in arrays(proto).items():
        np.testing.assert_array_equal(arrays(loaded)[name], values)
    assert (told[0].done, told[0].step) == (0, "installing")
    assert told[-1].done == told[-1].total == description.files["weights.bin"].bytes
    # Against the file as it came.
    from vggscope.inference.runtime import ort  # noqa: PLC0415

    noise = np.random.default_rng(0).normal(0, 1, (1, 3, 32, 32)).astype(np.float32)
    bare = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    [logits] = bare.run(None, {"data": noise})
    shares = np.exp(logits - logits.max())
    np.testing.assert_allclose(probabilities(model), shares / shares.sum(), rtol=1e-4)


def test_an_output_of_probabilities_stays(tmp_path: Path) -> None:
    proto = build("A", size=32, width=0.125, classes=1000)
    del proto.graph.output[1:]
    (tmp_path / "a.onnx").write_bytes(proto.SerializeToString())
    known = facts(32, 1000) | {"output": {"probabilities": "prob", "logits": None}}
    model = to_normal_form(tmp_path / "a.onnx", tmp_path / "a", facts=known)
    assert (model.description.output.probabilities, model.description.output.logits) == (
        *("prob", "fc8"),
    )
    assert len(onnx.load(model.graph_path).graph.node) == len(proto.graph.node)


def test_half_precision_and_a_constant(tmp_path: Path) -> None:
    """Weights in fp16 that are cast, and one that is a node."""
    proto = tiny_proto()
    matrix = proto.graph.initializer[2]
    half = np.tile(tiny_weights()["matrix"], (1, 250)).astype(np.float16)
    proto.graph.initializer.remove(matrix)
    proto.graph.initializer.remove(proto.graph.initializer[2])
    constant = helper.make_node("Constant", [], ["half"], value=numpy_helper.from_array(half))
    cast = helper.make_node("Cast", ["half"], ["matrix"], to=TensorProto.FLOAT)
    gemm = proto.graph.node[3]
    del gemm.input[2]
    nodes = [constant, cast, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    for value in proto.graph.output:
        value.type.tensor_type.shape.dim[1].dim_value = 1000
    (tmp_path / "half.onnx").write_bytes(proto.SerializeToString())
    known = {k: v for k, v in tiny_facts().items() if k not in {"layers", "precision"}}
    known["labels"] = "imagenet-1k"
    model = to_normal_form(tmp_path / "half.onnx", tmp_path / "half", facts=known)
    assert model.description.precision == "fp16"
    graph = model.graph().graph
    assert {t.name for t in graph.initializer} == {"filters", "bias", "half"}
    assert all(node.op_type != "Constant" for node in graph.node)
    classifier = Classifier(model, cpu_device())
    assert len(classifier.labels) == 1000


def test_what_no_output_needs_is_left_out(tmp_path: Path) -> None:
    proto = tiny_proto()
    idle = numpy_helper.from_array(np.zeros((100, 100), np.float32), "idle")
    proto.graph.initializer.append(idle)
    proto.graph.node.append(helper.make_node("Add", ["idle", "idle"], ["nothing"]))
    proto.graph.node[0].doc_string = "File /home/somebody/secret.py, line 3"
    (tmp_path / "idle.onnx").write_bytes(proto.SerializeToString())
    model = to_normal_form(tmp_path / "idle.onnx", tmp_path / "idle", facts=tiny_facts())
    assert model.description.files["weights.bin"].bytes < 10_000
    assert b"somebody" not in model.graph_path.read_bytes()


def test_nodes_in_any_order(tmp_path: Path) -> None:
    proto = tiny_proto()
    nodes = [*proto.graph.node][::-1]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    (tmp_path / "order.onnx").write_bytes(proto.SerializeToString())
    model = to_normal_form(tmp_path / "order.onnx", tmp_path / "order", facts=tiny_facts())
    onnx.checker.check_model(onnx.load(model.graph_path))


# --- refusals ---------------------------------------------------------------------------------


def test_it_can_be_stopped(tmp_path: Path) -> None:
    official(tmp_path / "vgg.onnx")
    with pytest.raises(Cancelled):
        to_normal_form(
            *(tmp_path / "vgg.onnx", tmp_path / "vgg"), facts=facts(32, 1000), stop=lambda: True
        )


def test_another_input_than_promised(tmp_path: Path) -> None:
    official(tmp_path / "vgg.onnx")
    known = facts(32, 1000)
    known["input"] = known["input"] | {"name": "image"}
    with pytest.raises(InvalidGraphError, match="“image”"):
        to_normal_form(tmp_path / "vgg.onnx", tmp_path / "vgg", facts=known)


def test_an_output_that_is_not_there(tmp_path: Path) -> None:
    official(tmp_path / "vgg.onnx")
    known = facts(32, 1000) | {"output": {"logits": "answer"}}
    with pytest.raises(DamagedModelError, match="no output “answer”"):
        to_normal_form(tmp_path / "vgg.onnx", tmp_path / "vgg", facts=known)


# --- tensors ----------------------------------------------------------------------------------


@st.composite
def tensors(draw: st.DrawFn, name: str) -> TensorProto:
    """Any weight, in any of the ways in which ONNX stores it."""
    type_ = draw(st.sampled_from(sorted(TYPES)))
    dims = draw(st.lists(st.sampled_from([0, 1, 2, 3, 7, 60, 130]), max_size=3))
    seed = draw(st.integers(0, 2**32 - 1))
    bytes_ = np.random.default_rng(seed).bytes(int(np.prod(dims)) * np.dtype(TYPES[type_]).itemsize)
    values = np.frombuffer(bytes_, TYPES[type_]).reshape(dims)
    if type_ == TensorProto.BOOL:
        values = (values.view(np.uint8) & 1).astype(np.bool_)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=1.5, posinf=2.0, neginf=-2.0)
    if draw(st.booleans()):
        return numpy_helper.from_array(values, name)
    return helper.make_tensor(name, type_, dims, values.reshape(-1))


@settings(max_examples=60)
@given(st.data())
def test_the_same_as_onnx_writes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = [f"weight {number}" for number in range(data.draw(st.integers(1, 5)))]
    weights = [data.draw(tensors(name)) for name in names]
    # Constants are weights, too.
    constants = [helper.make_node("Constant", [], [t.name], value=t) for t in weights[3:]]
    nodes = [*constants, *(helper.make_node("Identity", [n], [f"out {n}"]) for n in names)]
    outputs = [helper.make_tensor_value_info(f"out {t.name}", t.data_type, t.dims) for t in weights]
    graph = helper.make_graph(nodes, "any", [], outputs, weights[:3])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder = tmp_path_factory.mktemp("any")
    path = folder / "any.onnx"
    path.write_bytes(proto.SerializeToString())
    expected = {t.name: numpy_helper.to_array(t) for t in weights}

    with path.open("rb") as file:
        skeleton = read_skeleton(file, size=path.stat().st_size, name=path.name)
        base = write_base(skeleton, file, folder)
    (folder / "graph.onnx").write_bytes(base.proto.SerializeToString())
    assert base.weights.sha256 == sha256_of(folder / "weights.bin")
    for tensor in base.proto.graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        assert int(place.get("offset", 0)) % 64 == 0

    onnx.save(*(proto, folder / "theirs.onnx"), save_as_external_data=True, location="theirs.bin")
    for written in (onnx.load(folder / "graph.onnx"), onnx.load(folder / "theirs.onnx")):
        found = arrays(written)
        for node in written.graph.node:
            if node.op_type == "Constant":
                found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            assert found[name].dtype == values.dtype
            np.testing.assert_array_equal(found[name], values)


def test_numbers_that_are_spread_over_fields(tmp_path: Path) -> None:
    """Protobuf allows a list in several pieces."""
    values = np.arange(-3000, 3000).astype(np.int8)
    whole = helper.make_tensor("w", TensorProto.INT8, [6000], values)
    rest = TensorProto(int32_data=list(whole.int32_data[2500:]))
    del whole.int32_data[2500:]
    proto = tiny_proto()
    weight = proto.graph.initializer.add()
    weight.ParseFromString(whole.SerializeToString() + rest.SerializeToString())
    content = proto.SerializeToString()
    del proto.graph.initializer[-1]
    pieces = whole.SerializeToString() + rest.SerializeToString()
    field = b"\x2a" + _varint(len(pieces)) + pieces
    content = proto.SerializeToString() + b"\x3a" + _varint(len(field)) + field
    path = tmp_path / "pieces.onnx"
    path.write_bytes(content)
    with path.open("rb") as file:
        skeleton = read_skeleton(file, size=len(content), name=path.name)
        [tensor] = [t for t in skeleton.proto.graph.initializer if t.name == "w"]
        assert len(skeleton.spans_of(tensor)) == 2
        data = b"".join(bytes(chunk) for chunk in skeleton.data(tensor, file))
    np.testing.assert_array_equal(np.frombuffer(data, np.int8), values)


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


# --- memory -----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="others have no such limit")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of 300 MB, by a process that may have 200 MB of its own."""
    path = tmp_path / "large.onnx"
    proto = tiny_proto()
    matrix = proto.graph.initializer[2]
    proto.graph.initializer.remove(matrix)
    size = 300_000_000
    head = TensorProto(name="matrix", data_type=TensorProto.FLOAT, dims=[16, size // 64])
    tail = head.SerializeToString() + b"\x4a" + _varint(size)
    field = b"\x2a" + _varint(len(tail) + size) + tail
    for value in proto.graph.output:
        value.type.tensor_type.shape.dim[1].dim_value = size // 64
    with path.open("wb") as file:
        file.write(proto.SerializeToString() + b"\x3a" + _varint(len(field) + size) + field)
        # Nothing but zeros, which take no room on most disks.
        file.truncate(file.tell() + size)
    known = {k: v for k, v in tiny_facts().items() if k != "layers"} | {"layers": []}
    code = (
        "import json, resource, sys\n"
        "from pathlib import Path\n"
        "from vggscope.zoo.streaming import to_normal_form\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (200_000_000, 200_000_000))\n"
        "facts = json.loads(sys.argv[2])\n"
        "model = to_normal_form(Path(sys.argv[1]), Path(sys.argv[1] + '-made'), facts=facts)\n"
        "print(model.description.files['weights.bin'].bytes)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, json.dumps(known)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) >= size
