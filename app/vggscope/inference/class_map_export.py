"""Class maps as files: the picture below its heat map, the numbers, and all that explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw

from vggscope.inference.class_picture import ClassPicture
from vggscope.inference.colour_maps import table
from vggscope.inference.map_export import staged, with_legend

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.inference.class_map import ClassMap
    from vggscope.inference.preprocessing import CropBox
    from vggscope.sources.frame import Picture

_LONGER_SIDE: Final = 1024
_OPACITY: Final = 0.55
_MARK: Final = (255, 255, 255)
_MARK_EDGE: Final = (0, 0, 0)


def overlay_png(found: ClassMap, picture: Picture, *, colours: str) -> Image.Image:
    """The picture with the map over it, its colour bar, and a caption; RGB.

    Args:
        found: the map.
        picture: the one that it was made of.
        colours: one of ``COLOUR_MAPS``.
    """
    seen = ClassPicture(map=found)
    factor = _LONGER_SIDE / max(found.picture_size)
    size = max(1, round(picture.size[0] * factor)), max(1, round(picture.size[1] * factor))
    drawn = Image.fromarray(picture.resample((0, 0, *picture.size), size))
    left, top, right, bottom = _scaled(found.crop, factor)
    heat = Image.fromarray(table(colours)[seen.levels(whole=False)])
    # Smooth, as windows overlap: a hard edge would say more than is known.
    heat = heat.resize((max(1, right - left), max(1, bottom - top)), Image.Resampling.BILINEAR)
    below = drawn.crop((left, top, left + heat.width, top + heat.height))
    drawn.paste(Image.blend(below, heat, _OPACITY), (left, top))
    peak = found.peak
    box = _scaled(found.box(peak.row, peak.column), factor)
    draw = ImageDraw.Draw(drawn)
    draw.rectangle(box, outline=_MARK_EDGE, width=3)
    draw.rectangle(box, outline=_MARK)
    span = f"{seen.low:.3g}", f"{seen.high(whole=False):.3g}"
    return with_legend(np.asarray(drawn), colours, span, caption(found))


def caption(found: ClassMap) -> list[str]:
    """What the map shows, in lines that may still be too long."""
    rows, columns = found.values.shape
    width, height = found.input_size
    mark = ", untrained: random answers" if found.untrained else ""
    peak = found.peak
    sees = f"Where {found.model} sees “{found.label.label}”{mark}"
    of_what = f"{found.quantity} at {rows} × {columns} positions"
    windows = f"Windows of {found.window[0]} × {found.window[1]} pixels"
    on_what = f"{found.columns.stride} apart, on the picture at {width} × {height}"
    return [
        f"{sees}: {of_what}, highest {peak.value:.3g} (in the frame)",
        f"{windows}, {on_what}; colours: mean of all over a place",
        f"Computed by {found.device_name} in {found.milliseconds:.0f} ms",
    ]


def as_record(found: ClassMap, *, path: str) -> dict[str, Any]:
    """The map for JSON; places are in the picture's pixels, [left, top, right, bottom].

    ``values`` [row][column] are those of the windows; the window of row 0 and column 0 is at
    ``first_window``, the next ones ``step`` ([across, down]) from it. ``cells`` are the same laid
    over ``crop`` in equal parts.
    """
    peak = found.peak
    first = found.box(0, 0)
    second = found.box(1, 1)
    mark = {"untrained": True} if found.untrained else {}
    return {
        "path": path,
        "model": found.model,
        **mark,
        "device": found.device,
        "milliseconds": round(found.milliseconds, 3),
        "class": {
            "index": found.index,
            "wnid": found.label.wnid,
            "label": found.label.label,
        },
        "quantity": found.quantity,
        "scale": found.scale,
        "size": list(found.picture_size),
        "crop": _rounded(found.crop),
        "first_window": _rounded(first),
        "step": [round(second.left - first.left, 2), round(second.top - first.top, 2)],
        "peak": {
            "row": peak.row,
            "column": peak.column,
            "value": round(peak.value, 6),
            "window": _rounded(found.box(peak.row, peak.column)),
        },
        "values": _numbers(found.values),
        "cells": _numbers(found.cells),
    }


def save_values(found: ClassMap, path: Path) -> None:
    """Write the values, float32 [rows, columns], for ``numpy.load``.

    Raises:
        OutputError: it cannot be written.
    """
    with staged(path) as stream:
        np.save(stream, found.values, allow_pickle=False)


def _scaled(box: CropBox, factor: float) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(edge * factor) for edge in box)
    return left, top, right, bottom


def _rounded(box: CropBox) -> list[float]:
    return [round(edge, 2) for edge in box]


def _numbers(values: NDArray[np.float32]) -> list[list[float]]:
    return [[round(float(value), 6) for value in row] for row in values]
