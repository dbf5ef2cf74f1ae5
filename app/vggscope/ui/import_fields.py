"""The parts of an import's form: a choice, and below it the reason why that is proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from vggscope.ui.labels import wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vggscope.zoo.choices import Triple
    from vggscope.zoo.normal_form import Fit

_SMALLEST, _LARGEST = 8, 4096
_TITLES: Final = 112
"""Logical pixels for the titles, in all parts of the form."""
_LINE: Final = 30
"""Height of an editor of one line."""
_CUSTOM: Final = "custom"


class Rows(QGridLayout):
    """Rows of a title, an editor, and the reason for what it begins with.

    No form layout: that gives texts of several lines the height of one.
    """

    def __init__(self, *, spacing: int = 12) -> None:
        super().__init__()
        self.setContentsMargins(0, 0, 0, 0)
        self.setVerticalSpacing(spacing)
        self.setHorizontalSpacing(16)
        self.setColumnMinimumWidth(0, _TITLES)
        self.setColumnStretch(1, 1)

    def add(self, title: str, editor: QWidget, reason: str = "") -> None:
        """Add a choice."""
        cell = QVBoxLayout()
        cell.setSpacing(3)
        cell.addWidget(editor)
        if reason:
            hint = wrapped(reason)
            hint.setProperty("muted", True)
            cell.addWidget(hint)
        label = QLabel(title)
        label.setFixedHeight(_LINE)
        label.setBuddy(editor)
        # What the keyboard is on tells it, not what lies around that.
        control = editor.focusProxy() or editor
        if not control.accessibleName():
            control.setAccessibleName(title)
        control.setAccessibleDescription(reason)
        row = self.rowCount()
        self.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
        self.addLayout(cell, row, 1)

    def add_fact(self, title: str, text: str) -> None:
        """Add a text."""
        row = self.rowCount()
        self.addWidget(QLabel(title), row, 0, Qt.AlignmentFlag.AlignTop)
        self.addWidget(wrapped(text), row, 1)


def lay_out(form: QWidget, *parts: tuple[str, QWidget | QLayout]) -> None:
    """Put parts below each other into ``form``, each below its heading if that is not ""."""
    column = QVBoxLayout(form)
    column.setContentsMargins(0, 0, 12, 0)
    column.setSpacing(14)
    for heading, part in parts:
        if heading:
            label = QLabel(heading)
            label.setProperty("heading", True)
            column.addWidget(label)
        if isinstance(part, QWidget):
            column.addWidget(part)
        else:
            column.addLayout(part)
    column.addStretch(1)


class PictureFields(QWidget):
    """How pixels become the network's input.

    Signals:
        changed: something else is chosen.
    """

    changed = Signal()

    def __init__(self, look: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
        """Begin with ``look``, fields of ``Input``; ``reasons`` has a sentence for some."""
        super().__init__()
        from vggscope.zoo.choices import PRESETS  # noqa: PLC0415 (msgspec)

        self._presets = PRESETS
        self._order = cast("Literal['RGB', 'BGR']", look["channels"])
        translate = QCoreApplication.translate
        self._channels = combo(
            {
                "RGB": translate("imports", "Red, green, blue (RGB)"),
                "BGR": translate("imports", "Blue, green, red (BGR)"),
            },
            self._order,
        )
        self._preset = combo(
            {
                "imagenet": translate("imports", "ImageNet: 0…1, mean and deviation of ImageNet"),
                "caffe": translate("imports", "Caffe: 0…255, minus the mean of ImageNet"),
                "-1..1": translate("imports", "−1…1"),
                "0..1": translate("imports", "0…1"),
                "0..255": translate("imports", "0…255, as they are"),
                _CUSTOM: translate("imports", "Other figures"),
            },
            _CUSTOM,
        )
        self._scale = _Numbers(translate("imports", "Factor"), 1)
        self._mean = _Numbers(translate("imports", "Mean"), 3)
        self._std = _Numbers(translate("imports", "Deviation"), 3)
        self._fit = combo(
            {
                "crop": translate("imports", "Centre crop"),
                "letterbox": translate("imports", "Whole picture, with borders"),
                "stretch": translate("imports", "Stretched"),
            },
            str(look.get("fit", "crop")),
        )
        self._resize = spin(int(look["resize"]))
        self._fill(look)
        self._lay_out(reasons)
        self._connect()

    def look(self) -> dict[str, Any]:
        """What is chosen, as fields of ``Input``.

        Raises:
            ValueError: a text is no number; tells which.
        """
        return {
            "channels": self._order,
            "scale": self._scale.values()[0],
            "mean": cast("Triple", self._mean.values()),
            "std": cast("Triple", self._std.values()),
            "fit": cast("Fit", self._fit.currentData()),
            "resize": self._resize.value(),
        }

    def _lay_out(self, reasons: Mapping[str, str]) -> None:
        translate = QCoreApplication.translate
        rows = Rows()
        rows.add(translate("imports", "Channels"), self._channels, reasons.get("channels", ""))
        figures = QWidget()
        figures.setFocusProxy(self._preset)
        column = QVBoxLayout(figures)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._preset)
        for numbers in (self._scale, self._mean, self._std):
            column.addWidget(numbers)
        title = translate("imports", "Pixels")
        rows.add(title, figures, reasons.get("normalisation", ""))
        rows.add(translate("imports", "Picture"), self._fit)
        rows.add(translate("imports", "Shorter side"), self._resize, reasons.get("resize", ""))
        self.setLayout(rows)

    def _connect(self) -> None:
        self._channels.currentIndexChanged.connect(self._turn)
        self._preset.currentIndexChanged.connect(self._on_preset)
        for numbers in (self._scale, self._mean, self._std):
            numbers.changed.connect(self._on_numbers)
        self._fit.currentIndexChanged.connect(self.changed)
        self._resize.valueChanged.connect(self.changed)

    def _fill(self, look: Mapping[str, Any]) -> None:
        self._scale.show_values([look["scale"]])
        self._mean.show_values(look["mean"])
        self._std.show_values(look["std"])
        self._name_preset()

    def _turn(self) -> None:
        """The channels come in the other order, and their figures with them."""
        self._order = self._channels.currentData()
        for numbers in (self._mean, self._std):
            numbers.turn()
        self.changed.emit()

    def _on_preset(self) -> None:
        known = self._presets.get(self._preset.currentData())
        if known is not None:
            own = known.ordered(self._order)
            self._scale.show_values([own.scale])
            self._mean.show_values(own.mean)
            self._std.show_values(own.std)
        self.changed.emit()

    def _on_numbers(self) -> None:
        self._name_preset()
        self.changed.emit()

    def _name_preset(self) -> None:
        """Show what the figures are known as."""
        try:
            found = _preset_of(self.look())
        except ValueError:
            found = _CUSTOM
        with QSignalBlocker(self._preset):
            self._preset.setCurrentIndex(self._preset.findData(found))


class _Numbers(QWidget):
    """A number, or one for each channel.

    Signals:
        changed: the user typed something.
    """

    changed = Signal()

    def __init__(self, title: str, count: int) -> None:
        super().__init__()
        self._title = title
        label = QLabel(title)
        label.setProperty("muted", True)
        label.setMinimumWidth(72)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(label)
        self._lines = [line() for _ in range(count)]
        for number, editor in enumerate(self._lines, start=1):
            name = f"{title} {number}" if count > 1 else title
            editor.setAccessibleName(name)
            editor.textEdited.connect(lambda _: self.changed.emit())
            row.addWidget(editor, 1)
        row.addStretch(3 - count)

    def values(self) -> tuple[float, ...]:
        """The numbers; a fraction is fine: 1/255."""
        return tuple(self._number(editor.text()) for editor in self._lines)

    def show_values(self, values: Sequence[float]) -> None:
        """Show other numbers."""
        for editor, value in zip(self._lines, values, strict=True):
            editor.setText(_text_of(value))
            editor.setCursorPosition(0)

    def turn(self) -> None:
        """Show them in the other order."""
        texts = [editor.text() for editor in self._lines]
        for editor, text in zip(self._lines, reversed(texts), strict=True):
            editor.setText(text)

    def _number(self, text: str) -> float:
        above, slash, below = text.replace(",", ".").partition("/")
        try:
            return float(above) / float(below) if slash else float(above)
        except (ValueError, ZeroDivisionError):
            template = QCoreApplication.translate("imports", "{0}: “{1}” is no number.")
            raise ValueError(template.format(self._title, text)) from None


def _text_of(value: float) -> str:
    """A number; one part of something as that: 1/255."""
    inverse = 1 / value if value else 0.0
    if 0 < abs(value) < 0.1 and abs(inverse - round(inverse, 1)) < 1e-6:
        return f"1/{round(inverse, 1):g}"
    return f"{value:.7g}"


def _preset_of(look: Mapping[str, Any]) -> str:
    from vggscope.zoo.choices import Normalisation, preset_of  # noqa: PLC0415 (msgspec)

    figures = Normalisation(look["scale"], look["mean"], look["std"])
    return preset_of(figures, look["channels"]) or _CUSTOM


class _Calm(QObject):
    """Turning the wheel over a box scrolls the form, unless the box was chosen before."""

    def __init__(self, box: QWidget) -> None:
        super().__init__(box)
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        box.installEventFilter(self)

    # Qt overrides

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.Wheel or cast("QWidget", watched).hasFocus():
            return False
        # Goes on to what is around the box.
        event.ignore()
        return True


def combo(titles: Mapping[str, str], value: str) -> QComboBox:
    """A choice between values, by their titles."""
    box = QComboBox()
    _Calm(box)
    for data, title in titles.items():
        box.addItem(title, data)
    box.setCurrentIndex(max(0, box.findData(value)))
    # Not as wide as its longest title: a narrow window shows its beginning.
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(14)
    return box


def spin(value: int) -> QSpinBox:
    """A side of a picture."""
    box = QSpinBox()
    _Calm(box)
    box.lineEdit().setTextMargins(8, 0, 0, 0)  # the style sheet does not reach it
    box.setRange(_SMALLEST, _LARGEST)
    box.setValue(value)
    box.setKeyboardTracking(False)
    return box


def line(text: str = "") -> QLineEdit:
    """A line of text."""
    editor = QLineEdit(text)
    editor.setProperty("field", True)
    editor.setCursorPosition(0)
    return editor
