"""One window per user, display and data folder: a second start hands its files to the first."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
import sys
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import (
    QCryptographicHash,
    QDir,
    QElapsedTimer,
    QLockFile,
    QObject,
    QTimer,
    Signal,
)
from PySide6.QtGui import QGuiApplication
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from vggscope import paths
from vggscope.ui.live_request import LiveRequest  # noqa: TC001 (msgspec reads annotations)

VERSION: Final = 1
"""Of the messages: a window of another version is left alone, and this start opens its own."""
_PATIENCE: Final = 5000
"""Milliseconds for an answer; a window that takes longer hangs."""
_MOST_BYTES: Final = 1 << 20
_MOST_WAITING: Final = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a start wants to see.

    Attributes:
        version: of the message.
        files: absolute paths of pictures, folders, videos, models.
        live: a moving picture to begin with.
        activation: what lets a window come to the front on Wayland; `hand_over` fills it in.
    """

    version: int = VERSION
    files: tuple[str, ...] = ()
    live: LiveRequest | None = None
    activation: str = ""


class SingleInstance(QObject):
    """Either hands a request to the window that there is, or hears the requests of later starts.

    A lock file, which dies with its process, sees to it that of many simultaneous starts one
    becomes the first. Needs a QGuiApplication.

    Signals:
        asked: another start wants to see something (Request).
    """

    asked = Signal(Request)

    def __init__(self, parent: QObject | None = None, *, patience: int = _PATIENCE) -> None:
        """See the class.

        Args:
            parent: that owns it.
            patience: milliseconds to wait for another process.
        """
        super().__init__(parent)
        self._patience = patience
        self._server: QLocalServer | None = None
        self._name = ""
        try:
            self._name = _address()
        except OSError as error:
            _log.warning("Every start opens a window of its own: %s", error)

    @property
    def address(self) -> str:
        """Where the first one is heard: a path, on Windows the name of a pipe; "" for nowhere."""
        return self._name

    @property
    def is_first(self) -> bool:
        """Whether later starts are heard."""
        return self._server is not None

    def hand_over(self, request: Request) -> bool:
        """Let another window take ``request``; False if this start has to open its own.

        That window may come to the front in place of the one that the user expects of this start.
        Takes some seconds if it hangs, else milliseconds.
        """
        request = replace(request, activation=_activation())
        for _ in range(2 if self._name else 0):
            answer = self._ask(request)
            if answer is not None:
                return answer
            lock = QLockFile(f"{self._lock_name()}.lock")
            lock.setStaleLockTime(0)
            if not lock.tryLock(self._patience):
                _log.warning("No lock %s: %s", self._lock_name(), lock.error())
                return False
            # Another start may have become the first while we waited for the lock.
            answer = self._ask(request)
            if answer is not None:
                return answer
            if self._listen():
                return False
        return False

    def close(self) -> None:
        """Hear nobody any more: later starts open a window of their own."""
        if self._server is not None:
            self._server.close()
            self._server = None

    # As a later start

    def _ask(self, request: Request) -> bool | None:
        """Whether the first window takes ``request``; None if there is none."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(self._patience):
            return None
        _leave_the_front()
        socket.write(_line(asdict(request)))
        clock = QElapsedTimer()
        clock.start()
        while not socket.canReadLine():
            left = self._patience - clock.elapsed()
            if left <= 0 or not socket.waitForReadyRead(int(left)):
                break
        if not socket.canReadLine():
            is_gone = socket.state() != QLocalSocket.LocalSocketState.ConnectedState
            _log.warning("The first window %s", "has gone" if is_gone else "does not answer")
            return None if is_gone else False
        answer = _parsed(socket.readLine().data())
        return isinstance(answer, dict) and answer.get("taken") is True

    # As the first one

    def _listen(self) -> bool:
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.setListenBacklogSize(_MOST_WAITING)
        server.setMaxPendingConnections(_MOST_WAITING)
        # Whoever had it does not answer any more: it was killed.
        QLocalServer.removeServer(self._name)
        if not server.listen(self._name):
            _log.warning("Nobody can be heard at %s: %s", self._name, server.errorString())
            return False
        server.newConnection.connect(self._hear)
        self._server = server
        return True

    def _hear(self) -> None:
        server = self._server
        while server is not None and (socket := server.nextPendingConnection()) is not None:
            _Conversation(socket, self)

    def _lock_name(self) -> str:
        # On Windows the address is that of a pipe, which is no file.
        path = Path(self._name)
        return str(path if path.is_absolute() else Path(QDir.tempPath()) / path)


class _Conversation(QObject):
    """With one later start; ends itself when nothing more comes."""

    def __init__(self, socket: QLocalSocket, owner: SingleInstance) -> None:
        super().__init__(socket)
        self._socket, self._owner = socket, owner
        socket.readyRead.connect(self._read)
        socket.disconnected.connect(socket.deleteLater)
        QTimer.singleShot(_PATIENCE, self, socket.abort)
        self._read()

    def _read(self) -> None:
        socket = self._socket
        if not self._owner.is_first:
            # It came while the window was being closed: it finds nobody, and opens its own.
            socket.abort()
            return
        if not socket.canReadLine():
            if socket.bytesAvailable() > _MOST_BYTES:
                socket.abort()
            return
        request = _request(socket.readLine().data())
        socket.write(_line({"version": VERSION, "taken": request is not None}))
        # Now: what is asked for may keep this thread for a while.
        socket.flush()
        socket.disconnectFromServer()
        if request is not None:
            self._owner.asked.emit(request)


def _address() -> str:
    """Where the first window of this user, display and data folder is heard."""
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY", "")
    scope = [QGuiApplication.platformName(), display, str(paths.config_dir().absolute())]
    data = "\n".join(scope).encode(errors="surrogateescape")
    # Qt's, which is there already: hashlib would bring OpenSSL into every start.
    digest = QCryptographicHash.hash(data, QCryptographicHash.Algorithm.Sha256)
    name = f"vggscope-{bytes(digest.toHex().data()).decode()[:16]}"
    return name if sys.platform == "win32" else str(_own_folder() / name)


def _own_folder() -> Path:
    """A folder of this user's alone, as nobody else may wait there for our files.

    Raises:
        OSError: there is none.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(runtime or QDir.tempPath())
    if not runtime:
        folder /= f"vggscope-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "others can write there", str(folder))
    return folder


def _activation() -> str:
    """What the desktop has given this start, for one window to come to the front with."""
    if QGuiApplication.platformName() != "wayland":
        return ""
    return os.environ.get("XDG_ACTIVATION_TOKEN", "")


def _leave_the_front() -> None:
    """Let another process come to the front, which Windows grants only to what was just started."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 (the first start does without)

        # ASFW_ANY. If it is refused, the window asks for attention in the task bar.
        ctypes.windll.user32.AllowSetForegroundWindow(-1)


def _line(message: object) -> bytes:
    # Names of files that are no UTF-8 hold surrogates, which the standard library's JSON escapes.
    return json.dumps(message).encode() + b"\n"


def _parsed(line: bytes | bytearray | memoryview) -> Any:
    try:
        return json.loads(bytes(line))
    except (ValueError, RecursionError):
        return None


def _request(line: bytes | bytearray | memoryview) -> Request | None:
    """The request on ``line``; None if it is none of our version."""
    # Takes longer than all else here, and the window does not need it before it is on the screen.
    import msgspec  # noqa: PLC0415

    message = _parsed(line)
    try:
        request = msgspec.convert(message, Request)
    except msgspec.ValidationError as error:
        _log.warning("Somebody asked for something strange: %s", error)
        return None
    is_ours = message.keys() <= {field.name for field in fields(Request)}
    return request if is_ours and request.version == VERSION else None
