"""Locks end with their process; rooms of killed processes are cleared."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from support import environment
from vggscope.zoo.locking import LockedError, locked
from vggscope.zoo.models import staged
from vggscope.zoo.rooms import REPLACED, room_in, sweep_rooms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT = 60
HOLD = """
import pathlib, sys
from vggscope.zoo.locking import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
STAGE = """
import pathlib, sys
from vggscope.zoo.models import staged
place = pathlib.Path(sys.argv[1])
with staged(place, replace=True) as folder:
    (folder / "new").write_text("new")
    if sys.argv[2] == "moving":
        # As between the two renames.
        place.rename(folder.parent / ".replaced")
    print("held", flush=True)
    sys.stdin.read()
"""


def holding(code: str, *words: str | Path) -> subprocess.Popen[str]:
    """A process that does ``code`` until its input ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "x.lock"


def test_a_lock_is_held_once(lock: Path) -> None:
    with locked(lock):
        assert lock.exists()
        with pytest.raises(LockedError), locked(lock):
            pass
        assert lock.exists()
    assert not lock.exists()
    with locked(lock):
        pass


@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_lock_ends_with_its_process(lock: Path, end: str) -> None:
    with holding(HOLD, lock) as child:
        with pytest.raises(LockedError), locked(lock):
            pass
        if end == "kill":
            child.kill()
        child.communicate(timeout=TIMEOUT)
    assert lock.exists() == (end == "kill")
    with locked(lock):
        pass
    assert not lock.exists()


def test_a_lock_among_threads(lock: Path) -> None:
    """However they come and go, and the file with them, there is never more than one inside."""
    inside: list[int] = []
    most = 0
    entered = 0

    def work(number: int) -> None:
        nonlocal most, entered
        for _ in range(300):
            try:
                with locked(lock):
                    inside.append(number)
                    most = max(most, len(inside))
                    entered += 1
                    inside.remove(number)
            except LockedError:
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert entered > 0
    assert not lock.exists()


def test_rooms_that_are_used_stay(tmp_path: Path) -> None:
    with room_in(tmp_path) as room:
        (room / "x").mkdir()
        assert sweep_rooms(tmp_path) == 0
        assert (room / "x").exists()
        with holding(STAGE, tmp_path / "place", "staged") as child:
            assert sweep_rooms(tmp_path) == 0
            child.communicate(timeout=TIMEOUT)
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "old").write_text("old")
    yield folder
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


@pytest.mark.parametrize("moment", ["staged", "moving"])
def test_what_a_killed_process_left(place: Path, moment: str) -> None:
    with holding(STAGE, place, moment) as child:
        child.kill()
        child.communicate(timeout=TIMEOUT)
    assert place.exists() == (moment == "staged")
    assert sweep_rooms(place.parent) == 1
    assert (place / "old").read_text() == "old"
    assert sweep_rooms(place.parent) == 0


def test_a_model_called_replaced(tmp_path: Path) -> None:
    place = tmp_path / "replaced"
    for text in ("one", "two"):
        with staged(place, replace=True) as folder:
            (folder / "x").write_text(text)
    assert (place / "x").read_text() == "two"
    assert place.name != REPLACED


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    for name in (".git", ".DS_Store", "model", ".lock"):
        (tmp_path / name).mkdir()
    assert sweep_rooms(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 4
    assert sweep_rooms(tmp_path / "nowhere") == 0


def test_a_stray_lock_goes(tmp_path: Path) -> None:
    (tmp_path / ".vggscope-tiny.lock").write_bytes(b"")
    sweep_rooms(tmp_path)
    assert list(tmp_path.iterdir()) == []
