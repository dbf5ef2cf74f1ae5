"""Settings, shortcuts, About: each made from what the program already knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from vggscope import __version__
from vggscope.ui.actions import MENUS, Actions, translated, without_mnemonic
from vggscope.ui.settings import SHOWN, Setting, Settings
from vggscope.ui.steady_dialog import scrolling
from vggscope.ui.theme import picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vggscope.ui.tasks import Tasks
    from vggscope.ui.theme import Theme


class SettingsDialog(QDialog):
    """All settings. What is changed works at once."""

    def __init__(
        self,
        settings: Settings,
        choices: Mapping[str, Mapping[str, str]],
        parent: QWidget | None = None,
    ) -> None:
        """``choices``: key of a setting -> value -> title, where the program finds them out."""
        super().__init__(parent)
        self._settings = settings
        self.setWindowTitle(self.tr("Settings"))
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        form.setVerticalSpacing(14)
        form.setHorizontalSpacing(24)
        for setting in SHOWN:
            editor = self._editor(setting, choices.get(setting.key, setting.choices))
            title, text = _translated(setting.title), _translated(setting.description)
            editor.setAccessibleName(title)
            editor.setAccessibleDescription(text)
            cell = QVBoxLayout()
            cell.setSpacing(4)
            cell.addWidget(editor)
            if isinstance(editor, QCheckBox):
                editor.setText(text)  # which can be clicked, too
            else:
                hint = QLabel(text)
                hint.setProperty("muted", True)
                hint.setWordWrap(True)
                cell.addWidget(hint)
            label = QLabel(title)
            label.setFixedHeight(editor.sizeHint().height())  # level with its editor
            label.setBuddy(editor)
            form.addRow(label, cell)
        content = QWidget()
        content.setLayout(form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 12, 16)
        layout.setSpacing(16)
        layout.addWidget(scrolling(content, by_keys=True))
        layout.addWidget(close_box(self))
        self.setMinimumWidth(560)
        # Small screens: what does not fit is scrolled to.
        room = self.screen().availableSize() * 0.85
        self.resize(QSize(720, content.sizeHint().height() + 100).boundedTo(room))

    def _editor(self, setting: Setting, choices: Mapping[str, str] | None) -> QWidget:
        if choices is not None:
            combo = QComboBox()
            for value, title in choices.items():
                combo.addItem(_translated(title), value)
            combo.setCurrentIndex(max(0, combo.findData(self._settings.text(setting))))
            combo.currentIndexChanged.connect(
                lambda i: self._settings.set(setting, combo.itemData(i))
            )
            return combo
        if isinstance(setting.default, bool):
            check = QCheckBox()
            check.setChecked(self._settings.flag(setting))
            check.toggled.connect(lambda on: self._settings.set(setting, on))
            return check
        if isinstance(setting.default, str):
            line = QLineEdit(self._settings.text(setting))
            line.setProperty("field", True)
            line.textChanged.connect(lambda text: self._settings.set(setting, text.strip()))
            return line
        spin = QSpinBox()
        spin.lineEdit().setTextMargins(8, 0, 0, 0)  # the style sheet does not reach it
        spin.setRange(setting.minimum, setting.maximum)
        spin.setValue(self._settings.number(setting))
        spin.valueChanged.connect(lambda value: self._settings.set(setting, value))
        return spin


class ShortcutsDialog(QDialog):
    """All shortcuts, from the registry of actions."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        native = QKeySequence.SequenceFormat.NativeText
        sections = []
        for menu, title in MENUS.items():
            rows = [
                (without_mnemonic(action.text()), [s.toString(native) for s in action.shortcuts()])
                for action, _ in actions.of_menu(menu)
                if action.shortcuts()
            ]
            if rows:
                sections.append((without_mnemonic(translated(title)), rows))
        on_canvas = [
            (self.tr("Move the photo"), [self.tr("Arrow keys, or drag it")]),
            (self.tr("Zoom"), [self.tr("Mouse wheel; double click fits it")]),
        ]
        sections.append((self.tr("On the photo"), on_canvas))
        on_layers = [
            (self.tr("Choose a layer"), [self.tr("Left and Right, on the network")]),
            (self.tr("Choose a channel"), [self.tr("Arrow keys, on the maps")]),
            (self.tr("Zoom the maps"), [self.tr("Mouse wheel, + and −; 0 fits them")]),
            (self.tr("Read a value"), [self.tr("Arrow keys, on the channel")]),
        ]
        sections.append((self.tr("On the layers"), on_layers))
        columns = QHBoxLayout()
        columns.setSpacing(36)
        half = _middle([len(rows) + 1 for _, rows in sections])
        for part in (sections[:half], sections[half:]):
            columns.addLayout(_shortcut_column(part))
        content = QWidget()
        content.setLayout(columns)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.addWidget(scrolling(content, by_keys=True))
        layout.addWidget(close_box(self))
        wanted = QSize(content.sizeHint().width() + 70, content.sizeHint().height() + 100)
        self.resize(wanted.boundedTo(self.screen().availableSize() * 0.85))


class AboutDialog(QDialog):
    """Version, licences, promise of privacy, and diagnostics to copy."""

    def __init__(self, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self.setWindowTitle(self.tr("About VGGscope"))
        icon = QLabel()
        icon.setPixmap(picture("vggscope", theme.colours.text, 88))
        title = QLabel(f"VGGscope {__version__}")
        title.setProperty("title", True)
        text = QLabel(
            self.tr(
                "<p>Shows what a VGG network thinks of a photo, and how it thinks it.</p>"
                "<p>Images never leave this computer. VGGscope opens the network for nothing but "
                "downloads of models that you start.</p>"
                "<p>VGG: K. Simonyan and A. Zisserman, <i>Very Deep Convolutional Networks for "
                "Large-Scale Image Recognition</i>, arXiv:1409.1556. The convolutions of the "
                "bundled model are theirs (Visual Geometry Group, University of Oxford, "
                "CC BY 4.0); its head is derived from EfficientNet-Lite0 (Apache-2.0).</p>"
                "<p>VGGscope is free software under the MIT licence. It uses Qt and PySide6 "
                "(LGPL-3.0), ONNX Runtime (MIT) and the works of others: “Licences” has them all, "
                "and what each allows.</p>"
            )
        )
        text.setWordWrap(True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._copy = QPushButton(self.tr("Copy diagnostics"))
        self._copy.setToolTip(self.tr("Versions, devices and folders, for a bug report"))
        self._copy.clicked.connect(self._diagnose)
        self.finished.connect(lambda: tasks.forget("diagnosis"))
        licences = QPushButton(self.tr("Licences"))
        licences.clicked.connect(self._show_licences)
        box = close_box(self)
        box.addButton(licences, QDialogButtonBox.ButtonRole.ActionRole)
        box.addButton(self._copy, QDialogButtonBox.ButtonRole.ActionRole)
        words = QVBoxLayout()
        words.addWidget(title)
        words.addWidget(text)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 16)
        layout.addLayout(row)
        layout.addWidget(box)
        self.setMinimumWidth(560)

    def _show_licences(self) -> None:
        from vggscope.ui.licences_dialog import LicencesDialog  # noqa: PLC0415 (when asked for)

        dialog = LicencesDialog(self._tasks, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.exec()

    def _diagnose(self) -> None:
        self._copy.setEnabled(False)
        self._copy.setText(self.tr("Looking…"))
        self._tasks.run("diagnosis", _diagnosis, self._on_diagnosis)

    def _on_diagnosis(self, text: object) -> None:
        if isinstance(text, Exception):
            raise text
        QGuiApplication.clipboard().setText(str(text))
        self._copy.setEnabled(True)
        self._copy.setText(self.tr("Copied"))


def _diagnosis() -> str:
    from vggscope.doctor import diagnose  # noqa: PLC0415 (imports the engines)

    return diagnose().as_text()


def _middle(heights: list[int]) -> int:
    """Where to cut a list so that both parts are about as high."""
    return min(range(len(heights) + 1), key=lambda cut: max(sum(heights[:cut]), sum(heights[cut:])))


def _shortcut_column(sections: list[tuple[str, list[tuple[str, list[str]]]]]) -> QVBoxLayout:
    column = QVBoxLayout()
    # Said here, since layouts inherit the spacing of the one around them.
    column.setSpacing(6)
    for title, rows in sections:
        heading = QLabel(title)
        heading.setProperty("heading", True)
        column.addWidget(heading)
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 1)
        for row, (name, keys) in enumerate(rows):
            grid.addWidget(QLabel(name), row, 0)
            shown = QLabel("   ".join(keys))
            shown.setProperty("muted", True)
            grid.addWidget(shown, row, 1, Qt.AlignmentFlag.AlignRight)
        column.addLayout(grid)
        column.addSpacing(12)
    column.addStretch(1)
    return column


def close_box(dialog: QDialog) -> QDialogButtonBox:
    """A row of buttons whose last one closes ``dialog``."""
    # Not the standard button: Fusion puts an icon of its own on it.
    box = QDialogButtonBox()
    text = QCoreApplication.translate("dialogs", "Close")
    box.addButton(text, QDialogButtonBox.ButtonRole.RejectRole)
    box.rejected.connect(dialog.reject)
    return box


def _translated(text: str) -> str:
    return QCoreApplication.translate("settings", text)
