"""Importing a file: it is looked at, its form is filled in with a preview beside it, installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from vggscope.sources.finding import display_name
from vggscope.ui.file_dialogs import ask_for_model
from vggscope.ui.import_onnx_form import OnnxForm
from vggscope.ui.import_preview import TOP, PreviewPane
from vggscope.ui.import_work import ImportWork
from vggscope.ui.labels import wrapped, write_or_hide
from vggscope.ui.model_looks import progress_text
from vggscope.ui.steady_dialog import SteadyDialog, scrolling
from vggscope.ui.texts import explanation_of, message_of, remedy_of
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QImage, QKeyEvent

    from vggscope.errors import VggscopeError
    from vggscope.inference.preview import Preview
    from vggscope.ui.import_weights_form import WeightsForm
    from vggscope.ui.models_presenter import ModelsPresenter
    from vggscope.zoo.importing import Draft
    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Model
    from vggscope.zoo.weights import Weights

_ONNX: Final = ".onnx"
_PAUSE: Final = 350
"""Milliseconds after the last change before the preview follows it."""
_EXAMINE, _PREVIEW, _IMPORT = "examine", "preview", "import"


class ImportDialog(SteadyDialog):
    """Imports one file. The window works on meanwhile.

    Attributes:
        file: what is imported.
        is_refused: it is told why that cannot be.

    Signals:
        installed: name and title of the model that is installed now.
    """

    installed = Signal(str, str)

    def __init__(self, file: str, presenter: ModelsPresenter, parent: QWidget) -> None:
        super().__init__(parent)
        self.file, self._presenter = Path(file), presenter
        self.is_refused = False
        self._name = display_name(self.file.name)
        self._draft: Draft | None = None
        self._form: OnnxForm | WeightsForm | None = None
        self._preview: PreviewPane | None = None
        self._work = ImportWork(self._name, self)
        self._work.progressed.connect(self._on_progress)
        self._work.changed.connect(self._on_work_changed)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_PAUSE)
        self._delay.timeout.connect(self._try_out)
        self.setWindowTitle(self.tr("Import {0}").format(self._name))
        self._pages = QStackedWidget()
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._state, self._problem = wrapped(), wrapped()
        self._state.setProperty("muted", True)
        self._problem.setProperty("wrong", True)
        self._other = self.button(self.tr("Choose another file…"), self._choose)
        self._cancel = self.button(self.tr("Cancel"), self._on_cancel)
        self._import = self.button(self.tr("Import"), self._install)
        self._import.setProperty("primary", True)
        self._lay_out()
        self.finished.connect(self.stop)
        self.setMinimumSize(800, 480)
        self.resize(900, 640)
        self._examine()

    def stop(self) -> None:
        """End what is being done, and leave nothing of what was not installed."""
        self._delay.stop()
        self._work.stop()
        if self._draft is not None:
            self._draft.close()
            self._draft = None

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 18, 22, 14)
        layout.setSpacing(10)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self._problem)
        layout.addWidget(self._progress)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._state, 1)
        for button in (self._other, self._cancel, self._import):
            row.addWidget(button)
        layout.addLayout(row)

    # Looking at the file

    def _examine(self) -> None:
        busy = _Sentence(
            self._presenter,
            "models",
            self.tr("Looking into {0}…").format(self._name),
            self.tr("In a process of its own, which can do no harm."),
        )
        self._show_page(busy)
        self._show_busy(self.tr("Looking…"))
        file = self.file
        if file.suffix.lower() == _ONNX:
            self._work.run(
                _EXAMINE, lambda _, stop: _draft(file, stop), self._on_draft, self._refuse
            )
        else:
            self._work.run(
                _EXAMINE, lambda _, stop: _weights(file, stop), self._on_weights, self._refuse
            )

    def _on_draft(self, draft: Draft) -> None:
        self._draft = draft
        form = self._form = OnnxForm(draft)
        pane = self._preview = PreviewPane(self._presenter.theme, self._current_photo())
        form.look_changed.connect(self._delay.start)
        pane.photo_chosen.connect(self._try_out)
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(scrolling(form), 1)
        row.addWidget(pane)
        self._show_form(page)
        self._try_out()

    def _on_weights(self, weights: Weights) -> None:
        from vggscope.ui.import_weights_form import WeightsForm  # noqa: PLC0415 (seldom)

        self._form = WeightsForm(weights)
        self._show_form(scrolling(self._form))

    def _show_form(self, page: QWidget) -> None:
        if self._form is not None:
            self._form.changed.connect(self._check)
        self._show_page(page)
        self._show_idle()
        self._check()
        page.setFocus()

    def _refuse(self, error: VggscopeError) -> None:
        """A page, because it is an answer, and no accident."""
        page = _Sentence(
            self._presenter, "forbidden", message_of(error), remedy_of(error), is_problem=True
        )
        self._show_page(page)
        self._show_idle()
        self.is_refused = True
        self._import.hide()
        self._cancel.setText(self.tr("Close"))
        self._other.setFocus()

    # Trying it on a photo

    def _try_out(self) -> None:
        draft, form, pane = self._draft, self._form, self._preview
        if draft is None or pane is None or not isinstance(form, OnnxForm):
            return
        if self._work.doing == _IMPORT:
            return
        self._delay.stop()
        if problem := form.problem():
            self._work.cancel()
            pane.show_problem(problem)
            return
        choices, photo = form.choices(), pane.photo
        pane.show_busy(self.tr("Looking…"))

        def work(progress: Callable[[Progress], None], stop: Callable[[], bool]) -> Preview:
            from vggscope.inference.preview import preview  # noqa: PLC0415 (the engine)

            model = draft.preview(choices, progress=progress, stop=stop)
            return preview(model, photo, TOP, stop=stop)

        self._work.run(_PREVIEW, work, self._on_preview, self._on_no_preview)

    def _on_preview(self, preview: Preview) -> None:
        # A newer one is on its way otherwise.
        if self._preview is not None and not self._work.doing:
            self._preview.show_preview(preview)

    def _on_no_preview(self, error: VggscopeError) -> None:
        if self._preview is not None and not self._work.doing:
            self._preview.show_error(error)

    def _current_photo(self) -> tuple[Path, QImage] | None:
        photo = self._presenter.workbench.current
        if photo is None or photo.path is None or photo.thumbnail is None:
            return None
        return photo.path, photo.thumbnail

    # Installing it

    def _check(self) -> None:
        """Whether what is chosen may be imported."""
        form = self._form
        if form is None or self._work.doing == _IMPORT:
            return
        problem = form.problem()
        self._show_problem(problem)
        self._import.setEnabled(not problem and form.is_right)

    def _install(self) -> None:
        form, draft, file = self._form, self._draft, self.file
        if form is None:
            return
        self._show_problem("")
        if isinstance(form, OnnxForm):
            if draft is None:
                return
            choices, replace = form.choices(), form.replace
            self._delay.stop()
            self._begin(
                lambda progress, stop: draft.install(
                    choices, replace=replace, progress=progress, stop=stop
                )
            )
        else:
            chosen = form.choices()
            self._begin(lambda progress, stop: _install(file, chosen, progress, stop))

    def _begin(self, work: Callable[[Any, Any], Model]) -> None:
        for part in (self._form, self._preview):
            if part is not None:
                part.setEnabled(False)
        self._show_busy(self.tr("Importing…"))
        self._work.run(_IMPORT, work, self._on_installed, self._on_failed)

    def _on_installed(self, model: Model) -> None:
        self.installed.emit(model.name, model.title)
        self.accept()

    def _on_failed(self, error: VggscopeError) -> None:
        self._go_back()
        self._show_problem(explanation_of(error))

    def _on_cancel(self) -> None:
        if self._work.doing != _IMPORT:
            self.reject()
            return
        self._work.cancel()
        self._go_back()

    def _go_back(self) -> None:
        """To the form: nothing was installed."""
        for part in (self._form, self._preview):
            if part is not None:
                part.setEnabled(True)
        self._show_idle()
        self._import.setEnabled(self._form is not None and self._form.is_right)

    def _on_work_changed(self) -> None:
        if not self._work.doing and self._preview is not None and self._preview.is_busy:
            # The preview had to give way to an import that came to nothing.
            self._try_out()

    def _choose(self) -> None:
        if file := ask_for_model(self):
            self.reject()
            self._presenter.import_files([file])

    # What is shown

    def _show_page(self, page: QWidget) -> None:
        former = self._pages.currentWidget()
        self._pages.addWidget(page)
        self._pages.setCurrentWidget(page)
        if former is not None:
            self._pages.removeWidget(former)
            former.deleteLater()

    def _show_busy(self, text: str) -> None:
        self._progress.setRange(0, 0)
        self._progress.setAccessibleName(text)
        self._progress.show()
        self._state.setText(text)
        self._other.hide()
        self._import.setEnabled(False)

    def _show_idle(self) -> None:
        self._progress.hide()
        self._state.setText("")
        self._other.setVisible(self._form is None)

    def _show_problem(self, text: str) -> None:
        write_or_hide(self._problem, text)

    def _on_progress(self, progress: Progress) -> None:
        share = progress.done / progress.total if progress.total else None
        text = progress_text(progress)
        if self._work.doing == _PREVIEW and self._preview is not None:
            self._preview.show_busy(self.tr("Copying the weights… {0}").format(text), share)
        elif self._work.doing == _IMPORT:
            self._progress.setRange(0, 1000)
            self._progress.setValue(round(1000 * (share or 0)))
            self._state.setText(text)

    # Qt overrides

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._on_cancel()
        else:
            super().keyPressEvent(event)


class _Sentence(QWidget):
    """A page that says one thing."""

    def __init__(
        self,
        presenter: ModelsPresenter,
        icon: str,
        title: str,
        detail: str,
        *,
        is_problem: bool = False,
    ) -> None:
        super().__init__()
        colours = presenter.theme.colours
        sign = QLabel()
        sign.setPixmap(picture(icon, colours.bad if is_problem else colours.muted, 44))
        heading, text = wrapped(title), wrapped(detail)
        heading.setProperty("strong", True)
        text.setProperty("muted", True)
        column = QVBoxLayout(self)
        column.setContentsMargins(60, 0, 60, 0)
        column.setSpacing(12)
        column.addStretch(1)
        for label in (sign, heading, text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        column.addStretch(2)


# --- on the thread of the work ------------------------------------------------------------------


def _draft(file: Path, stop: Callable[[], bool]) -> Draft:
    from vggscope.inference.importing import draft_onnx  # noqa: PLC0415 (the engine)

    return draft_onnx(file, stop=stop)


def _weights(file: Path, stop: Callable[[], bool]) -> Weights:
    from vggscope.inference.importing_weights import look_into  # noqa: PLC0415 (the engine)

    return look_into(file, stop=stop)


def _install(
    file: Path,
    chosen: dict[str, Any],
    progress: Callable[[Progress], None],
    stop: Callable[[], bool],
) -> Model:
    from vggscope.inference.importing_weights import import_weights  # noqa: PLC0415 (the engine)

    return import_weights(file, **chosen, progress=progress, stop=stop)
