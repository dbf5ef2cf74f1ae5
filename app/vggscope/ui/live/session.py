"""What live mode does: one source, its newest frame, what the network says of it.

The one place that knows which frames and answers are wanted. The view only shows it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtMultimedia import QVideoFrame

from vggscope.errors import FrameUnreadableError, RegionOutsideError, VggscopeError
from vggscope.inference.live import LiveFrame
from vggscope.inference.live_statistics import LiveStatistics
from vggscope.sources.live.base import State
from vggscope.sources.live.keeping import detached
from vggscope.sources.live.video import VideoSource
from vggscope.ui.live.preview import Place, Preview, PreviewThread
from vggscope.ui.settings import SMOOTHING, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.inference.classification import Classification
    from vggscope.inference.live import LiveResult
    from vggscope.inference.smoothing import Smoothing
    from vggscope.sources.live.base import LiveSource
    from vggscope.ui.inference_messages import LiveAnswer
    from vggscope.ui.inference_thread import InferenceThread
    from vggscope.ui.live.preview import Shot

_UNREADABLE: Final = 30
"""Frames in a row without pixels after which the user is told: a second of them."""


class LiveSession(QObject):
    """Feeds the preview and the inference thread with the frames of one source at a time.

    Frozen, the source is paused and one frame stays, with the network's answer to just that one.

    Attributes:
        source: where frames come from; None if live mode is off.
        statistics: of the present source.
        preview: the picture that is shown; None until the first one came.
        answer: the latest answer of the present source; None until there is one.
        generation: of the model in use; answers of others are dropped.

    Signals:
        source_changed: ``source`` is another.
        state_changed: the source's state, or ``is_frozen``, is another.
        pictured: ``preview`` is another.
        answered: ``answer`` is another.
        inferred: a ``LiveResult``, of every inference while pictures move.
        failed: a ``VggscopeError``: another source was wanted, but the former one stays.
        noticed: a ``VggscopeError`` that is worth telling and has not ended anything.
    """

    source_changed = Signal()
    state_changed = Signal()
    pictured = Signal()
    answered = Signal()
    inferred = Signal(object)
    failed = Signal(object)
    noticed = Signal(object)

    def __init__(self, thread: InferenceThread, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._thread, self._settings = thread, settings
        self.source: LiveSource | None = None
        self.statistics = LiveStatistics()
        self.preview: Preview | None = None
        self.answer: LiveAnswer | None = None
        self.generation = 0
        self._staged: LiveSource | None = None
        self._place = Place((1, 1))
        self._frozen: Shot | None = None
        self._is_freezing = False
        self._is_unseen = self._is_hidden = False
        self._latest: Shot | None = None
        self._epoch = 0
        self._number = 0
        self._began = 0.0
        self._unreadable = 0
        self._previews = PreviewThread(self)
        self._previews.ready.connect(self._on_preview)
        self._previews.unreadable.connect(self._on_unreadable)
        self._previews.start()
        thread.live_answered.connect(self._on_answer)
        settings.changed.connect(self._on_setting)
        self._on_setting(SMOOTHING.key)

    # Sources

    @property
    def epoch(self) -> int:
        """The number of the present source, camera or file: what came before is of another one."""
        return self._epoch

    @property
    def is_frozen(self) -> bool:
        """Whether one frame stays."""
        return self._is_freezing

    def use(self, source: LiveSource) -> None:
        """Change to ``source`` and start it.

        A video takes over with its first picture: one that cannot be played changes nothing.
        """
        source.setParent(self)
        self._drop_staged()
        if isinstance(source, VideoSource):
            self._staged = source
            source.state_changed.connect(self._on_staged)
        else:
            self._adopt(source)
        source.start()
        self._rest_if_hidden()

    def close(self) -> None:
        """Leave live mode."""
        self._drop_staged()
        if self.source is not None:
            self._let_go()
            self.source_changed.emit()

    def stop(self) -> None:
        """Close, and end the preview thread."""
        self.close()
        self._previews.stop()

    def change(self, what: Callable[[], object]) -> None:
        """Do something to the source after which its pictures are others: another camera, say."""
        source = self.source
        was_resting = source is not None and source.state is State.PAUSED
        self._begin_epoch()
        what()
        # What was frozen has nothing to show any more; it goes on, unless the window is hidden.
        if source is not None and was_resting and not self._is_hidden:
            source.start()
        self.state_changed.emit()
        self.answered.emit()

    def retry(self) -> None:
        """Try again what has failed."""
        if self.source is not None:
            self.source.start()

    # Freezing

    def set_frozen(self, frozen: bool) -> None:
        """Keep the picture that is shown, or go on."""
        source = self.source
        if source is None or frozen is self._is_freezing:
            return
        if frozen:
            # Its own pixels: they may go with the camera that is switched off now.
            shot = self.kept()
            if shot is None:
                return
            self._is_freezing = True
            source.pause()
            self._keep(shot)
        else:
            self._is_freezing, self._frozen = False, None
            if not self._is_hidden:
                source.start()
        self.state_changed.emit()

    def set_hidden(self, *, hidden: bool, rests: bool) -> None:
        """Nobody sees the window, or somebody does again.

        Args:
            hidden: then no previews are made.
            rests: then the source rests, until this is called with False.
        """
        self._is_unseen, self._is_hidden = hidden, rests
        if self.source is None or self._is_freezing:
            return
        self._rest_if_hidden()
        if not rests and self.source.state is State.PAUSED:
            self.source.start()

    @property
    def frozen(self) -> Shot | None:
        """The frame that stays."""
        return self._frozen

    def kept(self) -> Shot | None:
        """The frame that is shown, with pixels of its own: its source may go on, and go."""
        if self._frozen is not None:
            return self._frozen
        if self.preview is None:
            return None
        shot = self.preview.frame
        return replace(shot, frame=detached(shot.frame))

    def show_at(self, place: Place) -> None:
        """Convert pictures for ``place`` from now on, and one that stays anew."""
        if place == self._place:
            return
        self._place = place
        if (stays := self._staying) is not None:
            self._previews.show(stays, place)

    def look_again(self) -> None:
        """Another model is in use: let it see the picture that stays."""
        if (stays := self._staying) is not None:
            self._thread.offer(stays)

    # What there is to show

    @property
    def result(self) -> LiveResult | None:
        """The latest result; None if there is none, or it is an error.

        Of a picture that stays it is what the network says of that alone: smoothed, it would speak
        of what cannot be seen.
        """
        outcome = None if self.answer is None else self.answer.outcome
        if outcome is None or isinstance(outcome, VggscopeError):
            return None
        if self.is_flowing:
            return outcome
        return replace(outcome, shown=outcome.classification, smoothing="off")

    @property
    def classification(self) -> Classification | None:
        """What to show."""
        return None if (result := self.result) is None else result.shown

    @property
    def is_stale(self) -> bool:
        """Whether the answer is of a former model, or of another frame than the one that stays."""
        if self.answer is None:
            return False
        if self.answer.generation != self.generation:
            return True
        return self._frozen is not None and not _is_same(self.answer.frame, self._frozen)

    @property
    def is_flowing(self) -> bool:
        """Whether the next picture is about to come."""
        states = {State.STARTING, State.RUNNING}
        return self.source is not None and self.source.state in states and not self._is_freezing

    # Private

    def _rest_if_hidden(self) -> None:
        source = self.source
        if source is None or not self._is_hidden or self._is_freezing:
            return
        # What has failed might go on by itself, unseen.
        if source.state in {State.STARTING, State.RUNNING, State.FAILED}:
            source.pause()

    @property
    def _staying(self) -> Shot | None:
        """The frame that is shown until something is done; None while pictures move."""
        if self.preview is None or self.is_flowing:
            return None
        # Rather its copy than the frame: the camera may have taken back what that lies in.
        return self._frozen or self.preview.frame

    def _adopt(self, source: LiveSource) -> None:
        self._let_go()
        self.source = source
        source.frame_ready.connect(self._on_frame)
        source.state_changed.connect(self._on_state)
        source.noticed.connect(self.noticed)
        self.source_changed.emit()

    def _begin_epoch(self) -> None:
        """Show nothing any more of what has come so far."""
        self._epoch += 1
        self._number = self._unreadable = 0
        self._is_freezing, self._frozen, self._latest = False, None, None
        self.preview = self.answer = None
        self.statistics = LiveStatistics()
        self._began = time.perf_counter()
        self._previews.forget()
        self._thread.withdraw_live()

    def _let_go(self) -> None:
        """End the present source."""
        self._begin_epoch()
        if self.source is not None:
            _dispose(self.source)
            self.source = None

    def _drop_staged(self) -> None:
        if self._staged is not None:
            _dispose(self._staged)
            self._staged = None

    def _keep(self, frame: Shot) -> None:
        """Let ``frame`` stay, in all its pixels and with an answer of its own."""
        self._frozen = frame
        self._previews.show(frame, self._place)
        answer = self.answer
        if answer is None or not _is_same(answer.frame, frame) or self.is_stale:
            self._thread.offer(frame)
        else:
            self.answer = replace(answer, frame=frame)
        self.answered.emit()

    # Slots

    @Slot()
    def _on_staged(self) -> None:
        staged = self._staged
        if staged is None:
            return
        if staged.state is State.FAILED:
            self._staged = None
            self.failed.emit(staged.error)
            _dispose(staged)
        elif staged.state is State.RUNNING:
            self._staged = None
            staged.state_changed.disconnect(self._on_staged)
            self._adopt(staged)
            self._rest_if_hidden()
            self.state_changed.emit()

    @Slot()
    def _on_state(self) -> None:
        state = None if self.source is None else self.source.state
        if state is State.ENDED and self._latest is not None:
            # Its last picture stays, until it is started anew.
            self._is_freezing = True
            self._keep(self._latest)
        elif state is State.FAILED and not self._is_freezing:
            # What it saw last is not what it sees.
            self._begin_epoch()
            self.answered.emit()
        if state is not State.RUNNING:
            self.statistics.pause()
        self.state_changed.emit()

    @Slot(QVideoFrame)
    def _on_frame(self, frame: QVideoFrame) -> None:
        source = self.source
        if source is None:
            return
        self._number += 1
        arrived = time.perf_counter()
        seconds = source.seconds_of(frame)
        shot = LiveFrame(
            frame=QVideoFrame(frame),
            number=self._number,
            captured=datetime.now(UTC),
            arrived=arrived,
            seconds=arrived - self._began if seconds is None else seconds,
            epoch=self._epoch,
            region=source.region,
        )
        self._latest = shot
        self.statistics.note_frame()
        if self._is_freezing:
            # A video was told to stand elsewhere.
            self._keep(shot)
        else:
            if not self._is_unseen:
                self._previews.show(shot, self._place)
            self._thread.offer(shot)

    @Slot()
    def _on_preview(self) -> None:
        preview = self._previews.take()
        if preview is None or preview.frame.epoch != self._epoch:
            return
        if self._frozen is not None and not _is_same(preview.frame, self._frozen):
            return
        self._unreadable = 0
        self.preview = preview
        self.pictured.emit()

    @Slot(object, object)
    def _on_unreadable(self, frame: Shot, error: VggscopeError) -> None:
        if frame.epoch != self._epoch:
            return
        source = self.source
        if source is not None and isinstance(error, RegionOutsideError):
            # Nobody would ever see anything.
            if source.region is not None:
                source.region = None
                self.noticed.emit(error)
            return
        self._unreadable += 1
        if self._unreadable == _UNREADABLE:
            self.noticed.emit(error)

    @Slot(object)
    def _on_answer(self, answer: LiveAnswer) -> None:
        if answer.frame.epoch != self._epoch or answer.generation != self.generation:
            return
        frozen = self._frozen
        if frozen is not None and not _is_same(answer.frame, frozen):
            return
        outcome = answer.outcome
        if isinstance(outcome, FrameUnreadableError):
            self.statistics.note_unreadable()
            return
        self.answer = answer
        if frozen is None and not isinstance(outcome, VggscopeError):
            self.statistics.note_inferred(outcome.latency)
            self.inferred.emit(outcome)
        self.answered.emit()

    @Slot(str)
    def _on_setting(self, key: str) -> None:
        if key == SMOOTHING.key:
            self._thread.smooth(cast("Smoothing", self._settings.text(SMOOTHING)))


def _is_same(one: Shot, other: Shot) -> bool:
    """Whether two are of one frame of the present source, or copies of it."""
    return one.number == other.number


def _dispose(source: LiveSource) -> None:
    """End a source for good; it tells nobody any more."""
    source.blockSignals(True)
    source.stop()
    source.deleteLater()
