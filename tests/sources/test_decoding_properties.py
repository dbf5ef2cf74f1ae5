"""Whatever comes in, a frame keeps its promises, and only an ImageError comes out."""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from vggscope.errors import ImageError
from vggscope.sources.finding import FORMATS
from vggscope.sources.stills import read_still

MODES = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "JPEG": ["L", "RGB", "CMYK"],
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"],
    "GIF": ["1", "L", "P", "RGB"],
    "WEBP": ["RGB", "RGBA"],
    "BMP": ["1", "L", "P", "RGB"],
    "PPM": ["1", "L", "RGB", "I", "F"],
}
PAIRS = [(kind, mode) for kind, modes in MODES.items() for mode in modes]


def saved(kind: str, mode: str, size: tuple[int, int], orientation: int = 6) -> bytes:
    width, height = size
    noise = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    image = Image.fromarray(noise)
    image = image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
    options = {}
    if kind in {"PNG", "JPEG", "WEBP", "TIFF"}:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@settings(max_examples=300, deadline=None)
@given(
    pair=st.sampled_from(PAIRS),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    enough=st.none() | st.integers(1, 400),
    orientation=st.integers(1, 8),
)
def test_frame_keeps_its_promises(pair, size, enough, orientation):
    kind, mode = pair
    frame = read_still(saved(kind, mode, size, orientation), name="x", enough=enough)
    turned = orientation >= 5 and kind in {"PNG", "JPEG", "WEBP", "TIFF"}
    assert frame.size == (size[::-1] if turned else size)
    rows, columns, channels = frame.pixels.shape
    assert channels == 3
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels.flags.c_contiguous
    short = min(frame.size)
    if enough is None or enough >= short:
        assert (columns, rows) == frame.size
        return
    assert min(rows, columns) >= enough
    assert min(rows, columns) < 4 * enough  # JPEG is scaled by powers of two, then reduced
    # One scale for both sides: an eighth, a quarter or half by JPEG, then an integer reduction.
    assert (columns, rows) in {
        tuple(math.ceil(math.ceil(side / scaled) / reduced) for side in frame.size)
        for scaled in (1, 2, 4, 8)
        for reduced in range(1, 301)
    }


def mutated(data: bytes, draw) -> bytes:
    damaged = bytearray(data)
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(damaged) - 1))
        damaged[at] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(damaged)))
        del damaged[at : at + draw(st.integers(0, 50))]
    if draw(st.booleans()):
        del damaged[draw(st.integers(0, len(damaged))) :]
    return bytes(damaged)


ORIGINALS = {
    f"{kind}-{mode}": saved(kind, mode, (41, 23))
    for kind, mode in PAIRS
    if mode in {"P", "RGB", "CMYK", "RGBA", "I;16", "F"}
}
if "AVIF" in FORMATS and ".avif" in Image.registered_extensions():
    ORIGINALS["AVIF-RGB"] = saved("AVIF", "RGB", (41, 23))


@pytest.mark.parametrize("original", ORIGINALS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), enough=st.none() | st.integers(1, 30))
def test_damage_never_escapes(original, data, enough):
    damaged = mutated(ORIGINALS[original], data.draw)
    try:
        frame = read_still(damaged, name="x", enough=enough)
    except ImageError as failure:
        error = failure.as_json()
    else:
        assert frame.pixels.shape[2] == 3
        return
    assert all(error.values())


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"BM", b"P6 ",
         b"P7\n", b"RIFF\xff\xff\0\0WEBPVP8 ", b"\0\0\0\x20ftypavif", b"II+\0\x08\0\0\0"]
    ),
    st.binary(max_size=300),
)  # fmt: skip
@example(b"BM", bytes(60))
def test_random_bytes_never_escape(signature, rest):
    with contextlib.suppress(ImageError):
        read_still(signature + rest, name="x")
