"""What all benchmarks share: alternating runs, medians with their spread, one plain table.

Machines are busy, clocks change, so seconds mean little; what is compared runs in turns, and each
round gives a ratio. What slows a whole round down cancels out, and the median drops the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from onnxruntime import InferenceSession

    from vggscope import Classifier

_PACKAGES = ("vggscope", "onnxruntime", "numpy", "pillow", "PySide6_Essentials")
_ROUNDING = 4
_CALM = 0.08
"""A round counts as calm if other processes took no more than this share of the cores."""
_LEAST = 3

_disturbances: list[float] = []


INPUT = {
    "name": "data",
    "layout": "NCHW",
    "height": 224,
    "width": 224,
    "channels": "RGB",
    "scale": 1 / 255,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "resize": 256,
}
"""As the published VGG models want their pictures."""


def parser(description: str) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--quick", action="store_true", help="fewer rounds: a rough answer")
    made.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    return made


def add_models(options: argparse.ArgumentParser) -> None:
    """The options that say which networks, and on what: see ``classifiers``."""
    options.add_argument("--model", nargs="+", default=["vgg16-compact", "vgg16-compact-int8"])
    options.add_argument("--device", nargs="+", default=["cpu", "openvino"])


def classifiers(model: str, devices: Sequence[str]) -> Iterator[Classifier]:
    """``model`` on each device; those are left out, and named, on which it does not run."""
    from vggscope import Classifier  # noqa: PLC0415 (startup.py needs it last)
    from vggscope.errors import DeviceError  # noqa: PLC0415

    for device in devices:
        try:
            classifier = Classifier.load(model, device=device)
        except DeviceError as error:
            print(f"{model} on {device}: {error.message}")
        else:
            yield classifier


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """A function that calls ``work`` and returns how many seconds it took."""

    def run() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return run


def alternate(
    rivals: Mapping[str, Callable[[], float]],
    *,
    rounds: int,
    warm: int = 1,
    rest: float = 0.0,
    seconds: float = 40.0,
) -> dict[str, list[float]]:
    """What each rival returns, round by round; every other round in reverse order.

    Rounds in which other processes were busy are repeated, at most ``rounds`` times altogether;
    the calmest count.

    Args:
        rivals: functions that return the seconds they took (see ``timed``).
        rounds: how many rounds count.
        warm: how often each is called before.
        rest: seconds to wait before each call: by default, ONNX Runtime's threads spin for some
            45 ms after a run, and would take a core from whoever comes next.
        seconds: after which no round is repeated, and, once there are three, none begun.
    """
    done: list[tuple[float, int, dict[str, float]]] = []
    deadline = time.monotonic() + seconds
    for number in range(-warm, 2 * rounds):
        busy = _others()
        names = list(rivals) if number % 2 else list(reversed(rivals))
        took = {}
        for name in names:
            time.sleep(rest)
            took[name] = rivals[name]()
        if number >= 0:
            done.append((busy(), number, took))
        calm = sum(disturbance <= _CALM for disturbance, *_ in done)
        if calm == rounds or (len(done) >= _LEAST and time.monotonic() > deadline):
            break
    chosen = sorted(sorted(done)[:rounds], key=lambda entry: entry[1])
    _disturbances.extend(disturbance for disturbance, *_ in chosen)
    return {name: [took[name] for *_, took in chosen] for name in rivals}


def _others() -> Callable[[], float]:
    """A function that tells which share of all cores other processes took since now."""

    def used() -> tuple[float, float, float]:
        times, own = psutil.cpu_times(), os.times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # Guests are counted in user time already.
        every = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return every, every - idle, sum(own[:4])

    before = used()

    def share() -> float:
        every, busy, own = (b - a for a, b in zip(before, used(), strict=True))
        return max(0.0, busy - own) / every if every else 0.0

    return share


def bare_session(graph: Path, **entries: str) -> InferenceSession:
    """ONNX Runtime on the CPU as it comes, but for the configuration ``entries``."""
    # Through the module that switches its telemetry off first.
    from vggscope.inference.runtime import ort  # noqa: PLC0415

    options = ort.SessionOptions()
    options.log_severity_level = 3  # no warnings between our lines
    for name, value in entries.items():
        options.add_session_config_entry(name.replace("__", "."), value)
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class Report:
    """Collects figures, prints them, and writes them as JSON where that was asked for."""

    def __init__(self, title: str, arguments: argparse.Namespace) -> None:
        self._json: Path | None = arguments.json
        self._content: dict[str, Any] = {
            "benchmark": title,
            "machine": _machine(),
            "times": {},
            "ratios": {},
            "facts": {},
        }
        print(f"{title}: {'; '.join(f'{k} {v}' for k, v in self._content['machine'].items())}")

    def times(self, heading: str, results: Mapping[str, Sequence[float]]) -> None:
        """Print medians and quartiles in milliseconds."""
        self._content["times"][heading] = {
            name: {**_summary([s * 1000 for s in seconds]), "runs": len(seconds)}
            for name, seconds in results.items()
        }
        rows = [
            (name, f"{t['median']:.2f} ms", _spread(t), str(t["runs"]))
            for name, t in self._content["times"][heading].items()
        ]
        _print_table((heading, "median", "quartiles", "runs"), rows)

    def ratio(
        self,
        what: str,
        above: Sequence[float],
        below: Sequence[float],
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Print the median of ``above`` ÷ ``below``, round by round, beside the figure to reach."""
        ratios = _summary([a / b for a, b in zip(above, below, strict=True)])
        entry: dict[str, Any] = dict(ratios)
        verdict = ""
        if at_most is not None:
            entry |= {"at_most": at_most, "reached": ratios["median"] <= at_most}
            verdict = f"to reach ≤ {at_most:g}"
        elif at_least is not None:
            entry |= {"at_least": at_least, "reached": ratios["median"] >= at_least}
            verdict = f"to reach ≥ {at_least:g}"
        if verdict:
            verdict += ": reached" if entry["reached"] else ": MISSED"
        self._content["ratios"][what] = entry
        print(f"  {what}: {ratios['median']:.3f} ({_spread(ratios, 3)}) {verdict}".rstrip())

    def fact(self, what: str, value: object, shown: str) -> None:
        """Print one more figure; ``shown`` is its text."""
        self._content["facts"][what] = value
        print(f"  {what}: {shown}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print figures that are no times; they go into the JSON under the first column's name."""
        self._content["facts"][columns[0]] = [dict(zip(columns, row, strict=True)) for row in rows]
        _print_table(columns, [[_text(cell) for cell in row] for row in rows])

    def finish(self) -> None:
        """Tell how calm the machine was; write the JSON file, if there is to be one."""
        if _disturbances:
            others = median(_disturbances)
            calm = sum(d <= _CALM for d in _disturbances)
            self.fact(
                "other processes' share of the cores",
                round(others, 3),
                f"{others:.0%} (median); {calm} of {len(_disturbances)} rounds were calm",
            )
        if self._json is not None:
            text = json.dumps(self._content, indent=1, ensure_ascii=False)
            self._json.write_text(text + "\n", encoding="utf-8")


def _machine() -> dict[str, str]:
    from vggscope.inference.devices import cpu_device  # noqa: PLC0415 (startup.py needs it last)

    facts = {"on": cpu_device().name, "cores": str(os.cpu_count())}
    if hasattr(os, "getloadavg"):
        facts["load"] = f"{os.getloadavg()[0]:.1f}"
    facts |= {"python": platform.python_version(), "platform": sys.platform}
    return facts | {name: version(name) for name in _PACKAGES}


def _summary(values: Sequence[float]) -> dict[str, float]:
    low, high = np.percentile(values, [25, 75])
    return {
        "median": round(median(values), _ROUNDING),
        "low": round(float(low), _ROUNDING),
        "high": round(float(high), _ROUNDING),
    }


def _spread(summary: Mapping[str, float], digits: int = 2) -> str:
    return f"{summary['low']:.{digits}f} – {summary['high']:.{digits}f}"


def _text(cell: object) -> str:
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    print()
    for row in (columns, *rows):
        first, *others = (
            cell.ljust(w) if not i else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *others]).rstrip())
