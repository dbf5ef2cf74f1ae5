"""Models as a whole: the list of all, downloads, imports, and what the window tells of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal

from vggscope.errors import ModelStaysInUseError, VggscopeError
from vggscope.ui.file_dialogs import ask_for_model
from vggscope.ui.incoming import is_model_file
from vggscope.ui.settings import COMPARE, MODEL, Settings
from vggscope.ui.texts import message_of, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QDialog, QWidget

    from vggscope.ui.import_dialog import ImportDialog
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.model_jobs import ModelJobs
    from vggscope.ui.models_dialog import ModelsDialog
    from vggscope.ui.theme import Theme
    from vggscope.ui.workbench import Workbench
    from vggscope.zoo.installing import Listed

_SWEEP: Final = "sweep models"
_FORMS: Final = 3
"""Forms that are open at once: each examines its file in a process of its own."""


class ModelsPresenter(QObject):
    """What is done with models, by whatever part of the window.

    Attributes:
        workbench, settings, theme: of the window.
        jobs: what is done in the background.
        dialog: the list of all models, while it is open.
        imports: the forms that are open.

    Signals:
        models_changed: other models can be used, or other downloads go on.
    """

    models_changed = Signal()

    def __init__(self, window: MainWindow, settings: Settings, theme: Theme) -> None:
        super().__init__(window)
        self._window = window
        self.workbench: Workbench = window.workbench
        self.settings, self.theme = settings, theme
        self.jobs: ModelJobs = window.workbench.jobs
        self.dialog: ModelsDialog | None = None
        self.imports: list[ImportDialog] = []
        self._waiting: dict[str, Listed] = {}
        self._files: list[str] = []
        self.jobs.changed.connect(self._show_work)
        self.jobs.ended.connect(self.models_changed)
        self.jobs.installed.connect(self._offer)
        self.jobs.removed.connect(self._tell_removed)
        self.jobs.failed.connect(self._tell_failed)
        self.workbench.model_changed.connect(self._go_on_removing)

    def begin(self) -> None:
        """Clear what was left when the program was killed."""
        self.workbench.tasks.run(_SWEEP, _sweep, lambda _: None, in_background=True)

    def stop(self) -> None:
        """The window closes: imports end, and leave nothing."""
        self._files.clear()
        for dialog in self.imports:
            dialog.stop()

    def take(self, files: Sequence[str]) -> list[str]:
        """Import the models among ``files``; the others."""
        self.import_files([file for file in files if is_model_file(file)])
        return [file for file in files if not is_model_file(file)]

    # The list

    def show(self) -> None:
        """Show all models."""
        from vggscope.ui.models_dialog import ModelsDialog  # noqa: PLC0415 (when asked for)

        if self.dialog is None:
            self.dialog = ModelsDialog(self, self._window)
            self.dialog.finished.connect(self._on_closed)
        _show(self.dialog)

    def _on_closed(self) -> None:
        self.dialog = None

    def remove(self, listed: Listed) -> None:
        """Remove a model; if it is in use, the one that ships with the program takes its place."""
        if self.settings.text(COMPARE) == listed.name:
            self.settings.set(COMPARE, COMPARE.default)
        self._waiting[listed.name] = listed
        if self.settings.text(MODEL) == listed.name:
            self.settings.set(MODEL, MODEL.default)
        self._go_on_removing()

    def _go_on_removing(self) -> None:
        """Remove what is to be removed as soon as it is in use no more."""
        model = self.workbench.model
        for listed in list(self._waiting.values()):
            if listed.model is None or model is None or model.name != listed.name:
                del self._waiting[listed.name]
                self.jobs.remove(listed.name, listed.title)
            elif self.settings.text(MODEL) == listed.name:
                # The other one could not be loaded, and so this one stays.
                del self._waiting[listed.name]
                error = ModelStaysInUseError(title=listed.title)
                self.jobs.refuse(listed.name, listed.title, error)

    # Imports

    def ask_for_import(self, parent: QWidget | None = None) -> None:
        """Import a file that the user chooses."""
        if file := ask_for_model(parent or self._window):
            self.import_files([file])

    def import_files(self, files: Sequence[str]) -> None:
        """Import files of models, each in a form of its own; a few at a time."""
        for file in files:
            form = next((form for form in self.imports if form.file == Path(file)), None)
            if form is not None and form.is_refused:
                # It may be another file by now.
                form.reject()
                form = None
            if form is not None:
                _show(form)
            elif file not in self._files:
                self._files.append(file)
        self._open_forms()
        if self._files:
            text = self.tr("%n more file(s) will be imported after these", "", len(self._files))
            self._window.tell_briefly(text)

    def _open_forms(self) -> None:
        while self._files and len(self.imports) < _FORMS:
            from vggscope.ui.import_dialog import ImportDialog  # noqa: PLC0415 (when asked for)

            dialog = ImportDialog(self._files.pop(0), self, self._window)
            self.imports.append(dialog)
            dialog.installed.connect(self._tell_imported)
            dialog.finished.connect(lambda _, dialog=dialog: self._on_form_closed(dialog))
            _show(dialog)

    def _on_form_closed(self, dialog: ImportDialog) -> None:
        self.imports.remove(dialog)
        self._open_forms()

    # What the window tells

    def _show_work(self) -> None:
        active = self.jobs.active
        text = ""
        if len(active) == 1:
            [job] = active
            progress = job.progress
            text = job.title
            if progress is not None and progress.total > 0:
                text = f"{job.title}: {progress.done * 100 // progress.total} %"
        elif active:
            text = self.tr("%n model(s) in work", "", len(active))
        self._window.show_work(text)

    def _tell_imported(self, name: str, title: str) -> None:
        self.models_changed.emit()
        self._offer(name, title)

    def _offer(self, name: str, title: str) -> None:
        self._window.messages.tell(
            self.tr("“{0}” is installed.").format(title),
            self.tr("Use it"),
            lambda: self.settings.set(MODEL, name),
            is_problem=False,
        )

    def _tell_removed(self, title: str, freed: int) -> None:
        text = self.tr("“{0}” is removed, which freed {1}.")
        self._window.tell_briefly(text.format(title, size_text(freed)))

    def _tell_failed(self, _title: str, error: VggscopeError) -> None:
        """Where the list is open, a card of it tells."""
        if self.dialog is None:
            self._window.messages.tell(message_of(error), self.tr("Show models"), self.show)


def _sweep() -> None:
    from vggscope.zoo.installing import sweep  # noqa: PLC0415 (after the start)

    sweep()


def _show(dialog: QDialog) -> None:
    """Show a window beside the main one, which works on."""
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
