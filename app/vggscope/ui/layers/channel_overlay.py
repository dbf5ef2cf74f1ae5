"""Whether a channel lies over the photo, and how opaque."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSlider, QWidget

_USUAL: Final = 60


class OverlayRow(QWidget):
    """A check box and a slider.

    Signals:
        changed: ``overlay`` or ``opacity`` is another.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._check = QCheckBox(self.tr("Overlay on the photo"))
        self._check.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._check.toggled.connect(self._on_check)
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(0, 100)
        self._opacity.setValue(_USUAL)
        self._opacity.setMinimumWidth(40)
        self._opacity.setMaximumWidth(160)
        self._opacity.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._opacity.setToolTip(self.tr("How opaque the overlay is"))
        self._opacity.setAccessibleName(self.tr("Opacity of the overlay"))
        self._opacity.valueChanged.connect(lambda _: self.changed.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self._check)
        row.addWidget(self._opacity, 1)
        row.addStretch()
        self.set_possible(True)

    @property
    def overlay(self) -> bool:
        """Whether the channel is to be laid over the photo."""
        return self._check.isChecked() and self._check.isEnabled()

    @property
    def opacity(self) -> float:
        """How opaque it is to lie there, 0..1."""
        return self._opacity.value() / 100

    def set_possible(self, possible: bool) -> None:
        """Whether there is a map to lay there."""
        was = self.overlay
        self._check.setEnabled(possible)
        self._opacity.setEnabled(possible and self._check.isChecked())
        self._check.setToolTip(
            self.tr("Lay this channel over the photo")
            if possible
            else self.tr("A unit has one value and no map: there is nothing to lay over the photo")
        )
        if was != self.overlay:
            self.changed.emit()

    def _on_check(self, checked: bool) -> None:
        self._opacity.setEnabled(checked)
        self.changed.emit()
