"""Whether there is a display to open a window on: Qt does not tell, it aborts."""

from __future__ import annotations

import os
import re
import sys


def has_display() -> bool:
    """Whether a window can be opened, as far as can be found out in a moment."""
    if sys.platform in {"win32", "darwin"} or os.environ.get("QT_QPA_PLATFORM"):
        return True
    if os.environ.get("WAYLAND_DISPLAY"):
        return True
    return _answers(os.environ.get("DISPLAY", ""))


def _answers(display: str) -> bool:
    """Whether an X server listens at ``display``, which is "host:number.screen".

    A terminal that outlived its desktop still names the old one.
    """
    match = re.fullmatch(r"(?:unix)?([^:/]*):(\d+)(?:\.\d+)?", display)
    if match is None:
        # Something exotic: let Qt try.
        return bool(display)
    import socket  # noqa: PLC0415 (4 ms)

    host, number = match[1], int(match[2])
    if host:
        try:
            socket.create_connection((host, 6000 + number), timeout=3).close()
        except OSError:
            return False
        return True
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 (where X servers listen)
    for address in (path, f"\0{path}"):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(address)
            except OSError:
                continue
            return True
    return False


if __name__ == "__main__":
    sys.exit(not has_display())
