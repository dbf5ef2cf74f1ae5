"""How a corpus of hostile files is made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CaseT = TypeVar("CaseT", bound=Any)


def written(cases: Mapping[str, CaseT], path_of: Callable[[str, CaseT], Path]) -> dict[str, CaseT]:
    """Those of ``cases`` that this platform could write at the paths that they have."""
    made = {}
    for key, case in cases.items():
        path = path_of(key, case)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            case.write(path)
        except (OSError, AttributeError) as failure:  # Windows: no pipes, odd names, few links
            print(f"{key}: left out, {failure}", file=sys.stderr)  # noqa: T201
        else:
            made[key] = case
    return made
