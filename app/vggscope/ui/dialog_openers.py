"""Opens the window's dialogs. Each is imported when it is opened: the first paint does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt

from vggscope.ui.device_roster import device_choices
from vggscope.ui.settings import DEVICE, MODEL, Settings

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog

    from vggscope.ui.main_window import MainWindow
    from vggscope.ui.theme import Theme


class Dialogs(QObject):
    """The dialogs of a window."""

    def __init__(self, window: MainWindow, settings: Settings, theme: Theme) -> None:
        super().__init__(window)
        self._window, self._settings, self._theme = window, settings, theme

    def show_settings(self) -> None:
        """All settings."""
        from vggscope.ui.dialogs import SettingsDialog  # noqa: PLC0415

        devices = device_choices(self._window.workbench.roster, self._settings)
        choices = {MODEL.key: model_titles(), DEVICE.key: devices}
        _show(SettingsDialog(self._settings, choices, self._window))

    def show_devices(self) -> None:
        """All devices, and why they are or are not used."""
        from vggscope.ui.devices_dialog import DevicesDialog  # noqa: PLC0415

        _show(DevicesDialog(self._window.workbench, self._settings, self._window))

    def show_shortcuts(self) -> None:
        """All shortcuts."""
        from vggscope.ui.dialogs import ShortcutsDialog  # noqa: PLC0415

        _show(ShortcutsDialog(self._window.actions_by_key, self._window))

    def show_new_version(self) -> None:
        """Where newer versions are."""
        from vggscope.ui.new_version import NewVersionDialog  # noqa: PLC0415

        _show(NewVersionDialog(self._window))

    def show_about(self) -> None:
        """What this program is."""
        from vggscope.ui.dialogs import AboutDialog  # noqa: PLC0415

        _show(AboutDialog(self._theme, self._window.workbench.tasks, self._window))


def model_titles() -> dict[str, str]:
    """Name -> title of the installed models."""
    from vggscope.zoo.models import installed_models  # noqa: PLC0415 (msgspec, 20 ms)

    return {model.name: model.title for model in installed_models()}


def _show(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.exec()
