"""The devices that a network can run on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vggscope.errors import UnknownDeviceError

AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class Device:
    """One execution provider on one piece of hardware.

    Attributes:
        key: what ``--device`` takes.
        name: for people, e.g. "AMD EPYC (CPU)".
        provider: ONNX Runtime's name of the execution provider.
    """

    key: str
    name: str
    provider: str


def devices() -> list[Device]:
    """All devices of this computer, the one that *Auto* takes first."""
    return [Device("cpu", f"{_cpu_name()} (CPU)", "CPUExecutionProvider")]


def find_device(key: str) -> Device:
    """The device called ``key``, or the best one for "auto".

    Raises:
        UnknownDeviceError: no such device; tells those that there are.
    """
    known = devices()
    if key == AUTO:
        return known[0]
    for device in known:
        if device.key == key:
            return device
    raise UnknownDeviceError(device=key, known=", ".join([AUTO, *(d.key for d in known)]))


def _cpu_name() -> str:
    """The processor's brand, which Python's ``platform`` does not tell everywhere."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return _without_trademarks(value)
    name = os.environ.get("PROCESSOR_IDENTIFIER") or platform.processor() or platform.machine()
    return _without_trademarks(name or "CPU")


def _without_trademarks(name: str) -> str:
    for noise in ("(R)", "(TM)", "(r)", "(tm)", " CPU", " Processor"):
        name = name.replace(noise, "")
    return " ".join(name.split("@")[0].split())
