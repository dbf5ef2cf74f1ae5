"""The strongest input slices of a filter as tiles; of one that reads the picture, itself too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from vggscope.ui.layers.colours import indexed_image

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from vggscope.inference.weight_views import UnitWeights
    from vggscope.ui.theme import Theme

_SIDE: Final = 54
_LARGE: Final = 96
_GAP: Final = 8
_LABEL: Final = 16
_COLOURS: Final = "RGB"


class WeightTiles(QWidget):
    """Tiles in rows, as many as there is room for; all on one scale from blue over 0 to red."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tiles: list[tuple[QImage, str, int]] = []
        self._channels = ""
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(self.tr("Weights as pictures"))
        theme.changed.connect(self.update)

    def show_weights(self, weights: UnitWeights) -> None:
        """Show the strongest slices of ``weights``."""
        self._tiles, self._channels = [], weights.channels
        if weights.rgb is not None:
            height, width, _ = weights.rgb.shape
            # Copied: QImage does not keep what it looks at alive.
            image = QImage(
                weights.rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888
            ).copy()
            self._tiles.append((image, self.tr("the filter"), _LARGE))
        slices = list(zip(weights.slices, weights.levels, strict=True))
        if weights.channels:
            # Colours have an order that people know, whatever the network's is.
            slices.sort(key=lambda each: _COLOURS.index(weights.channels[each[0]]))
        for number, levels in slices:
            self._tiles.append((indexed_image(levels, "diverging"), self.name_of(number), _SIDE))
        numbers = ", ".join(label for _, label, side in self._tiles if side == _SIDE)
        if weights.channels:
            self.setAccessibleDescription(
                self.tr("The weights for the colours of the picture: {0}").format(numbers)
            )
            self.setToolTip(
                self.tr("The filter as a picture, and its weights for each colour of the picture")
            )
        else:
            self.setAccessibleDescription(
                self.tr("The input channels with the strongest weights: {0}").format(numbers)
            )
            self.setToolTip(
                self.tr("The weights for the input channels that count most; the number is theirs")
            )
        self.updateGeometry()
        self.update()

    def name_of(self, channel: int) -> str:
        """What to call an input channel of the weights shown: its colour, or its number."""
        colours = {"R": self.tr("red"), "G": self.tr("green"), "B": self.tr("blue")}
        return colours[self._channels[channel]] if self._channels else f"#{channel}"

    def tile_boxes(self) -> list[QRectF]:
        """Where the tiles are painted, without their labels."""
        return self._places(self.width())[0]

    def _places(self, room: int) -> tuple[list[QRectF], int]:
        """Where the tiles are, and the height of all, if there is ``room`` across."""
        boxes = []
        x = y = tallest = 0.0
        for _, _, side in self._tiles:
            if x and x + side > room:
                x, y, tallest = 0.0, y + tallest + _LABEL + _GAP, 0.0
            boxes.append(QRectF(x, y, side, side))
            x, tallest = x + side + _GAP, max(tallest, side)
        return boxes, round(y + tallest + _LABEL + 2)

    # Qt overrides

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._places(width)[1]

    def sizeHint(self) -> QSize:
        return QSize(240, self._places(max(240, self.width()))[1])

    def minimumSizeHint(self) -> QSize:
        return QSize(_LARGE, _SIDE + _LABEL)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = QFont(self.font())
        font.setPointSizeF(max(6.0, font.pointSizeF() - 1.5))
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        for (image, label, side), box in zip(self._tiles, self.tile_boxes(), strict=True):
            painter.drawImage(box, image, QRectF(image.rect()))
            # White, the colour of 0, needs an edge on white.
            painter.setPen(QPen(QColor(self._theme.colours.border), 1))
            painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
            painter.setPen(QColor(self._theme.colours.muted))
            place = QRectF(box.left(), box.bottom() + 1, side, _LABEL)
            text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, side)
            painter.drawText(place, Qt.AlignmentFlag.AlignHCenter, text)
