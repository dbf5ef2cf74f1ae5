"""A frame with what the network thought of it, as two files side by side."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from PIL import Image

from vggscope.errors import OutputError
from vggscope.inference.report import as_json, snapshot_record
from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from vggscope.inference.live import LiveResult
    from vggscope.sources.frame import Frame

_UNFIT: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')
"""What some file system does not allow in names."""
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
    picture = free_path(folder, result.captured, result.shown.predictions[0].label, ".png")
    record = picture.with_suffix(".json")
    text = as_json(snapshot_record(result, top, picture=picture.name, source=frame.origin.name))
    written: list[Path] = []
    try:
        written.append(picture)
        Image.fromarray(frame.pixels).save(picture, format="PNG", compress_level=_FAST)
        written.append(record)
        record.write_text(text, encoding="utf-8")
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise OutputError(name=picture.name, reason=error.strerror or str(error)) from error
    return picture


def free_path(folder: Path, moment: datetime, label: str, suffix: str) -> Path:
    """A new file's path in ``folder``, which is made: "VGGscope 2026-11-25 14.03.07 tabby cat.png".

    Raises:
        OutputError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(name=display_name(folder), reason=reason) from error
    # In local time, as the clock on the wall; without colons, which Windows does not allow.
    stem = f"VGGscope {moment.astimezone():%Y-%m-%d %H.%M.%S}"
    if words := _UNFIT.sub(" ", label).strip(" ."):
        stem += f" {words[:60]}"
    number, path = 1, folder / f"{stem}{suffix}"
    while os.path.lexists(path) or os.path.lexists(path.with_suffix(".json")):
        number += 1
        path = folder / f"{stem} {number}{suffix}"
    return path
