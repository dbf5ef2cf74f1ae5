"""Streams that are not there: windowed programs have none, and shells can close them."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support import command, environment
from vggscope import __version__, paths
from vggscope.cli import streams
from vggscope.cli.main import main, main_gui
from vggscope.diagnostics import LOG_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT = 120
CLOSED = {"stdout": ">&-", "stderr": "2>&-", "both": ">&- 2>&-", "all": "<&- >&- 2>&-"}
# What a windowed program of Windows starts with.
WINDOWED = "import sys; sys.stdin = sys.stdout = sys.stderr = None;"


def log() -> str:
    file = paths.log_dir() / LOG_FILE
    return file.read_text(encoding="utf-8") if file.exists() else ""


@contextlib.contextmanager
def nowhere() -> Iterator[None]:
    """As in a windowed program. Not a fixture: pytest puts its own streams in before a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        patch.setattr(sys, "stderr", None)
        yield
        assert sys.stdout is sys.stderr is None


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of the boxes that Windows would show."""
    shown: list[str] = []

    def show(text: str) -> bool:
        shown.append(text)
        return True

    monkeypatch.setattr(streams, "_show_box", show)
    return shown


@pytest.mark.skipif(sys.platform == "win32", reason="there streams are not closed by a shell")
@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED)
@pytest.mark.parametrize(
    ("words", "status"),
    [(["--version"], 0), (["--bad-option"], 2), (["layers"], 0), (["layers", "--model", "x"], 2)],
    ids=["version", "bad option", "result", "error"],
)
def test_closed_by_the_shell(words: list[str], status: int, closed: str) -> None:
    child = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command(*words)],
        env=environment(),
        check=False,
        timeout=TIMEOUT,
        capture_output=True,
        text=True,
    )
    assert child.returncode == status, log()
    assert "Traceback" not in child.stderr + log()
    if status and "2>&-" in closed:
        assert words[-1] in log().partition("Nobody could read: ")[2]
    # Nothing of what was written for the terminal, or by libraries, went into a file of ours.
    assert "138,357,544" not in log()


@pytest.mark.parametrize(
    ("words", "status"), [("[]", 2), ("['--bad']", 2), ("['doctor']", 0), ("['classify']", 2)]
)
def test_a_program_without_streams(words: str, status: int) -> None:
    code = f"{WINDOWED} from vggscope.cli.main import main; sys.exit(main({words}))"
    nothing = {"DISPLAY": None, "WAYLAND_DISPLAY": None, "QT_QPA_PLATFORM": None}
    child = subprocess.run(
        [sys.executable, "-c", code], env=environment(**nothing), check=False, timeout=TIMEOUT
    )
    assert child.returncode == status
    assert "Traceback" not in log()
    assert ("Nobody could read" in log()) == (status != 0)


@pytest.mark.parametrize("words", [["--bad-option"], ["layers", "--bad-option"]])
def test_a_misspelt_option_is_told_in_a_box(boxes: list[str], words: list[str]) -> None:
    with nowhere(), pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    [text] = boxes
    assert "usage: vggscope" in text
    assert text.endswith("unrecognized arguments: --bad-option")


def test_help_and_version_are_told_in_a_box(
    boxes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in ("--version", "--help"):
        monkeypatch.setattr(sys, "argv", ["VGGscope.exe", word])
        with nowhere(), pytest.raises(SystemExit):
            main_gui()
    assert boxes[0] == f"VGGscope {__version__}"
    assert boxes[1].startswith("usage: vggscope")
    assert len(boxes) == 2


def test_what_goes_well_needs_no_box(boxes: list[str]) -> None:
    with nowhere():
        assert main(["layers"]) == 0
    assert boxes == []


def test_an_end_without_a_window_is_told_in_a_box(
    boxes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr("vggscope.ui.app.run_window", fail)
    for words in ([], ["live", "--source", "screen"]):
        monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
        with nowhere():
            assert main(words) == 2
    assert len(boxes) == 2
    for text in boxes:
        assert "did not expect" in text
        assert str(paths.log_dir()) in text
        assert "deep inside" not in text


def test_of_much_output_only_the_beginning_is_kept(boxes: list[str]) -> None:
    def speak() -> int:
        for _ in range(1000):
            assert sys.stdout.write("x" * 1000) == 1000
        sys.stdout.flush()
        assert not sys.stdout.isatty()
        return 2

    with nowhere():
        assert streams.with_streams(speak) == 2
    assert [len(text) for text in boxes] == [4000]


def test_elsewhere_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def speak() -> int:
        sys.stdout.write("the result")
        sys.stderr.write("the reason\n")
        return 1

    with caplog.at_level(logging.WARNING), nowhere():
        assert streams.with_streams(speak) == 1
    assert "Nobody could read: the reason" in caplog.text
    assert "the result" not in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="a shell is needed")
def test_files_do_not_get_the_numbers_of_closed_streams(tmp_path: Path) -> None:
    code = (
        "import os, sys; from vggscope.cli.streams import occupy_numbers; occupy_numbers();"
        f"number = os.open({str(tmp_path / 'file')!r}, os.O_WRONLY | os.O_CREAT);"
        "os.write(1, b'a library speaks'); os.write(2, b'and complains'); sys.exit(number)"
    )
    child = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code],
        env=environment(),
        check=False,
        timeout=TIMEOUT,
    )
    assert child.returncode >= 3
    assert (tmp_path / "file").read_bytes() == b""


def test_streams_that_are_there_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr

    def speak() -> int:
        sys.stdout.write("heard")
        return 3

    assert streams.with_streams(speak) == 3
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("heard", "")
