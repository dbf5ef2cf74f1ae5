"""How often values occur, as bars in the colours that the values have on maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QPainter
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from vggscope.ui.layers.colours import colour_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QPaintEvent

    from vggscope.ui.theme import Theme

_TOP: Final = 254
_SMALLER: Final = 1.5
"""Points by which the numbers are smaller than other texts."""
_WHOLE: Final = 10_000
_SHORT: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def value_text(value: float) -> str:
    """A value of a map as people read it: four digits, more before the point if there are."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-4:
        text = f"{value:.3g}"
    elif size >= 1000 or value == int(value):
        text = f"{value:,.0f}"
    else:
        text = f"{value:.4g}"
    return text.replace("-", "−")


def short_count(count: int) -> str:
    """A count in little room: "1.2M"."""
    if count >= _WHOLE:
        for unit, letter in _SHORT:
            if count >= unit:
                return f"{count / unit:.3g}{letter}"
    return f"{count:,}"


class HistogramView(QWidget):
    """Bars over the axis of values; their heights are logarithms of counts."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._counts: list[int] = []
        self._low = self._high = 0.0
        self._colours = "viridis"
        self._span: tuple[float, float] | None = None
        self.setMinimumSize(120, 36)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Histogram"))
        theme.changed.connect(self.update)

    def show_counts(  # noqa: PLR0913, PLR0917 (what a histogram is)
        self,
        counts: Sequence[int] | NDArray[np.intp],
        low: float,
        high: float,
        colours: str,
        from_value: float | None = None,
        to_value: float | None = None,
    ) -> None:
        """Show how often values occur.

        Args:
            counts: from ``low`` to ``high`` in equal steps.
            low: the smallest value.
            high: the largest value.
            colours: the colour map.
            from_value: the value that its first colour stands for; None if there is no one such
                value, and the bars are to have no colour of data.
            to_value: the value that its last colour stands for, or None.
        """
        self._counts = [int(count) for count in counts]
        self._low, self._high, self._colours = low, high, colours
        self._span = None
        if from_value is not None and to_value is not None:
            self._span = (from_value, to_value)
        self.setAccessibleDescription(self._summary())
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self._counts = []
        self.setAccessibleDescription("")
        self.update()

    def _summary(self) -> str:
        if not sum(self._counts):
            return self.tr("There are no values.")
        return self.tr("{0} values from {1} to {2}; the axis of counts is logarithmic").format(
            f"{sum(self._counts):,}", value_text(self._low), value_text(self._high)
        )

    @property
    def _small_font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(max(6.0, font.pointSizeF() - _SMALLER))
        return font

    @property
    def _area(self) -> QRectF:
        """Where the bars are."""
        below = QFontMetricsF(self._small_font).height() + 1
        return QRectF(0, 2, self.width(), max(8.0, self.height() - below - 3))

    def _colour(self, bar: int) -> QColor:
        if self._span is None:
            return QColor(self._theme.colours.muted)
        first, last = self._span
        middle = self._low + (bar + 0.5) / len(self._counts) * (self._high - self._low)
        share = (middle - first) / (last - first) if last > first else 0.0
        level = round(min(1.0, max(0.0, share)) * _TOP)
        return QColor.fromRgb(colour_table(self._colours)[level])

    def _bar_text(self, bar: int) -> str:
        step = (self._high - self._low) / len(self._counts)
        start = self._low + bar * step
        return self.tr("{0} … {1}: {2} values").format(
            value_text(start), value_text(start + step), f"{self._counts[bar]:,}"
        )

    # Qt overrides

    def sizeHint(self) -> QSize:
        return QSize(180, 52)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            if self._counts:
                share = event.pos().x() / max(1, self.width())
                bar = min(len(self._counts) - 1, max(0, int(share * len(self._counts))))
                text = self._bar_text(bar) + "\n" + self._summary()
                QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours, area = self._theme.colours, self._area
        painter.fillRect(
            QRectF(area.left(), area.bottom(), area.width(), 1), QColor(colours.border)
        )
        most = max(self._counts, default=0)
        if not most:
            return
        ratio = self.devicePixelRatioF()
        edge = QColor(colours.muted)
        edge.setAlpha(110)
        full = math.log1p(most)
        for bar, count in enumerate(self._counts):
            left, right = (
                round(area.width() * place / len(self._counts) * ratio) / ratio
                for place in (bar, bar + 1)
            )
            # One value among millions is still to be seen.
            height = max(1.0, area.height() * math.log1p(count) / full) if count else 0.0
            box = QRectF(left, area.bottom() - height, right - left, height)
            painter.fillRect(box, self._colour(bar))
            if count and self._span is not None:
                # Both ends of some colour maps are as light, or as dark, as the window.
                painter.fillRect(QRectF(box.left(), box.top(), box.width(), 1 / ratio), edge)
        self._paint_ends(painter, most)

    def _paint_ends(self, painter: QPainter, most: int) -> None:
        font, area = self._small_font, self._area
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        painter.setPen(QColor(self._theme.colours.muted))
        below = QRectF(0, area.bottom() + 2, self.width(), metrics.height())
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, value_text(self._low))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, value_text(self._high))
        text = self.tr("log, most {0}").format(short_count(most))
        ends = metrics.horizontalAdvance(value_text(self._low) + value_text(self._high))
        if ends + metrics.horizontalAdvance(text) + 16 <= self.width():
            start = QPointF((self.width() - metrics.horizontalAdvance(text)) / 2, 0)
            painter.drawText(below.translated(start), Qt.AlignmentFlag.AlignLeft, text)
