"""Predictions of a live source, written to a file as they come."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import threading
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, get_args

from vggscope.errors import OutputError
from vggscope.inference.report import LIVE_CSV_COLUMNS, live_csv_rows, live_record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from vggscope.inference.live import LiveResult

RecordingFormat: TypeAlias = Literal["csv", "jsonl"]
RECORDING_FORMATS: Final[tuple[RecordingFormat, ...]] = get_args(RecordingFormat)


class Recorder:
    """A file that gets one record per inference. For any threads.

    Every record is handed to the operating system before ``write`` returns, in one piece: it
    survives the end of this program, by whatever signal (not that of the computer's power: a
    recording that waits for the disk would slow down the source). The file is always a new one.
    Continuing an old one was not wanted: its last line may be half a one, its columns others.

    Attributes:
        path: of the file.
        format: "jsonl": ``report.live_record`` in a line; "csv": a header and
            ``report.live_csv_rows``.
        count: inferences written.
    """

    def __init__(
        self,
        path: Path,
        format: RecordingFormat,  # noqa: A002 (what it is called everywhere)
        top: int,
        *,
        replace: bool = False,
    ) -> None:
        """Create the file, and the header of a CSV in it.

        Args:
            path: where.
            format: of the file.
            top: predictions per inference.
            replace: empty a file that exists already, for users who said so.

        Raises:
            OutputError: it cannot be created, or exists already.
        """
        self.path = path
        self.format: RecordingFormat = format
        self.count = 0
        self._top = top
        self._lock = threading.Lock()
        self._length = 0
        try:
            # Unbuffered: what is written is the operating system's at once.
            self._file = path.open("wb" if replace else "xb", buffering=0)
        except (OSError, ValueError) as error:
            raise self._failure(error) from error
        self._had_name = os.fstat(self._file.fileno()).st_nlink > 0
        if format == "csv":
            self._append(_csv_lines([LIVE_CSV_COLUMNS]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        if self.format == "csv":
            content = _csv_lines(live_csv_rows(result, self._top))
        else:
            content = json.dumps(live_record(result, self._top), ensure_ascii=False) + "\n"
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

    def _append(self, content: str) -> None:
        data = memoryview(content.encode("utf-8", "backslashreplace"))
        try:
            self._check_name()
            written = 0
            # A disk that is nearly full takes a part of it, and complains of the rest.
            while written < len(data):
                written += self._file.write(data[written:])
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
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return OutputError(name=self.path.name, reason=reason)


def _csv_lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
