"""Everything that can go wrong in front of a user, as one tree of exceptions.

Each class is one situation: a stable ``kind`` for machines (the ``error.kind`` of the JSON
contract), a sentence that names the thing and the reason, and a remedy. The sentences are
templates, so that the window can translate them without the engine knowing Qt.
"""

from __future__ import annotations

from string import Formatter
from typing import ClassVar


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

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.details))


def _rebuild(error_type: type[VggscopeError], details: dict[str, object]) -> VggscopeError:
    return error_type(**details)


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


# --- engine -----------------------------------------------------------------------------------


class DeviceError(VggscopeError):
    """A device that cannot do what was asked."""


class UnknownDeviceError(DeviceError):
    """``--device`` names nothing that this computer offers."""

    kind = "unknown-device"
    message_template = QT_TRANSLATE_NOOP("errors", "This computer has no device “{device}”.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose one of: {known}.")


class InferenceError(DeviceError):
    """The network did not run to its end, or answered with something that is no probability."""

    kind = "inference-failed"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” failed on {device}: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Try another device or model; the log file has the details."
    )


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
