"""Folders of ours in the system's file manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from vggscope import paths

if TYPE_CHECKING:
    from pathlib import Path


def open_logs() -> None:
    """Show the log folder."""
    open_folder(paths.log_dir())


def open_captures() -> None:
    """Show the folder of snapshots and recordings."""
    folder = paths.captures_dir()
    if not folder.exists():
        # Nothing was kept so far: the folder around it is as near as can be.
        folder = folder.parent
    open_folder(folder)


def open_folder(folder: Path) -> None:
    """Show ``folder``."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
