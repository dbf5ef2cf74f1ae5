from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from zoo.downloads import CONTENT
from zoo.server import Server, serving
from zoo.shop import entry_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onnx import ModelProto

    from vggscope.zoo.catalogue import Entry
    from zoo.foreign import Save


@pytest.fixture
def content() -> bytes:
    """What `server` has."""
    return CONTENT


@pytest.fixture
def server(content: bytes) -> Iterator[Server]:
    with serving(content) as started:
        yield started


@pytest.fixture
def entry(server: Server) -> Entry:
    """Of the file that `server` has."""
    return entry_for(server)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def proto_to_file(proto: ModelProto, name: str = "net.onnx") -> Path:
        path = tmp_path / name
        path.write_bytes(proto.SerializeToString())
        return path

    return proto_to_file


@pytest.fixture
def nothing_installed(home: Path) -> Iterator[None]:
    """The test makes no model, nor half of one."""
    yield
    assert not home.exists() or not list(home.iterdir())
