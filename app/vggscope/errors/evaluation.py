"""Evaluations that cannot be made, or not be taken up again."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError


class EvaluationError(VggscopeError):
    """An evaluation that cannot be made."""


class FolderUnreadableError(EvaluationError):
    """What was named is no folder that can be listed."""

    kind = "folder-unreadable"
    message_template = QT_TRANSLATE_NOOP("errors", "The folder “{name}” cannot be read: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Name a folder that holds one folder of pictures for each class."
    )


class NothingLabelledError(EvaluationError):
    """No picture whose class is known."""

    kind = "nothing-labelled"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "No picture in “{name}” has a class that “{model}” knows: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Name a folder that holds one folder of pictures for each class, called by its wnid, "
        "its name or its number, or give a file that tells the class of each picture (--truth).",
    )


class TruthFileError(EvaluationError):
    """The file that tells the class of each picture cannot be used."""

    kind = "truth-file"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The classes of the pictures cannot be read from “{name}”: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Give a text file with a line for each picture: its file name, then a comma, a tab or a "
        "space, then its class as wnid, name or number from 0.",
    )


class JournalBusyError(EvaluationError):
    """Another process is writing what it has evaluated so far into the same file."""

    kind = "journal-busy"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "Another VGGscope is evaluating with the journal “{name}” at this moment."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Wait until it is done, or name another file with --resume."
    )


class JournalError(EvaluationError):
    """What was evaluated so far cannot be read or kept."""

    kind = "journal"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The journal “{name}” of an evaluation cannot be used: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Remove it to begin anew, or name another file with --resume."
    )
