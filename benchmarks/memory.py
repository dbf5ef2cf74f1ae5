#!/usr/bin/env python3
"""What half a gigabyte of VGG16 takes in memory: installed, classified with, looked into.

python benchmarks/memory.py [--quick] [--json FILE]

Every figure is that of a process of its own; the reference is ONNX Runtime as it comes, with the
single file. Peak RSS is what the system counts for a process (VmHWM): a page of a file counts each
time that the process maps it. PSS (Linux) counts it once and shares it among all that map it: what
a process costs the computer; its peak is sampled. Needs 1.7 GB for temporary files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import onnx

from _harness import INPUT, Report, parser
from vggscope.vgg.build import build
from vggscope.zoo.streaming import to_normal_form

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    Figures = Mapping[str, float]

CHILD = Path(__file__).with_name("_memory_child.py")
SECONDS_TO_WAIT = 300
BARE = "ONNX Runtime, single file"
LEAN = "Classifier"
MAPS = "Classifier, 2 readers at conv3_3"
DENSE = "Classifier, 2 readers at fc6"
INSTALL = "to normal form"
IMPORT = "import (with its child processes)"
KINDS = {BARE: "bare", LEAN: "lean", MAPS: "conv3_3", DENSE: "fc6"}
INSTALLING = {INSTALL: "install", IMPORT: "import"}


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__ or "").parse_args()
    report = Report("memory", arguments)
    with tempfile.TemporaryDirectory(prefix="vggscope-memory-") as folder:
        measure(report, arguments, Path(folder))
    report.finish()


def measure(report: Report, arguments: Namespace, folder: Path) -> None:
    """All processes, in turns."""
    single = folder / "vgg16.onnx"
    write_single(single)
    size = single.stat().st_size
    report.fact("the file", size, f"{size / 1e6:.0f} MB")
    texts = dict.fromkeys(("note", "source", "licence"), "")
    texts |= {"name": "vgg16-random", "title": "VGG16", "labels": "imagenet-1k"}
    facts = {**texts, "input": INPUT, "accuracy": []}
    to_normal_form(single, folder / "vgg16-random", facts=facts)
    kinds = KINDS | INSTALLING
    found: dict[str, list[Figures]] = {name: [] for name in kinds}
    for _ in range(2 if arguments.quick else 5):
        for name, kind in kinds.items():
            found[name].append(figures(kind, folder))
    columns = ("process", "peak RSS MB", "peak PSS MB", "RSS at its end", "PSS at its end")
    keys = ("peak_rss", "peak_pss", "rss", "pss")
    rows = [(name, *(_megabytes(each, key) for key in keys)) for name, each in found.items()]
    report.table(columns, rows)
    ratios(report, found, size)


def ratios(report: Report, found: Mapping[str, Sequence[Figures]], size: int) -> None:
    """Beside the figures to reach."""
    for unit in ("rss", "pss"):
        key = f"peak_{unit}"
        if any(each.get(key) is None for each in found[BARE]):
            continue
        of = {name: [each[key] for each in each_round] for name, each_round in found.items()}
        shown = f"peak {unit.upper()}"
        report.ratio(f"{shown}: {LEAN} ÷ {BARE}", of[LEAN], of[BARE], at_most=1.0)
        report.ratio(f"{shown}: {MAPS} ÷ {BARE}", of[MAPS], of[BARE], at_most=1.25)
        report.ratio(f"{shown}: {DENSE} ÷ {BARE}", of[DENSE], of[BARE], at_most=1.25)
        for name in INSTALLING:
            sizes = [float(size)] * len(of[name])
            report.ratio(f"{shown}: {name} ÷ size of the file", of[name], sizes, at_most=1.3)


def figures(kind: str, folder: Path) -> Figures:
    """What a process of this kind took, in bytes."""
    done = subprocess.run(
        [sys.executable, str(CHILD), kind, str(folder)],
        env={**os.environ, "VGGSCOPE_DATA_DIR": str(folder / "data"), "VGGSCOPE_DEVICE": "cpu"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS_TO_WAIT,
        check=True,
    )
    answer: Figures = json.loads(done.stdout.splitlines()[-1])
    return answer


def write_single(path: Path) -> None:
    """VGG16 with random weights as others publish it: one file, logits as its output."""
    proto = build("vgg16")
    proto.graph.node.pop()
    del proto.graph.output[0]
    onnx.save(proto, path)


def _megabytes(rounds: Sequence[Figures], key: str) -> str:
    values = [each[key] for each in rounds if each.get(key) is not None]
    return f"{median(values) / 1e6:.0f}" if values else "–"


if __name__ == "__main__":
    main()
