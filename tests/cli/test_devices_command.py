"""``vggscope devices``, and choosing a device on the command line."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import onnxruntime
import psutil
import pytest

from imaginary import CARD, CARD_NAME, Card, busy_model
from support import command, environment, tiny_model
from vggscope import paths
from vggscope.inference import devices, discovery, probe, proposal, selection
from vggscope.inference.devices import cpu_device
from vggscope.inference.ledger import Ledger
from vggscope.inference.probe import Status, Verdict
from vggscope.inference.providers import PROVIDERS, Variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import Run
    from vggscope.inference.devices import Device
    from vggscope.zoo.normal_form import Model

HEADS = ["device", "hardware", "provider", "precision", "ms", "÷ CPU", "status"]
FIELDS = [
    "device",
    "name",
    "provider",
    "precision",
    "status",
    "milliseconds",
    "ratio_to_cpu",
    "largest_difference",
    "same_top1",
    "photos",
    "operators_on_cpu",
    "error",
]
NOT_ALL = "Not every device was tried yet: “vggscope devices --probe” does.\n"
TRYING = "vggscope: trying {} (1 of 2)\nvggscope: trying {} (2 of 2)\n"
TRYING_CARD = TRYING.format(cpu_device().name, CARD_NAME)
TIMEOUT = 120
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other means")
# A shell that runs in the background has its children ignore SIGINT; a terminal's does not.
INTERRUPTIBLE = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "runpy.run_module('vggscope', run_name='__main__', alter_sys=True)"
)


@pytest.fixture
def busy(data_dir: Path) -> Model:
    return busy_model(data_dir / "data" / "models" / "busy")


def samples(count: int) -> list[Path]:
    return sorted(paths.resource("samples").glob("*.jpg"))[:count]


def rows_of(text: str) -> dict[str, dict[str, str]]:
    """The table that ``text`` begins with: device -> column -> cell."""
    heads, rule, *lines = text.partition("\n\n")[0].splitlines()
    columns = [match.span() for match in re.finditer("─+", rule)]
    cut = [[line[start:end].strip() for start, end in columns] for line in (heads, *lines)]
    assert cut[0] == HEADS
    # Whatever stands between two columns would be cut off.
    assert all(line.split() == " ".join(c).split() for line, c in zip(lines, cut[1:], strict=True))
    return {cells[0]: dict(zip(HEADS, cells, strict=True)) for cells in cut[1:]}


def entries_of(text: str) -> dict[str, dict[str, Any]]:
    """The JSON ``text``: device, or provider where there is none -> entry."""
    return {entry["device"] or entry["provider"]: entry for entry in json.loads(text)["devices"]}


def offer(monkeypatch: pytest.MonkeyPatch, *variants: Variant) -> None:
    """Let the card compute in these ways."""
    two = {"cpu": PROVIDERS["cpu"], "webgpu": replace(PROVIDERS["webgpu"], variants=variants)}
    for module in (discovery, selection, devices):
        monkeypatch.setattr(module, "PROVIDERS", two)


def impatient_with_the_card(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """``measure`` that gives the card three seconds, and the CPU as many as ever."""

    def measure(model: Model, device: Device, *others: Any) -> object:
        monkeypatch.setattr(probe, "TIMEOUT", 3.0 if device.key == CARD else 60.0)
        return probe.measure(model, device, *others)

    return measure


# --- the table ----------------------------------------------------------------------------------


def test_before_probing_nothing_is_claimed(card: Card, tiny: Model, run: Run) -> None:
    status, out, err = run("devices", "--model", tiny.name)
    assert (status, err) == (0, "")
    rows = rows_of(out)
    assert list(rows) == ["cpu", CARD]
    assert rows[CARD] == dict(
        zip(HEADS, [CARD, "Imaginary 9000", "WebGPU", "fp32", "–", "–", "untried"], strict=True)
    )
    assert rows["cpu"]["status"] == "untried"
    assert NOT_ALL in out
    assert "Auto takes" not in out
    document = json.loads(run("devices", "--model", tiny.name, "--format", "json")[1])
    assert document["auto"] is None
    assert {entry["status"] for entry in document["devices"]} == {"untried"}
    assert card


def test_after_probing_the_card_is_verified(card: Card, busy: Model, run: Run) -> None:
    status, out, err = run("devices", "--probe", "--model", busy.name)
    assert (status, err) == (0, TRYING_CARD)
    rows = rows_of(out)
    assert rows["cpu"]["÷ CPU"] == "1.00"
    assert rows["cpu"]["status"] == "verified: what the others are compared with"
    assert rows[CARD]["status"].startswith(
        "verified: 12 of 12 photos as the CPU, ±0.0000; left to the CPU: Softmax"
    )
    assert float(rows[CARD]["ms"]) < float(rows["cpu"]["ms"])
    assert float(rows[CARD]["÷ CPU"]) < 0.5
    assert out.endswith(f"Auto takes {CARD} for busy.\n")
    # It is known from now on.
    card.does("crash-library")
    assert run("devices", "--model", busy.name) == (0, out, "")
    status, out, err = run("devices", "--model", busy.name, "--format", "json", "--exact")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert list(document) == ["model", "auto", "exact", "clash", "devices", "proposal"]
    assert (document["model"], document["auto"], document["exact"]) == ("busy", CARD, True)
    assert (document["clash"], document["proposal"]) == (None, None)
    cpu, found = document["devices"]
    assert list(cpu) == list(found) == FIELDS
    assert (cpu["device"], cpu["ratio_to_cpu"], cpu["provider"]) == (
        "cpu",
        1,
        "CPUExecutionProvider",
    )
    assert (found["device"], found["name"], found["precision"]) == (CARD, CARD_NAME, "fp32")
    assert found["ratio_to_cpu"] == found["milliseconds"] / cpu["milliseconds"]
    assert (found["largest_difference"], found["same_top1"], found["photos"]) == (0, 12, 12)
    assert found["operators_on_cpu"] == {"Softmax": 1}
    assert found["error"] is None


REFUSALS = {
    "wrong": ("refused", "wrong-result", "computes wrong results: a probability differs by"),
    "crash:1": ("crashed", "device-crashed", "crashed when it was tried (SIGSEGV)"),
    "hang:1": ("timed-out", "device-timed-out", "gave no answer within 3 seconds"),
}


@pytest.mark.parametrize("mode", REFUSALS)
def test_after_probing_a_card_that_misbehaves_is_refused_with_its_reason(
    card: Card, tiny: Model, run: Run, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    expected, kind, reason = REFUSALS[mode]
    card.does(mode)
    monkeypatch.setattr(selection, "measure", impatient_with_the_card(monkeypatch))
    status, out, err = run("devices", "--probe", "--model", tiny.name)
    assert (status, err) == (0, TRYING_CARD)
    assert rows_of(out)[CARD]["status"].startswith(f"{expected}: {CARD_NAME} {reason}")
    assert "Auto takes cpu for tiny." in out
    helps = f"What would help:\n  {CARD}: It is not used. Update its driver, then probe it again.\n"
    assert out.endswith(helps)
    found = entries_of(run("devices", "--model", tiny.name, "--format", "json")[1])[CARD]
    assert (found["status"], found["error"]["kind"]) == (expected, kind)
    assert reason in found["error"]["message"]
    assert f"  {CARD}: {found['error']['remedy']}\n" in helps


def test_exact_chooses_among_fp32_only(
    card: Card, tiny: Model, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, Variant(precision="fp16"))
    selection.survey(tiny)
    rounding = "webgpu:gpu0:fp16"
    for key, milliseconds in {"cpu": 10.0, rounding: 2.0}.items():
        verdict = Verdict(Status.VERIFIED, milliseconds=milliseconds, difference=0.01)
        Ledger().keep_verdict(tiny, key, verdict)
    words = ("devices", "--model", tiny.name)
    assert f"Auto takes {rounding} for tiny." in run(*words)[1]
    assert "Auto takes cpu for tiny." in run(*words, "--exact")[1]
    assert json.loads(run(*words, "--exact", "--format", "json")[1])["auto"] == "cpu"
    assert card


def test_a_variant_for_choice_by_hand_is_listed_but_not_tried(
    card: Card, tiny: Model, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, Variant(), Variant(suffix="slow", by_hand=True))
    status, out, err = run("devices", "--probe", "--model", tiny.name)
    trying = TRYING.format(cpu_device().name, "Imaginary 9000 (WebGPU, fp32)")
    assert (status, err) == (0, trying)
    states = {device: row["status"].split(":")[0] for device, row in rows_of(out).items()}
    assert states == {"cpu": "verified", CARD: "verified", f"{CARD}-slow": "untried"}
    assert NOT_ALL not in out
    assert card


def test_a_faster_variant_of_a_slow_model_is_proposed(
    card: Card, busy: Model, data_dir: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.does("empty")
    monkeypatch.setattr(proposal, "FAST_ENOUGH", 0.0)
    made = {"of": busy.name, "agreement": 98.5, "photos": 200, "source": "me"}
    folder = data_dir / "data" / "models" / "quick"
    tiny_model(folder, title="Quick", precision="int8", quantized=made)
    status, out, err = run("devices", "--probe", "--model", busy.name)
    assert (status, err) == (0, f"vggscope: trying {cpu_device().name} (1 of 1)\n" * 2)
    sentence = (
        r"Quick \(quick\) is \d+\.\d× faster here, with the same answer for 98.5 % of 200 photos\."
    )
    assert re.search(sentence, out)
    assert "WebGPU is installed, but finds no device on this computer." in out


@pytest.mark.parametrize("damage", ["description", "graph"])
def test_a_broken_model(card: Card, tiny: Model, run: Run, damage: str) -> None:
    (tiny.folder / {"description": "model.json", "graph": "graph.onnx"}[damage]).write_bytes(b"{")
    status, out, err = run("devices", "--probe", "--model", tiny.name)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("vggscope: The ")
    assert "“tiny”" in err
    assert "Traceback" not in err
    assert card


def test_an_unknown_model(tiny: Model, run: Run) -> None:
    status, out, err = run("devices", "--model", "vgg99")
    assert (status, out) == (2, "")
    assert err.startswith("vggscope: There is no model called “vgg99”.")
    assert tiny.name in err


def test_two_runtimes_in_one_environment(
    card: Card, tiny: Model, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "onnxruntime_gpu-1.99.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.99.0\n")
    words = ("devices", "--model", tiny.name)
    assert json.loads(run(*words, "--format", "json")[1])["clash"] is None
    monkeypatch.syspath_prepend(tmp_path)
    clash = json.loads(run(*words, "--format", "json")[1])["clash"]
    assert clash["kind"] == "runtime-clash"
    assert "onnxruntime-gpu 1.99.0" in clash["message"]
    sentence = f"{clash['message']} {clash['remedy']}"
    assert run(*words)[1].endswith(f"{sentence}\n")
    status, out, _ = run("doctor", "--format", "json")
    assert status == 1
    assert sentence in json.loads(out)["problems"]
    assert card


# --- this very computer -------------------------------------------------------------------------


def found_here(*words: str) -> dict[str, dict[str, Any]]:
    """What ``vggscope devices`` with ``words`` tells of this computer, as a process of its own."""
    child = subprocess.run(
        command("devices", *words, "--format", "json"),
        env=environment(),
        capture_output=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert child.returncode == 0
    assert [line for line in child.stderr.splitlines() if b": trying " not in line] == []
    return entries_of(child.stdout.decode())


def test_what_this_computer_lacks_is_told_with_its_reason(tiny: Model) -> None:
    found = found_here("--model", tiny.name)
    order = [name for name, _ in itertools.groupby(e["provider"] for e in found.values())]
    assert order == [provider.name for provider in PROVIDERS.values()]
    absent = {name: entry["error"] for name, entry in found.items() if entry["device"] is None}
    assert all(error["message"] and error["remedy"] for error in absent.values())
    foreign = {name for name, error in absent.items() if error["kind"] == "provider-foreign"}
    assert foreign == {
        p.name for p in PROVIDERS.values() if p.systems and sys.platform not in p.systems
    }
    if sys.platform != "win32":
        assert absent["DmlExecutionProvider"]["message"] == "DirectML exists only on Windows."
    if sys.platform != "darwin":
        assert absent["CoreMLExecutionProvider"]["message"] == "Core ML exists only on macOS."
    if sys.platform != "darwin" and find_spec("onnxruntime_ep_nv_tensorrt_rtx") is None:
        error = absent["NvTensorRTRTXExecutionProvider"]
        assert error["message"] == "TensorRT RTX is not installed."
        assert '“pip install "onnxruntime-ep-nv-tensorrt-rtx"”' in error["remedy"]


def test_cuda_that_is_not_built_in(tiny: Model, run: Run) -> None:
    if sys.platform == "darwin":
        pytest.skip("macOS has no CUDA, and says so")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime holds CUDA")
    photo, *_ = samples(1)
    status, out, err = run("classify", photo, "--model", tiny.name, "--device", "cuda")
    assert (status, out) == (2, "")
    assert err.startswith("vggscope: The installed ONNX Runtime (onnxruntime")
    assert "holds no CUDA. It needs an NVIDIA graphics card. Install the package" in err
    assert 'pip install "onnxruntime-gpu[cuda,cudnn]"' in err
    assert err.count("\n") == 1


def test_openvino_is_verified_or_to_be_had(tiny: Model) -> None:
    if sys.platform == "darwin":
        pytest.skip("OpenVINO has no package for macOS")
    installed = find_spec("onnxruntime_ep_openvino") is not None
    found = found_here("--model", tiny.name, *(["--probe"] if installed else []))
    if not installed:
        error = found["OpenVINOExecutionProvider"]["error"]
        assert error["message"] == "OpenVINO is not installed."
        assert '“pip install "vggscope[openvino]"”' in error["remedy"]
        return
    if not any(device.provider == "openvino" for device in selection.devices()):
        # On processors of others there is nothing for it.
        assert "Intel" not in cpu_device().name
        error = found["OpenVINOExecutionProvider"]["error"]
        assert error["message"].startswith("OpenVINO is installed, but finds no device")
        return
    [hardware] = {
        device.hardware for device in selection.devices() if device.key == "openvino:cpu:fp32"
    }
    precisions = {"fp32", "bf16"} if "BF16" in hardware.capabilities else {"fp32"}
    on_cpu = {key: e for key, e in found.items() if key.startswith("openvino:cpu:")}
    assert {entry["precision"] for entry in on_cpu.values()} == precisions
    for key, entry in on_cpu.items():
        assert key == f"openvino:cpu:{entry['precision']}"
        assert entry["status"] == "verified"
        assert entry["milliseconds"] > 0
        assert entry["largest_difference"] < {"fp32": 1e-4, "bf16": 0.02}[entry["precision"]]
        assert entry["same_top1"] == entry["photos"] == 12


# --- classify -----------------------------------------------------------------------------------


def test_an_unknown_device_lists_the_known_ones(card: Card, tiny: Model, run: Run) -> None:
    photo, *_ = samples(1)
    status, out, err = run("classify", photo, "--model", tiny.name, "--device", "gpu")
    assert (status, out) == (2, "")
    assert err == (
        f"vggscope: This computer has no device “gpu”. Choose one of: auto, cpu, {CARD}.\n"
    )
    assert card


def test_the_beginning_of_a_device_is_enough(card: Card, tiny: Model, run: Run) -> None:
    words = ("classify", *samples(1), "--model", tiny.name, "--format", "json", "--device")
    status, out, err = run(*words, "webgpu")
    assert (status, err) == (0, TRYING_CARD)
    assert json.loads(out)[0]["device"] == CARD
    assert json.loads(run(*words, "webgpu:gpu0")[1])[0]["device"] == CARD
    assert card


def test_auto_tries_what_is_untried_and_tells_so_beside_the_results(
    card: Card, busy: Model, run: Run
) -> None:
    words = ("classify", *samples(2), "--model", busy.name, "--format", "json")
    status, out, err = run(*words)
    assert (status, err) == (0, TRYING_CARD)
    assert [entry["device"] for entry in json.loads(out)] == [CARD, CARD]
    status, out, err = run(*words, "--exact")
    assert (status, err) == (0, "")
    assert [entry["device"] for entry in json.loads(out)] == [CARD, CARD]
    assert card


def test_a_card_that_fails_among_many_pictures_costs_none(
    card: Card, busy: Model, run: Run
) -> None:
    selection.probe(busy)
    card.does("fail:3")
    words = ("classify", *samples(5), "--model", busy.name, "--format", "json")
    status, out, err = run(*words)
    assert status == 0
    assert err == (
        f"vggscope: {CARD_NAME} failed and the CPU has taken over: the card fell off the bus. "
        "Nothing was lost. Try the device again later.\n"
    )
    found = json.loads(out)
    assert [entry["device"] for entry in found] == [CARD, CARD, "cpu", "cpu", "cpu"]
    expected = json.loads(run(*words, "--device", "cpu")[1])
    for one, other in zip(found, expected, strict=True):
        assert one["predictions"] == other["predictions"]


def test_exact_allows_fp32_only(
    card: Card, tiny: Model, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, Variant(precision="fp16"))
    words = ("classify", *samples(1), "--model", tiny.name, "--format", "json", "--exact")
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    assert json.loads(out)[0]["device"] == "cpu"
    status, out, err = run(*words, "--device", "webgpu")
    assert (status, out) == (2, "")
    assert err.startswith("vggscope: Imaginary 9000 (WebGPU, fp16) computes in fp16, which exact")
    assert card


# --- stopping -----------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    ("stage", "signals_group"), [("discover", True), ("probe", True), ("probe", False)]
)
def test_interrupted_while_the_card_hangs(
    card: Card, tiny: Model, tmp_path: Path, stage: str, signals_group: bool
) -> None:
    card.does({"discover": "hang-library", "probe": "hang:1"}[stage])
    complaints = tmp_path / "stderr"
    with (
        complaints.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-c", INTERRUPTIBLE, "devices", "--probe", "--model", tiny.name],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        ) as process,
    ):
        child = hanging_child(process.pid, stage, complaints)
        if signals_group:
            # What Ctrl+C in a terminal does.
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out) == (130, b"")
    lines = complaints.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("vggscope: trying ")] == []
    assert psutil.wait_procs([child], timeout=10)[1] == []


def hanging_child(pid: int, stage: str, complaints: Path) -> psutil.Process:
    """The child in which the card hangs."""
    deadline = time.monotonic() + TIMEOUT
    seen: dict[psutil.Process, float] = {}
    while (now := time.monotonic()) < deadline:
        # The trials of others come first, and so does looking for others, which ends at once.
        if stage == "discover" or CARD_NAME in complaints.read_text(encoding="utf-8"):
            for child in psutil.Process(pid).children():
                if now - seen.setdefault(child, now) > 1:
                    return child
        time.sleep(0.05)
    raise AssertionError("the card does not hang")
