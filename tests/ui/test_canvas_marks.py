"""Boxes and overlays on the canvas: where they are painted, and where nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage

from ui.layers.layers_driver import changed_area, pixels
from vggscope.ui.canvas import Canvas
from vggscope.ui.canvas_marks import Mark, Overlay
from vggscope.ui.images import Levels

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from vggscope.ui.theme import Theme

SIZE = (200, 100)
YELLOW = QColor(255, 213, 79)


def one_colour(width: int, height: int, colour: QColor) -> QImage:
    image = QImage(width, height, QImage.Format.Format_ARGB32)
    image.fill(colour)
    return image


@pytest.fixture
def canvas(qtbot: QtBot, theme: Theme) -> Canvas:
    """A gray photo of 200 × 100 pixels on a canvas."""
    made = Canvas(theme)
    qtbot.addWidget(made)
    made.resize(500, 320)
    made.show_photo(Levels([one_colour(*SIZE, QColor(90, 90, 90))], SIZE), "gray.png")
    made.show()
    qtbot.waitExposed(made)
    return made


def image_of(canvas: Canvas) -> QImage:
    return canvas.grab().toImage()


def on_screen(canvas: Canvas, box: QRectF) -> QRectF:
    return QRectF(canvas.to_screen(box.topLeft()), canvas.to_screen(box.bottomRight()))


def is_near(one: QRectF, other: QRectF, by: float = 3) -> bool:
    edges = ("left", "top", "right", "bottom")
    return all(abs(getattr(one, each)() - getattr(other, each)()) <= by for each in edges)


def test_a_box_is_painted_where_it_lies(canvas: Canvas) -> None:
    bare = image_of(canvas)
    for box in (QRectF(20, 30, 60, 40), QRectF(0, 0, 10, 10), QRectF(190, 90, 10, 10)):
        canvas.show_marks((Mark(box=box),))
        shown = image_of(canvas)
        place = on_screen(canvas, box)
        assert is_near(changed_area(bare, shown), place), box
        # A line around it, and nothing of what is inside.
        assert shown.pixelColor(place.center().toPoint()) == QColor(90, 90, 90)
        if place.left() > on_screen(canvas, QRectF(0, 0, *SIZE)).left():
            line = QPointF(place.left(), place.center().y()).toPoint()
            colours = [shown.pixelColor(line.x() + dx, line.y()) for dx in (-1, 0, 1)]
            assert YELLOW in colours
    canvas.show_marks(())
    assert image_of(canvas) == bare


def test_what_lies_beyond_the_photo_is_cut(canvas: Canvas) -> None:
    bare = image_of(canvas)
    canvas.show_marks((Mark(box=QRectF(-50, -50, 400, 400)),))
    photo = on_screen(canvas, QRectF(0, 0, *SIZE))
    assert photo.adjusted(-3, -3, 3, 3).contains(changed_area(bare, image_of(canvas)))


def test_many_are_numbered_and_quiet(canvas: Canvas) -> None:
    box = QRectF(80, 40, 30, 30)
    one = canvas_with(canvas, Mark(box=box))
    quiet = canvas_with(canvas, Mark(box=box, quiet=True))
    numbered = canvas_with(canvas, Mark(box=box, quiet=True, text="3"))
    assert one != quiet
    assert quiet != numbered
    chip = changed_area(quiet, numbered)
    assert chip.height() > 8
    assert abs(chip.bottom() - on_screen(canvas, box).top()) < 6, "right above its box"
    # Where there is no room above, the number is inside.
    top = QRectF(80, 0, 60, 60)
    plain = canvas_with(canvas, Mark(box=top, quiet=True))
    chip = changed_area(plain, canvas_with(canvas, Mark(box=top, quiet=True, text="3")))
    assert on_screen(canvas, top).adjusted(-2, -2, 2, 2).contains(chip)
    # One that is pointed at is on top of the quiet ones, whatever their order.
    loud, low = Mark(box=box), Mark(box=box, quiet=True)
    assert canvas_with(canvas, loud, low) == canvas_with(canvas, low, loud)
    assert canvas.marks == (low, loud)


def canvas_with(canvas: Canvas, *marks: Mark) -> QImage:
    canvas.show_marks(marks)
    return image_of(canvas)


def test_what_is_marked_is_told(canvas: Canvas) -> None:
    mark = Mark(box=QRectF(80, 40, 30, 30))
    silent = canvas_with(canvas, mark)
    canvas.show_marks((mark,), "receptive field of conv3_3: 40 × 40 px")
    told = changed_area(silent, image_of(canvas))
    assert told.width() > 100
    assert not told.intersects(on_screen(canvas, mark.box)), "in the corner"


def test_an_overlay_fills_its_box_and_no_more(canvas: Canvas) -> None:
    bare = image_of(canvas)
    red = one_colour(4, 4, QColor(255, 0, 0))
    for box in (QRectF(50, 10, 80, 80), QRectF(-30, -30, 100, 100)):
        canvas.show_overlay(Overlay(image=red, box=box, opacity=1.0))
        shown = image_of(canvas)
        seen = on_screen(canvas, box.intersected(QRectF(0, 0, *SIZE)))
        assert is_near(changed_area(bare, shown), seen, 1.5), "cut at the photo's edges"
        assert shown.pixelColor(seen.center().toPoint()) == QColor(255, 0, 0)
    canvas.show_overlay(None)
    assert image_of(canvas) == bare
    assert canvas.overlay is None


def test_how_opaque(canvas: Canvas) -> None:
    box = QRectF(50, 10, 80, 80)
    middle = on_screen(canvas, box).center().toPoint()
    reds = []
    for opacity in (0.0, 0.25, 0.5, 1.0):
        image = one_colour(4, 4, QColor(250, 90, 90))
        canvas.show_overlay(Overlay(image=image, box=box, opacity=opacity))
        reds.append(image_of(canvas).pixelColor(middle).red())
    assert reds[0] == 90
    assert reds[-1] == 250
    assert reds[1:3] == pytest.approx([130, 170], abs=2)


def test_what_is_see_through_stays_so(canvas: Canvas) -> None:
    bare = image_of(canvas)
    image = QImage(2, 1, QImage.Format.Format_ARGB32)
    image.fill(QColor(0, 0, 0, 0))
    image.setPixelColor(1, 0, QColor(255, 0, 0))
    box = QRectF(40, 20, 80, 40)
    canvas.show_overlay(Overlay(image=image, box=box, opacity=1.0))
    shown, place = image_of(canvas), on_screen(canvas, box).toRect()
    different = (pixels(bare) != pixels(shown)).any(axis=2)
    inside = different[place.top() : place.bottom(), place.left() : place.right()]
    quarter = inside.shape[1] // 4
    assert not inside[:, :quarter].any()
    assert inside[:, -quarter:].all()
    # Edges may lie between pixels.
    edge = 2 * (place.width() + place.height())
    assert np.count_nonzero(different) <= np.count_nonzero(inside) + edge


def test_they_move_with_the_photo(canvas: Canvas) -> None:
    box = QRectF(90, 40, 30, 20)
    canvas.show_marks((Mark(box=box),))
    canvas.zoom_in()
    marked = image_of(canvas)
    canvas.show_marks(())
    assert is_near(changed_area(image_of(canvas), marked), on_screen(canvas, box))


def test_another_photo_has_none(canvas: Canvas) -> None:
    canvas.show_marks((Mark(box=QRectF(0, 0, 9, 9)),), "a text")
    image = one_colour(2, 2, QColor(255, 0, 0))
    canvas.show_overlay(Overlay(image=image, box=QRectF(0, 0, 9, 9), opacity=1.0))
    canvas.clear("There is no photo.")
    assert canvas.marks == ()
    assert canvas.overlay is None


def test_a_channel_lies_below_a_class_and_comes_back(canvas: Canvas) -> None:
    image = one_colour(4, 4, YELLOW)
    channel = Overlay(image=image, box=QRectF(0, 0, 9, 9), opacity=0.5)
    where = Overlay(image=image, box=QRectF(3, 3, 9, 9), opacity=0.5)
    canvas.show_overlay(channel)
    canvas.show_overlay(where, owner="where")
    assert canvas.overlay is where
    canvas.show_overlay(channel)
    assert canvas.overlay is where, "the channel is shown anew below it"
    canvas.show_overlay(None, owner="where")
    assert canvas.overlay is channel
    canvas.clear()
    assert canvas.overlay is None
