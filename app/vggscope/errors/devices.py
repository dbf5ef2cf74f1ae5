"""Devices, execution providers and ONNX Runtime itself: what cannot compute, and why."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError


class DeviceError(VggscopeError):
    """A device that cannot do what was asked."""


class UnknownDeviceError(DeviceError):
    """``--device`` names nothing that this computer offers."""

    kind = "unknown-device"
    message_template = QT_TRANSLATE_NOOP("errors", "This computer has no device “{device}”.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose one of: {known}.")


class InexactDeviceError(DeviceError):
    """Exact mode was asked for, and a device that computes in less than fp32."""

    kind = "inexact-device"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{device} computes in {precision}, which exact mode does not allow."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose a device of precision fp32, or switch exact mode off."
    )


class ProviderForeignError(DeviceError):
    """An execution provider of other operating systems."""

    kind = "provider-foreign"
    message_template = QT_TRANSLATE_NOOP("errors", "{provider} exists only on {systems}.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Use one of the other devices.")


class ProviderNotInstalledError(DeviceError):
    """A plugin provider whose package is not there."""

    kind = "provider-not-installed"
    message_template = QT_TRANSLATE_NOOP("errors", "{provider} is not installed.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "It needs {needs}. Install the package {package}: “{command}”."
    )


class ProviderNotBuiltInError(DeviceError):
    """The installed ONNX Runtime was built without this provider."""

    kind = "provider-not-built-in"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The installed ONNX Runtime ({wheel}) holds no {provider}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "It needs {needs}. Install the package {package} in place of that one: “{command}”.",
    )


class ProviderNotInFlavourError(DeviceError):
    """A provider that is in another flavour of the application without a Python of its own."""

    kind = "provider-not-in-flavour"
    message_template = QT_TRANSLATE_NOOP("errors", "This VGGscope comes without {provider}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "It needs {needs}. Download VGGscope’s flavour “{flavour}” in place of this one."
    )


class ProviderNotInDownloadError(DeviceError):
    """A provider that no flavour of the application without a Python of its own brings."""

    kind = "provider-not-in-download"
    message_template = QT_TRANSLATE_NOOP("errors", "This VGGscope comes without {provider}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "It needs {needs}, and VGGscope as a Python package: no download brings it."
    )


class ProviderOutdatedError(DeviceError):
    """A plugin provider and ONNX Runtime that were packed together and do not fit together."""

    kind = "provider-outdated"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{provider} cannot be used: {package} {version} is in it, {needed} is needed."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Download the newest VGGscope in place of this one."
    )


class ProviderVersionError(DeviceError):
    """A plugin provider and ONNX Runtime that do not fit together."""

    kind = "provider-version"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{provider} cannot be used: {package} {version} is installed, {needed} is needed."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Bring it up to date: “{command}”.")


class ProviderBrokenError(DeviceError):
    """A provider that is installed, but cannot be loaded or looked at."""

    kind = "provider-broken"
    message_template = QT_TRANSLATE_NOOP("errors", "{provider} could not be loaded: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Install its package and its driver again; the log file has the details."
    )


class NoHardwareError(DeviceError):
    """A provider that is installed, but has nothing here to run on."""

    kind = "no-hardware"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{provider} is installed, but finds no device on this computer."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "It needs {needs}; check that its driver is installed."
    )


class DeviceUnsupportedError(DeviceError):
    """A device on which a model cannot be opened or run; ``reason`` names operator or type."""

    kind = "device-unsupported"
    message_template = QT_TRANSLATE_NOOP("errors", "{device} cannot run “{model}”: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Use another device for this model.")


class WrongResultError(DeviceError):
    """A device whose answers are not those of the CPU."""

    kind = "wrong-result"
    message_template = QT_TRANSLATE_NOOP("errors", "{device} computes wrong results: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "It is not used. Update its driver, then probe it again."
    )


class DeviceCrashedError(DeviceError):
    """A device that ended the process in which it was tried."""

    kind = "device-crashed"
    message_template = QT_TRANSLATE_NOOP("errors", "{device} crashed when it was tried ({reason}).")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "It is not used. Update its driver, then probe it again."
    )


class DeviceTimedOutError(DeviceError):
    """A device that did not answer in time when it was tried."""

    kind = "device-timed-out"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{device} gave no answer within {seconds} seconds."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "It is not used. Update its driver, then probe it again."
    )


class DeviceHangsError(DeviceError):
    """A device that does not come back from a run, which nothing can end from within."""

    kind = "device-hangs"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{device} has not answered for {seconds} seconds."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "If it stays so, close VGGscope and start it again: the device will not be used until you "
        "probe it.",
    )


class CrashedInUseError(DeviceError):
    """A device that was in use when VGGscope itself crashed."""

    kind = "crashed-in-use"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "VGGscope stopped unexpectedly while it used {device}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Another device is used instead. Update its driver, then probe it again."
    )


class DeviceLostError(DeviceError):
    """A device that failed in use; the CPU has answered in its place."""

    kind = "device-lost"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "{device} failed and the CPU has taken over: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Nothing was lost. Try the device again later.")


class RuntimeClashError(DeviceError):
    """Several ONNX Runtime wheels in one environment: the last one installed wins silently."""

    kind = "runtime-clash"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "Several ONNX Runtime packages overwrite each other: {packages}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Uninstall all of them, then install the one you want."
    )


class InferenceError(DeviceError):
    """The network did not run to its end, or answered with something that is no probability."""

    kind = "inference-failed"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” failed on {device}: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Try another device or model; the log file has the details."
    )


class NoProbabilitiesError(InferenceError):
    """The network ran, and its answer is nothing that probabilities can be."""

    kind = "no-probabilities"


class EngineMissingError(DeviceError):
    """ONNX Runtime cannot be imported."""

    kind = "engine-missing"
    message_template = QT_TRANSLATE_NOOP("errors", "ONNX Runtime could not be loaded: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Install VGGscope again; “vggscope doctor” tells which parts are present."
    )
