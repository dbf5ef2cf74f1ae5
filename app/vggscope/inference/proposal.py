"""A faster variant of a model, where no device is fast enough for the model itself.

It is proposed, never taken: an 8-bit variant answers differently now and then.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from vggscope.errors import ModelError
from vggscope.inference.selection import probe
from vggscope.zoo.models import quantized_variants

if TYPE_CHECKING:
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.selection import Progress, Survey
    from vggscope.zoo.normal_form import Model

FAST_ENOUGH: Final = 1000 / 15
"""Milliseconds per picture: 15 a second look fluent with a camera."""
_WORTH_IT: Final = 1.3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A model that does the same, faster.

    Attributes:
        model, title: of the variant.
        of: name of the model that it is a variant of.
        speedup: how many times faster it is on this computer, each on its best device.
        agreement: percent of ``photos`` on which both have the same top-1 class.
        photos: how many were compared when the variant was made.
    """

    model: str
    title: str
    of: str
    speedup: float
    agreement: float
    photos: int

    def as_json_object(self) -> dict[str, Any]:
        """For ``vggscope devices --format json``."""
        return asdict(self)


def propose(
    model: Model,
    found: Survey,
    *,
    progress: Progress = lambda _device, _number, _count: None,
    cancellation: Cancellation | None = None,
) -> Proposal | None:
    """The installed 8-bit variant of ``model``, if it is worth a proposal on this computer.

    Args:
        model: the one in use.
        found: what is known of the devices with it.
        progress: see ``selection.probe``: the variant is tried, if it was not before.
        cancellation: likewise.

    Raises:
        As ``selection.probe``.
    """
    variants = quantized_variants(model.name)
    if not variants:
        return None
    # Where there is only the CPU, nobody had to try it in order to choose it.
    best = found.best() or probe(model, progress=progress, cancellation=cancellation).best()
    if best is None or best.milliseconds is None or best.milliseconds <= FAST_ENOUGH:
        return None
    for variant in variants:
        quantized = variant.description.quantized
        try:
            other = probe(variant, progress=progress, cancellation=cancellation).best()
        except ModelError as error:
            # Nobody asked for it: it is only not proposed.
            _log.warning("%s", error)
            continue
        if quantized is None or other is None or not other.milliseconds:
            continue
        speedup = best.milliseconds / other.milliseconds
        if speedup >= _WORTH_IT:
            return Proposal(
                model=variant.name,
                title=variant.title,
                of=model.name,
                speedup=speedup,
                agreement=quantized.agreement,
                photos=quantized.photos,
            )
    return None
