"""Entries of the catalogue for files that a `Server` of this computer has."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgspec

from vggscope.zoo.catalogue import Entry, find_entry, users_catalogue
from vggscope.zoo.download import Terms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vggscope.zoo.meter import Progress
    from zoo.server import Server

HASTY = Terms(patience=20, pauses=(0.0, 0.01, 0.01))
"""For servers that fail at once; none of these tests waits for the patience to end."""


def entry_for(
    server: Server, *, name: str = "school", base: str = "vgg16-7", **changes: Any
) -> Entry:
    """What a catalogue says of the file on ``server``."""
    official = find_entry(base)
    assert official is not None
    sha256 = hashlib.sha256()
    for block in server.blocks(0):
        sha256.update(block)
    facts = {
        "name": name,
        "bytes": server.size,
        "sha256": sha256.hexdigest(),
        "url": f"{server.address}/models/{name}.onnx",
        "mirror": None,
        "source": "tests/zoo/shop.py",
    }
    return msgspec.structs.replace(official, **(facts | changes))


def offer(entries: Iterable[Entry]) -> None:
    """Put ``entries`` into the user's catalogue."""
    path = users_catalogue()
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"format": 1, "models": msgspec.to_builtins(list(entries))}
    path.write_text(json.dumps(document), encoding="utf-8")


class Log:
    """Notes the progress, and says stop when ``at`` bytes are downloaded."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.steps: list[Progress] = []
        self.downloaded = 0

    def __call__(self, progress: Progress) -> None:
        self.steps.append(progress)
        if progress.step == "downloading":
            self.downloaded = progress.done

    def stop(self) -> bool:
        return self.at is not None and self.downloaded >= self.at
