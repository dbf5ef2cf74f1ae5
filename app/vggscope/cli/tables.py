"""Tables of text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

_GAP: Final = "  "


def text_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Container[str] = ()
) -> str:
    """Lines of aligned columns below ``heads``; those of ``numbers`` stand to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    rule = ["─" * width for width in widths]
    return "".join(_line(heads, cells, widths, numbers) for cells in (heads, rule, *rows))


def text_facts(facts: Mapping[str, str]) -> str:
    """Lines of a name and what is to be told of it."""
    width = max(map(len, facts))
    return "".join(f"{name:<{width}}{_GAP}{fact}\n" for name, fact in facts.items())


def _line(
    heads: Sequence[str], cells: Sequence[str], widths: Sequence[int], numbers: Container[str]
) -> str:
    aligned = (
        cell.rjust(width) if head in numbers else cell.ljust(width)
        for head, cell, width in zip(heads, cells, widths, strict=True)
    )
    return _GAP.join(aligned).rstrip() + "\n"
