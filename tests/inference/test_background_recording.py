"""Recordings on a thread of their own: what becomes of what waits, and who is told."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from inference.test_recording import frames_in, result
from vggscope.errors import OutputError
from vggscope.inference import recording
from vggscope.inference.capture_files import write_all
from vggscope.inference.recording import RECORDING_FORMATS, BackgroundRecording, RecordingFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path


class Stuck:
    """A disk that answers only when it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def write_all(self, file: FileIO, content: bytes) -> None:
        assert self.answers.wait(30)
        write_all(file, content)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    disk = Stuck()
    monkeypatch.setattr(recording, "write_all", disk.write_all)
    yield disk
    disk.answers.set()


class Listener:
    """Who is told of the end."""

    def __init__(self) -> None:
        self.told: list[Path | OutputError] = []

    def __call__(self, _recording: BackgroundRecording, outcome: Path | OutputError) -> None:
        self.told.append(outcome)


@pytest.mark.parametrize("form", RECORDING_FORMATS)
def test_everything_is_written_in_order(tmp_path: Path, form: RecordingFormat) -> None:
    ended, path = Listener(), tmp_path / "new" / f"a.{form}"
    made = BackgroundRecording(path, form, 4, ended)
    for number in range(60):
        made.write(result(number))
    assert ended.told == []
    made.end()
    made.end()
    made.write(result(60))
    assert made.wait(30)
    assert ended.told == [path]
    assert frames_in(path, form) == list(range(60))


def test_a_hundred_records_wait_and_no_more(tmp_path: Path, stuck: Stuck) -> None:
    ended, path = Listener(), tmp_path / "a.csv"
    made = BackgroundRecording(path, "csv", 4, ended)
    # It hangs in the header.
    for number in range(100):
        made.write(result(number))
    assert ended.told == []
    made.write(result(100))
    [error] = ended.told
    assert isinstance(error, OutputError)
    assert error.message == "“a.csv” could not be written: the disk is too slow."
    for number in range(101, 300):
        made.write(result(number))
    assert not made.wait(0.01)
    assert made._waiting.qsize() == 101

    stuck.answers.set()
    assert made.wait(30)
    assert ended.told == [error]
    assert frames_in(path, "csv") == list(range(100))


def test_nobody_is_told_who_has_gone(tmp_path: Path, stuck: Stuck) -> None:
    ended, path = Listener(), tmp_path / "a.jsonl"
    made = BackgroundRecording(path, "jsonl", 4, ended)
    made.write(result(1))
    made.end()
    assert not made.wait(0.05)
    made.mute()
    stuck.answers.set()
    assert made.wait(30)
    assert ended.told == []
    assert frames_in(path, "jsonl") == [1]


def test_what_goes_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(_file: FileIO, _content: bytes) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(recording, "write_all", break_down)
    ended = Listener()
    made = BackgroundRecording(tmp_path / "a.csv", "csv", 4, ended)
    assert made.wait(30)
    [error] = ended.told
    assert isinstance(error, OutputError)
    assert error.details == {"name": "a.csv", "reason": "RuntimeError"}
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_never_answers_does_not_keep_the_program(tmp_path: Path) -> None:
    program = f"""
import threading, time
from pathlib import Path
from vggscope.inference import recording
hangs = threading.Event()
def write_all(*_):
    hangs.set()
    time.sleep(3600)
recording.write_all = write_all
recording.BackgroundRecording(Path({str(tmp_path)!r}) / "a.csv", "csv", 1, print)
assert hangs.wait(30)
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert ended.returncode == 0
