"""The software bill of materials of a bundle, in the form of CycloneDX 1.5.

``build.spec`` writes it beside what it builds, for the release page.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import uuid
from typing import TYPE_CHECKING, Any, Final

import bundle
import notices
from vggscope.notices import licence_of, normalised

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib import metadata
    from pathlib import Path

FILE: Final = "vggscope.cdx.json"
_CHANGED: Final = {
    "linux": {"pyside6-essentials"},
    "darwin": {"pyside6-essentials", "pyside6-addons", "shiboken6"},
}
"""System -> distributions of Qt whose libraries the build changes."""


def of_bundle(files: Iterable[Path], *, version: str) -> str:
    """The bill of a bundle that is made of ``files``.

    Args:
        files: where the bundle's parts were taken from.
        version: of VGGscope.
    """
    files = list(files)
    distributions = notices.distributions_in(files)
    distributions.pop("vggscope", None)
    folders = sorted(path.parent for path in files if path.name == "weights.bin")
    parts = [
        python(),
        *map(component, distributions.values()),
        *map(system_package, notices.system_packages(files)),
        *map(model, folders),
    ]
    return json.dumps(document(parts, version), indent=1, ensure_ascii=False) + "\n"


def document(components: list[dict[str, Any]], version: str) -> dict[str, Any]:
    """The bill of VGGscope ``version``, made of ``components``."""
    components = sorted(components, key=lambda part: part["bom-ref"])
    content = json.dumps([version, components], sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        # The same parts make the same number.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}",
        "version": 1,
        "metadata": {
            "timestamp": bundle.build_time().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": "vggscope",
                "name": "VGGscope",
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
            },
        },
        "components": components,
        "dependencies": [
            {"ref": "vggscope", "dependsOn": [part["bom-ref"] for part in components]}
        ],
    }


def component(distribution: metadata.Distribution) -> dict[str, Any]:
    """What is told of a Python distribution."""
    name = normalised(distribution.metadata["Name"])
    address = f"pkg:pypi/{name}@{distribution.version}"
    told: dict[str, Any] = {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": distribution.version,
        "purl": address,
        "licenses": [{"license": {"name": licence_of(distribution)}}],
    }
    if name in _CHANGED.get(sys.platform, ()):
        told["pedigree"] = {"notes": f"Changed: see “Changes to Qt” in {notices.FILE}"}
    return told


def system_package(name: str) -> dict[str, Any]:
    """What is told of a package of the build machine that libraries were taken from."""
    version = notices.version_of(name)
    address = f"pkg:deb/{platform.freedesktop_os_release()['ID']}/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": version,
        "purl": address,
        "licenses": [{"license": {"name": f"see {notices.FILE}"}}],
    }


def python() -> dict[str, Any]:
    """What is told of the interpreter."""
    version = platform.python_version()
    address = f"pkg:generic/python@{version}"
    return {
        "type": "framework",
        "bom-ref": address,
        "name": "CPython",
        "version": version,
        "purl": address,
        "licenses": [{"license": {"id": "Python-2.0"}}],
    }


def model(folder: Path) -> dict[str, Any]:
    """What is told of a model: its weights by their hash."""
    facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    weights = hashlib.sha256((folder / "weights.bin").read_bytes()).hexdigest()
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{folder.name}",
        "name": folder.name,
        "version": weights[:12],
        "hashes": [{"alg": "SHA-256", "content": weights}],
        "licenses": [{"license": {"name": str(facts.get("licence", "see MODEL_CARD.md"))}}],
    }
