"""Light and dark, at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QToolButton

from vggscope.ui.settings import THEME
from vggscope.ui.theme import DARK, LIGHT, Theme, picture

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from ui.window_driver import Driver
    from vggscope.ui.theme import Colours


def darkest(image: QImage) -> QColor:
    """The colour of the strokes of an icon."""
    pixels = [
        image.pixelColor(x, y)
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    ]
    assert pixels
    return max(pixels, key=lambda colour: colour.alpha())


def icon_colour(user: Driver, action: str) -> str:
    icon = user.window.actions_by_key[action].icon()
    return darkest(icon.pixmap(40, 40).toImage()).name()


@pytest.mark.parametrize(("scheme", "colours"), [("dark", DARK), ("light", LIGHT)])
def test_the_scheme_changes_at_once_and_everywhere(
    user: Driver, scheme: str, colours: Colours
) -> None:
    user.open("zebra", "pizza")
    user.settings.set(THEME, "light" if scheme == "dark" else "dark")
    before = user.window.grab().toImage()
    user.settings.set(THEME, scheme)
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    palette = application.palette()
    assert palette.color(QPalette.ColorRole.Window) == QColor(colours.surface)
    assert palette.color(QPalette.ColorRole.WindowText) == QColor(colours.text)
    assert icon_colour(user, "open") == colours.text
    after = user.window.grab().toImage()
    assert after != before
    canvas = user.window.canvas
    corner = canvas.grab().toImage().pixelColor(4, 4)  # inside the frame of the focus
    assert corner == QColor(colours.canvas)
    pane = user.window.predictions.grab().toImage()
    assert pane.pixelColor(2, pane.height() // 2) == QColor(colours.surface)
    user.trigger("remove_all")


def test_by_the_menu(user: Driver) -> None:
    [menu] = [m for m in user.window.findChildren(QMenu) if m.title() == "Appearance"]
    menu.aboutToShow.emit()
    entries = {a.text(): a for a in menu.actions()}
    assert [t for t, a in entries.items() if a.isChecked()] == ["Light"]
    entries["Dark"].trigger()
    assert user.theme.colours == DARK
    menu.aboutToShow.emit()
    assert [t for t, a in entries.items() if a.isChecked()] == ["Dark"]


def test_the_system_is_followed_now_and_later(
    theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desktop's answer is the outermost edge: this X server has no desktop."""
    desktop = {"scheme": Qt.ColorScheme.Dark}
    hints = QApplication.styleHints()

    class Hints:
        def colorScheme(self) -> Qt.ColorScheme:  # noqa: N802
            return desktop["scheme"]

        def setColorScheme(self, _scheme: Qt.ColorScheme) -> None:  # noqa: N802
            pass

    class Application:
        def __getattr__(self, name: str) -> object:
            return getattr(QApplication.instance(), name)

        def styleHints(self) -> Hints:  # noqa: N802
            return Hints()

    monkeypatch.setattr(theme, "_application", Application())
    changes = []
    theme.changed.connect(lambda: changes.append(theme.colours))
    theme.use("system")
    assert changes == [DARK]
    desktop["scheme"] = Qt.ColorScheme.Light
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert changes == [DARK, LIGHT]
    theme.use("dark")
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert theme.colours == DARK, "what the user chose is not overruled by the desktop"


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_texts_are_readable(colours: Colours) -> None:
    """WCAG 2.2 contrast: 4.5 for texts, 3 for accents and for what is disabled at least 2."""

    def luminance(name: str) -> float:
        colour = QColor(name)
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (colour.redF(), colour.greenF(), colour.blueF())
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(first: str, second: str) -> float:
        light, dark = sorted((luminance(first), luminance(second)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for ground in (colours.surface, colours.raised, colours.canvas):
        assert contrast(colours.text, ground) >= 7
        assert contrast(colours.muted, ground) >= 4.5
        assert contrast(colours.bad, ground) >= 4.5
        assert contrast(colours.disabled, ground) >= 2
    assert contrast(colours.on_accent, colours.accent) >= 4.5
    assert contrast(colours.accent, colours.track) >= 3


def test_a_menu_entry_that_is_on_looks_so(user: Driver) -> None:
    """Its icon stands where a tick would."""
    action = user.window.actions_by_key["crop_box"]
    [menu] = [m for m in user.window.findChildren(QMenu) if action in m.actions()]
    pictures = []
    for on in (True, False):
        action.setChecked(on)
        pictures.append(menu.grab().toImage())
    assert pictures[0] != pictures[1]


def test_the_buttons_of_qts_own_file_dialog_show_their_icons(user: Driver) -> None:
    """It is what desktops without a dialog of their own get."""
    dialog = QFileDialog(user.window)
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    dialog.show()
    buttons = [b for b in dialog.findChildren(QToolButton) if b.isVisible()]
    assert len(buttons) >= 5
    for button in buttons:
        button.setEnabled(True)
        before = button.grab().toImage()
        button.setIcon(QIcon())
        assert button.grab().toImage() != before, button.toolTip()
    dialog.close()
    dialog.deleteLater()


def test_icons_are_drawn_in_the_given_colour(qapp: QApplication) -> None:
    assert qapp
    image = picture("open", "#ff8000", 32).toImage()
    assert darkest(image).name() == "#ff8000"
    assert image.pixelColor(0, 0).alpha() == 0
