"""A device: one execution provider on one piece of hardware, computing in one precision."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from vggscope.inference.hardware import Hardware, cpu_name
from vggscope.inference.providers import PROVIDERS, Precision, Provider, Variant

if TYPE_CHECKING:
    from collections.abc import Iterable

AUTO: Final = "auto"
DEVICE_VARIABLE: Final = "VGGSCOPE_DEVICE"
"""Environment variable that names the device for whoever asks for *Auto*."""
EXACT: Final = "fp32"
"""The one precision that exact mode allows."""


class Device(msgspec.Struct, frozen=True):
    """One execution provider on one piece of hardware, computing in one precision.

    Attributes:
        key: what ``--device`` takes: ``cpu``, or provider, hardware and variant, such as
            ``openvino:cpu:bf16`` and ``cuda:gpu0:tf32``.
        name: for people, e.g. "Intel Xeon (OpenVINO, bf16)".
        provider: key of its entry in ``PROVIDERS``.
        variant: key of its entry in the provider's variants.
        hardware: what it runs on.
    """

    key: str
    name: str
    provider: str
    variant: str
    hardware: Hardware

    @property
    def precision(self) -> Precision:
        """What floating-point layers are computed in."""
        return self.made_by.variant(self.variant).precision

    @property
    def is_by_hand(self) -> bool:
        """Whether *Auto* leaves it alone: it is tried and used only when it is named."""
        return self.made_by.variant(self.variant).by_hand

    @property
    def made_by(self) -> Provider:
        """Its entry in ``PROVIDERS``."""
        return PROVIDERS[self.provider]

    def is_called(self, key: str) -> bool:
        """Whether ``key`` is its key, or the beginning of it: "cuda", "openvino:gpu"."""
        return re.match(rf"{re.escape(key)}(\d*:|\d*\Z)", self.key) is not None and bool(key)

    @property
    def is_cpu(self) -> bool:
        """Whether it is the reference that all others are compared with, and can fall back to."""
        return self.key == "cpu"


def cpu_device() -> Device:
    """ONNX Runtime's own CPU provider: there is always one."""
    [device] = devices_of(PROVIDERS["cpu"], [Hardware(cpu_name(), "cpu")])
    return device


def devices_of(provider: Provider, hardware: Iterable[Hardware]) -> list[Device]:
    """The devices that ``provider`` makes of ``hardware``: one for each variant that it allows."""
    hardware = list(hardware)
    names = Counter(part.name for part in hardware)
    return [
        Device(
            key=_key(provider, part, variant),
            # Two cards of the same name are told apart by their numbers.
            name=f"{part.name}{f' #{part.index}' if names[part.name] > 1 else ''} "
            f"({_description(provider, variant)})",
            provider=provider.key,
            variant=variant.key,
            hardware=part,
        )
        for part in hardware
        for variant in provider.variants
        if variant.exists_on(part)
    ]


def _key(provider: Provider, hardware: Hardware, variant: Variant) -> str:
    if provider.key == "cpu":
        return "cpu"
    place = "cpu" if hardware.kind == "cpu" else f"{hardware.kind}{hardware.index}"
    return ":".join((provider.key, place, variant.key))


def _description(provider: Provider, variant: Variant) -> str:
    """Provider and precision, where there is a choice or it is not the usual one."""
    shows_precision = len(provider.variants) > 1 or variant.precision != EXACT
    return ", ".join(
        filter(None, (provider.title, variant.precision if shows_precision else "", variant.suffix))
    )
