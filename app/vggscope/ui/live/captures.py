"""Snapshots and recordings of live mode. Files are written off the UI thread."""

from __future__ import annotations

import dataclasses
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from PySide6.QtCore import QObject, Qt, Signal, Slot

from vggscope import paths
from vggscope.errors import VggscopeError
from vggscope.inference.capture_files import capture_name
from vggscope.inference.recording import BackgroundRecording
from vggscope.inference.snapshot import save_snapshot
from vggscope.sources.frame import Origin
from vggscope.sources.live.keeping import detached
from vggscope.sources.live.mapping import picture_of
from vggscope.ui.settings import RECORDING, TOP, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.inference.live import LiveResult
    from vggscope.inference.recording import RecordingFormat
    from vggscope.ui.live.preview import Shot
    from vggscope.ui.tasks import Tasks

_PATIENCE: Final = 2.0
"""Seconds that a window which is being closed waits for the disk."""
_log = logging.getLogger(__name__)


class Captures(QObject):
    """Writes what live mode is told to keep into the folder of captures.

    Signals:
        saved: the path of a snapshot, or of a recording that is complete.
        recording_changed: ``is_recording`` is another.
        failed: a ``VggscopeError``: something could not be written.
    """

    saved = Signal(object)
    recording_changed = Signal()
    failed = Signal(object)
    _ended = Signal(object, object)

    def __init__(self, tasks: Tasks, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._tasks, self._settings = tasks, settings
        self._recording: BackgroundRecording | None = None
        self._unfinished: list[BackgroundRecording] = []
        self._serial = 0
        # Always queued: emitted under a recording's lock, and on this thread, too.
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)

    @property
    def is_recording(self) -> bool:
        """Whether every inference is written to a file, or will be as soon as that is open."""
        return self._recording is not None

    def snapshot(self, shot: Shot, result: LiveResult, source: str) -> None:
        """Save the frame of ``result`` and what the network thinks of it."""
        top, folder = self._settings.number(TOP), paths.captures_dir()
        # Its own pixels: the camera may be switched off before the turn of the task comes.
        kept = dataclasses.replace(shot, frame=detached(shot.frame))

        def save() -> Path:
            with picture_of(kept.frame, kept.region) as picture:
                frame = picture.to_frame(Origin(name=source))
            return save_snapshot(frame, result, top, folder)

        self._serial += 1
        key = f"snapshot {self._serial}"
        self._tasks.run(key, save, self.saved.emit, self.failed.emit, promised=True)

    def start_recording(self) -> None:
        """Begin a new file; ``failed`` tells if that cannot be done."""
        if self._recording is not None:
            return
        form = cast("RecordingFormat", self._settings.text(RECORDING))
        path = paths.captures_dir() / capture_name(datetime.now(UTC), "", f".{form}")
        self._recording = BackgroundRecording(
            path, form, self._settings.number(TOP), self._ended.emit
        )
        self._unfinished.append(self._recording)
        self.recording_changed.emit()

    def record(self, result: LiveResult) -> None:
        """Append a result, if there is a recording."""
        if self._recording is not None:
            self._recording.write(result)

    def stop_recording(self) -> None:
        """End the recording; ``saved`` or ``failed`` tells when its file is complete."""
        if self._recording is not None:
            self._recording.end()
            self._recording = None
            self.recording_changed.emit()

    def finish(self) -> None:
        """End the recording, and wait a little for the disk: the window is being closed."""
        self.stop_recording()
        until = time.monotonic() + _PATIENCE
        for recording in self._unfinished:
            if not recording.wait(max(0.0, until - time.monotonic())):
                _log.warning("A recording is not complete: the disk is too slow")
            recording.mute()
        self._unfinished.clear()

    @Slot(object, object)
    def _on_ended(self, recording: BackgroundRecording, outcome: Path | VggscopeError) -> None:
        if recording is self._recording:
            self._recording = None
            self.recording_changed.emit()
        if isinstance(outcome, VggscopeError):
            self.failed.emit(outcome)
        else:
            self.saved.emit(outcome)
        self._unfinished = [each for each in self._unfinished if not each.wait(0)]
