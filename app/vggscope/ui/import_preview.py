"""What the model that is being imported says to a photo, before it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope import paths
from vggscope.ui.labels import wrapped, write_or_hide
from vggscope.ui.prediction_bars import PredictionBars, PredictionModel
from vggscope.ui.texts import explanation_of
from vggscope.ui.welcome import SAMPLES, rounded, square_thumbnail

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import QImage, QPixmap

    from vggscope.errors import VggscopeError
    from vggscope.inference.preview import Preview
    from vggscope.ui.theme import Theme

TOP: Final = 5
_THUMBNAIL: Final = 38
_PICTURE: Final = 150


class PreviewPane(QWidget):
    """A photo, which can be changed, and the most probable classes.

    Signals:
        photo_chosen: another photo is to be looked at.
    """

    photo_chosen = Signal()

    def __init__(self, theme: Theme, current: tuple[Path, QImage] | None) -> None:
        """``current``: the photo that the window shows, if it is a file, and its thumbnail."""
        super().__init__()
        self._current = current
        self.setObjectName("panel")
        self.setFixedWidth(292)
        samples = [paths.resource("samples", name) for name in SAMPLES]
        self._photos = [*([current[0]] if current is not None else []), *samples]
        self.photo = self._photos[0]
        heading = QLabel(self.tr("Preview"))
        heading.setProperty("heading", True)
        self._picture = QLabel()
        self._picture.setFixedSize(_PICTURE, _PICTURE)
        self._model = PredictionModel(self)
        self.bars = PredictionBars(self._model, theme, self.tr("Preview"))
        self._busy = QProgressBar()
        self._busy.setTextVisible(False)
        self._note, self._problem = wrapped(), wrapped()
        self._note.setProperty("muted", True)
        self._problem.setProperty("wrong", True)
        self._problem.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 0)
        column.setSpacing(8)
        column.addWidget(heading)
        column.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addLayout(self._strip())
        column.addWidget(self._busy)
        column.addWidget(self._problem)
        column.addWidget(self.bars, 1)
        column.addWidget(self._note)
        self._show_photo()

    @property
    def model(self) -> PredictionModel:
        """What the bars show."""
        return self._model

    @property
    def is_busy(self) -> bool:
        """Whether what is shown is of former choices."""
        return self.bars.delegate.faded

    def show_busy(self, text: str, share: float | None = None) -> None:
        """It is being found out; what is shown is of former choices."""
        self._busy.setRange(0, 0 if share is None else 1000)
        self._busy.setValue(round(1000 * (share or 0)))
        self._busy.setAccessibleName(text)
        self._set_busy(is_busy=True)
        self._note.setText(text)

    def show_preview(self, preview: Preview) -> None:
        """The answer."""
        self._set_busy(is_busy=False)
        write_or_hide(self._problem, "")
        self._model.show(preview.predictions)
        text = self.tr("{0} ms on the CPU. Do the names fit the photo?")
        self._note.setText(text.format(f"{preview.milliseconds:.0f}"))

    def show_problem(self, text: str) -> None:
        """There is no answer."""
        self._set_busy(is_busy=False)
        self._model.show(())
        self._note.setText("")
        write_or_hide(self._problem, text)

    def show_error(self, error: VggscopeError) -> None:
        """There is no answer, for this reason."""
        self.show_problem(explanation_of(error))

    def _set_busy(self, *, is_busy: bool) -> None:
        # It keeps its place: nothing below it jumps.
        effect = self._busy.sizePolicy()
        effect.setRetainSizeWhenHidden(True)
        self._busy.setSizePolicy(effect)
        self._busy.setVisible(is_busy)
        self.bars.set_faded(is_busy)

    def _thumbnail(self, path: Path, side: int) -> QPixmap:
        ratio = self.devicePixelRatioF()
        if self._current is None or path != self._current[0]:
            return square_thumbnail(path, side, ratio)
        # Decoded and turned already.
        image = self._current[1].scaled(
            QSize(1, 1) * round(side * ratio),
            Qt.AspectRatioMode.KeepAspectRatioByExpanding,
            Qt.TransformationMode.SmoothTransformation,
        )
        return rounded(image, side, ratio)

    def _strip(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addStretch(1)
        group = QButtonGroup(self)
        for number, path in enumerate(self._photos):
            button = QToolButton()
            button.setProperty("flat", True)
            button.setCheckable(True)
            button.setChecked(number == 0)
            button.setIconSize(QSize(_THUMBNAIL - 8, _THUMBNAIL - 8))
            button.setFixedSize(_THUMBNAIL, _THUMBNAIL)
            button.setStyleSheet("padding: 1px;")
            button.setIcon(QIcon(self._thumbnail(path, _THUMBNAIL - 8)))
            is_own = number == 0 and self._current is not None
            name = self.tr("the photo in the window") if is_own else path.stem.replace("-", " ")
            button.setToolTip(name)
            button.setAccessibleName(self.tr("Try it on {0}").format(name))
            button.clicked.connect(lambda _=False, path=path: self._choose(path))
            group.addButton(button)
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _choose(self, path: Path) -> None:
        if path != self.photo:
            self.photo = path
            self._show_photo()
            self.photo_chosen.emit()

    def _show_photo(self) -> None:
        self._picture.setPixmap(self._thumbnail(self.photo, _PICTURE))
        self._picture.setAccessibleName(self.photo.stem.replace("-", " "))
