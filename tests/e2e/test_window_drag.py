"""Drag-and-drop and clipboard between two programs, through the X server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.desktop import Desktop, Program, wait_until
from vggscope import paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

SOURCE = Path(__file__).with_name("drag_source.py")
SAMPLES = paths.resource("samples")
WELCOME, REFUSAL = (0x1F, 0x6F, 0xC4), (0xB9, 0x34, 0x34)
"""The colours of the border while something is dragged over the window."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an X server is needed")


def border(shot: Image.Image) -> set[tuple[int, int, int]]:
    """Which of the two colours the dashed border of the overlay has."""
    row = [shot.getpixel((x, 14)) for x in range(40, shot.width - 40)]
    return {colour for colour in (WELCOME, REFUSAL) if row.count(colour) > 100}


class Drag:
    """A mouse that drags from the source to the window, in small steps as a hand does."""

    def __init__(self, desktop: Desktop, source: int, target: int) -> None:
        self._desktop, self._source, self.target = desktop, source, target
        desktop.place(source, 1300, 100, 200, 200)
        desktop.place(target, 20, 60, 1100, 800)
        self._move(source, 100, 100)

    def _move(self, window: int, x: int, y: int) -> None:
        self._desktop.xdotool("mousemove", "--window", window, x, y)

    def over(self) -> None:
        """Press, wait until the drag has begun, and move over the window."""
        self._desktop.xdotool("mousedown", 1)
        steps = iter(range(10_000))

        def has_begun() -> bool:
            self._move(self._source, 100 - 15 * (next(steps) % 4), 110)
            return self._desktop.title(self._source) == "Dragging"

        wait_until(has_begun, "the beginning of the drag")
        for step in range(6):
            self._move(self.target, 700 - 30 * step, 400 + 5 * step)

    def jiggle(
        self, condition_met: Callable[[], object], what: str, at: tuple[int, int] = (500, 420)
    ) -> None:
        """Keep moving a little until the window has taken notice."""
        steps = iter(range(10_000))

        def look() -> bool:
            self._move(self.target, at[0] + next(steps) % 2, at[1])
            return bool(condition_met())

        wait_until(look, what)

    def release(self) -> None:
        self._desktop.xdotool("mouseup", 1)


@pytest.fixture
def window(desktop: Desktop) -> tuple[Program, int]:
    program = desktop.start()
    return program, desktop.window("VGGscope", program)


def begin_drag(desktop: Desktop, window: tuple[Program, int], *words: str) -> Drag:
    source = desktop.start_script(SOURCE, *words)
    drag = Drag(desktop, desktop.window("Source", source), window[1])
    drag.over()
    return drag


def test_a_file_from_a_file_manager(desktop: Desktop, window: tuple[Program, int]) -> None:
    drag = begin_drag(desktop, window, "files", str(SAMPLES / "zebra.jpg"))
    drag.jiggle(lambda: border(desktop.photo_of(drag.target)) == {WELCOME}, "the welcome")
    drag.release()
    desktop.window("zebra.jpg — VGGscope", window[0])
    wait_until(lambda: not border(desktop.photo_of(drag.target)), "the end of the overlay")


def test_onto_the_filmstrip_and_the_predictions(desktop: Desktop) -> None:
    """Everywhere on the window, whatever widget is there."""
    program = desktop.start(SAMPLES / "pizza.jpg", SAMPLES / "coffee.jpg")
    window = desktop.window("pizza.jpg — VGGscope", program)
    for name, place in (("zebra", (400, 740)), ("ladybug", (1000, 300))):
        drag = begin_drag(desktop, (program, window), "files", str(SAMPLES / f"{name}.jpg"))
        drag.jiggle(
            lambda drag=drag: border(desktop.photo_of(drag.target)) == {WELCOME},
            "the welcome",
            place,
        )
        drag.release()
        desktop.window(f"{name}.jpg — VGGscope", program)


def test_a_picture_out_of_a_browser(desktop: Desktop, window: tuple[Program, int]) -> None:
    url = "https://example.org/animals/dragged.png"
    drag = begin_drag(desktop, window, "picture", str(SAMPLES / "zebra.jpg"), url)
    drag.jiggle(lambda: border(desktop.photo_of(drag.target)) == {WELCOME}, "the welcome")
    drag.release()
    desktop.window("dragged.png — VGGscope", window[0])


def test_what_is_no_picture_is_refused(
    desktop: Desktop, window: tuple[Program, int], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    drag = begin_drag(desktop, window, "files", str(tmp_path / "notes.txt"))
    drag.jiggle(lambda: border(desktop.photo_of(drag.target)) == {REFUSAL}, "the refusal")
    drag.release()
    wait_until(lambda: not border(desktop.photo_of(drag.target)), "the end of the overlay")
    assert desktop.title(drag.target) == "VGGscope"


def test_a_picture_copied_in_another_program(desktop: Desktop, window: tuple[Program, int]) -> None:
    url = "https://example.org/animals/copied.png"
    source = desktop.start_script(SOURCE, "picture", str(SAMPLES / "zebra.jpg"), url)
    desktop.window("Source", source)
    desktop.key(window[1], "ctrl+v")
    desktop.window("copied.png — VGGscope", window[0])


def test_files_copied_in_a_file_manager(desktop: Desktop, window: tuple[Program, int]) -> None:
    source = desktop.start_script(SOURCE, "files", str(SAMPLES / "pizza.jpg"))
    desktop.window("Source", source)
    desktop.key(window[1], "ctrl+v")
    desktop.window("pizza.jpg — VGGscope", window[0])
