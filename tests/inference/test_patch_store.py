"""The file of peaks: kept, voided, pruned, shared, and never in the way."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vggscope.inference.patch_store import PatchStore, PhotoKey
from vggscope.inference.preprocessing import CropBox
from vggscope.inference.top_patches import Peaks

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = PhotoKey("a.jpg", 10, 20)
MODEL = ("a model", "crop")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "patches.sqlite"


def peaks(value: float = 1.0, count: int = 3) -> Peaks:
    return Peaks(
        maxima={"conv1": np.full(count, value, np.float32)},
        positions={"conv1": np.arange(count, dtype=np.uint32)},
        picture_size=(8, 6),
        crop=CropBox(1, 0, 7, 6),
    )


def value_of(found: Peaks | None) -> float | None:
    return None if found is None else float(found.maxima["conv1"][0])


def photo(number: int) -> PhotoKey:
    return replace(PHOTO, path=f"{number}.jpg")


def table(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def test_what_is_put_is_got_by_the_next_start(path: Path) -> None:
    store = PatchStore(path)
    assert store.get(*MODEL, PHOTO) is None
    store.put(*MODEL, PHOTO, peaks(2.5))
    store.close()
    found = PatchStore(path).get(*MODEL, PHOTO)
    assert found is not None
    assert found.maxima["conv1"].tolist() == [2.5] * 3
    assert found.positions["conv1"].tolist() == [0, 1, 2]
    assert (found.picture_size, found.crop) == ((8, 6), CropBox(1, 0, 7, 6))


def test_another_model_fit_or_content_is_another_question(path: Path) -> None:
    store = PatchStore(path)
    store.put(*MODEL, PHOTO, peaks())
    assert store.get("another", "crop", PHOTO) is None
    assert store.get("a model", "stretch", PHOTO) is None
    changed = replace(PHOTO, mtime_ns=21)
    for other in (replace(PHOTO, path="b.jpg"), replace(PHOTO, size=11), changed):
        assert store.get(*MODEL, other) is None
    store.put(*MODEL, changed, peaks(7.0))
    assert value_of(store.get(*MODEL, changed)) == 7.0
    assert store.get(*MODEL, PHOTO) is None
    assert table(path, "SELECT COUNT(*) FROM peaks") == [(1,)]


def test_a_file_that_was_changed_has_another_key(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    assert PhotoKey.of(file) is None
    file.write_bytes(b"one")
    first = PhotoKey.of(file)
    assert first == PhotoKey.of(file)
    os.utime(file, ns=(1, 1))
    second = PhotoKey.of(file)
    file.write_bytes(b"other")
    os.utime(file, ns=(1, 1))
    third = PhotoKey.of(file)
    assert len({first, second, third}) == 3


def test_names_need_not_be_text(path: Path) -> None:
    odd = replace(PHOTO, path=os.fsdecode(b"/photos/\xff\xfe.jpg"))
    store = PatchStore(path)
    store.put(*MODEL, odd, peaks(4.0))
    assert value_of(store.get(*MODEL, odd)) == 4.0


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\7" * 5000]
)
def test_a_damaged_file_is_put_aside(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    store = PatchStore(path)
    assert store.get(*MODEL, PHOTO) is None
    store.put(*MODEL, PHOTO, peaks(3.0))
    assert value_of(store.get(*MODEL, PHOTO)) == 3.0
    assert path.with_name("patches.sqlite.damaged").read_bytes() == content
    assert "put aside" in caplog.text


def test_a_file_that_is_damaged_meanwhile_is_put_aside(path: Path) -> None:
    store = PatchStore(path)
    for number in range(50):
        store.put(*MODEL, photo(number), peaks(count=2000))
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    for number in range(50):
        assert store.get(*MODEL, photo(number)) is None
    store.put(*MODEL, PHOTO, peaks(3.0))
    assert value_of(store.get(*MODEL, PHOTO)) == 3.0


@pytest.mark.parametrize("content", [b"nonsense", "text", 5, b""])
def test_a_row_that_makes_no_sense_is_dropped(path: Path, content: object) -> None:
    store = PatchStore(path)
    store.put(*MODEL, PHOTO, peaks())
    table(path, "UPDATE peaks SET content = ?", content)
    assert store.get(*MODEL, PHOTO) is None
    assert table(path, "SELECT COUNT(*) FROM peaks") == [(0,)]


def test_another_version_is_thrown_away(path: Path) -> None:
    path.parent.mkdir()
    table(path, 'CREATE TABLE "of ""the"" future" (x)')
    table(path, "CREATE TABLE peaks (x)")
    table(path, "PRAGMA user_version = 99")
    store = PatchStore(path)
    assert store.get(*MODEL, PHOTO) is None
    store.put(*MODEL, PHOTO, peaks(3.0))
    assert value_of(store.get(*MODEL, PHOTO)) == 3.0
    assert table(path, "SELECT name FROM sqlite_master WHERE type = 'table'") == [("peaks",)]


def test_other_tables_under_our_version_are_put_aside(path: Path) -> None:
    PatchStore(path).put(*MODEL, PHOTO, peaks())
    table(path, "DROP TABLE peaks")
    store = PatchStore(path)
    store.put(*MODEL, PHOTO, peaks(3.0))
    assert value_of(store.get(*MODEL, PHOTO)) == 3.0


def test_without_a_file_there_is_no_cache_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for impossible in (tmp_path / "file" / "patches.sqlite", tmp_path / "folder"):
        caplog.clear()
        store = PatchStore(impossible)
        store.put(*MODEL, PHOTO, peaks())
        assert store.get(*MODEL, PHOTO) is None
        store.prune()
        # Once, not with every photo.
        assert caplog.text.count("is not used for a while") == 1


def test_a_locked_file_is_done_without(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("vggscope.inference.patch_store._PATIENCE", 0.05)
    store = PatchStore(path)
    store.put(*MODEL, PHOTO, peaks(1.0))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert value_of(store.get(*MODEL, PHOTO)) == 1.0
        store.put(*MODEL, photo(2), peaks(2.0))
        assert "locked" in caplog.text
        other.execute("ROLLBACK")
    fresh = PatchStore(path)
    assert value_of(fresh.get(*MODEL, PHOTO)) == 1.0
    assert fresh.get(*MODEL, photo(2)) is None


def test_the_least_recently_used_go_first(path: Path) -> None:
    clock = Clock()
    store = PatchStore(path, clock=clock)
    for number in range(6):
        store.put(*MODEL, photo(number), peaks(number))
        clock.now += 10_000
    assert value_of(store.get(*MODEL, photo(0))) == 0
    [(size,)] = table(path, "SELECT MAX(LENGTH(content)) FROM peaks")
    store.prune(10 * size)
    assert len(table(path, "SELECT 1 FROM peaks")) == 6
    store.prune(3 * size)
    left = [number for number in range(6) if store.get(*MODEL, photo(number)) is not None]
    assert left == [0, 4, 5]
    store.prune(0)
    assert table(path, "SELECT COUNT(*) FROM peaks") == [(0,)]


def test_what_is_forgotten_is_given_back(path: Path) -> None:
    store = PatchStore(path)
    rng = np.random.default_rng(1)
    for number in range(40):
        made = peaks(count=10_000)
        store.put(
            *MODEL, photo(number), replace(made, maxima={"conv1": rng.random(10_000, np.float32)})
        )
    store.close()
    before = path.stat().st_size
    store.prune(0)
    store.close()
    assert path.stat().st_size < before / 10


def test_several_stores_and_threads_use_one_file(path: Path) -> None:
    """Two stores are what two processes have: they share nothing but the file."""
    stores = [PatchStore(path), PatchStore(path)]
    wrong: list[object] = []
    start = threading.Barrier(4)

    def work(own: int) -> None:
        start.wait()
        for number in range(15):
            store = stores[number % 2]
            key = photo(own * 100 + number)
            store.put(*MODEL, key, peaks(number))
            if value_of(stores[own % 2].get(*MODEL, key)) != number:
                wrong.append(key)
            store.prune()

    threads = [threading.Thread(target=work, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert table(path, "SELECT COUNT(*) FROM peaks") == [(60,)]
