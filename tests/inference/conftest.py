from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imaginary import busy_model

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.normal_form import Model


@pytest.fixture
def model(data_dir: Path) -> Model:
    """A model that the imaginary card is faster with than the CPU."""
    return busy_model(data_dir / "data" / "models" / "busy")
