"""What a graph must be to answer as its ``model.json`` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggscope.errors import ModelDescriptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vggscope.inference.runtime import Session
    from vggscope.zoo.normal_form import Model


def check_contract(model: Model, session: Session, *, classes: int) -> int | None:
    """See that the graph in ``session`` is what the description of ``model`` says.

    Returns:
        Its batch size, None if free.

    Raises:
        ModelDescriptionError: it is not.
    """
    spec, output = model.description.input, model.description.output
    inputs, outputs = session.inputs, session.outputs
    if set(inputs) != {spec.name}:
        raise lie(model, f"the graph's inputs are {sorted(inputs)}, not “{spec.name}”")
    batch, *actual = inputs[spec.name]
    promised = list(spec.shape(1)[1:])
    if len(actual) != 3 or any(a not in {None, p} for a, p in zip(actual, promised, strict=True)):
        raise lie(model, f"the graph's input is {actual}, not {promised}")
    for name in (output.probabilities, output.logits):
        if name is not None and name not in outputs:
            raise lie(model, f"the graph has no output “{name}”")
    shape = outputs[output.probabilities]
    found = shape[1] if len(shape) > 1 else None
    if found is not None:
        check_classes(model, found, classes=classes)
    return batch


def check_classes(model: Model, found: int, *, classes: int) -> None:
    """See that the graph answers as many classes as there are labels.

    Raises:
        ModelDescriptionError: it does not.
    """
    if found != classes:
        raise lie(model, f"the graph has {found} classes, the labels {classes}")


def are_probabilities(rows: NDArray[np.float32]) -> bool:
    """Whether every row is finite, not negative and sums to 1."""
    sums = rows.sum(axis=1)
    return bool((rows >= 0).all() and (abs(sums - 1) < 0.01).all())


def lie(model: Model, reason: str) -> ModelDescriptionError:
    """What to raise of a graph that contradicts the description of ``model``."""
    return ModelDescriptionError(model=model.name, reason=reason)
