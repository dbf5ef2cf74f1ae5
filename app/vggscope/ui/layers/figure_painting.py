"""How the parts of the network's figure are painted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from vggscope.ui.layers.figure_geometry import CLASSIFIER, Block, Group, Look, Plan
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vggscope.ui.theme import Colours
    from vggscope.vgg.network import Network

# Colours of data: the same in light and dark.
OTHER: Final = QColor("#8f88b5")
COLOURS: Final[Mapping[Kind, QColor]] = {
    Kind.INPUT: QColor("#8a9099"),
    Kind.FLATTEN: QColor("#8a9099"),
    Kind.CONVOLUTION: QColor("#4b9bea"),
    Kind.MAX_POOLING: QColor("#e5715c"),
    Kind.AVERAGE_POOLING: QColor("#c46bb8"),
    Kind.FULLY_CONNECTED: QColor("#55b892"),
    Kind.SOFTMAX: QColor("#c9a23a"),
}
TIME: Final = QColor("#f59a3c")
HEAT_LENGTH: Final = 13
"""Of the bar of the slowest layer."""
HEAT_GAP: Final = 3
SWATCH: Final = 10
_SWATCH_GAP: Final = 7
_ON_DARK: Final = QColor("#ffd54a")
_ON_LIGHT: Final = QColor("#d39200")
_UNIT: Final = 5


def small(font: QFont) -> QFont:
    """``font`` for names and the legend."""
    made = QFont(font)
    made.setPointSizeF(max(font.pointSizeF() * 0.8, 6.5))
    return made


def bold(font: QFont) -> QFont:
    """``font`` for the current layer's name."""
    made = QFont(font)
    made.setWeight(QFont.Weight.DemiBold)
    return made


def paint_block(painter: QPainter, block: Block, *, lit: bool) -> None:
    """One layer; ``lit``: the mouse is over it."""
    colour = QColor(COLOURS.get(block.layer.kind, OTHER))
    if lit:
        colour = colour.lighter(112)
    painter.setPen(Qt.PenStyle.NoPen)
    if block.look is Look.MAP:
        _paint_map(painter, block, colour)
    elif block.look is Look.VECTOR:
        _paint_vector(painter, block.front, colour)
    else:
        _paint_glyph(painter, block, colour)


def paint_frame(painter: QPainter, block: Block, colours: Colours) -> None:
    """Around the current layer."""
    dark = QColor(colours.surface).lightness() < 128
    painter.setPen(QPen(_ON_DARK if dark else _ON_LIGHT, 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(block.bounds.adjusted(-3, -3, 3, 3), 4, 4)


def paint_heat(painter: QPainter, plan: Plan, times: Mapping[str, float]) -> None:
    """The bars that hang below the blocks, as long as the layers take."""
    slowest = max(times.values(), default=0.0)
    for block in plan.blocks:
        spent = times.get(block.layer.name)
        if spent is None or slowest <= 0:
            continue
        front = block.front
        length = max(HEAT_LENGTH * spent / slowest, 1.0)
        bar = QRectF(front.left(), front.bottom() + HEAT_GAP, front.width(), length)
        painter.fillRect(bar, TIME)


def paint_name(
    painter: QPainter, text: str, area: QRectF, colours: Colours, *, marked: bool
) -> None:
    """Beneath a block, in the painter's font; ``marked``: of the current layer."""
    painter.save()
    if marked:
        painter.setFont(bold(painter.font()))
    painter.setPen(QColor(colours.text if marked else colours.muted))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip, text)
    painter.restore()


def paint_bracket(
    painter: QPainter, plan: Plan, group: Group, top: float, colours: Colours
) -> None:
    """Below a group, with what it is called if there is room, in the painter's font."""
    left, right = plan.span(group)
    metrics = QFontMetricsF(painter.font())
    text = QCoreApplication.translate("NetworkFigure", "classifier")
    if group.number != CLASSIFIER:
        text = QCoreApplication.translate("NetworkFigure", "block {0}").format(group.number)
    width = metrics.horizontalAdvance(text) + 10
    fits = width <= right - left
    middle, line = (left + right) / 2, top + metrics.height() / 2
    painter.setPen(QPen(QColor(colours.disabled), 1))
    gap = width / 2 if fits else 0.0
    for begin, end in ((left, middle - gap), (middle + gap, right)):
        painter.drawLine(QPointF(begin, line), QPointF(end, line))
    for end in (left, right):
        painter.drawLine(QPointF(end, line - 3), QPointF(end, line))
    if fits:
        painter.setPen(QColor(colours.muted))
        area = QRectF(middle - width / 2, top, width, metrics.height())
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)


def legend_of(network: Network, *, timed: bool, device: str) -> list[tuple[QColor, str]]:
    """What the colours mean, for the kinds that there are."""
    translate = QCoreApplication.translate
    kernels: dict[Kind, set[tuple[int, int] | None]] = {}
    for layer in network.layers:
        kernels.setdefault(layer.kind, set()).add(layer.kernel)
    names = {
        Kind.CONVOLUTION: translate("NetworkFigure", "convolution"),
        Kind.MAX_POOLING: translate("NetworkFigure", "max pooling"),
        Kind.AVERAGE_POOLING: translate("NetworkFigure", "average pooling"),
        Kind.FULLY_CONNECTED: translate("NetworkFigure", "fully connected"),
        Kind.SOFTMAX: translate("NetworkFigure", "softmax"),
    }
    rows = []
    for kind, name in names.items():
        if kind in kernels:
            kernel = next(iter(kernels[kind])) if len(kernels[kind]) == 1 else None
            size = f" {kernel[0]}×{kernel[1]}" if kernel else ""
            rows.append((COLOURS[kind], name + size))
    if set(kernels) - set(COLOURS):
        rows.append((OTHER, translate("NetworkFigure", "other")))
    if timed and device:
        text = translate("NetworkFigure", "time per layer, {0}").format(device)
        rows.append((TIME, text))
    elif timed:
        rows.append((TIME, translate("NetworkFigure", "time per layer")))
    return rows


def legend_width(rows: Sequence[tuple[QColor, str]], font: QFont) -> float:
    """What the legend would like to have."""
    metrics = QFontMetricsF(font)
    return SWATCH + _SWATCH_GAP + 1 + max(metrics.horizontalAdvance(text) for _, text in rows)


def paint_legend(
    painter: QPainter, rows: Sequence[tuple[QColor, str]], area: QRectF, colours: Colours
) -> None:
    """In the middle of ``area``, in the painter's font."""
    metrics = QFontMetricsF(painter.font())
    step = min(metrics.height() + 5, area.height() / len(rows))
    top = area.top() + (area.height() - step * len(rows)) / 2
    for colour, text in rows:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        swatch = QRectF(area.left(), top + (step - SWATCH) / 2, SWATCH, SWATCH)
        painter.drawRoundedRect(swatch, 2, 2)
        painter.setPen(QColor(colours.muted))
        row = QRectF(area.left(), top, area.width(), step).adjusted(SWATCH + _SWATCH_GAP, 0, 0, 0)
        elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, row.width())
        painter.drawText(row, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, elided)
        top += step


def _paint_map(painter: QPainter, block: Block, colour: QColor) -> None:
    front, back = block.front, QPointF(block.depth.x(), -block.depth.y())
    left, corner, low = front.topLeft(), front.topRight(), front.bottomRight()
    painter.setBrush(colour.lighter(128))
    painter.drawPolygon(QPolygonF([left, corner, corner + back, left + back]))
    painter.setBrush(colour.darker(142))
    painter.drawPolygon(QPolygonF([corner, low, low + back, corner + back]))
    painter.setBrush(colour)
    painter.drawRect(front)


def _paint_vector(painter: QPainter, front: QRectF, colour: QColor) -> None:
    """A slim column of units."""
    painter.setBrush(colour)
    painter.drawRoundedRect(front, 3, 3)
    painter.setPen(QPen(colour.darker(135), 1))
    for step in range(1, int((front.height() - 2) // _UNIT) + 1):
        y = front.top() + step * _UNIT
        painter.drawLine(QPointF(front.left() + 1, y), QPointF(front.right() - 1, y))


def _paint_glyph(painter: QPainter, block: Block, colour: QColor) -> None:
    """A picture for the input, lines of values for flattening."""
    area = block.front.adjusted(1, 1, -1, -1)
    x, y, wide, tall = area.x(), area.y(), area.width(), area.height()
    painter.setPen(QPen(colour, 1.4))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if block.layer.kind is Kind.INPUT:
        painter.drawRoundedRect(area, 2, 2)
        hills = ((0.0, 0.8), (0.35, 0.42), (0.6, 0.7), (0.75, 0.55), (1.0, 0.8))
        painter.drawPolyline(QPolygonF([QPointF(x + a * wide, y + b * tall) for a, b in hills]))
        return
    for across, down in ((0.5, 0.15), (0.95, 0.5), (0.5, 0.85)):
        height = y + down * tall
        painter.drawLine(QPointF(x, height), QPointF(x + across * wide, height))
