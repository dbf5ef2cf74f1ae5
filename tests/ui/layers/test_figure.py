from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from vggscope.ui.layers.figure import NetworkFigure
from vggscope.ui.layers.figure_geometry import plan_figure
from vggscope.ui.layers.figure_names import fit_names
from vggscope.ui.layers.layer_card import LayerCard, card_text
from vggscope.vgg import configs
from vggscope.vgg.network import Kind, Network, Operation, build_network

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from vggscope.ui.theme import Theme

VGG16 = configs.network("vgg16")
CONVOLUTION = QColor("#4b9bea")
SOFTMAX = QColor("#c9a23a")
TIME = QColor("#f59a3c")


@pytest.fixture
def figure(qtbot: QtBot, theme: Theme) -> NetworkFigure:
    made = NetworkFigure(theme)
    qtbot.addWidget(made)
    made.resize(1200, 150)
    made.show_network(VGG16)
    made.show()
    qtbot.waitExposed(made)
    return made


def listing(count: int) -> Network:
    steps = (Operation(name=f"node_{i}", kind=Kind.OTHER) for i in range(count))
    return build_network(name="many", title="Many", input_shape=(32, 32, 8), operations=steps)


def middle(figure: NetworkFigure, name: str) -> QPoint:
    return figure.place_of(name).center().toPoint()


def chosen_of(figure: NetworkFigure) -> list[str]:
    chosen: list[str] = []
    figure.layer_chosen.connect(chosen.append)
    return chosen


def pixels_of(image: QImage, colour: QColor) -> int:
    return sum(
        image.pixelColor(x, y) == colour
        for x in range(image.width())
        for y in range(image.height())
    )


def below(figure: NetworkFigure, name: str) -> QImage:
    """The strip below a block."""
    place = figure.place_of(name)
    top = round(place.bottom()) + 1
    return figure.grab().toImage().copy(round(place.left()) + 2, top, 4, 18)


def test_a_click_chooses_a_layer_and_tells_of_it_once(figure: NetworkFigure) -> None:
    chosen = chosen_of(figure)
    for _ in range(2):
        QTest.mouseClick(figure, Qt.MouseButton.LeftButton, pos=middle(figure, "conv3_3"))
    assert chosen == ["conv3_3"]
    assert figure.current == "conv3_3"
    assert figure.accessibleDescription() == "conv3_3, Conv2D, 56 × 56 × 256, layer 10 of 24"


def test_a_name_is_clicked_like_its_block(figure: NetworkFigure) -> None:
    chosen = chosen_of(figure)
    place = figure.place_of("pool5")
    QTest.mouseClick(
        figure,
        Qt.MouseButton.LeftButton,
        pos=QPoint(round(place.left()), round(place.bottom()) + 9),
    )
    QTest.mouseClick(figure, Qt.MouseButton.LeftButton, pos=QPoint(1190, 75))
    assert chosen == ["pool5"]


def test_keys_move_through_layers_and_groups(figure: NetworkFigure) -> None:
    chosen = chosen_of(figure)
    figure.choose("conv1_2")
    key = Qt.Key
    for each in (
        *(key.Key_Right, key.Key_Left, key.Key_PageDown, key.Key_PageDown, key.Key_PageUp),
        *(key.Key_End, key.Key_Right, key.Key_PageUp, key.Key_Home, key.Key_Left),
    ):
        QTest.keyClick(figure, each)
    assert chosen == [
        *("pool1", "conv1_2", "conv2_1", "conv3_1", "conv2_1"),
        *("prob", "flatten", "data"),
    ]


def test_choosing_by_program_is_silent_and_marks_the_block(figure: NetworkFigure) -> None:
    chosen = chosen_of(figure)
    before = figure.grab().toImage()
    figure.choose("conv4_2")
    assert figure.current == "conv4_2"
    assert figure.grab().toImage() != before
    figure.choose("of another network")
    assert figure.current == ""
    assert figure.grab().toImage() == before
    assert chosen == []


def test_blocks_are_painted_alike_on_light_and_dark(figure: NetworkFigure, theme: Theme) -> None:
    for scheme in ("light", "dark"):
        theme.use(scheme)
        image = figure.grab().toImage()
        place = figure.place_of("conv1_1")
        assert image.pixelColor(round(place.left()) + 6, round(place.bottom()) - 6) == CONVOLUTION
        assert image.pixelColor(2, 2) == QColor(theme.colours.surface)


def test_bars_are_as_long_as_layers_take(figure: NetworkFigure) -> None:
    assert pixels_of(below(figure, "conv1_2"), TIME) == 0
    figure.show_times({"conv1_1": 1.0, "conv1_2": 10.0, "conv2_1": 5.0}, "A card")
    longest, half, shortest, none = (
        pixels_of(below(figure, name), TIME) for name in ("conv1_2", "conv2_1", "conv1_1", "pool1")
    )
    assert longest > half > shortest > none == 0
    assert half / longest == pytest.approx(0.5, abs=0.12)
    figure.show_times(None)
    assert pixels_of(below(figure, "conv1_2"), TIME) == 0


def test_focus_by_key_is_framed(figure: NetworkFigure, theme: Theme, qtbot: QtBot) -> None:
    accent = QColor(theme.colours.accent)
    figure.activateWindow()
    figure.setFocus(Qt.FocusReason.MouseFocusReason)
    qtbot.waitUntil(figure.hasFocus)
    assert figure.grab().toImage().pixelColor(0, 40) != accent
    QTest.keyClick(figure, Qt.Key.Key_Right)
    assert figure.grab().toImage().pixelColor(0, 40) == accent


def hover(qtbot: QtBot, figure: NetworkFigure, name: str, card: LayerCard) -> None:
    """Move the mouse onto a layer until its card is there.

    An X server tells late that a window has moved, and then of a mouse that has left it.
    """
    shift = iter(range(1_000_000))

    def is_told_of() -> bool:
        QTest.mouseMove(figure, middle(figure, name) + QPoint(next(shift) % 2, 0))
        return card.isVisible()

    qtbot.waitUntil(is_told_of, timeout=20_000)


def test_the_card_follows_the_mouse_and_stays_on_the_screen(
    qtbot: QtBot, figure: NetworkFigure
) -> None:
    figure.show_times({"conv3_3": 2.5, "fc6": 7.5}, "A card")
    (card,) = figure.findChildren(LayerCard)
    screen = figure.screen().availableGeometry()
    figure.move(screen.right() - figure.width(), screen.bottom() - figure.height())
    for name in ("conv3_3", "prob"):
        hover(qtbot, figure, name, card)
        assert screen.contains(card.geometry())
        assert not card.geometry().contains(figure.mapToGlobal(middle(figure, name)))
    QTest.mouseMove(figure, QPoint(figure.width() - 4, 5))
    qtbot.waitUntil(lambda: not card.isVisible())
    hover(qtbot, figure, "fc6", card)
    figure.hide()
    assert not card.isVisible()


def test_what_the_card_says() -> None:
    layer = VGG16.find("conv3_3")
    assert layer is not None
    assert card_text(layer, VGG16, 2.5, "A card", all_milliseconds=10.0).splitlines() == [
        "conv3_3 (Conv2D)",
        "output: 56 × 56 × 256 (H × W × C)",
        "parameters: 590,080 · 0.4 % of all",
        "MACs per picture: 1.85 G · 12.0 % of all",
        "receptive field: 40 × 40 px",
        "stride in the input: 4 px",
        "kernel: 3 × 3",
        "activation: ReLU",
        "memory of output: 3.06 MB",
        "time: 2.50 ms · 25.0 % of all",
        "measured on: A card",
    ]


def test_the_card_of_bounds_and_of_nothing_to_share() -> None:
    pool = Operation(name="pool", kind=Kind.MAX_POOLING, kernel=(2, 2), stride=(2, 2))
    odd = Operation(name="odd", kind=Kind.OTHER, output_shape=(7,))
    network = build_network(name="t", title="T", input_shape=(8, 8, 3), operations=(pool, odd))
    text = card_text(network.layers[1], network, 0.0, all_milliseconds=0.0)
    assert "parameters: 0\n" in text
    assert "time: 0.00 ms" in text
    assert "%" not in text
    bound = card_text(network.layers[2], network)
    assert "output: 7 units" in bound
    assert "receptive field: ≤ " in bound
    assert "stride" not in bound


def test_many_layers_scroll_by_wheel_and_to_the_current_one(figure: NetworkFigure) -> None:
    figure.show_network(listing(200))
    assert figure.place_of("node_0").left() >= 0
    assert figure.place_of("node_199").left() > figure.width()
    turn = QWheelEvent(
        QPointF(300, 60),
        QPointF(figure.mapToGlobal(QPoint(300, 60))),
        QPoint(),
        QPoint(0, -240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(figure, turn)
    assert figure.place_of("node_0").left() < 0
    QTest.keyClick(figure, Qt.Key.Key_End)
    assert figure.current == "node_199"
    assert figure.rect().contains(figure.place_of("node_199").toAlignedRect())
    QTest.keyClick(figure, Qt.Key.Key_Home)
    assert figure.place_of("data").left() >= 0


def test_without_a_network_it_says_what_will_come(figure: NetworkFigure) -> None:
    chosen = chosen_of(figure)
    figure.choose("fc6")
    figure.show_network(None)
    assert figure.current == ""
    assert "as soon as a model is loaded" in figure.accessibleDescription()
    QTest.keyClick(figure, Qt.Key.Key_Right)
    QTest.mouseClick(figure, Qt.MouseButton.LeftButton, pos=QPoint(100, 60))
    QTest.mouseMove(figure, QPoint(120, 60))
    assert chosen == []
    assert pixels_of(figure.grab().toImage().copy(300, 0, 600, 150), CONVOLUTION) == 0


@pytest.mark.parametrize("size", [(160, 96), (600, 96), (900, 144), (2560, 150)])
def test_every_size_shows_the_whole_network_or_scrolls(
    figure: NetworkFigure, size: tuple[int, int]
) -> None:
    figure.show_times({"conv1_2": 1.0}, "A graphics card with a very long name, in bf16")
    figure.resize(*size)
    figure.choose("prob")
    place = figure.place_of("prob")
    assert figure.rect().contains(place.toAlignedRect())
    inside = place.adjusted(2, 2, -2, -2).toAlignedRect()
    assert pixels_of(figure.grab().toImage().copy(inside), SOFTMAX) > 0


def test_the_two_poolings_differ_in_the_figure_and_in_its_legend(figure: NetworkFigure) -> None:
    steps = [
        Operation(name="pool1", kind=Kind.MAX_POOLING, kernel=(2, 2), stride=(2, 2)),
        Operation(name="pool2", kind=Kind.AVERAGE_POOLING, kernel=(2, 2), stride=(2, 2)),
    ]
    network = build_network(name="t", title="T", input_shape=(32, 32, 8), operations=steps)
    figure.show_network(network)
    image = figure.grab().toImage()
    largest, mean = (image.pixelColor(middle(figure, name)) for name in ("pool1", "pool2"))
    assert largest != mean
    legend = image.copy(figure.width() // 2, 0, figure.width() // 2, figure.height())
    assert pixels_of(legend, largest) > 20
    assert pixels_of(legend, mean) > 20


def test_names_become_smaller_before_they_are_left_out(qapp: QApplication) -> None:
    font = qapp.font()
    glyphs = {"data", "flatten"}
    seen = []
    for width in range(2200, 600, -50):
        names = fit_names(plan_figure(VGG16, width, 80), font, None)
        left_out = {
            text for text, place in zip(names.texts, names.places, strict=True) if place is None
        }
        seen.append((names.font.pointSizeF() / font.pointSizeF(), left_out - glyphs))
    assert seen[0] == (1.0, set())
    whole = [size for size, left_out in seen if not left_out]
    assert whole == sorted(whole, reverse=True)
    assert 0.8 < whole[-1] < 1.0
    assert seen[-1][1], "no size makes room for all in a narrow figure"


def test_names_come_before_the_legend_and_brackets_stay(
    figure: NetworkFigure, theme: Theme
) -> None:
    figure.show_times({"conv1_2": 1.0}, "A card")
    surface = QColor(theme.colours.surface)

    def seen(height: int) -> tuple[bool, bool, bool]:
        """Whether there are a legend, brackets and names."""
        figure.resize(1280, height)
        image = figure.grab().toImage()
        top = round(figure.place_of("conv3_3").bottom()) + 19
        runs = [longest_run(image, y, 1030, surface) for y in range(top, height)]
        texts = [y for y, run in enumerate(runs) if run]
        return (
            pixels_of(image.copy(1060, 0, 220, height), CONVOLUTION) > 20,
            max(runs, default=0) >= 25,
            len(texts) >= 7,
        )

    for height in (150, 110, 96):
        assert seen(height) == (True, True, True), height
    assert figure.place_of("prob").right() < 1280 - 120
    # Where the legend would take the room of names, they have it.
    figure.resize(900, 110)
    assert figure.place_of("prob").right() > 900 - 30


def longest_run(image: QImage, y: int, width: int, ground: QColor) -> int:
    """How many pixels side by side in a row are of another colour than ``ground``."""
    longest = run = 0
    for x in range(width):
        run = run + 1 if image.pixelColor(x, y) != ground else 0
        longest = max(longest, run)
    return longest
