"""What a bug report needs: versions, engines, devices, models, folders."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from vggscope import __version__, paths
from vggscope.errors import EngineMissingError, ModelError, NoModelError, VggscopeError
from vggscope.inference import packages
from vggscope.zoo.models import DEFAULT_MODEL, find_model, model_folders
from vggscope.zoo.normal_form import read_model

if TYPE_CHECKING:
    from vggscope.inference.selection import Row

PACKAGES: Final = (
    "PySide6-Essentials",
    "PySide6-Addons",
    "numpy",
    "pillow",
    "onnx",
    "msgspec",
    "platformdirs",
    "psutil",
    "tqdm",
    "httpx",
    "truststore",
    "h5py",
)
"""The distributions whose versions are told, besides the engine's."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A machine and an installation, as far as they matter to us.

    Attributes:
        program: what runs here: versions of VGGscope, Python, the system.
        packages: distribution -> version, or "not installed".
        engine: ONNX Runtime and its providers.
        devices: with the default model: key -> name and state, or why there is none.
        models: name -> state.
        folders: purpose -> path.
        problems: sentences, each about something that should be mended; empty if all is well.
    """

    program: dict[str, str]
    packages: dict[str, str]
    engine: dict[str, str]
    devices: dict[str, str]
    models: dict[str, str]
    folders: dict[str, str]
    problems: list[str]

    def as_json_object(self) -> dict[str, Any]:
        """For ``--format json``."""
        return asdict(self)

    def as_text(self) -> str:
        """For reading, and for pasting into a bug report."""
        parts = []
        for title in ("program", "packages", "engine", "devices", "models", "folders"):
            entries: dict[str, str] = getattr(self, title)
            lines = [f"  {name:<20}{value}" for name, value in entries.items()]
            parts.append("\n".join([title.capitalize(), *lines]))
        verdict = [f"  {problem}" for problem in self.problems] or ["  none"]
        parts.append("\n".join(["Problems", *verdict]))
        return "\n\n".join(parts) + "\n"


def diagnose() -> Diagnosis:
    """Look at everything. Takes about a second: models are checked byte by byte."""
    problems: list[str] = []
    engine = _engine(problems)
    return Diagnosis(
        program={
            "vggscope": __version__,
            "installation": installation(),
            "python": sys.version.split()[0],
            "system": platform.platform(),
            "processors": str(os.cpu_count()),
        },
        packages={name: packages.version(name) or "not installed" for name in PACKAGES},
        engine=engine,
        devices=_devices(),
        models=_models(problems),
        folders={
            "resources": str(paths.resource()),
            "bundled models": str(paths.bundled_models()),
            "your models": str(paths.user_models()),
            "settings": str(paths.config_dir()),
            "logs": str(paths.log_dir()),
        },
        problems=problems,
    )


def installation() -> str:
    """What kind of installation this is."""
    if not paths.is_frozen():
        return "Python package"
    facts = paths.build_facts()
    flavour, commit, date, machine = (
        facts.get(key, "unknown") for key in ("flavour", "commit", "date", "machine")
    )
    return f"frozen, flavour {flavour}, build {commit} of {date} for {machine}"


def _engine(problems: list[str]) -> dict[str, str]:
    if clash := packages.runtime_clash():
        problems.append(_sentence(clash))
    facts = {"packages": ", ".join(packages.engine_packages()) or "not installed"}
    try:
        # The engine may be what is broken.
        from vggscope.inference import runtime  # noqa: PLC0415

        facts["version"] = runtime.version()
        facts["providers"] = ", ".join(runtime.available_providers())
    except VggscopeError as error:
        problems.append(_sentence(error))
    except Exception as error:  # noqa: BLE001 (what is broken fails in any way)
        reason = f"{type(error).__name__}: {error}"
        problems.append(_sentence(EngineMissingError(reason=reason)))
    return facts


def _devices() -> dict[str, str]:
    """Key of a device -> its name, and what is known of it; of a provider -> why it has none."""
    try:
        from vggscope.inference.selection import survey  # noqa: PLC0415 (see _engine)

        rows = survey(find_model(DEFAULT_MODEL)).rows
    except Exception as error:  # noqa: BLE001 (told with the engine, or with the models)
        return {"none": " ".join(f"{type(error).__name__}: {error}".split())}
    return {row.device.key if row.device else row.provider.key: _state(row) for row in rows}


def _state(row: Row) -> str:
    parts = [f"{row.device.name}, {row.status}"] if row.device else []
    if row.milliseconds is not None:
        parts.append(f"{row.milliseconds:.1f} ms")
    if row.problem is not None:
        parts.append(row.problem.message)
    return ", ".join(parts)


def _sentence(error: VggscopeError) -> str:
    return " ".join(f"{error.message} {error.remedy}".split())


def _models(problems: list[str]) -> dict[str, str]:
    states = {}
    for folder in model_folders():
        try:
            model = read_model(folder)
            model.check_sizes()
            model.check_content()
            model.check_layers()
            states[folder.name] = f"ok ({folder})"
        except ModelError as error:
            states[folder.name] = f"damaged ({folder})"
            problems.append(_sentence(error))
        except Exception as error:  # noqa: BLE001 (onnx may be what is broken)
            states[folder.name] = f"not checked ({folder})"
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            problems.append(f"The model “{folder.name}” could not be checked ({reason}).")
    if not states:
        problems.append(_sentence(NoModelError()))
    return states
