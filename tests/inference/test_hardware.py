"""What hardware is found, behind drivers of which the tests play the part."""

from __future__ import annotations

import ctypes
import getpass
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from support import environment
from vggscope.errors import NoHardwareError, ProviderBrokenError
from vggscope.inference import discovery, runtime
from vggscope.inference.hardware import (
    Hardware,
    cpu_name,
    find_apple_chip,
    find_cpu,
    find_cuda_cards,
    find_display_adapters,
    find_ep_devices,
    machine_facts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = "OpenVINOExecutionProvider"
DIRECTML = "DmlExecutionProvider"
NOISE = re.compile(r"\((R|TM|r|tm)\)|®|™|@|  ")


def ep_device(
    provider: str = OURS,
    kind: str = "GPU",
    *,
    told: dict[str, str] | None = None,
    description: str = "",
    number: str | None = None,
    vendor: str = "Imaginary",
) -> SimpleNamespace:
    """An ``OrtEpDevice`` as ONNX Runtime lists it."""
    metadata = {"Description": description} if description else {}
    if number is not None:
        metadata["DxgiAdapterNumber"] = number
    device = SimpleNamespace(
        type=SimpleNamespace(name=kind), vendor=vendor, device_id=0x1A, metadata=metadata
    )
    return SimpleNamespace(ep_name=provider, device=device, ep_metadata=told or {})


def lists(monkeypatch: pytest.MonkeyPatch, *devices: SimpleNamespace) -> None:
    monkeypatch.setattr(runtime.ort, "get_ep_devices", lambda: list(devices))


# --- what plugin providers find -----------------------------------------------------------------


def test_a_plugin_finds_its_devices_in_its_own_order(monkeypatch: pytest.MonkeyPatch) -> None:
    lists(
        monkeypatch,
        ep_device("CPUExecutionProvider", "CPU"),
        ep_device(
            kind="CPU",
            told={
                "FULL_DEVICE_NAME": "Intel(R) Xeon(R) Gold 6430 CPU @ 2.10GHz",
                "OPTIMIZATION_CAPABILITIES": "FP32 INT8 BIN BF16",
            },
        ),
        ep_device("WebGpuExecutionProvider", description="another provider's"),
        ep_device(told={"FULL_DEVICE_NAME": "Intel(R) Arc(TM) A770 Graphics (dGPU)"}),
        ep_device(kind="NPU", description="Intel(R) AI Boost"),
    )
    assert find_ep_devices(OURS) == [
        Hardware("Intel Xeon Gold 6430", "cpu", 0, ("FP32", "INT8", "BIN", "BF16")),
        Hardware("Intel Arc A770 Graphics", "gpu", 1),
        Hardware("Intel AI Boost", "npu", 2),
    ]
    assert find_ep_devices("NobodysExecutionProvider") == []


def test_a_device_without_a_name_is_called_by_its_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    lists(monkeypatch, ep_device(), ep_device(vendor="", kind="NPU"), ep_device(told={"A": "b"}))
    names = [part.name for part in find_ep_devices(OURS)]
    assert names == ["Imaginary GPU 001a", "Unknown NPU 001a", "Imaginary GPU 001a"]


def test_what_the_provider_calls_it_comes_before_what_the_system_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lists(monkeypatch, ep_device(told={"FULL_DEVICE_NAME": "one"}, description="other"))
    assert find_ep_devices(OURS) == [Hardware("one", "gpu", 0)]


# --- DirectML's adapters ------------------------------------------------------------------------


def test_adapters_are_known_by_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    lists(
        monkeypatch,
        ep_device(DIRECTML, number="2", description="NVIDIA GeForce RTX 4090"),
        ep_device(DIRECTML, number="0", description="Intel(R) UHD Graphics 770"),
        # DirectML would silently use number 0 for these.
        ep_device(DIRECTML, description="without a number"),
        ep_device(DIRECTML, number="", description="with an empty one"),
        ep_device(DIRECTML, number="-1", description="with a negative one"),
        ep_device(DIRECTML, kind="NPU", number="1", description="no adapter"),
        ep_device(number="3", description="another provider's"),
    )
    assert find_display_adapters(DIRECTML) == [
        Hardware("Intel UHD Graphics 770", "gpu", 0),
        Hardware("NVIDIA GeForce RTX 4090", "gpu", 2),
    ]


def test_an_adapter_that_is_listed_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lists(monkeypatch, *[ep_device(DIRECTML, number="0", description="a card")] * 2)
    assert find_display_adapters(DIRECTML) == [Hardware("a card", "gpu", 0)]


# --- NVIDIA's cards -----------------------------------------------------------------------------


class Driver:
    """NVIDIA's driver library with some cards; ``statuses`` are those of functions that fail."""

    def __init__(self, names: Sequence[bytes], **statuses: int) -> None:
        self._names, self._statuses = names, statuses

    def __getattr__(self, function: str) -> Any:
        if not function.startswith("cu"):
            raise AttributeError(function)

        def call(*arguments: Any) -> int:
            if status := self._statuses.get(function, 0):
                return status
            if function == "cuDeviceGetCount":
                arguments[0]._obj.value = len(self._names)
            elif function == "cuDeviceGet":
                # A handle need not be the number.
                arguments[0]._obj.value = 100 + arguments[1]
            elif function == "cuDeviceGetName":
                arguments[0].value = self._names[arguments[2].value - 100]
            return 0

        return call


def drive(monkeypatch: pytest.MonkeyPatch, driver: Driver | None) -> list[str]:
    """Let ``driver`` be this computer's; the libraries that are asked for."""
    asked: list[str] = []

    def load(name: str) -> Driver:
        asked.append(name)
        if driver is None:
            raise OSError(f"{name}: cannot open shared object file: No such file or directory")
        return driver

    monkeypatch.setattr(ctypes, "CDLL", load)
    return asked


def found_by_cuda() -> list[Hardware]:
    """What the child that looks for CUDA's hardware answers."""
    return discovery.work(msgspec.json.encode("cuda"))


def test_cards_in_cudas_order(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = drive(monkeypatch, Driver([b"NVIDIA H100 80GB HBM3", b"Tesla\xff T4"]))
    assert (
        found_by_cuda()
        == find_cuda_cards("")
        == [
            Hardware("NVIDIA H100 80GB HBM3", "gpu", 0),
            Hardware("Tesla\N{REPLACEMENT CHARACTER} T4", "gpu", 1),
        ]
    )
    assert set(asked) == {"nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"}


@pytest.mark.parametrize(
    "driver", [None, Driver([], cuInit=100), Driver([])], ids=["no driver", "no device", "none"]
)
def test_without_a_card_there_is_no_hardware(
    monkeypatch: pytest.MonkeyPatch, driver: Driver | None
) -> None:
    drive(monkeypatch, driver)
    assert found_by_cuda() == []
    # Which the user is told so:
    error = NoHardwareError(provider="CUDA", needs="an NVIDIA graphics card")
    assert error.message == "CUDA is installed, but finds no device on this computer."
    assert error.remedy == "It needs an NVIDIA graphics card; check that its driver is installed."


@pytest.mark.parametrize(
    ("function", "status"), [("cuInit", 3), ("cuDeviceGetCount", 999), ("cuDeviceGetName", 1)]
)
def test_a_driver_that_does_not_work_is_told(
    monkeypatch: pytest.MonkeyPatch, function: str, status: int
) -> None:
    drive(monkeypatch, Driver([b"a card"], **{function: status}))
    with pytest.raises(ProviderBrokenError) as caught:
        found_by_cuda()
    assert caught.value.message == (
        f"CUDA could not be loaded: {function} of the NVIDIA driver failed with status {status}."
    )


# --- this computer ------------------------------------------------------------------------------


def test_the_processor_has_a_name_without_trademarks() -> None:
    assert cpu_name()
    assert not NOISE.search(cpu_name())
    assert cpu_name() == cpu_name().strip()
    assert find_cpu("") == [Hardware(cpu_name(), "cpu")]
    assert find_apple_chip("") == [Hardware(cpu_name(), "gpu")]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("Intel(R) Core(TM) i7-12700H CPU @ 2.30GHz", "Intel Core i7-12700H"),
        ("AMD Ryzen 9 7950X 16-Core Processor            ", "AMD Ryzen 9 7950X 16-Core"),
        ("Intel(r) UHD Graphics(tm) (iGPU)", "Intel UHD Graphics"),
        ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090"),
        ("Imaginary\t9000", "Imaginary 9000"),
    ],
)
def test_names_are_without_trademarks(
    monkeypatch: pytest.MonkeyPatch, told: str, name: str
) -> None:
    lists(monkeypatch, ep_device(description=told))
    assert find_ep_devices(OURS) == [Hardware(name, "gpu", 0)]


def test_the_facts_of_the_machine_cost_milliseconds() -> None:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        machine_facts()
        times.append(time.perf_counter() - started)
    assert min(times) < 0.05


def test_the_facts_of_the_machine_are_the_same_for_all_processes_and_users() -> None:
    code = (
        "from vggscope.inference.discovery import fingerprint;"
        "from vggscope.inference.hardware import machine_facts;"
        "print([machine_facts(), fingerprint()])"
    )
    somebody = dict.fromkeys(("HOME", "USER", "LOGNAME", "USERNAME"), "somebody")
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=environment(**changes),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
            timeout=120,
        ).stdout
        for changes in ({}, somebody)
    ]
    assert told[0] == told[1]
    assert told[0].startswith(f"[{machine_facts()}, ")


def test_the_facts_of_the_machine_tell_nothing_of_its_user() -> None:
    words = set(re.split(r"[\s/\\,;]+", "\n".join(machine_facts())))
    assert words.isdisjoint({getpass.getuser(), platform.node(), Path.home().name} - {"", "root"})
    assert cpu_name() in machine_facts()
