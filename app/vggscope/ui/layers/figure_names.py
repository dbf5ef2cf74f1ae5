"""The names beneath the blocks of the network's figure, in letters that fit."""

from __future__ import annotations

from typing import Final, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetricsF

from vggscope.ui.layers.figure_geometry import Look, Plan, place_names
from vggscope.ui.layers.figure_painting import bold

_LONGEST: Final = 110
_APART: Final = 4.0
_SCALES: Final = (1.0, 0.94, 0.88)


class Names(NamedTuple):
    """What is written beneath the blocks.

    Attributes:
        font: of the names; the current layer's is bolder.
        texts: one for each block.
        places: left and right end of each; None for those without room.
    """

    font: QFont
    texts: list[str]
    places: list[tuple[float, float] | None]


def fit_names(plan: Plan, font: QFont, current: int | None) -> Names:
    """The names in the largest letters with which the fewest have to be left out.

    Args:
        plan: the figure.
        font: the largest that they may have.
        current: index of the current layer.
    """
    # Glyphs speak for themselves: others' names are not made smaller for theirs.
    said = [i for i, block in enumerate(plan.blocks) if block.look is not Look.GLYPH]
    choices = (_names_in(plan, _scaled(font, scale), current) for scale in _SCALES)
    return min(choices, key=lambda names: sum(names.places[i] is None for i in said))


def _names_in(plan: Plan, font: QFont, current: int | None) -> Names:
    plain, marked = QFontMetricsF(font), QFontMetricsF(bold(font))
    texts, widths = [], []
    for index, block in enumerate(plan.blocks):
        metrics, most = (marked, 2 * _LONGEST) if index == current else (plain, _LONGEST)
        text = metrics.elidedText(block.layer.name, Qt.TextElideMode.ElideMiddle, most)
        texts.append(text)
        widths.append(metrics.horizontalAdvance(text) + 1)
    return Names(font, texts, place_names(plan, widths, current, apart=_APART))


def _scaled(font: QFont, scale: float) -> QFont:
    made = QFont(font)
    made.setPointSizeF(font.pointSizeF() * scale)
    return made
