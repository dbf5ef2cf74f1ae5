"""One channel of a layer, large: its map, its figures, and where it is strongest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.layers.channel_details import ChannelDetails, seen
from vggscope.ui.layers.channel_header import ChannelHeader
from vggscope.ui.layers.channel_map import ChannelMap, ColourBar
from vggscope.ui.layers.channel_overlay import OverlayRow
from vggscope.ui.layers.channel_room import share_room
from vggscope.ui.layers.elided import Elided
from vggscope.ui.layers.histogram import value_text
from vggscope.ui.layers.maps_texts import is_single
from vggscope.ui.settings import MAP_COLOURS
from vggscope.ui.theme import picture as icon_picture

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.inference.map_views import ChannelPicture, Spot
    from vggscope.ui.settings import Settings
    from vggscope.ui.theme import Theme

_EDGE: Final = 12
_SPACING: Final = 6
_BOTTOM: Final = 6
_VALUE_HEIGHT: Final = 56
_LEAST_WIDTH: Final = 240
_LEAST_HEIGHT: Final = 140
_LONGEST_NAME: Final = 160
_ANY_WIDTH: Final = 16777215


class ChannelPanel(QWidget):
    """Shows one channel, and lets its positions be read, chosen and marked on the photo.

    Signals:
        hovered: the ``Spot`` under the mouse, or that the arrow keys went to; None for none.
        spot_chosen: the ``Spot`` that the user clicked on, or chose among the strongest; None when
            there is no such choice any more.
        spots_shown: whether all of the strongest positions are to be marked on the photo.
        channel_chosen: the number of another channel.
        overlay_changed: ``overlay`` or ``opacity`` is another.
        export_wanted: as what the channel is to be written: "png", "npy" or "csv".
    """

    hovered = Signal(object)
    spot_chosen = Signal(object)
    spots_shown = Signal(bool)
    channel_chosen = Signal(int)
    overlay_changed = Signal()
    export_wanted = Signal(str)

    def __init__(self, theme: Theme, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._settings = theme, settings
        self._picture: ChannelPicture | None = None
        self._pinned: ChannelPicture | None = None
        self._pinned_title = self._rank = ""
        self._chosen: Spot | None = None
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        # Less than the parts need in the arrangement of the moment: it becomes another one.
        self.setMinimumSize(_LEAST_WIDTH, _LEAST_HEIGHT)
        colours = settings.text(MAP_COLOURS)
        self._map = ChannelMap(theme, colours)
        self._bar = ColourBar(theme, colours)
        self._details = ChannelDetails(theme, colours)
        self._header = ChannelHeader(theme)
        self._overlay = OverlayRow()
        self._pages = QStackedWidget()
        self._pages.addWidget(self._make_reason())
        self._pages.addWidget(self._make_content())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        for key, step in ((Qt.Key.Key_PageUp, -1), (Qt.Key.Key_PageDown, 1)):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda by=step: self._header.step(by))
        self._map.cell_changed.connect(self._on_cell)
        self._map.cell_chosen.connect(self._on_cell_chosen)
        self._map.choice_dropped.connect(lambda: self._choose(None))
        self._overlay.changed.connect(self.overlay_changed)
        self._header.channel_chosen.connect(self.channel_chosen)
        self._header.export_wanted.connect(self.export_wanted)
        theme.changed.connect(self._tint)
        self._details.spot_picked.connect(lambda rank: self._choose(self._spot_of(rank)))
        self._details.spots_shown.connect(self.spots_shown)
        settings.changed.connect(self._follow)
        self._tint()
        self.show_reason(self.tr("Choose a channel in the grid to see it here, large."))

    @property
    def overlay(self) -> bool:
        """Whether the channel is to be laid over the photo."""
        return self._overlay.overlay

    @property
    def opacity(self) -> float:
        """How opaque it is to lie there, 0..1."""
        return self._overlay.opacity

    def show_picture(self, picture: ChannelPicture) -> None:
        """Show a channel, as what is up to date. A chosen position of it stays chosen."""
        self.set_stale(False)
        before, self._picture = self._picture, picture
        self._pages.setCurrentIndex(1)
        self._header.show_picture(picture)
        self._show_name(picture)
        is_unit = is_single(picture.maps)
        self._map.setVisible(not is_unit)
        self._value.setVisible(is_unit)
        self._details.setVisible(not is_unit)
        self._note.setVisible(is_unit)
        self._overlay.set_possible(not is_unit)
        self._bar.show_range(picture.low, picture.high)
        # From a value to the same one there is nothing to explain.
        self._bar.setVisible(picture.low < picture.high)
        if is_unit:
            self._show_unit(picture)
        else:
            self._map.show_map(picture)
            self._details.show_picture(picture)
        self._show_pinned_map()
        self._keep_choice(before, picture)
        if before is None or before.maps is not picture.maps or before.channel != picture.channel:
            self._on_cell(self._map.cell)

    def show_reason(self, text: str) -> None:
        """Show no channel, but why there is none, or what to do."""
        had_choice, self._picture = self._chosen is not None, None
        self._reason.setText(text)
        self._pages.setCurrentIndex(0)
        if had_choice:
            self._choose(None)

    def set_stale(self, stale: bool) -> None:
        """Show it paler: it is of a former picture or model, and is being replaced."""
        self._map.set_stale(stale)
        self._value.setEnabled(not stale)

    def show_pinned(self, picture: ChannelPicture | None, title: str) -> None:
        """Show the same channel of another picture beside the map; None for none."""
        self._pinned, self._pinned_title = picture, title
        self._show_pinned_map()
        if self._picture is not None:
            self._on_cell(self._map.cell)

    # --- what it is made of

    def _make_reason(self) -> QWidget:
        page = QWidget()
        self._reason_icon = QLabel()
        self._reason_icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._reason = QLabel()
        self._reason.setWordWrap(True)
        self._reason.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._reason.setProperty("muted", True)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(20, 12, 20, 12)
        layout.addStretch()
        layout.addWidget(self._reason_icon)
        layout.addWidget(self._reason)
        layout.addStretch()
        return page

    def _make_content(self) -> QWidget:
        page = QWidget()
        self._sight = self._make_sight()
        self._readout = QLabel()
        self._readout.setTextFormat(Qt.TextFormat.PlainText)
        self._readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._note.setProperty("muted", True)
        self._scroll = scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        # What is fixed above it comes first.
        scroll.setMinimumHeight(1)
        inside = QWidget()
        self._inside = QVBoxLayout(inside)
        self._inside.setSpacing(_SPACING)
        self._inside.addWidget(self._note)
        self._inside.addWidget(self._details)
        # Takes the room that a map would.
        self._inside.addStretch()
        scroll.setWidget(inside)
        # The panel's colour, not that of scroll areas.
        scroll.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        scroll.verticalScrollBar().rangeChanged.connect(lambda *_: self._on_scroll_range())
        self._side = QWidget()
        self._column = QVBoxLayout(self._side)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._fixed = QVBoxLayout()
        self._fixed.setContentsMargins(0, 0, _EDGE, 0)
        self._fixed.setSpacing(_SPACING)
        self._column.addLayout(self._fixed)
        self._column.addWidget(scroll, 1)
        scroll.viewport().installEventFilter(self)
        self._across = QHBoxLayout()
        self._across.setSpacing(_EDGE)
        self._across.addWidget(self._side)
        self._page = QVBoxLayout(page)
        self._page.setContentsMargins(0, 0, 0, 0)
        self._page.setSpacing(_SPACING)
        self._page.addWidget(self._header)
        self._page.addLayout(self._across, 1)
        self._is_beside = True
        self._arrange(beside=False)
        return page

    def _make_sight(self) -> QWidget:
        sight = QWidget()
        self._name = Elided()
        self._map.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._value = QLabel()
        self._value.setAlignment(Qt.AlignmentFlag.AlignCenter)
        font = self._value.font()
        font.setPointSizeF(font.pointSizeF() * 2.4)
        font.setBold(True)
        self._value.setFont(font)
        self._value.setMinimumHeight(_VALUE_HEIGHT)
        layout = QVBoxLayout(sight)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_SPACING)
        layout.addWidget(self._name)
        layout.addWidget(self._map, 1)
        layout.addWidget(self._value)
        return sight

    # --- what it shows

    def _show_name(self, picture: ChannelPicture) -> None:
        labels = picture.maps.labels
        self._name.setVisible(labels is not None)
        self._name.set_whole("" if labels is None else labels[picture.channel])

    def _show_unit(self, picture: ChannelPicture) -> None:
        """The one value of a unit, and what it is worth among the others."""
        from vggscope.inference.map_pictures import channel_order  # noqa: PLC0415 (numpy)

        maps = picture.maps
        value = float(maps.values[picture.channel, 0, 0])
        order = channel_order(maps, "max").tolist()
        self._value.setText(value_text(value))
        self._bar.set_mark(value)
        text = (
            self.tr("rank {0} of {1} units of {2}")
            if maps.is_vector
            else self.tr("rank {0} of {1} channels of {2}")
        )
        self._rank = text.format(
            f"{order.index(picture.channel) + 1:,}", f"{len(order):,}", maps.layer.name
        )
        self._readout.setEnabled(True)
        field = maps.receptive_field(0, 0)
        is_whole = tuple(field) == (0, 0, *maps.input_size)
        sees = self.tr("the whole input") if is_whole else seen(field)
        self._note.setText(self.tr("It sees {0}.").format(sees))

    def _show_pinned_map(self) -> None:
        pinned = self._pinned
        title = self._pinned_title
        fits = pinned is not None and not is_single(pinned.maps)
        self._map.show_pinned(pinned if fits else None, title)
        self._fit()
        if self._picture is None or not is_single(self._picture.maps):
            return
        said = [self._rank]
        if pinned is not None and is_single(pinned.maps):
            value = value_text(float(pinned.maps.values[pinned.channel, 0, 0]))
            said.append(self.tr("{0}: {1}").format(self._pinned_name(), value))
        self._readout.setText("\n".join(said))

    def _pinned_name(self) -> str:
        name = self._pinned_title or self.tr("pinned")
        middle = Qt.TextElideMode.ElideMiddle
        return self._readout.fontMetrics().elidedText(name, middle, _LONGEST_NAME)

    def _read_out(self, cell: tuple[int, int] | None) -> str:
        picture = self._picture
        if picture is None or cell is None:
            return ""
        row, column = cell
        value = value_text(float(picture.maps.values[picture.channel, row, column]))
        text = self.tr("value at (row {0}, column {1}): {2}").format(row, column, value)
        pinned = self._pinned
        if pinned is not None and not self._map.pinned_size.isEmpty():
            there = pinned.maps.values[(pinned.channel, *self._map.pinned_cell(row, column))]
            text += " · " if self._is_beside else "\n"
            text += self.tr("{0}: {1}").format(self._pinned_name(), value_text(float(there)))
        return text

    # --- what the user does

    def _on_cell(self, cell: tuple[int, int] | None) -> None:
        if self._picture is None or is_single(self._picture.maps):
            return
        self._show_value()
        self.hovered.emit(None if cell is None else self._spot_at(*cell))

    def _show_value(self) -> None:
        """Of the cell that is read, or else of the chosen one."""
        if self._picture is None or is_single(self._picture.maps):
            return
        cell = self._map.cell
        chosen = None if self._chosen is None else self._chosen.position
        read = (chosen.row, chosen.column) if cell is None and chosen is not None else cell
        text = self._read_out(read)
        self._readout.setText(text or self.tr("Point at the map to read its values."))
        self._readout.setEnabled(bool(text))
        self._map.setAccessibleDescription(text or self.tr("The arrow keys read its cells"))
        shown = None if read is None else self._spot_at(*read)
        self._bar.set_mark(None if shown is None else shown.position.value)

    def _on_cell_chosen(self, row: int, column: int) -> None:
        position = None if self._chosen is None else self._chosen.position
        is_same = position is not None and (position.row, position.column) == (row, column)
        self._choose(None if is_same else self._spot_at(row, column))

    def _choose(self, spot: Spot | None) -> None:
        self._chosen = spot
        self._map.set_chosen(None if spot is None else (spot.position.row, spot.position.column))
        self._details.mark(spot)
        self._on_cell(self._map.cell)
        self.spot_chosen.emit(spot)

    def _keep_choice(self, before: ChannelPicture | None, now: ChannelPicture) -> None:
        """A chosen position survives another picture of the same channel, and nothing else."""
        if self._chosen is None:
            return
        position = self._chosen.position
        is_same = (
            before is not None
            and before.channel == now.channel
            and before.maps.layer == now.maps.layer
            and before.maps.values.shape == now.maps.values.shape
        )
        if not is_same:
            self._choose(None)
        elif before is not None and before.maps is not now.maps:
            self._choose(self._spot_at(position.row, position.column))
        else:
            self._details.mark(self._chosen)

    def _spot_of(self, rank: int) -> Spot | None:
        spots = () if self._picture is None else self._picture.spots
        return spots[rank] if rank < len(spots) else None

    def _spot_at(self, row: int, column: int) -> Spot | None:
        if self._picture is None:
            return None
        from vggscope.inference.feature_maps import Position  # noqa: PLC0415 (numpy)
        from vggscope.inference.map_views import spot_at  # noqa: PLC0415 (numpy)

        maps = self._picture.maps
        value = float(maps.values[self._picture.channel, row, column])
        return spot_at(maps, Position(row, column, value))

    def _follow(self, key: str) -> None:
        if key == MAP_COLOURS.key:
            colours = self._settings.text(MAP_COLOURS)
            self._map.set_colours(colours)
            self._bar.set_colours(colours)
            self._details.set_colours(colours)

    def _tint(self) -> None:
        self._reason_icon.setPixmap(icon_picture("info", self._theme.colours.muted, 28))

    # --- where it is

    def _fit(self) -> None:
        """Share the room anew."""
        picture = self._picture
        is_unit = picture is not None and is_single(picture.maps)
        line = self._readout.fontMetrics().height()
        others = (self._bar, self._overlay)
        room = share_room(
            self.width(),
            self.height() - self._header.sizeHint().height() - _SPACING,
            value=line + _SPACING + _BOTTOM,
            more=sum(
                max(each.sizeHint().height(), each.minimumHeight()) + _SPACING for each in others
            ),
            pinned=not self._map.pinned_size.isEmpty(),
        )
        if is_unit:
            # There is no map that figures could stand beside.
            room = room._replace(beside=False)
        self._arrange(beside=room.beside)
        self._map.setMinimumHeight(room.map_height)
        if room.beside:
            self._side.setFixedWidth(room.figures_width + _EDGE)
        # Now: what is asked in the same moment where a cell is, or is painted, is to be right.
        for layout in (self._sight.layout(), self._inside, self._column, self._page):
            if layout is not None:
                layout.activate()
        QCoreApplication.sendEvent(self._scroll, QEvent(QEvent.Type.LayoutRequest))

    def _arrange(self, *, beside: bool) -> None:
        """Put the figures beside the map, or all into one column."""
        if beside == self._is_beside:
            return
        self._is_beside = beside
        if beside:
            self._across.insertWidget(0, self._sight, 1)
            self._fixed.addWidget(self._bar)
            self._fixed.addWidget(self._overlay)
            self._page.addWidget(self._readout)
            self._across.setContentsMargins(_EDGE, 0, 0, 0)
            self._readout.setContentsMargins(_EDGE, 0, _EDGE, _BOTTOM)
        else:
            parts = (self._sight, self._readout, self._bar, self._note, self._overlay)
            for place, widget in enumerate(parts):
                self._inside.insertWidget(place, widget, 1 if widget is self._sight else 0)
            self._across.setContentsMargins(0, 0, 0, 0)
            self._readout.setContentsMargins(0, 0, 0, 0)
            self._side.setMinimumWidth(0)
            self._side.setMaximumWidth(_ANY_WIDTH)
        self._share_height()
        self._column.setSpacing(_SPACING if beside else 0)
        self._readout.setWordWrap(not beside)
        self._on_scroll_range()
        self._show_value()

    def _share_height(self) -> None:
        """Beside the map, figures do with the height that there is; below it they are scrolled."""
        self._details.set_room(self._scroll.viewport().height() if self._is_beside else None)

    def _on_scroll_range(self) -> None:
        """Let the scroll bar stand in the margin, not in the figures."""
        margin, bar = _EDGE, self._scroll.verticalScrollBar()
        if bar.maximum() > 0:
            margin = max(1, _EDGE - bar.sizeHint().width())
        if self._is_beside:
            self._inside.setContentsMargins(0, 0, margin, 0)
        else:
            self._inside.setContentsMargins(_EDGE, 0, margin, _BOTTOM)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._share_height()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()
