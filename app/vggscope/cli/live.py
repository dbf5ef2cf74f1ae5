"""Watch a camera, a video or the screen.

Opens the window on it, or, with --headless, writes what the network sees: always of the newest
picture, as often as the device allows; a summary follows on stderr. Exit status: 0 all went well, 1
something is missing (the video ends in the middle, the camera went away), 2 wrong usage or nothing
could be done, 128 + the number of the signal that ended it (Ctrl+C: 130).
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
import math
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from vggscope.cli.devices import tell_progress
from vggscope.cli.live_output import Output, summary_text, tell, write_summary
from vggscope.cli.main import ALL_DONE, NOTHING_DONE, SOME_FAILED, show_window
from vggscope.cli.options import add_classifier_options
from vggscope.errors import MultimediaMissingError, NoScreenError, OutputError, VggscopeError
from vggscope.inference.recording import RECORDING_FORMATS
from vggscope.inference.smoothing import SMOOTHINGS
from vggscope.sources.finding import display_name, error_of, local_path
from vggscope.ui.display import has_display
from vggscope.ui.live_request import LiveRequest, SourceKind
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtCore import QCoreApplication

    from vggscope.cli.live_loop import Ending, LiveLoop
    from vggscope.inference.classifier import Classifier
    from vggscope.inference.devices import Device
    from vggscope.inference.runtime import Cancellation
    from vggscope.sources.live.base import LiveSource, Region

_SIGNALLED: Final = 128
_LONGEST: Final = 1_000_000
"""Seconds that can be asked for: what Qt's timers can wait."""
_FASTEST: Final = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--source",
        required=True,
        metavar="VIDEO|camera|screen",
        help="a video file, or one of the two words (a file of that name: ./camera)",
    )
    parser.add_argument("--camera", default="", metavar="NAME", help="which, if there are several")
    parser.add_argument(
        "--region",
        type=_region,
        metavar="X,Y,W,H",
        help="the part that counts: logical pixels of the screen, or pixels of the picture",
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        metavar="N",
        help="stop so long after the first picture (default: at the end of the video, or never)",
    )
    parser.add_argument("--headless", action="store_true", help="write, and open no window")
    headless = parser.add_argument_group("with --headless")
    headless.add_argument("--format", choices=("table", *RECORDING_FORMATS), default="jsonl")
    headless.add_argument("-o", "--output", type=Path, metavar="FILE", help="instead of stdout")
    headless.add_argument(
        "--summary", type=Path, metavar="FILE", help="write the summary as JSON, too"
    )
    add_classifier_options(headless)
    headless.add_argument(
        "--smoothing",
        choices=SMOOTHINGS,
        default=SMOOTHINGS[0],
        help="how calmly predictions move (default: %(default)s)",
    )
    headless.add_argument("--loop", action="store_true", help="begin the video anew at its end")
    headless.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help="play the video so many times as fast (default: %(default)s)",
    )
    # What one option means for another is found out later; it is told in the same way.
    parser.set_defaults(refuse=parser.error, headless_only=_options_of(headless))


def open_window(arguments: argparse.Namespace) -> int:
    """Open the window on the source; the exit status."""
    _check_usage(arguments)
    if not has_display():
        sys.stderr.write(
            "vggscope: There is no display to open a window on. With “--headless” the results are "
            "written in the terminal.\n"
        )
        return NOTHING_DONE
    kind = _kind(arguments.source)
    request = LiveRequest(
        kind=kind,
        path=arguments.source if kind == "video" else None,
        camera=arguments.camera,
        region=arguments.region,
        seconds=arguments.seconds,
    )
    return show_window([], verbose=arguments.verbose, live=request)


def run(arguments: argparse.Namespace) -> int:
    """Watch and write as the arguments say; the exit status."""
    _check_usage(arguments)
    _check_files(arguments)
    # Engines and Qt are imported here, so that "--help" and a wrong option answer at once.
    with contextlib.ExitStack() as stack:
        try:
            with _undisturbed():
                from PySide6.QtCore import QEvent  # noqa: PLC0415

                from vggscope.ui.signal_watch import SignalWatch  # noqa: PLC0415

            application = _application(arguments)
            watch = SignalWatch()
            stack.callback(watch.end)
            from vggscope.sources.live.multimedia import prepare_multimedia  # noqa: PLC0415

            prepare_multimedia()
            from vggscope.cli.live_loop import LiveLoop  # noqa: PLC0415
        except ImportError as error:
            raise MultimediaMissingError(reason=str(error)) from error
        source = _source(arguments)
        output = Output(arguments)
        loop = LiveLoop(
            source,
            functools.partial(_load, arguments),
            output.write,
            seconds=arguments.seconds,
            smoothing=arguments.smoothing,
        )
        loop.noticed.connect(tell)
        watch.signalled.connect(loop.end_by_signal)
        ending = loop.run()
        if not ending.hangs:
            output.close()
        source.deleteLater()
        # Now, and not when Python cleans up: it has threads of decoders.
        application.sendPostedEvents(source, QEvent.Type.DeferredDelete)
    return _conclude(arguments, loop, ending)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a Ctrl+C wait: PySide aborts the program if one interrupts its import."""
    interrupted = []
    former = signal.signal(signal.SIGINT, lambda *_: interrupted.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
    if interrupted:
        raise KeyboardInterrupt


def _load(arguments: argparse.Namespace, cancellation: Cancellation) -> Classifier:
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415 (see run)
    from vggscope.inference.devices import AUTO  # noqa: PLC0415 (see run)
    from vggscope.inference.selection import select  # noqa: PLC0415 (see run)

    model = find_model(arguments.model)
    device: Device | str = arguments.device
    chosen = select(
        model,
        arguments.device,
        exact=arguments.exact,
        progress=tell_progress,
        cancellation=cancellation,
    )
    return Classifier.load(
        model,
        # Only what was chosen for the user is replaced where it cannot be opened.
        device=chosen if device == AUTO else device,
        fit=arguments.fit,
        exact=arguments.exact,
    )


def _check_usage(arguments: argparse.Namespace) -> None:
    """Refuse options that mean nothing together."""
    kind = _kind(arguments.source)
    if not arguments.headless:
        for option, name, default in arguments.headless_only:
            if getattr(arguments, name) != default:
                arguments.refuse(f"{option} needs --headless: in the window there are buttons")
    if arguments.camera and kind != "camera":
        arguments.refuse("--camera needs --source camera")
    if kind != "video" and (arguments.loop or arguments.speed != 1):
        arguments.refuse("--loop and --speed are for videos")
    if arguments.output and arguments.format == "table":
        arguments.refuse("a table is for reading: files are jsonl or csv (--format)")


def _check_files(arguments: argparse.Namespace) -> None:
    """Find out in a moment what would be in vain: models and devices take their time.

    Raises:
        VggscopeError: there is no such video, or a file would be written over another.
    """
    read = []
    if _kind(arguments.source) == "video":
        path = local_path(arguments.source)
        try:
            path.stat()
        except (OSError, ValueError) as failure:
            raise error_of(failure, path, display_name(arguments.source)) from failure
        read.append((path, "the video"))
    for output in (arguments.output, arguments.summary):
        if output is None:
            continue
        for other, what in read:
            if _is_same(output, other):
                raise OutputError(name=display_name(output), reason=f"it is {what}")
        read.append((output, "also to hold the predictions"))


def _is_same(one: Path, other: Path) -> bool:
    if one.absolute() == other.absolute():
        return True
    with contextlib.suppress(OSError, ValueError):
        return one.samefile(other)
    return False


def _application(arguments: argparse.Namespace) -> QCoreApplication:
    """Qt's application of the kind that the source needs.

    Raises:
        NoScreenError: it needs a display, and there is none.
    """
    with _undisturbed():
        from PySide6.QtCore import QCoreApplication  # noqa: PLC0415 (see run)
        from PySide6.QtGui import QGuiApplication  # noqa: PLC0415 (see run)

    kind: type[QCoreApplication] = QCoreApplication
    if _kind(arguments.source) == "screen":
        if not has_display():
            raise NoScreenError
        kind = QGuiApplication
    existing = QCoreApplication.instance()
    return kind(["vggscope"]) if existing is None else existing


def _source(arguments: argparse.Namespace) -> LiveSource:
    """The source, not started yet."""
    kind, region = _kind(arguments.source), cast("Region | None", arguments.region)
    source: LiveSource
    if kind == "screen":
        return _screen(arguments, region)
    if kind == "camera":
        from vggscope.sources.live.camera import CameraSource  # noqa: PLC0415 (see run)

        source = camera = CameraSource(wanted=arguments.camera)
        names = {c.description for c in camera.cameras}
        ids = {os.fsdecode(c.id) for c in camera.cameras}
        if arguments.camera and names and arguments.camera not in names | ids:
            there = ", ".join(f"“{name}”" for name in sorted(names))
            arguments.refuse(f"there is no camera “{arguments.camera}”; there are: {there}")
    else:
        from vggscope.sources.live.video import VideoSource  # noqa: PLC0415 (see run)

        source = video = VideoSource(arguments.source)
        video.set_loops(arguments.loop)
        video.set_speed(arguments.speed)
    source.region = region
    return source


def _screen(arguments: argparse.Namespace, region: Region | None) -> LiveSource:
    from PySide6.QtCore import QRect  # noqa: PLC0415 (see run)
    from PySide6.QtGui import QGuiApplication  # noqa: PLC0415 (see run)

    from vggscope.sources.live.screen import ScreenSource  # noqa: PLC0415 (see run)

    screen, source = QGuiApplication.primaryScreen(), ScreenSource()
    if region is not None and screen is not None:
        size = screen.geometry().size()
        if not QRect(*region).intersects(QRect(0, 0, size.width(), size.height())):
            arguments.refuse(f"the screen has {size.width()} × {size.height()} pixels")
        source.use_region(QRect(*region))
    return source


def _conclude(arguments: argparse.Namespace, loop: LiveLoop, ending: Ending) -> int:
    """Tell how it went; the exit status."""
    error, figures = ending.error, loop.statistics
    if arguments.summary and loop.classifier is not None:
        write_summary(arguments, loop.classifier, figures)
    if error is not None and not (isinstance(error, VggscopeError) and figures.frames):
        raise error
    if figures.frames:
        sys.stderr.write(f"vggscope: {summary_text(figures)}\n")
    if ending.hangs:
        # Python would wait for the thread that waits for the device, or for a reader of stdout.
        sys.stderr.flush()
        logging.shutdown()
        os._exit(_SIGNALLED + (ending.signal or 0))
    if error is not None:
        tell(error)
    if ending.signal is not None:
        return _SIGNALLED + ending.signal
    if error is None and not ending.has_gaps:
        return ALL_DONE
    return SOME_FAILED if figures.inferred else NOTHING_DONE


# --- arguments ----------------------------------------------------------------------------------


def _kind(source: str) -> SourceKind:
    if source == "camera":
        return "camera"
    return "screen" if source == "screen" else "video"


def _options_of(group: Any) -> list[tuple[str, str, Any]]:
    """Of each option of a group: how it is written, its name, its default."""
    return [(a.option_strings[-1], a.dest, a.default) for a in group._group_actions]


def _seconds(text: str) -> float:
    return _positive(text, _LONGEST)


def _speed(text: str) -> float:
    return _positive(text, _FASTEST)


def _positive(text: str, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= most:
        raise argparse.ArgumentTypeError(f"“{text}” is no number above 0 up to {most}")
    return value


def _region(text: str) -> Region:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 4 and all(part.isdecimal() for part in parts):
        x, y, width, height = map(int, parts)
        if width and height and max(x + width, y + height) < 1 << 20:
            return x, y, width, height
    raise argparse.ArgumentTypeError(f"“{text}” is not of the form X,Y,WIDTH,HEIGHT in pixels")
