"""Patches as tiles: a model and a view of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from vggscope.ui.texts import as_tool_tip
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vggscope.inference.top_patches import Patch
    from vggscope.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
_TILE_ROLE: Final = Qt.ItemDataRole.UserRole
_PLACES: Final = 9
_FEWEST_COLUMNS: Final = 3
_LEAST_SIDE: Final = 58
_MOST_SIDE: Final = 240
_GAP: Final = 3
_RADIUS: Final = 5
_SCROLL_BAR: Final = 11
_MARGIN: Final = 9
"""With the gap: where the texts above begin."""
_PIXELS_MEANT: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class PatchTile:
    """A patch as it is shown.

    Attributes:
        patch: which one.
        image: its pixels; None while they are still being read.
        caption: the channel's value there.
        name: of the photo.
    """

    patch: Patch
    image: QImage | None
    caption: str
    name: str


class Tiles(QAbstractListModel):
    """The patches, for the view and for screen readers."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._tiles: tuple[PatchTile, ...] = ()

    def show(self, tiles: Sequence[PatchTile]) -> None:
        """Others, without the view losing its place."""
        before, after = len(self._tiles), len(tiles)
        if after > before:
            self.beginInsertRows(QModelIndex(), before, after - 1)
            self._tiles = tuple(tiles)
            self.endInsertRows()
        elif after < before:
            self.beginRemoveRows(QModelIndex(), after, before - 1)
            self._tiles = tuple(tiles)
            self.endRemoveRows()
        self._tiles = tuple(tiles)
        if self._tiles:
            self.dataChanged.emit(self.index(0, 0), self.index(after - 1, 0))

    def row_of(self, patch: Patch) -> int | None:
        """Where ``patch`` is now."""
        return next((i for i, tile in enumerate(self._tiles) if tile.patch == patch), None)

    def _tip(self, tile: PatchTile) -> str:
        field = tile.patch.field
        lines = [
            tile.name,
            self.tr("Value {0} at row {1}, column {2}").format(
                tile.caption, tile.patch.row, tile.patch.column
            ),
            self.tr("Sees {0} × {1} pixels of the network's input").format(
                round(field.right - field.left), round(field.bottom - field.top)
            ),
        ]
        return as_tool_tip("\n".join(lines))

    # Qt overrides

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else len(self._tiles)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._tiles):
            return None
        tile = self._tiles[index.row()]
        makers: dict[int, Callable[[], object]] = {
            _TILE_ROLE: lambda: tile,
            Qt.ItemDataRole.DisplayRole: lambda: tile.caption,
            Qt.ItemDataRole.ToolTipRole: lambda: self._tip(tile),
            Qt.ItemDataRole.AccessibleTextRole: lambda: self.tr("{0}: {1}, {2}").format(
                index.row() + 1, tile.caption, tile.name
            ),
        }
        make = makers.get(role)
        return None if make is None else make()


class TilesView(QListView):
    """The patches side by side, as large as there is room for.

    Attributes:
        cell: room for one of them, with its value.

    Signals:
        chosen: the ``PatchTile`` that was clicked, or on which Enter was pressed.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, tiles: Tiles) -> None:
        super().__init__()
        self._tiles = tiles
        self.setModel(tiles)
        self.setItemDelegate(_TileDelegate(theme, self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setUniformItemSizes(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.cell = QSize(_LEAST_SIDE, _LEAST_SIDE)
        self._places = _PLACES
        self.clicked.connect(self._choose)
        theme.changed.connect(self.viewport().update)

    def set_places(self, count: int) -> None:
        """For how many patches there is to be room, those that are still to come among them."""
        count = min(max(count, 1), _PLACES)
        if count != self._places:
            self._places = count
            self._arrange()

    @property
    def patch(self) -> Patch | None:
        """The one that the user is at."""
        tile = self.currentIndex().data(_TILE_ROLE)
        return None if tile is None else tile.patch

    def go_to(self, patch: Patch | None) -> None:
        """Be at ``patch``, wherever it is now, or at none."""
        row = None if patch is None else self._tiles.row_of(patch)
        index = QModelIndex() if row is None else self._tiles.index(row, 0)
        if index != self.currentIndex():
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self.selectionModel().setCurrentIndex(index, flags)
            if not index.isValid():
                self.clearSelection()

    def caption_height(self) -> int:
        """Room for the value below a patch."""
        return ceil(QFontMetricsF(self.font()).height()) + 2

    def _choose(self, index: _Index) -> None:
        tile = index.data(_TILE_ROLE)
        if tile is not None:
            self.chosen.emit(tile)

    def _arrange(self) -> None:
        """Choose how many columns there are: those with which the patches are the largest."""
        below = self.caption_height() + 2 * _GAP
        frame = 2 * self.frameWidth()
        # Qt begins another row if the last cell ends where the view does.
        width, height = self.width() - frame - 2 * _MARGIN - 1, self.height() - frame

        def side(columns: int) -> float:
            rows = ceil(self._places / columns)
            return min(width / columns - 2 * _GAP, height / rows - below)

        columns = max(_full_columns(self._places), key=side)
        best = int(side(columns))
        scrolls = best < _LEAST_SIDE
        if scrolls:
            # As many as fit beside a scroll bar, each of a size at which there is much to see.
            width -= _SCROLL_BAR
            wanted = _LEAST_SIDE + 12 + 2 * _GAP
            columns = min(max(_FEWEST_COLUMNS, width // wanted), self._places)
            best = width // columns - 2 * _GAP
        best = max(24, min(best, _MOST_SIDE))
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAlwaysOn if scrolls else policy.ScrollBarAlwaysOff
        )
        cell = QSize(best + 2 * _GAP, best + below)
        # Where there is room for more of them beside each other, the view is not to use it.
        rest = max(0, width - columns * cell.width())
        self.setViewportMargins(_MARGIN, 0, _MARGIN + rest, 0)
        if cell != self.cell:
            self.cell = cell
            self.setGridSize(cell)
            self.scheduleDelayedItemsLayout()

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()
        super().resizeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._choose(self.currentIndex())
        elif event.key() == Qt.Key.Key_Space:
            event.ignore()  # it freezes what moves
        else:
            super().keyPressEvent(event)


def _full_columns(count: int) -> list[int]:
    """In how many columns ``count`` tiles can stand with no lonely one in the last row."""
    choices = []
    for columns in range(count, 0, -1):
        rows = ceil(count / columns)
        # As few as make so many rows.
        is_least = columns == ceil(count / rows)
        last = count - (rows - 1) * columns
        if is_least and (last > 1 or rows == 1 or columns == 1):
            choices.append(columns)
    return choices


class _TileDelegate(QStyledItemDelegate):
    """A patch in a square, its value below."""

    def __init__(self, theme: Theme, view: TilesView) -> None:
        super().__init__(view)
        self._theme, self._view = theme, view

    def _paint_image(self, painter: QPainter, image: QImage | None, area: QRectF) -> None:
        colours = self._theme.colours
        path = QPainterPath()
        path.addRoundedRect(area, _RADIUS, _RADIUS)
        painter.fillPath(path, QColor(colours.raised))
        if image is None or image.isNull():
            side = int(min(24, area.width() - 8))
            icon = picture("picture", colours.disabled, side)
            corner = area.center()
            painter.drawPixmap(round(corner.x() - side / 2), round(corner.y() - side / 2), icon)
            return
        size = image.size().toSizeF()
        size.scale(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRectF(0, 0, size.width(), size.height())
        target.moveCenter(area.center())
        zoom = target.width() * painter.device().devicePixelRatioF() / image.width()
        painter.save()
        painter.setClipPath(path)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, zoom < _PIXELS_MEANT)
        painter.drawImage(target, image)
        painter.restore()

    # Qt overrides

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return self._view.cell

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        tile: PatchTile = index.data(_TILE_ROLE)
        colours = self._theme.colours
        cell = QRectF(option.rect).adjusted(_GAP, _GAP, -_GAP, -_GAP)
        area = QRectF(cell.topLeft(), cell.topLeft())
        area.setWidth(cell.width())
        area.setHeight(cell.height() - self._view.caption_height())
        current = self._view.currentIndex() == index
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_image(painter, tile.image, area)
        if current or hovered:
            strong = current and self._view.hasFocus()
            colour = colours.accent if current else colours.muted
            painter.setPen(QPen(QColor(colour), 2.5 if strong else 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area, _RADIUS, _RADIUS)
        text = QRectF(cell.left(), area.bottom(), cell.width(), cell.bottom() - area.bottom())
        metrics = QFontMetricsF(painter.font())
        shown = metrics.elidedText(tile.caption, Qt.TextElideMode.ElideRight, text.width())
        painter.setPen(QColor(colours.text if current else colours.muted))
        painter.drawText(text, Qt.AlignmentFlag.AlignCenter, shown)
        painter.restore()
