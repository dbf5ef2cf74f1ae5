"""Several starts of the program on one desktop."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from e2e.desktop import Desktop, wait_until
from vggscope import paths

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = paths.resource("samples")
STARTS = 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an X server is needed")


def classified(data_dir: Path) -> int:
    log = (data_dir / "log" / "vggscope.log").read_text(encoding="utf-8")
    return log.count("Classified 1,")


def test_of_many_simultaneous_starts_one_window_has_everything(
    desktop: Desktop, data_dir: Path, tmp_path: Path
) -> None:
    photos = [tmp_path / f"photo {number}.jpg" for number in range(STARTS)]
    for photo in photos:
        shutil.copy(SAMPLES / "zebra.jpg", photo)
    programs = [desktop.start("--verbose", photo) for photo in photos]

    def running() -> list[int]:
        return [p for p, program in enumerate(programs) if program.process.poll() is None]

    wait_until(lambda: len(running()) == 1, "the end of all starts but one")
    (number,) = running()
    for start in programs[:number] + programs[number + 1 :]:
        assert start.wait()[0] == 0
    wait_until(lambda: classified(data_dir) == STARTS, "the photos of all starts")
    status, _ = programs[number].end()
    assert status == 0


def test_a_later_start_brings_its_photo_to_the_window(desktop: Desktop) -> None:
    first = desktop.start(SAMPLES / "zebra.jpg")
    desktop.window("zebra.jpg — VGGscope", first)
    later = desktop.start(SAMPLES / "pizza.jpg")
    assert later.wait() == (0, "")
    desktop.window("pizza.jpg — VGGscope", first)
    assert first.end()[0] == 0
