"""Predictions for the clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

if TYPE_CHECKING:
    from vggscope.inference.classification import Classification


def copy(name: str, classification: Classification, top: int, form: str) -> None:
    """Copy the ``top`` most probable classes of the picture ``name``: "text", "csv" or "json"."""
    from vggscope.inference import report  # noqa: PLC0415 (not needed to start)

    entry = name, classification
    if form == "text":
        text = report.as_text(*entry, top)
    elif form == "csv":
        text = report.as_csv([entry], top)
    else:
        text = report.as_json(report.as_json_object(*entry, top))
    QGuiApplication.clipboard().setText(text)
