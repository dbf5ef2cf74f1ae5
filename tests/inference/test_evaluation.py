"""Evaluations: what is counted, what is left out, and what survives an interruption."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support import picture
from vggscope.errors import (
    FolderUnreadableError,
    JournalBusyError,
    JournalError,
    NothingLabelledError,
    TruthFileError,
)
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import cpu_device
from vggscope.inference.evaluation import Share, evaluate
from vggscope.inference.evaluation_journal import Entry, Journal, Subject
from vggscope.inference.evaluation_report import COLUMNS, evaluation_csv, evaluation_json
from vggscope.inference.evaluation_samples import samples_in
from vggscope.zoo.normal_form import Label

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.inference.evaluation import Evaluation
    from vggscope.zoo.normal_form import Model

LABELS = (
    Label("n00000001", "red"),
    Label("n00000002", "green"),
    Label("n00000003", "dark blue"),
    Label("n00000004", "crane"),
    Label("n00000005", "crane"),
)
SUBJECT = Subject(model="m", identity="i", device="cpu", protocol="centre")


def photo(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed=seed).pixels).save(path)
    return path


# --- the interval -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_the_interval_is_wilsons(hits: int, count: int, low: float, high: float) -> None:
    found = Share.of(hits, count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_share_lies_in_its_interval(pair: tuple[int, int]) -> None:
    found = Share.of(*pair)
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert found.low < found.high


def test_of_no_photos_nothing_is_known() -> None:
    found = Share.of(0, 0)
    assert (found.low, found.high) == (0, 1)
    assert math.isnan(found.share)


# --- what is looked at ------------------------------------------------------------------------


def test_folders_are_classes_by_wnid_name_or_number(tmp_path: Path) -> None:
    for folder in ("n00000001", "Green", "dark_blue", "4", "crane", "nonsense", ".hidden"):
        photo(tmp_path / folder / "deep" / "b2.png")
        photo(tmp_path / folder / "b10.png")
    (tmp_path / "n00000001" / "phone.heic").write_bytes(b"")
    (tmp_path / "2").mkdir()
    found = samples_in(tmp_path, LABELS, model="M")
    assert {sample.name: sample.truth for sample in found.samples} == {
        "4/b10.png": 4,
        "4/deep/b2.png": 4,
        "dark_blue/b10.png": 2,
        "dark_blue/deep/b2.png": 2,
        "Green/b10.png": 1,
        "Green/deep/b2.png": 1,
        "n00000001/b10.png": 0,
        "n00000001/deep/b2.png": 0,
    }
    # Two classes are called crane: the folder does not say which it is.
    assert dict(found.unknown) == {"crane": 2, "nonsense": 2}
    assert {failed.error.kind for failed in found.failed} == {"not-an-image", "no-images-in-folder"}
    assert not found.is_complete


@pytest.mark.parametrize(
    "text",
    [
        "a.png,n00000001\nsub/b.png,green\n",
        "a.png n00000001\nsub/b.png green\n",
        "a.png\tn00000001\nsub/b.png\tgreen",
        "a;0\r\nb;1\r\n",
        "\n./a.png 0\n\n  b   1  \n",
        "\ufeffImageId,PredictionString\na,n00000001 85 1 499 272\nb,n00000002 1 2 3 4 n0 5\n",
        'filename,label\n"a.png","n00000001"\n"sub/b.png","green"\n',
        "name class\nsub\\b.png green\na red\n",
    ],
)
def test_a_file_tells_the_classes(text: str, tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.png")
    photo(tmp_path / "photos" / "sub" / "b.png")
    truth = tmp_path / "truth.txt"
    truth.write_bytes(text.encode())
    found = samples_in(tmp_path / "photos", LABELS, model="M", truth=truth)
    assert [(each.name, each.truth) for each in found.samples] == [("a.png", 0), ("sub/b.png", 1)]
    assert found.is_complete


def test_a_file_and_a_folder_that_differ(tmp_path: Path) -> None:
    for name in "abcd":
        photo(tmp_path / "photos" / f"{name}.png")
    truth = tmp_path / "truth.csv"
    truth.write_text("a.png,dark blue\nb.png,nonsense\nc.png,nonsense\nz.png,red\n")
    found = samples_in(tmp_path / "photos", LABELS, model="M", truth=truth)
    assert [(each.name, each.truth) for each in found.samples] == [("a.png", 2)]
    assert found.unknown == (("nonsense", 2),)
    assert (found.unlabelled, found.missing) == (1, ("z.png",))
    assert not found.is_complete


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no lines"),
        (b"490\n361\n171\n", "line 1 has no name and class"),
        (b"a.png,0\nb.png\n", "line 2 has no name and class"),
        (b"a.png,0\na.png,1\n", "a second class"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_files_that_tell_nothing_say_why(content: bytes, reason: str, tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.png")
    truth = tmp_path / "truth.txt"
    truth.write_bytes(content)
    with pytest.raises(TruthFileError, match=reason):
        samples_in(tmp_path / "photos", LABELS, model="M", truth=truth)


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_file_is_read_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-truth"
    folder.mkdir(exist_ok=True)
    (folder / "truth.txt").write_bytes(content)
    with pytest.raises((TruthFileError, NothingLabelledError)):
        samples_in(folder, LABELS, model="M", truth=folder / "truth.txt")


def test_folders_that_hold_nothing_say_why(tmp_path: Path) -> None:
    with pytest.raises(FolderUnreadableError, match="missing"):
        samples_in(tmp_path / "missing", LABELS, model="M")
    file = photo(tmp_path / "loose" / "a.png")
    with pytest.raises(FolderUnreadableError):
        samples_in(file, LABELS, model="M")
    with pytest.raises(NothingLabelledError, match="holds no folder"):
        samples_in(file.parent, LABELS, model="M")
    with pytest.raises(NothingLabelledError, match="called otherwise"):
        samples_in(tmp_path, LABELS, model="M")


# --- counting ---------------------------------------------------------------------------------


@pytest.fixture
def classifier(tiny: Model) -> Classifier:
    return Classifier(tiny, cpu_device())


@pytest.fixture
def folder(tmp_path: Path, classifier: Classifier) -> Path:
    """Nine photos, of which the network is right about two of red, and one of green."""
    by_answer: dict[int, list[Path]] = {}
    for seed in range(60):
        file = photo(tmp_path / "all" / f"{seed}.png", seed)
        with Image.open(file) as image:
            colour = tuple(7 * seed * n % 256 for n in (1, 3, 5))
            Image.blend(image, Image.new("RGB", image.size, colour), 0.9).save(file)
        said = classifier.classify(file).predictions[0].index
        by_answer.setdefault(said, []).append(file)
    one, other = sorted(by_answer, key=lambda index: -len(by_answer[index]))[:2]
    plan = [(one, one, 2), (one, other, 3), (other, other, 1), (other, one, 2)]
    for truth, said, count in plan:
        target = tmp_path / "photos" / str(truth)
        target.mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            shutil.copy(by_answer[said].pop(), target)
    (tmp_path / "photos" / str(one) / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return tmp_path / "photos"


def evaluated(classifier: Classifier, folder: Path, **options: object) -> Evaluation:
    samples = samples_in(folder, classifier.labels, model="tiny")
    return evaluate(classifier, samples, **({"protocol": "centre"} | options))  # type: ignore[arg-type]


def test_hits_are_counted(classifier: Classifier, folder: Path) -> None:
    steps: list[None] = []
    found = evaluated(classifier, folder, advance=lambda: steps.append(None))
    assert (found.top1.hits, found.top1.count) == (3, 8)
    # There are four classes: the best five are all.
    assert (found.top5.hits, found.top5.count) == (8, 8)
    assert sorted((r.top1.hits, r.top1.count) for r in found.classes) == [(1, 3), (2, 5)]
    assert [each.count for each in found.confusions] == [3, 2]
    for row in found.classes:
        assert row.confused in {(c.said, c.count) for c in found.confusions}
        assert row.label == classifier.labels[row.index]
    [(path, error)] = found.failures
    assert path.endswith("broken.png")
    assert error.kind
    assert not found.is_complete
    assert len(steps) == 9
    assert found.milliseconds > 0


def test_reports_say_the_same(classifier: Classifier, folder: Path) -> None:
    found = evaluated(classifier, folder)
    record = json.loads(evaluation_json(found))
    assert record["top1"] == {"hits": 3, "percent": 37.5, "low": 13.684, "high": 69.426}
    assert [row["photos"] for row in record["classes"]] == [r.top1.count for r in found.classes]
    assert len(record["failures"]) == 1
    rows = list(csv.DictReader(io.StringIO(evaluation_csv(found))))
    assert tuple(rows[0]) == COLUMNS
    assert (rows[-1]["label"], rows[-1]["top1"], rows[-1]["photos"]) == ("all", "37.500", "8")
    assert [row["index"] for row in rows[:-1]] == [str(r.index) for r in found.classes]


def test_protocols_are_evaluated(classifier: Classifier, folder: Path) -> None:
    for protocol in ("10-crop", "dense"):
        found = evaluated(classifier, folder, protocol=protocol)
        assert (found.protocol, found.top1.count) == (protocol, 8)


# --- the journal ------------------------------------------------------------------------------


def entry(name: str) -> Entry:
    return Entry(name=name, bytes=1, top=(1, 2), milliseconds=0.5)


def test_what_is_done_is_not_done_again(classifier: Classifier, folder: Path) -> None:
    path = folder.parent / "journal"
    with Journal(path, SUBJECT) as journal:
        first = evaluated(classifier, folder, journal=journal)
    steps: list[None] = []
    with Journal(path, SUBJECT) as journal:
        assert len(journal.entries) == 8
        again = evaluated(classifier, folder, journal=journal, advance=lambda: steps.append(None))
    # The broken one is tried again, and nothing else.
    assert len(steps) == 1
    assert (again.top1, again.confusions) == (first.top1, first.confusions)
    assert again.milliseconds == first.milliseconds


def test_another_picture_of_the_same_name_is_done_again(
    classifier: Classifier, folder: Path
) -> None:
    path = folder.parent / "journal"
    with Journal(path, SUBJECT) as journal:
        evaluated(classifier, folder, journal=journal)
    changed = next(p for p in folder.rglob("*.png") if p.name != "broken.png")
    Image.new("RGB", (9, 9)).save(changed)
    steps: list[None] = []
    with Journal(path, SUBJECT) as journal:
        evaluated(classifier, folder, journal=journal, advance=lambda: steps.append(None))
    assert len(steps) == 2


@given(data=st.data())
def test_a_journal_cut_off_anywhere_goes_on(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut-off"
    path.unlink(missing_ok=True)
    names = ["a.png", "über/b\udcff.png", "c.png"]
    with Journal(path, SUBJECT) as journal:
        for name in names:
            journal.add(entry(name))
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = max(0, whole[:cut].count(b"\n") - 1)
    with Journal(path, SUBJECT) as journal:
        assert list(journal.entries) == names[:kept]
        for name in names[kept:]:
            journal.add(entry(name))
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": "other"}, "its model is “m”, not “other”"),
        ({"identity": "other"}, "its identity"),
        ({"device": "gpu"}, "its device"),
        ({"protocol": "dense"}, "its protocol is “centre”, not “dense”"),
    ],
)
def test_a_journal_of_another_evaluation_is_refused(
    change: dict[str, str], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    with Journal(path, SUBJECT) as journal:
        journal.add(entry("a"))
    before = path.read_bytes()
    values = {name: getattr(SUBJECT, name) for name in Subject.__struct_fields__}
    with pytest.raises(JournalError, match=reason), Journal(path, Subject(**(values | change))):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"a photo", b"a photo\n", b"{}\n", b'{"model": 1}\n\xff\n', b"\n\n"]
)
def test_files_that_are_no_journals_stay_as_they_are(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "precious.txt"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="damaged"), Journal(path, SUBJECT):
        pass
    assert path.read_bytes() == content


def test_a_journal_is_one_evaluations_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path, SUBJECT) as journal:
        journal.add(entry("a"))
        with pytest.raises(JournalBusyError), Journal(path, SUBJECT):
            pass
        journal.add(entry("b"))
    assert list(tmp_path.iterdir()) == [path]
    with Journal(path, SUBJECT) as journal:
        assert list(journal.entries) == ["a", "b"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such device")
def test_devices_are_not_read_to_their_end(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.symlink_to("/dev/zero")
    with pytest.raises(JournalError, match="it is no file"), Journal(device, SUBJECT):
        pass
    photo(tmp_path / "a.png")
    with pytest.raises(TruthFileError, match="it is no file"):
        samples_in(tmp_path, LABELS, model="M", truth=device)


def test_a_journal_that_cannot_be_made(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "journal", tmp_path):
        with pytest.raises(JournalError), Journal(path, SUBJECT):
            pass
