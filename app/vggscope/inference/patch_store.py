"""Peaks of photos, kept in a file, so that each photo is run through a network once.

It is no more than a cache: whatever is wrong with the file, photos are looked at again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vggscope.inference.top_patches import Peaks

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeVar

    _Result = TypeVar("_Result")

FILE: Final = "patches.sqlite"
ROOM: Final = 400_000_000
"""Bytes that may be kept: 14,000 photos with the bundled VGG16."""
_VERSION: Final = 1
_PATIENCE: Final = 2.0
"""Seconds to wait for another process that is writing."""
_REST: Final = 30.0
"""Seconds to do without a file that could not be used."""
_RECENT: Final = 3600.0
"""Seconds for which a photo counts as just used: asking for it is no reason to write."""
_DAMAGED: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,  # other tables than ours
    }
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PhotoKey:
    """A file as it is now: one that was changed has another key.

    Attributes:
        path: where it is.
        size: its bytes.
        mtime_ns: when it was written.
    """

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> PhotoKey | None:
        """The key of the file at ``path``; None if there is none."""
        try:
            facts: os.stat_result = path.stat()
            return cls(str(path.absolute()), facts.st_size, facts.st_mtime_ns)
        except (OSError, ValueError):
            return None

    @property
    def stored_path(self) -> bytes:
        """The path as the file has it: names need not be valid text."""
        return self.path.encode("utf-8", "surrogatepass")


class PatchStore:
    """The file. Any thread may use it, and so may several processes."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Nothing is opened before it is needed.

        Args:
            path: of the file; it and its folder are made when they are missing.
            clock: tells the time in seconds.
        """
        self._path, self._clock = path, clock
        # One for all threads: those of Qt's pools are other ones to Python with each task.
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._resting_until = 0.0

    def get(self, model_identity: str, fit: str, photo: PhotoKey) -> Peaks | None:
        """What is known of ``photo``; None if nothing is.

        Args:
            model_identity: which network, see ``Model.identity``.
            fit: how pictures become the network's square.
            photo: which photo.
        """
        where = (model_identity, fit, photo.stored_path)

        def look(connection: sqlite3.Connection) -> Peaks | None:
            row = connection.execute(
                "SELECT rowid, used, content FROM peaks WHERE model = ? AND fit = ? AND path = ?"
                " AND size = ? AND mtime = ?",
                (*where, photo.size, photo.mtime_ns),
            ).fetchone()
            if row is None:
                return None
            number, used, content = row
            try:
                found = Peaks.from_bytes(bytes(memoryview(content)))
            except (ValueError, TypeError) as error:
                _log.warning("What %s has of a photo is not used: %s", self._path, error)
                connection.execute("DELETE FROM peaks WHERE rowid = ?", (number,))
                return None
            now = self._clock()
            if not isinstance(used, float) or not now - _RECENT < used <= now:
                # A file that cannot be written can still be read.
                with suppress(sqlite3.OperationalError):
                    connection.execute("UPDATE peaks SET used = ? WHERE rowid = ?", (now, number))
            return found

        return self._with_file(look)

    def put(self, model_identity: str, fit: str, photo: PhotoKey, peaks: Peaks) -> None:
        """Keep what is known of ``photo``; what was kept of its former content goes."""
        content = peaks.to_bytes()
        row = (
            model_identity,
            fit,
            photo.stored_path,
            photo.size,
            photo.mtime_ns,
            self._clock(),
            content,
        )
        self._with_file(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO peaks (model, fit, path, size, mtime, used, content)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        )

    def prune(self, limit: int = ROOM) -> None:
        """Forget what was not used for the longest time, until ``limit`` bytes are left."""

        def forget(connection: sqlite3.Connection) -> None:
            done = connection.execute(
                "DELETE FROM peaks WHERE rowid IN (SELECT number FROM (SELECT rowid AS number,"
                " SUM(LENGTH(content)) OVER (ORDER BY used DESC, rowid DESC) AS together"
                " FROM peaks) WHERE together > ?)",
                (limit,),
            )
            if done.rowcount > 0:
                # ``execute`` would stop after the first page: of a row without columns.
                connection.executescript("PRAGMA incremental_vacuum")

        self._with_file(forget)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._close()

    def _with_file(self, use: Callable[[sqlite3.Connection], _Result]) -> _Result | None:
        """What ``use`` makes of the file; None if the file cannot be used."""
        with self._lock:
            if time.monotonic() < self._resting_until:
                return None
            try:
                try:
                    return use(self._opened())
                except sqlite3.Error as error:
                    if (error.sqlite_errorcode & 0xFF) not in _DAMAGED:
                        raise
                    self._put_aside(error)
                    return use(self._opened())
            except (sqlite3.Error, OSError) as error:
                _log.warning("%s is not used for a while: %s", self._path, error)
                self._close()
                self._resting_until = time.monotonic() + _REST
                return None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            _prepare(self._connection)
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _put_aside(self, why: Exception) -> None:
        """Make room for a new file."""
        _log.warning("%s is put aside: %s", self._path, why)
        self._close()
        self._path.replace(self._path.with_name(f"{self._path.name}.damaged"))
        for tail in ("-wal", "-shm"):
            self._path.with_name(self._path.name + tail).unlink(missing_ok=True)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the table; tables of another version of the program go."""
    if _version(connection) == _VERSION:
        connection.execute("PRAGMA synchronous = NORMAL")
        return
    # Before there are tables, or it does nothing.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    # Readers do not wait for writers then; some network drives cannot do it, and need not.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been faster.
        if _version(connection) != _VERSION:
            tables = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            for (name,) in tables:
                quoted = str(name).replace('"', '""')
                connection.execute(f'DROP TABLE "{quoted}"')
            connection.execute(
                "CREATE TABLE peaks (model TEXT NOT NULL, fit TEXT NOT NULL, path BLOB NOT NULL,"
                " size INTEGER NOT NULL, mtime INTEGER NOT NULL, used REAL NOT NULL,"
                " content BLOB NOT NULL, PRIMARY KEY (model, fit, path))"
            )
            connection.execute("CREATE INDEX peaks_used ON peaks (used)")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    with closing(connection.execute("PRAGMA user_version")) as answer:
        return int(answer.fetchone()[0])
