"""The imaginary graphics card of tests/doubles, put into this computer."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from onnx import TensorProto, helper

from support import onnx_model, tiny_input, tiny_model
from vggscope import paths
from vggscope.inference import discovery, runtime, selection
from vggscope.inference.devices import DEVICE_VARIABLE
from vggscope.inference.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from numpy.typing import NDArray

    from vggscope.inference.selection import Row, Survey
    from vggscope.zoo.normal_form import Model

DOUBLES: Final = Path(__file__).parent / "doubles"
CARD: Final = "webgpu:gpu0:fp32"
CARD_NAME: Final = "Imaginary 9000 (WebGPU)"
_MODULE: Final = "onnxruntime_ep_webgpu"


def busy_model(folder: Path) -> Model:
    """A model of four classes that gives the CPU some milliseconds to do.

    The card, which remembers its answers, is sure to beat the CPU with it.
    """
    random = np.random.default_rng(3)

    def weights(*shape: int, scale: float) -> NDArray[np.float32]:
        return (random.normal(0, scale, shape)).astype(np.float32)

    tensors = {
        "w1": weights(64, 3, 3, 3, scale=0.2),
        "w2": weights(512, 64, 3, 3, scale=0.06),
        "w3": weights(512, 4, scale=0.5),
    }
    nodes = [
        helper.make_node("Conv", ["data", "w1"], ["conv1"], pads=[1] * 4),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("Conv", ["relu1", "w2"], ["conv2"], pads=[1] * 4),
        helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("GlobalAveragePool", ["relu2"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w3"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["prob"]),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4])
        for name in ("logits", "prob")
    ]
    side = 48
    proto = onnx_model(nodes, ["N", 3, side, side], outputs, tensors)
    return tiny_model(folder, proto=proto, input=tiny_input(height=side, width=side, resize=side))


class Card:
    """The card: what it does can be changed at any time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def does(self, mode: str) -> None:
        """Change what it does, here and in child processes that start from now on."""
        self._monkeypatch.setenv("VGGSCOPE_DOUBLE", mode)


@contextlib.contextmanager
def imaginary_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """This computer has a CPU and the card, and nothing else; *Auto* is not pinned."""
    path = os.pathsep.join(filter(None, [str(DOUBLES), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(DOUBLES)
    monkeypatch.delenv(DEVICE_VARIABLE, raising=False)
    two = {key: PROVIDERS[key] for key in ("cpu", "webgpu")}
    for module in (discovery, selection):
        monkeypatch.setattr(module, "PROVIDERS", two)
    # The double takes the place of ONNX Runtime's own names when it is imported.
    for name in (
        "register_execution_provider_library",
        "get_ep_devices",
        "SessionOptions",
        "InferenceSession",
    ):
        monkeypatch.setattr(runtime.ort, name, getattr(runtime.ort, name))
    monkeypatch.setattr(runtime, "_loaded_plugins", set())
    sys.modules.pop(_MODULE, None)
    card = Card(monkeypatch)
    card.does("good")
    try:
        yield card
    finally:
        selection.forget_lost()
        sys.modules.pop(_MODULE, None)


def row(found: Survey, device: str = CARD) -> Row:
    """The row of a device, or of a provider that has none."""
    [one] = [entry for entry in found.rows if entry.key == device]
    return one


def photos() -> list[Path]:
    """Three of the sample photos."""
    return sorted(paths.resource("samples").glob("*.jpg"))[:3]
