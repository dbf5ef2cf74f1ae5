"""The network as the classic VGG strip: a block for each layer, to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QScrollBar, QWidget

from vggscope.ui.layers.figure_geometry import Look, Plan, plan_figure
from vggscope.ui.layers.figure_names import Names, fit_names
from vggscope.ui.layers.figure_painting import (
    HEAT_GAP,
    HEAT_LENGTH,
    legend_of,
    legend_width,
    paint_block,
    paint_bracket,
    paint_frame,
    paint_heat,
    paint_legend,
    paint_name,
    small,
)
from vggscope.ui.layers.layer_card import LayerCard
from vggscope.vgg.table import shape_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vggscope.ui.theme import Theme
    from vggscope.vgg.network import Network

_MARGIN: Final = 14
_TOP: Final = 9
_LEGEND_GAP: Final = 26
_LEGEND_LEAST_WIDTH: Final = 720
_LEGEND_MOST_SHARE: Final = 0.19
# Where it gets tight the legend goes first, then brackets, then names.
_LEGEND_LEAST_HEIGHT: Final = 96
_BRACKETS_FROM: Final = 88
_NAMES_FROM: Final = 72
_SCROLL_STEP: Final = 0.6
_BY_KEY: Final = frozenset(
    {
        Qt.FocusReason.TabFocusReason,
        Qt.FocusReason.BacktabFocusReason,
        Qt.FocusReason.ShortcutFocusReason,
    }
)


class NetworkFigure(QWidget):
    """All layers side by side, with the time that each takes; one of them is the current one.

    Chosen by mouse or keys. Scrolls sideways if the blocks would become too narrow.

    Signals:
        layer_chosen: the name of the layer that the user wants to see.
    """

    layer_chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._network: Network | None = None
        self._plan: Plan | None = None
        self._names: Names | None = None
        self._has_legend = True
        self._times: Mapping[str, float] = {}
        self._device = ""
        self._current: int | None = None
        self._hovered: int | None = None
        self._came_by_key = False
        self._card = LayerCard(theme, self)
        self._bar = QScrollBar(Qt.Orientation.Horizontal, self)
        self._bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._bar.setAccessibleName(self.tr("Part of the network that is seen"))
        self._bar.valueChanged.connect(self.update)
        self._bar.hide()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(160, 96)
        self.setAccessibleName(self.tr("Network"))
        self._describe()
        theme.changed.connect(self.update)

    @property
    def current(self) -> str:
        """Name of the current layer; "" if there is none."""
        if self._network is None or self._current is None:
            return ""
        return self._network.layers[self._current].name

    def show_network(self, network: Network | None) -> None:
        """Show another network, with no layer chosen and no times; None: say that there is none."""
        self._network = network
        self._times, self._device = {}, ""
        self._current = None
        self._forget_mouse()
        self._bar.setValue(0)
        self._arrange()
        self._describe()

    def show_times(self, times: Mapping[str, float] | None, device: str = "") -> None:
        """Show what each layer takes.

        Args:
            times: layer -> milliseconds; None: not measured.
            device: where that was measured.
        """
        self._times, self._device = times or {}, device if times else ""
        self._arrange()

    def choose(self, name: str) -> None:
        """Make the layer called ``name`` the current one; none if there is no such layer."""
        layers = self._network.layers if self._network else ()
        self._set_current(next((i for i, layer in enumerate(layers) if layer.name == name), None))

    def place_of(self, name: str) -> QRectF:
        """What the block of layer ``name`` takes of the widget; null if there is none."""
        for block in self._plan.blocks if self._plan else ():
            if block.layer.name == name:
                return block.bounds.translated(self._origin)
        return QRectF()

    # --- arranging ---

    @property
    def _small(self) -> QFont:
        return small(self.font())

    @property
    def _origin(self) -> QPointF:
        """Where the plan's (0, 0) is in the widget."""
        return QPointF(_MARGIN - self._bar.value(), _TOP)

    @property
    def _line(self) -> float:
        """Height of a line of small text."""
        return QFontMetricsF(self._small).height()

    def _below(self, height: float) -> float:
        """What stands below the blocks takes so much of ``height``."""
        below = 3.0
        if self._times:
            below += HEAT_LENGTH + HEAT_GAP
        if height >= _NAMES_FROM:
            below += self._line + 2
        if height >= _BRACKETS_FROM:
            below += self._line + 5
        return below

    def _arrange(self) -> None:
        """Place everything anew: the network, its times, or the room are others."""
        self._plan = None
        span = 0
        if self._network is not None:
            self._has_legend = True
            legend = self._legend_width()
            if legend and self._costs_names(self._network, legend):
                self._has_legend, legend = False, 0.0
            room = self.width() - 2 * _MARGIN - (legend + _LEGEND_GAP if legend else 0)
            room = max(room, 40)
            bar = self._bar.sizeHint().height()
            self._plan = self._planned(self._network, room, self.height())
            if self._plan.width > room + 1:
                self._plan = self._planned(self._network, room, self.height() - bar)
                span = max(round(self._plan.width - room), 1)
            self._bar.setPageStep(round(room))
            self._bar.setGeometry(_MARGIN, self.height() - bar, round(room), bar)
        self._bar.setRange(0, span)
        self._bar.setVisible(span > 0)
        self._place_names()
        self._scroll_to_current()
        self.update()

    def _costs_names(self, network: Network, legend: float) -> bool:
        """Whether a legend of this width takes the room of names."""
        wide = self.width() - 2 * _MARGIN

        def unnamed(room: float) -> int:
            plan = self._planned(network, max(room, 40), self.height())
            places = fit_names(plan, self._small, None).places
            # Glyphs speak for themselves.
            return sum(
                place is None and block.look is not Look.GLYPH
                for place, block in zip(places, plan.blocks, strict=True)
            )

        return unnamed(wide - legend - _LEGEND_GAP) > unnamed(wide)

    def _planned(self, network: Network, width: float, height: float) -> Plan:
        return plan_figure(network, width, max(height - _TOP - self._below(height), 12.0))

    def _place_names(self) -> None:
        self._names = fit_names(self._plan, self._small, self._current) if self._plan else None

    def _legend(self) -> list[tuple[QColor, str]]:
        if self._network is None:
            return []
        return legend_of(self._network, timed=bool(self._times), device=self._device)

    def _legend_width(self) -> float:
        """What the legend takes at the right; 0 if there is no room for one."""
        small = self.width() < _LEGEND_LEAST_WIDTH or self.height() < _LEGEND_LEAST_HEIGHT
        rows = self._legend()
        if not self._has_legend or small or not rows or len(rows) * self._line > self.height() - 8:
            return 0.0
        return min(legend_width(rows, self._small), self.width() * _LEGEND_MOST_SHARE)

    # --- choosing ---

    def _set_current(self, index: int | None) -> None:
        if index == self._current:
            return
        self._current = index
        self._place_names()
        self._scroll_to_current()
        self._describe()
        self.update()

    def _choose(self, index: int) -> None:
        """As the user wants."""
        if self._network is None or index == self._current:
            return
        self._set_current(index)
        self.layer_chosen.emit(self.current)

    def _describe(self) -> None:
        if self._network is None:
            text = self._nothing()
        elif self._current is None:
            text = self.tr("{0}, {1} layers").format(self._network.title, len(self._network.layers))
        else:
            layer = self._network.layers[self._current]
            text = self.tr("{0}, {1}, {2}, layer {3} of {4}").format(
                layer.name,
                layer.type,
                shape_text(layer),
                self._current + 1,
                len(self._network.layers),
            )
        self.setAccessibleDescription(text)

    def _nothing(self) -> str:
        return self.tr("The network appears here as soon as a model is loaded.")

    def _scroll_to_current(self) -> None:
        if self._plan is None or self._current is None or self._bar.maximum() == 0:
            return
        bounds, seen = self._plan.blocks[self._current].bounds, self._bar.pageStep()
        margin = min(40.0, seen / 4)
        left, right = bounds.left() - margin, bounds.right() + margin
        if left < self._bar.value():
            self._bar.setValue(round(left))
        elif right > self._bar.value() + seen:
            self._bar.setValue(round(right - seen))

    def _index_at(self, point: QPointF) -> int | None:
        """The layer whose name or column is at ``point``."""
        if self._plan is None or self._names is None or point.x() > self._end + 2:
            return None
        inside = point - self._origin
        baseline = self._plan.blocks[0].front.bottom()
        heat = HEAT_LENGTH + HEAT_GAP if self._times else 0
        if baseline + heat < inside.y() <= baseline + heat + self._line + 4:
            for index, place in enumerate(self._names.places):
                if place is not None and place[0] <= inside.x() <= place[1]:
                    return index
        return self._plan.at(inside.x())

    @property
    def _end(self) -> float:
        """Right end of what the blocks may take of the widget."""
        return _MARGIN + (self._bar.pageStep() if self._bar.maximum() else self._plan_width())

    def _plan_width(self) -> float:
        return self._plan.width if self._plan else 0.0

    def _forget_mouse(self) -> None:
        self._card.hide()
        if self._hovered is not None:
            self._hovered = None
            self.update()

    def _step_to(self, key: int) -> int | None:
        """Where ``key`` leads from the current layer; None if it leads nowhere."""
        if self._plan is None:
            return None
        last = len(self._plan.blocks) - 1
        here = -1 if self._current is None else self._current
        starts = [0, *(group.first for group in self._plan.groups)]
        places: dict[int, int] = {
            Qt.Key.Key_Left: max(here - 1, 0),
            Qt.Key.Key_Right: min(here + 1, last),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
            Qt.Key.Key_PageUp: next((each for each in reversed(starts) if each < here), 0),
            Qt.Key.Key_PageDown: next((each for each in starts if each > here), last),
        }
        return places.get(key)

    def _paint_plan(self, painter: QPainter, plan: Plan) -> None:
        colours = self._theme.colours
        painter.translate(self._origin)
        for index, block in enumerate(plan.blocks):
            paint_block(painter, block, lit=index == self._hovered)
        if self._current is not None:
            paint_frame(painter, plan.blocks[self._current], colours)
        below = plan.blocks[0].front.bottom() + 3
        if self._times:
            paint_heat(painter, plan, self._times)
            below += HEAT_LENGTH + HEAT_GAP
        height = self.height() - (self._bar.height() if self._bar.maximum() else 0)
        if height >= _NAMES_FROM and self._names is not None:
            painter.setFont(self._names.font)
            for index, place in enumerate(self._names.places):
                if place is not None:
                    area = QRectF(place[0], below, place[1] - place[0], self._line)
                    marked = index == self._current
                    paint_name(painter, self._names.texts[index], area, colours, marked=marked)
            painter.setFont(self._small)
            below += self._line + 2
        if height >= _BRACKETS_FROM:
            for group in plan.groups:
                paint_bracket(painter, plan, group, below, colours)

    # Qt overrides

    def sizeHint(self) -> QSize:
        return QSize(900, 144)

    def paintEvent(self, _event: QPaintEvent) -> None:
        colours = self._theme.colours
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(colours.surface))
        if self._plan is None:
            painter.setPen(QColor(colours.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(_MARGIN, 0, -_MARGIN, 0), flags, self._nothing())
        else:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self._small)
            painter.save()
            if self._bar.maximum():
                painter.setClipRect(QRectF(4, 0, self._end + 8, self.height()))
            self._paint_plan(painter, self._plan)
            painter.restore()
            if legend := self._legend_width():
                left = self.width() - _MARGIN - legend
                area = QRectF(left, 4, legend, self.height() - 8)
                paint_legend(painter, self._legend(), area, colours)
        if self.hasFocus() and self._came_by_key:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
            painter.setPen(QPen(QColor(colours.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._arrange()

    def focusInEvent(self, event: QFocusEvent) -> None:
        # Who uses the mouse knows where they are.
        self._came_by_key = event.reason() in _BY_KEY
        super().focusInEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._forget_mouse()
        super().hideEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._forget_mouse()
        super().leaveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if index is None or self._network is None:
            self._forget_mouse()
            return
        if index != self._hovered:
            self._hovered = index
            self.update()
        layer = self._network.layers[index]
        self._card.show_layer(
            layer,
            self._network,
            self._times.get(layer.name),
            self._device,
            all_milliseconds=sum(self._times.values()),
        )
        self._card.move_beside(event.globalPosition().toPoint())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and index is not None:
            self._choose(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._bar.maximum() == 0:
            event.ignore()
            return
        turn = event.angleDelta()
        by = turn.x() if abs(turn.x()) > abs(turn.y()) else turn.y()
        self._bar.setValue(self._bar.value() - round(by * _SCROLL_STEP))
        self._forget_mouse()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        wanted = self._step_to(event.key())
        if wanted is None:
            super().keyPressEvent(event)
        else:
            self._came_by_key = True
            self._card.hide()
            self._choose(wanted)
