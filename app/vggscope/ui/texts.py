"""The engine's texts in the user's language: the engine knows no Qt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import Qt

from vggscope.zoo import meter

if TYPE_CHECKING:
    from vggscope.errors import VggscopeError
    from vggscope.inference.proposal import Proposal

_LONG_WORD: Final = re.compile(r"\S{16}(?=\S)")


def breakable(text: str) -> str:
    """``text`` for a narrow label: names of files and addresses may be broken into lines too."""
    return _LONG_WORD.sub("\\g<0>\N{ZERO WIDTH SPACE}", text)


def as_tool_tip(text: str) -> str:
    """``text`` for a tool tip: a file may be called "<h1>", and is not to be shown as one."""
    if not Qt.mightBeRichText(text):
        return text
    return Qt.convertFromPlainText(text, Qt.WhiteSpaceMode.WhiteSpaceNormal)


def as_label(text: str) -> str:
    """``text`` for a menu or a button, where Qt takes "&" for the mark of a mnemonic."""
    return text.replace("&", "&&")


def percent(probability: float, digits: int = 1) -> str:
    """A probability as people read it, the same everywhere."""
    return f"{probability * 100:.{digits}f} %"


def size_text(count: int) -> str:
    """A number of bytes; whole MB, which are read while they change."""
    return meter.size_text(count, tenths=False)


def duration_text(seconds: float) -> str:
    """How long something will take, as exactly as that can be told."""
    if seconds < 60:
        return QCoreApplication.translate("durations", "{0} s").format(max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 60:
        return QCoreApplication.translate("durations", "{0} min").format(minutes)
    return QCoreApplication.translate("durations", "{0} h {1} min").format(*divmod(minutes, 60))


def message_of(error: VggscopeError) -> str:
    """The sentence of an error."""
    template = QCoreApplication.translate("errors", error.message_template)
    return template.format(**error.details)


def remedy_of(error: VggscopeError) -> str:
    """What to do about an error."""
    template = QCoreApplication.translate("errors", error.remedy_template)
    return template.format(**error.details)


def explanation_of(error: VggscopeError) -> str:
    """The sentence of an error, and what to do about it."""
    return f"{message_of(error)} {remedy_of(error)}"


def proposal_text(proposal: Proposal) -> str:
    """The sentence that proposes a faster variant of the model in use."""
    return QCoreApplication.translate(
        "devices",
        "{0} is {1}× faster on this computer, with the same answer for {2} % of {3} photos.",
    ).format(proposal.title, f"{proposal.speedup:.1f}", f"{proposal.agreement:g}", proposal.photos)
