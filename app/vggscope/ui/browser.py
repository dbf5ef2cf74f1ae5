"""Several photos: a filmstrip or a table, how far the work is, and what to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QListView,
    QMenu,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.photos import PHOTO_ROLE, SORT_ROLE, Column, Photo, PhotoModel, State
from vggscope.ui.rows import choose_by_row
from vggscope.ui.texts import percent
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from vggscope.ui.actions import Actions
    from vggscope.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
_CELL: Final = QSize(132, 124)
_PICTURE_HEIGHT: Final = 78
_WIDTHS: Final = {Column.NAME: 180, Column.PROBABILITY: 120, Column.TIME: 90, Column.FOLDER: 200}


class PhotoBrowser(QWidget):
    """The bottom of the window, shown when there is more than one photo.

    Signals:
        photo_chosen: the key of the photo that the user wants to see.
        thumbnail_wanted: a ``Photo`` that is in sight and has no thumbnail yet.
    """

    photo_chosen = Signal(int)
    thumbnail_wanted = Signal(object)

    def __init__(
        self, photos: PhotoModel, theme: Theme, actions: Actions, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._photos = photos
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumHeight(_CELL.height() + 66)
        self._strip = self._make_strip(theme)
        self._sorted = QSortFilterProxyModel(self)
        self._table = self._make_table()
        self._views = QStackedWidget()
        self._views.addWidget(self._strip)
        self._views.addWidget(self._table)
        header = self._make_header(actions)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(header)
        layout.addWidget(self._views, 1)
        self._strip.selectionModel().currentChanged.connect(self._on_strip)
        self._table.selectionModel().currentChanged.connect(self._on_table)

    @property
    def model(self) -> PhotoModel:
        """The photos that are shown."""
        return self._photos

    def set_as_table(self, as_table: bool) -> None:
        """Show the table, or the filmstrip."""
        self._views.setCurrentWidget(self._table if as_table else self._strip)

    def mark(self, photo: Photo | None) -> None:
        """Show which photo is the current one."""
        row = None if photo is None else self._photos.row_of(photo.key)
        if row is None:
            return
        index = self._photos.index(row, 0)
        flags = (
            QItemSelectionModel.SelectionFlag.ClearAndSelect
            | QItemSelectionModel.SelectionFlag.Rows
        )
        for view, own in ((self._strip, index), (self._table, self._sorted.mapFromSource(index))):
            if view.currentIndex().row() != own.row() or not view.currentIndex().isValid():
                view.selectionModel().setCurrentIndex(own, flags)
            view.scrollTo(own)

    def key_beside(self, photo: Photo, by: int) -> int | None:
        """The key of the photo ``by`` places after ``photo``, in the order that is seen."""
        row = self._photos.row_of(photo.key)
        if row is None:
            return None
        index = self._photos.index(row, 0)
        if self._views.currentWidget() is self._table:
            shown = self._sorted.mapFromSource(index)
            index = self._sorted.mapToSource(self._sorted.index(shown.row() + by, 0))
        else:
            index = self._photos.index(row + by, 0)
        return self._photos.at(index.row()).key if index.isValid() else None

    def show_progress(self, done: int, total: int, *, failed: int, stopped: int) -> None:
        """N of M, and what became of those that were not classified."""
        busy = done < total
        text = (
            self.tr("{0} of {1}").format(done, total)
            if busy
            else self.tr("%n photos", "", total)  # Qt fills in %n, and its plural in translations
        )
        if failed:
            text += " · " + self.tr("{0} failed").format(failed)
        if stopped:
            text += " · " + self.tr("{0} stopped").format(stopped)
        self._label.setText(text)
        self._failed.setVisible(failed > 0)
        self._bar.setMaximum(total)
        self._bar.setValue(done)
        self._bar.setVisible(busy)
        self._stop.setVisible(busy)
        self._export.setEnabled(done > stopped)

    def _make_header(self, actions: Actions) -> QHBoxLayout:
        self._label = QLabel()
        self._failed = QToolButton()
        self._failed.setText(self.tr("Show failed"))
        self._failed.setToolTip(self.tr("Go to the next photo that failed"))
        self._failed.setAccessibleDescription(self._failed.toolTip())
        for style in ("flat", "link"):
            self._failed.setProperty(style, True)
        self._failed.clicked.connect(self._choose_failed)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(150)
        self._bar.setAccessibleName(self.tr("Photos classified"))
        self._stop = QPushButton(self.tr("Stop"))
        self._stop.setToolTip(self.tr("Stop classifying (Esc); what is done stays"))
        self._stop.clicked.connect(actions["stop"].trigger)
        self._export = QToolButton()
        self._export.setText(self.tr("Export"))
        self._export.setToolTip(self.tr("Write all results to a file"))
        self._export.setAccessibleName(self.tr("Export all results"))
        self._export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._export)
        menu.addAction(actions["export_csv"])
        menu.addAction(actions["export_json"])
        self._export.setMenu(menu)
        self._mode = QToolButton()
        self._mode.setDefaultAction(actions["as_table"])
        self._mode.setAccessibleName(self.tr("Show the photos as a table"))
        clear = QToolButton()
        clear.setDefaultAction(actions["remove_all"])
        clear.setAccessibleName(self.tr("Remove all photos"))
        header = QHBoxLayout()
        header.setContentsMargins(12, 8, 10, 4)
        header.setSpacing(10)
        for widget in (self._label, self._failed, self._bar, self._stop):
            header.addWidget(widget)
        header.addStretch()
        for button in (self._export, self._mode, clear):
            button.setProperty("flat", button is not self._export)
            if button is clear:  # not to be hit instead of its neighbour
                header.addSpacing(18)
            header.addWidget(button)
        return header

    def _make_strip(self, theme: Theme) -> QListView:
        view = QListView()
        view.setModel(self._photos)
        view.setItemDelegate(_CellDelegate(theme, self, view))
        view.setFlow(QListView.Flow.LeftToRight)
        view.setWrapping(False)
        # All cells are alike: without this the view measures each of a thousand of them.
        view.setUniformItemSizes(True)
        view.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setAccessibleName(self.tr("Photos"))
        theme.changed.connect(view.viewport().update)
        return view

    def _make_table(self) -> QTableView:
        self._sorted.setSourceModel(self._photos)
        self._sorted.setSortRole(SORT_ROLE)
        view = QTableView()
        view.setModel(self._sorted)
        view.setSortingEnabled(True)
        view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        choose_by_row(view)
        view.setAlternatingRowColors(True)
        view.verticalHeader().setDefaultSectionSize(28)
        header = view.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        # The sentence of an error stands here, and is longer than anything else.
        header.setSectionResizeMode(Column.LABEL.value, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            view.setColumnWidth(column.value, width)
        view.setAccessibleName(self.tr("Photos as a table"))
        return view

    def _choose_failed(self) -> None:
        """The next failed photo after the current one, in the order that is seen, and round."""
        view = self._table if self._views.currentWidget() is self._table else self._strip
        model, here = view.model(), view.currentIndex().row()
        count = model.rowCount()
        for step in range(1, count + 1):
            photo: Photo = model.index((here + step) % count, 0).data(PHOTO_ROLE)
            if photo.state is State.FAILED:
                self.photo_chosen.emit(photo.key)
                return

    def _on_strip(self, index: QModelIndex) -> None:
        if index.isValid():
            self.photo_chosen.emit(self._photos.at(index.row()).key)

    def _on_table(self, index: QModelIndex) -> None:
        source = self._sorted.mapToSource(index)
        if source.isValid():
            self.photo_chosen.emit(self._photos.at(source.row()).key)


class _CellDelegate(QStyledItemDelegate):
    """A thumbnail with its top-1 class, or with what became of it."""

    def __init__(self, theme: Theme, browser: PhotoBrowser, view: QListView) -> None:
        super().__init__(view)
        self._theme, self._browser, self._view = theme, browser, view

    def _paint_picture(self, painter: QPainter, photo: Photo, area: QRectF) -> None:
        colours = self._theme.colours
        path = QPainterPath()
        path.addRoundedRect(area, 6, 6)
        painter.fillPath(path, QColor(colours.raised))
        if photo.thumbnail is None:
            failed = photo.state is State.FAILED
            icon = picture(
                "warning" if failed else "picture", colours.bad if failed else colours.disabled, 28
            )
            centre = area.center()
            painter.drawPixmap(round(centre.x()) - 14, round(centre.y()) - 14, icon)
            if not failed:
                self._browser.thumbnail_wanted.emit(photo)
            return
        size = photo.thumbnail.size().toSizeF()
        size.scale(area.size(), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
        target = QRectF(0, 0, size.width(), size.height())
        target.moveCenter(area.center())
        painter.save()
        painter.setClipPath(path)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, photo.thumbnail)
        painter.restore()

    # Qt overrides

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return _CELL

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        photo: Photo = index.data(PHOTO_ROLE)
        colours = self._theme.colours
        cell = QRectF(option.rect).adjusted(5, 3, -5, -3)
        cell.setHeight(_CELL.height() - 6)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        current = self._view.currentIndex() == index
        if current or option.state & QStyle.StateFlag.State_Selected:
            focused = current and self._view.hasFocus()
            painter.setPen(QPen(QColor(colours.accent), 2.5 if focused else 1))
            tint = QColor(colours.accent)
            tint.setAlpha(70 if focused else 40)
            painter.setBrush(tint)
            painter.drawRoundedRect(cell, 8, 8)
        area = cell.adjusted(5, 5, -5, 0)
        area.setHeight(_PICTURE_HEIGHT)
        self._paint_picture(painter, photo, area)
        text = QRectF(
            area.left(), area.bottom() + 3, area.width(), cell.bottom() - area.bottom() - 5
        )
        best = photo.best
        if best is not None:
            first, second = best.label, percent(best.probability)
        else:
            first, second = photo.name, self._browser.model.state_word(photo)
        painter.setOpacity(0.5 if photo.stale else 1.0)
        metrics = QFontMetricsF(painter.font())
        for row, (line, colour) in enumerate(
            ((first, colours.text), (second, colours.bad if photo.error else colours.muted))
        ):
            painter.setPen(QColor(colour))
            place = QRectF(text.left(), text.top() + row * 15, text.width(), 15)
            elided = metrics.elidedText(line, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(
                place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided
            )
        painter.restore()
