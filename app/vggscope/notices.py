"""Licences: our own, and notices of the works of others that VGGscope comes with.

A frozen program has a file of them, made from what is really in it when it was built
(``packaging/notices.py``). Everywhere else they are made of what is installed, when asked for.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vggscope import paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RULE: Final = "=" * 78
_LICENCE_FILE: Final = re.compile(
    r"(licen[cs]e|copying|notice|authors|third.?party)", re.IGNORECASE
)
_TEXTS: Final = {"", ".txt", ".md", ".rst", ".apache", ".bsd", ".mit", ".apache2", ".psf"}
_EXTRAS: Final = ("cuda", "openvino", "webgpu")
"""Those of ours that users install."""
_NAME: Final = re.compile(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?")
_OF_EXTRA: Final = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_UNSAID: Final = {"", "unknown"}


def all_licences() -> str:
    """Our licence and all notices. Takes a moment where the program is not frozen.

    Raises:
        OSError: a file of the program is missing.
    """
    return f"VGGscope\n\n{_text_of(paths.licence()).strip()}\n\n{_RULE}\n{third_party_notices()}"


def third_party_notices() -> str:
    """The notices of all that this program comes with; see ``all_licences``."""
    if paths.is_frozen():
        return _text_of(paths.third_party_notices())
    wanted = requirements_of("vggscope", *_EXTRAS)
    return notices(wanted.values(), origin="is installed on this computer")


def normalised(name: str) -> str:
    """A distribution's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements_of(name: str, *extras: str) -> dict[str, metadata.Distribution]:
    """The distribution ``name`` and all that it needs and is here, by normalised names."""
    found: dict[str, metadata.Distribution] = {}
    seen = set()
    waiting = [(normalised(name), frozenset(extras))]
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        key, wanted_extras = wanted
        try:
            found[key] = metadata.distribution(key)
        except metadata.PackageNotFoundError:
            # For another system, or of an extra that is not installed.
            continue
        for line in found[key].requires or ():
            asked, _, marker = line.partition(";")
            # What is for other systems is not here: of markers only extras matter.
            of_extras = set(_OF_EXTRA.findall(marker))
            match = _NAME.match(asked)
            if match is not None and (not of_extras or of_extras & wanted_extras):
                further = re.findall(r"[\w.-]+", match[2] or "")
                waiting.append((normalised(match[1]), frozenset(further)))
    return found


def licence_of(distribution: metadata.Distribution) -> str:
    """The licence that a distribution declares."""
    facts = distribution.metadata
    for field in ("License-Expression", "License"):
        text = (facts[field] or "").strip() if field in facts else ""
        if text.lower() not in _UNSAID and len(text) < 100 and "\n" not in text:
            return str(text)
    trove = [c for c in facts.get_all("Classifier") or () if c.startswith("License ::")]
    names = [c.rpartition(" :: ")[2] for c in trove if c.count(" :: ") > 1]
    return ", ".join(names) or "see below"


def licence_texts(distribution: metadata.Distribution) -> Iterator[tuple[str, str]]:
    """The licence files that a distribution ships: name and text."""
    for entry in sorted(distribution.files or (), key=str):
        path = Path(str(entry))
        is_its_own = ".dist-info" in str(entry) or len(path.parts) <= 2
        is_called_so = _LICENCE_FILE.search(path.name) and path.suffix.lower() in _TEXTS
        # What lies there is a licence, whatever its name (hdf5.txt, LICENSE.eigen).
        is_declared = ".dist-info" in path.parts[0] and "licenses" in path.parts[1:-1]
        if is_its_own and (is_called_so or is_declared):
            place = Path(str(distribution.locate_file(entry)))
            if place.is_file():
                yield path.name, _text_of(place).strip()


def notices(
    distributions: Iterable[metadata.Distribution],
    *,
    origin: str,
    more: Iterable[str] = (),
    is_bundle: bool = False,
) -> str:
    """All notices as one text.

    Args:
        distributions: of Python packages; our own is left out.
        origin: what they were made from ("is installed on this computer").
        more: parts of works that belong to no distribution.
        is_bundle: whether a bundle's own parts, such as its loader, are there.
    """
    parts = [_part("introduction.txt").format(origin=origin)]
    static = sorted(paths.resource("notices").glob("[0-9]*.txt"))
    if is_bundle:
        static += sorted(paths.resource("notices").glob("bundle-*.txt"))
        if sys.platform == "win32":
            static += sorted(paths.resource("notices").glob("windows-*.txt"))
    for path in static:
        parts.append(_text_of(path).strip())
        if path.stem.endswith("-python"):
            parts.append(f"--- LICENSE of Python ---\n{_licence_of_python()}")
    for distribution in sorted(distributions, key=lambda d: normalised(d.metadata["Name"])):
        name = distribution.metadata["Name"]
        if normalised(name) == "vggscope":
            continue
        parts.append(f"{name} {distribution.version}\nLicence: {licence_of(distribution)}")
        parts += [f"--- {title} ---\n{text}" for title, text in licence_texts(distribution)]
    parts += more
    parts += [_part(f"{name}.txt") for name in ("LGPL-3", "GPL-3", "LGPL-2.1")]
    # Some distributions under it do not ship its text.
    parts.append(_text_of(paths.bundled_models() / "LICENSES" / "Apache-2.0.txt").strip())
    return f"\n{_RULE}\n".join(parts) + "\n"


def _licence_of_python() -> str:
    """That of this Python, which tells of the libraries that it was built with."""
    library = Path(os.__file__).parent
    for folder in (library, Path(sys.base_prefix), library.parent):
        for name in ("LICENSE.txt", "LICENSE"):
            if (folder / name).is_file():
                return _text_of(folder / name).strip()
    return _part("Python.txt")


def _part(name: str) -> str:
    return _text_of(paths.resource("notices", name)).strip()


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
