"""Light and dark: colours, the palette, the style sheet, and icons in the palette's colour.

Qt's own dark palette has unreadable disabled texts, and ``setColorScheme`` does nothing on X
without a desktop theme: so both schemes are set by hand, and look the same everywhere. Colours of
data (bars, feature maps) never come from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from vggscope import paths

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of one scheme, by role, as "#rrggbb"."""

    surface: str
    canvas: str
    raised: str
    track: str
    border: str
    text: str
    muted: str
    disabled: str
    accent: str
    on_accent: str
    good: str
    bad: str


LIGHT: Final = Colours(
    surface="#ffffff",
    canvas="#e9eaee",
    raised="#f1f2f4",
    track="#e8e9ed",
    border="#d5d7dd",
    text="#1b1d21",
    muted="#5f646d",
    disabled="#a3a7ae",
    accent="#1f6fc4",
    on_accent="#ffffff",
    good="#2a9d58",
    bad="#b93434",
)
DARK: Final = Colours(
    surface="#25262a",
    canvas="#101113",
    raised="#303136",
    track="#3a3b41",
    border="#404147",
    text="#f2f2f4",
    muted="#a6a9b1",
    disabled="#6e7178",
    accent="#4b9bea",
    on_accent="#0c1420",
    good="#45c27b",
    bad="#f07f7f",
)


class Theme(QObject):
    """The scheme in use. One per application.

    Attributes:
        colours: of the scheme in use.

    Signals:
        changed: the colours are others now; icons must be made anew.
    """

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._scheme = "system"
        self.colours = LIGHT
        application.styleHints().colorSchemeChanged.connect(self._follow_system)

    def use(self, scheme: str) -> None:
        """Switch to "light", "dark", or "system", which follows the desktop, now and later."""
        self._scheme = scheme
        wanted = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        # Also tells the window manager, which colours the title bar.
        self._application.styleHints().setColorScheme(wanted.get(scheme, Qt.ColorScheme.Unknown))
        self._apply(self._is_dark())

    def icon(self, name: str) -> QIcon:
        """The icon ``resources/icons/<name>.svg`` in the text colour (disabled: paler)."""
        return _icon(name, self.colours.text, self.colours.disabled)

    def _is_dark(self) -> bool:
        if self._scheme == "system":
            return self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return self._scheme == "dark"

    def _follow_system(self) -> None:
        if self._scheme == "system":
            self._apply(self._is_dark())

    def _apply(self, dark: bool) -> None:
        self.colours = DARK if dark else LIGHT
        self._application.setPalette(_palette(self.colours))
        self._application.setStyleSheet(_style_sheet(self.colours))
        self.changed.emit()


@cache
def _svg(name: str) -> str:
    return paths.resource("icons", f"{name}.svg").read_text(encoding="utf-8")


def picture(name: str, colour: str, side: int) -> QPixmap:
    """The icon ``name`` in ``colour`` as a pixmap of ``side`` logical pixels."""
    ratio = QGuiApplication.primaryScreen().devicePixelRatio() if QGuiApplication.screens() else 1.0
    return _pixmap(name, colour, side, ratio)


@cache
def _pixmap(name: str, colour: str, side: int, ratio: float) -> QPixmap:
    pixmap = QPixmap(round(side * ratio), round(side * ratio))
    pixmap.fill(Qt.GlobalColor.transparent)
    renderer = QSvgRenderer(QByteArray(_svg(name).replace("currentColor", colour).encode()))
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


@cache
def _icon(name: str, colour: str, disabled: str) -> QIcon:
    icon = QIcon()
    for side in (20, 40):
        icon.addPixmap(picture(name, colour, side), QIcon.Mode.Normal)
        icon.addPixmap(picture(name, disabled, side), QIcon.Mode.Disabled)
    return icon


def _palette(colours: Colours) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for name, colour in {
        role.Window: colours.surface,
        role.WindowText: colours.text,
        role.Base: colours.raised,
        role.AlternateBase: colours.surface,
        role.Text: colours.text,
        role.PlaceholderText: colours.muted,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.BrightText: colours.bad,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent,
        role.Link: colours.accent,
        role.LinkVisited: colours.accent,
        role.Mid: colours.muted,
        role.Midlight: colours.track,
        role.Light: colours.raised,
        role.Dark: colours.muted,
        role.Shadow: colours.muted,
    }.items():
        palette.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(colours.disabled))
    return palette


def _style_sheet(c: Colours) -> str:
    # Pictures of a style sheet cannot be tinted: there is a file for either scheme.
    scheme = "light" if c is LIGHT else "dark"
    up, down, check = (
        f'url("{paths.resource("icons", f"{name}-{scheme}.svg").as_posix()}")'
        for name in ("arrow-up", "arrow-down", "check")
    )
    return f"""
    QToolTip {{ color: {c.text}; background: {c.raised}; border: 1px solid {c.border};
        padding: 4px 6px; }}
    QMenuBar {{ background: {c.surface}; }}
    QMenuBar::item {{ padding: 5px 9px; background: transparent; border-radius: 4px; }}
    QMenuBar::item:selected {{ background: {c.raised}; }}
    QMenu {{ background: {c.surface}; border: 1px solid {c.border}; padding: 5px; }}
    QMenu::item {{ padding: 5px 26px 5px 10px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QMenu::item:disabled {{ color: {c.disabled}; background: transparent; }}
    QMenu::separator {{ height: 1px; background: {c.border}; margin: 5px 8px; }}
    QMenu::icon {{ padding-left: 8px; }}
    QMenu::icon:checked {{ background: {c.track}; border: 1px solid {c.accent};
        border-radius: 4px; }}
    QToolBar {{ background: {c.surface}; border: none; border-bottom: 1px solid {c.border};
        padding: 7px 10px; spacing: 8px; }}
    QToolButton, QPushButton {{ background: {c.raised}; border: 1px solid {c.border};
        border-radius: 7px; padding: 6px 11px; color: {c.text}; }}
    QToolButton:hover, QPushButton:hover {{ border-color: {c.muted}; }}
    QToolButton:pressed, QPushButton:pressed, QToolButton:checked {{ background: {c.track}; }}
    QFileDialog QToolButton {{ padding: 2px; }}
    QToolButton:focus, QPushButton:focus {{ border-color: {c.accent}; }}
    QToolButton:disabled, QPushButton:disabled {{ color: {c.disabled}; }}
    QToolButton[popupMode="2"] {{ padding-right: 24px; }}
    QToolButton::menu-indicator {{ subcontrol-position: right center; right: 8px; }}
    QToolButton[flat="true"] {{ background: transparent; border-color: transparent;
        padding: 4px 6px; }}
    QToolButton[flat="true"][popupMode="2"] {{ padding-right: 22px; }}
    QToolButton[flat="true"]:hover {{ background: {c.raised}; }}
    QToolButton[flat="true"]:checked {{ background: {c.raised}; border-color: {c.border}; }}
    QToolButton[flat="true"]:focus {{ border-color: {c.accent}; }}
    QToolButton[segment] {{ border-radius: 0; border-right-width: 0; padding: 6px 9px; }}
    QToolButton[segment="first"] {{ border-top-left-radius: 7px; border-bottom-left-radius: 7px; }}
    QToolButton[segment="last"] {{ border-top-right-radius: 7px; border-bottom-right-radius: 7px;
        border-right-width: 1px; }}
    QToolButton[segment]:checked {{ background: {c.accent}; border-color: {c.accent};
        color: {c.on_accent}; }}
    QToolButton[segment]:focus {{ border-color: {c.text}; }}
    QSlider::groove:horizontal {{ height: 4px; background: {c.track}; border-radius: 2px; }}
    QSlider::sub-page:horizontal {{ background: {c.accent}; border-radius: 2px; }}
    QSlider::sub-page:horizontal:disabled {{ background: {c.track}; }}
    QSlider::handle:horizontal {{ width: 14px; height: 14px; margin: -5px 0; border-radius: 7px;
        background: {c.accent}; border: 2px solid {c.surface}; }}
    QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{
        border-color: {c.text}; }}
    QSlider::handle:horizontal:disabled {{ background: {c.disabled}; }}
    QToolButton[link="true"] {{ color: {c.accent}; }}
    QPushButton[primary="true"], QToolButton[primary="true"] {{ background: {c.accent};
        border-color: {c.accent}; color: {c.on_accent}; font-weight: 600; }}
    QPushButton[primary="true"]:focus, QToolButton[primary="true"]:focus
        {{ border-color: {c.text}; }}
    QPushButton[primary="true"]:disabled {{ background: {c.track}; border-color: {c.border};
        color: {c.disabled}; }}
    QComboBox, QSpinBox, QFileDialog QLineEdit, QLineEdit[field="true"] {{ background: {c.raised};
        border: 1px solid {c.border}; border-radius: 7px; padding: 5px 10px; color: {c.text};
        selection-background-color: {c.accent}; selection-color: {c.on_accent}; }}
    QPlainTextEdit {{ background: {c.raised}; border: 1px solid {c.border}; border-radius: 7px;
        padding: 4px 6px; color: {c.text}; selection-background-color: {c.accent};
        selection-color: {c.on_accent}; }}
    QPlainTextEdit:focus {{ border-color: {c.accent}; }}
    QComboBox {{ combobox-popup: 0; min-height: 18px; }}
    QSpinBox {{ padding: 3px 0; min-height: 19px; }}
    QComboBox:hover, QSpinBox:hover {{ border-color: {c.muted}; }}
    QComboBox:focus, QSpinBox:focus, QFileDialog QLineEdit:focus,
    QLineEdit[field="true"]:focus {{ border-color: {c.accent}; }}
    QLineEdit[field="true"]:disabled, QComboBox:disabled, QSpinBox:disabled {{
        color: {c.disabled}; }}
    QComboBox::drop-down {{ border: none; width: 28px; }}
    QComboBox::down-arrow {{ image: {down}; width: 12px; height: 12px; }}
    QComboBox QAbstractItemView {{ background: {c.surface}; border: 1px solid {c.border};
        padding: 4px; }}
    QComboBox QAbstractItemView::item {{ padding: 5px 8px; border-radius: 4px; }}
    QComboBox QAbstractItemView::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QSpinBox::up-button, QSpinBox::down-button {{ border: none; background: transparent;
        width: 28px; subcontrol-origin: border; }}
    QSpinBox::up-button {{ subcontrol-position: top right; margin-top: 3px; }}
    QSpinBox::down-button {{ subcontrol-position: bottom right; margin-bottom: 3px; }}
    QSpinBox::up-arrow {{ image: {up}; width: 12px; height: 12px; }}
    QSpinBox::down-arrow {{ image: {down}; width: 12px; height: 12px; }}
    QCheckBox {{ spacing: 9px; padding: 4px 0; }}
    QCheckBox::indicator {{ width: 16px; height: 16px; background: {c.raised};
        border: 1px solid {c.muted}; border-radius: 4px; }}
    QCheckBox::indicator:hover {{ border-color: {c.accent}; }}
    QCheckBox::indicator:checked {{ background: {c.accent}; border-color: {c.accent};
        image: {check}; }}
    QCheckBox::indicator:focus {{ border: 2px solid {c.accent}; width: 14px; height: 14px; }}
    QCheckBox::indicator:checked:focus {{ border-color: {c.text}; }}
    QStatusBar {{ background: {c.surface}; border-top: 1px solid {c.border}; color: {c.muted}; }}
    QStatusBar::item {{ border: none; }}
    QSplitter::handle {{ background: {c.border}; }}
    QSplitter::handle:horizontal {{ width: 1px; }}
    QSplitter::handle:vertical {{ height: 1px; }}
    QListView, QTableView {{ background: {c.surface}; border: none; outline: none;
        gridline-color: {c.border}; selection-background-color: {c.accent};
        selection-color: {c.on_accent}; alternate-background-color: {c.raised}; }}
    QListView[completions="true"] {{ border: 1px solid {c.border}; padding: 4px; }}
    QWidget#panel QListView, QWidget#panel QTableView {{ border: 2px solid transparent; }}
    QWidget#panel QListView:focus, QWidget#panel QTableView:focus {{ border-color: {c.accent}; }}
    /* Cells get 3 px more from Qt: so their texts stand below those of the header. */
    QTableView::item {{ padding: 0 7px; }}
    QHeaderView::section {{ background: {c.surface}; color: {c.muted}; border: none;
        border-bottom: 1px solid {c.border}; padding: 5px 10px; font-weight: 600; }}
    QTableCornerButton::section {{ background: {c.surface}; border: none; }}
    QProgressBar {{ background: {c.track}; border: none; border-radius: 3px; max-height: 6px; }}
    QProgressBar::chunk {{ background: {c.accent}; border-radius: 3px; }}
    QScrollBar {{ background: transparent; margin: 0; }}
    QScrollBar:horizontal {{ height: 11px; }}
    QScrollBar:vertical {{ width: 11px; }}
    QScrollBar::handle {{ background: {c.border}; border-radius: 4px; margin: 2px;
        min-width: 28px; min-height: 28px; }}
    QScrollBar::handle:hover {{ background: {c.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QLabel[muted="true"] {{ color: {c.muted}; }}
    QLabel[heading="true"] {{ color: {c.muted}; font-weight: 600; }}
    QLabel[title="true"] {{ font-size: 15pt; font-weight: 600; }}
    QLabel[bad="true"] {{ color: {c.bad}; font-weight: 600; }}
    QFrame[card="true"] {{ background: {c.surface}; border: 1px solid {c.border};
        border-radius: 9px; }}
    QFrame[question="true"] {{ background: {c.raised}; border: none; border-radius: 7px; }}
    QLabel[chip="true"] {{ background: {c.track}; color: {c.text}; border-radius: 9px;
        padding: 2px 9px; }}
    QLabel[chip="true"][kind="good"] {{ background: {c.good}; color: {c.on_accent}; }}
    QLabel[chip="true"][kind="accent"] {{ background: {c.accent}; color: {c.on_accent}; }}
    QLabel[chip="true"][kind="bad"] {{ background: transparent; color: {c.bad};
        border: 1px solid {c.bad}; }}
    QLabel[wrong="true"] {{ color: {c.bad}; }}
    QLabel[strong="true"] {{ font-weight: 600; }}
    QFrame#messageBar {{ background: {c.raised}; border: none;
        border-bottom: 1px solid {c.border}; }}
    QWidget#canvasArea {{ background: {c.canvas}; }}
    QWidget#panel {{ background: {c.surface}; }}
    """
