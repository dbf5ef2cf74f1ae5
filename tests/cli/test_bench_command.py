"""``vggscope bench``: what it measures, of which devices, and what it says of those that fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from imaginary import CARD, CARD_NAME, Card, busy_model
from support import command, environment
from vggscope.inference import selection
from vggscope.inference.devices import cpu_device

if TYPE_CHECKING:
    from pathlib import Path

    from support import Run
    from vggscope.zoo.normal_form import Model

FIELDS = [
    "device",
    "name",
    "load",
    "first",
    "median",
    "p95",
    "bare",
    "images_per_second",
    "bare_images_per_second",
    "peak_memory",
    "runs",
]
HEADS = (
    "device load first median p95 bare ÷ bare "
    "img/s ×1 bare ×1 img/s ×8 bare ×8 img/s ×32 bare ×32 peak MB"
)
# Python reads it when a process starts: children measure for seconds otherwise.
SITECUSTOMIZE = """
import sys

if "bench" in sys.orig_argv:
    from vggscope.inference import bench

    bench._SECONDS = bench._BATCH_SECONDS = 0.1
"""
MEASURING_CPU = f"vggscope: measuring {cpu_device().name}\n"
MEASURING_CARD = f"vggscope: measuring {CARD_NAME}\n"


@pytest.fixture
def busy(data_dir: Path) -> Model:
    return busy_model(data_dir / "data" / "models" / "busy")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Run:
    """Run ``vggscope bench`` with little patience: (status, stdout, stderr)."""
    (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    return partial(run, "bench")


def check_figures(found: dict[str, Any]) -> None:
    assert list(found) == FIELDS
    assert found["load"] > 0
    assert found["first"] > 0
    assert found["p95"] >= found["median"] > 0
    assert found["bare"] > 0
    assert found["runs"] >= 7
    assert found["peak_memory"] > 20
    for rates in (found["images_per_second"], found["bare_images_per_second"]):
        assert list(rates) == ["1", "8", "32"]
        assert all(rate > 0 for rate in rates.values())


def test_the_figures_of_all_devices(card: Card, tiny: Model, run: Run) -> None:
    selection.probe(tiny)
    status, out, err = run("--model", tiny.name, "--device", "all", "--format", "json")
    assert (status, err) == (0, MEASURING_CPU + MEASURING_CARD)
    document = json.loads(out)
    assert list(document) == ["model", "cores", "results"]
    assert (document["model"], document["cores"]) == ("tiny", os.cpu_count())
    cpu, found = document["results"]
    assert (cpu["device"], cpu["name"]) == ("cpu", cpu_device().name)
    assert (found["device"], found["name"]) == (CARD, CARD_NAME)
    for figures in (cpu, found):
        check_figures(figures)
        # The network is a part of it all, and one picture at a time is one picture at a time.
        assert figures["median"] > figures["bare"]
        assert 0.1 < figures["images_per_second"]["1"] * figures["median"] / 1000 < 10
    assert card


def test_as_a_table(tiny: Model, run: Run) -> None:
    status, out, err = run("--model", tiny.name, "--device", "cpu")
    assert (status, err) == (0, MEASURING_CPU)
    title, empty, heads, rule, row = out.splitlines()
    cores = os.cpu_count()
    assert title == f"tiny, {cores} cores; milliseconds per picture, pictures per second"
    assert empty == ""
    assert " ".join(heads.split()) == HEADS
    # Numbers end where their heads do.
    ends = [match.end() for match in re.finditer("─+", rule)]
    assert [match.end() for match in re.finditer(r"\S+", row)][1:] == ends[1:]
    device, *numbers = row.split()
    assert device == "cpu"
    assert all(float(number) >= 0 for number in numbers)


def test_auto_is_tried_first_and_then_measured(card: Card, busy: Model, run: Run) -> None:
    status, out, err = run("--model", busy.name, "--format", "json")
    assert status == 0
    assert [line.partition(" ")[2].split()[0] for line in err.splitlines()] == [
        "trying",
        "trying",
        "measuring",
    ]
    assert err.endswith(MEASURING_CARD)
    [found] = json.loads(out)["results"]
    assert found["device"] == CARD
    check_figures(found)
    assert card


def test_a_device_that_crashes_while_it_is_measured(card: Card, tiny: Model, run: Run) -> None:
    selection.probe(tiny)
    card.does("crash:5")
    status, out, err = run("--model", tiny.name, "--device", "all")
    assert (status, err) == (1, MEASURING_CPU + MEASURING_CARD)
    lines = out.splitlines()
    assert lines[-2].startswith("cpu ")
    assert lines[-1].startswith(f"{CARD}: {CARD_NAME} crashed when it was tried (SIGSEGV). It is")
    # Nothing else was asked for.
    status, out, _ = run("--model", tiny.name, "--device", CARD, "--format", "json")
    assert status == 2
    [found] = json.loads(out)["results"]
    assert list(found) == ["device", "name", "error"]
    assert (found["device"], found["name"]) == (CARD, CARD_NAME)
    assert found["error"]["kind"] == "device-crashed"
    assert "SIGSEGV" in found["error"]["message"]


@pytest.mark.parametrize("mode", ["refuse", "nan", "idle"])
def test_a_device_that_cannot_run_the_model(card: Card, tiny: Model, run: Run, mode: str) -> None:
    card.does(mode)
    status, out, _ = run("--model", tiny.name, "--device", "all", "--format", "json")
    assert status == 1
    cpu, found = json.loads(out)["results"]
    check_figures(cpu)
    assert list(found) == ["device", "name", "error"]
    assert CARD_NAME in found["error"]["message"]


def test_a_device_that_was_refused_is_not_measured_by_hand(
    card: Card, tiny: Model, run: Run
) -> None:
    card.does("wrong")
    status, out, err = run("--model", tiny.name, "--device", "webgpu")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"vggscope: {CARD_NAME} computes wrong results: ")
    assert "measuring" not in err


def test_what_cannot_be_measured(card: Card, tiny: Model, run: Run) -> None:
    for words, reason in {
        ("--model", "vgg99"): "There is no model called “vgg99”.",
        ("--model", tiny.name, "--device", "gpu"): f"Choose one of: auto, cpu, {CARD}.",
    }.items():
        status, out, err = run(*words)
        assert (status, out) == (2, "")
        assert err.startswith("vggscope: ")
        assert reason in err
        assert err.count("\n") == 1
    (tiny.folder / "weights.bin").write_bytes(b"")
    status, out, err = run("--model", tiny.name, "--device", "cpu")
    assert (status, out) == (2, "")
    assert "“tiny”" in err
    assert card


@pytest.mark.usefixtures("run")
def test_as_a_process(tiny: Model) -> None:
    child = subprocess.run(
        command("bench", "--model", tiny.name, "--device", "cpu", "--format", "json"),
        env=environment(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (child.returncode, child.stderr.decode()) == (0, MEASURING_CPU)
    [found] = json.loads(child.stdout)["results"]
    check_figures(found)
