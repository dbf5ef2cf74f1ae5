"""What is looked at in layers. Cheap to import (no numpy, no engine): the window makes these."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A picture that is looked at through a model.

    Attributes:
        key: another one for every picture.
        read: decodes it; gets the shorter side in pixels that is enough. None: there is no
            picture, only the model is looked at.
        model: name of the model.
        fit: how the picture is fitted to the network; the model's published way if None.
    """

    key: Hashable
    read: Callable[[int], Frame] | None = field(compare=False)
    model: str
    fit: Fit | None

    def seen_by(self, model: str) -> Subject:
        """The same picture, looked at through another model."""
        return replace(self, model=model)
