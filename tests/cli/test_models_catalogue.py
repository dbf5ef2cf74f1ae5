"""``vggscope models list|download|remove|verify|path``: what they print, ask and refuse."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from support import command, environment, tiny_model
from vggscope import paths
from vggscope.zoo.addresses import MIRROR_VARIABLE
from vggscope.zoo.catalogue import users_catalogue
from zoo.server import Request, Server, hold_after, serving
from zoo.shop import entry_for, offer
from zoo.stand_ins import mxnet_like

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import Run

TIMEOUT = 120
CONTENT = mxnet_like().SerializeToString()
posix = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals and signals there")


@pytest.fixture
def run(run: Run) -> Run:
    """Run ``vggscope models``: (status, stdout, stderr)."""
    return partial(run, "models")


@pytest.fixture
def server() -> Iterator[Server]:
    """It has the model "school", which the user's catalogue offers."""
    with serving(CONTENT) as started:
        offer([entry_for(started)])
        yield started


@pytest.fixture
def home(home: Path) -> Path:
    home.mkdir(parents=True)
    return home


def left(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()}


def rows(run: Run) -> dict[str, dict[str, Any]]:
    status, out, _ = run("list", "--format", "json")
    assert status == 0
    return {row["name"]: row for row in json.loads(out)}


# --- list -------------------------------------------------------------------------------------


def test_the_list_as_json(run: Run, server: Server, home: Path) -> None:
    tiny_model(home / "tiny")
    (home / "half").mkdir()
    (home / "vgg16-12.onnx.part").write_bytes(bytes(2000))
    found = rows(run)
    assert list(found)[:2] == ["vgg16-compact", "vgg16-compact-int8"]
    compact, official = found["vgg16-compact"], found["vgg16-12"]
    assert (compact["state"], compact["download_bytes"], compact["url"]) == ("bundled", None, None)
    assert compact["licence"].startswith("CC-BY-4.0")
    assert compact["accuracy"][0]["top1"] == 66.8
    assert compact["bytes_on_disk"] > 38_000_000
    assert (official["state"], official["part_bytes"]) == ("partial", 2000)
    assert official["download_bytes"] == 553_437_752
    assert official["accuracy"][0]["top5"] == 91.0
    assert official["folder"] is None
    assert found["vgg19-7"]["state"] == found["school"]["state"] == "available"
    assert found["school"]["url"].startswith(server.address)
    assert found["tiny"]["folder"] == str(home / "tiny")
    assert found["tiny"]["state"] == "installed"
    assert found["half"]["state"] == "broken"
    assert found["half"]["problem"]["kind"] == "model-file-missing"
    assert {row["problem"] is None for name, row in found.items() if name != "half"} == {True}


def test_the_list_as_a_table(run: Run, home: Path) -> None:
    tiny_model(home / "tiny")
    (home / "half").mkdir()
    (home / "vgg16-12.onnx.part").write_bytes(bytes(5_534_378))
    status, out, err = run("list")
    assert (status, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert re.search(r"vgg16-compact +bundled +38\.4 MB .*66\.80 +88\.70", lines["vgg16-compact"])
    assert re.search(
        r"partial, 1% +553 MB +Apache-2\.0 +72\.38 +91\.00 +ILSVRC-2012 val +huggingface\.co",
        lines["vgg16-12"],
    )
    assert str(home / "tiny") in lines["tiny"]
    assert "half: The model “half” is incomplete: model.json cannot be read" in out
    assert "Install the model again." in out
    assert re.search(r"Your models take \d+ kB in .*; unfinished downloads: 5\.5 MB\.\n\Z", out)


def test_a_broken_catalogue_is_told_and_the_rest_listed(run: Run) -> None:
    users_catalogue().parent.mkdir(parents=True)
    users_catalogue().write_text("{", encoding="utf-8")
    status, out, err = run("list")
    assert status == 0
    assert "vgg19-caffe2-9" in out
    assert err.startswith(f"vggscope: The list of models in “{users_catalogue()}” cannot be used")
    status, out, err = run("download", "school", "--yes")
    assert (status, out) == (2, "")
    assert str(users_catalogue()) in err


# --- download ---------------------------------------------------------------------------------


def test_download(run: Run, server: Server, home: Path) -> None:
    status, out, err = run("download", "school", "--yes")
    assert (status, out, err) == (0, f"school is installed: {home / 'school'}\n", "")
    assert left(home) == {"school"}
    assert run("verify", "school")[0] == 0
    status, out, err = run("download", "school")
    assert (status, err) == (0, "")
    assert out == f"school was installed already: {home / 'school'}\n"
    assert len(server.requests) == 1


def test_nothing_happens_without_consent(run: Run, server: Server, home: Path) -> None:
    status, out, err = run("download", "school")
    assert (status, out) == (2, "")
    assert err == (
        "vggscope: Download “school” from 127.0.0.1 (1.0 MB, licence Apache-2.0)? Nobody can be "
        "asked, since this is no terminal. Add --yes to the command.\n"
    )
    assert server.requests == []
    assert left(home) == set()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["vgg99", "--yes"], "“vgg99” is not among the models that can be downloaded. Choose one"),
        (["vgg16-compact", "--yes"], "“vgg16-compact” ships with VGGscope"),
        (["school", "--yes", "--mirror", "http://m.example"], "is no mirror: it is not encrypted"),
        (["school", "--yes", "--mirror", "nonsense"], "is no mirror: it is no web address"),
        ([], "NAME"),
    ],
)
@pytest.mark.usefixtures("server")
def test_refused(run: Run, home: Path, words: list[str], told: str) -> None:
    status, out, err = run("download", *words)
    assert (status, out) == (2, "")
    assert told in err
    assert left(home) == set()


def test_mirrors(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, f"{server.address}/from-variable")
    assert run("download", "school", "--yes")[0] == 0
    assert run("remove", "school", "--yes")[0] == 0
    mirror = f"{server.address}/{{name}}.onnx"
    assert run("download", "school", "--yes", "--mirror", mirror)[0] == 0
    assert [path for path, _ in server.requests] == [
        "/from-variable/models/school.onnx",
        "/school.onnx",
    ]
    assert left(home) == {"school"}
    status, out, _ = run("download", "--help")
    assert status == 0
    assert MIRROR_VARIABLE in out
    assert "https://HOST/models/{name}.onnx" in out


# --- remove, verify, path ---------------------------------------------------------------------


def test_remove(run: Run, home: Path) -> None:
    tiny_model(home / "tiny")
    (home / "tiny.onnx.part").write_bytes(bytes(1_000_000))
    status, out, err = run("remove", "tiny")
    assert (status, out) == (2, "")
    assert err.startswith("vggscope: Remove “tiny” (1.0 MB)? Nobody can be asked")
    assert left(home) == {"tiny", "tiny.onnx.part"}
    status, out, err = run("remove", "tiny", "--yes")
    assert (status, out, err) == (0, "tiny is removed: 1.0 MB are free again\n", "")
    assert left(home) == set()
    status, out, err = run("remove", "tiny", "--yes")
    assert (status, out) == (2, "")
    assert "There is no model called “tiny”." in err
    status, out, err = run("remove", "vgg16-compact", "--yes")
    assert (status, out) == (2, "")
    assert "ships with VGGscope" in err


def test_verify(run: Run, home: Path) -> None:
    tiny_model(home / "tiny")
    assert run("verify", "tiny")[0] == 0
    (home / "tiny" / "weights.bin").write_bytes(b"x")
    (home / "half").mkdir()
    status, out, err = run("verify", "--format", "json")
    assert (status, err) == (1, "")
    told = {row["model"]: row for row in json.loads(out)}
    assert {name: row["sound"] for name, row in told.items()} == {
        "vgg16-compact": True,
        "vgg16-compact-int8": True,
        "tiny": False,
        "half": False,
    }
    assert told["tiny"]["problem"]["kind"] == "model-corrupt"
    status, out, err = run("verify", "tiny")
    assert (status, err) == (1, "")
    assert re.search(r"tiny +damaged +The model “tiny” is damaged: weights\.bin has 1 bytes", out)
    assert run("verify", "vgg16-compact-int8")[0] == 0
    status, out, err = run("verify", "vgg99")
    assert (status, out) == (2, "")
    assert "“vgg99”" in err


def test_path(run: Run, home: Path) -> None:
    tiny_model(home / "tiny")
    assert run("path") == (0, f"{home}\n", "")
    assert run("path", "tiny") == (0, f"{home / 'tiny'}\n", "")
    bundled = paths.bundled_models() / "vgg16-compact"
    assert run("path", "vgg16-compact") == (0, f"{bundled}\n", "")
    status, out, err = run("path", "vgg99")
    assert (status, out) == (2, "")
    assert "“vgg99”" in err


# --- as processes -----------------------------------------------------------------------------


def started(*words: str | Path, **options: Any) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(
        command("models", *words), env=environment(), text=True, encoding="utf-8", **pipes
    )


def test_killed_at_any_moment_and_gone_on_with(server: Server, home: Path) -> None:
    """The part on the disk only ever grows, and in the end there is a model that answers."""
    draw = random.Random(7)
    part, before = home / "school.onnx.part", 0
    for share in (0.2, 0.5, 0.8):
        server.reached.clear()
        size = int(len(CONTENT) * share) + draw.randrange(1000)
        server.tricks.append(hold_after(size - before))
        with started("download", "school", "--yes") as child:
            deadline = time.monotonic() + TIMEOUT
            while not (part.exists() and part.stat().st_size > before):
                assert child.poll() is None, child.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            child.kill()
        assert before < part.stat().st_size <= size
        before = part.stat().st_size
    with started("download", "school", "--yes") as child:
        out, err = child.communicate(timeout=TIMEOUT)
    assert (child.returncode, err) == (0, "")
    assert "school is installed" in out
    assert left(home) == {"school"}
    assert all(server.ranges[1:])
    photo = paths.resource("samples", "pizza.jpg")
    answer = subprocess.run(
        command("classify", photo, "--model", "school", "--format", "json"),
        env=environment(),
        capture_output=True,
        timeout=TIMEOUT,
        check=True,
    )
    assert len(json.loads(answer.stdout)[0]["predictions"]) == 5


def test_two_processes_at_once(server: Server, home: Path) -> None:
    server.tricks.append(hold_after(len(CONTENT) // 2))
    with started("download", "school", "--yes") as first:
        assert server.reached.wait(TIMEOUT)
        for words in (("download", "school", "--yes"), ("remove", "school", "--yes")):
            with started(*words) as second:
                out, err = second.communicate(timeout=TIMEOUT)
            assert (second.returncode, out) == (2, "")
            assert "by another VGGscope. Wait until it is done, or stop it." in err
        server.gate.set()
        out, err = first.communicate(timeout=TIMEOUT)
    assert (first.returncode, err) == (0, "")
    assert left(home) == {"school"}


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, *words: str) -> None:
        termios = pytest.importorskip("termios")
        self._parent, inner = os.openpty()
        termios.tcsetwinsize(inner, (24, 100))
        self.child = started(*words, stdin=inner, stderr=inner, start_new_session=True)
        os.close(inner)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        while text not in self.shown:
            ready, _, _ = select.select([self._parent], [], [], TIMEOUT)
            assert ready, self.shown
            self.shown += os.read(self._parent, 1000).decode()

    def type(self, text: str) -> None:
        os.write(self._parent, text.encode())

    def end(self) -> int:
        with contextlib.suppress(OSError):
            while part := os.read(self._parent, 1000):
                self.shown += part.decode()
        os.close(self._parent)
        self.child.communicate(timeout=TIMEOUT)
        return self.child.returncode


@posix
def test_a_question_on_a_terminal(server: Server, home: Path) -> None:
    for answer in ("n\n", "\n", "\x04"):
        terminal = Terminal("download", "school")
        terminal.wait_for("Download “school” from 127.0.0.1 (1.0 MB, licence Apache-2.0)? [y/N] ")
        terminal.type(answer)
        assert terminal.end() == 2
        assert "Nothing was changed, as you wished." in terminal.shown
    assert server.requests == []
    terminal = Terminal("download", "school")
    terminal.wait_for("[y/N] ")
    terminal.type("y\n")
    assert terminal.end() == 0
    # The bar: what is done, how fast, how long it takes.
    assert "school: downloading" in terminal.shown
    assert re.search(r"100%.*B/s\]", terminal.shown)
    assert left(home) == {"school"}
    terminal = Terminal("remove", "school")
    terminal.wait_for("Remove “school” (1.1 MB)? [y/N] ")
    terminal.type("yes\n")
    assert terminal.end() == 0
    assert left(home) == set()


@posix
def test_ctrl_c_pauses(server: Server, home: Path) -> None:
    half = len(CONTENT) // 2
    server.tricks.append(hold_after(half))
    part = home / "school.onnx.part"
    # A shell that runs in the background has its children ignore SIGINT; a terminal's does not.
    interruptible = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "runpy.run_module('vggscope', run_name='__main__', alter_sys=True)"
    )
    words = [sys.executable, "-c", interruptible, "models", "download", "school", "--yes"]
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        deadline = time.monotonic() + TIMEOUT
        while not (part.exists() and part.stat().st_size == half):
            assert child.poll() is None, child.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=TIMEOUT)
    assert (child.returncode, out) == (130, "")
    assert err == (
        "vggscope: Paused: 524 kB of 1.0 MB are kept. The same command goes on from there.\n"
    )
    assert part.read_bytes() == CONTENT[:half]
    server.habit = Request.serve
    with started("download", "school", "--yes") as child:
        child.communicate(timeout=TIMEOUT)
    assert child.returncode == 0
    assert server.ranges == [None, f"bytes={half}-"]


def test_help_needs_no_engine() -> None:
    code = (
        "import sys; from vggscope.cli.main import main\n"
        "try: main(['models', 'download', '--help'])\n"
        "except SystemExit: pass\n"
        "main(['models', 'list'])\n"
        "names = ('numpy', 'onnx', 'onnxruntime', 'tqdm', 'httpx', 'truststore', 'h5py')\n"
        "sys.exit(','.join(name for name in names if name in sys.modules) or 0)"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, check=False
    )
    assert child.returncode == 0, child.stderr
    assert b"vgg19-caffe2-9" in child.stdout
