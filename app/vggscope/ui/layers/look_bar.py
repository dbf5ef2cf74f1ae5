"""The row of controls above maps: how they are shown, and what can be done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from vggscope.ui.settings import ALIVE_ONLY, MAP_COLOURS, MAP_LABELS, MAP_ORDER, MAP_RANGE

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from vggscope.ui.settings import Setting, Settings
    from vggscope.ui.theme import Theme

_SPACE: Final = 0
_ICON: Final = 17
_LARGEST: Final = 3e38
_SMALLEST: Final = 2.0**-149
"""What float32 can tell from 0."""


class LookBar(QWidget):
    """Buttons for the settings of maps; those without room are in a menu at the end.

    Where not all of them have room their texts are short, too, and some are icons alone.

    Signals:
        before_relu_changed: the user wants to see what the ReLU gets, or what it lets through.
        pin_wanted: the user wants to compare with the present picture.
        unpin_wanted: no longer.
        export_wanted: "png", "npy" or "csv" of this layer, "npz" of all.
    """

    before_relu_changed = Signal(bool)
    pin_wanted = Signal()
    unpin_wanted = Signal()
    export_wanted = Signal(str)

    def __init__(self, theme: Theme, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._settings = theme, settings
        self._chosen: dict[str, tuple[Setting, QToolButton, dict[str, QAction], str]] = {}
        self._buttons: list[QToolButton] = []
        self._entries: list[QAction] = []
        self._pinned = False
        self._more = self._button()
        self._more_menu = QMenu(self._more)
        self._before = self._toggle(
            self.tr("Before ReLU"), self.tr("Show what the ReLU gets, with its negative values")
        )
        self._before.triggered.connect(self.before_relu_changed)
        self._add_choice(MAP_RANGE, self.tr("Range: {0}"))
        self._add_choice(MAP_ORDER, self.tr("Order: {0}"))
        self._add_choice(MAP_COLOURS, "{0}")
        self._alive = self._flag(ALIVE_ONLY, self.tr("Leave out channels that are 0 everywhere"))
        self._labels = self._flag(
            MAP_LABELS, self.tr("Show the number, or the class, of each channel that has room")
        )
        self._pin = self._add_action("", "")
        self._pin.triggered.connect(self._on_pin)
        self._add_export()
        # An icon says enough of these.
        self._pictured = dict(zip(self._buttons[-3:], ("label", "compare", "export"), strict=True))
        self._tint()
        self._lay_out()
        self.set_pinned(False)
        settings.changed.connect(self._follow)
        theme.changed.connect(self._tint)
        for key in (MAP_RANGE, MAP_ORDER, MAP_COLOURS, ALIVE_ONLY, MAP_LABELS):
            self._follow(key.key)

    @property
    def before_relu(self) -> bool:
        """Whether the user wants to see what the ReLU gets."""
        return self._before.isChecked()

    def set_before_relu(self, before: bool, *, possible: bool) -> None:
        """Show which of the two is shown, and whether the other one can be."""
        self._before.setChecked(before)
        self._before.setEnabled(possible)
        tip = self.tr("Show what the ReLU gets, with its negative values")
        if not possible:
            tip = self.tr("This layer has no ReLU, or the model does not tell what it gets")
        self._before.setToolTip(tip)

    def set_pinned(self, pinned: bool) -> None:
        """Offer to compare, or to end comparing."""
        self._pinned = pinned
        if pinned:
            self._pin.setText(self.tr("Unpin"))
            self._pin.setToolTip(self.tr("Stop comparing"))
        else:
            self._pin.setText(self.tr("Compare…"))
            self._pin.setToolTip(
                self.tr("Keep these maps beside those of other pictures or models")
            )
        self._fit()

    def set_usable(self, usable: bool) -> None:
        """Whether there are maps to compare and to export."""
        self._pin.setEnabled(usable or self._pinned)
        self._export.setEnabled(usable)
        for each in self._export_menu.actions():
            each.setEnabled(usable)

    def _button(self) -> QToolButton:
        button = QToolButton()
        button.setProperty("flat", True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        button.setIconSize(QSize(_ICON, _ICON))
        return button

    def _add_action(self, text: str, tip: str) -> QAction:
        action = QAction(text, self)
        action.setToolTip(tip)
        button = self._button()
        button.setDefaultAction(action)
        self._buttons.append(button)
        self._entries.append(action)
        action.changed.connect(lambda: button.setAccessibleName(action.text()))
        button.setAccessibleName(text)
        return action

    def _toggle(self, text: str, tip: str) -> QAction:
        action = self._add_action(text, tip)
        action.setCheckable(True)
        return action

    def _flag(self, setting: Setting, tip: str) -> QAction:
        action = self._toggle(_translated(setting.title), tip)
        if setting is MAP_LABELS:
            action.setText(self.tr("Labels"))
        action.triggered.connect(lambda on: self._settings.set(setting, bool(on)))
        return action

    def _add_menu(self, name: str, tip: str) -> tuple[QToolButton, QMenu]:
        button = self._button()
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolTip(tip)
        button.setAccessibleName(name)
        menu = QMenu(name, button)
        button.setMenu(menu)
        self._buttons.append(button)
        self._entries.append(menu.menuAction())
        return button, menu

    def _add_choice(self, setting: Setting, text: str) -> None:
        button, menu = self._add_menu(_translated(setting.title), _translated(setting.description))
        group = QActionGroup(menu)
        actions = {}
        for value, title in (setting.choices or {}).items():
            action = menu.addAction(_translated(title))
            action.setCheckable(True)
            group.addAction(action)
            action.triggered.connect(lambda _on, v=value: self._settings.set(setting, v))
            actions[value] = action
        self._chosen[setting.key] = (setting, button, actions, text)

    def _add_export(self) -> None:
        self._export, self._export_menu = self._add_menu(
            self.tr("Export"), self.tr("Write these maps to a file")
        )
        self._export.setText(self.tr("Export"))
        for kind, text in (
            ("png", self.tr("Grid as PNG…")),
            ("npy", self.tr("Numbers as NPY…")),
            ("csv", self.tr("Statistics as CSV…")),
            ("npz", self.tr("All layers as NPZ…")),
        ):
            action = self._export_menu.addAction(text)
            action.triggered.connect(lambda _on=False, k=kind: self.export_wanted.emit(k))

    def _lay_out(self) -> None:
        self._more.setText("⋯")
        self._more.setToolTip(self.tr("More"))
        self._more.setAccessibleName(self.tr("More controls"))
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._more.setMenu(self._more_menu)
        # Three dots say it already.
        self._more.setStyleSheet(
            "QToolButton { padding: 4px 8px; } QToolButton::menu-indicator { image: none; }"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(_SPACE)
        for button in (*self._buttons, self._more):
            row.addWidget(button)
        row.addStretch()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def _tint(self) -> None:
        for button, name in self._pictured.items():
            icon = self._theme.icon(name)
            if button is self._export:
                button.setIcon(icon)
            else:
                # That of the action is in the menu at the end, too.
                button.defaultAction().setIcon(icon)

    def _on_pin(self) -> None:
        (self.unpin_wanted if self._pinned else self.pin_wanted).emit()

    def _follow(self, key: str) -> None:
        """Show what was chosen, here or elsewhere."""
        if key in self._chosen:
            setting, button, actions, _text = self._chosen[key]
            action = actions[self._settings.text(setting)]
            action.setChecked(True)
            button.setAccessibleDescription(action.text())
            self._fit()
        elif key == ALIVE_ONLY.key:
            self._alive.setChecked(self._settings.flag(ALIVE_ONLY))
        elif key == MAP_LABELS.key:
            self._labels.setChecked(self._settings.flag(MAP_LABELS))

    def _fit(self) -> None:
        """As many buttons as there is room for; the rest as entries of the menu at the end."""
        room = self.width()
        widths = self._widths(short=False)
        if sum(widths) > room:
            widths = self._widths(short=True)
        shown = len(widths)
        if sum(widths) > room:
            room -= self._more.sizeHint().width()
            while shown and sum(widths[:shown]) > room:
                shown -= 1
        for i, button in enumerate(self._buttons):
            button.setVisible(i < shown)
        self._more.setVisible(shown < len(widths))
        self._more_menu.clear()
        self._more_menu.addActions(self._entries[shown:])

    def _widths(self, *, short: bool) -> list[int]:
        """Of all buttons, with long or with short texts, which they have from now on."""
        for setting, button, actions, text in self._chosen.values():
            title = actions[self._settings.text(setting)].text()
            button.setText(title if short or text == "{0}" else text.format(_lower(title)))
        style = Qt.ToolButtonStyle
        for button in self._pictured:
            button.setToolButtonStyle(
                style.ToolButtonIconOnly if short else style.ToolButtonTextBesideIcon
            )
        return [button.sizeHint().width() + _SPACE for button in self._buttons]

    # Qt overrides

    def sizeHint(self) -> QSize:
        return QSize(480, max(b.sizeHint().height() for b in self._buttons))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._more.sizeHint().width(), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()
        # Now: nobody shall see for a moment how the buttons do not fit.
        if (layout := self.layout()) is not None:
            layout.activate()


class FixedRange(QWidget):
    """Two fields for the range that the user sets.

    Signals:
        changed: the range is another one.
    """

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._range = (0.0, 1.0)
        self._touched = False
        self._low = self._field(self.tr("Lowest value"))
        self._high = self._field(self.tr("Highest value"))
        self._wrong = QLabel(self.tr("Two numbers, the lower one first"))
        self._wrong.setProperty("bad", True)
        self._wrong.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 0, 0)
        row.setSpacing(6)
        for text, field in ((self.tr("From"), self._low), (self.tr("to"), self._high)):
            label = QLabel(text)
            label.setProperty("muted", True)
            label.setBuddy(field)
            row.addWidget(label)
            row.addWidget(field)
        row.addWidget(self._wrong)
        row.addStretch()
        self._fill()
        theme.changed.connect(self._mark)

    @property
    def range(self) -> tuple[float, float]:
        """The last range that was one: (low, high)."""
        return self._range

    def propose(self, low: float, high: float) -> bool:
        """Begin with these values if the user has entered none; whether that changed the range."""
        if self._touched or self._parsed(f"{low:.4g}", f"{high:.4g}") is None:
            return False
        before = self._range
        self._range = (float(f"{low:.4g}"), float(f"{high:.4g}"))
        self._touched = True
        self._fill()
        return self._range != before

    def _field(self, name: str) -> QLineEdit:
        field = QLineEdit()
        field.setAccessibleName(name)
        field.setToolTip(name)
        field.setFixedWidth(84)
        field.textEdited.connect(self._on_edit)
        return field

    def _fill(self) -> None:
        for field, value in zip((self._low, self._high), self._range, strict=True):
            field.setText(f"{value:g}")
        self._mark()

    def _on_edit(self) -> None:
        self._touched = True
        found = self._parsed(self._low.text(), self._high.text())
        self._mark()
        if found is not None and found != self._range:
            self._range = found
            self.changed.emit()

    def _parsed(self, low: str, high: str) -> tuple[float, float] | None:
        first, last = _number(low), _number(high)
        if first is None or last is None or last - first < _SMALLEST:
            return None
        return first, last

    def _mark(self) -> None:
        """Show which field cannot be used."""
        is_wrong = self._parsed(self._low.text(), self._high.text()) is None
        both = _number(self._low.text()) is not None and _number(self._high.text()) is not None
        for field in (self._low, self._high):
            bad = is_wrong and (both or _number(field.text()) is None)
            c = self._theme.colours
            edge, focus = (c.bad, c.bad) if bad else (c.border, c.accent)
            field.setStyleSheet(
                f"QLineEdit {{ background: {c.raised}; color: {c.text}; border: 1px solid {edge};"
                f" border-radius: 6px; padding: 2px 6px; }}"
                f"QLineEdit:focus {{ border-color: {focus}; }}"
            )
            field.setAccessibleDescription(self._wrong.text() if bad else "")
        self._wrong.setVisible(is_wrong)


def _number(text: str) -> float | None:
    """A number that float32 has, or None."""
    try:
        number = float(text.replace("−", "-"))
    except ValueError:
        return None
    return number if -_LARGEST <= number <= _LARGEST else None


def _translated(text: str) -> str:
    return QCoreApplication.translate("settings", text)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
