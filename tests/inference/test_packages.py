"""Which ONNX Runtime packages are installed, told by metadata that the tests write."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggscope.inference import packages

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# As many numbers in both.
pairs = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=4)


def dotted(parts: Iterable[int]) -> str:
    return ".".join(map(str, parts))


def install(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder that packages are looked for in."""
    # Whatever is imported on the way must be there already.
    importlib.import_module("vggscope.errors")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


# --- versions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("installed", "needed", "is_older"),
    [
        ("1.7.9", "1.8", True),
        ("1.8", "1.8", False),
        ("1.8.0", "1.8", False),
        ("1.8.1", "1.8", False),
        ("1.10", "1.9", False),
        ("1.9", "1.10", True),
        ("2", "1.99", False),
        ("0.3.9.dev20260101", "0.4", True),
        ("0.4.0.dev20260101", "0.4", False),
        ("1.8rc1", "1.8", False),
        ("1.8.post1", "1.8", False),
        ("1.8.0+cpu", "1.8", False),
        # What comes after the plus is no part of the number.
        ("1.7+99", "1.8", True),
        ("v1.8", "1.8", False),
        ("", "1.8", True),
        ("unknown", "1.8", True),
    ],
)
def test_versions_are_compared_by_their_numbers(
    installed: str, needed: str, is_older: bool
) -> None:
    assert packages.is_older(installed, needed) is is_older


@given(pairs)
def test_the_order_of_versions_is_that_of_their_numbers(both: list[tuple[int, int]]) -> None:
    one, other = zip(*both, strict=True)
    assert packages.is_older(dotted(one), dotted(other)) is (one < other)
    assert not packages.is_older(dotted(one), dotted(one))


@given(st.text(), st.text())
def test_any_text_is_a_version_of_some_kind(one: str, other: str) -> None:
    assert not (packages.is_older(one, other) and packages.is_older(other, one))


# --- what is installed --------------------------------------------------------------------------


def test_this_environment_has_one_runtime() -> None:
    [runtime] = packages.runtime_packages()
    assert runtime.split()[1] == onnxruntime.__version__
    assert packages.runtime_clash() is None
    assert runtime in packages.engine_packages()


def test_a_version_is_that_of_the_distribution(place: Path) -> None:
    install(place, "onnxruntime-ep-webgpu", "0.4.0.dev20260101+abc")
    assert packages.version("onnxruntime-ep-webgpu") == "0.4.0.dev20260101+abc"
    assert packages.version("onnxruntime_ep_webgpu") == "0.4.0.dev20260101+abc"
    assert packages.version("onnxruntime") is None


def test_a_module_is_importable_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "onnxruntime_ep_broken.py").write_text("raise SystemError('a driver')")
    assert packages.is_importable("onnxruntime_ep_broken")
    assert not packages.is_importable("onnxruntime_ep_gone")
    assert "onnxruntime_ep_broken" not in sys.modules


def test_no_engine_at_all(place: Path) -> None:
    install(place, "numpy", "2.0")
    install(place, "my-onnxruntime", "1.0")
    assert packages.engine_packages() == packages.runtime_packages() == []
    assert packages.runtime_clash() is None


def test_plugins_and_tools_are_no_runtimes(place: Path) -> None:
    install(place, "onnxruntime", "1.32.0")
    others = [
        "onnxruntime-ep-openvino",
        "onnxruntime-ep-webgpu",
        "onnxruntime-extensions",
        "onnxruntime-genai",
        "onnxruntime-genai-cuda",
        "onnxruntime-tools",
    ]
    for name in others:
        install(place, name, "9.9")
    assert packages.runtime_packages() == ["onnxruntime 1.32.0"]
    assert packages.runtime_clash() is None
    assert packages.engine_packages() == [
        "onnxruntime 1.32.0",
        *(f"{name} 9.9" for name in others),
    ]


@pytest.mark.parametrize(
    "other",
    [
        "onnxruntime-gpu",
        "onnxruntime-directml",
        "onnxruntime-openvino",
        "onnxruntime-training",
        "ONNXRuntime_GPU",
    ],
)
def test_two_runtimes_clash(place: Path, other: str) -> None:
    install(place, other, "1.30.0")
    install(place, "onnxruntime", "1.32.0")
    name = other.lower().replace("_", "-")
    error = packages.runtime_clash()
    assert error is not None
    assert error.message == (
        f"Several ONNX Runtime packages overwrite each other: onnxruntime 1.32.0, {name} 1.30.0."
    )
    assert error.kind == "runtime-clash"


def test_of_the_same_package_twice_the_first_is_meant(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = place / "first", place / "second"
    install(first, "onnxruntime", "1.32.0")
    install(second, "onnxruntime", "1.20.0")
    monkeypatch.setattr(sys, "path", [str(first), str(second)])
    assert packages.engine_packages() == ["onnxruntime 1.32.0"]
    assert packages.runtime_clash() is None
