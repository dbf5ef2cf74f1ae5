"""The program as a user starts it: a process of its own, on a real display."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from e2e.desktop import Desktop, Program, wait_until
from support import command, environment
from vggscope import paths

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

SAMPLES = paths.resource("samples")
ACCENT = (0x1F, 0x6F, 0xC4)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an X server is needed")


def sample(name: str) -> str:
    return str(SAMPLES / f"{name}.jpg")


def bars(shot: Image.Image) -> int:
    """How many pixels of the predictions pane are bars."""
    pane = shot.crop((shot.width - 280, 100, shot.width, shot.height - 60))
    return sum(pixel == ACCENT for pixel in pane.get_flattened_data())


def log(data_dir: Path) -> str:
    file = data_dir / "log" / "vggscope.log"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def assert_clean_end(program: Program, data_dir: Path, number: int = signal.SIGTERM) -> None:
    # Signals are watched before the model is opened.
    wait_until(lambda: "Opened" in log(data_dir), "the model")
    status, written = program.end(number)
    assert (status, written) == (0, "")
    assert "geometry" in (data_dir / "config" / "window.ini").read_text(encoding="utf-8")
    assert "CRITICAL" not in log(data_dir)
    assert list((data_dir / "log").glob("running-*")) == []


def test_a_photo_on_the_command_line_is_shown_and_classified(
    desktop: Desktop, data_dir: Path
) -> None:
    program = desktop.start(sample("zebra"))
    window = desktop.window("zebra.jpg — VGGscope", program)
    wait_until(lambda: bars(desktop.photo_of(window)) > 500, "bars of predictions")
    shot = desktop.photo_of(window)
    colours = shot.getcolors(shot.width * shot.height)
    assert len(colours or ()) > 200, "the photo is on the screen"
    assert_clean_end(program, data_dir)


def test_the_window_comes_back_as_it_was_left(desktop: Desktop, data_dir: Path) -> None:
    program = desktop.start()
    window = desktop.window("VGGscope", program)
    desktop.place(window, 40, 40, 1010, 710)
    wait_until(lambda: desktop.photo_of(window).size == (1010, 710), "the new size")
    assert_clean_end(program, data_dir)
    again = desktop.start()
    window = desktop.window("VGGscope", again)
    wait_until(lambda: desktop.photo_of(window).size == (1010, 710), "the size it was left with")
    assert_clean_end(again, data_dir)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_other_signals_that_end_a_session(desktop: Desktop, data_dir: Path, number: int) -> None:
    program = desktop.start()
    desktop.window("VGGscope", program)
    assert_clean_end(program, data_dir, number)


def test_the_window_managers_cross_ends_the_program(desktop: Desktop, data_dir: Path) -> None:
    program = desktop.start(sample("pizza"))
    window = desktop.window("pizza.jpg — VGGscope", program)
    if not desktop.has_manager:
        pytest.skip("there is no window manager: openbox is not installed")
    desktop.focus(window)
    # The window manager hears of the focus in its own time.
    wait_until(
        lambda: desktop.xdotool("key", "alt+F4") or program.process.poll() is not None,
        "the end of the program",
    )
    assert program.wait() == (0, "")
    assert (data_dir / "config" / "window.ini").exists()


def test_ctrl_q_ends_the_program(desktop: Desktop) -> None:
    program = desktop.start()
    desktop.key(desktop.window("VGGscope", program), "ctrl+q")
    assert program.wait() == (0, "")


def test_a_signal_ends_the_program_while_a_dialog_is_open(desktop: Desktop, data_dir: Path) -> None:
    program = desktop.start()
    desktop.key(desktop.window("VGGscope", program), "F1")
    desktop.window("Keyboard shortcuts", program)
    assert_clean_end(program, data_dir)


def test_a_signal_ends_the_program_in_the_middle_of_a_folder(
    desktop: Desktop, data_dir: Path, tmp_path: Path
) -> None:
    for number in range(200):
        (tmp_path / f"{number}.jpg").symlink_to(sample("zebra"))
    program = desktop.start(tmp_path)
    desktop.window("0.jpg — VGGscope", program)
    assert_clean_end(program, data_dir)


def test_relative_names_folders_and_wrong_names(
    desktop: Desktop, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here.jpg").write_bytes((SAMPLES / "zebra.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)
    program = desktop.start("here.jpg", "gone.jpg", "https://example.org/cat.jpg")
    window = desktop.window("here.jpg — VGGscope", program)
    desktop.key(window, "alt+Right")
    desktop.window("gone.jpg — VGGscope", program)
    desktop.key(window, "alt+Right")
    desktop.window("cat.jpg — VGGscope", program)
    assert_clean_end(program, data_dir)


def test_without_a_display_it_says_what_to_do_instead() -> None:
    nothing = environment(DISPLAY=None, WAYLAND_DISPLAY=None, QT_QPA_PLATFORM=None)
    done = subprocess.run(
        command(sample("zebra")), env=nothing, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no display" in done.stderr
    assert "vggscope classify" in done.stderr


SIGNAL_ITSELF = """
import os, signal, sys
from vggscope.ui.app import run_window
from vggscope.ui.main_window import MainWindow

begin = MainWindow.begin

def signal_itself(window):
    begin(window)
    os.kill(os.getpid(), signal.SIGTERM)
    # Python has called its handler by now: in the middle of whatever is being done here.
    print("still open" if window.isVisible() else "closed too early")

MainWindow.begin = signal_itself
sys.exit(run_window([]))
"""


def test_a_signal_closes_the_window_between_events_not_within_one() -> None:
    """Closing waits for threads, one of which may wait for what is being done here."""
    assert output_of(SIGNAL_ITSELF) == "still open\n"


def output_of(script: str) -> str:
    """What a script prints that runs the window without a display, and ends well."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(QT_QPA_PLATFORM="offscreen"),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


# --- after a crash ----------------------------------------------------------------------------

TELL = """
import json, sys
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPushButton
from vggscope.ui.app import run_window
from vggscope.ui.main_window import MainWindow

opened = []
QDesktopServices.openUrl = lambda url: opened.append(url.toLocalFile())
begin = MainWindow.begin

def tell_and_close(window):
    begin(window)
    bar = window.messages
    shown = bar.isVisible()
    for button in bar.findChildren(QPushButton):
        if button.isVisible():
            button.click()
    print(json.dumps({"shown": shown, "text": bar.text, "opened": opened}))
    window.close()

MainWindow.begin = tell_and_close
sys.exit(run_window([]))
"""


def what_the_next_start_says() -> dict[str, object]:
    return dict(json.loads(output_of(TELL)))


def test_the_start_after_a_crash_mentions_it_once(desktop: Desktop, data_dir: Path) -> None:
    program = desktop.start()
    desktop.window("VGGscope", program)
    status, _ = program.end(signal.SIGSEGV)
    assert status == -signal.SIGSEGV
    told = what_the_next_start_says()
    assert told["shown"]
    assert "stopped unexpectedly last time" in str(told["text"])
    assert told["opened"] == [str(data_dir / "log")]
    [report] = (data_dir / "log").glob("crash-*.txt")
    assert "Segmentation fault" in report.read_text(encoding="utf-8")
    assert not what_the_next_start_says()["shown"]


def test_a_start_after_a_clean_end_mentions_nothing() -> None:
    assert not what_the_next_start_says()["shown"]
    assert not what_the_next_start_says()["shown"]
