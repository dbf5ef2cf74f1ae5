"""Which devices this computer offers, and why it does not offer the others.

What is installed is seen by package metadata. What hardware an installed provider finds is asked
in a child process of its own, because that loads drivers: one that crashes or hangs costs its own
row in the table, and nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from vggscope import __version__, paths
from vggscope.errors import (
    DeviceError,
    NoHardwareError,
    ProviderBrokenError,
    ProviderForeignError,
    ProviderNotBuiltInError,
    ProviderNotInDownloadError,
    ProviderNotInFlavourError,
    ProviderNotInstalledError,
    ProviderOutdatedError,
    ProviderVersionError,
    from_record,
)
from vggscope.inference import packages
from vggscope.inference.children import ChildCrashedError, ChildTimedOutError, ask_child
from vggscope.inference.devices import Device, cpu_device, devices_of
from vggscope.inference.hardware import Hardware, machine_facts
from vggscope.inference.providers import PROVIDERS, SYSTEM_NAMES, Provider

if TYPE_CHECKING:
    from vggscope.inference.runtime import Cancellation

_TIMEOUT: Final = 60.0
_DISTRIBUTIONS: Final = tuple(
    sorted({p.package for p in PROVIDERS.values()} | {"onnxruntime-windowsml", "openvino"})
)
_OLD_RUNTIME: Final = re.compile(
    r'version "([^"]+)" is below the minimum required version "([^"]+)"'
)
_log = logging.getLogger(__name__)


class Inventory(msgspec.Struct, frozen=True):
    """What there is on this computer, and what is not.

    Attributes:
        devices: the CPU first, then in the order of ``PROVIDERS``.
        absences: key of a provider without devices -> record of the error that tells why.
    """

    devices: tuple[Device, ...]
    absences: dict[str, dict[str, str]]

    def why_not(self, provider: str) -> DeviceError:
        """Why the provider of this key has no devices."""
        return from_record(self.absences[provider], DeviceError)


def discover(cancellation: Cancellation | None = None) -> Inventory:
    """Look for devices: seconds, where providers are installed beside the CPU's.

    Raises:
        EngineMissingError: ONNX Runtime cannot be loaded at all.
        Cancelled: ``cancellation`` was asked for.
    """
    devices, absences = [cpu_device()], {}
    for provider in PROVIDERS.values():
        if provider.key == "cpu":
            continue
        try:
            _check_installed(provider)
            devices += devices_of(provider, _hardware_of(provider, cancellation))
        except DeviceError as error:
            _log.info("%s", error)
            absences[provider.key] = error.as_record()
    return Inventory(tuple(devices), absences)


def fingerprint() -> str:
    """Changes with everything that could change an ``Inventory`` or how its devices compute."""
    versions = [f"{name} {packages.version(name)}" for name in _DISTRIBUTIONS]
    # A frozen program beside an installed one gives other advice.
    kind = paths.build_facts().get("flavour", "package")
    facts = [__version__, kind, sys.version, *versions, *machine_facts()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def _check_installed(provider: Provider) -> None:
    """Raise the ``DeviceError`` that tells why ``provider`` cannot be there."""
    if provider.systems and sys.platform not in provider.systems:
        systems = " and ".join(SYSTEM_NAMES[system] for system in provider.systems)
        raise ProviderForeignError(provider=provider.title, systems=systems)
    wants = {"needs": provider.needs, "package": provider.package}
    if provider.module:
        if not packages.is_importable(provider.module):
            _check_download(provider)
            raise ProviderNotInstalledError(
                provider=provider.title, command=_command(provider), **wants
            )
        installed = packages.version(provider.package)
        if installed is not None and packages.is_older(installed, provider.minimum):
            raise _misfit(provider, provider.package, installed, provider.minimum)
        return
    from vggscope.inference.runtime import available_providers  # noqa: PLC0415 (140 ms)

    if provider.name not in available_providers():
        _check_download(provider)
        wheel = ", ".join(packages.runtime_packages()) or "onnxruntime"
        raise ProviderNotBuiltInError(
            provider=provider.title, wheel=wheel, command=_command(provider), **wants
        )


def _check_download(provider: Provider) -> None:
    """Where nobody can install packages, raise the error that tells what else to do."""
    if not paths.is_frozen():
        return
    wants = {"provider": provider.title, "needs": provider.needs}
    if provider.flavour:
        raise ProviderNotInFlavourError(flavour=provider.flavour, **wants)
    raise ProviderNotInDownloadError(**wants)


def _command(provider: Provider) -> str:
    """What to type in order to install it."""
    install = f'pip install "{provider.requirement or provider.package}"'
    if provider.module:
        return install
    # All runtimes install the same folder: those that are there have to go first.
    there = " ".join(package.split()[0] for package in packages.runtime_packages())
    return f"pip uninstall -y {there or 'onnxruntime'}”, then “{install}"


def _misfit(provider: Provider, package: str, version: str, needed: str) -> DeviceError:
    facts = {
        "provider": provider.title,
        "package": package,
        "version": version,
        "needed": f"{needed} or newer",
    }
    if paths.is_frozen():
        return ProviderOutdatedError(**facts)
    return ProviderVersionError(command=f"pip install --upgrade {package}", **facts)


def _hardware_of(provider: Provider, cancellation: Cancellation | None) -> list[Hardware]:
    """Ask a child process; raises the ``DeviceError`` that tells why there is none."""
    reason = ""
    try:
        found = ask_child(
            "discover",
            provider.key,
            list[Hardware],
            timeout=_TIMEOUT,
            cancellation=cancellation,
        )
    except ChildCrashedError as error:
        reason = f"it crashed while it was looked at ({error})"
    except ChildTimedOutError:
        reason = f"it did not answer within {_TIMEOUT:.0f} seconds"
    if reason:
        raise ProviderBrokenError(provider=provider.title, reason=reason)
    if not found:
        raise NoHardwareError(provider=provider.title, needs=provider.needs)
    return found


def work(request: bytes) -> list[Hardware]:
    """The job of the child: the hardware of a provider, whose key the request is.

    Raises:
        DeviceError: it cannot be loaded, or not with this ONNX Runtime.
    """
    from vggscope.inference import runtime  # noqa: PLC0415 (140 ms)

    provider = PROVIDERS[msgspec.json.decode(request, type=str)]
    try:
        if provider.module:
            runtime.load_plugin(provider)
        return provider.find(provider.name)
    except Exception as error:
        _log.exception("%s", provider.title)
        if versions := _OLD_RUNTIME.search(str(error)):
            raise _misfit(provider, "onnxruntime", *versions.groups()) from error
        raise ProviderBrokenError(
            provider=provider.title, reason=runtime.reason_of(error)
        ) from error
