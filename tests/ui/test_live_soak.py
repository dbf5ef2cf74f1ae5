"""A thousand switches of everything in one window: nothing blocks, nothing is of the former."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import random
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import psutil
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QThread, QTimer
from PySide6.QtGui import QGuiApplication, QPixmapCache
from PySide6.QtMultimedia import QMediaCaptureSession, QMediaPlayer, QVideoSink
from PySide6.QtWidgets import QApplication, QComboBox, QSlider
from shiboken6 import isValid

from doubles.cameras import VGA, PretendCamera, PretendCameras
from imaginary import CARD
from support import TINY_LABELS
from ui.device_driver import BUSY, wait_for_device
from ui.live_driver import LABELS, Live
from ui.window_driver import FAST, REPORT, SAMPLES, write_settings
from vggscope.inference.classifier import Classifier
from vggscope.sources.live import camera as camera_module
from vggscope.sources.live.base import LiveSource
from vggscope.sources.live.camera import CameraSource
from vggscope.sources.live.screen import ScreenSource
from vggscope.sources.live.video import VideoSource
from vggscope.ui.live.session import LiveSession
from vggscope.ui.settings import DEVICE, FIT, MODEL
from videos import make_video, sound_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ui.device_driver import Computer
    from ui.window_driver import Driver
    from vggscope.ui.settings import Setting

SWITCHES: Final = 1000
WARM_UP: Final = 200
PATIENCE: Final = 2.0
"""Seconds of the UI thread after which it waits for something: a switch takes a tenth of that on a
busy computer. How long the slowest one took is printed."""
GROWTH: Final = 1.05
_WATCHED: Final = (
    *(LiveSource, LiveSession, QMediaPlayer, QVideoSink, QMediaCaptureSession),
    *(Classifier, QThread),
)


@pytest.fixture
def videos(tmp_path: Path) -> dict[str, Path]:
    """What is to be seen -> a video of it; each of another size."""
    return {
        "pizza": make_video(tmp_path / "a.mp4", ["pizza.jpg"], size=(320, 240), seconds=2),
        "coffee": make_video(tmp_path / "b.mp4", ["coffee.jpg"], size=(480, 360), seconds=2),
    }


@pytest.fixture
def camera() -> PretendCamera:
    photo = SAMPLES / "zebra.jpg"
    return PretendCamera(b"/dev/video0", "Front Camera", formats=(VGA,), photo=photo)


@pytest.fixture
def desk(
    qapp: QApplication, camera: PretendCamera, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PretendCameras]:
    assert qapp
    made = PretendCameras(camera)
    monkeypatch.setattr(camera_module, "QtCameraSystem", lambda _parent: made)
    yield made
    assert made.lit == []
    made.deleteLater()


class Restless:
    """A user who switches something every few milliseconds.

    Attributes:
        slowest: (seconds, what) of the switch that took the longest.
        seen: how often fresh predictions were seen, by (what was to be seen, model).
    """

    def __init__(
        self, live: Live, desk: PretendCameras, videos: dict[str, Path], broken: list[Path]
    ) -> None:
        self.live, self.user = live, live.user
        self.desk, self.camera = desk, desk.plugged[0]
        self.videos, self.broken = videos, broken
        self.random = random.Random(4)
        self.slowest = (0.0, "")
        self.slowest_turn = 0.0
        self.seen: Counter[tuple[str, str]] = Counter()
        self.done: Counter[str] = Counter()
        self.switches: list[tuple[Callable[[], object], int]] = [
            (self.video_a, 8),
            (self.video_b, 8),
            (self.bad_video, 3),
            (self.use_camera, 10),
            (self.photos, 4),
            (self.model, 6),
            (self.fit, 4),
            (self.device, 5),
            (self.freeze, 10),
            (self.seek, 8),
            (self.speed, 5),
            (self.snapshot, 2),
            (self.record, 4),
            (self.minimise, 6),
            (self.cable, 4),
            (self.mirror, 4),
            (self.zoom, 4),
        ]
        if QGuiApplication.platformName() == "xcb":
            self.switches.append((self.screen, 4))

    def step(self) -> None:
        """Switch something, let the event loop turn a little, look at what is shown."""
        ways, weights = zip(*self.switches, strict=True)
        [switch] = self.random.choices(ways, weights)
        began = time.perf_counter()
        switch()
        took = time.perf_counter() - began
        self.slowest = max(self.slowest, (took, switch.__name__))
        self.done[switch.__name__] += 1
        self.look()
        milliseconds = self.random.choice((0, 1, 3, 10, 20, 30))
        if sum(self.done.values()) % 15 == 0:
            milliseconds = 250  # long enough for an answer from anything
        began = time.perf_counter()
        if milliseconds:
            self.user.qtbot.wait(milliseconds)
        else:
            QApplication.processEvents()
        turn = time.perf_counter() - began - milliseconds / 1000
        self.slowest_turn = max(self.slowest_turn, turn)
        self.look()

    # What is to be seen

    def look(self) -> None:
        """What is shown belongs to what is chosen now."""
        session, bench, window = self.live.session, self.user.bench, self.user.window
        best = self.live.best()
        if session.source is None:
            assert best == "", "there are no photos"
            return
        name, size = self.subject(session.source)
        preview, result = session.preview, session.result
        if preview is not None and size is not None:
            assert preview.size.toTuple() == size, f"the picture of another source than {name}"
        if result is not None and size is not None:
            assert result.size == size, f"the answer for another source than {name}"
        if window.canvas.has_picture:
            assert preview is not None
        if best == "":
            return
        assert bench.model is not None
        assert bench.has_wanted_model, f"“{best}” is of the former model or fit, and not marked"
        if bench.model.name == BUSY:
            assert best in TINY_LABELS
        elif name:
            assert best == LABELS[name], f"the answer for another source than {name}"
        else:
            assert best not in TINY_LABELS
        self.seen[name or "screen", bench.model.name] += 1

    def subject(self, source: LiveSource) -> tuple[str, tuple[int, int] | None]:
        """What ``source`` shows, and in which size; "" and None where that is left open."""
        if isinstance(source, CameraSource):
            return "zebra", (640, 480)
        if isinstance(source, VideoSource):
            name = {path.name: name for name, path in self.videos.items()}[source.name]
            return name, (320, 240) if name == "pizza" else (480, 360)
        assert isinstance(source, ScreenSource)
        return "", None

    # What is switched

    def video_a(self) -> None:
        self.user.window.open_paths([str(self.videos["pizza"])])

    def video_b(self) -> None:
        self.user.window.open_paths([str(self.videos["coffee"])])

    def bad_video(self) -> None:
        self.user.window.open_paths([str(self.random.choice(self.broken))])

    def use_camera(self) -> None:
        self.user.trigger("source_camera")

    def screen(self) -> None:
        self.user.trigger("source_screen")

    def photos(self) -> None:
        self.user.trigger("source_photos")

    def model(self) -> None:
        self._toggle(MODEL, FAST, BUSY)

    def fit(self) -> None:
        self._toggle(FIT, "published", "stretch")

    def device(self) -> None:
        self._toggle(DEVICE, "cpu", CARD)

    def freeze(self) -> None:
        self._trigger("freeze")

    def seek(self) -> None:
        for slider in self.live.presenter.bar.findChildren(QSlider):
            slider.setValue(self.random.randrange(slider.maximum() + 1))

    def speed(self) -> None:
        for combo in self.live.presenter.bar.findChildren(QComboBox):
            if combo.accessibleName() == "Speed":
                combo.setCurrentIndex(self.random.randrange(combo.count()))

    def snapshot(self) -> None:
        if not isinstance(self.live.session.source, ScreenSource):  # it is large
            self._trigger("snapshot")

    def record(self) -> None:
        self._trigger("record")

    def minimise(self) -> None:
        window = self.user.window
        if window.isMinimized():
            window.showNormal()
        else:
            window.showMinimized()

    def cable(self) -> None:
        if self.camera in self.desk.plugged:
            self.desk.unplug(self.camera)
        else:
            self.desk.plug(self.camera)

    def mirror(self) -> None:
        self._trigger("mirror")

    def zoom(self) -> None:
        self._trigger(self.random.choice(("zoom_fit", "zoom_actual", "zoom_in")))

    def _trigger(self, key: str) -> None:
        """As a key: nothing happens where the action is disabled."""
        self.user.window.actions_by_key[key].trigger()

    def _toggle(self, setting: Setting, one: str, other: str) -> None:
        settings = self.user.settings
        settings.set(setting, other if settings.text(setting) == one else one)

    # What is left

    def rest(self) -> float:
        """Go back to a plain window with its model; the megabytes of memory that it has then."""
        window, settings, bench = self.user.window, self.user.settings, self.user.bench
        if window.isMinimized():
            window.showNormal()
        self.photos()
        for setting, value in ((MODEL, FAST), (FIT, "published")):
            settings.set(setting, value)
        self.user.wait(lambda: bench.has_wanted_model and not bench.roster.is_busy)
        settings.set(DEVICE, "cpu")
        wait_for_device(self.user, "cpu")
        self.user.wait(lambda: not bench.is_busy)
        self.user.qtbot.wait(50)
        self.desk.streams.clear()  # the double remembers all of them
        collect()
        return megabytes_in_use()

    def counts(self) -> dict[str, int]:
        """How many there are of what must not become more and more."""
        collect()
        window = self.user.window
        counts = {
            "objects of the window": len(window.findChildren(QObject)),
            "timers of the window": len(window.findChildren(QTimer)),
        }
        things = gc.get_objects()
        # Python knows of Qt's own timers, too, once somebody has asked for them.
        timers = [o for o in things if isinstance(o, QTimer) and isValid(o)]
        counts["timers without an owner"] = sum(timer.parent() is None for timer in timers)
        for kind in _WATCHED:
            counts[f"instances of {kind.__name__}"] = sum(isinstance(o, kind) for o in things)
        if sys.platform == "linux":
            counts["threads"] = len(list(Path("/proc/self/task").iterdir()))
            counts["open files"] = len(list(Path("/proc/self/fd").iterdir()))
        return counts


def megabytes_in_use() -> float:
    """What was allocated and not freed.

    With glibc that of all its heaps. What the process occupies is not the same: threads that come
    and go with decoders leave holes in heaps, and 20 % up and down of that say nothing; with two
    heaps instead of sixteen (``MALLOC_ARENA_MAX=2``) it is constant as well.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "malloc_info"):
        return occupied()
    text, size = ctypes.c_char_p(), ctypes.c_size_t()
    libc.open_memstream.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    root = ET.fromstring((text.value or b"").decode())
    # The elements of the root, not those of each heap, are of all.
    totals = {element.get("type"): int(element.get("size", 0)) for element in root.iter("total")}
    held = int(root.findall("system")[0].get("size", 0))
    return (held - totals["fast"] - totals["rest"] + totals["mmap"]) / 2**20


def occupied() -> float:
    """Megabytes of memory of this process."""
    return float(psutil.Process().memory_info().rss) / 2**20


def collect() -> None:
    """Delete what nobody needs any more, and give free memory back to the system."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    QPixmapCache.clear()  # fills up to 10 MB with icons, some of which are drawn anew each time
    if sys.platform == "linux":
        # What glibc keeps of the frames of ended decoders is no leak, but would look like one.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def test_a_thousand_switches(
    desk: PretendCameras, videos: dict[str, Path], computer: Computer, tmp_path: Path
) -> None:
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(random.Random(1).randbytes(5000))
    broken = [noise, sound_only(tmp_path / "hum.mp4"), tmp_path / "missing.mp4"]
    computer.know_devices()
    write_settings(model=FAST, theme="light", loop=True)
    live = Live(computer.start())
    user = Restless(live, desk, videos, broken)
    # Whatever is tried on a device is tried before it begins.
    for name in (BUSY, FAST):
        for device in (CARD, "cpu"):
            user.user.settings.set(MODEL, name)
            user.user.wait_for_model(name)
            user.user.settings.set(DEVICE, device)
            wait_for_device(user.user, device)
    began = time.monotonic()
    memory: dict[int, float] = {}
    at_first: dict[str, int] = {}
    for number in range(SWITCHES):
        user.step()
        is_measured = WARM_UP <= number < WARM_UP + 100 or number >= SWITCHES - 100
        if is_measured and number % 10 == 9:
            memory[number] = user.rest()
            if number < WARM_UP + 100:
                # Pools have more threads at some times than at others.
                found = user.counts()
                at_first = {k: max(n, at_first.get(k, 0)) for k, n in found.items()}
    before = mean(memory[n] for n in memory if n < WARM_UP + 100)
    after = mean(memory[n] for n in memory if n >= SWITCHES - 100)

    def grown() -> dict[str, tuple[int, int]]:
        """What there is more of, by (how many at first, how many now)."""
        return {k: (at_first[k], n) for k, n in user.counts().items() if n > at_first[k]}

    took, what = user.slowest
    REPORT.append(
        f"{SWITCHES} switches in {time.monotonic() - began:.0f} s: the slowest ({what}) held the "
        f"window for {took * 1000:.0f} ms, the slowest turn of the event loop for "
        f"{user.slowest_turn * 1000:.0f} ms; {before:.0f} -> {after:.0f} MB in use, "
        f"{occupied():.0f} MB occupied; "
        f"{sum(user.seen.values())} fresh answers seen"
    )
    assert took < PATIENCE, what
    assert user.slowest_turn < PATIENCE
    assert len(user.done) == len(user.switches)
    # Not every pair: what a random walk meets of them depends on the computer's speed.
    assert {"zebra", "pizza", "coffee"} <= {what for what, _ in user.seen}, "not looked at"
    assert {FAST, BUSY} <= {model for _, model in user.seen}, "not looked at"
    # Threads of decoders, and of pools that had much to do, end a little later.
    with contextlib.suppress(user.user.qtbot.TimeoutError):
        user.user.wait(lambda: not grown())
    assert grown() == {}
    assert after / before < GROWTH, f"{before:.0f} -> {after:.0f} MB"


def test_video_that_is_opening_does_not_take_over_when_it_is_left(
    new_window: Callable[..., Driver], videos: dict[str, Path]
) -> None:
    write_settings(model=FAST)
    live = Live(new_window())
    live.user.window.open_paths([str(videos["pizza"])])
    assert live.session.source is None, "it has no picture yet"

    live.press(Qt.Key.Key_F6)
    live.user.qtbot.wait(500)

    assert live.session.source is None
    assert live.user.window.welcome.isVisible()
