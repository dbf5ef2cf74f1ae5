"""Every file of the hostile corpus gets its own plain sentence, and harms nothing."""

from __future__ import annotations

import io
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import as_nobody, hostile, open_folder
from vggscope.errors import EmptyImageError, ImageError, NotAnImageError, TruncatedImageError
from vggscope.sources.finding import Failed, find_stills
from vggscope.sources.stills import read_still

CASES = hostile().CASES


@pytest.fixture(scope="module")
def corpus():
    with open_folder() as folder:
        made = hostile().make(folder / "corpus")
        yield folder / "corpus", made


@pytest.fixture(autouse=True)
def _never_hang():
    """A decoder that waits, for a pipe's writer or for ever, fails its test."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def give_up(*_):
        raise AssertionError("the decoder hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def outcome(path, **options):
    try:
        return read_still(path, **options)
    except ImageError as error:
        return error


@pytest.mark.parametrize("enough", [None, 64])
@pytest.mark.parametrize("key", CASES)
def test_case(corpus, key, enough, capfd):
    folder, made = corpus
    if key not in made:
        pytest.skip("cannot be made here")
    case = made[key]
    if case.needs_user:
        with as_nobody():
            result = outcome(folder / case.file, enough=enough)
    else:
        result = outcome(folder / case.file, enough=enough)
    if case.error is None:
        assert not isinstance(result, ImageError), result
        assert result.size == case.size
    else:
        assert type(result) is case.error
        assert result.details["name"] in result.message
        assert "\n" not in result.message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("key", [key for key, case in CASES.items() if case.found is None])
def test_bytes_give_the_same_answer(corpus, key):
    folder, made = corpus
    path = folder / CASES[key].file
    if key not in made or not path.is_file() or CASES[key].needs_user:
        pytest.skip("holds no bytes")
    from_file, from_bytes = outcome(path), outcome(path.read_bytes(), name=path.name)
    assert type(from_bytes) is type(from_file)
    if isinstance(from_file, ImageError):
        assert from_bytes.details == from_file.details


def test_whole_corpus_as_a_folder(corpus):
    folder, made = corpus
    found = list(find_stills([folder]))
    assert {path.name for path in found} == {
        case.file for case in made.values() if case.found is None
    }


def test_whole_corpus_as_arguments(corpus):
    folder, made = corpus
    for case, found in zip(
        made.values(), find_stills([folder / case.file for case in made.values()]), strict=True
    ):
        if case.found is None:
            assert found == folder / case.file
        else:
            assert isinstance(found, Failed)
            assert type(found.error) is case.found


def test_too_large_tells_the_sides(corpus):
    folder, _ = corpus
    error = outcome(folder / CASES["png-bomb"].file)
    assert error.message == (
        "“bomb.png” has 30000 × 30000 pixels; at most 178 million can be opened safely."
    )
    for key, width in (("gif-huge", 65_535), ("tiff-huge", 4_000_000_000)):
        assert outcome(folder / CASES[key].file).details["width"] == width


def test_bombs_are_refused_before_they_go_off(corpus):
    folder, _ = corpus
    started = time.perf_counter()
    for key in ("png-bomb", "gif-huge", "tiff-huge", "bmp-huge"):
        outcome(folder / CASES[key].file)
    assert time.perf_counter() - started < 0.5


def test_webp_canvas_beyond_the_limit():
    head = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + (16_382).to_bytes(3, "little") * 2
    data = b"RIFF" + (len(head) + 4).to_bytes(4, "little") + b"WEBP" + head
    error = outcome(data, name="x")
    assert (error.details["width"], error.details["height"]) == (16_383, 16_383)


def test_metadata_is_all_that_is_lost(corpus):
    folder, _ = corpus
    good = read_still(folder / CASES["wrong-suffix"].file).pixels
    for key in ("png-text-bomb", "png-icc"):
        np.testing.assert_array_equal(read_still(folder / CASES[key].file).pixels, good)
    plain = read_still(folder / CASES["odd-name"].file).pixels
    for key in ("jpeg-exif", "jpeg-mpf"):
        np.testing.assert_array_equal(read_still(folder / CASES[key].file).pixels, plain)


def test_orientation_survives_a_text_bomb(encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(np.zeros((20, 40, 3), np.uint8), "PNG", exif=exif)
    module = hostile()
    bomb = module._chunk(b"zTXt", b"x\0\0" + module._zeros_deflated(2 << 20))
    assert outcome(data[:33] + bomb + data[33:], name="x").size == (20, 40)


def test_jpeg_with_a_stub_of_a_profile(encode):
    data = encode(np.full((20, 40, 3), 90, np.uint8), "JPEG")
    data = data[:2] + b"\xff\xff\xe2\x00\x0eICC_PROFILE\0" + data[2:]  # padded, and cut off
    assert outcome(data, name="x").pixels[5, 5].tolist() == [90, 90, 90]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("PPM", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        pytest.param(
            "AVIF",
            {},
            marks=pytest.mark.skipif(
                ".avif" not in Image.registered_extensions(), reason="no AVIF"
            ),
        ),
    ],
)
def test_cut_files_are_called_incomplete(encode, kind, options, share):
    noise = np.random.default_rng(2).integers(0, 256, (90, 120, 3), np.uint8)
    data = encode(noise, kind, **options)
    error = outcome(data[: int(len(data) * share)], name="x")
    assert type(error) is TruncatedImageError


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"msf1"])
def test_heic_is_another_format(brand):
    data = b"\0\0\0\x18ftyp" + brand + bytes(4) + b"mif1heic" + bytes(100)
    assert type(outcome(data, name="x")) is NotAnImageError


def test_variants_that_pillow_does_not_know_are_not_called_damaged(encode):
    jpeg = encode(Image.new("RGB", (16, 16)), "JPEG")
    frame = jpeg.index(b"\xff\xc0")
    deep = jpeg[: frame + 4] + b"\x0c" + jpeg[frame + 5 :]
    assert type(outcome(deep, name="x")) is NotAnImageError
    tiff = encode(Image.new("RGB", (16, 16)), "TIFF")
    bands = tiff.replace(
        b"\x06\x01\x03\x00\x01\x00\x00\x00\x02", b"\x06\x01\x03\x00\x01\x00\x00\x00\x63"
    )
    assert bands != tiff
    assert type(outcome(bands, name="x")) is NotAnImageError


def test_empty_bytes():
    assert type(outcome(b"", name="x")) is EmptyImageError


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices here")
def test_device():
    assert outcome("/dev/zero").kind == "not-a-file"


def test_folder_that_may_not_be_entered():
    with open_folder() as folder:
        closed = folder / "closed"
        closed.mkdir()
        (closed / "photo.jpg").write_bytes(b"x")
        closed.chmod(0)
        with as_nobody():
            assert outcome(closed / "photo.jpg").kind == "permission-denied"
            [found] = find_stills([closed])
            assert isinstance(found, Failed)
            assert found.error.kind == "permission-denied"
            assert list(find_stills([closed / "photo.jpg"])) == [closed / "photo.jpg"]
            [found] = find_stills([folder], recursive=True)
            assert found.path == str(closed)


def test_formats_that_are_not_allowed_stay_out():
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "ICO")
    assert type(outcome(buffer.getvalue(), name="x")) is NotAnImageError
