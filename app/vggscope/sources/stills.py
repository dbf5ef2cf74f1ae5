"""The decoding border: whatever a picture file holds becomes a `Frame`, or an `ImageError`.

Only workers import this module: it loads Pillow and numpy.
"""

from __future__ import annotations

import errno
import io
import logging
import re
import struct
import warnings
import zlib
from contextlib import contextmanager
from stat import S_ISREG
from traceback import walk_tb
from typing import IO, TYPE_CHECKING, Final

import numpy as np

# Each plugin registers itself: importing them by name keeps Pillow from loading all its others,
# and tells PyInstaller which ones are needed.
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from vggscope.errors import (
    CorruptImageError,
    EmptyImageError,
    ImageError,
    ImageReadError,
    ImageTooLargeError,
    NotAFileError,
    NotAnImageError,
    TruncatedImageError,
)
from vggscope.sources.colour import to_srgb
from vggscope.sources.finding import (
    FORMAT_NAMES,
    FORMATS,
    SUFFIXES,
    display_name,
    error_of,
    local_path,
)
from vggscope.sources.frame import Frame, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL.ImageFile import ImageFile

__all__ = ["FORMATS", "FORMAT_NAMES", "MAX_PIXELS", "SUFFIXES", "read_still"]

_log = logging.getLogger(__name__)

MAX_PIXELS: Final = 2 * 89_478_485
"""Where Pillow itself refuses (twice its ``MAX_IMAGE_PIXELS``): 716 MB once decoded."""

_PLUGINS: Final = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
# Signatures of two letters, which a text may begin with as well.
_WEAK_SIGNATURES: Final = frozenset({"BMP", "PPM"})
# Containers that hold HEIC more often than AVIF.
_HEIF_BRANDS: Final = frozenset({b"mif1", b"msf1"})
# Errors of seeking, which a file's own absurd offsets cause, not the disk.
_BAD_OFFSET: Final = frozenset({errno.EINVAL, errno.EOVERFLOW})
# What Pillow says to good files of kinds that it does not know: 12-bit JPEG, TIFF in bands ...
_UNKNOWN_KIND: Final = re.compile(
    r"unsupported|cannot handle|unknown (pixel mode|data organization)", re.IGNORECASE
)
_MAX_SALVAGED_BYTES: Final = 256 * 1024 * 1024
_PNG_NEEDED: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_PNG_USEFUL: Final = frozenset({b"tRNS", b"eXIf"})
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION: Final = 0x0112
_PILLOW_WARNINGS: Final = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def read_still(
    source: Path | str | bytes, *, name: str | None = None, enough: int | None = None
) -> Frame:
    """Decode one picture: upright, sRGB, 8 bits, transparency over white, no animation.

    Args:
        source: a path, a ``file:`` address, or the encoded bytes.
        name: what to call it in front of the user; needed with bytes, else the file's name.
        enough: the shorter side in pixels that the caller needs. The frame may then hold fewer
            pixels than the picture has, never fewer than this (JPEG is not even decoded fully).

    Raises:
        ImageError: the picture cannot be used; nothing else is raised for any input.
    """
    if isinstance(source, bytes):
        if name is None:
            raise TypeError("encoded bytes need a name")
        return _decode(io.BytesIO(source), Origin(name=display_name(name)), enough)
    path = local_path(source)
    origin = Origin(name=display_name(path if name is None else name), path=path)
    with _opened(path, origin.name) as stream:
        return _decode(stream, origin, enough)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    try:
        # Before opening: to open a pipe is to wait for whoever writes into it.
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise NotAFileError(name=name)
        stream = path.open("rb")
    except (OSError, ValueError) as failure:
        raise error_of(failure, path, name) from failure
    with stream:
        yield stream


def _decode(stream: IO[bytes], origin: Origin, enough: int | None) -> Frame:
    _mute_pillow()
    name = origin.name
    with _reported(name), _parsed(stream, name) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise _too_large(name, width, height)
        if enough is not None and image.format in {"JPEG", "MPO"}:
            image.draft(None, (max(1, enough), max(1, enough)))
        try:
            image.load()
            # After loading: Pillow itself turns TIFF upright (and tells its upright size).
            orientation = _orientation(image)
            picture = to_srgb(image, enough=enough)
            if orientation in _TURNS:
                picture = picture.transpose(_TURNS[orientation])
            pixels = np.asarray(picture)
        except MemoryError as failure:
            raise _too_large(name, width, height) from failure
    upright = (height, width) if orientation >= 5 else (width, height)
    return Frame(pixels=pixels, size=upright, origin=origin)


def _mute_pillow() -> None:
    """Keep Pillow's warnings about files from the terminal: this module reports what matters.

    ``warnings.catch_warnings`` swaps a list of the whole process, so that threads which decode
    side by side restore each other's. One lasting filter for Pillow's modules has no such race.
    """
    if _PILLOW_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")


@contextmanager
def _reported(name: str) -> Iterator[None]:
    """Turn everything that a decoder may raise into an `ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError as failure:
        raise _too_large(name, *_sides(failure)) from failure
    # The decoders of Pillow meet strangers' bytes and raise what they like: struct.error,
    # KeyError, ZeroDivisionError, zlib.error ... Each of them means the same to the user.
    except Exception as failure:
        raise _error_of_decoder(failure, name) from failure


def _error_of_decoder(failure: Exception, name: str) -> ImageError:
    if (
        isinstance(failure, OSError)
        and failure.errno is not None
        and failure.errno not in _BAD_OFFSET
    ):
        return ImageReadError(name=name, reason=failure.strerror or type(failure).__name__)
    causes = (failure, failure.__cause__)
    if "truncated" in str(failure).lower() or any(isinstance(c, EOFError) for c in causes):
        return TruncatedImageError(name=name)
    # Decoders that notice damage say so; the others trip over it, and talk of Python.
    said = isinstance(failure, OSError | SyntaxError) and failure.__cause__ is None
    reason = display_name(str(failure)[:200]).rstrip(".") if said else ""
    if " " not in reason:  # a mere number or name
        reason = "its data make no sense"
    return CorruptImageError(name=name, reason=reason)


def _parsed(stream: IO[bytes], name: str) -> ImageFile:
    """Read the header. Unlike ``Image.open``, which says "cannot identify" to all that fails."""
    prefix = stream.read(16)
    if not prefix:
        raise EmptyImageError(name=name)
    kind = next((kind for kind in FORMATS if _accepts(kind, prefix)), None)
    if kind is None:
        raise NotAnImageError(name=name, formats=FORMAT_NAMES)
    factory, _ = Image.OPEN[kind]
    try:
        stream.seek(0)
        return factory(stream, "")  # without a file name Pillow maps nothing into memory
    except (Image.DecompressionBombError, MemoryError):
        raise
    except Exception as failure:
        text = kind in _WEAK_SIGNATURES and b"\0" not in prefix
        if text or prefix[8:12] in _HEIF_BRANDS or _UNKNOWN_KIND.search(str(failure)):
            raise NotAnImageError(name=name, formats=FORMAT_NAMES) from failure
        if _ends_early(stream, kind, prefix):
            raise TruncatedImageError(name=name) from failure
        stripped = _without_metadata(stream, kind)
        if stripped is None:
            raise
        _log.debug("%s: opened without its metadata: %s", name, failure)
        return factory(io.BytesIO(stripped), "")


def _accepts(kind: str, prefix: bytes) -> bool:
    accept = Image.OPEN[kind][1]
    return accept is not None and accept(prefix) is True


def _ends_early(stream: IO[bytes], kind: str, prefix: bytes) -> bool:
    """Whether a header could not be read because the file ends."""
    if kind not in {"AVIF", "WEBP"}:
        return not stream.read(1)
    # These are read as a whole, so that being at the end says nothing; but they tell how long
    # they are: WebP in its first box, AVIF box by box.
    length = stream.seek(0, io.SEEK_END)
    if kind == "WEBP":
        return int.from_bytes(prefix[4:8], "little") + 8 > length
    at = 0
    while at + 8 <= length:
        stream.seek(at)
        box = int.from_bytes(stream.read(4), "big")
        if box < 8:  # 0: up to the end of the file; 1: larger than a picture should be
            return False
        at += box
    return at != length


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    # Metadata comes from every editor ever written; a picture is readable without.
    except Exception as failure:  # noqa: BLE001
        _log.debug("EXIF ignored: %s", failure)
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _too_large(name: str, width: object, height: object) -> ImageTooLargeError:
    return ImageTooLargeError(name=name, width=width, height=height, limit=MAX_PIXELS // 1_000_000)


def _sides(failure: BaseException) -> tuple[object, object]:
    """Width and height from an error in which Pillow tells only their product.

    Plugins raise it while they still read the header, before there is an image to ask.
    """
    for frame, _ in walk_tb(failure.__traceback__):
        size = frame.f_locals.get("size")
        if isinstance(size, tuple) and len(size) == 2:
            return size
    return "?", "?"


def _without_metadata(stream: IO[bytes], kind: str) -> bytes | None:
    """The same picture without texts, profiles and other notes that its reader stumbled over.

    Pillow refuses a whole PNG for one text that unpacks to more than a megabyte.
    """
    strip = {"PNG": _strip_png, "JPEG": _strip_jpeg}.get(kind)
    stream.seek(0)
    data = stream.read(_MAX_SALVAGED_BYTES + 1) if strip else b""
    if strip is None or len(data) > _MAX_SALVAGED_BYTES:
        return None
    try:
        return strip(data)
    except (struct.error, IndexError):
        return None


def _strip_png(data: bytes) -> bytes:
    kept = [data[:8]]
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        intact = kind in _PNG_USEFUL and data[end - 4 : end] == struct.pack(
            ">I", zlib.crc32(data[at + 4 : end - 4])
        )
        if kind in _PNG_NEEDED or intact:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _strip_jpeg(data: bytes) -> bytes:
    kept = [data[:2]]
    at = 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        end = at + 2 + int(struct.unpack_from(">H", data, at + 2)[0])
        # APP0 and APP14 tell the colour space; the others and comments are notes.
        if not (0xE1 <= marker <= 0xED or marker in {0xEF, 0xFE}):
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at:]])
