"""``vggscope classify`` inside this process: outputs, statuses, options."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from support import TINY_LABELS, as_nobody, hostile, open_folder, picture, tiny_model
from vggscope import paths
from vggscope.cli.main import main
from vggscope.inference.report import CSV_COLUMNS
from vggscope.inference.selection import devices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Run

pytestmark = pytest.mark.usefixtures("tiny")
PREDICTION_KEYS = ["rank", "index", "wnid", "label", "probability"]


@pytest.fixture
def run(run: Run) -> Run:
    """Run ``vggscope classify`` with the tiny model: (status, stdout, stderr)."""
    return partial(run, "classify", "--model", "tiny")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two photos, a third in a subfolder, and files that are none."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for seed, name in enumerate(("photo2.png", "photo10.png", "deeper/third.png")):
        Image.fromarray(picture(seed=seed).pixels).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def entries(text: str) -> list[dict[str, Any]]:
    content = json.loads(text)
    assert isinstance(content, list)
    return content


def test_json_has_the_fields_of_the_contract(run: Run, photos: Path) -> None:
    status, out, err = run(photos / "photo2.png", photos / "gone.png", "--format", "json")
    assert (status, err) == (1, "")
    good, bad = entries(out)
    assert list(good) == ["path", "model", "device", "milliseconds", "predictions"]
    assert good["path"] == str(photos / "photo2.png")
    assert good["model"] == "tiny"
    assert good["device"] in {device.key for device in devices()}
    assert good["milliseconds"] > 0
    for rank, prediction in enumerate(good["predictions"], start=1):
        assert list(prediction) == PREDICTION_KEYS
        assert prediction["rank"] == rank
        assert prediction["label"] == TINY_LABELS[prediction["index"]]
        assert prediction["wnid"] == f"n{prediction['index']}"
    probabilities = [prediction["probability"] for prediction in good["predictions"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-4)
    assert list(bad) == ["path", "error"]
    assert list(bad["error"]) == ["kind", "message", "remedy"]
    assert bad["path"] == str(photos / "gone.png")
    assert bad["error"]["kind"] == "not-found"


def test_a_line_of_jsonl_is_an_element_of_json(run: Run, photos: Path) -> None:
    words = (photos, photos / "gone.png")
    array = entries(run(*words, "--format", "json")[1])
    lines = [json.loads(line) for line in run(*words, "--format", "jsonl")[1].splitlines()]
    assert len(array) == len(lines) == 3
    for element in (*array, *lines):
        element.pop("milliseconds", None)
    assert lines == array


def test_csv(run: Run, photos: Path) -> None:
    status, out, _ = run(photos, photos / "gone.png", "--format", "csv", "--top", "3")
    assert status == 1
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["rank"] for row in rows] == ["1", "2", "3", "1", "2", "3", ""]
    assert rows[0]["path"] == str(photos / "photo2.png")
    assert rows[3]["path"] == str(photos / "photo10.png")
    assert 0 < float(rows[0]["probability"]) <= 1
    assert rows[0]["error_kind"] == ""
    assert (rows[-1]["error_kind"], rows[-1]["label"]) == ("not-found", "")
    assert "gone.png" in rows[-1]["error_message"]


@pytest.mark.parametrize("kind", ["table", "json", "jsonl", "csv"])
def test_stdout_is_the_same_on_windows(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """There, text streams write a line break as two characters."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "cp1252", newline="\r\n"))
    words = ["classify", "--model", "tiny", str(photos / "gone.png"), "--format", kind]
    assert main(words) == 1
    assert main([*words, "-o", str(tmp_path / "out")]) == 1
    assert raw.getvalue() == (tmp_path / "out").read_bytes()
    assert raw.getvalue().count(b"\r") == (2 if kind == "csv" else 0)


def test_csv_holds_no_formulas(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    names = ["=1+1.png", "+2.png", "-3.png", "@sum(a1).png"]
    for name in names:
        shutil.copy("photo2.png", name)
    words = ("--top", "1", "--", *names, "photo2.png", photos / names[0], "@gone.png")
    status, out, _ = run("--format", "csv", *words)
    assert status == 1
    told = [row["path"] for row in csv.DictReader(io.StringIO(out, newline=""))]
    assert told == [
        *(f"./{name}" for name in names), "photo2.png", str(photos / names[0]), "./@gone.png",
    ]  # fmt: skip
    assert all(Path(path).exists() for path in told[:-1])
    assert entries(run("--format", "json", *words)[1])[0]["path"] == names[0]


def test_folders_are_listed_as_needed(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: object, **__: object) -> Iterator[Path]:
        yield from [photos / "photo2.png"] * 10
        raise KeyboardInterrupt

    monkeypatch.setattr("vggscope.sources.finding.find_stills", endless)
    status, out, _ = run(photos, "--format", "jsonl")
    assert status == 130
    assert 0 < len(out.splitlines()) <= 10


def test_photos_that_are_not_opened(run: Run, photos: Path) -> None:
    (photos / "photo3.HEIC").write_bytes(b"anything")
    status, out, _ = run(photos, "--format", "json")
    assert status == 1
    assert paths_of(out) == ["photo2.png", "photo3.HEIC", "photo10.png"]
    assert entries(out)[1]["error"]["kind"] == "not-an-image"


def test_table_is_the_default(run: Run, photos: Path) -> None:
    status, out, err = run(photos / "photo2.png", photos / "gone.png")
    assert (status, err) == (1, "")
    heading, *lines = out.splitlines()
    assert heading.startswith(f"{photos / 'photo2.png'}  (tiny, ")
    assert {line.split()[-1] for line in lines[:4]} == set(TINY_LABELS)
    assert all("%" in line for line in lines[:4])
    assert lines[4] == str(photos / "gone.png")
    assert "“gone.png” does not exist. Check the spelling" in lines[5]
    assert run(photos / "photo2.png", "--format", "table")[1].splitlines()[1:] == lines[:4]


@pytest.mark.parametrize("kind", ["table", "json", "jsonl", "csv"])
def test_output_file(run: Run, photos: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "résultats"
    assert run(photos, "--format", kind, "-o", target) == (0, "", "")
    written = target.read_bytes().decode()
    assert "photo2.png" in written
    assert "photo10.png" in written
    run(photos / "photo2.png", "--format", kind, "--output", target)
    assert "photo10.png" not in target.read_text(encoding="utf-8")


def test_output_files_are_utf8_whatever_the_name(run: Run, photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "photo2.png", photos / "Übung 猫.png")
    run(photos / "Übung 猫.png", "--format", "json", "-o", tmp_path / "out.json")
    [entry] = json.loads((tmp_path / "out.json").read_bytes())
    assert entry["path"] == str(photos / "Übung 猫.png")


@pytest.mark.parametrize("target", ["", "no/such/folder/out.json", "file/out.json"])
def test_output_that_cannot_be_written(run: Run, photos: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("")
    status, out, err = run(photos, "-o", tmp_path / target)
    assert (status, out) == (2, "")
    assert err.startswith(f"vggscope: “{tmp_path / target}” could not be written: ")
    assert err.count("\n") == 1


def test_output_never_overwrites_a_picture(run: Run, photos: Path) -> None:
    picture = photos / "photo2.png"
    before = picture.read_bytes()
    status, _, err = run(photos, "-o", photos / ".." / photos.name / "photo2.png")
    assert status == 2
    assert "could not be written: it is one of the pictures." in err
    assert picture.read_bytes() == before
    alias = photos.parent / "alias"
    alias.hardlink_to(picture)
    assert run(photos, "-o", alias)[0] == 2
    assert picture.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk here")
def test_output_on_a_full_disk(run: Run, photos: Path) -> None:
    status, _, err = run(photos, "-o", "/dev/full")
    assert status == 2
    assert "“/dev/full” could not be written: No space left on device." in err


def paths_of(text: str) -> list[str]:
    return [Path(entry["path"]).name for entry in entries(text)]


def test_folders(run: Run, photos: Path) -> None:
    status, out, _ = run(photos, "--format", "json")
    assert (status, paths_of(out)) == (0, ["photo2.png", "photo10.png"])
    for option in ("-r", "--recursive"):
        status, out, _ = run(photos, option, "--format", "json")
        assert (status, paths_of(out)) == (0, ["photo2.png", "photo10.png", "third.png"])


def test_a_folder_without_pictures(run: Run, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "empty").mkdir()
    status, out, _ = run(tmp_path / "empty", photos / "photo2.png", "--format", "json")
    assert status == 1
    failed, done = entries(out)
    assert failed["error"]["kind"] == "no-images-in-folder"
    assert "“empty”" in failed["error"]["message"]
    assert done["predictions"]


def test_web_addresses_are_not_opened(run: Run, photos: Path) -> None:
    address = "https://example.invalid/cat.jpg"
    status, out, _ = run(address, photos / "photo2.png", "--format", "json")
    assert status == 1
    failed, done = entries(out)
    assert (failed["path"], failed["error"]["kind"]) == (address, "web-address")
    assert done["predictions"]


@pytest.mark.parametrize(("top", "expected"), [("1", 1), ("3", 3), ("1000", 4)])
def test_top(run: Run, photos: Path, top: str, expected: int) -> None:
    status, out, _ = run(photos / "photo2.png", "--top", top, "--format", "json")
    assert status == 0
    assert len(entries(out)[0]["predictions"]) == expected


def test_fit(run: Run, photos: Path) -> None:
    answers = [
        entries(run(photos / "photo2.png", "--format", "json", *fit)[1])[0]["predictions"]
        for fit in ((), ("--fit", "crop"), ("--fit", "stretch"), ("--fit", "letterbox"))
    ]
    assert answers[0] == answers[1]
    assert answers[1] != answers[2] != answers[3]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--top", "0"], "--top: “0” is no number from 1 to 1000"),
        (["--top", "1001"], "--top: “1001” is no number from 1 to 1000"),
        (["--top", "-5"], "--top: “-5” is no number from 1 to 1000"),
        (["--top", "many"], "--top: “many” is no number from 1 to 1000"),
        (["--format", "xml"], "jsonl"),
        (["--fit", "zoom"], "letterbox"),
        (["--model", "vgg99"], "“vgg99”. Choose one of: vgg16-compact, "),
        (["--device", "quantum"], "“quantum”. Choose one of: auto, "),
        (["--colour"], "--colour"),
    ],
)
def test_wrong_usage(run: Run, photos: Path, words: list[str], told: str) -> None:
    status, out, err = run(photos / "photo2.png", *words)
    assert (status, out) == (2, "")
    assert told in err


def test_known_models_are_told(run: Run, photos: Path) -> None:
    _, _, err = run(photos, "--model", "vgg99")
    assert {"vgg16-compact", "vgg16-compact-int8", "tiny"} <= set(
        err.split("Choose one of: ")[1].rstrip(".\n").split(", ")
    )


def test_no_path_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["classify"])
    assert ended.value.code == 2
    assert "PATH" in capsys.readouterr().err


def test_a_model_by_its_folder(run: Run, photos: Path, tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "mine").folder
    status, out, _ = run(photos / "photo2.png", "--model", folder, "--format", "json")
    assert (status, entries(out)[0]["model"]) == (0, "mine")


def test_hostile_corpus(run: Run, photos: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    cases = [case for case in hostile().make(corpus).values() if not case.needs_user]
    words = [photos / "photo2.png", *(corpus / case.file for case in cases), photos / "photo10.png"]
    status, out, err = run(*words, "--format", "json")
    assert (status, err) == (1, "")
    results = entries(out)
    # A folder is named by what it is, a link by where it is: the order is that of the arguments.
    assert [result["path"] for result in results] == [str(word) for word in words]
    for case, result in zip(cases, results[1:-1], strict=True):
        error = case.found or case.error
        if error is None:
            assert result["predictions"], case.file
            continue
        assert "predictions" not in result, case.file
        assert result["error"]["kind"] == error.kind, case.file
        name = case.file.replace("\n", "\N{REPLACEMENT CHARACTER}")
        assert f"“{name}”" in result["error"]["message"]
        assert result["error"]["remedy"]
    assert results[0]["predictions"]
    assert results[-1]["predictions"]


@pytest.mark.parametrize("kind", ["table", "jsonl", "csv"])
def test_hostile_corpus_in_other_formats(run: Run, tmp_path: Path, kind: str) -> None:
    corpus = tmp_path / "corpus"
    cases = [case for case in hostile().make(corpus).values() if not case.needs_user]
    status, out, err = run(*(corpus / case.file for case in cases), "--format", kind)
    assert (status, err) == (1, "")
    broken = [case for case in cases if case.error or case.found]
    if kind == "jsonl":
        assert sum("error" in json.loads(line) for line in out.splitlines()) == len(broken)
    elif kind == "csv":
        rows = csv.DictReader(io.StringIO(out, newline=""))
        assert sum(bool(row["error_kind"]) for row in rows) == len(broken)
    else:
        assert len(re.findall("^    (?:“|The folder “)", out, re.MULTILINE)) == len(broken)


def test_names_cannot_talk_to_the_terminal(run: Run, photos: Path) -> None:
    name = "red\x1b[31m\r\n fake.png"
    try:
        shutil.copy(photos / "photo2.png", photos / name)
    except OSError:
        pytest.skip("no such names here")
    _, out, _ = run(photos / name, photos / f"gone{name}")
    assert not set(out) & {"\x1b", "\r"}
    assert "fake.png" in out.splitlines()[0]
    _, out, _ = run(photos / name, "--format", "json")
    assert entries(out)[0]["path"] == str(photos / name)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are something else there")
def test_permissions(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_folder() as folder:
        monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(folder / "data-dir"))
        tiny_model(folder / "data-dir" / "data" / "models" / "tiny")
        closed, readable = folder / "closed.png", folder / "readable.png"
        for path in (closed, readable):
            Image.fromarray(picture().pixels).save(path)
        closed.chmod(0)
        (folder / "closed folder").mkdir(mode=0)
        with as_nobody():
            status, out, err = run(closed, folder / "closed folder", readable, "--format", "json")
            unwritable = run(readable, "-o", folder / "out.json")
        assert (status, err) == (1, "")
        first, second, third = entries(out)
        for failed, name in ((first, "closed.png"), (second, "closed folder")):
            assert failed["error"]["kind"] == "permission-denied"
            assert f"“{name}”" in failed["error"]["message"]
        assert third["predictions"]
        if os.geteuid() == 0:
            assert unwritable[0] == 2
            assert "Permission denied" in unwritable[2]
