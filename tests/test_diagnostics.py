"""Log, uncaught errors, native crashes: what is there on the day when something goes wrong."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from support import environment
from vggscope import __version__, paths
from vggscope.diagnostics import LOG_FILE, CrashGuard, log_uncaught, start_logging

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("vggscope.test")


@pytest.fixture
def log_file(data_dir: Path) -> Path:
    return data_dir / "log" / LOG_FILE


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that cannot be made, not even by root: there is a file in its place."""
    folder = tmp_path / "file"
    folder.write_text("")
    monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(folder))
    return folder


# --- log --------------------------------------------------------------------------------------


def test_the_log_begins_with_versions(log_file: Path) -> None:
    start_logging()
    log.info("Größe 5")
    log.debug("a detail")
    first, second = log_file.read_text(encoding="utf-8").splitlines()
    assert f"VGGscope {__version__}, Python {sys.version.split()[0]}" in first
    assert second.endswith(" INFO MainThread vggscope.test: Größe 5")


def test_verbose(log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(verbose=True)
    log.debug("a detail")
    assert "DEBUG MainThread vggscope.test: a detail" in capsys.readouterr().err
    assert "a detail" in log_file.read_text(encoding="utf-8")


def test_not_verbose_is_silent(log_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start_logging()
    log.error("a failure")
    assert capfd.readouterr() == ("", "")
    assert "a failure" in log_file.read_text(encoding="utf-8")


def test_the_log_is_rotated(log_file: Path) -> None:
    start_logging()
    for number in range(60):
        log.info("%d %s", number, "x" * 100_000)
    files = sorted(log_file.parent.iterdir())
    assert files[0] == log_file
    assert 1 < len(files) <= 4
    assert all(file.stat().st_size <= 1_000_000 for file in files)
    assert "59 xxx" in log_file.read_text(encoding="utf-8")


def test_warnings_go_to_the_log(log_file: Path) -> None:
    start_logging()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("something is old", stacklevel=1)
    assert "something is old" in log_file.read_text(encoding="utf-8")


def test_without_a_place_for_the_log(nowhere: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start_logging()
    log.error("nobody hears this")
    assert capfd.readouterr() == ("", "")
    assert nowhere.read_text() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be taken away there")
def test_the_place_vanishes(log_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start_logging()
    for file in log_file.parent.iterdir():
        file.unlink()
    log_file.parent.rmdir()
    for number in range(30):  # beyond a rotation, for which the folder is needed
        log.error("%d %s", number, "x" * 100_000)
    assert capfd.readouterr() == ("", "")


# --- errors that nobody caught ----------------------------------------------------------------


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the threads on which ``tell`` was called; the hooks are put back afterwards."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    names: list[str] = []
    start_logging()
    log_uncaught(lambda: names.append(threading.current_thread().name))
    return names


def fail_in_thread(error: BaseException) -> None:
    def work() -> None:
        raise error

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()


def test_an_error_in_a_thread(log_file: Path, told: list[str]) -> None:
    fail_in_thread(ZeroDivisionError("deep inside"))
    assert told == ["worker"]
    text = log_file.read_text(encoding="utf-8")
    assert "CRITICAL worker vggscope.diagnostics: Uncaught" in text
    assert "Traceback (most recent call last):" in text
    assert "ZeroDivisionError: deep inside" in text


def test_a_thread_that_ends_itself(log_file: Path, told: list[str]) -> None:
    fail_in_thread(SystemExit(3))
    assert told == []
    assert "CRITICAL" not in log_file.read_text(encoding="utf-8")


def test_an_error_in_the_main_thread(log_file: Path, told: list[str]) -> None:
    error = KeyError("at the top")
    sys.excepthook(type(error), error, None)
    assert told == ["MainThread"]
    assert "KeyError: 'at the top'" in log_file.read_text(encoding="utf-8")


def test_an_interruption_is_no_error(
    log_file: Path, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert told == []
    assert "CRITICAL" not in log_file.read_text(encoding="utf-8")
    assert "KeyboardInterrupt" in capsys.readouterr().err


# --- native crashes ---------------------------------------------------------------------------

GUARDED = "from vggscope.diagnostics import CrashGuard; guard = CrashGuard(); guard.start(); "
CRASHES = {
    "read of address 0": "import ctypes; ctypes.string_at(0)",
    "SIGSEGV": "import faulthandler; faulthandler._sigsegv()",
    "abort": "import os; os.abort()",
    "in a thread": (
        "import faulthandler, threading;threading.Thread(target=faulthandler._sigsegv).start()"
    ),
}


def child(code: str, *, check: bool, stderr: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=stderr,
        check=check,
        text=True,
        timeout=60,
    )


def guarded(code: str) -> int:
    """The status of a process that ends by ``code`` under a `CrashGuard` of this test's."""
    return child(GUARDED + code, stderr=subprocess.DEVNULL, check=False).returncode


def next_start() -> list[Path]:
    """The reports that a start of the program finds."""
    code = (
        "from vggscope.diagnostics import CrashGuard; guard = CrashGuard();"
        "print(*guard.start(), sep='|', end=''); guard.stop()"
    )
    return [paths.log_dir() / path for path in child(code, check=True).stdout.split("|") if path]


@pytest.mark.parametrize("crash", CRASHES.values(), ids=CRASHES)
def test_a_native_crash_is_reported_once(crash: str, data_dir: Path) -> None:
    assert guarded(crash) != 0
    [report] = next_start()
    text = report.read_text(encoding="utf-8")
    assert "Fatal Python error" in text or "Windows fatal exception" in text
    assert '"<string>", line 1' in text
    assert report.parent == data_dir / "log"
    assert next_start() == []
    assert report.exists()  # for a bug report


def test_two_windows_crash() -> None:
    windows = [
        subprocess.Popen(
            [sys.executable, "-c", f"{GUARDED} print(flush=True); input(); {crash}"],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for crash in (CRASHES["SIGSEGV"], CRASHES["abort"])
    ]
    for window in windows:
        assert window.stdout is not None
        window.stdout.readline()
    for window in windows:
        window.communicate(b"\n", timeout=60)
    assert len(set(next_start())) == 2
    assert next_start() == []


def test_only_the_latest_reports_are_kept(data_dir: Path) -> None:
    folder = data_dir / "log"
    folder.mkdir(parents=True)
    for number in range(15):
        report = folder / f"crash-{number}.txt"
        report.write_text("Fatal Python error")
        os.utime(report, (number, number))
    assert next_start() == []
    kept = {file.name for file in folder.glob("crash-*")}
    assert kept == {f"crash-{number}.txt" for number in range(5, 15)}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_killed_process_is_no_crash(data_dir: Path) -> None:
    killed = guarded("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert killed == -signal.SIGKILL
    assert len(list((data_dir / "log").glob("running-*"))) == 1
    assert next_start() == []
    assert list((data_dir / "log").iterdir()) == []


@pytest.mark.parametrize("code", ["guard.stop()", "guard.stop(); guard.stop()"])
def test_a_good_end_leaves_nothing(code: str, data_dir: Path) -> None:
    assert guarded(code) == 0
    assert list((data_dir / "log").iterdir()) == []


def test_a_running_process_is_left_alone(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", GUARDED + "print(flush=True); input(); guard.stop()"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as window:
        assert window.stdout is not None
        window.stdout.readline()
        assert next_start() == []
        [mark] = (data_dir / "log").glob("running-*")
        window.communicate(b"\n", timeout=60)
    assert window.returncode == 0
    assert not mark.exists()


def test_files_that_are_not_ours(data_dir: Path) -> None:
    folder = data_dir / "log"
    folder.mkdir(parents=True)
    strangers = ["running-17 (copy).txt", "running-.txt", "running-off.txt", "crash-1.txt"]
    for name in strangers:
        (folder / name).write_text("Fatal Python error")
    (folder / f"running-{10**30}.txt").write_text("Fatal Python error: no such number")
    assert [report.name for report in next_start()] == [f"crash-{10**30}.txt"]
    assert {path.name for path in folder.iterdir()} == {*strangers, f"crash-{10**30}.txt"}


def test_an_earlier_process_had_our_number(data_dir: Path) -> None:
    code = (
        "import os, pathlib; folder = pathlib.Path(os.environ['VGGSCOPE_DATA_DIR'], 'log');"
        "folder.mkdir(parents=True); mark = folder / f'running-{os.getpid()}.txt';"
        "mark.write_text('Fatal Python error');"
        "from vggscope.diagnostics import CrashGuard; [report] = CrashGuard().start();"
        "assert report.read_text() == 'Fatal Python error'; assert mark.read_text() == ''"
    )
    assert child(code, check=False).returncode == 0
    assert len(list((data_dir / "log").glob("crash-*"))) == 1


def test_a_report_of_our_number_is_left_for_who_collects(data_dir: Path) -> None:
    code = (
        "import os, pathlib; folder = pathlib.Path(os.environ['VGGSCOPE_DATA_DIR'], 'log');"
        "folder.mkdir(parents=True); mark = folder / f'running-{os.getpid()}.txt';"
        "mark.write_text('Fatal Python error');"
        "from vggscope.diagnostics import CrashGuard; guard = CrashGuard();"
        "import faulthandler; assert guard.start(collect=False) == [];"
        "faulthandler.dump_traceback(guard._file); assert mark.stat().st_size > 30;"
        "guard.stop(); assert mark.read_text() == 'Fatal Python error'"
    )
    assert child(code, check=False).returncode == 0
    assert [path.name.split("-")[0] for path in (data_dir / "log").iterdir()] == ["running"]
    assert len(next_start()) == 1


def test_crashes_without_a_place_for_reports(nowhere: Path) -> None:
    guard = CrashGuard()
    assert guard.start() == []
    guard.stop()
    assert nowhere.read_text() == ""
