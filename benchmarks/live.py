#!/usr/bin/env python3
"""Live mode in the real window, beside a bare loop of `session.run` and the same preview.

python benchmarks/live.py [--quick] [--json FILE] [--model NAME …] [--device KEY …] [--size SIZE …]
python benchmarks/live.py --soak MINUTES

The window plays a video. In turns, its inference thread looks at the frames; or a thread calls
`session.run` on one prepared tensor again and again, and no frame is looked at; or there is no
inference at all. Without a display Qt's offscreen platform is used; `xvfb-run` gives it one.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

# Without a display as well; with one, as on a user's computer.
if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Qt Multimedia speaks as soon as it is imported.
os.environ.setdefault("QT_LOGGING_RULES", "qt.multimedia.*=false")

import psutil
from PySide6.QtGui import QGuiApplication

import _conversion
from _harness import Report, alternate, parser
from _stage import SETTLE, Round, Stage
from _videos import FPS, SIZES, camera_video
from vggscope import paths
from vggscope.sources.live.base import State
from vggscope.sources.live.multimedia import prepare_multimedia
from vggscope.sources.live.video import SPEEDS, VideoSource
from vggscope.ui.application import Application
from vggscope.ui.settings import DEVICE, MODEL, SMOOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MODELS: Final = ("vgg16-compact", "vgg16-compact-int8")
DEVICES: Final = ("auto", "cpu")
VIDEO_SECONDS: Final = 20
REACH: Final = 0.90
REACH_PREVIEW: Final = 0.99
REACH_DELAY: Final = 16.0
LIVE, BARE, ALONE = "live", "bare loop beside the preview", "preview alone"


def main() -> None:
    """Measure and print."""
    options = parser(__doc__ or "")
    options.add_argument("--model", nargs="+", default=MODELS, metavar="NAME")
    options.add_argument("--device", nargs="+", default=DEVICES, metavar="KEY")
    options.add_argument("--size", nargs="+", default=tuple(SIZES), choices=tuple(SIZES))
    options.add_argument(
        "--soak", type=float, metavar="MINUTES", help="only switch about at random for so long"
    )
    arguments = options.parse_args()
    if arguments.quick:
        arguments.model, arguments.device = arguments.model[:1], arguments.device[:1]
    report = Report("live", arguments)
    with tempfile.TemporaryDirectory(prefix="vggscope-live-") as folder:
        videos = {
            size: camera_video(Path(folder) / f"{size}.mp4", SIZES[size], VIDEO_SECONDS)
            for size in arguments.size
        }
        # The user's settings stay out of it; what is known of devices is found out anew.
        paths.use_data_dir(Path(folder) / "data")
        application = Application()
        prepare_multimedia()
        report.fact("platform", QGuiApplication.platformName(), QGuiApplication.platformName())
        for size, video in videos.items():
            bits = video.stat().st_size * 8 / VIDEO_SECONDS / 1e6
            report.fact(f"{size} video", round(bits, 1), f"{bits:.0f} Mbit/s, H.264")
        stage = Stage(application)
        try:
            if arguments.soak:
                soak(report, stage, videos, arguments)
            else:
                measure(report, stage, videos, arguments)
        finally:
            stage.close()
    report.finish()


def measure(report: Report, stage: Stage, videos: dict[str, Path], arguments: Any) -> None:
    """Everything but the soak."""
    idle = stage.idle(seconds=2.0 if arguments.quick else 5.0)
    for model in arguments.model:
        for device in arguments.device:
            name = stage.use_model(model, device)
            for size, video in videos.items():
                title = f"{model} on {name}, {size}"
                compare(report, stage, video, title, idle, quick=arguments.quick)
    rest(report, stage, videos[arguments.size[0]], seconds=2.0 if arguments.quick else 5.0)
    stage.close()
    _conversion.measure(report, frames=2 if arguments.quick else 9)


def compare(  # noqa: PLR0913
    report: Report, stage: Stage, video: Path, title: str, idle: Round, *, quick: bool
) -> None:
    """One model, device and video: live mode, the bare loop, and neither of them."""
    stage.play(video)
    names: dict[str, Callable[..., Round]] = {
        LIVE: stage.live,
        BARE: stage.bare,
        ALONE: stage.alone,
    }
    took = alternate(
        {name: partial(run, seconds=2.5 if quick else 3.5) for name, run in names.items()},
        rounds=2 if quick else 3,
        warm=0,
        seconds=15.0 if quick else 45.0,
    )
    rounds: dict[str, Sequence[Any]] = dict(took)
    report.times(f"{title}: per inference", {name: took[name] for name in (LIVE, BARE)})
    report.ratio(f"{title}: inferences/s, live ÷ bare loop", took[BARE], took[LIVE])
    # More than every frame cannot be looked at.
    possible = [max(bare, 1 / FPS) for bare in took[BARE]]
    report.ratio(
        f"{title}: the same, of the source's frames/s at most", possible, took[LIVE], at_least=REACH
    )
    for name, reach in ((LIVE, REACH_PREVIEW), (BARE, None)):
        painted = [each.painted for each in rounds[name]]
        report.ratio(
            f"{title}: pictures painted ÷ source's, {name}",
            painted,
            [float(FPS)] * len(painted),
            at_least=reach,
        )
    late = [each.percentile(99) for each in rounds[LIVE]]
    report.ratio(
        f"{title}: p99 of the event loop's delay, live ÷ 16 ms",
        late,
        [REACH_DELAY] * len(late),
        at_most=1.0,
    )
    rows = []
    for name, each in [*rounds.items(), ("idle window", [idle])]:
        whole = Round.joined(each)
        rows.append(
            (
                name,
                *(f"{whole.percentile(percent):.1f}" for percent in (50, 99, 100)),
                f"{whole.painted:.1f}",
                f"{whole.delivered:.1f}",
                f"{whole.paint_ms:.2f}" if whole.paint_times else "–",
                f"{whole.cpu:.0f}",
            )
        )
    report.table(
        (
            f"{title}: UI thread",
            *("delay p50 ms", "p99", "max"),
            *("painted/s", "frames/s", "ms to paint", "CPU %"),
        ),
        rows,
    )


def rest(report: Report, stage: Stage, video: Path, *, seconds: float) -> None:
    """What the processor does while nothing moves."""
    stage.play(video)
    session = stage.session
    rows = [("live", f"{stage.cpu(seconds):.1f}")]
    session.set_frozen(True)
    stage.run(SETTLE)
    rows.append(("frozen", f"{stage.cpu(seconds):.1f}"))
    session.set_frozen(False)
    stage.run(SETTLE)
    stage.window.showMinimized()
    stage.run(SETTLE)
    note = "minimised"
    if not stage.window.isMinimized() or session.source.state is not State.PAUSED:
        # There is no window manager that would do it.
        session.set_hidden(hidden=True, rests=True)
        note = "minimised (as a window manager would tell)"
    stage.run(SETTLE)
    rows.append((note, f"{stage.cpu(seconds):.1f}"))
    stage.window.showNormal()
    stage.window.live.leave()
    stage.window.show_mode()
    stage.run(SETTLE)
    rows.append(("left for photos", f"{stage.cpu(seconds):.1f}"))
    report.table(("CPU while", "% of one core"), rows)


# --- soak -------------------------------------------------------------------------------------


def soak(report: Report, stage: Stage, videos: dict[str, Path], arguments: Any) -> None:
    """An hour of use in some minutes: switch about at random, and see what grows."""
    process, chance = psutil.Process(), random.Random(0)  # noqa: S311
    stage.use_model(arguments.model[0], arguments.device[0])
    switches = Switches(stage, list(videos.values()), arguments, chance)
    stage.play(switches.videos[0])
    rows, done = [], 0
    began = next_row = time.monotonic()
    memory = []
    while (now := time.monotonic()) < began + arguments.soak * 60 + 1:
        if now >= next_row:
            memory.append(process.memory_info().rss / 1e6)
            minute = round((now - began) / 60, 1)
            handles = getattr(process, "num_fds", getattr(process, "num_handles", None))
            row = (minute, f"{memory[-1]:.0f}", process.num_threads(), handles(), done)
            rows.append(row)
            print("  minute {}: {} MB, {} threads, {} files, {} switches".format(*row), flush=True)
            next_row += 60
        switches.once()
        done += 1
        stage.run(chance.uniform(0.2, 1.0))
    report.table(("minute", "RSS MB", "threads", "files", "switches"), rows)
    report.table(("switch", "times"), sorted(switches.counts.items()))
    # The first minute loads what is used for the first time.
    if len(memory) > 2:
        report.ratio("RSS at the end ÷ after a minute", memory[-1:], memory[1:2], at_most=1.05)


class Switches:
    """What a restless user does."""

    def __init__(
        self, stage: Stage, videos: Sequence[Path], arguments: Any, chance: random.Random
    ) -> None:
        self.videos, self.counts = videos, dict[str, int]()
        self._stage, self._chance, self._arguments = stage, chance, arguments
        self._kinds: dict[str, Callable[[], object]] = {
            "another source": self._another_source,
            "another model": lambda: self._choose(MODEL, arguments.model),
            "another device": lambda: self._choose(DEVICE, arguments.device),
            "smoothing": lambda: self._choose(SMOOTHING, list(SMOOTHING.choices or {})),
            "speed": self._another_speed,
            "seek": self._seek,
            "freeze or go on": stage.window.actions_by_key["freeze"].trigger,
            "photos and back": self._leave,
            "minimise and back": self._hide,
        }

    def once(self) -> None:
        """Do something."""
        kind = self._chance.choice(list(self._kinds))
        self._kinds[kind]()
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def _choose(self, setting: Any, values: Sequence[str]) -> None:
        self._stage.settings.set(setting, self._chance.choice(values))

    def _another_source(self) -> None:
        self._stage.window.open_paths([str(self._chance.choice(self.videos))])

    def _source(self) -> VideoSource | None:
        source = self._stage.session.source
        return source if isinstance(source, VideoSource) else None

    def _another_speed(self) -> None:
        if (source := self._source()) is not None:
            source.set_speed(self._chance.choice(SPEEDS))

    def _seek(self) -> None:
        if (source := self._source()) is not None:
            source.seek(source.duration * self._chance.random())

    def _leave(self) -> None:
        self._stage.window.actions_by_key["source_photos"].trigger()
        self._stage.run(0.1)
        self._another_source()

    def _hide(self) -> None:
        live = self._stage.window.live
        if live is not None:
            live.session.set_hidden(hidden=True, rests=True)
            self._stage.run(0.1)
            live.session.set_hidden(hidden=False, rests=False)


if __name__ == "__main__":
    main()
