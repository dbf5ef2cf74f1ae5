"""Snapshots, recordings and copies of a film; and what goes on while nobody sees the window."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from ui.film_driver import FPS, captures, frame_at
from ui.live_driver import LABELS
from ui.window_driver import FAST
from vggscope import paths
from vggscope.inference.report import LIVE_CSV_COLUMNS
from vggscope.sources.live.base import State
from vggscope.ui.settings import RECORDING, SMOOTHING, TOP, WNIDS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ui.film_driver import Cinema, Films
    from vggscope.inference.live import LiveResult

KEY = Qt.Key
CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
ZEBRA = LABELS["zebra"]
PIZZA = LABELS["pizza"]
RECORDING_BADGE = "● Recording"
ALIKE = 4.0
"""Difference of two decoders' pictures: each colour of the film is one of 2 × 2 pixels."""
RECORD_KEYS = {
    *("timestamp", "seconds", "frame", "latency", "model", "device", "milliseconds"),
    "predictions",
}


@pytest.fixture
def inferred(cinema: Cinema) -> list[LiveResult]:
    """All results that recordings are made of, as they come."""
    results: list[LiveResult] = []
    cinema.session.inferred.connect(results.append)
    return results


def pixels_of(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean of the absolute differences, 0..255."""
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def block_captures() -> Path:
    """Let something else be where the folder should be; also the administrator is stopped by it."""
    folder = paths.captures_dir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way", encoding="utf-8")
    return folder


def wait_for_snapshots(cinema: Cinema, count: int) -> list[Path]:
    cinema.user.wait(lambda: len(captures(".json")) == count)
    cinema.user.wait(lambda: "Saved" in cinema.user.window.statusBar().currentMessage())
    return captures(".png")


# Snapshots


def test_snapshot_of_the_moving_picture(cinema: Cinema, films: Films) -> None:
    film = films.wandering
    cinema.show(film)
    cinema.press(KEY.Key_S)
    [picture] = wait_for_snapshots(cinema, 1)

    record = json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))
    saved, seconds = pixels_of(picture), record["seconds"]
    assert saved.shape == (240, 320, 3)
    assert difference(saved, frame_at(film, seconds)) < ALIKE
    assert difference(saved, frame_at(film, seconds + 1 / FPS)) > 3 * ALIKE
    assert record.keys() == {*RECORD_KEYS, "picture", "source", "size", "crop"}
    assert record["picture"] == picture.name
    assert record["source"] == film.name
    assert record["size"] == [320, 240]
    assert record["model"] == FAST
    assert record["predictions"][0]["label"] == ZEBRA
    assert len(record["predictions"]) == 5
    stem = r"VGGscope \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d zebra"
    assert re.fullmatch(stem, picture.stem)
    # The picture goes on.
    assert not cinema.session.is_frozen
    assert picture.name in cinema.user.window.statusBar().currentMessage()


@pytest.mark.parametrize("smoothing", ["off", "strong"])
def test_snapshot_of_a_frozen_picture_says_what_is_shown(
    cinema: Cinema, films: Films, smoothing: str
) -> None:
    film = films.of("zebra", "pizza", seconds=30)
    cinema.user.settings.set(SMOOTHING, smoothing)
    cinema.user.settings.set(TOP, 3)
    cinema.show(film)
    QTest.qWait(300)
    # Smoothed, what is said just after this is of both.
    cinema.slide_to(0.6)
    cinema.user.wait(lambda: cinema.shows("pizza"))
    cinema.freeze()
    cinema.wait_for(PIZZA)
    cinema.user.wait(lambda: "smoothed" not in cinema.note)
    cinema.press(KEY.Key_S)
    [picture] = wait_for_snapshots(cinema, 1)

    record = json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))
    frozen, shown = cinema.session.frozen, cinema.presenter.classification
    assert frozen is not None
    assert shown is not None
    assert record["frame"] == frozen.number
    assert record["seconds"] == pytest.approx(frozen.seconds, abs=0.001)
    assert picture.stem.endswith(" pizza")
    assert "smoothing" not in record
    said = [(p["label"], p["probability"]) for p in record["predictions"]]
    assert said == [(p.label, round(p.probability, 6)) for p in shown.top(3)]
    assert difference(pixels_of(picture), frame_at(film, record["seconds"])) < ALIKE


def test_snapshots_never_overwrite_each_other(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.freeze()
    for _ in range(4):
        cinema.press(KEY.Key_S)
    cinema.user.wait(lambda: len(captures(".json")) == 4)
    cinema.user.wait(lambda: len(captures(".png")) == 4)
    pictures = captures(".png")
    assert len({pixels_of(picture).tobytes() for picture in pictures}) == 1
    named = {json.loads(r.read_text(encoding="utf-8"))["picture"] for r in captures(".json")}
    assert named == {picture.name for picture in pictures}


def test_snapshot_that_cannot_be_written(cinema: Cinema, films: Films) -> None:
    folder = block_captures()
    cinema.show(films.still)
    cinema.press(KEY.Key_S)
    cinema.wait_for_message("could not be written: File exists.", "check free space")
    assert folder.read_text(encoding="utf-8") == "in the way"
    assert cinema.video.state is State.RUNNING


def test_smoothed_snapshot_says_so(cinema: Cinema, films: Films) -> None:
    cinema.user.settings.set(SMOOTHING, "gentle")
    cinema.show(films.still)
    cinema.user.wait(lambda: "smoothed: gentle" in cinema.note)
    cinema.press(KEY.Key_S)
    [picture] = wait_for_snapshots(cinema, 1)
    record = json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))
    assert record["smoothing"] == "gentle"


# Recordings


def recording_file(cinema: Cinema, suffix: str) -> Path:
    """The only recording, once something is in it; its file is made off the UI thread."""
    cinema.user.wait(lambda: any(file.stat().st_size for file in captures(suffix)))
    [file] = captures(suffix)
    return file


def test_recording_as_csv(cinema: Cinema, films: Films, inferred: list[LiveResult]) -> None:
    cinema.show(films.still)
    action = cinema.user.window.actions_by_key["record"]
    inferred.clear()
    cinema.press(KEY.Key_R)
    assert action.isChecked()
    assert cinema.badge.endswith(RECORDING_BADGE)
    cinema.user.wait(lambda: len(inferred) >= 4)
    # It is in the file already: the program may end at any time.
    file = recording_file(cinema, ".csv")
    cinema.user.wait(lambda: file.read_text(encoding="utf-8").count("\n") > 15)
    cinema.press(KEY.Key_R)
    assert not action.isChecked()
    assert RECORDING_BADGE not in cinema.badge
    cinema.user.wait(lambda: file.name in cinema.user.window.statusBar().currentMessage())
    count = len(inferred)
    before = file.read_bytes()
    cinema.user.wait(lambda: len(inferred) > count)
    assert file.read_bytes() == before

    rows = list(csv.DictReader(io.StringIO(before.decode())))
    assert tuple(rows[0]) == LIVE_CSV_COLUMNS
    assert [int(row["frame"]) for row in rows[::5]] == [r.number for r in inferred[:count]]
    assert [int(row["rank"]) for row in rows] == [1, 2, 3, 4, 5] * count
    assert rows[0]["label"] == ZEBRA


def test_recording_as_json_lines(cinema: Cinema, films: Films, inferred: list[LiveResult]) -> None:
    cinema.user.settings.set(RECORDING, "jsonl")
    cinema.user.settings.set(TOP, 2)
    cinema.show(films.still)
    inferred.clear()
    cinema.user.click(cinema.user.button("Record Predictions", cinema.presenter.bar))
    cinema.user.wait(lambda: len(inferred) >= 3)
    cinema.user.click(cinema.user.button("Record Predictions", cinema.presenter.bar))
    file = recording_file(cinema, ".jsonl")
    cinema.user.wait(lambda: len(lines_of(file)) == len(inferred))
    records = lines_of(file)
    assert [record["frame"] for record in records] == [result.number for result in inferred]
    assert all(record.keys() == RECORD_KEYS for record in records)
    assert {len(record["predictions"]) for record in records} == {2}
    stamps = [record["timestamp"] for record in records]
    assert stamps == sorted(set(stamps))


def lines_of(file: Path) -> list[dict[str, Any]]:
    text = file.read_text(encoding="utf-8")
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_two_recordings_are_two_files(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    for _ in range(4):
        cinema.press(KEY.Key_R)
    assert not cinema.presenter.captures.is_recording
    cinema.user.wait(lambda: len(captures(".csv")) == 2)


def test_nothing_is_recorded_while_frozen(
    cinema: Cinema, films: Films, inferred: list[LiveResult]
) -> None:
    cinema.user.settings.set(RECORDING, "jsonl")
    cinema.show(films.still)
    inferred.clear()
    cinema.press(KEY.Key_R)
    cinema.user.wait(lambda: len(inferred) >= 2)
    cinema.freeze()
    assert cinema.badge.endswith("Frozen   " + RECORDING_BADGE)
    file = recording_file(cinema, ".jsonl")
    count = len(inferred)
    cinema.user.wait(lambda: len(lines_of(file)) == count)
    cinema.slide_to(0.7)
    cinema.user.wait(lambda: cinema.video.position > 15)
    cinema.wait_for_answer()
    QTest.qWait(150)
    assert len(lines_of(file)) == count
    cinema.press(KEY.Key_Space)
    cinema.user.wait(lambda: len(lines_of(file)) > count)


def leave(cinema: Cinema, _films: Films) -> None:
    cinema.press(KEY.Key_F6)


def change_film(cinema: Cinema, films: Films) -> None:
    cinema.show(films.of("pizza", seconds=30), PIZZA)


def close(cinema: Cinema, _films: Films) -> None:
    cinema.user.close()


@pytest.mark.parametrize("end", [leave, change_film, close])
def test_recording_ends_with_its_source_and_is_whole(
    cinema: Cinema, films: Films, inferred: list[LiveResult], end: Any
) -> None:
    cinema.user.settings.set(RECORDING, "jsonl")
    cinema.show(films.still)
    former = cinema.video.name
    inferred.clear()
    cinema.press(KEY.Key_R)
    cinema.user.wait(lambda: len(inferred) >= 3)
    end(cinema, films)
    assert not cinema.presenter.captures.is_recording
    file = recording_file(cinema, ".jsonl")
    of_the_film = [r.number for r in inferred if r.epoch == inferred[0].epoch]
    cinema.user.wait(lambda: len(lines_of(file)) == len(of_the_film))
    assert [record["frame"] for record in lines_of(file)] == of_the_film
    assert not cinema.user.window.actions_by_key["record"].isChecked()
    assert RECORDING_BADGE not in cinema.badge
    assert former == films.still.name


def test_recording_that_cannot_be_begun(cinema: Cinema, films: Films) -> None:
    block_captures()
    cinema.show(films.still)
    cinema.press(KEY.Key_R)
    cinema.wait_for_message("could not be written: File exists.")
    cinema.user.wait(lambda: not cinema.user.window.actions_by_key["record"].isChecked())
    assert RECORDING_BADGE not in cinema.badge


def test_recording_whose_file_goes_away(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.press(KEY.Key_R)
    file = recording_file(cinema, ".csv")
    file.unlink()
    cinema.wait_for_message(f"“{file.name}” could not be written: it was deleted meanwhile.")
    assert not cinema.presenter.captures.is_recording
    assert not cinema.user.window.actions_by_key["record"].isChecked()
    assert RECORDING_BADGE not in cinema.badge
    cinema.press(KEY.Key_R)
    cinema.user.wait(lambda: captures(".csv") != [])


# Out of sight


def minimise(cinema: Cinema, minimised: bool) -> None:
    window = cinema.user.window
    flag = Qt.WindowState.WindowMinimized
    window.setWindowState(flag if minimised else Qt.WindowState.WindowNoState)
    assert window.isMinimized() is minimised


def state_text(cinema: Cinema) -> str:
    return cinema.user.window._line._state.text()


def test_minimised_window_rests(cinema: Cinema, films: Films, inferred: list[LiveResult]) -> None:
    cinema.show(films.still)
    minimise(cinema, True)
    assert cinema.video.state is State.PAUSED
    assert state_text(cinema) == f"Resting: {films.still.name}"
    # What was in the works may still come.
    QTest.qWait(250)
    cinema.user.wait(lambda: cinema.user.bench.seconds_in_run == 0)
    QTest.qWait(50)
    count, position = len(inferred), cinema.video.position
    frames: list[object] = []
    cinema.video.frame_ready.connect(frames.append)
    began = time.process_time()
    QTest.qWait(500)
    assert time.process_time() - began < 0.2
    assert (len(inferred), cinema.video.position, frames) == (count, position, [])

    minimise(cinema, False)
    cinema.user.wait(lambda: len(inferred) > count)
    assert cinema.video.state is State.RUNNING
    assert state_text(cinema) == f"Live: {films.still.name}"
    assert not cinema.session.is_frozen


def test_frozen_and_minimised(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.freeze()
    minimise(cinema, True)
    minimise(cinema, False)
    assert cinema.session.is_frozen
    assert cinema.video.state is State.PAUSED
    cinema.press(KEY.Key_Space)
    cinema.user.wait(lambda: cinema.video.state is State.RUNNING)


def test_recording_goes_on_out_of_sight(
    cinema: Cinema, films: Films, inferred: list[LiveResult]
) -> None:
    cinema.user.settings.set(RECORDING, "jsonl")
    cinema.show(films.still)
    cinema.press(KEY.Key_R)
    minimise(cinema, True)
    assert cinema.video.state is State.RUNNING
    count = len(inferred)
    file = recording_file(cinema, ".jsonl")
    cinema.user.wait(lambda: len(inferred) >= count + 3)
    cinema.user.wait(lambda: len(lines_of(file)) >= 3)
    minimise(cinema, False)
    assert cinema.presenter.captures.is_recording


# Copying


def clipboard_after(cinema: Cinema, *keys: Qt.KeyboardModifier) -> str:
    QGuiApplication.clipboard().clear()
    cinema.user.key(KEY.Key_C, *keys)
    return QGuiApplication.clipboard().text()


def test_predictions_are_copied(cinema: Cinema, films: Films) -> None:
    cinema.user.settings.set(TOP, 4)
    cinema.show(films.still)
    assert json.loads(clipboard_after(cinema, CONTROL, ALT))["predictions"][0]["label"] == ZEBRA
    cinema.freeze()
    cinema.user.wait(lambda: cinema.best() == ZEBRA)
    shown = [label for label, _ in cinema.user.shown_predictions()]

    copied = json.loads(clipboard_after(cinema, CONTROL, ALT))
    assert copied["path"] == films.still.name
    assert copied["model"] == FAST
    by_rank = [p["label"] for p in copied["predictions"]]
    assert set(by_rank) == set(shown)
    rows = list(csv.DictReader(io.StringIO(clipboard_after(cinema, CONTROL, SHIFT))))
    assert [row["label"] for row in rows] == by_rank
    heading, *lines = clipboard_after(cinema, CONTROL).splitlines()
    assert films.still.name in heading
    assert [line.split("  ")[-1].strip() for line in lines] == by_rank
    assert cinema.user.window.statusBar().currentMessage() == "Copied"


def test_wordnet_ids_live(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.freeze()
    QTest.qWait(300)  # until the bars stand still
    before = cinema.user.window.predictions.grab().toImage()
    cinema.user.settings.set(WNIDS, True)
    assert cinema.user.window.predictions.grab().toImage() != before
    tip = cinema.user.window.predictions.model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert "n02391049" in tip
