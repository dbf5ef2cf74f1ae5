#!/usr/bin/env python3
"""What it costs to look at more of a photo than its centre, and that the two forms are equal.

python benchmarks/dense.py [--model NAME …] [--device KEY …] [--quick] [--json FILE]

On each device, for a decoded photo of 4:3:
- each protocol of evaluation, and a class map, ÷ a single centre crop;
- the largest difference of any probability between the fully convolutional form, given nothing but
  the centre crop, and the ordinary form.

And, in a process of its own for each model, the memory that a first class map takes beyond that of
a classifier which has answered once.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from _harness import Report, add_models, alternate, classifiers, parser, timed
from _photos import camera_photo, samples
from vggscope import Classifier
from vggscope.inference.protocols import PROTOCOLS
from vggscope.sources.frame import Frame, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTO = (1600, 1200)
EQUAL = 1e-4
REST = 0.03


def main() -> None:
    """Measure and print."""
    options = parser(__doc__)
    add_models(options)
    options.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.memory_of:
        tell_memory(arguments.memory_of)
        return
    report = Report("dense", arguments)
    for model in arguments.model:
        for classifier in classifiers(model, arguments.device):
            measure(report, classifier, rounds=3 if arguments.quick else 10)
        if sys.platform == "linux":
            memory(report, model)
    report.finish()


def photo() -> Frame:
    """A photo as it lies in memory."""
    pixels = np.asarray(camera_photo(samples()[0], PHOTO))
    return Frame(pixels=pixels, size=PHOTO, origin=Origin(name="photo"))


def measure(report: Report, classifier: Classifier, *, rounds: int) -> None:
    """One model on one device."""
    name = f"{classifier.model.name}, {classifier.device.key}"
    # So that no class map is remembered, every run has a frame of its own.
    original = photo()

    def looks(look: Callable[[Frame], object]) -> Callable[[], object]:
        return lambda: look(Frame(pixels=original.pixels, size=PHOTO, origin=original.origin))

    rivals: dict[str, Callable[[], object]] = {
        protocol: looks(partial(classifier.classify_with, protocol=protocol))
        for protocol in PROTOCOLS
    }
    rivals["class map"] = looks(partial(classifier.class_map, label=0))
    found = alternate({key: timed(work) for key, work in rivals.items()}, rounds=rounds, rest=REST)
    report.times(name, found)
    for key in list(rivals)[1:]:
        report.ratio(f"{name}: {key} ÷ centre", found[key], found["centre"])
    if classifier.dense_failure is not None:
        print(f"  {classifier.dense_failure.message}")
    error = max(difference(classifier, path) for path in samples())
    verdict = "reached" if error <= EQUAL else "MISSED"
    what = f"{name}: fully convolutional form at its own size, largest |Δp|"
    report.fact(what, error, f"{error:.1e} (to reach ≤ {EQUAL:g}: {verdict})")


def difference(classifier: Classifier, path: Path) -> float:
    """Between the two forms, for the centre crop of a photo as a picture of its own."""
    spec = classifier.model.description.input
    whole = classifier._read(path, classifier.enough)
    size = (spec.width, spec.height)
    crop = whole.resample(classifier.classify(whole).crop, size)
    square = Frame(pixels=crop, size=size, origin=Origin(name="crop"))
    classifier.use_fit("stretch")
    expected = classifier.classify(square).probabilities
    classifier.use_fit(None)
    found = classifier.dense.scores(square, max(size)).probabilities[0, 0]
    return float(np.abs(found - expected).max())


def memory(report: Report, model: str) -> None:
    """Megabytes before and after, in a new process."""
    words = [sys.executable, __file__, "--memory-of", model]
    told = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    shown = ", ".join(f"{name} {megabytes} MB" for name, megabytes in told.items())
    report.fact(f"{model}, cpu: memory", told, shown)


def tell_memory(model: str) -> None:
    """Print what this process takes, as JSON."""
    classifier = Classifier.load(model, device="cpu")
    frame = photo()
    classifier.classify(frame)
    told = {"classified: resident": _status("VmRSS"), "peak": _status("VmHWM")}
    classifier.class_map(frame, 0)
    told |= {"after a class map: resident": _status("VmRSS"), "peak so far": _status("VmHWM")}
    print(json.dumps(told))


def _status(field: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(rf"{field}:\s+(\d+) kB", text)
    return round(int(found[1]) * 1024 / 1e6) if found else 0


if __name__ == "__main__":
    main()
