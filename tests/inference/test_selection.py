"""Choosing a device: through ``Classifier`` and ``selection``, with a card that misbehaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from imaginary import CARD, CARD_NAME, Card, busy_model
from support import children as program_children
from support import picture
from vggscope import paths
from vggscope.errors import (
    Cancelled,
    CrashedInUseError,
    DeviceCrashedError,
    DeviceLostError,
    DeviceTimedOutError,
    DeviceUnsupportedError,
    InexactDeviceError,
    NoHardwareError,
    ProviderBrokenError,
    ProviderNotBuiltInError,
    ProviderVersionError,
    UnknownDeviceError,
    VggscopeError,
    WrongResultError,
)
from vggscope.inference import children, discovery, probe, selection
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import DEVICE_VARIABLE, Device
from vggscope.inference.ledger import Ledger
from vggscope.inference.probe import Status, Verdict
from vggscope.inference.runtime import Cancellation
from vggscope.sources.stills import read_still

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.inference.selection import Row, Survey
    from vggscope.zoo.normal_form import Model


@pytest.fixture
def model(data_dir: Path) -> Model:
    return busy_model(data_dir / "data" / "models" / "busy")


def row(found: Survey, device: str = CARD) -> Row:
    [one] = [r for r in found.rows if (r.device.key if r.device else r.provider.key) == device]
    return one


def photos() -> list[Path]:
    return sorted(paths.resource("samples").glob("*.jpg"))[:3]


def test_the_fastest_verified_device_is_taken_and_remembered(card: Card, model: Model) -> None:
    tried: list[tuple[str, int, int]] = []
    assert selection.known_choice(model) is None
    classifier = Classifier.load(
        model, progress=lambda device, number, count: tried.append((device.key, number, count))
    )
    assert tried == [("cpu", 0, 2), (CARD, 1, 2)]
    assert (classifier.device.key, classifier.device.name) == (CARD, CARD_NAME)
    found = row(selection.survey(model))
    assert found.status is Status.VERIFIED
    assert found.ratio is not None
    assert found.ratio < 0.5
    assert found.verdict is not None
    assert (found.verdict.agreeing, found.verdict.photos) == (12, 12)
    assert found.verdict.on_cpu == {"Softmax": 1}
    # Known from now on: nothing is started any more.
    card.does("crash-library")
    tried.clear()
    again = Classifier.load(model, progress=lambda *entry: tried.append(entry))
    assert tried == []
    assert again.device == classifier.device
    assert selection.known_choice(model) == classifier.device


def test_the_answers_are_those_of_the_cpu(card: Card, model: Model) -> None:
    on_card, on_cpu = Classifier.load(model), Classifier.load(model, device="cpu")
    assert (on_card.device.key, on_cpu.device.key) == (CARD, "cpu")
    for photo in photos():
        one, other = on_card.classify(photo), on_cpu.classify(photo)
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert (one.device, one.device_name) == (CARD, CARD_NAME)
    assert card


# --- devices that are refused -------------------------------------------------------------------

REFUSALS = {
    "nan": (Status.REFUSED, WrongResultError, "not a set of probabilities"),
    "wrong": (Status.REFUSED, WrongResultError, "a probability differs by"),
    "fail:1": (Status.UNSUPPORTED, DeviceUnsupportedError, "the card fell off the bus"),
    "ep-fail:1": (Status.UNSUPPORTED, DeviceUnsupportedError, "the card fell off the bus"),
    "fail:9": (Status.UNSUPPORTED, DeviceUnsupportedError, "the card fell off the bus"),
    "crash:1": (Status.CRASHED, DeviceCrashedError, "SIGSEGV"),
    "crash:15": (Status.CRASHED, DeviceCrashedError, "SIGSEGV"),
    "refuse": (Status.UNSUPPORTED, DeviceUnsupportedError, "implementation for MaxPool(12) node"),
    "idle": (Status.UNSUPPORTED, DeviceUnsupportedError, "takes none of its operators"),
}


@pytest.mark.parametrize("mode", REFUSALS)
def test_a_card_that_misbehaves_is_refused_with_its_reason(
    card: Card, model: Model, mode: str
) -> None:
    status, error_type, reason = REFUSALS[mode]
    card.does(mode)
    classifier = Classifier.load(model)
    assert classifier.device.key == "cpu"
    assert classifier.failure is None
    found = row(selection.survey(model))
    assert found.status is status
    assert isinstance(found.problem, error_type)
    assert reason in found.problem.message
    assert CARD_NAME in found.problem.message
    # What was found out holds, whether it would behave now or not; by hand it is refused, too.
    card.does("good")
    assert Classifier.load(model).device.key == "cpu"
    with pytest.raises(error_type):
        Classifier.load(model, device=CARD)
    # Until somebody wants to know it anew.
    assert row(selection.probe(model, again=True)).status is Status.VERIFIED
    assert Classifier.load(model).device.key == CARD


def test_a_card_that_hangs_is_killed(
    card: Card, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.does("hang:3")

    def shorten(_device: Device, number: int, _count: int) -> None:
        # Not the CPU's, which may be slow on a busy computer.
        monkeypatch.setattr(probe, "TIMEOUT", 6.0 if number else 60.0)

    before = set(psutil.Process().children(recursive=True))
    assert Classifier.load(model, progress=shorten).device.key == "cpu"
    found = row(selection.survey(model))
    assert found.status is Status.TIMED_OUT
    assert isinstance(found.problem, DeviceTimedOutError)
    assert "within 6 seconds" in found.problem.message
    assert set(psutil.Process().children(recursive=True)) <= before


LIBRARIES = {
    "crash-library": (ProviderBrokenError, "it crashed while it was looked at (SIGSEGV)"),
    "broken": (ProviderBrokenError, "libimaginary.so is missing"),
    "empty": (NoHardwareError, "finds no device on this computer"),
    "old": (ProviderVersionError, "is installed, 99.0.0 or newer is needed"),
}


@pytest.mark.parametrize("mode", LIBRARIES)
def test_a_provider_without_devices_tells_why(card: Card, tiny: Model, mode: str) -> None:
    error_type, reason = LIBRARIES[mode]
    card.does(mode)
    assert Classifier.load(tiny).device.key == "cpu"
    found = row(selection.survey(tiny), "webgpu")
    assert (found.status, found.device) == (Status.UNAVAILABLE, None)
    assert isinstance(found.problem, error_type)
    assert reason in found.problem.message
    for key in ("webgpu", CARD):
        with pytest.raises(error_type):
            Classifier.load(tiny, device=key)


def test_a_library_that_hangs_is_killed(
    card: Card, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.does("hang-library")
    monkeypatch.setattr(discovery, "_TIMEOUT", 4.0)
    found = row(selection.survey(tiny), "webgpu")
    assert found.problem is not None
    assert "did not answer within 4 seconds" in found.problem.message


def test_a_plugin_that_is_too_old(card: Card, tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"onnxruntime-ep-webgpu": "0.3.9"}
    monkeypatch.setattr("vggscope.inference.packages.version", versions.get)
    found = row(selection.survey(tiny), "webgpu")
    assert isinstance(found.problem, ProviderVersionError)
    assert "onnxruntime-ep-webgpu 0.3.9 is installed, 0.4 or newer" in found.problem.message
    assert "pip install --upgrade onnxruntime-ep-webgpu" in found.problem.remedy
    assert card


# --- the probe's process ------------------------------------------------------------------------


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


# --- failures in use ----------------------------------------------------------------------------


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


# --- choosing by hand ---------------------------------------------------------------------------


def test_a_device_by_hand_is_tried_before_it_is_used(card: Card, model: Model) -> None:
    tried: list[str] = []
    for key in ("webgpu", "webgpu:gpu0", CARD):
        found = Classifier.load(
            model, device=key, progress=lambda device, *_: tried.append(device.key)
        )
        assert found.device.key == CARD
    assert tried == ["cpu", CARD]
    assert card


def test_unknown_devices_list_the_known_ones(card: Card, tiny: Model) -> None:
    for key in ("web", "webgpu:gpu1", "cuda:gpu0:tf32", ""):
        with pytest.raises(UnknownDeviceError) as caught:
            Classifier.load(tiny, device=key)
        assert f"auto, cpu, {CARD}" in caught.value.remedy
    assert card


def test_a_provider_of_this_system_that_is_not_there_tells_why(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tiny: Model
) -> None:
    if sys.platform == "darwin":
        pytest.skip("macOS has no CUDA, and says so")
    monkeypatch.delenv(DEVICE_VARIABLE)
    with pytest.raises(ProviderNotBuiltInError) as caught:
        Classifier.load(tiny, device="cuda")
    assert "holds no CUDA" in caught.value.message
    assert "onnxruntime-gpu" in caught.value.remedy
    assert data_dir


def test_exact_mode(card: Card, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace  # noqa: PLC0415

    from vggscope.inference import devices  # noqa: PLC0415
    from vggscope.inference.providers import PROVIDERS, Variant  # noqa: PLC0415

    rounding = replace(
        PROVIDERS["webgpu"], variants=(Variant(precision="fp16"), Variant(precision="bf16"))
    )
    two = {"cpu": PROVIDERS["cpu"], "webgpu": rounding}
    for module in (discovery, selection, devices):
        monkeypatch.setattr(module, "PROVIDERS", two)
    found = selection.probe(model)
    assert [d.key for d in found.devices] == ["cpu", "webgpu:gpu0:fp16", "webgpu:gpu0:bf16"]
    assert [d.name for d in found.devices[1:]] == [
        "Imaginary 9000 (WebGPU, fp16)",
        "Imaginary 9000 (WebGPU, bf16)",
    ]
    # The children know the real table, in which there are no such variants.
    assert row(found, "webgpu:gpu0:fp16").status is Status.UNSUPPORTED
    assert selection.select(model, exact=True).key == "cpu"
    for key in ("webgpu", "webgpu:gpu0:fp16"):
        with pytest.raises(InexactDeviceError, match="fp16"):
            selection.select(model, key, exact=True)
    assert card


def test_the_environment_names_the_device_for_auto(
    card: Card, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "webgpu")
    assert Classifier.load(model).device.key == CARD
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    assert Classifier.load(model).device.key == "cpu"
    assert Classifier.load(model, device=CARD).device.key == CARD
    assert card


# --- the ledger ---------------------------------------------------------------------------------


def ledger_file() -> Path:
    return paths.cache_dir() / "devices.json"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format": 1}',
        b'{"format": 99, "machine": "x"}',
    ],
)
def test_a_broken_ledger_is_no_ledger(card: Card, tiny: Model, content: bytes) -> None:
    ledger_file().parent.mkdir(parents=True)
    ledger_file().write_bytes(content)
    assert selection.known_choice(tiny) is None
    assert row(selection.probe(tiny), "cpu").status is Status.VERIFIED
    assert selection.known_choice(tiny) is not None
    assert card


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (("verdicts", "*", CARD, "problem"), {"kind": "no-such-error"}),
        (("verdicts", "*", CARD, "problem"), {"kind": "device-lost"}),
        (("verdicts", "*", CARD, "problem"), {}),
        (("verdicts", "*", CARD, "status"), "sleepy"),
        (("inventory", "devices"), [{"key": "cpu"}]),
        (("inventory", "absences"), {"cuda": {"kind": "corrupt"}}),
        (("machine",), "another"),
    ],
)
def test_a_ledger_that_was_tampered_with_is_no_ledger(
    card: Card, tiny: Model, where: tuple[str, ...], what: object
) -> None:
    selection.probe(tiny)
    document = json.loads(ledger_file().read_bytes())
    place = document
    for step in where[:-1]:
        place = next(iter(place.values())) if step == "*" else place[step]
    place[where[-1]] = what
    ledger_file().write_text(json.dumps(document))
    assert selection.known_choice(tiny) is None
    assert card


def test_a_device_of_an_unknown_provider_is_no_device(card: Card, tiny: Model) -> None:
    selection.probe(tiny)
    text = ledger_file().read_text().replace('"provider":"webgpu"', '"provider":"gone"')
    ledger_file().write_text(text)
    assert selection.known_choice(tiny) is None
    assert card


def test_a_folder_that_cannot_be_written_costs_only_the_memory(
    card: Card, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.cache_dir().parent.mkdir(parents=True, exist_ok=True)
    paths.cache_dir().write_text("a file where a folder should be")
    assert Classifier.load(tiny).classify(picture()).probabilities.sum() == pytest.approx(1)
    # This process remembers.
    monkeypatch.setattr(children, "_start", lambda _job: pytest.fail("a child was started"))
    assert row(selection.survey(tiny), "cpu").status is Status.VERIFIED
    assert Classifier.load(tiny).classify(picture()).probabilities.sum() == pytest.approx(1)
    assert card


def test_two_programs_keep_what_both_found_out(card: Card, tiny: Model) -> None:
    selection.probe(tiny)
    one, other = Ledger(), Ledger()
    crash = CrashedInUseError(device="the card")
    one.keep_verdict(tiny, CARD, Verdict.of_error(Status.CRASHED, crash))
    other.keep_verdict(tiny, "cpu", Verdict(Status.VERIFIED, milliseconds=1.0))
    found = selection.survey(tiny)
    assert row(found).status is Status.CRASHED
    assert row(found, "cpu").milliseconds == 1.0
    assert [path.name for path in paths.cache_dir().glob("devices*")] == ["devices.json"]
    assert card


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


def test_another_driver_voids_what_was_known(
    card: Card, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection.probe(tiny)
    assert selection.known_choice(tiny) is not None
    monkeypatch.setattr(discovery, "machine_facts", lambda: ["another driver"])
    assert selection.known_choice(tiny) is None
    assert card


def test_another_model_is_tried_for_itself(card: Card, tiny: Model, model: Model) -> None:
    selection.probe(tiny)
    found = selection.survey(model)
    assert [d.key for d in found.untried] == ["cpu", CARD]
    assert card
