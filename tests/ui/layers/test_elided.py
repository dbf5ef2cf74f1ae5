"""A line of text that is cut where there is no room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from vggscope.ui.layers.elided import Elided

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LONG = "From the first word to the very last one of a long line"


@pytest.fixture
def label(qtbot: QtBot) -> Elided:
    made = Elided()
    qtbot.addWidget(made)
    made.show()
    return made


def test_it_is_cut_and_whole_again(label: Elided) -> None:
    label.resize(120, 20)
    label.set_whole(LONG)
    assert label.text().startswith("From")
    assert label.text().endswith("…")
    assert (label.whole, label.toolTip(), label.accessibleName()) == (LONG, LONG, LONG)
    label.resize(label.sizeHint())
    assert label.text() == LONG
    assert label.toolTip() == "", "it would say nothing new"


def test_it_is_cut_anew_in_another_font(label: Elided) -> None:
    label.set_whole(LONG)
    label.resize(label.sizeHint())
    font = label.font()
    font.setPointSizeF(font.pointSizeF() * 1.5)
    label.setFont(font)
    assert "…" in label.text()


def test_it_can_be_cut_in_the_middle(qtbot: QtBot) -> None:
    label = Elided(Qt.TextElideMode.ElideMiddle)
    qtbot.addWidget(label)
    label.resize(160, 20)
    label.show()
    label.set_whole(LONG)
    assert label.text().startswith("From")
    assert label.text().endswith("line")
    assert "…" in label.text()


def test_it_forces_no_width_on_others_and_is_no_markup(label: Elided) -> None:
    label.set_whole("<b>" + LONG)
    assert label.minimumSizeHint().width() == 0
    label.resize(label.sizeHint())
    assert label.text() == "<b>" + LONG
    assert label.textFormat() == Qt.TextFormat.PlainText
