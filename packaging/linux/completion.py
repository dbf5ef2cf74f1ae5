"""Completion for bash, made of the parsers of all commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from commands import commands

from vggscope import paths

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commands import Argument, Command

_MODEL_OPTIONS: Final = ("--model", "--against", "--second")
_HEAD: Final = """\
# bash completion of VGGscope, made by packaging/linux/completion.py

_vggscope_models() {
    local folder
    for folder in "${VGGSCOPE_DATA_DIR:+$VGGSCOPE_DATA_DIR/data/models}" \\
        "${XDG_DATA_HOME:-$HOME/.local/share}/vggscope/models" \\
        "/usr/lib/vggscope/_internal/models"; do
        [ -n "$folder" ] && [ -d "$folder" ] && command ls -1 "$folder" 2>/dev/null
    done | grep -v '\\.'
}

_vggscope() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local word command="" position skip=""
    # What is said before the word at the cursor: a command, perhaps an action of it.
    for ((position = 1; position < COMP_CWORD; position++)); do
        word=${COMP_WORDS[position]}
        if [ -n "$skip" ]; then
            skip=""
        elif [ "$word" = --data-dir ]; then
            skip=yes
        elif [ "${word#-}" = "$word" ]; then
            case "$command $word" in
"""
_TAIL: Final = """\
    esac
    case $current in
        -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
        *)
            if [ -n "$words" ]; then
                COMPREPLY=($(compgen -W "$words" -- "$current"))
            fi
            # With what readline makes of names with spaces.
            compopt -o filenames 2>/dev/null
            local IFS=$'\\n'
            [ "$only" = yes ] || COMPREPLY+=($(compgen -f -- "$current"))
            ;;
    esac
}

complete -F _vggscope vggscope
"""


def completion(found: list[Command], downloads: Iterable[str]) -> str:
    """The script; ``downloads`` are the models of the catalogue."""
    others = found[1:]
    lines = [_HEAD.rstrip("\n")]
    names = {" ".join(command.words) for command in others}
    for name in sorted(names):
        before, _, last = name.rpartition(" ")
        lines.append(f'                "{before} {last}") command="{name}" ;;')
    lines += ["            esac", "        fi", "    done", ""]
    lines += ['    case "$command $previous" in', *_values(others), "    esac", ""]
    lines += ["    case $previous in"]
    # --output is a file elsewhere.
    folders = sorted(_options_of(found, "FOLDER", "DIR") - _options_of(found, "FILE", "PATH"))
    lines += [f'        {"|".join(folders)}) COMPREPLY=($(compgen -d -- "$current")); return ;;']
    models = "|".join(sorted(_options_of(found, "MODEL") | {*_MODEL_OPTIONS}))
    reply = 'COMPREPLY=($(compgen -W "$(_vggscope_models)" -- "$current")); return'
    lines += [f"        {models}) {reply} ;;", "    esac", ""]
    lines += ['    local options="" words="" only=""', "    case $command in"]
    for command in found:
        lines.append(_row(command, names, " ".join(downloads)))
    return "\n".join(lines) + "\n" + _TAIL


def _values(found: Iterable[Command]) -> Iterable[str]:
    """Options that take one of a few words."""
    for command in found:
        for option in command.options:
            if option.choices and option.value:
                patterns = "|".join(f'"{" ".join(command.words)} {name}"' for name in option.names)
                words = " ".join(option.choices)
                reply = f'COMPREPLY=($(compgen -W "{words}" -- "$current")); return'
                yield f"        {patterns}) {reply} ;;"


def _options_of(found: Iterable[Command], *values: str) -> set[str]:
    options = (option for command in found for option in command.options)
    return {name for option in options if option.value in values for name in option.names}


def _row(command: Command, names: set[str], downloads: str) -> str:
    options = " ".join(sorted(name for option in command.options for name in option.names))
    name = " ".join(command.words)
    prefix = f"{name} " if name else ""
    following = sorted(
        n.removeprefix(prefix)
        for n in names
        if n.startswith(prefix) and " " not in n.removeprefix(prefix)
    )
    words = " ".join(following)
    positional = [argument for argument in command.arguments if not argument.names]
    # The window takes files where others have their commands.
    only = "" if not following or not name else " only=yes"
    if any(_is_model(argument) for argument in positional):
        words = downloads if name == "models download" else "$(_vggscope_models)"
        only = " only=yes"
    return f'        "{name}") options="{options}" words="{words}"{only} ;;'


def _is_model(argument: Argument) -> bool:
    return argument.value.strip("[]. ").split(" ")[0] in {"MODEL", "NAME", "MODELS"}


def script() -> str:
    """The script for the commands and models of this version."""
    catalogue = json.loads((paths.bundled_models() / "catalogue.json").read_text(encoding="utf-8"))
    return completion(commands(), [entry["name"] for entry in catalogue["models"]])
