"""Results as text, JSON and CSV: the same from the command line and from the window.

For photos (``as_json_object``, ``csv_rows``, ``as_text``) and for moving pictures
(``live_record``, ``live_heading``, ``live_lines``, ``snapshot_record``).
"""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from vggscope.errors import VggscopeError
from vggscope.inference.protocols import CENTRE
from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from vggscope.inference.classification import Classification, Prediction
    from vggscope.inference.live import LiveResult
    from vggscope.inference.recording import RecordingFormat

Outcome: TypeAlias = "Classification | VggscopeError"
"""What became of a picture."""

# Here, where commands and the window find it without loading an engine.
DEFAULT_TOP: Final = 5

_PREDICTION: Final = ("rank", "index", "wnid", "label", "probability")
_ANSWER: Final = ("model", "device", "milliseconds")

CSV_COLUMNS: Final = ("path", *_PREDICTION, *_ANSWER, "error_kind", "error_message")
"""Columns of the CSV format.

A ``path`` is one that a program can open, never quoted or escaped. Spreadsheets, however, take a
cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, which a file's name could hide.
Only relative names can begin so, and these are written as ``./=name``: the same file. A label or
wnid that begins so, as none of the models that ship has, is written behind an apostrophe.
"""
LIVE_CSV_COLUMNS: Final = (
    *("timestamp", "seconds", "frame", "latency", "smoothing"),
    *_PREDICTION,
    *_ANSWER,
)
"""Columns of a recording in CSV; what they hold is told by ``live_record``."""

_FORMULA: Final = ("=", "+", "-", "@")
_BAR: Final = 24


def as_json_object(path: str, outcome: Outcome, top: int) -> dict[str, Any]:
    """One picture by the JSON contract: its predictions, or its error."""
    if isinstance(outcome, VggscopeError):
        return {"path": path, "error": outcome.as_json()}
    return {"path": path, **_answer_record(outcome, top)}


def live_record(result: LiveResult, top: int) -> dict[str, Any]:
    """One inference of a live source by the JSON contract.

    ``timestamp`` (ISO 8601, UTC) is when the frame came, ``seconds`` where it lies in the video
    (of other sources: since the source began), ``frame`` its number from 1, ``latency`` the
    milliseconds from its arrival to the answer, ``milliseconds`` those of them that the network
    and its preparation took. ``smoothing`` is there only where the probabilities were smoothed.
    """
    smoothing = {} if result.smoothing == "off" else {"smoothing": result.smoothing}
    return {
        "timestamp": _timestamp(result.captured),
        "seconds": round(result.seconds, 3),
        "frame": result.number,
        "latency": round(result.latency, 3),
        **smoothing,
        **_answer_record(result.shown, top),
    }


def snapshot_record(result: LiveResult, top: int, *, picture: str, source: str) -> dict[str, Any]:
    """What lies beside the picture of a snapshot.

    Args:
        result: of that very frame.
        top: how many predictions.
        picture: the name of the picture's file, in the same folder.
        source: name of the camera, the video, the screen.

    Returns:
        ``picture``, ``source``, ``size`` ([width, height] of the whole picture), ``crop`` ([left,
        top, right, bottom] of what the network saw, in its pixels) and what ``live_record`` tells.
    """
    return {
        "picture": picture,
        "source": source,
        "size": list(result.size),
        "crop": [round(edge, 2) for edge in result.classification.crop],
        **live_record(result, top),
    }


def _answer_record(classification: Classification, top: int) -> dict[str, Any]:
    mark: dict[str, Any] = {"untrained": True} if classification.untrained else {}
    if classification.protocol != CENTRE:
        mark["protocol"] = classification.protocol
    return {
        "model": classification.model,
        **mark,
        "device": classification.device,
        "milliseconds": round(classification.milliseconds, 3),
        "predictions": [
            {
                "rank": p.rank,
                "index": p.index,
                "wnid": p.wnid,
                "label": p.label,
                "probability": round(p.probability, 6),
            }
            for p in classification.top(top)
        ],
    }


def _timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: 2026-01-31T12:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(content: dict[str, Any] | Sequence[dict[str, Any]]) -> str:
    """Indented JSON of one object or of an array."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def csv_rows(path: str, outcome: Outcome, top: int) -> Iterable[list[object]]:
    """Rows below ``CSV_COLUMNS``: one per prediction, or one for an error."""
    if path.startswith(_FORMULA):
        path = f"./{path}"
    if isinstance(outcome, VggscopeError):
        yield [path, *[""] * 8, outcome.kind, outcome.message]
        return
    for row in _answer_rows(outcome, top):
        yield [path, *row, "", ""]


def live_csv_rows(result: LiveResult, top: int) -> Iterable[list[object]]:
    """Rows below ``LIVE_CSV_COLUMNS``: one per prediction."""
    beginning = [
        _timestamp(result.captured),
        f"{result.seconds:.3f}",
        result.number,
        f"{result.latency:.3f}",
        result.smoothing,
    ]
    for row in _answer_rows(result.shown, top):
        yield [*beginning, *row]


def live_heading(form: RecordingFormat) -> str:
    """What stands above ``live_lines``: the header of a CSV, nothing in JSON lines."""
    return _csv_text([LIVE_CSV_COLUMNS]) if form == "csv" else ""


def live_lines(result: LiveResult, form: RecordingFormat, top: int) -> str:
    """One inference of a live source in a recording.

    Args:
        result: the inference.
        form: "jsonl": ``live_record`` in a line; "csv": ``live_csv_rows``, with RFC 4180 line ends.
        top: how many predictions.
    """
    if form == "csv":
        return _csv_text(live_csv_rows(result, top))
    return json.dumps(live_record(result, top), ensure_ascii=False) + "\n"


def _csv_text(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _answer_rows(classification: Classification, top: int) -> Iterable[list[object]]:
    for p in classification.top(top):
        yield [
            p.rank,
            p.index,
            cell(p.wnid),
            cell(p.label),
            f"{p.probability:.6f}",
            _told_model(classification),
            classification.device,
            f"{classification.milliseconds:.3f}",
        ]


def _told_model(classification: Classification) -> str:
    """The model, and what an answer of it must not be compared without."""
    marks = ["untrained"] * classification.untrained
    marks += [classification.protocol] * (classification.protocol != CENTRE)
    return classification.model + (f" ({', '.join(marks)})" if marks else "")


def cell(text: str) -> str:
    """A text as spreadsheets take it for a text, see ``CSV_COLUMNS``."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_csv(results: Iterable[tuple[str, Outcome]], top: int) -> str:
    """A whole CSV text with its header (RFC 4180 line ends)."""
    rows = (row for path, outcome in results for row in csv_rows(path, outcome, top))
    return _csv_text(chain([CSV_COLUMNS], rows))


def as_text(path: str, outcome: Outcome, top: int) -> str:
    """For reading: the path and a line per prediction, or the error and its remedy."""
    # A name may hold line breaks, and sequences that a terminal obeys.
    path = display_name(path)
    if isinstance(outcome, VggscopeError):
        return f"{path}\n    {outcome.message} {outcome.remedy}\n"
    lines = [_line(p) for p in outcome.top(top)]
    mark = ", untrained: random answers" if outcome.untrained else ""
    if outcome.protocol != CENTRE:
        mark += f", {outcome.protocol}"
    heading = f"{path}  ({outcome.model}{mark}, {outcome.device}, {outcome.milliseconds:.0f} ms)"
    return "\n".join([heading, *lines]) + "\n"


def _line(prediction: Prediction) -> str:
    bar = "█" * round(prediction.probability * _BAR)
    return f"{prediction.probability:9.1%}  {bar:<{_BAR}}  {prediction.label}"
