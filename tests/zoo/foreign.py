"""Classifiers as others make them, for tests of what becomes of them here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

from support import picture, tiny_proto
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import cpu_device
from vggscope.inference.importing import draft_onnx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onnx import ModelProto

    from vggscope.zoo.examination import Examination
    from vggscope.zoo.normal_form import Model

    Save = Callable[..., Path]


def examined(path: Path) -> Examination:
    with draft_onnx(path) as draft:
        return draft.examination


def logits_only(layout: str = "NCHW", batch: int | str = "N") -> ModelProto:
    """`tiny_proto` without its softmax."""
    proto = tiny_proto(layout, batch)
    proto.graph.node.pop()
    proto.graph.output.pop()
    return proto


def before(proto: ModelProto, *nodes: Any, weights: dict[str, Any] | None = None) -> ModelProto:
    """``proto`` with ``nodes`` from ``data`` to ``ready`` before everything else."""
    for node in proto.graph.node:
        for index, name in enumerate(node.input):
            if name == "data":
                node.input[index] = "ready"
    own = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*nodes, *own])
    for name, value in (weights or {}).items():
        proto.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
    return proto


def noted(proto: ModelProto, **notes: str) -> ModelProto:
    for key, value in notes.items():
        proto.metadata_props.add(key=key.replace("__", "."), value=value)
    return proto


def answer(model: Model, seed: int = 0) -> np.ndarray[Any, Any]:
    return Classifier(model, cpu_device()).classify(picture(seed=seed)).probabilities
