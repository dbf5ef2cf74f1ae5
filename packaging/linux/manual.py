"""The man page, made of the help of all commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime as dt

    from commands import Argument, Command

_FILES: Final = (
    ("~/.config/vggscope", "settings"),
    ("~/.local/share/vggscope", "models that you installed"),
    ("~/.local/state/vggscope/log", "log files and crash reports"),
    ("~/.cache/vggscope", "what was found out about this computer"),
)
_ENVIRONMENT: Final = (
    ("VGGSCOPE_DATA_DIR", "a folder for all that, in place of those"),
    ("HTTPS_PROXY, ALL_PROXY", "the way to the internet, for downloads of models"),
)
_STATUS: Final = (("0", "all was done"), ("1", "some of it failed"), ("2", "nothing was done"))


def manual(found: list[Command], version: str, date: dt.date) -> str:
    """The page in troff's man macros."""
    window, *others = found
    lines = [
        f'.TH VGGSCOPE 1 "{date:%Y-%m-%d}" "VGGscope {version}" "User Commands"',
        ".SH NAME",
        escaped("vggscope - see what a VGG network thinks of a picture, and how it thinks it"),
        ".SH SYNOPSIS",
        *_paragraph(window.usage),
        ".PP",
        escaped("vggscope COMMAND [-h] ..."),
        ".SH DESCRIPTION",
        escaped(window.description),
        ".SH OPTIONS",
        *(line for argument in window.arguments for line in _tagged(argument)),
        ".SH COMMANDS",
    ]
    common = {argument.names for argument in window.options}
    for command in others:
        lines += [f".SS {escaped(' '.join(command.words))}", escaped(command.description)]
        lines += [".PP", escaped(command.usage)]
        # Those that all have are told above.
        for argument in command.arguments:
            if argument.names not in common:
                lines += _tagged(argument)
        if command.epilog:
            lines += [".PP", *_paragraph(command.epilog)]
    for title, rows in (("FILES", _FILES), ("ENVIRONMENT", _ENVIRONMENT), ("EXIT STATUS", _STATUS)):
        lines.append(f".SH {title}")
        for name, text in rows:
            lines += [".TP", f"\\fB{escaped(name)}\\fR", escaped(text)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """``text`` as troff prints it, in one line."""
    text = " ".join(text.split())
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    # A line that begins so would be a request.
    return re.sub(r"^([.'])", r"\\&\1", text)


def _paragraph(text: str) -> list[str]:
    parts = [escaped(part) for part in re.split(r"\n\s*\n", text)]
    return "\n.PP\n".join(parts).splitlines()


def _tagged(argument: Argument) -> list[str]:
    value = f" \\fI{escaped(argument.value)}\\fR" if argument.value else ""
    names = ", ".join(f"\\fB{escaped(name)}\\fR{value}" for name in argument.names)
    return [".TP", names or value.strip(), escaped(argument.help) or "\\&"]
