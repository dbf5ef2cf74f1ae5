"""The system's dialogs that ask for files."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QSettings, QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget

from vggscope.sources.finding import SUFFIXES, VIDEO_SUFFIXES
from vggscope.ui.incoming import IMPORTABLE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SYSTEM_KEEPS: Final = sys.platform in ("win32", "darwin")
"""Whether Qt's settings lie where `QSettings.setPath` does not reach: in the registry, say."""

translate = QCoreApplication.translate


def ask_for_pictures(parent: QWidget) -> list[str]:
    """The pictures that the user chose; none if the dialog was cancelled."""
    kinds = _kinds(translate("file_dialogs", "Pictures ({0})"), SUFFIXES)
    with _leaving_no_trace():
        files, _ = QFileDialog.getOpenFileNames(
            parent, translate("file_dialogs", "Open photos"), "", kinds
        )
    return files


def ask_for_model(parent: QWidget) -> str:
    """The file of a model that the user chose; "" if the dialog was cancelled."""
    kinds = _kinds(translate("file_dialogs", "Models and weights ({0})"), IMPORTABLE_SUFFIXES)
    with _leaving_no_trace():
        file, _ = QFileDialog.getOpenFileName(
            parent, translate("file_dialogs", "Import a model"), "", kinds
        )
    return file


def ask_for_labels(parent: QWidget) -> str:
    """The file of labels that the user chose; "" if the dialog was cancelled."""
    kinds = _kinds(translate("file_dialogs", "Labels ({0})"), (".txt", ".csv", ".json"))
    with _leaving_no_trace():
        file, _ = QFileDialog.getOpenFileName(
            parent, translate("file_dialogs", "Names of the classes"), "", kinds
        )
    return file


def ask_for_video(parent: QWidget) -> str:
    """The video that the user chose; "" if the dialog was cancelled."""
    kinds = _kinds(translate("file_dialogs", "Videos ({0})"), VIDEO_SUFFIXES)
    with _leaving_no_trace():
        file, _ = QFileDialog.getOpenFileName(
            parent, translate("file_dialogs", "Open a video"), "", kinds
        )
    return file


def ask_for_folder(parent: QWidget) -> list[str]:
    """The folder that the user chose, in a list; an empty one if the dialog was cancelled."""
    with _leaving_no_trace():
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
    with _leaving_no_trace():
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


@contextmanager
def _leaving_no_trace() -> Iterator[None]:
    """Have the settings that all programs made with Qt share be what they were before a dialog.

    As it closes, it notes there which folders were visited. `run_window` has moved these settings
    to our own where the system lets it; elsewhere they would outlive the program, and --data-dir.
    Where the next dialog begins, Qt remembers within the process, without them.
    """
    if not _SYSTEM_KEEPS:
        yield
        return
    is_new = sys.platform == "win32" and "QtProject" not in _programs().childGroups()
    before = _values(_shared())
    try:
        yield
    finally:
        shared = _shared()
        shared.remove("")
        for key, value in before.items():
            shared.setValue(key, value)
        shared.sync()
        if is_new:
            # The keys around it.
            _programs().remove("QtProject")


def _shared() -> QSettings:
    """What Qt's dialogs of this user keep, of all programs."""
    settings = QSettings(QSettings.Scope.UserScope, "QtProject")
    settings.setFallbacksEnabled(False)
    settings.beginGroup("FileDialog")
    return settings


def _programs() -> QSettings:
    """What all programs of this user keep in Windows' registry."""
    return QSettings(r"HKEY_CURRENT_USER\Software", QSettings.Format.NativeFormat)


def _values(settings: QSettings) -> dict[str, object]:
    return {key: settings.value(key) for key in settings.allKeys()}
