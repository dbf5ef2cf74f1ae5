"""A frame with what the network thought of it, as two files side by side."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Final

from PIL import Image

from vggscope.errors import OutputError
from vggscope.inference.capture_files import (
    capture_name,
    make_folder,
    numbered,
    reason_of,
    write_new,
)
from vggscope.inference.report import as_json, snapshot_record

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.inference.live import LiveResult
    from vggscope.sources.frame import Frame

_FAST: Final = 1
"""PNG's compression: the default takes five times as long for a tenth less."""


def save_snapshot(frame: Frame, result: LiveResult, top: int, folder: Path) -> Path:
    """Write ``frame`` as a PNG and what is known of it as JSON beside it.

    Args:
        frame: all of its pixels.
        result: of that very frame.
        top: how many predictions.
        folder: made if it is missing. Nothing in it is ever overwritten.

    Returns:
        The path of the picture.

    Raises:
        OutputError: there is no room, or no permission; no half a file stays.
    """
    # In memory first: a name that is taken only by the time of writing costs no second encoding.
    encoded = io.BytesIO()
    Image.fromarray(frame.pixels).save(encoded, format="PNG", compress_level=_FAST)
    make_folder(folder)
    name = capture_name(result.captured, result.shown.predictions[0].label, ".png")
    paths = numbered(folder / name)
    while True:
        picture = next(paths)
        record = snapshot_record(result, top, picture=picture.name, source=frame.origin.name)
        text = as_json(record).encode("utf-8", "backslashreplace")
        try:
            _write_pair(picture, encoded.getbuffer(), text)
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(name=picture.name, reason=reason_of(error)) from error
        return picture


def _write_pair(picture: Path, pixels: memoryview, record: bytes) -> None:
    """Write both files or none. The record comes last: where there is one, all is there.

    Raises:
        FileExistsError: there is one of them already.
        OSError: one of them cannot be written.
    """
    write_new(picture, pixels)
    try:
        write_new(picture.with_suffix(".json"), record)
    except BaseException:
        with contextlib.suppress(OSError):
            picture.unlink()
        raise
