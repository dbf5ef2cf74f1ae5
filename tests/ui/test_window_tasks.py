"""Short work off the UI thread: what is delivered, what is dropped, and in what order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QThreadPool

from vggscope.errors import WebAddressError
from vggscope.ui.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot


@pytest.fixture
def tasks(qtbot: QtBot) -> Iterator[Tasks]:
    assert qtbot
    made = Tasks()
    yield made
    made.stop()


@pytest.fixture
def gate(tasks: Tasks) -> Iterator[threading.Event]:
    """Opens the way for the tasks that keep the pool busy until then."""
    event = threading.Event()
    [pool] = tasks.findChildren(QThreadPool)
    started = [threading.Event() for _ in range(pool.maxThreadCount())]
    for index, begun in enumerate(started):
        tasks.run(f"busy {index}", lambda b=begun: (b.set(), event.wait(30)), lambda _: None)
    assert all(begun.wait(30) for begun in started)
    yield event
    event.set()


def test_work_is_done_elsewhere_and_delivered_here(qtbot: QtBot, tasks: Tasks) -> None:
    where = []
    tasks.run("a", threading.get_ident, lambda ident: where.extend([ident, threading.get_ident()]))
    qtbot.waitUntil(lambda: len(where) == 2)
    worker, deliverer = where
    assert deliverer == threading.get_ident()
    assert worker != deliverer


def fail(error: Exception) -> None:
    raise error


def test_an_error_of_ours_goes_to_who_asked(qtbot: QtBot, tasks: Tasks) -> None:
    got: list[object] = []
    failed: list[object] = []
    error = WebAddressError(name="a")
    tasks.run("a", lambda: fail(error), got.append, failed.append)
    qtbot.waitUntil(lambda: bool(failed))
    assert (got, failed) == ([], [error])


@pytest.mark.parametrize("error", [ZeroDivisionError("a"), WebAddressError(name="b")])
def test_a_surprise_is_raised_here_and_never_delivered(
    qtbot: QtBot, tasks: Tasks, error: Exception
) -> None:
    got: list[object] = []
    with qtbot.captureExceptions() as surprises:
        tasks.run("a", lambda: fail(error), got.append)
        qtbot.waitUntil(lambda: bool(surprises))
    assert surprises[0][1] is error
    assert got == []


def test_a_newer_task_of_the_same_key_replaces_the_older(
    qtbot: QtBot, tasks: Tasks, gate: threading.Event
) -> None:
    done: list[str] = []
    got: list[str] = []
    for name in ("old", "new"):
        tasks.run("a", lambda name=name: (done.append(name), name)[1], got.append)
    gate.set()
    qtbot.waitUntil(lambda: bool(got))
    qtbot.waitUntil(lambda: not tasks.is_pending("a"))
    assert got == ["new"]
    assert done == ["new"], "the older one was not even begun"


def test_a_forgotten_task_is_not_delivered(
    qtbot: QtBot, tasks: Tasks, gate: threading.Event
) -> None:
    got: list[str] = []
    tasks.run("forgotten", lambda: "forgotten", got.append)
    tasks.run("kept", lambda: "kept", got.append)
    assert tasks.is_pending("forgotten")
    tasks.forget("forgotten")
    assert not tasks.is_pending("forgotten")
    gate.set()
    qtbot.waitUntil(lambda: bool(got))
    qtbot.waitUntil(lambda: not tasks.is_pending("kept"))
    assert got == ["kept"]


def test_the_background_waits_and_its_newest_comes_first(
    qtbot: QtBot, tasks: Tasks, gate: threading.Event
) -> None:
    order: list[str] = []
    together = threading.Lock()

    def note(name: str) -> None:
        with together:
            order.append(name)

    tasks._pool.setMaxThreadCount(1)  # one after the other once the gate is open
    for name in ("old", "newer", "newest"):
        tasks.run(name, lambda name=name: note(name), lambda _: None, in_background=True)
    tasks.run("urgent", lambda: note("urgent"), lambda _: None)
    gate.set()
    qtbot.waitUntil(lambda: len(order) == 4)
    assert order == ["urgent", "newest", "newer", "old"]


def test_stop_waits_for_what_runs_and_drops_the_rest(qtbot: QtBot, tasks: Tasks) -> None:
    begun, release = threading.Event(), threading.Event()
    finished: list[str] = []
    got: list[object] = []

    def slow() -> None:
        begun.set()
        release.wait(30)
        finished.append("slow")

    tasks.run("slow", slow, got.append)
    assert begun.wait(30)
    threading.Timer(0.05, release.set).start()
    tasks.stop()
    assert finished == ["slow"]
    qtbot.wait(1)
    assert got == []


def test_what_was_promised_is_done_at_the_end(tasks: Tasks, gate: threading.Event) -> None:
    done: list[str] = []
    tasks.run("kept", lambda: done.append("kept"), done.append, promised=True)
    tasks.run("dropped", lambda: done.append("dropped"), done.append)
    # The pool is busy until stop() has forgotten the tasks.
    threading.Timer(0.3, gate.set).start()
    tasks.stop()
    assert done == ["kept"]
