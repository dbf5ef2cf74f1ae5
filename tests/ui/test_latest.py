"""Work that is asked for faster than it can be done."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from vggscope.errors import WebAddressError
from vggscope.ui.latest import Latest
from vggscope.ui.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot


class Bench:
    """Pieces of work that end when the test says so.

    Attributes:
        begun: names of those that were begun.
        delivered: what came back.
    """

    def __init__(self, qtbot: QtBot, tasks: Tasks) -> None:
        self.qtbot = qtbot
        self.begun: list[str] = []
        self.delivered: list[str] = []
        self._gates: dict[str, threading.Event] = {}
        self.latest = Latest(tasks, "work", self.delivered.append)

    def ask(self, name: str) -> None:
        gate = self._gates[name] = threading.Event()

        def work() -> str:
            self.begun.append(name)
            gate.wait(10)
            return name

        self.latest(work)

    def end(self, name: str) -> None:
        self._gates[name].set()

    def end_all(self) -> None:
        for gate in self._gates.values():
            gate.set()

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=10_000)


@pytest.fixture
def tasks(qtbot: QtBot) -> Iterator[Tasks]:
    assert qtbot
    made = Tasks()
    yield made
    made.stop()


@pytest.fixture
def bench(qtbot: QtBot, tasks: Tasks) -> Iterator[Bench]:
    made = Bench(qtbot, tasks)
    yield made
    made.end_all()


def test_what_is_begun_is_delivered_and_then_the_newest(bench: Bench) -> None:
    assert not bench.latest.is_busy
    for name in "abcd":
        bench.ask(name)
    bench.wait(lambda: bench.begun == ["a"])
    assert bench.latest.is_busy
    bench.end("a")
    bench.wait(lambda: bench.begun == ["a", "d"])
    assert bench.delivered == ["a"]
    bench.end("d")
    bench.wait(lambda: bench.delivered == ["a", "d"])
    assert not bench.latest.is_busy
    bench.ask("e")
    bench.end("e")
    bench.wait(lambda: bench.delivered == ["a", "d", "e"])
    assert bench.begun == ["a", "d", "e"]


def test_something_is_always_delivered_however_fast_it_is_asked(bench: Bench) -> None:
    """As with the frames of a video, of which one comes before another is drawn."""
    bench.ask("0")
    for number in range(1, 30):
        bench.ask(str(number))
        running = bench.begun[-1] if bench.begun else "0"
        bench.end(running)
        bench.qtbot.wait(1)
    bench.end_all()
    bench.wait(lambda: bench.delivered[-1:] == ["29"])
    assert len(bench.delivered) > 3
    order = list(map(int, bench.delivered))
    assert order == sorted(set(order))


def test_what_is_forgotten_is_not_delivered(bench: Bench) -> None:
    for name in "ab":
        bench.ask(name)
    bench.wait(lambda: bench.begun == ["a"])
    bench.latest.forget()
    assert not bench.latest.is_busy
    bench.ask("c")
    bench.end_all()
    bench.wait(lambda: bench.delivered == ["c"])
    bench.qtbot.wait(30)
    assert bench.delivered == ["c"]
    assert "b" not in bench.begun


def test_it_may_be_asked_while_it_delivers(qtbot: QtBot, tasks: Tasks) -> None:
    delivered: list[int] = []

    def deliver(number: int) -> None:
        delivered.append(number)
        if number < 3:
            latest(lambda: number + 1)

    latest = Latest(tasks, "work", deliver)
    latest(lambda: 0)
    qtbot.waitUntil(lambda: delivered == [0, 1, 2, 3])


def test_after_a_failure_it_goes_on(qtbot: QtBot, bench: Bench, tasks: Tasks) -> None:
    """An error is told on the UI thread; neither it nor what was asked meanwhile is lost."""
    gate = threading.Event()
    delivered: list[Any] = []
    latest = Latest(tasks, "other work", delivered.append)

    def fail() -> None:
        gate.wait(10)
        raise WebAddressError(name="a")

    with qtbot.captureExceptions() as raised:
        latest(fail)
        latest(lambda: "the next")
        gate.set()
        bench.wait(lambda: bool(raised))
    latest(lambda: "the one after")
    bench.wait(lambda: delivered[-1:] == ["the one after"])
    qtbot.wait(30)
    assert delivered in (["the next", "the one after"], ["the one after"])
