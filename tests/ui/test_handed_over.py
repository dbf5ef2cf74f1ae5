"""What another start, or the system, wants to be shown, at moments when it does not suit."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication, QDialog

from support import environment
from ui.window_driver import SAMPLES, sample
from vggscope.ui.app import _serve
from vggscope.ui.single_instance import Request, SingleInstance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from ui.window_driver import Driver


def hand_over(user: Driver, *files: str | Path) -> None:
    _serve(user.window, Request(files=tuple(map(str, files))))


def test_the_right_to_come_to_the_front_is_used(
    user: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_ACTIVATION_TOKEN", raising=False)
    # Qt's Wayland plugin would take it out again.
    _serve(user.window, Request(activation="from the desktop"))
    assert os.environ.pop("XDG_ACTIVATION_TOKEN") == "from the desktop"
    _serve(user.window, Request())
    assert "XDG_ACTIVATION_TOKEN" not in os.environ


# --- while a dialog waits for an answer -------------------------------------------------------


@pytest.mark.parametrize("action", ["settings", "about", "shortcuts", "devices"])
def test_a_photo_comes_while_a_dialog_is_open(user: Driver, action: str) -> None:
    def receive(dialog: QDialog) -> None:
        hand_over(user, sample("zebra"))
        user.wait(lambda: len(user.photos) == 1)
        assert dialog.isVisible()
        assert QApplication.activeModalWidget() is dialog
        user.wait(dialog.isActiveWindow)

    assert user.while_dialog_is_open(lambda: user.trigger(action), receive) == [None]
    user.settle()
    assert user.shown_predictions()[0][0] == "zebra"
    user.activate()


def test_a_model_comes_while_a_dialog_is_open(user: Driver, tmp_path: Path) -> None:
    model = tmp_path / "strange.onnx"
    model.write_bytes(b"no model")

    def receive(dialog: QDialog) -> None:
        hand_over(user, model)
        assert dialog.isVisible()
        user.wait(dialog.isActiveWindow)

    user.while_dialog_is_open(lambda: user.trigger("settings"), receive)
    [form] = user.window.models.imports
    assert form.isVisible()
    form.close()
    user.open("zebra")


def test_a_video_comes_while_a_dialog_is_open(user: Driver) -> None:
    def receive(dialog: QDialog) -> None:
        hand_over(user, SAMPLES / "slideshow.webm")
        user.wait(lambda: user.window.is_live)
        assert dialog.isVisible()

    user.while_dialog_is_open(lambda: user.trigger("about"), receive)
    user.trigger("source_photos")
    user.open("zebra")


def test_a_minimised_window_comes_back(user: Driver) -> None:
    user.window.showMinimized()
    hand_over(user, sample("zebra"))
    user.wait(lambda: not user.window.isMinimized())
    user.settle()
    assert user.current.name == "zebra.jpg"


# --- while the window is being closed ---------------------------------------------------------


def test_a_closed_window_stays_closed(user: Driver) -> None:
    user.close()
    hand_over(user, sample("zebra"), "/somewhere/film.mp4", "/somewhere/model.onnx")
    QCoreApplication.processEvents()
    assert not user.window.isVisible()
    assert user.photos == []
    assert user.window.models.imports == []
    user.window.open_paths([sample("zebra")])
    assert user.photos == []


def test_it_says_first_of_all_that_it_is_closing(user: Driver) -> None:
    order: list[str] = []
    user.window.closing.connect(lambda: order.append("closing"))
    stop = user.bench.stop

    def stopped() -> bool:
        order.append("stopped")
        return stop()

    user.bench.stop = stopped  # type: ignore[method-assign]
    user.close()
    assert order == ["closing", "stopped"]


@pytest.fixture
def first(qtbot: QtBot, data_dir: Path) -> Iterator[SingleInstance]:  # noqa: ARG001
    made = SingleInstance()
    assert not made.hand_over(Request())
    yield made
    made.close()


@pytest.mark.skipif(sys.platform == "win32", reason="the address is that of a pipe there")
def test_who_is_heard_too_late_is_told_nothing(qtbot: QtBot, first: SingleInstance) -> None:
    """Then it opens a window of its own: what it wants is not lost."""
    asked: list[Request] = []
    first.asked.connect(asked.append)
    with socket.socket(socket.AF_UNIX) as late:
        late.connect(first.address)
        # It is connected, and has not said yet what it wants.
        qtbot.wait(50)
        first.close()
        late.setblocking(False)
        late.send(b'{"version": 1, "files": ["/a.jpg"], "live": null}\n')
        answers: list[bytes] = []

        def is_over() -> bool:
            try:
                answers.append(late.recv(4096))
            except BlockingIOError:
                return False
            except ConnectionError:
                answers.append(b"")
            return True

        qtbot.waitUntil(is_over, timeout=30_000)
    assert answers == [b""]
    assert asked == []


# --- documents of macOS -----------------------------------------------------------------------


DOCUMENTS = """
import json
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent
from vggscope.ui.application import Application

application = Application()
opened = []
application.opened.connect(opened.append)
application.sendEvent(application, QFileOpenEvent(QUrl.fromLocalFile("/grüße.jpg")))
application.sendEvent(application, QFileOpenEvent(QUrl("https://example.org/cat.jpg")))
print(json.dumps(opened))
"""


def test_documents_are_heard_of() -> None:
    assert _said(DOCUMENTS) == ["/grüße.jpg", "https://example.org/cat.jpg"]


# Another start, or the system, wants something before the window is on the screen.
EARLY = """
import json, sys
from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication
from vggscope.ui.app import run_window
from vggscope.ui.main_window import MainWindow

show, begin = MainWindow.show, MainWindow.begin
ours, theirs = sys.argv[1:]

def show_late(window):
    # Whoever serves it shows the window as well.
    MainWindow.show = show
    application = QApplication.instance()
    application.sendEvent(application, QFileOpenEvent(QUrl.fromLocalFile(theirs)))
    show(window)

def watch(window):
    begin(window)
    timer = QTimer(window)
    timer.timeout.connect(lambda: tell(window, timer))
    timer.start(20)

def tell(window, timer):
    bench = window.workbench
    is_there = window.is_live and window.live.session.preview is not None
    if bench.is_listing or bench.is_busy or not (len(bench.photos) == 2 or is_there):
        return
    timer.stop()
    print(json.dumps([[p.name for p in bench.photos], bench.current.name, window.is_live]))
    window.close()

MainWindow.show, MainWindow.begin = show_late, watch
sys.exit(run_window([ours]))
"""


def test_what_comes_before_the_first_paint_is_shown_last() -> None:
    said = _said(EARLY, sample("coffee"), sample("zebra"))
    assert said == [["coffee.jpg", "zebra.jpg"], "zebra.jpg", False]


def test_a_video_that_comes_before_the_first_paint_keeps_the_stage() -> None:
    film = str(SAMPLES / "slideshow.webm")
    assert _said(EARLY, sample("coffee"), film) == [["coffee.jpg"], "coffee.jpg", True]


OPEN = """
import json, sys
from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication
from vggscope.ui.app import run_window
from vggscope.ui.main_window import MainWindow

begin = MainWindow.begin

def open_and_close(window):
    begin(window)
    application = QApplication.instance()
    application.sendEvent(application, QFileOpenEvent(QUrl.fromLocalFile(sys.argv[1])))
    window.workbench.added.connect(lambda: QTimer.singleShot(0, tell))
    def tell():
        print(json.dumps([photo.name for photo in window.workbench.photos]))
        window.close()
        application.sendEvent(application, QFileOpenEvent(QUrl.fromLocalFile(sys.argv[1])))

MainWindow.begin = open_and_close
sys.exit(run_window([]))
"""


def test_the_program_opens_documents() -> None:
    assert _said(OPEN, sample("zebra")) == ["zebra.jpg"]


COLLECTED = """
import gc, json, sys
from PySide6.QtCore import QTimer
from vggscope.cli.main import main
from vggscope.ui.main_window import MainWindow

build, begin = MainWindow.__init__, MainWindow.begin
works = []

def note(window, *arguments):
    works.append(gc.isenabled())
    build(window, *arguments)

def end(window):
    works.append(gc.isenabled())
    begin(window)
    QTimer.singleShot(0, window.close)

MainWindow.__init__, MainWindow.begin = note, end
status = main(sys.argv[1:])
print(json.dumps([status, works, gc.isenabled()]))
"""


@pytest.mark.parametrize("arguments", [[], ["live", "--source", "screen"]])
def test_the_collector_rests_until_the_first_paint(arguments: list[str]) -> None:
    assert _said(COLLECTED, *arguments) == [0, [False, True], True]


def _said(program: str, *arguments: str) -> object:
    """What a program of its own prints, as JSON."""
    child = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment(QT_QPA_PLATFORM="offscreen"),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=60,
    )
    return json.loads(child.stdout)
