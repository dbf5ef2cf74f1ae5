"""What was found out about devices, kept, voided and shared."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from imaginary import CARD, Card, row
from support import picture
from vggscope import paths
from vggscope.errors import (
    CrashedInUseError,
)
from vggscope.inference import children, discovery, selection
from vggscope.inference.classifier import Classifier
from vggscope.inference.ledger import Ledger
from vggscope.inference.probe import Status, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.normal_form import Model


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


@pytest.mark.skipif(sys.platform == "win32", reason="disks cannot be made small there")
def test_a_full_disk_keeps_what_was_there_and_leaves_nothing_else(card: Card, tiny: Model) -> None:
    import resource  # noqa: PLC0415 (Windows has none)

    assert card
    selection.probe(tiny)
    before = ledger_file().read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        Ledger().forget()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ledger_file().read_bytes() == before
    assert [path.name for path in ledger_file().parent.iterdir()] == [ledger_file().name]


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
