"""The wheel, installed into a clean environment outside of the checkout, works on its own.

Needs what ``make test`` needed to set itself up: the package index of the machine, or pip's cache.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[1]
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


def checked(*words: str | Path, **options: object) -> str:
    child = subprocess.run(
        list(map(str, words)),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=600,
        **options,
    )
    assert child.returncode == 0, child.stdout + child.stderr
    return child.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Isolation downloads the build backend, which developers may have already.
    here = importlib.util.find_spec("hatchling") is not None
    options = ["--no-isolation"] if here else []
    checked(sys.executable, "-m", "build", "--wheel", *options, "-o", folder, CHECKOUT)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A clean virtual environment with the wheel and its dependencies, nothing else."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / SCRIPTS / "python"
    checked(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", wheel)
    yield folder
    # pytest keeps the folders of three runs: of this one, two gigabytes.
    shutil.rmtree(folder)


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, object]:
    """Where the installed program is started: elsewhere, and ignorant of the checkout."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {"cwd": tmp_path, "env": environment}


def tracked(folder: str) -> set[str]:
    return {
        path.relative_to(CHECKOUT).as_posix()
        for path in (CHECKOUT / folder).rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_what_is_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        about = archive.read(metadata).decode()
    for folder in ("resources", "models"):
        assert {f"vggscope/{name}" for name in tracked(folder)} <= names
    assert {"vggscope/py.typed", "vggscope/cli/main.py", "vggscope/ui/app.py"} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    foreign = ("tests/", "tools/", "benchmarks/", "docs/", "app/")
    assert not [name for name in names if name.startswith(foreign) or "__pycache__" in name]
    assert "License-Expression: MIT" in about
    assert "Requires-Python: >=3.11" in about


def test_classify_with_the_installed_program(
    installed: Path, outside: dict[str, object], data_dir: Path
) -> None:
    python, program = installed / SCRIPTS / "python", installed / SCRIPTS / "vggscope"
    code = "from vggscope import paths; print(paths.resource('samples'))"
    samples = Path(checked(python, "-c", code, **outside).strip())
    assert samples.is_relative_to(installed)
    pizza, coffee = samples / "pizza.jpg", samples / "coffee.jpg"
    out = checked(program, "classify", pizza, coffee, "--format", "json", **outside)
    assert [entry["predictions"][0]["label"] for entry in json.loads(out)] == ["pizza", "espresso"]
    for model in ("vgg16-compact-int8", "vgg16-compact"):
        out = checked(program, "classify", pizza, "--model", model, "--format", "json", **outside)
        assert json.loads(out)[0]["model"] == model
    assert (data_dir / "log" / "vggscope.log").is_file()


def test_doctor_of_the_installed_program(installed: Path, outside: dict[str, object]) -> None:
    program = installed / SCRIPTS / "vggscope"
    diagnosis = json.loads(checked(program, "doctor", "--format", "json", **outside))
    assert diagnosis["problems"] == []
    assert len(diagnosis["models"]) == 2
    for folder in ("resources", "bundled models"):
        assert Path(diagnosis["folders"][folder]).is_relative_to(installed)


def test_window_of_the_installed_program(installed: Path, outside: dict[str, object]) -> None:
    """The modules of the window and what they need are there; both entry points exist."""
    python = installed / SCRIPTS / "python"
    checked(python, "-c", "import vggscope.ui.app, PySide6.QtSvg", **outside)
    suffix = ".exe" if sys.platform == "win32" else ""
    assert (installed / SCRIPTS / f"vggscope-gui{suffix}").is_file()
