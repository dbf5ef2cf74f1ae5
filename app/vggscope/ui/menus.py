"""The menus: the registry's actions, and the choices that settings, models and files offer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMainWindow, QMenu

from vggscope.sources.finding import display_name
from vggscope.ui.actions import MENUS, Actions, translated
from vggscope.ui.device_roster import device_choices
from vggscope.ui.settings import (
    COMPARE,
    DEVICE,
    EXACT,
    FIT,
    MODEL,
    PROTOCOL,
    RECORDING,
    SMOOTHING,
    THEME,
    TOP,
    Setting,
    Settings,
)
from vggscope.ui.texts import as_label, as_tool_tip

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.ui.device_roster import DeviceRoster
    from vggscope.ui.recent import RecentFiles

_TOPS: Final = (1, 3, 5, 10, 20)


class Menus(QObject):
    """Fills the window's menu bar, and makes the menus of the toolbar's buttons.

    Attributes:
        models: the installed models; filled anew whenever it opens.
        devices: the devices that can be used, likewise.
        tops: how many predictions.

    Signals:
        recent_chosen: the path of a file that was opened before.
    """

    recent_chosen = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        actions: Actions,
        settings: Settings,
        recent: RecentFiles,
        roster: DeviceRoster,
    ) -> None:
        super().__init__(window)
        self._window, self._settings = window, settings
        self._recent, self._roster, self._actions = recent, roster, actions
        self.models = QMenu(window)
        self._refill(self.models, self._fill_choice)
        self.devices = QMenu(window)
        self._refill(self.devices, self._fill_devices)
        self.tops = self._top_menu()
        self._protocols = self._choice_menu(PROTOCOL)
        self._seconds = QMenu(self.tr("&Compare With"), window)
        self._refill(self._seconds, self._fill_seconds)
        recent_menu = QMenu(self.tr("Open &Recent"), window)
        self._refill(recent_menu, self._fill_recent)
        after = {
            actions["open_folder"]: recent_menu,
            actions["crop_box"]: self._choice_menu(FIT),
            actions["full_screen"]: self._choice_menu(THEME),
            actions["readout"]: self._choice_menu(SMOOTHING),
            actions["record"]: self._choice_menu(RECORDING),
        }
        for key, title in MENUS.items():
            menu = window.menuBar().addMenu(translated(title))
            if key == "model":
                self._refill(menu, self._fill_model)
                # What is in the menu only while it is open has no shortcut otherwise.
                window.addActions([action for action, _ in actions.of_menu(key)])
                continue
            for action, separated in actions.of_menu(key):
                if separated:
                    menu.addSeparator()
                menu.addAction(action)
                if action in after:
                    menu.addMenu(after[action])

    def _refill(self, menu: QMenu, fill: Callable[[QMenu], None]) -> None:
        """Call ``fill`` whenever ``menu`` opens."""
        menu.setToolTipsVisible(True)

        def refill() -> None:
            menu.clear()
            fill(menu)

        menu.aboutToShow.connect(refill)

    def _choice_menu(self, setting: Setting) -> QMenu:
        """A submenu of the choices of a setting."""
        menu = QMenu(_translated(setting.title), self._window)
        group = QActionGroup(menu)
        for value, title in (setting.choices or {}).items():
            action = menu.addAction(_translated(title))
            action.setCheckable(True)
            action.setData(value)
            group.addAction(action)
            action.triggered.connect(
                lambda _checked=False, value=value: self._settings.set(setting, value)
            )

        def show() -> None:
            for action in group.actions():
                action.setChecked(action.data() == self._settings.text(setting))

        menu.aboutToShow.connect(show)
        return menu

    def _top_menu(self) -> QMenu:
        menu = QMenu(self._window)
        for count in _TOPS:
            action = menu.addAction(self.tr("Top {0}").format(count))
            action.triggered.connect(
                lambda _checked=False, count=count: self._settings.set(TOP, count)
            )
        return menu

    def _fill_models(self, menu: QMenu) -> None:
        from vggscope.zoo.models import installed_models  # noqa: PLC0415 (when a menu opens)

        for model in installed_models():
            action = menu.addAction(as_label(model.title))
            action.setToolTip(as_tool_tip(model.description.note))
            action.setCheckable(True)
            action.setChecked(model.name == self._settings.text(MODEL))
            action.triggered.connect(
                lambda _checked=False, name=model.name: self._settings.set(MODEL, name)
            )

    def _fill_choice(self, menu: QMenu) -> None:
        self._fill_models(menu)
        menu.addSeparator()
        menu.addAction(self._actions["models"])

    def _fill_model(self, menu: QMenu) -> None:
        self._fill_models(menu)
        menu.addSeparator()
        menu.addMenu(self._seconds)
        menu.addMenu(self._protocols)
        menu.addSeparator()
        menu.addActions([action for action, _ in self._actions.of_menu("model")])

    def _fill_seconds(self, menu: QMenu) -> None:
        """Models that can look at the same photo, beside the one in use."""
        from vggscope.zoo.models import installed_models  # noqa: PLC0415 (when a menu opens)

        chosen, first = self._settings.text(COMPARE), self._settings.text(MODEL)
        titles = {"": self.tr("&None")} | {m.name: as_label(m.title) for m in installed_models()}
        for name, title in titles.items():
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked(name == chosen)
            action.setEnabled(name != first or name == chosen)
            action.triggered.connect(
                lambda _checked=False, name=name: self._settings.set(COMPARE, name)
            )
            if not name:
                menu.addSeparator()

    def _fill_devices(self, menu: QMenu) -> None:
        chosen = self._settings.text(DEVICE)
        for key, title in device_choices(self._roster, self._settings).items():
            action = menu.addAction(as_label(title))
            action.setCheckable(True)
            action.setChecked(key == chosen)
            action.triggered.connect(
                lambda _checked=False, key=key: self._settings.set(DEVICE, key)
            )
        menu.addSeparator()
        exact = menu.addAction(_translated(EXACT.title))
        exact.setToolTip(as_tool_tip(_translated(EXACT.description)))
        exact.setCheckable(True)
        exact.setChecked(self._settings.flag(EXACT))
        exact.triggered.connect(lambda checked: self._settings.set(EXACT, checked))
        menu.addAction(self._actions["devices"])

    def _fill_recent(self, menu: QMenu) -> None:
        for path in self._recent.existing():
            action = menu.addAction(as_label(display_name(Path(path))))
            action.setToolTip(as_tool_tip(display_name(path)))
            action.triggered.connect(
                lambda _checked=False, path=path: self.recent_chosen.emit(path)
            )
        if menu.isEmpty():
            menu.addAction(self.tr("Nothing yet")).setEnabled(False)


def _translated(text: str) -> str:
    return QCoreApplication.translate("settings", text)
