"""The version is named in one place; everything else takes it from there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from vggscope import RELEASE_PAGE, __version__

TOP = Path(__file__).parents[2]
NAMED = re.compile(rf"(?<![\w.]){re.escape(__version__)}(?![\w.]*\d)")
# Changes of each version, and what a command printed when it was last run.
TOLD = {"CHANGELOG.md", "docs/packaging.md"}


def sources() -> list[Path]:
    """The files that say how the program is built, packed and published."""
    folders = [TOP / "packaging", TOP / ".github", TOP / "tools"]
    single = [TOP / name for name in ("build.spec", "pyproject.toml", "Makefile")]
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()] + single


def test_no_recipe_names_the_version() -> None:
    naming = []
    for path in sources():
        name = path.relative_to(TOP).as_posix()
        # Locks name the versions of others.
        if "__pycache__" in name or name in TOLD or path.suffix == ".lock":
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        naming += [f"{name}: {line}" for line in text.splitlines() if NAMED.search(line)]
    assert naming == []


def test_the_package_takes_it_from_the_module() -> None:
    project = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in project
    assert 'path = "app/vggscope/__init__.py"' in project
    spec = (TOP / "build.spec").read_text(encoding="utf-8")
    assert "from vggscope import __version__ as VERSION" in spec


def test_it_is_one_that_every_system_takes() -> None:
    """Windows wants numbers, Debian what sorts well, packages of Python a form of their own."""
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", __version__)


def test_the_page_of_releases_is_named_once() -> None:
    assert RELEASE_PAGE.startswith("https://")
    if not (TOP / ".git").exists():
        pytest.skip("this is no checkout")
    done = subprocess.run(
        ["git", "grep", "--untracked", "-l", "-F", RELEASE_PAGE, "--", "app"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["app/vggscope/__init__.py"]
