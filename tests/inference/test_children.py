"""The processes in which devices are tried: killed, cancelled, orphaned, noisy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from imaginary import CARD, Card, photos, row
from support import children as program_children
from vggscope.errors import (
    Cancelled,
)
from vggscope.inference import children, selection
from vggscope.inference.classifier import Classifier
from vggscope.inference.probe import Status
from vggscope.inference.runtime import Cancellation

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.inference.devices import Device
    from vggscope.zoo.normal_form import Model


def test_killing_the_probe_leaves_the_cpu(card: Card, model: Model) -> None:
    card.does("hang:1")
    killed: list[int] = []

    def kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not killed:
            # The CPU's probe comes first: the card's is the one that does not get on.
            for child in program_children() if len(tried) == 2 else ():
                time.sleep(1)
                child.send_signal(signal.SIGKILL)
                killed.append(child.pid)
            time.sleep(0.05)

    tried: list[Device] = []
    killer = threading.Thread(target=kill)
    killer.start()
    classifier = Classifier.load(model, progress=lambda device, *_: tried.append(device))
    killer.join()
    assert killed
    assert classifier.device.key == "cpu"
    assert classifier.classify(photos()[0]).device == "cpu"
    found = row(selection.survey(model))
    assert found.status is Status.CRASHED
    assert found.problem is not None
    assert "SIGKILL" in found.problem.message


def test_a_trial_can_be_cancelled(card: Card, model: Model) -> None:
    card.does("hang:1")
    cancellation = Cancellation()

    def on_progress(device: Device, number: int, _count: int) -> None:
        if number == 1:
            assert device.key == CARD
            threading.Timer(0.5, cancellation.cancel).start()

    started = time.monotonic()
    with pytest.raises(Cancelled):
        selection.probe(model, progress=on_progress, cancellation=cancellation)
    assert time.monotonic() - started < 30
    assert not program_children()
    # What was found out until then is kept.
    found = selection.survey(model)
    assert row(found, "cpu").status is Status.VERIFIED
    assert row(found).status is Status.UNTRIED


def test_a_probe_without_its_parent_ends(model: Model, data_dir: Path) -> None:
    """Whoever is killed while it probes leaves nothing running."""
    code = (
        "from vggscope.inference import selection\n"
        "from vggscope.zoo.models import find_model\n"
        f"selection.probe(find_model({model.name!r}), again=True)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    children_of_it: list[psutil.Process] = []
    while not children_of_it and time.monotonic() < deadline:
        children_of_it = psutil.Process(parent.pid).children()
        time.sleep(0.02)
    assert children_of_it
    parent.kill()
    parent.wait()
    gone, alive = psutil.wait_procs(children_of_it, timeout=30)
    assert (len(gone), alive) == (len(children_of_it), [])
    assert data_dir


def test_what_a_child_prints_does_not_disturb_its_answer(
    card: Card, tiny: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('hello from a driver')\n" * 3)
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    monkeypatch.setenv("PYTHONPATH", path)
    assert row(selection.probe(tiny), "cpu").status is Status.VERIFIED
    assert card


def test_only_jobs_of_ours_are_done() -> None:
    with pytest.raises(children.ChildCrashedError):
        children.ask_child("nonsense", {}, dict, timeout=60)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_the_end_of_a_session_says_nothing_of_a_device(card: Card, model: Model, name: str) -> None:
    card.does("hang:1")

    def end(_device: Device, number: int, _count: int) -> None:
        def send() -> None:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                for child in program_children():
                    time.sleep(0.5)
                    child.send_signal(getattr(signal, name))
                    return
                time.sleep(0.02)

        if number:
            threading.Thread(target=send).start()

    with pytest.raises(Cancelled):
        selection.probe(model, progress=end)
    assert row(selection.survey(model)).status is Status.UNTRIED
