"""The models of this computer: those that ship with the program and those the user installed."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vggscope import paths
from vggscope.errors import (
    ModelError,
    ModelNameError,
    ModelNameTakenError,
    ModelNotFoundError,
    ModelNotReplaceableError,
    NoModelError,
    OutputError,
)
from vggscope.zoo.normal_form import DESCRIPTION, Model, is_name, read_model
from vggscope.zoo.rooms import REPLACED, room_in

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_MODEL: Final = "vgg16-compact"
_TAKEN: Final = frozenset({errno.EEXIST, errno.ENOTEMPTY})

_log = logging.getLogger(__name__)


def installed_models() -> list[Model]:
    """All usable models, the default first, then by title. A broken one is logged and left out."""
    models: dict[str, Model] = {}
    for folder in model_folders():
        try:
            model = read_model(folder)
        except ModelError as error:
            _log.warning("%s", error)
            continue
        models.setdefault(model.name, model)
    return sorted(models.values(), key=lambda m: (m.name != DEFAULT_MODEL, m.title))


def quantized_variants(name: str) -> list[Model]:
    """The installed 8-bit variants of the model ``name``, the one that agrees best with it first.

    Equals are told apart by their names.
    """
    variants = [
        (quantized.agreement, model)
        for model in installed_models()
        if (quantized := model.description.quantized) is not None and quantized.of == name
    ]
    return [model for _, model in sorted(variants, key=lambda v: (-v[0], v[1].name))]


def find_model(name: str | Path) -> Model:
    """The installed model ``name``, or the one whose folder ``name`` is.

    Raises:
        ModelNotFoundError: no such model; tells the names of those that there are.
        NoModelError: nor is there any other.
        ModelError: it is there, but broken.
    """
    for folder in model_folders():
        if folder.name == name:
            return read_model(folder)
    for model in installed_models():
        if model.name == name:
            return model
    # OSError: a name that no file can have, a folder that we may not enter.
    with contextlib.suppress(OSError):
        # Absolute, because errors call a broken model by its folder's name: "." has none.
        folder = Path(name).absolute()
        if (folder / DESCRIPTION).is_file():
            return read_model(folder)
    known = ", ".join(model.name for model in installed_models())
    if not known:
        raise NoModelError
    raise ModelNotFoundError(model=str(name), known=known)


def model_folders() -> Iterator[Path]:
    """The folders that hold a model, usable or broken; bundled ones first."""
    for home in (paths.bundled_models(), paths.user_models()):
        # OSError: the user's folder may be somebody else's (sudo keeps HOME).
        with contextlib.suppress(OSError):
            yield from sorted(path.parent for path in home.glob(f"*/{DESCRIPTION}"))


def place_for(name: str, *, replace: bool = False) -> Path:
    """The folder among the user's models that a new model ``name`` goes to.

    Args:
        name: of the new model.
        replace: whether it may be that of another model, usable or broken.

    Raises:
        ModelNameError: no model can have that name.
        ModelNameTakenError: it is taken, and not to be replaced.
        ModelNotReplaceableError: it is the name of a model that ships with the program.
    """
    if not is_name(name):
        raise ModelNameError(name=name)
    if (paths.bundled_models() / name).exists():
        raise ModelNotReplaceableError(model=name, reason="it ships with VGGscope")
    place = paths.user_models() / name
    place = next((model.folder for model in installed_models() if model.name == name), place)
    # OSError: a folder that we may not enter; making one in it will tell.
    with contextlib.suppress(OSError):
        if os.path.lexists(place) and not replace:
            raise ModelNameTakenError(model=name)
    return place


@contextlib.contextmanager
def staged(place: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to make a model in, which moves to ``place`` when the block ends without an error.

    Until then nothing at ``place`` changes, and whatever ends the block leaves nothing behind.

    Raises:
        OutputError: a file could not be written, in the block or in the end.
        ModelNameTakenError: another model got there meanwhile.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # Two folders deep, where nobody looks for models.
        with room_in(place.parent) as room:
            made = room / place.name
            made.mkdir()
            yield made
            _move(made, place, room / REPLACED if replace else None)
    except OSError as error:
        if error.errno in _TAKEN and not replace and place.is_dir():
            # Somebody else was faster.
            raise ModelNameTakenError(model=place.name) from error
        raise OutputError(name=place, reason=error.strerror or str(error)) from error


def _move(made: Path, place: Path, room: Path | None) -> None:
    """Rename ``made`` to ``place``; what is there goes to ``room``, and back if anything fails."""
    try:
        # A link that leads nowhere is in the way, too.
        if room is not None and os.path.lexists(place):
            place.rename(room)
        made.rename(place)
    finally:
        if room is not None and room.exists() and not place.exists():
            room.rename(place)
