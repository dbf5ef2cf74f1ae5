"""The maps of the chosen layer: what they are, how they are shown, and what is under the mouse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QEvent, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.layers.elided import Elided
from vggscope.ui.layers.histogram import HistogramView
from vggscope.ui.layers.look_bar import FixedRange, LookBar
from vggscope.ui.layers.maps_side import INSET, MapsSide
from vggscope.ui.layers.maps_texts import (
    common_range,
    device_note,
    facts,
    legend,
    reading,
    strongest,
    why_empty,
)
from vggscope.ui.layers.reason_page import ReasonPage
from vggscope.ui.settings import ALIVE_ONLY, MAP_COLOURS, MAP_LABELS, MAP_ORDER, MAP_RANGE
from vggscope.ui.texts import as_tool_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.map_views import Look, MapsPicture
    from vggscope.ui.layers.maps_grid import Cell, MapsGrid
    from vggscope.ui.settings import Settings
    from vggscope.ui.theme import Theme

_WIDE: Final = 640
"""Width of the panel from which the histogram is beside the controls."""
_HIGH: Final = 330
"""Height from which it has room below them."""
_HISTOGRAM_BESIDE: Final = 46
"""As high as title and controls, so that the maps lose nothing by it."""
_HISTOGRAM_BELOW: Final = 52
_BETWEEN_SIDES: Final = 10
_SHAPE_STEP: Final = math.log(1.15)
"""How much the shape of the room for the grid changes before maps are arranged anew."""
_SETTLE_MS: Final = 180


class MapsPanel(QWidget):
    """All maps of a layer, and of a second picture beside them for comparing.

    Signals:
        look_changed: ``look`` is another one; the picture has to be made anew.
        channel_chosen: the number of the channel that the user chose.
        hovered: the ``Cell`` under the mouse, None for none.
        before_relu_changed: the user wants to see what the ReLU gets, or what it lets through.
        pin_wanted: the user wants to compare with the present picture.
        unpin_wanted: no longer.
        export_wanted: "png", "npy" or "csv" of this layer, "npz" of all.
    """

    look_changed = Signal()
    channel_chosen = Signal(int)
    hovered = Signal(object)
    before_relu_changed = Signal(bool)
    pin_wanted = Signal()
    unpin_wanted = Signal()
    export_wanted = Signal(str)

    def __init__(self, theme: Theme, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._picture: MapsPicture | None = None
        self._aspect = 1.5
        self._comparing = False
        self._asked: tuple[str, bool] | None = None
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._name, self._facts = QLabel(), _Facts()
        self._histogram = HistogramView(theme)
        self._bar = LookBar(theme, settings)
        self._fixed = FixedRange(theme)
        self._own, self._other = MapsSide(theme), MapsSide(theme)
        self._grid, self._pinned = self._own.grid, self._other.grid
        self._pinned.setAccessibleName(self.tr("Pinned feature maps"))
        self._readout = Elided()
        self._arrange = self._timer(self._on_shape)
        self._lay_out()
        self._connect()
        for setting in (MAP_RANGE, MAP_COLOURS, MAP_LABELS):
            self._follow(setting.key)
        self._bar.set_usable(False)
        self._bar.set_before_relu(False, possible=False)

    @property
    def look(self) -> Look:
        """How the user wants to see maps, in the room that there is for them."""
        from vggscope.inference.map_views import Look  # noqa: PLC0415 (numpy, when a layer is shown)

        self._see_shape()
        choices: dict[str, Any] = {
            "normalisation": self._settings.text(MAP_RANGE),
            "order": self._settings.text(MAP_ORDER),
        }
        return Look(
            **choices,
            fixed=self._fixed.range,
            symmetric=self._settings.text(MAP_COLOURS) == "diverging",
            alive_only=self._settings.flag(ALIVE_ONLY),
            aspect=self._aspect,
        )

    @property
    def before_relu(self) -> bool:
        """Whether the user wants to see what the ReLU gets."""
        return self._bar.before_relu

    @property
    def grid(self) -> MapsGrid:
        """The maps."""
        return self._grid

    @property
    def pinned_grid(self) -> MapsGrid:
        """Those to compare with."""
        return self._pinned

    def show_picture(self, picture: MapsPicture, *, can_show_before: bool) -> None:
        """Show the maps of a layer.

        Args:
            picture: made with ``look``, or with one that was it a moment ago.
            can_show_before: whether what the layer's ReLU gets can be shown.
        """
        self._picture = picture
        self._show_before(picture.maps, can_show_before)
        self._bar.set_usable(True)
        self._name.setText(picture.maps.layer.name)
        self._facts.set_whole(facts(picture.maps))
        self._show_colours()
        named = self._own.names_units
        self._own.show_picture(picture)
        if named != self._own.names_units:
            # The maps have another room.
            self._arrange.start()
        self.set_stale("")
        self._show_histogram(picture)
        if picture.grid.pixels.size:
            self._stack.setCurrentWidget(self._maps)
        else:
            self._say(why_empty(picture), offer=True)
        if self._settings.text(MAP_RANGE) == "fixed" and self._propose_range():
            self.look_changed.emit()
        self._show_readout()

    def show_reason(self, text: str, *, busy: bool = False) -> None:
        """Show no maps, but why there are none.

        Args:
            text: a sentence.
            busy: whether they will come by themselves in a moment.
        """
        self._picture = self._asked = None
        self._own.show_picture(None)
        self._histogram.clear()
        self._name.setText("")
        self._facts.set_whole("")
        self._bar.set_usable(False)
        self.set_stale("")
        self._say(text, busy=busy)
        self._show_readout()

    def set_stale(self, text: str) -> None:
        """Show the maps paler, and why; "" if they are what they should be."""
        self._own.set_stale(text)

    def choose(self, channel: int | None) -> None:
        """Mark a channel."""
        for side in (self._own, self._other):
            side.choose(channel)

    def show_pinned(self, picture: MapsPicture | None, title: str, reason: str = "") -> None:
        """Show other maps beside these, for comparing.

        Args:
            picture: the other ones; None if there are none.
            title: of what they are; "" ends comparing, if there are none.
            reason: why there are none.
        """
        self._comparing = picture is not None or bool(title or reason)
        self._bar.set_pinned(self._comparing)
        self._bar.set_usable(self._picture is not None)
        self._other.title.set_whole(title)
        self._other.reason.setText(reason)
        self._other.show_picture(picture)
        self._pinned.setVisible(picture is not None)
        self._other.reason.setVisible(picture is None)
        self._other.setVisible(self._comparing)
        self._own.title.setVisible(self._comparing)
        self._pinned.follow(self._grid)
        self._on_room()
        self._show_readout()

    def _timer(self, call: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(_SETTLE_MS)
        timer.timeout.connect(call)
        return timer

    def _lay_out(self) -> None:
        font = self._name.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() + 1)
        self._name.setFont(font)
        for label in (self._facts, self._readout):
            label.setProperty("muted", True)
        title = QHBoxLayout()
        title.setSpacing(10)
        title.addWidget(self._name)
        title.addWidget(self._facts, 1)
        controls = QVBoxLayout()
        controls.setSpacing(2)
        controls.addLayout(title)
        controls.addWidget(self._bar)
        self._head = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._head.setContentsMargins(INSET, 0, INSET, 0)
        self._head.setSpacing(12)
        self._head.addLayout(controls, 1)
        self._head.addWidget(self._histogram)
        self._make_maps()
        self._message = ReasonPage()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._message)
        self._stack.addWidget(self._maps)
        layout = QVBoxLayout(self)
        self._readout.setContentsMargins(INSET, 0, INSET, 0)
        # Grids have a margin of their own: their maps begin where the texts do.
        layout.setContentsMargins(12 - INSET, 7, 12 - INSET, 5)
        layout.setSpacing(1)
        layout.addLayout(self._head)
        layout.addWidget(self._fixed)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self._readout)

    def _make_maps(self) -> None:
        self._maps = QWidget()
        self._sides = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._maps)
        self._sides.setContentsMargins(0, 0, 0, 0)
        self._own.title.set_whole(self.tr("Shown now"))
        self._sides.addWidget(self._own, 1)
        self._sides.addWidget(self._other, 1)
        self._other.title.show()
        self._other.hide()

    def _connect(self) -> None:
        self._bar.before_relu_changed.connect(self._on_before)
        self._bar.pin_wanted.connect(self.pin_wanted)
        self._bar.unpin_wanted.connect(self.unpin_wanted)
        self._bar.export_wanted.connect(self.export_wanted)
        self._fixed.changed.connect(self._on_fixed)
        self._message.offer_taken.connect(lambda: self._settings.set(ALIVE_ONLY, False))
        self._settings.changed.connect(self._on_setting)
        for side in (self._own, self._other):
            for chosen in (side.grid.channel_chosen, side.unit_chosen):
                chosen.connect(self.choose)
                chosen.connect(self.channel_chosen)
        for grid, other in ((self._grid, self._pinned), (self._pinned, self._grid)):
            grid.hovered.connect(other.mark)
            grid.hovered.connect(self._on_hover)
            grid.view_changed.connect(lambda g=grid, o=other: self._on_view(g, o))

    def _say(self, text: str, *, busy: bool = False, offer: bool = False) -> None:
        self._message.say(text, busy=busy, offer=self.tr("Show all") if offer else "")
        self._stack.setCurrentWidget(self._message)

    def _show_histogram(self, picture: MapsPicture) -> None:
        span = common_range(picture)
        found = picture.histogram
        self._histogram.show_counts(
            found.counts,
            found.low,
            found.high,
            self._colours(picture),
            *(span or (None, None)),
        )

    def _colours(self, picture: MapsPicture) -> str:
        """The colour map, as far as the picture's levels are made for it."""
        chosen = self._settings.text(MAP_COLOURS)
        if picture.look.symmetric:
            return "diverging"
        return "viridis" if chosen == "diverging" else chosen

    def _show_colours(self) -> None:
        if self._picture is not None:
            for grid in (self._grid, self._pinned):
                grid.set_colours(self._colours(grid.picture or self._picture))
            self._grid.set_colours(self._colours(self._picture))

    def _show_before(self, maps: FeatureMaps, possible: bool) -> None:
        before = maps.before_relu
        if possible and self._asked == (maps.layer.name, not before):
            # Made before the user asked for the other one, which is on its way.
            before = not before
        else:
            self._asked = None
        self._bar.set_before_relu(before, possible=possible)

    def _on_before(self, before: bool) -> None:
        if self._picture is not None:
            self._asked = (self._picture.maps.layer.name, before)
        self.before_relu_changed.emit(before)

    def _propose_range(self) -> bool:
        """Begin with a range that has all values of what is shown; whether it is another one."""
        shown = [each for each in (self._picture, self._pinned.picture) if each is not None]
        if not shown:
            return False
        low = min(each.histogram.low for each in shown)
        return self._fixed.propose(low, max(each.histogram.high for each in shown))

    def _follow(self, key: str) -> None:
        """Show what was chosen, here or elsewhere."""
        if key == MAP_LABELS.key:
            for grid in (self._grid, self._pinned):
                grid.set_labels(self._settings.flag(MAP_LABELS))
        elif key == MAP_COLOURS.key:
            self._show_colours()
            if self._picture is not None:
                self._show_histogram(self._picture)
        elif key == MAP_RANGE.key:
            self._fixed.setVisible(self._settings.text(MAP_RANGE) == "fixed")

    def _on_setting(self, key: str) -> None:
        self._follow(key)
        picture = self._picture
        if key == MAP_RANGE.key and self._settings.text(MAP_RANGE) == "fixed":
            self._propose_range()
        symmetric = self._settings.text(MAP_COLOURS) == "diverging"
        turned = key == MAP_COLOURS.key and (picture is None or picture.look.symmetric != symmetric)
        if turned or key in {MAP_RANGE.key, MAP_ORDER.key, ALIVE_ONLY.key}:
            self.look_changed.emit()
        self._show_readout()

    def _on_fixed(self) -> None:
        if self._settings.text(MAP_RANGE) == "fixed":
            self.look_changed.emit()

    def _on_view(self, grid: MapsGrid, other: MapsGrid) -> None:
        if self._comparing:
            other.follow(grid)
        self._arrange.start()
        self._show_readout()

    def _on_hover(self, cell: Cell | None) -> None:
        self._show_readout()
        self.hovered.emit(cell)

    def _show_readout(self) -> None:
        """What is under the mouse, or what the colours mean."""
        picture, cell = self._picture, self._grid.cell
        if picture is None:
            self._readout.set_whole("")
        elif cell is None:
            self._readout.set_whole(self._legend(picture))
        else:
            pinned = self._pinned.picture if self._comparing else None
            self._readout.set_whole(reading(picture, cell, pinned))

    def _legend(self, picture: MapsPicture) -> str:
        said = legend(picture)
        if picture.top_units and not self._own.names_units:
            said = strongest(picture) + " · " + said
        if self._settings.flag(MAP_LABELS) and not self._grid.has_room_for_labels:
            said += " · " + self.tr("zoom in for labels")
        return said

    def _see_shape(self) -> bool:
        """Note the shape of the room for the grid; whether it is clearly another one."""
        if not self._grid.fitted:
            return False
        # Not of the grid: it may be hidden, and have no size yet.
        size = self._stack.size().toSizeF()
        if self._comparing:
            size = (
                QSizeF(size.width() / 2, size.height())
                if self._sides.direction() == QBoxLayout.Direction.LeftToRight
                else QSizeF(size.width(), size.height() / 2)
            )
        room = self._own.room_for_grid(size)
        aspect = room.width() / room.height()
        aspect = min(20.0, max(0.05, aspect))
        if abs(math.log(aspect / self._aspect)) < _SHAPE_STEP:
            return False
        self._aspect = round(aspect, 3)
        return True

    def _on_shape(self) -> None:
        self._see_shape()
        picture = self._picture
        if picture is not None and self._grid.fitted and picture.look.aspect != self._aspect:
            self.look_changed.emit()

    def _on_room(self) -> None:
        """The panel, or the room for its grids, has another size."""
        is_wide = self.width() >= _WIDE
        directions = QBoxLayout.Direction
        self._head.setDirection(directions.LeftToRight if is_wide else directions.TopToBottom)
        self._histogram.setMaximumWidth(220 if is_wide else 16777215)
        self._histogram.setFixedHeight(_HISTOGRAM_BESIDE if is_wide else _HISTOGRAM_BELOW)
        self._histogram.setVisible(is_wide or self.height() >= _HIGH)
        size = self._stack.size()
        beside = size.width() >= size.height()
        self._sides.setDirection(directions.LeftToRight if beside else directions.TopToBottom)
        # Both sides in the same size: the same values are in the same place of both.
        odd = (size.width() if beside else size.height()) % 2
        self._sides.setSpacing(_BETWEEN_SIDES + odd)
        self._arrange.start()
        self._show_readout()

    # Qt overrides

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 180)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._on_room()


class _Facts(Elided):
    """What the maps are; its tool tip says what computed them, and why."""

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self.whole:
            text = as_tool_tip(f"{self.whole}\n{device_note()}")
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)
