"""Every mode that files come in, and what its colours must be in sRGB over white."""

from __future__ import annotations

import io
import logging
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from vggscope.sources.colour import to_srgb
from vggscope.sources.stills import read_still

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
DEEP_RAMP = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
COLOURS = np.array(
    [[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(255, 255, 255), (0, 0, 0), (90, 150, 210)]],
    np.uint8,
)


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(np.uint8)[:, :, None], 3, axis=2)


def pixels(data: bytes) -> np.ndarray:
    return read_still(data, name="x").pixels


# --- grey -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "PPM"])
def test_grey(encode, kind):
    np.testing.assert_array_equal(pixels(encode(RAMP, kind)), grey(RAMP))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "PPM"])
def test_one_bit(encode, kind):
    bits = Image.fromarray(RAMP).convert("1")
    expected = np.asarray(bits).astype(np.uint8) * 255
    np.testing.assert_array_equal(pixels(encode(bits, kind)), grey(expected))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits(encode, kind):
    expected = np.round(DEEP_RAMP / 257)
    np.testing.assert_array_equal(pixels(encode(DEEP_RAMP, kind)), grey(expected))


def test_sixteen_bits_of_the_other_byte_order(encode):
    image = Image.frombytes("I;16B", (20, 20), DEEP_RAMP.astype(">u2").tobytes())
    np.testing.assert_array_equal(pixels(encode(image, "TIFF")), grey(np.round(DEEP_RAMP / 257)))


def test_sixteen_bits_round_to_the_nearest():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    result = np.asarray(to_srgb(Image.fromarray(every)))
    np.testing.assert_array_equal(result, grey(np.round(every / 257)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 100, 255], [0, 100, 255]),
        ([32896], [128]),
        ([0, 32896, 65535], [0, 128, 255]),
        ([0, 50_000, 100_000], [0, 128, 255]),
        ([-1000, 0, 1000], [0, 128, 255]),
        ([-7, -7], [0, 0]),
        ([0, 0], [0, 0]),
    ],
)
def test_thirty_two_bits(encode, values, expected):
    data = encode(np.array([values], dtype=np.int32), "TIFF")
    assert pixels(data)[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.25, 1.0], [0, 64, 255]),
        ([0.5, 0.5], [128, 128]),
        ([0.0, 1.0, 2.0], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([np.nan, np.inf, 1.0], [0, 0, 255]),
        ([0.0, 1e30], [0, 255]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
        ([-1e-45, 0.0], [0, 0]),
    ],
)
def test_floating_point(encode, values, expected):
    data = encode(np.array([values], dtype=np.float32), "TIFF")
    assert pixels(data)[0, :, 0].tolist() == expected


# --- colour -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "kind", "tolerance"),
    [
        ("RGB", "PNG", 0),
        ("P", "PNG", 0),
        ("P", "GIF", 0),
        ("P", "BMP", 0),
        ("P", "TIFF", 0),
        ("RGBA", "TIFF", 0),
        ("CMYK", "TIFF", 0),
        ("YCbCr", "TIFF", 3),
    ],
)
def test_colour_modes(encode, mode, kind, tolerance):
    image = Image.fromarray(COLOURS)
    image = image.quantize(256) if mode == "P" else image.convert(mode)
    result = pixels(encode(image, kind))
    np.testing.assert_allclose(result.astype(int), COLOURS, atol=tolerance)


def test_lab(encode):
    # Muted colours: a step of a or b is much in the dark channels of the purest ones.
    muted = COLOURS // 2 + 64
    result = pixels(encode(Image.fromarray(muted).convert("LAB"), "TIFF"))
    np.testing.assert_allclose(result.astype(int), muted, atol=3)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_modes(encode, mode):
    # Pillow writes CMYK as Adobe does, inverted, with the marker that says so.
    patches = np.repeat(np.repeat(COLOURS, 32, axis=0), 32, axis=1)
    image = Image.fromarray(patches).convert(mode)
    data = encode(image, "JPEG", quality=95, subsampling=0)
    assert Image.open(io.BytesIO(data)).mode == mode
    expected = np.asarray(image.convert("RGB"))[16::32, 16::32]
    np.testing.assert_allclose(pixels(data)[16::32, 16::32].astype(int), expected, atol=4)


def test_sixteen_bit_colour():
    # Pillow cannot write it: one row of two pixels, by hand.
    row = b"\0" + struct.pack(">6H", 65535, 32896, 0, 257, 514, 65535)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(row)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    assert pixels(data).tolist() == [[[255, 128, 0], [1, 2, 255]]]


# --- transparency -----------------------------------------------------------------------------

ALPHAS = np.array([[0, 51, 255]], np.uint8)


def over_white(colour: int) -> list[int]:
    return [round(255 + (colour - 255) * alpha / 255) for alpha in ALPHAS[0].tolist()]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_over_white(encode, kind):
    layers = [np.full_like(ALPHAS, value) for value in (200, 0, 100)]
    image = Image.fromarray(np.dstack([*layers, ALPHAS]))
    result = pixels(
        encode(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    )
    expected = np.transpose([over_white(200), over_white(0), over_white(100)])[None]
    np.testing.assert_allclose(result.astype(int), expected, atol=1)
    assert result[0, 0].tolist() == [255, 255, 255]
    assert result[0, 2].tolist() == [200, 0, 100]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_and_alpha_over_white(encode, kind):
    image = Image.fromarray(np.dstack([np.full_like(ALPHAS, 40), ALPHAS]))
    assert image.mode == "LA"
    np.testing.assert_allclose(
        pixels(encode(image, kind))[0, :, 1].astype(int), over_white(40), atol=1
    )


@pytest.mark.parametrize("mode", ["La", "RGBa", "PA"])
def test_rare_alpha_modes(mode):
    image = Image.fromarray(np.dstack([np.full_like(ALPHAS, 40)] * 3 + [ALPHAS]))
    if mode == "La":
        image = image.convert("LA")
    result = np.asarray(to_srgb(image.convert(mode)))
    np.testing.assert_allclose(result[0, :, 1].astype(int), over_white(40), atol=2)


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 255])])
def test_transparent_palette_entry(encode, transparency):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    result = pixels(encode(image, "PNG", transparency=transparency))
    assert result[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]


def test_transparent_colour_of_a_gif(encode):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    result = pixels(encode(image, "GIF", transparency=2))
    assert result[0].tolist() == [[255, 0, 0], [0, 255, 0], [255, 255, 255]]


@pytest.mark.parametrize(
    ("values", "transparency", "expected"),
    [
        (np.array([[10, 20]], np.uint8), 20, [10, 255]),
        (np.array([[257, 514]], np.uint16), 257, [255, 2]),
        (np.array([[0, 255]], np.uint8) > 0, 0, [255, 255]),
        (np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), (1, 2, 3), [255, 4]),
    ],
)
def test_transparent_colour_of_a_png(encode, values, transparency, expected):
    result = pixels(encode(values, "PNG", transparency=transparency))
    assert result[0, :, 0].tolist() == expected


def test_hidden_colours_do_not_bleed(encode):
    # Half of every block is opaque red, the other half transparent green.
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[:, ::2] = (255, 0, 0, 255)
    picture[:, 1::2] = (0, 255, 0, 0)
    result = read_still(encode(picture, "PNG"), name="x", enough=2).pixels
    np.testing.assert_allclose(result.astype(int), np.full((2, 2, 3), (255, 127, 127)), atol=1)


# --- colour profiles --------------------------------------------------------------------------

_D50_XYZ = {
    "rXYZ": (0.4360747, 0.2225045, 0.0139322),
    "gXYZ": (0.3850649, 0.7168786, 0.0971045),
    "bXYZ": (0.1430804, 0.0606169, 0.7141733),
}


def _s15(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def make_profile(space: str, tags: dict[str, bytes]) -> bytes:
    """A minimal ICC v2 profile of a display."""
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name.encode() + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4s4s4s4s4s", offset + len(body), b"lcms", b"\2\x40\0\0", b"mntr",
                       space.encode(), b"XYZ ")  # fmt: skip
    head += bytes(12) + b"acsp" + bytes(28) + _s15(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + table + body


def rgb_profile(order: str = "rgb", gamma: float = 2.2) -> bytes:
    """Primaries of sRGB, given to the channels in ``order``, with a plain gamma curve."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    tags = {"wtpt": b"XYZ " + bytes(4) + _s15(0.9642, 1.0, 0.8249)}
    for channel, primary in zip("rgb", order, strict=True):
        tags[f"{channel}XYZ"] = b"XYZ " + bytes(4) + _s15(*_D50_XYZ[f"{primary}XYZ"])
        tags[f"{channel}TRC"] = curve
    return make_profile("RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    white = b"XYZ " + bytes(4) + _s15(0.9642, 1.0, 0.8249)
    return make_profile("GRAY", {"wtpt": white, "kTRC": curve})


def srgb_of_gamma(values: np.ndarray, gamma: float) -> np.ndarray:
    light = (values / 255) ** gamma
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_profile_with_swapped_channels(encode, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    primaries = COLOURS[:, :, :]
    data = encode(primaries, kind, icc_profile=rgb_profile("bgr"), **options)
    result = pixels(data)
    np.testing.assert_allclose(result[0].astype(int), COLOURS[0, :, ::-1], atol=2)
    np.testing.assert_allclose(result[1, :2].astype(int), COLOURS[1, :2], atol=1)


def test_linear_profile(encode):
    data = encode(grey(RAMP), "PNG", icc_profile=rgb_profile(gamma=1.0))
    np.testing.assert_allclose(pixels(data)[:, :, 1].astype(int), srgb_of_gamma(RAMP, 1.0), atol=2)


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_profile_with_transparency_or_palette(encode, mode):
    image = Image.fromarray(COLOURS)
    image = image.quantize(256) if mode == "P" else image.convert(mode)
    result = pixels(encode(image, "PNG", icc_profile=rgb_profile("bgr")))
    np.testing.assert_allclose(result[0].astype(int), COLOURS[0, :, ::-1], atol=2)


@pytest.mark.parametrize("profile", [grey_profile(1.8), rgb_profile(gamma=1.8)])
def test_grey_picture_with_profile(encode, profile):
    result = pixels(encode(RAMP, "PNG", icc_profile=profile))
    np.testing.assert_allclose(result.astype(int), grey(srgb_of_gamma(RAMP, 1.8)), atol=2)


def test_profile_of_jpeg_with_reduction_and_orientation(encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = np.zeros((160, 320, 3), np.uint8)
    picture[:, :, 0] = 255
    data = encode(picture, "JPEG", quality=95, exif=exif, icc_profile=rgb_profile("bgr"))
    frame = read_still(data, name="x", enough=40)
    assert frame.pixels.shape == (80, 40, 3)
    np.testing.assert_allclose(frame.pixels[40, 20].astype(int), (0, 0, 255), atol=3)


def test_srgb_profile_changes_nothing(encode):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (40, 40, 3), np.uint8)
    np.testing.assert_array_equal(pixels(encode(picture, "PNG", icc_profile=profile)), picture)


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        rgb_profile("bgr")[:200],
        grey_profile(1.0),  # of a grey picture, in a colour picture
        rgb_profile("bgr").ljust(5_000_000, b"\0"),
    ],
)
def test_unusable_profile_is_ignored(encode, profile, caplog):
    caplog.set_level(logging.DEBUG, "vggscope")
    data = encode(COLOURS, "TIFF", icc_profile=profile)
    np.testing.assert_array_equal(pixels(data), COLOURS)
    assert "ICC profile ignored" in caplog.text
    assert all(record.levelno == logging.DEBUG for record in caplog.records)
