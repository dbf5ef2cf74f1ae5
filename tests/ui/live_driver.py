"""What tests of live mode in the window share: cameras on the desk, and what is to be seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageOps
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QImage
from PySide6.QtMultimedia import QVideoFrame
from PySide6.QtWidgets import QApplication, QComboBox, QListView

from doubles.cameras import PretendCamera
from ui.window_driver import SAMPLES, texts_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ui.window_driver import Driver
    from vggscope.sources.live.base import Format
    from vggscope.ui.live.presenter import LivePresenter
    from vggscope.ui.live.session import LiveSession

LABELS: Final = {"zebra": "zebra", "coffee": "espresso", "pizza": "pizza", "ladybug": "ladybug"}
"""What the faster bundled model says of some samples, cropped to 4:3; sure of it, too."""
RETRY: Final = "Try again"
_THUMB: Final = (64, 48)


def camera_of(name: str, number: int = 0, title: str = "") -> PretendCamera:
    """A camera before which the sample ``name`` stands."""
    return PretendCamera(
        f"/dev/video{number}".encode(), title or f"Camera {number}", photo=SAMPLES / f"{name}.jpg"
    )


@dataclass(eq=False)
class ReusingCamera(PretendCamera):
    """A camera whose pictures lie in its own buffers.

    Attributes:
        sent: the newest of its pictures.
    """

    sent: list[QVideoFrame] = field(default_factory=list)

    def frame(self, wanted: Format) -> QVideoFrame:
        made = super().frame(wanted)
        self.sent = [*self.sent[-30:], made]
        return made

    def reclaim(self) -> int:
        """Blacken what was sent, as drivers do with buffers; how many pictures that were."""
        for frame in self.sent:
            assert frame.map(QVideoFrame.MapMode.WriteOnly)
            for plane in range(frame.planeCount()):
                frame.bits(plane)[:] = bytes(frame.mappedBytes(plane))
            frame.unmap()
        return len(self.sent)


class Live:
    """Live mode of a window, and its user's eyes."""

    def __init__(self, user: Driver) -> None:
        self.user = user

    @property
    def presenter(self) -> LivePresenter:
        live = self.user.window.live
        assert live is not None
        return live

    @property
    def session(self) -> LiveSession:
        return self.presenter.session

    def press(self, key: Qt.Key) -> None:
        """On the window itself: whatever has the keyboard, it is a shortcut."""
        self.user.key(key)
        QApplication.processEvents()

    # What is to be seen

    def sentences(self) -> list[str]:
        """What stands in the picture's place."""
        return texts_in(self.presenter.notice)

    def has_retry(self) -> bool:
        return self.presenter.notice.retry.isVisible()

    def retry(self) -> None:
        self.user.click(self.user.button(RETRY, self.presenter.notice))

    def best(self) -> str:
        """The best of the predictions that are shown; "" if there are none, or old ones."""
        [bars] = self.user.window.predictions.findChildren(QListView)
        if not bars.isVisible() or "Out of date" in self.user.pane_texts():
            return ""
        model = bars.model()
        # Classes keep their places: the first one need not be the best one.
        spoken = [
            str(model.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole))
            for row in range(model.rowCount())
        ]
        [best] = [text for text in spoken if text.startswith("1. ")]
        return best.removeprefix("1. ").rsplit(", ", 1)[0]

    def sees(self, label: str) -> Callable[[], bool]:
        """Whether a picture is shown, and the network says that it is ``label``."""
        canvas = self.user.window.canvas
        return lambda: canvas.isVisible() and canvas.has_picture and self.best() == label

    def wait_for(self, label: str) -> None:
        self.user.wait(self.sees(label))

    def wait_for_sentence(self, text: str) -> None:
        self.user.wait(lambda: text in self.sentences())

    def picture(self) -> NDArray[np.float64]:
        """The picture on the canvas, small: height × width × RGB."""
        canvas, size = self.user.window.canvas, self.session.preview
        assert size is not None
        corner = canvas.to_screen(QPointF(0, 0))
        end = canvas.to_screen(QPointF(size.size.width(), size.size.height()))
        ratio = canvas.devicePixelRatioF()
        place = QRectF(corner * ratio, end * ratio).toRect()
        image = canvas.grab().toImage().copy(place).convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(image.constBits(), np.uint8)
        rows = rows.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
        pixels = rows.reshape(image.height(), image.width(), 3)
        return small(Image.fromarray(pixels))

    def shows(self, name: str, *, mirrored: bool = False) -> bool:
        """Whether the picture on the canvas is the sample ``name``, turned that way round."""
        shown, preview = self.picture(), self.session.preview
        assert preview is not None
        size = (preview.size.width(), preview.size.height())
        right, wrong = (seen(name, size, mirrored=m) for m in (mirrored, not mirrored))
        return likeness(shown, right) > 0.9 and likeness(shown, right) > likeness(shown, wrong)

    # The bar

    def combo(self, name: str) -> QComboBox:
        [found] = [
            combo
            for combo in self.presenter.bar.findChildren(QComboBox)
            if combo.isVisible() and combo.accessibleName() == name
        ]
        return found

    def choices(self, name: str) -> list[str]:
        combo = self.combo(name)
        return [combo.itemText(row) for row in range(combo.count())]

    def choose(self, name: str, text: str) -> None:
        """Choose an entry with the keyboard, as ``activated`` tells of users only."""
        combo = self.combo(name)
        row = self.choices(name).index(text)
        combo.setFocus()
        down = row > combo.currentIndex()
        for _ in range(abs(row - combo.currentIndex())):
            self.user.key(Qt.Key.Key_Down if down else Qt.Key.Key_Up, on=combo)


def seen(name: str, size: tuple[int, int], *, mirrored: bool = False) -> NDArray[np.float64]:
    """A sample as a camera of ``size`` sees it, small."""
    with Image.open(SAMPLES / f"{name}.jpg") as photo:
        fitted = ImageOps.fit(photo.convert("RGB"), size)
    return small(ImageOps.mirror(fitted) if mirrored else fitted)


def likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Correlation of two pictures; 1 for the same, whatever their brightness."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def small(image: Image.Image) -> NDArray[np.float64]:
    """``image`` as height × width × RGB, a few pixels."""
    return np.asarray(image.convert("RGB").resize(_THUMB, Image.Resampling.BOX), np.float64)
