"""Make the hostile corpus: the files that people drop by accident or with intent.

    python make.py FOLDER

Tests of the decoder, the command line and the window use `CASES` and `make`. Nothing here is
random from run to run, and nothing is larger than some hundred kilobytes on disk.
"""

from __future__ import annotations

import io
import os
import random
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from making import written
from PIL import Image, ImageCms

from vggscope.errors import (
    CorruptImageError,
    DanglingLinkError,
    EmptyFolderError,
    EmptyImageError,
    ImageError,
    ImagePermissionError,
    ImageTooLargeError,
    NotAFileError,
    NotAnImageError,
    TruncatedImageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile input.

    Attributes:
        file: its name inside the corpus.
        why: what is wrong with it.
        error: what the decoder says; None: it must decode.
        write: makes it at the path that it is given.
        found: what ``find_stills`` says before any decoder sees it; None: it yields the path.
        size: (width, height), where it must decode.
    """

    file: str
    why: str
    error: type[ImageError] | None
    write: Callable[[Path], object]
    found: type[ImageError] | None = None
    size: tuple[int, int] | None = None

    @property
    def needs_user(self) -> bool:
        """Whether it fails for ordinary users only: root may read everything."""
        return self.error is ImagePermissionError


# --- building stones --------------------------------------------------------------------------

_SIZE: Final = (160, 120)


def _photo() -> Image.Image:
    """Gradients with texture, so that every byte of an encoding matters."""
    noise = random.Random(7).randbytes(_SIZE[0] * _SIZE[1] * 3)
    texture = Image.frombytes("RGB", _SIZE, noise)
    slopes = [Image.linear_gradient("L").rotate(turn).resize(_SIZE) for turn in (0, 90, 180)]
    return Image.blend(Image.merge("RGB", slopes), texture, 0.2)


def _encoded(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    _photo().save(stream, kind, **options)
    return stream.getvalue()


def _put(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_with(*extra: bytes) -> bytes:
    """A good PNG with chunks put in after its header."""
    data = _encoded("PNG")
    return data[:33] + b"".join(extra) + data[33:]


def _zeros_deflated(count: int) -> bytes:
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(count >> 20)]
    return b"".join([*parts, packer.compress(bytes(count & 0xFFFFF)), packer.flush()])


def _png_bomb(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = _zeros_deflated((1 + (side + 7) // 8) * side)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", rows)
        + _chunk(b"IEND", b"")
    )


def _tiff(width: int, height: int) -> bytes:
    """A little-endian TIFF of one byte of grey that claims another size."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (277, 1)]
    tags += [(278, height), (279, 1)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return head.ljust(200, b"\0") + b"\x80"


def _bmp(width: int, height: int, *, bits: int = 24, compression: int = 0) -> bytes:
    palette = bytes(4 * 256) if bits == 8 else b""
    offset = 54 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    # Runs of 200 pixels in rows that claim to have far fewer, and no end of the bitmap.
    body = b"\xc8\x01" * 50 if compression else b"\x40" * 300
    head = b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset)
    return head + info + palette + body


def _jpeg_segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def _jpeg_with(segment: bytes) -> bytes:
    data = _encoded("JPEG", quality=90)
    return data[:2] + segment + data[2:]


def _flipped(data: bytes, start: float, count: int) -> bytes:
    damaged = bytearray(data)
    at = int(len(data) * start)
    for index in range(at, at + count):
        damaged[index] ^= 0xFF
    return bytes(damaged)


def _cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def _broken_profile() -> bytes:
    good = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return _flipped(good, 0.2, len(good) // 2)


def _crc_broken(data: bytes) -> bytes:
    return data[:29] + bytes(byte ^ 0xFF for byte in data[29:33]) + data[33:]


def _unreadable(path: Path) -> None:
    path.write_bytes(_encoded("JPEG"))
    path.chmod(0)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


_PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(/etc/passwd) (r) file\nshowpage\n"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>\n'
_HTML = b"<!doctype html><title>404</title><p>Not found\n"
_JPEG = _encoded("JPEG", quality=90)
_PNG = _encoded("PNG")
_NAME = "\N{CAT FACE} a label that goes on and on " + "and on " * 20 + "\nsecond line.jpg"

CASES: Final[dict[str, Case]] = {
    # no picture at all
    "zero-bytes": Case("zero.jpg", "a download that never began", EmptyImageError, _put(b"")),
    "one-byte": Case("one.png", "a single byte", NotAnImageError, _put(b"\x89")),
    "text": Case("text.jpg", "text", NotAnImageError, _put(b"Dear Sir or Madam,\n")),
    "text-bm": Case("bm.bmp", "text that begins like BMP", NotAnImageError, _put(b"BM is a car\n")),
    "text-p6": Case("p6.ppm", "text that begins like PPM", NotAnImageError, _put(b"P6 of 7\n")),
    "html": Case("error-page.png", "a server's error page", NotAnImageError, _put(_HTML)),
    "svg": Case("drawing.jpg", "SVG, which is a program", NotAnImageError, _put(_SVG)),
    "pdf": Case("paper.jpg", "PDF, which needs an interpreter", NotAnImageError, _put(_PDF)),
    "eps": Case("figure.jpg", "EPS, which is a program", NotAnImageError, _put(_EPS)),
    # incomplete
    "jpeg-30": Case("cut30.jpg", "cut at 30 %", TruncatedImageError, _put(_cut(_JPEG, 0.3))),
    "jpeg-90": Case("cut90.jpg", "cut at 90 %", TruncatedImageError, _put(_cut(_JPEG, 0.9))),
    "jpeg-header": Case("cut.jpg", "cut in its header", TruncatedImageError, _put(_JPEG[:100])),
    "png-30": Case("cut30.png", "cut at 30 %", TruncatedImageError, _put(_cut(_PNG, 0.3))),
    "png-header": Case("cut.png", "cut in its header", TruncatedImageError, _put(_PNG[:20])),
    "gif-50": Case("cut.gif", "cut at 50 %", TruncatedImageError, _put(_cut(_encoded("GIF"), 0.5))),
    "webp-50": Case(
        "cut.webp", "cut at 50 %", TruncatedImageError, _put(_cut(_encoded("WEBP"), 0.5))
    ),
    "tiff-50": Case(
        "cut.tiff", "cut at 50 %", TruncatedImageError, _put(_cut(_encoded("TIFF"), 0.5))
    ),
    "bmp-short": Case(
        "short.bmp", "fewer rows than promised", TruncatedImageError, _put(_bmp(1000, 1000))
    ),
    # damaged
    "jpeg-flipped": Case(
        "flipped.jpg",
        "40 bytes flipped: stripes, but every viewer opens it",
        None,
        _put(_flipped(_JPEG, 0.5, 40)),
        size=_SIZE,
    ),
    "jpeg-noise": Case(
        "noise.jpg",
        "a JPEG's first bytes, then noise",
        CorruptImageError,
        _put(_JPEG[:20] + random.Random(3).randbytes(4096)),
    ),
    "png-flipped": Case(
        "flipped.png", "40 bytes flipped", CorruptImageError, _put(_flipped(_PNG, 0.5, 40))
    ),
    "png-crc": Case(
        "crc.png", "wrong checksum of IHDR", CorruptImageError, _put(_crc_broken(_PNG))
    ),
    "bmp-rle": Case(
        "runs.bmp",
        "runs beyond their rows, without an end",
        CorruptImageError,
        _put(_bmp(16, 100, bits=8, compression=1)),
    ),
    # too large
    "png-bomb": Case(
        "bomb.png",
        "30,000 × 30,000 pixels in 110 KB",
        ImageTooLargeError,
        lambda path: path.write_bytes(_png_bomb(30_000)),
    ),
    "gif-huge": Case(
        "huge.gif",
        "65,535 × 65,535 pixels claimed",
        ImageTooLargeError,
        _put(b"GIF89a\xff\xff\xff\xff" + _encoded("GIF")[10:]),
    ),
    "tiff-huge": Case(
        "huge.tif",
        "4 billion columns claimed",
        ImageTooLargeError,
        _put(_tiff(4_000_000_000, 4_000_000_000)),
    ),
    "bmp-negative": Case(
        "negative.bmp",
        "a negative width, which reads as 4 billion",
        ImageTooLargeError,
        _put(_bmp(-100, 100)),
    ),
    "bmp-huge": Case(
        "huge.bmp",
        "2 billion columns claimed",
        ImageTooLargeError,
        _put(_bmp(2_000_000_000, 2_000_000_000)),
    ),
    # unusual, but readable
    "png-text-bomb": Case(
        "text-bomb.png",
        "a text that unpacks to 64 MB",
        None,
        lambda path: path.write_bytes(
            _png_with(_chunk(b"zTXt", b"Comment\0\0" + _zeros_deflated(64 << 20)))
        ),
        size=_SIZE,
    ),
    "png-icc": Case(
        "profile.png",
        "a broken colour profile",
        None,
        _put(_png_with(_chunk(b"iCCP", b"x\0\0" + zlib.compress(_broken_profile())))),
        size=_SIZE,
    ),
    "jpeg-exif": Case(
        "exif.jpg",
        "EXIF of nothing but noise",
        None,
        _put(
            _jpeg_with(
                _jpeg_segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + random.Random(5).randbytes(400))
            )
        ),
        size=_SIZE,
    ),
    "jpeg-mpf": Case(
        "mpf.jpg",
        "a broken index of several pictures",
        None,
        _put(_jpeg_with(_jpeg_segment(0xE2, b"MPF\0II*\0\x08\0\0\0" + bytes(20)))),
        size=_SIZE,
    ),
    "wrong-suffix": Case("png.jpg", "a PNG named .jpg", None, _put(_PNG), size=_SIZE),
    "odd-name": Case(_NAME, "a name with an emoji and a line break", None, _put(_JPEG), size=_SIZE),
    # no ordinary file
    "unreadable": Case("unreadable.jpg", "permissions 000", ImagePermissionError, _unreadable),
    "folder": Case(
        "folder.jpg",
        "a folder named like a picture",
        NotAFileError,
        Path.mkdir,
        found=EmptyFolderError,
    ),
    "dangling-link": Case(
        "dangling.jpg",
        "a link to nothing",
        DanglingLinkError,
        lambda path: path.symlink_to("gone.jpg"),
    ),
    "link-loop": Case(
        "loop.jpg", "a link to itself", DanglingLinkError, lambda path: path.symlink_to(path.name)
    ),
    "pipe": Case("pipe.png", "a pipe into which nobody writes", NotAFileError, _fifo),
}
"""Every case by its key."""


def make(folder: Path) -> dict[str, Case]:
    """Create the corpus in a new ``folder``, and tell which cases this platform could make."""
    folder.mkdir(parents=True)
    return written(CASES, lambda _, case: folder / case.file)


if __name__ == "__main__":
    for key, case in make(Path(sys.argv[1])).items():
        print(f"{key:15} {case.error.kind if case.error else 'decodes':15} {case.why}")  # noqa: T201
