"""The accuracy of a model on labelled pictures, as papers state it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vggscope.errors import VggscopeError
from vggscope.inference.evaluation_journal import Entry
from vggscope.inference.stream import classify_stream
from vggscope.sources.stills import read_still

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vggscope.inference.classifier import Classifier
    from vggscope.inference.evaluation_journal import Journal
    from vggscope.inference.evaluation_samples import Sample, Samples
    from vggscope.inference.protocols import Protocol
    from vggscope.inference.runtime import Cancellation
    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Label

TOP: Final = 5
_Z: Final = 1.959963984540054
"""Of the normal distribution, 95 % lie within so many standard deviations."""


@dataclass(frozen=True, slots=True)
class Share:
    """Hits among some pictures, and between what the share of hits of all such pictures lies.

    Attributes:
        hits, count: so many of so many.
        low, high: the 95 % confidence interval of the share, 0..1.
    """

    hits: int
    count: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """0..1; NaN of no pictures."""
        return self.hits / self.count if self.count else math.nan

    @classmethod
    def of(cls, hits: int, count: int) -> Share:
        """The share with its interval by Wilson's score method.

        E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
        Journal of the American Statistical Association 22 (1927). Unlike hits ± 2 standard errors
        it holds for few pictures, and for shares near 0 and 1.
        """
        if not count:
            return cls(0, 0, 0.0, 1.0)
        share, square = hits / count, _Z**2 / count
        middle = (share + square / 2) / (1 + square)
        half = _Z * math.sqrt(share * (1 - share) / count + square / count / 4) / (1 + square)
        # What rounding leaves of 0 and 1 is no reason to say that they cannot be.
        low = 0.0 if hits == 0 else max(0.0, middle - half)
        return cls(hits, count, low, 1.0 if hits == count else min(1.0, middle + half))


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How one class fared.

    Attributes:
        index, label: which one.
        top1, top5: its pictures whose class was named first, and among the best five.
        confused: the class that was named first most often in its place, and how often; None if it
            never was.
    """

    index: int
    label: Label
    top1: Share
    top5: Share
    confused: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Pictures of class ``truth`` for which ``said`` was named first."""

    truth: int
    said: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came out.

    Attributes:
        model, device, protocol: what was evaluated, on what, and how.
        labels: of all classes.
        samples: what was found in the folder.
        top1, top5: the model's accuracy.
        classes: of which there were pictures, in the order of the outputs.
        confusions: pairs of classes, most frequent first.
        failures: path and reason of pictures that could not be classified.
        milliseconds: the mean of a picture, without decoding.
        untrained: the model's weights are random numbers.
    """

    model: str
    device: str
    protocol: Protocol
    labels: Sequence[Label]
    samples: Samples
    top1: Share
    top5: Share
    classes: tuple[ClassRow, ...]
    confusions: tuple[Confusion, ...]
    failures: tuple[tuple[str, VggscopeError], ...]
    milliseconds: float
    untrained: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every picture counted."""
        return self.samples.is_complete and not self.failures


def evaluate(  # noqa: PLR0913 (all but two are options)
    classifier: Classifier,
    samples: Samples,
    *,
    protocol: Protocol,
    journal: Journal | None = None,
    advance: Callable[[], object] = lambda: None,
    cancellation: Cancellation | None = None,
) -> Evaluation:
    """Classify ``samples`` and count.

    Args:
        classifier: owned by the calling thread.
        samples: pictures and their classes.
        protocol: how pictures are looked at.
        journal: knows pictures that are done already, and is told of the others.
        advance: called after each picture that was classified or failed.
        cancellation: ends it, in mid-network.

    Raises:
        NotConvolutionalError: the model cannot look at whole pictures, as "dense" does.
        JournalError: the journal cannot be written.
        Cancelled: ``cancellation`` was asked for.
    """
    enough = classifier.enough_for(protocol)
    known = {} if journal is None else journal.entries
    done: dict[str, Entry] = {}
    open_: list[Sample] = []
    for sample in samples.samples:
        entry = _kept(sample, known)
        if entry is not None:
            done[sample.name] = entry
        else:
            open_.append(sample)

    def read(sample: Sample) -> Frame:
        return read_still(sample.path, enough=enough)

    lost: list[tuple[str, VggscopeError]] = [(each.path, each.error) for each in samples.failed]
    for result in classify_stream(
        classifier, open_, read, top=TOP, protocol=protocol, cancellation=cancellation
    ):
        advance()
        sample, outcome = result.item, result.outcome
        if isinstance(outcome, VggscopeError):
            lost.append((str(sample.path), outcome))
            continue
        entry = Entry(
            name=sample.name,
            bytes=_bytes(sample),
            top=tuple(prediction.index for prediction in outcome.predictions),
            milliseconds=round(outcome.milliseconds, 3),
        )
        done[sample.name] = entry
        if journal is not None:
            journal.add(entry)
    return _counted(classifier, samples, protocol, done, lost)


def waiting(samples: Samples, known: Mapping[str, Entry]) -> int:
    """How many of ``samples`` are not among ``known`` yet."""
    return sum(_kept(sample, known) is None for sample in samples.samples)


def _kept(sample: Sample, known: Mapping[str, Entry]) -> Entry | None:
    """What is known of a picture, unless its file is another one by now."""
    entry = known.get(sample.name)
    return entry if entry is not None and entry.bytes == _bytes(sample) else None


def _bytes(sample: Sample) -> int:
    try:
        return sample.path.stat().st_size
    except OSError:
        return -1


def _counted(
    classifier: Classifier,
    samples: Samples,
    protocol: Protocol,
    done: Mapping[str, Entry],
    failures: Iterable[tuple[str, VggscopeError]],
) -> Evaluation:
    photos, first, among = Counter[int](), Counter[int](), Counter[int]()
    said: dict[int, Counter[int]] = defaultdict(Counter)
    for sample in samples.samples:
        entry = done.get(sample.name)
        if entry is None:
            continue
        photos[sample.truth] += 1
        first[sample.truth] += entry.top[0] == sample.truth
        among[sample.truth] += sample.truth in entry.top
        if entry.top[0] != sample.truth:
            said[sample.truth][entry.top[0]] += 1
    rows = [
        ClassRow(
            index=index,
            label=classifier.labels[index],
            top1=Share.of(first[index], photos[index]),
            top5=Share.of(among[index], photos[index]),
            confused=min(said[index].items(), key=lambda pair: (-pair[1], pair[0]), default=None),
        )
        for index in sorted(photos)
    ]
    confusions = [Confusion(t, s, count) for t, each in said.items() for s, count in each.items()]
    times = [entry.milliseconds for entry in done.values()]
    return Evaluation(
        model=classifier.model.name,
        device=classifier.device.key,
        protocol=protocol,
        labels=classifier.labels,
        samples=samples,
        top1=Share.of(first.total(), photos.total()),
        top5=Share.of(among.total(), photos.total()),
        classes=tuple(rows),
        confusions=tuple(sorted(confusions, key=lambda c: (-c.count, c.truth, c.said))),
        failures=tuple(failures),
        milliseconds=sum(times) / len(times) if times else math.nan,
        untrained=classifier.model.description.untrained,
    )
