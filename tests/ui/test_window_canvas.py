"""The canvas: zoom, pan, fit, and that its coordinates are those of the photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from ui.window_driver import FAST, texts_in
from vggscope.inference.preprocessing import crop_box
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from ui.window_driver import Driver
    from vggscope.ui.canvas import Canvas

LEFT = Qt.MouseButton.LeftButton


def corners(canvas: Canvas, width: int, height: int) -> tuple[QPointF, QPointF]:
    return canvas.to_screen(QPointF(0, 0)), canvas.to_screen(QPointF(width, height))


def is_fitted(canvas: Canvas, width: int, height: int) -> bool:
    """Whether the whole photo is in sight, centred, and as large as it may be."""
    first, last = corners(canvas, width, height)
    margins = (first.x(), canvas.width() - last.x(), first.y(), canvas.height() - last.y())
    # The centre is a whole pixel.
    centred = abs(margins[0] - margins[1]) < 2.1 and abs(margins[2] - margins[3]) < 2.1
    tight = min(margins) == pytest.approx(18, abs=1.5) or canvas.zoom == 4.0
    return centred and tight and min(margins) > 0


def test_a_photo_fits_and_stays_fitted_when_the_window_changes(user: Driver) -> None:
    user.open("zebra")
    canvas, size = user.window.canvas, user.current.size
    assert size is not None
    assert is_fitted(canvas, *size)
    before = canvas.zoom
    user.window.resize(920, 640)
    user.wait(lambda: user.window.width() == 920 and canvas.zoom != before)
    assert is_fitted(canvas, *size)


def test_a_zoomed_photo_keeps_its_zoom_when_the_window_changes(user: Driver) -> None:
    user.open("zebra")
    canvas = user.window.canvas
    user.trigger("zoom_in")
    zoom, middle = canvas.zoom, canvas.to_photo(QPointF(canvas.rect().center()))
    user.window.resize(920, 640)
    user.wait(lambda: user.window.width() == 920)
    assert canvas.zoom == zoom
    after = canvas.to_photo(QPointF(canvas.rect().center()))
    assert (after.x(), after.y()) == pytest.approx((middle.x(), middle.y()))


def test_why_a_photo_cannot_be_shown_is_told_once(user: Driver, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff" + bytes(500))
    user.open("zebra")
    user.drop_files(broken)
    user.wait(lambda: len(user.photos) == 2)
    user.settle()
    for _ in range(2):
        user.trigger("next")
        user.wait(lambda: user.current.name == "broken.jpg" and user.current.error is not None)
        user.settle()
        assert user.window.canvas.accessibleDescription() == "There is no picture to show."
        assert any("broken.jpg" in text for text in user.pane_texts())
        user.trigger("previous")
        user.settle()


@pytest.mark.parametrize("share", [(0.5, 0.5), (0.1, 0.2), (0.95, 0.9)])
def test_the_wheel_keeps_the_point_under_the_mouse(
    user: Driver, share: tuple[float, float]
) -> None:
    user.open("zebra")
    canvas, size = user.window.canvas, user.current.size
    assert size is not None
    point = QPointF(size[0] * share[0], size[1] * share[1])
    mouse, zoom = canvas.to_screen(point), canvas.zoom
    for steps in (1, 2, 3):
        user.wheel(canvas, mouse, steps)
        under = canvas.to_photo(mouse)
        assert (under.x(), under.y()) == pytest.approx((point.x(), point.y()), abs=1e-6)
        assert canvas.zoom > zoom
        zoom = canvas.zoom
    user.wheel(canvas, mouse, -2)
    assert canvas.zoom < zoom


def test_the_wheel_has_limits(user: Driver) -> None:
    user.open("zebra")
    canvas, size = user.window.canvas, user.current.size
    assert size is not None
    middle = QPointF(canvas.rect().center())
    user.wheel(canvas, middle, 200)
    assert canvas.zoom == 32
    user.wheel(canvas, middle, -400)
    assert canvas.zoom * max(size) >= 64 - 1e-6


def test_a_sideways_wheel_does_not_end_the_fit(user: Driver) -> None:
    user.open("zebra")
    canvas, size = user.window.canvas, user.current.size
    assert size is not None
    user.wheel(canvas, QPointF(canvas.rect().center()), 0, sideways=2)
    before = canvas.zoom
    user.window.resize(920, 640)
    user.wait(lambda: canvas.zoom != before)
    assert is_fitted(canvas, *size)


def test_zoom_by_keys(user: Driver) -> None:
    user.open("zebra")
    canvas, size = user.window.canvas, user.current.size
    assert size is not None
    fitted = canvas.zoom
    control = Qt.KeyboardModifier.ControlModifier
    user.key(Qt.Key.Key_Plus, control)
    assert canvas.zoom == pytest.approx(fitted * 1.25)
    user.key(Qt.Key.Key_Minus, control)
    assert canvas.zoom == pytest.approx(fitted)
    user.key(Qt.Key.Key_1, control)
    assert canvas.zoom * canvas.devicePixelRatioF() == pytest.approx(1)
    assert "100 %" in texts_in(user.window.statusBar())
    user.key(Qt.Key.Key_0, control)
    assert is_fitted(canvas, *size)


def test_a_double_click_toggles_between_fit_and_actual_size(user: Driver) -> None:
    user.open("zebra")
    canvas, size = user.window.canvas, user.current.size
    assert size is not None
    QTest.mouseDClick(canvas, LEFT)
    assert canvas.zoom * canvas.devicePixelRatioF() == pytest.approx(1)
    QTest.mouseDClick(canvas, LEFT)
    assert is_fitted(canvas, *size)


def test_dragging_moves_the_photo_with_the_mouse(user: Driver) -> None:
    user.open("zebra")
    canvas = user.window.canvas
    user.wheel(canvas, QPointF(canvas.rect().center()), 5)
    start, end = QPoint(300, 250), QPoint(360, 220)
    held = canvas.to_photo(QPointF(start))
    QTest.mousePress(canvas, LEFT, pos=start)
    assert canvas.cursor().shape() == Qt.CursorShape.ClosedHandCursor
    QTest.mouseMove(canvas, end)
    user.wait(lambda: (canvas.to_photo(QPointF(end)) - held).manhattanLength() < 1e-6)
    QTest.mouseRelease(canvas, LEFT, pos=end)
    assert canvas.cursor().shape() == Qt.CursorShape.ArrowCursor


def test_arrow_keys_pan_and_the_photo_stays_in_sight(user: Driver) -> None:
    user.open("zebra")
    canvas, size = user.window.canvas, user.current.size
    assert size is not None
    canvas.setFocus()
    user.wheel(canvas, QPointF(canvas.rect().center()), 5)
    before = canvas.to_screen(QPointF(0, 0))
    user.key(Qt.Key.Key_Left, on=canvas)
    assert canvas.to_screen(QPointF(0, 0)).x() == pytest.approx(before.x() + 40)
    for _ in range(100):
        user.key(Qt.Key.Key_Up, on=canvas)
    middle = canvas.to_photo(QPointF(canvas.rect().center()))
    assert 0 <= middle.y() <= size[1]
    assert 0 <= middle.x() <= size[0]


def test_an_empty_canvas_takes_keys_and_wheels(user: Driver) -> None:
    canvas = user.window.canvas
    user.wheel(canvas, QPointF(10, 10), 3)
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Down):
        user.key(key, on=canvas)
    QTest.mouseDClick(canvas, LEFT)
    assert canvas.box is None


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 3000), (20000, 2), (4000, 3000), (2, 2)])
def test_photos_of_any_size_are_shown_and_classified(
    user: Driver, tmp_path: Path, width: int, height: int
) -> None:
    Image.new("RGB", (width, height), (250, 0, 0)).save(tmp_path / "plain.png")
    user.drop_files(tmp_path / "plain.png")
    user.wait(lambda: len(user.photos) == 1)
    user.settle()
    canvas = user.window.canvas
    assert user.current.size == (width, height)
    assert len(user.shown_predictions()) == 5
    assert f"{width} × {height}" in canvas.accessibleDescription()
    first, last = corners(canvas, width, height)
    assert canvas.rect().contains(first.toPoint())
    assert canvas.rect().contains(last.toPoint())
    user.trigger("crop_box")
    middle = canvas.grab().toImage().pixelColor(canvas.rect().center())
    if min(width, height) * canvas.zoom >= 3:
        assert (middle.red(), middle.green(), middle.blue()) == (250, 0, 0)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_box_of_a_turned_photo_is_in_upright_coordinates(
    user: Driver, tmp_path: Path, orientation: int
) -> None:
    """A camera that was held upright: 640 × 400 pixels in the file, 400 × 640 to the eye."""
    image = Image.new("RGB", (640, 400), "white")
    image.paste((0, 0, 250), (0, 0, 320, 400))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.png", exif=exif)
    user.drop_files(tmp_path / "turned.png")
    user.wait(lambda: len(user.photos) == 1)
    user.settle()
    upright = (400, 640) if orientation in {6, 8} else (640, 400)
    assert user.current.size == upright
    box, canvas = user.window.canvas.box, user.window.canvas
    assert box is not None
    spec = find_model(FAST).description.input
    assert (box.left(), box.top(), box.right(), box.bottom()) == pytest.approx(
        crop_box(upright, spec, "crop")
    )
    user.trigger("crop_box")
    shown = canvas.grab().toImage()
    blue_end = {1: (0.1, 0.5), 3: (0.9, 0.5), 6: (0.5, 0.1), 8: (0.5, 0.9)}[orientation]
    for share, expected in ((blue_end, (0, 0, 250)), (_opposite(blue_end), (255, 255, 255))):
        at = canvas.to_screen(QPointF(upright[0] * share[0], upright[1] * share[1]))
        colour = shown.pixelColor(at.toPoint())
        assert (colour.red(), colour.green(), colour.blue()) == expected


def test_the_box_is_drawn_there_and_can_be_hidden(user: Driver, tmp_path: Path) -> None:
    Image.new("RGB", (600, 300), (128, 128, 128)).save(tmp_path / "grey.png")
    user.drop_files(tmp_path / "grey.png")
    user.wait(lambda: len(user.photos) == 1)
    user.settle()
    canvas = user.window.canvas
    box = canvas.box
    assert box is not None
    edge = canvas.to_screen(QPointF(box.left(), 150)).toPoint()
    outside = canvas.to_screen(QPointF(box.left() - 20, 150)).toPoint()
    inside = canvas.to_screen(QPointF(box.left() + 20, 150)).toPoint()

    def brightness(at: QPoint, x: int = 0) -> int:
        return canvas.grab().toImage().pixelColor(at + QPoint(x, 0)).lightness()

    # Lines lie between pixels: rounding decides which one is lit.
    assert max(brightness(edge, x) for x in (-1, 0, 1)) > 200
    assert brightness(inside) == 128
    assert brightness(outside) < 128
    user.key(Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert [brightness(at) for at in (edge, inside, outside)] == [128, 128, 128]


def _opposite(share: tuple[float, float]) -> tuple[float, float]:
    return 1 - share[0], 1 - share[1]


# --- the canvas alone -------------------------------------------------------------------------
