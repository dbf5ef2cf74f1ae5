"""``vggscope evaluate``: tables, statuses, and going on where it was killed."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from support import command, environment, picture
from vggscope import paths
from vggscope.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    from support import Run

TIMEOUT = 60


@pytest.fixture
def run(tiny: object, run: Run) -> Run:
    """Run ``vggscope evaluate`` with the model "tiny": (status, stdout, stderr)."""
    assert tiny
    return partial(run, "evaluate", "--model", "tiny")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(8):
        path = tmp_path / "photos" / ("red", "n1")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(seed=number).pixels).save(path)
    return tmp_path / "photos"


def test_the_table_tells_all(run: Run, folder: Path) -> None:
    status, out, err = run(folder)
    assert (status, err) == (0, "")
    assert "tiny, cpu, centre: 8 photos of 2 classes" in out
    assert "top-5 100.00% (95 % confidence: 67.56% to 100.00%)" in out
    for words in ("red", "green", "most often taken for"):
        assert words in out


def test_what_is_left_out_is_listed(run: Run, folder: Path) -> None:
    (folder / "red" / "broken.png").write_bytes(b"no picture")
    (folder / "blood orange").mkdir()
    status, out, err = run(folder, "--format", "json")
    assert status == 1
    record = json.loads(out)
    assert record["photos"] == 8
    assert [each["path"].rpartition("/")[2] for each in record["failures"]] == ["broken.png"]
    assert record["unknown_classes"] == [{"name": "blood orange", "photos": 0}]
    assert "broken.png" in err
    assert "“blood orange”, no class of tiny" in err


@pytest.mark.parametrize("protocol", ["10-crop", "dense"])
def test_other_protocols_and_a_truth_file(run: Run, folder: Path, protocol: str) -> None:
    truth = folder.parent / "truth.csv"
    names = sorted(path.name for path in folder.rglob("*.png"))
    truth.write_text("".join(f"{name},blue\n" for name in names))
    status, out, _ = run(folder, "--truth", truth, "--protocol", protocol, "--format", "csv")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["label"], row["photos"]) for row in rows] == [("blue", "8"), ("all", "8")]
    assert rows[0]["protocol"] == protocol


@pytest.mark.parametrize("words", [["missing"], ["."], ["--top", "3", "."]])
def test_nothing_done(
    run: Run, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert err


def test_photos_that_all_fail_are_no_result(run: Run, tmp_path: Path) -> None:
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "a.png").write_bytes(b"")
    status, out, err = run(tmp_path, "-o", tmp_path / "out.csv")
    assert (status, out) == (2, "")
    assert "none of the 1 can be opened" in err
    assert not (tmp_path / "out.csv").exists()


def test_the_journal_goes_when_the_output_is_there(run: Run, folder: Path) -> None:
    output = folder.parent / "out.json"
    status, out, _ = run(folder, "-o", output, "--format", "json")
    assert (status, json.loads(output.read_bytes())["photos"]) == (0, 8)
    assert "top-1" in out
    assert sorted(path.name for path in folder.parent.iterdir()) == ["out.json", "photos"]


def test_resume_keeps_its_file(run: Run, folder: Path) -> None:
    journal = folder.parent / "kept"
    first = run(folder, "--resume", journal, "--format", "csv")
    again = run(folder, "--resume", journal, "--format", "csv")
    assert first[1] == again[1]
    assert "8 photos are done already" in again[2]
    other = run(folder, "--resume", journal, "--protocol", "dense")
    assert other[0] == 2
    assert "another evaluation" in other[2]


def wait_for_some(journal: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until three photos are in ``journal``, while the process goes on."""
    deadline = time.monotonic() + TIMEOUT
    while not journal.exists() or journal.read_bytes().count(b"\n") < 4:
        assert process.poll() is None
        assert time.monotonic() < deadline
        os.sched_yield()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_it_goes_on(run: Run, folder: Path) -> None:
    photos = sorted(folder.rglob("*.png"))
    for number in range(1500):
        os.link(photos[number % 8], folder / "red" / f"again {number}.png")
    output = folder.parent / "out.csv"
    journal = folder.parent / "out.csv.journal"
    words = ("evaluate", folder, "--model", "tiny", "-o", output, "--format", "csv")
    process = subprocess.Popen(command(*words), env=environment())
    wait_for_some(journal, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait(TIMEOUT) == -signal.SIGKILL
    done = journal.read_bytes().count(b"\n") - 1
    assert 3 <= done < 1508
    assert not output.exists()
    status, _, err = run(folder, "-o", output, "--format", "csv")
    assert (status, err) == (0, f"vggscope: {done} photos are done already\n")
    assert output.read_bytes().decode() == run(folder, "--format", "csv")[1]
    assert not journal.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_ctrl_c_tells_that_it_goes_on(folder: Path, tiny: object) -> None:
    assert tiny
    photos = sorted(folder.rglob("*.png"))
    for number in range(1500):
        os.link(photos[number % 8], folder / "red" / f"again {number}.png")
    journal = folder.parent / "out.csv.journal"
    # A shell that runs in the background has its children ignore SIGINT; a terminal's does not.
    interruptible = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "runpy.run_module('vggscope', run_name='__main__', alter_sys=True)"
    )
    words = ("evaluate", folder, "--model", "tiny", "-o", folder.parent / "out.csv")
    with subprocess.Popen(
        [sys.executable, "-c", interruptible, *words],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        wait_for_some(journal, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT)
    done = journal.read_bytes().count(b"\n") - 1
    assert (process.returncode, out) == (130, b"")
    told = f"vggscope: Paused: {done} photos are done. The same command goes on from there.\n"
    assert err.decode() == told


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")
def test_a_terminal_sees_progress(folder: Path, tiny: object) -> None:
    assert tiny
    ours, theirs = os.openpty()
    pytest.importorskip("termios").tcsetwinsize(theirs, (24, 100))
    words = ("evaluate", folder, "--model", "tiny")
    with subprocess.Popen(
        command(*words), env=environment(), stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = b""
        # Linux reports an end of the other side as an error.
        with contextlib.suppress(OSError):
            while more := os.read(ours, 65536):
                seen += more
        os.close(ours)
        out, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert b"8/8" in seen
    assert b"top-1" in out


def test_sample_photos_with_the_bundled_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, folder in {"zebra": "n02391049", "pizza": "Pizza", "sports-car": "817"}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").symlink_to(paths.resource("samples", f"{name}.jpg"))
    assert main(["evaluate", str(tmp_path), "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["top1"]["hits"] == 3
    assert [row["label"] for row in record["classes"]] == ["zebra", "sports car", "pizza"]
