"""Many pictures, one network: decoding overlaps inference, memory stays bounded."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from vggscope.errors import Cancelled, VggscopeError
from vggscope.inference.protocols import CENTRE
from vggscope.inference.report import DEFAULT_TOP
from vggscope.inference.runtime import Cancellation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vggscope.inference.classification import Classification
    from vggscope.inference.classifier import Classifier
    from vggscope.inference.protocols import Protocol
    from vggscope.inference.report import Outcome
    from vggscope.sources.frame import Frame

Item = TypeVar("Item")

_DECODERS: Final = min(4, os.cpu_count() or 1)
_AHEAD: Final = _DECODERS + 1
"""Pictures decoded before their turn: enough to keep the network busy, few enough that a picture
which becomes urgent waits for no more than these."""


@dataclass(frozen=True, slots=True, eq=False)
class StreamResult(Generic[Item]):
    """What became of one item.

    Attributes:
        item: as it was given.
        frame: the picture, where it could be read.
        outcome: the classification, or why there is none.
    """

    item: Item
    frame: Frame | None
    outcome: Outcome


def classify_stream(  # noqa: PLR0913 (all but three are options)
    classifier: Classifier,
    items: Iterable[Item],
    read: Callable[[Item], Frame],
    *,
    top: int = DEFAULT_TOP,
    protocol: Protocol = CENTRE,
    cancellation: Cancellation | None = None,
) -> Iterator[StreamResult[Item]]:
    """Classify ``items`` one after the other, in their order, on the calling thread.

    Args:
        classifier: owned by the calling thread.
        items: taken lazily, a few ahead of the results.
        read: makes a frame of an item; called on worker threads; raises ``VggscopeError`` for an
            item that cannot be read, which then becomes its outcome.
        top: how many predictions.
        protocol: how each of them is looked at.
        cancellation: ends the stream between and within pictures.

    Raises:
        Cancelled: ``cancellation`` was asked for.
    """
    until = cancellation or Cancellation()

    def answer(frame: Frame) -> Classification:
        return classifier.classify_with(frame, protocol, top=top, cancellation=until)

    source = iter(items)
    waiting: deque[tuple[Item, Future[Frame]]] = deque()
    pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
    try:
        while True:
            until.check()
            while len(waiting) < _AHEAD:
                try:
                    item = next(source)
                except StopIteration:
                    break
                waiting.append((item, pool.submit(read, item)))
            if not waiting:
                return
            yield _classify(*waiting.popleft(), answer)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _classify(
    item: Item, decoded: Future[Frame], answer: Callable[[Frame], Classification]
) -> StreamResult[Item]:
    frame = None
    try:
        frame = decoded.result()
        outcome: Outcome = answer(frame)
    except Cancelled:
        raise
    except VggscopeError as error:
        outcome = error
    return StreamResult(item, frame, outcome)
