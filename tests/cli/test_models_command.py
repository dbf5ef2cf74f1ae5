"""``vggscope models``: what it prints, makes, refuses and leaves."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from support import command, environment, picture, tiny_model
from vggscope import paths
from vggscope.cli.main import main
from vggscope.vgg.graph import network_of
from vggscope.zoo.models import find_model, installed_models

if TYPE_CHECKING:
    from pathlib import Path

    from support import Run

pytestmark = pytest.mark.usefixtures("tiny")
FIELDS = [
    "model", "of", "folder", "megabytes_before", "megabytes_after", "calibration_photos",
    "compared_photos", "compared_photos_calibrated_with", "agreement", "mean_change_of_top_class",
    "largest_change", "milliseconds_before", "milliseconds_after", "speedup", "left_out",
]  # fmt: skip


@pytest.fixture
def run(run: Run) -> Run:
    """Run ``vggscope models``: (status, stdout, stderr)."""
    return partial(run, "models")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of six photos and another of six, as photos sorted by class come."""
    folder = tmp_path / "photos"
    for seed in range(12):
        path = folder / ("cats" if seed < 6 else "dogs") / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = (200, 20 * seed, 7 * seed) if seed % 3 else None
        Image.fromarray(picture(colour=colour, seed=seed).pixels).save(path)
    return folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test works."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answers(folder: Path, model: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What ``vggscope classify`` says."""
    words = ["classify", str(folder), "-r", "--model", model, "--format", "json", "--device", "cpu"]
    assert main(words) == 0
    entries: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return entries


# --- what it prints and makes -----------------------------------------------------------------


def test_json(run: Run, photos: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("quantize", "tiny", "--calibrate", photos, "--photos", "4", "--compare", photos)
    status, out, err = run(*words, "--format", "json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert list(told) == FIELDS
    assert (told["model"], told["of"]) == ("tiny-int8", "tiny")
    assert told["folder"] == str(home / "tiny-int8")
    sizes = [
        sum(f.stat().st_size for f in (home / name).iterdir() if f.suffix in {".onnx", ".bin"})
        for name in ("tiny", "tiny-int8")
    ]
    assert [told["megabytes_before"], told["megabytes_after"]] == [round(s / 1e6, 3) for s in sizes]
    assert told["calibration_photos"] == told["compared_photos_calibrated_with"] == 4
    assert told["compared_photos"] == 12
    assert told["left_out"] == []
    assert told["milliseconds_before"] > 0
    assert told["speedup"] == pytest.approx(
        told["milliseconds_before"] / told["milliseconds_after"], rel=0.1
    )
    # Against the answers of another command.
    pairs = list(
        zip(answers(photos, "tiny", capsys), answers(photos, "tiny-int8", capsys), strict=True)
    )
    same, of_top, of_any = 0, 0.0, 0.0
    for before, after in pairs:
        top = before["predictions"][0]
        same += after["predictions"][0]["index"] == top["index"]
        changes = {
            p["index"]: abs(p["probability"] - q["probability"])
            for p in before["predictions"]
            for q in after["predictions"]
            if p["index"] == q["index"]
        }
        assert len(changes) == 4
        of_top += changes[top["index"]] / len(pairs)
        of_any = max(of_any, *changes.values())
    assert told["agreement"] == pytest.approx(same / 12 * 100, abs=0.1)
    assert told["mean_change_of_top_class"] == pytest.approx(of_top, abs=1e-5)
    assert told["largest_change"] == pytest.approx(of_any, abs=1e-5)
    quantized = find_model("tiny-int8").description.quantized
    assert quantized is not None
    assert (quantized.agreement, quantized.photos) == (told["agreement"], 12)


def test_table_is_the_default(run: Run, photos: Path, home: Path) -> None:
    status, out, err = run("quantize", "tiny", "--calibrate", photos, "--photos", "4")
    assert (status, err) == (0, "")
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert rows["model"] == "tiny-int8 (Tiny (int8))"
    assert rows["folder"] == str(home / "tiny-int8")
    assert rows["calibrated with"] == "4 photos"
    assert rows["compared on"] == "8 photos"
    assert re.fullmatch(r"\d+(\.\d)? %", rows["same top-1"])
    assert re.fullmatch(r"\d\.\d{4}, of .*", rows["mean |Δp|"])
    assert re.fullmatch(r"\d\.\d{4}, of .*", rows["largest |Δp|"])
    assert re.fullmatch(r"\d+ kB → \d+ kB", rows["size"])
    assert re.fullmatch(r"\S+ → \S+ ms on the CPU, \S+ times as fast", rows["time"])


def test_flattery_is_told(run: Run, photos: Path) -> None:
    status, out, _ = run("quantize", "tiny", "--calibrate", photos)
    assert status == 0
    assert "12 photos, 12 of which it was calibrated with: that flatters it\n" in out


def test_name_title_replace(run: Run, photos: Path) -> None:
    words = ("quantize", "tiny", "--calibrate", photos, "--name", "swift", "--title", "Swift")
    assert run(*words)[0] == 0
    assert "swift" in [model.name for model in installed_models()]
    assert find_model("swift").title == "Swift"
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert err.startswith("vggscope: There is a model called “swift” already. Choose another name")
    status, out, err = run(*words[:-1], "Swifter", "--replace", "--format", "json")
    assert (status, err) == (0, "")
    assert find_model("swift").title == "Swifter"


def test_files_and_folders_may_be_mixed_and_repeated(run: Run, photos: Path) -> None:
    cats, dogs = photos / "cats", photos / "dogs"
    words = ["--calibrate", cats / "0.png", "--calibrate", cats, "--compare", dogs, "--compare"]
    words += [dogs / "7.png", "--compare-photos", "5", "--format", "json"]
    status, out, _ = run("quantize", "tiny", *words)
    told = json.loads(out)
    assert status == 0
    assert told["calibration_photos"] == 6
    assert (told["compared_photos"], told["compared_photos_calibrated_with"]) == (5, 0)


def test_photos_are_evenly_spread(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    from vggscope.sources.stills import read_still  # noqa: PLC0415

    def noted(path: Path, **options: Any) -> Any:
        read.append(path.parent.name)
        return read_still(path, **options)

    monkeypatch.setattr("vggscope.inference.quantization.read_still", noted)
    assert run("quantize", "tiny", "--calibrate", photos, "--photos", "4")[0] == 0
    assert read[:4] == ["cats", "cats", "dogs", "dogs"]


def test_unreadable_photos_are_left_out(run: Run, photos: Path) -> None:
    (photos / "cats" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (photos / "phone.heic").write_bytes(b"anything")
    words = ("quantize", "tiny", "--calibrate", photos, "nowhere", "--format", "json")
    status, out, err = run(*words)
    assert status == 0
    told = json.loads(out)
    assert told["calibration_photos"] == 12
    assert {entry["kind"] for entry in told["left_out"]} >= {"not-an-image", "not-found"}
    first, *lines = err.splitlines()
    assert first == "vggscope: left out (3):"
    assert len(lines) == 3
    for name in ("“phone.heic”", "“nowhere”", "“broken.png”"):
        assert sum(name in line for line in lines) == 1


def test_many_unreadable_photos_are_counted(run: Run, photos: Path) -> None:
    for number in range(9):
        (photos / f"{number}.png").write_bytes(b"")
    status, _, err = run("quantize", "tiny", "--calibrate", photos)
    assert status == 0
    assert err.splitlines()[0].endswith("(9):")
    assert err.splitlines()[-1] == "  and 4 more"
    assert len(err.splitlines()) == 7


def test_a_model_by_its_folder(run: Run, photos: Path, tmp_path: Path, home: Path) -> None:
    folder = tiny_model(tmp_path / "mine").folder
    assert run("quantize", folder, "--calibrate", photos)[0] == 0
    assert (home / "mine-int8" / "model.json").is_file()


def test_common_options_on_either_side(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    action = ["quantize", "stray", "--calibrate", str(photos)]
    for number, place in enumerate(("first", "before", "after")):
        stick = tmp_path / str(number)
        tiny_model(stick / "data" / "models" / "stray")
        option = ["--data-dir", str(stick)]
        words = {
            "first": [*option, "models", *action],
            "before": ["models", *option, *action],
            "after": ["models", *action, *option],
        }[place]
        assert main(words) == 0
        assert (stick / "data" / "models" / "stray-int8" / "model.json").is_file()
    assert main(["models", *action, "--replace", "--verbose"]) == 0
    assert "Opened " in capsys.readouterr().err


def test_the_bundled_model(run: Run, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    samples = paths.resource("samples")
    words = ("quantize", "vgg16-compact", "--name", "mine", "--calibrate", samples)
    status, out, err = run(*words, "--photos", "6", "--format", "json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert (told["calibration_photos"], told["compared_photos"]) == (6, 6)
    assert told["compared_photos_calibrated_with"] == 0
    # Six clear photos: they leave no doubt.
    assert told["agreement"] == 100
    assert told["mean_change_of_top_class"] < 0.05
    assert 0 < told["largest_change"] < 0.2
    assert told["megabytes_after"] < told["megabytes_before"] * 0.52
    assert told["speedup"] > 1
    mine, shipped = find_model("mine"), find_model("vgg16-compact-int8")
    assert mine.description.layers == shipped.description.layers
    tables = [network_of(model.graph(), name="", title="").layers for model in (mine, shipped)]
    assert tables[0] == tables[1]
    assert main(["layers", "--model", "mine"]) == 0
    assert "conv5_3" in capsys.readouterr().out
    assert [folder.name for folder in home.iterdir() if folder.name != "tiny"] == ["mine"]


# --- what it refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "ACTION"),
        (["paint"], "paint"),
        (["quantize"], "NAME"),
        (["quantize", "tiny"], "--calibrate"),
        (["quantize", "tiny", "--calibrate"], "--calibrate"),
        (["quantize", "tiny", "--calibrate", "x", "--photos", "0"], "“0” is no number from 1 to"),
        (["quantize", "tiny", "--calibrate", "x", "--compare-photos", "a"], "“a” is no number"),
        (["quantize", "tiny", "--calibrate", "x", "--format", "csv"], "csv"),
        (["quantize", "vgg99", "--calibrate", "x"], "“vgg99”. Choose one of: vgg16-compact, "),
        (["quantize", "vgg16-compact-int8", "--calibrate", "x"], "is in 8-bit integers already."),
        (["quantize", "vgg16-compact", "--calibrate", "x"], "it ships with VGGscope."),
        (["quantize", "tiny", "--calibrate", "x", "--name", "Tiny"], "No model can be called"),
        (["quantize", "tiny", "--calibrate", "x", "--name", "tiny"], "the new one is made of it."),
        (["quantize", "tiny", "--calibrate", "x"], "“x” does not exist."),
        (["quantize", "tiny", "--calibrate", "."], "None of the 0 photos given can be opened."),
    ],
)
def test_refused(run: Run, home: Path, empty: Path, words: list[str], told: str) -> None:
    assert not any(empty.iterdir())
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert told in err
    assert [folder.name for folder in home.iterdir()] == ["tiny"]


def test_unreadable_photos_only(run: Run, tmp_path: Path, photos: Path, home: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for number in range(3):
        (broken / f"{number}.png").write_bytes(b"")
    for words in (["--calibrate", broken], ["--calibrate", photos, "--compare", broken]):
        status, out, err = run("quantize", "tiny", *words)
        assert (status, out) == (2, "")
        first, *reasons, last = err.splitlines()
        assert first.endswith("(3):")
        assert len(reasons) == 3
        assert last == (
            "vggscope: None of the 3 photos given can be opened. Give a folder of photos like "
            "those that the model is for; no labels are needed."
        )
        assert [folder.name for folder in home.iterdir()] == ["tiny"]


def test_a_full_disk(run: Run, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told as that of the model, not of stdout."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("onnx.save", fail)
    status, out, err = run("quantize", "tiny", "--calibrate", photos)
    assert (status, out) == (2, "")
    assert f"vggscope: “{home / 'tiny-int8'}” could not be written: No space left" in err
    assert [folder.name for folder in home.iterdir()] == ["tiny"]


def test_interrupted(run: Run, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vggscope.inference.quantization.compare", interrupt)
    assert run("quantize", "tiny", "--calibrate", photos) == (130, "", "")
    assert [folder.name for folder in home.iterdir()] == ["tiny"]


# --- as a process -----------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="HOME is that of POSIX")
def test_nothing_is_left_elsewhere(photos: Path, home: Path, tmp_path: Path) -> None:
    """Neither in the working folder, nor among temporary files, nor in the user's home."""
    places = {name: tmp_path / name for name in ("here", "scratch", "user")}
    for folder in places.values():
        folder.mkdir()
    child = subprocess.run(
        command("models", "quantize", "tiny", "--calibrate", photos),
        cwd=places["here"],
        env=environment(
            HOME=str(places["user"]), TMPDIR=str(places["scratch"]), XDG_CACHE_HOME=None
        ),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert child.stdout.startswith("model ")
    assert [path for folder in places.values() for path in folder.rglob("*")] == []
    assert {folder.name for folder in home.iterdir()} == {"tiny", "tiny-int8"}


def test_help_needs_no_engine() -> None:
    code = (
        "import sys; from vggscope.cli.main import main\n"
        "try: main(['models', 'quantize', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'onnx', 'onnxruntime', 'tqdm')))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert child.returncode == 0, child.stderr
    assert b"--compare-photos" in child.stdout


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
def test_progress_on_a_terminal(photos: Path) -> None:
    parent, terminal = os.openpty()
    pytest.importorskip("termios").tcsetwinsize(terminal, (24, 80))
    words = command("models", "quantize", "tiny", "--calibrate", photos, "--photos", "4")
    with os.fdopen(terminal, "wb") as stderr:
        child = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL, stderr=stderr)
    shown = b""
    with os.fdopen(parent, "rb", buffering=0) as screen, contextlib.suppress(OSError):
        # Linux says "input/output error" where nobody writes any more.
        while part := screen.read(1000):
            shown += part
    assert child.wait() == 0
    for text in (b"calibrating", b"4/4", b"comparing", b"8/8"):
        assert text in shown
