"""What tests of videos in the window share: films to show, and their projectionist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QSlider

from ui.live_driver import Live
from vggscope import paths
from vggscope.sources.live.video import VideoSource
from vggscope.ui.texts import percent
from videos import make_video

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ui.window_driver import Driver

SIZE: Final = (320, 240)
FPS: Final = 15


class Films:
    """Videos of samples; each is made when it is first asked for, and may be used by any test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, name: str, write: Callable[[Path], object]) -> Path:
        """The file ``name``, written by ``write`` unless that was done before."""
        path = self._folder / name
        if not path.exists():
            write(path)
        return path

    def of(self, *photos: str, seconds: float, pan: int = 0) -> Path:
        """A film of ``photos`` (names of samples), 320 × 240 at 15 frames per second."""
        names = [f"{photo}.jpg" for photo in photos]
        title = f"{'-'.join(photos)}-{seconds:g}-{pan}.mp4"
        return self.make(
            title,
            lambda path: make_video(
                path, names, size=SIZE, fps=FPS, seconds=seconds, pan=pan, key_every=FPS
            ),
        )

    @property
    def still(self) -> Path:
        """Half a minute of a zebra that does not move."""
        return self.of("zebra", seconds=30)

    @property
    def wandering(self) -> Path:
        """Half a minute of a zebra that wanders: no two frames are the same."""
        return self.of("zebra", seconds=30, pan=4)

    @property
    def two(self) -> Path:
        """Two seconds of a zebra, then two of a pizza."""
        return self.of("zebra", "pizza", seconds=4)

    @property
    def short(self) -> Path:
        """Not a second of a zebra."""
        return self.of("zebra", seconds=0.8)


class Cinema(Live):
    """A window that shows videos."""

    def __init__(self, user: Driver) -> None:
        super().__init__(user)
        self.canvas = user.window.canvas

    @property
    def video(self) -> VideoSource:
        source = self.session.source
        assert isinstance(source, VideoSource)
        return source

    @property
    def message(self) -> str:
        """What stands in the message bar; "" if it is closed."""
        messages = self.user.window.messages
        return messages.text if messages.isVisible() else ""

    def wait_for_message(self, *parts: str) -> None:
        self.user.wait(lambda: all(part in self.message for part in parts))

    def show(self, film: Path, label: str = "zebra") -> None:
        """Drop a film, and wait until the network says of it that it is ``label``."""
        self.user.drop_files(film)
        self.wait_for(label)

    def freeze(self) -> None:
        """By the key, and wait for the predictions of just this frame."""
        self.press(Qt.Key.Key_Space)
        self.user.wait(lambda: self.session.is_frozen)
        self.wait_for_answer()

    def wait_for_answer(self) -> None:
        """Wait until the answer to the very frame that stays is shown."""
        self.user.wait(lambda: self.is_answered() and self._shows_answer())

    def _shows_answer(self) -> bool:
        # The window follows, but no oftener than can be read.
        shown, pane = self.presenter.classification, self.user.window.predictions
        if shown is None or pane.bars.delegate.faded:
            return False
        bars = self.user.spoken_predictions()
        # In the places that they have kept, and some with a remark behind it.
        top = [f"{p.rank}. {p.label}, {percent(p.probability)}" for p in shown.top(len(bars))]
        return bool(bars) and all(any(bar.startswith(said) for bar in bars) for said in top)

    def is_answered(self) -> bool:
        """Whether there is an answer to the very frame that stays."""
        answer, frozen, preview = self.session.answer, self.session.frozen, self.session.preview
        if answer is None or frozen is None or preview is None or self.session.is_stale:
            return False
        return answer.frame.number == frozen.number == preview.frame.number

    @property
    def badge(self) -> str:
        """What a screen reader says of the canvas, after the picture's size."""
        return self.canvas.accessibleDescription()

    @property
    def note(self) -> str:
        """The line below the predictions."""
        return self.user.pane_texts()[-1]

    # The bar

    @property
    def slider(self) -> QSlider:
        [found] = [s for s in self.presenter.bar.findChildren(QSlider) if s.isVisible()]
        return found

    def slide_to(self, share: float) -> None:
        """With the mouse: take the handle and put it down elsewhere, 0..1."""
        slider = self.slider
        handle = _handle(slider, slider.value() / slider.maximum())
        _mouse(slider, handle, _handle(slider, share))


def _handle(slider: QSlider, share: float) -> QPoint:
    margin = 8
    return QPoint(margin + round(share * (slider.width() - 2 * margin)), slider.height() // 2)


def _mouse(slider: QSlider, begin: QPoint, end: QPoint) -> None:
    from PySide6.QtTest import QTest  # noqa: PLC0415

    left = Qt.MouseButton.LeftButton
    QTest.mousePress(slider, left, Qt.KeyboardModifier.NoModifier, begin)
    QTest.mouseMove(slider, (begin + end) / 2)
    QTest.mouseMove(slider, end)
    QTest.mouseRelease(slider, left, Qt.KeyboardModifier.NoModifier, end)


def frame_at(film: Path, seconds: float) -> NDArray[np.uint8]:
    """The frame of ``film`` that begins at ``seconds``: [H, W, 3] of 8-bit RGB, by FFmpeg."""
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            time: Any = frame.time
            if time is not None and abs(time - seconds) < 0.5 / FPS:
                return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    raise AssertionError(f"there is no frame at {seconds} s")


def captures(suffix: str) -> list[Path]:
    """The files in the folder of captures, in order."""
    return sorted(paths.captures_dir().glob(f"*{suffix}"))
