"""Which ONNX Runtime packages are installed here, by their metadata: nothing is imported."""

from __future__ import annotations

import re
from importlib import metadata
from importlib.util import find_spec

from vggscope.errors import RuntimeClashError

_RUNTIME = "onnxruntime"
# Plugin providers live in folders of their own; all others overwrite each other's files.
_PLUGIN = f"{_RUNTIME}-ep-"
# These are no runtimes, though they are called so.
_TOOLS = (f"{_RUNTIME}-genai", f"{_RUNTIME}-extensions", f"{_RUNTIME}-tools")


def version(distribution: str) -> str | None:
    """Version of an installed distribution, None if there is none."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def is_importable(module: str) -> bool:
    """Whether a module is there (frozen programs have modules without metadata)."""
    return find_spec(module) is not None


def engine_packages() -> list[str]:
    """Name and version of every ONNX Runtime package, plugin providers included."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name.startswith(_RUNTIME):
            # The first one found is the one that is imported.
            found.setdefault(name, f"{name} {distribution.version}")
    return [found[name] for name in sorted(found)]


def runtime_packages() -> list[str]:
    """Those of ``engine_packages`` that install the folder ``onnxruntime``: should be one."""
    return [p for p in engine_packages() if not p.startswith((_PLUGIN, *_TOOLS))]


def runtime_clash() -> RuntimeClashError | None:
    """The error that several runtimes in one environment are."""
    runtimes = runtime_packages()
    return RuntimeClashError(packages=", ".join(runtimes)) if len(runtimes) > 1 else None


def is_older(installed: str, needed: str) -> bool:
    """Whether version ``installed`` comes before ``needed``, by their numbers."""
    return _numbers(installed) < _numbers(needed)


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [int(number) for number in re.findall(r"\d+", text.partition("+")[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
