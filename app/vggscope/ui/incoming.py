"""What arrives by drag-and-drop, by paste and on the command line, as photos to be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, QCoreApplication, QMimeData, QUrl
from PySide6.QtGui import QImage

from vggscope.errors import CorruptImageError, WebAddressError
from vggscope.sources.finding import (
    FORMAT_NAMES,
    SUFFIXES,
    VIDEO_SUFFIXES,
    Failed,
    display_name,
    find_stills,
)
from vggscope.ui.photos import Photo, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

IMPORTABLE_SUFFIXES: Final = frozenset({".onnx", ".safetensors", ".h5", ".npz", ".npy"})
MODEL_SUFFIXES: Final = IMPORTABLE_SUFFIXES | {
    # Those that are refused, with what to do instead.
    *(".hdf5", ".keras", ".pth", ".pt", ".pkl", ".pickle", ".ckpt"),
}
_SCHEMES: Final = ("file:", "http:", "https:", "ftp:", "data:")
_LOOKED_AT: Final = 50
"""How many of the dragged files are looked at while the mouse hovers."""


def is_model_file(path: str) -> bool:
    """Whether a path is to be imported as a model, by its name."""
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 (a string is at hand)
    return suffix in MODEL_SUFFIXES and not os.path.isdir(path)  # noqa: PTH112


def model_files_in(mime: QMimeData) -> list[str]:
    """The files of models among what is dragged."""
    local = [url.toLocalFile() for url in mime.urls()[:_LOOKED_AT] if url.isLocalFile()]
    return [path for path in local if is_model_file(path)]


def invitation_of(mime: QMimeData) -> str:
    """What dropping will do."""
    if model_files_in(mime):
        return QCoreApplication.translate("incoming", "Drop to import this model")
    return QCoreApplication.translate("incoming", "Drop to classify")


def refusal_of(mime: QMimeData) -> str:
    """Why a drag is not accepted, "" if it is; quick, for use while the mouse moves."""
    urls = mime.urls()
    if mime.hasImage() or len(urls) > _LOOKED_AT or any(map(_is_of_use, urls)):
        return ""
    if any(url.scheme() in {"http", "https", "ftp"} for url in urls):
        return QCoreApplication.translate(
            "incoming",
            "This is only the address of a picture, and VGGscope opens the network for nothing but "
            "downloads of models. "
            "Save the picture first, or copy the picture itself and paste it.",
        )
    return QCoreApplication.translate(
        "incoming", "This cannot be dropped here: only folders, pictures ({0}), videos and models"
    ).format(FORMAT_NAMES)


def has_pasteable(mime: QMimeData) -> bool:
    """Whether a clipboard holds pictures, files, or text that may be paths."""
    return mime.hasImage() or mime.hasUrls() or bool(_urls_of_text(mime))


def photos_in(mime: QMimeData) -> tuple[list[str], list[Photo]]:
    """The content of a drop or a clipboard: paths yet to be looked at, and complete photos.

    A browser offers a picture as pixels and as its address: the pixels are what we can use.
    """
    urls = [url for url in mime.urls() if not url.isEmpty()] or _urls_of_text(mime)
    local = [url.toLocalFile() for url in urls if url.isLocalFile()]
    if local:
        return local, []
    if mime.hasImage() and not (image := QImage(mime.imageData())).isNull():
        return [], [Photo(name=_name_of(urls), image=image)]
    return [], [_photo_of(url) for url in urls]


def photos_of_paths(paths: Iterable[str], is_wanted: Callable[[], bool]) -> list[Photo]:
    """A photo for every picture at ``paths``, folders and their subfolders included.

    Slow (it lists folders), and so ends early once it is not wanted any more. What cannot be
    found becomes a photo that has failed.
    """
    photos: list[Photo] = []
    for found in find_stills(paths, recursive=True):
        if not is_wanted():
            break
        if isinstance(found, Failed):
            name = os.path.basename(found.path) or found.path  # noqa: PTH119 (may be an address)
            photos.append(Photo(name=display_name(name), state=State.FAILED, outcome=found.error))
        else:
            photos.append(Photo(name=display_name(found), path=found))
    return photos


def _is_of_use(url: QUrl) -> bool:
    if url.scheme() == "data":
        return True
    if not url.isLocalFile():
        return False
    path = url.toLocalFile()
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 (a string is at hand)
    known = SUFFIXES | VIDEO_SUFFIXES | MODEL_SUFFIXES
    return suffix in known or not suffix or os.path.isdir(path)  # noqa: PTH112


def _urls_of_text(mime: QMimeData) -> list[QUrl]:
    """Lines of text that are paths or addresses; shells and file managers copy paths quoted."""
    lines = (line.strip().strip("\"'") for line in mime.text().splitlines())
    return [_url_of_text(line) for line in lines if _may_be_path(line)]


def _may_be_path(line: str) -> bool:
    """Whether a line is more likely a path or an address than a line of a letter."""
    if line.startswith((*_SCHEMES, "/", "~", "\\\\")) or line[1:3] in {":\\", ":/"}:
        return True
    return line.lower().endswith(tuple(SUFFIXES | VIDEO_SUFFIXES | MODEL_SUFFIXES))


def _url_of_text(line: str) -> QUrl:
    if line.startswith(_SCHEMES):
        return QUrl(line)
    return QUrl.fromLocalFile(os.path.abspath(os.path.expanduser(line)))  # noqa: PTH100, PTH111


def _name_of(urls: list[QUrl]) -> str:
    name = urls[0].fileName() if urls and urls[0].scheme() != "data" else ""
    return display_name(name) or QCoreApplication.translate("incoming", "Pasted picture")


def _photo_of(url: QUrl) -> Photo:
    """A photo of an address that is no file: its own data, or a failure."""
    if url.scheme() != "data":
        error = WebAddressError(name=display_name(url.toDisplayString()))
        name = display_name(url.fileName() or url.host())
        return Photo(name=name, state=State.FAILED, outcome=error)
    name = _name_of([url])
    header, _, body = url.toString(QUrl.ComponentFormattingOption.FullyEncoded).partition(",")
    data = QByteArray.fromPercentEncoding(QByteArray(body.encode()))
    if header.endswith(";base64"):
        decoded = QByteArray.fromBase64Encoding(
            data, QByteArray.Base64Option.AbortOnBase64DecodingErrors
        )
        if decoded.decodingStatus != QByteArray.Base64DecodingStatus.Ok:
            failure = CorruptImageError(name=name, reason="its address is no base64")
            return Photo(name=name, state=State.FAILED, outcome=failure)
        data = decoded.decoded
    return Photo(name=name, data=bytes(data.data()))
