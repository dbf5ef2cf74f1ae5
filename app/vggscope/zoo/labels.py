"""Reading the names of classes from whatever people keep them in.

JSON: a list of names or of objects with ``label`` (and ``wnid``), or an object that tells the name
of each number, or the number of each name, as Keras writes them. CSV: a column of names, beside one
of numbers or of WordNet ids if there is one. Text: a name per line, a WordNet id before it if there
is one.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any, Final

from vggscope.errors import LabelsError
from vggscope.zoo.normal_form import Label

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LARGEST: Final = 8 * 2**20
_MOST: Final = 100_000
_LONGEST: Final = 500
_WNID: Final = re.compile(r"(n\d{8})(?:\s+|\s*[,;:]\s*)(\S.*)")
_HEADS: Final = frozenset(
    {"class", "classes", "id", "index", "label", "labels", "name", "names", "number", "wnid"}
)


class _NoLabelsError(Exception):
    """Why a file holds no labels; becomes a ``LabelsError`` where its name is known."""


def read_labels(path: Path, *, classes: int | None = None) -> tuple[Label, ...]:
    """The labels in a file of JSON, CSV or text.

    Args:
        path: of the file; what it is, its content tells.
        classes: how many there have to be; any number if None.

    Raises:
        LabelsError: it cannot be read, or holds no labels, or not as many.
    """
    try:
        labels = _parsed(_text(path), is_csv=path.suffix.lower() in {".csv", ".tsv"})
        check_labels(labels, classes)
    except (_NoLabelsError, ValueError) as error:
        raise LabelsError(name=path.name or str(path), reason=str(error)) from error
    return labels


def labels_in(text: str) -> tuple[Label, ...] | None:
    """The labels in a note that an exporter left in a model; None if it is something else."""
    try:
        labels = _parsed(text.strip(), is_csv=False)
        check_labels(labels, None)
    except (_NoLabelsError, ValueError):
        return None
    return labels


def numbered_labels(classes: int) -> tuple[Label, ...]:
    """Labels for classes of which nothing is known."""
    return tuple(Label(wnid="", label=f"class {number}") for number in range(classes))


def check_labels(labels: Sequence[Label], classes: int | None) -> None:
    """See that there are names, and as many as there have to be.

    Raises:
        ValueError: tells what is wrong.
    """
    if not labels:
        raise ValueError("there is none")
    if classes is not None and len(labels) != classes:
        raise ValueError(f"there are {len(labels):,}, but the network has {classes:,} classes")
    if len(labels) > _MOST:
        raise ValueError(f"there are {len(labels):,}")
    for number, label in enumerate(labels):
        if not label.label or len(label.label) > _LONGEST or not label.label.isprintable():
            raise ValueError(f"the name of class {number} is empty, too long or no text")


def _text(path: Path) -> str:
    try:
        # Before it is opened: a pipe into which nobody writes would be waited for.
        if not path.is_file():
            raise _NoLabelsError("there is no such file")
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _NoLabelsError(reason) from error
    if len(content) > _LARGEST:
        raise _NoLabelsError("the file is too large")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _NoLabelsError("it is no text in UTF-8") from error


def _parsed(text: str, *, is_csv: bool) -> tuple[Label, ...]:
    if text.lstrip()[:1] in {"[", "{"}:
        return _from_json(_loaded(text))
    return _from_csv(text) if is_csv else _from_lines(text)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _NoLabelsError("it begins like JSON, and is not") from error


def _from_json(content: Any) -> tuple[Label, ...]:
    if isinstance(content, dict):
        content = _ordered(content)
    return tuple(map(_label_of, content))


def _ordered(content: dict[str, Any]) -> list[Any]:
    """The names, by the numbers that are their keys, or their values."""
    if content and all(isinstance(value, int) for value in content.values()):
        content = {str(number): name for name, number in content.items()}
    try:
        numbers = {int(key): value for key, value in content.items()}
    except ValueError as error:
        raise _NoLabelsError("an object has to tell the name of each number") from error
    _check_numbers(numbers)
    return [numbers[number] for number in range(len(numbers))]


def _label_of(entry: Any) -> Label:
    match entry:
        case str():
            return _named(entry)
        case {"label": str(label), **others}:
            wnid = others.get("wnid", "")
            return Label(wnid=wnid if isinstance(wnid, str) else "", label=label.strip())
        case {"name": str(label)}:
            return Label(wnid="", label=label.strip())
        case [str(wnid), str(label)]:
            # Keras' imagenet_class_index.json
            return Label(wnid=wnid, label=label.replace("_", " ").strip())
    raise _NoLabelsError("it holds something else than names")


def _from_lines(text: str) -> tuple[Label, ...]:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        raise _NoLabelsError(f"line {lines.index('') + 1} is empty")
    return tuple(map(_named, lines))


def _named(text: str) -> Label:
    match = _WNID.fullmatch(text.strip())
    if match is None:
        return Label(wnid="", label=text.strip())
    return Label(wnid=match[1], label=match[2].strip())


def _from_csv(text: str) -> tuple[Label, ...]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = [row for row in csv.reader(io.StringIO(text), dialect) if any(row)]
    except csv.Error as error:
        raise _NoLabelsError("it is no CSV") from error
    if rows and all(cell.strip().lower() in _HEADS for cell in rows[0]):
        rows = rows[1:]
    rows = [[cell.strip() for cell in row] for row in rows]
    widths = {len(row) for row in rows}
    if len(widths) != 1 or widths & {0}:
        raise _NoLabelsError("its rows are not of one length")
    if widths == {1}:
        return tuple(_named(row[0]) for row in rows)
    return _from_columns(list(zip(*rows, strict=True)))


def _from_columns(columns: list[tuple[str, ...]]) -> tuple[Label, ...]:
    numbers = next((c for c in columns if all(cell.isdecimal() for cell in c)), None)
    wnids = next((c for c in columns if all(re.fullmatch(r"n\d{8}", cell) for cell in c)), None)
    names = [c for c in columns if c is not numbers and c is not wnids]
    if not names:
        raise _NoLabelsError("no column of it holds names")
    labels = [
        Label(wnid=wnids[row] if wnids else "", label=name) for row, name in enumerate(names[0])
    ]
    if numbers is None:
        return tuple(labels)
    by_number = dict(zip(map(int, numbers), labels, strict=True))
    if len(by_number) != len(labels):
        raise _NoLabelsError("a number is there twice")
    _check_numbers(by_number)
    return tuple(by_number[number] for number in range(len(by_number)))


def _check_numbers(numbers: dict[int, Any]) -> None:
    missing = next((number for number in range(len(numbers)) if number not in numbers), None)
    if missing is not None:
        raise _NoLabelsError(f"the class number {missing} is missing")
