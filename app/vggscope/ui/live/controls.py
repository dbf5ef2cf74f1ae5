"""Controls of the live bar that Qt's own do not quite serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QComboBox, QSlider, QStyle, QStyleOptionSlider, QToolButton

from vggscope.ui.actions import with_keys, without_mnemonic

if TYPE_CHECKING:
    from PySide6.QtGui import QAction, QActionEvent, QMouseEvent
    from PySide6.QtWidgets import QStyleOptionComboBox


class Combo(QComboBox):
    """A list whose choice ends in "…" where there is no room: style sheets cut it off."""

    # Qt overrides

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        super().initStyleOption(option)
        edit = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        option.currentText = self.fontMetrics().elidedText(
            self.currentText(), Qt.TextElideMode.ElideRight, edit.width()
        )


class FreshCombo(Combo):
    """A list that is made anew whenever it opens: windows come and go.

    Signals:
        opened: it is about to show its entries.
    """

    opened = Signal()

    # Qt overrides

    def showPopup(self) -> None:
        self.opened.emit()
        super().showPopup()


class SeekSlider(QSlider):
    """A click on the groove goes there, as in players; Qt's own would go a page that way."""

    # Qt overrides

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            at = event.position().toPoint()
            option = QStyleOptionSlider()
            self.initStyleOption(option)
            groove, handle = (
                self.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, self)
                for part in (
                    QStyle.SubControl.SC_SliderGroove,
                    QStyle.SubControl.SC_SliderHandle,
                )
            )
            if not handle.contains(at):
                value = QStyle.sliderValueFromPosition(
                    self.minimum(),
                    self.maximum(),
                    at.x() - groove.x() - handle.width() // 2,
                    groove.width() - handle.width(),
                    option.upsideDown,
                )
                self.setSliderPosition(value)
        # The handle is below the mouse now, and can be dragged on.
        super().mousePressEvent(event)


class ActionButton(QToolButton):
    """A button for an action that mouse clicks leave unfocused: Space goes on to freeze."""

    def __init__(self, action: QAction) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setDefaultAction(action)
        self._name()

    def show_text(self, wanted: bool) -> None:
        """Show the action's text beside its icon, or the icon alone."""
        style = Qt.ToolButtonStyle
        self.setToolButtonStyle(
            style.ToolButtonTextBesideIcon if wanted else style.ToolButtonIconOnly
        )

    def _name(self) -> None:
        action = self.defaultAction()
        reads, name = without_mnemonic(action.iconText()), without_mnemonic(action.text())
        # Who speaks to the computer says what can be read on the button: its name must tell that.
        if reads.casefold() not in name.casefold():
            name = reads
        self.setAccessibleName(name)
        self.setToolTip(with_keys(name, action))

    # Qt overrides

    def actionEvent(self, event: QActionEvent) -> None:
        # It takes over all that the action says, its tool tip too, whenever that changes.
        super().actionEvent(event)
        if event.type() == QEvent.Type.ActionChanged:
            self._name()
