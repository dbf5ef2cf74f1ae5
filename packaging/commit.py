"""Which commit is built. Takes Python alone: on Windows nothing else is there yet."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

_TOP: Final = Path(__file__).resolve().parents[1]


def commit(folder: Path = _TOP) -> str:
    """The commit in ``folder``, “-dirty” where files differ from it or are new; or “unknown”."""
    try:
        name = _git(folder, "rev-parse", "--short", "HEAD")
        return f"{name}-dirty" if _git(folder, "status", "--porcelain") else name
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, encoding="utf-8", check=True
    )
    return done.stdout.strip()
