"""``vggscope models list``, ``download``, ``remove``, ``verify`` and ``path``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vggscope import paths
from vggscope.cli.consent import ask
from vggscope.cli.main import ALL_DONE, SOME_FAILED
from vggscope.cli.options import add_action
from vggscope.cli.progress_bars import BytesBar
from vggscope.cli.tables import text_table
from vggscope.errors import ModelNotFoundError, NotInCatalogueError, VggscopeError
from vggscope.inference.report import as_json
from vggscope.sources.finding import display_name
from vggscope.zoo.addresses import MIRROR_VARIABLE, host_of
from vggscope.zoo.catalogue import catalogue, catalogue_problem, find_entry, users_catalogue
from vggscope.zoo.download import Download
from vggscope.zoo.installing import (
    download_and_install,
    list_models,
    remove_model,
    sweep,
    verify_model,
)
from vggscope.zoo.meter import size_text
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from vggscope.cli.options import Actions
    from vggscope.zoo.catalogue import Entry
    from vggscope.zoo.installing import Listed
    from vggscope.zoo.normal_form import Accuracy

_HEADS: Final = ("model", "state", "size", "licence", "top-1", "top-5", "measured on", "where")
_NUMBERS: Final = ("size", "top-1", "top-5")
_MIRROR: Final = (
    "use this server instead of those that the catalogue names: https://HOST/FOLDER takes the "
    "place of https:// and host in the file's address, whose path stays; with {name} in it, it is "
    "the whole address, such as https://HOST/models/{name}.onnx; what comes is verified in any "
    f"case (default: the variable {MIRROR_VARIABLE})"
)


def add_list(actions: Actions) -> None:
    """Declare ``list``."""
    about = "list the models of this computer, and those that can be downloaded"
    parser = add_action(actions, "list", about, _list)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.epilog = (
        "A file catalogue.json in the folder of the settings adds models of your own to those that "
        "can be downloaded; its form is that of VGGscope's models/catalogue.json."
    )


def add_download(actions: Actions) -> None:
    """Declare ``download``."""
    about = "download a model of the catalogue, verify and install it"
    parser = add_action(actions, "download", about, _download)
    parser.add_argument("model", metavar="NAME", help="see “vggscope models list”")
    parser.add_argument("--mirror", metavar="URL", help=_MIRROR)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.epilog = (
        "Ctrl+C pauses: the same command goes on where it was, also after a crash. Proxies are "
        "those of the variables HTTPS_PROXY, ALL_PROXY and NO_PROXY; certificates are those that "
        "the system trusts."
    )


def add_remove(actions: Actions) -> None:
    """Declare ``remove``."""
    about = "remove an installed or broken model, and what was downloaded of it"
    parser = add_action(actions, "remove", about, _remove)
    parser.add_argument("model", metavar="NAME", help="see “vggscope models list”")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def add_verify(actions: Actions) -> None:
    """Declare ``verify``."""
    about = "compare every byte of the models with what was installed"
    parser = add_action(actions, "verify", about, _verify)
    parser.add_argument("model", metavar="NAME", nargs="?", help="this one only (default: all)")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.epilog = "Exit status: 0 all are sound, 1 some are damaged."


def add_path(actions: Actions) -> None:
    """Declare ``path``."""
    about = "print the folder of a model, or that of all models that you installed"
    parser = add_action(actions, "path", about, _path)
    parser.add_argument("model", metavar="NAME", nargs="?", help="see “vggscope models list”")


def _list(arguments: argparse.Namespace) -> int:
    sweep()
    listed = list_models()
    if arguments.format == "json":
        sys.stdout.write(as_json([_as_json_object(item) for item in listed]))
    else:
        sys.stdout.write(text_table(_HEADS, [_row(item) for item in listed], numbers=_NUMBERS))
        sys.stdout.write("".join(f"\n{line}\n" for line in _notes(listed)))
    if problem := catalogue_problem():
        sys.stderr.write(f"vggscope: {problem.message} {problem.remedy}\n")
    return ALL_DONE


def _download(arguments: argparse.Namespace) -> int:
    entry = _entry(arguments.model)
    download = Download(entry, mirror=arguments.mirror)
    present = next((item for item in list_models() if item.name == entry.name), None)
    if present is None or present.state != "installed":
        ask(_question(entry, download), yes=arguments.yes)
    try:
        with BytesBar(entry.name) as bar:
            model = download_and_install(
                entry, mirror=arguments.mirror, progress=bar, stop=lambda: False
            )
    except KeyboardInterrupt:
        kept = f"{size_text(download.part_bytes)} of {size_text(entry.bytes)} are kept"
        sys.stderr.write(f"vggscope: Paused: {kept}. The same command goes on from there.\n")
        raise
    already = present is not None and present.state == "installed"
    text = "was installed already" if already else "is installed"
    sys.stdout.write(f"{model.name} {text}: {display_name(str(model.folder))}\n")
    return ALL_DONE


def _entry(name: str) -> Entry:
    entry = find_entry(name)
    if entry is not None:
        return entry
    if users_catalogue().exists() and (problem := catalogue_problem()):
        # It may be there.
        raise problem
    known = ", ".join(entry.name for entry in catalogue() if not entry.bundled)
    raise NotInCatalogueError(model=name, known=known)


def _question(entry: Entry, download: Download) -> str:
    left = entry.bytes - download.part_bytes
    if left <= 0:
        return f"Install “{entry.name}”, which is downloaded ({size_text(entry.bytes)})?"
    size = size_text(entry.bytes)
    size = size if left == entry.bytes else f"the last {size_text(left)} of {size}"
    host = host_of(download.addresses[0])
    return f"Download “{entry.name}” from {host} ({size}, licence {entry.licence})?"


def _remove(arguments: argparse.Namespace) -> int:
    found = [item for item in list_models() if _is_called(item, arguments.model)]
    own = [item for item in found if item.state != "bundled" and _takes(item)]
    if own:
        size = size_text(sum(map(_takes, own)))
        ask(f"Remove “{arguments.model}” ({size})?", yes=arguments.yes)
    freed = remove_model(arguments.model)
    sys.stdout.write(f"{arguments.model} is removed: {size_text(freed)} are free again\n")
    return ALL_DONE


def _is_called(item: Listed, name: str) -> bool:
    return item.name == name or (item.folder is not None and item.folder.name == name)


def _takes(item: Listed) -> int:
    return item.bytes_on_disk + item.part_bytes


def _verify(arguments: argparse.Namespace) -> int:
    names = [arguments.model]
    if arguments.model is None:
        names = [item.name for item in list_models() if item.folder is not None]
    problems: dict[str, VggscopeError | None] = {}
    for name in names:
        problems[name] = None
        try:
            with BytesBar(name) as bar:
                verify_model(name, progress=bar)
        except ModelNotFoundError:
            raise
        except VggscopeError as error:
            problems[name] = error
    if arguments.format == "json":
        sys.stdout.write(
            as_json(
                [
                    {"model": name, "sound": not problem, "problem": problem and problem.as_json()}
                    for name, problem in problems.items()
                ]
            )
        )
    else:
        rows = [
            (name, "damaged" if problem else "sound", problem.message if problem else "")
            for name, problem in problems.items()
        ]
        sys.stdout.write(text_table(("model", "state", "reason"), rows))
    return SOME_FAILED if any(problems.values()) else ALL_DONE


def _path(arguments: argparse.Namespace) -> int:
    folder = paths.user_models() if arguments.model is None else find_model(arguments.model).folder
    sys.stdout.write(f"{folder}\n")
    return ALL_DONE


# --- what is told of a model ------------------------------------------------------------------


def _row(item: Listed) -> tuple[str, ...]:
    first = next(iter(_accuracy(item)), None)
    size = item.bytes_on_disk or (item.entry.bytes if item.entry else item.part_bytes)
    return (
        item.name,
        _state(item),
        size_text(size),
        _licence(item),
        f"{first.top1:.2f}" if first else "",
        f"{first.top5:.2f}" if first and first.top5 is not None else "",
        first.photos if first else "",
        _where(item),
    )


def _state(item: Listed) -> str:
    if item.state == "partial" and item.entry is not None:
        return f"partial, {item.part_bytes / item.entry.bytes:.0%}"
    return item.state


def _accuracy(item: Listed) -> Sequence[Accuracy]:
    if item.model is not None:
        return item.model.description.accuracy
    return item.entry.accuracy if item.entry else ()


def _licence(item: Listed) -> str:
    if item.model is not None:
        return item.model.description.licence
    return item.entry.licence if item.entry else ""


def _where(item: Listed) -> str:
    if item.folder is not None:
        return display_name(str(item.folder))
    return host_of(item.entry.url) if item.entry and item.entry.url else ""


def _notes(listed: Sequence[Listed]) -> list[str]:
    """What does not fit into the table."""
    notes = [
        f"{item.name}: {item.problem.message} {item.problem.remedy}"
        for item in listed
        if item.problem is not None
    ]
    own = sum(item.bytes_on_disk for item in listed if item.state != "bundled")
    parts = sum(item.part_bytes for item in listed)
    folder = display_name(str(paths.user_models()))
    use = f"Your models take {size_text(own)} in {folder}"
    return [*notes, f"{use}; unfinished downloads: {size_text(parts)}." if parts else f"{use}."]


def _as_json_object(item: Listed) -> dict[str, Any]:
    entry, model = item.entry, item.model
    told = model.description if model is not None else entry
    return {
        "name": item.name,
        "title": item.title,
        "state": item.state,
        "note": told.note if told else "",
        "precision": told.precision if told else None,
        "licence": _licence(item),
        "source": told.source if told else None,
        "accuracy": msgspec.to_builtins(_accuracy(item)),
        "folder": str(item.folder) if item.folder is not None else None,
        "bytes_on_disk": item.bytes_on_disk,
        "download_bytes": entry.bytes if entry and not entry.bundled else None,
        "part_bytes": item.part_bytes,
        "url": entry.url if entry else None,
        "sha256": entry.sha256 if entry else None,
        "problem": item.problem.as_json() if item.problem is not None else None,
    }
