"""Where things live: in a checkout, in a frozen application, with and without ``--data-dir``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import environment
from vggscope import paths

CHECKOUT = Path(__file__).parents[1]


def test_a_checkout() -> None:
    assert paths.resource("labels", "imagenet-1k.json").is_file()
    assert paths.resource("samples").is_relative_to(CHECKOUT)
    assert (paths.bundled_models() / "vgg16-compact" / "model.json").is_file()


def test_a_frozen_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "bundle"), raising=False)
    assert paths.resource("icons", "x.svg") == tmp_path / "bundle" / "resources" / "icons" / "x.svg"
    assert paths.bundled_models() == tmp_path / "bundle" / "models"
    monkeypatch.delattr(sys, "_MEIPASS")
    assert paths.bundled_models() == Path(sys.executable).parent / "models"


def test_everything_below_the_data_dir(data_dir: Path) -> None:
    places = {paths.config_dir(), paths.data_dir(), paths.user_models(), paths.log_dir()}
    assert len(places) == 4
    assert all(place.is_relative_to(data_dir) for place in places)
    assert not data_dir.exists()  # asking makes nothing


def test_use_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths.use_data_dir(Path("stick"))
    # For children as well, wherever they are started.
    assert os.environ[paths.DATA_DIR_VARIABLE] == str(tmp_path / "stick")
    assert paths.log_dir() == tmp_path / "stick" / "log"


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="XDG is for the other systems")
@pytest.mark.parametrize("chosen", [None, ""])
def test_the_users_folders(tmp_path: Path, chosen: str | None) -> None:
    code = "from vggscope import paths as p; print(p.config_dir(), p.data_dir(), p.log_dir())"
    kinds = {"XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state"}
    changes = {variable: str(tmp_path / kind) for variable, kind in kinds.items()}
    child = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(HOME=str(tmp_path), **changes, **{paths.DATA_DIR_VARIABLE: chosen}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert child.stdout.split() == [
        f"{tmp_path}/config/vggscope",
        f"{tmp_path}/data/vggscope",
        f"{tmp_path}/state/vggscope/log",
    ]
