"""The bill of materials tells what a bundle is made of."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .scripts import TOP, script

sbom = script("sbom")


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    weights = TOP / "models" / "vgg16-compact" / "weights.bin"
    files = [Path(np.__file__), weights]
    found: dict[str, Any] = json.loads(sbom.of_bundle(files, version="1.2.3"))
    return found


def test_it_names_distributions_python_and_models(bill: dict[str, Any]) -> None:
    parts = bill["components"]
    names = {part["name"]: part for part in parts}
    assert set(names) == {"numpy", "CPython", "vgg16-compact"}
    assert names["numpy"]["purl"] == f"pkg:pypi/numpy@{metadata.version('numpy')}"
    facts = json.loads((TOP / "models/vgg16-compact/model.json").read_text(encoding="utf-8"))
    assert names["vgg16-compact"]["hashes"][0]["content"] in json.dumps(facts)


@pytest.mark.skipif(not Path("/usr/bin/dpkg-query").exists(), reason="this is no Debian")
def test_it_names_what_comes_from_the_system() -> None:
    [library] = Path("/usr/lib").glob("*-linux-gnu/libz.so.1")
    parts = json.loads(sbom.of_bundle([library], version="1.2.3"))["components"]
    [package] = [part for part in parts if part["purl"].startswith("pkg:deb/")]
    assert package["name"] == "zlib1g"
    assert package["purl"].endswith(f"/zlib1g@{package['version']}")


def test_it_tells_whose_libraries_were_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {}
    for system in ("linux", "win32"):
        monkeypatch.setattr(sbom.sys, "platform", system)
        parts[system] = sbom.component(metadata.distribution("PySide6-Essentials"))
    assert "Changes to Qt" in parts["linux"].pop("pedigree")["notes"]
    assert parts["linux"] == parts["win32"]


def test_it_is_of_this_version_and_refers_to_itself(bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    text = json.dumps(bill)
    assert '"version": "1.2.3"' in text
    (own,) = bill["dependencies"]
    assert own["dependsOn"] == [part["bom-ref"] for part in bill["components"]]


def test_the_same_parts_make_the_same_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    one, other = (sbom.document([sbom.python()], "1") for _ in range(2))
    assert one == other
    assert one["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    assert sbom.document([], "1")["serialNumber"] != one["serialNumber"]
