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
