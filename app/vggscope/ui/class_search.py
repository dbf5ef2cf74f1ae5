"""Where a class is: the button, and the line that finds any class by its name."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCompleter, QHBoxLayout, QLineEdit, QListView, QToolButton, QWidget

from vggscope.errors import VggscopeError
from vggscope.inference.class_names import called, find_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QAction, QFocusEvent

    from vggscope.zoo.normal_form import Label

_SHOWN: Final = 12


class ClassSearch(QWidget):
    """Stands below the bars.

    Signals:
        class_found: the index of the class whose name was chosen.
        refused: a ``VggscopeError``: what was typed is no class, or several.
    """

    class_found = Signal(int)
    refused = Signal(object)

    def __init__(self, where: QAction) -> None:
        super().__init__()
        self._labels: Sequence[Label] = ()
        self._names: dict[str, int] = {}
        self._model = ""
        self._line = _Line()
        self._line.setPlaceholderText(self.tr("Find a class…"))
        self._line.setAccessibleName(self.tr("Find a class"))
        self._line.setToolTip(self.tr("Any class of the network, wherever it ranks"))
        self._line.setMinimumWidth(60)
        self._line.setProperty("field", True)
        self._line.entered.connect(self._prepare)
        self._line.returnPressed.connect(self._take)
        button = QToolButton()
        button.setDefaultAction(where)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setAccessibleName(self.tr("Where is it?"))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._line, 1)
        row.addWidget(button)

    def show_labels(self, labels: Sequence[Label], model: str) -> None:
        """Offer the classes of ``model``, in the order of their indices."""
        self._model = model
        if labels is not self._labels:
            self._labels, self._names = labels, {}
            self._line.setCompleter(None)  # type: ignore[arg-type]
            if self._line.hasFocus():
                self._prepare()

    def focus(self) -> None:
        """Let the user type."""
        self._line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._line.selectAll()

    def _prepare(self) -> None:
        """Make the list of names, when somebody is about to type."""
        if self._names or not self._labels:
            return
        counts = Counter(label.label for label in self._labels)
        for index, label in enumerate(self._labels):
            is_alone = counts[label.label] == 1
            self._names[label.label if is_alone else called(self._labels, index)] = index
        completer = QCompleter(sorted(self._names, key=str.casefold), self._line)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setMaxVisibleItems(_SHOWN)
        popup = QListView()
        popup.setProperty("completions", True)
        completer.setPopup(popup)
        completer.activated.connect(self._choose)
        self._line.setCompleter(completer)

    def _take(self) -> None:
        """Enter was pressed: take what was typed, if only one class can be meant."""
        if not (text := self._line.text().strip()):
            return
        self._prepare()
        if (index := self._names.get(text)) is None:
            try:
                index = find_class(self._labels, text, model=self._model)
            except VggscopeError as error:
                self.refused.emit(error)
                return
        self.class_found.emit(index)

    def _choose(self, name: str) -> None:
        if (index := self._names.get(name)) is not None:
            self.class_found.emit(index)


class _Line(QLineEdit):
    entered = Signal()

    # Qt overrides

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.entered.emit()
        super().focusInEvent(event)
