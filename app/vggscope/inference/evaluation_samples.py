"""Which pictures an evaluation is made on, and what they show.

Cheap to import (no numpy).
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vggscope.errors import FolderUnreadableError, NothingLabelledError, TruthFileError
from vggscope.inference.class_names import exact_classes
from vggscope.sources.finding import Failed, display_name, find_stills, natural_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vggscope.zoo.normal_form import Label

_LARGEST_TRUTH: Final = 64_000_000
"""Bytes of a file of classes: a thousand times ImageNet's."""
_SEPARATORS: Final = (",", "\t", ";", " ")
_WNID: Final = re.compile(r"n[0-9]{8}\b")
_HEADS: Final = frozenset({"file", "filename", "id", "image", "imageid", "name", "path", "picture"})


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and its class.

    Attributes:
        name: the path below the folder, with "/": the same on every computer.
        path: the file.
        truth: index of the class that it shows.
    """

    name: str
    path: Path
    truth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What was found in a folder.

    Attributes:
        samples: pictures and their classes, in natural order.
        failed: what looks like a picture, or should be one, but leads to none.
        unknown: names of folders (or classes in a truth file) that are no classes, each with the
            number of pictures that were left out for that.
        unlabelled: pictures that no class is told of.
        missing: names in a truth file that no picture has.
    """

    samples: tuple[Sample, ...]
    failed: tuple[Failed, ...] = ()
    unknown: tuple[tuple[str, int], ...] = ()
    unlabelled: int = 0
    missing: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing had to be left out."""
        return not (self.failed or self.unknown or self.unlabelled or self.missing)


def samples_in(
    folder: Path, labels: Sequence[Label], *, model: str, truth: Path | None = None
) -> Samples:
    """The labelled pictures below ``folder``.

    Args:
        folder: with a folder for each class, called by its wnid, name or number; with ``truth``,
            pictures anywhere below it.
        labels: of the model, in the order of its outputs.
        model: what to call it in an error.
        truth: tells the class of each picture.

    Raises:
        FolderUnreadableError: ``folder`` is none, or cannot be listed.
        TruthFileError: ``truth`` cannot be read or holds no such lines.
        NothingLabelledError: there is not one picture whose class is known.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural_key(entry.name))
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise FolderUnreadableError(name=display_name(folder), reason=reason) from error
    if truth is None:
        folders = [e for e in entries if e.is_dir() and not e.name.startswith(".")]
        found = _in_folders(folder, [Path(entry.path) for entry in folders], labels)
        reason = "it holds no folder" if not folders else "its folders are called otherwise"
        loose = [e for e in entries if not e.is_dir()]
        if folders and found.samples == () and not found.unknown and not loose:
            reason = "its folders hold no pictures"
    else:
        found = _in_truth(folder, _truths(truth), labels)
        reason = f"“{display_name(truth)}” speaks of other pictures or classes"
    if not found.samples:
        raise NothingLabelledError(name=display_name(folder), model=model, reason=reason)
    return found


def _in_folders(top: Path, folders: Iterable[Path], labels: Sequence[Label]) -> Samples:
    samples: list[Sample] = []
    failed: list[Failed] = []
    unknown: list[tuple[str, int]] = []
    for folder in folders:
        pictures, lost = _pictures(folder)
        index = _one_class(labels, folder.name)
        if index is None:
            unknown.append((folder.name, len(pictures)))
            continue
        failed += lost
        samples += [Sample(_name(path, top), path, index) for path in pictures]
    return Samples(samples=tuple(samples), failed=tuple(failed), unknown=tuple(unknown))


def _in_truth(top: Path, truths: dict[str, str], labels: Sequence[Label]) -> Samples:
    pictures, failed = _pictures(top)
    samples: list[Sample] = []
    unknown: dict[str, int] = {}
    unlabelled = 0
    left = dict(truths)
    for path in pictures:
        # By its path or its name, with or without what comes after the dot.
        below = Path(_name(path, top))
        keys = (below.as_posix(), below.name, below.with_suffix("").as_posix(), below.stem)
        key = next((key for key in keys if key in truths), None)
        if key is None:
            unlabelled += 1
            continue
        left.pop(key, None)
        index = _one_class(labels, truths[key])
        if index is None:
            unknown[truths[key]] = unknown.get(truths[key], 0) + 1
            continue
        samples.append(Sample(below.as_posix(), path, index))
    return Samples(
        samples=tuple(samples),
        failed=tuple(failed),
        unknown=tuple(unknown.items()),
        unlabelled=unlabelled,
        missing=tuple(left),
    )


def _pictures(folder: Path) -> tuple[list[Path], list[Failed]]:
    found = list(find_stills([folder], recursive=True))
    pictures = [each for each in found if isinstance(each, Path)]
    return pictures, [each for each in found if isinstance(each, Failed)]


def _name(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix()


def _one_class(labels: Sequence[Label], name: str) -> int | None:
    """The class of this whole name; None if there is none, or more than one."""
    found = exact_classes(labels, name) or exact_classes(labels, name.replace("_", " "))
    return found[0] if len(found) == 1 else None


def _truths(path: Path) -> dict[str, str]:
    """Name of a picture -> what its class is called.

    Raises:
        TruthFileError: the file cannot be read, or has no such lines.
    """

    def refusal(reason: str) -> TruthFileError:
        return TruthFileError(name=display_name(path), reason=reason)

    try:
        # Devices have no size, and never end.
        if path.exists() and not path.is_file():
            raise refusal("it is no file")
        if path.stat().st_size > _LARGEST_TRUTH:
            raise refusal("it is too large for such a file")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal("it is no text in UTF-8") from error
    except (OSError, ValueError) as error:
        raise refusal((isinstance(error, OSError) and error.strerror) or str(error)) from error
    found: dict[str, str] = {}
    for number, row in _rows(text):
        if len(row) < 2 or not row[0] or not row[1]:
            raise refusal(f"line {number} has no name and class")
        if number == 1 and row[0].casefold() in _HEADS:
            continue
        name = row[0].replace("\\", "/").removeprefix("./")
        # ImageNet's own tables go on with the boxes of the objects.
        wnid = _WNID.match(row[1])
        called = wnid[0] if wnid else row[1]
        if found.setdefault(name, called) != called:
            raise refusal(f"line {number} gives “{display_name(name)}” a second class")
    if not found:
        raise refusal("it has no lines")
    return found


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The numbers and cells of lines that are not empty; what comes after the class is left out."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    separator = next((sign for sign in _SEPARATORS if sign in first.strip()), " ")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if separator in {" ", "\t"}:
            yield number, line.strip().split(None if separator == " " else separator, 1)
            continue
        try:
            cells = next(csv.reader([line], delimiter=separator, strict=True))
        except csv.Error:
            cells = []
        yield number, [cell.strip() for cell in cells]
