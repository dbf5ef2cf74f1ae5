"""Where things live: the only module that knows.

Read-only data (``resources/``, ``models/``) lie at the top of a source checkout, inside the
package of an installed wheel, and in the bundle folder of a frozen application. What the program
writes goes to the user's own folders, or below one folder chosen with ``--data-dir`` or
``VGGSCOPE_DATA_DIR`` (tests, support, USB sticks).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

DATA_DIR_VARIABLE = "VGGSCOPE_DATA_DIR"
_APPLICATION = "vggscope"


def is_frozen() -> bool:
    """Whether this is an installed application without a Python of its own."""
    return bool(getattr(sys, "frozen", False))


CHILD = "--child"
"""First word of a process that this program starts for itself; no user has a reason to type it."""


def own_command() -> list[str]:
    """What starts this program."""
    # -P: the user's current folder is no place to take modules from.
    return [sys.executable, *([] if is_frozen() else ["-P", "-m", "vggscope"])]


def _read_only_root() -> Path:
    if is_frozen():
        return Path(getattr(sys, "_MEIPASS", Path(sys.executable).parent))
    package = Path(__file__).resolve().parent
    if (package / "resources").is_dir():
        return package
    return package.parents[1]


def resource(*parts: str) -> Path:
    """Path of a file or folder below ``resources/``."""
    return _read_only_root().joinpath("resources", *parts)


def bundled_models() -> Path:
    """The folder of models that ship with the program."""
    return _read_only_root() / "models"


def licence() -> Path:
    """The licence of this program."""
    return _read_only_root() / "LICENSE"


def third_party_notices() -> Path:
    """What a frozen application tells of the works of others in it."""
    return _read_only_root() / "THIRD-PARTY-NOTICES.txt"


def build_facts() -> dict[str, str]:
    """How a frozen application was built: "flavour", "commit", "date", "machine"; else nothing."""
    if not is_frozen():
        return {}
    try:
        facts = json.loads((_read_only_root() / "build.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in facts.items()} if isinstance(facts, dict) else {}


def use_data_dir(folder: Path) -> None:
    """Keep everything that this process and its children write below ``folder``."""
    os.environ[DATA_DIR_VARIABLE] = str(folder.absolute())


def config_dir() -> Path:
    """Settings and window state."""
    return _user_dir("config")


def data_dir() -> Path:
    """Models that the user installed."""
    return _user_dir("data")


def user_models() -> Path:
    """The folder of models that the user installed."""
    return data_dir() / "models"


def cache_dir() -> Path:
    """What was found out about this computer, and can be found out again."""
    return _user_dir("cache")


def captures_dir() -> Path:
    """Where snapshots and recordings go: among the user's pictures, where they are looked for."""
    if chosen := os.environ.get(DATA_DIR_VARIABLE):
        return Path(chosen) / "captures"
    import platformdirs  # noqa: PLC0415 (see _user_dir)

    return Path(platformdirs.user_pictures_dir()) / "VGGscope"


def log_dir() -> Path:
    """Log files and crash reports."""
    return _user_dir("log")


def _user_dir(kind: str) -> Path:
    if chosen := os.environ.get(DATA_DIR_VARIABLE):
        return Path(chosen) / kind
    # Importing platformdirs costs start-up time and is needed only here.
    import platformdirs  # noqa: PLC0415

    return Path(getattr(platformdirs, f"user_{kind}_dir")(_APPLICATION, appauthor=False))
