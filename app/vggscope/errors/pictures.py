"""Pictures that cannot be used; the other pictures of a batch can."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError


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
