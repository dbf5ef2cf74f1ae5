"""Qt Multimedia, made ready: quiet, and able to see windows.

What it and FFmpeg print on the user's terminal by themselves is of use to nobody who watches a
video: the streams of each file, a line for each damaged picture, libraries for Wayland or graphics
cards that a computer need not have. What matters to users, our own errors tell.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import PySide6
from PySide6.QtCore import QLibraryInfo, QLoggingCategory

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBUG_VARIABLE: Final = "QT_FFMPEG_DEBUG"
"""Qt's own: whoever sets it wants to see what FFmpeg says."""

_NAMES: Final = ("libavutil.so.*", "libavutil.*.dylib", "avutil-*.dll")
_AV_LOG_QUIET: Final = -8
_log = logging.getLogger(__name__)


def prepare_multimedia() -> None:
    """Load Qt Multimedia, and let neither it nor its FFmpeg write to the terminal from now on.

    To be called with an application in place and before anything else imports QtMultimedia, which
    has its say right then; it loads Qt's multimedia backend (10 ms). May be called again. The
    user's ``QT_LOGGING_RULES`` (such as ``qt.multimedia.*=true``) and ``QT_FFMPEG_DEBUG`` bring
    back what is left out here.

    Raises:
        ImportError: QtMultimedia, or a library that it needs, is not there.
    """
    # Rules, not a message handler: decoders speak on threads of their own, which would wait for
    # Python while Python, in a call that ends them, waits for them. The user's rules come later.
    QLoggingCategory.setFilterRules("qt.multimedia.*=false")
    _name_session()
    from PySide6.QtMultimedia import QVideoSink  # noqa: PLC0415 (only now it is quiet)

    if os.environ.get(DEBUG_VARIABLE):
        return
    # It loads the backend; FFmpeg's libraries, which need Qt's stubs, cannot be loaded before it.
    QVideoSink().deleteLater()
    library = _loaded_avutil()
    if library is None:
        _log.info("FFmpeg was not found: it may write to the terminal")
    else:
        library.av_log_set_level(_AV_LOG_QUIET)


def _name_session() -> None:
    """Tell Qt of an X server where nobody else did.

    It looks for windows, and captures screens in the fast way, only if this variable says so; after
    ``startx`` or ``ssh -X`` it does not.
    """
    variables = os.environ
    named = variables.get("XDG_SESSION_TYPE") in {"x11", "wayland"}
    if variables.get("DISPLAY") and not variables.get("WAYLAND_DISPLAY") and not named:
        variables["XDG_SESSION_TYPE"] = "x11"


def _loaded_avutil() -> ctypes.CDLL | None:
    """The library of FFmpeg's log, if it is in this process and comes with Qt: there may be others.

    Wheels hold copies of it under several names, of which one is in use.
    """
    for path in _candidates():
        try:
            if sys.platform == "win32":
                get_handle = ctypes.WinDLL("kernel32").GetModuleHandleW
                get_handle.argtypes, get_handle.restype = [ctypes.c_wchar_p], ctypes.c_void_p
                handle = get_handle(str(path))
                if handle:
                    return ctypes.CDLL(str(path), handle=handle)
            else:
                return ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_NOLOAD)
        except OSError:
            continue
    return None


def _candidates() -> Iterator[Path]:
    libraries = QLibraryInfo.path(QLibraryInfo.LibraryPath.LibrariesPath)
    for folder in (Path(libraries), Path(PySide6.__file__).parent):
        for name in _NAMES:
            yield from sorted(folder.glob(name))
