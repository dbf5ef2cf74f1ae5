"""Settings: one table makes the defaults, the checks and the dialog."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QIODevice, QObject, QSaveFile, QSettings, Signal

from vggscope import paths
from vggscope.errors import QT_TRANSLATE_NOOP, SettingsNotKeptError

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that a user can choose.

    Attributes:
        key: its name in the file.
        default: its value until then; its type is the setting's type.
        title, description: for the dialog (translated in context "settings").
        choices: value -> title; None where any value of the type (or range) will do.
        minimum, maximum: for numbers.
    """

    key: str
    default: str | int | bool
    title: str
    description: str
    choices: Mapping[str, str] | None = None
    minimum: int = 0
    maximum: int = 0

    def accepts(self, value: object) -> bool:
        """Whether ``value`` is of the right type and in range."""
        if type(value) is not type(self.default):
            return False
        if self.choices is not None:
            return value in self.choices
        if isinstance(value, int) and not isinstance(value, bool):
            return self.minimum <= value <= self.maximum
        return True


THEME: Final = Setting(
    key="theme",
    default="system",
    title=QT_TRANSLATE_NOOP("settings", "Appearance"),
    description=QT_TRANSLATE_NOOP("settings", "Light or dark, or as your desktop has it."),
    choices={
        "system": QT_TRANSLATE_NOOP("settings", "As the system"),
        "light": QT_TRANSLATE_NOOP("settings", "Light"),
        "dark": QT_TRANSLATE_NOOP("settings", "Dark"),
    },
)
TOP: Final = Setting(
    key="top",
    default=5,
    title=QT_TRANSLATE_NOOP("settings", "Predictions shown"),
    description=QT_TRANSLATE_NOOP("settings", "How many of the most probable classes (top‑k)."),
    minimum=1,
    maximum=20,
)
MODEL: Final = Setting(
    key="model",
    default="vgg16-compact",
    title=QT_TRANSLATE_NOOP("settings", "Model"),
    description=QT_TRANSLATE_NOOP("settings", "The network that looks at your pictures."),
)
DEVICE: Final = Setting(
    key="device",
    default="auto",
    title=QT_TRANSLATE_NOOP("settings", "Device"),
    description=QT_TRANSLATE_NOOP(
        "settings", "What computes. Every device is checked against the CPU before it is used."
    ),
)
EXACT: Final = Setting(
    key="exact",
    default=False,
    title=QT_TRANSLATE_NOOP("settings", "Exact arithmetic"),
    description=QT_TRANSLATE_NOOP("settings", "Only devices that compute in fp32."),
)
FIT: Final = Setting(
    key="fit",
    default="published",
    title=QT_TRANSLATE_NOOP("settings", "What the network sees"),
    description=QT_TRANSLATE_NOOP(
        "settings",
        "Published accuracies use the centre crop; the whole picture shows also what lies outside.",
    ),
    choices={
        "published": QT_TRANSLATE_NOOP("settings", "As published: centre crop"),
        "letterbox": QT_TRANSLATE_NOOP("settings", "Whole picture"),
        "stretch": QT_TRANSLATE_NOOP("settings", "Stretched"),
    },
)
PROTOCOL: Final = Setting(
    key="protocol",
    default="centre",
    title=QT_TRANSLATE_NOOP("settings", "Look at photos by"),
    description=QT_TRANSLATE_NOOP(
        "settings",
        "More crops, or all of the picture at several sizes: a little more accurate, and slower. "
        "Moving pictures always use a single centre crop.",
    ),
    choices={
        "centre": QT_TRANSLATE_NOOP("settings", "Single centre crop"),
        "10-crop": QT_TRANSLATE_NOOP("settings", "10 crops"),
        "dense": QT_TRANSLATE_NOOP("settings", "Dense, 3 scales"),
    },
)
COMPARE: Final = Setting(
    key="compare",
    default="",
    title=QT_TRANSLATE_NOOP("settings", "Compare with"),
    description=QT_TRANSLATE_NOOP("settings", "A second model that looks at the same photo."),
)
CROP_BOX: Final = Setting(
    key="crop_box",
    default=True,
    title=QT_TRANSLATE_NOOP("settings", "Frame on the picture"),
    description=QT_TRANSLATE_NOOP("settings", "Marks the part of the picture the network sees."),
)
WNIDS: Final = Setting(
    key="wnids",
    default=False,
    title=QT_TRANSLATE_NOOP("settings", "WordNet ids"),
    description=QT_TRANSLATE_NOOP("settings", "Shows the id of each class beside its name."),
)
SMOOTHING: Final = Setting(
    key="smoothing",
    default="off",
    title=QT_TRANSLATE_NOOP("settings", "Smoothing"),
    description=QT_TRANSLATE_NOOP(
        "settings",
        "How calmly the predictions of moving pictures move. It is marked where it is on.",
    ),
    choices={
        "off": QT_TRANSLATE_NOOP("settings", "Off"),
        "gentle": QT_TRANSLATE_NOOP("settings", "Gentle"),
        "strong": QT_TRANSLATE_NOOP("settings", "Strong"),
    },
)
RECORDING: Final = Setting(
    key="recording",
    default="csv",
    title=QT_TRANSLATE_NOOP("settings", "Recordings"),
    description=QT_TRANSLATE_NOOP(
        "settings", "The file that R writes: a table for spreadsheets, or JSON, a line each."
    ),
    choices={
        "csv": QT_TRANSLATE_NOOP("settings", "CSV"),
        "jsonl": QT_TRANSLATE_NOOP("settings", "JSON Lines"),
    },
)
MIRROR: Final = Setting(
    key="mirror",
    default=True,
    title=QT_TRANSLATE_NOOP("settings", "Mirrored camera"),
    description=QT_TRANSLATE_NOOP(
        "settings", "Shows the camera's picture as a mirror would; the network sees it unmirrored."
    ),
)
READOUT: Final = Setting(
    key="readout",
    default=True,
    title=QT_TRANSLATE_NOOP("settings", "Live figures"),
    description=QT_TRANSLATE_NOOP(
        "settings", "Shows rates, latency and the share of dropped frames on moving pictures."
    ),
)
LOOP: Final = Setting(
    key="loop",
    default=False,
    title=QT_TRANSLATE_NOOP("settings", "Loop videos"),
    description=QT_TRANSLATE_NOOP("settings", "A video begins anew when it is over."),
)
CAMERA: Final = Setting(
    key="camera",
    default="",
    title=QT_TRANSLATE_NOOP("settings", "Camera"),
    description=QT_TRANSLATE_NOOP("settings", "The camera to begin with, if it is plugged in."),
)
MODEL_MIRROR: Final = Setting(
    key="model_mirror",
    default="",
    title=QT_TRANSLATE_NOOP("settings", "Mirror of models"),
    description=QT_TRANSLATE_NOOP(
        "settings",
        "An address such as https://mirror.example that models are downloaded from instead of the "
        "catalogue's own.",
    ),
)
LAYERS: Final = Setting(
    key="layers",
    default=True,
    title=QT_TRANSLATE_NOOP("settings", "Layer browser"),
    description=QT_TRANSLATE_NOOP(
        "settings", "Shows the network's layers below the picture, and what they make of it."
    ),
)
MAP_COLOURS: Final = Setting(
    key="map_colours",
    default="viridis",
    title=QT_TRANSLATE_NOOP("settings", "Colours of maps"),
    description=QT_TRANSLATE_NOOP("settings", "From the lowest value to the highest."),
    choices={
        "viridis": QT_TRANSLATE_NOOP("settings", "Viridis"),
        "inferno": QT_TRANSLATE_NOOP("settings", "Inferno"),
        "gray": QT_TRANSLATE_NOOP("settings", "Gray"),
        "diverging": QT_TRANSLATE_NOOP("settings", "Blue–red, 0 is white"),
    },
)
MAP_RANGE: Final = Setting(
    key="map_range",
    default="channel",
    title=QT_TRANSLATE_NOOP("settings", "Range of maps"),
    description=QT_TRANSLATE_NOOP("settings", "What the colours go from and to."),
    choices={
        "channel": QT_TRANSLATE_NOOP("settings", "Per channel"),
        "layer": QT_TRANSLATE_NOOP("settings", "Per layer"),
        "fixed": QT_TRANSLATE_NOOP("settings", "Fixed"),
    },
)
MAP_ORDER: Final = Setting(
    key="map_order",
    default="index",
    title=QT_TRANSLATE_NOOP("settings", "Order of maps"),
    description=QT_TRANSLATE_NOOP("settings", "Which channels come first."),
    choices={
        "index": QT_TRANSLATE_NOOP("settings", "By number"),
        "mean": QT_TRANSLATE_NOOP("settings", "Highest mean"),
        "max": QT_TRANSLATE_NOOP("settings", "Highest maximum"),
        "zeros": QT_TRANSLATE_NOOP("settings", "Most zeros"),
    },
)
ALIVE_ONLY: Final = Setting(
    key="alive_only",
    default=False,
    title=QT_TRANSLATE_NOOP("settings", "Alive only"),
    description=QT_TRANSLATE_NOOP("settings", "Leaves out channels that are 0 everywhere."),
)
MAP_LABELS: Final = Setting(
    key="map_labels",
    default=False,
    title=QT_TRANSLATE_NOOP("settings", "Labels on maps"),
    description=QT_TRANSLATE_NOOP("settings", "Shows the number, or the class, of each channel."),
)
SHOWN: Final = (
    *(THEME, TOP, MODEL, DEVICE, EXACT, FIT, PROTOCOL, CROP_BOX, WNIDS),
    *(SMOOTHING, RECORDING, MIRROR, READOUT, LOOP),
    MODEL_MIRROR,
)
"""Those in the dialog, in its order."""
MAPS: Final = (MAP_COLOURS, MAP_RANGE, MAP_ORDER, ALIVE_ONLY, MAP_LABELS)
"""How feature maps are shown: chosen beside them."""
ALL: Final = (*SHOWN, CAMERA, COMPARE, LAYERS, *MAPS)


class Settings(QObject):
    """The chosen values, kept in a file that holds only what differs from the defaults.

    Signals:
        changed: the key of the setting that has another value now.
        failed: a ``SettingsNotKeptError``; once, until settings are kept again.
    """

    changed = Signal(str)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = paths.config_dir() / "settings.json"
        self._values = self._read()
        self._is_kept = True

    def text(self, setting: Setting) -> str:
        """The value of a setting that is a text."""
        return str(self._value(setting))

    def number(self, setting: Setting) -> int:
        """The value of a setting that is a number."""
        return int(self._value(setting))

    def flag(self, setting: Setting) -> bool:
        """The value of a setting that is on or off."""
        return bool(self._value(setting))

    def set(self, setting: Setting, value: str | int | bool) -> None:
        """Choose a value; writes the file at once. Values out of range are a programming error.

        Where the file cannot be written, the value counts as long as this object lives.
        """
        if not setting.accepts(value):
            raise ValueError(f"{setting.key} cannot be {value!r}")
        if value == self._value(setting):
            return
        self._values[setting.key] = value
        self._write()
        self.changed.emit(setting.key)

    def _value(self, setting: Setting) -> Any:
        return self._values.get(setting.key, setting.default)

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("Settings are ignored: %s", error)
            return {}
        known = {s.key: s for s in ALL}
        values = content.items() if isinstance(content, dict) else ()
        return {key: value for key, value in values if key in known and known[key].accepts(value)}

    def _write(self) -> None:
        sparse = {s.key: self._values[s.key] for s in ALL if self._value(s) != s.default}
        reason = self._failure_of_writing(json.dumps(sparse, indent=1).encode())
        if reason and self._is_kept:
            _log.warning("Settings are not kept: %s", reason)
            folder = str(self._path.parent)
            self.failed.emit(SettingsNotKeptError(reason=reason, folder=folder))
        self._is_kept = not reason

    def _failure_of_writing(self, content: bytes) -> str:
        """Replace the file; why that could not be done, "" if it was."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return error.strerror or str(error)
        # Atomic: a crash, a full disk leave the old file or the new one.
        file = QSaveFile(str(self._path))
        is_written = file.open(QIODevice.OpenModeFlag.WriteOnly)
        is_written = is_written and file.write(content) == len(content) and file.commit()
        return "" if is_written else file.errorString()


def window_state() -> QSettings:
    """Where geometry and recent files are kept: apart from what the user chose on purpose."""
    return QSettings(str(paths.config_dir() / "window.ini"), QSettings.Format.IniFormat)
