"""One slot: the newest wins, nobody who puts ever waits, nobody takes an item twice."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vggscope.inference.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30
"""Seconds; what should come at once is not late on a busy machine."""


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    # Threads of others, of Qt for one, may end meanwhile.
    assert set(threading.enumerate()) <= before


class Thing:
    """Something that knows when it is let go."""


def test_the_newest_wins() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert mailbox.is_empty
    assert mailbox.put(1) is False
    assert mailbox.put(2) is True
    assert not mailbox.is_empty
    assert mailbox.dropped == 1
    assert mailbox.take(timeout=0) == 2
    assert mailbox.is_empty
    assert mailbox.take(timeout=0) is None
    assert mailbox.put(3) is False


def test_falsy_items_are_items() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(0)
    assert not mailbox.is_empty
    assert mailbox.put(0) is True
    assert mailbox.take(timeout=0) == 0


def test_clear_forgets_and_goes_on() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    mailbox.clear()
    assert mailbox.is_empty
    assert mailbox.take(timeout=0) is None
    assert mailbox.dropped == 0
    mailbox.put(2)
    assert mailbox.take(timeout=0) == 2


def test_closed_for_ever() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    mailbox.close()
    assert mailbox.is_closed
    assert mailbox.take() is None
    assert mailbox.put(2) is False
    assert mailbox.is_empty
    assert mailbox.take() is None
    mailbox.close()
    assert mailbox.take() is None


@pytest.mark.parametrize("end", ["put", "clear", "close"])
def test_what_is_dropped_is_let_go_at_once(end: str) -> None:
    mailbox: Mailbox[Thing] = Mailbox()
    thing = Thing()
    alive = weakref.ref(thing)
    mailbox.put(thing)
    del thing
    if end == "put":
        mailbox.put(Thing())
    else:
        getattr(mailbox, end)()
    gc.collect()
    assert alive() is None


def test_what_was_taken_is_not_kept() -> None:
    mailbox: Mailbox[Thing] = Mailbox()
    mailbox.put(Thing())
    thing = mailbox.take(timeout=0)
    assert thing is not None
    alive = weakref.ref(thing)
    del thing
    gc.collect()
    assert alive() is None


def test_what_is_dropped_is_let_go_without_the_lock() -> None:
    changed = threading.Condition()
    mailbox: Mailbox[object] = Mailbox(changed)
    in_time: list[bool] = []
    askers: list[threading.Thread] = []

    def ask() -> None:
        with changed:
            pass

    class Asks:
        def __del__(self) -> None:
            # Another thread, since the lock lets its owner in again.
            askers.append(threading.Thread(target=ask))
            askers[-1].start()
            askers[-1].join(2)
            in_time.append(not askers[-1].is_alive())

    mailbox.put(Asks())
    mailbox.put(Asks())
    mailbox.put(Asks())
    mailbox.clear()
    mailbox.put(Asks())
    mailbox.close()
    gc.collect()
    for asker in askers:
        asker.join(PATIENCE)
    assert in_time == [True] * 4


def test_take_waits_for_an_item() -> None:
    mailbox: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    taker = threading.Thread(target=lambda: taken.append(mailbox.take()))
    taker.start()
    time.sleep(0.05)
    assert taken == []
    mailbox.put(7)
    taker.join(PATIENCE)
    assert taken == [7]


def test_take_gives_up_in_time() -> None:
    mailbox: Mailbox[int] = Mailbox()
    began = time.perf_counter()
    assert mailbox.take(timeout=0.1) is None
    assert time.perf_counter() - began >= 0.099


def test_waiting_costs_no_processor_time() -> None:
    mailbox: Mailbox[int] = Mailbox()
    used: list[float] = []

    def wait() -> None:
        began = time.thread_time()
        mailbox.take()
        used.append(time.thread_time() - began)

    taker = threading.Thread(target=wait)
    taker.start()
    time.sleep(0.5)
    mailbox.close()
    taker.join(PATIENCE)
    assert used[0] < 0.02


def test_close_wakes_everybody() -> None:
    mailbox: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    takers = [threading.Thread(target=lambda: taken.append(mailbox.take())) for _ in range(4)]
    for taker in takers:
        taker.start()
    mailbox.close()
    for taker in takers:
        taker.join(PATIENCE)
    assert taken == [None] * 4


def test_one_condition_for_several_things() -> None:
    changed = threading.Condition()
    mailbox: Mailbox[int] = Mailbox(changed)
    ending = False
    heard: list[int | str | None] = []

    def work() -> None:
        while True:
            with changed:
                changed.wait_for(lambda: ending or not mailbox.is_empty)
                if ending:
                    heard.append("end")
                    return
                heard.append(mailbox.take(timeout=0))

    worker = threading.Thread(target=work)
    worker.start()
    mailbox.put(1)
    deadline = time.monotonic() + PATIENCE
    while not heard and time.monotonic() < deadline:
        time.sleep(0.005)
    with changed:
        ending = True
        changed.notify_all()
    worker.join(PATIENCE)
    assert heard == [1, "end"]


def test_all_who_wait_on_the_condition_are_told() -> None:
    changed = threading.Condition()
    mailbox: Mailbox[int] = Mailbox(changed)
    never: list[int] = []
    taken: list[int | None] = []

    def wait_for_another_thing() -> None:
        with changed:
            changed.wait_for(lambda: bool(never))

    # Whoever waits for something else comes first, and would take a single notification.
    other = threading.Thread(target=wait_for_another_thing)
    other.start()
    time.sleep(0.05)
    taker = threading.Thread(target=lambda: taken.append(mailbox.take(PATIENCE)))
    taker.start()
    time.sleep(0.05)
    mailbox.put(1)
    taker.join(PATIENCE / 2)
    assert taken == [1]
    with changed:
        never.append(1)
        changed.notify_all()
    other.join(PATIENCE)


def test_put_does_not_wait_for_who_works_on_an_item() -> None:
    mailbox: Mailbox[int] = Mailbox()
    taken, may_end = threading.Event(), threading.Event()

    def work() -> None:
        mailbox.take()
        taken.set()
        may_end.wait(PATIENCE)

    worker = threading.Thread(target=work)
    worker.start()
    mailbox.put(0)
    assert taken.wait(PATIENCE)
    longest = 0.0
    for item in range(1, 1000):
        began = time.perf_counter()
        mailbox.put(item)
        longest = max(longest, time.perf_counter() - began)
    may_end.set()
    worker.join(PATIENCE)
    # Not microseconds, on a machine that does other things too; but nobody was waited for.
    assert longest < 0.25
    assert mailbox.take(timeout=0) == 999
    assert mailbox.dropped == 998


Pauses = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.0005]), min_size=1, max_size=60)


@settings(max_examples=40)
@given(putting=Pauses, takings=st.lists(Pauses, min_size=1, max_size=3), repeats=st.integers(1, 5))
def test_no_older_item_after_a_newer_one(
    putting: list[float], takings: list[list[float]], repeats: int
) -> None:
    """One who puts, any number who take, at any pace."""
    mailbox: Mailbox[int] = Mailbox()
    heard: list[list[int]] = [[] for _ in takings]
    count = len(putting) * repeats

    def take(pauses: list[float], into: list[int]) -> None:
        turn = 0
        while (item := mailbox.take()) is not None:
            into.append(item)
            time.sleep(pauses[turn % len(pauses)])
            turn += 1

    takers = [threading.Thread(target=take, args=pair) for pair in zip(takings, heard, strict=True)]
    for taker in takers:
        taker.start()
    reported = 0
    for item in range(count):
        reported += mailbox.put(item)
        time.sleep(putting[item % len(putting)])
    deadline = time.monotonic() + PATIENCE
    while not mailbox.is_empty and time.monotonic() < deadline:
        time.sleep(0.001)
    mailbox.close()
    for taker in takers:
        taker.join(PATIENCE)
    for items in heard:
        assert items == sorted(set(items))
    everything = sorted(item for items in heard for item in items)
    assert len(everything) == len(set(everything))
    assert mailbox.dropped == reported == count - len(everything)
    # The last one is never lost: when the source stops, its last picture is the one looked at.
    assert everything[-1] == count - 1


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["put", "take", "clear"]), max_size=60))
def test_it_does_what_a_variable_would_do(steps: list[str]) -> None:
    mailbox: Mailbox[int] = Mailbox()
    slot, dropped = None, 0
    for number, step in enumerate(steps):
        if step == "put":
            assert mailbox.put(number) is (slot is not None)
            dropped += slot is not None
            slot = number
        elif step == "take":
            assert mailbox.take(timeout=0) == slot
            slot = None
        else:
            mailbox.clear()
            slot = None
        assert mailbox.is_empty is (slot is None)
        assert mailbox.dropped == dropped
