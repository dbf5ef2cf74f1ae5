"""The dialogs for files, in processes of their own: what Qt remembers is per process and user."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support import environment

if TYPE_CHECKING:
    from pathlib import Path

CHOOSE = """
import os, sys
from pathlib import Path
from PySide6.QtCore import QDir, QSettings, QTimer
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QWidget
from vggscope.ui import file_dialogs
file_dialogs._SYSTEM_KEEPS = "elsewhere" in sys.argv
application = QApplication(sys.argv[:1])
def choose(answer):
    (dialog,) = [w for w in application.topLevelWidgets() if isinstance(w, QFileDialog)]
    print(dialog.directory().absolutePath())
    if answer:
        dialog.setDirectory(QDir(str(Path(answer).parent)))
        dialog.findChild(QLineEdit, "fileNameEdit").setText(Path(answer).name)
        dialog.accept()
    else:
        dialog.reject()
for kind, answer in zip(sys.argv[2::2], sys.argv[3::2]):
    QTimer.singleShot(300, lambda: choose(answer))
    print(getattr(file_dialogs, kind)(QWidget()))
"""


class Chooser:
    """Somebody who opens a dialog in a new start of the program.

    Attributes:
        shared: the file in which Qt's dialogs keep what they know, for all programs.
    """

    def __init__(self, home: Path) -> None:
        self.shared = home / "QtProject.conf"

    def choose(self, how: str, *wishes: tuple[str, Path | str]) -> list[tuple[str, str]]:
        """Where each dialog began, and what it gave; ``wishes``: its kind, and what is chosen."""
        words = [str(word) for wish in wishes for word in wish]
        told = subprocess.check_output(
            [sys.executable, "-c", CHOOSE, how, *words],
            env=environment(QT_QPA_PLATFORM="offscreen", XDG_CONFIG_HOME=str(self.shared.parent)),
            text=True,
            stderr=subprocess.DEVNULL,
            timeout=60,
        ).splitlines()
        return list(zip(told[::2], told[1::2], strict=True))


@pytest.fixture
def chooser(data_dir: Path, tmp_path: Path) -> Chooser:  # noqa: ARG001
    (tmp_path / "home").mkdir()
    return Chooser(tmp_path / "home")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """In a folder of which nobody else has to know."""
    path = tmp_path / "Größe & 写真" / "a.jpg"
    path.parent.mkdir()
    path.write_bytes(b"")
    return path


THEIRS = "[FileDialog]\nhistory=file:///theirs\nlastVisited=file:///theirs\nviewMode=List\n"
ANSWERS = {"ask_for_pictures": "['{0}']", "ask_for_video": "{0}", "ask_for_folder": "['{0}']"}


@pytest.mark.skipif(sys.platform != "linux", reason="where the settings of all are a file")
@pytest.mark.parametrize("before", ["", THEIRS], ids=["nothing", "those of others"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_the_settings_of_all_programs_stay_as_they_were(
    chooser: Chooser, picture: Path, before: str, kind: str
) -> None:
    """Where they cannot be moved to our own."""
    if before:
        chooser.shared.write_text(before, encoding="utf-8")
    answer = picture.parent if kind == "ask_for_folder" else picture
    ((_, chosen),) = chooser.choose("elsewhere", (kind, answer))
    assert chosen == ANSWERS[kind].format(answer)
    after = chooser.shared.read_text(encoding="utf-8") if chooser.shared.exists() else ""
    assert sorted(after.split()) == sorted(before.split())


@pytest.mark.parametrize("how", ["elsewhere", "here"])
def test_the_next_dialog_begins_in_the_folder_of_the_last(
    chooser: Chooser, picture: Path, how: str
) -> None:
    (first, _), (second, chosen) = chooser.choose(
        how, ("ask_for_pictures", picture), ("ask_for_video", "")
    )
    assert first != str(picture.parent)
    assert (second, chosen) == (str(picture.parent), "")
