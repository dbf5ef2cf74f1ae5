"""What is kept for the day when something goes wrong: log file, crash reports.

Python errors that nobody caught are logged; native crashes (a GPU driver, say) leave a report by
``faulthandler``, which the next start finds and mentions.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Final, TextIO

from vggscope import __version__, paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

LOG_FILE: Final = "vggscope.log"
_RUNNING: Final = "running-"
_CRASHED: Final = "crash-"
_LOG_BYTES: Final = 1_000_000
_LOG_BACKUPS: Final = 3
_REPORTS_KEPT: Final = 10

_log = logging.getLogger(__name__)


def start_logging(*, verbose: bool = False) -> None:
    """Send the package's log to the log file (rotated at 1 MB), and to stderr if ``verbose``.

    Where the log folder cannot be written the program runs without a log.
    """
    logger = logging.getLogger("vggscope")
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.captureWarnings(capture=True)
    # A full disk or a rotation that another process won must not write to the user's terminal.
    logging.raiseExceptions = False
    handlers: list[logging.Handler] = [logging.StreamHandler()] if verbose else []
    try:
        from logging.handlers import RotatingFileHandler  # noqa: PLC0415 (5 ms)

        paths.log_dir().mkdir(parents=True, exist_ok=True)
        handlers.append(
            RotatingFileHandler(
                paths.log_dir() / LOG_FILE,
                maxBytes=_LOG_BYTES,
                backupCount=_LOG_BACKUPS,
                encoding="utf-8",
                delay=True,
            )
        )
    except OSError:
        handlers.append(logging.NullHandler())
    form = logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s")
    for handler in handlers:
        handler.setFormatter(form)
        logger.addHandler(handler)
        logging.getLogger("py.warnings").addHandler(handler)
    _log.info("VGGscope %s, Python %s, %s", __version__, sys.version.split()[0], sys.platform)


def log_uncaught(tell: Callable[[], None]) -> None:
    """Log every exception that reaches the top of a thread, then call ``tell`` on that thread."""

    def report(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error or kind(), trace)
            return
        _log.critical("Uncaught", exc_info=(kind, error or kind(), trace))
        tell()

    def report_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is not SystemExit:
            report(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    sys.excepthook = report
    threading.excepthook = report_thread


class CrashGuard:
    """Notes native crashes of this process, and finds those of former ones.

    A guard keeps ``running-<pid>.txt`` open for ``faulthandler``. A clean end removes it; a native
    crash leaves a stack in it, which the next start renames to ``crash-…`` and mentions once.
    """

    # What an earlier process of our number left in our file, in bytes.
    _inherited = 0

    def __init__(self) -> None:
        self._path = paths.log_dir() / f"{_RUNNING}{os.getpid()}.txt"
        self._file: TextIO | None = None

    def start(self, *, collect: bool = True) -> list[Path]:
        """Begin to guard; returns the reports of crashes that nobody was told of yet.

        Args:
            collect: count these as told from now on. If not, they are left for the next start
                that does, and none is returned.
        """
        try:
            paths.log_dir().mkdir(parents=True, exist_ok=True)
            reports = _collect_reports() if collect else []
            self._file = self._path.open("a", encoding="utf-8")
            self._inherited = self._file.tell()
        except OSError as error:
            _log.warning("No crash reports: %s", error)
            return []
        faulthandler.enable(self._file)
        return reports

    def stop(self) -> None:
        """The process ends as it should."""
        if self._file is None:
            return
        faulthandler.disable()
        with contextlib.suppress(OSError):
            # Windows has faulthandler note errors that were then handled.
            self._file.truncate(self._inherited)
        self._file.close()
        self._file = None
        if not self._inherited:
            self._path.unlink(missing_ok=True)


def crash_report(pid: int) -> Path | None:
    """The stack that the process ``pid`` left when it crashed natively, if it did."""
    for prefix in (_RUNNING, _CRASHED):
        path = paths.log_dir() / f"{prefix}{pid}.txt"
        with contextlib.suppress(OSError):
            if path.stat().st_size:
                return path
    return None


def _collect_reports() -> list[Path]:
    reports = []
    for path in sorted(paths.log_dir().glob(f"{_RUNNING}*.txt")):
        pid = path.stem.removeprefix(_RUNNING)
        # Not every file that fits the pattern is ours ("running-17 (copy).txt").
        if not pid.isdecimal() or _is_running(int(pid)):
            continue
        # On Windows the file of a running process cannot be moved, which is how we know.
        with contextlib.suppress(OSError):
            if path.stat().st_size:
                reports.append(path.rename(path.with_name(path.name.replace(_RUNNING, _CRASHED))))
            else:
                # Killed or cut off from power: nothing to report.
                path.unlink()
    kept = sorted(paths.log_dir().glob(f"{_CRASHED}*.txt"), key=lambda p: p.stat().st_mtime)
    for old in kept[:-_REPORTS_KEPT]:
        old.unlink(missing_ok=True)
    return reports


def _is_running(pid: int) -> bool:
    if pid == os.getpid():
        # An earlier process had our number.
        return False
    if sys.platform == "win32":
        # os.kill would end that process.
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except OverflowError:
        return False
    return True
