"""What the command "live" writes: its answers, each at once, and a summary of them."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from vggscope.errors import OutputError, VggscopeError
from vggscope.inference.recording import Recorder
from vggscope.inference.report import LIVE_CSV_COLUMNS, live_csv_rows, live_record
from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from vggscope.inference.classifier import Classifier
    from vggscope.inference.live import LiveResult
    from vggscope.inference.live_statistics import LiveStatistics

_HEADS: Final = f"{'seconds':>9} {'frame':>7} {'ms':>7}  predictions\n"


class Output:
    """Where answers are written, each at once; opened by the first one.

    So a model or a source that is not there costs nobody the file of another day.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._path: Path | None = arguments.output
        self._format, self._top = arguments.format, arguments.top
        self._recorder: Recorder | None = None
        self._is_begun = False

    def write(self, result: LiveResult) -> None:
        """Write an answer.

        Raises:
            OutputError: the file cannot be written.
            OSError: stdout takes no more.
        """
        if self._path is None:
            beginning = "" if self._is_begun else _BEGINNINGS[self._format]
            sys.stdout.write(beginning + _TEXTS[self._format](result, self._top))
            sys.stdout.flush()
        else:
            if self._recorder is None:
                # Like the other commands: the user has named the file.
                self._recorder = Recorder(self._path, self._format, self._top, replace=True)
            self._recorder.write(result)
        self._is_begun = True

    def close(self) -> None:
        """Nothing more will be written.

        Raises:
            OutputError: the system tells only now that something was not written.
        """
        if self._recorder is not None:
            self._recorder.close()


def _jsonl(result: LiveResult, top: int) -> str:
    return json.dumps(live_record(result, top), ensure_ascii=False) + "\n"


def _csv(result: LiveResult, top: int) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(live_csv_rows(result, top))
    return text.getvalue()


def _table(result: LiveResult, top: int) -> str:
    predictions = ", ".join(f"{p.label} {p.probability:.1%}" for p in result.top(top))
    return f"{result.seconds:9.2f} {result.number:7} {result.latency:7.1f}  {predictions}\n"


_BEGINNINGS: Final = {"jsonl": "", "csv": ",".join(LIVE_CSV_COLUMNS) + "\r\n", "table": _HEADS}
_TEXTS: Final[dict[str, Callable[[LiveResult, int], str]]] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "table": _table,
}


def tell(error: VggscopeError) -> None:
    """Say on stderr what is wrong."""
    sys.stderr.write(f"vggscope: {error.message} {error.remedy}\n")
    sys.stderr.flush()


def summary_text(figures: LiveStatistics) -> str:
    """A line for reading."""
    values: dict[str, Any] = figures.summary()
    text = (
        f"{values['seconds']:.1f} s: {values['frames']} frames seen ({values['source_fps']:.1f}/s),"
        f" {values['inferred']} inferred ({values['inference_fps']:.1f}/s),"
        f" {values['dropped']} dropped ({values['dropped_share']:.1%})"
    )
    if values["latency_median"] is None:
        return text
    return (
        f"{text}; latency {values['latency_median']:.1f} ms median, "
        f"{values['latency_p95']:.1f} ms p95"
    )


def write_summary(
    arguments: argparse.Namespace, classifier: Classifier, figures: LiveStatistics
) -> None:
    """Write it as JSON to the file that the arguments name.

    Raises:
        OutputError: it cannot be written.
    """
    document = {
        "source": arguments.source,
        "model": classifier.model.name,
        "device": classifier.device.key,
        "smoothing": arguments.smoothing,
        **figures.summary(),
    }
    content = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    path: Path = arguments.summary
    try:
        path.write_bytes(content.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(name=display_name(path), reason=reason) from error
