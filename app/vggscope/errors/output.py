"""Results that cannot be written."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError


class OutputError(VggscopeError):
    """A result that could not be written."""

    kind = "output-failed"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” could not be written: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose another place; check free space and permissions."
    )


class SettingsNotKeptError(VggscopeError):
    """A setting that counts, but only until the program ends."""

    kind = "settings-not-kept"
    message_template = QT_TRANSLATE_NOOP("errors", "Your settings could not be kept: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "They last until you close VGGscope. Check free space, and whether you may write to "
        "“{folder}”.",
    )
