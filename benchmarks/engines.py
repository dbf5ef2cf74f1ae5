#!/usr/bin/env python3
"""VGGscope beside the engines that one might use instead, on the same network and picture.

python benchmarks/engines.py [--quick] [--json FILE] [--model NAME]

The networks of the paper have random weights: they take the time of trained ones. vgg16 needs
1.2 GB for temporary files and, with all engines, 6.5 GB of memory. What is not installed is left
out (pip install vggscope[bench]). Where VGGscope has never seen the model on this computer, it
tries its devices first.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from _harness import INPUT, Report, alternate, bare_session, parser, timed
from _photos import camera_photo, samples
from vggscope import Classifier
from vggscope.inference.runtime import Cancellation
from vggscope.sources.frame import Frame, Origin
from vggscope.vgg.build import build
from vggscope.vgg.configs import FAMILY
from vggscope.zoo.models import find_model, installed_models
from vggscope.zoo.normal_form import write_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from numpy.typing import NDArray

    from vggscope.zoo.normal_form import Model

    Run = Callable[[], NDArray[np.float32]]
    """Computes the probabilities, [1, classes]."""
    Engine = Callable[[Model, NDArray[np.float32]], Run]
    """Prepares a model for an input, [1, 3, H, W]."""

REST = 0.06
SIDE = 256
OURS = "VGGscope, Auto"
OUR_SESSION = "its session alone"
REFERENCE = "ONNX Runtime CPU"
PLUGIN = "onnxruntime_ep_openvino"
# Of single-precision networks, where Auto can take the matrix units (AMX) by way of OpenVINO.
REACH = 0.30


def main() -> None:
    """Measure and print."""
    options = parser(__doc__)
    known = [*FAMILY, *(model.name for model in installed_models())]
    options.add_argument(
        "--model", default="vgg16", choices=known, help="a network of the paper, or a starter"
    )
    arguments = options.parse_args()
    report = Report("engines", arguments)
    with tempfile.TemporaryDirectory(prefix="vggscope-engines-") as folder:
        if arguments.model in FAMILY:
            model = random_model(arguments.model, Path(folder))
        else:
            model = find_model(arguments.model)
        measure(report, model, rounds=6 if arguments.quick else 24)
    report.finish()


def measure(report: Report, model: Model, *, rounds: int) -> None:
    """All engines that can run ``model``, in turns."""
    picture = camera_photo(samples()[0], (SIDE, SIDE))
    frame = Frame(pixels=np.asarray(picture), size=(SIDE, SIDE), origin=Origin(name="frame"))
    classifier = Classifier.load(model, device="auto")
    report.fact("Auto", classifier.device.key, classifier.device.name)
    tensor = classifier._preprocessor.tensor(frame).values[np.newaxis]
    runs = {
        OURS: lambda: classifier.classify(frame).probabilities[np.newaxis],
        OUR_SESSION: session_of(classifier, tensor),
        REFERENCE: onnx_runtime(model, tensor),
        **others(report, model, tensor),
    }
    compare_answers(report, runs)
    times = alternate(
        {name: timed(run) for name, run in runs.items()},
        rounds=rounds,
        warm=2,
        rest=REST,
        seconds=90,
    )
    report.times(model.name, times)
    for name in runs:
        if name != REFERENCE:
            reach = REACH if name == OURS and is_to_be_fast(model) else None
            report.ratio(f"{name} ÷ {REFERENCE}", times[name], times[REFERENCE], at_most=reach)


def others(report: Report, model: Model, tensor: NDArray[np.float32]) -> dict[str, Run]:
    """The foreign engines that can run ``model``; of the rest it is told why they cannot."""
    runs = {}
    for name, (module, engine) in ENGINES.items():
        if find_spec(module) is None:
            report.fact(name, None, "not installed: pip install vggscope[bench]")
            continue
        try:
            run = engine(model, tensor)
            run()
        except Exception as error:  # noqa: BLE001 (they raise whatever they like)
            reason = " ".join(str(error).split())[:200]
            report.fact(name, None, f"does not run it ({type(error).__name__}: {reason})")
        else:
            runs[name] = run
            # OpenVINO adds its build to it.
            version = import_module(module).__version__.partition("-")[0]
            report.fact(name, version, version)
    return runs


def compare_answers(report: Report, runs: Mapping[str, Run]) -> None:
    """What each answers beside the reference."""
    expected = runs[REFERENCE]()
    rows = []
    for name, run in runs.items():
        actual = run()
        same = "same" if actual.argmax() == expected.argmax() else "another"
        rows.append((name, same, float(np.abs(actual - expected).max())))
    report.fact("most probable class", float(expected.max()), f"{expected.max():.3f}")
    report.table(("answers", "top-1", "max |Δp|"), rows)


def is_to_be_fast(model: Model) -> bool:
    """Whether Auto has what makes a network in floating point fast on this processor."""
    cpuinfo = Path("/proc/cpuinfo")
    has_amx = cpuinfo.is_file() and "amx_bf16" in cpuinfo.read_text(encoding="utf-8").split()
    return has_amx and bool(find_spec(PLUGIN)) and model.description.precision != "int8"


def random_model(name: str, folder: Path) -> Model:
    """The network ``name`` of the paper in normal form, with random weights."""
    proto = build(name)
    layers = [
        {"name": node.name, "operator": node.op_type, "tensor": node.output[0]}
        for node in proto.graph.node
    ]
    return write_model(
        proto,
        folder / name,
        name=name,
        title=f"{FAMILY[name].title}, random weights",
        note="For benchmarks.",
        source="vggscope.vgg.build",
        licence="MIT",
        precision="fp32",
        input=INPUT,
        output={"probabilities": "prob", "logits": "fc8"},
        labels="imagenet-1k",
        layers=layers,
        accuracy=[],
    )


# --- one function for each engine -------------------------------------------------------------


def session_of(classifier: Classifier, tensor: NDArray[np.float32]) -> Run:
    """VGGscope without what comes before and after the network."""
    feeds = {classifier.model.description.input.name: tensor}
    outputs = [classifier.model.description.output.probabilities]
    return lambda: classifier._session.run(outputs, feeds, Cancellation())[0]


def onnx_runtime(model: Model, tensor: NDArray[np.float32]) -> Run:
    """ONNX Runtime as it comes."""
    session = bare_session(model.graph_path)
    feeds = {model.description.input.name: tensor}
    outputs = [model.description.output.probabilities]
    return lambda: session.run(outputs, feeds)[0]


def openvino(model: Model, tensor: NDArray[np.float32], **settings: str) -> Run:
    """OpenVINO's own runtime: by default in bfloat16 where the processor has units for it."""
    # Importing OpenVINO reports so to Google Analytics, unless this package is missing.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    core = import_module("openvino").Core()
    network = core.read_model(str(model.graph_path))
    network.reshape(list(tensor.shape))
    compiled = core.compile_model(network, "CPU", settings)
    feeds, output = {model.description.input.name: tensor}, model.description.output.probabilities
    return lambda: compiled(feeds)[output]


def opencv(model: Model, tensor: NDArray[np.float32]) -> Run:
    """OpenCV's module ``dnn``, in float32."""
    dnn = import_module("cv2").dnn
    # OpenCV 5 prefers another engine, which took 1.2 times as long for VGG16.
    engine = {"engine": dnn.ENGINE_CLASSIC} if hasattr(dnn, "ENGINE_CLASSIC") else {}
    with tempfile.TemporaryDirectory(prefix="vggscope-opencv-") as folder:
        # It does not read weights from a second file.
        single = Path(folder) / "model.onnx"
        onnx.save(onnx.load(model.graph_path), single)
        network = dnn.readNetFromONNX(str(single), **engine)
    name, output = model.description.input.name, model.description.output.probabilities

    def run() -> NDArray[np.float32]:
        network.setInput(tensor, name)
        answer: NDArray[np.float32] = network.forward(output)
        return answer

    return run


def pytorch(model: Model, tensor: NDArray[np.float32]) -> Run:
    """PyTorch in eager mode and float32, channels last: 1.3 times as fast as channels first."""
    torch = import_module("torch")
    graph = onnx.load(model.graph_path).graph
    weights = {w.name: torch.tensor(onnx.numpy_helper.to_array(w)) for w in graph.initializer}
    steps = [torch_step(torch, node, weights) for node in graph.node]
    picture = torch.from_numpy(tensor).to(memory_format=torch.channels_last)

    def run() -> NDArray[np.float32]:
        values = picture
        with torch.inference_mode():
            for step in steps:
                values = step(values)
        answer: NDArray[np.float32] = values.numpy()
        return answer

    return run


def torch_step(
    torch: ModuleType, node: onnx.NodeProto, weights: Mapping[str, Any]
) -> Callable[[Any], Any]:
    """A node as PyTorch's function; of the operators, those of the paper's networks."""
    functions = torch.nn.functional
    of_node = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    own = dict(zip(("weight", "bias"), (weights[name] for name in node.input[1:]), strict=False))
    match node.op_type:
        case "Conv":
            own["weight"] = own["weight"].to(memory_format=torch.channels_last)
            step = partial(functions.conv2d, padding=of_node["pads"][:2], **own)
        case "Gemm":
            step = partial(functions.linear, **own)
        case "MaxPool":
            kernel, stride = of_node["kernel_shape"], of_node["strides"]
            step = partial(functions.max_pool2d, kernel_size=kernel, stride=stride)
        case "LRN":
            of_node["k"] = of_node.pop("bias")
            step = partial(functions.local_response_norm, **of_node)
        case "Relu":
            step = partial(functions.relu, inplace=True)
        case "Flatten":
            step = partial(torch.flatten, start_dim=1)
        case "Softmax":
            step = partial(functions.softmax, dim=1)
        case _:
            raise ValueError(f"{node.op_type} is none of the paper's operators")
    return step


ENGINES: dict[str, tuple[str, Engine]] = {
    "OpenVINO": ("openvino", openvino),
    "OpenVINO, f32": ("openvino", partial(openvino, INFERENCE_PRECISION_HINT="f32")),
    "OpenCV DNN": ("cv2", opencv),
    "PyTorch": ("torch", pytorch),
}
"""The module that each needs, and how to use it."""


if __name__ == "__main__":
    main()
