"""The models of this computer: those that ship with the program and those the user installed."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vggscope import paths
from vggscope.errors import ModelError, ModelNotFoundError, NoModelError
from vggscope.zoo.normal_form import DESCRIPTION, Model, read_model

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_MODEL: Final = "vgg16-compact"

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
