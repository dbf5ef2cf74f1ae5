"""What stands below the picture while a class is looked for on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from vggscope.ui.layers.channel_map import ColourBar
from vggscope.ui.layers.histogram import value_text
from vggscope.ui.texts import breakable
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.ui.theme import Theme

_USUAL: Final = 75
_SCALE_WIDTH: Final = 130
_SLIDER_WIDTH: Final = 90
_LINES: Final = 2
_NARROW: Final = 640
"""Width below which the sentence stands above the controls."""


class WhereBar(QWidget):
    """A sentence, the colours with their range, and how opaque they are.

    Signals:
        changed: ``opacity`` or ``is_whole_range`` is another.
        closed: the user has seen enough.
    """

    changed = Signal()
    closed = Signal()

    def __init__(self, theme: Theme, colours: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._failed = False
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(self.tr("Where is it?"))
        self._icon = QLabel()
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        # One and two lines take the same room: the picture does not jump from class to class.
        self._text.setMinimumHeight(_LINES * self.fontMetrics().lineSpacing() + 2)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setFixedWidth(60)
        self._busy.setAccessibleName(self.tr("Looking for the class"))
        self._scale = ColourBar(theme, colours)
        self._scale.setFixedWidth(_SCALE_WIDTH)
        self._whole = QToolButton()
        self._whole.setText(self.tr("0–1"))
        self._whole.setCheckable(True)
        self._whole.setToolTip(self.tr("Colours from 0 to 1, instead of to the highest value"))
        self._whole.setAccessibleName(self.tr("Colours from 0 to 1"))
        self._whole.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._whole.toggled.connect(lambda _: self.changed.emit())
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(0, 100)
        self._opacity.setValue(_USUAL)
        self._opacity.setFixedWidth(_SLIDER_WIDTH)
        self._opacity.setToolTip(self.tr("How opaque the colours are"))
        self._opacity.setAccessibleName(self.tr("Opacity of the colours"))
        self._opacity.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._opacity.valueChanged.connect(lambda _: self.changed.emit())
        self._close = self._close_button()
        self._compose()
        theme.changed.connect(self._tint)
        self._tint()
        self.show_sentence("")

    @property
    def opacity(self) -> float:
        """0..1."""
        return self._opacity.value() / 100

    @property
    def is_whole_range(self) -> bool:
        """Whether the colours are to go from 0 to 1, instead of to the highest value."""
        return self._whole.isChecked()

    @property
    def text(self) -> str:
        """What is said."""
        return self._text.accessibleName()

    def show_found(
        self,
        text: str,
        *,
        ends: tuple[float, float],
        positions: tuple[int, int],
        time: tuple[float, str],
        has_whole_range: bool,
    ) -> None:
        """Explain a map.

        Args:
            text: a sentence or two.
            ends: where the colours begin and end.
            positions: of the network's window on the picture, across and down.
            time: milliseconds, and the device that they were taken by.
            has_whole_range: whether the colours could go from 0 to 1.
        """
        self._show(text, failed=False, busy=False, explained=True)
        self._text.setToolTip(
            self.tr(
                "{0} × {1} positions, {2} ms on {3}. A place has the mean of all windows that hold "
                "it; the frame is the window with the highest value."
            ).format(*positions, f"{time[0]:.0f}", time[1])
        )
        self._scale.show_range(*ends)
        self.show_value(None)
        self._whole.setEnabled(has_whole_range)

    def show_value(self, value: float | None) -> None:
        """Mark the value under the mouse on the scale; None for none."""
        self._scale.set_mark(value)
        text = "" if value is None else self.tr("under the mouse: {0}").format(value_text(value))
        self.setAccessibleDescription(text)

    def show_sentence(self, text: str, *, busy: bool = False, failed: bool = False) -> None:
        """Say why there is nothing to see on the picture."""
        self._show(text, failed=failed, busy=busy, explained=False)

    def _compose(self) -> None:
        words, controls = QWidget(), QWidget()
        for part, widgets in (
            (words, (self._icon, self._text)),
            (controls, (self._busy, self._scale, self._whole, self._opacity, self._close)),
        ):
            row = QHBoxLayout(part)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(12)
            for widget in widgets:
                row.addWidget(widget, 1 if widget is self._text else 0)
            if part is controls:
                # In a line of its own, the button that hides it all stands at its end.
                row.insertStretch(len(widgets) - 1)
        self._parts = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._parts.setContentsMargins(14, 6, 8, 6)
        self._parts.setSpacing(4)
        self._parts.addWidget(words, 1)
        self._parts.addWidget(controls)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def _close_button(self) -> QToolButton:
        button = QToolButton()
        button.setProperty("flat", True)
        button.setIconSize(QSize(14, 14))
        button.setToolTip(self.tr("Hide (Esc)"))
        button.setAccessibleName(self.tr("Hide where it is"))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self.closed)
        return button

    def _show(self, text: str, *, failed: bool, busy: bool, explained: bool) -> None:
        self._failed = failed
        self._text.setText(breakable(text))
        self._text.setAccessibleName(text)
        self._text.setToolTip("")
        self._icon.setVisible(failed)
        self._busy.setVisible(busy)
        for widget in (self._scale, self._whole, self._opacity):
            # Their room is kept for what is about to come.
            widget.setEnabled(explained)
            widget.setVisible(not failed)
        self._tint()

    def _tint(self) -> None:
        colours = self._theme.colours
        self._close.setIcon(self._theme.icon("clear"))
        self._icon.setPixmap(picture("warning", colours.bad, 20))

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        is_narrow = self.width() < _NARROW
        self._parts.setDirection(directions.TopToBottom if is_narrow else directions.LeftToRight)
