"""Recordings: whole records, at once, whatever ends the program or the disk.

Run as a program (by the tests below) it records for ever: FILE FORMAT [LARGEST SIZE].
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from vggscope.errors import OutputError
from vggscope.inference.classification import Classification, top_predictions
from vggscope.inference.live import LiveResult
from vggscope.inference.preprocessing import CropBox
from vggscope.inference.recording import RECORDING_FORMATS, Recorder, RecordingFormat
from vggscope.inference.report import (
    LIVE_CSV_COLUMNS,
    as_json_object,
    csv_rows,
    live_record,
    snapshot_record,
)
from vggscope.zoo.normal_form import Label

if TYPE_CHECKING:
    from vggscope.inference.smoothing import Smoothing

NOON = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
LABELS = ("tabby", 'a "quoted", label', "=1+1", "chat rayé é猫")
FULL = Path("/dev/full")


def classification(*probabilities: float) -> Classification:
    values = np.array(probabilities, np.float32)
    labels = tuple(Label(f"n{index}", label) for index, label in enumerate(LABELS))
    return Classification(
        probabilities=values,
        labels=labels,
        predictions=top_predictions(values, labels, 2),
        crop=CropBox(10, 0.123, 30, 20),
        model="tiny",
        device="cpu",
        device_name="CPU",
        milliseconds=12.34567,
    )


def result(number: int = 1, smoothing: Smoothing = "off") -> LiveResult:
    raw = classification(0.1, 0.2, 0.3, 0.4)
    return LiveResult(
        number=number,
        captured=NOON + timedelta(seconds=number - 1),
        seconds=number / 3,
        epoch=1,
        latency=45.67891,
        classification=raw,
        shown=raw if smoothing == "off" else classification(0.4, 0.3, 0.2, 0.1),
        smoothing=smoothing,
        size=(40, 20),
    )


def frames_in(path: Path, form: str) -> list[int]:
    """The frames of which the file holds whole records; nothing else may be in it."""
    content = path.read_bytes().decode()
    if form == "jsonl":
        assert content == "" or content.endswith("\n")
        return [json.loads(line)["frame"] for line in content.splitlines()]
    assert content.endswith("\r\n")
    header, *rows = csv.reader(content.splitlines())
    assert tuple(header) == LIVE_CSV_COLUMNS
    assert all(len(row) == len(header) for row in rows)
    frames = [int(row[2]) for row in rows]
    assert frames == [frame for frame in frames[:: len(LABELS)] for _ in LABELS]
    return frames[:: len(LABELS)]


def record(path: Path, form: RecordingFormat, size: int | None) -> None:
    """Record for ever; a line on stdout for each inference that is written."""
    if size is not None:
        import resource  # noqa: PLC0415 (POSIX only)

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    recorder = Recorder(path, form, top=len(LABELS))
    number = 0
    while recorder.is_open:
        number += 1
        try:
            recorder.write(result(number))
        except OutputError as error:
            sys.stdout.write(f"failed {error.message}\n")
        else:
            sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    recorder.write(result(number))
    recorder.close()
    sys.stdout.write(f"closed {recorder.count}\n")


def recording(*words: str | Path) -> subprocess.Popen[str]:
    program = [sys.executable, "-P", __file__, *map(str, words)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


# --- what is written --------------------------------------------------------------------------


def test_the_record_of_an_inference() -> None:
    assert live_record(result(2), 2) == {
        "timestamp": "2026-01-31T12:00:01.123Z",
        "seconds": 0.667,
        "frame": 2,
        "latency": 45.679,
        "model": "tiny",
        "device": "cpu",
        "milliseconds": 12.346,
        "predictions": [
            {"rank": 1, "index": 3, "wnid": "n3", "label": LABELS[3], "probability": 0.4},
            {"rank": 2, "index": 2, "wnid": "n2", "label": LABELS[2], "probability": 0.3},
        ],
    }


def test_smoothed_predictions_are_marked() -> None:
    record = live_record(result(smoothing="gentle"), 1)
    assert record["smoothing"] == "gentle"
    assert record["predictions"][0]["index"] == 0


def test_predictions_are_those_of_photos() -> None:
    photo, live = as_json_object("photo.jpg", result().shown, 3), live_record(result(), 3)
    for name in ("model", "device", "milliseconds", "predictions"):
        assert live[name] == photo[name]


def test_times_are_written_in_utc() -> None:
    here = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 1, 31, 17, 30, 0, 999_999, tzinfo=here)
    answer = result()
    moved = LiveResult(
        **{name: getattr(answer, name) for name in LiveResult.__slots__ if name != "captured"},
        captured=moment,
    )
    assert live_record(moved, 1)["timestamp"] == "2026-01-31T12:00:00.999Z"


def test_what_lies_beside_a_snapshot() -> None:
    record = snapshot_record(result(), 2, picture="cat.png", source="Integrated Camera")
    assert list(record)[:4] == ["picture", "source", "size", "crop"]
    assert record["picture"] == "cat.png"
    assert record["source"] == "Integrated Camera"
    assert record["size"] == [40, 20]
    assert record["crop"] == [10, 0.12, 30, 20]
    rest = {name: value for name, value in record.items() if name in live_record(result(), 2)}
    assert rest == live_record(result(), 2)
    assert json.loads(json.dumps(record)) == record


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Recorder(path, "jsonl", top=3) as recorder:
        recorder.write(result(1))
        recorder.write(result(4, smoothing="strong"))
        assert recorder.count == 2
    lines = path.read_text(encoding="utf-8").splitlines()
    expected = [live_record(result(1), 3), live_record(result(4, smoothing="strong"), 3)]
    assert [json.loads(line) for line in lines] == expected


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with Recorder(path, "csv", top=3) as recorder:
        recorder.write(result(1))
        recorder.write(result(2, smoothing="gentle"))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert rows[0] == {
        "timestamp": "2026-01-31T12:00:00.123Z",
        "seconds": "0.333",
        "frame": "1",
        "latency": "45.679",
        "smoothing": "off",
        "rank": "1",
        "index": "3",
        "wnid": "n3",
        "label": LABELS[3],
        "probability": "0.400000",
        "model": "tiny",
        "device": "cpu",
        "milliseconds": "12.346",
    }
    assert [row["smoothing"] for row in rows] == ["off"] * 3 + ["gentle"] * 3
    assert rows[4]["label"] == LABELS[1]


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with Recorder(path, "csv", top=4) as recorder:
        recorder.write(result())
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=1+1" in cells
    assert not [cell for cell in cells if re.match("[=+@-]", cell)]
    photos = [cell for row in csv_rows("photo.jpg", result().shown, 4) for cell in row]
    assert "'=1+1" in photos


def test_names_that_are_no_text(tmp_path: Path) -> None:
    answer = classification(1, 0, 0, 0)
    labels = (Label("n0", "lone \ud800 surrogate"), *answer.labels[1:])
    broken = Classification(
        **{name: getattr(answer, name) for name in Classification.__slots__ if name != "labels"},
        labels=labels,
    )
    whole = result()
    odd = LiveResult(
        **{name: getattr(whole, name) for name in LiveResult.__slots__ if name != "shown"},
        shown=broken,
    )
    with Recorder(tmp_path / "a.csv", "csv", top=1) as recorder:
        recorder.write(odd)
    assert rb"lone \ud800 surrogate" in (tmp_path / "a.csv").read_bytes()


# --- what becomes of it -----------------------------------------------------------------------


@pytest.mark.parametrize("form", RECORDING_FORMATS)
def test_every_record_is_in_the_file_at_once(tmp_path: Path, form: RecordingFormat) -> None:
    path = tmp_path / "recording"
    with Recorder(path, form, top=4) as recorder:
        assert frames_in(path, form) == []
        for number in range(1, 4):
            recorder.write(result(number))
            assert frames_in(path, form) == list(range(1, number + 1))


@pytest.mark.parametrize("form", RECORDING_FORMATS)
def test_what_is_recorded_survives_a_kill(tmp_path: Path, form: RecordingFormat) -> None:
    path = tmp_path / "recording"
    with recording(path, form) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(50)]
        child.kill()
        told += [int(line) for line in child.stdout if line.endswith("\n")]
        code = child.wait(60)
    assert code == (-9 if os.name == "posix" else 1)
    frames = frames_in(path, form)
    assert told == list(range(1, len(told) + 1))
    # The last one may have been written and not told of any more.
    assert frames in (told, [*told, len(told) + 1])


@pytest.mark.skipif(os.name != "posix", reason="files' sizes are limited by POSIX only")
@pytest.mark.parametrize("form", RECORDING_FORMATS)
def test_a_disk_that_fills_up_leaves_whole_records(tmp_path: Path, form: RecordingFormat) -> None:
    path = tmp_path / "recording"
    with recording(path, form, "10000") as child:
        assert child.stdout is not None
        *told, failed, closed = child.stdout.read().splitlines()
        assert child.wait(60) == 0
    assert told
    assert failed.startswith("failed “recording” could not be written: ")
    assert closed == f"closed {len(told)}"
    assert frames_in(path, form) == [int(line) for line in told]
    assert 8000 < path.stat().st_size <= 10000


@pytest.mark.skipif(not FULL.exists(), reason="there is no full disk at hand")
def test_a_full_disk_is_told_once() -> None:
    recorder = Recorder(FULL, "jsonl", top=1, replace=True)
    with pytest.raises(OutputError, match="No space left on device"):
        recorder.write(result())
    assert not recorder.is_open
    assert recorder.count == 0
    recorder.write(result())
    recorder.close()


@pytest.mark.skipif(not FULL.exists(), reason="there is no full disk at hand")
def test_a_disk_that_was_full_from_the_start() -> None:
    with pytest.raises(OutputError, match="No space left on device"):
        Recorder(FULL, "csv", top=1, replace=True)


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be deleted")
def test_a_deleted_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    recorder = Recorder(path, "jsonl", top=1)
    recorder.write(result(1))
    path.unlink()
    with pytest.raises(OutputError, match="deleted"):
        recorder.write(result(2))
    assert not recorder.is_open
    assert recorder.count == 1


def test_never_into_a_file_that_exists(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        Recorder(path, "csv", top=1)
    assert path.read_text() == "mine"
    with Recorder(path, "csv", top=4, replace=True) as recorder:
        recorder.write(result(9))
    assert frames_in(path, "csv") == [9]


@pytest.mark.parametrize("name", ["missing/a.csv", "nul\0.csv", "x" * 300, ""])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError):
        Recorder(tmp_path / name, "csv", top=1)


def test_nothing_is_written_after_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    recorder = Recorder(path, "jsonl", top=1)
    recorder.write(result(1))
    recorder.close()
    recorder.write(result(2))
    recorder.close()
    assert frames_in(path, "jsonl") == [1]


@pytest.mark.parametrize("form", RECORDING_FORMATS)
def test_records_of_several_threads_stay_whole(tmp_path: Path, form: RecordingFormat) -> None:
    path = tmp_path / "recording"
    recorder = Recorder(path, form, top=4)

    def write(start: int) -> None:
        for number in range(start, 400, 2):
            recorder.write(result(number))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    recorder.close()
    assert sorted(frames_in(path, form)) == list(range(400))
    assert recorder.count == 400


def main(words: list[str]) -> None:
    path, form, *size = words
    forms: dict[str, Any] = {name: name for name in get_args(RecordingFormat)}
    record(Path(path), forms[form], int(size[0]) if size else None)


if __name__ == "__main__":
    main(sys.argv[1:])
