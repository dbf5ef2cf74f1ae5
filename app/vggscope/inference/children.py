"""Work in a child process: what may crash or hang there leaves this process as it was.

A child is this very program, started with one hidden word. It reads a request from its standard
input and answers on its standard output, both JSON; whatever libraries print goes to the log.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec

from vggscope import paths
from vggscope.errors import Cancelled, VggscopeError, from_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    class Cancellation(Protocol):
        """What tells that the answer is not wanted any more."""

        @property
        def cancelled(self) -> bool:
            """Whether that is so."""


Answer = TypeVar("Answer")

_JOBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "discover": "vggscope.inference.discovery",
        "probe": "vggscope.inference.probe",
        "bench": "vggscope.inference.bench",
        "examine": "vggscope.zoo.examiner",
        "weights": "vggscope.zoo.weights_examiner",
        "trial": "vggscope.inference.trial",
        "preview": "vggscope.inference.preview",
    }
)
"""Job -> the module whose function ``work`` does it."""
_GLANCE: Final = 0.05
_PATIENCE: Final = 5.0
_REQUESTED: Final = frozenset(
    -getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ends by which a session or a terminal is closed: they say nothing of a device."""
_TOLD: Final = 4000
_log = logging.getLogger(__name__)


class ChildCrashedError(Exception):
    """The child ended without an answer; ``str`` tells how."""


class ChildTimedOutError(Exception):
    """The child was killed because it took too long."""


def ask_child(
    job: str,
    request: object,
    answer: type[Answer],
    *,
    timeout: float,
    cancellation: Cancellation | None = None,
) -> Answer:
    """Have ``job`` done in a process of its own.

    Args:
        job: key of ``_JOBS``.
        request: what its ``work`` gets; anything that msgspec encodes.
        answer: type of what it returns.
        timeout: seconds after which it is killed.
        cancellation: kills it at once.

    Raises:
        VggscopeError: that ``work`` raised.
        ChildCrashedError, ChildTimedOutError: there is no answer, or not even a child.
        Cancelled: ``cancellation`` was asked for.
    """
    process = _start(job)
    try:
        out, err = _converse(process, msgspec.json.encode(request), timeout, cancellation)
    finally:
        _end(process)
    if (cancellation is not None and cancellation.cancelled) or process.returncode in _REQUESTED:
        raise Cancelled
    if err.strip():
        _log.info("Child %s: %s", job, err[-_TOLD:].decode(errors="replace"))
    try:
        # What was printed before the child had its say does not count.
        reply = msgspec.json.decode(out.rpartition(b"\n")[2], type=_Reply)
    except msgspec.MsgspecError as error:
        raise ChildCrashedError(_end_of(process.returncode)) from error
    if reply.error is not None:
        raise from_record(reply.error, VggscopeError)
    return msgspec.json.decode(reply.answer, type=answer)


def _start(job: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 (our own program)
            [*paths.own_command(), paths.CHILD, job, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Windows would open a console for it.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            # Signals of our terminal are for us: we end it ourselves.
            start_new_session=True,
        )
    except OSError as error:
        raise ChildCrashedError(error.strerror or str(error)) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it; one that is stuck in a driver below the system may not even die of that."""
    process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)


def _converse(
    process: subprocess.Popen[bytes],
    request: bytes,
    timeout: float,
    cancellation: Cancellation | None,
) -> tuple[bytes, bytes]:
    deadline = time.monotonic() + timeout
    unsent: bytes | None = request
    while True:
        try:
            return process.communicate(unsent, timeout=_GLANCE)
        except subprocess.TimeoutExpired:
            # What was sent must not be given again.
            unsent = None
        if cancellation is not None and cancellation.cancelled:
            raise Cancelled
        if time.monotonic() > deadline:
            raise ChildTimedOutError


class _Reply(msgspec.Struct):
    answer: msgspec.Raw = msgspec.Raw(b"null")
    error: dict[str, str] | None = None


def _end_of(status: int) -> str:
    if status >= 0:
        return f"exit status {status if status < 256 else hex(status)}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


# --- in the child -------------------------------------------------------------------------------


def run_child(words: list[str]) -> int:
    """Be the child: ``words`` are those behind ``paths.CHILD``. Returns the exit status."""
    job, parent = words
    # Libraries print where the answer is to go: they get the way to the log instead.
    channel = os.dup(1)
    os.dup2(2, 1)
    faulthandler.enable(2)
    _crash_quietly()
    logging.basicConfig(level=logging.INFO)
    threading.Thread(target=_die_with, args=(int(parent),), daemon=True).start()
    reply = _Reply()
    try:
        work = import_module(_JOBS[job]).work
        reply.answer = msgspec.Raw(msgspec.json.encode(work(_read_all(0))))
    except VggscopeError as error:
        reply.error = error.as_record()
    except Exception:  # noqa: BLE001 (logged, and the parent sees the status)
        # Not further up: a windowed program of PyInstaller would open a box and wait in it.
        _log.exception("%s", job)
        logging.shutdown()
        os._exit(1)
    with os.fdopen(channel, "wb") as stream:
        stream.write(b"\n" + msgspec.json.encode(reply))
    logging.shutdown()
    # Drivers have been seen to crash while they are taken down; the answer is out.
    os._exit(0)


def _crash_quietly() -> None:
    """No box on the screen and no core file in the user's folder."""
    if sys.platform == "win32":
        # SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX
        ctypes.windll.kernel32.SetErrorMode(0x8003)
        return
    import resource  # noqa: PLC0415 (Windows has none)

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


def _die_with(parent: int) -> None:
    """End this process when its parent has gone without a word."""
    import psutil  # noqa: PLC0415 (20 ms that nobody waits for on this thread)

    try:
        process = psutil.Process(parent)
        while process.is_running():
            time.sleep(1)
    except psutil.Error:
        pass
    os._exit(1)
