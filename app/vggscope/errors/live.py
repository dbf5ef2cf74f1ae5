"""Sources of moving pictures that deliver none: each is a state that can be left again."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError


class LiveError(VggscopeError):
    """A camera, a video or a screen that delivers no pictures."""


class FrameUnreadableError(LiveError):
    """One frame whose pixels cannot be had; the next ones may be fine."""

    kind = "frame-unreadable"
    message_template = QT_TRANSLATE_NOOP("errors", "A frame could not be read: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "If it happens again, restart the source.")


class RegionOutsideError(FrameUnreadableError):
    """The part of the picture that was asked for is no part of it."""

    kind = "region-outside"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The region lies beyond the picture, which has {width} × {height} pixels."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose a region that lies inside it.")


class MultimediaMissingError(LiveError):
    """Qt's multimedia part, or what it needs of the system, is not there."""

    kind = "multimedia-missing"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "Cameras and videos cannot be used: Qt Multimedia does not work here ({reason})."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Install PySide6-Addons, and on Linux the system library libxrandr2."
    )


class NoCameraError(LiveError):
    """The computer has no camera at all."""

    kind = "no-camera"
    message_template = QT_TRANSLATE_NOOP("errors", "No camera was found.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Plug one in: it is used as soon as it is there. Or open a photo or a video."
    )


class CameraDeniedError(LiveError):
    """The system, or the user through it, does not let us use cameras."""

    kind = "camera-denied"
    message_template = QT_TRANSLATE_NOOP("errors", "VGGscope may not use the camera.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Allow it in the system's privacy settings, then try again."
    )


class CameraBusyError(LiveError):
    """The camera is there, but does not start: mostly another program holds it."""

    kind = "camera-busy"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” could not be started: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Close other programs that use it (calls, browsers), then try again."
    )


class CameraUnpluggedError(LiveError):
    """The camera went away while it was in use."""

    kind = "camera-unplugged"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” was unplugged.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Plug it in again: it goes on by itself. Or choose another camera."
    )


class CameraSilentError(LiveError):
    """The camera runs, but no picture comes, not even after a restart."""

    kind = "camera-silent"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” sends no pictures.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Open its shutter, plug it in anew, or choose another format; then try again."
    )


class VideoUnreadableError(LiveError):
    """The file is no video, or one that cannot be decoded here."""

    kind = "video-unreadable"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” cannot be played: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Get the file again, or convert it to MP4 (H.264) or WebM."
    )


class NoPictureTrackError(LiveError):
    """A file of sound alone."""

    kind = "no-picture-track"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” holds sound, but no pictures.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose a video that has pictures.")


class VideoCutOffError(LiveError):
    """The video stops before the length that it states."""

    kind = "video-cut-off"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” ends in the middle, after {seconds} of {total} seconds."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Copy or download it again: the rest of the file is missing or damaged."
    )


class PictureSizeChanged(LiveError):  # noqa: N818 (worth knowing, not a fault)
    """The pictures of a source have another size from now on."""

    kind = "picture-size-changed"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The picture of “{name}” is {width} × {height} pixels from here on."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "It goes on; nothing need be done.")


class NoScreenError(LiveError):
    """There is no screen or window that could be captured."""

    kind = "no-screen"
    message_template = QT_TRANSLATE_NOOP("errors", "There is no screen to look at.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Start VGGscope on a desktop, or choose a camera or a video."
    )


class ScreenDeniedError(LiveError):
    """The system does not let us look at the screen."""

    kind = "screen-denied"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” could not be captured: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Allow screen recording in the system's privacy settings, or choose another screen or "
        "window; then try again.",
    )


class ScreenUnpluggedError(LiveError):
    """The screen went away while it was captured, or before."""

    kind = "screen-unplugged"
    message_template = QT_TRANSLATE_NOOP("errors", "The screen “{name}” is not there any more.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Plug it in and try again, or choose another screen or window."
    )


class WindowClosedError(LiveError):
    """The window was closed while it was captured, or before."""

    kind = "window-closed"
    message_template = QT_TRANSLATE_NOOP("errors", "The window “{name}” was closed.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose another window, or a screen.")


class WindowHiddenError(LiveError):
    """The window is there, but nothing of it is on a screen."""

    kind = "window-hidden"
    message_template = QT_TRANSLATE_NOOP("errors", "Nothing of the window “{name}” is visible.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Show it again: it goes on by itself.")
