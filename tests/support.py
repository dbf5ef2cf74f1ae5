"""Helpers that tests of the decoder, the command line and the window share."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    import numpy as np
    import onnx
    import psutil
    from numpy.typing import NDArray

    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model

    Run = Callable[..., tuple[int, str, str]]
    """Runs a command: (status, stdout, stderr)."""

_NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Let permissions count, which they do not for root: tests in containers run as root.

    The files in question must lie below folders that everybody may enter; pytest's ``tmp_path``
    does not, see `open_folder`. The user is that of the whole process, all threads included.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions of files are something else here")
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user may enter and read."""
    folder = Path(tempfile.mkdtemp(prefix="vggscope-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        for closed in folder.rglob("*"):
            if closed.is_dir() and not closed.is_symlink():
                closed.chmod(0o755)
        shutil.rmtree(folder)


def hostile(kind: str = "make") -> ModuleType:
    """The module ``tests/data/hostile/make.py``, or another one of that folder."""
    folder = str(Path(__file__).parent / "data" / "hostile")
    if folder not in sys.path:
        # They are programs as well, which import each other by their bare names.
        sys.path.append(folder)
    return importlib.import_module(kind)


# --- models of a few kilobytes ----------------------------------------------------------------

TINY_LABELS = ("red", "green", "blue", "other")
TINY_SIZE = (8, 12)
"""Height and width of the pictures that `tiny_model` takes."""


def tiny_facts(**changes: object) -> dict[str, object]:
    """A valid ``model.json`` for `tiny_model`; ``changes`` replace whole fields.

    The input is named ``data``, the outputs ``prob`` and ``logits``.
    """
    facts: dict[str, object] = {
        "name": "tiny",
        "title": "Tiny",
        "note": "For tests.",
        "source": "tests/support.py",
        "licence": "MIT",
        "precision": "fp32",
        "input": tiny_input(),
        "output": {"probabilities": "prob", "logits": "logits"},
        "labels": "labels.json",
        "layers": [{"name": "conv1", "operator": "Conv", "tensor": "conv1"}],
        "accuracy": [],
    }
    return facts | changes


def tiny_input(**changes: object) -> dict[str, object]:
    """The field ``input`` of ``model.json`` for `tiny_model`, with other values."""
    height, width = TINY_SIZE
    return {
        "name": "data",
        "layout": "NCHW",
        "height": height,
        "width": width,
        "channels": "RGB",
        "scale": 1 / 255,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "resize": 16,
        "fit": "crop",
    } | changes


def tiny_weights() -> dict[str, NDArray[np.float32]]:
    """The weights of `tiny_model`, by name."""
    import numpy as np  # noqa: PLC0415 (some users of this module need none of it)

    random = np.random.default_rng(11)
    shapes = {"filters": (16, 3, 3, 3), "bias": (16,), "matrix": (16, 4), "offset": (4,)}
    return {name: random.normal(0, 1, s).astype(np.float32) for name, s in shapes.items()}


def tiny_proto(layout: str = "NCHW", batch: int | str = "N") -> onnx.ModelProto:
    """Convolution, global pooling, matrix, softmax: a whole classifier."""
    from onnx import TensorProto, helper  # noqa: PLC0415

    height, width = TINY_SIZE
    channels_last = layout == "NHWC"
    shape = [batch, height, width, 3] if channels_last else [batch, 3, height, width]
    turn = helper.make_node("Transpose", ["data"], ["turned"], perm=[0, 3, 1, 2])
    picture = "turned" if channels_last else "data"
    nodes = [
        *([turn] if channels_last else []),
        helper.make_node("Conv", [picture, "filters", "bias"], ["conv1"], pads=[1] * 4),
        helper.make_node("GlobalAveragePool", ["conv1"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Gemm", ["flat", "matrix", "offset"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["prob"]),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 4])
        for name in ("logits", "prob")
    ]
    return onnx_model(nodes, shape, outputs, tiny_weights())


def onnx_model(
    nodes: Sequence[onnx.NodeProto],
    input_shape: Sequence[int | str],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Mapping[str, NDArray[Any]],
) -> onnx.ModelProto:
    """A checked graph whose input is ``data``, float."""
    import onnx  # noqa: PLC0415
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    picture = helper.make_tensor_value_info("data", TensorProto.FLOAT, input_shape)
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "tiny", [picture], outputs, initializers)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(proto)
    return proto


def tiny_model(
    folder: Path,
    *,
    proto: onnx.ModelProto | None = None,
    labels: Sequence[str] = TINY_LABELS,
    **changes: object,
) -> Model:
    """Write a model of four classes in normal form: `tiny_proto`, or another ``proto``.

    ``changes`` are those of `tiny_facts`; the name is the folder's.
    """
    from vggscope.zoo.normal_form import write_model  # noqa: PLC0415

    model = write_model(
        proto or tiny_proto(), folder, **tiny_facts(**({"name": folder.name} | changes))
    )
    entries = [{"wnid": f"n{index}", "label": label} for index, label in enumerate(labels)]
    (folder / "labels.json").write_text(json.dumps(entries), encoding="utf-8")
    return model


def picture(
    size: tuple[int, int] = (40, 30), colour: tuple[int, int, int] | None = None, seed: int = 0
) -> Frame:
    """A frame of ``size`` (width, height): of one colour, or noise."""
    import numpy as np  # noqa: PLC0415

    from vggscope.sources.frame import Frame, Origin  # noqa: PLC0415

    width, height = size
    if colour is None:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    else:
        pixels = np.full((height, width, 3), colour, np.uint8)
    return Frame(pixels=pixels, size=size, origin=Origin(name="a picture"))


# --- the program as a process of its own ------------------------------------------------------


def command(*words: str | Path) -> list[str]:
    """``vggscope`` with arguments, as this interpreter would start it."""
    return [sys.executable, "-m", "vggscope", *map(str, words)]


def children() -> list[psutil.Process]:
    """The processes that the program under test has started in this one (Xvfb is pytest's)."""
    import psutil  # noqa: PLC0415 (some users of this module need none of it)

    from vggscope import paths  # noqa: PLC0415

    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it may be gone already
            if paths.CHILD in child.cmdline():
                found.append(child)
    return found


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment for a child; None takes a variable out.

    Of Python's own variables only where to find modules is kept: how output is buffered or encoded
    is up to the program.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("PYTHON") or key == "PYTHONPATH"
    }
    kept["PYTHONDONTWRITEBYTECODE"] = "1"
    for key, value in changes.items():
        kept.pop(key, None)
        if value is not None:
            kept[key] = value
    return kept
