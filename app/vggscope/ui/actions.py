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
    "live": QT_TRANSLATE_NOOP("actions", "&Live"),
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


# The name in full: lupdate does not see through an alias.
SPECS: Final = (
    _spec("open", "file", QT_TRANSLATE_NOOP("actions", "&Open Photos…"), "open", "Ctrl+O"),
    _spec(
        "open_folder",
        "file",
        QT_TRANSLATE_NOOP("actions", "Open &Folder…"),
        "folder",
        "Ctrl+Shift+O",
    ),
    _spec(
        "export_csv",
        "file",
        QT_TRANSLATE_NOOP("actions", "Export as &CSV…"),
        "export",
        "Ctrl+E",
        separated=True,
    ),
    _spec(
        "export_json",
        "file",
        QT_TRANSLATE_NOOP("actions", "Export as &JSON…"),
        "export",
        "Ctrl+Shift+E",
    ),
    _spec("quit", "file", QT_TRANSLATE_NOOP("actions", "&Quit"), "quit", "Ctrl+Q", separated=True),
    _spec("paste", "edit", QT_TRANSLATE_NOOP("actions", "&Paste Photo"), "paste", "Ctrl+V"),
    _spec(
        "copy_text",
        "edit",
        QT_TRANSLATE_NOOP("actions", "&Copy Predictions as Text"),
        "copy",
        "Ctrl+C",
        separated=True,
    ),
    _spec(
        "copy_csv",
        "edit",
        QT_TRANSLATE_NOOP("actions", "Copy Predictions as CS&V"),
        "copy",
        "Ctrl+Shift+C",
    ),
    _spec(
        "copy_json",
        "edit",
        QT_TRANSLATE_NOOP("actions", "Copy Predictions as &JSON"),
        "copy",
        "Ctrl+Alt+C",
    ),
    _spec(
        "settings",
        "edit",
        QT_TRANSLATE_NOOP("actions", "&Settings…"),
        "settings",
        "Ctrl+,",
        separated=True,
    ),
    _spec("zoom_fit", "view", QT_TRANSLATE_NOOP("actions", "&Fit to Window"), "zoom-fit", "Ctrl+0"),
    _spec("zoom_actual", "view", QT_TRANSLATE_NOOP("actions", "&Actual Size"), "", "Ctrl+1"),
    _spec(
        "zoom_in", "view", QT_TRANSLATE_NOOP("actions", "Zoom &In"), "zoom-in", "Ctrl++", "Ctrl+="
    ),
    _spec("zoom_out", "view", QT_TRANSLATE_NOOP("actions", "Zoom &Out"), "zoom-out", "Ctrl+-"),
    _spec(
        "crop_box",
        "view",
        QT_TRANSLATE_NOOP("actions", "Show What the &Network Sees"),
        "crop",
        "Ctrl+B",
        checkable=True,
        separated=True,
    ),
    _spec(
        "where",
        "view",
        QT_TRANSLATE_NOOP("actions", "&Where Is It?"),
        "where",
        "W",
        checkable=True,
    ),
    _spec(
        "find_class",
        "view",
        QT_TRANSLATE_NOOP("actions", "Find a &Class…"),
        "",
        "Ctrl+F",
    ),
    _spec(
        "as_table",
        "view",
        QT_TRANSLATE_NOOP("actions", "Photos as &Table"),
        "table",
        "Ctrl+T",
        checkable=True,
    ),
    _spec(
        "layers",
        "view",
        QT_TRANSLATE_NOOP("actions", "&Layer Browser"),
        "layers",
        "Ctrl+L",
        checkable=True,
        separated=True,
    ),
    _spec(
        "layer_before",
        "view",
        QT_TRANSLATE_NOOP("actions", "Layer &Before"),
        "previous",
        "Alt+Up",
    ),
    _spec(
        "layer_behind", "view", QT_TRANSLATE_NOOP("actions", "Layer B&ehind"), "next", "Alt+Down"
    ),
    _spec(
        "full_screen",
        "view",
        QT_TRANSLATE_NOOP("actions", "F&ull Screen"),
        "",
        "F11",
        checkable=True,
    ),
    _spec(
        "previous",
        "photos",
        QT_TRANSLATE_NOOP("actions", "&Previous Photo"),
        "previous",
        "Alt+Left",
    ),
    _spec("next", "photos", QT_TRANSLATE_NOOP("actions", "&Next Photo"), "next", "Alt+Right"),
    _spec("stop", "photos", QT_TRANSLATE_NOOP("actions", "&Stop"), "stop", "Esc", separated=True),
    _spec("again", "photos", QT_TRANSLATE_NOOP("actions", "Classify &Again"), "again", "F5"),
    _spec(
        "remove", "photos", QT_TRANSLATE_NOOP("actions", "&Remove Photo"), "", "Del", separated=True
    ),
    _spec(
        "remove_all",
        "photos",
        QT_TRANSLATE_NOOP("actions", "Remove A&ll Photos"),
        "trash",
        "Shift+Del",
    ),
    _spec(
        "source_photos",
        "live",
        QT_TRANSLATE_NOOP("actions", "&Photos"),
        "picture",
        "F6",
        checkable=True,
    ),
    _spec(
        "source_camera",
        "live",
        QT_TRANSLATE_NOOP("actions", "&Camera"),
        "camera",
        "F7",
        checkable=True,
    ),
    _spec(
        "source_video",
        "live",
        QT_TRANSLATE_NOOP("actions", "&Video…"),
        "video",
        "F8",
        checkable=True,
    ),
    _spec(
        "source_screen",
        "live",
        QT_TRANSLATE_NOOP("actions", "&Screen"),
        "screen",
        "F9",
        checkable=True,
    ),
    _spec(
        "freeze",
        "live",
        QT_TRANSLATE_NOOP("actions", "&Freeze"),
        "pause",
        "Space",
        checkable=True,
        separated=True,
    ),
    _spec("snapshot", "live", QT_TRANSLATE_NOOP("actions", "Save S&napshot"), "snapshot", "S"),
    _spec(
        "record",
        "live",
        QT_TRANSLATE_NOOP("actions", "&Record Predictions"),
        "record",
        "R",
        checkable=True,
    ),
    _spec(
        "captures",
        "live",
        QT_TRANSLATE_NOOP("actions", "Open Folder of Sn&apshots and Recordings"),
        "folder",
    ),
    _spec(
        "readout",
        "live",
        QT_TRANSLATE_NOOP("actions", "Show F&igures"),
        "info",
        "I",
        checkable=True,
        separated=True,
    ),
    _spec(
        "mirror",
        "live",
        QT_TRANSLATE_NOOP("actions", "&Mirror the Camera"),
        "mirror",
        "M",
        checkable=True,
    ),
    _spec(
        "loop", "live", QT_TRANSLATE_NOOP("actions", "&Loop the Video"), "loop", "L", checkable=True
    ),
    _spec(
        "region",
        "live",
        QT_TRANSLATE_NOOP("actions", "Choose Re&gion of the Screen…"),
        "region",
        "G",
    ),
    _spec("models", "model", QT_TRANSLATE_NOOP("actions", "&Models…"), "models", "Ctrl+M"),
    _spec(
        "import_model",
        "model",
        QT_TRANSLATE_NOOP("actions", "&Import Model…"),
        "import",
        "Ctrl+I",
    ),
    _spec("devices", "model", QT_TRANSLATE_NOOP("actions", "&Devices…"), "device", "Ctrl+D"),
    _spec(
        "shortcuts",
        "help",
        QT_TRANSLATE_NOOP("actions", "&Keyboard Shortcuts"),
        "keyboard",
        "F1",
        "Ctrl+?",
    ),
    _spec("open_logs", "help", QT_TRANSLATE_NOOP("actions", "Open &Log Folder"), "log"),
    _spec(
        "new_version",
        "help",
        QT_TRANSLATE_NOOP("actions", "Check for a &New Version…"),
        separated=True,
    ),
    _spec("about", "help", QT_TRANSLATE_NOOP("actions", "&About VGGscope"), "info"),
)

SOURCES: Final = ("source_photos", "source_camera", "source_video", "source_screen")
"""Actions that choose what the window shows; one of them is checked."""
LIVE_ACTIONS: Final = ("freeze", "snapshot", "record", "readout", "mirror", "loop", "region")
"""Actions on a moving picture."""


class Actions(QObject):
    """The actions of a window, made from ``SPECS``."""

    def __init__(self, parent: QObject, theme: Theme) -> None:
        super().__init__(parent)
        self._theme = theme
        self._actions: dict[str, QAction] = {}
        self._icons = {spec.key: spec.icon for spec in SPECS if spec.icon}
        self._has_icons = False
        taken: set[str] = set()
        for spec in SPECS:
            if clash := taken.intersection(spec.shortcuts):
                raise ValueError(f"{spec.key}: {clash} is used twice")
            taken.update(spec.shortcuts)
            action = QAction(translated(spec.text), self)
            action.setCheckable(spec.checkable)
            action.setShortcuts([QKeySequence(s) for s in spec.shortcuts])
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            # Here and not on the buttons, which take it over with every change of the action.
            action.setToolTip(with_keys(without_mnemonic(action.text()), action))
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
        self._has_icons = True
        self._tint()

    def use_icon(self, key: str, icon: str) -> None:
        """Give the action ``key`` another icon."""
        if self._icons[key] != icon:
            self._icons[key] = icon
            if self._has_icons:
                self._actions[key].setIcon(self._theme.icon(icon))

    def _tint(self) -> None:
        for key, icon in self._icons.items():
            self._actions[key].setIcon(self._theme.icon(icon))


def translated(text: str) -> str:
    """A text of the table above in the user's language."""
    return QCoreApplication.translate("actions", text)


def without_mnemonic(text: str) -> str:
    """For places that are no menu."""
    return text.replace("&", "").removesuffix("…")


def with_keys(name: str, action: QAction) -> str:
    """A tool tip: ``name`` and the first shortcut of ``action``, as this system writes keys."""
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    return f"{name} ({keys})" if keys else name
