"""The registry of actions: menus, toolbar, shortcuts and the shortcut sheet come from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QAction, QKeySequence

from vggscope.errors import QT_TRANSLATE_NOOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.ui.theme import Theme


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """What is known of an action before there is a window.

    Attributes:
        key: its name in the code.
        menu: the menu that it stands in (a key of ``MENUS``).
        text: with a mnemonic ("&Open…").
        icon: name of an icon, or "".
        shortcuts: portable key sequences; the first one is shown.
        checkable: whether it is on or off.
        separated: whether a line stands above it in its menu.
    """

    key: str
    menu: str
    text: str
    icon: str = ""
    shortcuts: tuple[str, ...] = ()
    checkable: bool = False
    separated: bool = False


MENUS: Final = {
    "file": QT_TRANSLATE_NOOP("actions", "&File"),
    "edit": QT_TRANSLATE_NOOP("actions", "&Edit"),
    "view": QT_TRANSLATE_NOOP("actions", "&View"),
    "photos": QT_TRANSLATE_NOOP("actions", "&Photos"),
    "model": QT_TRANSLATE_NOOP("actions", "&Model"),
    "help": QT_TRANSLATE_NOOP("actions", "&Help"),
}


def _spec(  # noqa: PLR0913 (a row of the table below)
    key: str,
    menu: str,
    text: str,
    icon: str = "",
    *shortcuts: str,
    checkable: bool = False,
    separated: bool = False,
) -> ActionSpec:
    return ActionSpec(
        key=key,
        menu=menu,
        text=text,
        icon=icon,
        shortcuts=shortcuts,
        checkable=checkable,
        separated=separated,
    )


_ = QT_TRANSLATE_NOOP
SPECS: Final = (
    _spec("open", "file", _("actions", "&Open Photos…"), "open", "Ctrl+O"),
    _spec("open_folder", "file", _("actions", "Open &Folder…"), "folder", "Ctrl+Shift+O"),
    _spec(
        "export_csv", "file", _("actions", "Export as &CSV…"), "export", "Ctrl+E", separated=True
    ),
    _spec("export_json", "file", _("actions", "Export as &JSON…"), "export", "Ctrl+Shift+E"),
    _spec("quit", "file", _("actions", "&Quit"), "quit", "Ctrl+Q", separated=True),
    _spec("paste", "edit", _("actions", "&Paste Photo"), "paste", "Ctrl+V"),
    _spec(
        "copy_text",
        "edit",
        _("actions", "&Copy Predictions as Text"),
        "copy",
        "Ctrl+C",
        separated=True,
    ),
    _spec("copy_csv", "edit", _("actions", "Copy Predictions as CS&V"), "copy", "Ctrl+Shift+C"),
    _spec("copy_json", "edit", _("actions", "Copy Predictions as &JSON"), "copy", "Ctrl+Alt+C"),
    _spec("settings", "edit", _("actions", "&Settings…"), "settings", "Ctrl+,", separated=True),
    _spec("zoom_fit", "view", _("actions", "&Fit to Window"), "zoom-fit", "Ctrl+0"),
    _spec("zoom_actual", "view", _("actions", "&Actual Size"), "", "Ctrl+1"),
    _spec("zoom_in", "view", _("actions", "Zoom &In"), "zoom-in", "Ctrl++", "Ctrl+="),
    _spec("zoom_out", "view", _("actions", "Zoom &Out"), "zoom-out", "Ctrl+-"),
    _spec(
        "crop_box",
        "view",
        _("actions", "Show What the &Network Sees"),
        "crop",
        "Ctrl+B",
        checkable=True,
        separated=True,
    ),
    _spec("as_table", "view", _("actions", "Photos as &Table"), "table", "Ctrl+T", checkable=True),
    _spec("full_screen", "view", _("actions", "F&ull Screen"), "", "F11", checkable=True),
    _spec("previous", "photos", _("actions", "&Previous Photo"), "previous", "Alt+Left"),
    _spec("next", "photos", _("actions", "&Next Photo"), "next", "Alt+Right"),
    _spec("stop", "photos", _("actions", "&Stop"), "stop", "Esc", separated=True),
    _spec("again", "photos", _("actions", "Classify &Again"), "again", "F5"),
    _spec("remove", "photos", _("actions", "&Remove Photo"), "", "Del", separated=True),
    _spec("remove_all", "photos", _("actions", "Remove A&ll Photos"), "clear", "Shift+Del"),
    _spec("shortcuts", "help", _("actions", "&Keyboard Shortcuts"), "keyboard", "F1", "Ctrl+?"),
    _spec("open_logs", "help", _("actions", "Open &Log Folder"), "log"),
    _spec("about", "help", _("actions", "&About VGGscope"), "info", separated=True),
)
del _


class Actions(QObject):
    """The actions of a window, made from ``SPECS``."""

    def __init__(self, parent: QObject, theme: Theme) -> None:
        super().__init__(parent)
        self._theme = theme
        self._actions: dict[str, QAction] = {}
        taken: set[str] = set()
        for spec in SPECS:
            if clash := taken.intersection(spec.shortcuts):
                raise ValueError(f"{spec.key}: {clash} is used twice")
            taken.update(spec.shortcuts)
            action = QAction(translated(spec.text), self)
            action.setCheckable(spec.checkable)
            action.setShortcuts([QKeySequence(s) for s in spec.shortcuts])
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            self._actions[spec.key] = action

    def __getitem__(self, key: str) -> QAction:
        return self._actions[key]

    def connect_to(self, slots: dict[str, Callable[[], object]]) -> None:
        """Call ``slots[key]`` when the action ``key`` is triggered. Every action needs a slot."""
        if missing := self._actions.keys() ^ slots.keys():
            raise ValueError(f"actions and slots differ: {sorted(missing)}")
        for key, slot in slots.items():
            self._actions[key].triggered.connect(lambda _checked=False, slot=slot: slot())

    def of_menu(self, menu: str) -> list[tuple[QAction, bool]]:
        """(action, whether a line stands above it) of a menu, in order."""
        return [(self._actions[s.key], s.separated) for s in SPECS if s.menu == menu]

    def show_icons(self) -> None:
        """Give the actions their icons, now and with every change of colours (25 ms)."""
        self._theme.changed.connect(self._tint)
        self._tint()

    def _tint(self) -> None:
        for spec in SPECS:
            if spec.icon:
                self._actions[spec.key].setIcon(self._theme.icon(spec.icon))


def translated(text: str) -> str:
    """A text of the table above in the user's language."""
    return QCoreApplication.translate("actions", text)


def without_mnemonic(text: str) -> str:
    """For places that are no menu."""
    return text.replace("&", "").removesuffix("…")
