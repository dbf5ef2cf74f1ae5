"""Which class is meant by what a user calls it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vggscope.errors import AmbiguousClassError, UnknownClassError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vggscope.zoo.normal_form import Label

_NAMED: Final = 8
"""Candidates that an error names."""


def find_class(labels: Sequence[Label], wanted: int | str, *, model: str) -> int:
    """The index of a class.

    Args:
        labels: of all classes, in the order of the outputs.
        wanted: its index, its wnid, or its name, capitals or not; the beginning of a name, a word
            or a part of one is enough where no other class has it.
        model: what to call the network in an error.

    Raises:
        UnknownClassError: there is no such class.
        AmbiguousClassError: there are several.
    """
    text = str(wanted).strip()
    if isinstance(wanted, int):
        if 0 <= wanted < len(labels):
            return wanted
        raise _unknown(labels, text, model)
    name = " ".join(text.split()).casefold()
    if exact := exact_classes(labels, name):
        if len(exact) > 1:
            raise _ambiguous(labels, text, exact, model)
        return exact[0]
    # The "eagle" is rather the bald one than the beagle.
    whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    tests: tuple[Callable[[str], object], ...] = (
        lambda label: label.startswith(name),
        whole.search,
        lambda label: name in label,
    )
    for test in tests if name else ():
        if found := [i for i, each in enumerate(labels) if test(each.label.casefold())]:
            if len(found) > 1:
                raise _ambiguous(labels, text, found, model)
            return found[0]
    raise _unknown(labels, text, model)


def exact_classes(labels: Sequence[Label], name: str) -> list[int]:
    """The indices of the classes with this whole name, wnid or number; more than one is rare."""
    wanted = " ".join(name.split()).casefold()
    # Two classes of ImageNet are called "crane", and two "maillot".
    for kind in ("wnid", "label"):
        found = [i for i, each in enumerate(labels) if getattr(each, kind).casefold() == wanted]
        if found and wanted:
            return found
    if wanted.isascii() and wanted.isdecimal() and int(wanted[:9]) < len(labels):
        return [int(wanted[:9])] if len(wanted) <= 9 else []
    return []


def called(labels: Sequence[Label], index: int) -> str:
    """What tells a class from all others: "crane (number 134, n02012849)"."""
    label = labels[index]
    wnid = f", {label.wnid}" if label.wnid else ""
    return f"{label.label} (number {index}{wnid})"


def _unknown(labels: Sequence[Label], name: str, model: str) -> UnknownClassError:
    examples = " or ".join(f"“{each.label}”" for each in labels[:: max(1, len(labels) // 2)][:2])
    return UnknownClassError(model=model, name=name, last=len(labels) - 1, examples=examples)


def _ambiguous(
    labels: Sequence[Label], name: str, found: Sequence[int], model: str
) -> AmbiguousClassError:
    candidates = ", ".join(called(labels, index) for index in found[:_NAMED])
    if len(found) > _NAMED:
        candidates += ", …"
    return AmbiguousClassError(model=model, name=name, count=len(found), candidates=candidates)
