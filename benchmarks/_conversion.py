#!/usr/bin/env python3
"""What it costs to turn a video frame into pixels, for each pixel format.

python benchmarks/_conversion.py [--quick] [--json FILE]

A part of ``live.py``, which can be run by itself. Every frame is a fresh one, because Qt keeps the
image that it converted with the frame. Where there is a display, Qt converts on the graphics card
and reads the result back.

Decided by it (2-core virtual machine without a graphics card, 2026-11-25): every format that can be
mapped is. For the network, ``toImage`` takes 4 to 24 times as long as the planes without a display,
7 to 84 times as long with one, and holds Python's lock all the time. For the preview it is quicker
only for ten bits, grey and packed colours, and only without a display, so that nobody looks.
"""

from __future__ import annotations

import os
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtMultimedia import QVideoFrame, QVideoFrameFormat

from _harness import Report, parser
from vggscope.inference.preprocessing import Preprocessor
from vggscope.sources.frame import Frame, Origin
from vggscope.sources.live.mapping import picture_of
from vggscope.zoo.models import DEFAULT_MODEL, find_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.sources.frame import Picture

_Format = QVideoFrameFormat.PixelFormat
_Size = tuple[int, int]

SIZES: Final = {"1080p": (1920, 1080), "4K": (3840, 2160)}
PREVIEW: Final = (980, 551)
# Videos and phones; hardware decoders; webcams; ten bits; screens.
FORMATS: Final = (
    _Format.Format_YUV420P,
    _Format.Format_YUV422P,
    _Format.Format_NV12,
    _Format.Format_YUYV,
    _Format.Format_UYVY,
    _Format.Format_P010,
    _Format.Format_YUV420P10,
    _Format.Format_Y8,
    _Format.Format_BGRX8888,
    _Format.Format_RGBA8888,
    _Format.Format_ARGB8888,
)
COLUMNS: Final = (
    "pixel format",
    "size",
    "planes → network",
    "planes → preview",
    "toImage → network",
    "toImage → preview",
)


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__ or "").parse_args()
    _application = QGuiApplication([])
    report = Report("conversion", arguments)
    measure(report, frames=7 if arguments.quick else 25)
    report.finish()


def measure(report: Report, *, frames: int = 25) -> None:
    """Print the milliseconds of each format and size, medians of ``frames``.

    There must be a QGuiApplication.
    """
    model = find_model(DEFAULT_MODEL)
    preprocessor = Preprocessor(model.description.input)
    rows = []
    for size_name, size in SIZES.items():
        for pixel_format in FORMATS:
            ways = _ways(preprocessor)
            took: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(frames + 1):
                for name, way in ways.items():
                    frame = _fresh(pixel_format, size)
                    began = perf_counter()
                    done = way(frame)
                    seconds = perf_counter() - began
                    took[name].append(seconds if done else float("nan"))
            # The first of them finds cold caches, and makes Qt's converter.
            medians = [round(1000 * median(seconds[1:]), 2) for seconds in took.values()]
            shown = ["–" if np.isnan(value) else value for value in medians]
            rows.append([pixel_format.name.removeprefix("Format_"), size_name, *shown])
    report.table(COLUMNS, rows)


def _ways(preprocessor: Preprocessor) -> dict[str, Callable[[QVideoFrame], bool]]:
    """What is measured, in the order of ``COLUMNS``; False: Qt cannot convert that."""

    def network(picture: Picture) -> bool:
        preprocessor.tensor(picture)
        return True

    def mapped_network(frame: QVideoFrame) -> bool:
        with picture_of(frame) as picture:
            return network(picture)

    def mapped_preview(frame: QVideoFrame) -> bool:
        with picture_of(frame) as picture:
            return bool(picture.screen_pixels(PREVIEW))

    def converted_network(frame: QVideoFrame) -> bool:
        image = frame.toImage().convertToFormat(QImage.Format.Format_RGB888)
        if image.isNull():
            return False
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
        pixels = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
        size = (image.width(), image.height())
        # Lives no longer than the image, whose memory it borrows.
        return network(Frame(pixels=pixels, size=size, origin=Origin(name="frame")))

    def converted_preview(frame: QVideoFrame) -> bool:
        image = frame.toImage()
        if image.isNull():
            return False
        smooth = Qt.TransformationMode.SmoothTransformation
        return not image.scaled(*PREVIEW, Qt.AspectRatioMode.IgnoreAspectRatio, smooth).isNull()

    return {
        "mapped_network": mapped_network,
        "mapped_preview": mapped_preview,
        "converted_network": converted_network,
        "converted_preview": converted_preview,
    }


def _fresh(pixel_format: _Format, size: _Size) -> QVideoFrame:
    frame = QVideoFrame(QVideoFrameFormat(QSize(*size), pixel_format))
    if not frame.map(QVideoFrame.MapMode.WriteOnly):
        raise RuntimeError(f"Qt has no memory for {pixel_format.name}")
    for plane in range(frame.planeCount()):
        memory = np.frombuffer(frame.bits(plane), np.uint8)
        memory[:] = 100 + plane
    frame.unmap()
    return frame


if __name__ == "__main__":
    # Without a display as well; with one, as on a user's computer.
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    main()
