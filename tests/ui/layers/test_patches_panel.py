"""The panel of the patches that excite a channel most: by mouse, by keys, and as it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QListView,
    QProgressBar,
    QToolTip,
)

from vggscope.inference.preprocessing import CropBox
from vggscope.inference.top_patches import Patch
from vggscope.ui.layers.patches_panel import PatchesPanel, PatchTile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from vggscope.ui.theme import Theme

LEFT = Qt.MouseButton.LeftButton
RED = QColor(220, 30, 40)
TITLE = "conv3_3, channel 84"


class Hand:
    """A user in front of the panel."""

    def __init__(self, panel: PatchesPanel) -> None:
        self.panel = panel
        self.chosen: list[object] = []
        self.wishes: list[str] = []
        panel.patch_chosen.connect(lambda patch: self.chosen.append(patch.photo))
        panel.search_wanted.connect(lambda: self.wishes.append("search"))
        panel.stop_wanted.connect(lambda: self.wishes.append("stop"))
        panel.photos_wanted.connect(lambda: self.wishes.append("photos"))
        panel.folder_wanted.connect(lambda: self.wishes.append("folder"))

    @property
    def view(self) -> QListView:
        [view] = self.panel.findChildren(QListView)
        return view

    def cell(self, row: int) -> QRect:
        return self.view.visualRect(self.view.model().index(row, 0))

    def click(self, row: int) -> None:
        QTest.mouseClick(self.view.viewport(), LEFT, pos=self.cell(row).center())

    def key(self, key: Qt.Key) -> None:
        QTest.keyClick(self.view, key)

    def press(self, name: str) -> None:
        [button] = [
            each
            for each in self.panel.findChildren(QAbstractButton)
            if each.isVisible() and name in {each.text(), each.accessibleName()}
        ]
        QTest.mouseClick(button, LEFT)

    def texts(self) -> set[str]:
        labels = self.panel.findChildren(QLabel)
        return {each.text() for each in labels if each.isVisible() and each.text()}

    def current(self) -> object:
        return self.view.currentIndex().data(Qt.ItemDataRole.AccessibleTextRole)


@pytest.fixture
def hand(qtbot: QtBot, theme: Theme) -> Iterator[Hand]:
    panel = PatchesPanel(theme)
    panel.resize(330, 430)
    panel.show()
    qtbot.waitExposed(panel)
    yield Hand(panel)
    panel.close()
    panel.deleteLater()


def tile(photo: str, value: float, size: QSize | None = QSize(40, 40)) -> PatchTile:  # noqa: B008
    image = None
    if size is not None:
        image = QImage(size, QImage.Format.Format_RGB888)
        image.fill(RED)
    return PatchTile(
        patch=Patch(
            photo=photo,
            value=value,
            row=3,
            column=5,
            box=CropBox(0, 0, 46, 40),
            field=CropBox(0, 4, 40, 38),
        ),
        image=image,
        caption=f"{value:,.0f}",
        name=f"{photo}.jpg",
    )


def nine() -> list[PatchTile]:
    return [tile(name, 9000 - 1000 * i) for i, name in enumerate("abcdefghi")]


def red_in(panel: PatchesPanel, area: QRect) -> QRect:
    """The smallest rectangle of the panel around what is red in ``area``, in device pixels."""
    image = panel.grab().toImage()
    found = QRect()
    for y in range(area.top(), area.bottom() + 1):
        for x in range(area.left(), area.right() + 1):
            if image.pixelColor(x, y) == RED:
                found = found.united(QRect(x, y, 1, 1))
    return found


def on_panel(hand: Hand, row: int) -> QRect:
    return hand.cell(row).translated(hand.view.viewport().mapTo(hand.panel, QPoint(0, 0)))


def test_nothing_yet_says_what_to_do(hand: Hand) -> None:
    hand.panel.show_reason("Open photos <or> choose a folder.")
    assert "Open photos <or> choose a folder." in hand.texts()
    assert not hand.view.isVisible()
    hand.press("Photos of this window")
    hand.press("Choose a folder…")
    assert hand.wishes == ["photos", "folder"]


def test_the_source_can_be_chosen_anew_beside_the_patches(hand: Hand) -> None:
    hand.panel.show_source("12 photos of this window")
    hand.panel.show_patches(TITLE, nine())
    assert {TITLE, "12 photos of this window"} <= hand.texts()
    hand.press("Photos of this window")
    hand.press("Choose a folder")
    assert hand.wishes == ["photos", "folder"]


def test_a_search_is_stopped_and_goes_on(hand: Hand) -> None:
    [bar] = hand.panel.findChildren(QProgressBar)
    hand.panel.show_patches(TITLE, nine()[:2])
    assert not bar.isVisible()
    hand.panel.show_progress(84, 230, failed=0, running=True)
    assert bar.isVisible()
    assert (bar.value(), bar.maximum()) == (84, 230)
    assert "84 of 230" in hand.texts()
    hand.press("Stop")
    hand.panel.show_progress(90, 230, failed=2, running=False)
    assert "90 of 230 · 2 failed" in hand.texts()
    hand.press("Go on")
    assert hand.wishes == ["stop", "search"]
    hand.panel.show_progress(230, 230, failed=2, running=False)
    assert not bar.isVisible()
    assert "2 failed" in hand.texts()
    hand.panel.show_progress(230, 230, failed=0, running=False)
    assert hand.texts() == {TITLE}


def test_a_click_chooses_a_patch(hand: Hand) -> None:
    hand.panel.show_patches(TITLE, nine())
    hand.click(4)
    assert hand.chosen == ["e"]
    QTest.mouseClick(hand.view.viewport(), LEFT, pos=hand.view.viewport().rect().bottomRight())
    assert hand.chosen == ["e"]


def test_keys_go_from_patch_to_patch(hand: Hand) -> None:
    hand.panel.show_patches(TITLE, nine())
    hand.panel.window().activateWindow()
    QTest.qWaitForWindowActive(hand.panel.window())
    hand.view.setFocus(Qt.FocusReason.TabFocusReason)
    hand.key(Qt.Key.Key_Return)
    assert hand.chosen == ["a"]
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Left):
        hand.key(key)
    assert hand.current() == "7: 3,000, g.jpg"
    hand.key(Qt.Key.Key_Up)
    hand.key(Qt.Key.Key_Return)
    hand.key(Qt.Key.Key_Enter)
    assert hand.chosen == ["a", "d", "d"]


def test_a_better_patch_moves_the_others_but_not_the_user(hand: Hand) -> None:
    hand.panel.show_patches(TITLE, nine()[:4])
    hand.click(2)
    hand.panel.show_patches(TITLE, [tile("new", 9500), *nine()[:8]])
    assert hand.current() == "4: 7,000, c.jpg"
    hand.panel.show_patches(TITLE, [tile("other", 5)])
    assert hand.current() is None
    hand.panel.show_patches(TITLE, nine())
    hand.click(2)
    hand.panel.show_patches("conv3_3, channel 85", nine())
    assert hand.current() is None
    assert hand.view.selectedIndexes() == []
    assert hand.chosen == ["c", "c"]


def test_the_tool_tip_tells_all(hand: Hand) -> None:
    hand.panel.show_patches(TITLE, [tile("<b>x</b>", 9000)])
    place = hand.cell(0).center()
    viewport = hand.view.viewport()
    event = QHelpEvent(QEvent.Type.ToolTip, place, viewport.mapToGlobal(place))
    QApplication.sendEvent(viewport, event)
    text = QToolTip.text()
    QToolTip.hideText()
    for part in ("&lt;b&gt;x&lt;/b&gt;.jpg", "9,000", "row 3, column 5", "40 × 34"):
        assert part in text


def test_patches_keep_their_form_and_missing_ones_their_place(hand: Hand) -> None:
    wide, tall, coming = QSize(80, 40), QSize(10, 20), None
    tiles = [tile("a", 3, wide), tile("b", 2, tall), tile("c", 1, coming)]
    hand.panel.show_patches(TITLE, tiles)
    first, second = (red_in(hand.panel, on_panel(hand, row)) for row in (0, 1))
    assert abs(first.width() - 2 * first.height()) <= 2
    assert abs(second.height() - 2 * second.width()) <= 2
    assert first.width() > 80
    assert red_in(hand.panel, on_panel(hand, 2)).isNull()
    hand.panel.show_patches(TITLE, [*tiles[:2], tile("c", 1)])
    assert not red_in(hand.panel, on_panel(hand, 2)).isNull()


@pytest.mark.parametrize(
    ("width", "height", "columns", "scrolls"),
    [(260, 220, 3, True), (330, 430, 3, False), (520, 240, 5, False), (1300, 260, 9, False)],
)
def test_patches_are_as_large_as_there_is_room_for(
    hand: Hand, width: int, height: int, columns: int, scrolls: bool
) -> None:
    hand.panel.resize(width, height)
    hand.panel.show_patches(TITLE, nine())
    QApplication.processEvents()
    cells = [hand.cell(row) for row in range(9)]
    assert len({cell.top() for cell in cells[:columns]}) == 1
    assert len({cell.left() for cell in cells}) == columns
    room = hand.view.viewport().rect()
    assert all(cell.left() >= 0 and cell.right() <= room.right() for cell in cells)
    assert hand.view.verticalScrollBar().isVisible() == scrolls
    assert (max(cell.bottom() for cell in cells) > room.bottom()) == scrolls
    assert all(cell.width() >= 64 for cell in cells)


def test_the_panel_follows_the_theme(hand: Hand, theme: Theme) -> None:
    hand.panel.show_patches(TITLE, [tile("a", 1, None)])
    corner = QPoint(3, hand.panel.height() - 3)
    light = hand.panel.grab().toImage().pixelColor(corner)
    theme.use("dark")
    dark = hand.panel.grab().toImage().pixelColor(corner)
    assert light.lightness() > 200
    assert dark.lightness() < 80


def test_a_long_source_ends_in_an_ellipsis(hand: Hand) -> None:
    hand.panel.resize(260, 300)
    long = "folder " + "Holidays " * 20 + "2024, 230 photos"
    hand.panel.show_source(long)
    hand.panel.show_patches(TITLE, nine())
    [label] = [each for each in hand.panel.findChildren(QLabel) if "…" in each.text()]
    assert label.toolTip() == label.accessibleName() == long
    assert hand.panel.width() == 260


@pytest.mark.parametrize(("count", "side"), [(1, 165), (3, 125), (4, 95), (9, 64)])
def test_few_patches_are_larger(hand: Hand, count: int, side: int) -> None:
    hand.panel.resize(440, 235)
    hand.panel.show_patches(TITLE, nine()[:count])
    QApplication.processEvents()
    assert not hand.view.verticalScrollBar().isVisible()
    room = hand.view.viewport().rect()
    for row in range(count):
        assert room.contains(hand.cell(row))
        area = red_in(hand.panel, on_panel(hand, row))
        assert min(area.width(), area.height()) >= side


def test_patches_do_not_shrink_while_others_are_found(hand: Hand) -> None:
    hand.panel.resize(440, 235)
    widths = set()
    for done in range(1, 6):
        hand.panel.show_progress(done, 6, failed=0, running=True)
        hand.panel.show_patches(TITLE, nine()[:done])
        QApplication.processEvents()
        widths.add(hand.cell(0).width())
        assert not hand.view.verticalScrollBar().isVisible()
    assert len(widths) == 1
    hand.panel.show_progress(6, 6, failed=0, running=False)
    hand.panel.show_patches(TITLE, nine()[:2])
    QApplication.processEvents()
    assert hand.cell(0).width() > max(widths), "no more come"


def test_in_a_low_panel_one_line_says_what_and_whence(hand: Hand) -> None:
    hand.panel.resize(440, 235)
    hand.panel.show_source("1 photo of this window")
    hand.panel.show_patches(TITLE, nine()[:1])
    QApplication.processEvents()
    labels = {each.text(): each for each in hand.panel.findChildren(QLabel) if each.isVisible()}
    title, source = labels[TITLE], labels["1 photo of this window"]
    assert title.geometry().right() < source.geometry().left()
    hand.panel.resize(330, 430)
    QApplication.processEvents()
    assert title.geometry().bottom() < source.geometry().top()
