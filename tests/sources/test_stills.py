"""What a good picture becomes: sizes, orientation, how much is decoded, where it came from."""

from __future__ import annotations

import io
import os
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from vggscope.errors import ImageNotFoundError, ImageReadError, ImageTooLargeError, WebAddressError
from vggscope.sources import stills
from vggscope.sources.stills import FORMATS, MAX_PIXELS, SUFFIXES, read_still

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 200, 0), (0, 0, 255), (255, 255, 0)
# The corners as the eye should see them, and how a camera that is held otherwise stores them.
UPRIGHT = np.array([[RED, GREEN], [BLUE, YELLOW]], dtype=np.uint8)
STORED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
    8: lambda a: np.rot90(a, -1),
}
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
WIDTH, HEIGHT = 320, 192  # in blocks of 8 and 16, so that JPEG's DCT keeps the corners apart


def quadrants() -> np.ndarray:
    return np.repeat(np.repeat(UPRIGHT, HEIGHT // 2, axis=0), WIDTH // 2, axis=1)


def corners(pixels: np.ndarray) -> np.ndarray:
    """The colours in the middle of the four quarters."""
    height, width, _ = pixels.shape
    return pixels[height // 4 :: height // 2, width // 4 :: width // 2][:2, :2]


@pytest.mark.parametrize("enough", [None, 96, 40])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("MPO", {"quality": 95, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        pytest.param("AVIF", {"quality": 95}, marks=needs_avif),
    ],
)
def test_orientation(encode, kind, options, orientation, enough):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(
        np.ascontiguousarray(STORED[orientation](quadrants())), kind, exif=exif, **options
    )
    frame = read_still(data, name="x", enough=enough)
    assert frame.size == (WIDTH, HEIGHT)
    tolerance = 0 if kind in {"PNG", "WEBP", "TIFF"} else 6
    np.testing.assert_allclose(corners(frame.pixels).astype(int), UPRIGHT, atol=tolerance)
    if enough is None:
        assert frame.pixels.shape == (HEIGHT, WIDTH, 3)
    else:
        assert frame.pixels.shape[0] == HEIGHT // (HEIGHT // enough)
        assert frame.pixels.shape[1] == WIDTH // (HEIGHT // enough)


def test_orientation_nine_means_nothing(encode):
    exif = Image.Exif()
    exif[0x0112] = 9
    frame = read_still(encode(quadrants(), "PNG", exif=exif), name="x")
    np.testing.assert_array_equal(frame.pixels, quadrants())


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP"])
def test_lossless_formats_are_exact(encode, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    frame = read_still(encode(quadrants(), kind, **options), name="x")
    np.testing.assert_array_equal(frame.pixels, quadrants())


@pytest.mark.parametrize(
    ("enough", "sides"),
    [
        (3000, (4000, 3000)),
        (1500, (2000, 1500)),
        (1499, (2000, 1500)),
        (512, (1000, 750)),
        (375, (500, 375)),
        (256, (500, 375)),
        (180, (250, 188)),
        (1, (2, 1)),
    ],
)
def test_jpeg_is_decoded_no_further_than_needed(encode, enough, sides):
    data = encode(Image.new("L", (4000, 3000), 77), "JPEG")
    frame = read_still(data, name="x", enough=enough)
    assert (frame.pixels.shape[1], frame.pixels.shape[0]) == sides
    assert frame.size == (4000, 3000)
    assert np.unique(frame.pixels).tolist() == [77]


def test_reduction_averages(encode):
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 254).astype(np.uint8)
    for mode in ("L", "P", "RGB", "1"):
        data = encode(Image.fromarray(checkers).convert(mode), "PNG")
        pixels = read_still(data, name="x", enough=16).pixels
        assert pixels.shape == (16, 16, 3)
        assert np.abs(pixels.astype(int) - 127).max() <= 1, mode


@pytest.mark.parametrize(
    "kind", ["GIF", "PNG", "WEBP", "TIFF", pytest.param("AVIF", marks=needs_avif)]
)
def test_animation_gives_its_first_picture(encode, kind):
    pages = [Image.new("RGB", (40, 30), colour) for colour in (RED, GREEN, BLUE)]
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "AVIF" else {}
    data = encode(pages[0], kind, save_all=True, append_images=pages[1:], **options)
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 3
    pixels = read_still(data, name="x").pixels
    np.testing.assert_allclose(pixels[15, 20].astype(int), RED, atol=3)


def test_first_picture_of_a_gif_that_does_not_fill_its_screen(encode):
    data = bytearray(encode(Image.new("P", (20, 10), 0), "GIF", transparency=5))
    data[6:10] = bytes([40, 0, 20, 0])  # a larger screen; the picture lies in its corner
    frame = read_still(bytes(data), name="x")
    assert frame.size == (40, 20)
    assert frame.pixels[5, 5].tolist() == [0, 0, 0]


def test_mpo_gives_its_first_picture(encode):
    left, right = (Image.new("RGB", (640, 480), colour) for colour in (RED, BLUE))
    data = encode(left, "MPO", save_all=True, append_images=[right], quality=95)
    frame = read_still(data, name="x", enough=100)
    assert frame.pixels.shape == (120, 160, 3)
    np.testing.assert_allclose(frame.pixels[60, 80].astype(int), RED, atol=3)


def test_pixels_are_bytes_in_order(encode):
    pixels = read_still(encode(quadrants(), "JPEG"), name="x").pixels
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.aligned


# --- where it came from -----------------------------------------------------------------------


def test_file(tmp_path, encode):
    path = tmp_path / "a picture.png"
    path.write_bytes(encode(quadrants(), "PNG"))
    for source in (path, str(path), path.as_uri(), path.as_uri().replace("///", "//localhost/")):
        frame = read_still(source)
        assert frame.origin.path == path
        assert frame.origin.name == "a picture.png"
    assert read_still(path, name="Pasted picture").origin.name == "Pasted picture"


def test_relative_path_and_link(tmp_path, encode, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("real.png").write_bytes(encode(quadrants(), "PNG"))
    Path("link.jpg").symlink_to("real.png")
    assert read_still("link.jpg").origin.name == "link.jpg"


def test_bytes_need_a_name():
    with pytest.raises(TypeError):
        read_still(b"x")


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_name_that_is_not_text(tmp_path, encode):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 \xf0\x9f\x90\xb1\n.png"))
    path.write_bytes(encode(quadrants(), "PNG"))
    for source in (path, str(path), path.as_uri(), Path(path.as_uri())):
        frame = read_still(source)
        assert frame.origin.path == path
        assert frame.origin.name == "caf\ufffd \N{CAT FACE}\ufffd.png"
        frame.origin.name.encode()


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/cat.jpg",
        "HTTP://example.org",
        "ftp://example.org/a.png",
        Path("https://example.org/cat.jpg"),
    ],
)
def test_web_address(address):
    with pytest.raises(WebAddressError) as caught:
        read_still(address)
    assert "://example.org" in caught.value.message


@pytest.mark.parametrize("source", ["", "no/such/file.jpg", "nul\0byte.jpg", "x" * 5000])
def test_nothing_there(source):
    with pytest.raises(ImageNotFoundError):
        read_still(source)


def test_path_through_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ImageNotFoundError):
        read_still(tmp_path / "file" / "photo.jpg")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that fails in being read")
def test_disk_error():
    with pytest.raises(ImageReadError) as caught:
        read_still("/proc/self/mem")
    assert caught.value.message == "“mem” could not be read: Input/output error."


# --- limits -----------------------------------------------------------------------------------


def test_largest_picture_that_is_read(encode):
    # One pixel less than the limit, and Pillow's own warning (above half of it) stays inside.
    side = int(MAX_PIXELS**0.5)
    data = encode(Image.new("1", (side, side), 1), "PNG")
    frame = read_still(data, name="x", enough=64)
    assert frame.size == (side, side)
    assert frame.pixels.min() == 255
    with pytest.raises(ImageTooLargeError):
        read_still(encode(Image.new("1", (side, side + 2)), "PNG"), name="x")


def test_pillow_keeps_its_own_settings(encode):
    before = Image.MAX_IMAGE_PIXELS
    read_still(encode(quadrants(), "PNG"), name="x")
    assert before == Image.MAX_IMAGE_PIXELS == MAX_PIXELS // 2


def test_out_of_memory_is_a_size_problem(encode, monkeypatch):
    def refuse(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr(stills, "to_srgb", refuse)
    with pytest.raises(ImageTooLargeError) as caught:
        read_still(encode(quadrants(), "PNG"), name="x")
    assert caught.value.details["width"] == WIDTH


def test_warnings_of_others_still_count(encode):
    read_still(encode(quadrants(), "PNG"), name="x")
    with pytest.raises(UserWarning, match="ours"):
        warnings.warn("ours", UserWarning, stacklevel=1)


def test_warnings_of_pillow_stay_inside_in_all_threads(encode):
    # An orientation, then a tag that points beyond the file: Pillow warns, which is an error
    # here and a line on the terminal elsewhere, and goes on.
    tags = struct.pack("<HHHIIHHIII", 2, 0x0112, 3, 1, 6, 0x010E, 2, 1000, 5000, 0)
    turned = encode(quadrants(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + tags)
    files = [encode(quadrants(), "PNG"), turned] * 20
    with ThreadPoolExecutor(4) as pool:
        frames = list(pool.map(lambda data: read_still(data, name="x"), files))
    assert [frame.size for frame in frames] == [(WIDTH, HEIGHT), (HEIGHT, WIDTH)] * 20


def test_suffixes_are_lower_case_and_cover_the_formats():
    assert {Image.registered_extensions()[suffix] for suffix in SUFFIXES - {".pfm"}} >= set(
        FORMATS
    ) - {"PPM"}
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
    assert not SUFFIXES & {".pdf", ".eps", ".svg", ".wmf", ".ico"}
