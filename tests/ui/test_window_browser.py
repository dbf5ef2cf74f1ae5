"""Several photos: the filmstrip, the table, and what is done to many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QProgressBar, QTableView

from ui.window_driver import row_texts, sample
from vggscope.ui.photos import Column, State
from vggscope.ui.settings import MODEL

if TYPE_CHECKING:
    from ui.window_driver import Driver
    from vggscope.zoo.normal_form import Model

FOUR = ("zebra", "pizza", "ladybug", "coffee")


@pytest.fixture
def four(user: Driver) -> Driver:
    """A window with four photos, the first of which is the current one."""
    user.open(*FOUR)
    return user


def click_cell(view: QAbstractItemView, row: int) -> None:
    index = view.model().index(row, 0)
    view.scrollTo(index)
    QTest.mouseClick(
        view.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        view.visualRect(index).center(),
    )


def selected(view: QAbstractItemView) -> list[str]:
    return sorted({str(index.siblingAtColumn(0).data()) for index in view.selectedIndexes()})


def assert_current(user: Driver, name: str) -> None:
    """The photo ``name`` is the current one, wherever one looks."""
    assert user.current.name == name
    assert user.window.windowTitle().startswith(name)
    for view in (user.strip, user.table):
        assert view.currentIndex().siblingAtColumn(0).data() == name
        assert selected(view) == [name]
    user.settle()
    assert user.window.canvas.accessibleDescription().startswith(name)


# --- choosing ---------------------------------------------------------------------------------


def test_the_first_of_a_drop_is_the_current_one(four: Driver) -> None:
    assert_current(four, "zebra.jpg")


def test_a_click_on_the_filmstrip_shows_the_photo(four: Driver) -> None:
    for row in (2, 0, 3):
        click_cell(four.strip, row)
        assert_current(four, f"{FOUR[row]}.jpg")
        assert four.shown_predictions()[0][0] == {2: "ladybug", 0: "zebra", 3: "espresso"}[row]


def test_arrow_keys_in_the_filmstrip(four: Driver) -> None:
    four.strip.setFocus()
    four.key(Qt.Key.Key_Right, on=four.strip)
    assert_current(four, "pizza.jpg")
    four.key(Qt.Key.Key_End, on=four.strip)
    assert_current(four, "coffee.jpg")
    four.key(Qt.Key.Key_Left, on=four.strip)
    assert_current(four, "ladybug.jpg")


def test_next_and_previous_from_anywhere(four: Driver) -> None:
    alt = Qt.KeyboardModifier.AltModifier
    four.window.canvas.setFocus()
    four.key(Qt.Key.Key_Right, alt)
    assert_current(four, "pizza.jpg")
    four.key(Qt.Key.Key_Left, alt)
    four.key(Qt.Key.Key_Left, alt)
    assert_current(four, "zebra.jpg")


def test_the_table_shows_what_the_filmstrip_shows(four: Driver) -> None:
    four.key(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert four.table.isVisible()
    assert not four.strip.isVisible()
    name, label, probability, time, folder = four.table_texts(0)
    assert (name, label) == ("zebra.jpg", "zebra")
    assert probability.endswith("%")
    assert time.endswith(" ms")
    assert folder == str(four.current.path.parent)  # type: ignore[union-attr]
    click_cell(four.table, 2)
    assert_current(four, "ladybug.jpg")
    four.table.setFocus()
    four.key(Qt.Key.Key_Down, on=four.table)
    assert_current(four, "coffee.jpg")


def test_changing_the_view_keeps_the_photo(four: Driver) -> None:
    click_cell(four.strip, 2)
    four.click(four.button("Show the photos as a table"))
    assert_current(four, "ladybug.jpg")
    assert four.table.isVisible()
    four.click(four.button("Show the photos as a table"))
    assert_current(four, "ladybug.jpg")
    assert four.strip.isVisible()


# --- sorting ----------------------------------------------------------------------------------


def column(table: QTableView, which: Column) -> list[str]:
    rows = range(table.model().rowCount())
    return [row_texts(table.model(), row)[which.value] for row in rows]


def click_heading(user: Driver, which: Column) -> None:
    header = user.table.horizontalHeader()
    x = header.sectionViewportPosition(which.value) + 20
    QTest.mouseClick(
        header.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        QPoint(x, header.height() // 2),
    )


def test_sorting_by_a_click_on_a_heading(four: Driver) -> None:
    four.trigger("as_table")
    assert column(four.table, Column.NAME) == [f"{name}.jpg" for name in FOUR]
    click_heading(four, Column.LABEL)
    assert column(four.table, Column.LABEL) == ["espresso", "ladybug", "pizza", "zebra"]
    click_heading(four, Column.PROBABILITY)
    values = [float(text.rstrip("%")) for text in column(four.table, Column.PROBABILITY)]
    assert values == sorted(values)
    click_heading(four, Column.PROBABILITY)
    values = [float(text.rstrip("%")) for text in column(four.table, Column.PROBABILITY)]
    assert values == sorted(values, reverse=True)
    assert_current(four, "zebra.jpg")


def test_choosing_in_a_sorted_table(four: Driver) -> None:
    four.trigger("as_table")
    click_heading(four, Column.LABEL)
    click_cell(four.table, 1)
    assert_current(four, "ladybug.jpg")
    assert four.shown_predictions()[0][0] == "ladybug"


def test_next_and_previous_follow_the_order_that_is_seen(four: Driver) -> None:
    four.trigger("as_table")
    click_heading(four, Column.LABEL)
    click_cell(four.table, 0)
    assert_current(four, "coffee.jpg")
    alt = Qt.KeyboardModifier.AltModifier
    for name in ("ladybug.jpg", "pizza.jpg", "zebra.jpg", "zebra.jpg"):
        four.key(Qt.Key.Key_Right, alt)
        assert_current(four, name)
    four.trigger("as_table")
    four.key(Qt.Key.Key_Right, alt)
    assert_current(four, "pizza.jpg")


# --- progress, stop, again --------------------------------------------------------------------


def test_n_of_m_while_it_works(user: Driver) -> None:
    seen: list[str] = []
    user.bench.progress_changed.connect(lambda: seen.extend(user.browser_texts()))
    user.open(*FOUR)
    assert next(text for text in seen if text.endswith(" of 4")) == "0 of 4"
    assert "3 of 4" in seen
    assert seen[-1] == "4 photos"
    [bar] = user.window.browser.findChildren(QProgressBar)
    assert (bar.value(), bar.maximum(), bar.isVisible()) == (4, 4, False)


def test_stop_keeps_what_is_done_and_f5_does_the_rest(user: Driver) -> None:
    user.drop_files(*[sample(name) for name in FOUR * 3])
    user.wait(lambda: user.states().count(State.DONE) >= 2)
    user.click(user.button("Stop"))
    done = [p.key for p in user.photos if p.state is State.DONE]
    stopped = user.states().count(State.STOPPED)
    assert len(done) >= 2
    assert stopped > 0
    assert len(done) + stopped == 12
    assert not user.bench.is_busy
    assert not user.window.actions_by_key["stop"].isEnabled()
    assert f"12 photos · {stopped} stopped" in user.browser_texts()
    before = {p.key: p.outcome for p in user.photos if p.state is State.DONE}
    user.key(Qt.Key.Key_F5)
    assert user.states().count(State.WAITING) == stopped
    user.settle()
    assert user.states() == [State.DONE] * 12
    assert [p.best.label for p in user.photos[:4] if p.best] == [
        "zebra", "pizza", "ladybug", "espresso",
    ]  # fmt: skip
    assert {p.key: p.outcome for p in user.photos if p.key in before} == before


def test_stopped_photos_stay_stopped(user: Driver) -> None:
    user.drop_files(*[sample(name) for name in FOUR * 2])
    user.wait(lambda: len(user.photos) == 8)
    user.trigger("stop")
    states = user.states()
    assert State.STOPPED in states
    user.open("rocket")  # what comes later is not held up
    assert user.states()[:8] == states
    assert user.states()[8] is State.DONE


def test_stop_while_folders_are_listed(user: Driver, tmp_path: Path) -> None:
    for name in range(40):
        (tmp_path / f"{name:03}.jpg").touch()
    user.drop_files(tmp_path)
    assert user.bench.is_listing
    user.trigger("stop")
    assert not user.bench.is_listing
    user.open("zebra")
    assert [p.name for p in user.photos] == ["zebra.jpg"]


def test_the_photo_that_is_looked_at_comes_next(user: Driver) -> None:
    user.drop_files(*[sample(name) for name in FOUR * 5])
    user.wait(lambda: len(user.photos) == 20)
    last = user.photos[-1]
    user.strip.setFocus()
    user.key(Qt.Key.Key_End, on=user.strip)
    user.wait(lambda: last.state is State.DONE)
    assert user.states().count(State.WAITING) >= 8
    user.trigger("stop")


# --- adding and removing ----------------------------------------------------------------------


def test_more_photos_while_it_works(user: Driver) -> None:
    user.drop_files(sample("zebra"), sample("pizza"))
    user.wait(lambda: len(user.photos) == 2)
    user.drop_files(sample("ladybug"), sample("coffee"))
    user.wait(lambda: len(user.photos) == 4)
    assert user.current.name == "ladybug.jpg"
    user.settle()
    assert [p.best.label for p in user.photos if p.best] == [
        "zebra", "pizza", "ladybug", "espresso",
    ]  # fmt: skip


@pytest.mark.parametrize("as_table", [False, True])
def test_remove_the_current_photo(four: Driver, *, as_table: bool) -> None:
    if as_table:
        four.trigger("as_table")
    click_cell(four.table if as_table else four.strip, 1)
    four.key(Qt.Key.Key_Delete)
    assert [p.name for p in four.photos] == ["zebra.jpg", "ladybug.jpg", "coffee.jpg"]
    assert_current(four, "ladybug.jpg")
    four.key(Qt.Key.Key_Delete)
    assert_current(four, "coffee.jpg")
    four.key(Qt.Key.Key_Delete)
    assert four.current.name == "zebra.jpg"
    assert not four.is_browser_visible()
    four.key(Qt.Key.Key_Delete)
    assert four.window.welcome.isVisible()
    assert four.window.windowTitle() == "VGGscope"
    assert "No photo yet" in four.pane_texts()


def test_remove_in_a_sorted_table_goes_on_to_the_row_below(four: Driver) -> None:
    four.trigger("as_table")
    click_heading(four, Column.LABEL)
    click_cell(four.table, 1)
    four.key(Qt.Key.Key_Delete)
    assert column(four.table, Column.LABEL) == ["espresso", "pizza", "zebra"]
    assert_current(four, "pizza.jpg")


def test_remove_while_it_works(user: Driver) -> None:
    user.drop_files(*[sample(name) for name in FOUR * 3])
    user.wait(lambda: len(user.photos) == 12)
    removed = []
    for _ in range(4):
        removed.append(user.current.key)
        user.key(Qt.Key.Key_Delete)
    user.settle()
    assert user.states() == [State.DONE] * 8
    assert not {p.key for p in user.photos} & set(removed)


def test_remove_all_while_it_works(user: Driver) -> None:
    user.drop_files(*[sample(name) for name in FOUR * 3])
    user.wait(lambda: len(user.photos) == 12)
    user.key(Qt.Key.Key_Delete, Qt.KeyboardModifier.ShiftModifier)
    assert user.photos == []
    assert user.window.welcome.isVisible()
    assert not user.is_browser_visible()
    user.open("rocket")
    assert [p.name for p in user.photos] == ["rocket.jpg"]


# --- looks ------------------------------------------------------------------------------------


def test_thumbnails_come_into_sight(user: Driver) -> None:
    user.drop_files(*[sample(name) for name in FOUR * 10])
    user.wait(lambda: len(user.photos) == 40)
    user.trigger("stop")
    far = user.photos[-1]
    assert far.thumbnail is None
    bar = user.strip.horizontalScrollBar()
    for _ in range(20):  # a turn scrolls by a page at most
        user.wheel(user.strip.viewport(), QPointF(50, 50), -50)
    assert bar.value() == bar.maximum() > 0
    user.wait(lambda: far.thumbnail is not None)
    assert max(far.thumbnail.width(), far.thumbnail.height()) == 192  # type: ignore[union-attr]


def test_what_a_screen_reader_says_of_a_photo(four: Driver) -> None:
    spoken = four.strip.model().index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("zebra.jpg: zebra, ")
    tooltip = four.strip.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert sample("zebra") in tooltip


def test_f5_reads_the_photo_anew(user: Driver, tmp_path: Path) -> None:
    photo = tmp_path / "changing.jpg"
    photo.write_bytes(Path(sample("zebra")).read_bytes())
    user.drop_files(str(photo), str(tmp_path / "missing.jpg"))
    user.settle()
    user.window.browser.photo_chosen.emit(user.photos[0].key)
    assert user.photos[0].best.label == "zebra"
    photo.write_bytes(Path(sample("pizza")).read_bytes())
    with user.qtbot.waitSignal(user.bench.pixels_ready, timeout=30_000):
        user.key(Qt.Key.Key_F5)
    user.settle()
    assert user.photos[0].best.label == "pizza"
    assert user.states() == [State.DONE, State.FAILED], "the missing one does not keep F5 from it"
    (tmp_path / "missing.jpg").write_bytes(photo.read_bytes())
    user.key(Qt.Key.Key_F5)
    user.settle()
    assert user.states() == [State.DONE, State.DONE]


def test_removing_all_can_be_undone(user: Driver) -> None:
    user.drop_files(*[sample(name) for name in FOUR])
    user.settle()
    before = [(p.key, p.outcome) for p in user.photos]
    user.trigger("remove_all")
    assert len(user.photos) == 0
    assert user.window.messages.text == "4 photos were removed."
    user.click(user.button("Undo"))
    assert [(p.key, p.outcome) for p in user.photos] == before
    assert not user.bench.is_busy


def test_removing_all_in_mid_run_can_be_undone(user: Driver) -> None:
    user.drop_files(*[sample(name) for name in FOUR * 3])
    user.wait(lambda: user.states().count(State.DONE) >= 2)
    user.trigger("remove_all")
    user.click(user.button("Undo"))
    assert len(user.photos) == 12
    assert user.bench.is_busy
    user.settle()
    assert user.states() == [State.DONE] * 12


def test_what_is_brought_back_is_of_the_model_in_use(user: Driver, tiny: Model) -> None:
    user.open(*FOUR)
    user.trigger("remove_all")
    user.settings.set(MODEL, tiny.name)
    user.wait_for_model(tiny.name)
    user.click(user.button("Undo"))
    assert all(photo.stale for photo in user.photos)
    user.settle()
    assert {p.classification.model for p in user.photos if p.classification} == {tiny.name}
