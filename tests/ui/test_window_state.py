"""What a window keeps for the next one, and what it survives of what it finds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QMenu, QSplitter

from ui.window_driver import FAST, SLOW, sample, stored_settings, texts_in, write_settings
from vggscope import paths
from vggscope.ui.settings import ALL, CROP_BOX, FIT, MODEL, THEME, TOP, WNIDS, Settings
from vggscope.ui.theme import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QAction

    from ui.window_driver import Driver


def window_file() -> str:
    return str(paths.config_dir() / "window.ini")


def recent_menu(user: Driver) -> list[QAction]:
    [menu] = [
        m for m in user.window.findChildren(QMenu) if m.title().replace("&", "") == "Open Recent"
    ]
    menu.aboutToShow.emit()
    return menu.actions()


# --- over a restart ---------------------------------------------------------------------------


def test_settings_live_on(new_window: Callable[..., Driver]) -> None:
    first = new_window()
    for setting, value in ((THEME, "dark"), (TOP, 7), (MODEL, FAST), (CROP_BOX, False)):
        first.settings.set(setting, value)
    first.wait_for_model(FAST)
    first.close()
    second = new_window()
    second.wait_for_model(FAST)
    assert second.theme.colours == DARK
    assert second.button("How many predictions (top-k)").text() == "Top 7"
    assert second.button("Model").text() == "VGG16 compact (fast)"
    assert not second.window.actions_by_key["crop_box"].isChecked()
    second.open("zebra")
    assert len(second.shown_predictions()) == 7
    assert stored_settings() == {"theme": "dark", "top": 7, "model": FAST, "crop_box": False}


def test_only_what_differs_from_the_defaults_is_stored(new_window: Callable[..., Driver]) -> None:
    driver = new_window(begin=False)
    driver.settings.set(TOP, 9)
    driver.settings.set(WNIDS, True)
    driver.settings.set(TOP, TOP.default)
    assert stored_settings() == {"wnids": True}


def test_the_places_of_things_live_on(new_window: Callable[..., Driver]) -> None:
    write_settings(model=FAST)
    first = new_window()
    if first.window.screen().geometry().width() < 1200:
        pytest.skip("the screen of the offscreen platform is too small for another size")
    first.open("zebra", "pizza")
    first.window.resize(1111, 777)
    first.trigger("as_table")
    [across] = [s for s in first.window.findChildren(QSplitter) if s.orientation().value == 1]
    across.setSizes([600, 511])
    first.wait(lambda: first.window.size().toTuple() == (1111, 777))
    sizes = across.sizes()
    first.close()
    second = new_window(show=False)
    second.window.show()
    second.qtbot.waitExposed(second.window)
    second.wait(lambda: second.window.size().toTuple() == (1111, 777))
    assert second.window.actions_by_key["as_table"].isChecked()
    [across] = [s for s in second.window.findChildren(QSplitter) if s.orientation().value == 1]
    second.wait(lambda: across.sizes() == sizes)
    second.open("zebra", "pizza")
    assert second.table.isVisible()


def test_recent_files(new_window: Callable[..., Driver], tmp_path: object) -> None:
    write_settings(model=FAST)
    first = new_window()
    assert [(a.text(), a.isEnabled()) for a in recent_menu(first)] == [("Nothing yet", False)]
    first.open("zebra")
    first.window.open_paths([str(tmp_path)])
    first.wait(lambda: len(first.photos) == 2)
    first.close()
    second = new_window()
    entries = recent_menu(second)
    assert [a.toolTip() for a in entries] == [str(tmp_path), sample("zebra")]
    entries[1].trigger()
    second.wait(lambda: len(second.photos) == 1)
    assert second.current.name == "zebra.jpg"


def test_recent_files_are_ten_at_most_and_exist(user: Driver, tmp_path: object) -> None:
    files = [f"{tmp_path}/{index}.jpg" for index in range(14)]
    for file in files:
        with open(file, "wb"):  # noqa: PTH123
            pass
        user.window.open_paths([file])
    shown = [a.toolTip() for a in recent_menu(user)]
    assert shown == files[:3:-1]
    (paths.Path(files[-1])).unlink()
    assert files[-1] not in [a.toolTip() for a in recent_menu(user)]


# --- what it finds ----------------------------------------------------------------------------

CORRUPT = {
    "empty": b"",
    "no-json": b"\xff\xfe\0\x01{{{",
    "list": b"[1, 2]",
    "number": b"7",
    "wrong-types": b'{"top": "many", "theme": 3, "crop_box": 1, "model": null}',
    "out-of-range": b'{"top": 400, "theme": "purple", "fit": "zoom"}',
    "unknown": b'{"colour": "red", "top": 3}',
    "deep": b"[" * 100_000,
    "huge-number": b'{"top": 1e999}',
}


@pytest.mark.parametrize("kind", CORRUPT)
def test_corrupt_settings_are_survived(new_window: Callable[..., Driver], kind: str) -> None:
    paths.config_dir().mkdir(parents=True)
    (paths.config_dir() / "settings.json").write_bytes(CORRUPT[kind])
    driver = new_window(begin=False)
    for setting in ALL:
        expected = 3 if kind == "unknown" and setting is TOP else setting.default
        assert driver.settings._value(setting) == expected
    driver.settings.set(TOP, 4)
    assert stored_settings() == {"top": 4}


def test_a_settings_folder_that_cannot_be_written(
    new_window: Callable[..., Driver], caplog: pytest.LogCaptureFixture
) -> None:
    paths.config_dir().parent.mkdir(parents=True)
    paths.config_dir().write_text("a file in the way", encoding="utf-8")
    driver = new_window(begin=False)
    driver.settings.set(TOP, 4)
    assert driver.settings.number(TOP) == 4
    assert "Settings are not kept" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\0\0garbage\n[[[",
        (
            b"[General]\ngeometry=@ByteArray(nonsense)\nacross=12\ndown=@Invalid()\n"
            b"as_table=perhaps\nrecent=@Variant(\\0\\0\\0)\n"
        ),
        b"[General]\nrecent=12, , \n",
    ],
)
def test_a_corrupt_window_state_is_survived(
    new_window: Callable[..., Driver], content: bytes
) -> None:
    paths.config_dir().mkdir(parents=True)
    (paths.config_dir() / "window.ini").write_bytes(content)
    driver = new_window(begin=False)
    assert "Drop a photo or a video here" in texts_in(driver.window)
    assert driver.window.size().width() >= 900
    recent_menu(driver)
    driver.close()
    state = QSettings(window_file(), QSettings.Format.IniFormat)
    assert not state.value("geometry").isEmpty()


def test_a_geometry_of_a_screen_that_is_gone_comes_back_into_sight(
    new_window: Callable[..., Driver],
) -> None:
    first = new_window(begin=False)
    first.window.move(9000, 9000)
    first.close()
    second = new_window(begin=False)
    assert second.window.screen().geometry().intersects(second.window.geometry())


def test_settings_refuse_what_is_out_of_range() -> None:
    settings = Settings()
    for setting, value in ((TOP, 0), (TOP, 21), (TOP, True), (THEME, "purple"), (FIT, "")):
        with pytest.raises(ValueError, match=setting.key):
            settings.set(setting, value)
    assert not (paths.config_dir() / "settings.json").exists()


def test_the_file_is_replaced_as_a_whole() -> None:
    """A crash in the middle must leave the former file: it is written beside and renamed."""
    settings = Settings()
    settings.set(TOP, 4)
    before = (paths.config_dir() / "settings.json").stat().st_ino
    settings.set(TOP, 6)
    after = paths.config_dir() / "settings.json"
    assert after.stat().st_ino != before
    assert json.loads(after.read_text(encoding="utf-8")) == {"top": 6}
    assert [p.name for p in paths.config_dir().iterdir()] == ["settings.json"]


def test_the_default_is_the_model_of_published_accuracy(new_window: Callable[..., Driver]) -> None:
    driver = new_window()
    driver.wait_for_model()
    assert driver.bench.model.name == SLOW  # type: ignore[union-attr]
    assert driver.theme.colours in {LIGHT, DARK}
