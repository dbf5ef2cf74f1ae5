"""What tests of the list of models and of the import form share."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
)

from ui.window_driver import texts_in
from vggscope.ui.import_dialog import ImportDialog
from vggscope.ui.import_names import LabelsChoice
from vggscope.ui.import_preview import PreviewPane
from vggscope.ui.model_card import ModelCard
from vggscope.ui.models_dialog import ModelsDialog

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

    from ui.window_driver import Driver

Found = TypeVar("Found", bound="QWidget")


class ModelList:
    """The dialog of all models, as a user sees it."""

    def __init__(self, user: Driver) -> None:
        self.user = user

    @property
    def dialog(self) -> ModelsDialog:
        [dialog] = [d for d in self.user.window.findChildren(ModelsDialog) if d.isVisible()]
        return dialog

    @property
    def is_open(self) -> bool:
        return any(d.isVisible() for d in self.user.window.findChildren(ModelsDialog))

    def open(self) -> None:
        self.user.trigger("models")
        self.user.wait(lambda: bool(self.cards()))

    def cards(self) -> dict[str, ModelCard]:
        """Title -> card, from top to bottom."""
        cards = [
            card for card in self.dialog.findChildren(ModelCard) if card.isVisibleTo(self.dialog)
        ]
        cards.sort(key=lambda card: card.mapTo(self.dialog, card.rect().topLeft()).y())
        return {card.look.title: card for card in cards}

    def card(self, title: str) -> ModelCard:
        return self.cards()[title]

    def texts(self, title: str) -> list[str]:
        """What can be read on a card."""
        return texts_in(self.card(title))

    def says(self, title: str, *parts: str) -> bool:
        """Whether a card is there and has a text with all ``parts``."""
        if title not in self.cards():
            return False
        return any(all(part in text for part in parts) for text in self.texts(title))

    def buttons(self, title: str) -> list[str]:
        """What can be pressed on it."""
        buttons = self.card(title).findChildren(QPushButton)
        return [button.text() for button in buttons if button.isVisible()]

    def press(self, title: str, text: str) -> None:
        """Press a button of a card as soon as it is there."""
        self.user.wait(lambda: title in self.cards() and text in self.buttons(title))
        [button] = [
            b
            for b in self.card(title).findChildren(QPushButton)
            if b.isVisible() and b.text() == text
        ]
        [area] = self.dialog.findChildren(QScrollArea)
        # What has just come has no place yet.
        QApplication.processEvents()
        area.ensureWidgetVisible(button)
        self.user.click(button)

    def share(self, title: str) -> float | None:
        """How far the bar of a card is; None if there is none."""
        bar = self.card(title).findChild(QProgressBar)
        assert isinstance(bar, QProgressBar)
        return bar.value() / bar.maximum() if bar.isVisible() and bar.maximum() else None

    def wait_for(self, title: str, *parts: str) -> None:
        """Until the card says so."""
        self.user.wait(lambda: self.says(title, *parts))


class ImportForm:
    """The dialog in which one file is imported."""

    def __init__(self, user: Driver) -> None:
        self.user = user

    @property
    def is_open(self) -> bool:
        return any(d.isVisible() for d in self.user.window.findChildren(ImportDialog))

    @property
    def dialog(self) -> ImportDialog:
        [dialog] = [d for d in self.user.window.findChildren(ImportDialog) if d.isVisible()]
        return dialog

    def wait_for(self, *parts: str) -> None:
        """Until it is there and says so."""
        self.user.wait(lambda: self.is_open and self.says(*parts))

    def says(self, *parts: str) -> bool:
        """Whether one of its texts has all ``parts``."""
        return any(all(part in text for part in parts) for text in texts_in(self.dialog))

    def line(self, name: str) -> QLineEdit:
        """The line of text that is called so."""
        return _called(self.dialog, QLineEdit, name)

    def box(self, name: str) -> QComboBox:
        """The choice that is called so."""
        return _called(self.dialog, QComboBox, name)

    def type(self, name: str, text: str) -> None:
        """Replace the text of a line, as by typing."""
        line = self.line(name)
        line.selectAll()
        self.user.qtbot.keyClicks(line, text)

    def choose(self, name: str, title: str) -> None:
        """Choose an entry."""
        box = self.box(name)
        place = box.findText(title)
        assert place >= 0, [box.itemText(n) for n in range(box.count())]
        box.setCurrentIndex(place)

    def predictions(self) -> list[str]:
        """What the preview shows, as a screen reader has it."""
        pane = self.dialog.findChild(PreviewPane)
        if not isinstance(pane, PreviewPane) or pane.bars.delegate.faded:
            return []
        model = pane.model
        return [
            str(model.index(row).data(Qt.ItemDataRole.AccessibleTextRole))
            for row in range(model.rowCount())
        ]

    def labels(self) -> LabelsChoice:
        """Where the names of the classes come from."""
        [choice] = self.dialog.findChildren(LabelsChoice)
        return choice

    def checks(self) -> list[QCheckBox]:
        """All boxes to tick."""
        return self.dialog.findChildren(QCheckBox)

    def buttons(self) -> list[QPushButton]:
        """All buttons with a text."""
        return self.dialog.findChildren(QPushButton)

    def is_over(self) -> bool:
        """Whether there is nothing left to do but to close it."""
        return self.is_open and any(b.text() == "Close" and b.isVisible() for b in self.buttons())

    def is_busy(self) -> bool:
        """Whether one of its bars moves."""
        return any(bar.isVisible() for bar in self.dialog.findChildren(QProgressBar))

    def press(self, text: str) -> None:
        """Press a button of the form as soon as it can be."""
        self.user.wait(lambda: self.user.button(text, self.dialog).isEnabled())
        self.user.click(self.user.button(text, self.dialog))


def dialogs_in_the_way() -> list[str]:
    """Titles of windows that have to be answered before anything else works."""
    return [
        w.windowTitle()
        for w in QApplication.topLevelWidgets()
        if isinstance(w, QDialog) and w.isVisible() and w.isModal()
    ]


def leftovers(home: Path) -> list[str]:
    """What lies among the user's models and is neither a model nor a lock."""
    if not home.is_dir():
        return []
    return sorted(p.name for p in home.iterdir() if p.name.startswith(".") and p.suffix != ".lock")


def _called(root: QWidget, kind: type[Found], name: str) -> Found:
    [found] = [w for w in root.findChildren(kind) if w.accessibleName() == name]
    return found
