"""Standard streams that may not be there: windowed programs have none, shells can close them.

Without this, whoever writes to ``sys.stderr`` would meet None, and the first file that is opened
would get the number of the missing stream, and with it what libraries print there.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import TYPE_CHECKING, Final

from vggscope.diagnostics import start_logging

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST: Final = 4000
"""Characters: what a box on the screen can show."""
_STANDARD: Final = (0, 1, 2)
_log = logging.getLogger(__name__)


def with_streams(work: Callable[[], int]) -> int:
    """Call ``work`` with a stdout and a stderr; tell in another way what nobody could read there.

    On Windows a box shows it, as nobody looks into a log for an option that was misspelt;
    elsewhere the user closed the streams, and what was written to stderr goes to the log. A window
    that was closed in good order has told all there is to tell.
    """
    occupy_numbers()
    unheard = {name: _Unheard() for name in ("stdout", "stderr") if getattr(sys, name) is None}
    for name, stream in unheard.items():
        setattr(sys, name, stream)
    is_told = False
    try:
        status = work()
        is_told = not status
    finally:
        for name in unheard:
            setattr(sys, name, None)
        if not is_told:
            _tell({name: stream.text for name, stream in unheard.items()})
    return status


def occupy_numbers() -> None:
    """Lead the numbers of the standard streams nowhere where they lead to nothing at all."""
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest number that is free: this one.
            os.open(os.devnull, os.O_RDWR)


class _Unheard(io.TextIOBase):
    """Takes what is written, and keeps the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text = (self.text + text)[:_MOST]
        return len(text)


def _tell(texts: dict[str, str]) -> None:
    said = "".join(texts.values()).strip()
    if not said or _show_box(said):
        return
    if complaint := texts.get("stderr", "").strip():
        if not logging.getLogger("vggscope").handlers:
            start_logging()
        _log.warning("Nobody could read: %s", complaint)


def _show_box(text: str) -> bool:
    """Show ``text`` on the screen and wait until it was read; False where that takes a toolkit."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 (only here)

        ctypes.windll.user32.MessageBoxW(None, text, "VGGscope", 0)
        return True
    return False
