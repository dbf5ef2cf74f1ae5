"""The base of all errors; errors as records, for files and other processes."""

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
