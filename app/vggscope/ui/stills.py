"""The picture that stays on the canvas: a photo, or the frozen frame of a moving picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from vggscope.ui.layers.subjects import subject_of_photo, subject_of_shot
from vggscope.ui.texts import message_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from vggscope.inference.classification import Classification
    from vggscope.inference.subject import Subject
    from vggscope.ui.main_window import MainWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A picture that can be looked at more closely.

    Attributes:
        identity: another one for another picture.
        subject: reads it.
        answer: what the model in use says of it.
    """

    identity: Hashable
    subject: Subject
    answer: Classification


@dataclass(frozen=True, slots=True, kw_only=True)
class NoStill:
    """Why there is none.

    Attributes:
        text: a sentence.
        is_coming: it is being classified.
        is_moving: pictures move.
        identity: of the picture that is being classified, or could not be; None for none.
    """

    text: str
    is_coming: bool = False
    is_moving: bool = False
    identity: Hashable = None


def still_of(window: MainWindow) -> Still | NoStill:
    """What stays on the canvas of ``window``, with the answer to it."""
    return _frozen(window) if window.is_live else _photo(window)


def mirrored_in(window: MainWindow) -> float | None:
    """The width of the picture if the canvas shows it mirrored, else None."""
    live = window.live if window.is_live else None
    return None if live is None else live.mirrored_width


def _photo(window: MainWindow) -> Still | NoStill:
    bench = window.workbench
    photo, model = bench.current, bench.model
    if photo is None:
        return NoStill(text=_translated("There is no photo yet."))
    if photo.error is not None:
        return NoStill(text=message_of(photo.error), identity=photo.key)
    if model is None or photo.classification is None or photo.stale:
        text = _translated("Looking at {0}…").format(photo.name)
        return NoStill(text=text, is_coming=True, identity=photo.key)
    return Still(
        identity=photo.key,
        subject=subject_of_photo(photo, model),
        answer=photo.classification,
    )


def _frozen(window: MainWindow) -> Still | NoStill:
    live, model = window.live, window.workbench.model
    shot = None if live is None else live.session.frozen
    if live is None or shot is None:
        text = _translated("Freeze the picture first: this is for pictures that stay.")
        return NoStill(text=text, is_moving=True)
    identity = shot.epoch, shot.number
    answer = live.classification
    if model is None or answer is None or live.session.is_stale:
        text = _translated("Looking at {0}…").format(live.name)
        return NoStill(text=text, is_coming=True, identity=identity)
    return Still(identity=identity, subject=subject_of_shot(shot, live.name, model), answer=answer)


def _translated(text: str) -> str:
    return QCoreApplication.translate("stills", text)
