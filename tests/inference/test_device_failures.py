"""Devices that fail, crash or vanish while they are in use: the CPU takes over."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imaginary import CARD, CARD_NAME, Card, photos, row
from vggscope import paths
from vggscope.errors import Cancelled, DeviceLostError, VggscopeError
from vggscope.inference import runtime, selection
from vggscope.inference.classifier import Classifier
from vggscope.inference.probe import Status
from vggscope.inference.runtime import Cancellation
from vggscope.sources.stills import read_still

if TYPE_CHECKING:
    from vggscope.zoo.normal_form import Model


@pytest.mark.parametrize("mode", ["fail:3", "ep-fail:3", "nan"])
def test_the_cpu_answers_when_the_card_fails_in_use(card: Card, model: Model, mode: str) -> None:
    expected = [
        Classifier.load(model, device="cpu").classify(photo).probabilities for photo in photos()
    ]
    classifier = Classifier.load(model)
    assert classifier.device.key == CARD
    card.does(mode)
    results = [classifier.classify(photo) for photo in photos()]
    for result, probabilities in zip(results, expected, strict=True):
        np.testing.assert_allclose(result.probabilities, probabilities, atol=1e-6)
    assert results[-1].device == "cpu"
    assert classifier.device.key == "cpu"
    assert isinstance(classifier.failure, DeviceLostError)
    assert CARD_NAME in classifier.failure.message
    # It is marked: nobody in this process takes it again, unless it is asked for.
    found = row(selection.survey(model))
    assert (found.status, found.problem) == (Status.LOST, classifier.failure)
    assert Classifier.load(model).device.key == "cpu"
    card.does("good")
    selection.forget_lost()
    assert Classifier.load(model).device.key == CARD


def test_a_batch_is_not_lost(card: Card, model: Model) -> None:
    frames = [read_still(path) for path in photos()]
    classifier = Classifier.load(model)
    card.does("fail:1")
    results = classifier.classify_batch(frames)
    assert [r.device for r in results] == ["cpu"] * 3
    on_cpu = Classifier.load(model, device="cpu")
    for frame, result in zip(frames, results, strict=True):
        same = on_cpu.classify(frame)
        assert result.predictions[0].label == same.predictions[0].label


def test_a_card_that_cannot_be_opened_any_more(card: Card, model: Model) -> None:
    assert Classifier.load(model).device.key == CARD
    card.does("refuse")
    classifier = Classifier.load(model)
    assert classifier.device.key == "cpu"
    assert classifier.failure is not None
    assert "MaxPool" in classifier.failure.message
    assert classifier.classify(photos()[0]).device == "cpu"
    # Whoever names it gets the reason, not the CPU.
    selection.forget_lost()
    with pytest.raises(VggscopeError, match="MaxPool"):
        Classifier.load(model, device=CARD)


USE = """
import sys, os
from vggscope.diagnostics import CrashGuard
from vggscope.inference.classifier import Classifier
guard = CrashGuard()
guard.start(collect=False)
classifier = Classifier.load({model!r}, device={device!r})
for photo in {photos!r}:
    classifier.classify(photo)
    os.environ["VGGSCOPE_DOUBLE"] = {then!r}
classifier.classify({photos!r}[0])
"""


@pytest.mark.parametrize(
    ("then", "is_blamed"), [("crash:1", True), ("good", False), ("kill", False)]
)
def test_a_crash_in_use_leads_to_the_cpu_at_the_next_start(
    card: Card, model: Model, then: str, is_blamed: bool
) -> None:
    assert Classifier.load(model).device.key == CARD
    code = USE.format(model=model.name, device=CARD, photos=list(map(str, photos())), then=then)
    if then == "kill":
        # The task manager, or the battery: no crash report.
        code += "import signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    child = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert (child.returncode == 0) is (then == "good")
    assert card
    chosen = Classifier.load(model)
    assert chosen.device.key == ("cpu" if is_blamed else CARD)
    if is_blamed:
        found = row(selection.survey(model))
        assert found.status is Status.CRASHED
        assert found.problem is not None
        assert "VGGscope stopped unexpectedly while it used Imaginary" in found.problem.message
        # Told once, and only until it is probed again.
        assert row(selection.probe(model, again=True)).status is Status.VERIFIED


@pytest.mark.parametrize("opened", [False, True])
def test_who_dies_while_opening_a_card_blames_it_even_without_a_report(
    card: Card, model: Model, opened: bool
) -> None:
    assert Classifier.load(model).device.key == CARD
    code = USE.format(model=model.name, device=CARD, photos=list(map(str, photos())), then="good")
    code = code.replace(
        "for photo in", "import signal; os.kill(os.getpid(), signal.SIGKILL)\nfor photo in"
    )
    if not opened:
        card.does("kill-opening")
    child = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert child.returncode == -signal.SIGKILL
    assert Classifier.load(model).device.key == (CARD if opened else "cpu")
    card.does("good")


def test_a_first_run_that_was_cancelled_leaves_no_suspicion(card: Card, model: Model) -> None:
    classifier = Classifier.load(model)
    assert classifier.device.key == CARD
    [marker] = (paths.cache_dir() / "in-use").glob("*.json")
    assert json.loads(marker.read_bytes())["is_suspect"] is False
    cancellation = Cancellation()
    run = runtime.Session.run

    def cancelled(*arguments: Any) -> Any:
        # In mid-run, when the first answer would have come.
        assert json.loads(marker.read_bytes())["is_suspect"] is True
        cancellation.cancel()
        return run(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime.Session, "run", cancelled)
        with pytest.raises(Cancelled):
            classifier.classify(photos()[0], cancellation=cancellation)
    assert json.loads(marker.read_bytes())["is_suspect"] is False
    assert classifier.classify(photos()[0]).device == CARD
    assert card
