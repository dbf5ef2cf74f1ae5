"""Video files, played at their own pace."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtMultimedia import QMediaMetaData, QMediaPlayer, QVideoFrame, QVideoSink

from vggscope.errors import (
    ImageError,
    NoPictureTrackError,
    PictureSizeChanged,
    VggscopeError,
    VideoCutOffError,
    VideoUnreadableError,
)
from vggscope.sources.finding import display_name, error_of, local_path
from vggscope.sources.live.base import LiveSource, State

SPEEDS: Final = (0.25, 0.5, 1.0, 1.5, 2.0)
"""What is offered; any other positive one works, too."""

_Status = QMediaPlayer.MediaStatus
_MISSING_TAIL: Final = 0.75
"""Seconds of a video that may be missing before we call it cut off: lengths that containers state
are rounded, and sound may go on a little after the last picture."""


class VideoSource(LiveSource):
    """A video file. Its sound is not played.

    Started, it plays; when it is over it begins anew if it ``loops``, or else stands on its last
    picture.

    Attributes:
        path: the file.

    Signals:
        position_changed: ``position`` is another.
        duration_changed: ``duration`` or ``is_seekable`` is known, or another.
    """

    position_changed = Signal()
    duration_changed = Signal()

    def __init__(self, path: Path | str, parent: QObject | None = None) -> None:
        """``path``: a file, or its ``file:`` address."""
        super().__init__(display_name(Path(path)), parent)
        self.path = path
        self._loops = False
        self._is_open = False
        self._size: tuple[int, int] | None = None
        self._seen_until = 0.0
        self._was_sent = False
        self._is_change_told = False
        self._problem = ""
        self._sink = QVideoSink(self)
        self._player = QMediaPlayer(self)
        self._player.setVideoSink(self._sink)
        self._sink.videoFrameChanged.connect(self._on_frame)
        self._player.mediaStatusChanged.connect(self._on_status)
        self._player.errorOccurred.connect(self._on_error)
        self._player.positionChanged.connect(self.position_changed)
        self._player.durationChanged.connect(self.duration_changed)
        self._player.seekableChanged.connect(self.duration_changed)

    @property
    def duration(self) -> float:
        """Its length in seconds; 0 where the file does not tell."""
        return self._player.duration() / 1000

    @property
    def position(self) -> float:
        """Where it stands, in seconds from its beginning."""
        return self._player.position() / 1000

    @property
    def is_seekable(self) -> bool:
        """Whether it can be told where to go on."""
        return self._player.isSeekable()

    @property
    def loops(self) -> bool:
        """Whether it begins anew when it is over."""
        return self._loops

    @property
    def speed(self) -> float:
        """How fast it plays; 1 is its own pace."""
        return self._player.playbackRate()

    def set_loops(self, loops: bool) -> None:
        """Begin anew at the end, or do not."""
        self._loops = loops

    def set_speed(self, speed: float) -> None:
        """Play ``speed`` times as fast from now on."""
        self._player.setPlaybackRate(speed)

    def seek(self, seconds: float) -> None:
        """Go on at ``seconds`` from the beginning; the picture there is delivered even if paused.

        A video that was over stands there, paused.
        """
        seconds = min(max(seconds, 0.0), self.duration)
        if self.state is State.ENDED:
            # A stopped player shows nothing.
            self._player.pause()
            self._enter(State.PAUSED)
        self._was_sent = True
        self._player.setPosition(round(seconds * 1000))

    # LiveSource

    def start(self) -> None:
        if self.state in {State.STARTING, State.RUNNING}:
            return
        self._enter(State.STARTING)
        if not self._is_open:
            try:
                path = local_path(self.path).absolute()
            except ImageError as error:
                self._fail(error)
                return
            if (problem := self._reason(path)) is not None:
                self._fail(problem)
                return
            self._is_open, self._problem = True, ""
            self._player.setSource(QUrl.fromLocalFile(str(path)))
        self._player.play()

    def pause(self) -> None:
        if self.state in {State.STARTING, State.RUNNING}:
            self._was_sent = False
            self._player.pause()
            self._enter(State.PAUSED)

    def stop(self) -> None:
        self._close()
        self._enter(State.STOPPED)

    # Private

    def _reason(self, path: Path) -> VggscopeError | None:
        """Why there is no use in opening ``path``; Qt would only say that it failed."""
        try:
            if path.is_dir():
                return self._unreadable("it is a folder")
            if not path.is_file() and path.exists():
                return self._unreadable("it is no ordinary file")
            if path.stat().st_size == 0:
                return self._unreadable("it is empty")
            path.open("rb").close()
        except (OSError, ValueError) as failure:
            return error_of(failure, path, self.name)
        return None

    def _unreadable(self, reason: str) -> VideoUnreadableError:
        return VideoUnreadableError(name=self.name, reason=reason)

    def _close(self) -> None:
        self._is_open = False
        self._size = None
        self._is_change_told = False
        self._seen_until = 0.0
        self._player.stop()
        self._player.setSource(QUrl())

    def _fail(self, error: VggscopeError) -> None:
        self._close()
        self._enter(State.FAILED, error)

    def _picture_seconds(self) -> float:
        """Length of the pictures alone, as the file states it; 0 if it does not."""
        tracks = self._player.videoTracks()
        milliseconds = tracks[0].value(QMediaMetaData.Key.Duration) if tracks else None
        return (milliseconds or 0) / 1000

    @Slot(QVideoFrame)
    def _on_frame(self, frame: QVideoFrame) -> None:
        if not self._is_open or not frame.isValid():
            return
        self._seen_until = max(frame.startTime(), frame.endTime()) / 1e6
        self._note_size(frame)
        if self.state is State.PAUSED:
            # One that was under way when it was paused is not wanted any more; one that shows
            # where it was told to go meanwhile is.
            if self._was_sent:
                self.frame_ready.emit(frame)
        else:
            self._deliver(frame)

    def _note_size(self, frame: QVideoFrame) -> None:
        size = frame.width(), frame.height()
        if self._size not in {None, size} and not self._is_change_told:
            # Once: a loop would tell it over and over.
            self._is_change_told = True
            self.noticed.emit(PictureSizeChanged(name=self.name, width=size[0], height=size[1]))
        self._size = size

    @Slot(_Status)
    def _on_status(self, status: _Status) -> None:
        if not self._is_open:
            return
        if status == _Status.LoadedMedia and not self._player.hasVideo():
            self._fail(NoPictureTrackError(name=self.name))
        elif status == _Status.InvalidMedia:
            self._fail(self._unreadable(self._problem or "its content is no video"))
        elif status == _Status.EndOfMedia:
            self._on_end()

    def _on_end(self) -> None:
        total = self._picture_seconds()
        if self._size is None:
            self._fail(self._unreadable(self._problem or "none of its pictures can be decoded"))
            return
        if total - self._seen_until > _MISSING_TAIL:
            seconds, whole = f"{self._seen_until:.1f}", f"{total:.1f}"
            self.noticed.emit(VideoCutOffError(name=self.name, seconds=seconds, total=whole))
        elif self._loops and self.state is not State.PAUSED:
            self._player.setPosition(0)
            self._player.play()
            return
        self._enter(State.ENDED)

    @Slot(QMediaPlayer.Error, str)
    def _on_error(self, error: QMediaPlayer.Error, text: str) -> None:
        # A status follows that tells what it means: nothing can be played, or it ends here.
        if error == QMediaPlayer.Error.FormatError:
            self._problem = "its content is no video that can be decoded here"
        else:
            self._problem = text[:1].lower() + text[1:].rstrip(".")
