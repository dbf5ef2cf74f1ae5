"""Several starts of the program: processes of their own, as nobody can talk to oneself."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from support import environment
from vggscope import paths
from vggscope.ui.live_request import LiveRequest
from vggscope.ui.single_instance import VERSION, Request, SingleInstance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

START = """
import json, os, sys
from PySide6.QtGui import QGuiApplication
from vggscope.ui.single_instance import Request, SingleInstance
application = QGuiApplication(sys.argv[:1])
instance = SingleInstance(patience=int(sys.argv[1]))
handed = instance.hand_over(Request(files=tuple(sys.argv[2:])))
print(json.dumps([handed, instance.is_first]), flush=True)
if instance.is_first:
    application.exec()
"""


def start(
    *files: str, patience: int = 20_000, code: str = START, **variables: str
) -> subprocess.Popen[str]:
    platform = os.environ.get("QT_QPA_PLATFORM", "xcb")
    return subprocess.Popen(
        [sys.executable, "-c", code, str(patience), *files],
        env=environment(**{"QT_QPA_PLATFORM": platform} | variables),
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> tuple[bool, bool]:
    """Whether it handed its request over, and whether it is the first."""
    assert process.stdout is not None
    handed, is_first = json.loads(process.stdout.readline())
    if not is_first:
        assert process.communicate(timeout=30) == ("", None)
        assert process.returncode == 0
    return handed, is_first


@pytest.fixture
def first(qtbot: QtBot, data_dir: Path) -> Iterator[SingleInstance]:  # noqa: ARG001
    made = SingleInstance()
    assert not made.hand_over(Request(files=("/own.jpg",)))
    assert made.is_first
    yield made
    made.close()


@pytest.fixture
def ended() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ended when the test is over."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def test_the_first_start_waits_for_nothing_that_only_later_ones_need(
    data_dir: Path,  # noqa: ARG001
) -> None:
    """msgspec takes some 20 ms, and hashlib brings OpenSSL."""
    code = START.replace("application.exec()", "print(*sys.modules)")
    platform = os.environ.get("QT_QPA_PLATFORM", "xcb")
    told = subprocess.check_output(
        [sys.executable, "-c", code, "5000"],
        env=environment(QT_QPA_PLATFORM=platform),
        text=True,
    )
    answer, modules = told.splitlines()
    assert json.loads(answer) == [False, True]
    assert not {"msgspec", "hashlib"} & set(modules.split())


def test_a_later_start_hands_over_what_it_was_given(qtbot: QtBot, first: SingleInstance) -> None:
    with qtbot.waitSignal(first.asked, timeout=30_000) as asked:
        later = start("/a photo.jpg", "/grüße/猫.png")
    assert asked.args == [Request(files=("/a photo.jpg", "/grüße/猫.png"))]
    assert said(later) == (True, False)


def test_names_that_are_no_text_arrive(qtbot: QtBot, first: SingleInstance) -> None:
    name = os.fsdecode(b"/caf\xe9.jpg")
    with qtbot.waitSignal(first.asked, timeout=30_000) as asked:
        later = start(name)
    assert asked.args == [Request(files=(name,))]
    assert said(later) == (True, False)


def test_the_right_to_come_to_the_front_is_handed_over_on_wayland(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A desktop gives it to the start that the user made, once."""
    wayland = """
from types import SimpleNamespace
from vggscope.ui import single_instance
single_instance.QGuiApplication = SimpleNamespace(platformName=lambda: "wayland")
instance ="""
    code = START.replace("instance =", wayland)
    platform = SimpleNamespace(platformName=lambda: "wayland")
    monkeypatch.setattr("vggscope.ui.single_instance.QGuiApplication", platform)
    first: SingleInstance = request.getfixturevalue("first")
    with qtbot.waitSignal(first.asked, timeout=30_000) as asked:
        later = start("/a.jpg", code=code, XDG_ACTIVATION_TOKEN="once")
    assert asked.args == [Request(files=("/a.jpg",), activation="once")]
    assert said(later) == (True, False)


def test_nothing_of_the_desktop_is_handed_over_elsewhere(
    qtbot: QtBot, first: SingleInstance
) -> None:
    """Programs that the window starts would inherit it."""
    with qtbot.waitSignal(first.asked, timeout=30_000) as asked:
        later = start("/a.jpg", XDG_ACTIVATION_TOKEN="once")
    assert asked.args == [Request(files=("/a.jpg",))]
    assert said(later) == (True, False)


def test_windows_is_told_that_another_may_come_to_the_front(
    qtbot: QtBot, first: SingleInstance
) -> None:
    windows = """
import ctypes
from unittest.mock import Mock
ctypes.windll, sys.platform = Mock(), "win32"
allow = ctypes.windll.user32.AllowSetForegroundWindow
handed"""
    asked = "[handed and allow.call_args_list == [((-1,),)],"
    code = START.replace("handed", windows, 1).replace("[handed,", asked)
    with qtbot.waitSignal(first.asked, timeout=30_000):
        later = start("/a.jpg", code=code)
    assert said(later) == (True, False)


def test_another_data_folder_has_a_window_of_its_own(
    first: SingleInstance, tmp_path: Path, ended: list[subprocess.Popen[str]]
) -> None:
    other = start("/b.jpg", **{paths.DATA_DIR_VARIABLE: str(tmp_path / "other")})
    ended.append(other)
    assert said(other) == (False, True)
    assert first.is_first


def test_one_that_was_killed_is_replaced(
    data_dir: Path,  # noqa: ARG001
    ended: list[subprocess.Popen[str]],
) -> None:
    killed = start()
    assert said(killed) == (False, True)
    killed.kill()
    killed.communicate()
    heir = start()
    ended.append(heir)
    assert said(heir) == (False, True)


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be stopped there")
def test_one_that_hangs_keeps_nobody_from_opening_a_window(
    data_dir: Path,  # noqa: ARG001
    ended: list[subprocess.Popen[str]],
) -> None:
    hung = start()
    ended.append(hung)
    assert said(hung) == (False, True)
    hung.send_signal(signal.SIGSTOP)
    other = start(patience=300)
    ended.append(other)
    assert said(other) == (False, False)


@pytest.mark.skipif(sys.platform == "win32", reason="the address is that of a pipe there")
@pytest.mark.parametrize(
    "message",
    [
        b"nonsense\n",
        b"[" * 100_000 + b"\n",
        b'{"version": 1, "files": [7]}\n',
        b'{"version": 1, "files": [], "more": 1}\n',
        b'{"version": 99, "files": ["/a.jpg"]}\n',
        b"x" * (2 << 20),
        b"",
    ],
    ids=["no JSON", "deep", "no names", "unknown field", "other version", "endless", "silent"],
)
def test_strange_messages_open_nothing(qtbot: QtBot, first: SingleInstance, message: bytes) -> None:
    asked: list[Request] = []
    first.asked.connect(asked.append)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(first.address)
        stranger.setblocking(False)
        left = message

        def is_sent() -> bool:
            nonlocal left
            try:
                left = left[stranger.send(left[: 1 << 16]) :]
            except BlockingIOError:
                return False
            except OSError:
                left = b""
            return not left

        qtbot.waitUntil(is_sent, timeout=30_000)
        if message.endswith(b"\n"):
            answers: list[Any] = []

            def is_answered() -> bool:
                try:
                    answers.append(json.loads(stranger.recv(4096)))
                except BlockingIOError:
                    return False
                return True

            qtbot.waitUntil(is_answered, timeout=30_000)
            assert answers == [{"version": VERSION, "taken": False}]
    # It still hears those that make sense.
    with qtbot.waitSignal(first.asked, timeout=30_000):
        later = start("/a.jpg")
    assert said(later) == (True, False)
    assert asked == [Request(files=("/a.jpg",))]


@pytest.mark.skipif(sys.platform == "win32", reason="addresses are no files there")
def test_no_address_where_others_can_write(
    qtbot: QtBot,  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    lonely = SingleInstance()
    assert not lonely.hand_over(Request())
    assert not lonely.is_first
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="addresses are no files there")
@pytest.mark.parametrize("kind", ["another user's", "a link", "a file"])
def test_no_address_in_a_folder_that_another_user_made(
    qtbot: QtBot,  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """Where all users share one folder for what is temporary, anybody can take our name first."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    place = tmp_path / f"vggscope-{os.getuid()}"
    if kind == "a file":
        place.write_bytes(b"")
    elif kind == "a link":
        (tmp_path / "theirs").mkdir()
        place.symlink_to(tmp_path / "theirs")
    elif os.getuid() == 0:
        place.mkdir()
        os.chown(place, 65534, 65534)
    else:
        pytest.skip("only root can make folders of others")
    lonely = SingleInstance()
    assert not lonely.hand_over(Request())
    assert not lonely.is_first


def test_a_closed_one_hears_nobody(
    first: SingleInstance, ended: list[subprocess.Popen[str]]
) -> None:
    first.close()
    heir = start()
    ended.append(heir)
    assert said(heir) == (False, True)


def test_a_request_may_ask_for_a_moving_picture() -> None:
    live = LiveRequest(kind="camera", camera="Desk", region=(1, 2, 3, 4), seconds=2.5)
    request = Request(files=("/a.jpg",), live=live)
    assert request.version == VERSION
    assert request.live == live
