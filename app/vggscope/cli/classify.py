"""Classify pictures: files, or folders of them.

Exit status: 0 all classified, 1 some pictures failed (the rest was done), 2 wrong usage or
nothing could be done.
"""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from vggscope.cli.devices import tell_failures, tell_progress
from vggscope.cli.main import ALL_DONE, SOME_FAILED
from vggscope.cli.options import add_classifier_options, add_protocol_option
from vggscope.cli.progress_bars import progress_bar
from vggscope.errors import OutputError, VggscopeError
from vggscope.inference.report import (
    CSV_COLUMNS,
    as_json_object,
    as_text,
    csv_rows,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from vggscope.inference.report import Outcome
    from vggscope.sources.frame import Frame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a picture, or a folder of them")
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="include the subfolders of folders"
    )
    add_classifier_options(parser)
    add_protocol_option(parser)
    parser.add_argument("--format", choices=sorted(_WRITERS), default="table")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="instead of stdout")


def run(arguments: argparse.Namespace) -> int:
    """Classify and write as the arguments say; the exit status."""
    # Engines are imported here, so that "--help" and a wrong option answer at once.
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415
    from vggscope.inference.stream import classify_stream  # noqa: PLC0415
    from vggscope.sources.finding import Failed, find_stills  # noqa: PLC0415
    from vggscope.sources.stills import read_still  # noqa: PLC0415

    classifier = Classifier.load(
        arguments.model,
        device=arguments.device,
        fit=arguments.fit,
        exact=arguments.exact,
        progress=tell_progress,
    )

    enough = classifier.enough_for(arguments.protocol)

    def read(item: Path | Failed) -> Frame:
        if isinstance(item, Failed):
            raise item.error
        return read_still(item, enough=enough)

    found: Iterable[Path | Failed] = find_stills(arguments.paths, recursive=arguments.recursive)
    output = arguments.output
    total = 0
    shows_progress = _shows_progress(arguments)
    # The output file may lie in a folder of pictures: all are known before it is made.
    if output or shows_progress:
        found = list(found)
        total = len(found)
        identity = _identity(output) if output else None
        if identity and any(isinstance(f, Path) and _identity(f) == identity for f in found):
            raise OutputError(name=output, reason="it is one of the pictures")
    failed = False
    with _destination(output) as stream:
        writer = _WRITERS[arguments.format](stream, arguments.top)
        with contextlib.closing(writer), progress_bar(total, hidden=not shows_progress) as advance:
            for result in classify_stream(
                classifier, found, read, top=arguments.top, protocol=arguments.protocol
            ):
                item = result.item
                path = item.path if isinstance(item, Failed) else str(item)
                writer.write(path, result.outcome)
                failed |= isinstance(result.outcome, VggscopeError)
                advance()
    tell_failures(classifier)
    return SOME_FAILED if failed else ALL_DONE


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and number of the file; None if there is none."""
    try:
        status = path.stat()
    # ValueError: a name that no file can have.
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


class _TableWriter:
    """Writes each outcome as soon as it is known; the base of the other formats."""

    def __init__(self, stream: TextIO, top: int) -> None:
        self._stream, self._top = stream, top

    def write(self, path: str, outcome: Outcome) -> None:
        self._stream.write(as_text(path, outcome, self._top))
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


class _JsonLinesWriter(_TableWriter):
    def write(self, path: str, outcome: Outcome) -> None:
        line = json.dumps(as_json_object(path, outcome, self._top), ensure_ascii=False)
        self._stream.write(line + "\n")
        self._stream.flush()


class _JsonWriter(_TableWriter):
    """An array whose elements are written as they come: a stream of any length fits in memory."""

    def __init__(self, stream: TextIO, top: int) -> None:
        super().__init__(stream, top)
        self._separator = "[\n"

    def write(self, path: str, outcome: Outcome) -> None:
        element = json.dumps(as_json_object(path, outcome, self._top), ensure_ascii=False, indent=1)
        self._stream.write(self._separator + element)
        self._separator = ",\n"

    def close(self) -> None:
        self._stream.write("[]\n" if self._separator == "[\n" else "\n]\n")


class _CsvWriter(_TableWriter):
    def __init__(self, stream: TextIO, top: int) -> None:
        super().__init__(stream, top)
        self._writer = csv.writer(stream)
        self._writer.writerow(CSV_COLUMNS)

    def write(self, path: str, outcome: Outcome) -> None:
        self._writer.writerows(csv_rows(path, outcome, self._top))
        self._stream.flush()


_WRITERS: dict[str, type[_TableWriter]] = {
    "table": _TableWriter,
    "json": _JsonWriter,
    "jsonl": _JsonLinesWriter,
    "csv": _CsvWriter,
}


@contextlib.contextmanager
def _destination(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            yield stream
    except OSError as error:
        raise OutputError(name=path, reason=error.strerror or str(error)) from error


def _shows_progress(arguments: argparse.Namespace) -> bool:
    """On a terminal, unless the results themselves show progress there."""
    results_are_watched = arguments.output is None and sys.stdout.isatty()
    return sys.stderr.isatty() and not results_are_watched
