"""The patches of the user's own photos that excite a channel most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    Qt,
    Signal,
)
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.layers.elided import Elided
from vggscope.ui.layers.patch_tiles import PatchTile, Tiles, TilesView
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QResizeEvent

    from vggscope.ui.theme import Theme

_WIDE: Final = 400
_HIGH: Final = 320

__all__ = ["PatchTile", "PatchesPanel"]


class PatchesPanel(QWidget):
    """Nine patches, out of which photos they come, and how far the search is.

    Signals:
        search_wanted: the search is to go on.
        stop_wanted: the search is to stop; what was found stays.
        photos_wanted: the photos of the window are to be searched.
        folder_wanted: a folder is to be chosen and searched.
        patch_chosen: the ``Patch`` that the user wants to see in its photo.
    """

    search_wanted = Signal()
    stop_wanted = Signal()
    photos_wanted = Signal()
    folder_wanted = Signal()
    patch_chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._running = False
        self._to_come = 0
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(260, 160)
        self._tiles = Tiles(self)
        self._view = TilesView(theme, self._tiles)
        self._view.setAccessibleName(self.tr("Patches that excite the channel most"))
        self._view.chosen.connect(self._on_chosen)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._make_reason())
        self._pages.addWidget(self._make_found())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        theme.changed.connect(self._draw_icons)
        self._draw_icons()
        self.show_source("")
        self.show_progress(0, 0, failed=0, running=False)

    def show_source(self, text: str) -> None:
        """Say which photos are searched ("12 photos of this window"); "" for none."""
        self._source.set_whole(text)
        self._source.setVisible(bool(text))

    def show_progress(self, done: int, total: int, *, failed: int, running: bool) -> None:
        """How far the search is.

        Args:
            done: photos that were looked at, those that failed among them.
            total: all photos.
            failed: those that could not be read.
            running: whether the search goes on; one that was stopped can be made to.
        """
        self._running, self._to_come = running, total - done
        self._fit_tiles()
        unfinished = done < total
        text = self.tr("{0} of {1}").format(done, total) if unfinished else ""
        if failed:
            text += " · " * unfinished + self.tr("{0} failed").format(failed)
        self._count.setText(text)
        self._count.setToolTip(self.tr("Photos searched") if unfinished else "")
        self._bar.setRange(0, max(total, 1))
        self._bar.setValue(done)
        self._bar.setVisible(unfinished)
        self._stop.setText(self.tr("Stop") if running else self.tr("Go on"))
        tip = (
            self.tr("Stop the search; what was found stays")
            if running
            else self.tr("Search the other photos too")
        )
        self._stop.setToolTip(tip)
        self._stop.setAccessibleDescription(tip)
        self._stop.setVisible(unfinished)
        self._progress.setVisible(unfinished or failed > 0)

    def show_patches(self, title: str, tiles: Sequence[PatchTile]) -> None:
        """Show patches, the strongest first.

        Args:
            title: of what channel they are ("conv3_3, channel 84").
            tiles: the patches. Another call with the same title updates what is shown: the patch
                that the user is at stays the same.
        """
        is_other = title != self._title.whole
        self._title.set_whole(title)
        at = None if is_other else self._view.patch
        self._tiles.show(tiles)
        self._fit_tiles()
        self._view.go_to(at)
        if is_other:
            self._view.scrollToTop()
        self._pages.setCurrentIndex(1)

    def show_reason(self, text: str) -> None:
        """Show no patches, but ``text``: why, and what to do."""
        self._reason.setText(text)
        self._tiles.show(())
        self._title.set_whole("")
        self._pages.setCurrentIndex(0)

    def _fit_tiles(self) -> None:
        """Keep room for the patches that may still come: each photo has one at most."""
        self._view.set_places(self._tiles.rowCount() + self._to_come)

    def _make_reason(self) -> QWidget:
        self._sign = QLabel()
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._reason = QLabel()
        self._reason.setProperty("muted", True)
        self._reason.setWordWrap(True)
        self._reason.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._reason.setTextFormat(Qt.TextFormat.PlainText)
        photos = QPushButton(self.tr("Photos of this window"))
        folder = QPushButton(self.tr("Choose a folder…"))
        self._wire(photos, self.tr("Search the photos that are open in this window"), folder)
        photos.clicked.connect(self.photos_wanted)
        folder.clicked.connect(self.folder_wanted)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(16, 8, 16, 10)
        layout.setSpacing(8)
        layout.addStretch()
        layout.addWidget(self._sign)
        layout.addWidget(self._reason)
        layout.addSpacing(2)
        for button in (photos, folder):
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch()
        return page

    def _wire(
        self, photos: QPushButton | QToolButton, tip: str, folder: QPushButton | QToolButton
    ) -> None:
        tips = (tip, self.tr("Choose a folder of photos to search"))
        for button, each in zip((photos, folder), tips, strict=True):
            button.setToolTip(each)
            button.setAccessibleDescription(each)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def _make_found(self) -> QWidget:
        # Names end differently more often than they begin so.
        middle = Qt.TextElideMode.ElideMiddle
        self._title, self._source = Elided(middle), Elided(middle)
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._source.setProperty("muted", True)
        for label in (self._title, self._source):
            label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._texts = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._texts.addWidget(self._title)
        self._texts.addWidget(self._source, 1)
        self._of_photos, self._of_folder = QToolButton(), QToolButton()
        self._wire(self._of_photos, self.tr("Search the photos of this window"), self._of_folder)
        self._of_photos.setAccessibleName(self.tr("Photos of this window"))
        self._of_folder.setAccessibleName(self.tr("Choose a folder"))
        self._of_photos.clicked.connect(self.photos_wanted)
        self._of_folder.clicked.connect(self.folder_wanted)
        header = QHBoxLayout()
        header.setContentsMargins(12, 4, 8, 2)
        header.setSpacing(2)
        header.addLayout(self._texts, 1)
        for button in (self._of_photos, self._of_folder):
            button.setProperty("flat", True)
            header.addWidget(button)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(0)
        layout.addLayout(header)
        layout.addWidget(self._make_progress())
        layout.addWidget(self._view, 1)
        return page

    def _make_progress(self) -> QWidget:
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setMinimumWidth(40)
        self._bar.setAccessibleName(self.tr("Photos searched"))
        self._count = QLabel()
        self._count.setProperty("muted", True)
        self._stop = QToolButton()
        for style in ("flat", "link"):
            self._stop.setProperty(style, True)
        self._stop.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._stop.clicked.connect(self._on_stop)
        self._progress = QWidget()
        layout = QHBoxLayout(self._progress)
        layout.setContentsMargins(12, 0, 8, 2)
        layout.setSpacing(8)
        layout.addWidget(self._bar, 1)
        layout.addWidget(self._count)
        layout.addWidget(self._stop)
        return self._progress

    def _draw_icons(self) -> None:
        self._sign.setPixmap(picture("picture", self._theme.colours.muted, 32))
        self._of_photos.setIcon(self._theme.icon("picture"))
        self._of_folder.setIcon(self._theme.icon("folder"))

    def _on_stop(self) -> None:
        wanted = self.stop_wanted if self._running else self.search_wanted
        wanted.emit()

    def _on_chosen(self, tile: PatchTile) -> None:
        self.patch_chosen.emit(tile.patch)

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Side by side where that gives height to the patches.
        size, directions = event.size(), QBoxLayout.Direction
        beside = size.width() >= _WIDE and size.height() < _HIGH
        self._texts.setDirection(directions.LeftToRight if beside else directions.TopToBottom)
        self._texts.setSpacing(10 if beside else 1)
