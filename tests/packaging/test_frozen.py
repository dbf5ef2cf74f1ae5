"""What the application without a Python of its own says of itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from vggscope import doctor, paths
from vggscope.errors import (
    DeviceError,
    ProviderNotInDownloadError,
    ProviderNotInFlavourError,
    ProviderOutdatedError,
    from_record,
)
from vggscope.inference import discovery
from vggscope.inference.providers import PROVIDERS

from .scripts import script

if TYPE_CHECKING:
    from pathlib import Path

bundle = script("bundle")


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that PyInstaller's loader says we live in."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    (tmp_path / "build.json").write_text(bundle.build_facts("webgpu", "1.2.3"), encoding="utf-8")
    return tmp_path


def test_flavour_and_build(frozen: Path) -> None:
    facts = json.loads((frozen / "build.json").read_text(encoding="utf-8"))
    assert paths.build_facts() == facts
    told = doctor.installation()
    assert told.startswith("frozen, flavour webgpu, build ")
    assert facts["commit"] in told
    assert facts["date"] in told


def test_a_build_that_says_nothing(frozen: Path) -> None:
    for content in ("", "[1]", "{"):
        (frozen / "build.json").write_text(content, encoding="utf-8")
        assert "flavour unknown" in doctor.installation()
    (frozen / "build.json").unlink()
    assert "flavour unknown" in doctor.installation()


def test_a_package_has_no_flavour() -> None:
    assert paths.build_facts() == {}
    assert doctor.installation() == "Python package"


def test_nobody_is_told_to_use_pip(frozen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert frozen
    monkeypatch.setattr("vggscope.inference.packages.is_importable", lambda _: False)
    monkeypatch.setattr("vggscope.inference.runtime.available_providers", lambda: ["CPU"])
    for provider in PROVIDERS.values():
        if provider.systems and sys.platform not in provider.systems:
            continue
        with pytest.raises(DeviceError) as caught:
            discovery._check_installed(provider)
        error = caught.value
        assert "pip" not in f"{error.message} {error.remedy}"
        if provider.flavour:
            assert isinstance(error, ProviderNotInFlavourError)
            assert f"“{provider.flavour}”" in error.remedy
        else:
            assert isinstance(error, ProviderNotInDownloadError)
        assert str(from_record(error.as_record(), DeviceError)) == str(error)


def test_every_flavour_is_one_that_is_built() -> None:
    assert {p.flavour for p in PROVIDERS.values()} - {""} <= bundle.FLAVOURS.keys()


def test_what_was_packed_together_wrongly(frozen: Path) -> None:
    assert frozen
    error = discovery._misfit(PROVIDERS["webgpu"], "onnxruntime-ep-webgpu", "0.1", "0.4")
    assert isinstance(error, ProviderOutdatedError)
    assert "0.4 or newer" in error.message
    assert "pip" not in error.remedy


def test_advice_is_not_shared_with_an_installed_package(
    frozen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = discovery.fingerprint()
    assert frozen
    monkeypatch.delattr(sys, "frozen")
    assert discovery.fingerprint() != ours


def test_other_programs_do_not_get_our_libraries() -> None:
    start = script("start")
    environment = {"LD_LIBRARY_PATH": "/ours", "_PYI_ARCHIVE_FILE": "/ours/vggscope", "HOME": "/me"}
    start.clear(environment)
    assert environment == {"HOME": "/me"}
    environment |= {"LD_LIBRARY_PATH": "/ours:/theirs", "LD_LIBRARY_PATH_ORIG": "/theirs"}
    start.clear(environment)
    assert environment == {"HOME": "/me", "LD_LIBRARY_PATH": "/theirs"}
