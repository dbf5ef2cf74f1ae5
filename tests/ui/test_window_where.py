"""Where is it? The map of a class over a photo, and over a frozen frame."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMenu, QSlider

from ui.window_driver import FAST, SAMPLES, SLOW, sample
from vggscope.errors import Cancelled
from vggscope.inference.class_picture import ClassFinder
from vggscope.inference.classifier import Classifier
from vggscope.inference.colour_maps import table
from vggscope.ui.settings import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtGui import QImage

    from ui.film_driver import Cinema, Films
    from ui.window_driver import Driver
    from vggscope.inference.class_map import ClassMap
    from vggscope.ui.canvas_marks import Overlay
    from vggscope.ui.prediction_bars import PredictionBars
    from vggscope.ui.where_bar import WhereBar
    from vggscope.zoo.normal_form import Model

KEY = Qt.Key


@pytest.fixture(scope="module")
def truth() -> Callable[[Path | str, str], ClassMap]:
    """What the same model says, asked from Python."""
    classifier = Classifier.load(FAST, device="cpu")

    def ask(path: Path | str, label: str) -> ClassMap:
        return classifier.class_map(path, label)

    return ask


class Slow:
    """A network that looks for classes only when the test lets it; tells what became of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        find = ClassFinder.find

        def wait(finder: Any, classifier: Any, subject: Any, index: int, cancellation: Any) -> Any:
            self.begun.append(index)
            while not self.go_on.wait(0.01):
                try:
                    cancellation.check()
                except Cancelled:
                    self.cancelled.append(index)
                    raise
            return find(finder, classifier, subject, index, cancellation)

        monkeypatch.setattr(ClassFinder, "find", wait)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(monkeypatch)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A zebra on the left, a pizza on the right."""
    path = tmp_path / "two.png"
    both = Image.new("RGB", (800, 400))
    for place, name in enumerate(("zebra", "pizza")):
        with Image.open(SAMPLES / f"{name}.jpg") as photo:
            both.paste(photo.convert("RGB").resize((400, 400)), (400 * place, 0))
    both.save(path)
    return path


def bar(user: Driver) -> WhereBar:
    where = user.window.insights.where
    assert where is not None
    return where.bar


def bars(user: Driver) -> PredictionBars:
    return user.window.predictions.bars


def overlay(user: Driver) -> Overlay | None:
    return user.window.canvas.overlay


def wait_for(user: Driver, label: str) -> Overlay:
    """Until a map of ``label`` lies over the picture."""
    user.wait(lambda: overlay(user) is not None and f"“{label}”" in bar(user).text)
    found = overlay(user)
    assert found is not None
    return found


def search(user: Driver) -> QLineEdit:
    [line] = user.window.predictions.findChildren(QLineEdit)
    return line


def find(user: Driver, name: str) -> None:
    """Type the name of a class, and press Enter."""
    user.key(KEY.Key_F, Qt.KeyboardModifier.ControlModifier)
    user.wait(search(user).hasFocus)
    QTest.keyClicks(search(user), name)
    QTest.keyClick(search(user), KEY.Key_Return)
    if (completer := search(user).completer()) is not None:
        completer.popup().hide()


def opacities(image: QImage) -> Any:
    return np.array(
        [
            [image.pixelColor(x, y).alpha() for x in range(image.width())]
            for y in range(image.height())
        ]
    )


# --- the map ----------------------------------------------------------------------------------


def test_the_map_is_the_networks_and_lies_where_it_looked(
    user: Driver, truth: Callable[[Path | str, str], ClassMap]
) -> None:
    user.open("zebra")
    assert overlay(user) is None
    user.key(KEY.Key_W)
    found = wait_for(user, "zebra")
    expected = truth(sample("zebra"), "zebra")
    assert found.box == QRectF(QPointF(*expected.crop[:2]), QPointF(*expected.crop[2:]))
    # The more probable, the less it lets through; 0 lets everything through.
    shares = expected.cells / expected.cells.max()
    assert (found.image.height(), found.image.width()) == shares.shape
    np.testing.assert_allclose(opacities(found.image) / 255, shares, atol=0.02)
    # In the colours of the scale below.
    row, column = np.unravel_index(int(expected.cells.argmax()), expected.cells.shape)
    colour = found.image.pixelColor(int(column), int(row))
    assert (colour.red(), colour.green(), colour.blue()) == tuple(map(int, table("inferno")[254]))
    rows, columns = expected.values.shape
    value = f"{expected.peak.value:.4g}"
    assert (
        bar(user).text == f"Where VGG16 compact (fast) sees “zebra”: probability at most {value}."
    )
    [sentence] = [label for label in bar(user).findChildren(QLabel) if label.text()]
    assert f"{columns} × {rows} positions, " in sentence.toolTip()
    # And the window that answers most is framed.
    [mark] = user.window.canvas.marks
    box = expected.box(expected.peak.row, expected.peak.column)
    assert mark.box == QRectF(QPointF(*box[:2]), QPointF(*box[2:]))


def test_it_is_where_the_class_is(user: Driver, two: Path) -> None:
    user.drop_files(two)
    user.settle()
    for name, is_left in (("zebra", True), ("pizza", False)):
        find(user, name)
        weights = opacities(wait_for(user, name).image).sum(axis=0).astype(float)
        middle = (weights * (np.arange(len(weights)) + 0.5)).sum() / weights.sum() / len(weights)
        assert (middle < 0.4) if is_left else (middle > 0.6), name
        search(user).clear()


def test_the_value_under_the_mouse(
    user: Driver, truth: Callable[[Path | str, str], ClassMap]
) -> None:
    user.open("zebra")
    user.trigger("where")
    wait_for(user, "zebra")
    canvas, expected = user.window.canvas, truth(sample("zebra"), "zebra")
    place = QPointF(200.3, 120.7)
    user.wait(lambda: _points(user, canvas.to_screen(place).toPoint()))
    at = canvas.to_photo(canvas.to_screen(place).toPoint().toPointF())
    value = expected.at(at.x(), at.y())
    assert value is not None
    assert bar(user).accessibleDescription() == f"under the mouse: {_text(value)}"
    [mark] = canvas.marks
    assert mark.box.contains(at)
    cells = expected.cells.shape
    assert mark.box.width() == pytest.approx((expected.crop[2] - expected.crop[0]) / cells[1])
    # Beside the picture there is nothing, and the strongest window is framed again.
    user.wait(lambda: not _points(user, QPoint(2, canvas.height() - 2)))
    assert canvas.marks[0].box.width() > mark.box.width()


def _points(user: Driver, at: QPoint) -> bool:
    """Move the mouse; whether a value is told."""
    QTest.mouseMove(user.window.canvas, at + QPoint(1, 0))
    QTest.mouseMove(user.window.canvas, at)
    QTest.qWait(10)
    return bool(bar(user).accessibleDescription())


def _text(value: float) -> str:
    return f"{value:.4g}" if value >= 1e-4 else f"{value:.3g}".replace("-", "−")


def test_opacity_and_range(user: Driver) -> None:
    user.open("ladybug")
    user.trigger("where")
    before = wait_for(user, "ladybug")
    [slider] = bar(user).findChildren(QSlider)
    slider.setValue(20)
    faint = overlay(user)
    assert faint is not None
    assert faint.opacity == 0.2
    assert faint.image == before.image
    highest = opacities(before.image).max()
    assert highest == 255
    user.click(user.button("Colours from 0 to 1"))
    whole = overlay(user)
    assert whole is not None
    assert opacities(whole.image).max() < highest


def test_the_frames_of_the_crop_are_hidden_meanwhile(user: Driver) -> None:
    user.open("zebra")
    canvas = user.window.canvas
    assert "the frame is what the network sees" in canvas.accessibleDescription()
    user.trigger("where")
    wait_for(user, "zebra")
    assert "frame" not in canvas.accessibleDescription()
    user.trigger("where")
    assert "the frame is what the network sees" in canvas.accessibleDescription()


# --- which class ------------------------------------------------------------------------------


def test_rows_by_arrows_and_clicks(user: Driver) -> None:
    user.open("cat-chelsea")
    labels = [label for label, _ in user.shown_predictions()]
    user.trigger("where")
    wait_for(user, labels[0])
    assert bars(user).delegate.chosen == user.current.classification.top(1)[0].index  # type: ignore[union-attr]
    bars(user).setFocus()
    user.key(KEY.Key_Down, on=bars(user))
    user.key(KEY.Key_Down, on=bars(user))
    wait_for(user, labels[2])
    model = user.window.predictions.model
    user.click(bars(user).viewport(), bars(user).visualRect(model.index(1)).center())
    wait_for(user, labels[1])
    user.click(bars(user).viewport(), bars(user).visualRect(model.index(0)).center())
    wait_for(user, labels[0])


def by_double_click(user: Driver, at: QPoint) -> None:
    QTest.mouseDClick(
        bars(user).viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        at,
    )


def by_enter(user: Driver, at: QPoint) -> None:
    user.click(bars(user).viewport(), at)
    user.key(KEY.Key_Return, on=bars(user))


def by_the_rows_menu(user: Driver, at: QPoint) -> None:
    viewport = bars(user).viewport()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, viewport.mapToGlobal(at))
    QApplication.sendEvent(viewport, event)
    [menu] = [m for m in bars(user).findChildren(QMenu) if m.isVisible()]
    [action] = menu.actions()
    assert action.text() == "Where Is It?"
    menu.close()
    action.trigger()


def by_the_button(user: Driver, at: QPoint) -> None:
    user.click(bars(user).viewport(), at)
    user.click(user.button("Where is it?"))


@pytest.mark.parametrize("way", [by_double_click, by_enter, by_the_rows_menu, by_the_button])
def test_ways_to_ask(user: Driver, way: Callable[[Driver, QPoint], None]) -> None:
    user.open("cat-chelsea")
    index = user.window.predictions.model.index(1)
    way(user, bars(user).visualRect(index).center())
    wait_for(user, str(index.data()))
    assert user.window.actions_by_key["where"].isChecked()


def test_any_class_can_be_found(user: Driver) -> None:
    user.open("zebra")
    find(user, "espresso")
    wait_for(user, "espresso")
    assert "espresso" not in dict(user.shown_predictions())
    # It stays on other photos, unlike a row.
    user.open("coffee")
    wait_for(user, "espresso")


def test_names_are_completed(user: Driver) -> None:
    user.open("zebra")
    user.key(KEY.Key_F, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(search(user), "SPRESSO M")
    completer = search(user).completer()
    assert completer is not None
    popup = completer.popup()
    user.wait(popup.isVisible)
    QTest.keyClick(popup, KEY.Key_Down)
    QTest.keyClick(popup, KEY.Key_Return)
    wait_for(user, "espresso maker")
    assert search(user).text() == "espresso maker"


def test_what_is_no_class_is_told_with_a_remedy(user: Driver) -> None:
    user.open("zebra")
    find(user, "unicornfish")
    messages = user.window.messages
    assert messages.text.startswith("“vgg16-compact-int8” knows no class “unicornfish”.")
    assert "Give the name of a class" in messages.text
    assert overlay(user) is None
    assert not user.window.actions_by_key["where"].isChecked()


def test_letters_typed_are_no_shortcuts(user: Driver) -> None:
    user.open("zebra")
    user.key(KEY.Key_F, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(search(user), "wsr w")
    assert search(user).text() == "wsr w"
    assert not user.window.actions_by_key["where"].isChecked()


# --- coming and going -------------------------------------------------------------------------


def by_w(user: Driver) -> None:
    user.key(KEY.Key_W)


def by_escape(user: Driver) -> None:
    user.key(KEY.Key_Escape)


def by_the_bars_button(user: Driver) -> None:
    user.click(user.button("Hide where it is"))


@pytest.mark.parametrize("way", [by_w, by_escape, by_the_bars_button])
def test_hidden_again(user: Driver, way: Callable[[Driver], None]) -> None:
    user.open("zebra")
    picture = user.window.canvas.grab().toImage()
    user.trigger("where")
    wait_for(user, "zebra")
    assert user.window.canvas.grab().toImage() != picture
    way(user)
    assert overlay(user) is None
    assert user.window.canvas.marks == ()
    assert not bar(user).isVisible()
    assert not user.window.actions_by_key["where"].isChecked()
    assert bars(user).delegate.chosen is None
    user.wait(lambda: user.window.canvas.grab().toImage() == picture)


def test_nothing_is_shown_on_another_photo(
    user: Driver, slow: Slow, truth: Callable[[Path | str, str], ClassMap]
) -> None:
    slow.go_on.set()
    user.open("zebra", "pizza")
    user.bench.choose(user.photos[0].key)
    user.trigger("where")
    wait_for(user, "zebra")
    slow.go_on.clear()
    user.trigger("next")
    assert overlay(user) is None
    assert user.window.canvas.marks == ()
    user.wait(lambda: len(slow.begun) == 2)
    assert overlay(user) is None
    assert bar(user).text == "Looking for “pizza”…"
    slow.go_on.set()
    found = wait_for(user, "pizza")
    expected = truth(sample("pizza"), "pizza")
    assert found.box.right() == pytest.approx(expected.crop.right)


def test_only_the_newest_class_is_looked_for(user: Driver, slow: Slow) -> None:
    user.open("cat-chelsea")
    classes = [p.index for p in user.current.classification.top(3)]  # type: ignore[union-attr]
    labels = [label for label, _ in user.shown_predictions()]
    user.trigger("where")
    user.wait(lambda: slow.begun == classes[:1])
    bars(user).setFocus()
    user.key(KEY.Key_Down, on=bars(user))
    user.wait(lambda: slow.begun == classes[:2])
    user.key(KEY.Key_Down, on=bars(user))
    user.wait(lambda: slow.begun == classes)
    assert slow.cancelled == classes[:2], "ended in mid-network"
    slow.go_on.set()
    wait_for(user, labels[2])


def test_hiding_ends_the_work(user: Driver, slow: Slow) -> None:
    user.open("zebra")
    user.trigger("where")
    user.wait(lambda: len(slow.begun) == 1)
    user.key(KEY.Key_Escape)
    user.wait(lambda: len(slow.cancelled) == 1)
    user.open("pizza")
    assert overlay(user) is None


def test_another_model_looks_anew(user: Driver, slow: Slow) -> None:
    user.open("zebra")
    user.trigger("where")
    user.wait(lambda: len(slow.begun) == 1)
    user.settings.set(MODEL, SLOW)
    slow.go_on.set()
    user.wait_for_model(SLOW)
    user.settle()
    wait_for(user, "zebra")
    assert bar(user).text.startswith("Where VGG16 compact sees “zebra”")


def test_without_a_photo_there_is_nothing_to_ask(user: Driver, tmp_path: Path) -> None:
    where = user.window.actions_by_key["where"]
    assert not where.isEnabled()
    user.open("zebra")
    assert where.isEnabled()
    user.trigger("where")
    wait_for(user, "zebra")
    user.trigger("remove_all")
    assert not where.isEnabled()
    assert not where.isChecked()
    assert not bar(user).isVisible()
    (tmp_path / "empty.jpg").touch()
    user.drop_files(tmp_path / "empty.jpg")
    user.settle()
    assert not where.isEnabled()


def test_a_model_that_cannot_says_why_in_its_place(user: Driver, branching: Model) -> None:
    user.open("zebra")
    user.settings.set(MODEL, branching.name)
    user.wait_for_model(branching.name)
    user.settle()
    user.trigger("where")
    user.wait(lambda: "can only look at single crops" in bar(user).text)
    assert "Use the single centre crop" in bar(user).text, "the remedy"
    assert overlay(user) is None
    assert not user.window.messages.isVisible()
    user.settings.set(MODEL, FAST)
    user.wait_for_model(FAST)
    user.settle()
    wait_for(user, "zebra")


# --- other overlays, other pictures -----------------------------------------------------------


def test_a_frozen_frame(cinema: Cinema, films: Films) -> None:
    user = cinema.user
    cinema.show(films.still)
    where = user.window.actions_by_key["where"]
    assert not where.isEnabled(), "it moves"
    cinema.freeze()
    user.wait(where.isEnabled)
    user.trigger("where")
    found = wait_for(user, "zebra")
    # 320 × 240, of which less than a step of the network is left out.
    assert found.box.width() == pytest.approx(320, abs=20)
    cinema.press(KEY.Key_Space)
    user.wait(lambda: not cinema.session.is_frozen)
    assert overlay(user) is None
    assert not where.isChecked()
    assert not bar(user).isVisible()
