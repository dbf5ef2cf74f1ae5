"""The catalogue: the models that ship with the program, and those that can be downloaded.

``models/catalogue.json`` is the program's own. A ``catalogue.json`` in the folder of the settings
adds to it, in the same form: a school or a company can list its own models there.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from vggscope import paths
from vggscope.errors import CatalogueError
from vggscope.zoo.addresses import reason_against
from vggscope.zoo.normal_form import Accuracy, Input, Line, is_name

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "catalogue.json"
_LARGEST: Final = 16 * 2**30

_Bytes = Annotated[int, msgspec.Meta(ge=1, le=_LARGEST)]
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]

_log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model of the catalogue.

    Attributes:
        name: what ``--model`` takes.
        title: what the window shows.
        note: one sentence that helps to choose.
        config: family name of ``vgg.configs``, such as vgg16 or vgg19-bn.
        bundled: it ships with the program; the others are one ONNX file each, to be downloaded.
        precision: of the weights as stored.
        bytes: size of the file to download; of both files of a bundled one.
        sha256: of the file to download; of a bundled one's ``weights.bin``.
        url: where the file is, None for a bundled one.
        mirror: where else it is.
        source: who published it.
        licence: of the weights.
        input: how pixels become the input.
        labels: a label set of the program (``imagenet-1k``), or a file beside the user's catalogue.
        accuracy: as published.
        logits: the file's output before softmax, if it has no other: a softmax is appended.
        probabilities: the file's output of probabilities, if it has one.
    """

    name: str
    title: Line
    note: Line
    config: Line
    bundled: bool
    precision: Literal["fp32", "fp16", "int8"]
    bytes: _Bytes
    sha256: _Sha256
    url: str | None
    mirror: str | None
    source: Line
    licence: Line
    input: Input
    labels: Line
    accuracy: tuple[Accuracy, ...]
    logits: str | None = None
    probabilities: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of ``catalogue.json``."""

    format: Literal[1]
    models: tuple[Entry, ...]


def catalogue() -> tuple[Entry, ...]:
    """All entries, bundled ones first; those of a broken catalogue of the user are left out."""
    own = read_catalogue(paths.bundled_models() / FILE)
    try:
        return own + _users(own)
    except CatalogueError as error:
        _log.warning("%s", error)
        return own


def catalogue_problem() -> CatalogueError | None:
    """What is wrong with the user's catalogue, if anything is."""
    try:
        _users(read_catalogue(paths.bundled_models() / FILE))
    except CatalogueError as error:
        return error
    return None


def find_entry(name: str) -> Entry | None:
    """The entry ``name``, if there is one."""
    return next((entry for entry in catalogue() if entry.name == name), None)


def users_catalogue() -> Path:
    """Where a catalogue of the user's own would be."""
    return paths.config_dir() / FILE


def read_catalogue(path: Path) -> tuple[Entry, ...]:
    """The entries of a file.

    Raises:
        CatalogueError: it cannot be read, or breaks a rule of ``Entry``.
    """
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=_File).models
    except OSError as error:
        raise CatalogueError(file=path, reason=error.strerror or str(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CatalogueError(file=path, reason=str(error)) from error
    for number, entry in enumerate(entries):
        taken = any(entry.name == other.name for other in entries[:number])
        problem = "its name is there twice" if taken else _contradiction(entry)
        if problem:
            raise CatalogueError(file=path, reason=f"{problem} - at `$.models[{number}]`")
    return entries


def _users(own: tuple[Entry, ...]) -> tuple[Entry, ...]:
    path = users_catalogue()
    if not path.exists():
        return ()
    entries = read_catalogue(path)
    names = {entry.name for entry in own}
    for entry in entries:
        if entry.name in names or entry.bundled:
            reason = f"“{entry.name}” is the name of a model in VGGscope's own catalogue"
            if entry.bundled:
                reason = f"“{entry.name}” cannot ship with VGGscope"
            raise CatalogueError(file=path, reason=reason)
    return entries


def _contradiction(entry: Entry) -> str | None:
    """What no schema can say."""
    given = [address for address in (entry.url, entry.mirror) if address is not None]
    side = max(entry.input.height, entry.input.width)
    rules = {
        f"no model can be called “{entry.name}”": is_name(entry.name),
        "of logits and probabilities, one has to be the output's name": (
            (entry.logits is None) != (entry.probabilities is None)
        ),
        "labels outside the folder": "/" not in entry.labels and "\\" not in entry.labels,
        "a crop larger than the resized picture": entry.input.resize >= side,
        "a bundled model has no address": not entry.bundled or not given,
        "no address": entry.bundled or entry.url is not None,
    }
    for address in given:
        rules[f"the address “{address}” {reason_against(address)}"] = not reason_against(address)
    return next((problem for problem, holds in rules.items() if not holds), None)
