"""Progress bars on stderr, if that is a terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, NoReturn, Self

from vggscope.sources.finding import display_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tqdm import tqdm

    from vggscope.zoo.meter import Progress


@contextlib.contextmanager
def progress_bar(
    total: int, *, step: str | None = None, hidden: bool = False
) -> Iterator[Callable[[], object]]:
    """A bar of ``total`` pictures; call what it gives after each of them.

    Args:
        total: how many there are.
        step: what is being done with them.
        hidden: there is to be none, wherever stderr goes.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm  # noqa: PLC0415 (only a terminal needs it)

    with tqdm(total=total, desc=step, unit=" pictures", file=sys.stderr) as bar:
        yield bar.update


class BytesBar:
    """Shows how far a long step is, how fast it goes and how long it will take.

    Call it with each progress, within a ``with`` block.
    """

    def __init__(self, head: str) -> None:
        self._head = display_name(head)
        self._bar: tqdm[NoReturn] | None = None
        self._step: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, progress: Progress) -> None:
        """Show ``progress``."""
        if not sys.stderr.isatty():
            return
        if self._bar is None or progress.step != self._step or progress.done < self._bar.n:
            self._close()
            self._begin(progress)
        elif progress.done > self._bar.n:
            self._bar.update(progress.done - self._bar.n)

    def _begin(self, progress: Progress) -> None:
        from tqdm import tqdm  # noqa: PLC0415 (only a terminal needs it)

        self._step = progress.step
        self._bar = tqdm(
            total=progress.total,
            initial=progress.done,
            desc=f"{self._head}: {progress.step}",
            unit="B",
            unit_scale=True,
            file=sys.stderr,
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None
