"""What is known of one layer, on a card beside the mouse, and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QWidget

from vggscope.vgg.network import Kind
from vggscope.vgg.table import (
    field_text,
    output_bytes,
    shape_text,
    short_bytes,
    short_count,
)

if TYPE_CHECKING:
    from vggscope.ui.theme import Theme
    from vggscope.vgg.network import Layer, Network

_BESIDE_MOUSE: Final = QPoint(16, 18)


class LayerCard(QFrame):
    """Lies over everything like a tool tip, takes no focus and no mouse."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.ToolTip | Qt.WindowType.FramelessWindowHint)
        self._theme = theme
        self._shown: tuple[tuple[str, str], ...] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._title = QLabel()
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._rows: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 9, 12, 10)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(3)
        self._grid.setSizeConstraint(QGridLayout.SizeConstraint.SetFixedSize)
        self._grid.addWidget(self._title, 0, 0, 1, 2)
        theme.changed.connect(self.update)

    def show_layer(
        self,
        layer: Layer,
        network: Network,
        milliseconds: float | None,
        device: str,
        *,
        all_milliseconds: float = 0.0,
    ) -> None:
        """Tell of ``layer``; where the card appears is up to ``move_beside``.

        Args:
            layer: which one.
            network: that it is part of.
            milliseconds: that it takes; None if that was not measured.
            device: where that was measured.
            all_milliseconds: that all layers take together.
        """
        title, *facts = card_lines(
            layer, network, milliseconds, device, all_milliseconds=all_milliseconds
        )
        if (title, *facts) == self._shown:
            return
        self._shown = (title, *facts)
        self._title.setText(" · ".join(filter(None, title)))
        while len(self._rows) < len(facts):
            self._add_row()
        for row, labels in enumerate(self._rows):
            texts = facts[row] if row < len(facts) else ("", "")
            for label, text in zip(labels, texts, strict=True):
                label.setText(text)
                label.setVisible(bool(text))
        # At once: the place beside the mouse depends on the size.
        self._grid.activate()
        self.adjustSize()

    def move_beside(self, mouse: QPoint) -> None:
        """Appear below and to the right of ``mouse`` (of the desktop), or where there is room."""
        owner = self.parentWidget() or self
        screen = owner.screen().availableGeometry()
        place = mouse + _BESIDE_MOUSE
        if place.y() + self.height() > screen.bottom():
            place.setY(mouse.y() - self.height() - 10)
        if place.x() + self.width() > screen.right():
            place.setX(mouse.x() - self.width() - 10)
        place.setX(max(min(place.x(), screen.right() - self.width()), screen.left()))
        place.setY(max(min(place.y(), screen.bottom() - self.height()), screen.top()))
        self.move(place)
        self.show()

    def _add_row(self) -> None:
        key, value = QLabel(), QLabel()
        key.setProperty("muted", True)
        for label in (key, value):
            label.setTextFormat(Qt.TextFormat.PlainText)
        value.setAlignment(Qt.AlignmentFlag.AlignRight)
        row = len(self._rows) + 1
        self._grid.addWidget(key, row, 0)
        self._grid.addWidget(value, row, 1)
        self._rows.append((key, value))

    # Qt overrides

    def paintEvent(self, _event: QPaintEvent) -> None:
        colours = self._theme.colours
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(colours.raised))
        painter.setPen(QPen(QColor(colours.border), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))


def card_lines(
    layer: Layer,
    network: Network,
    milliseconds: float | None,
    device: str,
    *,
    all_milliseconds: float = 0.0,
) -> list[tuple[str, str]]:
    """The facts of a layer as (what, value); first of all its name and type.

    See ``LayerCard.show_layer`` for the arguments.
    """
    translate = QCoreApplication.translate
    axes = " (H × W × C)" if len(layer.output_shape) == 3 else ""
    size = shape_text(layer) + axes
    if not axes:
        size = translate("LayerCard", "{0} units").format(size)
    lines = [(layer.name, layer.type), (translate("LayerCard", "output"), size)]
    lines.append(
        (
            translate("LayerCard", "parameters"),
            _with_share(f"{layer.parameters:,}", layer.parameters, network.parameters),
        )
    )
    macs = short_count(layer.macs) if layer.macs else "0"
    lines.append(
        (translate("LayerCard", "MACs per picture"), _with_share(macs, layer.macs, network.macs))
    )
    if layer.kind is not Kind.INPUT:
        lines.append((translate("LayerCard", "receptive field"), _field(layer)))
        if layer.exact:
            stride = translate("LayerCard", "{0} px").format(f"{layer.stride:,}")
            lines.append((translate("LayerCard", "stride in the input"), stride))
    if layer.kernel is not None:
        kernel = " × ".join(map(str, layer.kernel))
        lines.append((translate("LayerCard", "kernel"), kernel))
    if layer.activation:
        name = {"relu": "ReLU"}.get(layer.activation, layer.activation)
        lines.append((translate("LayerCard", "activation"), name))
    lines.append((translate("LayerCard", "memory of output"), short_bytes(output_bytes(layer))))
    if milliseconds is not None:
        spent = _with_share(f"{milliseconds:.2f} ms", milliseconds, all_milliseconds)
        lines.append((translate("LayerCard", "time"), spent))
        if device:
            lines.append((translate("LayerCard", "measured on"), device))
    return lines


def card_text(
    layer: Layer,
    network: Network,
    milliseconds: float | None = None,
    device: str = "",
    *,
    all_milliseconds: float = 0.0,
) -> str:
    """The card as text, a line for each fact."""
    title, *facts = card_lines(
        layer, network, milliseconds, device, all_milliseconds=all_milliseconds
    )
    return "\n".join((f"{title[0]} ({title[1]})", *(f"{what}: {value}" for what, value in facts)))


def _field(layer: Layer) -> str:
    if not layer.exact:
        return QCoreApplication.translate("LayerCard", "{0} px").format(field_text(layer))
    down, across = layer.rows.receptive_field, layer.columns.receptive_field
    return QCoreApplication.translate("LayerCard", "{0} × {1} px").format(
        f"{down:,}", f"{across:,}"
    )


def _with_share(text: str, part: float, whole: float) -> str:
    """``text``, and how much of ``whole`` it is, unless there is nothing to share."""
    if part <= 0 or whole <= 0:
        return text
    share = 100 * part / whole
    percent = f"{share:.1f}" if share >= 0.1 else "< 0.1"
    return QCoreApplication.translate("LayerCard", "{0} · {1} % of all").format(text, percent)
