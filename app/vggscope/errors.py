"""Everything that can go wrong in front of a user, as one tree of exceptions.

Each class is one situation: a stable ``kind`` for machines (the ``error.kind`` of the JSON
contract), a sentence that names the thing and the reason, and a remedy. The sentences are
templates, so that the window can translate them without the engine knowing Qt.
"""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

Error = TypeVar("Error", bound="VggscopeError")


def QT_TRANSLATE_NOOP(context: str, text: str) -> str:  # noqa: N802, ARG001 (lupdate knows this name)
    """Mark ``text`` for translation where Qt must not be imported."""
    return text


class VggscopeError(Exception):
    """Base of all errors that a user can meet.

    Attributes:
        kind: stable identifier, words joined by hyphens.
        message_template: the sentence, with ``{fields}`` filled from ``details``.
        remedy_template: what to do about it, likewise.
        details: values of the fields of both templates.
    """

    kind: ClassVar[str]
    message_template: ClassVar[str]
    remedy_template: ClassVar[str]

    def __init__(self, **details: object) -> None:
        expected = {
            field
            for template in (self.message_template, self.remedy_template)
            for _, field, _, _ in Formatter().parse(template)
            if field
        }
        if missing := expected - details.keys():
            raise TypeError(f"{type(self).__name__} lacks {sorted(missing)}")
        self.details = details
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The English sentence."""
        return self.message_template.format(**self.details)

    @property
    def remedy(self) -> str:
        """What the user can do, in English."""
        return self.remedy_template.format(**self.details)

    def as_json(self) -> dict[str, str]:
        """The ``error`` object of the command line's JSON contract."""
        return {"kind": self.kind, "message": self.message, "remedy": self.remedy}

    def as_record(self) -> dict[str, str]:
        """What ``from_record`` makes the error of again: for files, and for other processes."""
        return {"kind": self.kind} | {name: str(value) for name, value in self.details.items()}

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.details))


def _rebuild(error_type: type[VggscopeError], details: dict[str, object]) -> VggscopeError:
    return error_type(**details)


def from_record(record: Mapping[str, str], base: type[Error]) -> Error:
    """The error, ``base`` or one of its subclasses, of which ``record`` was made.

    Raises:
        KeyError: no error of that kind.
        TypeError: details are missing.
    """
    details = dict(record)
    kind = details.pop("kind")
    waiting = [base]
    while waiting:
        error_type = waiting.pop()
        if getattr(error_type, "kind", None) == kind:
            return error_type(**details)
        waiting += error_type.__subclasses__()
    raise KeyError(kind)


class Cancelled(VggscopeError):  # noqa: N818 (an answer to a request, not a fault)
    """The user stopped the work."""

    kind = "cancelled"
    message_template = QT_TRANSLATE_NOOP("errors", "Stopped before it was done.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Start it again whenever you like.")


# --- pictures ---------------------------------------------------------------------------------


class ImageError(VggscopeError):
    """A picture that cannot be used; the other pictures of a batch can."""


class ImageNotFoundError(ImageError):
    """No file under this name."""

    kind = "not-found"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” does not exist.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Check the spelling, or whether the file was moved or its drive unplugged."
    )


class DanglingLinkError(ImageError):
    """A symbolic link whose target is gone."""

    kind = "dangling-link"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” is a link to “{target}”, which does not exist."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Restore the target or choose the file itself.")


class ImagePermissionError(ImageError):
    """The operating system refuses to let us read the file or folder."""

    kind = "permission-denied"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” may not be read by this user.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Change the file's permissions, or copy it to a folder of yours."
    )


class ImageReadError(ImageError):
    """Reading failed below us: a broken disk, a vanished network drive."""

    kind = "read-failed"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” could not be read: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Check the drive that it is on, then try again.")


class NotAFileError(ImageError):
    """A device, a socket or a pipe."""

    kind = "not-a-file"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” is not an ordinary file.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose a picture file or a folder of pictures.")


class WebAddressError(ImageError):
    """An address of the web: VGGscope never opens the network for a picture."""

    kind = "web-address"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” is a web address; VGGscope only reads files of this computer."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Save the picture first, or copy the picture itself and paste it."
    )


class EmptyFolderError(ImageError):
    """A folder in which no picture was found."""

    kind = "no-images-in-folder"
    message_template = QT_TRANSLATE_NOOP("errors", "The folder “{name}” holds no pictures.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose a folder with pictures ({formats}), or include its subfolders."
    )


class EmptyImageError(ImageError):
    """A file of zero bytes."""

    kind = "empty-file"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” is empty (0 bytes).")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Copy or download it again: the last attempt seems to have been cut off."
    )


class NotAnImageError(ImageError):
    """The content is no picture in a format that we open."""

    kind = "not-an-image"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” is not a picture in a format that VGGscope opens."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Convert it to one of {formats}.")


class TruncatedImageError(ImageError):
    """The file ends before the picture does."""

    kind = "truncated"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” is incomplete: the file ends before the picture does."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Copy or download it again.")


class CorruptImageError(ImageError):
    """The picture's data break its own format."""

    kind = "corrupt"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” is damaged: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Get the file again, or open it in a photo editor and save it anew."
    )


class ImageTooLargeError(ImageError):
    """More pixels than can be decoded safely; see ``sources.stills.MAX_PIXELS``."""

    kind = "too-large"
    message_template = QT_TRANSLATE_NOOP(
        "errors",
        "“{name}” has {width} × {height} pixels; at most {limit} million can be opened safely.",
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Scale the picture down and try again.")


# --- models -----------------------------------------------------------------------------------


class ModelError(VggscopeError):
    """A model that cannot be used; the one in use before stays."""


class ModelNotFoundError(ModelError):
    """No installed model of this name."""

    kind = "model-not-found"
    message_template = QT_TRANSLATE_NOOP("errors", "There is no model called “{model}”.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose one of: {known}.")


class NoModelError(ModelError):
    """No usable model is installed, not even one that ships with the program."""

    kind = "no-model"
    message_template = QT_TRANSLATE_NOOP("errors", "No model is installed.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Install VGGscope again.")


class ModelFileMissingError(ModelError):
    """A part of a model's folder is missing or unreadable."""

    kind = "model-file-missing"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” is incomplete: {file} cannot be read ({reason})."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Install the model again.")


class ModelCorruptError(ModelError):
    """A model's file does not hold the bytes that its description promises."""

    kind = "model-corrupt"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” is damaged: {file} {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Install the model again.")


class ModelDescriptionError(ModelError):
    """``model.json`` is malformed, or contradicts the graph or the labels."""

    kind = "model-description"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The description of the model “{model}” is wrong: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Install the model again, or correct its model.json."
    )


class NotAChainError(ModelError):
    """The graph cannot be described as layers that follow one another."""

    kind = "not-a-chain"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The layers of “{model}” cannot be listed: at “{node}”, {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Layer tables are for networks without branches, such as VGG; for another model look at "
        "the file with a graph viewer.",
    )


class AlreadyQuantizedError(ModelError):
    """An 8-bit variant was asked for of a model that is in 8 bits."""

    kind = "already-quantized"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” is in 8-bit integers already."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose the floating-point model that it was made of."
    )


class NotQuantizableError(ModelError):
    """The quantization itself failed, or found nothing to quantize."""

    kind = "not-quantizable"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{model}” could not be turned into 8-bit integers: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Use the model as it is; the log file has the details."
    )


class CalibrationError(ModelError):
    """No photo to calibrate with, or to compare on."""

    kind = "no-calibration-photos"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "None of the {count} photos given can be opened."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Give a folder of photos like those that the model is for; no labels are needed.",
    )


class ModelNameError(ModelError):
    """A name for a new model that no model can have."""

    kind = "model-name"
    message_template = QT_TRANSLATE_NOOP("errors", "No model can be called “{name}”.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Use up to 64 small letters, digits, dots, hyphens and underscores, a letter or a digit "
        "first.",
    )


class ModelNameTakenError(ModelError):
    """A name for a new model that another one of the user's has."""

    kind = "model-name-taken"
    message_template = QT_TRANSLATE_NOOP("errors", "There is a model called “{model}” already.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose another name, or allow that model to be replaced."
    )


class ModelNotReplaceableError(ModelError):
    """A name for a new model whose present owner has to stay."""

    kind = "model-not-replaceable"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” cannot be replaced: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose another name for the new model.")


# --- engine -----------------------------------------------------------------------------------


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
    remedy_template = QT_TRANSLATE_NOOP("errors", "It needs {needs}, with its driver installed.")


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
        "errors", "{device} gave no answer within {seconds} seconds when it was tried."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "It is not used. Update its driver, then probe it again."
    )


class CrashedInUseError(DeviceError):
    """A device that was in use when VGGscope itself crashed."""

    kind = "crashed-in-use"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "VGGscope stopped unexpectedly while it used {device}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "The CPU is used instead. Update its driver, then probe it again."
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


# --- output -----------------------------------------------------------------------------------


class OutputError(VggscopeError):
    """A result that could not be written."""

    kind = "output-failed"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” could not be written: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose another place; check free space and permissions."
    )
