"""Feature maps as files: pictures that explain themselves, raw numbers, statistics."""

from __future__ import annotations

import contextlib
import csv
import io
import unicodedata
import zipfile
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vggscope.errors import OutputError
from vggscope.inference.capture_files import reason_of
from vggscope.inference.colour_maps import LEVELS, table
from vggscope.inference.map_pictures import GAP, Grid, levels, value_range
from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.map_pictures import Normalisation

COLUMNS: Final = (
    "layer",
    "channel",
    "label",
    "minimum",
    "maximum",
    "mean",
    "std",
    "zeros",
    "missing",
)
"""Of ``statistics_csv``; ``feature_maps.Statistics`` says what they are."""

_PAPER: Final = (255, 255, 255)
_INK: Final = (32, 32, 36)
_GAP_COLOUR: Final = (154, 160, 166)
"""Of what has no value: a level of "gray" as well, but at neither end of any colour map."""
_ENLARGED: Final = 1024
_LARGEST_CELL: Final = 64
"""Pictures grow by a whole factor as long as neither a side nor one value exceeds these."""
_NARROWEST: Final = 480
"""Pixels across, so that a caption has room."""
_MARGIN: Final = 12
_BAR: Final = 14
_FONT_SIZE: Final = 14
_LINE: Final = 19
_FAST: Final = 1
"""PNG's compression: the default takes several times as long for little."""
_SCALES: Final = {
    "channel": "each channel from its own minimum to its own maximum",
    "layer": "all {kind} from the layer's minimum to its maximum",
    "fixed": "a fixed range",
}
_CENTRED_SCALES: Final = {
    "channel": "each channel up to its own largest magnitude, 0 in the middle",
    "layer": "all {kind} up to the layer's largest magnitude, 0 in the middle",
    "fixed": "a fixed range, 0 in the middle",
}
_REWRITTEN: Final = str.maketrans({"×": "x", "−": "-", "–": "-", "—": "-", "®": "(R)"})
"""What Pillow's own font lacks. It has ASCII, and of all other signs these and few more:"""
_SPARED: Final = frozenset("‘’“”…©°±™⁄")


# --- pictures ---------------------------------------------------------------------------------


def grid_png(
    maps: FeatureMaps,
    grid: Grid,
    *,
    colours: str,
    normalisation: Normalisation,
) -> Image.Image:
    """A grid with its colour bar and a caption, RGB.

    Args:
        maps: what ``grid`` was made of.
        grid: as ``map_pictures.grid`` made it.
        colours: one of ``COLOUR_MAPS``.
        normalisation: the one that ``grid`` was made with.
    """
    shown = f"{len(grid.order)} of {len(maps.values)} {_kind(maps)}"
    if len(grid.order) == len(maps.values):
        shown = f"all {len(maps.values)} {_kind(maps)}"
    is_centred = bool((grid.low == -grid.high).all() and (grid.high > 0).any())
    ends = ("", "")
    if len(grid.order):
        ends = (_number(grid.low[0]), _number(grid.high[0]))
        if (grid.low != grid.low[0]).any() or (grid.high != grid.high[0]).any():
            ends = ("lowest of each channel", "highest of each channel")
            if is_centred:
                ends = ("- largest magnitude of each channel", "+ largest")
    caption = _caption(maps, shown, normalisation, is_centred=is_centred)
    return _composed(grid.pixels, colours, ends, caption, is_centred=is_centred)


def channel_png(  # noqa: PLR0913 (what the user can choose)
    maps: FeatureMaps,
    channel: int,
    *,
    colours: str,
    normalisation: Normalisation,
    fixed: tuple[float, float] = (0.0, 1.0),
    symmetric: bool = False,
) -> Image.Image:
    """One channel with its colour bar and a caption, RGB.

    Args:
        maps: of which layer.
        channel: which one.
        colours: one of ``COLOUR_MAPS``.
        normalisation: see ``map_pictures.value_range``.
        fixed: likewise.
        symmetric: likewise.
    """
    shown = levels(maps, normalisation, channel=channel, fixed=fixed, symmetric=symmetric)
    low, high = value_range(maps, normalisation, channel=channel, fixed=fixed, symmetric=symmetric)
    name = f"{'unit' if maps.is_vector else 'channel'} {channel}"
    if maps.labels is not None:
        name += f" ({maps.labels[channel]})"
    is_centred = low == -high and high > 0
    name = f"{name} of {len(maps.values)}"
    caption = _caption(maps, name, normalisation, is_centred=is_centred, channel=channel)
    ends = (_number(low), _number(high))
    return _composed(shown[0], colours, ends, caption, is_centred=is_centred)


def _caption(
    maps: FeatureMaps,
    shown: str,
    normalisation: Normalisation,
    *,
    is_centred: bool,
    channel: int | None = None,
) -> list[str]:
    """What a picture shows, in lines that may still be too long."""
    # Units are compared with each other, whatever was asked for: see value_range.
    is_one_scale = normalisation == "channel" and maps.values[0].size == 1
    scales = _CENTRED_SCALES if is_centred else _SCALES
    scale = scales["layer" if is_one_scale else normalisation].format(kind=_kind(maps))
    figures = maps.statistics
    part = slice(None) if channel is None else slice(channel, channel + 1)
    count, height, width = maps.values.shape
    moment = ""
    if maps.before_relu:
        moment = ", before ReLU"
    elif maps.layer.activation == "relu":
        moment = ", after ReLU"
    size = f"{count}" if maps.is_vector else f"{count} × {height} × {width}"
    axes = "units" if maps.is_vector else "channels × rows × columns"
    lines = [
        f"{maps.model}, layer {maps.layer.name} ({maps.layer.type}){moment}: {shown}",
        f"Shape {size} ({axes})"
        + (f", the largest of each {maps.shrunk} × {maps.shrunk}" if maps.shrunk > 1 else "")
        + f"; computed by {maps.device}",
    ]
    known = figures.minimum[part][np.isfinite(figures.minimum[part])]
    if known.size:
        top = np.nanmax(figures.maximum[part])
        span = f"Values from {_number(known.min())} to {_number(top)}"
        if channel is not None and height * width == 1:
            span = f"Value {_number(top)}"
        lines.append(f"{span}; colours: {scale}")
    else:
        lines.append("No finite values")
    if missing := int(np.rint(figures.missing[part].sum() * height * width)):
        lines.append(f"{missing} values that are no finite numbers are left blank, as gaps are")
    return lines


def _kind(maps: FeatureMaps) -> str:
    return "units" if maps.is_vector else "channels"


def _number(value: float) -> str:
    """Four digits are more than a colour can show."""
    # No "-0", which is what is left of symmetric ranges.
    return f"{value + 0.0:.4g}"


def _composed(
    pixels: NDArray[np.uint8],
    colours: str,
    ends: tuple[str, str],
    caption: Sequence[str],
    *,
    is_centred: bool,
) -> Image.Image:
    """Levels, with a legend."""
    palette = np.empty((GAP + 1, 3), np.uint8)
    palette[:LEVELS], palette[LEVELS:] = table(colours), _GAP_COLOUR
    factor = min(max(1, _ENLARGED // max(*pixels.shape, 1)), _LARGEST_CELL)
    picture = palette[pixels.repeat(factor, axis=0).repeat(factor, axis=1)]
    return with_legend(picture, colours, ends, caption, is_centred=is_centred)


def with_legend(
    picture: NDArray[np.uint8],
    colours: str,
    ends: tuple[str, str],
    caption: Sequence[str],
    *,
    is_centred: bool = False,
) -> Image.Image:
    """A picture, RGB [H, W, 3], the colour bar below it, and the caption below that.

    Args:
        picture: what to explain.
        colours: one of ``COLOUR_MAPS``.
        ends: what the first and the last colour stand for.
        caption: lines; those that are too long are broken.
        is_centred: whether the colour in the middle stands for 0.
    """
    height, width = picture.shape[:2]
    across = max(width, _NARROWEST)
    font = ImageFont.load_default(_FONT_SIZE)
    lines = [part for line in caption for part in _wrapped(line, font, across)]
    bar_top = _MARGIN + height + _MARGIN
    text_top = bar_top + _BAR + 4
    total = (across + 2 * _MARGIN, text_top + _LINE * (len(lines) + 1) + _MARGIN)
    canvas = Image.new("RGB", total, _PAPER)
    if picture.size:
        canvas.paste(Image.fromarray(picture), (_MARGIN, _MARGIN))
    bar = table(colours)[np.broadcast_to(np.arange(across) * LEVELS // across, (_BAR, across))]
    canvas.paste(Image.fromarray(bar), (_MARGIN, bar_top))
    draw = ImageDraw.Draw(canvas)
    right = _MARGIN + across
    draw.text((_MARGIN, text_top), ends[0], fill=_INK, font=font)
    draw.text((right, text_top), ends[1], fill=_INK, font=font, anchor="ra")
    if is_centred:
        draw.text((_MARGIN + across // 2, text_top), "0", fill=_INK, font=font, anchor="ma")
    for number, line in enumerate(lines, start=1):
        draw.text((_MARGIN, text_top + number * _LINE), line, fill=_INK, font=font)
    return canvas


def _wrapped(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> Iterator[str]:
    """``text`` in lines of at most ``width`` pixels; only a word that is wider alone is broken."""
    line = ""
    for word in _drawable(text).split():
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width:
            line = longer
            continue
        if line:
            yield line
        line = word
        while font.getlength(line) > width:
            low, high = 1, len(line)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (
                    (middle, high) if font.getlength(line[:middle]) <= width else (low, middle)
                )
            yield line[:low]
            line = line[low:]
    if line:
        yield line


def _drawable(text: str) -> str:
    """``text`` in signs that Pillow's font has: without accents, "?" for other scripts."""
    plain = (
        sign if sign in _SPARED else unicodedata.normalize("NFKD", sign)
        for sign in text.translate(_REWRITTEN)
    )
    return "".join(
        sign if sign.isascii() or sign in _SPARED else "?"
        for sign in "".join(plain)
        if not unicodedata.combining(sign)
    )


# --- numbers ----------------------------------------------------------------------------------


def statistics_csv(layers: Iterable[FeatureMaps], channels: Sequence[int] | None = None) -> str:
    """Statistics as CSV: a line for each channel, units of classes with their labels.

    Args:
        layers: the layers, one after the other.
        channels: which ones of each; None for all.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for maps in layers:
        figures = maps.statistics
        columns = (
            figures.minimum,
            figures.maximum,
            figures.mean,
            figures.std,
            figures.zeros,
            figures.missing,
        )
        for channel in range(len(maps.values)) if channels is None else channels:
            label = "" if maps.labels is None else maps.labels[channel]
            numbers = (float(column[channel]) for column in columns)
            writer.writerow((maps.layer.name, channel, label, *numbers))
    return text.getvalue()


# --- files ------------------------------------------------------------------------------------


def save_png(picture: Image.Image, path: Path) -> None:
    """Write a picture.

    Raises:
        OutputError: it cannot be written.
    """
    with staged(path) as stream:
        picture.save(stream, format="PNG", compress_level=_FAST)


def save_csv(
    layers: Iterable[FeatureMaps], path: Path, *, channels: Sequence[int] | None = None
) -> None:
    """Write ``statistics_csv`` in UTF-8.

    Raises:
        OutputError: it cannot be written.
    """
    with staged(path) as stream:
        stream.write(statistics_csv(layers, channels).encode("utf-8", "backslashreplace"))


def save_npy(maps: FeatureMaps, path: Path, *, channels: Sequence[int] | None = None) -> None:
    """Write the values, float32 [C, H, W], for ``numpy.load``; of ``channels`` alone, if given.

    Raises:
        OutputError: it cannot be written.
    """
    with staged(path) as stream:
        np.save(stream, _values(maps, channels), allow_pickle=False)


def save_npz(
    layers: Iterable[FeatureMaps], path: Path, *, channels: Sequence[int] | None = None
) -> None:
    """Write the values of several layers, each under its name, for ``numpy.load``.

    Args:
        layers: of one network, so that no two have the same name. Taken one by one.
        path: where.
        channels: which ones of each, in this order; None for all.

    Raises:
        OutputError: it cannot be written.
    """
    # Not by numpy.savez: it takes all arrays at once, and no layer called "file".
    with staged(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for maps in layers:
            # With a date of its own, the same numbers make the same file.
            member = zipfile.ZipInfo(f"{maps.layer.name}.npy")
            with archive.open(member, "w", force_zip64=True) as array:
                np.lib.format.write_array(array, _values(maps, channels), allow_pickle=False)


def _values(maps: FeatureMaps, channels: Sequence[int] | None) -> NDArray[np.float32]:
    chosen = maps.values if channels is None else maps.values[list(channels)]
    return np.ascontiguousarray(chosen)


@contextlib.contextmanager
def staged(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name, and replaces what had it, only when it is complete.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        part = path.with_name(f"{path.name}.part")
        stream = part.open("wb")
    # ValueError: a name that no file can have.
    except (OSError, ValueError) as error:
        raise OutputError(name=display_name(path), reason=reason_of(error)) from error
    try:
        with stream:
            yield stream
        part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise OutputError(name=display_name(path), reason=reason_of(error)) from error
        raise
