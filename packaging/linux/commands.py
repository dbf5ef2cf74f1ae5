"""The command line as data: what the man page and the completion are made of."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vggscope.cli.main import COMMANDS, command_parser, window_parser

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDE: Final = 1000
"""Columns, so that no text is broken into lines here."""


@dataclass(frozen=True)
class Argument:
    """An option, or something that is named by its position.

    Attributes:
        names: of an option, longest last; none for a positional one.
        value: what it takes, in words; "" for nothing.
        choices: the only values, if they are few.
        help: what it does.
    """

    names: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class Command:
    """The program itself, one of its commands, or an action of a command.

    Attributes:
        words: that call it; the program's own are none.
        summary: in a line.
        description: what the help begins with.
        usage: without the word “usage”.
        arguments: in the order of the help.
        epilog: what the help ends with.
    """

    words: tuple[str, ...]
    summary: str
    description: str
    usage: str
    arguments: tuple[Argument, ...]
    epilog: str = field(default="")

    @property
    def options(self) -> tuple[Argument, ...]:
        """The arguments that are options."""
        return tuple(argument for argument in self.arguments if argument.names)


def commands() -> list[Command]:
    """The program, then its commands in the order of its help, each followed by its actions."""
    window = window_parser()
    # Its list of commands is made again, as sections.
    found = [_command((), "", window, epilog="")]
    for name, summary in COMMANDS.items():
        found += _with_actions((name,), summary, command_parser(name))
    return found


def _with_actions(
    words: tuple[str, ...], summary: str, parser: argparse.ArgumentParser
) -> Iterator[Command]:
    yield _command(words, summary, parser, epilog=parser.epilog or "")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, child in action.choices.items():
                if name in told:
                    yield from _with_actions((*words, name), told[name], child)


def _command(
    words: tuple[str, ...], summary: str, parser: argparse.ArgumentParser, *, epilog: str
) -> Command:
    return Command(
        words=words,
        summary=summary,
        description=parser.description or "",
        usage=" ".join(parser.format_usage().removeprefix("usage: ").split()),
        arguments=tuple(_arguments(parser)),
        epilog=epilog,
    )


def _arguments(parser: argparse.ArgumentParser) -> Iterator[Argument]:
    formatter = argparse.HelpFormatter("vggscope", width=WIDE)
    for action in parser._actions:
        is_menu = isinstance(action, argparse._SubParsersAction)
        if is_menu or action.help == argparse.SUPPRESS:
            continue
        text = formatter._expand_help(action) if action.help else ""
        choices = tuple(map(str, action.choices or ()))
        takes = action.nargs != 0 or not action.option_strings
        value = formatter._format_args(action, _default_name(action)) if takes else ""
        names = sorted(action.option_strings, key=len)
        yield Argument(tuple(names), value, choices, text)


def _default_name(action: argparse.Action) -> str:
    return action.dest.upper() if action.option_strings else action.dest
