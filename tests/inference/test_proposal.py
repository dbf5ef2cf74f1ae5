"""When a faster variant of a model is proposed. What devices take is known beforehand mostly."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from imaginary import CARD, Card, busy_model
from inference.deep_networks import deep_model
from support import children, tiny_model
from vggscope.errors import Cancelled, DeviceCrashedError
from vggscope.inference import selection
from vggscope.inference.devices import cpu_device, devices_of
from vggscope.inference.discovery import Inventory
from vggscope.inference.hardware import Hardware
from vggscope.inference.ledger import Ledger
from vggscope.inference.probe import Status, Verdict
from vggscope.inference.proposal import FAST_ENOUGH, Proposal, propose
from vggscope.inference.providers import PROVIDERS
from vggscope.inference.runtime import Cancellation

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.inference.devices import Device
    from vggscope.zoo.normal_form import Model

MADE = {"of": "slow", "agreement": 98.5, "photos": 200, "source": "me"}


@pytest.fixture
def slow(home: Path) -> Model:
    """A model without variants, on a computer that is known to have a CPU and a card."""
    card = devices_of(PROVIDERS["webgpu"], [Hardware("Imaginary 9000", "gpu")])
    Ledger().keep_inventory(Inventory((cpu_device(), *card), {}))
    return busy_model(home / "slow")


def variant(folder: Path, **changes: object) -> Model:
    """An 8-bit variant of ``slow``."""
    facts = {"title": folder.name.title(), "precision": "int8", "quantized": MADE}
    return tiny_model(folder, **(facts | changes))


def takes(model: Model, cpu: float, card: float | None = None) -> None:
    """Both devices were tried with ``model`` and took so many milliseconds; None: it crashed."""
    crash = DeviceCrashedError(device="Imaginary 9000", reason="SIGSEGV")
    ledger = Ledger()
    ledger.keep_verdict(model, "cpu", Verdict(Status.VERIFIED, milliseconds=cpu))
    ledger.keep_verdict(
        model,
        CARD,
        Verdict.of_error(Status.CRASHED, crash)
        if card is None
        else Verdict(Status.VERIFIED, milliseconds=card),
    )


def proposed(model: Model) -> Proposal | None:
    """What is proposed, all being known: nothing is tried."""

    def on_progress(device: Device, *_: int) -> None:
        raise AssertionError(f"{device.key} is tried")

    return propose(model, selection.survey(model), progress=on_progress)


def test_a_slow_model_with_a_faster_variant(slow: Model, home: Path) -> None:
    takes(slow, 100)
    takes(variant(home / "quick"), 40)
    found = proposed(slow)
    assert found == Proposal(
        model="quick", title="Quick", of="slow", speedup=2.5, agreement=98.5, photos=200
    )
    assert found.as_json_object() == {
        "model": "quick",
        "title": "Quick",
        "of": "slow",
        "speedup": 2.5,
        "agreement": 98.5,
        "photos": 200,
    }


@pytest.mark.parametrize("milliseconds", [1, 60, FAST_ENOUGH])
def test_a_model_that_is_fast_enough(slow: Model, home: Path, milliseconds: float) -> None:
    takes(slow, milliseconds)
    takes(variant(home / "quick"), 0.1)
    assert proposed(slow) is None


def test_fifteen_pictures_a_second_are_fast_enough() -> None:
    assert pytest.approx(15) == 1000 / FAST_ENOUGH


def test_a_model_without_variants(slow: Model, home: Path) -> None:
    takes(slow, 1000)
    takes(variant(home / "of-another", quantized=MADE | {"of": "another"}), 1)
    assert proposed(slow) is None


def test_a_variant_is_not_proposed_a_variant(slow: Model, home: Path) -> None:
    quick = variant(home / "quick")
    takes(slow, 100)
    takes(quick, 100)
    assert proposed(quick) is None


@pytest.mark.parametrize(
    ("milliseconds", "is_worth_it"),
    [(500, False), (100, False), (80, False), (75, True), (1, True)],
)
def test_a_variant_must_be_worth_it(
    slow: Model, home: Path, milliseconds: float, is_worth_it: bool
) -> None:
    takes(slow, 100)
    takes(variant(home / "quick"), milliseconds)
    assert (proposed(slow) is not None) is is_worth_it


def test_each_runs_on_its_best_device(slow: Model, home: Path) -> None:
    quick = variant(home / "quick")
    takes(slow, 500, 200)
    takes(quick, 50, 300)
    found = proposed(slow)
    assert found is not None
    assert found.speedup == 4
    # A card that is fast enough makes it unnecessary.
    takes(slow, 500, 20)
    assert proposed(slow) is None


def test_of_several_variants_the_one_that_agrees_best(slow: Model, home: Path) -> None:
    takes(slow, 100)
    takes(variant(home / "quick"), 10)
    better = deep_model(
        home / "better", title="Better", precision="int8", quantized=MADE | {"agreement": 99.5}
    )
    takes(better, 50)
    found = proposed(slow)
    assert found is not None
    assert (found.model, found.speedup, found.agreement) == ("better", 2, 99.5)
    # If it is worth it.
    takes(better, 90)
    found = proposed(slow)
    assert found is not None
    assert (found.model, found.speedup) == ("quick", 10)


# --- with trials --------------------------------------------------------------------------------


def test_what_was_never_tried_is_tried(card: Card, home: Path) -> None:
    card.does("empty")
    slow, quick = busy_model(home / "slow"), variant(home / "quick")
    tried: list[tuple[str, int, int]] = []

    def on_progress(device: Device, number: int, count: int) -> None:
        tried.append((device.key, number, count))

    selection.survey(slow)
    Ledger().keep_verdict(slow, "cpu", Verdict(Status.VERIFIED, milliseconds=1000))
    found = propose(slow, selection.survey(slow), progress=on_progress)
    assert found is not None
    assert found.speedup > 10
    assert tried == [("cpu", 0, 1)]
    # Once.
    assert propose(slow, selection.survey(slow), progress=on_progress) == found
    assert len(tried) == 1
    assert selection.survey(quick).untried == []


def test_nobody_needs_to_try_the_model_before(card: Card, home: Path) -> None:
    card.does("empty")
    slow = busy_model(home / "slow")
    tried: list[str] = []
    before = selection.survey(slow)
    assert propose(slow, before, progress=lambda device, *_: tried.append(device.key)) is None
    # Without a variant there is nothing to find out.
    assert tried == []
    variant(home / "quick")
    propose(slow, before, progress=lambda device, *_: tried.append(device.key))
    assert tried[0] == "cpu"
    assert selection.survey(slow).untried == []


def test_a_trial_for_a_proposal_can_be_cancelled(card: Card, home: Path) -> None:
    slow = busy_model(home / "slow")
    variant(home / "quick")
    selection.survey(slow)
    takes(slow, 1000)
    card.does("hang:1")
    cancellation = Cancellation()

    def on_progress(device: Device, *_: int) -> None:
        if device.key == CARD:
            threading.Timer(0.3, cancellation.cancel).start()

    found = selection.survey(slow)
    with pytest.raises(Cancelled):
        propose(slow, found, progress=on_progress, cancellation=cancellation)
    assert not children()
