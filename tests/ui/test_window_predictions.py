"""The predictions pane: its states, how many it shows, and what is copied from it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QListView, QMenu, QProgressBar

from support import command, environment
from ui.window_driver import FAST, SLOW, sample
from vggscope.errors import NotAnImageError
from vggscope.ui.answer_pane import AnswerPane
from vggscope.ui.photos import State
from vggscope.ui.prediction_bars import PredictionModel
from vggscope.ui.settings import MODEL, TOP, WNIDS

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from ui.window_driver import Driver
    from vggscope.ui.photos import Photo
    from vggscope.ui.theme import Theme


def is_busy(user: Driver) -> bool:
    [bar] = user.window.predictions.findChildren(QProgressBar)
    return bar.isVisible()


def bars(user: Driver) -> QListView:
    [view] = user.window.predictions.findChildren(QListView)
    return view


# --- states -----------------------------------------------------------------------------------


def test_idle(user: Driver) -> None:
    assert "No photo yet" in user.pane_texts()
    assert not bars(user).isVisible()
    assert not is_busy(user)
    assert not user.button("Copy the predictions").isEnabled()


def test_working_then_done(user: Driver) -> None:
    user.drop_files(sample("zebra"))
    user.wait(lambda: user.bench.current is not None)
    if user.current.state is State.WAITING:
        assert "Looking…" in user.pane_texts()
        assert is_busy(user)
    user.settle()
    assert bars(user).isVisible()
    assert not is_busy(user)
    assert any(" ms on " in text for text in user.pane_texts())
    assert user.button("Copy the predictions").isEnabled()


def test_what_an_error_says_is_whole_in_a_low_window(qtbot: QtBot, theme: Theme) -> None:
    pane = AnswerPane(theme, "Predictions")
    qtbot.addWidget(pane)
    pane.resize(240, 150)
    pane.show_failure(
        NotAnImageError(name="a name that takes some lines.jpg", formats="JPEG, PNG, WebP")
    )
    pane.show()
    qtbot.waitExposed(pane)
    labels = [label for label in pane.findChildren(QLabel) if label.isVisible() and label.text()]
    assert len(labels) >= 2
    for label in labels:
        if label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()), label.text()


def test_failed(user: Driver, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("Dear Sir", encoding="utf-8")
    user.drop_files(tmp_path / "text.jpg")
    user.wait(lambda: user.states() == [State.FAILED])
    [title, detail] = [t for t in user.pane_texts() if t != "PREDICTIONS"]
    assert title == "“text.jpg” is not a picture in a format that VGGscope opens."
    assert detail.startswith("Convert it to one of")
    assert not bars(user).isVisible()
    assert not is_busy(user)
    assert not user.button("Copy the predictions").isEnabled()


def test_stopped_and_taken_up_again(user: Driver) -> None:
    user.drop_files(*[sample("zebra"), sample("pizza")] * 4)
    user.wait(lambda: len(user.photos) == 8)
    user.key(Qt.Key.Key_Escape)
    stopped = [p for p in user.photos if p.state is State.STOPPED]
    assert stopped, "eight photos take longer than a key press"
    user.bench.choose(stopped[-1].key)
    assert "Stopped" in user.pane_texts()
    assert "Press F5 to classify this photo after all." in user.pane_texts()
    assert not is_busy(user)
    user.key(Qt.Key.Key_F5)
    assert "Looking…" in user.pane_texts()
    user.settle()
    assert user.shown_predictions()[0][0] == "pizza"


def test_stale_while_another_model_looks(user: Driver) -> None:
    user.open("zebra")
    before = user.shown_predictions()
    said = []

    def listen() -> None:
        if user.current.stale:
            said.append((user.shown_predictions(), user.pane_texts(), is_busy(user)))

    user.bench.current_updated.connect(listen)
    user.settings.set(MODEL, SLOW)
    user.wait_for_model(SLOW)
    user.settle()
    assert said, "the former predictions are shown as such"
    shown, texts, busy = said[0]
    assert shown == before
    assert "Out of date: being classified again." in texts
    assert busy
    assert not user.current.stale
    assert not is_busy(user)
    assert user.current.classification.model == SLOW  # type: ignore[union-attr]


def test_stopped_while_stale_says_that_nothing_is_being_done(user: Driver) -> None:
    user.open("zebra", "pizza", "ladybug", "coffee")
    user.bench.choose(user.photos[-1].key)

    user.settings.set(MODEL, SLOW)
    user.wait_for_model(SLOW)
    user.trigger("stop")
    assert user.current.state is State.STOPPED
    assert user.current.stale
    assert not is_busy(user)
    [note] = [t for t in user.pane_texts() if t.startswith("Out of date")]
    assert "F5" in note
    user.key(Qt.Key.Key_F5)
    user.settle()
    assert not any(photo.stale for photo in user.photos)
    assert {_model_of(photo) for photo in user.photos} == {SLOW}


def _model_of(photo: Photo) -> str:
    assert photo.classification is not None
    return photo.classification.model


# --- how many ---------------------------------------------------------------------------------


def test_another_k_shows_more_without_looking_again(user: Driver) -> None:
    user.open("zebra")
    first = user.current.classification
    updates = []
    user.bench.current_updated.connect(lambda: updates.append(user.current.state))
    for count in (1, 20, 3, 5):
        user.settings.set(TOP, count)
        assert len(user.shown_predictions()) == count
        assert user.button("How many predictions (top-k)").text() == f"Top {count}"
    user.settle()
    assert user.current.classification is first
    assert updates == []


def test_k_by_the_menu_of_the_toolbar(user: Driver) -> None:
    user.open("zebra")
    menu = user.button("How many predictions (top-k)").menu()  # type: ignore[union-attr]
    assert isinstance(menu, QMenu)
    offered = {action.text(): action for action in menu.actions()}
    assert list(offered) == ["Top 1", "Top 3", "Top 5", "Top 10", "Top 20"]
    offered["Top 10"].trigger()
    assert len(user.shown_predictions()) == 10
    assert user.settings.number(TOP) == 10


def test_probabilities_fall_and_sum_to_at_most_one(user: Driver) -> None:
    user.open("china-temple")
    user.settings.set(TOP, 20)
    values = [float(percentage.rstrip("%")) for _, percentage in user.shown_predictions()]
    assert values == sorted(values, reverse=True)
    assert 99 > sum(values) > 50 or sum(values) == pytest.approx(100, abs=1.5)


def test_wordnet_ids_on_demand(user: Driver) -> None:
    user.open("zebra")
    plain = bars(user).viewport().grab().toImage()
    user.settings.set(WNIDS, True)
    assert bars(user).viewport().grab().toImage() != plain
    tooltip = user.window.predictions.model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert "n02391049" in tooltip


def test_bars_move_calmly_to_their_length(user: Driver, qtbot: Any) -> None:
    user.open("zebra")
    predictions = user.current.classification.predictions  # type: ignore[union-attr]
    model = PredictionModel(user.window.predictions)
    shown = Qt.ItemDataRole.UserRole + 1
    model.show(predictions)
    assert model.index(0).data(shown) == 0.0
    qtbot.waitUntil(lambda: model.index(0).data(shown) == pytest.approx(predictions[0].probability))
    # unchanged ones do not move
    model.show(predictions)
    assert model.index(0).data(shown) == pytest.approx(predictions[0].probability)
    model.show(predictions[::-1])
    last = pytest.approx(predictions[-1].probability)
    qtbot.waitUntil(lambda: model.index(0).data(shown) == last)


# --- copying ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told_by_the_command_line(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``vggscope classify`` says of the zebra."""
    data = tmp_path_factory.mktemp("cli-data")
    words = command("--data-dir", data, "classify", sample("zebra"), "--format", "json")
    done = subprocess.run(
        [*words, "--model", FAST, "--device", "cpu", "--top", "7"],
        check=True,
        capture_output=True,
        encoding="utf-8",
        env=environment(),
        timeout=120,
    )
    [entry] = json.loads(done.stdout)
    return entry


def clipboard_after(user: Driver, *keys: Qt.KeyboardModifier) -> str:
    QGuiApplication.clipboard().clear()
    user.key(Qt.Key.Key_C, *keys)
    return QGuiApplication.clipboard().text()


CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


def test_json_equals_the_command_lines(
    user: Driver, told_by_the_command_line: dict[str, Any]
) -> None:
    user.open("zebra")
    user.settings.set(TOP, 7)
    copied = json.loads(clipboard_after(user, CONTROL, ALT))
    assert copied.pop("milliseconds") > 0
    expected = dict(told_by_the_command_line)
    expected.pop("milliseconds")
    assert copied == expected
    assert len(copied["predictions"]) == 7


def test_csv_says_the_same(user: Driver, told_by_the_command_line: dict[str, Any]) -> None:
    user.open("zebra")
    user.settings.set(TOP, 7)
    rows = list(csv.DictReader(io.StringIO(clipboard_after(user, CONTROL, SHIFT))))
    expected = told_by_the_command_line["predictions"]
    assert [(int(r["rank"]), r["wnid"], r["label"], float(r["probability"])) for r in rows] == [
        (p["rank"], p["wnid"], p["label"], p["probability"]) for p in expected
    ]
    assert {r["path"] for r in rows} == {sample("zebra")}
    assert {(r["model"], r["error_kind"]) for r in rows} == {(FAST, "")}


def test_text_is_for_reading(user: Driver, told_by_the_command_line: dict[str, Any]) -> None:
    user.open("zebra")
    heading, *lines = clipboard_after(user, CONTROL).splitlines()
    assert sample("zebra") in heading
    labels = [p["label"] for p in told_by_the_command_line["predictions"][:5]]
    assert [line.split("  ")[-1].strip() for line in lines] == labels
    assert "Copied" in user.window.statusBar().currentMessage()


def test_the_copy_button_offers_the_three_forms(user: Driver) -> None:
    user.open("zebra")
    menu = user.button("Copy the predictions").menu()  # type: ignore[union-attr]
    assert isinstance(menu, QMenu)
    assert [action.isEnabled() for action in menu.actions()] == [True] * 3
    menu.actions()[2].trigger()
    assert json.loads(QGuiApplication.clipboard().text())["path"] == sample("zebra")


def test_nothing_is_copied_of_a_photo_that_failed(user: Driver, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    user.drop_files(tmp_path / "empty.jpg")
    user.wait(lambda: user.states() == [State.FAILED])
    assert clipboard_after(user, CONTROL) == ""
