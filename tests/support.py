"""Helpers that tests of the decoder, the command line and the window share."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Let permissions count, which they do not for root: tests in containers run as root.

    The files in question must lie below folders that everybody may enter; pytest's ``tmp_path``
    does not, see `open_folder`. The user is that of the whole process, all threads included.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions of files are something else here")
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user may enter and read."""
    folder = Path(tempfile.mkdtemp(prefix="vggscope-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        for closed in folder.rglob("*"):
            if closed.is_dir() and not closed.is_symlink():
                closed.chmod(0o755)
        shutil.rmtree(folder)


def hostile() -> ModuleType:
    """The module ``tests/data/hostile/make.py``, with ``CASES`` and ``make``."""
    name = "hostile_make"
    if name not in sys.modules:
        path = Path(__file__).parent / "data" / "hostile" / "make.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]
