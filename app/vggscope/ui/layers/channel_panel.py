"""One channel of a layer, large: its map, its figures, and where it is strongest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.layers.channel_details import ChannelDetails, seen
from vggscope.ui.layers.channel_map import ChannelMap, ColourBar
from vggscope.ui.layers.histogram import value_text
from vggscope.ui.settings import MAP_COLOURS
from vggscope.ui.texts import as_tool_tip
from vggscope.ui.theme import picture as icon_picture

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.inference.map_views import ChannelPicture, Spot
    from vggscope.ui.settings import Settings
    from vggscope.ui.theme import Theme

_WIDE: Final = 560
"""From this width on the figures stand beside the map."""
_SHORTEST_MAP: Final = 150
_SHORTEST_BESIDE: Final = 80
_AROUND_MAP: Final = (24, 120)
"""What stands beside and above and below a map that is to be seen with its value and scale."""
_NO_ARROWS: Final = """
    QSpinBox::up-button, QSpinBox::down-button { width: 1px; border: none; margin: 0; }
    QSpinBox::up-arrow, QSpinBox::down-arrow { image: none; width: 1px; height: 1px; }
"""
_VALUE_HEIGHT: Final = 64
_DETAILS_WIDTH: Final = 320


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
        self._pinned_title = ""
        self._chosen: Spot | None = None
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        colours = settings.text(MAP_COLOURS)
        self._map = ChannelMap(theme, colours)
        self._bar = ColourBar(theme, colours)
        self._details = ChannelDetails(theme, colours)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._make_reason())
        self._pages.addWidget(self._make_content())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        for key, step in ((Qt.Key.Key_PageUp, -1), (Qt.Key.Key_PageDown, 1)):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda by=step: self._step(by))
        self._map.cell_changed.connect(self._on_cell)
        self._map.cell_chosen.connect(self._on_cell_chosen)
        self._map.choice_dropped.connect(lambda: self._choose(None))
        theme.changed.connect(self._tint)
        self._details.spot_picked.connect(lambda rank: self._choose(self._spot_of(rank)))
        self._details.spots_shown.connect(self.spots_shown)
        settings.changed.connect(self._follow)
        self._tint()
        self.show_reason(self.tr("Choose a channel in the grid to see it here, large."))

    @property
    def overlay(self) -> bool:
        """Whether the channel is to be laid over the photo."""
        return self._overlay.isChecked() and self._overlay.isEnabled()

    @property
    def opacity(self) -> float:
        """How opaque it is to lie there, 0..1."""
        return self._opacity.value() / 100

    def show_picture(self, picture: ChannelPicture) -> None:
        """Show a channel. A chosen position of the same channel stays chosen."""
        before, self._picture = self._picture, picture
        self._pages.setCurrentIndex(1)
        self._show_header(picture)
        is_vector = picture.maps.is_vector
        self._map.setVisible(not is_vector)
        self._value.setVisible(is_vector)
        self._details.setVisible(not is_vector)
        self._note.setVisible(is_vector)
        self._show_overlay(is_vector=is_vector)
        self._bar.show_range(picture.low, picture.high)
        if is_vector:
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
        self._column = self._make_map_column()
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        # The panel's colour, not that of scroll areas.
        self._scroll.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        self._inside = QVBoxLayout(inside)
        self._inside.setContentsMargins(12, 0, 12, 10)
        self._inside.setSpacing(10)
        self._inside.addWidget(self._column, 1)
        self._inside.addWidget(self._details)
        self._scroll.setWidget(inside)
        self._side = QHBoxLayout()
        self._side.setContentsMargins(0, 0, 0, 0)
        self._side.setSpacing(0)
        self._side.addWidget(self._scroll, 1)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._make_header())
        layout.addLayout(self._side, 1)
        return page

    def _make_header(self) -> QHBoxLayout:
        self._previous, self._next = QToolButton(), QToolButton()
        for button, name, step in (
            (self._previous, self.tr("Previous channel (Page Up)"), -1),
            (self._next, self.tr("Next channel (Page Down)"), 1),
        ):
            button.setProperty("flat", True)
            button.setToolTip(name)
            button.setAccessibleName(name)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, by=step: self._step(by))
        self._number = QSpinBox()
        # The arrows beside it do their work; with no buttons at all, Qt leaves the text no room.
        self._number.setStyleSheet(_NO_ARROWS)
        self._number.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._number.setKeyboardTracking(False)
        self._number.setToolTip(self.tr("Type the number of a channel; they are counted from 0"))
        self._number.setAccessibleName(self.tr("Number of the channel"))
        font = self._number.font()
        font.setBold(True)
        self._number.setFont(font)
        self._number.valueChanged.connect(self._on_number)
        self._export = QToolButton()
        self._export.setProperty("flat", True)
        self._export.setIconSize(QSize(18, 18))
        self._export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._export.setToolTip(self.tr("Write this channel to a file"))
        self._export.setAccessibleName(self.tr("Export this channel"))
        self._export.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        menu = QMenu(self._export)
        for kind, title in (
            ("png", self.tr("Picture with scale (PNG)…")),
            ("npy", self.tr("Values (NumPy)…")),
            ("csv", self.tr("Statistics (CSV)…")),
        ):
            action = menu.addAction(title)
            action.triggered.connect(lambda _=False, kind=kind: self.export_wanted.emit(kind))
        self._export.setMenu(menu)
        header = QHBoxLayout()
        header.setContentsMargins(8, 6, 8, 0)
        header.setSpacing(2)
        header.addWidget(self._previous)
        header.addWidget(self._number)
        header.addWidget(self._next)
        header.addStretch()
        header.addWidget(self._export)
        return header

    def _make_map_column(self) -> QWidget:
        column = QWidget()
        self._name = QLabel()
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._map.setMinimumHeight(_SHORTEST_MAP)
        self._map.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._value = QLabel()
        self._value.setAlignment(Qt.AlignmentFlag.AlignCenter)
        font = self._value.font()
        font.setPointSizeF(font.pointSizeF() * 2.4)
        font.setBold(True)
        self._value.setFont(font)
        self._value.setMinimumHeight(_VALUE_HEIGHT)
        self._readout = QLabel()
        self._readout.setWordWrap(True)
        self._readout.setMinimumHeight(self._readout.fontMetrics().height())
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._note.setProperty("muted", True)
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._name)
        layout.addWidget(self._map, 1)
        layout.addWidget(self._value)
        layout.addWidget(self._readout)
        layout.addWidget(self._bar)
        layout.addWidget(self._note)
        layout.addLayout(self._make_overlay())
        # Takes the room that a map would.
        layout.addStretch()
        return column

    def _make_overlay(self) -> QHBoxLayout:
        self._overlay = QCheckBox(self.tr("Overlay on the photo"))
        self._overlay.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._overlay.toggled.connect(self._on_overlay)
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(0, 100)
        self._opacity.setValue(60)
        self._opacity.setMinimumWidth(50)
        self._opacity.setMaximumWidth(160)
        self._opacity.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._opacity.setToolTip(self.tr("How opaque the overlay is"))
        self._opacity.setAccessibleName(self.tr("Opacity of the overlay"))
        self._opacity.valueChanged.connect(lambda _: self.overlay_changed.emit())
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self._overlay)
        row.addWidget(self._opacity, 1)
        row.addStretch()
        return row

    # --- what it shows

    def _show_header(self, picture: ChannelPicture) -> None:
        maps, channel = picture.maps, picture.channel
        count = len(maps.values)
        word = self.tr("unit") if maps.is_vector else self.tr("channel")
        self._number.blockSignals(True)
        self._number.setRange(0, count - 1)
        self._number.setPrefix(f"{word} ")
        self._number.setSuffix(" " + self.tr("of {0}").format(count))
        self._number.setValue(channel)
        self._number.blockSignals(False)
        self._previous.setEnabled(channel > 0)
        self._next.setEnabled(channel < count - 1)
        self._name.setVisible(maps.labels is not None)
        self._name.setText("" if maps.labels is None else maps.labels[channel])
        self._name.setToolTip(as_tool_tip(self._name.text()))

    def _show_overlay(self, *, is_vector: bool) -> None:
        was = self.overlay
        self._overlay.setEnabled(not is_vector)
        self._opacity.setEnabled(not is_vector and self._overlay.isChecked())
        self._overlay.setToolTip(
            self.tr("A unit has one value and no map: there is nothing to lay over the photo")
            if is_vector
            else self.tr("Lay this channel over the photo")
        )
        if was != self.overlay:
            self.overlay_changed.emit()

    def _show_unit(self, picture: ChannelPicture) -> None:
        """The one value of a unit, and what it is worth among the others."""
        from vggscope.inference.map_pictures import channel_order  # noqa: PLC0415 (numpy)

        maps = picture.maps
        value = float(maps.values[picture.channel, 0, 0])
        order = channel_order(maps, "max").tolist()
        self._value.setText(value_text(value))
        self._bar.set_mark(value)
        self._readout.setText(
            self.tr("rank {0} of {1} units of {2}").format(
                f"{order.index(picture.channel) + 1:,}", f"{len(order):,}", maps.layer.name
            )
        )
        [*fields] = (spot.field for spot in picture.spots)
        is_whole = fields and tuple(fields[0]) == (0, 0, *maps.input_size)
        sees = self.tr("the whole input") if is_whole else seen(fields[0]) if fields else "–"
        self._note.setText(self.tr("It sees {0}.").format(sees))

    def _show_pinned_map(self) -> None:
        pinned = self._pinned
        title = self._pinned_title
        fits = pinned is not None and not pinned.maps.is_vector
        self._map.show_pinned(pinned if fits else None, title)
        if self._picture is None or not self._picture.maps.is_vector or pinned is None:
            return
        value = float(pinned.maps.values[pinned.channel, 0, 0])
        self._readout.setText(
            f"{self._readout.text()}\n"
            + self.tr("{0}: {1}").format(title or self.tr("pinned"), value_text(value))
        )

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
            title = self._pinned_title or self.tr("pinned")
            text += "\n" + self.tr("{0}: {1}").format(title, value_text(float(there)))
        return text

    # --- what the user does

    def _on_cell(self, cell: tuple[int, int] | None) -> None:
        if self._picture is None or self._picture.maps.is_vector:
            return
        spot = None if cell is None else self._spot_at(*cell)
        chosen = None if self._chosen is None else self._chosen.position
        read = (chosen.row, chosen.column) if cell is None and chosen is not None else cell
        text = self._read_out(read)
        self._readout.setText(text or self.tr("Point at the map to read its values."))
        self._readout.setEnabled(bool(text))
        self._map.setAccessibleDescription(text or self.tr("The arrow keys read its cells"))
        shown = None if read is None else self._spot_at(*read)
        self._bar.set_mark(None if shown is None else shown.position.value)
        self.hovered.emit(spot)

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

    def _step(self, by: int) -> None:
        if self._picture is not None:
            self._number.setValue(self._number.value() + by)

    def _on_number(self, number: int) -> None:
        if self._picture is not None and number != self._picture.channel:
            self.channel_chosen.emit(number)

    def _on_overlay(self, checked: bool) -> None:
        self._opacity.setEnabled(checked)
        self.overlay_changed.emit()

    def _follow(self, key: str) -> None:
        if key == MAP_COLOURS.key:
            colours = self._settings.text(MAP_COLOURS)
            self._map.set_colours(colours)
            self._bar.set_colours(colours)
            self._details.set_colours(colours)

    def _tint(self) -> None:
        self._previous.setIcon(self._theme.icon("previous"))
        self._next.setIcon(self._theme.icon("next"))
        self._export.setIcon(self._theme.icon("export"))
        self._reason_icon.setPixmap(icon_picture("info", self._theme.colours.muted, 28))

    def _arrange(self, *, wide: bool) -> None:
        """The figures beside the map, or below it."""
        if wide == (self._side.indexOf(self._column) >= 0):
            return
        if wide:
            self._inside.removeWidget(self._column)
            self._column.setContentsMargins(12, 0, 0, 10)
            self._side.insertWidget(0, self._column, 1)
            self._scroll.setFixedWidth(_DETAILS_WIDTH)
        else:
            self._side.removeWidget(self._column)
            self._column.setContentsMargins(0, 0, 0, 0)
            self._inside.insertWidget(0, self._column, 1)
            self._scroll.setMinimumWidth(0)
            self._scroll.setMaximumWidth(16777215)

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= _WIDE
        self._arrange(wide=wide)
        square = min(self.width() - _AROUND_MAP[0], self.height() - _AROUND_MAP[1])
        self._map.setMinimumHeight(_SHORTEST_BESIDE if wide else max(_SHORTEST_MAP, square))
