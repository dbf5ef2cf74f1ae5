"""Snapshots: two whole files or none, and never over anything that was there.

Run as a program (by a test below) it saves snapshots of one moment: FOLDER COUNT.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from inference.test_recording import NOON, classification, frames_in, result
from vggscope.errors import OutputError
from vggscope.inference.capture_files import capture_name, numbered, write_new
from vggscope.inference.recording import RECORDING_FORMATS, Recorder, RecordingFormat
from vggscope.inference.report import snapshot_record
from vggscope.inference.snapshot import save_snapshot
from vggscope.sources.frame import Frame, Origin
from vggscope.zoo.normal_form import Label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vggscope.inference.live import LiveResult

TAKEN = 40
"""Files that one of several writers makes at the same time."""


def picture(seed: int = 0) -> Frame:
    """Noise, which no PNG makes smaller."""
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), np.uint8)
    return Frame(pixels=pixels, size=(80, 60), origin=Origin(name="Camera 0"))


def of_label(text: str) -> LiveResult:
    """A result whose best class is called ``text``."""
    answer = classification(1, 0, 0, 0)
    best = dataclasses.replace(answer.predictions[0], label=text)
    labels = (Label("n0", text), *answer.labels[1:])
    named = dataclasses.replace(answer, labels=labels, predictions=(best,))
    return dataclasses.replace(result(), shown=named)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_whole(path: Path, frame: Frame) -> None:
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), frame.pixels)
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert record["picture"] == path.name


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file may be larger than ``size`` bytes."""
    import resource  # noqa: PLC0415 (POSIX only)

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def all_at_once(work: Callable[[], object], count: int) -> None:
    """Call ``work`` on so many threads, which begin together."""
    start = threading.Barrier(count)

    def run() -> None:
        start.wait(30)
        work()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


# --- what is written --------------------------------------------------------------------------


def test_a_picture_and_its_record(tmp_path: Path) -> None:
    frame, answer = picture(), of_label("tabby, cat")
    path = save_snapshot(frame, answer, 3, tmp_path / "new" / "folder")
    stem = f"VGGscope {NOON.astimezone():%Y-%m-%d %H.%M.%S} tabby, cat"
    assert names(path.parent) == [f"{stem}.json", f"{stem}.png"]
    assert_whole(path, frame)
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert record == snapshot_record(answer, 3, picture=path.name, source="Camera 0")


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ('a "b" <c>/d\\e: f|g?*\0\n.', "a b c d e f g"),
        ("...", ""),
        ("chat rayé 猫", "chat rayé 猫"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("😀" * 80, "😀" * 25),
        ("x" * 99 + "é", "x" * 99),
    ],
)
def test_names_fit_all_file_systems(tmp_path: Path, label: str, words: str) -> None:
    path = save_snapshot(picture(), of_label(label), 1, tmp_path)
    stem = f"VGGscope {NOON.astimezone():%Y-%m-%d %H.%M.%S}"
    assert path.stem == f"{stem} {words}".strip()
    assert len(path.name.encode()) <= 143 - len(" 100")
    assert names(tmp_path) == sorted([f"{path.stem}.json", path.name])
    record = path.with_suffix(".json").read_bytes()
    assert json.loads(record)["predictions"][0]["label"] == label


def test_a_name_without_words() -> None:
    later = NOON + timedelta(seconds=7)
    assert capture_name(later, "", ".csv") == f"VGGscope {later.astimezone():%Y-%m-%d %H.%M.%S}.csv"


# --- nothing is overwritten -------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".json"])
def test_what_is_there_stays(tmp_path: Path, suffix: str) -> None:
    first = save_snapshot(picture(), result(), 1, tmp_path).with_suffix(suffix)
    for path in tmp_path.iterdir():
        path.unlink()
    first.write_text("mine", encoding="utf-8")
    # Half a pair is as much in the way as a whole one.
    second = save_snapshot(picture(1), result(), 1, tmp_path)
    third = save_snapshot(picture(2), result(), 1, tmp_path)
    assert (second.stem, third.stem) == (f"{first.stem} 2", f"{first.stem} 3")
    assert first.read_text(encoding="utf-8") == "mine"
    assert_whole(second, picture(1))
    assert_whole(third, picture(2))
    assert len(names(tmp_path)) == 5


@pytest.mark.skipif(os.name != "posix", reason="links are for administrators elsewhere")
def test_a_link_is_not_followed(tmp_path: Path) -> None:
    name = save_snapshot(picture(), result(), 1, tmp_path / "a").name
    folder, outside = tmp_path / "b", tmp_path / "outside.png"
    folder.mkdir()
    (folder / name).symlink_to(outside)
    assert save_snapshot(picture(), result(), 1, folder).name != name
    assert not outside.exists()


def test_threads_get_names_of_their_own(tmp_path: Path) -> None:
    saved: list[tuple[Path, Frame]] = []
    seeds = iter(range(1000))

    def save() -> None:
        for _ in range(TAKEN // 4):
            frame = picture(next(seeds))
            saved.append((save_snapshot(frame, result(), 1, tmp_path), frame))

    all_at_once(save, 4)
    assert len({path for path, _ in saved}) == TAKEN
    assert len(names(tmp_path)) == 2 * TAKEN
    for path, frame in saved:
        assert_whole(path, frame)


def test_programs_get_names_of_their_own(tmp_path: Path) -> None:
    program = [sys.executable, "-P", __file__, str(tmp_path), str(TAKEN)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    children = [
        subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    told = [child.communicate(timeout=60)[0].splitlines() for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert [len(lines) for lines in told] == [TAKEN, TAKEN]
    assert len({*told[0], *told[1]}) == 2 * TAKEN
    for name in (*told[0], *told[1]):
        assert_whole(tmp_path / name, picture())


@pytest.mark.parametrize("form", RECORDING_FORMATS)
def test_recordings_get_names_of_their_own(tmp_path: Path, form: RecordingFormat) -> None:
    wanted = tmp_path / f"a.{form}"
    wanted.write_text("mine", encoding="utf-8")
    recorders: list[Recorder] = []

    def begin() -> None:
        for number in range(10):
            recorder = Recorder(wanted, form, 4, renumber=True)
            recorder.write(result(number))
            recorders.append(recorder)

    all_at_once(begin, 4)
    for recorder in recorders:
        recorder.close()
        assert len(frames_in(recorder.path, form)) == 1
    assert {r.path.name for r in recorders} == {f"a {number}.{form}" for number in range(2, 42)}
    assert wanted.read_text(encoding="utf-8") == "mine"


def test_numbers() -> None:
    paths = numbered(Path("folder/VGGscope 14.03.07.png"))
    found = [next(paths).name for _ in range(3)]
    assert found == [f"VGGscope 14.03.07{number}.png" for number in ("", " 2", " 3")]


# --- what cannot be written -------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="files' sizes are limited by POSIX only")
def test_a_full_disk_leaves_no_half_picture(tmp_path: Path) -> None:
    with small_disk(5000), pytest.raises(OutputError, match="File too large"):
        save_snapshot(picture(), result(), 1, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="files' sizes are limited by POSIX only")
def test_no_picture_without_its_record(tmp_path: Path) -> None:
    dull = Frame(
        pixels=np.zeros((8, 8, 3), np.uint8), size=(8, 8), origin=Origin(name="x" * 10_000)
    )
    # The picture has room, its record has not.
    with small_disk(5000), pytest.raises(OutputError, match="File too large"):
        save_snapshot(dull, result(), 1, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="files' sizes are limited by POSIX only")
def test_no_recording_without_its_header(tmp_path: Path) -> None:
    with small_disk(20), pytest.raises(OutputError, match="File too large"):
        Recorder(tmp_path / "a.csv", "csv", 1, renumber=True)
    assert names(tmp_path) == []


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.write_text("in the way", encoding="utf-8")
    with pytest.raises(OutputError, match=r"“captures” could not be written: .*exists"):
        save_snapshot(picture(), result(), 1, folder)
    with pytest.raises(OutputError, match="deeper"):
        save_snapshot(picture(), result(), 1, folder / "deeper")
    assert folder.read_text(encoding="utf-8") == "in the way"


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_new(path, b"first")
    with pytest.raises(FileExistsError):
        write_new(path, b"second")
    assert path.read_bytes() == b"first"


def main(folder: str, count: str) -> None:
    for _ in range(int(count)):
        path = save_snapshot(picture(), result(), 1, Path(folder))
        sys.stdout.write(f"{path.name}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
