"""Tables whose rows are chosen, one at a time."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractItemView, QTableView


def choose_by_row(view: QTableView) -> None:
    """Let the user choose rows of ``view`` by mouse and arrows, change nothing, and Tab go on."""
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setTabKeyNavigation(False)
    view.verticalHeader().hide()
    view.horizontalHeader().setHighlightSections(False)
