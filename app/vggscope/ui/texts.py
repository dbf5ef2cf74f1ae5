"""The engine's texts in the user's language: the engine knows no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

if TYPE_CHECKING:
    from vggscope.errors import VggscopeError


def message_of(error: VggscopeError) -> str:
    """The sentence of an error."""
    template = QCoreApplication.translate("errors", error.message_template)
    return template.format(**error.details)


def remedy_of(error: VggscopeError) -> str:
    """What to do about an error."""
    template = QCoreApplication.translate("errors", error.remedy_template)
    return template.format(**error.details)
