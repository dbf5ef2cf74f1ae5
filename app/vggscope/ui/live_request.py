"""What the command line wants to see live in the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

SourceKind: TypeAlias = Literal["video", "camera", "screen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRequest:
    """A live source to begin with.

    Attributes:
        kind: what it is.
        path: of the video, as the user wrote it; None for the others.
        camera: name of the camera, or its id; empty for whichever the system prefers.
        region: x, y, width, height of the part that counts: logical pixels of the screen, or pixels
            of the camera's or video's picture. None for all of it.
        seconds: how long, from its first picture; None for as long as the user likes.
    """

    kind: SourceKind
    path: str | None = None
    camera: str = ""
    region: tuple[int, int, int, int] | None = None
    seconds: float | None = None
