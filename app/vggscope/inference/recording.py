"""Predictions of a live source, written to a file as they come."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, get_args

from vggscope.errors import OutputError
from vggscope.inference.capture_files import make_folder, numbered, reason_of, write_all
from vggscope.inference.report import live_heading, live_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO
    from pathlib import Path

    from vggscope.inference.live import LiveResult

RecordingFormat: TypeAlias = Literal["csv", "jsonl"]
RECORDING_FORMATS: Final[tuple[RecordingFormat, ...]] = get_args(RecordingFormat)

_WAITING: Final = 100
"""Records that may wait for the disk: some seconds of them."""
_log = logging.getLogger(__name__)


class Recorder:
    """A file that gets one record per inference. For any threads.

    Every record is handed to the operating system before ``write`` returns, in one piece: it
    survives the end of this program, by whatever signal (not that of the computer's power: a
    recording that waits for the disk would slow down the source). The file is always a new one.
    Continuing an old one was not wanted: its last line may be half a one, its columns others.

    Attributes:
        path: of the file.
        format: as ``report.live_lines`` says; a CSV has a header.
        count: inferences written.
    """

    def __init__(
        self,
        path: Path,
        format: RecordingFormat,  # noqa: A002 (what it is called everywhere)
        top: int,
        *,
        replace: bool = False,
        renumber: bool = False,
    ) -> None:
        """Create the file, and the header of a CSV in it.

        Args:
            path: where.
            format: of the file.
            top: predictions per inference.
            replace: empty a file that exists already, for users who said so.
            renumber: if there is a file already, take the next name that is free.

        Raises:
            OutputError: it cannot be created, or exists already. No empty file stays.
        """
        self.path = path
        self.format: RecordingFormat = format
        self.count = 0
        self._top = top
        self._lock = threading.Lock()
        self._length = 0
        self._file = self._open(replace=replace, renumber=renumber)
        self._had_name = os.fstat(self._file.fileno()).st_nlink > 0
        try:
            self._append(live_heading(format))
        except BaseException:
            self._file.close()
            if not replace:
                with contextlib.suppress(OSError):
                    self.path.unlink()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it takes records: until it is closed, or has failed."""
        return not self._file.closed

    def write(self, result: LiveResult) -> None:
        """Append the record of ``result``; nothing once the file is closed.

        Raises:
            OutputError: the disk is full or gone, or the file was deleted. What the file held is
                kept, half a record is taken out of it again, and it is closed: this is raised
                once only.
        """
        content = live_lines(result, self.format, self._top)
        with self._lock:
            if self.is_open:
                self._append(content)
                self.count += 1

    def close(self) -> None:
        """End the recording. May be called twice.

        Raises:
            OutputError: the system tells only now that something was not written.
        """
        with self._lock:
            try:
                self._file.close()
            except OSError as error:
                raise self._failure(error) from error

    def _open(self, *, replace: bool, renumber: bool) -> FileIO:
        for path in numbered(self.path):
            self.path = path
            try:
                # Unbuffered: what is written is the operating system's at once.
                return path.open("wb" if replace else "xb", buffering=0)
            except FileExistsError as error:
                if not renumber:
                    raise self._failure(error) from error
            except (OSError, ValueError) as error:
                raise self._failure(error) from error
        raise AssertionError("there is always another number")

    def _append(self, content: str) -> None:
        data = content.encode("utf-8", "backslashreplace")
        try:
            self._check_name()
            write_all(self._file, data)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._length)
            with contextlib.suppress(OSError):
                self._file.close()
            raise self._failure(error) from error
        self._length += len(data)

    def _check_name(self) -> None:
        """See that the file can still be found: Linux writes on into one that was deleted."""
        if self._had_name and os.fstat(self._file.fileno()).st_nlink == 0:
            raise OSError("it was deleted meanwhile")

    def _failure(self, error: OSError | ValueError) -> OutputError:
        return OutputError(name=self.path.name, reason=reason_of(error))


class BackgroundRecording:
    """A recording whose file is opened, written and closed on a thread of its own.

    For one thread that must wait for no disk: nothing but ``wait`` ever does. A disk that never
    answers keeps neither the program from ending nor more than ``_WAITING`` records in memory.
    """

    def __init__(
        self,
        path: Path,
        format: RecordingFormat,  # noqa: A002 (what it is called everywhere)
        top: int,
        ended: Callable[[BackgroundRecording, Path | OutputError], None],
    ) -> None:
        """Begin; whether that can be done is told by ``ended``.

        Args:
            path: where, or the next number if that is taken; its folder is made.
            format: of the file.
            top: predictions per inference.
            ended: called once, on any thread, with the path of the file that is complete, or with
                why it is not; then records are of no use any more. It must not wait.
        """
        self._path, self._format, self._top = path, format, top
        self._ended: Callable[[BackgroundRecording, Path | OutputError], None] | None = ended
        self._telling = threading.Lock()
        # What it may hold is seen to by `write`: the end finds room even if it is full.
        self._waiting: SimpleQueue[LiveResult | None] = SimpleQueue()
        self._is_taking = True
        # A daemon: the end of the program waits for all others, however long their disk takes.
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    def write(self, result: LiveResult) -> None:
        """Append the record of ``result`` soon; nothing after the end.

        If too many wait already, the recording ends: one with a hole in it would be none. What
        waits is still written.
        """
        if not self._is_taking:
            return
        if self._waiting.qsize() >= _WAITING:
            self._tell(OutputError(name=self._path.name, reason="the disk is too slow"))
            self.end()
            return
        self._waiting.put(result)

    def end(self) -> None:
        """Take no more records; write what waits, and close the file. May be called twice."""
        if self._is_taking:
            self._is_taking = False
            self._waiting.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until all is written, but not longer than that; whether it is."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def mute(self) -> None:
        """Never call ``ended`` any more: who wanted to know has gone."""
        with self._telling:
            self._ended = None

    # On the thread

    def _run(self) -> None:
        try:
            self._record()
        except OutputError as error:
            # Whoever closes the window hears no more of it.
            _log.warning("A recording broke off: %s", error.details["reason"])
            self._tell(error)
        except Exception as error:  # noqa: BLE001 (logged and told, like any other failure)
            _log.exception("A recording broke off")
            self._tell(OutputError(name=self._path.name, reason=type(error).__name__))
        else:
            self._tell(self._path)

    def _record(self) -> None:
        make_folder(self._path.parent)
        with Recorder(self._path, self._format, self._top, renumber=True) as recorder:
            self._path = recorder.path
            while (result := self._waiting.get()) is not None:
                recorder.write(result)

    def _tell(self, outcome: Path | OutputError) -> None:
        # Once, and never to somebody who has gone meanwhile.
        with self._telling:
            ended, self._ended = self._ended, None
            if ended is not None:
                ended(self, outcome)
