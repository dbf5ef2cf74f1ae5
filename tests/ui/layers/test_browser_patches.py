"""Top patches in the window: of its photos and of a folder, found once and then known."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from ui.layers.layers_driver import KEY, box_of
from ui.window_driver import SAMPLES, sample
from vggscope.inference.runtime import Session
from vggscope.ui.layers.histogram import value_text

if TYPE_CHECKING:
    from pathlib import Path

    from ui.layers.layers_driver import Layers, Truth

PHOTOS = tuple(sorted(path.stem for path in SAMPLES.glob("*.jpg")))
COUNT = len(PHOTOS)
LAYER = "conv4_3"
UNFINISHED = re.compile(r"\d of \d|Looking")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What networks are run, from now on."""
    run = Session.run
    found: list[str] = []

    def count(session: Session, names: Any, *arguments: Any) -> Any:
        found.append(f"{len(names)} outputs")
        return run(session, names, *arguments)

    monkeypatch.setattr(Session, "run", count)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All samples, and a file that is no photo: what the next dialog chooses."""
    made = tmp_path / "my photos"
    made.mkdir()
    for name in PHOTOS:
        shutil.copy(sample(name), made)
    (made / "broken.jpg").write_text("text", encoding="utf-8")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(made))
    return made


def begin(layers: Layers, *photos: str, channel: int = 84) -> None:
    """Look at a channel, and let nothing else be in the way."""
    layers.open(*photos)
    layers.choose(LAYER)
    layers.type_channel(channel)
    errands = layers.user.bench.inference.errands
    layers.user.wait(lambda: not errands.is_pending("times"))


def wait_for_patches(layers: Layers, *texts: str) -> None:
    """Until the search is over, ``texts`` are to be read, and every tile has its picture."""
    panel = layers.browser.patches

    def is_over() -> bool:
        said = layers.texts(panel)
        is_complete = not UNFINISHED.search(said) and all(text in said for text in texts)
        return is_complete and all(tile.image is not None for tile in tiles(layers))

    errands = layers.user.bench.inference.errands
    layers.user.wait(lambda: not errands.is_pending("patches") and is_over())


def tiles(layers: Layers) -> list[Any]:
    model = layers.tiles.model()
    role = Qt.ItemDataRole.UserRole
    return [model.index(row, 0).data(role) for row in range(model.rowCount())]


def spoken(layers: Layers) -> list[str]:
    """What a screen reader says of the tiles."""
    model, role = layers.tiles.model(), Qt.ItemDataRole.AccessibleTextRole
    return [str(model.index(row, 0).data(role)) for row in range(model.rowCount())]


def peaks(truth: Truth, channel: int) -> dict[str, float]:
    """photo -> the largest value of the channel."""
    return {name: float(truth(name, LAYER).values[channel].max()) for name in PHOTOS}


def assert_best_is(layers: Layers, truth: Truth, channel: int) -> str:
    """Whether the strongest position of all photos comes first; of which photo it is."""
    found = peaks(truth, channel)
    best = max(found, key=lambda name: found[name])
    shown = tiles(layers)
    assert len(shown) == 9
    values = [tile.patch.value for tile in shown]
    assert values == sorted(values, reverse=True)
    assert layers.captions() == [value_text(value) for value in values]
    assert spoken(layers)[0] == f"1: {value_text(found[best])}, {best}.jpg"
    assert values[0] == pytest.approx(found[best], rel=1e-3)
    return best


def test_patches_of_the_photos_of_the_window(
    layers: Layers, truth: Truth, runs: list[str], tmp_path: Path
) -> None:
    begin(layers, *PHOTOS)
    runs.clear()
    layers.show_page("Top patches")
    wait_for_patches(layers, f"{LAYER}, channel 84")
    assert runs != []
    assert f"{COUNT} photos of this window" in layers.texts(layers.browser.patches)
    best = assert_best_is(layers, truth, 84)

    # A click leads to the photo, and shows there what the channel saw.
    other = next(p for p in layers.user.photos if p.name != f"{best}.jpg")
    layers.user.bench.choose(other.key)
    layers.settle(LAYER)
    layers.click_tile(0)
    layers.settle(LAYER)
    assert layers.user.current.name == f"{best}.jpg"
    expected = truth(best, LAYER)
    [spot] = expected.strongest(84, 1)
    box = expected.on_picture(expected.receptive_field(spot.row, spot.column))
    assert [box_of(m) for m in layers.marks] == [pytest.approx(tuple(box))]

    # Another channel, and another layer, of the same photos: they are known.
    runs.clear()
    layers.grid.setFocus()
    layers.user.key(KEY.Key_Right, on=layers.grid)
    layers.settle(LAYER)
    wait_for_patches(layers, f"{LAYER}, channel 85")
    assert runs == []
    assert_best_is(layers, truth, 85)

    # One more photo is looked at alone; one that is removed is forgotten.
    shutil.copy(sample(PHOTOS[0]), tmp_path / "one more.jpg")
    layers.user.drop_files(tmp_path / "one more.jpg")
    layers.user.wait(lambda: len(layers.user.photos) == COUNT + 1)
    layers.user.settle()
    layers.settle(LAYER)
    wait_for_patches(layers, f"{COUNT + 1} photos of this window")
    layers.user.bench.choose(next(p.key for p in layers.user.photos if p.name == "one more.jpg"))
    layers.settle(LAYER)
    layers.user.trigger("remove")
    layers.settle(LAYER)
    wait_for_patches(layers, f"{COUNT} photos of this window")
    assert "one more.jpg" not in " ".join(spoken(layers))
    assert_best_is(layers, truth, 85)


def test_patches_of_a_folder(layers: Layers, truth: Truth, folder: Path, runs: list[str]) -> None:
    begin(layers, "zebra")
    layers.show_page("Top patches")
    wait_for_patches(layers, "1 photo")
    panel = layers.browser.patches
    layers.user.click(layers.user.button("Choose a folder", panel))
    wait_for_patches(layers, f"folder my photos, {COUNT + 1} photos")
    assert "1 failed" in layers.texts(panel)
    best = assert_best_is(layers, truth, 84)
    assert [p.name for p in layers.user.photos] == ["zebra.jpg"]

    # What is known is known: of the photos in the window, and of the folder once more.
    runs.clear()
    layers.user.click(layers.user.button("Photos of this window", panel))
    wait_for_patches(layers, "1 photo")
    assert {text.rsplit(", ", 1)[1] for text in spoken(layers)} == {"zebra.jpg"}
    layers.user.click(layers.user.button("Choose a folder", panel))
    wait_for_patches(layers, f"folder my photos, {COUNT + 1} photos")
    assert runs == []
    assert assert_best_is(layers, truth, 84) == best

    # A photo that is not in the window is opened there.
    row = next(i for i, text in enumerate(spoken(layers)) if not text.endswith("zebra.jpg"))
    tile = tiles(layers)[row]
    layers.click_tile(row)
    layers.settle(LAYER)
    layers.user.settle()
    assert layers.user.current.name == tile.name
    assert str(layers.user.current.path) == str(folder / tile.name)
    assert [box_of(m) for m in layers.marks] == [pytest.approx(tuple(tile.patch.box))]


def test_a_search_that_is_stopped_and_goes_on(layers: Layers, folder: Path) -> None:
    for number in range(20):
        # Each is another file: what is known of one is not known of its copies.
        shutil.copy(sample("zebra"), folder / f"zebra {number}.jpg")
    begin(layers, "zebra")
    layers.show_page("Top patches")
    wait_for_patches(layers, "1 photo")
    panel = layers.browser.patches
    layers.user.click(layers.user.button("Choose a folder", panel))
    total = COUNT + 21
    layers.user.wait(lambda: f"folder my photos, {total} photos" in layers.texts(panel))
    layers.user.wait(lambda: "Stop" in button_texts(layers))
    layers.user.click(layers.user.button("Stop", panel))
    errands = layers.user.bench.inference.errands
    assert not errands.is_pending("patches")
    assert f"of {total}" in layers.texts(panel)
    layers.choose("conv4_2")
    assert not errands.is_pending("patches"), "it does not go on by itself"
    layers.user.click(layers.user.button("Go on", panel))
    wait_for_patches(layers, "conv4_2", "1 failed")
    assert f"folder my photos, {total} photos" in layers.texts(panel)
    assert len(tiles(layers)) == 9


def button_texts(layers: Layers) -> list[str]:
    from PySide6.QtWidgets import QToolButton  # noqa: PLC0415

    buttons = layers.browser.patches.findChildren(QToolButton)
    return [button.text() for button in buttons if button.isVisible()]
