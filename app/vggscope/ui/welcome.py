"""The empty canvas: an inviting drop target, and the overlay while something is dragged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QIcon,
    QImage,
    QImageReader,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vggscope import paths
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.ui.actions import Actions
    from vggscope.ui.theme import Theme

SAMPLES: Final = ("zebra.jpg", "pizza.jpg", "bald-eagle.jpg", "sports-car.jpg", "ladybug.jpg")
_VIDEO: Final = "slideshow.webm"
_STILL: Final = "coffee.jpg"
"""A photo that occurs in the video."""
_THUMBNAIL: Final = 64


class Welcome(QWidget):
    """What the canvas shows while there is no photo.

    Signals:
        sample_chosen: the path of a sample photo or video.
    """

    sample_chosen = Signal(str)

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._samples: dict[Path, QToolButton] = {}
        self._film = QToolButton()
        self.setObjectName("canvasArea")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title = QLabel(self.tr("Drop a photo or a video here"))
        title.setProperty("title", True)
        hint = QLabel(
            self.tr("and see what the network recognises in it. Images never leave this computer.")
        )
        hint.setProperty("muted", True)
        for label in (title, hint):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addStretch(3)
        layout.addWidget(self._icon)
        layout.addWidget(title)
        layout.addWidget(hint)
        layout.addSpacing(8)
        layout.addLayout(self._buttons(actions))
        layout.addSpacing(22)
        samples = QLabel(self.tr("Or try a sample"))
        samples.setProperty("muted", True)
        samples.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(samples)
        layout.addLayout(self._sample_row())
        layout.addStretch(4)
        theme.changed.connect(self._tint)
        self._tint()

    def _buttons(self, actions: Actions) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addStretch()
        for key, text, primary in (
            ("open", self.tr("Open photos…"), True),
            ("open_folder", self.tr("Open folder…"), False),
            ("source_camera", self.tr("Start the camera"), False),
        ):
            button = QPushButton(text)
            button.setProperty("primary", primary)
            button.clicked.connect(actions[key].trigger)
            row.addWidget(button)
        row.addStretch()
        return row

    def show_samples(self) -> None:
        """Put the pictures on the sample buttons (they are decoded: 15 ms)."""
        for path, button in self._samples.items():
            button.setIcon(QIcon(square_thumbnail(path, _THUMBNAIL, self.devicePixelRatioF())))
        still = square_thumbnail(
            paths.resource("samples", _STILL), _THUMBNAIL, self.devicePixelRatioF()
        )
        self._film.setIcon(QIcon(_as_film(still, _THUMBNAIL)))

    def _sample_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addStretch()
        for name in SAMPLES:
            path = paths.resource("samples", name)
            button = self._samples[path] = QToolButton()
            title = path.stem.replace("-", " ")
            self._prepare(button, path, title, self.tr("Try the sample {0}").format(title))
            row.addWidget(button)
        film = paths.resource("samples", _VIDEO)
        self._prepare(self._film, film, self.tr("a video"), self.tr("Play the sample video"))
        row.addWidget(self._film)
        row.addStretch()
        return row

    def _prepare(self, button: QToolButton, path: Path, title: str, name: str) -> None:
        button.setProperty("flat", True)
        button.setIconSize(QSize(_THUMBNAIL, _THUMBNAIL))
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        button.setToolTip(title)
        button.setAccessibleName(name)
        button.clicked.connect(lambda: self.sample_chosen.emit(str(path)))

    def _tint(self) -> None:
        self._icon.setPixmap(picture("drop", self._theme.colours.muted, 56))


class DropOverlay(QWidget):
    """Covers the window while something is dragged over it: welcome, or "cannot drop this"."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._covered = parent
        self._refusal = self._invitation = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    @property
    def invitation(self) -> str:
        """What dropping will do."""
        return self._invitation

    @property
    def is_welcoming(self) -> bool:
        """Whether the overlay invites, or refuses."""
        return not self._refusal

    def show_for(self, refusal: str, invitation: str) -> None:
        """Cover the parent.

        Args:
            refusal: why the drag is not accepted, "" that it is.
            invitation: what dropping will do.
        """
        self._refusal, self._invitation = refusal, invitation
        self.setGeometry(self._covered.rect())
        self.raise_()
        self.show()
        self.update()

    # Qt overrides

    def paintEvent(self, _event: QPaintEvent) -> None:
        colours = self._theme.colours
        colour = colours.accent if self.is_welcoming else colours.bad
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = QColor(colours.surface)
        veil.setAlpha(205)
        painter.fillRect(self.rect(), veil)
        painter.setPen(QPen(QColor(colour), 3, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(14, 14, -14, -14), 12, 12)
        icon = picture("drop" if self.is_welcoming else "forbidden", colour, 64)
        centre = self.rect().center()
        painter.drawPixmap(centre.x() - 32, centre.y() - 70, icon)
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        text = self._refusal or self._invitation
        area = QRectF(self.rect()).adjusted(40, 0, -40, 0)
        area.setTop(centre.y() + 10)
        painter.drawText(
            area,
            Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap,
            text,
        )


def square_thumbnail(path: Path, side: int, ratio: float) -> QPixmap:
    """The middle of a picture, with round corners."""
    reader = QImageReader(str(path))
    size = reader.size()
    pixels = round(side * ratio)
    scale = pixels / max(1, min(size.width(), size.height()))
    reader.setScaledSize(QSize(round(size.width() * scale), round(size.height() * scale)))
    return rounded(reader.read(), side, ratio)


def rounded(image: QImage, side: int, ratio: float) -> QPixmap:
    """The middle of ``image``, whose shorter side is as long as wanted, with round corners."""
    pixels = round(side * ratio)
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    brush_origin = ((pixels - image.width()) // 2, (pixels - image.height()) // 2)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrushOrigin(*brush_origin)
    painter.setBrush(image)
    painter.drawRoundedRect(QRectF(0, 0, pixels, pixels), 8 * ratio, 8 * ratio)
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def _as_film(thumbnail: QPixmap, side: int) -> QPixmap:
    """A thumbnail with the sign of what can be played on it."""
    painter = QPainter(thumbnail)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    middle, radius = side / 2, side / 4
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 150))
    painter.drawEllipse(QPointF(middle, middle), radius, radius)
    painter.setBrush(QColor(255, 255, 255, 235))
    tip, back, half = middle + radius * 0.55, middle - radius * 0.35, radius * 0.52
    painter.drawPolygon(
        [QPointF(back, middle - half), QPointF(back, middle + half), QPointF(tip, middle)]
    )
    painter.end()
    return thumbnail
