"""The files and folders that were opened last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QSettings

_KEPT: Final = 10
_KEY: Final = "recent"


class RecentFiles:
    """At most ten paths, the latest first, kept in the window's state."""

    def __init__(self, state: QSettings) -> None:
        self._state = state

    def add(self, paths: Sequence[str]) -> None:
        """Put ``paths`` in front. Of a large drop only the first ten count."""
        absolute = [str(Path(path).absolute()) for path in paths[:_KEPT] if "://" not in path]
        merged = list(dict.fromkeys([*absolute, *self._all()]))
        self._state.setValue(_KEY, merged[:_KEPT])

    def existing(self) -> list[str]:
        """The paths that still exist."""
        return [path for path in self._all() if Path(path).exists()]

    def _all(self) -> list[str]:
        value = self._state.value(_KEY)
        # An INI file gives a list of one element back as a string.
        return [value] if isinstance(value, str) else value if isinstance(value, list) else []
