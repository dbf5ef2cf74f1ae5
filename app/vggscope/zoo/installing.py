"""The models of this computer as a whole: what is there, what can be had, what is broken."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from vggscope import paths
from vggscope.errors import (
    Cancelled,
    ModelBundledError,
    ModelError,
    ModelInUseError,
    ModelNameTakenError,
    ModelNotFoundError,
    VggscopeError,
)
from vggscope.zoo.catalogue import catalogue, users_catalogue
from vggscope.zoo.class_labels import write_labels
from vggscope.zoo.download import Download, alone_with, check_space
from vggscope.zoo.meter import Meter, never, nothing
from vggscope.zoo.models import place_for, staged
from vggscope.zoo.normal_form import is_name, read_model
from vggscope.zoo.part_file import SUFFIX, discard_part, part_bytes, part_path
from vggscope.zoo.rooms import room_in, sweep_rooms
from vggscope.zoo.streaming import to_normal_form

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from pathlib import Path

    from vggscope.zoo.catalogue import Entry
    from vggscope.zoo.download import Terms
    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Label, Model

State: TypeAlias = Literal["bundled", "installed", "available", "partial", "broken"]

_BLOCK: Final = 2**20
_REMOVABLE: Final = frozenset({"installed", "partial", "broken"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model that is there, or that can be downloaded.

    Attributes:
        name: what ``--model`` takes.
        title: what the window shows.
        state: "bundled" and "installed" ones can be used, "available" ones downloaded; of
            "partial" ones a part is downloaded; "broken" ones can only be removed or replaced.
        model: of one that can be used.
        entry: of the catalogue, if it is in it.
        folder: where it is, if it is there.
        bytes_on_disk: what it takes, without ``part_bytes``.
        part_bytes: what a download that was not finished takes.
        problem: why it is broken.
    """

    name: str
    title: str
    state: State
    model: Model | None = None
    entry: Entry | None = None
    folder: Path | None = None
    bytes_on_disk: int = 0
    part_bytes: int = 0
    problem: VggscopeError | None = None


def list_models() -> list[Listed]:
    """All models: bundled ones, the user's by title, and what else the catalogue offers."""
    entries = {entry.name: entry for entry in catalogue()}
    listed = [_look_at(folder, entries) for folder in _bundled_folders()]
    taken = {item.name for item in listed}
    own = [_look_at(folder, entries, taken=taken) for folder in _folders(paths.user_models())]
    listed += sorted(own, key=lambda item: (item.title.casefold(), item.name))
    names = {item.name for item in listed}
    for entry in entries.values():
        if entry.name not in names:
            listed.append(_not_here(entry.name, entry))
    names |= entries.keys()
    # Downloads of what the catalogue does not offer any more: they take room all the same.
    with contextlib.suppress(OSError):
        for path in sorted(paths.user_models().glob(f"*{SUFFIX}")):
            if (name := path.name.removesuffix(SUFFIX)) not in names:
                listed.append(_not_here(name, None))
    return listed


def download_and_install(  # noqa: PLR0913 (all but one are options)
    entry: Entry,
    *,
    mirror: str | None = None,
    progress: Callable[[Progress], None],
    stop: Callable[[], bool],
    terms: Terms | None = None,
    again: bool = False,
) -> Model:
    """The model of ``entry``, which is downloaded and installed unless it is there.

    Args:
        entry: of the catalogue.
        mirror: see ``addresses.mirrored``.
        progress: called from time to time, in this thread.
        stop: asked often; when it says so, what came of the download stays, and nothing else.
        terms: how long to wait for servers.
        again: what is there is known to be damaged, and is replaced when all has been downloaded.

    Raises:
        ModelNameTakenError: there is another model with that name, which does not come from here.
        VggscopeError: as ``Download`` and ``Download.run``; the file is no such model.
    """
    sweep()
    download = Download(entry, mirror=mirror, terms=terms)
    with download.alone():
        place = place_for(entry.name, replace=True)
        present = _usable(place)
        if present is not None:
            if present.description.source != entry.source:
                raise ModelNameTakenError(model=entry.name)
            if not again:
                return present
        # Before half a gigabyte is downloaded.
        labels = _labels_of(entry)
        file = download.run(progress=progress, stop=stop)
        check_space(entry.name, entry.bytes)
        with staged(place, replace=True) as folder:
            facts = _facts_of(entry, write_labels(labels, folder) if labels else entry.labels)
            to_normal_form(file, folder, facts=facts, progress=progress, stop=stop)
        download.discard()
    return read_model(place)


def remove_model(name: str) -> int:
    """Remove a model of the user, usable or broken, and what was downloaded of it.

    Returns:
        How many bytes that freed.

    Raises:
        ModelBundledError: it ships with the program.
        ModelNotFoundError: there is no such model.
        ModelBusyError: it is being downloaded or installed.
        ModelInUseError: its files cannot be moved: nothing was removed.
    """
    sweep()
    folder = _users_folder(name)
    part = part_path(paths.user_models(), name) if is_name(name) else None
    if folder is None and (part is None or not part.exists()):
        if any(folder.name == name for folder in _bundled_folders()):
            raise ModelBundledError(model=name)
        known = ", ".join(item.name for item in list_models() if item.state in _REMOVABLE)
        raise ModelNotFoundError(model=name, known=known or "none, since there is none to remove")
    freed = 0
    with alone_with(folder.name if folder is not None else name):
        if folder is not None:
            freed += _size_of(folder)
            _remove(folder, name)
        if part is not None and part.exists():
            freed += part_bytes(part)
            try:
                discard_part(part)
            except OSError as error:
                raise _in_use(name, part, error) from error
    return freed


def verify_model(
    name: str,
    *,
    progress: Callable[[Progress], None] = nothing,
    stop: Callable[[], bool] = never,
) -> None:
    """See that every byte of a model is as it was installed, and its description true.

    Raises:
        Cancelled: it was stopped.
        ModelNotFoundError: there is no such model.
        ModelError: what is wrong with it.
    """
    folder = _users_folder(name)
    if folder is None:
        folder = next((path for path in _bundled_folders() if path.name == name), None)
    if folder is None:
        known = ", ".join(item.name for item in list_models() if item.folder is not None)
        raise ModelNotFoundError(model=name, known=known)
    model = _sound(folder)
    total = sum(entry.bytes for entry in model.description.files.values())
    meter = Meter("verifying", total=total, report=progress)

    def digest(path: Path) -> str:
        state = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                if stop():
                    raise Cancelled
                state.update(block)
                meter.advance(len(block))
        return state.hexdigest()

    model.check_content(digest)
    model.check_layers()
    model.labels()


def sweep() -> int:
    """Clear what killed processes left among the user's models; how much there was.

    A model that was about to be replaced goes back to its place. Downloads stay: they go on.
    """
    with contextlib.suppress(OSError):
        return sweep_rooms(paths.user_models())
    return 0


def _labels_of(entry: Entry) -> tuple[Label, ...] | None:
    """Those of an entry that brings its own, in a file beside the user's catalogue.

    Raises:
        LabelsError: that file cannot be read.
    """
    if paths.resource("labels", f"{entry.labels}.json").exists():
        return None
    from vggscope.zoo.labels import read_labels  # noqa: PLC0415 (few bring names of their own)

    return tuple(read_labels(users_catalogue().with_name(entry.labels)))


def _facts_of(entry: Entry, labels: str) -> dict[str, object]:
    """What the catalogue says for ``model.json``."""
    output = {"probabilities": entry.probabilities, "logits": entry.logits}
    return {
        "name": entry.name,
        "title": entry.title,
        "note": entry.note,
        "source": entry.source,
        "licence": entry.licence,
        "precision": entry.precision,
        "input": entry.input,
        "output": {kind: name for kind, name in output.items() if name is not None},
        "labels": labels,
        "accuracy": entry.accuracy,
    }


def _not_here(name: str, entry: Entry | None) -> Listed:
    there = part_bytes(part_path(paths.user_models(), name))
    return Listed(
        name=name,
        title=entry.title if entry is not None else name,
        state="partial" if there else "available",
        entry=entry,
        part_bytes=there,
    )


def _look_at(folder: Path, entries: Mapping[str, Entry], taken: Container[str] = ()) -> Listed:
    """A folder that is a model, or should be one."""
    home = paths.user_models()
    is_own = folder.parent == home
    model: Model | None = None
    problem: VggscopeError | None = None
    try:
        model = _sound(folder)
        if model.name in taken:
            raise ModelNameTakenError(model=model.name)
    except VggscopeError as error:
        problem = error
    # A broken one is called by its folder, which is how it is found and removed.
    name = model.name if model is not None and problem is None else folder.name
    state: State = "installed" if is_own else "bundled"
    return Listed(
        name=name,
        title=model.title if model is not None else folder.name,
        state=state if problem is None else "broken",
        model=model if problem is None else None,
        entry=entries.get(name),
        folder=folder,
        bytes_on_disk=_size_of(folder),
        part_bytes=part_bytes(part_path(home, name)) if is_own else 0,
        problem=problem,
    )


def _sound(folder: Path) -> Model:
    """The model in ``folder``, as far as can be told at once.

    Raises:
        ModelError: what is wrong with it.
    """
    model = read_model(folder)
    model.check_sizes()
    return model


def _usable(place: Path) -> Model | None:
    try:
        return _sound(place)
    except ModelError:
        return None


def _folders(home: Path) -> list[Path]:
    """Those in ``home`` that are models or should be."""
    try:
        return sorted(
            path for path in home.iterdir() if path.is_dir() and not path.name.startswith(".")
        )
    except OSError:
        return []


def _bundled_folders() -> list[Path]:
    """Whether they are there or not: a model that is missing is a broken one."""
    return [paths.bundled_models() / entry.name for entry in catalogue() if entry.bundled]


def _users_folder(name: str) -> Path | None:
    return _find(name, _folders(paths.user_models()))


def _find(name: str, folders: Iterable[Path]) -> Path | None:
    """The one called ``name``; otherwise one that holds a model of that name."""
    inside = None
    for folder in folders:
        if folder.name == name:
            return folder
        with contextlib.suppress(ModelError):
            if read_model(folder).name == name:
                inside = inside or folder
    return inside


def _size_of(folder: Path) -> int:
    """Bytes that removing ``folder`` frees."""
    if folder.is_symlink():
        return 0
    size = 0
    for path in folder.rglob("*"):
        # OSError: it went in this moment, or may not be looked at.
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink():
                size += path.stat().st_size
    return size


def _remove(folder: Path, name: str) -> None:
    """All of ``folder`` or, if anything speaks against it, nothing."""
    try:
        if folder.is_symlink():
            folder.unlink()
            return
        # In one step; what is in the room goes, now or with the next sweep. Windows refuses
        # the step while anybody has a file of it open; elsewhere those keep what they opened.
        with room_in(folder.parent) as room:
            folder.rename(room / folder.name)
    except OSError as error:
        raise _in_use(name, folder, error) from error


def _in_use(name: str, place: Path, error: OSError) -> ModelInUseError:
    return ModelInUseError(model=name, reason=error.strerror or str(error), folder=place)
