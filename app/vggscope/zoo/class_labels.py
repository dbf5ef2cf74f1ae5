"""The labels of a network that is built here: its classes come without names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from vggscope.errors import LabelsError
from vggscope.zoo.choices import IMAGENET_LABELS

if TYPE_CHECKING:
    from typing import Literal

    from vggscope.zoo.normal_form import Label

Naming: TypeAlias = "Path | Literal['imagenet-1k', 'numbers'] | None"
"""How classes get names: from a file, those of ImageNet, as numbers; None for what is usual."""

NUMBERS: Final = "numbers"
_IMAGENET_CLASSES: Final = 1000
_FILE: Final = "labels.json"


def labels_for(classes: int | None, naming: Naming = None) -> tuple[Label, ...] | None:
    """The labels of ``classes`` classes; None for those of ImageNet.

    Args:
        classes: how many there are; None if that is not known yet.
        naming: if None, 1000 classes are those of ImageNet and others have numbers.

    Raises:
        LabelsError: the file cannot be read, or there is another number of names.
    """
    if naming is None:
        naming = IMAGENET_LABELS if classes == _IMAGENET_CLASSES else NUMBERS
    # Reading labels is for those who bring some.
    from vggscope.zoo.labels import numbered_labels, read_labels  # noqa: PLC0415

    if naming == NUMBERS:
        return numbered_labels(classes or 0)
    if naming == IMAGENET_LABELS:
        if classes not in {None, _IMAGENET_CLASSES}:
            reason = f"ImageNet has 1,000 classes, and the network {classes:,}"
            raise LabelsError(name=IMAGENET_LABELS, reason=reason)
        return None
    return read_labels(Path(naming), classes=classes)


def write_labels(labels: tuple[Label, ...] | None, folder: Path) -> str:
    """Write ``labels`` into the folder of a model; what its description calls them."""
    if labels is None:
        return IMAGENET_LABELS
    (folder / _FILE).write_bytes(msgspec.json.encode(labels))
    return _FILE
