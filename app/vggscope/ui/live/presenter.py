"""Live mode in the window: shows a session on the canvas and beside it, and obeys the actions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QObject, QRect, Qt, QTimer
from PySide6.QtGui import QGuiApplication

from vggscope.errors import PictureSizeChanged, VggscopeError
from vggscope.inference.preprocessing import CropBox
from vggscope.sources.finding import display_name
from vggscope.sources.live.base import State
from vggscope.sources.live.camera import CameraSource
from vggscope.sources.live.screen import ScreenSource
from vggscope.sources.live.video import VideoSource
from vggscope.ui.live.bar import LiveBar
from vggscope.ui.live.captures import Captures
from vggscope.ui.live.notice import Notice
from vggscope.ui.live.preview import Place
from vggscope.ui.live.session import LiveSession
from vggscope.ui.settings import CAMERA, LOOP, MIRROR, READOUT, SMOOTHING, Settings
from vggscope.ui.texts import explanation_of
from vggscope.ui.throttle import Throttle

if TYPE_CHECKING:
    from vggscope.inference.classification import Classification
    from vggscope.sources.live.base import LiveSource
    from vggscope.ui.live_request import LiveRequest
    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.region_picker import RegionPicker
    from vggscope.ui.theme import Theme

_CALM_MS: Final = 80
"""Between two changes of the predictions: nobody reads more than a dozen per second."""
_FIGURES_MS: Final = 500
_SIGNS: Final = {
    "source_camera": "camera",
    "source_video": "video",
    "source_screen": "screen",
}
"""Action that chooses a source -> icon of the source."""


class LivePresenter(QObject):
    """Made when the first source is chosen; from then on as old as the window.

    Attributes:
        session: what is shown.
        captures: what is written.
        bar: below the canvas.
        notice: in place of the canvas, where there is no picture.
    """

    def __init__(self, window: MainWindow, settings: Settings, theme: Theme) -> None:
        super().__init__(window)
        self._window, self._settings = window, settings
        self._bench = window.workbench
        self.session = LiveSession(self._bench.inference, settings, self)
        self.captures = Captures(self._bench.tasks, settings, self)
        self.bar = LiveBar(window.actions_by_key)
        self.notice = Notice(theme)
        self._picker: RegionPicker | None = None
        self._model = (0, "")
        self._told = ""
        window.add_to_stage(self.notice, self.bar)
        self._answers = Throttle(self._show_answer, _CALM_MS, self)
        self._figures = QTimer(self)
        self._figures.setInterval(_FIGURES_MS)
        self._figures.timeout.connect(self._show_figures)
        self._connect()
        self._follow_model()

    # What there is

    @property
    def is_on(self) -> bool:
        """Whether the window shows a moving picture instead of photos."""
        return self.session.source is not None

    @property
    def kind(self) -> str:
        """The key of the action that chooses this kind of source."""
        source = self.session.source
        if isinstance(source, CameraSource):
            return "source_camera"
        if isinstance(source, VideoSource):
            return "source_video"
        return "source_photos" if source is None else "source_screen"

    @property
    def name(self) -> str:
        """What to call the source; "" without one."""
        if self.session.source is None:
            return ""
        # It has no name before the first camera is plugged in.
        return self.session.source.name or self.tr("Camera")

    @property
    def classification(self) -> Classification | None:
        """What is shown beside the canvas."""
        return self.session.classification

    @property
    def milliseconds(self) -> tuple[str, float] | None:
        """(device, milliseconds) of the latest answer."""
        result = self.session.result
        if result is None or self.session.is_stale:
            return None
        return result.classification.device, result.classification.milliseconds

    @property
    def mirrored_width(self) -> float | None:
        """Width in pixels of the picture, if it is shown mirrored; None if not."""
        preview = self.session.preview
        return float(preview.size.width()) if self._is_mirrored and preview is not None else None

    # Sources

    def open_camera(self) -> None:
        """Show the camera that was used last, or the system's."""
        if not self._goes_on(CameraSource):
            self._use(CameraSource(wanted=self._settings.text(CAMERA)))

    def open_video(self, path: Path | str) -> None:
        """Play a video, if it can be played."""
        self._window.show_state(self.tr("Opening {0}…").format(display_name(Path(path))))
        self._use(self._video(path))

    def open_screen(self) -> None:
        """Show the screen that the window is on."""
        if not self._goes_on(ScreenSource):
            self._use(self._screen())

    def open(self, request: LiveRequest) -> None:
        """Show what the command line asks for."""
        source: LiveSource
        if request.kind == "video":
            source = self._video(request.path or "")
        elif request.kind == "camera":
            source = camera = CameraSource(wanted=request.camera or self._settings.text(CAMERA))
            self._check_camera(camera, request.camera)
        else:
            source = self._screen()
        if request.region is not None and isinstance(source, ScreenSource):
            source.use_region(QRect(*request.region))
        elif request.region is not None:
            source.region = request.region
        if request.seconds is not None:
            self._close_after(round(request.seconds * 1000))
        self._use(source)

    def _use(self, source: LiveSource) -> None:
        # Photos that were asked for earlier, and are still to come, leave it the stage.
        self._bench.hush()
        self.session.use(source)

    def leave(self) -> None:
        """Back to the photos; a video that was about to take over stays away."""
        self.session.close()

    def stop(self) -> None:
        """End everything: the window closes."""
        self._figures.stop()
        if self._picker is not None:
            self._picker.close()
        self.captures.finish()
        self.session.stop()

    def follow_window(self) -> None:
        """Rest while the window is minimised, unless something is recorded."""
        hidden = self._window.isMinimized()
        self.session.set_hidden(hidden=hidden, rests=hidden and not self.captures.is_recording)
        self._show_state()

    def _check_camera(self, source: CameraSource, wanted: str) -> None:
        """Say so if another camera is used than was asked for."""
        names = {name for each in source.cameras for name in (each.description, each.id.decode())}
        if wanted and source.camera is not None and wanted not in names:
            text = self.tr("There is no camera “{0}”: this is “{1}”.")
            self._window.messages.tell(text.format(wanted, source.camera.description))

    def _goes_on(self, kind: type[LiveSource]) -> bool:
        """Whether a source of this kind is shown already; one that has failed is tried again."""
        source = self.session.source
        if not isinstance(source, kind):
            return False
        if source.state is State.FAILED:
            self.session.retry()
        return True

    def _video(self, path: Path | str) -> VideoSource:
        source = VideoSource(path)
        source.set_loops(self._settings.flag(LOOP))
        return source

    def _screen(self) -> ScreenSource:
        name = self._window.screen().name()
        targets = {target.name: target for target in ScreenSource.targets() if not target.window}
        return ScreenSource(targets.get(name))

    def _close_after(self, milliseconds: int) -> None:
        """Close the window so long after the first picture."""
        self.session.pictured.connect(
            lambda: QTimer.singleShot(milliseconds, self._window.close),
            Qt.ConnectionType.SingleShotConnection,
        )

    # Composition

    def _connect(self) -> None:
        session, window = self.session, self._window
        session.source_changed.connect(self._show_source)
        session.state_changed.connect(self._show_state)
        session.pictured.connect(self._show_picture)
        session.answered.connect(self._answers)
        session.inferred.connect(self.captures.record)
        session.failed.connect(self._tell_failure)
        session.noticed.connect(self._tell)
        self.captures.failed.connect(window.messages.tell_error)
        self.captures.saved.connect(self._tell_saved)
        self.captures.recording_changed.connect(self.follow_window)
        self.bar.change_wanted.connect(self._change)
        self.bar.camera_chosen.connect(lambda name: self._settings.set(CAMERA, name))
        self.notice.retry_wanted.connect(session.retry)
        window.canvas.view_changed.connect(self._place)
        self._bench.model_changed.connect(self._follow_model)
        self._settings.changed.connect(self._on_setting)

    # Showing

    def _show_source(self) -> None:
        source, window = self.session.source, self._window
        self.captures.stop_recording()
        self._answers.forget()
        self.bar.release()
        if self._picker is not None:
            self._picker.close()
        if self._told and window.messages.text == self._told:
            # It was about what is not shown any more.
            window.messages.hide()
        self._bench.set_live(source is not None)
        if source is not None:
            window.canvas.clear()
            self.bar.show_source(source)
            self._place()
        self.bar.setVisible(source is not None)
        self._show_actions()
        window.show_mode()
        self.follow_window()
        if source is not None:
            window.canvas.setFocus()

    def _show_state(self) -> None:
        source, window = self.session.source, self._window
        if source is None:
            return
        # Its name, too, may be another.
        window.setWindowTitle(f"{self.name} — VGGscope")
        has_failed = source.state is State.FAILED and source.error is not None
        if source.error is not None and has_failed:
            self.notice.show_error(source.error)
        # Shown while the same picture stays, it would hide what was frozen to be looked at.
        is_notice = has_failed and not self.session.is_frozen
        window.stage.setCurrentWidget(self.notice if is_notice else window.canvas)
        if self.session.preview is None:
            sign = "warning" if has_failed else _SIGNS[self.kind]
            window.canvas.clear(self._waiting_text(source.state), sign)
            window.show_zoom(None)
            self._show_answer()
        badges = []
        if self.session.is_frozen:
            is_over = source.state is State.ENDED
            badges.append(self.tr("The end") if is_over else self.tr("Frozen"))
        if self.captures.is_recording:
            badges.append(self.tr("● Recording"))
        window.canvas.show_badge("   ".join(badges))
        self._show_actions()
        if source.state is State.RUNNING and not self.session.is_frozen:
            self._figures.start()
        else:
            self._figures.stop()
        self._show_figures()
        window.show_state(self._state_text(source.state))

    def _show_actions(self) -> None:
        session, actions = self.session, self._window.actions_by_key
        source = session.source
        actions["freeze"].setEnabled(session.preview is not None)
        actions["freeze"].setChecked(session.is_frozen)
        actions.use_icon("freeze", "play" if session.is_frozen else "pause")
        actions["freeze"].setIconText(self.tr("Go on") if session.is_frozen else self.tr("Freeze"))
        actions["record"].setEnabled(session.preview is not None or self.captures.is_recording)
        actions["record"].setChecked(self.captures.is_recording)
        actions["snapshot"].setEnabled(session.result is not None and not session.is_stale)
        actions["mirror"].setEnabled(isinstance(source, CameraSource))
        actions["loop"].setEnabled(isinstance(source, VideoSource))
        is_screen = isinstance(source, ScreenSource)
        actions["region"].setEnabled(is_screen)

    def _show_picture(self) -> None:
        preview, source = self.session.preview, self.session.source
        if preview is None or source is None:
            return
        canvas = self._window.canvas
        is_first = not canvas.has_picture
        canvas.show_moving(preview.image, preview.part, preview.size, source.name)
        self._show_box()
        self._place()
        if is_first:
            self._window.show_zoom(canvas.zoom)
            self._show_state()

    def _place(self) -> None:
        """Let pictures be made for where the canvas shows them."""
        canvas = self._window.canvas
        if self.is_on:
            place = Place(canvas.room, canvas.scale, canvas.part, self._is_mirrored)
            self.session.show_at(place)

    @property
    def _is_mirrored(self) -> bool:
        return isinstance(self.session.source, CameraSource) and self._settings.flag(MIRROR)

    def _show_answer(self) -> None:
        session, pane = self.session, self._window.predictions
        if session.source is None:
            return
        outcome = None if session.answer is None else session.answer.outcome
        shown = session.classification
        if isinstance(outcome, VggscopeError):
            pane.show_failure(outcome)
        elif shown is None:
            pane.show_waiting(self._waiting_text(session.source.state) or self.tr("Looking…"), "")
        else:
            stale = session.is_stale or not self._bench.has_wanted_model
            pane.show_live(shown, self._smoothing_title(), stale=stale, moving=session.is_flowing)
            self._show_box()
        self._window.enable_copying(shown is not None)
        self._show_actions()

    def _show_box(self) -> None:
        """Mark what the network saw, unless that was a picture of another size."""
        result, preview = self.session.result, self.session.preview
        box = None
        if result is not None and preview is not None and result.size == preview.size.toTuple():
            box, width = result.shown.crop, self.mirrored_width
            if width is not None:
                box = CropBox(width - box.right, box.top, width - box.left, box.bottom)
        self._window.canvas.show_box(box)

    def _show_figures(self) -> None:
        statistics, window = self.session.statistics, self._window
        latency = statistics.latency_median
        is_wanted = self._settings.flag(READOUT) and self._figures.isActive()
        if not is_wanted or latency is None:
            window.canvas.show_readout("")
        else:
            source, answers = statistics.source_fps, statistics.inference_fps
            dropped = statistics.dropped_now
            window.canvas.show_readout(
                self.tr("{0} fps · {1} inferences/s · {2} ms · {3} % dropped").format(
                    f"{source:.0f}", f"{answers:.1f}", f"{latency:.0f}", f"{dropped * 100:.0f}"
                )
            )
        window.devices.live_time = self.milliseconds
        window.devices.show()

    def _waiting_text(self, state: State) -> str:
        """Why there is no picture; "" if there is one, or is about to be."""
        if state is State.FAILED:
            return self.tr("No picture")
        if state is State.RUNNING:
            return ""
        if isinstance(self.session.source, CameraSource):
            return self.tr("Starting the camera…")
        return self.tr("Waiting for the first picture…")

    def _state_text(self, state: State) -> str:
        if self.session.is_frozen:
            return self.tr("Frozen: {0}").format(self.name)
        texts = {
            State.STARTING: self.tr("Starting: {0}"),
            State.RUNNING: self.tr("Live: {0}"),
            State.PAUSED: self.tr("Resting: {0}"),
        }
        return texts.get(state, self.tr("No picture")).format(self.name)

    def _smoothing_title(self) -> str:
        """How what is shown was smoothed; "" if it was not."""
        result = self.session.result
        if result is None or self.classification is result.classification:
            return ""
        title = (SMOOTHING.choices or {})[result.smoothing]
        return QCoreApplication.translate("settings", title).lower()

    def _tell(self, error: VggscopeError) -> None:
        """Say something about a source; until there is another one."""
        is_problem = not isinstance(error, PictureSizeChanged)
        self._told = explanation_of(error)
        self._window.messages.tell(self._told, is_problem=is_problem)

    def _tell_failure(self, error: VggscopeError) -> None:
        """Another source was wanted, and could not be had."""
        self._tell(error)
        self._window.mark_source()
        self._show_state()

    # Obeying

    def _follow_model(self) -> None:
        model = self._bench.model
        if model is not None and (model.generation, model.device_key) != self._model:
            self._model = model.generation, model.device_key
            self.session.generation = model.generation
            self.session.look_again()
        self._mark_answer()

    def _on_setting(self, key: str) -> None:
        if key == LOOP.key and isinstance(self.session.source, VideoSource):
            self.session.source.set_loops(self._settings.flag(LOOP))
        elif key == MIRROR.key:
            self._place()
            self._answers()
        elif key == READOUT.key:
            self._show_figures()
        else:
            self._mark_answer()

    def _mark_answer(self) -> None:
        """Tell at once if what is shown is out of date now: not after the next calm moment."""
        self._answers.forget()
        self._show_answer()

    def _change(self, what: object) -> None:
        if callable(what):
            # Numbers and seconds of frames begin anew.
            self.captures.stop_recording()
            self._window.canvas.clear()
            self.session.change(what)

    def toggle_frozen(self) -> None:
        """Keep the picture that is shown, or go on."""
        self.session.set_frozen(not self.session.is_frozen)
        self._mark_answer()

    def take_snapshot(self) -> None:
        """Save the picture that the predictions are of, and them."""
        answer, result = self.session.answer, self.session.result
        if answer is not None and result is not None:
            self.captures.snapshot(answer.frame, result, self.name)

    def toggle_recording(self) -> None:
        """Write every inference to a file from now on, or no more."""
        if self.captures.is_recording:
            self.captures.stop_recording()
        else:
            self.captures.start_recording()
        self._show_state()

    def _tell_saved(self, path: Path) -> None:
        self._window.tell_briefly(self.tr("Saved {0}").format(display_name(path)))

    def pick_region(self) -> None:
        """Let the user draw the part of the screen that counts."""
        from vggscope.ui.region_picker import RegionPicker  # noqa: PLC0415 (when it opens)

        source = self.session.source
        if not isinstance(source, ScreenSource):
            return
        if self._picker is not None:
            self._picker.activateWindow()
            return
        screens = {screen.name(): screen for screen in QGuiApplication.screens()}
        # Of a window there are no parts: the user means the screen that it is on.
        screen = screens.get(source.name, self._window.screen())

        def use(region: QRect) -> None:
            if self.session.source is not source:
                return
            if source.name != screen.name():
                targets = {t.name: t for t in source.targets() if t.window is None}
                if (target := targets.get(screen.name())) is None:
                    return
                source.use_target(target)
            self._change(lambda: source.use_region(region))
            self.bar.show_region()

        # Without a parent, since it covers the window, it lives only as long as somebody knows it.
        self._picker = picker = RegionPicker(screen)
        picker.region_chosen.connect(use)
        picker.destroyed.connect(self._forget_picker)
        picker.ask()

    def _forget_picker(self) -> None:
        self._picker = None
