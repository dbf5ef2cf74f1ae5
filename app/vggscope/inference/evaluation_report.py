"""Evaluations as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any, Final

from vggscope.inference.report import as_json, cell
from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vggscope.inference.evaluation import ClassRow, Evaluation, Share

COLUMNS: Final = (
    *("index", "wnid", "label", "photos"),
    *("top1", "top1_low", "top1_high", "top5", "top5_low", "top5_high"),
    *("confused_with", "confused_count", "model", "device", "protocol"),
)
"""Of the CSV: a line for each class, the last one for all of them. Shares are in percent."""
_PAIRS: Final = 10
"""Pairs of classes that the text tells."""
_NAMED: Final = 20
"""Pictures that failed, and names that are no classes, which the text tells."""


def evaluation_json(found: Evaluation) -> str:
    """Everything; shares are in percent, ``low`` and ``high`` the 95 % confidence interval."""
    labels = found.labels
    mark = {"untrained": True} if found.untrained else {}
    record: dict[str, Any] = {
        "model": found.model,
        **mark,
        "device": found.device,
        "protocol": found.protocol,
        "photos": found.top1.count,
        "top1": _share(found.top1),
        "top5": _share(found.top5),
        "milliseconds": None if math.isnan(found.milliseconds) else round(found.milliseconds, 3),
        "classes": [_class_record(row, found) for row in found.classes],
        "confusions": [
            {
                "truth": {"index": each.truth, "label": labels[each.truth].label},
                "said": {"index": each.said, "label": labels[each.said].label},
                "count": each.count,
            }
            for each in found.confusions
        ],
        "failures": [{"path": path, "error": error.as_json()} for path, error in found.failures],
        "unknown_classes": [
            {"name": name, "photos": count} for name, count in found.samples.unknown
        ],
        "unlabelled": found.samples.unlabelled,
        "missing": list(found.samples.missing),
    }
    return as_json(record)


def evaluation_csv(found: Evaluation) -> str:
    """``COLUMNS``, with RFC 4180 line ends."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    model = found.model + " (untrained)" * found.untrained
    tail = [model, found.device, found.protocol]
    for row in found.classes:
        confused = ["", ""]
        if row.confused is not None:
            confused = [cell(found.labels[row.confused[0]].label), str(row.confused[1])]
        name = [str(row.index), cell(row.label.wnid), cell(row.label.label), str(row.top1.count)]
        writer.writerow([*name, *_percents(row.top1), *_percents(row.top5), *confused, *tail])
    shares = [*_percents(found.top1), *_percents(found.top5)]
    writer.writerow(["", "", "all", found.top1.count, *shares, "", "", *tail])
    return text.getvalue()


def summary_lines(found: Evaluation) -> Iterator[str]:
    """The model's accuracy, in words."""
    mark = ", untrained: random answers" if found.untrained else ""
    photos = f"{found.top1.count} photos of {len(found.classes)} classes"
    what = f"{found.model}{mark}, {found.device}, {found.protocol}"
    yield f"{what}: {photos}, {found.milliseconds:.0f} ms each"
    yield f"top-1 {_words(found.top1)}"
    yield f"top-5 {_words(found.top5)}"


def confusion_lines(found: Evaluation) -> Iterator[str]:
    """The pairs of classes that were taken for each other most often."""
    for each in found.confusions[:_PAIRS]:
        truth, said = found.labels[each.truth].label, found.labels[each.said].label
        yield f"{each.count} × {display_name(truth)} taken for {display_name(said)}"


def omission_lines(found: Evaluation) -> Iterator[str]:
    """What did not count, and why."""
    for path, error in found.failures[:_NAMED]:
        yield f"left out: {display_name(path)}: {error.message}"
    if (more := len(found.failures) - _NAMED) > 0:
        yield f"left out: {more} more pictures that failed"
    for name, count in found.samples.unknown[:_NAMED]:
        yield f"left out: “{display_name(name)}”, no class of {found.model}, {count} photos"
    if (more := len(found.samples.unknown) - _NAMED) > 0:
        yield f"left out: {more} more names that are no classes"
    if found.samples.unlabelled:
        yield f"left out: {found.samples.unlabelled} photos whose class is not told"
    if found.samples.missing:
        first = display_name(found.samples.missing[0])
        yield f"missing: {len(found.samples.missing)} photos that the file names, first “{first}”"


def percent(share: Share) -> str:
    """A share for a table."""
    return f"{share.share:.1%}" if share.count else ""


def _words(share: Share) -> str:
    return f"{share.share:.2%} (95 % confidence: {share.low:.2%} to {share.high:.2%})"


def _percents(share: Share) -> list[str]:
    if not share.count:
        return ["", "", ""]
    return [f"{100 * each:.3f}" for each in (share.share, share.low, share.high)]


def _share(share: Share) -> dict[str, Any]:
    of_all = None if not share.count else round(100 * share.share, 3)
    low, high = round(100 * share.low, 3), round(100 * share.high, 3)
    return {"hits": share.hits, "percent": of_all, "low": low, "high": high}


def _class_record(row: ClassRow, found: Evaluation) -> dict[str, Any]:
    confused = None
    if row.confused is not None:
        index, count = row.confused
        confused = {"index": index, "label": found.labels[index].label, "count": count}
    return {
        "index": row.index,
        "wnid": row.label.wnid,
        "label": row.label.label,
        "photos": row.top1.count,
        "top1": _share(row.top1),
        "top5": _share(row.top5),
        "confused": confused,
    }
