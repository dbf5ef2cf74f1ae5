"""Asks before something large or lasting is done."""

from __future__ import annotations

import sys

from vggscope.errors import ConsentError, DeclinedError


def ask(question: str, *, yes: bool) -> None:
    """Ask on the terminal, unless ``yes`` was said already.

    Args:
        question: what is about to be done, as a question.
        yes: the answer that came with the command.

    Raises:
        ConsentError: nobody can be asked.
        DeclinedError: the answer is not yes.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        raise ConsentError(question=question)
    # Not input(): it writes to stdout, which may be a file.
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().casefold() not in {"y", "yes"}:
        raise DeclinedError
