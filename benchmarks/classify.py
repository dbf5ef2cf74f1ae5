#!/usr/bin/env python3
"""What `Classifier.classify` costs beyond the network itself, on a decoded 1080p frame.

python benchmarks/classify.py [--quick] [--json FILE]
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from _harness import Report, alternate, bare_session, parser, timed
from _photos import camera_photo, samples
from vggscope import Classifier
from vggscope.inference import classifier as classifier_module
from vggscope.inference import contract, preprocessing
from vggscope.sources.frame import Frame, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

FULL_HD = (1920, 1080)
REST = 0.06
# At 88 ms a run; the faster the network, the more the same milliseconds weigh.
MODELS = {"vgg16-compact": 1.06, "vgg16-compact-int8": None}


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__).parse_args()
    report = Report("classify", arguments)
    picture = camera_photo(samples()[0], FULL_HD)
    frame = Frame(pixels=np.asarray(picture), size=FULL_HD, origin=Origin(name="frame"))
    for model, reach in MODELS.items():
        measure(report, model, frame, reach, rounds=8 if arguments.quick else 30)
    report.finish()


def measure(report: Report, model: str, frame: Frame, reach: float | None, *, rounds: int) -> None:
    """One model: whole and parts."""
    classifier = Classifier.load(model, device="cpu")
    spec = classifier.model.description.input
    output = classifier.model.description.output.probabilities
    feeds = {spec.name: classifier._preprocessor.tensor(frame).values[np.newaxis]}
    graph = classifier.model.graph_path
    bare = bare_session(graph)
    quiet = bare_session(graph, session__intra_op__allow_spinning="0")
    whole = alternate(
        {
            "Classifier.classify": timed(partial(classifier.classify, frame)),
            "session.run": timed(partial(bare.run, [output], feeds)),
            "session.run, no spinning": timed(partial(quiet.run, [output], feeds)),
        },
        rounds=rounds,
        warm=2,
        rest=REST,
    )
    report.times(model, whole)
    report.ratio(
        f"{model}: classify ÷ session.run",
        whole["Classifier.classify"],
        whole["session.run"],
        at_most=reach,
    )
    report.ratio(
        f"{model}: run without ÷ with spinning threads",
        whole["session.run, no spinning"],
        whole["session.run"],
    )
    parts = {name: timed(work) for name, work in parts_of(classifier, frame).items()}
    report.times(f"{model}, parts", alternate(parts, rounds=rounds, warm=2, rest=REST))


def parts_of(classifier: Classifier, frame: Frame) -> dict[str, Callable[[], object]]:
    """What ``classify`` does one after the other."""
    preprocessor, spec = classifier._preprocessor, classifier.model.description.input
    crop = preprocessing.crop_box(frame.size, spec, spec.fit)
    side = (spec.width, spec.height)
    picture = preprocessing._resample(frame, crop, side, preprocessor._border)
    batch = preprocessor._normalise(picture)[np.newaxis]
    output = classifier.model.description.output.probabilities
    row = classifier.classify(frame).probabilities

    def run() -> object:
        cancellation = classifier_module.Cancellation()
        return classifier._session.run([output], {spec.name: batch}, cancellation)

    def rank() -> object:
        contract.are_probabilities(row[np.newaxis])
        return classifier_module.top_predictions(row, classifier.labels, 5)

    return {
        "resample": lambda: preprocessing._resample(frame, crop, side, preprocessor._border),
        "normalise": lambda: preprocessor._normalise(picture),
        "run": run,
        "check and top-k": rank,
    }


if __name__ == "__main__":
    main()
