"""How the tests of bad files see them refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vggscope.errors import ModelError
from vggscope.zoo.weights import install_weights

if TYPE_CHECKING:
    from pathlib import Path


def refused(path: Path, kind: type[ModelError], config: str | None = None) -> str:
    """The sentence with which the file is refused."""
    with pytest.raises(ModelError) as caught:
        install_weights(path, config)
    assert type(caught.value) is kind, caught.value
    if "name" in caught.value.details:
        assert caught.value.details["name"] == path.name
    assert caught.value.remedy.endswith(".")
    return caught.value.message
