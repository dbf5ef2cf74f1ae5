"""What is done with models behind the window's back, and cannot be."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError


class ModelWorkError(VggscopeError):
    """A download, a verification or an import broke down in a way that nobody foresaw."""

    kind = "model-work-failed"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The work on “{title}” broke down, which was not expected ({reason})."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Try it again; the log file has the details.")


class ModelStaysInUseError(VggscopeError):
    """A model is to be removed, and the one that would take its place cannot be used."""

    kind = "model-stays-in-use"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{title}” was not removed: it is in use, and no other model could be loaded."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Use another model, then remove this one.")
