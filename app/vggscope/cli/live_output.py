"""What the command "live" writes: its answers, each at once, and a summary of them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from vggscope.errors import OutputError, VggscopeError
from vggscope.inference.recording import Recorder
from vggscope.inference.report import live_heading, live_lines
from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    import argparse
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
            sys.stdout.write(self._text(result))
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

    def _text(self, result: LiveResult) -> str:
        if self._format == "table":
            heading, lines = _HEADS, _table(result, self._top)
        else:
            heading = live_heading(self._format)
            lines = live_lines(result, self._format, self._top)
        return lines if self._is_begun else heading + lines


def _table(result: LiveResult, top: int) -> str:
    predictions = ", ".join(f"{p.label} {p.probability:.1%}" for p in result.top(top))
    return f"{result.seconds:9.2f} {result.number:7} {result.latency:7.1f}  {predictions}\n"


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
