"""Feature maps as files."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from inference.maps import maps_of
from support import as_nobody, open_folder
from vggscope.errors import OutputError
from vggscope.inference import map_export
from vggscope.inference.colour_maps import COLOUR_MAPS, table
from vggscope.inference.map_export import (
    COLUMNS,
    channel_png,
    grid_png,
    save_csv,
    save_npy,
    save_npz,
    save_png,
    statistics_csv,
)
from vggscope.inference.map_pictures import channel_order, grid

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.inference.feature_maps import FeatureMaps


@pytest.fixture
def maps() -> FeatureMaps:
    values = np.random.default_rng(5).normal(size=(12, 14, 14)).astype(np.float32)
    return maps_of(np.maximum(values, 0), "conv5_3")


@pytest.fixture
def classes() -> FeatureMaps:
    values = np.array([0.25, 0.5, 0.25, 0.0], np.float32).reshape(4, 1, 1)
    return maps_of(values, "prob", labels=("cat", "dog, hound", 'a "bird"', "fish"))


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, int, int, int]]]:
    """What is written on pictures, and the box that it takes; the picture is made all the same."""
    written: list[tuple[str, tuple[int, int, int, int]]] = []
    original = ImageDraw.ImageDraw.text

    def text(draw: ImageDraw.ImageDraw, xy: Any, words: str, **options: Any) -> None:
        where = {name: options[name] for name in ("font", "anchor") if name in options}
        left, top, right, bottom = draw.textbbox(xy, words, **where)
        written.append((words, (int(left), int(top), int(right), int(bottom))))
        original(draw, xy, words, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    return written


Texts = list[tuple[str, tuple[int, int, int, int]]]


def made_grid(maps: FeatureMaps, *, colours: str = "viridis", **options: Any) -> Image.Image:
    options.setdefault("normalisation", "channel")
    options.setdefault("order", channel_order(maps, "index"))
    shown = grid(maps, **options)
    return grid_png(maps, shown, colours=colours, normalisation=options["normalisation"])


# --- pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("colours", COLOUR_MAPS)
def test_a_channel_in_its_colours(maps: FeatureMaps, colours: str) -> None:
    picture = np.asarray(channel_png(maps, 3, colours=colours, normalisation="channel"))
    factor = 64
    values = maps.values[3]
    expected = table(colours)[np.rint(values / values.max() * 254).astype(int)]
    middle = factor // 2
    side = 14 * factor
    found = picture[12 + middle : 12 + side : factor, 12 + middle : 12 + side : factor]
    # A level more or less, where float32 decides a tie otherwise.
    assert abs(found.astype(int) - expected).max() <= 8
    # The bar below the picture, from the lowest level to the highest.
    bar = picture[12 + side + 12 + 5, 12 : 12 + side]
    assert bar[0].tolist() == table(colours)[0].tolist()
    assert bar[-1].tolist() == table(colours)[254].tolist()


def test_what_a_picture_says(maps: FeatureMaps, texts: Texts) -> None:
    channel_png(maps, 3, colours="viridis", normalisation="fixed", fixed=(-1.5, 2))
    words = " ".join(text for text, _ in texts)
    assert {"-1.5", "2"} <= {text for text, _ in texts}
    for part in (
        "vgg16-compact",
        "conv5_3 (Conv2D), after ReLU",
        "channel 3 of 12",
        "12 x 14 x 14 (channels x rows x columns)",
        "a device",
        "fixed range",
        f"from 0 to {maps.values[3].max():.4g}",
    ):
        assert part in words


def test_what_a_grid_says(maps: FeatureMaps, texts: Texts) -> None:
    order = channel_order(maps, "mean")[:5]
    made_grid(replace(maps, before_relu=True), order=order)
    words = " ".join(text for text, _ in texts)
    assert "before ReLU: 5 of 12 channels" in words
    assert "each channel from its own minimum" in words
    assert "lowest of each channel" in words
    assert f"from 0 to {maps.values.max():.4g}" in words


def test_a_common_scale_has_numbers(maps: FeatureMaps, texts: Texts) -> None:
    made_grid(maps, normalisation="layer")
    words = [text for text, _ in texts]
    assert words[:2] == ["0", f"{maps.values.max():.4g}"]
    assert "all 12 channels" in " ".join(words)


def test_a_symmetric_scale_says_where_0_is(maps: FeatureMaps, texts: Texts) -> None:
    picture = channel_png(maps, 3, colours="diverging", normalisation="channel", symmetric=True)
    largest = f"{maps.values[3].max():.4g}"
    assert [text for text, _ in texts[:3]] == [f"-{largest}", largest, "0"]
    left, _, right, _ = texts[2][1]
    assert abs((left + right) / 2 - picture.width / 2) <= 2
    made_grid(maps, symmetric=True)
    words = " ".join(text for text, _ in texts)
    assert words.count("its own largest magnitude, 0 in the middle") == 2
    assert "its own minimum" not in words


def test_units_are_named_and_share_a_scale(classes: FeatureMaps, texts: Texts) -> None:
    channel_png(classes, 1, colours="gray", normalisation="channel")
    made_grid(classes)
    words = " ".join(text for text, _ in texts)
    assert "unit 1 (dog, hound) of 4" in words
    assert "all 4 units" in words
    assert "its own minimum" not in words
    assert "Value 0.5; colours: all units" in words


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("vgg", "a very long label of many words " * 20),
        ("m" * 400, "x" * 2000),
        ("モデル\n\t犬 für × ½ ®", "\ud800 broken\r\nlines"),
        ("", ""),
    ],
)
def test_captions_fit_the_picture(model: str, label: str, texts: Texts) -> None:
    maps = maps_of(np.zeros((2, 1, 1), np.float32), "prob", labels=(label, label), model=model)
    picture = channel_png(maps, 0, colours="gray", normalisation="layer")
    assert len(texts) >= 4
    font = ImageFont.load_default(14)
    unknown = font.getmask("\U000e1234")
    for words, (left, top, right, bottom) in texts:
        assert "\n" not in words
        for sign in set(words):
            drawn = font.getmask(sign)
            assert (drawn.size, bytes(drawn)) != (unknown.size, bytes(unknown)), sign
        assert left >= 0
        assert top >= 0
        assert right <= picture.width
        assert bottom <= picture.height
    tops = [box[1] for _, box in texts[2:] if box[3] > box[1]]
    assert tops == sorted(tops)


def test_signs_that_the_font_lacks(texts: Texts) -> None:
    maps = maps_of(np.zeros((1, 1, 1), np.float32), "prob", labels=("crème brûlée “犬” ½",))
    channel_png(maps, 0, colours="gray", normalisation="layer")
    assert "(creme brulee “?” 1⁄2)" in " ".join(text for text, _ in texts)


def test_a_small_picture_leaves_room_for_words(texts: Texts) -> None:
    maps = maps_of(np.zeros((1, 300, 1), np.float32), "conv1_1")
    picture = channel_png(maps, 0, colours="gray", normalisation="channel")
    assert picture.width >= 480
    assert all(box[2] <= picture.width for _, box in texts)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
@pytest.mark.parametrize("normalisation", ["channel", "layer", "fixed"])
def test_pictures_of_nothing(value: float, normalisation: Any, texts: Texts) -> None:
    maps = maps_of(np.full((3, 4, 4), value, np.float32), "conv5_3")
    channel_png(maps, 0, colours="gray", normalisation=normalisation, symmetric=True)
    made_grid(maps, normalisation=normalisation)
    words = " ".join(text for text, _ in texts)
    assert ("No finite values" in words) == (value != 0)
    assert ("48 values that are no finite numbers" in words) == (value != 0)


def test_a_grid_without_channels_says_so(texts: Texts) -> None:
    maps = maps_of(np.zeros((3, 4, 4), np.float32), "conv5_3")
    order = channel_order(maps, "index", alive_only=True)
    assert made_grid(maps, order=order).size[0] >= 480
    assert "0 of 3 channels" in " ".join(text for text, _ in texts)


def test_a_picture_as_a_file(maps: FeatureMaps, tmp_path: Path) -> None:
    picture = made_grid(maps)
    save_png(picture, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as read:
        assert read.format == "PNG"
        assert np.array_equal(np.asarray(read), np.asarray(picture))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


# --- numbers ----------------------------------------------------------------------------------


def test_statistics(maps: FeatureMaps) -> None:
    header, *rows = csv.reader(io.StringIO(statistics_csv([maps])))
    assert tuple(header) == COLUMNS
    assert len(rows) == 12
    for channel, row in enumerate(rows):
        values = maps.values[channel].astype(float)
        assert row[:3] == ["conv5_3", str(channel), ""]
        assert [float(cell) for cell in row[3:]] == pytest.approx(
            [values.min(), values.max(), values.mean(), values.std(), (values == 0).mean(), 0]
        )


def test_units_have_labels(classes: FeatureMaps, maps: FeatureMaps, tmp_path: Path) -> None:
    text = statistics_csv([maps, classes], channels=[1, 2])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["layer"], row["channel"], row["label"]) for row in rows] == [
        ("conv5_3", "1", ""),
        ("conv5_3", "2", ""),
        ("prob", "1", "dog, hound"),
        ("prob", "2", 'a "bird"'),
    ]
    broken = replace(classes, labels=("猫", "\ud800", "", "x"))
    save_csv([broken], tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        labels = [row["label"] for row in csv.DictReader(stream)]
    assert labels == ["猫", "\\ud800", "", "x"]


def test_missing_values_are_told() -> None:
    values = np.array([[[1, np.nan]], [[np.inf, np.nan]]], np.float32)
    rows = list(csv.DictReader(io.StringIO(statistics_csv([maps_of(values, "conv5_3")]))))
    assert [row["missing"] for row in rows] == ["0.5", "1.0"]
    assert [row["mean"] for row in rows] == ["1.0", "nan"]


def test_arrays(maps: FeatureMaps, classes: FeatureMaps, tmp_path: Path) -> None:
    save_npy(maps, tmp_path / "a.npy")
    found = np.load(tmp_path / "a.npy")
    assert found.dtype == np.float32
    assert np.array_equal(found, maps.values)
    save_npz([maps, classes], tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as archive:
        assert sorted(archive) == ["conv5_3", "prob"]
        assert np.array_equal(archive["prob"], classes.values)
        assert np.array_equal(archive["conv5_3"], maps.values)


def test_what_comes_transposed_is_written_in_order(tmp_path: Path) -> None:
    values = np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    save_npy(maps_of(values, "conv5_3"), tmp_path / "a.npy")
    found = np.load(tmp_path / "a.npy")
    assert np.array_equal(found, values)
    assert found.flags.c_contiguous


# --- files that cannot be written -------------------------------------------------------------


def _writers(maps: FeatureMaps, path: Path) -> list[Any]:
    return [
        lambda: save_npy(maps, path),
        lambda: save_npz([maps], path),
        lambda: save_csv([maps], path),
        lambda: save_png(Image.new("RGB", (2, 2)), path),
    ]


def test_folders_that_are_missing_and_names_that_no_file_can_have(
    maps: FeatureMaps, tmp_path: Path
) -> None:
    for path in (tmp_path / "none" / "a", tmp_path / "a\0b"):
        for write in _writers(maps, path):
            with pytest.raises(OutputError):
                write()


def test_no_permission(maps: FeatureMaps) -> None:
    with open_folder() as folder:
        folder.chmod(0o555)
        with as_nobody():
            for write in _writers(maps, folder / "a"):
                with pytest.raises(OutputError, match="ermission"):
                    write()


def test_a_full_disk_leaves_what_was_there(
    maps: FeatureMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(map_export.np, "save", full)
    monkeypatch.setattr(Image.Image, "save", full)
    for write in (_writers(maps, path)[0], _writers(maps, path)[3]):
        with pytest.raises(OutputError, match="No space left"):
            write()
    assert path.read_bytes() == b"old"
    assert [left.name for left in tmp_path.iterdir()] == ["a"]
