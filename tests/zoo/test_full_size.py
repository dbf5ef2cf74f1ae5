"""The one test with a file of full size: downloaded, killed twice, installed, used, removed."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

from support import command, environment
from vggscope import paths
from zoo.server import hold_after, serving
from zoo.shop import entry_for, offer
from zoo.stand_ins import mxnet_like

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMEOUT = 300
FIRST = 200_000_000


def run(*words: str | Path) -> str:
    child = subprocess.run(
        command(*words),
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


def killed_when(is_time: Callable[[], bool]) -> None:
    """Start the download, and kill it when it is time."""
    words = command("models", "download", "school", "--yes")
    with subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE) as child:
        deadline = time.monotonic() + TIMEOUT
        while not is_time():
            assert child.poll() is None, child.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        child.kill()


def test_from_the_server_to_an_answer(tmp_path: Path, data_dir: Path) -> None:
    file = tmp_path / "vgg16.onnx"
    file.write_bytes(mxnet_like(width=1).SerializeToString())
    home = data_dir / "data" / "models"
    part = home / "school.onnx.part"
    with serving(file) as server:
        entry = entry_for(server)
        assert 553_000_000 < entry.bytes < 554_000_000
        offer([entry])
        server.tricks.append(hold_after(FIRST))
        killed_when(lambda: part.exists() and part.stat().st_size == FIRST)
        # Now it is complete, and killed while it becomes a model.
        killed_when(lambda: any(home.glob(".vggscope-room-*/school/weights.bin")))
        assert server.ranges == [None, f"bytes={FIRST}-"]
        file.unlink()
        [item] = [
            row
            for row in json.loads(run("models", "list", "--format", "json"))
            if row["name"] == "school"
        ]
        assert (item["state"], item["part_bytes"]) == ("partial", entry.bytes)
        assert {path.name for path in home.iterdir()} == {part.name, f"{part.name}.json"}
        # All is there: nothing is asked for any more.
        run("models", "download", "school", "--yes")
        assert len(server.requests) == 2
    assert {path.name for path in home.iterdir()} == {"school"}
    assert "sound" in run("models", "verify", "school")
    photo = paths.resource("samples", "pizza.jpg")
    answers = json.loads(run("classify", photo, "--model", "school", "--format", "json"))
    assert len(answers[0]["predictions"]) == 5
    assert "free again" in run("models", "remove", "school", "--yes")
    assert list(home.iterdir()) == []
