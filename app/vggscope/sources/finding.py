"""Which files are meant: folders, links and addresses to a stream of picture paths.

Cheap to import (no Pillow, no numpy): the window needs the suffixes before its engine is loaded.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from stat import FILE_ATTRIBUTE_HIDDEN
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes, urlsplit

from vggscope.errors import (
    DanglingLinkError,
    EmptyFolderError,
    ImageError,
    ImageNotFoundError,
    ImagePermissionError,
    ImageReadError,
    NotAnImageError,
    WebAddressError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What people drop, as long as its decoder is one that browsers and phones feed with strangers'
# files every day. Left out on purpose: EPS, PDF and WMF run interpreters; FITS, GRIB, HDF5 and
# the game formats are seldom fuzzed; TGA has no signature, so that any text could be one; ICO
# and ICNS decode before they tell their size. MPO is a JPEG to its reader.
_SUFFIXES_OF: Final = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "AVIF": (".avif", ".avifs"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
}
FORMATS: Final = tuple(_SUFFIXES_OF)
SUFFIXES: Final = frozenset(suffix for group in _SUFFIXES_OF.values() for suffix in group)
# Photos of phones and cameras that we do not open. Whoever gives a folder of them expects an answer
# for each: they fail by name, where other files of a folder are passed over.
UNOPENED_SUFFIXES: Final = frozenset(
    {
        *(".heic", ".heif"),
        *(".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"),
    }
)
# What is taken for a video when it is dropped; any file may be opened as one on purpose.
VIDEO_SUFFIXES: Final = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".wmv", ".mpg", ".mpeg", ".m2ts"),
        *(".ts", ".mts", ".ogv", ".3gp", ".flv"),
    }
)
FORMAT_NAMES: Final = "JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, PPM"

# Path("https://x/y") is "https:/x/y" on POSIX and "https:\x\y" on Windows.
_WEB_ADDRESS = re.compile(r"(https?|ftps?):[/\\]+(.*)", re.IGNORECASE | re.DOTALL)
_FILE_URL = re.compile(r"file:/+", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")
# Right-to-left overrides would let "gnp.exe" read "exe.png"; joiners of emoji stay.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Failed:
    """An input that leads to no picture.

    Attributes:
        path: the input as it was given, or the folder below it that failed. May hold lone
            surrogates, where the name is not valid UTF-8.
        error: why.
    """

    path: str
    error: ImageError


def find_stills(
    sources: Iterable[Path | str], *, recursive: bool = False
) -> Iterator[Path | Failed]:
    """Yield the pictures that ``sources`` mean, lazily and in the given order.

    A file given by name is yielded whatever its suffix, and even if it is missing: the decoder
    knows best and reports best. A folder yields its files with one of ``SUFFIXES`` in natural
    order, without hidden ones; those with one of ``UNOPENED_SUFFIXES`` have failed.

    Args:
        sources: files, folders and ``file:`` addresses.
        recursive: look into subfolders too. Every folder is visited once, so that a link to a
            parent ends.
    """
    for source in sources:
        try:
            path = local_path(source)
        except ImageError as error:
            yield Failed(str(source), error)
            continue
        if _is_folder(path):
            yield from _in_folder(path, recursive=recursive)
        else:
            yield path


def is_video(path: Path | str) -> bool:
    """Whether a file is called as videos are."""
    return os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES  # noqa: PTH122 (may be a string)


def local_path(source: Path | str) -> Path:
    """The path that a user's input means; ``file:`` addresses are resolved.

    Raises:
        WebAddressError: it is the address of something on a network.
        ImageNotFoundError: it is empty.
    """
    text = str(source)
    if match := _WEB_ADDRESS.match(text):
        raise WebAddressError(name=display_name(f"{match[1]}://{match[2]}"))
    if not text:  # Path("") would be the current folder
        raise ImageNotFoundError(name="")
    if _FILE_URL.match(text):
        return _path_of_url(text)
    return Path(text)


def display_name(path: Path | str) -> str:
    """The last part of a path (or a text) as it can be shown and printed on one line.

    Names that are not valid UTF-8 hold surrogates, which no terminal and no JSON file takes.
    """
    text = (path.name or str(path)) if isinstance(path, Path) else path
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(character) in _UNPRINTABLE or character in _BIDI_CONTROLS
        else character
        for character in text
    )


def error_of(failure: OSError | ValueError, path: Path, name: str) -> ImageError:
    """What the operating system's refusal to look at ``path`` means to a user."""
    code = failure.errno if isinstance(failure, OSError) else None
    if isinstance(failure, PermissionError):
        return ImagePermissionError(name=name)
    missing = isinstance(failure, FileNotFoundError | NotADirectoryError | ValueError)
    if missing or code in {errno.ELOOP, errno.ENAMETOOLONG}:
        try:
            return DanglingLinkError(name=name, target=display_name(str(path.readlink())))
        except (OSError, ValueError):  # no link after all; ValueError: a zero byte in the name
            return ImageNotFoundError(name=name)
    reason = failure.strerror if isinstance(failure, OSError) else None
    return ImageReadError(name=name, reason=reason or type(failure).__name__)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key by which photo2 comes before photo10, and upper case beside lower case."""
    # re.split with one group alternates text and digits: like is always compared with like.
    parts = _DIGITS.split(name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def _path_of_url(url: str) -> Path:
    parts = urlsplit(url)
    # Bytes, so that a name which is not valid UTF-8 survives the escapes.
    text = os.fsdecode(unquote_to_bytes(parts.path.encode("utf-8", "surrogateescape")))
    host = parts.netloc if parts.netloc.lower() != "localhost" else ""
    if os.name == "nt":
        return Path(f"//{host}{text}") if host else Path(text.lstrip("/"))
    return Path(text)


def _in_folder(top: Path, *, recursive: bool) -> Iterator[Path | Failed]:
    anything = False
    visited: set[tuple[int, int]] = set()
    pending = [top]  # a stack, not recursion: folders can be nested deeper than Python's calls
    while pending:
        folder = pending.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: natural_key(entry.name))
        except OSError as failure:
            anything = True
            yield Failed(str(folder), error_of(failure, folder, display_name(folder)))
            continue
        subfolders = []
        for entry in found:
            if _is_hidden(entry):
                continue
            if _is_folder(entry):
                subfolders.append(Path(entry.path))
                continue
            suffix = Path(entry.name).suffix.lower()
            if suffix in SUFFIXES:
                anything = True
                yield Path(entry.path)
            elif suffix in UNOPENED_SUFFIXES:
                anything = True
                error = NotAnImageError(name=display_name(entry.name), formats=FORMAT_NAMES)
                yield Failed(str(Path(entry.path)), error)
        if recursive:
            pending.extend(reversed(subfolders))
    if not anything:
        yield Failed(str(top), EmptyFolderError(name=display_name(top), formats=FORMAT_NAMES))


def _is_folder(path: Path | os.DirEntry[str]) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # looping, too long, behind a closed folder: its reader says so
        return False


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("."):
        return True
    if os.name != "nt":
        return False
    try:  # there, scandir has this at hand without looking again
        attributes: int = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    except OSError:
        return False
    return bool(attributes & FILE_ATTRIBUTE_HIDDEN)
