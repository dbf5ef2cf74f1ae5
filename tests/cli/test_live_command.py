"""`vggscope live --headless` as its users meet it: a process that plays real videos."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageOps

from support import command, environment
from vggscope import paths
from vggscope.cli.main import main
from vggscope.inference.report import LIVE_CSV_COLUMNS
from videos import changing_size, cut_off, damaged, make_video, sound_only

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.usefixtures("tiny")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other means")
TIMEOUT = 60
# What would let Qt find a display, or say more than it does to users.
BARE: dict[str, str | None] = dict.fromkeys(
    ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "QT_LOGGING_RULES", "QT_FFMPEG_DEBUG")
)
# Ctrl+C when a module is looked for: sys.argv[1].
INTERRUPTED_AT = """
import os, runpy, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == awaited and self in sys.meta_path:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

awaited = sys.argv.pop(1)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
runpy.run_module("vggscope", run_name="__main__", alter_sys=True)
"""
REAL = "vgg16-compact-int8"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    """A pizza, then a zebra: half a second of each."""
    return make_video(folder / "clip.mp4", ["pizza.jpg", "zebra.jpg"], sound=1.0)


def words(source: Path | str, *more: str | Path, model: str = "tiny") -> list[str]:
    return command("live", "--headless", "--model", model, "--source", source, *more)


def live(
    source: Path | str, *more: str | Path, model: str = "tiny", **options: Any
) -> subprocess.CompletedProcess[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run(
        words(source, *more, model=model),
        env=environment(**BARE),
        timeout=TIMEOUT,
        check=False,
        encoding="utf-8",
        **pipes,
    )


def records(text: str) -> list[dict[str, Any]]:
    """Lines of JSON, and nothing else."""
    return [json.loads(line) for line in text.splitlines()]


def started(source: Path, *more: str | Path, pipe_size: int = -1) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words(source, *more),
        env=environment(**BARE),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        pipesize=pipe_size,
    )


# --- videos -------------------------------------------------------------------------------------


def test_each_answer_is_a_line_and_the_summary_adds_up(clip: Path, tmp_path: Path) -> None:
    """Without a display, and without a word from Qt or FFmpeg."""
    summary = tmp_path / "summary.json"
    child = live(clip, "--top", "3", "--summary", summary, model=REAL)
    assert child.returncode == 0
    found = records(child.stdout)
    numbers = [record["frame"] for record in found]
    assert numbers == sorted(set(numbers))
    # The video may be shorter than loading takes elsewhere; its frames wait for nobody.
    assert [r["predictions"][0]["label"] for r in found if r["seconds"] > 0.6][-1] == "zebra"
    assert found[0]["predictions"][0]["label"] == "pizza"
    assert all(len(r["predictions"]) == 3 and r["model"] == REAL for r in found)
    assert all(r["latency"] >= r["milliseconds"] > 0 for r in found)
    figures = json.loads(summary.read_text(encoding="utf-8"))
    assert figures["inferred"] == len(found)
    assert figures["dropped"] == figures["frames"] - len(found)
    # The last one was waited for; QMediaPlayer may pass over one when it is in a hurry.
    assert 20 < figures["frames"] <= 30
    assert numbers[-1] == figures["frames"]
    assert found[-1]["seconds"] == pytest.approx(29 / 30, abs=0.1)
    assert figures["latency_median"] <= figures["latency_p95"]
    text = f"{figures['frames']} frames seen ({figures['source_fps']:.1f}/s), {len(found)} inferred"
    assert text in child.stderr
    assert f"latency {figures['latency_median']:.1f} ms median" in child.stderr
    assert child.stderr.count("\n") == 1


@pytest.mark.parametrize("codec", ["libvpx-vp9", "mjpeg"])
def test_other_codecs(tmp_path: Path, codec: str) -> None:
    suffix = {"libvpx-vp9": ".webm", "mjpeg": ".avi"}[codec]
    video = make_video(tmp_path / f"v{suffix}", ["pizza.jpg"], seconds=0.4, codec=codec)
    child = live(video, model=REAL)
    assert child.returncode == 0
    assert {r["predictions"][0]["label"] for r in records(child.stdout)} == {"pizza"}


def test_a_region_of_a_video(tmp_path: Path) -> None:
    """Of two photos side by side the network sees the one that counts."""
    both = Image.new("RGB", (640, 320))
    for left, name in ((0, "pizza.jpg"), (320, "zebra.jpg")):
        with Image.open(paths.resource("samples", name)) as photo:
            both.paste(ImageOps.fit(photo, (320, 320)), (left, 0))
    video = make_video(tmp_path / "v.mp4", [both], size=(640, 320), seconds=0.4)
    for region, label in (("0,0,320,320", "pizza"), ("320,0,320,320", "zebra")):
        child = live(video, "--region", region, model=REAL)
        assert {r["predictions"][0]["label"] for r in records(child.stdout)} == {label}
    beyond = live(video, "--region", "5000,0,10,10")
    assert (beyond.returncode, beyond.stdout) == (2, "")
    # Told once, not for each frame.
    assert (
        beyond.stderr.count("The region lies beyond the picture, which has 640 × 320 pixels.") == 1
    )


def test_a_turned_video_is_seen_upright(tmp_path: Path) -> None:
    with Image.open(paths.resource("samples", "lighthouse.jpg")) as photo:
        upright = photo.convert("RGB")
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    video = make_video(tmp_path / "v.mp4", [lying], size=(320, 320), seconds=0.4, turn=90)
    straight = make_video(tmp_path / "s.mp4", [upright], size=(320, 320), seconds=0.4)
    turned, plain = (
        records(live(v, model=REAL).stdout)[-1]["predictions"] for v in (video, straight)
    )
    assert turned[0]["label"] == plain[0]["label"]
    assert turned[0]["probability"] == pytest.approx(plain[0]["probability"], abs=0.05)


def test_it_ends_after_so_many_seconds(clip: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    options = ("--loop", "--seconds", "1.5", "--summary", summary)
    child = live(clip, *options)
    assert child.returncode == 0
    found = records(child.stdout)
    figures = json.loads(summary.read_text(encoding="utf-8"))
    assert 1.3 < figures["seconds"] < 2.2
    assert figures["source_fps"] == pytest.approx(30, rel=0.2)
    # It has begun anew.
    assert found[-1]["frame"] > 30
    assert any(b["seconds"] < a["seconds"] for a, b in itertools.pairwise(found))


def test_twice_as_fast(clip: Path) -> None:
    found = records(live(clip, "--speed", "2").stdout)
    moments = [record["timestamp"] for record in (found[0], found[-1])]
    begun, ended = (float(moment[17:-1]) for moment in moments)
    assert (ended - begun) % 60 < 0.8
    assert found[-1]["seconds"] > 0.9


def test_a_file_of_another_format(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("from another day", encoding="utf-8")
    child = live(clip, "--format", "csv", "--top", "2", "--smoothing", "strong", "-o", target)
    assert (child.returncode, child.stdout) == (0, "")
    head, *rows = csv.reader(io.StringIO(target.read_text(encoding="utf-8")))
    assert tuple(head) == LIVE_CSV_COLUMNS
    assert len(rows) % 2 == 0
    assert {row[4] for row in rows} == {"strong"}


def test_formats_for_stdout(clip: Path) -> None:
    table = live(clip, "--format", "table", "--top", "1").stdout.splitlines()
    assert table[0].split() == ["seconds", "frame", "ms", "predictions"]
    assert all(line.endswith("%") and len(line.split()) == 5 for line in table[1:])
    head, *rows = csv.reader(io.StringIO(live(clip, "--format", "csv", "--top", "2").stdout))
    assert tuple(head) == LIVE_CSV_COLUMNS
    assert [int(row[5]) for row in rows] == [1, 2] * (len(rows) // 2)
    assert len(rows) > 2


# --- what is wrong with videos ------------------------------------------------------------------


def test_a_video_that_ends_in_the_middle(tmp_path: Path) -> None:
    child = live(cut_off(tmp_path / "v.mp4", seconds=2.4))
    assert child.returncode == 1
    assert "“v.mp4” ends in the middle, after 1." in child.stderr
    assert "of 2.4 seconds" in child.stderr
    assert records(child.stdout)[-1]["seconds"] > 0.9
    # The sentence and the summary; of what FFmpeg says nothing.
    assert child.stderr.count("\n") == 2


def test_a_video_with_damaged_pictures(tmp_path: Path) -> None:
    child = live(damaged(tmp_path / "v.mp4", seconds=1.5))
    assert child.returncode == 0
    assert records(child.stdout)[-1]["seconds"] > 1.2
    assert child.stderr.count("\n") == 1


def test_a_video_that_changes_its_size(tmp_path: Path) -> None:
    child = live(changing_size(tmp_path / "v.h264", seconds=0.5))
    assert child.returncode == 0
    assert "The picture of “v.h264” is 320 × 240 pixels from here on." in child.stderr
    assert child.stderr.count("\n") == 2


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("hum.mp4", sound_only, "“hum.mp4” holds sound, but no pictures."),
        ("junk.mp4", lambda p: p.write_bytes(os.urandom(50_000)), "“junk.mp4” cannot be played"),
        ("empty.mp4", Path.touch, "“empty.mp4” cannot be played: it is empty."),
        ("folder", Path.mkdir, "“folder” cannot be played: it is a folder."),
        ("gone.mp4", lambda _: None, "“gone.mp4” does not exist."),
    ],
    ids=["sound only", "junk", "empty", "folder", "missing"],
)
def test_nothing_to_see(
    tmp_path: Path, name: str, make: Callable[[Path], object], sentence: str
) -> None:
    make(tmp_path / name)
    target = tmp_path / "out.jsonl"
    target.write_text("from another day", encoding="utf-8")
    child = live(name, "-o", target, cwd=tmp_path)
    assert (child.returncode, child.stdout) == (2, "")
    assert child.stderr.startswith(f"vggscope: {sentence}")
    assert child.stderr.count("\n") == 1
    assert target.read_text(encoding="utf-8") == "from another day"


def test_a_model_that_is_not_there(clip: Path) -> None:
    child = live(clip, model="vgg99")
    assert (child.returncode, child.stdout) == (2, "")
    assert child.stderr.startswith("vggscope: There is no model called “vgg99”.")


def test_a_file_that_cannot_be_written(clip: Path, tmp_path: Path) -> None:
    child = live(clip, "-o", tmp_path / "gone" / "out.jsonl")
    assert child.returncode == 2
    assert "“out.jsonl” could not be written: No such file or directory." in child.stderr


# --- pipes and signals --------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_interrupted(clip: Path, number: int, status: int) -> None:
    with started(clip, "--loop") as child:
        assert child.stdout is not None
        begun = child.stdout.readline()
        child.send_signal(number)
        rest, complaints = child.communicate(timeout=TIMEOUT)
    assert child.returncode == status
    found = records((begun + rest).decode())
    assert f" {len(found)} inferred" in complaints.decode()
    assert complaints.count(b"\n") == 1


@posix
@pytest.mark.parametrize(
    "module",
    [
        "shiboken6",
        "shiboken6.Shiboken",
        "PySide6.QtCore",
        "PySide6.QtGui",
        "PySide6.QtMultimedia",
        "vggscope.cli.live_loop",
        "numpy",
        "onnxruntime",
    ],
)
def test_interrupted_before_it_begins(clip: Path, module: str) -> None:
    """Several of these make a mess of an exception in the middle of their import."""
    child = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT, module, *words(clip, "--loop")[3:]],
        env=environment(**BARE),
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        encoding="utf-8",
    )
    assert (child.returncode, child.stdout, child.stderr) == (130, "", "")


@posix
def test_a_reader_that_has_seen_enough(clip: Path) -> None:
    with started(clip, "--loop") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert json.loads(child.stdout.readline())["frame"] >= 1
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(TIMEOUT) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="pipes have one size there")
def test_a_reader_that_reads_no_more_can_be_left(clip: Path) -> None:
    """The pipe is full, the network's thread waits for it: the second Ctrl+C does not."""
    with started(clip, "--loop", pipe_size=4096) as child:
        assert child.stdout is not None
        assert child.stdout.read(1)
        # A line has 400 bytes, and 30 come in a second.
        time.sleep(1.5)
        child.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.3)
        child.send_signal(signal.SIGINT)
        assert child.wait(TIMEOUT) == 130


@posix
def test_what_was_recorded_survives_a_kill(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    with started(clip, "--loop", "-o", target) as child:
        deadline = time.monotonic() + TIMEOUT
        while not target.exists() or target.read_bytes().count(b"\n") < 5:
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.02)
        child.kill()
        child.communicate(timeout=TIMEOUT)
    assert child.returncode == -signal.SIGKILL
    content = target.read_text(encoding="utf-8")
    assert content.endswith("\n")
    assert len(records(content)) >= 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk here")
def test_stdout_on_a_full_disk(clip: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        child = live(clip, stdout=full)
    assert child.returncode == 2
    assert child.stderr.startswith("vggscope: “stdout” could not be written: No space")
    assert child.stderr.count("\n") == 1


# --- usage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "--source"),
        (["--source", "v.mp4", "--format", "csv"], "--format needs --headless"),
        (["--source", "v.mp4", "-o", "x"], "--output needs --headless"),
        (["--source", "v.mp4", "--device", "cpu"], "--device needs --headless"),
        (["--source", "v.mp4", "--loop"], "--loop needs --headless"),
        (["--source", "v.mp4", "--headless", "--camera", "x"], "--source camera"),
        (["--source", "camera", "--headless", "--loop"], "are for videos"),
        (["--source", "screen", "--headless", "--speed", "2"], "are for videos"),
        (["--source", "v.mp4", "--headless", "--format", "table", "-o", "x"], "a table is for"),
        (["--source", "v.mp4", "--seconds", "0"], "--seconds"),
        (["--source", "v.mp4", "--seconds", "nan"], "--seconds"),
        (["--source", "v.mp4", "--headless", "--speed", "-1"], "--speed"),
        (["--source", "v.mp4", "--headless", "--top", "0"], "--top"),
        (["--source", "screen", "--region", "1,2,3"], "--region"),
        (["--source", "screen", "--region", "1,2,0,3"], "--region"),
    ],
)
def test_wrong_usage(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["live", *options])
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert complaint in output.err.splitlines()[-1]


def test_nothing_is_written_over_the_video(clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    (tmp_path / "link.mp4").symlink_to(copy)
    for option in ("-o", "--summary"):
        child = live(copy, option, tmp_path / "link.mp4")
        assert child.returncode == 2
        assert "“link.mp4” could not be written: it is the video." in child.stderr
    both = live(copy, "-o", tmp_path / "x", "--summary", tmp_path / "x")
    assert both.returncode == 2
    assert copy.read_bytes() == clip.read_bytes()


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="there is always a display")
def test_no_display() -> None:
    child = live("screen")
    assert (child.returncode, child.stdout) == (2, "")
    assert child.stderr.startswith("vggscope: There is no screen to look at.")
    window = subprocess.run(
        command("live", "--source", "screen"),
        env=environment(**BARE),
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        encoding="utf-8",
    )
    assert (window.returncode, window.stdout) == (2, "")
    assert window.stderr.startswith("vggscope: There is no display to open a window on.")
    assert "--headless" in window.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="known to have none in tests")
def test_no_camera() -> None:
    if list(Path("/dev").glob("video*")):
        pytest.skip("there is a camera here")
    child = live("camera")
    assert (child.returncode, child.stdout) == (2, "")
    assert child.stderr.startswith("vggscope: No camera was found.")
    assert child.stderr.count("\n") == 1
