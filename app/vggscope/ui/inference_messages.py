"""What the window and the inference thread say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtGui import QImage
    from PySide6.QtMultimedia import QVideoFrame

    from vggscope.errors import VggscopeError
    from vggscope.inference.classification import Classification
    from vggscope.inference.live import LiveFrame, LiveResult
    from vggscope.inference.protocols import Protocol
    from vggscope.ui.photos import Photo
    from vggscope.zoo.normal_form import Fit


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What the thread runs now.

    Attributes:
        name, title: of the model.
        device: the device's name for people.
        device_key: its key.
        fit: the chosen fit, None for the published one.
        generation: of all answers from now on.
        protocol: how photos are looked at.
    """

    name: str
    title: str
    device: str
    device_key: str
    fit: Fit | None
    generation: int
    protocol: Protocol = "centre"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user wants to run.

    Attributes:
        model: name of the model.
        fit: the chosen fit, None for the published one.
        device: a device's key, or "auto".
        exact: fp32 only.
        protocol: how photos are looked at.
    """

    model: str
    fit: Fit | None
    device: str
    exact: bool
    protocol: Protocol = "centre"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What became of a photo.

    Attributes:
        generation: of the model that it was given to.
        outcome: the classification, or why there is none.
        thumbnail, size: of the photo; None where it could not be read.
    """

    photo: Photo
    generation: int
    outcome: Classification | VggscopeError
    thumbnail: QImage | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LiveAnswer:
    """What became of a frame of a camera, a video or a screen.

    Attributes:
        generation: of the model that looked at it.
        frame: as it was offered.
        outcome: the result, or why there is none.
    """

    generation: int
    frame: LiveFrame[QVideoFrame]
    outcome: LiveResult | VggscopeError
