"""The command line as processes: pipes, signals, locales, terminals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support import command, environment, picture
from vggscope import paths
from vggscope.diagnostics import CrashGuard

pytestmark = pytest.mark.usefixtures("tiny")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other means")
TIMEOUT = 120
# A shell that runs in the background has its children ignore SIGINT; a terminal's does not.
INTERRUPTIBLE = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "runpy.run_module('vggscope', run_name='__main__', alter_sys=True)"
)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "p.png"
    Image.fromarray(picture().pixels).save(path)
    return path


def run(
    *words: str | Path, changes: dict[str, str | None] | None = None, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run(
        command(*words), env=environment(**(changes or {})), timeout=TIMEOUT, check=False, **pipes
    )


def classify(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return run("classify", "--model", "tiny", *words, **options)


def test_statuses(photo: Path) -> None:
    sample = paths.resource("samples", "pizza.jpg")
    good = run("classify", sample, "--format", "jsonl")
    assert (good.returncode, good.stderr) == (0, b"")
    assert json.loads(good.stdout)["predictions"][0]["label"] == "pizza"
    some = classify(photo, "gone.jpg", "--format", "jsonl")
    assert (some.returncode, some.stderr) == (1, b"")
    assert [b"error" in line for line in some.stdout.splitlines()] == [False, True]
    none = run("classify", photo, "--model", "vgg99")
    assert (none.returncode, none.stdout) == (2, b"")
    assert none.stderr.decode().startswith("vggscope: There is no model called “vgg99”.")


@posix
def test_a_reader_that_has_seen_enough(photo: Path) -> None:
    words = command("classify", "--model", "tiny", "--format", "jsonl", *["p.png"] * 2000)
    with subprocess.Popen(
        words,
        cwd=photo.parent,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert json.loads(child.stdout.readline())["path"] == "p.png"
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(TIMEOUT) == 0


@posix
@pytest.mark.parametrize(
    "words",
    [
        ["layers"],
        ["doctor"],
        ["classify", "--model", "tiny", "p.png", "--format", "json"],
        ["classify", "--model", "tiny", "p.png"],
    ],
    ids=["layers", "doctor", "json", "table"],
)
def test_nobody_reads(photo: Path, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as broken:
        child = run(*words, stdout=broken, cwd=photo.parent)
    assert (child.returncode, child.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk here")
@pytest.mark.parametrize("words", [["layers"], ["classify", "--model", "tiny", "p.png"]])
def test_stdout_on_a_full_disk(photo: Path, words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        child = run(*words, stdout=full, cwd=photo.parent)
    assert child.returncode == 2
    assert child.stderr.decode().startswith("vggscope: “stdout” could not be written: No space")
    assert child.stderr.count(b"\n") == 1


@posix
def test_closed_stdout(photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    words = command("classify", "--model", "tiny", photo, "--format", "json", "-o", target)
    child = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *words],
        env=environment(),
        stderr=subprocess.PIPE,
        check=False,
        timeout=TIMEOUT,
    )
    assert (child.returncode, child.stderr) == (0, b"")
    assert json.loads(target.read_bytes())[0]["predictions"]


@posix
@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_interrupted(photo: Path, kind: str) -> None:
    count = 40_000
    words = ["classify", "--model", "tiny", "--format", kind, *["p.png"] * count]
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *words],
        bufsize=0,
        cwd=photo.parent,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        begun = child.stdout.read(1)
        child.send_signal(signal.SIGINT)
        rest, complaints = child.communicate(timeout=TIMEOUT)
    assert (child.returncode, complaints) == (130, b"")
    text = (begun + rest).decode()
    results = json.loads(text) if kind == "json" else list(map(json.loads, text.splitlines()))
    assert 0 < len(results) < count
    assert all(result["predictions"] for result in results)


@posix
@pytest.mark.parametrize(
    "changes",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["C", "POSIX", "ascii"],
)
def test_names_in_poor_locales(photo: Path, changes: dict[str, str | None]) -> None:
    target = photo.with_name("Ærøskøbing 猫.png")
    photo.rename(target)
    child = classify(target, target.with_name("göne.png"), changes=changes)
    assert (child.returncode, child.stderr) == (1, b"")
    assert "Ærøskøbing 猫.png" in child.stdout.decode()
    assert "“göne.png”" in child.stdout.decode()
    missing = run("layers", "--model", "ö", changes=changes)
    assert "“ö”" in missing.stderr.decode()


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names are Unicode there")
@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "table"])
def test_names_that_are_no_utf8(photo: Path, tmp_path: Path, kind: str) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    photo.rename(photo.with_name(name))
    words = ("--format", kind, "--top", "1", photo.with_name(name), f"gone {name}")
    for options in ((), ("-o", tmp_path / "out"))[: 2 if kind == "json" else 1]:
        child = classify(*words, *options)
        assert (child.returncode, child.stderr) == (1, b"")
        out = (tmp_path / "out").read_bytes() if options else child.stdout
        text = out.decode("utf-8")  # strictly
        if kind == "json":
            good, bad = json.loads(text)
        elif kind == "jsonl":
            good, bad = map(json.loads, text.splitlines())
        else:
            assert "caf" in text
            continue
        assert os.fsencode(good["path"]) == os.fsencode(photo.with_name(name))
        assert os.fsencode(bad["path"]) == b"gone caf\xe9.png"
        assert "gone caf\N{REPLACEMENT CHARACTER}.png" in bad["error"]["message"]


@posix
def test_progress_is_for_terminals(photo: Path) -> None:
    parent, terminal = os.openpty()
    pytest.importorskip("termios").tcsetwinsize(terminal, (24, 80))
    with os.fdopen(terminal, "wb") as stderr:
        child = classify("--format", "json", *[photo] * 3, stderr=stderr)
    shown = b""
    with os.fdopen(parent, "rb", buffering=0) as screen, contextlib.suppress(OSError):
        # Linux says "input/output error" where nobody writes any more.
        while part := screen.read(1000):
            shown += part
    assert child.returncode == 0
    assert len(json.loads(child.stdout)) == 3
    assert b"3/3" in shown
    assert b"pictures" in shown


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="there is always a display")
def test_no_display() -> None:
    without = {"DISPLAY": None, "WAYLAND_DISPLAY": None, "QT_QPA_PLATFORM": None}
    child = run(changes=without)
    assert (child.returncode, child.stdout) == (2, b"")
    assert child.stderr.decode().startswith("vggscope: there is no display")
    assert "vggscope classify" in child.stderr.decode()
    assert child.stderr.count(b"\n") == 1


def test_a_native_crash_waits_for_the_window(photo: Path, data_dir: Path) -> None:
    code = (
        "import faulthandler; from vggscope.cli.main import main;"
        "from vggscope.inference import stream;"
        "stream.classify_stream = lambda *_, **__: faulthandler._sigsegv();"
        f"main(['classify', '--model', 'tiny', {str(photo)!r}])"
    )
    for _ in range(2):
        child = subprocess.run(
            [sys.executable, "-c", code],
            env=environment(),
            capture_output=True,
            check=False,
            timeout=TIMEOUT,
        )
        assert child.returncode not in {0, 1, 2}
    assert run("layers").returncode == 0
    guard = CrashGuard()
    reports = guard.start()
    guard.stop()
    assert len(reports) == 2
    for report in reports:
        assert report.parent == data_dir / "log"
        assert "classify.py" in report.read_text(encoding="utf-8")


def test_commands_need_no_qt(photo: Path) -> None:
    code = (
        "import sys; from vggscope.cli.main import main;"
        f"assert main(['classify', '--model', 'tiny', {str(photo)!r}]) == 0;"
        "assert main(['doctor']) == 0;"
        "sys.exit(any(name.startswith('PySide6') for name in sys.modules))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=TIMEOUT,
    )
    assert child.returncode == 0
