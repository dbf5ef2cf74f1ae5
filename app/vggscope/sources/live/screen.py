"""The screen as a source: all of one, a part of it, or the window of another program.

Qt captures with the screen's own refresh rate; it can be told a lower one only from 6.12 on, which
we do not use yet (pyproject.toml). Whoever takes the newest picture only is not slowed down by it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QElapsedTimer, QObject, QRect, QSize, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QScreen
from PySide6.QtMultimedia import (
    QCapturableWindow,
    QMediaCaptureSession,
    QScreenCapture,
    QVideoFrame,
    QVideoSink,
    QWindowCapture,
)

from vggscope.errors import (
    NoScreenError,
    ScreenDeniedError,
    ScreenUnpluggedError,
    WindowClosedError,
    WindowHiddenError,
)
from vggscope.sources.live.base import Format, LiveSource, State

if TYPE_CHECKING:
    from vggscope.errors import LiveError

_PERIOD: Final = 30
"""Milliseconds between two pictures, at least: systems deliver as many as the screen shows, 60 per
second or 144, and each one that is as large as a screen takes 15 ms to be shown."""
_LOOK_AT_WINDOW: Final = 500
"""Milliseconds between two looks whether the window is still there: not all systems tell."""
_HIDDEN: Final = ("not viewable", "out of the screen borders")
"""What Qt says of windows that cannot be captured now, but can be again."""
_NO_REASON: Final = "the system gives no reason"


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Something that can be captured.

    Attributes:
        name: of the screen ("HDMI-1"), the title of the window.
        geometry: of the screen, in logical pixels of the desktop; None for a window.
        window: None for a screen.
    """

    name: str
    geometry: QRect | None = None
    window: QCapturableWindow | None = None


class ScreenSource(LiveSource):
    """Pictures of a screen, of a part of it, or of a window; at first of the primary screen.

    On Wayland the system asks the user which screen it shall be, each time when it is started.
    A window that is minimised makes it fail, and it goes on by itself when the window is back.
    """

    def __init__(self, target: Target | None = None, parent: QObject | None = None) -> None:
        super().__init__("screen" if target is None else target.name, parent)
        self._target = target
        self._wanted: QRect | None = None
        self._format: Format | None = None
        self._grab: _Grab | None = None
        self._since = QElapsedTimer()

    @staticmethod
    def targets() -> list[Target]:
        """The screens, then the windows of other programs."""
        screens = [
            Target(screen.name() or f"screen {number}", geometry=screen.geometry())
            for number, screen in enumerate(_screens(), start=1)
        ]
        return screens + [
            Target(window.description(), window=window) for window in _foreign_windows()
        ]

    @property
    def has_region(self) -> bool:
        """Whether only a part of the screen was asked for."""
        return self._wanted is not None

    @property
    def format(self) -> Format | None:
        """That of the newest picture: a window may be resized."""
        return self._format

    def use_target(self, target: Target) -> None:
        """Capture ``target``, all of it, from now on.

        What runs goes on with it, and so does what has failed with the former one.
        """
        goes_on = self.state in {State.STARTING, State.RUNNING, State.FAILED}
        self._let_go()
        self._target, self.name = target, target.name
        self._wanted = self.region = self._format = None
        if goes_on:
            self._begin()

    def use_region(self, region: QRect | None) -> None:
        """Let only this part of the screen count, from the next picture on; None: all of it.

        Args:
            region: logical pixels, relative to the screen. If the screen shrinks, the rest of it
                counts, or all of the screen if there is no rest. Windows always count as a whole.
        """
        self._wanted = None if region is None else QRect(region)
        screen = self._screen()
        if screen is None:
            self.region = None
        else:
            self._place_region(screen, _device_size(screen))

    def start(self) -> None:
        if self.state not in {State.STARTING, State.RUNNING}:
            self._let_go()
            self._begin()

    def pause(self) -> None:
        if self._grab is not None:
            self._let_go()
            self._enter(State.PAUSED)

    def stop(self) -> None:
        self._let_go()
        self._enter(State.STOPPED)

    def _begin(self) -> None:
        target = self._target
        screen = self._screen()
        if not _screens():
            self._enter(State.FAILED, NoScreenError())
        elif target is not None and target.window is not None:
            if target.window.isValid():
                self._capture(_WindowGrab(target.window, self))
            else:
                self._enter(State.FAILED, WindowClosedError(name=self.name))
        elif screen is None:
            self._enter(State.FAILED, ScreenUnpluggedError(name=self.name))
        else:
            self._place_region(screen, _device_size(screen))
            self._capture(_ScreenGrab(screen, self))

    def _capture(self, grab: _Grab) -> None:
        self._grab = grab
        grab.frame_came.connect(self._take)
        grab.went_wrong.connect(self._fail)
        self._enter(State.STARTING)
        # Who hears of the new state may stop it at once.
        if self._grab is grab:
            grab.begin()

    def _let_go(self) -> None:
        if self._grab is not None:
            grab, self._grab = self._grab, None
            grab.end()

    def _take(self, frame: QVideoFrame) -> None:
        if self._grab is None:
            return
        if self._since.isValid() and self._since.elapsed() < _PERIOD:
            return
        self._since.start()
        if self.state is State.FAILED:
            self._enter(State.RUNNING)
        screen = self._grab.screen
        if screen is not None:
            self._place_region(screen, frame.size())
        self._note_format(frame)
        self._deliver(frame)

    def _note_format(self, frame: QVideoFrame) -> None:
        coding = frame.pixelFormat().name.removeprefix("Format_")
        found = Format(frame.width(), frame.height(), frame.streamFrameRate(), coding)
        if found != self._format:
            self._format = found
            self.formats_changed.emit()

    def _fail(self, reason: QScreenCapture.Error | QWindowCapture.Error, text: str) -> None:
        """Tell what is wrong. What may come right by itself is kept, and tried on."""
        if self._grab is None:
            return
        error, over = self._explained(reason.name, text.rstrip("."))
        if over:
            self._let_go()
        former = self.error
        # Qt repeats itself once a second.
        if former is None or former.as_record() != error.as_record():
            self._enter(State.FAILED, error)

    def _explained(self, reason: str, text: str) -> tuple[LiveError, bool]:
        """The error for a word and a text of Qt, and whether there is nothing to wait for."""
        window = None if self._target is None else self._target.window
        if window is not None:
            if not window.isValid() or reason == "NotFound":
                return WindowClosedError(name=self.name), True
            had_pictures = self._format is not None
            if reason == "CaptureFailed" and (had_pictures or any(w in text for w in _HIDDEN)):
                return WindowHiddenError(name=self.name), False
        elif reason == "NotFound":
            if self._screen() is None:
                return ScreenUnpluggedError(name=self.name), True
            return NoScreenError(), True
        lasting = reason != "CaptureFailed"
        return ScreenDeniedError(name=self.name, reason=text or _NO_REASON), lasting

    def _screen(self) -> QScreen | None:
        """The screen that is to be captured; None if it is not there, or a window is."""
        screens = _screens()
        if self._target is None:
            return QGuiApplication.primaryScreen() if screens else None
        named = [
            screen
            for number, screen in enumerate(screens, start=1)
            if self._target.window is None
            and self._target.name in {screen.name(), f"screen {number}"}
        ]
        same_place = [screen for screen in named if screen.geometry() == self._target.geometry]
        return next(iter(same_place + named), None)

    def _place_region(self, screen: QScreen, picture: QSize) -> None:
        """Find the part that counts in a picture of this size, in its pixels."""
        everything = QRect(0, 0, picture.width(), picture.height())
        of_screen = _part_of_screen(screen, everything)
        part = of_screen
        if self._wanted is not None:
            part = _scaled(self._wanted, screen.geometry().size(), of_screen)
            if part.isEmpty():
                self._wanted, part = None, of_screen
        whole = part == everything
        self.region = None if whole else (part.x(), part.y(), part.width(), part.height())


class _Grab(QObject):
    """One capture, from its beginning to its end: what comes later is not heard.

    Attributes:
        screen: what is captured; None for a window.

    Signals:
        frame_came: a ``QVideoFrame``.
        went_wrong: Qt's error and its text.
    """

    frame_came = Signal(QVideoFrame)
    went_wrong = Signal(object, str)

    def __init__(self, screen: QScreen | None, parent: QObject) -> None:
        super().__init__(parent)
        self.screen = screen
        self._over = False
        self._session = QMediaCaptureSession(self)
        self._sink = QVideoSink(self)
        self._session.setVideoSink(self._sink)
        self._sink.videoFrameChanged.connect(self._take)

    def begin(self) -> None:
        """Ask for pictures."""
        raise NotImplementedError

    def end(self) -> None:
        """Let go of everything; nothing is emitted any more."""
        self._over = True
        self._stop()
        self.screen = None
        self.deleteLater()

    def _stop(self) -> None:
        raise NotImplementedError

    def _take(self, frame: QVideoFrame) -> None:
        if not self._over:
            self.frame_came.emit(frame)

    def _watch(self, capture: QScreenCapture | QWindowCapture) -> None:
        """Tell of the errors of what has just been started, also of those that it has already."""
        capture.errorOccurred.connect(self._tell)
        error, text = capture.error(), capture.errorString()
        if error.name == "NoError" and not capture.isActive():
            # Qt is silent about some of its failures.
            error = QScreenCapture.Error.InternalError
        self._tell(error, text)

    def _tell(self, error: QScreenCapture.Error | QWindowCapture.Error, text: str) -> None:
        if not self._over and error.name != "NoError":
            self.went_wrong.emit(error, text)


class _ScreenGrab(_Grab):
    def __init__(self, screen: QScreen, parent: QObject) -> None:
        super().__init__(screen, parent)
        self._capture = QScreenCapture(self)
        self._session.setScreenCapture(self._capture)
        application = QCoreApplication.instance()
        if isinstance(application, QGuiApplication):
            application.screenRemoved.connect(self._look_at)

    def begin(self) -> None:
        # The one picture of all screens is given for the first of them alone; for others Qt reads
        # beyond its list.
        for screen in _screens() if _are_in_one_picture() else [self.screen]:
            if screen is not None:
                self._capture.setScreen(screen)
                self._capture.start()
            if self._capture.isActive():
                break
        self._watch(self._capture)

    def _stop(self) -> None:
        self._capture.stop()

    def _look_at(self, removed: QScreen) -> None:
        if removed is self.screen:
            self._tell(QScreenCapture.Error.NotFound, "")


class _WindowGrab(_Grab):
    def __init__(self, window: QCapturableWindow, parent: QObject) -> None:
        super().__init__(None, parent)
        self._capture = QWindowCapture(self)
        self._session.setWindowCapture(self._capture)
        self._capture.setWindow(window)
        self._window = window
        self._timer = QTimer(self, interval=_LOOK_AT_WINDOW)
        self._timer.timeout.connect(self._look)

    def begin(self) -> None:
        self._timer.start()
        self._capture.start()
        self._watch(self._capture)

    def _stop(self) -> None:
        self._timer.stop()
        self._capture.stop()

    def _look(self) -> None:
        if not self._window.isValid():
            self._tell(QWindowCapture.Error.NotFound, "")


def _screens() -> list[QScreen]:
    """Empty where there is no display at all."""
    if isinstance(QCoreApplication.instance(), QGuiApplication):
        return QGuiApplication.screens()
    return []


def _are_in_one_picture() -> bool:
    """Whether Qt captures all screens together: in sessions that call themselves X11."""
    session = os.environ.get("XDG_SESSION_TYPE", "")
    return QGuiApplication.platformName() == "xcb" and session.lower() == "x11"


def _foreign_windows() -> list[QCapturableWindow]:
    # Qt lists the windows of an X server even if it does not draw there itself. Then nobody
    # handles the server's errors, and a window that is closed while captured ends the process.
    if not _screens() or QGuiApplication.platformName() in {"offscreen", "minimal"}:
        return []
    ours = [QCapturableWindow(w) for w in QGuiApplication.topLevelWindows() if w.isVisible()]
    return [
        window
        for window in QWindowCapture.capturableWindows()
        # PySide gives these objects "!=" alone; "==" compares the wrappers.
        if window.description() and all(window != our for our in ours)
    ]


def _device_size(screen: QScreen) -> QSize:
    return screen.geometry().size() * screen.devicePixelRatio()


def _part_of_screen(screen: QScreen, picture: QRect) -> QRect:
    """Where ``screen`` lies in a picture of it, which may be one of all screens."""
    # The corner of a screen is not scaled, only its size.
    native = QRect(screen.geometry().topLeft(), _device_size(screen))
    if _are_in_one_picture() and native.size() != picture.size() and picture.contains(native):
        return native
    return picture


def _scaled(part: QRect, logical: QSize, picture: QRect) -> QRect:
    """``part`` of a screen of size ``logical`` in a ``picture`` of it, as far as it lies inside."""
    # Not the screen's pixel ratio: what the system delivers may be of another size.
    across, down = picture.width() / logical.width(), picture.height() / logical.height()
    left, right = round(part.left() * across), round((part.left() + part.width()) * across)
    top, bottom = round(part.top() * down), round((part.top() + part.height()) * down)
    scaled = QRect(left, top, right - left, bottom - top)
    return scaled.translated(picture.topLeft()).intersected(picture)
