"""A file that tests download, and what they look at in between."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from vggscope import paths
from vggscope.errors import Cancelled
from vggscope.zoo.download import Download, Terms
from zoo.shop import HASTY, Log

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.catalogue import Entry

CONTENT = random.Random(5).randbytes(1_000_003)
OTHER = random.Random(6).randbytes(len(CONTENT))
HALF = len(CONTENT) // 2


def get(entry: Entry, *, mirror: str | None = None, terms: Terms = HASTY) -> Path:
    return Download(entry, mirror=mirror, terms=terms).run(
        progress=lambda _: None, stop=lambda: False
    )


def part(entry: Entry) -> Path:
    return paths.user_models() / f"{entry.name}.onnx.part"


def left() -> set[str]:
    """All files among the user's models."""
    return {path.name for path in paths.user_models().glob("*")}


def stopped_at(entry: Entry, count: int) -> None:
    """Leave a part of at least ``count`` bytes."""
    log = Log(at=count)
    with pytest.raises(Cancelled):
        Download(entry, terms=HASTY).run(progress=log, stop=log.stop)
    assert count <= part(entry).stat().st_size < entry.bytes
