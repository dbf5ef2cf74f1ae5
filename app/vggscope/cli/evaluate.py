"""Measure the accuracy of a model on labelled pictures: top-1, top-5, and what it confuses.

The folder holds a folder of pictures for each class, called by its wnid (n02123045), its name or
its number; or any pictures, with a file that tells the class of each. Exit status: 0 all pictures
counted, 1 some were left out (they are listed), 2 wrong usage or nothing could be done.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vggscope.cli.devices import tell_failures, tell_progress
from vggscope.cli.main import ALL_DONE, SOME_FAILED
from vggscope.cli.options import add_model_options, add_protocol_option
from vggscope.cli.progress_bars import progress_bar
from vggscope.cli.tables import text_table
from vggscope.errors import NothingLabelledError
from vggscope.inference.evaluation_report import (
    confusion_lines,
    evaluation_csv,
    evaluation_json,
    omission_lines,
    percent,
    summary_lines,
)
from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from vggscope.inference.classifier import Classifier
    from vggscope.inference.evaluation import Evaluation
    from vggscope.inference.evaluation_journal import Journal

_NUMBERS: Final = ("class", "photos", "top-1", "top-5")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="labelled pictures")
    parser.add_argument(
        "--truth",
        type=Path,
        metavar="FILE",
        help="tells the class of each picture in DIR: lines of a file name and a class, separated "
        "by a comma, a tab or a space",
    )
    add_model_options(parser)
    parser.add_argument("--exact", action="store_true", help="compute in fp32 only")
    add_protocol_option(parser)
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="instead of stdout. What is done is kept beside it until all is: started again after "
        "it was interrupted, the command goes on there",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="JOURNAL",
        help="keep what is done in this file, and go on with it if it is there",
    )


def run(arguments: argparse.Namespace) -> int:
    """Classify, count and write as the arguments say; the exit status."""
    # Engines are imported here, so that "--help" and a wrong option answer at once.
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415
    from vggscope.inference.evaluation import evaluate, waiting  # noqa: PLC0415
    from vggscope.inference.evaluation_samples import samples_in  # noqa: PLC0415

    classifier = Classifier.load(
        arguments.model, device=arguments.device, exact=arguments.exact, progress=tell_progress
    )
    folder, truth = arguments.folder, arguments.truth
    name = classifier.model.name
    samples = samples_in(folder, classifier.labels, model=name, truth=truth)
    with _journal(classifier, arguments) as journal:
        known = {} if journal is None else journal.entries
        left = waiting(samples, known)
        if left < len(samples.samples):
            sys.stderr.write(f"vggscope: {len(samples.samples) - left} photos are done already\n")
        try:
            with progress_bar(left) as advance:
                found = evaluate(
                    classifier,
                    samples,
                    protocol=arguments.protocol,
                    journal=journal,
                    advance=advance,
                )
        except KeyboardInterrupt:
            if journal is not None:
                kept = f"{len(journal.entries)} photos are done"
                sys.stderr.write(
                    f"vggscope: Paused: {kept}. The same command goes on from there.\n"
                )
            raise
    if not found.top1.count:
        reason = f"none of the {len(samples.samples)} can be opened"
        raise NothingLabelledError(name=display_name(folder), model=name, reason=reason)
    _write(found, arguments)
    if journal is not None and arguments.resume is None:
        journal.path.unlink(missing_ok=True)
    tell_failures(classifier)
    return ALL_DONE if found.is_complete else SOME_FAILED


@contextlib.contextmanager
def _journal(classifier: Classifier, arguments: argparse.Namespace) -> Iterator[Journal | None]:
    """Where what is done is kept; nowhere without an output that it could lie beside.

    Raises:
        JournalError: it belongs to another evaluation, or cannot be written.
        JournalBusyError: another process is writing it.
    """
    from vggscope.inference.evaluation_journal import Journal, Subject  # noqa: PLC0415 (as above)

    output: Path | None = arguments.output
    path: Path | None = arguments.resume
    if path is None and output is not None:
        path = output.with_name(f"{output.name}.journal")
    if path is None:
        yield None
        return
    subject = Subject(
        model=classifier.model.name,
        identity=classifier.model.identity,
        device=classifier.device.key,
        protocol=arguments.protocol,
    )
    with Journal(path, subject) as journal:
        yield journal


def _write(found: Evaluation, arguments: argparse.Namespace) -> None:
    """Write ``found`` where it is wanted, and what did not count to stderr.

    Raises:
        OutputError: it cannot be written.
    """
    from vggscope.inference.map_export import staged  # noqa: PLC0415 (as above)

    text = _FORMATS[arguments.format](found)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        with staged(arguments.output) as stream:
            stream.write(text.encode("utf-8", "backslashreplace"))
        # The result itself is what somebody waits for.
        sys.stdout.write("".join(f"{line}\n" for line in summary_lines(found)))
    for line in omission_lines(found):
        sys.stderr.write(f"vggscope: {line}\n")


def _text(found: Evaluation) -> str:
    rows = []
    for row in found.classes:
        confused = ""
        if row.confused is not None:
            index, count = row.confused
            confused = f"{display_name(found.labels[index].label)} ({count})"
        name = display_name(row.label.label)
        shares = [percent(row.top1), percent(row.top5)]
        rows.append([str(row.index), name, str(row.top1.count), *shares, confused])
    heads = ("class", "name", "photos", "top-1", "top-5", "most often taken for")
    parts = [text_table(heads, rows, numbers=_NUMBERS)]
    if found.confusions:
        parts.append("".join(f"{line}\n" for line in confusion_lines(found)))
    parts.append("".join(f"{line}\n" for line in summary_lines(found)))
    return "\n".join(parts)


_FORMATS: Final[dict[str, Callable[[Evaluation], str]]] = {
    "csv": evaluation_csv,
    "json": evaluation_json,
    "table": _text,
}
