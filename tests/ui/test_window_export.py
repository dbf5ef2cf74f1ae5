"""All results in a file: as the command line would write them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMenu

from support import as_nobody, open_folder
from ui.window_driver import FAST, sample
from vggscope.inference.report import CSV_COLUMNS
from vggscope.ui.photos import State
from vggscope.ui.settings import TOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from ui.window_driver import Driver


@pytest.fixture
def destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the next file dialog chooses; it is not there yet."""
    path = tmp_path / "résults of the day.out"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    return path


@pytest.fixture
def mixed(user: Driver, tmp_path: Path) -> Driver:
    """Two photos that are done, and one that failed."""
    (tmp_path / "broken.jpg").write_text("text", encoding="utf-8")
    user.drop_files(sample("zebra"), tmp_path / "broken.jpg", sample("pizza"))
    user.wait(lambda: len(user.photos) == 3)
    user.settle()
    return user


def wait_until_written(user: Driver, path: Path) -> None:
    user.wait(lambda: user.window.statusBar().currentMessage().startswith("Wrote"))
    assert path.exists()


def test_json(mixed: Driver, destination: Path) -> None:
    mixed.settings.set(TOP, 3)
    mixed.key(Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier)
    wait_until_written(mixed, destination)
    zebra, broken, pizza = json.loads(destination.read_text(encoding="utf-8"))
    assert zebra["path"] == sample("zebra")
    assert (zebra["model"], zebra["predictions"][0]["label"]) == (FAST, "zebra")
    assert len(pizza["predictions"]) == 3
    assert broken["error"]["kind"] == "not-an-image"
    assert broken["path"] == str(destination.with_name("broken.jpg"))
    said = mixed.window.statusBar().currentMessage()
    assert said == f"Wrote the results of 3 of 3 photos to {destination}."


def test_csv(mixed: Driver, destination: Path) -> None:
    mixed.key(Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    wait_until_written(mixed, destination)
    with destination.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
    assert tuple(reader.fieldnames or ()) == CSV_COLUMNS
    assert [row["label"] for row in rows if row["rank"] == "1"] == ["zebra", "pizza"]
    assert [row["error_kind"] for row in rows if row["error_kind"]] == ["not-an-image"]
    assert len(rows) == 5 + 1 + 5


def test_by_the_button_of_the_filmstrip(mixed: Driver, destination: Path) -> None:
    menu = mixed.button("Export all results").menu()  # type: ignore[union-attr]
    assert isinstance(menu, QMenu)
    [as_json] = [a for a in menu.actions() if "JSON" in a.text()]
    as_json.trigger()
    wait_until_written(mixed, destination)
    assert len(json.loads(destination.read_text(encoding="utf-8"))) == 3


def test_what_is_not_classified_yet_is_left_out_and_said(user: Driver, destination: Path) -> None:
    user.drop_files(*[sample("zebra")] * 10)
    user.wait(lambda: user.states().count(State.DONE) >= 1)
    user.trigger("stop")
    done = user.states().count(State.DONE)
    assert done < 10
    user.trigger("export_json")
    wait_until_written(user, destination)
    assert len(json.loads(destination.read_text(encoding="utf-8"))) == done
    assert f"of {done} of 10 photos" in user.window.statusBar().currentMessage()


def test_nothing_to_export_where_nothing_was_done(new_window: Callable[..., Driver]) -> None:
    driver = new_window(begin=False)
    driver.drop_files(sample("zebra"), sample("pizza"))
    driver.wait(lambda: len(driver.photos) == 2)
    driver.trigger("stop")
    assert driver.states() == [State.STOPPED] * 2
    actions = driver.window.actions_by_key
    assert not actions["export_json"].isEnabled()
    assert not actions["export_csv"].isEnabled()
    assert not driver.button("Export all results").isEnabled()


def test_a_cancelled_dialog_writes_nothing(
    mixed: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    before = sorted(tmp_path.iterdir())
    mixed.trigger("export_csv")
    assert not mixed.bench.tasks.is_pending("export ")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("place", ["no/such/folder/out.csv", "folder.csv"])
def test_a_place_that_cannot_be_written_is_told(
    mixed: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    target = tmp_path / place
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    mixed.trigger("export_csv")
    mixed.wait(mixed.window.messages.isVisible)
    assert mixed.window.messages.text.startswith(f"“{target.name}” could not be written: ")
    assert "Choose another place; check free space and permissions." in mixed.window.messages.text


def test_a_folder_without_permission_keeps_the_former_file(
    mixed: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_folder() as folder:
        target = folder / "out.json"
        target.write_text("precious", encoding="utf-8")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
        with as_nobody():
            mixed.trigger("export_json")
            mixed.wait(mixed.window.messages.isVisible)
        assert "“out.json” could not be written" in mixed.window.messages.text
        assert target.read_text(encoding="utf-8") == "precious"
        assert [p.name for p in Path(folder).iterdir()] == ["out.json"]


def test_an_older_file_is_replaced(mixed: Driver, destination: Path) -> None:
    destination.write_text("x" * 1_000_000, encoding="utf-8")
    mixed.trigger("export_json")
    wait_until_written(mixed, destination)
    assert len(json.loads(destination.read_text(encoding="utf-8"))) == 3
