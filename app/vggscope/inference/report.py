"""Results as text, JSON and CSV: the same from the command line and from the window."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from vggscope.errors import VggscopeError
from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vggscope.inference.classifier import Classification, Prediction

Outcome: TypeAlias = "Classification | VggscopeError"
"""What became of a picture."""

# Here, where commands and the window find it without loading an engine.
DEFAULT_TOP: Final = 5

CSV_COLUMNS: Final = (
    "path",
    "rank",
    "index",
    "wnid",
    "label",
    "probability",
    "model",
    "device",
    "milliseconds",
    "error_kind",
    "error_message",
)
"""Columns of the CSV format.

A ``path`` is one that a program can open, never quoted or escaped. Spreadsheets, however, take a
cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, which a file's name could hide.
Only relative names can begin so, and these are written as ``./=name``: the same file.
"""
_FORMULA: Final = ("=", "+", "-", "@")
_BAR: Final = 24


def as_json_object(path: str, outcome: Outcome, top: int) -> dict[str, Any]:
    """One picture by the JSON contract: its predictions, or its error."""
    if isinstance(outcome, VggscopeError):
        return {"path": path, "error": outcome.as_json()}
    return {
        "path": path,
        "model": outcome.model,
        "device": outcome.device,
        "milliseconds": round(outcome.milliseconds, 3),
        "predictions": [
            {
                "rank": p.rank,
                "index": p.index,
                "wnid": p.wnid,
                "label": p.label,
                "probability": round(p.probability, 6),
            }
            for p in outcome.top(top)
        ],
    }


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
    for p in outcome.top(top):
        yield [
            path,
            p.rank,
            p.index,
            p.wnid,
            p.label,
            f"{p.probability:.6f}",
            outcome.model,
            outcome.device,
            f"{outcome.milliseconds:.3f}",
            "",
            "",
        ]


def as_csv(results: Iterable[tuple[str, Outcome]], top: int) -> str:
    """A whole CSV text with its header (RFC 4180 line ends)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for path, outcome in results:
        writer.writerows(csv_rows(path, outcome, top))
    return text.getvalue()


def as_text(path: str, outcome: Outcome, top: int) -> str:
    """For reading: the path and a line per prediction, or the error and its remedy."""
    # A name may hold line breaks, and sequences that a terminal obeys.
    path = display_name(path)
    if isinstance(outcome, VggscopeError):
        return f"{path}\n    {outcome.message} {outcome.remedy}\n"
    lines = [_line(p) for p in outcome.top(top)]
    heading = f"{path}  ({outcome.model}, {outcome.device}, {outcome.milliseconds:.0f} ms)"
    return "\n".join([heading, *lines]) + "\n"


def _line(prediction: Prediction) -> str:
    bar = "█" * round(prediction.probability * _BAR)
    return f"{prediction.probability:9.1%}  {bar:<{_BAR}}  {prediction.label}"
