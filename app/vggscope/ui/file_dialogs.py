"""The system's dialogs that ask for files."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget

from vggscope.sources.finding import SUFFIXES, VIDEO_SUFFIXES
from vggscope.ui.incoming import IMPORTABLE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

translate = QCoreApplication.translate


def ask_for_pictures(parent: QWidget) -> list[str]:
    """The pictures that the user chose; none if the dialog was cancelled."""
    kinds = _kinds(translate("file_dialogs", "Pictures ({0})"), SUFFIXES)
    files, _ = QFileDialog.getOpenFileNames(
        parent, translate("file_dialogs", "Open photos"), "", kinds
    )
    return files


def ask_for_model(parent: QWidget) -> str:
    """The file of a model that the user chose; "" if the dialog was cancelled."""
    kinds = _kinds(translate("file_dialogs", "Models and weights ({0})"), IMPORTABLE_SUFFIXES)
    file, _ = QFileDialog.getOpenFileName(
        parent, translate("file_dialogs", "Import a model"), "", kinds
    )
    return file


def ask_for_labels(parent: QWidget) -> str:
    """The file of labels that the user chose; "" if the dialog was cancelled."""
    kinds = _kinds(translate("file_dialogs", "Labels ({0})"), (".txt", ".csv", ".json"))
    file, _ = QFileDialog.getOpenFileName(
        parent, translate("file_dialogs", "Names of the classes"), "", kinds
    )
    return file


def ask_for_video(parent: QWidget) -> str:
    """The video that the user chose; "" if the dialog was cancelled."""
    kinds = _kinds(translate("file_dialogs", "Videos ({0})"), VIDEO_SUFFIXES)
    file, _ = QFileDialog.getOpenFileName(
        parent, translate("file_dialogs", "Open a video"), "", kinds
    )
    return file


def ask_for_folder(parent: QWidget) -> list[str]:
    """The folder that the user chose, in a list; an empty one if the dialog was cancelled."""
    folder = QFileDialog.getExistingDirectory(
        parent, translate("file_dialogs", "Open a folder of photos")
    )
    return [folder] if folder else []


def ask_for_export(parent: QWidget, suffix: str, *, title: str = "", name: str = "") -> str:
    """Where to write a file that ends in ``suffix`` ("csv"); "" if the dialog was cancelled.

    Args:
        parent: the window in front of which it is asked.
        suffix: without the dot.
        title: of the dialog, unless it is about the results of classifying.
        name: to begin with, without the suffix.
    """
    # Started from a desktop, the working folder is the root of the disk.
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    kinds = f"{suffix.upper()} (*.{suffix})"
    path, _ = QFileDialog.getSaveFileName(
        parent,
        title or translate("file_dialogs", "Export the results"),
        f"{folder}/{name or 'vggscope'}.{suffix}",
        kinds,
    )
    return f"{path}.{suffix}" if path and not PurePath(path).suffix else path


def _kinds(title: str, suffixes: Iterable[str]) -> str:
    patterns = " ".join(f"*{suffix}" for suffix in sorted(suffixes))
    return f"{title.format(patterns)};;{translate('file_dialogs', 'All files (*)')}"
