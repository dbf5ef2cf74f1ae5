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
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath
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
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from vggscope.ui.actions import Actions
    from vggscope.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
_CELL: Final = QSize(132, 124)
_PICTURE_HEIGHT: Final = 78


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
        self.setMinimumHeight(_CELL.height() + 62)
        self._strip = _strip(photos, theme, self)
        self._table, self._sorted = _table(photos, self)
        self._views = QStackedWidget()
        self._views.addWidget(self._strip)
        self._views.addWidget(self._table)
        self._label = QLabel()
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
        header.setContentsMargins(14, 8, 10, 4)
        header.setSpacing(10)
        for widget in (self._label, self._bar, self._stop):
            header.addWidget(widget)
        header.addStretch()
        for button in (self._export, self._mode, clear):
            button.setProperty("flat", button is not self._export)
            header.addWidget(button)
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
        self._bar.setMaximum(total)
        self._bar.setValue(done)
        self._bar.setVisible(busy)
        self._stop.setVisible(busy)
        self._export.setEnabled(done > stopped)

    def _on_strip(self, index: QModelIndex) -> None:
        if index.isValid():
            self.photo_chosen.emit(self._photos.at(index.row()).key)

    def _on_table(self, index: QModelIndex) -> None:
        source = self._sorted.mapToSource(index)
        if source.isValid():
            self.photo_chosen.emit(self._photos.at(source.row()).key)


def _strip(photos: PhotoModel, theme: Theme, browser: PhotoBrowser) -> QListView:
    view = QListView()
    view.setModel(photos)
    view.setItemDelegate(_CellDelegate(theme, browser, view))
    view.setFlow(QListView.Flow.LeftToRight)
    view.setWrapping(False)
    # All cells are alike: without this the view measures each of a thousand of them.
    view.setUniformItemSizes(True)
    view.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
    view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setAccessibleName(browser.tr("Photos"))
    theme.changed.connect(view.viewport().update)
    return view


def _table(photos: PhotoModel, browser: PhotoBrowser) -> tuple[QTableView, QSortFilterProxyModel]:
    proxy = QSortFilterProxyModel(browser)
    proxy.setSourceModel(photos)
    proxy.setSortRole(SORT_ROLE)
    view = QTableView()
    view.setModel(proxy)
    view.setSortingEnabled(True)
    view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setShowGrid(False)
    view.setAlternatingRowColors(True)
    view.setWordWrap(False)
    view.setTabKeyNavigation(False)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(28)
    header = view.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setStretchLastSection(True)
    header.setHighlightSections(False)
    for column, width in ((Column.NAME, 220), (Column.LABEL, 240), (Column.PROBABILITY, 100)):
        view.setColumnWidth(column.value, width)
    view.setColumnWidth(Column.TIME.value, 80)
    view.setAccessibleName(browser.tr("Photos as a table"))
    return view, proxy


class _CellDelegate(QStyledItemDelegate):
    """A thumbnail with its top-1 class, or with what became of it."""

    def __init__(self, theme: Theme, browser: PhotoBrowser, view: QListView) -> None:
        super().__init__(view)
        self._theme = theme
        self._browser = browser

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
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QColor(colours.accent))
            tint = QColor(colours.accent)
            tint.setAlpha(40)
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
            first, second = best.label, f"{best.probability * 100:.1f} %"
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
