"""Sources that stand and look as a test of the bar says."""

from __future__ import annotations

from typing import Final

from PySide6.QtMultimedia import QCapturableWindow

from vggscope.sources.live.screen import ScreenSource, Target
from vggscope.sources.live.video import VideoSource


class Film(VideoSource):
    """A video that stands where the test says.

    Attributes:
        sought: seconds that the bar has sent it to.
    """

    def __init__(self, duration: float = 100.0) -> None:
        super().__init__("film.mp4")
        self._duration, self._position = duration, 0.0
        self.sought: list[float] = []

    @property
    def duration(self) -> float:
        return self._duration

    @property
    def position(self) -> float:
        return self._position

    @property
    def is_seekable(self) -> bool:
        return True

    def seek(self, seconds: float) -> None:
        self.sought.append(seconds)
        self.move_to(seconds)

    def move_to(self, seconds: float) -> None:
        """It plays on."""
        self._position = seconds
        self.position_changed.emit()


class Screens(ScreenSource):
    """A desktop that the test lays out.

    Attributes:
        used: what the bar has chosen.
    """

    offered: Final[list[Target]] = []

    def __init__(self, target: Target | None = None) -> None:
        super().__init__(target)
        self.used: list[str] = []

    @staticmethod
    def targets() -> list[Target]:
        # Found anew each time, as the system's are.
        return [Target(each.name, each.geometry, each.window) for each in Screens.offered]

    def use_target(self, target: Target) -> None:
        self.used.append(target.name)
        super().use_target(target)


class Window(QCapturableWindow):
    """A window of another program; as PySide's, only "!=" looks at which one it is."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def __ne__(self, other: object) -> bool:
        return isinstance(other, Window) and self.number != other.number

    __hash__ = None  # type: ignore[assignment]
