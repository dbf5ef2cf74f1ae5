"""The screen in the window: a photo on a real screen comes out as the right class."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QToolButton

from support import environment
from ui.live_driver import Live
from ui.window_driver import FAST, sample, write_settings
from vggscope.sources.live.base import State
from vggscope.ui.region_picker import RegionPicker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ui.window_driver import Driver

KEY = Qt.Key
LEFT = Qt.MouseButton.LeftButton
PLACE: Final = QRect(1400, 120, 640, 480)
"""Where the photo is on the screen: beside the window."""
SCREEN: Final = "Screen or window"
ANOTHER_PROGRAM: Final = r"""
import sys
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication, QLabel

application = QApplication([])
label = QLabel()
label.setWindowTitle("another program")
label.setPixmap(QPixmap(sys.argv[1]))
label.move(1400, 700)
label.show()
print(int(label.winId()), flush=True)
application.exec()
"""


@pytest.fixture
def photo(qapp: QApplication) -> Iterator[QLabel]:
    """A photo of a zebra on the screen, beside where the window will be."""
    assert qapp
    if QGuiApplication.platformName() != "xcb":
        pytest.skip(f"no X server: {QGuiApplication.platformName()} shows nothing on a screen")
    if not QGuiApplication.primaryScreen().geometry().contains(PLACE):
        pytest.skip("the screen is too small for a photo beside the window")
    label = QLabel()
    label.setWindowFlag(Qt.WindowType.FramelessWindowHint)
    label.setPixmap(fitted("zebra"))
    label.setGeometry(PLACE)
    label.show()
    yield label
    label.close()
    label.deleteLater()


@pytest.fixture
def live(photo: QLabel, new_window: Callable[..., Driver]) -> Live:
    """A window in the left upper corner that shows the screen."""
    assert photo
    write_settings(model=FAST, theme="light", crop_box=False)
    user = new_window()
    user.window.move(0, 0)
    user.wait_for_model(FAST)
    live = Live(user)
    live.press(KEY.Key_F9)
    user.wait(lambda: live.session.preview is not None and live.best() != "")
    return live


def fitted(name: str) -> QPixmap:
    """A sample that fills ``PLACE``."""
    photo = QPixmap(sample(name)).scaled(
        PLACE.size(),
        Qt.AspectRatioMode.KeepAspectRatioByExpanding,
        Qt.TransformationMode.SmoothTransformation,
    )
    middle = QRect(QPoint(), PLACE.size())
    middle.moveCenter(photo.rect().center())
    return photo.copy(middle)


def choose_region(live: Live, region: QRect) -> None:
    """G, draw it with the mouse, Enter."""
    live.press(KEY.Key_G)

    def pickers() -> list[RegionPicker]:
        found = [w for w in QApplication.topLevelWidgets() if isinstance(w, RegionPicker)]
        return [picker for picker in found if picker.isVisible()]

    live.user.wait(lambda: len(pickers()) == 1)
    [picker] = pickers()
    live.user.qtbot.waitExposed(picker)
    QTest.mousePress(picker, LEFT, pos=region.topLeft())
    QTest.mouseMove(picker, region.center())
    QTest.mouseMove(picker, region.bottomRight() + QPoint(1, 1))
    QTest.mouseRelease(picker, LEFT, pos=region.bottomRight() + QPoint(1, 1))
    QTest.keyClick(picker, KEY.Key_Return)
    live.user.wait(lambda: pickers() == [])
    # There is no window manager that would do it.
    live.user.activate()


def size_of_picture(live: Live) -> tuple[int, int] | None:
    preview = live.session.preview
    return None if preview is None else (preview.size.width(), preview.size.height())


def whole_screen(live: Live) -> QToolButton:
    [button] = [
        b for b in live.presenter.bar.findChildren(QToolButton) if b.text() == "Whole screen"
    ]
    return button


def test_photo_on_the_screen_is_recognised(live: Live, photo: QLabel) -> None:
    screen = live.user.window.screen()
    assert live.combo(SCREEN).currentText() == screen.name()
    assert live.user.window.windowTitle() == f"{screen.name()} — VGGscope"
    assert size_of_picture(live) == (screen.size() * screen.devicePixelRatio()).toTuple()
    assert not whole_screen(live).isVisible()

    choose_region(live, PLACE)
    live.wait_for("zebra")

    assert size_of_picture(live) == PLACE.size().toTuple()
    assert live.shows("zebra")

    photo.setPixmap(fitted("coffee"))
    live.wait_for("espresso")
    live.user.wait(lambda: live.shows("coffee"))


def test_whole_screen_again(live: Live) -> None:
    whole = size_of_picture(live)
    choose_region(live, PLACE)
    live.wait_for("zebra")

    live.user.click(whole_screen(live))
    assert live.best() != "zebra", "the answer for the part"
    live.user.wait(lambda: size_of_picture(live) == whole and live.best() != "")

    assert not whole_screen(live).isVisible()


def test_region_that_was_not_chosen_changes_nothing(live: Live) -> None:
    whole = size_of_picture(live)
    live.press(KEY.Key_G)
    live.user.wait(lambda: isinstance(QApplication.activeWindow(), RegionPicker))

    QTest.keyClick(QApplication.activeWindow(), KEY.Key_Escape)

    live.user.activate()
    assert size_of_picture(live) == whole


def test_frozen_screen_is_a_photo_that_stays(live: Live, photo: QLabel) -> None:
    choose_region(live, PLACE)
    live.wait_for("zebra")
    live.press(KEY.Key_Space)
    assert live.session.source is not None
    assert live.session.source.state is State.PAUSED

    photo.setPixmap(fitted("coffee"))
    live.user.qtbot.wait(300)
    live.wait_for("zebra")
    assert live.shows("zebra")

    live.press(KEY.Key_Space)
    live.wait_for("espresso")


def test_leaving_ends_the_capture(live: Live) -> None:
    live.press(KEY.Key_F6)

    assert live.session.source is None
    assert live.user.window.welcome.isVisible()


@pytest.fixture
def program(photo: QLabel, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another program whose window shows an espresso."""
    assert photo
    if sys.platform != "linux":
        pytest.skip("lists windows as window managers of X servers do")
    picture = tmp_path / "coffee.png"
    assert fitted("coffee").save(str(picture))
    child = subprocess.Popen(
        [sys.executable, "-c", ANOTHER_PROGRAM, str(picture)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    window = child.stdout.readline().strip()
    assert window, "it did not start"
    list_windows(int(window))
    yield child
    list_windows(0)
    child.kill()
    child.communicate()


def list_windows(window: int) -> None:
    """Tell the X server which window there is, in a window manager's place; 0 for none."""
    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XInternAtom.restype = x.XDefaultRootWindow.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x.XOpenDisplay(None))
    root = ctypes.c_ulong(x.XDefaultRootWindow(display))
    atom = ctypes.c_ulong(x.XInternAtom(display, b"_NET_CLIENT_LIST", 0))
    windows, count = ctypes.c_ulong(window), 1 if window else 0
    kind = ctypes.c_ulong(33)  # XA_WINDOW
    x.XChangeProperty(display, root, atom, kind, 32, 0, ctypes.byref(windows), count)
    x.XCloseDisplay(display)


def open_list(combo: QComboBox) -> None:
    """What is offered is looked up when the list opens."""
    combo.showPopup()
    combo.hidePopup()


def test_window_of_another_program(program: subprocess.Popen[str], live: Live) -> None:
    combo = live.combo(SCREEN)

    def is_listed() -> bool:
        open_list(combo)
        return live.choices(SCREEN)[-1] == "another program"

    live.user.wait(is_listed)

    live.choose(SCREEN, "another program")
    live.wait_for("espresso")

    window = live.user.window
    assert size_of_picture(live) == (640, 480)
    assert window.windowTitle() == "another program — VGGscope"
    assert live.shows("coffee")

    program.kill()
    program.wait()
    live.wait_for_sentence("The window “another program” was closed.")
    assert live.best() == ""
    assert not window.canvas.isVisible()

    open_list(combo)
    assert combo.currentIndex() == -1
    assert combo.placeholderText() == "another program"
    live.choose(SCREEN, window.screen().name())
    live.user.wait(lambda: live.best() != "")
    assert window.canvas.isVisible()
