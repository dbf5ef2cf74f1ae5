"""All models: those that are here, those that can be had, and what is being done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from vggscope import paths
from vggscope.errors import VggscopeError
from vggscope.ui.dialogs import close_box
from vggscope.ui.folders import open_folder
from vggscope.ui.incoming import model_files_in
from vggscope.ui.labels import wrapped, write, write_or_hide
from vggscope.ui.model_card import ModelCard
from vggscope.ui.model_looks import is_here, look_of
from vggscope.ui.settings import MODEL, MODEL_MIRROR
from vggscope.ui.steady_dialog import SteadyDialog, scrolling
from vggscope.ui.texts import explanation_of, size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QDragEnterEvent, QDropEvent

    from vggscope.ui.model_looks import Deed, Use
    from vggscope.ui.models_presenter import ModelsPresenter
    from vggscope.zoo.catalogue import Entry
    from vggscope.zoo.installing import Listed

_TASK: Final = "models"


class ModelsDialog(SteadyDialog):
    """A card for every model. The window works on while it is open."""

    def __init__(self, presenter: ModelsPresenter, parent: QWidget) -> None:
        super().__init__(parent)
        self._presenter = presenter
        self._bench, self._settings = presenter.workbench, presenter.settings
        self._jobs = presenter.jobs
        self._listed: dict[str, Listed] = {}
        self._cards: dict[str, ModelCard] = {}
        self.setWindowTitle(self.tr("Models"))
        self.setAcceptDrops(True)
        self._total, self._problem = wrapped(self.tr("Looking…")), wrapped()
        self._problem.setProperty("wrong", True)
        self._problem.hide()
        self._here = _Section(self.tr("On this computer"))
        self._there = _Section(self.tr("To download"))
        self._lay_out()
        self._jobs.changed.connect(self._show_job)
        presenter.models_changed.connect(self.refresh)
        self._bench.model_changed.connect(self._show_looks)
        self._settings.changed.connect(self._on_setting)
        self.finished.connect(lambda: self._bench.tasks.forget(_TASK))
        self.setMinimumSize(560, 420)
        self.resize(820, 680)
        self.refresh()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._total, 1)
        importing = self.button(self.tr("Import model…"), self._import)
        importing.setToolTip(self.tr("From a file on this computer; you can drop it here, too"))
        head.addWidget(importing)
        self._folder = self.button(self.tr("Open models folder"), self._open_home)
        head.addWidget(self._folder)
        cards = QWidget()
        column = QVBoxLayout(cards)
        column.setContentsMargins(2, 2, 12, 2)
        column.setSpacing(10)
        column.addWidget(self._here)
        column.addSpacing(8)
        column.addWidget(self._there)
        column.addStretch(1)
        self._area = scrolling(cards)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 18, 10, 14)
        layout.setSpacing(12)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 12, 0)
        right.addLayout(head)
        right.addWidget(self._problem)
        layout.addLayout(right)
        layout.addWidget(self._area, 1)
        box = close_box(self)
        box.setContentsMargins(0, 0, 12, 0)
        layout.addWidget(box)
        [self._close] = box.buttons()
        self._close.setProperty("autoDefault", False)

    def refresh(self) -> None:
        """Look at the disk anew."""
        self._bench.tasks.run(_TASK, _look, self._show_list)

    # What is shown

    def _show_list(self, found: tuple[list[Listed], VggscopeError | None]) -> None:
        models, problem = found
        self._listed = {}
        for listed in models:
            # A broken folder may be called as another model is.
            key = str(listed.folder) if listed.name in self._listed else listed.name
            self._listed[key] = listed
        write_or_hide(self._problem, "" if problem is None else explanation_of(problem))
        for key in self._cards.keys() - self._listed.keys():
            card = self._cards.pop(key)
            card.hide()
            card.deleteLater()
        focus = QApplication.focusWidget()
        chosen = [c for c in self._cards.values() if focus is not None and c.isAncestorOf(focus)]
        for section, wanted in ((self._here, True), (self._there, False)):
            section.show_cards(
                [self._card(k) for k, m in self._listed.items() if is_here(m) is wanted]
            )
        for card in chosen:
            if not card.isAncestorOf(self.focusWidget()):
                # On its way from one part of the list to the other it has lost the keyboard.
                card.take_focus()
                self._reveal(card)
        self._order_keyboard()
        self._show_total()

    def _order_keyboard(self) -> None:
        """The Tab key goes from top to bottom, in whatever order the cards were made."""
        before: QWidget = self._folder
        cards = [*self._here.cards, *self._there.cards]
        for button in (*(each for card in cards for each in card.buttons), self._close):
            QWidget.setTabOrder(before, button)
            before = button

    def _card(self, key: str) -> ModelCard:
        """The card of the model ``key``, up to date."""
        listed = self._listed[key]
        name = listed.name
        look = look_of(listed, self._jobs.job(name), self._jobs.damage(name), self._use_of(listed))
        card = self._cards.get(key)
        if card is None:
            card = self._cards[key] = ModelCard(key, look)
            card.wanted.connect(self._on_wanted)
        else:
            card.show_look(look)
        return card

    def _show_total(self) -> None:
        here = [listed for listed in self._listed.values() if is_here(listed)]
        size = sum(listed.bytes_on_disk for listed in here)
        text = self.tr("Models on this computer: {0}, which take {1}.")
        text = text.format(len(here), size_text(size))
        parts = sum(listed.part_bytes for listed in self._listed.values())
        if parts:
            text += " " + self.tr("Unfinished downloads: {0}.").format(size_text(parts))
        write(self._total, text)

    def _use_of(self, listed: Listed) -> Use:
        if listed.model is None or self._settings.text(MODEL) != listed.name:
            return "no"
        model = self._bench.model
        return "yes" if model is not None and model.name == listed.name else "loading"

    def _show_job(self, name: str) -> None:
        if self._jobs.job(name) is None:
            # What came of it is on the disk, which is being looked at.
            return
        for key, listed in self._listed.items():
            if listed.name == name:
                self._card(key)

    def _show_looks(self) -> None:
        for key in self._listed:
            self._card(key)

    def _on_setting(self, key: str) -> None:
        if key == MODEL.key:
            self._show_looks()

    # What is done

    def _on_wanted(self, deed: str, key: str) -> None:
        listed = self._listed.get(key)
        if listed is None:
            return
        entry, name, title = listed.entry, listed.name, listed.title
        deeds: dict[str, Callable[[], object]] = {
            "use": lambda: self._settings.set(MODEL, name),
            "pause": lambda: self._jobs.stop_job(name),
            "stop": lambda: self._jobs.stop_job(name),
            "verify": lambda: self._jobs.verify(name, title),
            "folder": lambda: open_folder(listed.folder or paths.user_models()),
            "remove": lambda: self._ask_to_remove(key, listed),
            "remove confirmed": lambda: self._presenter.remove(listed),
        }
        if entry is not None:
            deeds |= {
                "download": lambda: self._ask_to_download(key, entry),
                "repair": lambda: self._ask_to_download(key, entry, again=True),
                "download confirmed": lambda: self._jobs.start(entry),
                "repair confirmed": lambda: self._jobs.start(entry),
                "resume": lambda: self._jobs.start(entry),
                "again": lambda: self._jobs.start(entry),
                "cancel": lambda: self._ask_to_cancel(key, listed),
                "cancel confirmed": lambda: self._jobs.cancel(entry),
            }
        elif listed.state == "partial":
            # What is left of it is all that there is.
            deeds["cancel"] = deeds["remove"]
        deeds[deed]()

    def _ask(self, key: str, deed: Deed, text: str, yes: str, *, is_problem: bool = False) -> None:
        card = self._cards[key]
        card.ask(deed, text, yes, is_problem=is_problem)
        self._reveal(card)

    def _reveal(self, card: ModelCard) -> None:
        """Scroll to a card as soon as it has a place."""
        QTimer.singleShot(0, card, lambda: self._area.ensureWidgetVisible(card))

    def _ask_to_download(self, key: str, entry: Entry, *, again: bool = False) -> None:
        from vggscope.zoo.addresses import addresses_of, host_of  # noqa: PLC0415 (when asked for)

        try:
            host = host_of(addresses_of(entry, self._settings.text(MODEL_MIRROR) or None)[0])
        except VggscopeError as error:
            text = explanation_of(error)
            self._ask(key, "download", text, "", is_problem=True)
            return
        text = self.tr(
            "Download {0} from {1}? Nothing of yours is sent there. While it is installed it needs "
            "{2} on the disk."
        )
        if again:
            text = self.tr("Replace the damaged files?") + " " + text
        size = size_text(entry.bytes)
        self._ask(
            key,
            "repair" if again else "download",
            text.format(size, host, size_text(2 * entry.bytes)),
            self.tr("Download {0}").format(size),
        )

    def _ask_to_cancel(self, key: str, listed: Listed) -> None:
        job = self._jobs.job(listed.name)
        done = listed.part_bytes
        text = self.tr("Delete what is downloaded of it ({0})?")
        if job is not None and job.is_active:
            progress = job.progress
            if progress is not None and progress.step == "downloading":
                done = progress.done
            text += " " + self.tr("“Pause” would keep it.")
        self._ask(key, "cancel", text.format(size_text(done)), self.tr("Delete"))

    def _ask_to_remove(self, key: str, listed: Listed) -> None:
        size = size_text(listed.bytes_on_disk + listed.part_bytes)
        text = self.tr("Remove “{0}” from this computer? That frees {1}.").format(
            listed.title, size
        )
        if self._use_of(listed) != "no":
            text += " " + self.tr("It is in use: the window goes back to the model it ships with.")
        if listed.entry is None or listed.entry.bundled:
            text += " " + self.tr("It cannot be downloaded again from here.")
        self._ask(key, "remove", text, self.tr("Remove, free {0}").format(size))

    def _import(self) -> None:
        self._presenter.ask_for_import(self)

    def _open_home(self) -> None:
        home = paths.user_models()
        while not home.exists() and home != home.parent:
            home = home.parent
        open_folder(home)

    # Qt overrides

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Somebody may have used the command line meanwhile.
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if model_files_in(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self._presenter.import_files(model_files_in(event.mimeData()))


class _Section(QWidget):
    """A heading and the cards below it; not there while there are none."""

    def __init__(self, title: str) -> None:
        super().__init__()
        heading = QLabel(title)
        heading.setProperty("heading", True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addWidget(heading)
        self.cards: list[ModelCard] = []
        self.hide()

    def show_cards(self, cards: list[ModelCard]) -> None:
        """Show these, in this order; those that are there already stay as they are."""
        if cards != self.cards:
            for place, card in enumerate(cards):
                self._column.insertWidget(1 + place, card)
                card.show()
            self.cards = cards
        self.setVisible(bool(cards))


def _look() -> tuple[list[Listed], VggscopeError | None]:
    """All models, and what is wrong with the user's own catalogue."""
    from vggscope.zoo.catalogue import catalogue_problem  # noqa: PLC0415 (msgspec)
    from vggscope.zoo.installing import list_models  # noqa: PLC0415

    return list_models(), catalogue_problem()
