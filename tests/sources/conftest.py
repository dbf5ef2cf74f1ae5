from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # for support.py

Encode = Callable[..., bytes]


@pytest.fixture(scope="session")
def encode() -> Encode:
    """An array or a Pillow image as a file of the given format."""

    def encoded(picture: Any, kind: str, **options: object) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    return encoded
