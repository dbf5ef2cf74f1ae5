"""What can be seen and said: focus, percentages, strange names, and all texts translatable."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QListView, QMenu, QToolButton

import vggscope
from ui.window_driver import FAST, sample
from vggscope import errors, paths
from vggscope.ui.actions import MENUS, SPECS
from vggscope.ui.photos import State
from vggscope.ui.settings import ALL
from vggscope.ui.texts import as_label, percent
from vggscope.ui.theme import DARK, LIGHT
from vggscope.zoo import models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtGui import QImage
    from PySide6.QtWidgets import QWidget

    from ui.window_driver import Driver

LUPDATE: Final = Path(sys.executable).with_name("pyside6-lupdate")


# --- focus ------------------------------------------------------------------------------------


def left_edge(image: QImage) -> set[str]:
    """The colours of the two outermost pixels."""
    return {image.pixelColor(x, image.height() // 2).name() for x in (0, 1)}


@pytest.mark.parametrize("place", ["canvas", "filmstrip", "table", "bars"])
def test_the_focus_can_be_seen(user: Driver, place: str) -> None:
    user.open("zebra", "pizza")
    if place == "table":
        user.trigger("as_table")
    [bars] = user.window.predictions.findChildren(QListView)
    widget: QWidget = {
        "canvas": user.window.canvas,
        "filmstrip": user.strip,
        "table": user.table,
        "bars": bars,
    }[place]
    user.button("Open").setFocus()
    before = widget.grab().toImage()
    assert LIGHT.accent not in left_edge(before)
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    after = widget.grab().toImage()
    assert left_edge(after) == {LIGHT.accent}
    assert bars.viewport().width() == bars.width() - 4, "nothing jumps"


def test_the_current_cell_of_the_filmstrip_shows_the_focus(user: Driver) -> None:
    user.open("zebra", "pizza")

    def cell(row: int) -> QImage:
        area = user.strip.visualRect(user.strip.model().index(row, 0))
        return user.strip.viewport().grab(area).toImage()

    user.button("Open").setFocus()
    before = cell(0), cell(1)
    user.strip.setFocus()
    assert cell(0) != before[0]
    assert cell(1) == before[1]


# --- texts ------------------------------------------------------------------------------------


def test_percentages_look_the_same_everywhere(user: Driver) -> None:
    user.open("zebra", "pizza")
    best = user.current.best
    assert best is not None
    shown = percent(best.probability)
    assert shown.endswith(" %")
    assert user.shown_predictions()[0] == (best.label, shown)
    assert shown in user.table_texts(0)
    index = user.strip.model().index(0, 0)
    for role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
        assert shown in index.data(role)
    assert (percent(0.53345), percent(1.0), percent(0.00012, 3)) == ("53.3 %", "100.0 %", "0.012 %")


def test_titles_and_notes_of_models_are_shown_as_they_are(
    user: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    [real] = [m for m in models.installed_models() if m.name == FAST]
    description = msgspec.structs.replace(
        real.description, title="Salt & <b>Pepper</b>", note="<h1>Big</h1> & loud"
    )
    odd = dataclasses.replace(real, description=description)
    monkeypatch.setattr(models, "installed_models", lambda: [odd])
    menu = user.button("Model").menu()  # type: ignore[union-attr]
    assert isinstance(menu, QMenu)
    menu.aboutToShow.emit()
    [action] = [action for action in menu.actions() if action.isCheckable()]
    assert action.text() == as_label(odd.title) == "Salt && <b>Pepper</b>"
    assert "<h1>" not in action.toolTip()
    assert "&lt;h1&gt;Big" in action.toolTip()


def all_errors(kind: type[errors.VggscopeError]) -> Iterator[type[errors.VggscopeError]]:
    for below in kind.__subclasses__():
        if "message_template" in vars(below) and below.__module__.startswith(errors.__name__):
            yield below
        yield from all_errors(below)


def test_lupdate_finds_the_texts_where_the_program_looks_for_them(tmp_path: Path) -> None:
    if not LUPDATE.exists():
        pytest.skip("this installation of PySide6 has no lupdate")
    catalogue = tmp_path / "all.ts"
    sources = sorted(Path(vggscope.__file__).parent.rglob("*.py"))
    subprocess.run(
        [LUPDATE, *sources, "-ts", catalogue], check=True, capture_output=True, timeout=120
    )
    found = {
        (context.findtext("name"), message.findtext("source"))
        for context in ET.parse(catalogue).getroot().iter("context")
        for message in context.iter("message")
    }
    wanted = {("actions", text) for text in (*MENUS.values(), *(spec.text for spec in SPECS))}
    for setting in ALL:
        texts = (setting.title, setting.description, *(setting.choices or {}).values())
        # Titles of models come from their folders.
        wanted |= {("settings", text) for text in texts}
    for error in all_errors(errors.VggscopeError):
        wanted |= {("errors", error.message_template), ("errors", error.remedy_template)}
    wanted |= {("PhotoBrowser", "Photos"), ("PhotoBrowser", "Photos as a table")}
    assert len(wanted) > 80
    assert wanted - found == set()


# --- the list's heading -----------------------------------------------------------------------


def test_show_failed_goes_from_one_failure_to_the_next(user: Driver, tmp_path: Path) -> None:
    user.open("zebra", "pizza")
    assert not any(b.isVisible() for b in _named(user, "Show failed"))
    for name in ("b.jpg", "a.jpg"):
        (tmp_path / name).write_bytes(b"no picture")
    user.drop_files(tmp_path / "b.jpg", sample("ladybug"), tmp_path / "a.jpg")
    user.wait(lambda: len(user.photos) == 5)
    user.settle()
    assert user.states().count(State.FAILED) == 2
    seen = []
    user.bench.choose(user.photos[0].key)
    for _ in range(3):
        user.click(user.button("Show failed"))
        seen.append(user.current.name)
    assert seen == ["b.jpg", "a.jpg", "b.jpg"]
    user.trigger("as_table")
    user.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    user.click(user.button("Show failed"))
    assert user.current.name == "a.jpg"
    for name in ("a.jpg", "b.jpg"):
        [photo] = [p for p in user.photos if p.name == name]
        user.bench.choose(photo.key)
        user.trigger("remove")
    assert not any(b.isVisible() for b in _named(user, "Show failed"))


def _named(user: Driver, text: str) -> list[QToolButton]:
    return [b for b in user.window.browser.findChildren(QToolButton) if b.text() == text]


def test_the_headings_of_the_table_stand_above_their_columns(user: Driver) -> None:
    """Both texts begin at the same pixel."""
    user.open("zebra", "pizza")
    user.trigger("as_table")
    user.bench.choose(user.photos[1].key)  # the first row is not selected
    user.button("Open").setFocus()
    header = user.table.horizontalHeader().viewport().grab().toImage()
    row = user.table.visualRect(user.table.model().index(0, 0))
    cells = user.table.viewport().grab(row).toImage()
    assert abs(_first_ink(header) - _first_ink(cells)) <= 1  # letters begin differently


def _first_ink(image: QImage) -> int:
    """How far from the left the first pixel is that differs from the left edge of its row."""
    return next(
        x
        for x in range(2, image.width())
        for y in range(3, image.height() - 3)
        if image.pixelColor(x, y) != image.pixelColor(1, y)
    )


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_the_pictures_of_the_style_sheet_exist(user: Driver, colours: object) -> None:
    scheme = "light" if colours is LIGHT else "dark"
    user.theme.use(scheme)
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    sheet = application.styleSheet()
    named = [part.split('")')[0] for part in sheet.split('url("')[1:]]
    assert len(set(named)) == 3
    assert all(Path(name).is_file() and name.endswith(f"-{scheme}.svg") for name in named)
    assert all(Path(name).parent == paths.resource("icons") for name in named)
