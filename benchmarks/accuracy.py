#!/usr/bin/env python3
"""What decoding no more than is needed costs in probability; accuracy on labelled photos.

Without options: camera-size JPEGs made of the samples, decoded in full and at smaller scales; and
the samples against what resources/samples/SOURCES.md says of them.
"""

from __future__ import annotations

import math
import re
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from _harness import Report, bare_session, parser
from _photos import plain_tensor, samples, write_camera_photos
from vggscope import Classification, Classifier, read_still
from vggscope.errors import ImageError
from vggscope.inference import preprocessing
from vggscope.inference.stream import classify_stream
from vggscope.sources.finding import SUFFIXES
from vggscope.zoo.models import DEFAULT_MODEL

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from numpy.typing import NDArray

FACTORS = (1.0, 1.25, 1.5, 2.0, 3.0)
SIZES = ((1280, 960), (2048, 1536), (4000, 3000), (6000, 4000))
PHOTOS = 12
WNID = re.compile(r"n\d{8}")
DOCUMENTED = re.compile(r"(\S.*?) (\d+\.\d)%(?:, )?")


def main() -> None:
    """Measure and print."""
    arguments = options().parse_args()
    report = Report("accuracy", arguments)
    classifier = Classifier.load(arguments.model, device="cpu")
    if arguments.labelled:
        labelled(report, classifier, arguments.labelled)
    elif arguments.photos:
        files = readable(arguments.photos)
        decoding(report, classifier, f"{len(files)} photos", files)
    else:
        if classifier.model.name == DEFAULT_MODEL:
            documented(report, classifier)
        sizes, count = (SIZES[2:3], 4) if arguments.quick else (SIZES, PHOTOS)
        for size in sizes:
            with tempfile.TemporaryDirectory(prefix="vggscope-accuracy-") as folder:
                files = write_camera_photos(Path(folder), count=count, size=size)
                decoding(report, classifier, f"{size[0]} × {size[1]}", files)
    report.finish()


def options() -> argparse.ArgumentParser:
    """Those of all benchmarks, and ours."""
    made = parser(__doc__)
    made.add_argument("--model", default=DEFAULT_MODEL)
    made.add_argument("--photos", type=Path, metavar="DIR", help="compare decoding on these photos")
    made.add_argument(
        "--labelled", type=Path, metavar="DIR", help="photos in one folder per class (n01440764 …)"
    )
    return made


def readable(folder: Path) -> list[Path]:
    """The pictures in ``folder``; says which ones cannot be read."""
    files = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
        try:
            read_still(path, enough=1)
        except ImageError as error:
            print(f"  left out: {error}")
        else:
            files.append(path)
    if not files:
        raise SystemExit(f"no pictures in {folder}")
    return files


def decoding(report: Report, classifier: Classifier, title: str, files: list[Path]) -> None:
    """Decoding stopped at several multiples of the network's resolution.

    Compared with the published way: all pixels, and Pillow's filter without short cuts.
    """
    spec, output = classifier.model.description.input, classifier.model.description.output
    plain = bare_session(classifier.model.graph_path)
    expected = np.stack(
        [
            plain.run([output.probabilities], {spec.name: plain_tensor(path, spec)})[0][0]
            for path in files
        ]
    )
    rows = []
    for factor in (None, *FACTORS):
        enough = None if factor is None else math.ceil(factor * spec.resize)
        found, milliseconds = probabilities(classifier, files, enough=enough)
        name = "all pixels" if factor is None else f"{factor:.2f}"
        if factor == preprocessing._ENOUGH:
            name += " (in use)"
        rows.append([name, milliseconds, *agreement(expected, found)])
    report.table(
        [f"{title}: enough ÷ {spec.resize}", "decoding", "same top-1", "max |Δp|", "mean |Δp|"],
        rows,
    )


def probabilities(
    classifier: Classifier, files: Iterable[Path], *, enough: int | None
) -> tuple[NDArray[np.float32], str]:
    """[photos, classes], and how long decoding took: the median."""
    rows, times = [], []
    for path in files:
        # This thread's own time: what others do meanwhile is not in it.
        started = time.thread_time()
        frame = read_still(path, enough=enough)
        times.append((time.thread_time() - started) * 1000)
        rows.append(classifier.classify(frame).probabilities)
    return np.stack(rows), f"{median(times):.1f} ms"


def agreement(
    expected: NDArray[np.float32], found: NDArray[np.float32]
) -> tuple[str, float, float]:
    """Photos of the same top-1; the largest difference of any class: its maximum and its mean."""
    same = int((expected.argmax(axis=1) == found.argmax(axis=1)).sum())
    largest = np.abs(expected - found).max(axis=1)
    return f"{same} of {len(expected)}", float(largest.max()), float(largest.mean())


def labelled(report: Report, classifier: Classifier, folder: Path) -> None:
    """Top-1 and top-5 on photos whose folders are named by their classes."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and WNID.fullmatch(path.parent.name)
    )
    ranks = []
    read = partial(read_still, enough=classifier.enough)
    for result in classify_stream(classifier, files, read, top=5):
        if not isinstance(result.outcome, Classification):
            print(f"  {result.item.name}: {result.outcome}")
            continue
        wnids = [p.wnid for p in result.outcome.predictions]
        wanted = result.item.parent.name
        ranks.append(wnids.index(wanted) if wanted in wnids else len(wnids))
    if not ranks:
        raise SystemExit(f"no photos in folders named like n01440764 below {folder}")
    rows = [["measured", len(ranks), percent(ranks, 1), percent(ranks, 5)]]
    rows += [
        [f"card: {a.photos}", a.count, f"{a.top1:.1f}", "" if a.top5 is None else f"{a.top5:.1f}"]
        for a in classifier.model.description.accuracy
    ]
    report.table([classifier.model.name, "photos", "top-1 %", "top-5 %"], rows)


def percent(ranks: list[int], within: int) -> str:
    """How many ranks are below ``within``, with the standard error of such a share."""
    share = sum(rank < within for rank in ranks) / len(ranks)
    error = math.sqrt(share * (1 - share) / len(ranks))
    return f"{share * 100:.1f} ± {error * 100:.1f}"


def documented(report: Report, classifier: Classifier) -> None:
    """The samples against the percentages that SOURCES.md gives for them."""
    text = (samples()[0].parent / "SOURCES.md").read_text(encoding="utf-8")
    by_label = {label.label: number for number, label in enumerate(classifier.labels)}
    largest, checked = 0.0, 0
    for path in samples():
        row = classifier.classify(path).probabilities
        section = text.split(f"## {path.name}")[1].split("##")[0]
        claims = DOCUMENTED.findall(section.split("Top-5:")[1])
        for label, claimed in claims:
            found = float(row[by_label[label.strip()]]) * 100
            largest = max(largest, abs(found - float(claimed)))
            checked += 1
    report.fact(
        "samples: largest difference from SOURCES.md",
        round(largest, 3),
        f"{largest:.2f} percentage points in {checked} figures, which are rounded to 0.1",
    )


if __name__ == "__main__":
    main()
