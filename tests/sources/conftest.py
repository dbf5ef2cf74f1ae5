from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from doubles.cameras import PretendCamera, PretendCameras
    from sources.camera_driver import Watched

sys.path.insert(0, str(Path(__file__).parents[1]))  # for support.py

Encode = Callable[..., bytes]

# Qt warnings fail a test (pyproject.toml), except what Qt says of itself:
_NOISE = (
    # libraries for capturing Wayland screens and for decoding on graphics cards, which a computer
    # need not have (category qt.multimedia.symbolsresolver)
    r"^Couldn't (load|resolve) (pipewire-0\.3|va|va-x11|va-drm|va\(in plugin\)) (library|symbols)$",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.qt_log_ignore(*_NOISE))


@pytest.fixture
def front() -> PretendCamera:
    """A camera, not plugged in yet."""
    from doubles.cameras import PretendCamera  # noqa: PLC0415 (imports Qt)

    return PretendCamera(b"/dev/video0", "Front Camera")


@pytest.fixture
def rear() -> PretendCamera:
    """Another one, before which stands a pizza."""
    from doubles.cameras import SAMPLES, PretendCamera  # noqa: PLC0415 (imports Qt)

    return PretendCamera(b"/dev/video2", "Rear Camera", photo=SAMPLES / "pizza.jpg")


@pytest.fixture
def new_source(qtbot: QtBot) -> Iterator[Callable[..., Watched]]:
    """Makes camera sources; at the end each is deleted and must have left nothing behind."""
    from sources.camera_driver import Watched, delete_now, remains  # noqa: PLC0415 (imports Qt)

    assert qtbot
    made: list[Watched] = []

    def make(system: PretendCameras, wanted: bytes | str = "") -> Watched:
        made.append(Watched(system, wanted))
        return made[-1]

    yield make
    for source in made:
        source.stop()
        assert remains(source) == []
        source.deleteLater()
    delete_now()


@pytest.fixture(scope="session")
def encode() -> Encode:
    """An array or a Pillow image as a file of the given format."""

    def encoded(picture: Any, kind: str, **options: object) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    return encoded
