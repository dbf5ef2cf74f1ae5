"""Snapshots and recordings of live mode. Files are written off the UI thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Signal

from vggscope import paths
from vggscope.errors import VggscopeError
from vggscope.inference.recording import Recorder, RecordingFormat
from vggscope.inference.snapshot import free_path, save_snapshot
from vggscope.sources.frame import Origin
from vggscope.sources.live.mapping import picture_of
from vggscope.ui.settings import RECORDING, TOP, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.inference.live import LiveResult
    from vggscope.ui.live.preview import Shot
    from vggscope.ui.tasks import Tasks


class Captures(QObject):
    """Writes what live mode is told to keep into the folder of captures.

    Signals:
        saved: the path of a snapshot, or of a recording that is complete.
        recording_changed: a recording has begun or ended.
        failed: a ``VggscopeError``: something could not be written.
    """

    saved = Signal(object)
    recording_changed = Signal()
    failed = Signal(object)
    _write_failed = Signal(object, object)

    def __init__(self, tasks: Tasks, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._tasks, self._settings = tasks, settings
        self._recorder: Recorder | None = None
        # One thread: records stay in their order, and a slow disk delays nobody else.
        self._writer: ThreadPoolExecutor | None = None
        self._serial = 0
        self._write_failed.connect(self._on_write_failed)

    @property
    def is_recording(self) -> bool:
        """Whether every inference is written to a file."""
        return self._recorder is not None

    def snapshot(self, shot: Shot, result: LiveResult, source: str) -> None:
        """Save the frame of ``result`` and what the network thinks of it."""
        top = self._settings.number(TOP)

        def save() -> Path:
            with picture_of(shot.frame, shot.region) as picture:
                frame = picture.to_frame(Origin(name=source))
            return save_snapshot(frame, result, top, paths.captures_dir())

        self._serial += 1
        key = f"snapshot {self._serial}"
        self._tasks.run(key, save, self.saved.emit, self.failed.emit, promised=True)

    def start_recording(self) -> None:
        """Begin a new file."""
        if self._recorder is not None:
            return
        form = cast("RecordingFormat", self._settings.text(RECORDING))
        try:
            path = free_path(paths.captures_dir(), datetime.now(UTC), "", f".{form}")
            self._recorder = Recorder(path, form, self._settings.number(TOP))
        except VggscopeError as error:
            self.failed.emit(error)
            return
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="record")
        self.recording_changed.emit()

    def record(self, result: LiveResult) -> None:
        """Append a result, if there is a recording."""
        if self._recorder is not None and self._writer is not None:
            self._writer.submit(self._write, self._recorder, result)

    def stop_recording(self) -> None:
        """Write what still waits, and end the file."""
        recorder, writer = self._recorder, self._writer
        if recorder is None or writer is None:
            return
        self._recorder = self._writer = None
        writer.shutdown(wait=True)
        try:
            recorder.close()
        except VggscopeError as error:
            self.failed.emit(error)
        else:
            self.saved.emit(recorder.path)
        self.recording_changed.emit()

    def _write(self, recorder: Recorder, result: LiveResult) -> None:
        try:
            recorder.write(result)
        except VggscopeError as error:
            self._write_failed.emit(recorder, error)

    def _on_write_failed(self, recorder: Recorder, error: VggscopeError) -> None:
        self.failed.emit(error)
        if recorder is self._recorder and self._writer is not None:
            self._writer.shutdown(wait=False)
            self._recorder = self._writer = None
            self.recording_changed.emit()
