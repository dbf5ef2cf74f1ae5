"""What this computer computes with: processors and cards, their names, their drivers.

The finders below look at hardware through other people's drivers, any of which may crash: they
are called in child processes (see ``discovery``). ``machine_facts`` only reads files.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

# https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html
_CUDA_SUCCESS: Final = 0
_CUDA_NO_DEVICE: Final = 100
_NAME_BYTES: Final = 256
_DRIVERS: Final = (
    "usr/share/vulkan/icd.d/*.json",
    "etc/vulkan/icd.d/*.json",
    "etc/OpenCL/vendors/*.icd",
    "usr/lib/*/libze_*.so*",
    "usr/lib64/libze_*.so*",
)


class Hardware(msgspec.Struct, frozen=True):
    """One piece of hardware as an execution provider sees it.

    Attributes:
        name: for people, e.g. "NVIDIA H100".
        kind: "cpu", "gpu" or "npu".
        index: by which the provider knows it (DirectML's adapter, CUDA's device, the place in a
            plugin's list).
        capabilities: what the provider says it can do, e.g. "BF16".
    """

    name: str
    kind: str
    index: int = 0
    capabilities: tuple[str, ...] = ()


def find_cpu(_provider: str) -> list[Hardware]:
    """The processor."""
    return [Hardware(cpu_name(), "cpu")]


def find_apple_chip(_provider: str) -> list[Hardware]:
    """The chip of a Mac, whose cores, GPU and neural engine Core ML uses together."""
    return [Hardware(cpu_name(), "gpu")]


def find_cuda_cards(_provider: str) -> list[Hardware]:
    """The NVIDIA cards in CUDA's own order, by its driver library; none without a driver.

    Raises:
        OSError: there is a driver, but it does not work.
    """
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return []

    def call(function: str, *arguments: object) -> None:
        if (status := getattr(cuda, function)(*arguments)) != _CUDA_SUCCESS:
            raise OSError(f"{function} of the NVIDIA driver failed with status {status}")

    count, device = ctypes.c_int(), ctypes.c_int()
    if cuda.cuInit(0) == _CUDA_NO_DEVICE:
        return []
    call("cuInit", 0)
    call("cuDeviceGetCount", ctypes.byref(count))
    cards = []
    for index in range(count.value):
        name = ctypes.create_string_buffer(_NAME_BYTES)
        call("cuDeviceGet", ctypes.byref(device), index)
        call("cuDeviceGetName", name, _NAME_BYTES, device)
        cards.append(Hardware(_without_noise(name.value.decode(errors="replace")), "gpu", index))
    return cards


def find_ep_devices(provider: str) -> list[Hardware]:
    """What the plugin provider of this name finds, in its own order.

    ONNX Runtime must have loaded the plugin's library before.
    """
    from vggscope.inference.runtime import ep_devices  # noqa: PLC0415 (it imports this module)

    return [
        Hardware(
            name=_name_of(ep.device, ep.ep_metadata),
            kind=ep.device.type.name.lower(),
            index=index,
            capabilities=tuple(ep.ep_metadata.get("OPTIMIZATION_CAPABILITIES", "").split()),
        )
        for index, ep in enumerate(ep_devices(provider))
    ]


def find_display_adapters(provider: str) -> list[Hardware]:
    """The display adapters of Windows, by the number under which DirectML knows them.

    Number 0 belongs to the primary display and is often not the fastest. An adapter without a
    number is left out: DirectML would silently use number 0 for it.
    """
    from vggscope.inference.runtime import ep_devices  # noqa: PLC0415 (it imports this module)

    found = {}
    for ep in ep_devices(provider):
        number = ep.device.metadata.get("DxgiAdapterNumber", "")
        if ep.device.type.name == "GPU" and number.isdecimal():
            name = _name_of(ep.device, ep.ep_metadata)
            found[int(number)] = Hardware(name, "gpu", int(number))
    return [found[number] for number in sorted(found)]


def _name_of(device: object, metadata: object) -> str:
    """The name of an ``OrtHardwareDevice``: what its provider or the system calls it."""
    facts = {**dict(getattr(device, "metadata", {})), **dict(metadata)}  # type: ignore[call-overload]
    name = facts.get("FULL_DEVICE_NAME") or facts.get("Description") or ""
    if name:
        return _without_noise(name)
    kind = getattr(device, "type", None)
    vendor, number = getattr(device, "vendor", ""), getattr(device, "device_id", 0)
    return f"{vendor or 'Unknown'} {getattr(kind, 'name', 'device')} {number:04x}"


@cache
def cpu_name() -> str:
    """The processor's brand, which Python's ``platform`` does not tell everywhere."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return _without_noise(value)
    name = _registered_cpu() or platform.processor() or platform.machine()
    return _without_noise(name or "CPU")


def _registered_cpu() -> str:
    """The processor's brand as Windows or macOS have it; "" elsewhere."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415 (Windows has it)

        place = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    if sys.platform == "darwin":
        words = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        with contextlib.suppress(OSError):
            return subprocess.run(  # noqa: S603 (the system's own program)
                words, capture_output=True, text=True, check=False, timeout=5
            ).stdout
    return ""


def _without_noise(name: str) -> str:
    for noise in ("(R)", "(TM)", "(r)", "(tm)", " CPU", " Processor", " (iGPU)", " (dGPU)"):
        name = name.replace(noise, "")
    return " ".join(name.split("@")[0].split())


def machine_facts() -> list[str]:
    """All that changes what devices there are or how fast they are, except our own packages.

    Only files and the registry are read, so that the question costs milliseconds.
    """
    facts = [platform.platform(), cpu_name(), str(os.cpu_count())]
    facts.append(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    if sys.platform == "win32":
        facts += _windows_display_drivers()
    nvidia = Path("/proc/driver/nvidia/version")
    if nvidia.is_file():
        facts.append(nvidia.read_text(encoding="utf-8", errors="replace"))
    # Where drivers for Vulkan, OpenCL and Level Zero make themselves known.
    for pattern in _DRIVERS:
        facts += [
            f"{path} {path.stat().st_mtime_ns}"
            for path in sorted(Path("/").glob(pattern))
            if path.exists()
        ]
    for card in sorted(Path("/sys/class/drm").glob("card*[0-9]")):
        for part in ("vendor", "device"):
            file = card / "device" / part
            # Connectors (card0-HDMI-A-1) have no such files.
            if file.is_file():
                facts.append(f"{card.name} {file.read_text(encoding='ascii').strip()}")
    return facts


def _windows_display_drivers() -> list[str]:
    """Names and driver versions of the display adapters, as the registry has them."""
    import winreg  # noqa: PLC0415 (Windows has it)

    # The class of display adapters: https://learn.microsoft.com/windows-hardware/drivers/install/
    # system-defined-device-setup-classes-available-to-vendors
    display = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
    facts = []
    for number in range(64):
        try:
            with winreg.OpenKey(  # type: ignore[attr-defined,unused-ignore]
                winreg.HKEY_LOCAL_MACHINE,  # type: ignore[attr-defined,unused-ignore]
                rf"{display}\{number:04}",
            ) as key:
                facts += [
                    str(winreg.QueryValueEx(key, name)[0])  # type: ignore[attr-defined,unused-ignore]
                    for name in ("DriverDesc", "DriverVersion")
                ]
        except OSError:
            continue
    return facts
