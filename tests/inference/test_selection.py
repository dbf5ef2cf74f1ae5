"""Choosing a device: the fastest verified one, one by hand, and what is refused."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from imaginary import CARD, CARD_NAME, Card, photos, row
from vggscope.errors import (
    DeviceCrashedError,
    DeviceTimedOutError,
    DeviceUnsupportedError,
    InexactDeviceError,
    NoHardwareError,
    ProviderBrokenError,
    ProviderNotBuiltInError,
    ProviderVersionError,
    UnknownDeviceError,
    WrongResultError,
)
from vggscope.inference import discovery, probe, selection
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import DEVICE_VARIABLE, Device
from vggscope.inference.probe import Status

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.normal_form import Model


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
