from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from e2e.desktop import Desktop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    made = Desktop(tmp_path_factory.mktemp("home"))
    yield made
    made.shut_down()


@pytest.fixture
def desktop(screen: Desktop, data_dir: Path) -> Iterator[Desktop]:
    """A desktop without windows, and settings for the program: the fast model, light colours."""
    config = data_dir / "config"
    config.mkdir(parents=True)
    settings = {"model": "vgg16-compact-int8", "theme": "light"}
    (config / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    yield screen
    screen.tidy()
