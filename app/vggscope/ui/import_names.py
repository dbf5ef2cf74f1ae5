"""What an imported model is to be called, and what its classes are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QVBoxLayout, QWidget

from vggscope.errors import ModelNameTakenError, VggscopeError
from vggscope.ui.file_dialogs import ask_for_labels
from vggscope.ui.import_fields import Rows, combo, line
from vggscope.ui.labels import wrapped, write_or_hide
from vggscope.ui.texts import explanation_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE: Final = "file"


class NameFields(QWidget):
    """Title and name of the model, and whether it may take the place of another.

    Signals:
        changed: something else is chosen.
    """

    changed = Signal()

    def __init__(self, title: str, name: str) -> None:
        super().__init__()
        self._title, self._name = line(title), line(name)
        self._title.setMaxLength(200)
        self._problem = wrapped()
        self._problem.setProperty("wrong", True)
        self._replace = QCheckBox(self.tr("Replace the model of that name"))
        name_cell = QWidget()
        column = QVBoxLayout(name_cell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        hint = wrapped(self.tr("What the command line calls it."))
        hint.setProperty("muted", True)
        for widget in (self._name, hint, self._problem, self._replace):
            column.addWidget(widget)
        name_cell.setFocusProxy(self._name)
        rows = Rows()
        rows.add(self.tr("Title"), self._title, self.tr("What the window shows."))
        rows.add(self.tr("Name"), name_cell)
        self.setLayout(rows)
        self._title.textChanged.connect(self.changed)
        self._name.textChanged.connect(self._check)
        self._replace.toggled.connect(self._check)
        self._check()

    @property
    def title(self) -> str:
        """What the window will show."""
        return self._title.text().strip() or self.name

    @property
    def name(self) -> str:
        """What the command line will call it."""
        return self._name.text().strip()

    @property
    def replace(self) -> bool:
        """Whether it may take the place of a model of the user's."""
        return self._replace.isChecked() and not self._replace.isHidden()

    @property
    def is_right(self) -> bool:
        """Whether a model can have that name."""
        return self._problem.isHidden()

    def _check(self) -> None:
        from vggscope.zoo.models import place_for  # noqa: PLC0415 (msgspec)

        problem: VggscopeError | None = None
        try:
            place_for(self.name)
        except VggscopeError as error:
            problem = error
        is_taken = isinstance(problem, ModelNameTakenError)
        self._replace.setVisible(is_taken)
        if is_taken and self._replace.isChecked():
            problem = None
        write_or_hide(self._problem, "" if problem is None else explanation_of(problem))
        self.changed.emit()


class LabelsChoice(QWidget):
    """Where the names of the classes come from.

    Signals:
        changed: they come from elsewhere.
    """

    changed = Signal()

    def __init__(self, titles: Mapping[str, str], value: str) -> None:
        """``titles``: what can be chosen besides a file; ``value``: what to begin with."""
        super().__init__()
        self._file = ""
        self._former = 0
        file_title = QCoreApplication.translate("imports", "From a file…")
        self.choice: QComboBox = combo({**titles, _FILE: file_title}, value)
        self._former = self.choice.currentIndex()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.choice)
        self.setFocusProxy(self.choice)
        # Not when the keyboard passes over it: that would open a dialog.
        self.choice.activated.connect(self._on_chosen)

    @property
    def value(self) -> str:
        """What is chosen; "file" for a file."""
        return str(self.choice.currentData())

    @property
    def file(self) -> Path | None:
        """The file, if that is chosen."""
        return Path(self._file) if self.value == _FILE and self._file else None

    def use_file(self, path: str) -> None:
        """Take them from a file."""
        place = self.choice.findData(_FILE)
        self._file = path
        self.choice.setItemText(place, Path(path).name)
        self.choice.setCurrentIndex(place)
        self._former = place
        self.changed.emit()

    def _on_chosen(self, place: int) -> None:
        if self.value != _FILE:
            self._former = place
            self.changed.emit()
            return
        if path := ask_for_labels(self):
            self.use_file(path)
        else:
            self.choice.setCurrentIndex(self._former)


def pick(choice: LabelsChoice, values: Mapping[str, Any]) -> Any:
    """What of ``values`` is chosen, or the file."""
    return choice.file if choice.file is not None else values.get(choice.value)
