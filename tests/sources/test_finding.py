"""Which files are meant by names, folders, links and addresses."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggscope.errors import (
    EmptyFolderError,
    ImageNotFoundError,
    ImageReadError,
    NotAnImageError,
    WebAddressError,
)
from vggscope.sources.finding import (
    SUFFIXES,
    UNOPENED_SUFFIXES,
    Failed,
    display_name,
    find_stills,
    local_path,
    natural_key,
)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(found) -> list[str]:
    return [path.name for path in found]


def test_files_are_yielded_whatever_they_are(tmp_path):
    touch(tmp_path, "photo.jpg", "data.bin")
    sources = [tmp_path / "data.bin", str(tmp_path / "gone.png"), tmp_path / "photo.jpg"]
    assert list(find_stills(sources)) == [Path(source) for source in sources]


def test_folder_in_natural_order(tmp_path):
    touch(tmp_path, "photo10.jpg", "Photo2.JPG", "photo1.png", "b.gif", "A.webp", "img007.tif")
    touch(
        tmp_path, "notes.txt", "archive.zip", "jpg", ".hidden.jpg", "._photo1.png", "sub/deep.jpg"
    )
    expected = ["A.webp", "b.gif", "img007.tif", "photo1.png", "Photo2.JPG", "photo10.jpg"]
    assert names(find_stills([tmp_path])) == expected


def test_photos_in_folders_that_are_not_opened(tmp_path):
    assert not UNOPENED_SUFFIXES & SUFFIXES
    touch(tmp_path, "photo1.jpg", "photo2.HEIC", "photo10.cr3", ".hidden.heic", "photo.xmp")
    (tmp_path / "folder.dng").mkdir()
    first, *failed = find_stills([tmp_path])
    assert first == tmp_path / "photo1.jpg"
    assert [item.path for item in failed] == [
        str(tmp_path / name) for name in ("photo2.HEIC", "photo10.cr3")
    ]
    assert all(type(item.error) is NotAnImageError for item in failed)
    assert "“photo2.HEIC”" in failed[0].error.message
    # By name, it is the decoder's to say.
    assert list(find_stills([tmp_path / "photo2.HEIC"])) == [tmp_path / "photo2.HEIC"]


def test_a_folder_of_nothing_else_is_not_called_empty(tmp_path):
    touch(tmp_path, "photo.nef")
    [failed] = find_stills([tmp_path])
    assert type(failed.error) is NotAnImageError


def test_subfolders_only_when_asked(tmp_path):
    touch(
        tmp_path, "b10/x.jpg", "b2/y.jpg", "z.jpg", "b2/c/w.jpg", ".git/v.jpg", "folder.jpg/u.jpg"
    )
    assert names(find_stills([tmp_path])) == ["z.jpg"]
    everything = ["z.jpg", "y.jpg", "w.jpg", "x.jpg", "u.jpg"]
    assert names(find_stills([tmp_path], recursive=True)) == everything


def test_order_of_sources_is_kept_and_failures_are_in_place(tmp_path):
    touch(tmp_path, "a/1.jpg", "a/2.jpg", "z.jpg")
    (tmp_path / "empty").mkdir()
    address = "https://example.org/photo.jpg"
    sources = [tmp_path / "z.jpg", address, tmp_path / "empty", tmp_path / "a", ""]
    found = list(find_stills(sources))
    assert [item.path if isinstance(item, Failed) else item.name for item in found] == [
        "z.jpg", address, str(tmp_path / "empty"), "1.jpg", "2.jpg", "",
    ]  # fmt: skip
    kinds = [type(item.error) for item in found if isinstance(item, Failed)]
    assert kinds == [WebAddressError, EmptyFolderError, ImageNotFoundError]


def test_folder_without_pictures(tmp_path):
    touch(tmp_path, "notes.txt", "sub/photo.jpg")
    [failed] = find_stills([tmp_path])
    assert failed.error.details["name"] == tmp_path.name
    assert "JPEG" in failed.error.remedy
    assert names(find_stills([tmp_path], recursive=True)) == ["photo.jpg"]


def test_links(tmp_path):
    touch(tmp_path, "real/photo.jpg")
    (tmp_path / "alias").symlink_to("real")
    (tmp_path / "real" / "up").symlink_to("..")
    (tmp_path / "real" / "self").symlink_to("self")
    (tmp_path / "real" / "dead.jpg").symlink_to("gone.jpg")
    (tmp_path / "real" / "loop.png").symlink_to("loop.png")
    found = list(find_stills([tmp_path], recursive=True))
    assert sorted(names(found)) == ["dead.jpg", "loop.png", "photo.jpg"]
    assert names(find_stills([tmp_path / "alias"])) == ["dead.jpg", "loop.png", "photo.jpg"]


def test_same_folder_given_twice_is_read_twice(tmp_path):
    touch(tmp_path, "photo.jpg")
    assert len(list(find_stills([tmp_path, tmp_path]))) == 2


def test_deep_tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    depth = 1200  # deeper than Python calls, less deep than a path may be long
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    Path("photo.jpg").write_bytes(b"x")
    try:
        assert names(find_stills([tmp_path], recursive=True)) == ["photo.jpg"]
    finally:  # pytest's own cleaning calls itself for every level, and would fail
        Path("photo.jpg").unlink()
        for _ in range(depth):
            os.chdir("..")
            Path("d").rmdir()


def test_vanished_folder_is_reported(tmp_path, monkeypatch):
    def broken(_path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "scandir", broken)
    [failed] = find_stills([tmp_path])
    assert isinstance(failed.error, ImageReadError)


def test_lazy(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/2.jpg")

    def sources():
        yield tmp_path
        raise AssertionError("looked further than asked")

    assert names(islice(find_stills(sources(), recursive=True), 1)) == ["1.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_not_text(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    [found] = find_stills([tmp_path])
    assert os.fsencode(found) == raw
    assert display_name(found) == "caf\ufffd.jpg"


def test_file_addresses(tmp_path):
    touch(tmp_path, "a photo #1.jpg")
    path = tmp_path / "a photo #1.jpg"
    assert list(find_stills([path.as_uri(), f"FILE:{path.as_uri()[5:]}"])) == [path, path]
    assert names(find_stills([tmp_path.as_uri()])) == [path.name]


def test_windows_drive_is_no_web_address():
    assert local_path(r"C:\photos\cat.jpg") == Path(r"C:\photos\cat.jpg")
    assert local_path("https-photos/cat.jpg") == Path("https-photos/cat.jpg")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat.jpg", "cat.jpg"),
        ("two\nlines\t.jpg", "two\ufffdlines\ufffd.jpg"),
        ("\N{MAN}\u200d\N{WOMAN}.png", "\N{MAN}\u200d\N{WOMAN}.png"),
        ("photo\u202egnp.exe", "photo\ufffdgnp.exe"),
        ("\x1b[31mred.jpg", "\ufffd[31mred.jpg"),
    ],
)
def test_display_name(name, shown):
    assert display_name(Path("folder") / name) == display_name(name) == shown


def test_natural_order():
    expected = ["IMG_1.jpg", "img_2.jpg", "IMG_2b.jpg", "img_9.jpg", "IMG_10.jpg", "img_010a.jpg"]
    shuffled = random.Random(1).sample(expected, len(expected))
    assert sorted(shuffled, key=natural_key) == expected


@given(st.lists(st.text(max_size=12), max_size=8, unique=True), st.randoms())
def test_any_names_have_one_order(words, chance):
    shuffled = chance.sample(words, len(words))
    assert sorted(words, key=natural_key) == sorted(shuffled, key=natural_key)


def test_needs_neither_pillow_nor_numpy():
    code = "import sys, vggscope.sources.finding; print({'PIL', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
