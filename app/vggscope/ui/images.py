"""Between Qt's images and frames. Called on worker threads: engines are imported when needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vggscope.sources.frame import Frame
    from vggscope.ui.photos import Photo

THUMBNAIL_SIDE: Final = 192
"""Pixels of a thumbnail's longer side: twice what the filmstrip shows, for HiDPI screens."""

_SCREEN_SIDE: Final = 2160
"""Shorter side up to which a photo is decoded for the screen: more than most screens have."""

_SMALLEST_LEVEL: Final = 400


def read_photo(photo: Photo, enough: int | None) -> Frame:
    """The pixels of a photo; see ``read_still``.

    Raises:
        ImageError: it cannot be read.
    """
    from vggscope.sources.stills import read_still  # noqa: PLC0415

    if photo.error is not None and photo.path is None:
        raise photo.error
    if photo.image is not None:
        return _frame_of(photo.image, photo.name)
    if photo.data is not None:
        return read_still(photo.data, name=photo.name, enough=enough)
    if photo.path is None:
        raise ValueError(f"{photo.name} has no pixels")
    return read_still(photo.path, name=photo.name, enough=enough)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """A photo for the canvas: in full, then halved again and again.

    Painting a 12-megapixel image into a small window takes 50 ms, from the right level 2.

    Attributes:
        images: the largest one first; it may hold fewer pixels than the photo has.
        size: (width, height) of the photo in its own pixels.
    """

    images: list[QImage]
    size: tuple[int, int]


def levels_for_screen(photo: Photo) -> Levels:
    """Read a photo for the canvas.

    Raises:
        ImageError: it cannot be read.
    """
    frame = read_photo(photo, _SCREEN_SIDE)
    levels = [image_of(frame).convertToFormat(QImage.Format.Format_RGB32)]
    while min(levels[-1].width(), levels[-1].height()) >= 2 * _SMALLEST_LEVEL:
        last = levels[-1]
        levels.append(
            last.scaled(
                last.width() // 2,
                last.height() // 2,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
    return Levels(levels, frame.size)


def image_of(frame: Frame) -> QImage:
    """A frame's pixels as a QImage of its own."""
    return image_of_pixels(frame.pixels)


def image_of_pixels(pixels: NDArray[np.uint8]) -> QImage:
    """Pixels [H, W, 3], RGB and contiguous, as a QImage of its own."""
    height, width = pixels.shape[:2]
    view = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return view.copy()


def thumbnail_of(image: QImage) -> QImage:
    """A small copy for the filmstrip."""
    return image.scaled(
        THUMBNAIL_SIDE,
        THUMBNAIL_SIDE,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )


def _frame_of(image: QImage, name: str) -> Frame:
    """A pasted image as a frame: transparency over white, as everywhere."""
    import numpy as np  # noqa: PLC0415

    from vggscope.sources.frame import Frame, Origin  # noqa: PLC0415

    opaque = QImage(image.size(), QImage.Format.Format_RGB32)
    opaque.fill(Qt.GlobalColor.white)
    painter = QPainter(opaque)
    painter.drawImage(0, 0, image)
    painter.end()
    packed = opaque.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(packed.constBits(), np.uint8).reshape(packed.height(), -1)
    pixels = rows[:, : 3 * packed.width()].reshape(packed.height(), packed.width(), 3).copy()
    return Frame(pixels=pixels, size=(packed.width(), packed.height()), origin=Origin(name=name))
