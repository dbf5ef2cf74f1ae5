#!/usr/bin/env python3
"""Many files: `classify_stream` against the loop that everybody writes.

python benchmarks/batch.py [--quick] [--json FILE]
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from _harness import Report, alternate, bare_session, parser, timed
from _photos import plain_tensor, samples, write_camera_photos
from vggscope import Classifier, read_still
from vggscope.inference.stream import classify_stream
from vggscope.zoo.models import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

    from vggscope.zoo.normal_form import Description

    Loop = Callable[[Sequence[Path]], NDArray[np.float32]]

FAST = "vgg16-compact-int8"
REST = 0.06


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__).parse_args()
    report = Report("batch", arguments)
    passes = 3 if arguments.quick else 5
    small = samples()
    with tempfile.TemporaryDirectory(prefix="vggscope-batch-") as folder:
        large = write_camera_photos(Path(folder), count=4 if arguments.quick else 12)
        megabytes = float(np.mean([path.stat().st_size for path in large]) / 1e6)
        report.fact("12 MP files", round(megabytes, 2), f"{megabytes:.1f} MB on average")
        compare(report, f"12 MP files, {DEFAULT_MODEL}", large, passes, reach=1.8)
        compare(report, f"12 MP files, {FAST}", large, passes)
    compare(report, f"small files, {DEFAULT_MODEL}", small, passes, reach=1.0)
    compare(report, f"small files, {FAST}", small, 2 * passes, reach=1.0)
    report.finish()


def compare(
    report: Report, title: str, files: list[Path], passes: int, *, reach: float | None = None
) -> None:
    """Both loops over the same files, in turns; ``title`` ends with the model's name."""
    classifier = Classifier.load(title.rsplit(maxsplit=1)[-1], device="cpu")
    session = bare_session(classifier.model.graph_path)
    ours: Loop = partial(stream, classifier)
    plain: Loop = partial(plain_loop, session, classifier.model.description)
    expected, actual = plain(files), ours(files)
    results = alternate(
        {"plain loop": timed(lambda: plain(files)), "classify_stream": timed(lambda: ours(files))},
        rounds=passes,
        warm=0,
        rest=REST,
    )
    report.times(
        f"{title}, per picture",
        {name: [s / len(files) for s in seconds] for name, seconds in results.items()},
    )
    report.ratio(
        f"{title}: images per second ÷ plain loop",
        results["plain loop"],
        results["classify_stream"],
        at_least=reach,
    )
    same = int((expected.argmax(axis=1) == actual.argmax(axis=1)).sum())
    difference = float(np.abs(expected - actual).max())
    report.fact(f"{title}: same top-1", same, f"{same} of {len(files)}")
    report.fact(f"{title}: largest difference", difference, f"{difference:.4f} in probability")


def stream(classifier: Classifier, files: Sequence[Path]) -> NDArray[np.float32]:
    """The program's way, as its command line does it."""
    read = partial(read_still, enough=classifier.enough)
    results = classify_stream(classifier, files, read)
    return np.stack([result.outcome.probabilities for result in results])


def plain_loop(
    session: InferenceSession, description: Description, files: Sequence[Path]
) -> NDArray[np.float32]:
    """Everybody's way: one after the other, all pixels."""
    spec, output = description.input, description.output.probabilities
    rows = [session.run([output], {spec.name: plain_tensor(path, spec)})[0][0] for path in files]
    return np.stack(rows)


if __name__ == "__main__":
    main()
