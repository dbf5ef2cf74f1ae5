"""What the inference thread does besides photos: in which order, and what is delivered of it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from support import tiny_model
from vggscope.errors import Cancelled, InferenceError
from vggscope.inference.classifier import Classifier
from vggscope.ui.inference_messages import Wanted
from vggscope.ui.inference_thread import InferenceThread
from vggscope.ui.photos import Photo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from vggscope.inference.runtime import Cancellation
    from vggscope.zoo.normal_form import Model

PATIENCE = 10_000


class Desk:
    """An inference thread with a model, and what comes back from it.

    Attributes:
        done: what was done, in this order; written on the thread.
        delivered: what came back.
    """

    def __init__(self, qtbot: QtBot, thread: InferenceThread) -> None:
        self.qtbot, self.thread, self.errands = qtbot, thread, thread.errands
        self.done: list[str] = []
        self.delivered: list[Any] = []

    def ask(self, key: str, name: str = "", *, in_background: bool = False) -> None:
        """For work that takes no time, called ``name``, or as its key."""

        def work(_classifier: Classifier, _cancellation: Cancellation) -> str:
            self.done.append(name or key)
            return name or key

        self.errands.run(key, work, self.delivered.append, in_background=in_background)

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=PATIENCE)

    def rest(self) -> None:
        """Until whatever is under way would have been delivered."""
        self.ask("the last one")
        self.wait(lambda: "the last one" in self.delivered)
        self.delivered.remove("the last one")
        self.done.remove("the last one")


class Long:
    """Work that lasts until it may end, or is cancelled."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.was_cancelled = False

    def __call__(self, _classifier: Classifier, cancellation: Cancellation) -> str:
        self.begun.set()
        try:
            while not self.may_end.wait(0.005):
                cancellation.check()
        except Cancelled:
            self.was_cancelled = True
            raise
        return "long"

    def wait(self) -> None:
        assert self.begun.wait(PATIENCE / 1000)


def wanted(model: Model) -> Wanted:
    """``model`` on the CPU."""
    return Wanted(model.name, None, "cpu", exact=False)


@pytest.fixture
def long() -> Iterator[Long]:
    made = Long()
    yield made
    made.may_end.set()


@pytest.fixture
def desk(qtbot: QtBot, tiny: Model) -> Iterator[Desk]:
    thread = InferenceThread()
    made = Desk(qtbot, thread)
    loaded: list[object] = []
    thread.model_loaded.connect(loaded.append)
    thread.start()
    thread.load(wanted(tiny))
    made.wait(lambda: bool(loaded))
    yield made
    assert thread.stop()


def test_work_is_done_there_and_delivered_here(desk: Desk, tiny: Model) -> None:
    here, where = threading.get_ident(), []

    def work(classifier: Classifier, _cancellation: Cancellation) -> str:
        where.append(threading.get_ident())
        return classifier.model.name

    def deliver(name: str) -> None:
        where.append(threading.get_ident())
        desk.delivered.append(name)

    assert not desk.errands.is_pending("a")
    desk.errands.run("a", work, deliver)
    assert desk.errands.is_pending("a")
    desk.wait(lambda: bool(desk.delivered))
    assert desk.delivered == [tiny.name]
    assert where[0] != here
    assert where[1] == here
    assert not desk.errands.is_pending("a")


def test_in_which_order(
    desk: Desk, long: Long, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Errands, then photos, then what nobody waits for; each in the order in which it was asked."""
    classify = Classifier.classify

    def note(classifier: Classifier, *arguments: Any, **options: Any) -> Any:
        desk.done.append("photo")
        return classify(classifier, *arguments, **options)

    monkeypatch.setattr(Classifier, "classify", note)
    answers: list[object] = []
    desk.thread.answered.connect(answers.append)
    desk.errands.run("long", long, desk.delivered.append)
    long.wait()
    desk.ask("x", in_background=True)
    desk.ask("y", in_background=True)
    photo = photo_of(tmp_path)
    desk.thread.classify([photo])
    desk.ask("a")
    desk.ask("b")
    long.may_end.set()
    desk.wait(lambda: len(desk.delivered) == 5)
    assert desk.delivered == ["long", "a", "b", "x", "y"]
    assert desk.done == ["a", "b", "photo", "x", "y"]
    assert len(answers) == 1


def photo_of(folder: Path) -> Photo:
    from PIL import Image  # noqa: PLC0415

    path = folder / "photo.png"
    Image.new("RGB", (20, 20), (200, 10, 10)).save(path)
    return Photo(name=path.name, path=path)


def test_the_newest_of_a_key_is_the_one(desk: Desk, long: Long) -> None:
    desk.errands.run("long", long, desk.delivered.append)
    long.wait()
    for number in range(5):
        desk.ask("a", f"a{number}")
    # The one that is being done is replaced as well.
    desk.ask("long", "instead")
    long.may_end.set()
    desk.rest()
    assert desk.delivered == ["a4", "instead"]
    assert desk.done == ["a4", "instead"]


def test_what_is_forgotten_ends_in_the_middle(desk: Desk, long: Long) -> None:
    failures: list[object] = []
    desk.errands.run("long", long, desk.delivered.append, failures.append)
    long.wait()
    desk.ask("a")
    desk.ask("b")
    desk.errands.forget("a")
    desk.errands.forget("long")
    desk.errands.forget("never asked")
    assert not desk.errands.is_pending("long")
    desk.rest()
    assert long.was_cancelled
    assert desk.delivered == desk.done == ["b"]
    assert failures == []


def test_forgetting_another_one_ends_nothing(desk: Desk, long: Long) -> None:
    desk.errands.run("long", long, desk.delivered.append)
    long.wait()
    desk.errands.forget("a")
    long.may_end.set()
    desk.wait(lambda: desk.delivered == ["long"])
    assert not long.was_cancelled


def test_another_model_ends_what_is_done_and_the_rest_gets_it(
    desk: Desk, long: Long, data_dir: Path
) -> None:
    other = tiny_model(data_dir / "data" / "models" / "other")
    failures: list[object] = []
    desk.errands.run("long", long, desk.delivered.append, failures.append)
    long.wait()
    desk.errands.run("a", lambda classifier, _: classifier.model.name, desk.delivered.append)
    desk.thread.load(wanted(other))
    desk.wait(lambda: desk.delivered == [other.name])
    assert long.was_cancelled
    assert failures == []
    assert not desk.errands.is_pending("long"), "it can be asked again"


def test_an_error_of_ours_goes_to_who_asked(desk: Desk) -> None:
    error = InferenceError(model="tiny", device="the device", reason="out of memory")
    failures: list[object] = []

    def work(*_: object) -> None:
        raise error

    desk.errands.run("a", work, desk.delivered.append, failures.append)
    desk.wait(lambda: bool(failures))
    assert failures == [error]
    desk.rest()
    assert desk.delivered == []


def test_a_surprise_is_raised_here_and_the_thread_goes_on(desk: Desk, qtbot: QtBot) -> None:
    failures: list[object] = []
    with qtbot.captureExceptions() as raised:
        desk.errands.run("a", lambda *_: 1 / 0, desk.delivered.append, failures.append)
        desk.wait(lambda: bool(raised))
    assert [kind for kind, *_ in raised] == [ZeroDivisionError]
    assert failures == []
    desk.ask("b")
    desk.wait(lambda: desk.delivered == ["b"])


def test_an_errand_may_ask_for_the_next(desk: Desk) -> None:
    """As a search does, step by step, with the same key."""

    def take_step(done: int) -> None:
        desk.delivered.append(done)
        if done < 3:
            desk.errands.run("search", lambda *_: done + 1, take_step, in_background=True)

    take_step(0)
    desk.wait(lambda: desk.delivered == [0, 1, 2, 3])
    assert not desk.errands.is_pending("search")


def test_the_end_comes_at_once(desk: Desk, long: Long) -> None:
    desk.errands.run("long", long, desk.delivered.append)
    long.wait()
    for number in range(20):
        desk.ask(f"a{number}", in_background=number % 2 == 0)
    begin = time.monotonic()
    assert desk.thread.stop()
    assert time.monotonic() - begin < 5
    assert long.was_cancelled
    desk.ask("too late")
    assert not desk.errands.is_pending("too late")
    desk.qtbot.wait(50)
    assert desk.delivered == desk.done == []


def test_without_a_model_errands_wait(qtbot: QtBot, tiny: Model) -> None:
    thread = InferenceThread()
    desk = Desk(qtbot, thread)
    thread.start()
    desk.ask("a")
    qtbot.wait(50)
    assert desk.done == []
    assert desk.errands.is_pending("a")
    thread.load(wanted(tiny))
    desk.wait(lambda: desk.delivered == ["a"])
    assert thread.stop()
